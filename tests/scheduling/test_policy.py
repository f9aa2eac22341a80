"""What becomes of the times that have come: on time, made up for, merged or skipped, each with its reason."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pinflow.scheduling.policy import MOST_MADE_UP, Job, JobPolicy, judge
from pinflow.scheduling.rules import Interval, Rule

HOUR = 3600


def job(seconds: int = HOUR, *, until: int | None = None, **policy: object) -> Job:
    return Job("mirror", Rule(Interval(seconds), until), JobPolicy(**policy), 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(("now", "seconds"), [(5 * HOUR + 1801, 1801), (5 * HOUR + 3599.9, 3599)])
def test_a_run_that_makes_up_says_by_how_much_it_was_missed(now: float, seconds: int) -> None:
    *merged, verdict = judge(job(), 0, now)
    assert (verdict.due, verdict.state, verdict.origin, verdict.reason) == (
        5 * HOUR,
        "due",
        "missed",
        f"missed by {seconds} s",
    )
    assert [(v.state, v.due, v.last, v.count) for v in merged] == [("merged", HOUR, 4 * HOUR, 4)]
    assert merged[0].reason == "missed; one run makes up for it (due 1970-01-01 05:00:00 UTC)"


def test_lateness_counts_from_the_start_and_not_from_the_time_before_the_jitter() -> None:
    jittered = job(jitter=600)
    start = jittered.start(HOUR)
    assert HOUR < start <= HOUR + 600
    (on_time,) = judge(jittered, 0, start + 1800)
    (late,) = judge(jittered, 0, start + 1801)
    assert (on_time.origin, on_time.reason, on_time.start) == ("schedule", "", start)
    assert (late.origin, late.reason) == ("missed", "missed by 1801 s")
    assert judge(jittered, 0, start - 1) == []


def test_each_run_that_is_made_up_for_says_its_own() -> None:
    verdicts = judge(job(missed="all"), 0, 3 * HOUR)
    assert [(v.due, v.origin, v.reason) for v in verdicts] == [
        (HOUR, "missed", "missed by 7200 s"),
        (2 * HOUR, "missed", "missed by 3600 s"),
        (3 * HOUR, "missed", "missed by 0 s"),
    ]
    (alone,) = judge(job(missed="all"), 0, HOUR)
    assert (alone.origin, alone.reason) == ("schedule", "")


def test_of_too_many_only_the_last_are_made_up_for() -> None:
    skipped, *made_up = judge(job(60, missed="all"), 0, 105 * 60)
    assert (skipped.state, skipped.due, skipped.last, skipped.count) == ("skipped", 60, 5 * 60, 5)
    assert skipped.reason == "missed, and only the last 100 are made up for"
    assert [v.due for v in made_up] == [60 * n for n in range(6, 106)]
    assert len(judge(job(60, missed="all"), 0, 100 * 60)) == MOST_MADE_UP


@pytest.mark.parametrize(("times", "count", "last"), [(1000, 1000, 1000), (1001, None, 1001)])
def test_a_span_is_counted_up_to_a_thousand_times(times: int, count: int | None, last: int) -> None:
    late = times * 60 + 31 * 60  # the one run is late, and beyond its grace
    (skipped,) = judge(job(60, until=times * 60, missed="skip"), 0, late + 6 * HOUR)
    assert (skipped.due, skipped.last, skipped.count) == (60, last * 60, count)
    assert skipped.reason == "missed, and the schedule says missed: skip"


def test_nothing_runs_while_the_job_is_paused() -> None:
    (skipped,) = judge(job(), 0, 3 * HOUR, not_now="the job is paused")
    assert (skipped.state, skipped.due, skipped.last, skipped.count) == ("skipped", HOUR, 3 * HOUR, 3)
    assert skipped.reason == "the job is paused"


@pytest.mark.parametrize(
    ("every", "grace", "seconds"),
    [
        (10, None, 60),  # half would be less than a busy machine needs
        (HOUR, None, 1800),
        (24 * HOUR, None, 6 * HOUR),
        (HOUR, 7.5, 7.5),
    ],
)
def test_the_grace_is_half_the_distance_within_bounds(every: int, grace: float | None, seconds: float) -> None:
    assert job(every, grace=grace).grace(every) == seconds


def test_the_last_time_of_a_rule_has_the_longest_grace_and_the_whole_jitter() -> None:
    ends = job(60, until=60, jitter=600)
    assert ends.grace(60) == 6 * HOUR
    assert max(job(60, until=60 * n, jitter=600).start(60 * n) - 60 * n for n in range(1, 200)) > 60


def test_a_jitter_ends_before_the_next_time() -> None:
    starts = [job(60, jitter=600).start(60 * n) for n in range(1, 500)]
    assert all(60 * n <= start < 60 * (n + 1) for n, start in enumerate(starts, 1))
    assert all(one < other for one, other in pairwise(starts))
    assert {start % 60 for start in starts} >= {0, 59}
