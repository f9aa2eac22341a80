"""Run recipes on schedule: rules, a row on disk for every time that is due, and the daemon that runs them.

    with scheduling.open(app, [Path("recipes")]) as scheduler:
        scheduler.tick()  # every second

Importing this costs nothing: the scheduler is imported by those who call it.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pinflow.app import App
    from pinflow.scheduling.events import ScheduleEvent
    from pinflow.scheduling.health import ScheduleStatus
    from pinflow.scheduling.scheduler import Scheduler


@contextmanager
def open(
    app: App,
    recipes: Sequence[Path],
    *,
    inputs: Mapping[str, str] | None = None,
    report: Callable[[ScheduleEvent], None] = lambda event: None,
    warn: Callable[[str], None] = lambda text: None,
    **settings: Any,
) -> Iterator[Scheduler]:
    """A scheduler of recipes, by file or folder: call its ``tick`` every second to run what is due.

    ``report`` is called with each event, ``warn`` with each recipe of a folder that lacks an input; ``settings`` are
    those of `pinflow.scheduling.scheduler.SchedulerSettings`. Raises RecipeError with every problem of all recipes,
    UsageError, and StateError.
    """
    from pinflow.scheduling.jobs import load_jobs, stored_jobs
    from pinflow.scheduling.scheduler import Scheduler, SchedulerSettings

    with closing(app.store.open_schedule(app.new_run_id())) as store:
        rows = load_jobs(app, recipes, inputs or {}, stored_jobs(store), warn=warn)
        yield Scheduler(app, store, rows, report=report, settings=SchedulerSettings(**settings))


def status(app: App) -> ScheduleStatus:
    """How the schedule is doing: who runs it, what runs and waits, and what is wrong. Raises StateError."""
    from pinflow.scheduling.health import read_status

    with closing(app.store.open_schedule("status")) as store:
        return read_status(app, store)
