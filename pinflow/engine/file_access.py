"""The two doors to files that a run has: one to read, one to write. What may pass is `FileRules`' to say."""

from __future__ import annotations

import io
import os
import threading
from contextlib import contextmanager, suppress
from secrets import token_hex
from typing import TYPE_CHECKING, BinaryIO

from pinflow.engine.placeholder import TEXT, NeedsPlanned
from pinflow.errors import ActionError, PinflowError, UsageError
from pinflow.lazy_dataclass import dataclass, field, replace
from pinflow.plan.file_opening import KEYS_AND_TOKENS, FilePlace, check_to_write, is_link, open_folder, open_to_read
from pinflow.plan.secret_content import holds_token_file
from pinflow.schema.file_names import READABLE, ending
from pinflow.state.folder.written_files import content_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from pinflow.engine.witness import Witness
    from pinflow.plan import PlannedStep
    from pinflow.plan.file_opening import FolderEntry
    from pinflow.plan.file_rules import FileRules
    from pinflow.plugin.action import Action
    from pinflow.schema.invalid import Invalid
    from pinflow.state.folder.written_files import WrittenFiles

_OWN = "move it, or name the file yourself, by an input of type file: -i NAME=PATH"
_EXISTS = "move it, or set if_exists: replace (as an input: -i if_exists=replace)"


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that may be read. ``path`` is for messages: what is opened is the file itself."""

    path: Path
    _files: Files = field(repr=False)
    _name: str = field(repr=False)

    @property
    def name(self) -> str:
        """The file's name, without its folder."""
        return self.path.name

    def open(self) -> BinaryIO:
        """The file, at its beginning. Raises OSError, and UsageError for what may not be read."""
        return self._files.open(self._name)


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that may be written: it appears as a whole, or not at all.

    ``is_own`` is one whose place the recipe chose: it is for its owner alone, and replaces only what a recipe
    wrote and nobody changed since.
    """

    path: Path
    is_own: bool
    _files: Files = field(repr=False)
    _place: FilePlace = field(repr=False)

    @property
    def is_there(self) -> bool:
        """Whether something of this name exists, be it a link that leads nowhere."""
        return os.path.lexists(self.path)

    def check(self, *, replace: bool) -> None:
        """Raise UsageError if it can't be written there, ActionError if what is there must not be replaced."""
        check_to_write(self._place)
        if replace and self.is_own and self.is_there and not self._files.is_as_written(self._place):
            known = self._files.has_written(self.path)
            why = "was changed since a recipe wrote it" if known else "exists and was not written by a recipe"
            raise ActionError(f"{self.path} {why}, so a recipe doesn't replace it", hint=_OWN)

    def holds(self, content: Callable[[], bytes]) -> bool | None:
        """Whether the file that is there has this content; None where a dry run can't tell what it will be."""
        try:
            draft = content()
        except (NeedsPlanned, PinflowError):
            return None
        if TEXT.encode() in draft:
            return None
        try:
            self._check_same(io.BytesIO(draft))
        except ActionError:
            return False
        except (OSError, UsageError):
            return None
        return True

    @contextmanager
    def draft(self, *, replace: bool) -> Iterator[BinaryIO]:
        """What is written in the block is the file's content when it ends; after an exception nothing is there.

        What is there already is replaced if ``replace``; the same content counts as written. Raises ActionError if
        something else is there, and OSError.
        """
        replace = replace or self._files.was_written_before(self._place)
        self.check(replace=replace)
        with open_folder(self._place, make=self.is_own) as entry:
            part = entry.beside(f".{entry.name[:100]}.{token_hex(4)}.part")
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            file = os.fdopen(part.open(flags, 0o600 if self.is_own else 0o666), "w+b")
            try:
                with file:
                    yield file
                    file.flush()
                    file.seek(0)
                    if holds_token_file(file):
                        raise ActionError(f"{self.path} would be a file of tokens", hint=KEYS_AND_TOKENS)
                    os.fsync(file.fileno())
                    if replace or entry.stat() is None:
                        self._files.note(self._place, file)
                        self._put(part, entry, file, replace=replace)
                    else:
                        self._check_same(file)
            finally:
                with suppress(FileNotFoundError):
                    part.remove()
        self._files.add_written(self.path)

    def _put(self, part: FolderEntry, entry: FolderEntry, draft: BinaryIO, *, replace: bool) -> None:
        if replace:
            part.replace(entry)
            return
        try:
            part.link(entry)  # fails if the name is taken, even by a faster process
        except FileExistsError:
            self._check_same(draft)
        except OSError:  # a file system without links
            part.replace(entry)

    def _check_same(self, draft: BinaryIO) -> None:
        draft.seek(0)
        with open_to_read(self._place) as there:
            while block := draft.read(1 << 16):
                if there.read(len(block)) != block:
                    raise _other_content(self.path)
            if there.read(1):
                raise _other_content(self.path)


def _digest_of(place: FilePlace) -> str | None:
    """The digest of the content that is there; None if there is no file, or none that may be read."""
    try:
        with open_to_read(place) as file:
            return content_digest(file)
    except (OSError, UsageError):
        return None


def _at(step: PlannedStep, problem: Invalid) -> UsageError:
    return UsageError(str(replace(step.problem, what=problem.message)), hint=problem.hint)


def _other_content(path: Path) -> ActionError:
    return ActionError(f"{path} already exists with other content", hint=_EXISTS)


class Files:
    """What one run reads and writes. ``output`` is the folder for its own files, ``index`` knows what was written."""

    def __init__(
        self,
        rules: FileRules,
        *,
        output: FilePlace | None = None,
        index: WrittenFiles | None = None,
        run: str = "",
        witness: Witness | None = None,
    ) -> None:
        self._rules = rules
        self._output = output or rules.usual_output
        self._index = index
        self._run = run
        self._witness = witness  # what is read is noted for an approval, or compared with it
        self._lock = threading.Lock()
        self._written: dict[Path, None] = {}

    @property
    def new_files(self) -> tuple[Path, ...]:
        """The files that this process has written, in the order of their first writing."""
        return tuple(self._written)

    def problems(
        self, action: Action, arguments: Mapping[str, Any], *, must_exist: Callable[[str], bool] = lambda path: False
    ) -> list[Invalid]:
        """What is wrong with the paths among an action's arguments, as `FileRules.problems` finds it."""
        paths = [path for path in action.parameters.paths_in(arguments) if not self._is_of_this_run(path[1])]
        return list(self._rules.problems(paths, self._output, must_exist=must_exist)) if paths else []

    def check(self, step: PlannedStep, action: Action, arguments: Mapping[str, Any]) -> None:
        """Raise UsageError, with the step's place, for a path that the recipe may not use."""
        for problem in self.problems(action, arguments):
            raise _at(step, problem)

    def check_outputs(self, step: PlannedStep) -> None:
        """The same before the run, for the paths that stand in the recipe and are written to."""
        if step.action is not None:
            paths = [path for path in step.action.parameters.paths_in(step.arguments.tree) if path[2] == "output"]
            for problem in self._rules.problems(paths, self._output):
                raise _at(step, problem)

    def place(self, name: str) -> Path:
        """Where the file is that a recipe calls ``name``. Raises UsageError for one that it may not read."""
        return self._to_read(name).path

    def look_at(self, name: str) -> Path:
        """The path of a file to be read. Raises what `open` raises for one that is not as it was approved."""
        if self._witness is not None:
            with suppress(FileNotFoundError):
                self.open(name).close()
        return self.place(name)

    def source(self, name: str) -> InputFile:
        """The file that a recipe calls ``name``, to be read. Raises UsageError for one that it may not read."""
        return InputFile(self.place(name), self, name)

    def open(self, name: str) -> BinaryIO:
        """Open a file to be read. Raises OSError, and UsageError for one that the recipe may not read."""
        place = self._to_read(name)
        file = open_to_read(place)
        try:
            if place.root is None:  # a person's: were links on the way to it put elsewhere since they were looked at?
                again = self._to_read(name).path.stat()
                if not os.path.samestat(again, os.fstat(file.fileno())):
                    raise UsageError(f"{place.path} was changed while it was opened", hint="try again")
            if self._witness is not None and not self.was_written_here(place.path):
                return self._witness.check_content(place.path, file)
        except BaseException:
            file.close()
            raise
        return file

    def output(self, name: str) -> OutputFile:
        """The file that a recipe calls ``name``, to be written. Raises UsageError for one that it may not write."""
        place = self._rules.to_write(name, self._output)
        if place.root is not None:
            self.check_output()
        return OutputFile(place.path, place.root is not None, self, place)

    def check_output(self) -> None:
        """Raise UsageError if nothing may be written to the folder for the run's own files."""
        path = self._output.path
        if self._output.root is not None and self._output.names and is_link(path):
            raise UsageError(f"{path} is a link, so a recipe writes nothing there", hint="name it with --output-dir")
        self._rules.check_folder(str(path), path)
        there = next((folder for folder in (path, *path.parents) if os.path.lexists(folder)), None)
        if there is not None and not there.is_dir():
            raise UsageError(f"{there} is a file, not a folder", hint="name a folder with --output-dir")

    def has_written(self, path: Path) -> bool:
        """Whether this or an earlier run is known to have written the file."""
        return path in self._written or (self._index is not None and self._index.writer(path) is not None)

    def is_as_written(self, place: FilePlace) -> bool:
        """Whether the file has still the content that this or an earlier run gave it."""
        if self._index is None:
            return place.path in self._written
        there = _digest_of(place)
        return there is not None and self._index.has_content(place.path, there)

    def was_written_here(self, path: Path) -> bool:
        """Whether this very run has written the file, in this process or an earlier one."""
        return path in self._written or (
            self._index is not None and bool(self._run) and self._index.writer(path) == self._run
        )

    def was_written_before(self, place: FilePlace) -> bool:
        """Whether the file is as an earlier process of this very run wrote it: a resumed step writes it again."""
        path = place.path
        return path not in self._written and self.was_written_here(path) and self.is_as_written(place)

    def note(self, place: FilePlace, draft: BinaryIO) -> None:
        """Put on disk that this run writes this content. Raises OSError, StateError."""
        if self._index is not None:
            draft.seek(0)
            self._index.add(place.path, self._run, content_digest(draft), _digest_of(place))

    def add_written(self, path: Path) -> None:
        with self._lock:
            self._written[path] = None

    def _to_read(self, name: str) -> FilePlace:
        return self._of_this_run(name) or self._rules.to_read(name)

    def _is_of_this_run(self, name: str) -> bool:
        return self._of_this_run(name) is not None

    def _of_this_run(self, name: str) -> FilePlace | None:
        """What this run itself has written is read where it was written."""
        if ending(name) not in READABLE or not self.was_written_here(self._rules.own_place(name, self._output)[0].path):
            return None
        try:
            place = self._rules.to_write(name, self._output)
        except UsageError:
            return None
        return place if place.root is not None and self.was_written_here(place.path) else None
