"""The occurrence table: every time at which a job was due, on disk before it runs, and what became of it.

One SQLite file, shared by daemons, ticks and commands of this machine. Whoever works on an occurrence holds a claim:
a lease that must be renewed, and a fencing number that every later write carries. An owner who was frozen past its
lease, and whose occurrence somebody else took up, can't write any more. The id of the run is decided by the first
claim and kept by all later ones; a run's file can be made once only, so that there is one run of an occurrence even
if two owners wake up at once.

    due -> claimed -> running -> done | failed          skipped, merged, withdrawn: with the reason
                    -> paused  -> claimed ...
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

from pinflow.errors import StateError
from pinflow.recipe.model import Schedule
from pinflow.scheduling.rules import utc
from pinflow.state.folder.sqlite import MOUNTS, UNREADABLE, Kind, check_place, damaged, new_file, open_file, unreadable
from pinflow.state.protocol import ClaimLost
from pinflow.state.records import JobRow, Occurrence, OccurrenceState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pinflow.state.records import OccurrenceEnd, Verdict


STATES: tuple[OccurrenceState, ...] = (
    *("due", "claimed", "running", "paused"),
    *("done", "failed", "skipped", "merged", "withdrawn"),
)
OPEN: tuple[OccurrenceState, ...] = ("due", "claimed", "running", "paused")
LEASE = 60.0  # seconds that an owner may be silent
_TOGETHER = 5  # seconds by which two processes may be apart that look at one clock
KEPT = 400 * 86_400  # seconds; a year's history, and some

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
SCHEDULE = Kind(
    *(0x70667363, 1, _TABLES, "schedule"),
    "move it away to begin a new one; what is due is then counted from that moment",
)
_COLUMNS = (
    "id, job, due, last, count, start, state, origin, reason, owner, fence, lease, not_before, run, "
    "began, ended, exit_code"
)


class Table:
    """The table below ``state``, which is made if need be. Safe to share between threads. Close it.

    Everything raises StateError when the file can't be used; what is damaged, foreign or newer is left as it is.
    ``probe`` is told "commit" before and "committed" after each change.
    """

    def __init__(
        self,
        state: Path,
        *,
        owner: str,
        mounts: Path = MOUNTS,
        probe: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.owner = owner
        self.file = state / "schedule" / "table.db"
        self._probe = probe
        self._lock = threading.RLock()
        _make_folder(self.file.parent, mounts)
        if not self.file.exists():
            _create(self.file)
        self._connection = open_file(self.file, SCHEDULE)
        try:
            self._check()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock, suppress(sqlite3.Error):
            self._connection.close()

    def _check(self) -> None:
        """The tables are those that this version makes, to the letter."""
        with closing(sqlite3.connect(":memory:")) as fresh:
            fresh.executescript(_TABLES)
            wanted = fresh.execute(_SCHEMA).fetchall()
        if self._rows(_SCHEMA) != wanted:
            raise damaged(self.file, "its tables were changed", SCHEDULE)
        if self._rows(_EDITED) or self._rows(
            _EDITED_JOBS
        ):  # not every version of SQLite looks at constraints in its own check
            raise damaged(self.file, "a row holds what no pinflow writes", SCHEDULE)

    # -- reading

    def _rows(self, query: str, values: Sequence[object] | Mapping[str, object] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except UNREADABLE as error:
                raise unreadable(self.file, error, SCHEDULE) from error

    def jobs(self, *, active: bool = True) -> dict[str, JobRow]:
        """Every job by name; without ``active`` those that were taken away as well."""
        rows = self._rows(f"SELECT {_JOB_COLUMNS} FROM jobs WHERE active >= ? ORDER BY name", (int(active),))
        return {row[0]: self._job(row) for row in rows}

    def _job(self, row: tuple[Any, ...]) -> JobRow:
        try:
            return JobRow(
                name=row[0],
                title=row[1],
                recipe=row[2],
                stamp=row[3],
                digest=row[4],
                block=_block(row[5]),
                inputs=_shaped(row[6], dict),
                accounts=_shaped(row[7], list),
                anchor=row[8],
                seen=row[9],
                paused=row[10],
                failures=row[11],
                rest_until=row[12],
                active=bool(row[13]),
            )
        except (ValueError, TypeError) as error:
            raise damaged(self.file, f"the job {row[0]}: {error}", SCHEDULE) from error

    def open_occurrences(self, now: float, *, number: int = 1_000) -> list[Occurrence]:
        """What can be claimed now, the oldest first: due, paused until now, or left by an owner that fell silent."""
        query = f"""SELECT {_COLUMNS} FROM occurrences WHERE state IN {OPEN} AND
            CASE state WHEN 'due' THEN start <= ?1 WHEN 'paused' THEN not_before <= ?1 ELSE lease < ?1 END
            AND not_before <= ?1 ORDER BY due, id LIMIT ?2"""
        return [Occurrence(*row) for row in self._rows(query, (now, number))]

    def next_open(self) -> float | None:
        """When something that waits can be claimed next."""
        query = f"""SELECT min(max(not_before, CASE state WHEN 'due' THEN start WHEN 'paused' THEN not_before
            ELSE lease END)) FROM occurrences WHERE state IN {OPEN}"""
        found: float | None = self._rows(query)[0][0]
        return found

    def history(
        self, job: str = "", *, number: int = 20, states: Sequence[OccurrenceState] = STATES
    ) -> list[Occurrence]:
        """The newest rows of a job, or of all, the newest first."""
        marks = ", ".join("?" * len(states))
        query = f"""SELECT {_COLUMNS} FROM occurrences WHERE (? = '' OR job = ?) AND state IN ({marks})
            ORDER BY due DESC, id DESC LIMIT ?"""
        return [Occurrence(*row) for row in self._rows(query, (job, job, *states, number))]

    def around(self, job: str, first: float, last: float) -> list[Occurrence]:
        """The rows of a job that stand for a time from ``first`` to ``last``."""
        query = f"SELECT {_COLUMNS} FROM occurrences WHERE job = ? AND due <= ? AND last >= ? ORDER BY due"
        return [Occurrence(*row) for row in self._rows(query, (job, last, first))]

    def find(self, id_: int) -> Occurrence:
        """One row."""
        return Occurrence(*self._rows(f"SELECT {_COLUMNS} FROM occurrences WHERE id = ?", (id_,))[0])

    def version(self) -> int:
        """A number that changes when another process changes the table."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def note(self, name: str) -> Any:
        """What was kept under a name; None if nothing was."""
        rows = self._rows("SELECT value FROM notes WHERE name = ?", (name,))
        try:
            return json.loads(rows[0][0]) if rows else None
        except ValueError as error:
            raise damaged(self.file, error, SCHEDULE) from error

    # -- writing

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One change, on disk when the block ends, or not at all."""
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
                    f"{self.file} can't be written: {error}; nothing was started",
                    hint="make room, or make the place writable",
                ) from error

    def keep(self, name: str, value: Any) -> None:
        """Remember something under a name."""
        with self._change() as change:
            change.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, json.dumps(value)))

    def put_jobs(self, rows: Iterable[JobRow], *, now: float) -> list[str]:
        """Add jobs, or change them; the names of those whose waiting occurrences were withdrawn.

        A changed digest withdraws them. A changed rule also begins anew: with the anchor and the
        watermark of the given row.
        """
        withdrawn = []
        with self._change() as change:
            for row in rows:
                before = change.execute(f"SELECT {_JOB_COLUMNS} FROM jobs WHERE name = ?", (row.name,)).fetchone()
                old = None if before is None else self._job(before)
                if old is not None and old.digest != row.digest:
                    reason = "the recipe was edited" if old.active else "the recipe was taken away, and came back"
                    if _withdraw(change, row.name, reason, now):
                        withdrawn.append(row.name)
                if old is not None and old.active and old.block == row.block:
                    row = replace(row, anchor=old.anchor, seen=old.seen)
                if old is not None:
                    rest = old.rest_until if old.digest == row.digest else 0.0  # what was edited may be mended
                    row = replace(row, paused=old.paused, failures=old.failures, rest_until=rest)
                change.execute(f"INSERT OR REPLACE INTO jobs ({_JOB_COLUMNS}) VALUES ({_JOB_MARKS})", _job_values(row))
        return withdrawn

    def take_away(self, names: Iterable[str], reason: str, *, now: float) -> None:
        """These jobs are no longer scheduled; what waits is withdrawn."""
        with self._change() as change:
            for name in names:
                change.execute("UPDATE jobs SET active = 0 WHERE name = ?", (name,))
                _withdraw(change, name, reason, now)

    def record(self, found: Iterable[tuple[str, int, Sequence[Verdict]]]) -> set[str]:
        """Write down what became due: job, the watermark that the verdicts begin at, and the verdicts.

        Gives the jobs. One whose watermark was moved meanwhile is left alone: somebody else has written it.
        """
        recorded = set()
        with self._change() as change:
            for job, seen, verdicts in found:
                upto = max(each.last for each in verdicts)
                query = "UPDATE jobs SET seen = ? WHERE name = ? AND seen = ? AND active = 1"
                if not change.execute(query, (upto, job, seen)).rowcount:
                    continue
                recorded.add(job)
                for each in verdicts:
                    _insert(change, job, each)
        return recorded

    def add(self, job: str, verdict: Verdict) -> int:
        """Write down one occurrence beyond the rule's own; its row's id. Its second is the last that is not taken."""
        with self._change() as change:
            due = verdict.due
            while change.execute("SELECT 1 FROM occurrences WHERE job = ? AND due = ?", (job, due)).fetchone():
                due -= 1
            moved = replace(verdict, due=due, last=due, start=due)
            return int(change.execute(_INSERT, _verdict_values(job, moved)).lastrowid or 0)

    def again(self, job: str, dues: Iterable[int], reason: str) -> list[int]:
        """Let times run that did not: new rows, or rows that were skipped, merged or withdrawn; the ids of all."""
        ids = []
        with self._change() as change:
            for due in dues:
                # a row that stands for many times lets its first one go
                change.execute(
                    """UPDATE occurrences SET due = due + 1, start = max(start, due + 1), count = NULL
                    WHERE job = ? AND due = ? AND last > due AND run = ''""",
                    (job, due),
                )
                change.execute(
                    """INSERT INTO occurrences (job, due, last, count, start, state, origin, reason, owner, fence,
                    lease, not_before, run) VALUES (?1, ?2, ?2, 1, ?2, 'due', 'backfill', ?3, '', 0, 0, 0, '')
                    ON CONFLICT (job, due) DO UPDATE SET state = 'due', origin = 'backfill', reason = ?3, ended = NULL
                    WHERE state IN ('skipped', 'merged', 'withdrawn') AND run = '' AND last = due""",
                    (job, due, reason),
                )
                query = "SELECT id FROM occurrences WHERE job = ? AND due = ? AND state = 'due'"
                ids += [id_ for (id_,) in change.execute(query, (job, due))]
        return ids

    def pause(self, job: str, since: float | None) -> bool:
        """Pause a job, or (None) let it go on; whether that changed anything."""
        with self._change() as change:
            query = "UPDATE jobs SET paused = ? WHERE name = ? AND (paused IS NULL) = ?"
            return bool(change.execute(query, (since, job, since is not None)).rowcount)

    def end_rest(self, job: str, now: float) -> bool:
        """Let a job run again that rests after failures; whether it did."""
        with self._change() as change:
            query = "UPDATE jobs SET rest_until = 0 WHERE name = ? AND rest_until > ?"
            return bool(change.execute(query, (job, now)).rowcount)

    def rewind(self, now: float) -> list[str]:
        """The clock was set back to ``now``: what lies in the future again counts as not seen; the jobs concerned.

        What ran keeps its row, so that nothing runs twice; what was only passed over is due again when its time comes.
        """
        moment, ahead = int(now), int(now) + _TOGETHER
        with self._change() as change:
            names = [name for (name,) in change.execute("SELECT name FROM jobs WHERE seen > ?", (ahead,))]
            change.execute("UPDATE jobs SET seen = ? WHERE seen > ?", (moment, ahead))
            if names:
                passed = "state IN ('skipped', 'merged') AND run = ''"
                change.execute(f"DELETE FROM occurrences WHERE due > ? AND {passed}", (moment,))
                query = f"UPDATE occurrences SET last = ?1, count = NULL WHERE due <= ?1 AND last > ?1 AND {passed}"
                change.execute(query, (moment,))
            change.execute("UPDATE occurrences SET lease = ? WHERE lease > ?", (now + LEASE, now + LEASE + _TOGETHER))
            change.execute("UPDATE jobs SET rest_until = 0 WHERE rest_until > ?", (now + 86_400,))
        return names

    def prune(self, now: float) -> None:
        """Forget what ended more than a year ago; withdraw what a silent owner left of a job that is gone."""
        with self._change() as change:
            change.execute(
                f"""UPDATE occurrences SET state = 'withdrawn', reason = 'the job is no longer scheduled', ended = ?1
                WHERE state IN {OPEN} AND lease < ?1 AND job NOT IN (SELECT name FROM jobs WHERE active = 1)""",
                (now,),
            )
            change.execute(f"DELETE FROM occurrences WHERE last < ? AND state NOT IN {OPEN}", (int(now) - KEPT,))

    # -- claims

    def claim(
        self, id_: int, now: float, *, run: str, skip_overlap: bool, accounts: Collection[str] = ()
    ) -> Occurrence | None:
        """Take an occurrence up, or the row as it is skipped, or None: somebody else has it, or it has to wait.

        ``run`` is the id of its run, unless an earlier claim decided on one. An earlier occurrence of the job that has
        not ended makes it wait, or (``skip_overlap``) be left out. It waits too while another process runs a job of one
        of its ``accounts``.
        """
        with self._change() as change:
            row = change.execute(f"SELECT {_COLUMNS} FROM occurrences WHERE id = ?", (id_,)).fetchone()
            before = None if row is None else Occurrence(*row)
            if before is None or not _can_be_claimed(before, now):
                return None
            if before.state == "due" and (other := _in_the_way(change, before)) is not None:
                if not (skip_overlap and before.origin == "schedule"):
                    return None
                reason = f"the occurrence before it had not ended (due {utc(other)})"
                change.execute(
                    "UPDATE occurrences SET state = 'skipped', reason = ?, ended = ? WHERE id = ?", (reason, now, id_)
                )
            elif _at_work(change, self.owner, now).intersection(accounts):
                return None
            else:
                change.execute(
                    """UPDATE occurrences SET state = 'claimed', owner = ?, fence = fence + 1, lease = ?,
                    began = coalesce(began, ?), run = CASE run WHEN '' THEN ? ELSE run END WHERE id = ?""",
                    (self.owner, now + LEASE, now, run, id_),
                )
            query = f"SELECT {_COLUMNS} FROM occurrences WHERE id = ?"
            return Occurrence(*change.execute(query, (id_,)).fetchone())

    def renew(self, held: Iterable[Occurrence], now: float) -> list[Occurrence]:
        """Say that their owner is alive; those that it has lost."""
        lost = []
        with self._change() as change:
            for each in held:
                query = """UPDATE occurrences SET lease = ? WHERE id = ? AND fence = ?
                    AND state IN ('claimed', 'running')"""
                if not change.execute(query, (now + LEASE, each.id, each.fence)).rowcount:
                    lost.append(each)
        return lost

    def running(self, held: Occurrence, *, run: str | None = None) -> Occurrence:
        """The run begins, or goes on; ``run`` is another id for it. Raises Lost."""
        name = run or held.run
        self._write(held, "state = 'running', run = ?", name)
        return replace(held, state="running", run=name)

    def release(self, held: Occurrence, *, until: float, reason: str) -> None:
        """Leave it to whoever comes next, from ``until`` on. Raises Lost."""
        state = "due" if held.state == "claimed" else "claimed"
        self._write(held, f"state = '{state}', lease = 0, not_before = ?, reason = ?, owner = ''", until, reason)

    def park(self, held: Occurrence, *, until: float, reason: str) -> None:
        """The run is paused, and goes on from ``until``. Raises Lost."""
        self._write(held, "state = 'paused', lease = 0, not_before = ?, reason = ?, exit_code = 6", until, reason)

    def settle(
        self,
        held: Occurrence,
        state: OccurrenceEnd,
        *,
        now: float,
        reason: str,
        exit_code: int | None,
        run: str | None = None,
    ) -> None:
        """It ended; ``run`` "" says that there is none of it. Raises Lost."""
        changes = "state = ?, lease = 0, ended = ?, reason = ?, exit_code = ?, run = ?"
        self._write(held, changes, state, now, reason, exit_code, held.run if run is None else run)

    def _write(self, held: Occurrence, changes: str, *values: object) -> None:
        """A write that carries the fencing number."""
        with self._change() as change:
            query = f"UPDATE occurrences SET {changes} WHERE id = ? AND fence = ? AND state IN ('claimed', 'running')"
            if not change.execute(query, (*values, held.id, held.fence)).rowcount:
                raise ClaimLost(f"another process has taken over run {held.run}; nothing more was written")

    def count_failure(self, job: str, failed: bool, *, rest_until: float = 0.0) -> int:
        """How many times in a row the job has failed now; ``rest_until`` is when it may run again."""
        with self._change() as change:
            query = (
                "UPDATE jobs SET failures = CASE ? WHEN 1 THEN failures + 1 ELSE 0 END, rest_until = ? WHERE name = ?"
            )
            change.execute(query, (int(failed), rest_until, job))
            row = change.execute("SELECT failures FROM jobs WHERE name = ?", (job,)).fetchone()
        return row[0] if row else 0


@lru_cache(maxsize=16_384)
def _loads(text: str) -> Any:
    """What a text of JSON says. Many jobs say the same; nobody changes it."""
    return json.loads(text)


def _shaped(text: str, shape: type) -> Any:
    """The same, where it is a mapping or a list. Raises ValueError."""
    found = _loads(text)
    if not isinstance(found, shape):
        raise ValueError(f"{text[:40]} is no {shape.__name__}")
    return found


@lru_cache(maxsize=16_384)
def _block(text: str) -> Mapping[str, Any]:
    """A job's schedule, by the checks of a recipe's. Raises ValueError."""
    said: dict[str, Any] = _shaped(text, dict)
    keys = {each.name: each.metadata["key"] for each in fields(Schedule) if each.metadata}
    if said.keys() != keys.keys():
        raise ValueError("its schedule has other keys")
    for name, key in keys.items():
        if said[name] != key.default:
            try:
                key.kind(said[name])
            except ValueError as error:
                raise ValueError(f"{name} {error}") from error
    return said


_SCHEMA = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
_EDITED = f"""SELECT 1 FROM occurrences WHERE state NOT IN {STATES} OR typeof(due) <> 'integer' OR last < due
    OR start < due OR typeof(fence) <> 'integer' OR typeof(start) <> 'integer' OR typeof(last) <> 'integer'
    OR typeof(lease) <> 'real' OR typeof(not_before) <> 'real' OR typeof(began) NOT IN ('real', 'null')
    OR typeof(ended) NOT IN ('real', 'null') LIMIT 1"""
_EDITED_JOBS = """SELECT 1 FROM jobs WHERE NOT (json_valid(block) AND json_valid(inputs) AND json_valid(accounts))
    OR typeof(anchor) <> 'integer' OR typeof(seen) <> 'integer' OR typeof(failures) <> 'integer'
    OR typeof(rest_until) <> 'real' OR typeof(paused) NOT IN ('real', 'null') LIMIT 1"""
_JOB_COLUMNS = (
    "name, title, recipe, stamp, digest, block, inputs, accounts, anchor, seen, paused, failures, rest_until, active"
)
_JOB_MARKS = ", ".join("?" * len(_JOB_COLUMNS.split(", ")))
_INSERT = """INSERT OR IGNORE INTO occurrences (job, due, last, count, start, state, origin, reason, owner, fence,
    lease, not_before, run) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', 0, 0, 0, '')"""


def _job_values(row: JobRow) -> tuple[object, ...]:
    return (
        *(row.name, row.title, row.recipe, row.stamp, row.digest),
        *(json.dumps(each) for each in (row.block, row.inputs, list(row.accounts))),
        *(row.anchor, row.seen, row.paused, row.failures, row.rest_until, int(row.active)),
    )


def _verdict_values(job: str, each: Verdict) -> tuple[object, ...]:
    return (job, each.due, each.last, each.count, max(each.start, each.due), each.state, each.origin, each.reason)


def _insert(change: sqlite3.Connection, job: str, verdict: Verdict) -> None:
    """Write a row, unless there is one. What stands for many times and meets the row of one begins behind it."""
    while not change.execute(_INSERT, _verdict_values(job, verdict)).rowcount and verdict.due < verdict.last:
        verdict = replace(verdict, due=verdict.due + 1, count=None)


def _withdraw(change: sqlite3.Connection, job: str, reason: str, now: float) -> int:
    """Withdraw what waits, and what a silent owner left; a run that goes on ends by itself."""
    query = """UPDATE occurrences SET state = 'withdrawn', reason = ?, ended = ? WHERE job = ? AND
        (state IN ('due', 'paused') OR (state IN ('claimed', 'running') AND lease < ?))"""
    return change.execute(query, (reason, now, job, now)).rowcount


def _can_be_claimed(row: Occurrence, now: float) -> bool:
    if row.state not in OPEN or row.not_before > now:
        return False
    return row.state in ("due", "paused") or row.lease < now


def _in_the_way(change: sqlite3.Connection, row: Occurrence) -> int | None:
    """When an occurrence of the same job was due that has not ended."""
    query = """SELECT due FROM occurrences WHERE job = ?1 AND id <> ?2 AND
        (state IN ('claimed', 'running', 'paused') OR (state = 'due' AND due < ?3)) ORDER BY due LIMIT 1"""
    found = change.execute(query, (row.job, row.id, row.due)).fetchone()
    return None if found is None else found[0]


def _at_work(change: sqlite3.Connection, owner: str, now: float) -> set[str]:
    """The accounts for which other owners run something now."""
    query = """SELECT DISTINCT accounts FROM jobs WHERE name IN (SELECT job FROM occurrences
        WHERE state IN ('claimed', 'running') AND lease >= ? AND owner <> ?)"""
    return {account for (accounts,) in change.execute(query, (now, owner)) for account in _loads(accounts)}


def _make_folder(folder: Path, mounts: Path) -> None:
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_place(folder.parent, mounts)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StateError(f"{folder} can't be made: {error.strerror}", hint="choose another state directory") from error


def _create(file: Path) -> None:
    """Make the file so that it appears whole, though many may try at once."""
    fresh = file.with_name(f"new-{os.getpid()}-{threading.get_ident()}.db")
    try:
        new_file(fresh, SCHEDULE).close()
        with suppress(FileExistsError):
            os.link(fresh, file)
    except (OSError, sqlite3.Error) as error:
        raise StateError(f"{file} can't be made: {error}", hint="make room, or make the place writable") from error
    finally:
        for left in (fresh, fresh.with_name(f"{fresh.name}-journal")):
            left.unlink(missing_ok=True)
