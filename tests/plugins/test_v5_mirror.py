"""Boards that follow others: what is new is added once, what is gone goes only when told to, and never by mistake."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import ActionError, Diverged
from pinflow.app import App, Options
from pinflow.errors import ApprovalRequired
from pinflow_pinterest.copying.board_mirror import NOT_EMPTY
from pinflow_pinterest.copying.pin_copies import DELETED
from pinflow_pinterest_v5.actions.boards import delete_board, update_board
from pinflow_pinterest_v5.actions.copying import mirror_board
from pinflow_pinterest_v5.actions.pins import create_pin, delete_pin, update_pin
from pinflow_pinterest_v5.actions.sections import create_section
from pinflow_sandbox.server.messages import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.plugins.conftest import Bench, Fault

SOURCE, TARGET = "Garden ideas", "The mirror"
RECIPE = Path(__file__).parents[2] / "recipes" / "mirror_board.yaml"


def mirror(bench: Bench, board: str = SOURCE, **given: Any) -> Any:
    return bench.run(mirror_board, **{"board": board, "to_board": TARGET, **given})


def writes(bench: Bench) -> int:
    return sum(int(str(row["count"])) for row in bench.control.requests() if row["method"] != "GET")


def makeable(bench: Bench, name: str = SOURCE) -> list[tuple[str, str | None]]:
    """What a copy of a board can show: all but the videos."""
    videos = {pin["fingerprint"] for pin in bench.board(name)["pins"] if pin["media_type"] == "video"}
    return [each for each in bench.content(name) if each[0] not in videos]


def same(bench: Bench, name: str = SOURCE, target: str = "garden_studio") -> bool:
    return Counter(bench.content(TARGET, target)) == Counter(makeable(bench, name))


def add(bench: Bench, board: str = SOURCE, **fields: Any) -> str:
    fields = {"image_url": "https://example.com/a.jpg", **fields}
    return str(bench.run(create_pin, board=bench.board_id(board), **fields)["id"])


def remove(bench: Bench, count: int, board: str = SOURCE) -> None:
    for pin in bench.board(board)["pins"][:count]:
        bench.run(delete_pin, pin=pin["id"])


def test_the_board_is_made_if_there_is_none_of_the_name(bench: Bench) -> None:
    result = mirror(bench)
    assert bench.content(TARGET) == makeable(bench)
    assert result["sections"] == {"created": 3, "kept": 0, "deleted": 0, "extra": 0}
    assert (result["pins"]["created"], result["pins"]["skipped"]) == (29, 1)


@pytest.mark.parametrize("settings", [{}, {"nulls": "omitted", "originals": True}, {"order": "oldest"}])
@pytest.mark.parametrize("extra", ["keep", "delete"])
def test_a_second_run_writes_nothing(bench: Bench, settings: dict[str, Any], extra: str) -> None:
    bench.control.change(**settings)
    mirror(bench)
    bench.forget()
    result = mirror(bench, extra=extra, details=True)
    assert writes(bench) == 0
    assert (result["pins"]["kept"], result["pins"]["created"], result["pins"]["extra"]) == (29, 0, 0)
    assert result["sections"] == {"created": 0, "kept": 3, "deleted": 0, "extra": 0}
    assert len(result["skipped"]) == 1
    assert bench.notes[-1] == "info: already equal: nothing to change (besides 1 skipped)"


def test_a_second_run_reads_each_board_once(bench: Bench) -> None:
    mirror(bench, "Winter recipes")
    bench.forget()
    mirror(bench, "Winter recipes")
    assert bench.calls() == {"boards/list": 1, "boards/list_pins": 2 * 2, "board_sections/list": 2}


def test_new_pins_come_in_their_order_and_alone(bench: Bench) -> None:
    mirror(bench)
    for number in range(3):
        add(bench, title=f"New {number}")
    bench.forget()
    result = mirror(bench)
    assert bench.calls()["pins/create"] == writes(bench) == result["pins"]["created"] == 3
    assert [pin["title"] for pin in bench.board(TARGET)["pins"]][-3:] == ["New 0", "New 1", "New 2"]
    assert same(bench)


def test_a_new_section_comes_with_its_pins(bench: Bench) -> None:
    mirror(bench)
    made = bench.run(create_section, board=bench.board_id(SOURCE), name="Ponds")
    add(bench, title="Frogs", section=made["id"])
    result = mirror(bench)
    assert (result["sections"]["created"], result["sections"]["kept"]) == (1, 3)
    assert same(bench)
    assert bench.content(TARGET)[-1][1] == "Ponds"


def test_of_pins_that_are_the_same_as_many_are_made_as_there_are(bench: Bench) -> None:
    mirror(bench)
    twin = next(pin for pin in bench.board(SOURCE)["pins"] if pin["title"] == "Two of a kind")
    content = bench.sandbox.world.pins[twin["id"]].content
    for _ in range(2):
        bench.sandbox.world.pins[add(bench)].source = content
    assert mirror(bench)["pins"]["created"] == 2
    assert [pin["title"] for pin in bench.board(TARGET)["pins"]].count("Two of a kind") == 4
    assert same(bench)


def test_of_pins_that_are_the_same_the_newest_goes(bench: Bench) -> None:
    mirror(bench)
    twins = [pin["id"] for pin in bench.board(TARGET)["pins"] if pin["title"] == "Two of a kind"]
    bench.run(delete_pin, pin=next(p["id"] for p in bench.board(SOURCE)["pins"] if p["title"] == "Two of a kind"))
    assert mirror(bench, extra="delete")["pins"]["deleted"] == 1
    assert [pin["id"] for pin in bench.board(TARGET)["pins"] if pin["title"] == "Two of a kind"] == twins[:1]


def test_pins_without_texts_are_told_apart_by_their_pictures(bench: Bench) -> None:
    for number in range(6):
        add(bench, "Empty for now", image_url=f"https://example.com/{number}.jpg")
    mirror(bench, "Empty for now")
    remove(bench, 2, "Empty for now")
    add(bench, "Empty for now", image_url="https://example.com/new.jpg")
    result = mirror(bench, "Empty for now", extra="delete")
    assert (result["pins"]["kept"], result["pins"]["created"], result["pins"]["deleted"]) == (4, 1, 2)
    assert same(bench, "Empty for now")


@pytest.mark.parametrize("hint", ["dominant_color", "size"])
def test_a_service_that_computes_pictures_anew_gets_no_second_copies(bench: Bench, hint: str) -> None:
    """Its colours or sizes differ from what was copied, for every Pin."""

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        answer = apply()
        if call.method == "GET" and call.path.endswith(f"{bench.board_id(TARGET)}/pins"):
            old, new = (
                (b'"dominant_color":"#', b'"dominant_color":"#0')
                if hint == "dominant_color"
                else (b'":1200,', b'":1199,')
            )
            return dataclasses.replace(answer, body=answer.body.replace(old, new))
        return answer

    mirror(bench)
    bench.fault = fault
    bench.forget()
    assert mirror(bench)["pins"]["kept"] == 29
    assert writes(bench) == 0


def test_a_pin_that_was_moved_to_another_section_is_made_there(bench: Bench) -> None:
    mirror(bench)
    board = bench.board(SOURCE)
    pin = next(pin for pin in board["pins"] if pin["section_id"])
    section = next(each["id"] for each in board["sections"] if each["id"] != pin["section_id"])
    bench.run(update_pin, pin=pin["id"], section=section)
    kept = mirror(bench)
    assert (kept["pins"]["created"], kept["pins"]["extra"]) == (1, 1)
    assert mirror(bench, extra="delete")["pins"]["deleted"] == 1
    assert same(bench)


def test_a_video_that_somebody_saved_and_moved_stays(bench: Bench) -> None:
    mirror(bench)
    (video,) = [pin for pin in bench.board(SOURCE)["pins"] if pin["media_type"] == "video"]
    saved = add(bench, TARGET, section=bench.board(TARGET)["sections"][0]["id"])
    bench.sandbox.world.pins[saved].source = bench.sandbox.world.pins[video["id"]].content
    bench.forget()
    result = mirror(bench, extra="delete")
    assert (writes(bench), result["pins"]["kept"], result["pins"]["skipped"]) == (0, 30, 0)


def test_pins_that_the_source_no_longer_has_are_kept_unless_extra_is_delete(bench: Bench) -> None:
    mirror(bench)
    remove(bench, 3)
    kept = mirror(bench)
    assert (kept["pins"]["extra"], kept["pins"]["deleted"], len(bench.board(TARGET)["pins"])) == (3, 0, 29)
    gone = mirror(bench, extra="delete")
    assert (gone["pins"]["extra"], gone["pins"]["deleted"], len(bench.board(TARGET)["pins"])) == (0, 3, 26)
    assert same(bench)


def test_a_section_that_the_source_has_not_goes_when_it_is_empty(bench: Bench) -> None:
    mirror(bench)
    own = bench.run(create_section, board=bench.board_id(TARGET), name="Mine")
    add(bench, TARGET, title="Mine too", section=own["id"])
    assert mirror(bench)["sections"]["extra"] == 1
    result = mirror(bench, extra="delete")
    assert (result["sections"]["deleted"], result["pins"]["deleted"]) == (1, 1)
    assert bench.section_names(TARGET) == bench.section_names(SOURCE)
    assert same(bench)


def test_a_section_that_got_a_pin_meanwhile_stays(bench: Bench) -> None:
    mirror(bench)
    own = bench.run(create_section, board=bench.board_id(TARGET), name="Mine")
    first = add(bench, TARGET, title="Mine too", section=own["id"])

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "DELETE" and call.path.endswith(f"/pins/{first}"):
            bench.fault = None
            add(bench, TARGET, title="Just now", section=own["id"])
        return apply()

    bench.fault = fault
    with pytest.raises(Diverged, match="1 Pins are there in addition"):
        mirror(bench, extra="delete")
    assert "Mine" in bench.section_names(TARGET)
    assert NOT_EMPTY in [facts.get("reason") for _, facts in bench.events]


def test_without_sections_all_is_one(bench: Bench) -> None:
    mirror(bench, sections=False)
    bench.run(create_section, board=bench.board_id(TARGET), name="Mine")
    bench.forget()
    result = mirror(bench, sections=False, extra="delete")
    assert (writes(bench), result["pins"]["kept"]) == (0, 29)
    assert bench.section_names(TARGET) == ["Mine"]


# what must not be deleted


def test_a_mirror_of_an_empty_source_deletes_nothing(bench: Bench) -> None:
    mirror(bench, "Surprise party")
    remove(bench, 4, "Surprise party")
    with pytest.raises(ActionError, match="the source lists no Pins"):
        mirror(bench, "Surprise party", extra="delete", max_delete=100)
    assert len(bench.board(TARGET)["pins"]) == 4


@pytest.mark.parametrize("page", [1, 2])
def test_a_source_whose_listing_breaks_off_changes_nothing(bench: Bench, page: int) -> None:
    mirror(bench, "Winter recipes")
    source, pages = bench.board_id("Winter recipes"), [0]

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "GET" and call.path.endswith(f"{source}/pins"):
            pages[0] += 1
            if pages[0] >= page:
                return HttpResponse(500, b'{"code": 0, "message": "Sorry"}')
        return apply()

    bench.fault = fault
    bench.forget()
    with pytest.raises(ActionError, match="Sorry"):
        mirror(bench, "Winter recipes", extra="delete", max_delete=1000)
    assert writes(bench) == 0


def short_listing(bench: Bench, source: str, times: int) -> Fault:
    """A source whose listing lacks its last six Pins, so many times."""
    left = [times]

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        answer = apply()
        if call.method != "GET" or not call.path.endswith(f"{source}/pins") or not left[0]:
            return answer
        left[0] -= 1
        page = json.loads(answer.body)
        return dataclasses.replace(answer, body=json.dumps({**page, "items": page["items"][:-6]}).encode())

    return fault


def test_a_listing_with_fewer_pins_than_the_count_deletes_nothing(bench: Bench) -> None:
    mirror(bench)
    bench.fault = short_listing(bench, bench.board_id(SOURCE), times=9)
    result = mirror(bench, extra="delete")
    assert (result["pins"]["deleted"], result["pins"]["extra"], len(bench.board(TARGET)["pins"])) == (0, 6, 29)
    assert any("the service counts 30 Pins on the source but lists 24" in note for note in bench.notes)


def test_two_listings_of_the_source_that_differ_delete_nothing(bench: Bench) -> None:
    """The last reading has the Pins that the first ones lacked."""
    mirror(bench)
    bench.fault = short_listing(bench, bench.board_id(SOURCE), times=2)
    result = mirror(bench, extra="delete", max_delete=20)
    assert (result["pins"]["deleted"], result["pins"]["extra"], len(bench.board(TARGET)["pins"])) == (0, 6, 29)
    assert any("two listings of the source differ" in note for note in bench.notes)


def test_a_listing_that_lacks_pins_once_is_read_again(bench: Bench) -> None:
    mirror(bench)
    bench.fault = short_listing(bench, bench.board_id(SOURCE), times=1)
    result = mirror(bench, extra="delete", max_delete=20)
    assert (result["pins"]["deleted"], result["pins"]["extra"]) == (0, 0)
    assert bench.waits == [5.0]


def test_too_many_deletions_are_refused_before_the_first_write(bench: Bench) -> None:
    mirror(bench)
    remove(bench, 11)
    add(bench, title="New")
    bench.forget()
    with pytest.raises(ActionError, match="11 Pins and sections would be deleted, 10 are allowed"):
        mirror(bench, extra="delete")
    assert writes(bench) == 0
    assert mirror(bench, extra="delete", max_delete=11)["pins"]["deleted"] == 11
    assert same(bench)


def test_a_quarter_of_a_large_board_may_go(bench: Bench) -> None:
    mirror(bench, "Winter recipes")
    remove(bench, 78, "Winter recipes")
    assert mirror(bench, "Winter recipes", extra="delete")["pins"]["deleted"] == 312 // 4 == 78


def test_a_pin_that_could_not_be_added_prevents_all_deletions(bench: Bench) -> None:
    mirror(bench)
    remove(bench, 1)
    add(bench, title="Broken")

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        refused = call.method == "POST" and b"Broken" in (call.body or b"")
        return HttpResponse(400, b'{"code": 1, "message": "the image is broken"}') if refused else apply()

    bench.fault = fault
    result = mirror(bench, extra="delete")
    assert (result["pins"]["failed"], result["pins"]["deleted"], result["pins"]["extra"]) == (1, 0, 1)


def test_a_pin_that_somebody_else_deleted_first_counts_as_deleted(bench: Bench) -> None:
    mirror(bench)
    remove(bench, 1)
    (extra,) = [pin["id"] for pin in bench.board(TARGET)["pins"][:1]]

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "DELETE" and call.path.endswith(extra):
            bench.fault = None
            bench.run(delete_pin, pin=extra)
        return apply()

    bench.fault = fault
    assert mirror(bench, extra="delete")["pins"]["deleted"] == 1


# faults


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("ending", ["/sections", "/pins", "DELETE"])
def test_a_killed_run_is_finished_on_resume(
    bench: Bench, lost_answer: Callable[..., Fault], ending: str, applied: bool
) -> None:
    mirror(bench)
    bench.run(create_section, board=bench.board_id(SOURCE), name="Ponds")
    remove(bench, 2)
    for number in range(2):
        add(bench, title="New and the same" if number else "New")
    path = bench.board(TARGET)["pins"][0]["id"] if ending == "DELETE" else ending
    bench.fault = lost_answer(path, applied=applied, times=9 if ending == "DELETE" else 1)
    given: dict[str, Any] = {"board": SOURCE, "to_board": TARGET, "extra": "delete"}
    run = bench.kill(mirror_board, **given)
    bench.fault = None
    result = bench.run(mirror_board, run=run, **given)
    assert same(bench)
    assert bench.section_names(TARGET) == bench.section_names(SOURCE)
    pins = result["pins"]
    assert (pins["created"] + pins["adopted"] + pins["already"], pins["deleted"]) == (2, 2)


@pytest.mark.parametrize("applied", [True, False])
def test_a_lost_answer_neither_loses_nor_doubles_among_pins_that_are_the_same(
    bench: Bench, lost_answer: Callable[..., Fault], applied: bool
) -> None:
    for _ in range(3):
        add(bench, "Surprise party", title="Same")
    mirror(bench, "Surprise party")
    add(bench, "Surprise party", title="Same")
    bench.fault = lost_answer("/pins", applied=applied)
    result = mirror(bench, "Surprise party")
    assert result["pins"]["adopted"] == int(applied)
    assert same(bench, "Surprise party")


def test_a_resumed_run_keeps_to_what_was_decided(bench: Bench, lost_answer: Callable[..., Fault]) -> None:
    mirror(bench)
    lost, gone, there = (add(bench, title=title) for title in ("Lost", "Gone", "There"))
    bench.fault = lost_answer("/pins", applied=True)
    run = bench.kill(mirror_board, board=SOURCE, to_board=TARGET)
    bench.fault = None
    bench.run(delete_pin, pin=gone)
    add(bench, title="Too late")
    result = bench.run(mirror_board, run=run, board=SOURCE, to_board=TARGET)
    assert [pin["title"] for pin in bench.board(TARGET)["pins"]][-2:] == ["Lost", "There"]
    assert {"id": gone, "reason": DELETED} in result["skipped"]
    assert {lost, there}.isdisjoint(each["id"] for each in result["skipped"])


def test_a_run_that_made_the_board_is_resumed_as_such(bench: Bench, lost_answer: Callable[..., Fault]) -> None:
    bench.fault = lost_answer("/pins", applied=True)
    run = bench.kill(mirror_board, board=SOURCE, to_board=TARGET)
    bench.fault = None
    bench.run(mirror_board, run=run, board=SOURCE, to_board=TARGET)
    assert bench.content(TARGET) == makeable(bench)


def test_a_pin_of_others_that_came_meanwhile_is_told(bench: Bench) -> None:
    mirror(bench)
    add(bench, title="New")

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "POST":
            bench.fault = None
            add(bench, TARGET, title="Not of this run")
        return apply()

    bench.fault = fault
    with pytest.raises(Diverged, match="0 of its Pins are missing, and 1 Pins are there in addition"):
        mirror(bench)


# details, places, people


def test_description_and_privacy_follow_when_asked(bench: Bench) -> None:
    mirror(bench, "Surprise party")
    bench.run(update_board, board=bench.board_id("Surprise party"), description="For June", privacy="PUBLIC")
    mirror(bench, "Surprise party")
    assert bench.board(TARGET)["privacy"] == "SECRET"
    mirror(bench, "Surprise party", details=True)
    assert (bench.board(TARGET)["description"], bench.board(TARGET)["privacy"]) == ("For June", "PUBLIC")


def test_a_board_is_not_made_protected_later(bench: Bench) -> None:
    bench.control.board(name=TARGET)
    mirror(bench, "Campaign drafts", details=True)
    assert bench.board(TARGET)["privacy"] == "PUBLIC"
    assert any("the board stays PUBLIC" in note for note in bench.notes)


@pytest.mark.parametrize("by", ["name", "id"])
def test_a_board_of_a_second_account_follows(bench: Bench, by: str) -> None:
    id = bench.control.board("client_account", name=TARGET)
    for _ in range(2):
        bench.forget()
        mirror(bench, target="client_account", to_board=TARGET if by == "name" else id)
    assert writes(bench) == 0
    assert same(bench, target="client_account")


def test_a_board_does_not_follow_itself(bench: Bench) -> None:
    with pytest.raises(ActionError, match="can't be copied onto itself"):
        mirror(bench, to_board=None)
    with pytest.raises(ActionError, match="can't be copied onto itself"):
        mirror(bench, to_board=bench.board_id(SOURCE))


def test_a_name_that_two_boards_have_is_refused_with_their_ids(bench: Bench) -> None:
    own = bench.control.board(name="Street festival")
    with pytest.raises(ActionError, match=f"2 boards are named 'Street festival': {own}, "):
        mirror(bench, to_board="Street festival")


def test_an_id_that_no_board_has_is_not_taken_for_a_name(bench: Bench) -> None:
    made = bench.control.board(name="For a moment")
    bench.run(delete_board, board=made)
    with pytest.raises(ActionError, match="Board not found"):
        mirror(bench, to_board=made)


@pytest.mark.parametrize("extra", ["keep", "delete"])
@pytest.mark.parametrize("stands", [True, False])
def test_a_dry_run_writes_nothing_and_counts_as_the_real_run(bench: Bench, extra: str, stands: bool) -> None:
    if stands:
        mirror(bench)
        remove(bench, 3)
        own = bench.run(create_section, board=bench.board_id(TARGET), name="Mine")
        add(bench, TARGET, title="Mine too", section=own["id"])
        made = bench.run(create_section, board=bench.board_id(SOURCE), name="Ponds")
        add(bench, title="Frogs", section=made["id"])
    bench.forget()
    dry = mirror(bench, extra=extra, dry_run=True)
    assert writes(bench) == 0
    real = mirror(bench, extra=extra)
    assert {**dry, "board": {}} == {**real, "board": {}}


def test_texts_that_were_shortened_are_compared_as_such(bench: Bench) -> None:
    world = bench.sandbox.world
    for pin in bench.board("Surprise party")["pins"]:
        content = world.pins[pin["id"]].content
        world.pins[pin["id"]].source = dataclasses.replace(content, title=f"{pin['title']}{'t' * 101}")
    with pytest.raises(ActionError, match="title has 117 characters, the API allows 100"):
        mirror(bench, "Surprise party")
    for _ in range(2):
        bench.forget()
        result = mirror(bench, "Surprise party", on_too_long="truncate")
    assert (writes(bench), result["pins"]["kept"]) == (0, 4)


def test_pictures_of_covers_are_kept(bench: Bench) -> None:
    for _ in range(2):
        bench.forget()
        result = mirror(bench, videos="cover", extra="delete")
    assert (writes(bench), result["pins"]["kept"], result["skipped"]) == (0, 30, [])


# the recipe


@pytest.mark.parametrize("extra", ["keep", "delete"])
def test_the_recipe_asks_before_it_deletes_and_only_then(tmp_path: Path, extra: str) -> None:
    app = App.installed({"HOME": str(tmp_path)}, state=tmp_path / "state")
    plan = app.plan(RECIPE, inputs={"extra": extra}, examples=True)
    assert [step.path for step in plan.destructive] == ([] if extra == "keep" else ["mirror"])
    if extra == "delete":
        with pytest.raises(ApprovalRequired):
            app.run(plan, Options(approve=lambda what: False))


def test_extra_from_an_expression_makes_the_step_possibly_destructive(tmp_path: Path) -> None:
    recipe = tmp_path / "late.yaml"
    recipe.write_text(
        "{pinflow: 1, name: n, api: v5, steps: [{id: user, uses: get_user}, {id: mirror, uses: mirror_board, with: "
        '{board: A, to_board: B, extra: "${{ steps.user.about }}"}}]}'
    )
    app = App.installed({"HOME": str(tmp_path)}, state=tmp_path / "state")
    assert [step.path for step in app.plan(recipe, inputs={}).destructive] == ["mirror"]


def test_the_recipe_runs_in_the_sandbox(tmp_path: Path) -> None:
    app = App.installed({"HOME": str(tmp_path)}, state=tmp_path / "state")
    result = app.run(app.plan(RECIPE, inputs={}, examples=True), Options(sandbox=True))
    assert (result.status, result.error) == ("ok", None)
    assert result.outputs["pins"]["created"] == 29
