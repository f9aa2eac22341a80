"""How the schedule does: who looks after it, what runs, what waits, and what is wrong. Plain data."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pinflow.scheduling.jobs import next_run
from pinflow.state.folder import atomic_file
from pinflow.state.folder.lock import is_locked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pinflow.app import App
    from pinflow.scheduling.scheduler import Scheduler
    from pinflow.state.folder.occurrences import Table
    from pinflow.state.records import JobRow, Occurrence

SILENT = 60.0  # seconds after which a daemon counts as stuck
_FAILING = 3  # failures in a row
_SLACK = 120.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A sign of life: of a daemon, or of a look that has ended ("tick"). Seconds since the epoch."""

    kind: str
    pid: int
    since: float
    at: float
    jobs: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How the schedule does at one moment. ``problems`` is empty where all is well."""

    at: float
    daemon: bool  # a daemon is alive
    beat: Beat | None
    jobs: tuple[JobRow, ...]
    running: tuple[Occurrence, ...]
    waiting: tuple[Occurrence, ...]  # due and not begun, or cut off and not gone on with
    paused: tuple[Occurrence, ...]  # runs that go on later
    next: tuple[float, str] | None  # when which job starts next
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


def status_of(app: App, table: Table) -> Status:
    """How the schedule does now. Raises StateError when the table can't be read."""
    now = app.now()
    rows = tuple(table.jobs().values())
    latest = read_beat(app)
    alive = is_locked(_folder(app) / "daemon.lock")
    waiting = table.history(number=1_000, states=("due",))
    begun = table.history(number=1_000, states=("claimed", "running"))
    starts = starts_of(rows)
    return Status(
        at=now,
        daemon=alive,
        beat=latest,
        jobs=rows,
        running=tuple(each for each in begun if each.lease >= now),
        waiting=(*(each for each in begun if each.lease < now), *waiting),
        paused=tuple(table.history(number=1_000, states=("paused",))),
        next=min(starts, default=None),
        problems=(
            *_problems(rows, starts, latest, now, alive=alive),
            *(f"{each.title}; see: pinflow notify" for each in app.notices.open() if each.kind == "approval_missing"),
        ),
    )


def starts_of(rows: Iterable[JobRow]) -> list[tuple[float, str]]:
    """When which job starts next, for those that do."""
    return [(start, row.name) for row in rows if (start := next_run(row)) is not None]


def _problems(
    rows: tuple[JobRow, ...], starts: list[tuple[float, str]], latest: Beat | None, now: float, *, alive: bool
) -> list[str]:
    found = []
    if not rows:
        found.append("nothing is scheduled: start pinflow schedule run, or let cron call pinflow tick")
    if alive and latest is not None and latest.kind == "daemon" and now - latest.at > SILENT:
        found.append(f"the daemon (process {latest.pid}) gave no sign of life for {int(now - latest.at)} s")
    if not alive and latest is not None and latest.kind == "daemon":
        found.append(f"the daemon (process {latest.pid}) ended without being told to: start it again")
    if rows and not alive and latest is None:
        found.append("nobody looks after the schedule: start pinflow schedule run, or let cron call pinflow tick")
    overdue = sorted(name for start, name in starts if now - start > _SLACK)
    if overdue:
        found.append(f"overdue, and nobody saw to it: {', '.join(overdue[:5])}{' ...' if overdue[5:] else ''}")
    found += [f"{row.name} failed {row.failures} times in a row" for row in rows if row.failures >= _FAILING]
    return found


# -- signs of life


def _folder(app: App) -> Path:
    return app.state / "schedule"


def beat(app: App, scheduler: Scheduler, *, since: float, kind: str = "daemon") -> None:
    """Write a sign of life, for `status_of` and for whoever watches the file's age. Raises StateError."""
    sign = Beat(
        kind=kind,
        pid=os.getpid(),
        since=since,
        at=app.now(),
        jobs=len(scheduler.rows),
        running=len(scheduler.works()),
    )
    _write(app, asdict(sign))


def rest(app: App) -> None:
    """The daemon ends as it was told to: from now on it gives no sign of life, and that is right."""
    sign = read_beat(app)
    if sign is not None:
        _write(app, asdict(sign) | {"kind": "stopped", "at": app.now(), "running": 0})


def read_beat(app: App) -> Beat | None:
    """The last sign of life; None if there is none that can be read."""
    try:
        said = json.loads(_file(app).read_text("utf-8"))
        return Beat(**{name: said[name] for name in ("kind", "pid", "since", "at", "jobs", "running")})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write(app: App, said: Mapping[str, Any]) -> None:
    atomic_file.write(_file(app), json.dumps(said).encode())


def _file(app: App) -> Path:
    return _folder(app) / "heartbeat.json"
