"""What becomes of each time at which a job was due: it runs, is skipped, or goes into another one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal

from pinflow.scheduling.rules import between, jitter, latest, next_after, utc
from pinflow.state.records import Verdict

if TYPE_CHECKING:
    from pinflow.scheduling.rules import Moment, Rule
    from pinflow.state.records import Origin

Missed = Literal["skip", "last", "all"]

MOST_MADE_UP = 100  # of `missed: all`, and of one backfill
PAUSED_BY_HAND = "the job is paused"  # why its times pass
RESTS = "the job rests"  # the same
_MOST_COUNTED = 1_000
_GRACE = 6 * 3600  # seconds, at most, where none is given
_LEAST_GRACE = 60  # a look takes place every second, and a busy machine may miss some


@dataclass(frozen=True, slots=True)
class Terms:
    """How a job is treated when it can't run in time. Seconds."""

    missed: Missed = "last"
    overlap: Literal["skip", "queue"] = "skip"
    grace: float | None = None
    jitter: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """What decides about the times of a job."""

    name: str
    rule: Rule
    terms: Terms
    anchor: Moment

    def next(self, after: float) -> Moment | None:
        """The first time after ``after``."""
        return next_after(self.rule, self.anchor, after)

    def start(self, due: Moment) -> Moment:
        """When it starts: up to the jitter later, and before the next time."""
        if not self.terms.jitter:
            return due
        following = self.next(due)
        most = self.terms.jitter if following is None else min(self.terms.jitter, following - due - 1)
        return due + jitter(self.name, due, most)

    def grace(self, due: Moment) -> float:
        """How many seconds late it may start before it counts as missed."""
        if self.terms.grace is not None:
            return self.terms.grace
        following = self.next(due)
        return _GRACE if following is None else max(_LEAST_GRACE, min(_GRACE, (following - due) / 2))


def judge(job: Job, seen: Moment, now: float, *, not_now: str = "") -> list[Verdict]:
    """Verdicts about every time after ``seen`` whose start has come, in order.

    ``not_now`` is why none may run: the job is paused, or rests.
    """
    # one more than may run tells whether there are others before
    newest = [due for due in latest(job.rule, job.anchor, seen, now, MOST_MADE_UP + 1) if job.start(due) <= now]
    if not newest:
        return []
    if not_now:
        return [_span(job, seen, newest[-1], "skipped", not_now)]
    on_time = [due for due in newest if now - job.start(due) <= job.grace(due)]
    if job.terms.missed == "all" and len(newest) > 1:
        on_time = []  # behind those that are made up for, the newest would be left out by `overlap: skip`
    late = newest[: len(newest) - len(on_time)]
    return [*_late(job, seen, late, now, merge=on_time[0] if on_time else None), *(_due(job, due) for due in on_time)]


def _late(job: Job, seen: Moment, late: list[Moment], now: float, *, merge: Moment | None) -> list[Verdict]:
    if not late:
        return []
    match job.terms.missed:
        case "skip":
            return [_span(job, seen, late[-1], "skipped", "missed, and the policy is missed: skip")]
        case "last":
            into = late[-1] if merge is None else merge
            before = [due for due in late if due != into]
            reason = f"missed; one run makes up for it (due {utc(into)})"
            merged = [_span(job, seen, before[-1], "merged", reason)] if before else []
            return merged if merge is not None else [*merged, _due(job, into, "missed", now)]
        case _:
            kept = late[-MOST_MADE_UP:]
            first = job.next(seen)
            reason = f"missed, and more than {MOST_MADE_UP} are not made up for"
            many = first is not None and first < kept[0]
            skipped = [_span(job, seen, kept[0] - 1, "skipped", reason)] if many else []
            return [*skipped, *(_due(job, due, "missed", now) for due in kept)]


def _due(job: Job, due: Moment, origin: Origin = "schedule", now: float = 0.0) -> Verdict:
    start = job.start(due)
    reason = f"missed by {int(now - start)} s" if origin == "missed" else ""
    return Verdict(due, "due", start, due, origin=origin, reason=reason)


def _span(job: Job, seen: Moment, to: Moment, state: Literal["skipped", "merged"], reason: str) -> Verdict:
    """One verdict about every time after ``seen`` up to ``to``, of which there is one at least."""
    found = list(islice(between(job.rule, job.anchor, seen, to), _MOST_COUNTED + 1))
    count = len(found) if len(found) <= _MOST_COUNTED else None
    last = found[-1] if count else to
    return Verdict(found[0], state, job.start(found[0]), last, count, reason)
