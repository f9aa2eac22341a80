"""Copies of boards: exact, bounded in requests, refused before the first write or finished to the end."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import ActionError, Diverged, Forbidden, MissingScope, RemoteError
from pinflow_pinterest.copying.pin_copies import DELETED
from pinflow_pinterest_v5.actions.boards import delete_board
from pinflow_pinterest_v5.actions.copying import copy_board
from pinflow_pinterest_v5.actions.pins import create_pin, delete_pin, list_board_pins
from pinflow_pinterest_v5.actions.sections import create_section
from pinflow_sandbox.server.messages import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.plugins.conftest import Bench, Fault

SEEDED = ["Garden ideas", "Winter recipes", "Surprise party", "Campaign drafts", "Empty for now"]


def without_videos(bench: Bench, name: str) -> list[tuple[str, str | None]]:
    board = bench.board(name)
    videos = {pin["fingerprint"] for pin in board["pins"] if pin["media_type"] == "video"}
    return [each for each in bench.content(name) if each[0] not in videos]


def add_pin(bench: Bench, board: str, **fields: Any) -> str:
    fields = {"image_url": "https://example.com/a.jpg", **fields}
    return str(bench.run(create_pin, board=bench.board_id(board), **fields)["id"])


@pytest.mark.parametrize("name", SEEDED)
@pytest.mark.parametrize("settings", [{}, {"nulls": "omitted", "originals": True}, {"order": "oldest"}])
def test_a_copy_shows_what_the_board_shows_in_the_same_order(
    bench: Bench, name: str, settings: dict[str, str | bool]
) -> None:
    bench.control.change(**settings)
    result = bench.run(copy_board, board=name, name="The copy")
    assert bench.content("The copy") == without_videos(bench, name)
    assert bench.section_names("The copy") == bench.section_names(name)
    assert result["pins"]["created"] == len(without_videos(bench, name))


@pytest.mark.parametrize("name", ["Garden ideas", "Surprise party", "Campaign drafts"])
def test_a_copy_has_the_description_and_privacy_of_the_board(bench: Bench, name: str) -> None:
    bench.run(copy_board, board=name, name="The copy")
    original, copy = bench.board(name), bench.board("The copy")
    assert (copy["description"], copy["privacy"]) == (original["description"], original["privacy"])


def test_description_and_privacy_can_be_chosen(bench: Bench) -> None:
    bench.run(copy_board, board="Empty for now", name="The copy", description="Mine", privacy="SECRET")
    assert (bench.board("The copy")["description"], bench.board("The copy")["privacy"]) == ("Mine", "SECRET")


def test_pins_in_sections_are_copied_once_and_into_their_sections(bench: Bench) -> None:
    result = bench.run(copy_board, board="Garden ideas", name="The copy")
    assert result["pins"]["total"] == 30
    assert sum(1 for _, section in bench.content("The copy") if section == "Tools") == 4
    assert result["sections"] == {"created": 3, "already": 0}


def test_without_sections_all_pins_are_on_the_board_itself(bench: Bench) -> None:
    bench.run(copy_board, board="Garden ideas", name="The copy", sections=False)
    assert {section for _, section in bench.content("The copy")} == {None}
    assert [pin for pin, _ in bench.content("The copy")] == [pin for pin, _ in without_videos(bench, "Garden ideas")]


def test_a_video_is_skipped_with_the_reason(bench: Bench) -> None:
    result = bench.run(copy_board, board="Garden ideas", name="The copy")
    (video,) = [pin for pin in bench.board("Garden ideas")["pins"] if pin["media_type"] == "video"]
    assert result["pins"]["skipped"] == 1
    assert [each["id"] for each in result["skipped"]] == [video["id"]]
    assert "does not give out the file of a video" in result["skipped"][0]["reason"]


def test_a_video_can_become_a_picture_of_its_cover(bench: Bench) -> None:
    result = bench.run(copy_board, board="Garden ideas", name="The copy", videos="cover")
    (video,) = [pin for pin in bench.board("Garden ideas")["pins"] if pin["media_type"] == "video"]
    (still,) = [pin for pin in bench.board("The copy")["pins"] if pin["title"] == video["title"]]
    assert still["media"] == video["media"][:1]
    assert (result["pins"]["created"], result["skipped"]) == (30, [])


def test_a_board_of_another_account_is_copied_from_one_login_to_the_other(bench: Bench) -> None:
    result = bench.run(copy_board, source="client_account", target="garden_studio", board="Reception room")
    assert bench.content("Reception room") == bench.content("Reception room", "client_account")
    assert result["board"] == {"id": bench.board_id("Reception room"), "name": "Reception room"}


def test_a_group_board_is_copied_as_a_board_of_ones_own(bench: Bench) -> None:
    bench.run(copy_board, board="Street festival", name="The copy")
    assert bench.content("The copy") == bench.content("Street festival", "neighbour")


@pytest.mark.parametrize("target", ["garden_studio", "client_account"])
def test_a_board_is_found_by_its_id(bench: Bench, target: str) -> None:
    id = bench.board_id("Winter recipes")
    bench.run(copy_board, target=target, board=id, name="The copy")
    assert bench.content("The copy", target) == bench.content("Winter recipes")


@pytest.mark.parametrize(("name", "pages", "section_pages"), [("Winter recipes", 2, 1), ("Garden ideas", 1, 2)])
def test_requests_are_few(bench: Bench, name: str, pages: int, section_pages: int) -> None:
    bench.forget()
    result = bench.run(copy_board, board=name, name="The copy")
    writes = 1 + result["sections"]["created"] + result["pins"]["created"]
    assert bench.calls().total() == 1 + 2 * pages + section_pages + writes


def test_the_boards_own_name_is_taken_in_the_same_account(bench: Bench) -> None:
    bench.forget()
    with pytest.raises(ActionError, match="a board can't be copied onto itself: choose another name"):
        bench.run(copy_board, board="Garden ideas")
    assert "boards/create" not in bench.calls()


@pytest.mark.parametrize("name", ["Winter recipes", "winter RECIPES "])
def test_a_name_that_is_taken_is_refused_before_the_first_write(bench: Bench, name: str) -> None:
    bench.forget()
    with pytest.raises(ActionError, match=f"the account already has a board named '{name}'"):
        bench.run(copy_board, board="Garden ideas", name=name)
    assert {operation.method for operation in bench.operations()} == {"GET"}


def test_an_unknown_name_is_answered_with_the_nearest(bench: Bench) -> None:
    with pytest.raises(ActionError, match="the account has no board 'Garden idea'\n  did you mean 'Garden ideas'"):
        bench.run(copy_board, board="Garden idea", name="The copy")


def test_a_name_that_two_boards_have_is_refused_with_their_ids(bench: Bench) -> None:
    own = bench.control.board(name="Street festival")
    with pytest.raises(ActionError, match=f"2 boards are named 'Street festival': {own}, "):
        bench.run(copy_board, board="Street festival", name="The copy")


def test_a_board_for_ads_is_refused_with_the_reason(bench: Bench) -> None:
    bench.sandbox.world.boards[bench.board_id("Empty for now")].ads_only = True
    with pytest.raises(ActionError, match="it is an ads-only board"):
        bench.run(copy_board, board="Empty for now", name="The copy")


def lengthen(bench: Bench, **texts: Any) -> list[str]:
    """Let all Pins of "Reception room" have texts that are longer than the API takes."""
    world = bench.sandbox.world
    board = bench.board("Reception room", "client_account")
    for pin in board["pins"]:
        world.pins[pin["id"]].source = dataclasses.replace(world.pins[pin["id"]].content, **texts)
    return [pin["id"] for pin in board["pins"]]


def test_every_text_that_is_too_long_is_named_before_the_first_write(bench: Bench) -> None:
    ids = lengthen(bench, title="t" * 101, alt_text="a" * 501)
    bench.forget()
    with pytest.raises(ActionError) as caught:
        bench.run(copy_board, source="client_account", board="Reception room", name="Winter recipes")
    for id in ids:
        assert f"pin {id}: title has 101 characters, the API allows 100" in caught.value.message
        assert f"pin {id}: alt_text has 501 characters, the API allows 500" in caught.value.message
    assert "the account already has a board named 'Winter recipes'" in caught.value.message
    assert "tttt" not in str(caught.value)
    assert {operation.method for operation in bench.operations()} == {"GET"}


def test_texts_that_are_too_long_can_be_shortened(bench: Bench) -> None:
    lengthen(bench, title="t" * 101, description="d" * 801)
    bench.run(copy_board, source="client_account", board="Reception room", on_too_long="truncate")
    pins = bench.board("Reception room")["pins"]
    assert {(pin["title"], pin["description"]) for pin in pins} == {("t" * 100, "d" * 800)}


def test_a_link_is_never_shortened(bench: Bench) -> None:
    lengthen(bench, link="https://example.com/" + "x" * 2100)
    with pytest.raises(ActionError, match="link has 2120 characters, the API allows 2048"):
        bench.run(copy_board, source="client_account", board="Reception room", on_too_long="truncate")


@pytest.mark.parametrize("name", SEEDED)
def test_a_dry_run_writes_nothing_and_counts_as_the_real_run(bench: Bench, name: str) -> None:
    bench.forget()
    dry = bench.run(copy_board, dry_run=True, board=name, name="The copy")
    assert {operation.method for operation in bench.operations()} == {"GET"}
    assert bench.effects is not None
    planned = bench.effects.planned.calls["garden_studio"]["org_write"]
    real = bench.run(copy_board, board=name, name="The copy")
    assert {**dry, "board": {}} == {**real, "board": {}}
    assert planned == 1 + real["sections"]["created"] + real["pins"]["created"]


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("ending", ["/boards", "/sections", "/pins"])
def test_a_lost_answer_neither_loses_nor_doubles(
    bench: Bench, lost_answer: Callable[..., Fault], ending: str, applied: bool
) -> None:
    bench.fault = lost_answer(ending, applied=applied)
    result = bench.run(copy_board, board="Garden ideas", name="The copy")
    assert bench.content("The copy") == without_videos(bench, "Garden ideas")
    assert bench.section_names("The copy") == bench.section_names("Garden ideas")
    assert result["pins"]["adopted"] == (1 if applied and ending == "/pins" else 0)
    assert len([board for board in bench.control.state()["boards"] if board["name"] == "The copy"]) == 1  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize(
    ("ending", "writes_before"),
    [("/boards", 0), ("/sections", 0), ("/sections", 2), ("/pins", 0), ("/pins", 1), ("/pins", 20), ("/pins", 28)],
)
def test_a_killed_copy_is_finished_on_resume(
    bench: Bench, lost_answer: Callable[..., Fault], ending: str, applied: bool, writes_before: int
) -> None:
    """Killed while it waits to look what became of a lost answer."""
    lose, left = lost_answer(ending, applied=applied), [writes_before]

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "POST" and call.path.endswith(ending) and left[0]:
            left[0] -= 1
            return apply()
        return lose(call, apply)

    bench.fault = fault
    run = bench.kill(copy_board, board="Garden ideas", name="The copy")
    bench.fault = None
    result = bench.run(copy_board, run=run, board="Garden ideas", name="The copy")
    assert bench.content("The copy") == without_videos(bench, "Garden ideas")
    assert bench.section_names("The copy") == bench.section_names("Garden ideas")
    pins = result["pins"]
    assert pins["created"] + pins["adopted"] + pins["already"] == 29


def test_after_a_kill_new_pins_are_not_copied_and_gone_ones_are_told(
    bench: Bench, lost_answer: Callable[..., Fault]
) -> None:
    bench.fault = lost_answer("/pins", applied=True)
    run = bench.kill(copy_board, board="Surprise party", name="The copy")
    bench.fault = None
    first, *_, last = bench.run(list_board_pins, board="Surprise party")
    bench.run(delete_pin, pin=first["id"])
    bench.run(delete_pin, pin=last["id"])  # the oldest was sent before the kill, and is there
    add_pin(bench, "Surprise party", title="Too late")
    result = bench.run(copy_board, run=run, board="Surprise party", name="The copy")
    assert result["skipped"] == [{"id": first["id"], "reason": DELETED}]
    assert result["pins"] == {"total": 4, "created": 2, "adopted": 1, "already": 0, "skipped": 1, "failed": 0}
    assert "warning: 1 Pins were added to the source since this run began; they are not copied" in bench.notes
    assert "Too late" not in [pin["title"] for pin in bench.board("The copy")["pins"]]


def test_a_name_taken_by_another_after_the_checks_is_not_adopted(bench: Bench) -> None:
    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "POST" and call.path.endswith("/boards"):
            bench.control.board(name="The copy")
        return apply()

    bench.fault = fault
    with pytest.raises(RemoteError, match="choose another name"):
        bench.run(copy_board, board="Garden ideas", name="The copy")
    assert bench.content("The copy") == []


def test_a_pin_of_others_on_the_copy_is_told_as_diverged(bench: Bench) -> None:
    strangers: list[str] = []

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        answer = apply()
        if call.method == "POST" and call.path.endswith("/boards"):
            bench.fault = None
            strangers.append(add_pin(bench, "The copy", title="Not of this run"))
        return answer

    bench.fault = fault
    with pytest.raises(Diverged) as caught:
        bench.run(copy_board, board="Surprise party", name="The copy")
    assert f"0 of its Pins are missing, and 1 Pins are there in addition ({strangers[0]})" in caught.value.message


def test_a_listing_that_lags_is_waited_for(bench: Bench) -> None:
    bench.control.change(listing_lag=15.0)
    bench.run(copy_board, board="Surprise party", name="The copy")
    assert bench.waits == [5.0, 15.0]


def test_a_bad_pin_does_not_keep_the_others_from_the_copy(bench: Bench) -> None:
    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "POST" and call.path.endswith("/pins") and b"Surprise party 2" in (call.body or b""):
            return HttpResponse(400, b'{"code": 1, "message": "Invalid request: the image is broken"}')
        return apply()

    bench.fault = fault
    result = bench.run(copy_board, board="Surprise party", name="The copy")
    assert (result["pins"]["created"], result["pins"]["failed"]) == (3, 1)
    assert [facts["error"] for event, facts in bench.events if event == "ItemFailed"]


def test_an_error_that_every_pin_would_meet_ends_the_copy_at_the_first(bench: Bench) -> None:
    bench.control.change(trial=True)
    bench.forget()
    with pytest.raises(Forbidden, match="with trial access an app can't create Pins in production"):
        bench.run(copy_board, board="Garden ideas", name="The copy")
    assert bench.calls()["pins/create"] == 1


def test_a_copy_that_lacked_a_scope_is_finished_with_it(bench: Bench) -> None:
    run = "20270115-090000-000000"
    few = ("garden_studio", copy_board.scopes["target"] - {"pins:write"})
    with pytest.raises(MissingScope):
        bench.run(copy_board, run=run, target=few, board="Surprise party", name="The copy", privacy="PUBLIC")
    result = bench.run(copy_board, run=run, board="Surprise party", name="The copy", privacy="PUBLIC")
    assert result["pins"]["created"] == 4
    assert bench.content("The copy") == bench.content("Surprise party")


def test_a_busy_board_is_tried_again_for_its_sections(bench: Bench) -> None:
    refusals = [2]

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "POST" and call.path.endswith("/sections") and refusals[0]:
            refusals[0] -= 1
            return HttpResponse(409, b'{"code": 409, "message": "Could not get exclusive access to the board."}')
        return apply()

    bench.fault = fault
    bench.run(copy_board, board="Garden ideas", name="The copy")
    assert bench.waits == [1.0, 2.0]
    assert bench.section_names("The copy") == bench.section_names("Garden ideas")


def test_pins_that_are_equal_are_both_copied(bench: Bench) -> None:
    bench.run(copy_board, board="Garden ideas", name="The copy")
    assert [pin["title"] for pin in bench.board("The copy")["pins"]].count("Two of a kind") == 2


def test_a_board_that_was_deleted_can_be_copied_under_its_name_again(bench: Bench) -> None:
    made = bench.run(copy_board, board="Empty for now", name="The copy")
    bench.run(delete_board, board=made["board"]["id"])
    bench.run(create_section, board=bench.board_id("Empty for now"), name="New here")
    bench.run(copy_board, board="Empty for now", name="The copy")
    assert bench.section_names("The copy") == ["New here"]
