"""The open file of a run: written by many threads through one connection, and read with every row verified."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pinflow.errors import StateError
from pinflow.state.folder.checked_table import add_row_check
from pinflow.state.folder.intent_log import IntentLog
from pinflow.state.folder.run_tables import CALLS, row_damage
from pinflow.state.folder.sqlite import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pinflow.state.folder.checked_table import CheckedTable

    Values = Sequence[object] | Mapping[str, object]

# what a killed process may lose of what needs no intent: it costs a look at the target, or a step done anew
_GROUP = 200  # records that wait for a commit; one for each would take most of a run's time
_GROUP_SECONDS = 0.5
_COMMITS_BEFORE_LOG = 8  # a run that writes less is not worth a log of 128 KiB

_ADD_CALLS = CALLS.upsert({"login": "?1", "category": "?2", "n": "?3"}, {"n": "calls.n + excluded.n"})
_PUT_SEAL = "UPDATE seal SET commits = ?, log = ?"


class Store:
    """One run's SQLite file, written by many threads through one connection.

    Records wait in a queue. A thread that needs its own on disk commits all that wait;
    others that wait for that commit find theirs done. Most commits go into the log beside the file, the records of
    some hundred or of half a second then into the file at once: see `pinflow.state.folder.intent_log`. After the first
    failure nothing is written any more: each further call raises the same StateError. ``probe`` is told "commit"
    before and "committed" after each commit, and ``mark`` is given the number of commits so far after each.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        file: Path,
        *,
        monotonic: Callable[[], float],
        probe: Callable[[str], None],
        mark: Callable[[int], None],
    ) -> None:
        self._connection = connection
        self.file = file
        self._check = add_row_check(connection, file.stem)
        self._mark = mark
        (self._commits_made,) = connection.execute("SELECT commits FROM seal").fetchone()
        self._log: IntentLog | None = None
        self._commits_before_log = _COMMITS_BEFORE_LOG
        self._unlogged: list[tuple[str, Values]] = []  # records in the open transaction that are not on disk
        self._monotonic = monotonic
        self._probe = probe
        self._queries: dict[tuple[str, str], str] = {}  # of `rows`; to build one takes longer than to run it
        self._queue: list[tuple[str, Values]] = []
        self._calls: dict[tuple[str, str], int] = {}
        self._queue_lock = threading.Lock()  # of the two above, so that to put a record never waits for the disk
        turns = threading.Lock()  # of the connection: SQLite's own lock would not let readers go first
        self._reads = threading.Condition(turns)
        self._commits = threading.Condition(turns)
        self._busy = False  # whether a thread uses the connection
        self._readers = 0  # threads that wait to read
        self._put = self._written = self._committed = self._in_file = 0  # records so far
        self._last = monotonic()  # commit of the file itself
        self._failure: StateError | None = None

    def put(self, query: str, values: Values) -> None:
        """Let a record wait for the next commit."""
        with self._queue_lock:
            self._queue.append((query, values))
            self._put += 1

    def count(self, login: str, category: str, n: int) -> None:
        """Let a counter wait until the file itself is committed for other reasons, `take_counters` or `close`."""
        with self._queue_lock:
            self._calls[login, category] = self._calls.get((login, category), 0) + n

    def take_counters(self) -> None:
        """Let the counters so far ride with the next commit."""
        with self._queue_lock:
            calls, self._calls = self._calls, {}
            self._queue += ((_ADD_CALLS, (*counter, n)) for counter, n in calls.items())
            self._put += len(calls)

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
            if self._log is None or self._is_due(self._put):
                self.take_counters()  # not with each entry of the log: a row more for each write would slow it
            self._write()
            if not self._append_to_log():
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

    def rows(self, table: CheckedTable, where: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """The rows of a table that are as ``where`` says, verified, with all columns. Raises StateError."""
        query = self._queries.get((table.name, where))
        if query is None:
            query = self._queries[table.name, where] = table.select(where)
        rows = self.read(query, values)
        for *row, value in rows:
            if self._check(table.name, *row) != value:
                raise row_damage(self.file, table)
        return [row[:-1] for row in rows]

    def close(self) -> None:
        """Commit what waits and close the file. Raises StateError when that fails, with the file closed."""
        log, self._log = self._log, None
        self._commits_before_log = 0
        try:
            if not self._failure:
                if log is not None:  # the commit ends it
                    self.put(_PUT_SEAL, (self._commits_made, 0))
                self.take_counters()
                self.commit()
                with suppress(sqlite3.Error):  # all is committed: the rollback journal can go
                    self._connection.execute("PRAGMA journal_mode = DELETE").close()
                if log is not None:
                    log.remove()
        finally:
            if log is not None:
                log.close()
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
                put = self._put
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            for query, values in queue:
                self._connection.execute(query, values)
            self._unlogged += queue
            self._written = put
        except sqlite3.Error as error:
            raise self._fail(error) from error
        except BaseException as error:  # records left the queue and are not written: none may count as written
            self._fail(error)
            raise

    def _is_due(self, records: int) -> bool:
        """Whether it is time to commit the file itself, with so many records so far."""
        return records - self._in_file >= _GROUP or self._monotonic() - self._last >= _GROUP_SECONDS

    def _append_to_log(self) -> bool:
        """Put what is not on disk into the log; False if there is none yet, or it is time to commit the file itself.

        Raises StateError.
        """
        log = self._log
        if log is None or self._is_due(self._written) or not self._unlogged:
            return False
        number = self._commits_made + 1
        try:
            entry = log.entry(number, self._unlogged)
            if entry is None:
                return False
            self._probe("commit")
            log.append(entry)
        except (OSError, ValueError, TypeError) as error:
            raise self._fail(error) from error
        except BaseException as error:  # whether the entry is there is not known: nothing may follow it
            self._fail(error)
            raise
        self._is_on_disk(number)
        return True

    def _end_transaction(self) -> None:
        """Commit the file itself. Raises StateError."""
        if self._connection.in_transaction:
            log = self._log or self._open_log()
            number = self._commits_made + 1
            self._probe("commit")
            try:
                self._connection.execute(_PUT_SEAL, (number, log.number if log is not None else 0))
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._fail(error) from error
            if log is not None:
                log.begin_anew()
            self._log = log
            self._is_on_disk(number)
        self._committed = self._in_file = self._written
        self._last = self._monotonic()

    def _open_log(self) -> IntentLog | None:
        """A log, once there were some commits; None before that, and where there is no room for one."""
        self._commits_before_log -= 1
        if self._commits_before_log:  # more are needed, or it was tried before
            return None
        try:
            return IntentLog(self.file)
        except OSError:  # all goes on as before, only slower
            return None

    def _is_on_disk(self, number: int) -> None:
        self._commits_made = number
        self._unlogged = []
        self._committed = self._written
        self._mark(number)
        self._probe("committed")

    def _fail(self, error: BaseException) -> StateError:
        with suppress(sqlite3.Error):
            self._connection.rollback()
        reason = getattr(error, "strerror", None) or error or type(error).__name__
        self._failure = StateError(
            f"{self.file} can't be written: {reason}; nothing more was sent",
            hint=f"free some space, or make the folder writable; then: pinflow resume {self.file.stem}",
        )
        return self._failure
