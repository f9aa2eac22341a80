"""When recipes run by themselves: rules, a row on disk for every time that is due, and the daemon that runs them.

    with scheduling.open(app, [Path("recipes")]) as scheduler:
        scheduler.tick()  # every second

Importing this costs nothing: the scheduler is imported by those who call it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pinflow.app import App
    from pinflow.scheduling.events import Told
    from pinflow.scheduling.health import Status
    from pinflow.scheduling.scheduler import Scheduler


@contextmanager
def open(
    app: App,
    recipes: Sequence[Path],
    *,
    inputs: Mapping[str, str] | None = None,
    tell: Callable[[Told], None] = lambda told: None,
    left_out: Callable[[str], None] = lambda why: None,
    **setting: Any,
) -> Iterator[Scheduler]:
    """A scheduler of recipes, by file or folder: call its ``tick`` every second, and whatever is due runs.

    ``setting`` is that of `pinflow.scheduling.scheduler.Setting`. Raises RecipeError
    with every problem of all recipes, UsageError, and StateError.
    """
    from pinflow.scheduling.jobs import load
    from pinflow.scheduling.scheduler import Scheduler, Setting
    from pinflow.state.folder.occurrences import Table

    with Table(app.state, owner=app.new_run_id()) as table:
        rows = load(app, recipes, inputs or {}, table.jobs(), left_out=left_out)
        yield Scheduler(app, table, rows, tell=tell, setting=Setting(**setting))


def status(app: App) -> Status:
    """How the schedule does: who looks after it, what runs and waits, and what is wrong. Raises StateError."""
    from pinflow.scheduling.health import status_of
    from pinflow.state.folder.occurrences import Table

    with Table(app.state, owner="status") as table:
        return status_of(app, table)
