"""Who did what, one line of JSON for each entry, chained by digests so that none can be taken out unseen."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pinflow.errors import StateError
from pinflow.state.folder import atomic_file
from pinflow.state.folder.lock import FileLock
from pinflow.state.folder.ownership import check_own_file
from pinflow.state.records import AuditEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


class FolderAudit:
    """The audit log in ``file``. Shared by processes. Raises StateError where it can't be read or written."""

    def __init__(self, file: Path, now: Callable[[], float]) -> None:
        self._file = file
        self._now = now

    def append(self, who: str, via: str, what: Mapping[str, Any]) -> AuditEntry:
        """Store an entry. On return it is on disk."""
        try:
            # the lock keeps two processes from chaining their entries to the same one
            with atomic_file.open_append(self._file) as stream, FileLock(stream.fileno()):
                lines = self._lines()
                os.ftruncate(stream.fileno(), sum(map(len, lines)))  # what a killed process left of a line
                previous = _digest(lines[-1]) if lines else ""
                entry = AuditEntry(len(lines) + 1, self._now(), who, via, dict(what), previous)
                stream.write(_line(entry))
                stream.flush()
                os.fsync(stream.fileno())
                return entry
        except OSError as error:
            raise StateError(f"{self._file} can't be written: {error.strerror}", hint="make room") from error

    def read(self, after: int = 0) -> Iterator[AuditEntry]:
        """The entries after a number, oldest first."""
        for line in self._lines()[after:]:
            try:
                yield AuditEntry(**json.loads(line))
            except (ValueError, TypeError) as error:
                raise StateError(f"{self._file} is damaged: {error}", hint="check it, and move it away") from error

    def check(self) -> int | None:
        """The number of the first entry that does not follow from the one before; None if all do."""
        previous = ""
        for number, line in enumerate(self._lines(), 1):
            try:
                entry = AuditEntry(**json.loads(line))
            except (ValueError, TypeError):
                return number
            if (entry.number, entry.previous) != (number, previous):
                return number
            previous = _digest(line)
        return None

    def _lines(self) -> list[bytes]:
        check_own_file(self._file)
        try:
            lines = self._file.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StateError(f"{self._file} can't be read: {error.strerror}") from error
        return lines if not lines or lines[-1].endswith(b"\n") else lines[:-1]


def _line(entry: AuditEntry) -> bytes:
    return json.dumps(asdict(entry), separators=(",", ":"), default=str).encode() + b"\n"


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
