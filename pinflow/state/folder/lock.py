"""One owner at a time: an advisory lock of the operating system, which dies with its process.

The lock is on a file of its own that holds nothing but who has it. It is a
``flock``, not a POSIX record lock: those are lost as soon as the process closes
any other descriptor of the file. A file that holds only a process id is no lock
at all: the id outlives its process.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pinflow.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    # locked bytes can't be read on Windows: lock one far behind the holder's name
    _FAR = 1 << 30

    def _try_lock(descriptor: int, *, shared: bool) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int, *, shared: bool) -> bool:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a lock: its process, and since when (seconds since the epoch)."""

    pid: int
    since: float

    def __str__(self) -> str:
        return f"process {self.pid} since {datetime.fromtimestamp(self.since, UTC):%Y-%m-%d %H:%M:%S} UTC"


class Lock:
    """Ownership of what ``path`` stands for, from creation until ``release``.

    ``what`` names it in the message. ``now`` is told to whoever comes second, in
    seconds since the epoch. Raises StateError when someone else has it.
    """

    def __init__(self, path: Path, what: str, *, now: float) -> None:
        self._path = path
        self._descriptor = _take(path, what)
        try:
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, json.dumps({"pid": os.getpid(), "since": now}).encode())
        except OSError:  # a full disk
            self.release()
            raise

    def release(self, *, remove: bool = False) -> None:
        """Let the next one in; ``remove`` takes the file away as well, which only an owner may do."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        if remove:
            with suppress(OSError):  # an open file can't be removed on Windows; it is empty and harmless
                self._path.unlink()
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether a living process has the lock now."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _take(path: Path, what: str) -> int:
    for _ in range(1000):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        if _try_lock(descriptor, shared=False):
            if _is_still(descriptor, path):
                return descriptor
        # a shared lock is only had for the moment in which someone asks `is_locked`
        elif not _try_lock(descriptor, shared=True):
            break
        os.close(descriptor)
    else:
        raise StateError(f"{what} is being asked for by too many at once", hint="try again")
    holder = _holder(descriptor)
    os.close(descriptor)
    raise StateError(
        f"{what} is locked by {holder or 'another process'}", hint="wait until that process ends, or end it"
    )


def _is_still(descriptor: int, path: Path) -> bool:
    """Whether the locked file is the one that others find under its name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> Holder | None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        said = json.loads(os.read(descriptor, 200))
        return Holder(int(said["pid"]), float(said["since"]))
    except (ValueError, KeyError, TypeError):  # taken this very moment
        return None
