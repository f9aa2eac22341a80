"""Which files a recipe may read and write: what a person named, and little besides.

A person is who types a value. A path of theirs is taken as it is, links too; what a recipe chose itself, defaults and
what comes through a program included, is read below its folder and written below the output folder, by name, ending
and without links. Keys, tokens and pinflow's own folders are nobody's to read or write.

This says what is wrong with a path as soon as it is known: the plan asks it, each row of a table, and each call. What
is opened then is looked at once more by who opens it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pinflow.errors import UsageError
from pinflow.lazy_dataclass import dataclass, replace
from pinflow.masking.known import hides_secret
from pinflow.plan.file_opening import (
    KEYS_AND_TOKENS,
    FilePlace,
    check_to_write,
    identities,
    is_link,
    open_to_read,
)
from pinflow.schema.file_names import (
    PICTURES,
    READABLE,
    WRITABLE,
    ending,
    fold,
    is_elsewhere,
    is_read_by_programs,
    is_read_in_projects,
    is_secret_name,
    is_too_long,
    own_name_problem,
)
from pinflow.schema.invalid import Invalid
from pinflow.state.folder import paths
from pinflow.suggestions import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pinflow.schema.invalid import Location

OUTPUT: Final = "out"  # where a recipe's own files go, in the folder where the person is
_TABLES: Final = (".csv", ".tsv", ".json", ".jsonl", ".xml", ".txt")  # a video that a person names opens no folder
_READ_BY_PROGRAMS: Final = "is a file that other programs run or read as settings"
_BY_PERSON: Final = "a recipe reaches other files only through an input of type file: -i NAME=PATH"


@dataclass(frozen=True, slots=True)
class FileRules:
    """What one run may read and write. Paths are absolute.

    ``folder`` is the recipe's own, ``here`` where the person was. ``typed`` are the paths that inputs of type file have
    from a person, ``chosen`` those from the recipe or a program. Nothing below ``secret`` is read, and nothing below
    it or ``unwritable`` written. Every method raises UsageError for what may not be.
    """

    folder: Path
    here: Path
    typed: frozenset[str] = frozenset()
    chosen: frozenset[str] = frozenset()
    secret: tuple[Path, ...] = ()
    unwritable: tuple[Path, ...] = ()

    @classmethod
    def of_this_folder(cls) -> FileRules:
        """Of a recipe without a file of its own."""
        here = paths.current_folder()
        return cls(here, here)

    @property
    def usual_output(self) -> FilePlace:
        """The folder where a recipe's own files go unless a person says otherwise."""
        return FilePlace.below(self.here, OUTPUT)

    def to_read(self, name: str) -> FilePlace:
        """Where the file is that a recipe calls ``name``; it may not exist."""
        _check_length(name)
        if name in self.typed:
            path = Path(name)
            self._check_secret(name, path)
            return FilePlace(path, closed=self.secret)
        below = list(self._roots(name))
        if not below:
            raise UsageError(f"{quote(name)} is not inside {self._folders_text(name)}", hint=_BY_PERSON)
        allowed = [(root, rest, endings) for root, rest, endings in below if own_name_problem(rest, endings) is None]
        if not allowed:
            _, rest, endings = below[0]
            raise _refusal(name, *(own_name_problem(rest, endings) or ("", "")))
        root, rest, _ = next((way for way in allowed if os.path.lexists(way[0] / way[1])), allowed[0])
        place = FilePlace.below(root, *Path(rest).parts)
        if (link := _link_on_the_way(place)) is not None:
            raise _refusal(name, f"goes through the link {link}", f"name the file itself; {_BY_PERSON}")
        self._check_secret(name, place.path)
        return replace(place, closed=self.secret)

    def to_write(self, name: str, output: FilePlace) -> FilePlace:
        """Where the file goes that a recipe calls ``name``: at a person's path, else below the folder ``output``."""
        _check_length(name)
        if name in self.typed:
            path = Path(name)
            if is_read_by_programs(name) or is_secret_name(name) or fold(path.name).startswith("."):
                raise _refusal(name, _READ_BY_PROGRAMS, "choose another name")
            self.check_folder(name, path.parent)
            self._check_protected(name, path)
            return FilePlace(path, closed=self._protected)
        place, rest = self.own_place(name, output)
        if is_elsewhere(rest):
            hint = "its files go below --output-dir; another place can only be given to an input of type file"
            raise _refusal(name, "is not inside the output folder", f"{hint}: -i NAME=PATH")
        if problem := own_name_problem(rest, WRITABLE):
            raise _refusal(name, *problem)
        if is_read_by_programs(rest) or is_read_in_projects(rest):
            raise _refusal(name, _READ_BY_PROGRAMS, "choose another name")
        if hides_secret(rest):
            raise UsageError("the path holds a secret, and a file's name is for all to see", hint="choose another name")
        self._check_protected(name, place.path)
        return replace(place, closed=self._protected)

    def own_place(self, name: str, output: FilePlace) -> tuple[FilePlace, str]:
        """Where a recipe's own file goes below ``output``, if it may, and its path from there."""
        rest = os.path.relpath(name, self.here) if name in self.chosen else name
        return FilePlace.below(output.root or output.path, *output.names, *Path(os.path.normpath(rest)).parts), rest

    def check_folder(self, name: str, folder: Path) -> None:
        """Raise UsageError for a folder, named so, that nothing may be written to: programs or pinflow read it."""
        home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises where nobody has one
        try:
            real, here, home = map(_real, (folder, self.here, home))
        except (OSError, ValueError):  # such as a current folder that was removed
            raise _refusal(name, "is in no folder that can be found", "name one with --output-dir") from None
        bases = [base for base in (here, home) if real.is_relative_to(base)]
        shown = real.relative_to(max(bases, key=lambda base: len(base.parts))).parts if bases else real.parts[1:]
        hidden = next((part for part in shown if fold(part).startswith(".")), None)
        if hidden or is_read_by_programs(str(real / "x")) or is_secret_name(str(real / "x")):
            raise _refusal(name, f"is in {real}, which is hidden or read by other programs", "choose another folder")
        self._check_protected(name, real)

    def problems(
        self,
        paths: Iterable[tuple[Location, str, str]],
        output: FilePlace | None = None,
        *,
        must_exist: Callable[[str], bool] = lambda path: False,
    ) -> Iterator[Invalid]:
        """What is wrong with the paths among an action's arguments, as `Parameters.paths_in` gives them.

        ``output`` is the folder for the recipe's own files, the usual one unless given. That a file can't be opened is
        told of those that ``must_exist``: of others by who reads them.
        """
        for location, path, use in paths:
            try:
                if use == "output":
                    place = self.to_write(path, output or self.usual_output)
                    if place.root is None:
                        check_to_write(place)
                elif not (use == "file-or-id" and path.isascii() and path.isdecimal()):
                    place = self.to_read(path)
                    try:
                        open_to_read(place).close()
                    except OSError as error:
                        if must_exist(path):
                            yield Invalid(self._why_unreadable(path, error), "", location)
            except UsageError as error:
                yield Invalid(error.message, error.hint, location)

    def _why_unreadable(self, name: str, error: OSError) -> str:
        if isinstance(error, IsADirectoryError):
            return f"{quote(name)} is a folder, not a file"
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            return f"{quote(name)} can't be read: {error.strerror}"
        where = "" if name in self.typed or Path(name).is_absolute() else f" in {self._folders_text(name)}"
        return f"{quote(name)} does not exist{where}"

    def _folders_text(self, name: str) -> str:
        """The folders that ``name`` may count from, for people: first those of the tables that may name it."""
        named = [
            f"{path} (given)" if path.is_dir() else f"{path.parent} (of {path.name})" for path in self._named(name)
        ]
        return " or ".join([*named, "the recipe's folder"])

    def _named(self, name: str) -> list[Path]:
        """The tables and folders that a person named and that may name the picture ``name`` below their folder."""
        if ending(name) not in PICTURES:
            return []
        named = map(Path, sorted(self.typed))
        return [path for path in named if ending(path.name) in _TABLES or path.is_dir()]

    def _roots(self, name: str) -> Iterator[tuple[Path, str, tuple[str, ...]]]:
        """The folders that ``name`` may count from, its path below each, and what it may end in there."""
        roots: list[tuple[Path, tuple[str, ...]]] = [(self.folder, READABLE), (_real(self.folder), READABLE)]
        roots += [(self.here, READABLE)] if name in self.chosen else []
        roots += [(path if path.is_dir() else path.parent, PICTURES) for path in self._named(name)]
        by_root: dict[Path, tuple[str, ...]] = {}
        for root, endings in roots:
            by_root.setdefault(root, endings)
        for root, endings in by_root.items():
            rest = os.path.normpath(name)
            if Path(name).is_absolute():
                if not Path(rest).is_relative_to(root):
                    continue
                rest = os.path.relpath(rest, root)
            if not is_elsewhere(rest):
                yield root, rest, endings

    @property
    def _protected(self) -> tuple[Path, ...]:
        return (*self.secret, *self.unwritable)

    def _check_protected(self, name: str, path: Path) -> None:
        try:
            real = _real(path)
        except FileNotFoundError:  # the current folder was removed, which `check_folder` tells
            return
        except (OSError, ValueError):
            raise _refusal(name, "is not the path of a file", "check the path") from None
        if _is_below(real, self._protected):
            raise _refusal(name, f"is in a folder of pinflow's own ({real})", "choose another folder")

    def _check_secret(self, name: str, path: Path) -> None:
        try:
            real = os.path.realpath(path)
        except (OSError, ValueError):
            raise _refusal(name, "is not the path of a file", "check the path") from None
        if is_secret_name(name) or is_secret_name(real) or _is_below(Path(real), self.secret):
            raise _refusal(name, "may hold keys or tokens", KEYS_AND_TOKENS)


def _refusal(name: str, what: str, hint: str) -> UsageError:
    return UsageError(f"{quote(name)} {what}", hint=hint)


def _check_length(name: str) -> None:
    if is_too_long(name):
        raise _refusal(name, "is too long for the name of a file", "choose a shorter one")
    if "\0" in name or not name.strip():
        raise UsageError(f"{name!r} is not the path of a file")


def _link_on_the_way(place: FilePlace) -> str | None:
    """The first link among a place's names, as far as they exist."""
    path = place.root or Path()
    for name in place.names:
        path = path / name
        if is_link(path):
            return name
    return None


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _is_below(real: Path, folders: tuple[Path, ...]) -> bool:
    """Whether a path is one of the folders or below it, however it is spelt: by name, or as the same folder on disk."""
    kin = [real, *real.parents]
    spellings, there = {tuple(map(fold, path.parts)) for path in kin}, identities(kin)
    return any(tuple(map(fold, _real(folder).parts)) in spellings for folder in folders) or not there.isdisjoint(
        identities(folders)
    )
