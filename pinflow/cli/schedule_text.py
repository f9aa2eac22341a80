"""A schedule in lines for people."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pinflow.errors import APPROVAL
from pinflow.reporters.text import fit, inert
from pinflow.reporters.wording import counts_text, duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pinflow.scheduling.events import ScheduleEvent
    from pinflow.scheduling.health import ScheduleStatus
    from pinflow.scheduling.queries import Explanation, UpcomingRun
    from pinflow.state.records import JobRow, Occurrence

_ITEMS = 5  # failed items of a run; `runs show --items` lists all


def zoned_time(moment: float, zone: str | None = None) -> str:
    """A time with its offset, in a zone or (None) in this machine's own."""
    here = datetime.fromtimestamp(moment, ZoneInfo(zone)) if zone else datetime.fromtimestamp(moment).astimezone()
    return f"{here:%Y-%m-%d %H:%M:%S %z}"


def local_time(moment: float) -> str:
    """A time in this machine's zone."""
    return f"{datetime.fromtimestamp(moment):%Y-%m-%d %H:%M:%S}"


def rule_text(block: Mapping[str, object]) -> str:
    """A schedule in a few words: "every day at 03:30 (Europe/Berlin)"."""
    at = block["at"]
    times = ", ".join(map(str, at)) if isinstance(at, list) else at
    rule = f"cron {block['cron']}" if block["cron"] else f"every {block['every']}" + (f" at {times}" if times else "")
    return inert(f"{rule} ({block['timezone']})")


def event_lines(event: ScheduleEvent, now: float) -> Iterator[str]:
    """An event as lines of a log."""
    job = f"{inert(event.job)}: " if event.job else ""
    yield f"{local_time(now)}  {job}{_event_text(event)}"
    items = [item for item in event.items if item[2] not in event.reason]  # the reason has the error of a single one
    for step, key, error in items[:_ITEMS]:
        yield f"{' ' * 21}{inert(step)} {inert(key)}: {fit(error, 160)}"
    if len(items) > _ITEMS:
        yield f"{' ' * 21}and {len(items) - _ITEMS} more: pinflow runs show {inert(event.run)} --items"


def _event_text(event: ScheduleEvent) -> str:
    reason, job = inert(event.reason), inert(event.job)
    match event.kind:
        case "started":
            return f"{'resumed' if event.again else 'started'} (run {event.run}, due {local_time(event.due or 0)})"
        case "done":
            counts = counts_text(event.counts)
            return f"done in {duration(event.seconds)}" + (f": {counts}" if counts else "")
        case "failed":
            return f"FAILED: {reason}" + (f" (pinflow runs show {event.run})" if event.run else "")
        case "paused":
            return f"paused until {local_time(event.until or 0)}: {reason}"
        case "left" | "lost" | "withdrawn":
            return reason
        case "skipped" | "merged":
            many = (
                ""
                if event.count == 1
                else " and more than 1,000 others"
                if event.count is None
                else f" and {event.count - 1} others"
            )
            return f"{event.kind} {local_time(event.due or 0)}{many}: {reason}"
        case "edited":
            return "the recipe was edited; the new version is used from now on"
        case "inputs":
            return f"{reason}; to run both, make two recipes that include this one"
        case "read":
            return f"recipes reloaded: {job_count(event.count or 0)}"
        case "broken":
            if not event.job:
                return reason
            return f"its runs will fail until its recipe is fixed (no restart needed): {reason}"
        case "gone":
            return "no longer scheduled"
        case "rests":
            until = local_time(event.until or 0)
            return f"failed {event.count} times in a row: rests until {until} or pinflow schedule resume {job}"
        case _:
            direction = "forward" if event.seconds > 0 else "back"
            return f"the clock jumped {direction} by {duration(abs(event.seconds))}"


def job_row(row: JobRow, start: float | None, last: Occurrence | None, *, now: float) -> tuple[str, ...]:
    """A job as a row of a table."""
    state = "paused" if row.paused is not None else f"failed {row.failures}x" if row.failures else "ok"
    if state == "ok" and last is not None and (last.state, last.exit_code) == ("failed", APPROVAL):
        state = "not approved"
    if state == "ok" and start is None:
        state = "over"  # its last day has passed
    if row.paused is None and row.rest_until > now:
        state += ", rests"
    following = "-" if start is None else local_time(start)
    before = "-" if last is None else f"{last.state} {local_time(last.due)}"
    return inert(row.name), rule_text(row.block), state, following, before


def job_count(number: int) -> str:
    """A number of jobs in words: "1 job"."""
    return f"{number} {'job' if number == 1 else 'jobs'}"


def upcoming_row(run: UpcomingRun) -> tuple[str, ...]:
    """A time to come as a row of a table."""
    late = f"+{duration(run.start - run.due)}" if run.start != run.due else ""
    return inert(run.job), zoned_time(run.due, run.zone), inert(run.zone), local_time(run.start), late, run.mark


def occurrence_row(row: Occurrence) -> tuple[str, ...]:
    """An occurrence as a row of a table."""
    many = "" if row.last == row.due else f" to {local_time(row.last)}"
    # empty where the clock was set back meanwhile
    took = "" if row.began is None or row.ended is None or row.ended < row.began else duration(row.ended - row.began)
    return f"{local_time(row.due)}{many}", inert(row.job), row.state, took, inert(row.run) or "-", inert(row.reason)


def explanation_lines(explanation: Explanation, zone: str) -> Iterator[str]:
    """An answer, and the times around."""
    yield f"{inert(explanation.job)} at {zoned_time(explanation.asked, zone)}: {inert(explanation.answer)}"
    if explanation.before is not None:
        yield f"  before that it was due at {zoned_time(explanation.before, zone)}"
    if explanation.after is not None:
        yield f"  {'it is due at' if explanation.row is None else 'then'} {zoned_time(explanation.after, zone)}"


def status_lines(status: ScheduleStatus) -> Iterator[str]:
    """How the schedule is doing."""
    beat = status.beat
    if status.daemon and beat is not None:
        ago = duration(max(0.0, status.at - beat.at))
        yield f"daemon   process {beat.pid}, since {local_time(beat.since)}; last sign of life {ago} ago"
    elif beat is not None:
        yield f"daemon   none; last tick at {local_time(beat.at)}"
    else:
        yield "daemon   none"
    paused = sum(row.paused is not None for row in status.jobs)
    yield f"jobs     {len(status.jobs)}" + (f", {paused} of them paused" if paused else "")
    if status.next is not None:
        yield f"next     {inert(status.next[1])} at {local_time(status.next[0])}"
    for title, rows in (("running", status.running), ("waiting", status.waiting), ("paused", status.paused)):
        for row in rows[:10]:
            until = f", continues at {local_time(row.not_before)}" if title == "paused" else ""
            cut_off = ", cut off" if title == "waiting" and row.state != "due" else ""
            yield f"{title:<8} {inert(row.job)} (due {local_time(row.due)}{until}{cut_off})"
    for problem in status.problems:
        yield f"problem  {inert(problem)}"
    if status.ok:
        yield "all is well"
