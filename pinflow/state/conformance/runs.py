# ruff: noqa: S101 - these are tests
"""The tests of runs and their journals."""

from __future__ import annotations

import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from pinflow.errors import StateError, UsageError
from pinflow.state.conformance.common import RUN, catch, run_record
from pinflow.state.records import ItemRecord, Keep

if TYPE_CHECKING:
    from pinflow.state.conformance.common import MakeState
    from pinflow.state.protocol import Journal, Runs
    from pinflow.state.records import (
        EffectRecord,
    )

_ALL = -60.0  # seconds that something is kept which is not kept at all


def _intend(journal: Journal, key: str, step: str = "pins", *, method: str = "POST", again: bool = False) -> None:
    journal.record_intent(step, key, kind="pin", method=method, category="write", digest="0" * 16, again=again)


def _effect(journal: Journal, key: str, step: str = "pins") -> EffectRecord:
    record = journal.effect(step, key)
    assert record is not None
    return record


def _prune(runs: Runs, keep: Keep) -> list[str]:
    """The runs that are removed in the end: a state may learn over many calls which there are."""
    return sorted(id_ for _ in range(10) for id_ in runs.prune(keep))


class RunsConformance:
    """Of `Runs`."""

    def test_a_new_run_is_listed_and_claimed_until_it_is_closed(self, make_state: MakeState) -> None:
        journal = make_state().runs.create(run_record())
        others = make_state().runs
        assert [run.state for run in others.list()] == ["running"]
        assert (others.last(), others.is_claimed(RUN), others.is_unbegun(RUN)) == (RUN, True, False)
        journal.close()
        assert (others.is_claimed(RUN), others.list()[0].state) == (False, "interrupted")

    def test_a_run_comes_back_as_it_was_left(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            journal.set_state("paused", exit_code=6, error="rate_limited, exit 6", resume_after=1_795_608_009.0)
            run = journal.run
        assert (run.exit_code, run.resume_after, run.inputs) == (6, 1_795_608_009.0, {"board": "813", "count": 3})
        assert run.finished is not None
        assert make_state().runs.look(RUN) == run
        with closing(make_state().runs.open(RUN)) as again:
            assert again.run == run

    def test_a_run_of_another_process_is_refused_and_free_once_that_has_closed_it(self, make_state: MakeState) -> None:
        journal = make_state().runs.create(run_record())
        assert RUN in catch(StateError, lambda: make_state().runs.open(RUN)).message
        journal.close()
        make_state().runs.open(RUN).close()

    def test_an_id_is_used_once(self, make_state: MakeState) -> None:
        make_state().runs.create(run_record()).close()
        catch(StateError, lambda: make_state().runs.create(run_record()))

    def test_a_run_that_is_not_there(self, make_state: MakeState) -> None:
        runs = make_state().runs
        assert (runs.last(), runs.look("x"), list(runs.list())) == (None, None, [])
        for run_id in (RUN, "../x", "", "x" * 500, "\0"):
            assert (runs.look(run_id), runs.is_claimed(run_id), runs.is_unbegun(run_id)) == (None, False, False)
            assert repr(run_id) in catch(UsageError, lambda run_id=run_id: runs.detail(run_id)).message  # type: ignore[misc]
            catch(StateError, lambda run_id=run_id: runs.open(run_id))  # type: ignore[misc]

    def test_runs_are_listed_newest_first_page_by_page(self, make_state: MakeState) -> None:
        runs = make_state().runs
        ids = [f"20261125-12000{number}-aaaaaa" for number in range(5)]
        for run_id in ids:
            runs.create(run_record(run_id)).close()
        assert [run.id for run in runs.list()] == ids[::-1]
        assert [run.id for run in runs.list(number=2)] == [ids[4], ids[3]]
        assert [run.id for run in runs.list(number=2, before=ids[3])] == [ids[2], ids[1]]
        assert (list(runs.list(before=ids[0])), runs.last(), runs.count()) == ([], ids[4], 5)

    def test_the_detail_of_a_run_holds_all_that_was_recorded(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            _intend(journal, "1")
            journal.settle("pins", "1", "adopted", {"id": "7"}, kind="pin")
            journal.finish_step("pins", "ok", {"count": 1}, seconds=1.5)
            journal.call("me", "write", 2)
        detail = make_state().runs.detail(RUN)
        assert (detail.record.id, detail.calls) == (RUN, {"me": {"write": 2}})
        assert [(step.path, step.status, step.output, step.seconds) for step in detail.steps] == [
            ("pins", "ok", {"count": 1}, 1.5)
        ]
        (effect,) = detail.effects
        assert (effect.state, effect.adopted, effect.result) == ("done", True, {"id": "7"})
        assert detail.counts["pin"]["adopted"] == 1

    def test_pruning_removes_what_ended_and_is_old_and_leaves_what_is_open(self, make_state: MakeState) -> None:
        states = ("ok", "failed", "cancelled", "paused", "in_doubt", "running", "ok")
        for number, state in enumerate(states):
            with closing(make_state().runs.create(run_record(f"20261125-12000{number}-aaaaaa"))) as journal:
                if number == 6:
                    _intend(journal, "1")  # of unknown outcome, so that the run is open
                journal.set_state(state)  # type: ignore[arg-type]
        runs = make_state().runs
        assert list(runs.prune(Keep())) == []
        assert _prune(runs, Keep(ok=_ALL)) == ["20261125-120000-aaaaaa"]
        assert _prune(runs, Keep(failed=_ALL)) == ["20261125-120001-aaaaaa", "20261125-120002-aaaaaa"]
        assert [run.id[14] for run in runs.list()] == ["6", "5", "4", "3"]

    def test_pruning_leaves_a_run_that_a_process_works_on(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            journal.set_state("ok")
            assert _prune(make_state().runs, Keep(ok=_ALL)) == []
        assert _prune(make_state().runs, Keep(ok=_ALL)) == [RUN]
        assert make_state().runs.look(RUN) is None

    def test_of_too_many_runs_those_that_did_nothing_go_first(self, make_state: MakeState) -> None:
        for number in range(6):
            with closing(make_state().runs.create(run_record(f"20261125-12000{number}-aaaaaa"))) as journal:
                if number in (1, 3):
                    journal.settle("pins", "1", "done", {"id": "7"}, kind="pin")
                journal.set_state("ok")
        assert [id_[14] for id_ in _prune(make_state().runs, Keep(number=3))] == ["0", "2", "4"]
        assert [id_[14] for id_ in _prune(make_state().runs, Keep(number=1))] == ["1", "5"]

    def test_pruning_takes_a_few_at_a_time(self, make_state: MakeState) -> None:
        for number in range(9):
            with closing(make_state().runs.create(run_record(f"20261125-12000{number}-aaaaaa"))) as journal:
                journal.set_state("failed")
        removed = [len(make_state().runs.prune(Keep(failed=_ALL), number=4)) for _ in range(9)]
        assert max(removed) <= 4
        assert sum(removed) == 9


class JournalConformance:
    """Of `Journal`."""

    def test_an_effect_goes_from_intent_to_its_outcome(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            assert journal.effect("pins", "1") is None
            _intend(journal, "1")
            before = _effect(journal, "1")
            journal.settle("pins", "1", "done", {"id": "77", "none": None, "list": [1.5, True]})
            after = _effect(journal, "1")
        assert (before.state, before.attempts, before.result, before.kind) == ("intent", 1, None, "pin")
        assert (before.method, before.digest) == ("POST", "0" * 16)
        assert (after.state, after.adopted, after.sent_at) == ("done", False, before.sent_at)
        assert after.result == {"id": "77", "none": None, "list": [1.5, True]}

    def test_an_intent_keeps_what_a_look_at_the_target_is_compared_with(self, make_state: MakeState) -> None:
        sent: dict[str, Any] = {
            "arguments": "a" * 32,
            "place": "pins:549755885175",
            "class_": "1+title:" + "c" * 10,
        }
        request: dict[str, Any] = {"kind": "pin", "method": "POST", "category": "write", "digest": "0" * 16}
        with closing(make_state().runs.create(run_record())) as journal:
            journal.record_intent("pins", "1", **request, **sent)
            _intend(journal, "2")
            journal.settle("pins", "1", "doubt")
        with closing(make_state().runs.open(RUN)) as later:
            for key, expected in (("1", sent), ("2", dict.fromkeys(sent, ""))):
                record = _effect(later, key)
                assert {name: getattr(record, name) for name in sent} == expected
            later.record_intent("pins", "1", **request, **sent | {"arguments": "d" * 32})
            assert _effect(later, "1").arguments == "d" * 32

    def test_a_run_keeps_the_rules_it_began_with(self, make_state: MakeState) -> None:
        make_state().runs.create(run_record()).close()
        with closing(make_state().runs.open(RUN)) as later:
            later.set_state("paused")
            assert later.run.rules == 2
        record = make_state().runs.look(RUN)
        assert record is not None
        assert record.rules == 2

    def test_an_intent_is_visible_to_others_at_once_and_an_outcome_once_it_is_flushed(
        self, make_state: MakeState
    ) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            _intend(journal, "1")
            others = make_state().runs
            assert [effect.state for effect in others.detail(RUN).effects] == ["intent"]
            journal.settle("pins", "1", "refused", error="remote_error, exit 1")
            journal.flush()
            assert [effect.state for effect in others.detail(RUN).effects] == ["refused"]

    def test_each_intent_is_an_attempt_but_a_further_request_of_it_is_not(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            _intend(journal, "1")
            _intend(journal, "1")
            _intend(journal, "1", again=True)
            assert _effect(journal, "1").attempts == 2

    def test_an_intent_is_fresh_until_it_is_settled_and_old_for_a_later_process(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            assert not journal.is_fresh("pins", "1")
            _intend(journal, "1")
            assert journal.is_fresh("pins", "1")
            assert 0 <= journal.age(_effect(journal, "1")) < 2
            assert not journal.lost.is_set()
        with closing(make_state().runs.open(RUN)) as later:
            assert not later.is_fresh("pins", "1")
            assert 0 <= later.age(_effect(later, "1")) < 60

    def test_what_is_done_is_not_skipped_later(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            journal.settle("pins", "1", "done", {"id": "7"}, kind="pin")
            for key in ("1", "2"):
                journal.skip("pins", key, "pin", "no image")
            assert [(_effect(journal, key).state, _effect(journal, key).error) for key in ("1", "2")] == [
                ("done", ""),
                ("skipped", "no image"),
            ]

    def test_results_are_of_a_step_and_of_those_inside_it(self, make_state: MakeState) -> None:
        steps = ("pins", "pins.sub", "pins[813].copied", "pins2", "pin", "pins-x", "Pins", "pins/x")
        with closing(make_state().runs.create(run_record())) as journal:
            for step in steps:
                journal.settle(step, step, "done", {"id": "1"}, kind="pin")
            journal.settle("pins", "board", "adopted", {"id": "3"}, kind="board")
            journal.settle("pins", "bad", "refused", kind="pin")
            inside = [key for key, _ in journal.results("pins", kind="pin")]
            assert sorted(inside) == ["pins", "pins.sub", "pins[813].copied"]
            assert dict(journal.results("pins", kind="board")) == {"board": {"id": "3"}}
            assert len(list(journal.results(""))) == len(steps) + 1
            counts = journal.counts("pins")
            assert counts["pin"] == {"done": 3, "adopted": 0, "skipped": 0, "failed": 1, "doubt": 0}
            assert journal.counts()["pin"]["done"] == len(steps)

    def test_more_results_than_a_page_come_once_each(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            for number in range(1203):
                journal.settle("pins", str(number), "done", {"id": str(number)})
            keys = [key for key, _ in journal.results("pins")]
        assert (len(keys), set(keys)) == (1203, set(map(str, range(1203))))

    def test_a_write_that_only_waits_is_not_counted_and_one_of_unknown_outcome_is(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            journal.settle("pins", "1", "refused", kind="pin", error="rate_limited, exit 6")
            journal.settle("pins", "2", "doubt", kind="pin")
            _intend(journal, "3")
            assert journal.counts("pins")["pin"] == {"done": 0, "adopted": 0, "skipped": 0, "failed": 0, "doubt": 2}
            assert journal.unknown_keys("pins", "pin") == {"2", "3"}
            assert journal.unknown_keys("pins", "board") == set()

    def test_the_latest_write_of_unknown_outcome_is_known_afterwards_as_well(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            for key in ("1", "2"):
                _intend(journal, key)
            journal.settle("pins", "1", "done", kind="pin")
            assert journal.last_unknown_at("pins", "pin") == _effect(journal, "2").sent_at
            journal.settle("pins", "2", "done", kind="pin")
            assert journal.last_unknown_at("pins", "pin") is None
            _intend(journal, "2")  # once more
            journal.settle("pins", "2", "done", kind="pin")
            assert journal.last_unknown_at("pins", "pin") == _effect(journal, "2").sent_at
            assert journal.last_unknown_at("others", "pin") is None

    def test_what_was_sent_again_without_an_answer_may_be_applied_late(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            for key in ("1", "2", "3"):
                _intend(journal, key)
            journal.settle("pins", "2", "refused", kind="pin")
            journal.settle("pins", "3", "adopted", kind="pin")
            _intend(journal, "2")  # what was refused was not applied
            journal.settle("pins", "2", "done", kind="pin")
            assert journal.late_age("pins", "pin") is None
            _intend(journal, "1")
            journal.settle("pins", "1", "done", kind="pin")
            age = journal.late_age("pins", "pin")
            assert age is not None
            assert 0 <= age < 60
            assert journal.late_age("others", "pin") is None
            assert journal.late_age("pins", "pin", changes=True) is None

    def test_a_change_that_was_sent_again_without_an_answer_may_undo_a_later_one(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            for again in (False, True):  # the second says that the first did nothing
                _intend(journal, "1", method="PATCH", again=again)
            journal.settle("pins", "1", "done", kind="pin")
            assert journal.late_age("pins", "pin", changes=True) is None
            for _ in range(2):
                _intend(journal, "2", method="PATCH")
            journal.settle("pins", "2", "done", kind="pin")
            age = journal.late_age("", "pin", changes=True)
            assert age is not None
            assert 0 <= age < 60
            assert journal.late_age("others", "pin", changes=True) is None
            assert journal.late_age("pins", "pin") is None

    def test_steps_and_items_are_known_to_a_later_process(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            journal.finish_step("target", "ok", {"id": "123", "names": None}, seconds=1.5)
            for key, status in (("1", "ok"), ("2", "skipped"), ("3", "failed")):
                journal.finish_item("pins", key, status)
        with closing(make_state().runs.open(RUN)) as later:
            step = later.step("target")
            assert step is not None
            assert (step.status, step.output, step.seconds) == ("ok", {"id": "123", "names": None}, 1.5)
            assert later.step("other") is None
            assert [later.is_item_done("pins", key) for key in ("1", "2", "3", "4")] == [True, True, False, False]
            assert later.item("pins", "2") == ItemRecord("2", "skipped")
            assert later.item("others", "2") is None
            assert later.item_counts("pins") == {"ok": 1, "skipped": 1}
            assert later.item_counts("other") == {"ok": 0, "skipped": 0}

    def test_items_that_were_begun_are_known_with_what_they_are(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            for number in range(2, 1202):
                journal.begin_item("pins", f"{number:04}", number=number, content=f"{number:08x}")
            journal.begin_item("others", "0002", number=1, content="")
            journal.finish_item("pins", "0003", "ok")
            journal.begin_item("pins", "0004", number=9, content="ab")
            journal.finish_item("pins", "listed", "skipped")
        with closing(make_state().runs.open(RUN)) as later:
            items = list(later.items("pins"))
            assert items[:3] == [
                ItemRecord("0002", "begun", 2, "00000002"),
                ItemRecord("0003", "ok", 3, "00000003"),
                ItemRecord("0004", "begun", 9, "ab"),
            ]
            assert (len(items), items[-1]) == (1201, ItemRecord("listed", "skipped"))
            assert [later.is_item_done("pins", key) for key in ("0002", "0003")] == [False, True]

    def test_a_frozen_list_is_whole_or_not_there(self, make_state: MakeState) -> None:
        ids = [str(number * 7919 % 1201) for number in range(1201)]

        def broken_off() -> Any:
            yield from ids[:700]
            raise ConnectionError

        with closing(make_state().runs.create(run_record())) as journal:
            with suppress(ConnectionError):
                journal.freeze("pins", "source", broken_off())
            assert journal.frozen_list("pins", "source") is None
            journal.freeze("pins", "source", iter(ids))
        with closing(make_state().runs.open(RUN)) as later:
            frozen = later.frozen_list("pins", "source")
            assert frozen is not None
            assert (list(frozen), list(reversed(frozen))) == (ids, ids[::-1])
            assert (frozen[0], frozen[-1], list(frozen[3:5]), len(frozen)) == (ids[0], ids[-1], ids[3:5], 1201)
            assert ("1200" in frozen, "1201" in frozen) == (True, False)
            later.freeze("pins", "source", ["1", "2"])
            assert list(later.frozen_list("pins", "source") or ()) == ["1", "2"]

    def test_calls_add_up_over_all_processes_of_a_run(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            journal.call("target", "write")
            journal.call("target", "write", 2)
        with closing(make_state().runs.open(RUN)) as later:
            later.call("target", "write")
            later.call("source", "read", 5)
            assert later.calls() == {"target": {"write": 4}, "source": {"read": 5}}

    def test_threads_side_by_side_lose_nothing(self, make_state: MakeState) -> None:
        def work(journal: Journal, worker: int) -> None:
            for number in range(20):
                _intend(journal, f"{worker}:{number}")
                journal.settle("pins", f"{worker}:{number}", "done", {"id": "1"}, kind="pin")

        with closing(make_state().runs.create(run_record())) as journal:
            threads = [threading.Thread(target=work, args=(journal, worker)) for worker in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert journal.counts("pins")["pin"]["done"] == 160

    def test_a_closed_journal_may_be_closed_again(self, make_state: MakeState) -> None:
        journal = make_state().runs.create(run_record())
        journal.close()
        journal.close()
