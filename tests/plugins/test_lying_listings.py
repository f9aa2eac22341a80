"""Listings that are empty, short, old, null or repeated: every action that decides by one notices, or does no harm.

All cases: ``PINFLOW_FULL=1 python -m pytest tests/plugins/test_lying_listings.py --timeout=0``
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import replace
from itertools import count, product
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import Diverged, InDoubt, PinflowError
from pinflow.errors import MalformedAnswer
from pinflow_pinterest import listings
from pinflow_pinterest.copying.copy_actions import NOT_LISTED
from pinflow_pinterest.copying.pin_copies import DELETED, UNLISTED
from pinflow_pinterest_v3.actions import boards as boards_v3
from pinflow_pinterest_v3.actions import copying as copying_v3
from pinflow_pinterest_v3.actions import pins as pins_v3
from pinflow_pinterest_v3.actions import sections as sections_v3
from pinflow_pinterest_v5.actions import boards, copying, pins, sections
from pinflow_sandbox.control.faults import FaultProfile
from pinflow_sandbox.control.listing_lies import LISTING_LIES
from pinflow_sandbox.server.messages import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.plugins.conftest import Bench, Fault

pytestmark = pytest.mark.slow

FULL = bool(os.environ.get("PINFLOW_FULL"))
SOURCE, TARGET = "Garden ideas", "The copy"
STUDIO_BOARDS = ("Garden ideas", "Winter recipes", "Surprise party", "Campaign drafts", "Empty for now")
ACTIONS = {
    (action.api, action.name): action
    for module in (boards, copying, pins, sections, boards_v3, copying_v3, pins_v3, sections_v3)
    for action in module.ACTIONS
}
APIS = ("v5", "v3")
WHOLE = 30  # Pins of the source, of which one is a video


def lie(bench: Bench, name: str, *, of: str, times: int | None, seed: int = 1) -> None:
    """Answer requests for pages of the listing ``of`` with this lie, so many times (None: always)."""
    rates: Any = {name: 1.0}
    bench.control.change(faults=FaultProfile(seed=seed, list_operation=of, list_lies=times, **rates))


def lies(bench: Bench) -> int:
    counts: Any = bench.control.faults()["counts"]
    return sum(counts.get(name, 0) for name in LISTING_LIES)


def truth(bench: Bench) -> None:
    bench.control.change(faults=FaultProfile(name="none"))


def makeable(bench: Bench, name: str = SOURCE) -> Counter[tuple[str, str | None]]:
    videos = {pin["fingerprint"] for pin in bench.board(name)["pins"] if pin["media_type"] == "video"}
    return Counter(row for row in bench.content(name) if row[0] not in videos)


def names(bench: Bench) -> list[str]:
    state: Any = bench.control.state()
    return [board["name"] for board in state["boards"]]


def content(bench: Bench, name: str) -> Counter[tuple[str, str | None]]:
    return Counter(bench.content(name)) if name in names(bench) else Counter()


def copy(bench: Bench, api: str, **given: Any) -> Any:
    return bench.run(ACTIONS[api, "copy_board"], board=SOURCE, name=TARGET, **given)


def completed(bench: Bench, api: str, **given: Any) -> Any:
    return copy(bench, api, if_exists="resume", **given)


def mirrored(bench: Bench, api: str) -> Any:
    return bench.run(ACTIONS["v5", "mirror_board"], board=SOURCE, to_board=TARGET, extra="delete", max_delete=50)


def all_copied(bench: Bench, api: str) -> Any:
    return bench.run(ACTIONS[api, "copy_all_boards"], prefix="New ")


def half_a_copy(bench: Bench) -> None:
    """A copy that lacks some Pins."""
    copy(bench, "v5")
    for pin in bench.board(TARGET)["pins"][3:9]:
        bench.run(ACTIONS["v5", "delete_pin"], pin=pin["id"])


DECIDING: dict[str, tuple[Callable[[Bench, str], Any], Callable[[Bench], None], str]] = {
    # what is done, what is there before, and the board that must be right
    "copy_board": (copy, lambda bench: None, TARGET),
    "copy_board, if_exists: resume": (completed, half_a_copy, TARGET),
    "mirror_board": (mirrored, half_a_copy, TARGET),
    "copy_all_boards": (all_copied, lambda bench: None, f"New {SOURCE}"),
}


LISTINGS = ("boards/list", "boards/list_pins", "board_sections/list", "board_sections/list_pins")
EVERY = [
    (api, what, of, name, times)
    for api, what, of, name, times in product(APIS, DECIDING, LISTINGS, LISTING_LIES, (1, 2, None))
    if (api, what) != ("v3", "mirror_board")
]
# those that found something, and some others
KNOWN = [
    ("v5", "copy_board", "board_sections/list", "list_short", 2),
    ("v5", "copy_board", "boards/list_pins", "list_empty", 1),
    ("v5", "copy_board", "boards/list_pins", "list_repeated", 1),
    ("v5", "copy_board, if_exists: resume", "board_sections/list", "list_short", 2),
    ("v5", "mirror_board", "board_sections/list", "list_short", 2),
    ("v5", "mirror_board", "board_sections/list", "list_empty", 1),
    ("v5", "mirror_board", "boards/list_pins", "list_empty", 2),
    ("v5", "copy_all_boards", "boards/list", "list_empty", 1),
    ("v3", "copy_board", "board_sections/list", "list_empty", None),
    ("v3", "copy_board", "board_sections/list_pins", "list_null", 1),
    ("v3", "copy_all_boards", "board_sections/list", "list_empty", None),
]
SOME = [*KNOWN, *random.Random(6).sample(EVERY, 20)]


@pytest.mark.parametrize(("api", "what", "of", "name", "times"), EVERY if FULL else SOME)
def test_a_copy_is_right_or_told(bench: Bench, api: str, what: str, of: str, name: str, times: int | None) -> None:
    work, prepare, board = DECIDING[what]
    prepare(bench)
    expected = makeable(bench)
    lie(bench, name, of=of, times=times)
    code = 0
    try:
        work(bench, api)
    except PinflowError as error:
        code = error.exit_code
    has_lied = lies(bench) > 0
    truth(bench)
    made = content(bench, board)
    assert not made - expected, "nothing is doubled or misplaced"
    if code == 0 and not any("says that it has" in note for note in bench.notes):
        assert made == expected
        assert bench.section_names(board) == bench.section_names(SOURCE)
    assert code in ((0, 1, 7) if has_lied else (0,))


@pytest.mark.parametrize("times", [1, None])
@pytest.mark.parametrize("name", LISTING_LIES)
@pytest.mark.parametrize("api", APIS)
def test_boards_are_all_deleted_or_it_is_told(bench: Bench, api: str, name: str, times: int | None) -> None:
    lie(bench, name, of="boards/list", times=times)
    try:
        result = bench.run(ACTIONS[api, "delete_all_boards"])
    except PinflowError as error:
        assert error.exit_code in (1, 7)
        result = None
    truth(bench)
    left = [board for board in names(bench) if board in STUDIO_BOARDS]
    if result is not None and not any("says that it has" in note for note in bench.notes):
        assert (left, result["deleted"]) == ([], len(STUDIO_BOARDS))
    else:
        assert len(left) in (0, len(STUDIO_BOARDS)) or result is not None


@pytest.mark.parametrize("name", LISTING_LIES)
@pytest.mark.parametrize("api", APIS)
def test_a_board_is_found_by_its_name_although_one_listing_lacks_it(bench: Bench, api: str, name: str) -> None:
    lie(bench, name, of="boards/list", times=1)
    if name in ("list_null", "list_repeated"):
        with pytest.raises(MalformedAnswer):
            bench.run(ACTIONS[api, "get_board"], board="Garden ideas")
    else:
        assert bench.run(ACTIONS[api, "get_board"], board="Garden ideas")["id"] == bench.board_id("Garden ideas")


@pytest.mark.parametrize("name", ["list_null", "list_repeated"])
@pytest.mark.parametrize(
    ("action", "of"),
    [
        ("list_boards", "boards/list"),
        ("list_pins", "pins/list"),
        ("list_board_pins", "boards/list_pins"),
        ("list_sections", "board_sections/list"),
        ("list_section_pins", "board_sections/list_pins"),
    ],
)
@pytest.mark.parametrize("api", APIS)
def test_a_page_that_is_null_or_comes_twice_is_malformed(
    bench: Bench, api: str, action: str, of: str, name: str
) -> None:
    board = bench.board(SOURCE)
    given = {"board": board["id"]} if "board_" in of or action == "list_board_pins" else {}
    if action == "list_section_pins":
        given["section"] = board["sections"][0]["id"]
    lie(bench, name, of=of, times=1)
    with pytest.raises(MalformedAnswer):
        bench.run(ACTIONS[api, action], **given)


# what is said


def test_a_board_that_says_more_than_it_lists_is_copied_and_told(bench: Bench) -> None:
    hide(bench, 1)
    result = copy(bench, "v5")
    assert result["pins"]["total"] == WHOLE - 1
    id = bench.board_id(SOURCE)
    assert f"warning: board {id} says that it has 30 Pins, its listing has 29" in bench.notes
    assert bench.waits == [5.0]


def test_a_board_that_lists_less_than_half_of_its_pins_is_not_copied(bench: Bench) -> None:
    hide(bench, 16)
    with pytest.raises(InDoubt) as caught:
        copy(bench, "v5")
    assert f"board {bench.board_id(SOURCE)} says that it has 30 Pins, its listing has 14: " in caught.value.message
    assert TARGET not in names(bench)
    assert bench.calls()["boards/list_pins"] == 3


def test_one_board_that_can_not_be_read_keeps_no_other_from_its_copy(bench: Bench) -> None:
    hide(bench, 30)
    with pytest.raises(InDoubt, match="1 of 5 boards were not copied"):
        all_copied(bench, "v5")
    assert sorted(name for name in names(bench) if name.startswith("New ")) == sorted(
        f"New {name}" for name in STUDIO_BOARDS if name != SOURCE
    )


def test_what_a_mirror_would_add_again_is_looked_for_a_minute_long(bench: Bench) -> None:
    copy(bench, "v5")
    for pin in bench.board(TARGET)["pins"][:2]:
        bench.sandbox.world._unlisted[pin["id"]] = bench.now + 50.0
    bench.waits.clear()
    result = bench.run(ACTIONS["v5", "mirror_board"], board=SOURCE, to_board=TARGET)
    assert (result["pins"]["created"], bench.waits) == (0, [5.0, 55.0])
    assert content(bench, TARGET) == makeable(bench)


def test_a_section_whose_listing_is_empty_once_keeps_the_pins_in_it(bench: Bench) -> None:
    copy(bench, "v5")
    own = bench.run(ACTIONS["v5", "create_section"], board=bench.board_id(TARGET), name="Mine")
    (video,) = [pin for pin in bench.board(SOURCE)["pins"] if pin["media_type"] == "video"]
    pin = bench.run(
        ACTIONS["v5", "create_pin"],
        board=bench.board_id(TARGET),
        section=own["id"],
        image_url="https://a.example/b.jpg",
    )
    bench.sandbox.world.pins[pin["id"]].source = bench.sandbox.world.pins[video["id"]].content
    lie(bench, "list_empty", of="board_sections/list_pins", times=None)
    mirrored(bench, "v5")
    truth(bench)
    assert "Mine" in bench.section_names(TARGET)
    assert pin["id"] in [left["id"] for left in bench.board(TARGET)["pins"]]


# after a lost answer


def losing_then_lying(bench: Bench, *, applied: bool, times: int) -> Fault:
    """The fifth Pin's answer is lost; then the copy's listing is empty, so many times."""
    pins, left = count(1), [times]

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "POST" and call.path.endswith("/pins") and next(pins) == 5:
            if applied:
                apply()
            return HttpResponse(502, b"<html>Bad gateway</html>", "text/html")
        if call.method == "GET" and TARGET in names(bench) and call.path.endswith(f"{bench.board_id(TARGET)}/pins"):
            left[0] -= 1
            if left[0] >= 0:
                return HttpResponse(200, b'{"items": [], "bookmark": null}')
        return apply()

    return fault


@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("times", [1, 3, 5])
def test_a_lost_pin_is_not_made_again_because_of_an_empty_listing(
    bench: Bench, applied: bool, times: int, parallel: int
) -> None:
    bench.fault = losing_then_lying(bench, applied=applied, times=times)
    result = copy(bench, "v5", parallel=parallel)
    bench.fault = None
    assert content(bench, TARGET) == makeable(bench)
    assert result["pins"]["adopted"] == int(applied)


def test_without_any_listing_that_shows_the_others_it_stays_unknown(bench: Bench) -> None:
    bench.fault = losing_then_lying(bench, applied=True, times=100)
    run = "20270115-090000-000000"
    with pytest.raises(InDoubt, match=r"may have been made: its listing lacks 4 more \(\d+, \d+, \d+, \d+\)"):
        copy(bench, "v5", run=run)
    bench.fault = None
    assert copy(bench, "v5", run=run)["pins"]["adopted"] == 1
    assert content(bench, TARGET) == makeable(bench)


def test_pins_of_the_copy_that_somebody_deletes_are_not_waited_for(bench: Bench) -> None:
    """Each is asked for by itself: it is gone."""
    lose = losing_then_lying(bench, applied=True, times=0)

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        answer = lose(call, apply)
        if answer.status == 502:
            bench.fault = None
            bench.run(ACTIONS["v5", "delete_pin"], pin=bench.board(TARGET)["pins"][0]["id"])
        return answer

    bench.fault = fault
    with pytest.raises(Diverged, match="1 of its Pins are missing"):  # which the audit tells
        copy(bench, "v5")
    assert len(bench.board(TARGET)["pins"]) == WHOLE - 2


@pytest.mark.parametrize("parallel", [1, 4])
def test_what_was_sent_again_is_looked_for_once_more_after_five_minutes(bench: Bench, parallel: int) -> None:
    bench.fault = losing_then_lying(bench, applied=False, times=0)
    began = bench.now
    copy(bench, "v5", parallel=parallel)
    assert bench.now - began == pytest.approx(300.0, abs=1.0)


@pytest.mark.parametrize("parallel", [1, 4])
def test_what_was_found_is_not_waited_for(bench: Bench, parallel: int) -> None:
    bench.fault = losing_then_lying(bench, applied=True, times=0)
    began = bench.now
    assert copy(bench, "v5", parallel=parallel)["pins"]["adopted"] == 1
    assert bench.now - began < 70.0


# somebody else on the copy


def losing_beside_a_stranger(bench: Bench, number: int) -> Fault:
    """The request for this Pin comes to nothing, while somebody puts a Pin of their own on the copy."""
    pins = count(1)

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method != "POST" or not call.path.endswith("/pins") or next(pins) != number:
            return apply()
        stranger: Any = {
            "board": bench.board_id(TARGET),
            "image_url": "https://a.example/b.jpg",
            "title": "Not of this run",
        }
        hook, bench.fault = bench.fault, None
        bench.run(ACTIONS["v5", "create_pin"], step="other", **stranger)
        bench.fault = hook
        return HttpResponse(502, b"<html>Bad gateway</html>", "text/html")

    return fault


@pytest.mark.parametrize("number", [1, 5])
def test_somebody_elses_pin_is_not_taken_for_a_lost_one(bench: Bench, number: int) -> None:
    """After the first write nothing tells yet whether the service keeps texts: the audit finds it out."""
    bench.fault = losing_beside_a_stranger(bench, number)
    why = "1 Pins are there in addition" if number > 1 else "1 of its Pins were taken for the run's own"
    with pytest.raises(Diverged, match=why):
        copy(bench, "v5")
    lost = makeable(bench) - content(bench, TARGET)
    assert lost.total() == (1 if number == 1 else 0)


def test_a_service_that_changes_texts_loses_no_pins(bench: Bench) -> None:
    lose = losing_then_lying(bench, applied=True, times=0)

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        answer = lose(call, apply)
        changed = call.path.endswith("/pins") and bench.board_id(SOURCE) not in call.path
        return replace(answer, body=answer.body.replace(b'"link":"https', b'"link":"http')) if changed else answer

    bench.fault = fault
    assert copy(bench, "v5")["pins"]["adopted"] == 1
    bench.fault = None
    assert content(bench, TARGET) == makeable(bench)


def test_two_runs_that_complete_one_board_are_told(bench: Bench) -> None:
    """The second begins and ends while the first is about to send its first Pin."""
    half_a_copy(bench)
    results: list[Any] = []

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "POST" and call.path.endswith("/pins"):
            bench.fault = None
            results.append(completed(bench, "v5"))
        return apply()

    bench.fault = fault
    with pytest.raises(Diverged, match="6 Pins are there in addition"):
        completed(bench, "v5")
    assert results[0]["pins"]["created"] == 6


# resumed


def test_a_pin_that_the_source_no_longer_lists_is_not_called_deleted(bench: Bench) -> None:
    bench.fault = losing_then_lying(bench, applied=True, times=0)
    run = bench.kill(ACTIONS["v5", "copy_board"], board=SOURCE, name=TARGET)
    bench.fault = None
    hidden = bench.board(SOURCE)["pins"][-1]
    bench.sandbox.world._unlisted[hidden["id"]] = float("inf")
    result = copy(bench, "v5", run=run)
    assert {"id": hidden["id"], "reason": UNLISTED} in result["skipped"]


def test_a_board_that_is_no_longer_listed_is_not_called_deleted(bench: Bench) -> None:
    run = "20270115-090000-000000"
    bench.control.change(trial=True)
    with pytest.raises(PinflowError):
        bench.run(ACTIONS["v5", "copy_all_boards"], run=run, prefix="New ")
    bench.control.change(trial=False)
    gone, hidden = bench.board_id("Campaign drafts"), bench.board_id("Empty for now")
    bench.run(ACTIONS["v5", "delete_board"], board=gone)
    bench.sandbox.world._unlisted[hidden] = float("inf")
    result = bench.run(ACTIONS["v5", "copy_all_boards"], run=run, prefix="New ")
    reasons = {board["id"]: board["reason"] for board in result["skipped"]}
    assert (reasons[gone], reasons[hidden]) == (DELETED, NOT_LISTED)


def test_a_listing_that_can_not_be_read_leaves_the_outcome_unknown(bench: Bench) -> None:
    lose = losing_then_lying(bench, applied=True, times=0)
    lost: list[bool] = []

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if lost and call.method == "GET":
            return HttpResponse(503, b'{"code": 0, "message": "Sorry"}')
        answer = lose(call, apply)
        lost.extend([True] * (answer.status == 502))
        return answer

    bench.fault = fault
    run = "20270115-090000-000000"
    with pytest.raises(InDoubt):
        copy(bench, "v5", run=run)
    bench.fault = None
    copy(bench, "v5", run=run)
    assert content(bench, TARGET) == makeable(bench)


# lists that are only shown


@pytest.mark.parametrize("api", APIS)
def test_the_pins_of_a_board_are_never_none_although_it_has_some(bench: Bench, api: str) -> None:
    """Undoing a run deletes a board that holds nothing else."""
    given: dict[str, Any] = {"board": bench.board_id("Surprise party")}
    lie(bench, "list_empty", of="boards/list_pins", times=1)
    assert len(bench.run(ACTIONS[api, "list_board_pins"], **given)) == 4
    lie(bench, "list_empty", of="boards/list_pins", times=None)
    with pytest.raises(InDoubt, match="says that it has 4 Pins, its listing has 0"):
        bench.run(ACTIONS[api, "list_board_pins"], **given)
    truth(bench)
    assert bench.run(ACTIONS[api, "list_board_pins"], board="Empty for now") == []


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("page", [250, 5])  # pages that have all that the board says, and fewer
def test_a_part_of_a_boards_pins_is_not_taken_for_all(
    bench: Bench, api: str, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "_PAGE", page)
    given: dict[str, Any] = {"board": bench.board_id(SOURCE)}
    whole = len(bench.run(ACTIONS[api, "list_board_pins"], **given))
    hide(bench, 1)
    assert len(bench.run(ACTIONS[api, "list_board_pins"], **given)) == whole - 1
    assert any(f"says that it has {whole} Pins, its listing has {whole - 1}" in text for text in bench.notes)
    hide(bench, whole // 2 + 1)
    with pytest.raises(InDoubt, match=f"says that it has {whole} Pins"):
        bench.run(ACTIONS[api, "list_board_pins"], **given)


def hide(bench: Bench, count: int) -> None:
    """Keep so many Pins of the source out of its listing, for ever."""
    for pin in bench.board(SOURCE)["pins"][:count]:
        bench.sandbox.world._unlisted[pin["id"]] = float("inf")
