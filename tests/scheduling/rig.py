"""A scheduler whose time is the test's: it passes when the test says so, or when a run sleeps."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pinflow import Context, action
from pinflow.scheduling.jobs import load_jobs, stored_jobs
from pinflow.scheduling.scheduler import Scheduler, SchedulerSettings
from pinflow.state.folder.schedule import FolderSchedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.app import App
    from pinflow.scheduling.events import ScheduleEvent
    from pinflow.state.protocol import ScheduleStore
    from pinflow.state.records import Occurrence
    from tests.core.conftest import Project

MINUTE, HOUR, DAY = 60, 3600, 86_400
START = 1_800_000_000  # 2027-01-15 08:00 UTC


def at_once(work: Callable[[], None]) -> None:
    """Do the work before the next look."""
    work()


class Rig:
    """Recipes in a project, and schedulers over one store. ``does`` is what the action ``work`` does, by job name."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.project.clock.now = float(START)
        self.running = 0.0  # what the monotonic clock is behind: a machine that sleeps does not count
        self.worked: list[tuple[str, float]] = []
        self.does: dict[str, Callable[[], Any]] = {}
        self.events: list[ScheduleEvent] = []
        self.stores: list[FolderSchedule] = []

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
        app.clock = replace(app.clock, monotonic=lambda: self.project.clock.now - self.running)
        return app

    def store(self, **seams: Any) -> FolderSchedule:
        store = FolderSchedule(self.project.state, owner=f"owner-{len(self.stores)}", **seams)
        self.stores.append(store)
        return store

    def scheduler(self, *, store: ScheduleStore | None = None, **settings: Any) -> Scheduler:
        app, store = self.app(), store or self.store()
        rows = load_jobs(app, [self.project.folder], {}, stored_jobs(store), warn=lambda text: None)
        settings = {"start": at_once, "start_alerts": at_once} | settings
        return Scheduler(app, store, rows, report=self.events.append, settings=SchedulerSettings(**settings))

    def until(self, scheduler: Scheduler, moment: float) -> None:
        """Let time pass, with a look whenever something is to be done, and none in between."""
        scheduler.tick()
        while True:
            starts = [start for start, _ in scheduler.timetable.next_starts()[:1]]
            waits = scheduler.store.occurrences.next_claimable()
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

    def until_reported(self, scheduler: Scheduler, moment: float, kind: str, number: int) -> None:
        """Put the clock forward, and wait until an event was reported so many times."""
        self.project.clock.now = moment
        self.wait(lambda: sum(event.kind == kind for event in self.events) >= number, scheduler)

    def suspend(self, seconds: float) -> None:
        """The machine sleeps: the clock goes on, and nothing else does."""
        self.project.clock.now += seconds
        self.running += seconds

    def times(self, job: str) -> list[float]:
        """When a job ran, in seconds since the start."""
        return [at - START for name, at in self.worked if name == job]

    def rows(self, job: str = "", *states: Any) -> list[Occurrence]:
        """The stored rows, oldest first."""
        with closing(FolderSchedule(self.project.state, owner="reader")) as store:
            return store.occurrences.history(job, number=100_000, states=states)[::-1]

    def states(self, job: str) -> list[str]:
        return [row.state for row in self.rows(job)]

    def close(self) -> None:
        for store in self.stores:
            store.close()
