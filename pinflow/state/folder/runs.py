"""The runs below a folder: each is one file, ``runs/<run id>.db``, with a lock beside it."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from pinflow.errors import StateError, UsageError
from pinflow.state.folder.checked_table import add_row_check, keep_seal
from pinflow.state.folder.creations import UNSETTLED, creation_of
from pinflow.state.folder.filesystem import MOUNTS, check_place, make_folder
from pinflow.state.folder.intent_log import look, recover
from pinflow.state.folder.journal import COUNTS, FolderJournal, calls_of, effect_of, to_json
from pinflow.state.folder.lock import Lock, is_locked
from pinflow.state.folder.pruning import RunPruning
from pinflow.state.folder.run_tables import (
    CALLS,
    EFFECTS,
    ITEMS,
    RUN,
    RUN_ROW,
    STEPS,
    migrate,
    read_run,
    rows_of,
    verify,
    version_of,
)
from pinflow.state.folder.spans import LAST
from pinflow.state.folder.sqlite import UNREADABLE, damage_error, new_file, open_file, store_path, unreadable
from pinflow.state.folder.store import Store
from pinflow.state.records import RunDetail, RunRecord, StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from pinflow.clock import Clock
    from pinflow.state.records import CreationRecord, Keep

_NO_RUN = "holds no run"  # of a file whose maker ended between making it and its first row
_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_NEW_RUN = RUN_ROW.insert({name: f"?{number}" for number, name in enumerate(RUN_ROW.columns, 1)})


class FolderRuns:
    """The runs below ``state``. ``probe`` is told "commit" before and "committed" after each commit."""

    def __init__(
        self, state: Path, clock: Clock, *, mounts: Path = MOUNTS, probe: Callable[[str], None] = lambda _: None
    ) -> None:
        self._state = state
        self._folder = state / "runs"
        self._clock = clock
        self._mounts = mounts
        self._probe = probe
        self.pruning = RunPruning(self._folder, clock.now)

    def create(self, record: RunRecord) -> FolderJournal:
        """A new run, on disk and locked. Raises StateError when there is one of that id, or the place won't do."""
        make_folder(self._folder, self._mounts)
        check_place(self._folder, self._mounts)
        lock = self._lock(record.id)
        file = self._folder / f"{record.id}.db"
        try:
            lock.put_mark(0)
            journal = self._journal(_create(file, record), file, lock, record)
        except BaseException:
            lock.release()
            raise
        self.pruning.index.begin(record.id, self._clock.now())
        return journal

    def open(self, run_id: str) -> FolderJournal:
        """A run to go on with, locked.

        All of it is verified; a file of version 1 becomes one of version 2. Raises StateError
        when there is none, another process has it, or the file is damaged, foreign, older than
        its last owner left it, or from a newer pinflow; then the file is left as it is.
        """
        file = self._file(run_id)
        if file is None:
            raise StateError(f"no run {run_id} in {self._state}", hint="list them with: pinflow runs")
        check_place(self._folder, self._mounts)
        with ExitStack() as undo:
            lock = self._lock(run_id)
            undo.callback(lock.release)
            connection = undo.enter_context(closing(open_file(file, RUN)))
            _trust(connection, file, lock.read_mark())
            journal = self._journal(connection, file, lock, _read_run(connection, file), _effects(connection, file))
            undo.pop_all()  # the journal's own from here on
            return journal

    def _journal(
        self, connection: sqlite3.Connection, file: Path, lock: Lock, run: RunRecord, recorded: Collection[int] = ()
    ) -> FolderJournal:
        store = Store(connection, file, monotonic=self._clock.monotonic, probe=self._probe, mark=lock.put_mark)
        return FolderJournal(store, lock, run, clock=self._clock, recorded=recorded, on_close=self.pruning.note_end)

    def _lock(self, run_id: str) -> Lock:
        return Lock(self._folder / f"{run_id}.lock", f"run {run_id}", now=self._clock.now())

    # -- without owning them

    def look(self, run_id: str) -> RunRecord | None:
        """How a run stands; None if there is none. Locks nothing and raises nothing.

        One that was "running" when its process ended is "interrupted". One that can't be
        read is "unreadable", with the reason in ``error``.
        """
        file = self._file(run_id)
        if file is None:
            return None
        try:
            record = _look(file)
            if record.state == "running" and not self.is_claimed(run_id):
                record = _look(file)  # it may have ended between the two looks
                return replace(record, state="interrupted") if record.state == "running" else record
            return record
        except StateError as error:
            return _unreadable(run_id, error.message)
        except (*UNREADABLE, OSError, RecursionError) as error:
            return _unreadable(run_id, str(error))

    def list(self, *, number: int | None = None, before: str = "") -> Sequence[RunRecord]:
        """Runs as `look` gives them, newest first: at most ``number``, of those older than the run ``before``."""
        ids = (file.stem for file in self._files() if not before or file.stem < before)
        rows = (self.look(run_id) for run_id in ids if self._size(run_id))
        return [*islice(filter(None, rows), number)]

    def count(self) -> int:
        """How many runs there are that got as far as their file."""
        return sum(map(bool, (self._size(file.stem) for file in self._files())))

    def last(self) -> str | None:
        """The id of the newest run that got as far as its file."""
        return next((file.stem for file in self._files() if self._size(file.stem)), None)

    def detail(self, run_id: str) -> RunDetail:
        """What is recorded of a run. Raises UsageError if there is none, StateError if it can't be read."""
        file, record = self._file(run_id), self.look(run_id)
        if file is None or record is None:
            raise UsageError(f"no run {run_id!r} in {self._state}", hint="pinflow runs lists them")
        try:
            with look(file, RUN) as connection:
                if record.state == "unreadable":  # what is said of the run itself, and not the file
                    raise StateError(record.error, hint=RUN.advice)
                connection.execute("BEGIN")  # all as it was at one moment
                if record.state != "running" and version_of(connection) > 1:
                    verify(connection, file)
                steps = [
                    StepRecord(path, status, json.loads(output), seconds, error)
                    for path, status, output, seconds, error in rows_of(connection, file, STEPS)
                ]
                effects = [effect_of(row, file) for row in rows_of(connection, file, EFFECTS)]
                counts: dict[str, dict[str, int]] = {}
                for kind, outcome, number in connection.execute(COUNTS, ("", LAST)):
                    counts.setdefault(kind, {})[outcome] = number
                calls = calls_of(rows_of(connection, file, CALLS))
                items = rows_of(connection, file, ITEMS) if version_of(connection) > 1 else ()
                numbers = {(loop, key): number for loop, key, _, number, _ in items if number}
        except (*UNREADABLE, ValueError, TypeError, RecursionError) as error:
            raise unreadable(file, error, RUN) from error
        return RunDetail(record, steps, effects, counts, calls, numbers)

    def creations(self, run_id: str, place: str, *, unsettled: bool = True) -> Sequence[CreationRecord]:
        """What a run created on a place, or with ``unsettled`` what of it may still be applied; () if there is no run.

        Raises StateError if it can't be read.
        """
        file = self._file(run_id)
        if file is None:
            return ()
        now = self._clock.monotonic()
        where = UNSETTLED if unsettled else "place = ?"
        try:
            with look(file, RUN) as connection:
                return [creation_of(row, now) for row in rows_of(connection, file, EFFECTS, where, (place,))]
        except sqlite3.Error as error:
            raise unreadable(file, error, RUN) from error

    def is_claimed(self, run_id: str) -> bool:
        """Whether a living process has the run locked now."""
        return bool(_ID.fullmatch(run_id)) and is_locked(self._folder / f"{run_id}.lock")

    def is_unbegun(self, run_id: str) -> bool:
        """Whether the process that made the run died before its first row: nothing was sent, and the id is used up."""
        record = self.look(run_id)
        if record is None or record.state != "unreadable":
            return False
        return _NO_RUN in record.error or not self._size(run_id)

    def prune(self, keep: Keep, *, number: int = 4) -> Sequence[str]:
        """Remove at most ``number`` runs that need not be kept; their ids.

        Asks an index, and opens no files but theirs and of as many runs that the index does
        not know: it is called on every start. Never raises.
        """
        return self.pruning.prune(keep, number)

    def _file(self, run_id: str) -> Path | None:
        """The file of a run; None if there is none, as of anything else that a person may have typed."""
        file = self._folder / f"{run_id}.db"
        return file if _ID.fullmatch(run_id) and file.is_file() else None

    def _files(self) -> Sequence[Path]:
        return sorted(self._folder.glob("*.db"), reverse=True)

    def _size(self, run_id: str) -> int:
        try:
            return (self._folder / f"{run_id}.db").stat().st_size
        except FileNotFoundError:  # removed just now
            return 0


def _create(file: Path, record: RunRecord) -> sqlite3.Connection:
    values = (getattr(record, name) for name in RunRecord.__dataclass_fields__)
    row = [to_json(dict(value)) if isinstance(value, Mapping) else value for value in values]
    row[1] = store_path(record.recipe)

    def fill(connection: sqlite3.Connection) -> None:
        add_row_check(connection, file.stem)
        keep_seal(connection)
        connection.execute(_NEW_RUN, (1, *row))

    try:
        return new_file(file, RUN, fill)
    except (sqlite3.Error, OSError) as error:
        if not isinstance(error, FileExistsError):  # that one is another run's
            _discard(file)
        raise StateError(
            f"{file} can't be made: {error}", hint="free some space, or make the folder writable"
        ) from error


def _discard(file: Path) -> None:
    """Remove the file of a run that did not begin. Where that fails as well, it stays, and counts as no run."""
    with suppress(OSError):
        for path in (file, file.with_name(f"{file.name}-journal")):
            path.unlink(missing_ok=True)


def _trust(connection: sqlite3.Connection, file: Path, mark: int) -> None:
    """Verify a file that is to be written, whose last owner left ``mark`` as the number of its commits.

    Raises StateError where anything is not as that owner left it.
    """
    try:
        if version_of(connection) == 1:
            if mark:
                raise damage_error(file, f"it is older than it was left: version 1, with a lock of {mark} commits", RUN)
            migrate(connection, file)
        verify(connection, file)
        keep_seal(connection)
        recover(connection, file, RUN, mark=mark)
    except (*UNREADABLE, ValueError) as error:
        raise unreadable(file, error, RUN) from error


def _effects(connection: sqlite3.Connection, file: Path) -> set[int]:
    """Hashes of where the run's effects are."""
    try:
        return set(map(hash, connection.execute("SELECT step, key FROM effects")))
    except UNREADABLE as error:
        raise unreadable(file, error, RUN) from error


def _look(file: Path) -> RunRecord:
    with look(file, RUN) as connection:
        return _read_run(connection, file)


def _read_run(connection: sqlite3.Connection, file: Path) -> RunRecord:
    run = read_run(connection, file)
    if run is None:
        raise StateError(f"{file} {_NO_RUN}: it was stopped before it began", hint="start the recipe again")
    return run


def _unreadable(run_id: str, why: str) -> RunRecord:
    return RunRecord(run_id, "", "", "", {}, {}, {}, started=0, state="unreadable", error=why)
