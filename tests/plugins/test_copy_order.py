"""The order of a copy's Pins: that of the source, or the person is told which Pin is elsewhere."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest

from pinflow_pinterest.copying.pin_order import moved_pins
from pinflow_pinterest_v3.actions import copying as v3
from pinflow_pinterest_v5.actions import copying as v5
from pinflow_pinterest_v5.actions.pins import delete_pin
from pinflow_sandbox.server.messages import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.plugins.conftest import Bench, Fault

RUN = "20270115-090000-000000"
SOURCE, COPY = "Surprise party", "The copy"
COPY_BOARD = {"v3": v3.copy_board, "v5": v5.copy_board}


def refusing(*titles: str) -> Fault:
    """The Pins of these titles are refused."""

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method in ("POST", "PUT") and any(title.encode() in (call.body or b"") for title in titles):
            return HttpResponse(400, b'{"code": 1, "message": "Invalid request: the image is broken"}')
        return apply()

    return fault


def copy(bench: Bench, api: str = "v5", **given: Any) -> Any:
    return bench.run(COPY_BOARD[api], run=RUN, board=SOURCE, name=COPY, **given)


def order_notes(bench: Bench) -> list[str]:
    return [note for note in bench.notes if "another order" in note]


@pytest.mark.parametrize("api", ["v3", "v5"])
@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_a_pin_that_was_refused_at_first_comes_last_and_is_named(bench: Bench, api: str, order: str) -> None:
    bench.control.change(order=order)
    first, second, third, fourth = [pin["id"] for pin in bench.board(SOURCE)["pins"]]
    bench.fault = refusing(f"{SOURCE} 2")
    assert copy(bench, api)["pins"]["failed"] == 1
    assert order_notes(bench) == []  # it is not there yet
    bench.fault = None
    result = copy(bench, api)
    copies = bench.board(COPY)["pins"]
    assert [pin["title"][-1] for pin in copies] == ["1", "3", "4", "2"]
    assert result["moved"] == [
        {"id": second, "copy": copies[-1]["id"], "after": fourth, "source_after": first},
    ]
    assert order_notes(bench) == [
        "warning: the copy has another order than the source, as these Pins could not be made at first: "
        f"Pin {second} comes after Pin {fourth}, not after Pin {first}"
    ]
    assert third not in order_notes(bench)[0]


def test_it_is_told_again_by_every_later_process(bench: Bench) -> None:
    bench.fault = refusing(f"{SOURCE} 1", f"{SOURCE} 3")
    copy(bench)
    bench.fault = refusing(f"{SOURCE} 3")
    assert [pin["source_after"] for pin in copy(bench)["moved"]] == [""]
    bench.fault = None
    first, _, third, _ = [pin["id"] for pin in bench.board(SOURCE)["pins"]]
    assert [pin["id"] for pin in copy(bench)["moved"]] == [first, third]
    assert "comes after Pin" in order_notes(bench)[-1]
    assert "not first" in order_notes(bench)[-1]


@pytest.mark.parametrize("applied", [True, False])
def test_a_pin_that_was_adopted_or_sent_again_keeps_its_place(
    bench: Bench, lost_answer: Callable[..., Fault], applied: bool
) -> None:
    bench.fault = lost_answer("/pins", applied=applied, times=2)
    run = bench.kill(v5.copy_board, board=SOURCE, name=COPY)
    result = bench.run(v5.copy_board, run=run, board=SOURCE, name=COPY)
    assert bench.content(COPY) == bench.content(SOURCE)
    assert (result["moved"], order_notes(bench)) == ([], [])


def test_a_board_that_was_completed_names_what_came_out_of_order_among_the_new_ones(bench: Bench) -> None:
    copy(bench)
    for pin in bench.board(COPY)["pins"][1:]:
        bench.run(delete_pin, pin=pin["id"])
    run = "20270115-090000-000001"
    given: dict[str, Any] = {"board": SOURCE, "to_board": COPY}
    bench.fault = refusing(f"{SOURCE} 3")
    bench.run(v5.mirror_board, run=run, **given)
    bench.fault = None
    result = bench.run(v5.mirror_board, run=run, **given)
    _, second, third, fourth = [pin["id"] for pin in bench.board(SOURCE)["pins"]]
    assert [(pin["id"], pin["after"], pin["source_after"]) for pin in result["moved"]] == [(third, fourth, second)]


def test_side_by_side_it_is_counted(bench: Bench) -> None:
    """The first that is sent is the last that is made."""
    bench.fault = refusing(f"{SOURCE} 1")
    copy(bench, parallel=2)
    bench.fault = None
    result = copy(bench, parallel=2)
    titles = [pin["title"][-1] for pin in bench.board(COPY)["pins"]]
    assert titles[-1] == "1"
    assert "of 4 Pins, as up to 2 were sent at a time" in order_notes(bench)[-1]
    assert result["moved"] == []


def test_the_fewest_pins_are_named() -> None:
    chance = random.Random(3)
    for _ in range(300):
        count = chance.randint(0, 7)
        source = [f"s{number}" for number in range(count)]
        listed = chance.sample(source, count)
        moved = moved_pins(source, {pin: pin for pin in source}, listed)
        left = [pin for pin in listed if pin not in {pin["id"] for pin in moved}]
        assert left == sorted(left)
        longest = max(
            size
            for size in range(count + 1)
            for chosen in itertools.combinations(listed, size)
            if list(chosen) == sorted(chosen)
        )
        assert len(left) == longest
