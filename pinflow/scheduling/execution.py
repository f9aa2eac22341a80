"""One claimed occurrence, from its claim to its end: run, gone on with, parked, or given back."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pinflow.engine.sanitize import noted
from pinflow.errors import (
    DEFECT,
    OK,
    PAUSED,
    PinflowError,
    RateLimited,
    RemoteError,
    SpamBlocked,
    StateError,
    UsageError,
)
from pinflow.state.folder.occurrences import LEASE
from pinflow.state.protocol import ClaimLost

if TYPE_CHECKING:
    from pinflow.app import App, Options
    from pinflow.engine.results import RunResult
    from pinflow.state.folder.occurrences import Table
    from pinflow.state.records import JobRow, Occurrence

_LONG_PAUSE = 3600.0  # seconds, where nobody said how long


@dataclass(slots=True)
class Work:
    """An occurrence in the hands of this process."""

    job: JobRow
    occurrence: Occurrence
    accounts: frozenset[str]
    deadline: float  # of the monotonic clock
    stop: threading.Event = field(default_factory=threading.Event)
    late: bool = False  # stopped for taking too long


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of it: ``until`` is when it goes on, where it does. ``said`` is for the log, ``reason`` is kept."""

    state: Literal["done", "failed", "paused", "left", "lost"]
    reason: str = ""
    said: str = ""
    exit_code: int | None = None
    until: float | None = None
    result: RunResult | None = None


_HAD_ENDED = Ended("done", said="had ended already", exit_code=OK)


def perform(app: App, table: Table, work: Work, options: Options) -> Ended:
    """Do it, and write down how it ended. Raises nothing but StateError of the table."""
    try:
        ended = _outcome(app, table, work, replace(options, stop=work.stop, unattended=True))
    except ClaimLost:
        return Ended("lost", said="another process took it up")
    except PinflowError as error:
        ended = _refused(app, work, error)
    except Exception as error:  # a plugin's defect must end this run, and nothing else
        ended = Ended("failed", "defect, exit 3", f"a defect: {type(error).__name__}: {error}", DEFECT)
    try:
        _write(app, table, work.occurrence, ended)
    except ClaimLost:
        return Ended("lost", said="another process took it up")
    return ended


def _outcome(app: App, table: Table, work: Work, options: Options) -> Ended:
    before = app.store.runs.look(work.occurrence.run)
    try:
        return _tried(app, table, work, options)
    except ClaimLost:
        raise
    except (UsageError, StateError):
        now = app.store.runs.look(work.occurrence.run)
        if now is None or (before is not None and now.state == before.state):
            raise
        # an owner that was silent for long, and not dead, made or ended it between the look at it and its resumption
        if now.state == "ok":
            return _HAD_ENDED
        return Ended("left", "another process had its run meanwhile", "goes on at the next look", until=app.now())


def _tried(app: App, table: Table, work: Work, options: Options) -> Ended:
    before = app.store.runs.look(work.occurrence.run)
    if before is not None and app.store.runs.is_unbegun(before.id):
        if _in_other_hands(app, work):
            return _left_to_them(app, "it is just being made")  # its maker is slow, and not dead
        work.occurrence = table.running(work.occurrence, run=app.new_run_id())
        before = None
    if before is None:
        plan = app.plan(Path(work.job.recipe), inputs=work.job.inputs)
        work.occurrence = table.running(work.occurrence)
        return _told(app, work, app.run(plan, options, run_id=work.occurrence.run))
    if before.state == "ok":
        return _HAD_ENDED
    if before.state in ("failed", "in_doubt", "unreadable"):
        return Ended("failed", before.error, f"had ended already: {before.state}", before.exit_code)
    work.occurrence = table.running(work.occurrence)
    return _told(app, work, app.resume(work.occurrence.run, options))


def _told(app: App, work: Work, result: RunResult) -> Ended:
    if result.error is None:
        return Ended("done", exit_code=OK, result=result)
    if result.status == "cancelled":
        if work.late:
            return Ended("failed", "took too long", "took too long, and was stopped", result.exit_code)
        return Ended("left", "the scheduler was stopped", "stopped; goes on at the next start")
    ended = _refused(app, work, result.error)
    return replace(ended, result=result, exit_code=result.exit_code if ended.state == "failed" else ended.exit_code)


def _refused(app: App, work: Work, error: PinflowError) -> Ended:
    """What an error means for the occurrence. What a service answered is not kept: it may hold content."""
    first, *more = error.message.splitlines() or [type(error).__name__]
    said = first
    if more and first.endswith(":"):  # what stands in the way is in the lines below, and may be content
        first, said = first[:-1], f"{first} {more[0].strip()}"
    if isinstance(error, (RateLimited, SpamBlocked)) and error.exit_code == PAUSED:
        wait = error.retry_after if error.retry_after is not None else _LONG_PAUSE
        return Ended("paused", noted(error), said, PAUSED, app.now() + wait)
    if isinstance(error, StateError) and _in_other_hands(app, work):
        return _left_to_them(app, said)
    kept = noted(error) if isinstance(error, RemoteError) else f"{error.kind}: {first}"
    advice = f"; {error.hint.splitlines()[0]}" if error.hint else ""
    return Ended("failed", kept, f"{said}{advice}", error.exit_code)


def _in_other_hands(app: App, work: Work) -> bool:
    return app.store.runs.claimed(work.occurrence.run)


def _left_to_them(app: App, said: str) -> Ended:
    return Ended("left", "its run is locked by another process", said, until=app.now() + LEASE)


def _write(app: App, table: Table, held: Occurrence, ended: Ended) -> None:
    match ended.state:
        case "done" | "failed" as state:
            run = held.run if app.store.runs.look(held.run) is not None else ""  # refused before it began
            table.settle(held, state, now=app.now(), reason=ended.reason, exit_code=ended.exit_code, run=run)
        case "paused":
            table.park(held, until=ended.until or app.now(), reason=ended.reason)
        case "left":
            with suppress(ClaimLost):
                table.release(held, until=ended.until or 0.0, reason=ended.reason)
