"""Opening the very file that was looked at: below a folder no link is followed, whoever puts one there meanwhile."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, Final

from pinflow.errors import UsageError
from pinflow.lazy_dataclass import dataclass
from pinflow.plan.secret_content import holds_secrets
from pinflow.schema.file_names import ending
from pinflow.suggestions import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    Identity = tuple[int, int]  # a file's or folder's device and number there, whatever it is called

KEYS_AND_TOKENS: Final = "keys, tokens and pinflow's own folders are never read or written by a recipe"
_BY_DESCRIPTOR: Final = os.open in os.supports_dir_fd
_NO_LINKS: Final = getattr(os, "O_NOFOLLOW", 0)
# O_PATH, of Linux: a folder may be entered that can't be listed
_FOLDER: Final = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Where a file or a folder is: ``names`` below ``root``, without a link on the way; or, as a person gave it, there.

    ``root`` None is the latter. Nothing is opened in a folder of ``closed``, whatever name leads there.
    """

    path: Path
    root: Path | None = None
    names: tuple[str, ...] = ()
    closed: tuple[Path, ...] = ()

    @classmethod
    def below(cls, root: Path, *names: str) -> FilePlace:
        return cls(root.joinpath(*names), root, names)


def is_link(path: Path) -> bool:
    """Whether a path is a link, or a junction of Windows."""
    try:
        return path.is_symlink() or bool(getattr(path, "is_junction", lambda: False)())
    except (OSError, ValueError):
        return False


def check_to_write(place: FilePlace) -> None:
    """Raise UsageError where nothing can be written: the folder that a person named is not there, or no file is."""
    path, folder = place.path, place.path.parent
    if place.root is None and not folder.is_dir():
        if folder.exists():
            raise UsageError(f"{path}: {folder} is a file, not a folder", hint="choose another folder")
        raise UsageError(f"{path}: the folder {folder} does not exist", hint="make it first")
    if os.path.lexists(path) and ((place.root is not None and is_link(path)) or not path.is_file()):
        raise UsageError(f"{path} is not a file", hint="choose another name")


def open_to_read(place: FilePlace) -> BinaryIO:
    """Open a regular file, following links only where a person gave its path.

    Raises OSError, and UsageError for what is not a file, and for what holds a key or tokens.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    with open_folder(place) as folder:  # O_NONBLOCK: opening a pipe would wait for its writer
        descriptor = folder.open(flags if place.root is None else flags | _NO_LINKS)
    file = os.fdopen(descriptor, "rb")
    try:
        status = os.fstat(descriptor)
        _check_closed(status, identities(place.closed), place)
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{place.path} is not a file", hint="check the path")
        if holds_secrets(file, is_table=ending(place.path.name) in (".csv", ".tsv")):
            raise UsageError(f"{quote(place.path)} holds a key, a password or tokens", hint=KEYS_AND_TOKENS)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """A name in an open folder: what is done with it is done in that very folder, whatever becomes of its path."""

    folder: Path
    name: str
    descriptor: int | None  # of the folder; None on Windows, where there is no such thing

    def open(self, flags: int, mode: int = 0o600) -> int:
        return os.open(self._path(self.name), flags, mode, dir_fd=self.descriptor)

    def stat(self) -> os.stat_result | None:
        """What is there, links not followed; None if nothing is."""
        try:
            return os.stat(self._path(self.name), dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def beside(self, name: str) -> FolderEntry:
        return FolderEntry(self.folder, name, self.descriptor)

    def remove(self) -> None:
        os.unlink(self._path(self.name), dir_fd=self.descriptor)

    def replace(self, other: FolderEntry) -> None:
        """Take the place of ``other``."""
        here, there = self._path(self.name), self._path(other.name)
        os.replace(here, there, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def link(self, other: FolderEntry) -> None:
        """Be at ``other`` too. Raises FileExistsError if something is there."""
        here, there = self._path(self.name), self._path(other.name)
        os.link(here, there, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def _path(self, name: str) -> str:
        return name if self.descriptor is not None else str(self.folder / name)


@contextmanager
def open_folder(place: FilePlace, *, make: bool = False) -> Iterator[FolderEntry]:
    """The entry of a file in its folder, which is held open. ``make`` makes the folders that are not there.

    Below a root no link is followed. Raises OSError, and UsageError if a folder on the way is closed.
    """
    closed = identities(place.closed)
    *folders, name = place.names or (place.path.name,)
    start = place.path.parent if place.root is None else place.root
    if make and place.root is not None:
        start.mkdir(parents=True, exist_ok=True)
    if not _BY_DESCRIPTOR:
        yield FolderEntry(_walk_by_path(start, folders, closed, place, make=make), name, None)
        return
    descriptor = os.open(start, _FOLDER)
    try:
        if closed:
            _check_above(descriptor, closed, place)
        for folder in folders:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(folder, dir_fd=descriptor)
            inner = os.open(folder, _FOLDER | _NO_LINKS, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
            _check_closed(os.fstat(descriptor), closed, place)
        yield FolderEntry(place.path.parent, name, descriptor)
    finally:
        os.close(descriptor)


def identities(paths: Iterable[Path]) -> frozenset[Identity]:
    """What those of the paths are that exist."""
    found = set()
    for path in paths:
        with suppress(OSError, ValueError):
            found.add(_identity(path.stat()))
    return frozenset(found)


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino


def _check_closed(status: os.stat_result, closed: frozenset[Identity], place: FilePlace) -> None:
    if _identity(status) in closed:
        raise UsageError(f"{place.path} is in a folder of pinflow's own", hint=KEYS_AND_TOKENS)


def _check_above(descriptor: int, closed: frozenset[Identity], place: FilePlace) -> None:
    """Raise UsageError if an open folder, or one that it lies in, is closed."""
    status, above = os.fstat(descriptor), ".."
    while True:
        _check_closed(status, closed, place)
        outer = os.stat(above, dir_fd=descriptor)
        if _identity(outer) == _identity(status):
            return
        status, above = outer, f"{above}/.."


def _walk_by_path(
    start: Path, folders: Sequence[str], closed: frozenset[Identity], place: FilePlace, *, make: bool
) -> Path:
    """The same by paths, for Windows: between the look and the use of a folder somebody may put a link there."""
    real = start.resolve()
    for folder_above in (real, *real.parents):
        _check_closed(folder_above.stat(), closed, place)
    for folder in folders:
        start = start / folder
        if make:
            start.mkdir(exist_ok=True)
        if is_link(start):
            raise OSError(errno.ELOOP, "a link is on the way", str(start))
        _check_closed(start.stat(), closed, place)
    return start
