"""The occurrences: every time at which a job was due, on disk before it runs, and what became of it.

A process that works on an occurrence holds a claim: a lease that must be renewed, and a fencing number that every
later write carries. An owner that was frozen past its lease, and whose occurrence another process took up, can't write
any more. The id of the run is decided by the first claim and kept by all later ones; a run's file can be made once
only, so that there is one run of an occurrence even if two owners wake up at once.

    due -> claimed -> running -> done | failed          skipped, merged, withdrawn: with the reason
                    -> paused  -> claimed ...
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pinflow.state.folder.schedule_file import parse_json
from pinflow.state.protocol import ClaimLost
from pinflow.state.records import LEASE, OCCURRENCE_STATES, OPEN_STATES, Occurrence

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Sequence

    from pinflow.state.folder.schedule_file import ScheduleFile
    from pinflow.state.records import OccurrenceEnd, OccurrenceState, Verdict

_COLUMNS = ", ".join(Occurrence.__dataclass_fields__)
_INSERT = """INSERT OR IGNORE INTO occurrences (job, due, last, count, start, state, origin, reason, owner, fence,
    lease, not_before, run) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', 0, 0, 0, '')"""


class FolderOccurrences:
    """The occurrences in the schedule's file; ``owner`` names who claims them here. Methods raise StateError."""

    def __init__(self, file: ScheduleFile, owner: str) -> None:
        self._file = file
        self._owner = owner

    # -- reading

    def claimable(self, now: float, *, number: int = 1_000) -> list[Occurrence]:
        """What can be claimed now, the oldest first: due, paused until now, or left by an owner that fell silent."""
        query = f"""SELECT {_COLUMNS} FROM occurrences WHERE state IN {OPEN_STATES} AND
            CASE state WHEN 'due' THEN start <= ?1 WHEN 'paused' THEN not_before <= ?1 ELSE lease < ?1 END
            AND not_before <= ?1 ORDER BY due, id LIMIT ?2"""
        return self._occurrences(query, (now, number))

    def next_claimable(self) -> float | None:
        """The moment from which the next open occurrence can be claimed."""
        query = f"""SELECT min(max(not_before, CASE state WHEN 'due' THEN start WHEN 'paused' THEN not_before
            ELSE lease END)) FROM occurrences WHERE state IN {OPEN_STATES}"""
        moment: float | None = self._file.rows(query)[0][0]
        return moment

    def history(self, job: str = "", *, number: int = 20, states: Sequence[OccurrenceState] = ()) -> list[Occurrence]:
        """The newest rows of a job, or of all jobs, the newest first; ``states`` () are all states."""
        states = states or OCCURRENCE_STATES
        marks = ", ".join("?" * len(states))
        query = f"""SELECT {_COLUMNS} FROM occurrences WHERE (? = '' OR job = ?) AND state IN ({marks})
            ORDER BY due DESC, id DESC LIMIT ?"""
        return self._occurrences(query, (job, job, *states, number))

    def between(self, job: str, first: float, last: float) -> list[Occurrence]:
        """The rows of a job that stand for a time from ``first`` to ``last``, the oldest first."""
        query = f"SELECT {_COLUMNS} FROM occurrences WHERE job = ? AND due <= ? AND last >= ? ORDER BY due"
        return self._occurrences(query, (job, last, first))

    def find(self, id_: int) -> Occurrence:
        """The row with an id. Raises IndexError if there is none."""
        return self._occurrences(f"SELECT {_COLUMNS} FROM occurrences WHERE id = ?", (id_,))[0]

    def _occurrences(self, query: str, values: tuple[object, ...]) -> list[Occurrence]:
        return [Occurrence(*row) for row in self._file.rows(query, values)]

    # -- writing

    def record(self, decisions: Iterable[tuple[str, int, Sequence[Verdict]]]) -> set[str]:
        """Write what became due: job, the watermark that its verdicts begin at, and the verdicts.

        Returns the jobs written. One whose watermark was moved meanwhile is left alone: another process wrote it.
        """
        recorded = set()
        with self._file.change() as change:
            for job, seen, verdicts in decisions:
                upto = max(verdict.last for verdict in verdicts)
                query = "UPDATE jobs SET seen = ? WHERE name = ? AND seen = ? AND active = 1"
                if not change.execute(query, (upto, job, seen)).rowcount:
                    continue
                recorded.add(job)
                for verdict in verdicts:
                    _insert(change, job, verdict)
        return recorded

    def add(self, job: str, verdict: Verdict) -> int:
        """Write one occurrence beyond the rule's own; its row's id. It gets the last second that is not taken."""
        with self._file.change() as change:
            due = verdict.due
            while change.execute("SELECT 1 FROM occurrences WHERE job = ? AND due = ?", (job, due)).fetchone():
                due -= 1
            moved = replace(verdict, due=due, last=due, start=due)
            return int(change.execute(_INSERT, _verdict_values(job, moved)).lastrowid or 0)

    def reopen(self, job: str, dues: Iterable[int], reason: str) -> list[int]:
        """Make times due that did not run: new rows, or rows skipped, merged or withdrawn; the ids of all."""
        ids = []
        with self._file.change() as change:
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

    # -- claims

    def claim(
        self,
        id_: int,
        now: float,
        *,
        run: str,
        skip_reason: Callable[[int], str] | None,
        accounts: Collection[str] = (),
    ) -> Occurrence | None:
        """Claim an occurrence. Returns its row, claimed or skipped; None if it has to wait or another process has it.

        ``run`` is the id of its run, unless an earlier claim decided on one. While an earlier occurrence of the job
        has not ended, a regular one is skipped, with the reason that ``skip_reason`` gives for the earlier one's due
        time; it waits where that is None. It also waits while another process runs a job of one of its ``accounts``.
        """
        with self._file.change() as change:
            row = change.execute(f"SELECT {_COLUMNS} FROM occurrences WHERE id = ?", (id_,)).fetchone()
            before = None if row is None else Occurrence(*row)
            if before is None or not _can_be_claimed(before, now):
                return None
            if before.state == "due" and (earlier := _earlier_due(change, before)) is not None:
                if skip_reason is None or before.origin != "schedule":
                    return None
                change.execute(
                    "UPDATE occurrences SET state = 'skipped', reason = ?, ended = ? WHERE id = ?",
                    (skip_reason(earlier), now, id_),
                )
            elif _busy_accounts(change, self._owner, now).intersection(accounts):
                return None
            else:
                change.execute(
                    """UPDATE occurrences SET state = 'claimed', owner = ?, fence = fence + 1, lease = ?,
                    began = coalesce(began, ?), run = CASE run WHEN '' THEN ? ELSE run END WHERE id = ?""",
                    (self._owner, now + LEASE, now, run, id_),
                )
            query = f"SELECT {_COLUMNS} FROM occurrences WHERE id = ?"
            return Occurrence(*change.execute(query, (id_,)).fetchone())

    def renew(self, claims: Iterable[Occurrence], now: float) -> list[Occurrence]:
        """Renew the leases of claimed occurrences. Returns those that were lost."""
        lost = []
        query = "UPDATE occurrences SET lease = ? WHERE id = ? AND fence = ? AND state IN ('claimed', 'running')"
        with self._file.change() as change:
            for claim in claims:
                if not change.execute(query, (now + LEASE, claim.id, claim.fence)).rowcount:
                    lost.append(claim)
        return lost

    def begin(self, claim: Occurrence, *, run: str | None = None) -> Occurrence:
        """The run begins, or goes on; ``run`` is another id for it. Raises ClaimLost."""
        name = run or claim.run
        self._write(claim, "state = 'running', run = ?", name)
        return replace(claim, state="running", run=name)

    def release(self, claim: Occurrence, *, until: float, reason: str) -> None:
        """Give the claim up; others may take it from ``until`` on. Raises ClaimLost."""
        state = "due" if claim.state == "claimed" else "claimed"
        self._write(claim, f"state = '{state}', lease = 0, not_before = ?, reason = ?, owner = ''", until, reason)

    def park(self, claim: Occurrence, *, until: float, reason: str) -> None:
        """The run is paused, and goes on from ``until``. Raises ClaimLost."""
        self._write(claim, "state = 'paused', lease = 0, not_before = ?, reason = ?, exit_code = 6", until, reason)

    def settle(
        self,
        claim: Occurrence,
        state: OccurrenceEnd,
        *,
        now: float,
        reason: str,
        exit_code: int | None,
        run: str | None = None,
    ) -> None:
        """The occurrence ended; ``run`` "" says that it has no run. Raises ClaimLost."""
        changes = "state = ?, lease = 0, ended = ?, reason = ?, exit_code = ?, run = ?"
        self._write(claim, changes, state, now, reason, exit_code, claim.run if run is None else run)

    def _write(self, claim: Occurrence, changes: str, *values: object) -> None:
        """A write that carries the fencing number."""
        with self._file.change() as change:
            query = f"UPDATE occurrences SET {changes} WHERE id = ? AND fence = ? AND state IN ('claimed', 'running')"
            if not change.execute(query, (*values, claim.id, claim.fence)).rowcount:
                raise ClaimLost(f"another process has taken over run {claim.run}; nothing more was written")


def withdraw(change: sqlite3.Connection, job: str, reason: str, now: float) -> int:
    """Withdraw what waits, and what a silent owner left; a run that goes on ends by itself."""
    query = """UPDATE occurrences SET state = 'withdrawn', reason = ?, ended = ? WHERE job = ? AND
        (state IN ('due', 'paused') OR (state IN ('claimed', 'running') AND lease < ?))"""
    return change.execute(query, (reason, now, job, now)).rowcount


def _verdict_values(job: str, verdict: Verdict) -> tuple[object, ...]:
    start = max(verdict.start, verdict.due)
    return (job, verdict.due, verdict.last, verdict.count, start, verdict.state, verdict.origin, verdict.reason)


def _insert(change: sqlite3.Connection, job: str, verdict: Verdict) -> None:
    """Write a row, unless there is one. What stands for many times and meets the row of one begins behind it."""
    while not change.execute(_INSERT, _verdict_values(job, verdict)).rowcount and verdict.due < verdict.last:
        verdict = replace(verdict, due=verdict.due + 1, count=None)


def _can_be_claimed(row: Occurrence, now: float) -> bool:
    if row.state not in OPEN_STATES or row.not_before > now:
        return False
    return row.state in ("due", "paused") or row.lease < now


def _earlier_due(change: sqlite3.Connection, row: Occurrence) -> int | None:
    """When an occurrence of the same job was due that has not ended."""
    query = """SELECT due FROM occurrences WHERE job = ?1 AND id <> ?2 AND
        (state IN ('claimed', 'running', 'paused') OR (state = 'due' AND due < ?3)) ORDER BY due LIMIT 1"""
    earlier = change.execute(query, (row.job, row.id, row.due)).fetchone()
    return None if earlier is None else earlier[0]


def _busy_accounts(change: sqlite3.Connection, owner: str, now: float) -> set[str]:
    """The accounts for which other owners run something now."""
    query = """SELECT DISTINCT accounts FROM jobs WHERE name IN (SELECT job FROM occurrences
        WHERE state IN ('claimed', 'running') AND lease >= ? AND owner <> ?)"""
    return {account for (accounts,) in change.execute(query, (now, owner)) for account in parse_json(accounts)}
