"""Small files of pinflow's own: for their owner alone, and replaced whole."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from pinflow.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 1 << 20  # bytes
_ALONE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def write(path: Path, content: bytes) -> None:
    """Put ``content`` into the file, in place of what was there; on return it is on disk.

    Whoever reads meanwhile finds the old content or the new. Its folder is made if
    need be. Raises StateError; then what was there is unchanged, unless only the
    folder could not be put on disk.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
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
            f"{path} can't be written: {error.strerror}", hint="make room, or make its folder yours and writable"
        ) from error


def read(path: Path) -> bytes | None:
    """The file's content; None if there is no file.

    Raises StateError for one that can't be read, that is a link, or that others may change.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _ALONE)
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            content = file.read(LARGEST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path} can't be read: {error.strerror}", hint="make it a readable file of yours") from error
    if os.name == "posix" and (facts.st_uid != os.getuid() or facts.st_mode & 0o022):
        raise StateError(f"others may change {path}, so it is not believed", hint=f"look at it, then: chmod 600 {path}")
    return content


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
