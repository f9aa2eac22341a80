"""How a schedule is doing: who runs it, what runs, what waits, and what is wrong. Plain data."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pinflow.lazy_dataclass import dataclass, replace
from pinflow.scheduling.jobs import next_run, stored_jobs
from pinflow.state.records import Heartbeat

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pinflow.app import App
    from pinflow.scheduling.scheduler import Scheduler
    from pinflow.state.protocol import ScheduleStore
    from pinflow.state.records import JobRow, Occurrence

SILENT = 60.0  # seconds without a heartbeat, of which there is one every 10 s, until a daemon counts as stuck
_FAILING = 3  # failures in a row: from then on a job rests
_OVERDUE = 120.0  # seconds; a tick from cron comes every minute, and may take one
_NAMED = 5  # jobs in a problem: what fits into a line
_LISTED = 1_000  # occurrences of a state


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleStatus:
    """How the schedule is doing at one moment. ``problems`` is empty where all is well."""

    at: float
    daemon: bool  # a daemon is alive
    beat: Heartbeat | None
    jobs: tuple[JobRow, ...]
    running: tuple[Occurrence, ...]
    waiting: tuple[Occurrence, ...]  # due and not begun, or cut off and not resumed
    paused: tuple[Occurrence, ...]  # runs that go on later
    next: tuple[float, str] | None  # when which job starts next
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


def read_status(app: App, store: ScheduleStore) -> ScheduleStatus:
    """How the schedule is doing now. Raises StateError when it can't be read."""
    now = app.now()
    rows = tuple(stored_jobs(store).values())
    heartbeat = store.last_beat()
    owned = store.is_owned()
    due = store.occurrences.history(number=_LISTED, states=("due",))
    claimed = store.occurrences.history(number=_LISTED, states=("claimed", "running"))
    starts = next_starts(rows)
    return ScheduleStatus(
        at=now,
        daemon=owned,
        beat=heartbeat,
        jobs=rows,
        running=tuple(row for row in claimed if row.lease >= now),
        waiting=(*(row for row in claimed if row.lease < now), *due),
        paused=tuple(store.occurrences.history(number=_LISTED, states=("paused",))),
        next=min(starts, default=None),
        problems=(
            *_problems(rows, starts, heartbeat, now, owned=owned),
            *(
                f"{notice.title}; see: pinflow notify"
                for notice in app.notices.open()
                if notice.kind == "approval_missing"
            ),
        ),
    )


def next_starts(rows: Iterable[JobRow]) -> list[tuple[float, str]]:
    """When which job starts next, of those that are neither paused nor over."""
    return [(start, row.name) for row in rows if (start := next_run(row)) is not None]


def _problems(
    rows: tuple[JobRow, ...], starts: list[tuple[float, str]], heartbeat: Heartbeat | None, now: float, *, owned: bool
) -> list[str]:
    problems = []
    how_to_start = "start pinflow schedule run, or let cron call pinflow tick"
    if not rows:
        problems.append(f"nothing is scheduled: {how_to_start}")
    if heartbeat is not None and heartbeat.kind == "daemon":
        daemon = f"the daemon (process {heartbeat.pid})"
        if not owned:
            problems.append(f"{daemon} stopped unexpectedly: start it again")
        elif now - heartbeat.at > SILENT:
            problems.append(f"{daemon} has given no sign of life for {int(now - heartbeat.at)} s")
    if rows and not owned and heartbeat is None:
        problems.append(f"no daemon or tick runs the schedule: {how_to_start}")
    overdue = sorted(name for start, name in starts if now - start > _OVERDUE)
    if overdue:
        more = " ..." if overdue[_NAMED:] else ""
        problems.append(f"overdue, and not handled: {', '.join(overdue[:_NAMED])}{more}")
    problems += [f"{row.name} failed {row.failures} times in a row" for row in rows if row.failures >= _FAILING]
    return problems


def beat(app: App, scheduler: Scheduler, *, since: float, kind: str = "daemon") -> None:
    """Store a sign of life of this process. Raises StateError."""
    jobs, running = len(scheduler.rows), len(scheduler.active_runs())
    now = app.now()
    scheduler.store.beat(Heartbeat(kind=kind, pid=os.getpid(), since=since, at=now, jobs=jobs, running=running))


def end_beats(app: App, store: ScheduleStore) -> None:
    """The daemon ends as it was told to: from now on it is right that it gives no sign of life. Raises StateError."""
    heartbeat = store.last_beat()
    if heartbeat is not None:
        store.beat(replace(heartbeat, kind="stopped", at=app.now(), running=0))
