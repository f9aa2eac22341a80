# ruff: noqa: S101 - these are tests
"""The tests of the schedule."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from pinflow.errors import StateError
from pinflow.state.conformance.common import catch
from pinflow.state.protocol import ClaimLost
from pinflow.state.records import (
    LEASE,
    Heartbeat,
    JobRow,
    Occurrence,
    Verdict,
)

if TYPE_CHECKING:
    from pinflow.state.conformance.common import MakeState
    from pinflow.state.protocol import ScheduleStore


_NOON = 1_795_608_000


def _job(name: str = "copy", *, digest: str = "d", accounts: tuple[str, ...] = ("shop",), **facts: Any) -> JobRow:
    return JobRow(
        name=name,
        title=f"Job {name}",
        recipe=f"/r/{name}.yaml",
        stamp="1:2:3",
        digest=digest,
        block=facts.pop("block", {"every": "day", "at": ["03:30"]}),
        inputs={"board": "813"},
        accounts=list(accounts),
        anchor=_NOON,
        seen=_NOON,
        **facts,
    )


def _due(store: ScheduleStore, *dues: int, job: str = "copy") -> list[Occurrence]:
    """Jobs' occurrences at these seconds after noon, stored as due."""
    seen = store.jobs.all()[job].seen
    rows = [Verdict(_NOON + due, "due", _NOON + due, _NOON + due) for due in dues]
    assert store.occurrences.record([(job, seen, rows)]) == {job}
    return [row for row in store.occurrences.claimable(_NOON + 10_000.0) if row.job == job]


def _claim(store: ScheduleStore, row: Occurrence, now: float, **facts: Any) -> Occurrence | None:
    facts = {"run": f"run-{row.id}", "skip_reason": None, "accounts": ["shop"]} | facts
    return store.occurrences.claim(row.id, now, **facts)


class ScheduleStoreConformance:
    """Of `ScheduleStore`, its jobs and its occurrences."""

    def test_jobs_come_back_whole_to_all_until_they_are_removed(self, make_state: MakeState) -> None:
        with closing(make_state().open_schedule("a")) as one, closing(make_state().open_schedule("b")) as other:
            assert one.jobs.put([_job("copy"), _job("tidy")], now=_NOON) == []
            assert other.jobs.all() == {"copy": _job("copy"), "tidy": _job("tidy")}
            assert (other.jobs.pause("copy", 5.0), other.jobs.pause("copy", 6.0)) == (True, False)
            assert one.jobs.all()["copy"].paused == 5.0
            assert (one.jobs.pause("copy", None), one.jobs.all()["copy"].paused) == (True, None)
            one.jobs.remove(["copy"], "gone", now=_NOON)
            assert (list(other.jobs.all()), len(other.jobs.all(active=False))) == (["tidy"], 2)

    def test_an_edited_job_has_what_waits_withdrawn(self, make_state: MakeState) -> None:
        with closing(make_state().open_schedule("a")) as store:
            store.jobs.put([_job()], now=_NOON)
            (row,) = _due(store, 60)
            assert store.jobs.put([_job(digest="e")], now=_NOON + 61) == ["copy"]
            assert store.occurrences.find(row.id).state == "withdrawn"
            assert store.jobs.all()["copy"].seen == _NOON + 60
            store.jobs.put([_job(digest="f", block={"every": "hour"})], now=_NOON + 62)
            assert store.jobs.all()["copy"].seen == _NOON

    def test_failures_are_counted_in_a_row(self, make_state: MakeState) -> None:
        with closing(make_state().open_schedule("a")) as store:
            store.jobs.put([_job()], now=_NOON)
            counts = [store.jobs.count_failure("copy", failed, rest_until=9.0) for failed in (True, True, False, True)]
            assert counts == [1, 2, 0, 1]
            assert store.jobs.all()["copy"].rest_until == 9.0
            assert (store.jobs.end_rest("copy", 8.0), store.jobs.end_rest("copy", 8.0)) == (True, False)

    def test_a_time_is_stored_once_by_whoever_moves_the_watermark(self, make_state: MakeState) -> None:
        with closing(make_state().open_schedule("a")) as one, closing(make_state().open_schedule("b")) as other:
            one.jobs.put([_job()], now=_NOON)
            rows = [Verdict(_NOON + 60, "due", _NOON + 60, _NOON + 60)]
            assert one.occurrences.record([("copy", _NOON, rows)]) == {"copy"}
            assert other.occurrences.record([("copy", _NOON, rows)]) == set()
            assert other.occurrences.record([("gone", _NOON, rows)]) == set()
            assert len(other.occurrences.history("copy")) == 1
            assert other.has_changed()
            assert not other.has_changed()

    def test_an_occurrence_is_claimed_by_one_and_free_again_after_its_lease(self, make_state: MakeState) -> None:
        with closing(make_state().open_schedule("a")) as one, closing(make_state().open_schedule("b")) as other:
            one.jobs.put([_job()], now=_NOON)
            (row,) = _due(one, 60)
            now = _NOON + 61.0
            claim = _claim(one, row, now)
            assert claim is not None
            assert (claim.run, claim.state, _claim(other, row, now)) == (f"run-{row.id}", "claimed", None)
            claim = one.occurrences.begin(claim)
            assert one.occurrences.renew([claim], now + LEASE) == []
            assert _claim(other, row, now + 2 * LEASE - 1) is None
            taken = _claim(other, row, now + 2 * LEASE + 1, run="another")
            assert taken is not None
            assert taken.run == claim.run  # there is one run of an occurrence
            assert one.occurrences.renew([claim], now + 2 * LEASE + 2) == [claim]
            for write in (
                lambda: one.occurrences.begin(claim),
                lambda: one.occurrences.park(claim, until=0.0, reason=""),
                lambda: one.occurrences.release(claim, until=0.0, reason=""),
                lambda: one.occurrences.settle(claim, "failed", now=now, reason="", exit_code=1),
            ):
                catch(ClaimLost, write)
            other.occurrences.settle(taken, "done", now=now + 150, reason="", exit_code=0)
            assert [(row.state, row.exit_code) for row in one.occurrences.history()] == [("done", 0)]

    def test_a_paused_or_released_occurrence_waits_for_its_time(self, make_state: MakeState) -> None:
        with closing(make_state().open_schedule("a")) as store:
            store.jobs.put([_job()], now=_NOON)
            (row,) = _due(store, 60)
            claim = _claim(store, row, _NOON + 61.0)
            assert claim is not None
            store.occurrences.park(store.occurrences.begin(claim), until=_NOON + 500.0, reason="rate_limited")
            assert (store.occurrences.claimable(_NOON + 499.0), store.occurrences.next_claimable()) == ([], _NOON + 500)
            claim = _claim(store, row, _NOON + 500.0)
            assert claim is not None
            store.occurrences.release(store.occurrences.begin(claim), until=_NOON + 600.0, reason="stopped")
            assert _claim(store, row, _NOON + 599.0) is None
            assert _claim(store, row, _NOON + 601.0) is not None

    def test_a_job_overlaps_neither_itself_nor_another_process_on_its_account(self, make_state: MakeState) -> None:
        with closing(make_state().open_schedule("a")) as one, closing(make_state().open_schedule("b")) as other:
            one.jobs.put([_job(), _job("tidy"), _job("elsewhere", accounts=("cafe",))], now=_NOON)
            first, second = _due(one, 60, 120)
            (tidy,), (elsewhere,) = _due(one, 60, job="tidy"), _due(one, 60, job="elsewhere")
            now = _NOON + 121.0
            assert _claim(one, first, now) is not None
            assert _claim(one, second, now) is None
            assert _claim(other, tidy, now) is None
            assert _claim(other, elsewhere, now, accounts=["cafe"]) is not None
            skipped = _claim(one, second, now, skip_reason=lambda due: f"since {due - _NOON}")
            assert skipped is not None
            assert (skipped.state, skipped.reason) == ("skipped", "since 60")

    def test_times_that_did_not_run_can_be_made_due(self, make_state: MakeState) -> None:
        with closing(make_state().open_schedule("a")) as store:
            store.jobs.put([_job()], now=_NOON)
            many = Verdict(_NOON + 60, "skipped", _NOON + 60, _NOON + 180, 3, "missed")
            store.occurrences.record([("copy", _NOON, [many])])
            assert len(store.occurrences.between("copy", _NOON + 100, _NOON + 130)) == 1
            first, later = store.occurrences.reopen("copy", [_NOON + 60, _NOON + 600], "asked for")
            assert [store.occurrences.find(id_).due for id_ in (first, later)] == [_NOON + 60, _NOON + 600]
            extra = Verdict(_NOON + 600, "due", _NOON + 600, _NOON + 600, origin="now")
            assert store.occurrences.find(store.occurrences.add("copy", extra)).due == _NOON + 599

    def test_a_clock_that_was_set_back_forgets_what_was_passed_over(self, make_state: MakeState) -> None:
        with closing(make_state().open_schedule("a")) as store:
            store.jobs.put([_job()], now=_NOON)
            skipped = Verdict(_NOON + 3_600, "skipped", _NOON + 3_600, _NOON + 3_600, reason="missed")
            store.occurrences.record([("copy", _NOON, [skipped])])
            assert store.rewind(_NOON + 60.0) == ["copy"]
            assert (store.occurrences.history(), store.jobs.all()["copy"].seen) == ([], _NOON + 60)

    def test_one_daemon_owns_the_schedule_and_leaves_signs_of_life(self, make_state: MakeState) -> None:
        with closing(make_state().open_schedule("a")) as one, closing(make_state().open_schedule("b")) as other:
            assert (one.is_owned(), one.last_beat(), one.note("run")) == (False, None, None)
            with one.own(_NOON):
                assert other.is_owned()
                catch(StateError, lambda: other.own(_NOON).__enter__())
            assert not other.is_owned()
            sign = Heartbeat(kind="daemon", pid=7, since=1.0, at=2.0, jobs=3, running=4)
            one.beat(sign)
            one.put_note("run", {"recipes": ["r"], "inputs": {}})
            assert (other.last_beat(), other.note("run")) == (sign, {"recipes": ["r"], "inputs": {}})
            assert isinstance(one.damage("a reason"), StateError)
