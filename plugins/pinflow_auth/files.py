"""Files that hold secrets: read with suspicion, replaced whole, one process at a time.

A file is refused unless it is a regular one of this user alone, found without
following a link. It is replaced by renaming another one over it, so that whoever
reads finds the old content or the new, and never a part. Nothing is locked but a
file of its own beside it, which is never deleted: a lock on a file that is
replaced would be on the old one.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pinflow import CredentialError, PinflowError, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EDEADLK):
                raise
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        # not a POSIX record lock: that is lost when any other descriptor of the file is closed
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


LARGEST = 64 * 1024  # bytes; a token file has some hundred
ROOM = 16 * 1024  # bytes taken on disk before a new content is known

LOCK_WAIT = 120.0  # seconds; a refresh takes half a minute at most, and whoever waited for one needs no other
_LONGEST_PAUSE = 0.05

_MOUNTS = Path("/proc/self/mounts")
_ALONE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_POSIX = os.name == "posix"


def read(path: Path, what: str) -> bytes | None:
    """The file's bytes, or None if there is no file. ``what`` is it to people: "token file".

    Raises CredentialError for a link, for anything but a regular file, for one that
    is another user's or open to others, and for a folder in which anybody may write.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _ALONE | getattr(os, "O_NONBLOCK", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        linked = path.is_symlink()
        problem = "is a link, and links are not followed" if linked else f"can't be read: {error.strerror}"
        hint = "put the file itself there" if linked else f"make it readable for you alone: chmod 600 {path}"
        raise CredentialError(f"the {what} {path} {problem}", hint=hint) from None
    try:
        _check(path, os.fstat(descriptor), what)
        check_folder(path.parent)
        return _read_all(descriptor)
    except OSError as error:
        raise CredentialError(f"the {what} {path} can't be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _check(path: Path, facts: os.stat_result, what: str) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise CredentialError(f"the {what} {path} is not a regular file", hint="put a file there, or take this away")
    if facts.st_size > LARGEST:
        raise CredentialError(f"the {what} {path} has {facts.st_size:,} bytes: it can't be one")
    if not _POSIX:
        return
    if facts.st_uid != os.getuid():
        raise CredentialError(f"the {what} {path} belongs to another user", hint=f"chown {os.getuid()} {path}")
    if facts.st_mode & 0o077:
        mode = stat.S_IMODE(facts.st_mode)
        raise CredentialError(f"others can get at the {what} {path} (its mode is {mode:o})", hint=f"chmod 600 {path}")
    if facts.st_nlink > 1:
        raise CredentialError(
            f"the {what} {path} has a second name on disk (a hard link)",
            hint=f"make it a file of its own: cp {path} {path}.new && mv {path}.new {path}",
        )


def check_folder(folder: Path) -> None:
    """Raise CredentialError for a folder in which others can replace files."""
    if not _POSIX:
        return
    try:
        facts = folder.stat()
    except OSError as error:
        raise _unusable(folder, error) from None
    if facts.st_uid not in (os.getuid(), 0):
        raise CredentialError(
            f"the folder {folder} belongs to another user, who can replace what is in it",
            hint=f"keep token files in a folder of your own, or: chown {os.getuid()} {folder}",
        )
    if facts.st_mode & 0o002:
        mode = stat.S_IMODE(facts.st_mode)
        raise CredentialError(
            f"anybody can replace files in {folder} (its mode is {mode:o})",
            hint=f"keep token files in a folder of your own, or: chmod 700 {folder}",
        )


def make_folder(folder: Path) -> None:
    """Make the folder, for its owner alone, unless it is there. Raises CredentialError if that fails."""
    try:
        folder.mkdir(mode=0o700, parents=True)
        folder.chmod(0o700)  # whatever the umask took away
    except FileExistsError:
        pass
    except OSError as error:
        raise _unusable(folder, error) from None
    if not folder.is_dir():
        raise CredentialError(f"{folder} is not a folder", hint="take it away, or name another folder")


@contextmanager
def locked(path: Path, *, wait: float = LOCK_WAIT) -> Iterator[None]:
    """Be the only process and thread that changes ``path``; waits so many seconds for those that were earlier.

    Removes what an earlier one left behind when it was killed. Raises
    CredentialError where a lock can't be relied on, and Unreachable where somebody
    else keeps it for longer than the wait.
    """
    _check_place(path.parent)
    check_folder(path.parent)
    try:
        descriptor = os.open(_lock_of(path), os.O_RDWR | os.O_CREAT | _ALONE, 0o600)
    except OSError as error:
        raise _unusable(path.parent, error) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise CredentialError(f"{_lock_of(path)} is not a regular file", hint="take it away")
        try:
            free = _wait_for(descriptor, wait)
        except OSError as error:
            raise _unusable(path.parent, error) from None
        if not free:
            raise Unreachable(
                f"another process has had the lock of {path} for longer than {wait:g} s; nothing was changed",
                hint=f"find out what it waits for, or end it: {_lock_of(path)}",
            )
        _sweep(path)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, wait: float) -> bool:
    """Have the lock; False if it was not to be had in so many seconds."""
    pause = 0.001
    while not _try_lock(descriptor):
        if wait <= 0:
            return False
        time.sleep(pause)
        wait -= pause
        pause = min(2 * pause, _LONGEST_PAUSE)
    return True


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.stem}.lock")


def _sweep(path: Path) -> None:
    """Remove the drafts of processes that were killed. Whoever has the lock has none of its own yet."""
    mine = re.compile(rf"\.{re.escape(path.stem)}\.[0-9a-f]{{16}}\.tmp")
    with suppress(OSError):
        for each in path.parent.iterdir():
            if mine.fullmatch(each.name):
                each.unlink(missing_ok=True)


def _check_place(folder: Path) -> None:
    from pinflow import check_place

    try:
        check_place(folder, _MOUNTS)
    except PinflowError as error:
        raise CredentialError(error.message, hint="keep token files in a folder on this machine") from None


class FileReplacement:
    """The next content of a file, beside it, with its room on disk already taken. Use it in a ``with`` statement.

    Once it is there, storing has been proved to work: what can still fail is the
    hardware. Without ``put`` it goes away again. Raises CredentialError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.stem}.{secrets.token_hex(8)}.tmp")
        self._descriptor = -1

    def __enter__(self) -> FileReplacement:
        try:
            self._descriptor = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _ALONE, 0o600)
            if hasattr(os, "fchmod"):
                os.fchmod(self._descriptor, 0o600)  # a umask may have taken even the owner's rights
            _write_all(self._descriptor, b" " * ROOM)
            os.fsync(self._descriptor)
        except OSError as error:
            self._drop()
            raise _unusable(self._path.parent, error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop()

    def put(self, content: bytes) -> None:
        """Make ``content`` the file's. On return it is on disk under the file's name. Raises OSError."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        _write_all(self._descriptor, content)
        os.ftruncate(self._descriptor, len(content))
        os.fsync(self._descriptor)
        self._close()  # an open file can't be renamed on Windows
        _rename(self._draft, self._path)
        # from here on the new content is in place; that its name is not yet durable changes nothing
        with suppress(OSError):
            sync_folder(self._path.parent)

    def _drop(self) -> None:
        self._close()
        with suppress(OSError):
            self._draft.unlink(missing_ok=True)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def write(path: Path, content: bytes) -> None:
    """Replace a file's content, whole. Raises CredentialError; then the old one is still there."""
    with FileReplacement(path) as draft:
        try:
            draft.put(content)
        except OSError as error:
            raise _unusable(path.parent, error) from None


def remove(path: Path) -> bool:
    """Take a file away for good; False if there was none. Raises CredentialError."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unusable(path.parent, error) from None
    with suppress(OSError):
        sync_folder(path.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename(draft: Path, path: Path) -> None:
    for _ in range(200):
        try:
            os.replace(draft, path)  # noqa: PTH105 - the system's own word, since all depends on it
        except PermissionError:
            if _POSIX:
                raise
            time.sleep(0.01)  # Windows does not let a file be replaced in the moment in which it is read
        else:
            return
    raise PermissionError(errno.EACCES, "it is held open by another program")


def _read_all(descriptor: int) -> bytes:
    with open(descriptor, "rb", closefd=False) as file:
        return file.read(LARGEST + 1)


def _write_all(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def _unusable(folder: Path, error: OSError) -> CredentialError:
    return CredentialError(
        f"nothing can be stored in {folder}: {error.strerror or type(error).__name__}; what was there is unchanged",
        hint="make room, or make the folder yours and writable",
    )
