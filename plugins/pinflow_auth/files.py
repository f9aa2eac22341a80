"""Files that hold secrets: checked before they are read, replaced whole, by one process at a time.

A file is refused unless it is a regular file of this user alone, found without following a link. On a mount that is
read-only (secrets of a container) it may be a link, root's, and readable by others. It is replaced by
renaming another one over it, so that a reader gets the old content or the new, never a part. The lock is a file of
its own beside it, which is never deleted: a lock on a file that is replaced would be on the old one.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pinflow import (
    CredentialError,
    FileLock,
    PinflowError,
    Unreachable,
    check_own_folder,
    sync_folder,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_BYTES = 64 * 1024  # a token file has some hundred; a larger file is something else and not read
RESERVED_BYTES = 16 * 1024  # taken on disk before the new content is known: two of the longest tokens, 8 KiB each

LOCK_WAIT = 120.0  # seconds; four times the longest refresh, and a process that waited for one needs no other

_RENAME_TRIES = 200  # 10 ms apart: a reader of a token file is through in 2 s, even on a busy machine

_MOUNTS = Path("/proc/self/mounts")
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_POSIX = os.name == "posix"


class UntrustedFile(CredentialError):
    """A file or folder with secrets that others can change: nothing in it was believed."""

    exit_code = 8  # as for a state that others can change


def read(path: Path, label: str) -> bytes | None:
    """The file's bytes, or None if there is no file. Messages call it ``label``: "token file".

    Raises CredentialError for a link, for anything but a regular file, for one that belongs to another user or is
    open to others, and for a folder that others can write to.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
    try:
        try:
            descriptor = os.open(path, flags | _NO_LINKS)
        except OSError as error:
            if error.errno != errno.ELOOP or not _is_unchangeable(path):
                raise
            descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        linked = path.is_symlink()
        problem = "is a link; links are not followed" if linked else f"can't be read: {error.strerror}"
        elsewhere = "put the file itself there; links are followed on a read-only mount, as containers have for secrets"
        hint = elsewhere if linked else f"make it readable: chmod 600 {path}"
        raise CredentialError(f"the {label} {path} {problem}", hint=hint) from None
    try:
        _check(path, os.fstat(descriptor), label)
        check_folder(path.parent)
        return _read_all(descriptor)
    except OSError as error:
        raise CredentialError(f"the {label} {path} can't be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _check(path: Path, status: os.stat_result, label: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise CredentialError(f"the {label} {path} is not a regular file", hint="put a file there, or remove this")
    if status.st_size > MAX_BYTES:
        raise CredentialError(f"the {label} {path} is too large: {status.st_size:,} bytes")
    if not _POSIX:
        return
    mounted = (status.st_uid != os.geteuid() or bool(status.st_mode & 0o077)) and _is_unchangeable(path)
    if status.st_uid not in (os.geteuid(), 0 if mounted else os.geteuid()):
        raise UntrustedFile(f"the {label} {path} belongs to another user", hint=f"chown {os.geteuid()} {path}")
    if status.st_mode & (0o022 if mounted else 0o077):
        mode = stat.S_IMODE(status.st_mode)
        kind = UntrustedFile if mode & 0o022 else CredentialError
        raise kind(f"the {label} {path} is open to other users (mode {mode:o})", hint=f"chmod 600 {path}")
    if status.st_nlink > 1:
        raise CredentialError(
            f"the {label} {path} has a second name on disk (a hard link)",
            hint=f"make it a file of its own: cp {path} {path}.new && mv {path}.new {path}",
        )


def is_open_to_others(path: Path) -> bool:
    """Whether others can read a file, as on a read-only mount."""
    with suppress(OSError):
        return _POSIX and bool(path.stat().st_mode & 0o044)
    return False


def _is_unchangeable(path: Path) -> bool:
    """Whether nobody can change what is at the path, links included: both are on read-only mounts."""
    return _is_read_only(path.parent) and _is_read_only(path)


def _is_read_only(place: Path) -> bool:
    try:
        return bool(os.statvfs(place).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def check_folder(folder: Path) -> None:
    """Raise UntrustedFile for a folder in which others can replace files, or which they can replace."""
    if not _POSIX:
        return
    with _storing_in(folder):
        status = folder.stat()
    if status.st_uid not in (os.getuid(), 0):
        raise UntrustedFile(
            f"the folder {folder} belongs to another user, who can replace its files",
            hint=f"keep token files in a folder of your own, or: chown {os.getuid()} {folder}",
        )
    place = folder
    while _is_read_only(place):  # Kubernetes mounts secrets with mode 1777; nobody writes there all the same
        if place == place.parent:
            return
        place = place.parent
    if place == folder and status.st_mode & 0o002:
        mode = stat.S_IMODE(status.st_mode)
        raise UntrustedFile(
            f"other users can replace files in {folder} (mode {mode:o})",
            hint=f"keep token files in a folder of your own, or: chmod 700 {folder}",
        )
    try:
        check_own_folder(place, otherwise="or keep token files in a folder of your own")
    except PinflowError as error:
        raise UntrustedFile(error.message, hint=error.hint) from None


def make_folder(folder: Path) -> None:
    """Make the folder, for its owner alone, unless it exists. Raises CredentialError if that fails."""
    with _storing_in(folder), suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
        folder.chmod(0o700)  # the umask may have removed some of it
    if not folder.is_dir():
        raise CredentialError(f"{folder} is not a folder", hint="remove it, or name another folder")


@contextmanager
def lock_tokens(path: Path, *, wait: float = LOCK_WAIT) -> Iterator[None]:
    """Be the only process and thread that changes ``path``; waits up to ``wait`` seconds for others.

    Removes the temporary files of killed processes. Raises CredentialError if locks don't work there, and Unreachable
    if another process keeps the lock for longer than the wait.
    """
    _check_file_system(path.parent)
    check_folder(path.parent)
    with _storing_in(path.parent):
        descriptor = os.open(_lock_path(path), os.O_RDWR | os.O_CREAT | _NO_LINKS, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise CredentialError(f"{_lock_path(path)} is not a regular file", hint="remove it")
        with _storing_in(path.parent):
            acquired = FileLock(descriptor).acquire(wait, time.sleep)
        if not acquired:
            raise Unreachable(
                f"{path} is locked by another process for more than {wait:g} s; nothing was changed",
                hint=f"find out what that process waits for, or end it: {_lock_path(path)}",
            )
        _remove_temporary_files(path)
        yield
    finally:
        os.close(descriptor)


def _lock_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}.lock")


def _remove_temporary_files(path: Path) -> None:
    """Remove the temporary files of killed processes. The lock's holder has none of its own yet."""
    pattern = re.compile(rf"\.{re.escape(path.stem)}\.[0-9a-f]{{16}}\.tmp")
    with suppress(OSError):
        for file in path.parent.iterdir():
            if pattern.fullmatch(file.name):
                file.unlink(missing_ok=True)


def _check_file_system(folder: Path) -> None:
    from pinflow import check_place

    try:
        check_place(folder, _MOUNTS)
    except PinflowError as error:
        raise CredentialError(error.message, hint="keep token files in a folder on this machine") from None


@contextmanager
def open_replacement(path: Path) -> Iterator[Callable[[bytes], None]]:
    """A function that makes its argument the file's content; the room for it is taken already, beside the file.

    Inside the block, storing has been proved to work: only the hardware can still fail. Call it once; the content is
    on disk under the file's name on return, or it raises OSError. Without a call, nothing is left. Raises
    CredentialError.
    """
    temporary = path.with_name(f".{path.stem}.{os.urandom(8).hex()}.tmp")
    try:
        with ExitStack() as opened:
            with _storing_in(path.parent):
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINKS, 0o600)
                file = opened.enter_context(os.fdopen(descriptor, "wb", buffering=0))
                if hasattr(os, "fchmod"):
                    os.fchmod(descriptor, 0o600)  # a umask may have taken even the owner's rights
                _write_all(descriptor, b" " * RESERVED_BYTES)
                os.fsync(descriptor)

            def put(content: bytes) -> None:
                file.seek(0)
                _write_all(descriptor, content)
                file.truncate()
                os.fsync(descriptor)
                file.close()  # an open file can't be renamed on Windows
                _rename(temporary, path)
                # the new content is in place; it makes no difference if its name is not durable yet
                with suppress(OSError):
                    sync_folder(path.parent)

            yield put
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write(path: Path, content: bytes) -> None:
    """Replace a file's content, whole. Raises CredentialError; the old content is still there then."""
    with open_replacement(path) as put, _storing_in(path.parent):
        put(content)


def remove(path: Path) -> bool:
    """Remove a file durably; False if there was none. Raises CredentialError."""
    with _storing_in(path.parent):
        try:
            path.unlink()
        except FileNotFoundError:
            return False
    with suppress(OSError):
        sync_folder(path.parent)
    return True


def _rename(temporary: Path, path: Path) -> None:
    for _ in range(_RENAME_TRIES):
        try:
            os.replace(temporary, path)  # noqa: PTH105 - the system's own call, since all depends on it
        except PermissionError:
            if _POSIX:
                raise
            time.sleep(0.01)  # Windows refuses to replace a file while another process reads it
        else:
            return
    raise PermissionError(errno.EACCES, "another program holds it open")


def _read_all(descriptor: int) -> bytes:
    content = b""
    while len(content) <= MAX_BYTES and (part := os.read(descriptor, MAX_BYTES + 1 - len(content))):
        content += part
    return content


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


@contextmanager
def _storing_in(folder: Path) -> Iterator[None]:
    """Turn the system's errors into a CredentialError: nothing can be stored in the folder."""
    try:
        yield
    except OSError as error:
        raise CredentialError(
            f"nothing can be stored in {folder}: {error.strerror or type(error).__name__}; nothing was changed",
            hint="free some space, or make the folder yours and writable",
        ) from None
