# ruff: noqa: S101 - these are tests
"""The tests of places and of what runs created there."""

from __future__ import annotations

import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from pinflow.state.conformance.common import RUN, run_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.state.conformance.common import MakeState
    from pinflow.state.protocol import Journal, SharedPlace

OTHER = "20261125-130000-bbbbbb"
PLACE = "pins:549755885175"


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def _open_place(make_state: MakeState, run: str = RUN, place: str = PLACE, *, join: bool = True) -> SharedPlace:
    shared = make_state().places.open(place, run, _pause)
    if join:
        shared.join(lambda _: False)
    return shared


def _create(journal: Journal, key: str, place: str = PLACE) -> None:
    journal.record_intent(
        "pins", key, kind="pin", method="POST", category="write", digest="d" * 16, place=place, class_="1+title:"
    )


def _enter_asking(place: SharedPlace) -> None:
    with place.entering():
        pass


def _check_turns(make_state: MakeState, enter: Callable[[SharedPlace], None]) -> None:
    with closing(_open_place(make_state)) as mine, closing(_open_place(make_state, OTHER)) as others:
        order: list[str] = []

        def look() -> None:
            with others.looking() as runs:
                order.append(f"looked, {runs}")

        def send() -> None:
            enter(mine)
            order.append("sent")
            mine.leave()

        enter(mine)
        threads = [threading.Thread(target=look)]
        threads[0].start()
        _pause(0.1)
        assert order == []
        mine.leave()
        threads[0].join(10)
        with others.looking():
            threads.append(threading.Thread(target=send))
            threads[1].start()
            _pause(0.1)
            assert order == [f"looked, {{'{RUN}': 1}}"]
        threads[1].join(10)
        assert order[1:] == ["sent"]


class PlaceIndexConformance:
    """Of `PlaceIndex` and `SharedPlace`, and of the creations in `Journal` and `Runs`."""

    def test_the_key_is_the_same_for_all(self, make_state: MakeState) -> None:
        assert make_state().places.key() == make_state().places.key()
        assert len(make_state().places.key()) == 32

    def test_runs_that_joined_know_each_other_and_what_each_made(self, make_state: MakeState) -> None:
        with closing(_open_place(make_state)) as mine, closing(_open_place(make_state, OTHER)) as others:
            mine.add("a1", "77")
            others.add("b2", "78")
            assert (mine.runs(), others.runs()) == ({OTHER: 1}, {RUN: 1})
            assert (mine.makers(), mine.makers(own=True)) == ({"78": (OTHER, "b2")}, {"77": (RUN, "a1")})
            assert others.makers() == {"77": (RUN, "a1")}

    def test_what_was_told_is_there_after_its_process_ended(self, make_state: MakeState) -> None:
        with closing(_open_place(make_state)) as mine:
            mine.add("a1", "77")
        with closing(_open_place(make_state)) as again, closing(_open_place(make_state, OTHER)) as others:
            assert (again.makers(own=True), others.makers()) == ({"77": (RUN, "a1")}, {"77": (RUN, "a1")})
            assert others.runs() == {RUN: 2}

    def test_places_have_nothing_to_do_with_each_other(self, make_state: MakeState) -> None:
        with closing(_open_place(make_state)) as mine, closing(_open_place(make_state, OTHER, "pins:2")) as elsewhere:
            mine.add("a1", "77")
            assert (elsewhere.runs(), elsewhere.makers()) == ({}, {})
            with mine.looking(), elsewhere.entering() as others:  # neither waits
                assert others == {}
            elsewhere.leave()

    def test_nobody_looks_while_another_sends_and_nobody_begins_to_send_while_another_looks(
        self, make_state: MakeState
    ) -> None:
        _check_turns(make_state, lambda place: place.enter())

    def test_who_asks_for_the_other_runs_waits_and_is_waited_for_alike(self, make_state: MakeState) -> None:
        _check_turns(make_state, _enter_asking)

    def test_writes_of_several_threads_are_on_their_way_at_once(self, make_state: MakeState) -> None:
        with closing(_open_place(make_state)) as mine:
            with mine.entering():
                pass
            mine.enter()
            mine.leave()
            mine.leave()
            with closing(_open_place(make_state, OTHER)) as others, others.looking():
                pass

    def test_who_failed_to_begin_keeps_nobody_from_looking(self, make_state: MakeState) -> None:
        with closing(_open_place(make_state)) as mine, closing(_open_place(make_state, OTHER)) as others:
            with suppress(RuntimeError), mine.entering():
                raise RuntimeError
            with others.looking():
                pass

    def test_runs_that_are_over_may_be_forgotten_and_no_others(self, make_state: MakeState) -> None:
        with closing(_open_place(make_state)) as mine:
            for number in range(20_000):
                mine.add("a" * 16, f"{number:018}")
            with closing(_open_place(make_state, OTHER)) as others:
                assert len(others.makers()) == 20_000
        third = _open_place(make_state, "20261125-140000-cccccc", join=False)
        with closing(third):
            third.join(lambda _: True)
            assert len(third.makers()) in (0, 20_000)

    def test_a_creation_is_unsettled_until_it_has_an_outcome(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            for key in "1234":
                _create(journal, key)
            _create(journal, "5", "pins:2")
            journal.settle("pins", "1", "done", {"id": "77"}, made="77")
            journal.settle("pins", "2", "refused")
            journal.settle("pins", "3", "doubt")
            journal.flush()
            assert journal.creations.places() == ["pins:2", PLACE]
            rows = {row.key: row for row in journal.creations.on(PLACE)}
            assert {key: (row.state, row.made) for key, row in rows.items()} == {
                "1": ("done", "77"),
                "2": ("refused", ""),
                "3": ("doubt", ""),
                "4": ("intent", ""),
            }
            assert (rows["3"].body, rows["3"].class_, rows["3"].earlier) == ("d" * 16, "1+title:", 0)
            assert 0 <= rows["3"].age < 60
            unsettled = [row.key for row in journal.creations.on(PLACE, unsettled=True)]
            assert sorted(unsettled) == ["3", "4"]
            elsewhere = make_state().runs
            assert sorted(row.key for row in elsewhere.creations(RUN, PLACE)) == ["3", "4"]
            assert [row.key for row in elsewhere.creations(RUN, PLACE, unsettled=False)] == ["1", "2", "3", "4"]
            assert elsewhere.creations(OTHER, PLACE) == ()

    def test_what_was_sent_again_may_still_show_whatever_became_of_it(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            _create(journal, "1")
            journal.settle("pins", "1", "doubt")
            _create(journal, "1")
            journal.settle("pins", "1", "done", {"id": "77"}, made="77")
            _create(journal, "2")
            journal.settle("pins", "2", "refused")
            _create(journal, "2")
            journal.settle("pins", "2", "adopted", {"id": "78"}, made="78")
            _create(journal, "3")
            journal.creations.give_up("pins", "3")
            rows = {row.key: row for row in journal.creations.on(PLACE)}
            assert {key: (row.state, row.earlier) for key, row in rows.items()} == {
                "1": ("done", 1),
                "2": ("done", 0),
                "3": ("refused", 1),
            }
            assert 0 <= rows["3"].earlier_age < 60
            journal.creations.forget_earlier("pins", "1")
            assert [row.key for row in journal.creations.on(PLACE, unsettled=True)] == ["3"]
            _create(journal, "4")
            journal.creations.forget_earlier("pins", "4")
            assert sorted(row.key for row in journal.creations.on(PLACE, unsettled=True)) == ["3", "4"]

    def test_many_creations_come_back_one_by_one(self, make_state: MakeState) -> None:
        with closing(make_state().runs.create(run_record())) as journal:
            for number in range(1_201):
                journal.settle("pins", str(number), "done", {"id": str(number)}, made=str(number))
            assert list(journal.creations.on(PLACE)) == []
            assert len(list(journal.creations.on(""))) == 1_201
