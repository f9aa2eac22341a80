"""What people ask of a schedule: what comes next, why something ran or did not, and what could be made up for."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pinflow.errors import UsageError
from pinflow.recipe import bundled
from pinflow.scheduling.jobs import HERE, block_of, job_of, load
from pinflow.scheduling.policy import MOST_MADE_UP, PAUSED_BY_HAND, judge
from pinflow.scheduling.rules import between, mark, utc
from pinflow.state.folder.occurrences import SCHEDULE
from pinflow.state.folder.sqlite import damaged
from pinflow.state.records import Verdict
from pinflow.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pinflow.app import App
    from pinflow.scheduling.events import Told
    from pinflow.state.folder.occurrences import Table
    from pinflow.state.records import JobRow, Occurrence

_STARTED_WITH = "run"
_BEFORE, _AFTER = 7 * 86_400, 2 * 366 * 86_400  # seconds around a time in which others are looked for


# -- which jobs


@dataclass(frozen=True, slots=True)
class Chosen:
    """Recipes, their inputs, and the jobs that they make."""

    recipes: Sequence[Path]
    inputs: Mapping[str, str]
    rows: Sequence[JobRow]


def chosen(
    app: App,
    table: Table,
    given: Sequence[Path],
    inputs: Mapping[str, str],
    left_out: Callable[[str], None],
    reading: Callable[[int], None] = lambda number: None,
) -> Chosen:
    """The jobs of the recipes that are named, else of what the daemon was last started with, else of ``recipes/``.

    Raises RecipeError and UsageError.
    """
    if not given and (noted := _started_with(table)):
        given = [Path(each) for each in noted["recipes"] if Path(each).exists()]
        inputs = {**noted["inputs"], **inputs}
    if not given and HERE.is_dir():
        given = [HERE]
    if not given:
        raise UsageError("which recipes?", hint="name files or folders; there is no folder recipes/ here")
    rows = load(app, given, inputs, table.jobs(), left_out=left_out, reading=reading)
    if not rows:
        raise UsageError(
            f"no recipe in {', '.join(map(str, given))} has a schedule that can run",
            hint='give one a schedule: {every: day, at: "03:30"}',
        )
    return Chosen(given, inputs, rows)


def remember(table: Table, start: Chosen, *, now: float) -> None:
    """Keep what the daemon is started with, for the next start; what it had then and has no more is taken away."""
    names = sorted(row.name for row in start.rows)
    before = _started_with(table) or {"jobs": []}
    recipes = [str(bundled.find_recipe(each).resolve()) for each in start.recipes]
    table.take_away(sorted(set(before["jobs"]) - set(names)), "the daemon was started without the job", now=now)
    table.keep(_STARTED_WITH, {"recipes": recipes, "inputs": dict(start.inputs), "jobs": names})


def _started_with(table: Table) -> dict[str, Any] | None:
    """What the daemon was last started with. Raises StateError for what no pinflow wrote."""
    noted = table.note(_STARTED_WITH)
    match noted:
        case None | {"recipes": list(), "inputs": dict(), "jobs": list()}:
            return noted
    raise damaged(table.file, "what the daemon was started with can't be read", SCHEDULE)


def find_job(table: Table, name: str) -> JobRow:
    """The job of a name: that of its recipe's file, or what the recipe is called. Raises UsageError."""
    rows = table.jobs()
    for row in rows.values():
        if name in (row.name, row.title, row.recipe) or Path(name).stem == row.name:
            return row
    near = nearest(name, rows)
    hint = f"did you mean {near!r}?" if near else "pinflow schedule list shows them"
    raise UsageError(f"no job is called {name!r}", hint=hint)


# -- what comes next


@dataclass(frozen=True, slots=True)
class Coming:
    """A time at which a job will be due. ``mark`` tells what a change of the clock does to it."""

    job: str
    due: int
    start: int
    zone: str
    mark: str


def coming(rows: Iterable[JobRow], after: float, number: int) -> list[Coming]:
    """The next times of all jobs together, the earliest start first. Paused jobs have none."""
    each = [islice(_coming(row, after), number) for row in rows if row.paused is None]
    return list(islice(heapq.merge(*each, key=lambda found: (found.start, found.job)), number))


def _coming(row: JobRow, after: float) -> Iterator[Coming]:
    job, block = job_of(row), block_of(row)
    zone = ZoneInfo(block.timezone)
    for due in between(job.rule, job.anchor, max(after, row.seen, ceil(row.rest_until) - 1), 2**40):
        yield Coming(row.name, due, job.start(due), block.timezone, mark(job.rule, due, zone))


# -- why


@dataclass(frozen=True, slots=True)
class Why:
    """An answer in words; the row that it is read from, where there is one; and the times before and after."""

    job: str
    asked: int
    answer: str
    row: Occurrence | None = None
    before: int | None = None
    after: int | None = None


def why(app: App, table: Table, row: JobRow, asked: int) -> Why:
    """Why a job did, or did not, run at a time: the minute that begins there, or the second itself."""
    exact = asked % 60 != 0
    found = table.around(row.name, asked, asked if exact else asked + 59)
    if found:
        return Why(row.name, asked, _told(found[-1], app.now()), found[-1])
    job = job_of(row)
    dues = list(between(job.rule, job.anchor, asked - 1, asked + (0 if exact else 59)))
    if dues and dues[0] > row.seen:
        late = app.now() - job.start(dues[0])
        if row.paused is not None:
            return Why(row.name, asked, "it is due, and the job is paused", after=dues[0])
        if late <= 0:
            return Why(row.name, asked, f"it has not come yet; it starts at {utc(job.start(dues[0]))}", after=dues[0])
        return Why(
            row.name, asked, "it is due, and nobody has looked since: neither a daemon nor a tick", after=dues[0]
        )
    near = list(between(job.rule, job.anchor, asked - _BEFORE, asked - 1))[-1:]
    following = job.next(asked)
    if following is not None and following > asked + _AFTER:
        following = None
    if asked <= job.anchor:
        return Why(
            row.name, asked, f"the job has been scheduled like this since {utc(job.anchor)} only", after=following
        )
    return Why(row.name, asked, "the job is not due then", before=near[0] if near else None, after=following)


def _told(row: Occurrence, now: float) -> str:
    run = f" (run {row.run})" if row.run else ""
    origin = {"missed": ", to make up for what was missed", "now": ", as it was asked to", "backfill": ", as backfill"}
    match row.state:
        case "done":
            return f"it ran{origin.get(row.origin, '')}, and ended well{run}"
        case "failed":
            return f"it ran{origin.get(row.origin, '')}, and failed: {row.reason}{run}"
        case "claimed" | "running":
            if row.lease < now:
                return f"its run was cut off, and is gone on with by the daemon or a tick{run}"
            return f"it is being run{run}"
        case "paused":
            return f"its run is paused until {utc(row.not_before)}: {row.reason}{run}"
        case "due":
            return "it is due, and waits for its turn"
        case _:
            return f"it was {row.state}: {row.reason}"


# -- by hand


def now_due(app: App, table: Table, row: JobRow) -> int:
    """Let a job run now, whatever its schedule says; the id of the row."""
    now = int(app.now())
    return table.add(row.name, Verdict(now, "due", now, now, origin="now", reason="asked for"))


def pause(app: App, table: Table, row: JobRow) -> bool:
    """Let a job rest until it is resumed; whether it did not yet. Its times pass as skipped."""
    return table.pause(row.name, app.now())


def resume(app: App, table: Table, row: JobRow) -> bool:
    """Let a job go on that is paused or rests; whether it did. What was due in a pause is skipped, and says so."""
    rested = table.end_rest(row.name, app.now())
    if row.paused is None:
        return rested
    verdicts = judge(job_of(row), row.seen, app.now(), not_now=PAUSED_BY_HAND)
    if verdicts:
        table.record([(row.name, row.seen, verdicts)])
    return table.pause(row.name, None)


def lacking(table: Table, row: JobRow, first: float, last: float) -> list[int]:
    """The times of a job in a span at which nothing ran. Raises UsageError for more than a backfill may have."""
    job = job_of(row)
    # the rule as it is now, also for the time before it was first scheduled
    anchor = min(job.anchor, int(first) - 1) if not hasattr(job.rule.when, "seconds") else job.anchor
    found = []
    for due in between(job.rule, anchor, first - 1, last):
        ran = [
            each for each in table.around(row.name, due, due) if each.state not in ("skipped", "merged", "withdrawn")
        ]
        if not ran:
            found.append(due)
        if len(found) > MOST_MADE_UP:
            raise UsageError(f"more than {MOST_MADE_UP} times would run", hint="choose a shorter span")
    return found


def moment_of(text: str, row: JobRow) -> int:
    """A date with a time, in the job's own zone unless it names one. Raises UsageError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no date or time", hint="write it like 2030-12-31T03:30") from None
    zone = ZoneInfo(block_of(row).timezone)
    return int((found if found.tzinfo else found.replace(tzinfo=zone)).timestamp())


def plain(told: Told) -> dict[str, Any]:
    """What was told, as plain data."""
    from dataclasses import asdict

    return {"event": told.kind, **{name: value for name, value in asdict(told).items() if name != "kind"}}
