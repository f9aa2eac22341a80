"""The daemon: a look every second, a sign of life, and an end that loses nothing."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import schedule as library

from pinflow.errors import PinflowError, StateError
from pinflow.scheduling.events import ScheduleEvent
from pinflow.scheduling.health import beat, end_beats
from pinflow.state.protocol import ClaimLost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinflow.app import App
    from pinflow.scheduling.scheduler import Scheduler
    from pinflow.state.records import JobRow

BEATS = 10.0  # seconds between two signs of life
PATIENCE = 30.0  # seconds that runs get to end in: a call's timeout; systemd kills after 90
_GLANCE = 0.05  # seconds between two looks at what is ending: less than a person notices


class Daemon:
    """Drives a scheduler until it is told to stop. Each state has one at most: see `ScheduleStore.own`."""

    def __init__(
        self,
        app: App,
        scheduler: Scheduler,
        *,
        reload: Callable[[], Sequence[JobRow]],
        report: Callable[[ScheduleEvent], None],
        stop: threading.Event,
        reread: threading.Event,
    ) -> None:
        """``stop`` ends it; ``reread`` has it read the recipes again, with ``reload``."""
        self._app = app
        self._scheduler = scheduler
        self._reload = reload
        self._report = report
        self._since = app.now()
        self._beaten: float | None = None
        self._stop = stop
        self._reread = reread

    def run(self) -> None:
        """Run until it is told to stop; then runs get half a minute to end. Raises StateError as the store does."""
        seconds = library.Scheduler()
        seconds.every().second.do(self._look)
        while not self._stop.is_set():
            # whatever the clock says: `run_pending` would rest for an hour when the clock is set back by one
            seconds.run_all(delay_seconds=0)
            self._stop.wait(0.0 if self._scheduler.behind else 1.0)
        wind_up(self._app, self._scheduler)
        end_beats(self._app, self._scheduler.store)

    def _look(self) -> None:
        if self._reread.is_set():
            self._reread.clear()
            self._read_recipes()
        self._scheduler.tick()
        if self._beaten is None or self._app.clock.monotonic() - self._beaten >= BEATS:
            self._beaten = self._app.clock.monotonic()
            beat(self._app, self._scheduler, since=self._since)

    def _read_recipes(self) -> None:
        try:
            self._scheduler.set_jobs(self._reload())
            self._report(ScheduleEvent("read", count=len(self._scheduler.rows)))
        except PinflowError as error:
            if isinstance(error, StateError):
                raise
            self._report(ScheduleEvent("broken", reason=f"nothing was changed: {error}"))


def wind_up(app: App, scheduler: Scheduler) -> None:
    """Let runs stop after the call in flight, and release the claims of those that don't end in half a minute."""
    scheduler.stop()
    until = app.clock.monotonic() + PATIENCE
    waits = threading.Event()
    while scheduler.busy and app.clock.monotonic() < until:
        scheduler.collect()
        waits.wait(_GLANCE)
    for active in scheduler.active_runs():  # so that the next process need not wait for the lease to end
        with suppress(ClaimLost):
            scheduler.store.occurrences.release(active.occurrence, until=0.0, reason="the scheduler was stopped")


def run_due(app: App, scheduler: Scheduler, stop: threading.Event) -> None:
    """Run what is due now, and what becomes due meanwhile, to its end; or wind it up when told to stop."""
    if not scheduler.store.is_owned():
        beat(app, scheduler, since=app.now(), kind="tick")
    waits = threading.Event()
    while not stop.is_set() and (scheduler.tick() or scheduler.busy or scheduler.behind):
        waits.wait(0.0 if scheduler.behind else _GLANCE)
    wind_up(app, scheduler)
