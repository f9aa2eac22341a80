"""One owner at a time: an advisory lock of the operating system, which dies with its process.

It is a ``flock``, not a POSIX record lock: those are lost as soon as the process
closes any other descriptor of the file. A file that holds only a process id is not a
lock: the id outlives its process. It is our own because the library (filelock) makes a start of
Python take 4.2 times as long, and does not say which process has the lock.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pinflow.errors import StateError
from pinflow.lazy_dataclass import dataclass
from pinflow.state.folder.ownership import open_own

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LONGEST_PAUSE = 0.05  # seconds between two tries: a waiting process is noticed as late, and costs no CPU to speak of
_MARK_AT = 200  # where a lock's number is, behind its owner's name; as much as `_read_owner` reads
_MARK_DIGITS = 20
_TRIES = 1_000  # for a lock that only `is_locked` has in its way, for microseconds each time

if sys.platform == "win32":
    import msvcrt

    # locked bytes can't be read on Windows: lock one far behind the holder's name
    _FAR = 1 << 30

    def _locking(descriptor: int, mode: int) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, mode, 1)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EDEADLK):
                raise
            return False
        return True

    def try_lock(descriptor: int, *, shared: bool = False) -> bool:
        """Lock an open file, if no other descriptor has it locked; whether that was so. Raises OSError."""
        return _locking(descriptor, msvcrt.LK_NBLCK)

    def _lock(descriptor: int) -> None:
        while not _locking(descriptor, msvcrt.LK_LOCK):  # it tries for ten seconds
            pass

    def unlock(descriptor: int) -> None:
        """Unlock what `try_lock` locked."""
        _locking(descriptor, msvcrt.LK_UNLCK)

else:
    import fcntl

    def try_lock(descriptor: int, *, shared: bool = False) -> bool:
        """Lock an open file, if no other descriptor has it locked; whether that was so. Raises OSError."""
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def unlock(descriptor: int) -> None:
        """Unlock what `try_lock` locked."""
        fcntl.flock(descriptor, fcntl.LOCK_UN)


class FileLock:
    """One at a time, among the threads of this process and all others: a lock on an open file, which stays open.

    ``with`` waits for as long as it takes.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._threads = threading.Lock()  # the system's lock belongs to the descriptor, which threads share

    def acquire(self, wait: float, sleep: Callable[[float], None]) -> bool:
        """Lock it within so many seconds; whether that was possible. Raises OSError.

        Asks again and again: no system has a lock that waits with a deadline.
        """
        pause = 0.001
        while not self._try():
            if wait <= 0:
                return False
            sleep(pause)
            wait -= pause
            pause = min(2 * pause, _LONGEST_PAUSE)
        return True

    def _try(self) -> bool:
        if not self._threads.acquire(blocking=False):
            return False
        try:
            locked = try_lock(self._descriptor)
        except BaseException:
            self._threads.release()
            raise
        if not locked:
            self._threads.release()
        return locked

    def __enter__(self) -> None:
        self._threads.acquire()
        try:
            _lock(self._descriptor)
        except BaseException:
            self._threads.release()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            unlock(self._descriptor)
        finally:
            self._threads.release()


@dataclass(frozen=True, slots=True)
class LockOwner:
    """The owner of a lock: its process, and since when (seconds since the epoch)."""

    pid: int
    since: float

    def __str__(self) -> str:
        return f"process {self.pid} since {datetime.fromtimestamp(self.since, UTC):%Y-%m-%d %H:%M:%S} UTC"


class Lock:
    """Ownership of what ``path`` stands for, from creation until ``release``.

    The file holds nothing but the owner's process id and ``now`` (seconds since the epoch),
    for the message that another process gets, and a number that owners leave to the next one;
    ``name`` names the thing in it. Raises StateError when another process has it, or the file
    can't be written.
    """

    def __init__(self, path: Path, name: str, *, now: float) -> None:
        self._path = path
        self._descriptor = -1
        try:
            self._descriptor = _acquire(path, name)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, json.dumps({"pid": os.getpid(), "since": now}).encode().ljust(_MARK_AT))
        except OSError as error:
            self.release()
            raise StateError(
                f"{path.parent} can't be written: {error.strerror}", hint="free some space, or make it writable"
            ) from error

    def read_mark(self) -> int:
        """The number that the last owner left; 0 if there is none. Raises OSError."""
        os.lseek(self._descriptor, _MARK_AT, os.SEEK_SET)
        digits = os.read(self._descriptor, _MARK_DIGITS)
        return int(digits) if len(digits) == _MARK_DIGITS and digits.isdigit() else 0

    def put_mark(self, number: int) -> None:
        """Leave a number for the next owner, if the disk lets us. Not flushed: 2 us, and a power loss may undo it."""
        with suppress(OSError):
            os.lseek(self._descriptor, _MARK_AT, os.SEEK_SET)
            os.write(self._descriptor, b"%0*d" % (_MARK_DIGITS, number))

    def release(self, *, remove: bool = False) -> None:
        """End the ownership; ``remove`` removes the file as well, which only an owner may do."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        if remove:
            with suppress(OSError):  # an open file can't be removed on Windows; it is empty and harmless
                self._path.unlink()
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether a living process owns what ``path`` stands for."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _acquire(path: Path, name: str) -> int:
    for _ in range(_TRIES):
        descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
        if try_lock(descriptor):
            if is_still(descriptor, path):
                return descriptor
        # `is_locked` has a shared lock for a moment; an owner has it for good
        elif not try_lock(descriptor, shared=True):
            break
        os.close(descriptor)
    else:
        raise StateError(f"too many processes try to lock {name} at once", hint="try again")
    owner = _read_owner(descriptor)
    os.close(descriptor)
    raise StateError(
        f"{name} is locked by {owner or 'another process'}", hint="wait until that process ends, or end it"
    )


def is_still(descriptor: int, path: Path) -> bool:
    """Whether the locked file is the one that others find under its name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _read_owner(descriptor: int) -> LockOwner | None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        row = json.loads(os.read(descriptor, _MARK_AT))
        return LockOwner(int(row["pid"]), float(row["since"]))
    except (ValueError, KeyError, TypeError):  # locked this very moment
        return None
