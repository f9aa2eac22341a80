"""What is said of a schedule: lines for people."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pinflow.errors import APPROVAL
from pinflow.reporters.text import fit, inert
from pinflow.reporters.wording import counts_said, duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pinflow.scheduling.events import Told
    from pinflow.scheduling.health import Status
    from pinflow.scheduling.queries import Coming, Why
    from pinflow.state.records import JobRow, Occurrence

_ITEMS = 5  # failures of a run that are listed


def when(moment: float, zone: str | None = None) -> str:
    """A time with its offset, in a zone or (None) in this machine's own."""
    here = datetime.fromtimestamp(moment, ZoneInfo(zone)) if zone else datetime.fromtimestamp(moment).astimezone()
    return f"{here:%Y-%m-%d %H:%M:%S %z}"


def short(moment: float) -> str:
    """A time of this machine's zone."""
    return f"{datetime.fromtimestamp(moment):%Y-%m-%d %H:%M:%S}"


def rule_said(block: Mapping[str, object]) -> str:
    """A schedule in a few words: "every day at 03:30 (Europe/Berlin)"."""
    at = block["at"]
    times = ", ".join(map(str, at)) if isinstance(at, list) else at
    said = f"cron {block['cron']}" if block["cron"] else f"every {block['every']}" + (f" at {times}" if times else "")
    return inert(f"{said} ({block['timezone']})")


def told_lines(told: Told, now: float) -> Iterator[str]:
    """What happened, as lines of a log."""
    job = f"{inert(told.job)}: " if told.job else ""
    yield f"{short(now)}  {job}{_said(told)}"
    items = [each for each in told.items if each[2] not in told.reason]  # of a single one, the reason has it all
    for step, key, error in items[:_ITEMS]:
        yield f"{' ' * 21}{inert(step)} {inert(key)}: {fit(error, 160)}"
    if len(items) > _ITEMS:
        yield f"{' ' * 21}and {len(items) - _ITEMS} more: pinflow runs show {inert(told.run)} --items"


def _said(told: Told) -> str:
    reason, job = inert(told.reason), inert(told.job)
    match told.kind:
        case "started":
            return f"{'goes on' if told.again else 'started'} (run {told.run}, due {short(told.due or 0)})"
        case "done":
            counts = counts_said(told.counts)
            return f"done in {duration(told.seconds)}" + (f": {counts}" if counts else "")
        case "failed":
            return f"FAILED: {reason}" + (f" (pinflow runs show {told.run})" if told.run else "")
        case "paused":
            return f"paused until {short(told.until or 0)}: {reason}"
        case "left" | "lost":
            return reason
        case "skipped" | "merged":
            many = (
                ""
                if told.count == 1
                else " and more than 1,000 others"
                if told.count is None
                else f" and {told.count - 1} others"
            )
            return f"{told.kind} {short(told.due or 0)}{many}: {reason}"
        case "edited":
            return "the recipe was edited; the new one counts from now on"
        case "withdrawn":
            return reason
        case "inputs":
            return f"{reason}; for both, make recipes that include this one, each with its own inputs"
        case "read":
            return f"the recipes were read again: {jobs_said(told.count or 0)}"
        case "broken":
            if not told.job:
                return reason
            return f"its runs will fail until its recipe is mended, which needs no restart: {reason}"
        case "gone":
            return "is no longer scheduled"
        case "rests":
            until = short(told.until or 0)
            return f"failed {told.count} times in a row: rests until {until}, or pinflow schedule resume {job}"
        case _:
            way = "forward" if told.seconds > 0 else "back"
            return f"the clock went {way} by {duration(abs(told.seconds))}"


def job_row(row: JobRow, start: float | None, last: Occurrence | None, *, now: float) -> tuple[str, ...]:
    """A job as a row of a table."""
    state = "paused" if row.paused is not None else f"failed {row.failures}x" if row.failures else "ok"
    if state == "ok" and last is not None and (last.state, last.exit_code) == ("failed", APPROVAL):
        state = "not approved"
    if state == "ok" and start is None:
        state = "over"  # its last day has passed
    if row.paused is None and row.rest_until > now:
        state += ", rests"
    following = "-" if start is None else short(start)
    before = "-" if last is None else f"{last.state} {short(last.due)}"
    return inert(row.name), rule_said(row.block), state, following, before


def jobs_said(number: int) -> str:
    """How many jobs there are."""
    return f"{number} {'job' if number == 1 else 'jobs'}"


def coming_row(each: Coming) -> tuple[str, ...]:
    """A time to come as a row of a table."""
    late = f"+{duration(each.start - each.due)}" if each.start != each.due else ""
    return inert(each.job), when(each.due, each.zone), inert(each.zone), short(each.start), late, each.mark


def occurrence_row(row: Occurrence) -> tuple[str, ...]:
    """An occurrence as a row of a table."""
    many = "" if row.last == row.due else f" to {short(row.last)}"
    # none is told where the clock was set back meanwhile
    took = "" if row.began is None or row.ended is None or row.ended < row.began else duration(row.ended - row.began)
    return f"{short(row.due)}{many}", inert(row.job), row.state, took, inert(row.run) or "-", inert(row.reason)


def why_lines(found: Why, zone: str) -> Iterator[str]:
    """An answer."""
    yield f"{inert(found.job)} at {when(found.asked, zone)}: {inert(found.answer)}"
    if found.before is not None:
        yield f"  before that it was due at {when(found.before, zone)}"
    if found.after is not None:
        yield f"  {'it is due at' if found.row is None else 'then'} {when(found.after, zone)}"


def status_lines(found: Status) -> Iterator[str]:
    """How the schedule does."""
    beat = found.beat
    if found.daemon and beat is not None:
        ago = duration(max(0.0, found.at - beat.at))
        yield f"daemon   process {beat.pid}, since {short(beat.since)}; its last sign of life was {ago} ago"
    elif beat is not None:
        yield f"daemon   none; the last look was at {short(beat.at)}"
    else:
        yield "daemon   none"
    paused = sum(row.paused is not None for row in found.jobs)
    yield f"jobs     {len(found.jobs)}" + (f", {paused} of them paused" if paused else "")
    if found.next is not None:
        yield f"next     {inert(found.next[1])} at {short(found.next[0])}"
    for title, rows in (("running", found.running), ("waiting", found.waiting), ("paused", found.paused)):
        for row in rows[:10]:
            until = f", goes on at {short(row.not_before)}" if title == "paused" else ""
            cut_off = ", cut off" if title == "waiting" and row.state != "due" else ""
            yield f"{title:<8} {inert(row.job)} (due {short(row.due)}{until}{cut_off})"
    for problem in found.problems:
        yield f"problem  {inert(problem)}"
    if found.ok:
        yield "all is well"
