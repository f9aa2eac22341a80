"""The daemon: a look every second, a sign of life, and an end that loses nothing."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import schedule as library

from pinflow.errors import PinflowError, StateError
from pinflow.scheduling.events import Told
from pinflow.scheduling.health import beat, rest
from pinflow.state.folder.lock import Lock, is_locked
from pinflow.state.protocol import ClaimLost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinflow.app import App
    from pinflow.scheduling.scheduler import Scheduler
    from pinflow.state.records import JobRow

BEATS = 10.0  # seconds between two signs of life
PATIENCE = 30.0  # seconds that runs get to end in


class Daemon:
    """Drives a scheduler until it is told to stop. One for each state directory: see `owned`."""

    def __init__(
        self,
        app: App,
        scheduler: Scheduler,
        *,
        reload: Callable[[], Sequence[JobRow]],
        tell: Callable[[Told], None],
        stop: threading.Event,
        again: threading.Event,
    ) -> None:
        """``stop`` ends it; ``again`` has it read the recipes again, with ``reload``."""
        self._app = app
        self._scheduler = scheduler
        self._reload = reload
        self._tell = tell
        self._since = app.now()
        self._beaten: float | None = None
        self._stop = stop
        self._again = again

    def run(self) -> None:
        """Until it is told to stop; then runs get half a minute to end. Raises StateError as the table does."""
        heart = library.Scheduler()
        heart.every().second.do(self._look)
        while not self._stop.is_set():
            # whatever the clock says: `run_pending` would rest for an hour when the clock is set back by one
            heart.run_all(delay_seconds=0)
            self._stop.wait(0.0 if self._scheduler.behind else 1.0)
        self._end()

    def _look(self) -> None:
        if self._again.is_set():
            self._again.clear()
            self._read_again()
        self._scheduler.tick()
        if self._beaten is None or self._app.monotonic() - self._beaten >= BEATS:
            self._beaten = self._app.monotonic()
            beat(self._app, self._scheduler, since=self._since)

    def _read_again(self) -> None:
        try:
            self._scheduler.set_jobs(self._reload())
            self._tell(Told("read", count=len(self._scheduler.rows)))
        except PinflowError as error:
            if isinstance(error, StateError):
                raise
            self._tell(Told("broken", reason=f"nothing was changed: {error}"))

    def _end(self) -> None:
        wind_up(self._app, self._scheduler)
        rest(self._app)


def wind_up(app: App, scheduler: Scheduler) -> None:
    """Let runs stop after the call in flight, and leave what does not end in half a minute to whoever comes next."""
    scheduler.stop()
    until = app.monotonic() + PATIENCE
    waits = threading.Event()
    while scheduler.busy and app.monotonic() < until:
        scheduler.collect()
        waits.wait(0.05)
    for work in scheduler.works():  # nobody need wait for the lease to run out
        with suppress(ClaimLost):
            scheduler.table.release(work.occurrence, until=0.0, reason="the scheduler was stopped")


def see_through(app: App, scheduler: Scheduler, stop: threading.Event) -> None:
    """Run whatever is due now, and what becomes due meanwhile, to its end; or wind it up when told to stop."""
    if not is_locked(app.state / "schedule" / "daemon.lock"):
        beat(app, scheduler, since=app.now(), kind="tick")
    waits = threading.Event()
    while not stop.is_set() and (scheduler.tick() or scheduler.busy or scheduler.behind):
        waits.wait(0.0 if scheduler.behind else 0.05)
    wind_up(app, scheduler)


def owned(app: App) -> Lock:
    """The ownership of the schedule, to be released. Raises StateError naming who has it, and since when."""
    folder = app.state / "schedule"
    try:
        return Lock(folder / "daemon.lock", f"the schedule in {folder}", now=app.now())
    except OSError as error:
        raise StateError(
            f"{folder} can't be written: {error.strerror}", hint="make room, or make it writable"
        ) from error
