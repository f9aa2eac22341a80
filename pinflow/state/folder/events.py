"""What happened in a run, one line of JSON for each event, in a file beside the run's own."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any

from pinflow.errors import StateError
from pinflow.state.folder import atomic_file
from pinflow.state.folder.ownership import check_own_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SUFFIX = ".events"  # of a run's file, which `FolderRuns.prune` removes with the run


class FolderEvents:
    """The events of the runs below ``folder``: appended by the process that owns the run, read by any.

    They are not put on disk at once: they are for watching, and nothing depends on them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()  # threads of a run append to one file, and each needs its number
        self._numbers: dict[str, int] = {}  # of the last event of each run that this process appended to

    def append(self, run_id: str, event: Mapping[str, Any]) -> int:
        """Store an event; its number, from 1. Raises StateError."""
        line = json.dumps(event, separators=(",", ":"), default=str)
        file = self._file(run_id)
        try:
            with self._lock, atomic_file.open_append(file) as stream:
                number = self._numbers.get(run_id) or _drop_torn_line(stream)
                stream.write(f"{line}\n".encode())
                self._numbers[run_id] = number + 1
                return number + 1
        except OSError as error:
            raise StateError(f"{file} can't be written: {error.strerror}", hint="make room") from error

    def read(self, run_id: str, after: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
        """The events after a number, with theirs; those that are whole. Raises StateError."""
        check_own_file(self._file(run_id))
        try:
            with self._file(run_id).open("rb") as stream:
                for number, line in enumerate(stream, 1):
                    if number > after and line.endswith(b"\n"):
                        yield number, json.loads(line)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            raise StateError(f"{self._file(run_id)} can't be read: {error}") from error

    def _file(self, run_id: str) -> Path:
        return self._folder / f"{run_id}{SUFFIX}"


def _drop_torn_line(stream: Any) -> int:
    """Remove what a killed process left of a line; the number of whole lines."""
    stream.seek(0)
    content = stream.read()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.ftruncate(stream.fileno(), whole)
    return int(content.count(b"\n"))
