"""Counters of quotas: a table of numbers for each account and category, in memory or in files that processes share.

A shared table is a file of fixed size that every process of this machine maps into
its memory; it holds a few times and counts, so that a call costs microseconds and a
killed process leaves a whole table behind. All changes are made under one lock of
the operating system, which is released when its process dies. Times are seconds
since 1970, because they outlive the machine's uptime.
"""

from __future__ import annotations

import json
import mmap
import os
import threading
from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING

from pinflow.errors import StateError
from pinflow.state.folder.lock import FileLock
from pinflow.state.folder.ownership import open_own
from pinflow.state.folder.secret_file import load_secret
from pinflow.state.records import CounterKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WINDOWS = 4  # of one table: the one known beforehand, and what services tell (two, mostly), with one to spare
SLOTS = 2048  # of one window: most limits have a slot per call, and a table stays at 65 KB
FIELDS = 8  # of one window's head

# where things are, counted in numbers of 8 bytes: mark, latest time, end of a pause, whether the service tells its
# windows, how often they changed, heads, key, slots
LAST, PAUSED, TOLD, CHANGES, _HEADS, _KEY, _SLOTS = 1, 2, 3, 4, 8, 64, 128
_NUMBERS = _SLOTS + WINDOWS * SLOTS
_SIZE = 8 * _NUMBERS
_MARK = b"pinflow1"
_UNUSED_SLOTS = bytes(8 * SLOTS)
_LARGEST = 1e15  # above every time and count that pinflow writes
_SET_BACK = 1.0  # seconds; less may be two processes that read the clock in turn
_UNUSED = 90 * 86_400.0  # seconds until an unused table is removed: no quota's window is longer than a day
_LONG = 600.0  # seconds; the state of a longer window is flushed, as it would outlive a power loss


class CounterTable:
    """The numbers of one counter: ``PAUSED``, and for each window a head and its slots."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: memoryview[float]) -> None:
        self.numbers = numbers

    @classmethod
    def blank(cls) -> CounterTable:
        """A table in this process's memory alone."""
        return cls(memoryview(bytearray(_SIZE)).cast("d"))

    @staticmethod
    def head(window: int) -> int:
        """Where the head of a window begins."""
        return _HEADS + window * FIELDS

    @staticmethod
    def slots(window: int) -> int:
        """Where the slots of a window begin."""
        return _SLOTS + window * SLOTS

    def advance(self, now: float) -> None:
        """It is ``now``. If the clock was set back, all times move with it, and no wait changes by much.

        A clock that was set forward can't be told from a machine that slept: taken for a jump, its sleep would be
        waited for once more, up to a whole day. Taken for time that passed, a jump costs one refusal by the service,
        whose answer corrects the count.
        """
        back = self.numbers[LAST] - now
        if back > _SET_BACK:
            for index in (PAUSED, *range(_SLOTS, _NUMBERS)):
                self.numbers[index] = max(0.0, self.numbers[index] - back)
        if back < 0 or back > _SET_BACK:
            self.numbers[LAST] = now

    @property
    def is_told(self) -> bool:
        """Whether the service has told other windows in place of those that are known beforehand."""
        return self.numbers[TOLD] > 0

    def set_told(self) -> None:
        """From now on only what the service tells counts."""
        self.numbers[TOLD] = 1.0

    @property
    def changes(self) -> float:
        """How often the windows changed: who knows an older number has to look at them again."""
        return self.numbers[CHANGES]

    def count_change(self) -> None:
        """The windows have changed."""
        self.numbers[CHANGES] += 1

    @property
    def has_pause(self) -> bool:
        """Whether there is a pause, which may have ended."""
        return self.numbers[PAUSED] > 0

    def pause_left(self, now: float) -> float:
        """How many seconds the pause still lasts."""
        return max(0.0, self.numbers[PAUSED] - now)

    def pause(self, until: float) -> None:
        """No call before ``until``; a longer pause stays."""
        self.numbers[PAUSED] = max(self.numbers[PAUSED], until)

    def resume(self) -> None:
        """End the pause."""
        self.numbers[PAUSED] = 0.0


class MemoryTables:
    """Counter tables of this process alone. ``lock`` is held while a table is read or written."""

    def __init__(self) -> None:
        self.lock = threading.Lock()  # threads share a table
        self.key = os.urandom(32)
        self._tables: dict[CounterKey, CounterTable] = {}

    def open(self, key: CounterKey) -> CounterTable:
        return self._tables.setdefault(key, CounterTable.blank())

    def release(self, key: CounterKey) -> None:
        self._tables.pop(key, None)

    def all(self) -> Iterator[tuple[CounterKey, CounterTable]]:
        yield from list(self._tables.items())

    def close(self) -> None:
        self._tables.clear()


class TableFiles:
    """The shared counter tables below ``folder``, which is created if need be. Close it.

    ``lock`` is held while a table is read or written, and not while one is opened or released; ``key``: see
    `UsageStore`.

    Raises StateError, from here and from ``open``, when the folder or a table can't
    be used; what is damaged or foreign is left as it is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = open_own(folder / "lock", os.O_RDWR | os.O_CREAT)
            self.lock = FileLock(self._descriptor)
        except OSError as error:
            raise _unusable(folder, error) from error
        self.key = load_secret(folder / "key")
        self._opening = threading.Lock()  # around the dict below; the file lock costs two system calls
        self._maps: dict[str, tuple[CounterTable, mmap.mmap]] = {}
        self._swept = False

    def open(self, key: CounterKey) -> CounterTable:
        """The table of this key, new or as it was left."""
        name = _file_name(key)
        with self._opening:
            if name not in self._maps:
                try:
                    self._maps[name] = self._open_table(self._folder / name, key)
                except OSError as error:
                    raise _unusable(self._folder, error) from error
            return self._maps[name][0]

    def release(self, key: CounterKey) -> None:
        """Close the table's file; what it holds stays."""
        with self._opening:
            entry = self._maps.pop(_file_name(key), None)
        if entry is not None:
            _flush(*entry)

    def all(self) -> Iterator[tuple[CounterKey, CounterTable]]:
        """Every table that there is. Each is open for as long as it is held: there may be more than open files."""
        for file in sorted(self._folder.glob("*.page")):
            try:
                table, mapped = self._maps.get(file.name) or _map(file, open_own(file, os.O_RDWR))
            except FileNotFoundError:  # removed just now
                continue
            except OSError as error:
                raise _unusable(self._folder, error) from error
            yield _read_label(mapped, file), table

    def close(self) -> None:
        """Close the files. What lasts for long is put on disk, for after a power loss."""
        for table, mapped in self._maps.values():
            _flush(table, mapped)
        self._maps.clear()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open_table(self, file: Path, key: CounterKey) -> tuple[CounterTable, mmap.mmap]:
        """A table and its mapping; its file is made if need be."""
        with suppress(FileNotFoundError):
            return _map(file, open_own(file, os.O_RDWR))
        with self.lock:
            with suppress(FileNotFoundError):  # another process was faster
                return _map(file, open_own(file, os.O_RDWR))
            if not self._swept:  # once is enough: a run may need tables for thousands of accounts
                self._swept = True
                self._remove_unused()
            new = self._folder / "new"  # a table appears whole or not at all
            label = json.dumps([key.api, key.origin, key.account, key.category, key.login]).encode()
            content = _MARK + bytes(8 * (_KEY - 1)) + label[: 8 * (_SLOTS - _KEY)]
            descriptor = open_own(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            try:
                # all of it: a hole in a mapped file would end the process when the disk is full
                rest = content.ljust(_SIZE, b"\0")
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                new.replace(file)
                mapped = mmap.mmap(descriptor, _SIZE)
            finally:
                os.close(descriptor)
            return CounterTable(memoryview(mapped).cast("d")), mapped

    def _remove_unused(self) -> None:
        files = [(file.stat().st_mtime, file) for file in self._folder.glob("*.page")]
        newest = max(files, default=(0.0, None))[0]
        for used, file in files:
            if used < newest - _UNUSED:
                file.unlink(missing_ok=True)


def _flush(table: CounterTable, mapped: mmap.mmap) -> None:
    """Put what lasts for long on disk."""
    if table.numbers[PAUSED] or any(table.numbers[table.head(window)] > _LONG for window in range(WINDOWS)):
        with suppress(OSError):  # other processes see it anyway, and only a power loss can lose it
            mapped.flush()


def _file_name(key: CounterKey) -> str:
    import hashlib

    text = "\n".join((key.api, key.origin, key.account, key.category))
    return f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.page"


def _map(file: Path, descriptor: int) -> tuple[CounterTable, mmap.mmap]:
    """The table in an open file, and the mapping to close. The descriptor is closed."""
    try:
        size = os.fstat(descriptor).st_size
        # a file that is too short must not be mapped: reading beyond its end kills the process
        if size != _SIZE:
            raise _damaged(file, f"it has {size:,} bytes instead of {_SIZE:,}")
        mapped = mmap.mmap(descriptor, _SIZE)
    finally:
        os.close(descriptor)
    if mapped[:8] != _MARK:
        raise _damaged(file, "it is not a table of this version of pinflow")
    table = CounterTable(memoryview(mapped).cast("d"))
    if not _is_sound(table.numbers):
        raise _damaged(file, "it contains numbers that pinflow does not write")
    _read_label(mapped, file)
    return table, mapped


def _is_sound(numbers: memoryview[float]) -> bool:
    """Whether all are times and counts. Testing each of the 8,232 in a loop took most of an account's sign-in."""
    windows = (numbers[start : start + SLOTS] for start in range(_SLOTS, _NUMBERS, SLOTS))
    parts = [
        numbers[LAST : _HEADS + WINDOWS * FIELDS],
        *(slots for slots in windows if slots.tobytes() != _UNUSED_SLOTS),
    ]
    # a sum is finite only if all are; with a NaN, min and max would depend on its place
    return all(isfinite(sum(part)) and min(part) >= 0 and max(part) < _LARGEST for part in parts)


def _read_label(mapped: mmap.mmap, file: Path) -> CounterKey:
    try:
        label = json.loads(mapped[8 * _KEY : 8 * _SLOTS].rstrip(b"\0"))
        return CounterKey(*(str(part) for part in label))
    except (ValueError, TypeError) as error:
        raise _damaged(file, "its label can't be read") from error


def _damaged(file: Path, reason: str) -> StateError:
    return StateError(
        f"{file} is damaged: {reason}; it was left as it is",
        hint="remove the file to count its quota from zero; the service's own count still holds",
    )


def _unusable(folder: Path, error: OSError) -> StateError:
    return StateError(
        f"the use of quotas can't be stored in {folder}: {error.strerror or error}; nothing was sent",
        hint="free some space, or make the folder writable",
    )
