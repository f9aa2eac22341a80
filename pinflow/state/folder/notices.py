"""What people have been told, one file for each notice, so that a restarted daemon does not repeat itself."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pinflow.errors import StateError
from pinflow.state.folder import atomic_file
from pinflow.state.records import Notice, NoticeAttempt

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


class FolderNotices:
    """The notices below ``folder``. Shared by processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, notice: Notice, names: Collection[str], *, now: float, again_after: float) -> NoticeAttempt | None:
        """Begin to tell those of ``names`` that were not told yet; None if nothing is to be told now.

        That is so where all were told, or where another attempt began less than
        ``again_after`` seconds ago.
        """
        told, failed, tried = self._read(notice.key)
        lacking = tuple(name for name in names if name not in told)
        if tried is not None and (not lacking or tried <= now < tried + again_after):
            return None
        try:
            self.finish(notice, told, failed, now=now)  # a process that looks now leaves it to this one
        except StateError as error:
            return NoticeAttempt(lacking, told, failed, problem=error.message)
        return NoticeAttempt(lacking, told, failed)

    def finish(self, notice: Notice, told: Collection[str], failed: Collection[str], *, now: float) -> None:
        """Record who has been told in all, and for whom it failed. Raises StateError."""
        row = {"notice": asdict(notice), "told": sorted(told), "failed": sorted(failed), "tried": now}
        atomic_file.write(self._file(notice.key), json.dumps(row).encode())

    def resolve(self, key: str) -> bool:
        """The circumstance is over: should it come again, it is told again. Whether it was open. Raises StateError."""
        file = self._file(key)
        return os.path.lexists(file) and atomic_file.remove(file)  # mostly there is none, which is the cheaper to learn

    def open(self) -> list[Notice]:
        """What was told and is not resolved, newest first. What can't be read is left out."""
        notices = []
        for file in self._folder.glob("*.json"):
            try:
                row = json.loads(atomic_file.read(file) or b"")["notice"]
                datetime.fromtimestamp(row["at"], UTC)  # it is shown as a date
                notices.append(Notice(**{name: row[name] for name in Notice.__dataclass_fields__}))
            except (StateError, ValueError, KeyError, TypeError, RecursionError, OverflowError, OSError):
                continue
        return sorted(notices, key=lambda notice: notice.at, reverse=True)

    def _read(self, key: str) -> tuple[frozenset[str], frozenset[str], float | None]:
        """Who was told, for whom it failed, and when it was last tried. What is damaged counts as not told."""
        try:
            row = json.loads(atomic_file.read(self._file(key)) or b"{}")
            return frozenset(map(str, row["told"])), frozenset(map(str, row["failed"])), float(row["tried"])
        except (StateError, ValueError, KeyError, TypeError, RecursionError):
            return frozenset(), frozenset(), None

    def _file(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()[:32]}.json"
