"""Every action of API v5 and v3, once each, against the sandbox."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import Action, ActionError, Diverged, Forbidden, MissingScope, RemoteError, UsageError
from pinflow_pinterest_v3 import pinflow_actions as v3_actions
from pinflow_pinterest_v5 import pinflow_actions as v5_actions
from pinflow_pinterest_v5.actions.boards import (
    create_board,
    delete_all_boards,
    delete_board,
    get_board,
    list_boards,
    update_board,
)
from pinflow_pinterest_v5.actions.copying import copy_pin
from pinflow_pinterest_v5.actions.pins import (
    create_pin,
    delete_pin,
    get_pin,
    list_board_pins,
    list_pins,
    save_pin,
    update_pin,
)
from pinflow_pinterest_v5.actions.sections import create_section, delete_section, list_section_pins, list_sections
from pinflow_pinterest_v5.actions.users import get_user

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pinflow_sandbox.server.messages import HttpRequest, HttpResponse
    from tests.plugins.conftest import Bench, Fault

ACTIONS: list[Action] = [each for each in [*v5_actions(), *v3_actions()] if each.variants is None]
WRITES = [action for action in ACTIONS if action.effect == "write"]
FULL_NAME = attrgetter("full_name")
IMAGE = "https://example.com/a.jpg"
# what v3 needs only to look for a thing after a lost answer, where each call of v5 wants its reading scopes too
WHEN_LOST = {
    "v3.delete_board": {"read_boards"},
    "v3.create_pin": {"read_boards", "read_pins", "write_boards"},
    "v3.save_pin": {"read_boards", "read_pins", "write_boards"},
    "v3.copy_pin": {"read_boards", "write_boards"},
}
# what v3 asked for besides: changing a board for each new Pin, and for businesses what it told of in its refusal
BESIDES = {"v3": {"write_boards", "read_advertisers"}, "v5": set[str]()}
AD_ACCOUNT = {"ad_account": "Garden Studio Ads"}
REPORT = {**AD_ACCOUNT, "columns": ["SPEND_IN_DOLLAR"]}


def arguments(bench: Bench, action: Action) -> dict[str, Any]:
    """What to call an action with, so that it works on the example account."""
    garden = bench.board("Garden ideas")
    pin, section = garden["pins"][0]["id"], garden["sections"][0]["id"]
    empty = bench.board_id("Empty for now")
    known: Mapping[str, dict[str, Any]] = {
        "get_board": {"board": "Garden ideas"},
        "create_board": {"name": "Brand new"},
        "update_board": {"board": empty, "name": "Renamed"},
        "delete_board": {"board": "Empty for now"},
        "list_sections": {"board": "Garden ideas"},
        "list_section_pins": {"board": "Garden ideas", "section": section},
        "create_section": {"board": empty, "name": "Corner"},
        "delete_section": {"board": bench.board_id("Garden ideas"), "section": section},
        "list_board_pins": {"board": "Garden ideas"},
        "get_pin": {"pin": pin},
        "create_pin": {"board": empty, "image_url": IMAGE, "title": "New"},
        "update_pin": {"pin": pin, "title": "Changed"},
        "delete_pin": {"pin": pin},
        "save_pin": {"pin": pin, "board": empty},
        "copy_pin": {"pin": pin, "board": empty},
        "copy_board": {"board": "Garden ideas", "source": "garden_studio", "target": "client_account"},
        "copy_all_boards": {"source": "client_account", "target": "garden_studio"},
        "mirror_board": {
            "board": "Winter recipes",
            "to_board": "Garden ideas",
            "extra": "delete",
            "max_delete": 100,
            "source": "garden_studio",
            "target": "garden_studio",
        },
        "upload_video": {"file": bench.video()},
        "list_campaigns": AD_ACCOUNT,
        "list_ad_groups": AD_ACCOUNT,
        "list_ads": AD_ACCOUNT,
        "get_ad_analytics": AD_ACCOUNT,
        "create_ad_report": {**REPORT, "path": "report.csv", "if_exists": "replace"},
        "get_pin_analytics": {"pin": pin},
        "related_terms": {"terms": ["garden"]},
        "suggested_terms": {"term": "garden"},
    }
    return dict(known.get(action.name, {}))


def truth(bench: Bench) -> Any:
    """The whole world without the ids that were handed out and the clock."""

    def plain(board: Any) -> Any:
        pins = [(pin["fingerprint"], pin["section_id"], pin["parent_pin_id"]) for pin in board["pins"]]
        sections = [section["name"] for section in board["sections"]]
        return board["owner"], board["name"], board["description"], board["privacy"], pins, sections

    return [plain(board) for board in bench.control.state()["boards"]]  # type: ignore[attr-defined]


def reread(bench: Bench, action: Action, result: Any) -> None:
    """What a resumed run does with the output of a step that was finished."""
    if action.reread is not None:
        assert bench.effects is not None
        client = bench.through(bench.login("garden_studio", action.api or ""), bench.effects)
        again = action.reread(bench.context("step", {"": client}, bench.effects), result)
        assert again["id"] == result["id"]


def look_again(action: Action) -> Callable[[HttpRequest, Callable[[], HttpResponse]], HttpResponse]:
    """A fault that answers the first write with a proxy's page until somebody has waited."""
    from pinflow_sandbox.server.messages import HttpResponse

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        return apply() if call.method == "GET" else HttpResponse(502, b"<html>Bad gateway</html>", "text/html")

    return fault


@pytest.mark.parametrize("action", ACTIONS, ids=FULL_NAME)
def test_an_action_declares_just_the_scopes_and_quotas_that_its_calls_need(bench: Bench, action: Action) -> None:
    given = arguments(bench, action)
    run = ""
    bench.forget()
    if action.effect == "write" and action.roles == ("",):
        bench.fault = look_again(action)  # so that the look at the target is among its calls
        run = bench.kill(action, **given)
        bench.fault = None
    result = bench.run(action, run=run, **given)
    reread(bench, action, result)
    operations = bench.operations()
    needed = frozenset().union(*(each.scopes for each in operations))
    declared = frozenset().union(*action.scopes.values())
    assert needed <= declared <= needed | BESIDES[action.api or ""]
    assert action.quota == {each.category for each in operations}


@pytest.mark.parametrize("action", ACTIONS, ids=FULL_NAME)
def test_an_action_works_with_no_more_than_the_scopes_that_it_declares(bench: Bench, action: Action) -> None:
    given = arguments(bench, action)
    roles = {role or "login": scopes for role, scopes in action.scopes.items()}
    logins = {role: (given.get(role, "garden_studio"), scopes) for role, scopes in roles.items()}
    assert bench.run(action, **{**given, **logins})


ONE_LOGIN = [action for action in ACTIONS if action.roles == ("",)]


@pytest.mark.parametrize(
    ("action", "missing"),
    [
        (action, missing)
        for action in ONE_LOGIN
        for missing in sorted(action.scopes[""] - WHEN_LOST.get(action.full_name, set()))
    ],
    ids=lambda value: value if isinstance(value, str) else value.full_name,
)
def test_a_missing_scope_is_named(bench: Bench, action: Action, missing: str) -> None:
    login = ("garden_studio", action.scopes[""] - {missing})
    with pytest.raises(MissingScope) as caught:
        bench.run(action, **{**arguments(bench, action), "login": login})
    assert caught.value.missing == {missing}
    again = "pinflow auth login garden_studio" + (" --api v3" if action.api == "v3" else "")
    hint, _, scopes = caught.value.hint.partition(" --scopes ")
    assert hint == f"sign in again and grant the missing scopes: {missing}; with: {again}"
    assert missing in scopes.split(",")


@pytest.mark.parametrize("action", ACTIONS, ids=FULL_NAME)
def test_an_action_describes_itself_and_each_of_its_parameters(action: Action) -> None:
    assert action.summary.endswith(")") or action.name in ("copy_board", "copy_all_boards", "mirror_board")
    assert [parameter.name for parameter in action.parameters.listing() if not parameter.help] == []


@pytest.mark.parametrize("action", WRITES, ids=FULL_NAME)
def test_a_dry_run_writes_nothing(bench: Bench, action: Action) -> None:
    before = truth(bench)
    bench.forget()
    bench.run(action, dry_run=True, **arguments(bench, action))
    assert bench.effects is not None
    assert {operation.method for operation in bench.operations()} <= {"GET"}
    assert sum(sum(calls.values()) for calls in bench.effects.planned.calls.values()) >= 1
    assert truth(bench) == before


@pytest.mark.slow
@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("action", WRITES, ids=FULL_NAME)
def test_a_lost_answer_leaves_the_world_as_if_it_had_come(
    bench: Bench, lost_answer: Callable[..., Fault], action: Action, applied: bool
) -> None:
    given = arguments(bench, action)
    bench.run(action, **given)
    expected = truth(bench)
    bench.control.reset()
    bench.fault = lost_answer("", applied=applied)
    bench.run(action, **given)
    assert truth(bench) == expected


@pytest.mark.slow
@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("action", WRITES, ids=FULL_NAME)
def test_a_killed_action_does_once_what_it_does(
    bench: Bench, lost_answer: Callable[..., Fault], action: Action, applied: bool
) -> None:
    given = arguments(bench, action)
    bench.run(action, **given)
    expected = truth(bench)
    bench.control.reset()
    bench.fault = lost_answer("", applied=applied)
    run = bench.kill(action, **given)
    bench.run(action, run=run, **given)
    assert truth(bench) == expected


# accounts and boards


def test_the_account_is_the_tokens_own(bench: Bench) -> None:
    assert bench.run(get_user, login="client_account")["username"] == "client_account"


@pytest.mark.parametrize("settings", [{"nulls": "omitted"}, {"nulls": "present"}])
def test_boards_are_listed_with_the_group_boards_to_the_last_page(bench: Bench, settings: dict[str, str]) -> None:
    bench.control.change(**settings)
    for number in range(260):
        bench.control.board("client_account", name=f"Board {number}")
    boards = bench.run(list_boards, login="client_account")
    assert len({board["id"] for board in boards}) == 262
    assert "Street festival" in [board["name"] for board in bench.run(list_boards)]


def test_boards_can_be_listed_by_privacy_and_up_to_a_limit(bench: Bench) -> None:
    assert [board["name"] for board in bench.run(list_boards, privacy="SECRET")] == ["Surprise party"]
    bench.forget()
    assert len(bench.run(list_boards, limit=2)) == 2
    assert bench.calls() == {"boards/list": 1}


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_board_is_got_by_id_or_name(bench: Bench, by: str) -> None:
    wanted = bench.board("Garden ideas")
    assert bench.run(get_board, board=wanted[by])["id"] == wanted["id"]


def test_an_id_given_as_a_number_is_kept_exactly(bench: Bench) -> None:
    wanted = bench.board_id("Garden ideas")
    assert bench.run(get_board, board=int(wanted))["id"] == wanted


def test_a_name_that_no_board_has_is_answered_with_the_nearest(bench: Bench) -> None:
    with pytest.raises(ActionError, match="no board 'garden'\n  did you mean 'Garden ideas'\\?"):
        bench.run(get_board, board="garden")


def test_an_unknown_id_is_told_with_what_to_check(bench: Bench) -> None:
    with pytest.raises(RemoteError, match=r"GET /boards/1: Board not found\.") as caught:
        bench.run(get_board, board="1")
    assert (caught.value.status, caught.value.code) == (404, 40)
    assert caught.value.hint.startswith("check the id")


def test_a_board_is_made_with_all_that_was_given(bench: Bench) -> None:
    made = bench.run(create_board, name="Brand new", description="All of it", privacy="SECRET")
    board = bench.board("Brand new")
    assert made["id"] == board["id"]
    assert (board["description"], board["privacy"]) == ("All of it", "SECRET")


def test_a_board_that_was_there_is_never_taken_for_the_new_one(bench: Bench) -> None:
    bench.forget()
    with pytest.raises(ActionError, match="a board named 'garden ideas' already exists"):
        bench.run(create_board, name="garden ideas")
    assert bench.calls() == {"boards/list": 1}


def test_a_board_can_be_changed(bench: Bench) -> None:
    board = bench.board_id("Garden ideas")
    bench.run(update_board, board=board, name="Gardens", description="", privacy="SECRET")
    after = bench.board("Gardens")
    assert (after["id"], after["description"] or "", after["privacy"]) == (board, "", "SECRET")


@pytest.mark.parametrize(("action", "what"), [(update_board, "name, description"), (update_pin, "a text, a board")])
def test_changing_nothing_is_a_mistake(bench: Bench, action: Action, what: str) -> None:
    given: dict[str, Any] = {action.name.removeprefix("update_"): "1"}
    with pytest.raises(UsageError, match=f"{action.name} has nothing to change: set {what}"):
        bench.run(action, **given)


def test_a_board_is_deleted_with_its_pins(bench: Bench) -> None:
    board = bench.board("Garden ideas")
    assert bench.run(delete_board, board=board["id"]) == {"id": board["id"]}
    assert board["id"] not in bench.sandbox.world.boards
    assert board["pins"][0]["id"] not in bench.sandbox.world.pins


@pytest.mark.parametrize("board", ["700000000000000001", "Not there"])
def test_a_dry_run_tells_of_a_board_that_is_not_there_to_be_deleted(bench: Bench, board: str) -> None:
    with pytest.raises(ActionError, match=r"Board not found|no board 'Not there'"):
        bench.run(delete_board, dry_run=True, board=board)


def test_exactly_the_deleting_actions_are_destructive() -> None:
    assert {action.name for action in ACTIONS if action.destructive} == {
        "delete_all_boards",
        "delete_board",
        "delete_pin",
        "delete_section",
        "mirror_board",
    }


@pytest.mark.parametrize(
    ("action", "given"),
    [
        (delete_board, {"board": "700000000000000001"}),
        (delete_pin, {"pin": "810000000000000001"}),
        (delete_section, {"section": "510000000000000001"}),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else "",
)
def test_deleting_a_missing_object_fails_unless_if_gone_is_skip(
    bench: Bench, action: Action, given: dict[str, Any]
) -> None:
    if action is delete_section:
        given = {**given, "board": bench.board_id("Garden ideas")}
    with pytest.raises(RemoteError, match="HTTP 404"):
        bench.run(action, **given)
    assert bench.run(action, **given, if_gone="skip")["id"] == next(iter(given.values()))


# sections


def test_sections_and_their_pins_are_listed(bench: Bench) -> None:
    sections = {section["name"]: section["id"] for section in bench.run(list_sections, board="Garden ideas")}
    assert set(sections) == {"Tools", "Paths", "Raised beds"}
    pins = bench.run(list_section_pins, board="Garden ideas", section=sections["Tools"])
    assert len(pins) == 4


def test_a_section_tells_its_board(bench: Bench) -> None:
    board = bench.board_id("Empty for now")
    made = bench.run(create_section, board=board, name="Corner")
    assert made == {"id": bench.board("Empty for now")["sections"][0]["id"], "name": "Corner", "board_id": board}


def test_a_section_name_that_is_taken_is_refused_before_the_write(bench: Bench) -> None:
    bench.forget()
    with pytest.raises(ActionError, match="already has a section named 'tools'"):
        bench.run(create_section, board=bench.board_id("Garden ideas"), name="tools")
    assert bench.calls() == {"board_sections/list": 1}


# pins


def test_list_pins_lists_every_pin_of_the_account(bench: Bench) -> None:
    assert len(bench.run(list_pins, include_protected_pins=True, limit=300)) == 300


def test_a_boards_pins_are_listed_with_those_in_sections(bench: Bench) -> None:
    assert len(bench.run(list_board_pins, board="Garden ideas")) == 30
    recipes = bench.board("Winter recipes")
    assert len(bench.run(list_board_pins, board=recipes["id"])) == len(recipes["pins"]) > 250


def test_a_boards_pins_can_be_listed_by_kind(bench: Bench) -> None:
    pins = bench.run(list_board_pins, board="Garden ideas", creative_types=["VIDEO", "CAROUSEL"])
    assert {pin["creative_type"] for pin in pins} == {"VIDEO", "CAROUSEL"}


def test_a_pins_figures_come_when_asked_for(bench: Bench) -> None:
    pin = bench.board("Garden ideas")["pins"][0]["id"]
    assert "90d" in bench.run(get_pin, pin=pin, pin_metrics=True)["pin_metrics"]
    assert not bench.run(get_pin, pin=pin).get("pin_metrics")


def test_a_pin_has_all_that_was_given(bench: Bench) -> None:
    board = bench.board("Garden ideas")
    texts: dict[str, Any] = {
        "title": "T",
        "description": "D",
        "link": "https://example.com/l",
        "alt_text": "A",
        "dominant_color": "#123abc",
    }
    made = bench.run(create_pin, board=board["id"], section=board["sections"][0]["id"], image_url=IMAGE, **texts)
    pin = bench.board("Garden ideas")["pins"][-1]
    assert {name: pin[name] for name in texts} == texts
    assert (pin["id"], pin["section_id"]) == (made["id"], board["sections"][0]["id"])


def test_texts_over_the_limit_are_found_before_anything_is_sent() -> None:
    too_long = {"title": "t" * 101, "alt_text": "a" * 501}
    problems = create_pin.parameters.problems({"board": "1", "image_url": IMAGE, **too_long})
    assert [problem.location for problem in problems] == [("title",), ("alt_text",)]


def test_a_pin_can_be_changed_and_moved_out_of_its_section(bench: Bench) -> None:
    board = bench.board("Garden ideas")
    pin = next(pin for pin in board["pins"] if pin["section_id"])
    bench.run(update_pin, pin=pin["id"], title="", section="none")
    after = next(each for each in bench.board("Garden ideas")["pins"] if each["id"] == pin["id"])
    assert (after["title"] or "", after["section_id"]) == ("", None)


def test_a_pin_can_be_moved_to_a_section_of_another_board(bench: Bench) -> None:
    pin, garden = bench.board("Winter recipes")["pins"][0]["id"], bench.board("Garden ideas")
    bench.run(update_pin, pin=pin, board=garden["id"], section=garden["sections"][1]["id"])
    after = next(each for each in bench.board("Garden ideas")["pins"] if each["id"] == pin)
    assert after["section_id"] == garden["sections"][1]["id"]


def test_the_texts_of_a_carousels_images_can_be_changed(bench: Bench) -> None:
    pin = next(pin for pin in bench.board("Garden ideas")["pins"] if pin["media_type"] == "multiple_images")
    bench.run(update_pin, pin=pin["id"], carousel_slots=[{"title": "First"}, {"title": "Second"}])
    slots = bench.run(get_pin, pin=pin["id"])["media"]["items"]
    assert [slot["title"] for slot in slots] == ["First", "Second", "Step 3"]


def test_an_app_that_may_not_change_pins_is_told_so(bench: Bench) -> None:
    bench.control.change(pin_edit=False)
    with pytest.raises(Forbidden, match="restricted feature: pin_edit") as caught:
        bench.run(update_pin, pin=bench.board("Garden ideas")["pins"][0]["id"], title="New")
    assert "has no access" in caught.value.hint


def test_a_saved_pin_names_its_origin(bench: Bench) -> None:
    video = next(pin for pin in bench.board("Garden ideas")["pins"] if pin["media_type"] == "video")
    bench.run(save_pin, pin=video["id"], board=bench.board_id("Empty for now"))
    (saved,) = bench.board("Empty for now")["pins"]
    assert (saved["parent_pin_id"], saved["fingerprint"]) == (video["id"], video["fingerprint"])


@pytest.mark.parametrize("form", ["id", "object"])
@pytest.mark.parametrize("settings", [{"nulls": "omitted"}, {"originals": True}])
def test_a_pin_is_copied_from_its_id_or_from_a_listing(bench: Bench, form: str, settings: dict[str, Any]) -> None:
    bench.control.change(**settings)
    target = bench.board_id("Empty for now")
    pins = [pin for pin in bench.run(list_board_pins, board="Garden ideas") if pin["media"]["media_type"] != "video"]
    for number, pin in enumerate(pins):
        bench.run(copy_pin, step=f"step{number}", pin=pin["id"] if form == "id" else pin, board=target)
    copied = [pin["fingerprint"] for pin in bench.board("Empty for now")["pins"]]
    videos = {pin["fingerprint"] for pin in bench.board("Garden ideas")["pins"] if pin["media_type"] == "video"}
    assert copied[::-1] == [print for print, _ in bench.content("Garden ideas") if print not in videos]


def test_a_video_is_not_copied_unless_as_its_cover(bench: Bench) -> None:
    video = next(pin for pin in bench.board("Garden ideas")["pins"] if pin["media_type"] == "video")
    target = bench.board_id("Empty for now")
    with pytest.raises(ActionError, match=f"pin {video['id']} can't be copied: the API does not give out the file"):
        bench.run(copy_pin, pin=video["id"], board=target)
    bench.run(copy_pin, pin=video["id"], board=target, videos="cover")
    assert bench.board("Empty for now")["pins"][0]["media"] == video["media"][:1]


def test_two_new_pins_where_one_was_sent_are_not_guessed_between(
    bench: Bench, lost_answer: Callable[..., Fault]
) -> None:
    board = bench.board_id("Empty for now")
    bench.fault = lost_answer("/pins", applied=True)
    run = bench.kill(create_pin, board=board, image_url=IMAGE, title="Same")
    bench.run(create_pin, board=board, image_url=IMAGE, title="Same")
    with pytest.raises(Diverged, match="2 new Pins appeared, but this run made one"):
        bench.run(create_pin, run=run, board=board, image_url=IMAGE, title="Same")


@pytest.mark.parametrize("applied", [True, False])
def test_equal_pins_of_one_loop_are_not_taken_for_each_other(
    bench: Bench, lost_answer: Callable[..., Fault], applied: bool
) -> None:
    target = bench.board_id("Empty for now")
    twins = [pin for pin in bench.run(list_board_pins, board="Garden ideas") if pin["title"] == "Two of a kind"]
    assert len(twins) == 2
    for twin in twins:
        bench.run(copy_pin, run="20270115-090000-000000", step=f"pins[{twin['id']}].copied", pin=twin, board=target)
        bench.fault = lost_answer("/pins", applied=applied)
    assert len(bench.board("Empty for now")["pins"]) == 2


def test_a_pin_from_before_the_run_is_not_adopted(bench: Bench, lost_answer: Callable[..., Fault]) -> None:
    board = bench.board_id("Empty for now")
    bench.run(create_pin, board=board, image_url=IMAGE, title="Same")
    bench.now += 3600
    bench.fault = lost_answer("/pins", applied=False)
    bench.run(create_pin, board=board, image_url=IMAGE, title="Same")
    assert len(bench.board("Empty for now")["pins"]) == 2


def test_a_deleted_pin_is_gone(bench: Bench) -> None:
    pin = bench.board("Garden ideas")["pins"][0]["id"]
    bench.run(delete_pin, pin=pin)
    assert pin not in bench.sandbox.world.pins


def test_deleting_what_is_not_there_is_an_error(bench: Bench) -> None:
    with pytest.raises(RemoteError, match="Pin not found"):
        bench.run(delete_pin, pin="1")


def test_which_boards_are_deleted_is_settled_before_the_first_and_stays_so_on_resume(
    bench: Bench, lost_answer: Callable[..., Fault]
) -> None:
    bench.fault = lost_answer("", applied=True)
    run = bench.kill(delete_all_boards)  # while it looks whether the first is gone
    bench.fault = None
    bench.control.board(name="Made meanwhile")
    assert bench.run(delete_all_boards, run=run) == {"total": 5, "deleted": 5, "left": 1}
    names = {(board["name"], board["owner"]) for board in bench.control.state()["boards"]}  # type: ignore[attr-defined]
    assert {name for name, owner in names if owner == "garden_studio"} == {"Made meanwhile"}
    assert "Street festival" in {name for name, _ in names}
    told = [note for note in bench.notes if "to delete: " in note]
    assert "Empty for now" in told[0]
    assert told[0].endswith("; 1 group boards of others are kept")
    assert "Made meanwhile" not in told[1]
