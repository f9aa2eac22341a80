"""One claimed occurrence, from its claim to its end: run, resumed, parked, or released."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pinflow.engine.sanitize import error_facts
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
from pinflow.lazy_dataclass import dataclass, field, replace
from pinflow.masking.known import harmless_words
from pinflow.state.protocol import ClaimLost
from pinflow.state.records import LEASE

if TYPE_CHECKING:
    from pinflow.app import App, Options
    from pinflow.engine.results import RunResult
    from pinflow.state.protocol import OccurrenceStore
    from pinflow.state.records import JobRow, Occurrence

_LONG_PAUSE = 3600.0  # seconds, where the service doesn't say how long: a try in an hour costs one call


@dataclass(slots=True)
class ActiveRun:
    """An occurrence that this process has claimed and runs."""

    job: JobRow
    occurrence: Occurrence
    accounts: frozenset[str]
    deadline: float  # of the monotonic clock
    folder: Path | None = None  # where the job was registered; None for one of an earlier version: the current one
    stop: threading.Event = field(default_factory=threading.Event)
    late: bool = False  # stopped because it took too long


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How it ended. ``message`` is for the log, ``reason`` is stored; a paused one goes on at ``until``."""

    state: Literal["done", "failed", "paused", "left", "lost"]
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    until: float | None = None
    result: RunResult | None = None


_ALREADY_DONE = RunOutcome("done", message="had ended already", exit_code=OK)
_TAKEN_OVER = RunOutcome("lost", message="another process took it over")


def perform(app: App, store: OccurrenceStore, active: ActiveRun, options: Options) -> RunOutcome:
    """Run it, and store how it ended. Raises StateError only where the occurrences can't be written."""
    try:
        outcome = _outcome(app, store, active, replace(options, stop=active.stop, unattended=True))
    except ClaimLost:
        return _TAKEN_OVER
    except PinflowError as error:
        outcome = _error_outcome(app, active, error)
    except Exception as error:  # a plugin's defect must end this run, and nothing else
        outcome = RunOutcome(
            "failed", "defect, exit 3", f"a defect: {type(error).__name__}: {harmless_words(error)}", DEFECT
        )
    try:
        _store(app, store, active.occurrence, outcome)
    except ClaimLost:
        return _TAKEN_OVER
    return outcome


def _outcome(app: App, store: OccurrenceStore, active: ActiveRun, options: Options) -> RunOutcome:
    before = app.store.runs.look(active.occurrence.run)
    try:
        return _run(app, store, active, options)
    except ClaimLost:
        raise
    except (UsageError, StateError):
        now = app.store.runs.look(active.occurrence.run)
        if now is None or (before is not None and now.state == before.state):
            raise
        # an owner that was silent for long, and not dead, made or ended it between the look at it and its resumption
        if now.state == "ok":
            return _ALREADY_DONE
        return RunOutcome("left", "another process was running it", "continues at the next look", until=app.now())


def _run(app: App, store: OccurrenceStore, active: ActiveRun, options: Options) -> RunOutcome:
    before = app.store.runs.look(active.occurrence.run)
    if before is not None and app.store.runs.is_unbegun(before.id):
        if _is_claimed(app, active):
            return _left_to_other(app, "another process is just making its run")  # its maker is slow, and not dead
        active.occurrence = store.begin(active.occurrence, run=app.new_run_id())
        before = None
    if before is None:
        plan = app.plan(Path(active.job.recipe), inputs=active.job.inputs, here=active.folder)
        active.occurrence = store.begin(active.occurrence)
        return _result_outcome(app, active, app.run(plan, options, run_id=active.occurrence.run))
    if before.state == "ok":
        return _ALREADY_DONE
    if before.state in ("failed", "in_doubt", "unreadable"):
        return RunOutcome(
            "failed",
            before.error,
            f"had ended already: {before.state.replace('in_doubt', 'outcome unknown')}",
            before.exit_code,
        )
    active.occurrence = store.begin(active.occurrence)
    return _result_outcome(app, active, app.resume(active.occurrence.run, options))


def _result_outcome(app: App, active: ActiveRun, result: RunResult) -> RunOutcome:
    if result.error is None:
        return RunOutcome("done", exit_code=OK, result=result)
    if result.status == "cancelled":
        if active.late:
            return RunOutcome("failed", "took too long", "took too long and was stopped", result.exit_code)
        return RunOutcome("left", "the scheduler was stopped", "stopped; continues at the next start")
    outcome = _error_outcome(app, active, result.error)
    exit_code = result.exit_code if outcome.state == "failed" else outcome.exit_code
    return replace(outcome, result=result, exit_code=exit_code)


def _error_outcome(app: App, active: ActiveRun, error: PinflowError) -> RunOutcome:
    """What an error means for the occurrence. What may hold content is not stored: answers, and names of items."""
    first, *more = error.message.splitlines() or [type(error).__name__]
    message = first
    if more and first.endswith(":"):  # the cause is in the lines below, and may be content
        first, message = first[:-1], f"{first} {more[0].strip()}"
    if isinstance(error, (RateLimited, SpamBlocked)) and error.exit_code == PAUSED:
        wait = error.retry_after if error.retry_after is not None else _LONG_PAUSE
        return RunOutcome("paused", error_facts(error), message, PAUSED, app.now() + wait)
    if isinstance(error, StateError) and _is_claimed(app, active):
        return _left_to_other(app, message)
    reason = error_facts(error) if isinstance(error, RemoteError) or error.item else f"{error.kind}: {first}"
    hint = f"; {error.hint.splitlines()[0]}" if error.hint else ""
    return RunOutcome("failed", reason, f"{message}{hint}", error.exit_code)


def _is_claimed(app: App, active: ActiveRun) -> bool:
    return app.store.runs.is_claimed(active.occurrence.run)


def _left_to_other(app: App, message: str) -> RunOutcome:
    return RunOutcome("left", "its run is locked by another process", message, until=app.now() + LEASE)


def _store(app: App, store: OccurrenceStore, claim: Occurrence, outcome: RunOutcome) -> None:
    match outcome.state:
        case "done" | "failed" as state:
            run = claim.run if app.store.runs.look(claim.run) is not None else ""  # refused before it began
            store.settle(claim, state, now=app.now(), reason=outcome.reason, exit_code=outcome.exit_code, run=run)
        case "paused":
            store.park(claim, until=outcome.until or app.now(), reason=outcome.reason)
        case "left":
            with suppress(ClaimLost):
                store.release(claim, until=outcome.until or 0.0, reason=outcome.reason)
