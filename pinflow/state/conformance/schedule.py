# ruff: noqa: S101 - these are tests
"""The tests of the schedule: its jobs, its occurrences and the claims on them."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from pinflow.errors import StateError
from pinflow.state.conformance.common import catch
from pinflow.state.protocol import ClaimLost
from pinflow.state.records import LEASE, Heartbeat, JobRow, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pinflow.state.conformance.common import MakeState
    from pinflow.state.protocol import ScheduleStore
    from pinflow.state.records import Occurrence


_NOW = 1_800_000_000  # 2027-01-15 08:00 UTC


def _job(digest: str = "1", *, every: str = "hour", accounts: Sequence[str] = (), name: str = "a") -> JobRow:
    return JobRow(
        name=name,
        title=f"Job {name}",
        recipe=f"{name}.yaml",
        stamp="1:2:3",
        digest=digest,
        block={"every": every, "at": ["06:00"]},
        inputs={"n": 3},
        accounts=accounts,
        anchor=_NOW,
        seen=_NOW,
    )


def _due(at: int, **changes: Any) -> Verdict:
    return Verdict(_NOW + at, "due", _NOW + at, _NOW + at, **changes)


def _claim(store: ScheduleStore, number: int = 0, *, at: float = _NOW + 60, **changes: Any) -> Occurrence | None:
    """A claim on one of the occurrences, by the order in which they are due."""
    occurrence = store.occurrences.history()[::-1][number]
    return store.occurrences.claim(occurrence.id, at, **{"run": "r1", "skip_reason": None, **changes})


def _claimed(store: ScheduleStore, **changes: Any) -> Occurrence:
    claim = _claim(store, **changes)
    assert claim is not None
    return claim


def _states(store: ScheduleStore) -> list[str]:
    return [row.state for row in store.occurrences.history()[::-1]]


@contextmanager
def _two_processes(
    make_state: MakeState, *jobs: JobRow, dues: Sequence[int] = ()
) -> Iterator[tuple[ScheduleStore, ScheduleStore]]:
    """The schedule as each process has it, with jobs, and occurrences of job "a" in seconds from now."""
    with closing(make_state().open_schedule("one")) as one, closing(make_state().open_schedule("two")) as two:
        one.jobs.put(jobs or [_job()], now=_NOW)
        if dues:
            one.occurrences.record([("a", _NOW, [_due(at) for at in dues])])
        yield one, two


class ScheduleStoreConformance:
    """Of `ScheduleStore` and `JobStore`: two processes, "one" and "two", share a schedule."""

    def test_a_job_is_read_as_it_was_stored(self, make_state: MakeState) -> None:
        with _two_processes(make_state, _job(accounts=["t"])) as (_, two):
            assert two.jobs.all() == {"a": _job(accounts=["t"])}

    def test_a_removed_job_is_kept_and_its_waiting_occurrences_are_withdrawn(self, make_state: MakeState) -> None:
        with _two_processes(make_state, dues=[60]) as (one, two):
            one.jobs.remove(["a", "unknown"], "not needed", now=_NOW + 1)
            assert two.jobs.all() == {}
            assert two.jobs.all(active=False)["a"].active is False
            (row,) = two.occurrences.history()
            assert (row.state, row.reason, row.ended) == ("withdrawn", "not needed", _NOW + 1)
            assert one.jobs.put([_job()], now=_NOW) == []
            assert two.jobs.all()["a"].active

    def test_an_edit_withdraws_what_waits_and_begins_anew_if_the_rule_changed(self, make_state: MakeState) -> None:
        with _two_processes(make_state, dues=[60, 120]) as (one, two):
            running = one.occurrences.begin(_claimed(one))
            assert one.jobs.put([_job("2")], now=_NOW + 100) == ["a"]
            assert _states(two) == ["running", "withdrawn"]
            assert two.jobs.all()["a"].seen == _NOW + 120  # the rule is the same
            one.occurrences.settle(running, "done", now=_NOW + 201, reason="", exit_code=0)
            assert one.jobs.put([_job("3", every="day")], now=_NOW + 200) == []
            assert two.jobs.all()["a"].seen == _NOW

    def test_a_pause_and_failures_outlast_an_edit_and_a_rest_does_not(self, make_state: MakeState) -> None:
        with _two_processes(make_state) as (one, two):
            assert one.jobs.pause("a", _NOW)
            assert not two.jobs.pause("a", _NOW + 1)
            assert one.jobs.count_failure("a", True) == 1
            assert two.jobs.count_failure("a", True, rest_until=_NOW + 600.0) == 2
            row = one.jobs.all()["a"]
            assert (row.paused, row.failures, row.rest_until) == (_NOW, 2, _NOW + 600)
            one.jobs.put([_job("2")], now=_NOW)
            row = two.jobs.all()["a"]
            assert (row.paused, row.failures, row.rest_until) == (_NOW, 2, 0)
            assert one.jobs.count_failure("a", False) == 0
            assert two.jobs.pause("a", None)
            assert not one.jobs.pause("a", None)
            assert one.jobs.count_failure("unknown", True) == 0

    def test_a_rest_can_be_ended_once(self, make_state: MakeState) -> None:
        with _two_processes(make_state) as (one, two):
            one.jobs.count_failure("a", True, rest_until=_NOW + 600.0)
            assert not two.jobs.end_rest("a", _NOW + 600)
            assert two.jobs.end_rest("a", _NOW)
            assert not one.jobs.end_rest("a", _NOW)

    def test_a_clock_that_was_set_back_forgets_what_was_passed_over(self, make_state: MakeState) -> None:
        with _two_processes(make_state, dues=[60]) as (one, two):
            one.occurrences.settle(_claimed(one), "done", now=_NOW + 61, reason="", exit_code=0)
            span = Verdict(_NOW + 120, "skipped", _NOW + 120, _NOW + 240, 3)
            later = Verdict(_NOW + 300, "skipped", _NOW + 300, _NOW + 300)
            one.occurrences.record([("a", _NOW + 60, [span, later])])
            assert two.rewind(_NOW + 150) == ["a"]
            assert one.jobs.all()["a"].seen == _NOW + 150
            rows = one.occurrences.history()[::-1]
            assert [(row.due - _NOW, row.last - _NOW, row.state) for row in rows] == [
                *((60, 60, "done"), (120, 150, "skipped"))
            ]
            assert two.rewind(_NOW + 150) == []

    def test_old_rows_go_and_open_ones_stay(self, make_state: MakeState) -> None:
        with _two_processes(make_state, dues=[60, 120]) as (one, two):
            one.occurrences.settle(_claimed(one), "done", now=_NOW + 61, reason="", exit_code=0)
            one.prune(_NOW + 300 * 86_400)
            assert _states(two) == ["done", "due"]
            one.prune(_NOW + 500 * 86_400)
            assert _states(two) == ["due"]

    def test_what_a_silent_owner_left_of_a_removed_job_is_withdrawn(self, make_state: MakeState) -> None:
        with _two_processes(make_state, dues=[60]) as (one, two):
            one.occurrences.begin(_claimed(one))
            one.jobs.remove(["a"], "gone", now=_NOW + 61)
            two.prune(_NOW + 61)
            assert _states(two) == ["running"]
            two.prune(_NOW + 60 + LEASE + 1)
            assert _states(two) == ["withdrawn"]

    def test_notes_are_shared(self, make_state: MakeState) -> None:
        with _two_processes(make_state) as (one, two):
            assert one.note("run") is None
            one.put_note("run", {"recipes": ["a.yaml"]})
            one.put_note("run", {"recipes": ["b.yaml"], "n": None})
            assert two.note("run") == {"recipes": ["b.yaml"], "n": None}

    def test_a_change_of_another_process_is_seen_once(self, make_state: MakeState) -> None:
        with _two_processes(make_state) as (one, two):
            for store in (one, two):
                store.has_changed()
            one.jobs.pause("a", _NOW)
            assert (one.has_changed(), two.has_changed(), two.has_changed()) == (False, True, False)

    def test_the_last_sign_of_life_is_kept(self, make_state: MakeState) -> None:
        with _two_processes(make_state) as (one, two):
            assert two.last_beat() is None
            for at in (_NOW, _NOW + 10.0):
                one.beat(Heartbeat(kind="daemon", pid=7, since=_NOW, at=at, jobs=3, running=1))
            assert two.last_beat() == Heartbeat(kind="daemon", pid=7, since=_NOW, at=_NOW + 10, jobs=3, running=1)

    def test_one_daemon_owns_the_schedule(self, make_state: MakeState) -> None:
        with _two_processes(make_state) as (one, two):
            assert not two.is_owned()
            with one.own(_NOW):
                assert two.is_owned()
                catch(StateError, lambda: two.own(_NOW).__enter__())
            assert not two.is_owned()
            with two.own(_NOW):
                assert one.is_owned()

    def test_damage_says_what_is_wrong(self, make_state: MakeState) -> None:
        with _two_processes(make_state) as (one, _):
            assert "no rule" in one.damage("no rule").message


class OccurrenceStoreConformance:
    """Of `OccurrenceStore`: two processes, "one" and "two", claim what is due in one schedule."""

    def test_a_time_has_one_row_though_two_store_it(self, make_state: MakeState) -> None:
        with _two_processes(make_state) as (one, two):
            assert one.occurrences.record([("a", _NOW, [_due(60)])]) == {"a"}
            assert two.occurrences.record([("a", _NOW, [_due(60)])]) == set()  # its watermark was moved
            assert two.occurrences.record([("unknown", _NOW, [_due(60)])]) == set()
            assert [row.due for row in two.occurrences.history()] == [_NOW + 60]
            assert two.jobs.all()["a"].seen == _NOW + 60

    def test_an_extra_run_gets_the_last_second_that_is_not_taken(self, make_state: MakeState) -> None:
        with _two_processes(make_state, dues=[59, 60]) as (one, two):
            row = two.occurrences.find(one.occurrences.add("a", _due(60, origin="now", reason="asked for")))
            assert (row.due, row.last, row.start) == (_NOW + 58, _NOW + 58, _NOW + 58)
            assert (row.state, row.origin, row.reason) == ("due", "now", "asked for")

    def test_a_span_that_meets_a_row_begins_behind_it(self, make_state: MakeState) -> None:
        with _two_processes(make_state, dues=[60]) as (one, two):
            one.occurrences.record([("a", _NOW + 60, [Verdict(_NOW + 60, "merged", _NOW + 60, _NOW + 600, 10)])])
            newest = two.occurrences.history()[0]
            assert (newest.due, newest.last, newest.count) == (_NOW + 61, _NOW + 600, None)
            assert two.occurrences.between("a", _NOW + 300, _NOW + 300) == [newest]
            assert two.occurrences.between("a", _NOW + 601, _NOW + 700) == []

    def test_the_history_is_of_a_job_or_all_the_newest_first(self, make_state: MakeState) -> None:
        with _two_processes(make_state, _job(), _job(name="b"), dues=[60, 120]) as (one, _):
            one.occurrences.record([("b", _NOW, [_due(90)])])
            assert [row.due - _NOW for row in one.occurrences.history()] == [120, 90, 60]
            assert [row.due - _NOW for row in one.occurrences.history("a", number=1)] == [120]
            assert one.occurrences.history(states=("done", "failed")) == []
            assert len(one.occurrences.history(states=("due",))) == 3

    def test_times_that_did_not_run_can_be_made_due(self, make_state: MakeState) -> None:
        with _two_processes(make_state, dues=[60]) as (one, two):
            one.occurrences.settle(_claimed(one), "done", now=_NOW + 61, reason="", exit_code=0)
            one.occurrences.record([("a", _NOW + 60, [Verdict(_NOW + 120, "skipped", _NOW + 120, _NOW + 240, 3)])])
            ids = two.occurrences.reopen("a", [_NOW + 30, _NOW + 60, _NOW + 120], "backfill")
            assert [one.occurrences.find(id_).due - _NOW for id_ in ids] == [30, 120]  # not what ran
            assert [(row.due - _NOW, row.state) for row in one.occurrences.history()[::-1]] == [
                *((30, "due"), (60, "done"), (120, "due"), (121, "skipped"))
            ]

    def test_of_two_that_claim_one_gets_it(self, make_state: MakeState) -> None:
        with _two_processes(make_state, dues=[60]) as (one, two):
            claim = _claimed(one)
            assert (claim.state, claim.run, claim.began) == ("claimed", "r1", _NOW + 60)
            assert _claim(two, run="r2") is None
            assert two.occurrences.claimable(_NOW + 60) == []
            assert two.occurrences.next_claimable() == claim.lease

    def test_nothing_is_claimed_before_its_start(self, make_state: MakeState) -> None:
        with _two_processes(make_state) as (one, two):
            one.occurrences.record([("a", _NOW, [Verdict(_NOW + 60, "due", _NOW + 90, _NOW + 60)])])
            assert two.occurrences.claimable(_NOW + 89) == []
            assert two.occurrences.next_claimable() == _NOW + 90
            assert len(two.occurrences.claimable(_NOW + 90)) == 1

    def test_a_frozen_owner_that_wakes_up_can_not_write(self, make_state: MakeState) -> None:
        with _two_processes(make_state, dues=[60]) as (one, two):
            frozen = one.occurrences.begin(_claimed(one))
            later = _NOW + 60 + LEASE + 1
            claim = _claimed(two, at=later, run="r2")
            assert (claim.fence > frozen.fence, claim.run) == (True, "r1")  # the run is the same
            catch(ClaimLost, lambda: one.occurrences.begin(frozen))
            catch(ClaimLost, lambda: one.occurrences.settle(frozen, "done", now=later, reason="", exit_code=0))
            catch(ClaimLost, lambda: one.occurrences.park(frozen, until=later, reason=""))
            catch(ClaimLost, lambda: one.occurrences.release(frozen, until=later, reason=""))
            assert one.occurrences.renew([frozen], later) == [frozen]
            two.occurrences.settle(claim, "done", now=later, reason="", exit_code=0)
            assert _states(one) == ["done"]

    def test_a_renewal_keeps_a_claim(self, make_state: MakeState) -> None:
        with _two_processes(make_state, dues=[60]) as (one, two):
            claim = _claimed(one)
            assert one.occurrences.renew([claim], _NOW + 110) == []
            assert _claim(two, at=_NOW + 60 + LEASE + 1) is None
            assert _claim(two, at=_NOW + 110 + LEASE + 1) is not None

    def test_a_run_gets_another_id_if_it_is_given_one(self, make_state: MakeState) -> None:
        with _two_processes(make_state, dues=[60]) as (one, two):
            running = one.occurrences.begin(_claimed(one), run="r2")
            assert (running.state, running.run) == ("running", "r2")
            assert [(row.state, row.run) for row in two.occurrences.history()] == [("running", "r2")]

    def test_what_is_released_or_parked_waits_until_its_moment(self, make_state: MakeState) -> None:
        with _two_processes(make_state, dues=[60]) as (one, two):
            one.occurrences.release(_claimed(one), until=_NOW + 90.0, reason="stopped")
            assert _states(two) == ["due"]
            assert two.occurrences.claimable(_NOW + 89) == []
            claim = two.occurrences.begin(_claimed(two, at=_NOW + 90))
            two.occurrences.park(claim, until=_NOW + 200.0, reason="no quota")
            (row,) = one.occurrences.history()
            assert (row.state, row.reason, row.exit_code, row.not_before) == ("paused", "no quota", 6, _NOW + 200)
            assert one.occurrences.claimable(_NOW + 199) == []
            assert [row.state for row in one.occurrences.claimable(_NOW + 200)] == ["paused"]

    def test_a_run_that_was_begun_and_released_is_gone_on_with(self, make_state: MakeState) -> None:
        with _two_processes(make_state, dues=[60]) as (one, two):
            one.occurrences.release(one.occurrences.begin(_claimed(one)), until=0.0, reason="stopped")
            assert _states(two) == ["claimed"]  # and by nobody held
            assert _claimed(two, at=_NOW + 61, run="r2").run == "r1"

    def test_what_was_refused_has_no_run(self, make_state: MakeState) -> None:
        with _two_processes(make_state, dues=[60]) as (one, two):
            one.occurrences.settle(_claimed(one), "failed", now=_NOW + 61, reason="no", exit_code=2, run="")
            (row,) = two.occurrences.history()
            assert (row.state, row.run, row.reason, row.exit_code, row.ended) == ("failed", "", "no", 2, _NOW + 61)

    def test_an_earlier_occurrence_that_has_not_ended_is_waited_for_or_skipped(self, make_state: MakeState) -> None:
        with _two_processes(make_state) as (one, two):
            one.occurrences.record([("a", _NOW, [_due(60), _due(120), _due(180, origin="missed")])])
            assert _claimed(one, at=_NOW + 200).state == "claimed"
            assert _claim(two, 1, at=_NOW + 200) is None
            skipped = _claim(two, 1, at=_NOW + 200, skip_reason=lambda earlier: f"earlier: {earlier - _NOW}")
            assert skipped is not None
            assert (skipped.state, skipped.reason, skipped.ended) == ("skipped", "earlier: 60", _NOW + 200)
            # what makes up for a missed one waits
            assert _claim(two, 2, at=_NOW + 200, skip_reason=lambda earlier: "") is None
            assert _states(one) == ["claimed", "skipped", "due"]

    def test_an_account_has_one_run_at_a_time_among_all_processes(self, make_state: MakeState) -> None:
        jobs = [_job(accounts=["t"]), _job(accounts=["t", "u"], name="b")]
        with _two_processes(make_state, *jobs, dues=[60]) as (one, two):
            one.occurrences.record([("b", _NOW, [_due(61)])])
            claim = _claimed(one, accounts=["t"])
            assert _claim(two, 1, at=_NOW + 61, accounts=["t", "u"]) is None
            one.occurrences.settle(claim, "done", now=_NOW + 61, reason="", exit_code=0)
            assert _claim(two, 1, at=_NOW + 61, accounts=["t", "u"]) is not None
