"""What a start found out by importing or scanning, kept for the next one while nothing that it depends on changed.

Scanning all distributions, or loading every plugin, costs more than the rest of a
start; to look at the times of a few folders costs a hundredth of that.
It is read before anything else is imported (the help of the program is kept in one), so it imports nothing itself.
"""

from __future__ import annotations

import os
import sys

from pinflow.state.folder.ownership import check_own_file, check_own_folder, distrust, find_fault, open_own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Rows = list[list[str]]
# group, record and unit separator; JSON would have to be imported
_OTHERWISE = "or remove it; or name a folder of your own with PINFLOW_CACHE_DIR"
_SEPARATORS = _PARTS, _ROWS, _TEXTS = "\x1d\x1e\x1f"


class ImportCache:
    """Rows of texts in ``file``, valid while no folder of ``sys.path`` and none of the ``facts`` changed."""

    def __init__(self, file: str, *facts: str) -> None:
        self._file = file
        self._facts = facts

    def check(self) -> None:
        """Raise StateError if there is a file that others can change, or put there: what it says is imported."""
        if not os.path.lexists(self._file):  # nothing that could be believed; where others may write, none is made
            return
        check_own_folder(os.path.dirname(self._file), otherwise=_OTHERWISE)  # noqa: PTH120
        check_own_file(self._file, otherwise=_OTHERWISE)

    def read(self, columns: int) -> Rows | None:
        """The rows; None where they are not known, or not any more: to find them out is always right."""
        if self._is_in_reach_of_others():
            return None
        try:
            with open(self._file, encoding="utf-8", newline="") as file:  # noqa: PTH123 - pathlib costs 4 ms
                if distrust(os.fstat(file.fileno())):
                    return None
                stamp, files, rows = (_split(part) for part in file.read().split(_PARTS))
        except (OSError, ValueError):
            return None
        whole = all(len(row) == columns for row in rows)
        return rows if whole and stamp == self._stamp(path for (path,) in files) else None

    def write(self, rows: Iterable[Sequence[str]], files: Sequence[str] = ()) -> None:
        """Keep rows, valid while none of ``files`` changes either. What can't be kept only costs time."""
        draft = f"{self._file}.{os.urandom(8).hex()}"  # which nobody can foresee, and so put a link there
        parts = (self._stamp(files), [[path] for path in files], [list(row) for row in rows])
        if self._is_in_reach_of_others() or any(
            separator in text for part in parts for row in part for text in row for separator in _SEPARATORS
        ):
            return
        text = _PARTS.join(_ROWS.join(_TEXTS.join(row) for row in part) for part in parts)
        try:
            os.makedirs(os.path.dirname(self._file), mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120
            descriptor = open_own(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
                if hasattr(os, "fchmod"):
                    os.fchmod(descriptor, 0o600)  # a umask may have taken even the owner's rights
                file.write(text)
            os.replace(draft, self._file)  # noqa: PTH105
        except (OSError, ValueError):
            return

    def _is_in_reach_of_others(self) -> bool:
        return find_fault(os.path.dirname(self._file)) is not None  # noqa: PTH120

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
