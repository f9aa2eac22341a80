"""What was used of each quota: one page for each account and category, in memory or shared by all processes.

A shared page is a file of fixed size that every process of this machine maps into
its memory; what it holds is a few times and counts, so that a call costs
microseconds and a killed process leaves a whole page behind. All changes are made
under one lock of the operating system, which dies with its process. Times are
seconds since 1970, because they outlive the machine's running time.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Protocol

from pinflow.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WINDOWS = 4  # of one page
PLACES = 2048  # of one window
FIELDS = 8  # of one window's head

# where things are, counted in numbers of 8 bytes: mark, latest time, end of a pause, heads, label, places
LAST, PAUSED, _HEADS, _LABEL, _PLACES = 1, 2, 8, 64, 128
_NUMBERS = _PLACES + WINDOWS * PLACES
_SIZE = 8 * _NUMBERS
_MARK = b"pinflow1"
_SET_BACK = 1.0  # seconds; less may be two processes that looked at the clock in turn
_UNUSED = 90 * 86_400.0  # seconds until a page is taken away
_LONG = 600.0  # seconds; a window that outlives a power loss

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        while True:
            os.lseek(descriptor, 0, os.SEEK_SET)
            with suppress(OSError):  # it tries for ten seconds
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
                return

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


@dataclass(frozen=True, slots=True)
class Label:
    """What a page is about. ``whose`` is an account's fingerprint or "app"; ``category`` "" is the account itself."""

    api: str
    origin: str  # where the service is: a simulated one has pages of its own
    whose: str
    category: str
    login: str = ""  # a name of the account's token, for people


class Page:
    """The numbers of one page: ``PAUSED``, and for each window a head and its places."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: memoryview[float]) -> None:
        self.numbers = numbers

    @classmethod
    def blank(cls) -> Page:
        """A page in this process's memory alone."""
        return cls(memoryview(bytearray(_SIZE)).cast("d"))

    @staticmethod
    def head(window: int) -> int:
        """Where the head of a window begins."""
        return _HEADS + window * FIELDS

    @staticmethod
    def places(window: int) -> int:
        """Where the places of a window begin."""
        return _PLACES + window * PLACES

    def tick(self, now: float) -> None:
        """It is ``now``. If the clock was set back, all times move with it, and no wait changes by much.

        A clock that was set forward can't be told from a machine that slept, or from a virtual one that was halted:
        taken for a jump, their time would be waited for once more, up to a whole day. Taken for time that passed, the
        jump costs one refusal by the service, whose answer corrects the count.
        """
        back = self.numbers[LAST] - now
        if back > _SET_BACK:
            for index in (PAUSED, *range(_PLACES, _NUMBERS)):
                self.numbers[index] = max(0.0, self.numbers[index] - back)
        if back < 0 or back > _SET_BACK:
            self.numbers[LAST] = now

    @property
    def has_pause(self) -> bool:
        """Whether there is a pause, which may have ended."""
        return self.numbers[PAUSED] > 0

    def rest(self, now: float) -> float:
        """How many seconds the page's pause still lasts."""
        return max(0.0, self.numbers[PAUSED] - now)

    def pause(self, until: float) -> None:
        """No call before ``until``; a longer pause stays."""
        self.numbers[PAUSED] = max(self.numbers[PAUSED], until)

    def go_on(self) -> None:
        """End the pause."""
        self.numbers[PAUSED] = 0.0


class Book(Protocol):
    """Where pages come from. ``lock`` is held while a page is read or written."""

    shared: bool  # whether its times are those of the clock, else of this process

    @property
    def lock(self) -> threading.Lock | FileLock: ...

    def page(self, whose: str, category: str, login: str) -> Page: ...

    def release(self, whose: str, category: str) -> None:
        """Nobody here has the page any more."""


class Memory:
    """Pages of this process alone, forgotten with it."""

    shared = False

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._pages: dict[tuple[str, str], Page] = {}

    def page(self, whose: str, category: str, login: str) -> Page:
        return self._pages.setdefault((whose, category), Page.blank())

    def release(self, whose: str, category: str) -> None:
        self._pages.pop((whose, category), None)


class FileLock:
    """One at a time, among the threads of this process and all others."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._thread = threading.Lock()

    def __enter__(self) -> None:
        self._thread.acquire()
        try:
            _lock(self._descriptor)
        except BaseException:
            self._thread.release()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            _unlock(self._descriptor)
        finally:
            self._thread.release()


class Ledger:
    """The shared pages below ``folder``, which is made if need be. Close it.

    Raises StateError, from here and from ``page``, when the folder or a page can't
    be used; what is damaged or foreign is left as it is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = _open(folder / "lock", os.O_RDWR | os.O_CREAT)
            self.lock = FileLock(self._descriptor)
            with self.lock:
                self.key = self._read_key()  # makes fingerprints that say nothing on any other machine
        except OSError as error:
            raise _unusable(folder, error) from error
        self._maps: dict[str, tuple[Page, mmap.mmap]] = {}
        self._swept = False

    def of(self, api: str, origin: str) -> Shared:
        """The book of one API at one place."""
        return Shared(self, api, origin)

    def page(self, label: Label) -> Page:
        """The page of this name, new or as it was left. Not to be called with the lock held."""
        name = _file_name(label)
        with self.lock:
            if name not in self._maps:
                try:
                    self._maps[name] = _mapped(self._made(name, label))
                except OSError as error:
                    raise _unusable(self._folder, error) from error
            return self._maps[name][0]

    def release(self, label: Label) -> None:
        """Let the page's file go; what it holds stays. Not to be called with the lock held."""
        with self.lock:
            found = self._maps.pop(_file_name(label), None)
        if found is not None:
            _settle(*found)

    def pages(self) -> Iterator[tuple[Label, Page]]:
        """Every page that there is. Each is open for as long as it is held: there may be more than open files."""
        for file in sorted(self._folder.glob("*.page")):
            try:
                page, mapped = self._maps.get(file.name) or _mapped(file)
            except FileNotFoundError:  # taken away just now
                continue
            except OSError as error:
                raise _unusable(self._folder, error) from error
            yield _label(mapped, file), page

    def close(self) -> None:
        """Let the files go. What lasts for long is put on disk, for after a power loss."""
        for page, mapped in self._maps.values():
            _settle(page, mapped)
        self._maps.clear()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _made(self, name: str, label: Label) -> Path:
        file = self._folder / name
        if not file.exists():
            if not self._swept:  # once is enough: a run may need pages for thousands of accounts
                self._swept = True
                self._take_away_unused()
            new = self._folder / "new"  # a page appears whole or not at all
            said = json.dumps([label.api, label.origin, label.whose, label.category, label.login]).encode()
            content = _MARK + bytes(8 * (_LABEL - 1)) + said[: 8 * (_PLACES - _LABEL)]
            with os.fdopen(_open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC), "wb") as stream:
                # all of it: a hole in a mapped file would end the process when the disk is full
                stream.write(content.ljust(_SIZE, b"\0"))
            new.replace(file)
        return file

    def _take_away_unused(self) -> None:
        files = [(each.stat().st_mtime, each) for each in self._folder.glob("*.page")]
        newest = max(files, default=(0.0, None))[0]
        for used, file in files:
            if used < newest - _UNUSED:
                file.unlink(missing_ok=True)

    def _read_key(self) -> bytes:
        descriptor = _open(self._folder / "key", os.O_RDWR | os.O_CREAT)
        try:
            key = os.read(descriptor, 32)
            if len(key) < 32:  # new, or its writer was killed
                key = os.urandom(32)
                os.lseek(descriptor, 0, os.SEEK_SET)
                os.write(descriptor, key)
            return key
        finally:
            os.close(descriptor)


class Shared:
    """The pages of one API at one place, in a ledger."""

    shared = True

    def __init__(self, ledger: Ledger, api: str, origin: str) -> None:
        self.lock = ledger.lock
        self._ledger = ledger
        self._api = api
        self._origin = origin

    def page(self, whose: str, category: str, login: str) -> Page:
        return self._ledger.page(Label(self._api, self._origin, whose, category, login))

    def release(self, whose: str, category: str) -> None:
        self._ledger.release(Label(self._api, self._origin, whose, category))


def _settle(page: Page, mapped: mmap.mmap) -> None:
    """Put what lasts for long on disk."""
    if page.numbers[PAUSED] or any(page.numbers[Page.head(each)] > _LONG for each in range(WINDOWS)):
        with suppress(OSError):  # it is shared all the same, and only the machine's end can lose it
            mapped.flush()


def _open(file: Path, flags: int) -> int:
    return os.open(file, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0), 0o600)


def _file_name(label: Label) -> str:
    import hashlib

    text = "\n".join((label.api, label.origin, label.whose, label.category))
    return f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.page"


def _mapped(file: Path) -> tuple[Page, mmap.mmap]:
    descriptor = _open(file, os.O_RDWR)
    try:
        size = os.fstat(descriptor).st_size
        # a file that is too short must not be mapped: reading behind its end ends the process
        if size != _SIZE:
            raise _damaged(file, f"it has {size:,} bytes instead of {_SIZE:,}")
        mapped = mmap.mmap(descriptor, _SIZE)
    finally:
        os.close(descriptor)
    if mapped[:8] != _MARK:
        raise _damaged(file, "it is no page of this version of pinflow")
    page = Page(memoryview(mapped).cast("d"))
    if not _is_sound(page):
        raise _damaged(file, "it holds what no pinflow writes")
    _label(mapped, file)
    return page, mapped


def _is_sound(page: Page) -> bool:
    numbers = page.numbers
    counts = [numbers[Page.head(window) + field] for window in range(WINDOWS) for field in range(FIELDS)]
    times = [*numbers[LAST:_HEADS], *counts, *numbers[_PLACES:]]
    return all(isfinite(each) and 0 <= each < 1e15 for each in times)


def _label(mapped: mmap.mmap, file: Path) -> Label:
    try:
        said = json.loads(mapped[8 * _LABEL : 8 * _PLACES].rstrip(b"\0"))
        return Label(*(str(each) for each in said))
    except (ValueError, TypeError) as error:
        raise _damaged(file, "its label can't be read") from error


def _damaged(file: Path, why: str) -> StateError:
    return StateError(
        f"{file} is damaged: {why}; it was left as it is",
        hint="remove the file to count its quota from zero; the service's own count still holds",
    )


def _unusable(folder: Path, error: OSError) -> StateError:
    return StateError(
        f"what was used of the quotas can't be kept in {folder}: {error.strerror or error}; nothing was sent",
        hint="make room, or make the place writable",
    )
