"""Small files of pinflow's own: for their owner alone, and replaced whole."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from pinflow.errors import StateError
from pinflow.state.folder.ownership import open_own

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 1 << 20  # bytes; what is kept so is some kB, and a file that was put in its place fills no memory
_ALONE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def write(path: Path, content: bytes) -> None:
    """Replace the file's content; on return it is on disk.

    A reader finds the old content or the new, never a part. The folder is made if need
    be. Raises StateError; then the old content is unchanged, unless only the folder could
    not be put on disk.
    """
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _ALONE, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise StateError(
            f"{path} can't be written: {error.strerror}", hint="free some space, or make its folder yours and writable"
        ) from error


def read(path: Path, *, largest: int = LARGEST) -> bytes | None:
    """The file's content, ``largest`` bytes of it; None if there is no file.

    Raises StateError for one that can't be read, is a link, or can be changed by others.
    """
    try:
        with os.fdopen(open_own(path, os.O_RDONLY), "rb") as file:
            return file.read(largest)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path} can't be read: {error.strerror}", hint="make it a readable file of yours") from error


def open_append(path: Path) -> BinaryIO:
    """A file to read and to append to, for its owner alone; it and its folder are made if need be.

    Raises OSError, and StateError for one that others can change.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(open_own(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), "a+b")


def remove(path: Path) -> bool:
    """Remove the file; whether there was one. Raises StateError."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StateError(f"{path} can't be removed: {error.strerror}") from error
    return True


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk, so that they survive a power loss. Raises OSError."""
    if hasattr(os, "O_DIRECTORY"):  # not on Windows
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
