"""What a start found out by importing or scanning, kept for the next one while nothing that it depends on changed.

Scanning all distributions, or loading every plugin, costs more than the rest of a
start; to look at the times of a few folders costs a hundredth of that.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

Rows = list[list[str]]


class ImportCache:
    """Rows of texts in ``file``, valid while no folder of ``sys.path`` and none of the ``facts`` changed."""

    def __init__(self, file: Path, *facts: str) -> None:
        self._file = file
        self._facts = facts

    def read(self, columns: int) -> Rows | None:
        """The rows; None where they are not known, or not any more: to find them out is always right."""
        try:
            data = json.loads(self._file.read_text("utf-8"))
            rows = [[str(text) for text in row] for row in data["rows"]]
            whole = all(len(row) == columns for row in rows)
            return rows if whole and data["stamp"] == self._stamp(data["files"]) else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, rows: Iterable[Sequence[str]], files: Sequence[str] = ()) -> None:
        """Keep rows, valid while none of ``files`` changes either. What can't be kept only costs time."""
        draft = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        data = {"stamp": self._stamp(files), "files": list(files), "rows": [list(row) for row in rows]}
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(data), "utf-8")
            draft.replace(self._file)
        except OSError:
            return

    def _stamp(self, files: Iterable[str]) -> list[str]:
        parts = [sys.version, sys.prefix, *self._facts]
        for path in (*sys.path, *files):
            try:
                parts.append(f"{path}={os.stat(path or '.').st_mtime_ns}")  # noqa: PTH116 - 3 times faster, at each start
            except OSError:
                parts.append(f"{path}=absent")
        return parts
