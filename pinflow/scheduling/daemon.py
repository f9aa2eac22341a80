"""The daemon: a look every second, a sign of life, and an end that loses nothing."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import schedule as library

from pinflow.engine.lock import Lock
from pinflow.errors import PinflowError, StateError
from pinflow.scheduling.status import beat, rest
from pinflow.scheduling.table import Lost
from pinflow.scheduling.told import Told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinflow.app import App
    from pinflow.scheduling.scheduler import Scheduler
    from pinflow.scheduling.table import JobRow, Table

BEATS = 10.0  # seconds between two signs of life
PATIENCE = 30.0  # seconds that runs get to end in


class Daemon:
    """Drives a scheduler until it is told to stop. One for each state directory: see `owned`."""

    def __init__(
        self,
        app: App,
        table: Table,
        scheduler: Scheduler,
        *,
        reload: Callable[[], Sequence[JobRow]],
        tell: Callable[[Told], None],
    ) -> None:
        self._app = app
        self._table = table
        self._scheduler = scheduler
        self._reload = reload
        self._tell = tell
        self._since = app.now()
        self._beaten: float | None = None
        self.stop = threading.Event()  # set it to end the daemon
        self.again = threading.Event()  # set it to have the recipes read again

    def run(self) -> None:
        """Until `stop` is set; then runs get half a minute to end. Raises StateError when the table can't be used."""
        heart = library.Scheduler()
        heart.every().second.do(self._look)
        while not self.stop.is_set():
            # whatever the clock says: `run_pending` would rest for an hour when the clock is set back by one
            heart.run_all(delay_seconds=0)
            self.stop.wait(1.0)
        self._end()

    def _look(self) -> None:
        if self.again.is_set():
            self.again.clear()
            self._read_again()
        self._scheduler.tick()
        if self._beaten is None or self._app.monotonic() - self._beaten >= BEATS:
            self._beaten = self._app.monotonic()
            beat(self._app, self._scheduler, since=self._since)

    def _read_again(self) -> None:
        try:
            self._scheduler.set_jobs(self._reload())
        except PinflowError as error:
            if isinstance(error, StateError):
                raise
            self._tell(Told("broken", reason=f"nothing was changed: {error}"))

    def _end(self) -> None:
        self._scheduler.stop()
        until = self._app.monotonic() + PATIENCE
        waits = threading.Event()
        while self._scheduler.busy and self._app.monotonic() < until:
            self._scheduler.collect()
            waits.wait(0.1)
        for work in self._scheduler.works():  # whoever starts next need not wait for the lease to run out
            with suppress(Lost):
                self._table.release(work.occurrence, until=0.0, reason="the scheduler was stopped")
        rest(self._app)


def owned(app: App) -> Lock:
    """The ownership of the schedule, to be released. Raises StateError naming who has it, and since when."""
    folder = app.state / "schedule"
    try:
        return Lock(folder / "daemon.lock", f"the schedule in {folder}", now=app.now())
    except OSError as error:
        raise StateError(
            f"{folder} can't be written: {error.strerror}", hint="make room, or make it writable"
        ) from error
