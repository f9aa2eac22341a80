"""What a start found out by importing or scanning, kept for the next one while nothing that it depends on changed.

Scanning all distributions, or loading every plugin, costs more than the rest of a
start; to look at the times of a few folders costs a hundredth of that.
It is read before anything else is imported (the help of the program is kept in one), so it imports nothing itself.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Rows = list[list[str]]
# group, record and unit separator; JSON would have to be imported
_SEPARATORS = _PARTS, _ROWS, _TEXTS = "\x1d\x1e\x1f"


class ImportCache:
    """Rows of texts in ``file``, valid while no folder of ``sys.path`` and none of the ``facts`` changed."""

    def __init__(self, file: str, *facts: str) -> None:
        self._file = file
        self._facts = facts

    def read(self, columns: int) -> Rows | None:
        """The rows; None where they are not known, or not any more: to find them out is always right."""
        try:
            with open(self._file, encoding="utf-8", newline="") as file:  # noqa: PTH123 - pathlib costs 4 ms
                stamp, files, rows = (_split(part) for part in file.read().split(_PARTS))
        except (OSError, ValueError):
            return None
        whole = all(len(row) == columns for row in rows)
        return rows if whole and stamp == self._stamp(path for (path,) in files) else None

    def write(self, rows: Iterable[Sequence[str]], files: Sequence[str] = ()) -> None:
        """Keep rows, valid while none of ``files`` changes either. What can't be kept only costs time."""
        draft = f"{self._file}.{os.getpid()}"
        parts = (self._stamp(files), [[path] for path in files], [list(row) for row in rows])
        if any(separator in text for part in parts for row in part for text in row for separator in _SEPARATORS):
            return
        text = _PARTS.join(_ROWS.join(_TEXTS.join(row) for row in part) for part in parts)
        try:
            os.makedirs(os.path.dirname(self._file), exist_ok=True)  # noqa: PTH103, PTH120
            with open(draft, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
                file.write(text)
            os.replace(draft, self._file)  # noqa: PTH105
        except (OSError, ValueError):
            return

    def _stamp(self, files: Iterable[str]) -> Rows:
        facts = [[fact] for fact in (sys.version, sys.prefix, *self._facts)]
        return facts + [[path, _changed(path)] for path in (*sys.path, *files)]


def _split(part: str) -> Rows:
    return [row.split(_TEXTS) for row in part.split(_ROWS)] if part else []


def _changed(path: str) -> str:
    try:
        return str(os.stat(path or ".").st_mtime_ns)  # noqa: PTH116 - 3 times faster, at each start
    except OSError:
        return "absent"
