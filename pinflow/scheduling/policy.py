"""What becomes of each time at which a job was due: it runs, is skipped, or is merged into another one. Pure."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Literal

from pinflow.lazy_dataclass import dataclass
from pinflow.scheduling.rules import jitter, latest_times, next_after, times_between, utc_text
from pinflow.state.records import Verdict

if TYPE_CHECKING:
    from pinflow.scheduling.rules import Moment, Rule
    from pinflow.state.records import Origin

Missed = Literal["skip", "last", "all"]

MOST_MADE_UP = 100  # runs of `missed: all`, and of one backfill: two hours of "every minute", and no burst of calls
PAUSED = "the job is paused"  # reasons why times pass without a run
RESTS = "the job rests"
_MOST_COUNTED = 1_000  # times of a span; counting costs 15 us each, and a larger number tells people no more
_GRACE = 6 * 3600  # seconds at most where the recipe has no grace: a daily job still runs that day
_LEAST_GRACE = 60  # seconds; a look takes place every second, and a busy machine may miss some


@dataclass(frozen=True, slots=True)
class JobPolicy:
    """What happens to a job that can't run in time. Seconds."""

    missed: Missed = "last"
    overlap: Literal["skip", "queue"] = "skip"
    grace: float | None = None
    jitter: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """A job's name, rule and policy; ``anchor`` is what the rule counts from."""

    name: str
    rule: Rule
    policy: JobPolicy
    anchor: Moment

    def next(self, after: float) -> Moment | None:
        """The first time after ``after``."""
        return next_after(self.rule, self.anchor, after)

    def start(self, due: Moment) -> Moment:
        """When it starts: up to the jitter later, and before the next time."""
        if not self.policy.jitter:
            return due
        following = self.next(due)
        most = self.policy.jitter if following is None else min(self.policy.jitter, following - due - 1)
        return due + jitter(self.name, due, most)

    def grace(self, due: Moment) -> float:
        """How many seconds late it may start before it counts as missed."""
        if self.policy.grace is not None:
            return self.policy.grace
        following = self.next(due)
        return _GRACE if following is None else max(_LEAST_GRACE, min(_GRACE, (following - due) / 2))


def judge(job: Job, seen: Moment, now: float, *, not_now: str = "") -> list[Verdict]:
    """Verdicts about every time after ``seen`` whose start has come, in order.

    ``not_now`` is why none may run now: the job is paused, or rests.
    """
    # one more than may run, to see whether there are others before
    newest = [due for due in latest_times(job.rule, job.anchor, seen, now, MOST_MADE_UP + 1) if job.start(due) <= now]
    if not newest:
        return []
    if not_now:
        return [_span_verdict(job, seen, newest[-1], "skipped", not_now)]
    on_time = [due for due in newest if now - job.start(due) <= job.grace(due)]
    if job.policy.missed == "all" and len(newest) > 1:
        on_time = []  # as late ones they wait for each other; the newest would be skipped by `overlap: skip`
    late = newest[: len(newest) - len(on_time)]
    merge = on_time[0] if on_time else None
    return [*_late_verdicts(job, seen, late, now, merge=merge), *(_due_verdict(job, due) for due in on_time)]


def _late_verdicts(job: Job, seen: Moment, late: list[Moment], now: float, *, merge: Moment | None) -> list[Verdict]:
    if not late:
        return []
    match job.policy.missed:
        case "skip":
            return [_span_verdict(job, seen, late[-1], "skipped", "missed, and the schedule says missed: skip")]
        case "last":
            into = late[-1] if merge is None else merge
            before = [due for due in late if due != into]
            reason = f"missed; one run makes up for it (due {utc_text(into)})"
            merged = [_span_verdict(job, seen, before[-1], "merged", reason)] if before else []
            return merged if merge is not None else [*merged, _due_verdict(job, into, "missed", now)]
        case _:
            newest = late[-MOST_MADE_UP:]
            first = job.next(seen)
            reason = f"missed, and only the last {MOST_MADE_UP} are made up for"
            many = first is not None and first < newest[0]
            skipped = [_span_verdict(job, seen, newest[0] - 1, "skipped", reason)] if many else []
            return [*skipped, *(_due_verdict(job, due, "missed", now) for due in newest)]


def _due_verdict(job: Job, due: Moment, origin: Origin = "schedule", now: float = 0.0) -> Verdict:
    start = job.start(due)
    reason = f"missed by {int(now - start)} s" if origin == "missed" else ""
    return Verdict(due, "due", start, due, origin=origin, reason=reason)


def _span_verdict(job: Job, seen: Moment, to: Moment, state: Literal["skipped", "merged"], reason: str) -> Verdict:
    """One verdict about every time after ``seen`` up to ``to``; there is at least one."""
    times = list(islice(times_between(job.rule, job.anchor, seen, to), _MOST_COUNTED + 1))
    count = len(times) if len(times) <= _MOST_COUNTED else None
    last = times[-1] if count else to
    return Verdict(times[0], state, job.start(times[0]), last, count, reason)
