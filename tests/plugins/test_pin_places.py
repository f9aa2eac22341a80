"""Where Pins and boards are made: what reads back of them is what was sent, and only what is new is ever adopted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pinflow import Action, ActionError, InDoubt
from pinflow_pinterest.gateway import gateway
from pinflow_pinterest.pin_places import PinPlace, new_pin_likeness, pin_place_of, saved_pin_likeness
from pinflow_pinterest_v3.actions import boards as v3_boards
from pinflow_pinterest_v3.actions import pins as v3
from pinflow_pinterest_v5.actions import boards as v5_boards
from pinflow_pinterest_v5.actions import pins as v5
from pinflow_sandbox.v5.scopes import V5_SCOPES
from tests.plugins.conftest import STUDIO

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.plugins.conftest import Bench, Fault

IMAGE = "https://example.com/a.jpg"
SLOTS = [{"url": IMAGE, "title": "One  two"}, {"url": "https://example.com/b.jpg", "link": "https://example.com/x/"}]
CREATES = {"v3": v3.create_pin, "v5": v5.create_pin}
SAVES = {"v3": v3.save_pin, "v5": v5.save_pin}
TEXTS: Mapping[str, Any] = {
    "title": " Raised  beds",
    "description": "Cafe\u0301 au lait",  # not composed
    "link": "https://example.com/beds/",
    "alt_text": "A bed",
}


def place_of(bench: Bench, api: str, board: str, section: str | None = None) -> PinPlace:
    assert bench.effects is not None
    client = bench.through(bench.login(STUDIO, api), bench.effects)
    return pin_place_of(gateway(client), board, section)


@pytest.mark.parametrize("api", CREATES)
@pytest.mark.parametrize("in_section", [False, True])
@pytest.mark.parametrize(
    ("given", "source"),
    [
        ({"image_url": IMAGE}, {"source_type": "image_url", "url": IMAGE}),
        ({"image_url": IMAGE, **TEXTS}, {"source_type": "image_url", "url": IMAGE}),
        ({"images": SLOTS}, {"source_type": "multiple_image_urls", "items": SLOTS}),
    ],
)
def test_a_pin_shows_in_its_answer_in_its_listing_and_by_itself_what_was_sent(
    bench: Bench, api: str, in_section: bool, given: dict[str, Any], source: dict[str, Any]
) -> None:
    garden = bench.board("Garden ideas")
    section = garden["sections"][0]["id"] if in_section else None
    pin = bench.run(CREATES[api], board=garden["id"], section=section, **given)
    texts = {name: given[name] for name in TEXTS if name in given}
    body = {"board_id": garden["id"], "board_section_id": section, "media_source": source, **texts}
    place, expected = place_of(bench, api, garden["id"], section), new_pin_likeness(body)
    listed = next(seen for page in place.pages() for seen in page if seen.id == pin["id"])
    by_itself = place.read(pin["id"])
    assert by_itself is not None
    for seen in (place.see(pin), listed, by_itself):
        assert (seen.id, seen.likeness, seen.own) == (pin["id"], expected, True)
        assert seen.made_at == pytest.approx(bench.now, abs=1)


@pytest.mark.parametrize("api", SAVES)
def test_a_saved_pin_names_its_origin_wherever_it_is_read(bench: Bench, api: str) -> None:
    board, origin = bench.board_id("Empty for now"), bench.board("Garden ideas")["pins"][0]["id"]
    pin = bench.run(SAVES[api], pin=origin, board=board)
    place = place_of(bench, api, board)
    expected = saved_pin_likeness(place.service, origin, board, None)
    listed = next(seen for page in place.pages() for seen in page if seen.id == pin["id"])
    for seen in (place.see(pin), listed):
        assert {name: seen.likeness[name] for name in expected} == expected


def test_the_place_of_a_pin_is_its_board_in_v5_and_the_section_itself_in_v3(bench: Bench) -> None:
    garden = bench.board("Garden ideas")
    section = garden["sections"][0]["id"]
    inside = [pin["id"] for pin in garden["pins"] if pin["section_id"] == section]
    bench.run(v5.list_pins)  # opens the bench's clients
    whole, part = place_of(bench, "v5", garden["id"], section), place_of(bench, "v3", garden["id"], section)
    assert (whole.key, part.key) == (f"v5:pins:{garden['id']}", f"v3:pins:{garden['id']}/{section}")
    assert whole.count() == len(garden["pins"]) == sum(map(len, whole.pages()))
    assert part.count() is None  # the board's number counts the Pins of all sections
    assert sorted(seen.id for page in part.pages() for seen in page) == sorted(inside)


def test_a_pin_that_is_not_there_is_none(bench: Bench) -> None:
    bench.run(v5.list_pins)
    assert place_of(bench, "v5", bench.board_id("Garden ideas")).read("123") is None


@pytest.mark.parametrize("action", [v5_boards.create_board, v3_boards.create_board])
def test_a_board_of_the_name_that_was_there_before_the_first_request_is_not_adopted(
    bench: Bench, lost_answer: Callable[..., Fault], action: Action
) -> None:
    """The service may come to hold two boards of one name, such as one that was renamed meanwhile."""
    bench.fault = lost_answer("", applied=False)
    run = bench.kill(action, name="Brand new")
    world = bench.sandbox.world
    world.boards[bench.board_id("Empty for now")].name = "Brand new"
    with pytest.raises(ActionError, match="a board named 'Brand new' already exists"):
        bench.run(action, run=run, name="Brand new")


@pytest.mark.parametrize("applied", [True, False])
def test_a_secret_board_that_no_listing_would_show_stays_unknown(
    bench: Bench, lost_answer: Callable[..., Fault], applied: bool
) -> None:
    for board in bench.sandbox.world.boards.values():
        board.privacy = "PUBLIC"
    login = (STUDIO, V5_SCOPES - {"boards:read_secret"})
    bench.fault = lost_answer("/boards", applied=applied)
    with pytest.raises(InDoubt, match="without the scope boards:read_secret"):
        bench.run(v5_boards.create_board, login=login, name="Brand new", privacy="SECRET")
