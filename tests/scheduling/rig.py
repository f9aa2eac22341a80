"""A scheduler whose time is the test's: it passes when the test says so, or when a run sleeps."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pinflow import Context, action
from pinflow.scheduling.jobs import load
from pinflow.scheduling.scheduler import Scheduler, Setting, at_once
from pinflow.state.folder.occurrences import STATES, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.app import App
    from pinflow.scheduling.events import Told
    from pinflow.state.records import Occurrence
    from tests.core.conftest import Project

MINUTE, HOUR, DAY = 60, 3600, 86_400
START = 1_800_000_000  # 2027-01-15 08:00 UTC


class Rig:
    """Recipes in a project, and schedulers over one table. ``does`` is what the action ``work`` does, by job name."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.project.clock.now = float(START)
        self.running = 0.0  # what the monotonic clock is behind: a machine that sleeps does not count
        self.worked: list[tuple[str, float]] = []
        self.does: dict[str, Callable[[], Any]] = {}
        self.told: list[Told] = []
        self.tables: list[Table] = []

        @action("work")
        def work(ctx: Context, *, job: str) -> None:
            self.worked.append((job, self.project.clock.now))
            if job in self.does:
                self.does[job]()

        project.offer(work)

    def recipe(self, name: str, schedule: str, more: str = "") -> None:
        text = f"name: {name}\nschedule: {{{schedule}}}\n{more}steps:\n  - uses: work\n    with: {{job: {name}}}\n"
        self.project.write(text, f"{name}.yaml")

    def app(self) -> App:
        app = self.project.app()
        app._monotonic = lambda: self.project.clock.now - self.running
        return app

    def table(self, **seams: Any) -> Table:
        table = Table(self.project.state, owner=f"owner-{len(self.tables)}", **seams)
        self.tables.append(table)
        return table

    def scheduler(self, *, table: Table | None = None, **setting: Any) -> Scheduler:
        app, table = self.app(), table or self.table()
        rows = load(app, [self.project.folder], {}, table.jobs(), left_out=lambda text: None)
        setting = {"start": at_once, "aside": at_once} | setting
        return Scheduler(app, table, rows, tell=self.told.append, setting=Setting(**setting))

    def until(self, scheduler: Scheduler, moment: float) -> None:
        """Let time pass, with a look whenever something is to be done, and none in between."""
        scheduler.tick()
        while True:
            starts = [start for start, _ in scheduler.next_starts()[:1]]
            waits = scheduler.table.next_open()
            starts += [waits] if waits is not None else []
            if not starts or min(starts) > moment:
                break
            self.project.clock.now = max(self.project.clock.now, min(starts))
            scheduler.tick()
        self.project.clock.now = max(self.project.clock.now, moment)
        scheduler.tick()

    def look_for(self, scheduler: Scheduler, seconds: int) -> None:
        """Let time pass with a look every second, as a daemon does."""
        for _ in range(seconds):
            self.project.clock.now += 1
            scheduler.tick()

    def wait(self, true: Callable[[], bool], scheduler: Scheduler) -> None:
        """Until something is true that threads bring about; the clock stands still."""
        for _ in range(4_000):
            scheduler.tick()
            if true():
                return
            threading.Event().wait(0.005)
        raise AssertionError("it did not come true")

    def until_told(self, scheduler: Scheduler, moment: float, kind: str, number: int) -> None:
        """Put the clock forward, and wait until something was told so many times."""
        self.project.clock.now = moment
        self.wait(lambda: sum(told.kind == kind for told in self.told) >= number, scheduler)

    def suspend(self, seconds: float) -> None:
        """The machine sleeps: the clock goes on, and nothing else does."""
        self.project.clock.now += seconds
        self.running += seconds

    def times(self, job: str) -> list[float]:
        """When a job ran, in seconds since the start."""
        return [at - START for name, at in self.worked if name == job]

    def rows(self, job: str = "", *states: Any) -> list[Occurrence]:
        """The table's rows, oldest first."""
        with Table(self.project.state, owner="reader") as table:
            return table.history(job, number=100_000, states=states or STATES)[::-1]

    def states(self, job: str) -> list[str]:
        return [row.state for row in self.rows(job)]

    def close(self) -> None:
        for table in self.tables:
            table.close()
