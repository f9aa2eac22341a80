"""Questions about a schedule: what comes next, why something ran or did not, and what could be made up for."""

from __future__ import annotations

import heapq
from datetime import datetime
from itertools import islice
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pinflow.errors import UsageError
from pinflow.lazy_dataclass import asdict, dataclass
from pinflow.recipe import bundled
from pinflow.scheduling.jobs import RECIPES, block_of, job_name, job_of, load_jobs, stored_jobs
from pinflow.scheduling.policy import MOST_MADE_UP, PAUSED, judge
from pinflow.scheduling.rules import clock_note, times_between, utc_text
from pinflow.state.records import Verdict
from pinflow.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pinflow.app import App
    from pinflow.scheduling.events import ScheduleEvent
    from pinflow.state.protocol import ScheduleStore
    from pinflow.state.records import JobRow, Occurrence

_LAST_START = "run"  # the note about the daemon's last start
_BEFORE, _AFTER = 7 * 86_400, 2 * 366 * 86_400  # seconds around a time in which others are looked for: a week, 2 years


# -- which jobs


@dataclass(frozen=True, slots=True)
class JobSelection:
    """Recipes and folders of them as whole paths, their inputs, and the jobs that they make."""

    recipes: Sequence[Path]
    inputs: Mapping[str, str]
    rows: Sequence[JobRow]


def select_jobs(
    app: App,
    store: ScheduleStore,
    recipes: Sequence[Path],
    inputs: Mapping[str, str],
    warn: Callable[[str], None],
    on_read: Callable[[int], None] = lambda number: None,
) -> JobSelection:
    """The jobs of the recipes that are named, else of the daemon's last start, else of ``recipes/``.

    ``warn`` and ``on_read`` are those of `load_jobs`. Raises RecipeError and UsageError.
    """
    if not recipes and (last := _last_start(store)):
        recipes = [Path(recipe) for recipe in last["recipes"] if Path(recipe).exists()]
        inputs = {**last["inputs"], **inputs}
    if not recipes and RECIPES.is_dir():
        recipes = [RECIPES]
    if not recipes:
        raise UsageError("no recipes given", hint="name files or folders; the folder recipes/ does not exist here")
    rows = load_jobs(app, recipes, inputs, stored_jobs(store), warn=warn, on_read=on_read)
    if not rows:
        raise UsageError(
            f"no recipe in {', '.join(map(str, recipes))} has a schedule that can run",
            hint='give one a schedule: {every: day, at: "03:30"}',
        )
    files = [bundled.find_recipe(recipe, app.registry.recipes).resolve() for recipe in recipes]
    return JobSelection(files, inputs, rows)


def remember(store: ScheduleStore, selection: JobSelection, *, now: float) -> None:
    """Store what the daemon is started with, for the next start; jobs that it had then and not now are removed."""
    names = sorted(row.name for row in selection.rows)
    before = _last_start(store) or {"jobs": []}
    recipes = [str(recipe) for recipe in selection.recipes]
    store.jobs.remove(sorted(set(before["jobs"]) - set(names)), "the daemon was started without the job", now=now)
    store.put_note(_LAST_START, {"recipes": recipes, "inputs": dict(selection.inputs), "jobs": names})


def _last_start(store: ScheduleStore) -> dict[str, Any] | None:
    """What the daemon was last started with. Raises StateError for a note that pinflow did not write."""
    note = store.note(_LAST_START)
    match note:
        case None | {"recipes": list(), "inputs": dict(), "jobs": list()}:
            return note
    raise store.damage("what the daemon was started with can't be read")


def find_job(store: ScheduleStore, name: str) -> JobRow:
    """The job of a name: its recipe's file, or what the recipe is called. Raises UsageError."""
    rows = stored_jobs(store)
    for row in rows.values():
        if name in (row.name, row.title, row.recipe) or job_name(Path(name)) == row.name:
            return row
    near = nearest(name, rows)
    hint = f"did you mean {near!r}?" if near else "pinflow schedule list shows them"
    raise UsageError(f"no job is called {name!r}", hint=hint)


# -- what comes next


@dataclass(frozen=True, slots=True)
class UpcomingRun:
    """A time at which a job will be due. ``mark`` says what a change of the clock does to it."""

    job: str
    due: int
    start: int
    zone: str
    mark: str


def upcoming_runs(rows: Iterable[JobRow], after: float, number: int) -> list[UpcomingRun]:
    """The next times of all jobs together, the earliest start first. Paused jobs have none."""
    by_job = [islice(_upcoming_runs(row, after), number) for row in rows if row.paused is None]
    return list(islice(heapq.merge(*by_job, key=lambda run: (run.start, run.job)), number))


def _upcoming_runs(row: JobRow, after: float) -> Iterator[UpcomingRun]:
    job, block = job_of(row), block_of(row)
    zone = ZoneInfo(block.timezone)
    for due in times_between(job.rule, job.anchor, max(after, row.seen, ceil(row.rest_until) - 1), 2**40):
        yield UpcomingRun(row.name, due, job.start(due), block.timezone, clock_note(job.rule, due, zone))


# -- why


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer in words; the row that it is read from, where there is one; and the times before and after."""

    job: str
    asked: int
    answer: str
    row: Occurrence | None = None
    before: int | None = None
    after: int | None = None


def explain(app: App, store: ScheduleStore, row: JobRow, moment: int) -> Explanation:
    """Why a job did, or did not, run at a time: the minute that begins there, or the second itself."""
    to = moment if moment % 60 else moment + 59
    occurrences = store.occurrences.between(row.name, moment, to)
    if occurrences:
        return Explanation(row.name, moment, _answer(occurrences[-1], app.now()), occurrences[-1])
    job = job_of(row)
    dues = list(times_between(job.rule, job.anchor, moment - 1, to))
    if dues and dues[0] > row.seen:
        start = job.start(dues[0])
        if row.paused is not None:
            answer = "it is due, and the job is paused"
        elif start >= app.now():
            answer = f"not due yet; it starts at {utc_text(start)}"
        else:
            answer = "it is due, and neither a daemon nor a tick has run since"
        return Explanation(row.name, moment, answer, after=dues[0])
    following = job.next(moment)
    if following is not None and following > moment + _AFTER:
        following = None
    if moment <= job.anchor:
        answer = f"the job has this schedule only since {utc_text(job.anchor)}"
        return Explanation(row.name, moment, answer, after=following)
    earlier = list(times_between(job.rule, job.anchor, moment - _BEFORE, moment - 1))[-1:]
    before = earlier[0] if earlier else None
    return Explanation(row.name, moment, "the job is not due then", before=before, after=following)


def _answer(row: Occurrence, now: float) -> str:
    run = f" (run {row.run})" if row.run else ""
    origins = {"missed": ", to make up for missed times", "now": ", by run-now", "backfill": ", by backfill"}
    match row.state:
        case "done":
            return f"it ran{origins.get(row.origin, '')}, and ended well{run}"
        case "failed":
            return f"it ran{origins.get(row.origin, '')}, and failed: {row.reason}{run}"
        case "claimed" | "running":
            if row.lease < now:
                return f"its run was cut off; the daemon or a tick continues it{run}"
            return f"it is running{run}"
        case "paused":
            return f"its run is paused until {utc_text(row.not_before)}: {row.reason}{run}"
        case "due":
            return "it is due, and waits for its turn"
        case _:
            return f"it was {row.state}: {row.reason}"


# -- by hand


def add_run_now(app: App, store: ScheduleStore, row: JobRow) -> int:
    """Make a job due now, whatever its schedule says; the id of the occurrence."""
    now = int(app.now())
    return store.occurrences.add(row.name, Verdict(now, "due", now, now, origin="now", reason="asked for"))


def resume(app: App, store: ScheduleStore, row: JobRow) -> bool:
    """Resume a job that is paused or rests. Returns whether it was. What was due in a pause is skipped."""
    rested = store.jobs.end_rest(row.name, app.now())
    if row.paused is None:
        return rested
    verdicts = judge(job_of(row), row.seen, app.now(), not_now=PAUSED)
    if verdicts:
        store.occurrences.record([(row.name, row.seen, verdicts)])
    return store.jobs.pause(row.name, None)


def times_without_run(store: ScheduleStore, row: JobRow, first: float, last: float) -> list[int]:
    """The times of a job in a span at which nothing ran. Raises UsageError for more than a backfill may have."""
    job = job_of(row)
    # the rule as it is now, also for the time before it was first scheduled
    anchor = min(job.anchor, int(first) - 1) if not hasattr(job.rule.when, "seconds") else job.anchor
    dues = []
    for due in times_between(job.rule, anchor, first - 1, last):
        rows = store.occurrences.between(row.name, due, due)
        if all(occurrence.state in ("skipped", "merged", "withdrawn") for occurrence in rows):
            dues.append(due)
        if len(dues) > MOST_MADE_UP:
            raise UsageError(f"more than {MOST_MADE_UP} times would run", hint="choose a shorter span")
    return dues


def parse_time(text: str, row: JobRow) -> int:
    """The moment of a date with a time, in the job's own zone unless it names one. Raises UsageError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a date or time", hint="write it like 2030-12-31T03:30") from None
    zone = ZoneInfo(block_of(row).timezone)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())


def event_data(event: ScheduleEvent) -> dict[str, Any]:
    """An event as plain data, as the daemon prints it with ``--output json``."""
    return {"event": event.kind, **{name: value for name, value in asdict(event).items() if name != "kind"}}
