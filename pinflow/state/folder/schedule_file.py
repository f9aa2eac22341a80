"""The SQLite file of the schedule: jobs and occurrences, shared by the daemons, ticks and commands of this machine."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pinflow.errors import StateError
from pinflow.state.folder.filesystem import MOUNTS, make_folder
from pinflow.state.folder.sqlite import UNREADABLE, FileKind, damage_error, new_file, open_file, unreadable
from pinflow.state.records import OCCURRENCE_STATES as STATES
from pinflow.state.records import OPEN_STATES as OPEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_TABLES = f"""
CREATE TABLE jobs (name TEXT PRIMARY KEY, title TEXT NOT NULL, recipe TEXT NOT NULL, stamp TEXT NOT NULL,
    digest TEXT NOT NULL, block TEXT NOT NULL, inputs TEXT NOT NULL, accounts TEXT NOT NULL,
    anchor INTEGER NOT NULL CHECK (typeof(anchor) = 'integer'), seen INTEGER NOT NULL CHECK (typeof(seen) = 'integer'),
    paused REAL, failures INTEGER NOT NULL DEFAULT 0, rest_until REAL NOT NULL DEFAULT 0, active INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE occurrences (id INTEGER PRIMARY KEY, job TEXT NOT NULL,
    due INTEGER NOT NULL CHECK (typeof(due) = 'integer'), last INTEGER NOT NULL CHECK (last >= due), count INTEGER,
    start INTEGER NOT NULL CHECK (start >= due), state TEXT NOT NULL CHECK (state IN {STATES}), origin TEXT NOT NULL,
    reason TEXT NOT NULL, owner TEXT NOT NULL, fence INTEGER NOT NULL CHECK (typeof(fence) = 'integer'),
    lease REAL NOT NULL, not_before REAL NOT NULL, run TEXT NOT NULL, began REAL, ended REAL, exit_code INTEGER,
    UNIQUE (job, due));
CREATE INDEX occurrences_open ON occurrences (due) WHERE state IN {OPEN};
CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
SCHEDULE = FileKind(
    *(0x70667363, 1, _TABLES, "schedule"),
    "move it away to begin a new one; what is due is then counted from that moment",
)
_DEFINITIONS = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
_WRONG_OCCURRENCES = f"""SELECT 1 FROM occurrences WHERE state NOT IN {STATES} OR typeof(due) <> 'integer' OR last < due
    OR start < due OR typeof(fence) <> 'integer' OR typeof(start) <> 'integer' OR typeof(last) <> 'integer'
    OR typeof(lease) <> 'real' OR typeof(not_before) <> 'real' OR typeof(began) NOT IN ('real', 'null')
    OR typeof(ended) NOT IN ('real', 'null') LIMIT 1"""
_WRONG_JOBS = """SELECT 1 FROM jobs WHERE NOT (json_valid(block) AND json_valid(inputs) AND json_valid(accounts))
    OR typeof(anchor) <> 'integer' OR typeof(seen) <> 'integer' OR typeof(failures) <> 'integer'
    OR typeof(rest_until) <> 'real' OR typeof(paused) NOT IN ('real', 'null') LIMIT 1"""


class ScheduleFile:
    """The file below the folder ``state``, made if need be. Safe to share between threads. Close it.

    Everything raises StateError when the file can't be used; a file that is damaged, foreign or newer stays as it
    is. ``probe`` is called with "commit" before and "committed" after each change.
    """

    def __init__(self, state: Path, *, mounts: Path = MOUNTS, probe: Callable[[str], None] = lambda _: None) -> None:
        self.path = state / "schedule" / "table.db"
        self._probe = probe
        self._lock = threading.RLock()  # one connection serves all threads, and a transaction belongs to one of them
        make_folder(self.path.parent, mounts)
        if not self.path.exists():
            _create(self.path)
        self._connection = open_file(self.path, SCHEDULE)
        try:
            self._check()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        with self._lock, suppress(sqlite3.Error):
            self._connection.close()

    def _check(self) -> None:
        """The tables are those that this version makes, to the letter."""
        with closing(sqlite3.connect(":memory:")) as model:
            model.executescript(_TABLES)
            definitions = model.execute(_DEFINITIONS).fetchall()
        if self.rows(_DEFINITIONS) != definitions:
            raise self.damage("its tables were changed")
        # not every version of SQLite looks at constraints in its own check
        if self.rows(_WRONG_OCCURRENCES) or self.rows(_WRONG_JOBS):
            raise self.damage("a row holds a value that pinflow doesn't write")

    def rows(self, query: str, values: Sequence[object] | Mapping[str, object] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except UNREADABLE as error:
                raise unreadable(self.path, error, SCHEDULE) from error

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: on disk when the block ends, or undone."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                    self._probe("commit")
                    self._connection.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:
                        self._connection.rollback()
                    raise
                self._probe("committed")
            except sqlite3.Error as error:
                raise StateError(
                    f"{self.path} can't be written: {error}; nothing was started",
                    hint="free some space, or make the folder writable",
                ) from error

    def damage(self, reason: object) -> StateError:
        """The error that says that the file is damaged."""
        return damage_error(self.path, reason, SCHEDULE)


@lru_cache(maxsize=16_384)  # 10,000 jobs say few different things; no caller changes the values
def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises ValueError."""
    return json.loads(text)


def _create(file: Path) -> None:
    """Make the file so that it appears whole, though many may try at once."""
    draft = file.with_name(f"new-{os.getpid()}-{threading.get_ident()}.db")
    try:
        new_file(draft, SCHEDULE).close()
        with suppress(FileExistsError):
            os.link(draft, file)
    except (OSError, sqlite3.Error) as error:
        raise StateError(
            f"{file} can't be made: {error}", hint="free some space, or make the folder writable"
        ) from error
    finally:
        for leftover in (draft, draft.with_name(f"{draft.name}-journal")):
            leftover.unlink(missing_ok=True)
