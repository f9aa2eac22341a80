"""A file of state: one SQLite database, written by many threads, checked before it is trusted.

It is in rollback-journal mode with ``synchronous=FULL``: the write-ahead log of
SQLite 3.7.0 to 3.51.2 can lose committed transactions.
Source: https://www.sqlite.org/wal.html
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pinflow.errors import StateError
from pinflow.lazy_dataclass import dataclass
from pinflow.state.folder.atomic_file import sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    Values = Sequence[object] | Mapping[str, object]

APPLICATION_ID = 0x70666C77  # "pflw", by which the file is known as a run of pinflow
SCHEMA = 1  # the version of its tables

# sqlite3 fails to decode its own complaint when that quotes a damaged schema
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)

# of SQLite's primary result codes, those that say nothing of what is in the file
_OUT_OF_REACH = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
    }
)

# what a killed process may lose of what needs no intent: it costs a look at the target, or a step done anew
_GROUP = 200  # records that wait for a commit; one for each would take most of a run's time
_GROUP_SECONDS = 0.5
_ROLLBACK_BYTES = 1 << 20  # that the rollback journal keeps between two commits; more was one large transaction's

_TABLES = """
CREATE TABLE run (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT, recipe TEXT, recipe_digest TEXT, name TEXT,
    inputs TEXT, options TEXT, versions TEXT, started REAL, state TEXT, finished REAL, exit_code INTEGER,
    resume_after REAL, error TEXT);
CREATE TABLE steps (path TEXT PRIMARY KEY, status TEXT, output TEXT, seconds REAL, error TEXT) WITHOUT ROWID;
CREATE TABLE items (loop TEXT, key TEXT, status TEXT, PRIMARY KEY (loop, key)) WITHOUT ROWID;
CREATE TABLE effects (step TEXT, key TEXT, kind TEXT, state TEXT, attempts INTEGER, method TEXT, category TEXT,
    digest TEXT, sent_at REAL, result TEXT, error TEXT, PRIMARY KEY (step, key)) WITHOUT ROWID;
CREATE TABLE frozen (step TEXT, name TEXT, place INTEGER, id TEXT, PRIMARY KEY (step, name, place))
    WITHOUT ROWID;
CREATE INDEX frozen_ids ON frozen (step, name, id);
CREATE TABLE lists (step TEXT, name TEXT, length INTEGER, PRIMARY KEY (step, name)) WITHOUT ROWID;
CREATE TABLE calls (login TEXT, category TEXT, n INTEGER, PRIMARY KEY (login, category)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file of state is: the marks by which it is known, its tables, and the words for it."""

    application_id: int
    version: int  # of the tables; a newer one is left alone
    tables: str
    noun: str  # for messages: "run"
    advice: str  # what to do about a damaged one


RUN = FileKind(
    APPLICATION_ID, SCHEMA, _TABLES, "run", "check the target for what the run did, then start the recipe again"
)


class Store:
    """One SQLite file, written by many threads through one connection.

    Records wait in a queue. A thread that needs its own on disk commits all that wait;
    others that wait for that commit find theirs done. After the first failure nothing
    is written any more: each further call raises the same StateError.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        file: Path,
        *,
        monotonic: Callable[[], float],
        probe: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self.file = file
        self._monotonic = monotonic
        self._probe = probe
        self._queue: list[tuple[str, Values]] = []
        self._calls: dict[tuple[str, str], int] = {}
        self._queue_lock = threading.Lock()  # of the two above, so that to put a record never waits for the disk
        turns = threading.Lock()  # of the connection: SQLite's own lock would not let readers go first
        self._reads = threading.Condition(turns)
        self._commits = threading.Condition(turns)
        self._busy = False  # whether a thread uses the connection
        self._readers = 0  # threads that wait to read
        self._put = self._written = self._committed = 0  # records so far
        self._last = monotonic()
        self._failure: StateError | None = None

    def put(self, query: str, values: Values) -> None:
        """Let a record wait for the next commit."""
        with self._queue_lock:
            self._queue.append((query, values))
            self._put += 1

    def count(self, login: str, category: str, n: int) -> None:
        """Let a counter wait for the next commit."""
        with self._queue_lock:
            self._calls[login, category] = self._calls.get((login, category), 0) + n
            self._put += 1

    def commit(self) -> None:
        """On return, all that this thread has put is on disk. Raises StateError otherwise."""
        with self._queue_lock:
            upto = self._put
        with self._commits:
            # readers go first: what they then put rides with the commit that let them pass
            self._commits.wait_for(lambda: self._committed >= upto or not (self._busy or self._readers))
            if self._committed >= upto:
                return
            self._busy = True
        with self._turn_ends(reading=False):
            self._write()
            self._end_transaction()

    def commit_sometimes(self, *, timed: bool = True) -> None:
        """Commit when many records wait, or for long, and no other thread does. Never raises.

        The next call that needs something on disk raises the failure.
        """
        if self._put - self._committed < _GROUP and not (timed and self._monotonic() - self._last >= _GROUP_SECONDS):
            return
        if not self._busy:
            with suppress(StateError):
                self.commit()

    def read(self, query: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """The rows of a query, which sees all that was put before. Raises StateError."""
        with self._reads:
            self._readers += 1
            try:
                self._reads.wait_for(lambda: not self._busy)
            except BaseException:  # an interrupt: no thread may wait for this reader
                self._commits.notify()
                raise
            finally:
                self._readers -= 1
            self._busy = True
        with self._turn_ends(reading=True):
            self._write()
            try:
                return self._connection.execute(query, values).fetchall()
            except UNREADABLE as error:
                raise self._fail(error) from error

    def close(self) -> None:
        """Commit what waits and close the file. Raises StateError when that fails, with the file closed."""
        try:
            if not self._failure:
                self.commit()
                with suppress(sqlite3.Error):  # all is committed: the rollback journal can go
                    self._connection.execute("PRAGMA journal_mode = DELETE").close()
        finally:
            with suppress(sqlite3.Error):
                self._connection.close()

    @contextmanager
    def _turn_ends(self, *, reading: bool) -> Iterator[None]:
        """Give the connection to the next one, whatever happens in between."""
        try:
            yield
        finally:
            with self._commits:
                self._busy = False
                self._reads.notify()
                # after a commit all whose records it took are free to go; after a read, one may commit
                if not reading:
                    self._commits.notify_all()
                elif not self._readers:
                    self._commits.notify()

    def _write(self) -> None:
        """Put what waits into the open transaction, or a new one."""
        if self._failure:
            raise self._failure
        if self._put == self._written:
            return
        try:
            with self._queue_lock:
                queue, self._queue = self._queue, []
                calls, self._calls = self._calls, {}
                put = self._put
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            for query, values in queue:
                self._connection.execute(query, values)
            for (login, category), n in calls.items():
                self._connection.execute(_ADD_CALLS, (login, category, n))
            self._written = put
        except sqlite3.Error as error:
            raise self._fail(error) from error
        except BaseException as error:  # records left the queue and are not written: none may count as written
            self._fail(error)
            raise

    def _end_transaction(self) -> None:
        if self._connection.in_transaction:
            self._probe("commit")
            try:
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._fail(error) from error
            self._probe("committed")
        self._committed = self._written
        self._last = self._monotonic()

    def _fail(self, error: BaseException) -> StateError:
        with suppress(sqlite3.Error):
            self._connection.rollback()
        self._failure = StateError(
            f"{self.file} can't be written: {error or type(error).__name__}; nothing more was sent",
            hint=f"free some space, or make the folder writable; then: pinflow resume {self.file.stem}",
        )
        return self._failure


_ADD_CALLS = (
    "INSERT INTO calls VALUES (?, ?, ?)"
    " ON CONFLICT (login, category) DO UPDATE SET n = calls.n + excluded.n"
)  # fmt: skip


def new_file(file: Path, kind: FileKind = RUN) -> sqlite3.Connection:
    """An empty file of state, readable by its owner alone, whose name survives a power loss.

    Raises OSError or sqlite3.Error.
    """
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600))
    connection = _connect(file)
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE; PRAGMA application_id = {kind.application_id}; PRAGMA user_version = {kind.version};"
            f"{kind.tables} COMMIT;"
        )
        sync_folder(file.parent)
    except BaseException:
        connection.close()
        raise
    return connection


def open_file(file: Path, kind: FileKind = RUN) -> sqlite3.Connection:
    """An existing file of state, found whole and of a known kind.

    Raises StateError when it is damaged, foreign, from a newer pinflow, or out of
    reach: then it is left as it is.
    """
    try:
        with look(file, kind) as connection:
            (first,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if first != "ok":
            raise damage_error(file, first, kind)
        return _connect(file)
    except UNREADABLE as error:
        raise unreadable(file, error, kind) from error


@contextmanager
def look(file: Path, kind: FileKind = RUN) -> Iterator[sqlite3.Connection]:
    """A file of state for reading, without changing it. Raises StateError or sqlite3.Error.

    A commit that was cut off must be undone before anyone can read; a connection
    that may only read can't do that.
    """
    try:
        connection = _readable(file, "ro", kind)
    except sqlite3.OperationalError:
        connection = _readable(file, "rw", kind)
    with closing(connection):
        yield connection


def _readable(file: Path, mode: str, kind: FileKind) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=2)
    connection.text_factory = _lenient
    try:
        (mark,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if mark != kind.application_id:
            raise StateError(f"{file} is not a {kind.noun} of pinflow; it was left as it is")
        if version > kind.version:
            known = f"journal {version}; this one knows {kind.version}"
            raise StateError(
                f"{file} is from a newer pinflow ({known}); it was left as it is",
                hint="upgrade pinflow",
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _lenient(text: bytes) -> str:
    return text.decode(errors="replace")


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=10)
    connection.text_factory = _lenient
    for pragma in (
        "trusted_schema = OFF",
        # as safe as to cut it off, and cheaper: the file keeps its length, which need not be put on disk each time
        "journal_mode = PERSIST",
        f"journal_size_limit = {_ROLLBACK_BYTES}",
        "synchronous = FULL",
        "fullfsync = ON",  # macOS: a plain fsync leaves the data in the drive's cache
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}").close()
    return connection


def damage_error(file: Path, why: object, kind: FileKind = RUN) -> StateError:
    """The error that says that a file of state can't be believed."""
    return StateError(f"{file} is damaged: {why}; it was left as it is", hint=kind.advice)


def unreadable(file: Path, error: Exception, kind: FileKind = RUN) -> StateError:
    """The error that says that SQLite could not read a file of state: it is damaged, or only out of reach."""
    if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF in _OUT_OF_REACH:
        return StateError(
            f"{file} can't be read: {error}",
            hint="see that it is a file of yours, and that its disk works; then try again",
        )
    return damage_error(file, error, kind)
