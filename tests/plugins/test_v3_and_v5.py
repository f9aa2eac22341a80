"""One recipe on both versions of the API: what both have behaves alike, and what one lacks is told before it runs."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import ActionError, Forbidden, InDoubt, UsageError
from pinflow.app import App, Options
from pinflow.errors import RecipeError
from pinflow_auth import scopes
from pinflow_pinterest.answers import parse_read
from pinflow_pinterest.copying.source_pins import NOT_A_PIN
from pinflow_pinterest.media.copyable import CopyBody
from pinflow_pinterest.types import Board, Pin
from pinflow_pinterest_v3 import pinflow_actions as v3_actions
from pinflow_pinterest_v3 import shapes
from pinflow_pinterest_v3.actions import boards, copying, pins
from pinflow_pinterest_v5 import pinflow_actions as v5_actions

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow import Action
    from pinflow.engine.results import RunResult
    from pinflow_sandbox.server.messages import HttpRequest, HttpResponse
    from tests.plugins.conftest import Bench, Fault

RECIPES = Path(__file__).parents[2] / "recipes"
V3 = {action.name: action for action in v3_actions()}
V5 = {action.name: action for action in v5_actions()}
both = pytest.mark.parametrize("actions", [V3, V5], ids=["v3", "v5"])

# the tasks of the vendor's quickstart
TASKS = {
    *("get_user", "list_businesses", "list_boards", "get_board", "create_board", "delete_board", "list_sections"),
    *("list_section_pins", "create_section", "list_board_pins", "list_pins", "get_pin", "create_pin", "copy_pin"),
    *("save_pin", "upload_video", "copy_board", "copy_all_boards", "list_ad_accounts", "list_campaigns"),
    *("list_ad_groups", "list_ads", "get_user_analytics", "get_pin_analytics", "get_ad_analytics"),
    *("delete_all_boards", "create_ad_report", "list_delivery_metrics", "related_terms", "suggested_terms"),
}
LATER = {  # v3 never had it
    "get_pin_analytics": "figures of a Pin",
    "related_terms": "search terms",
    "suggested_terms": "search terms",
}
# parameters that v3 has no field or query for
LATER_PARAMETERS = {
    "list_pins": {"pin_filter", "include_protected_pins", "pin_type", "creative_types", "pin_metrics"},
    "list_board_pins": {"creative_types", "pin_metrics"},
    "get_pin": {"pin_metrics"},
    "create_pin": {
        *("dominant_color", "image_file", "image_base64", "content_type", "images_base64", "pin_url"),
        *("cover_image_key_frame_time", "cover_image_base64", "cover_image_content_type"),
        *("is_affiliate_link", "is_standard"),
    },
    "get_user_analytics": {
        *("split_field", "from_claimed_content", "pin_format", "content_type", "source", "ad_account"),
    },
}


def parameters(action: Action) -> dict[str, Any]:
    schema = action.parameters.schema()
    return {name: {**part, "description": ""} for name, part in schema["properties"].items()}


def test_v5_has_every_task_and_v3_all_but_the_later_ones() -> None:
    assert TASKS - V5.keys() == set()
    assert TASKS - V3.keys() == LATER.keys()
    assert V3.keys() - V5.keys() == set()


@pytest.mark.parametrize("name", sorted(V3))
def test_an_action_takes_the_same_on_both_versions(name: str) -> None:
    old, new = parameters(V3[name]), parameters(V5[name])
    assert new.keys() - old.keys() == LATER_PARAMETERS.get(name, set())
    assert old == {parameter: new[parameter] for parameter in old}
    assert V3[name].parameters.output_schema() == V5[name].parameters.output_schema()
    assert (V3[name].effect, V3[name].destructive) == (V5[name].effect, V5[name].destructive)


def test_the_versions_files_have_the_same_names() -> None:
    plugins = Path(__file__).parents[2] / "plugins"
    old, new = ({path.name for path in (plugins / f"pinflow_pinterest_{v}").glob("*.py")} for v in ("v3", "v5"))
    assert old - new == {"shapes.py"}  # v5's are the shapes of today already


# whole recipes


def app(tmp_path: Path) -> App:
    return App.installed({"XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}, state=tmp_path / "state")


def run(tmp_path: Path, version: str, name: str, **inputs: Any) -> RunResult:
    program = app(tmp_path)
    plan = program.plan(RECIPES / f"{name}.yaml", inputs=inputs, examples=True, api=version)
    return program.run(plan, Options(sandbox=True))


SAME: dict[str, dict[str, Any]] = {
    "get_user": {"username": "garden_studio", "account_type": "BUSINESS", "followers": 2},
    "list_boards": {"count": 6},
    "get_pin": {"title": "Tomatoes in a small garden", "creative_type": "REGULAR"},
    "copy_board": {"sections": 3},
    "copy_matching_pins": {"looked_at": 312, "copied": 52},
    "create_pins": {"created": 3},
}


@pytest.mark.parametrize("version", ["v3", "v5"])
@pytest.mark.parametrize("name", SAME)
def test_a_recipe_gives_the_same_on_both_versions(tmp_path: Path, version: str, name: str) -> None:
    result = run(tmp_path, version, name)
    assert (result.status, result.error) == ("ok", None)
    assert {key: result.outputs[key] for key in SAME[name]} == SAME[name]


def test_the_kinds_of_pins_have_the_same_names_on_both_versions(bench: Bench) -> None:
    told = [
        {pin["id"]: pin["creative_type"] for pin in bench.run(actions["list_board_pins"], board="Garden ideas")}
        for actions in (V3, V5)
    ]
    assert told[0] == told[1]
    assert set(told[0].values()) == {"REGULAR", "VIDEO", "CAROUSEL"}


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_recipe_of_a_task_that_both_versions_have_checks_for_v3(tmp_path: Path, recipe: Path) -> None:
    lacking = {"mirror_board": "mirror_board", "terms": "related_terms", "pin_analytics": "get_pin_analytics"}
    if recipe.stem not in lacking:
        app(tmp_path).plan(recipe, inputs=None, api="v3")
        return
    with pytest.raises(RecipeError, match=f"v3 has no action '{lacking[recipe.stem]}'; v5 has it"):
        app(tmp_path).plan(recipe, inputs=None, api="v3")


def test_an_action_of_another_version_only_is_found_before_the_run(tmp_path: Path) -> None:
    recipe = tmp_path / "pin.yaml"
    recipe.write_text("name: n\napi: v5\nsteps: [{uses: get_pin, with: {pin: 1, pin_metrics: true}}]\n", "utf-8")
    app(tmp_path).plan(recipe, inputs={})
    with pytest.raises(RecipeError, match="get_pin has no argument 'pin_metrics' in v3; v5 has it"):
        app(tmp_path).plan(recipe, inputs={}, api="v3")


def test_a_board_that_v3_could_not_change_is_told_before_the_run(tmp_path: Path) -> None:
    recipe = tmp_path / "copy.yaml"
    step = "{uses: copy_board, with: {board: A, name: B, if_exists: mirror}}"
    recipe.write_text(f"name: n\napi: v5\nsteps: [{step}]\n", "utf-8")
    app(tmp_path).plan(recipe, inputs={})
    wrong = "v3 can't change a board, as if_exists: mirror does; .*; v5.copy_board changes its details too"
    with pytest.raises(RecipeError, match=f"{wrong}$"):
        app(tmp_path).plan(recipe, inputs={}, api="v3")
    given = {"board": "A", "if_exists": "mirror"}
    app(tmp_path).plan(RECIPES / "copy_board.yaml", inputs=given)
    with pytest.raises(RecipeError, match=f"{wrong}; it comes from input 'if_exists'$"):
        app(tmp_path).plan(RECIPES / "copy_board.yaml", inputs=given, api="v3")
    app(tmp_path).plan(RECIPES / "copy_board.yaml", inputs={**given, "if_exists": "resume"}, api="v3")


def test_the_environment_names_the_version_where_a_recipe_does_not(tmp_path: Path) -> None:
    recipe = tmp_path / "user.yaml"
    recipe.write_text("name: n\nsteps: [{uses: get_user}]\n", "utf-8")

    def planned(version: str, **more: Any) -> str:
        environ = {"PINTEREST_API_VERSION": version, "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}
        program = App.installed(environ, state=tmp_path / "state")
        (step,) = program.plan(recipe, inputs={}, **more).steps
        return step.action.full_name if step.action else ""

    assert planned("v3") == "v3.get_user"
    assert planned("v3", api="v5") == "v5.get_user"
    with pytest.raises(UsageError, match="PINTEREST_API_VERSION is the unknown API '3'; there are: v3, v5"):
        planned("3")
    recipe.write_text("name: n\napi: v5\nsteps: [{uses: get_user}]\n", "utf-8")
    assert planned("v3") == "v5.get_user"


def test_signing_in_asks_for_the_scopes_of_the_version(tmp_path: Path) -> None:
    program, recipe = app(tmp_path), RECIPES / "get_user.yaml"
    api = program.registry.apis["v3"]
    assert api.oauth is not None
    assert scopes.requested_scopes(program, api, api.oauth, "access_token", option=None, recipes=[recipe]) == {
        "read_users"
    }
    with pytest.raises(RecipeError, match="v3 has no action 'mirror_board'"):
        scopes.requested_scopes(program, api, api.oauth, "t", option=None, recipes=[RECIPES / "mirror_board.yaml"])


# what differs on the wire, and not for a recipe


@both
def test_a_board_lists_the_pins_in_its_sections_too(bench: Bench, actions: dict[str, Action]) -> None:
    pins = bench.run(actions["list_board_pins"], board="Garden ideas")
    assert len(pins) == 30
    assert {pin["board_section_id"] is None for pin in pins if "board_section_id" in pin} >= {False}
    by_section = {section["id"] for section in bench.run(actions["list_sections"], board="Garden ideas")}
    assert {pin.get("board_section_id") for pin in pins} - {None} <= by_section


@both
def test_a_pin_tells_what_it_shows_where_and_since_when(bench: Bench, actions: dict[str, Action]) -> None:
    wanted = bench.board("Garden ideas")
    pin = bench.run(actions["get_pin"], pin=wanted["pins"][0]["id"])
    assert pin["board_id"] == wanted["id"]
    assert pin["created_at"] == "2024-03-01T08:00:00"
    assert pin["media"]["images"]["1200x"]["url"].startswith("https://i.pinimg.com/")
    assert pin["link"].startswith("https://")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("Fri, 01 Mar 2024 01:30:00 +0200", "2024-02-29T23:30:00"),
        ("Fri, 01 Mar 2024 08:00:00 -0000", "2024-03-01T08:00:00"),
        ("2024-03-01T08:00:00", "2024-03-01T08:00:00"),
        ("Fri, 31 Dec 9999 23:59:59 -2300", "Fri, 31 Dec 9999 23:59:59 -2300"),
        ("some day", "some day"),
    ],
)
def test_a_date_of_v3_is_told_as_v5_writes_it(written: str, told: str) -> None:
    shaped: Any = shapes.board({"id": "1", "created_at": written})
    assert shaped["created_at"] == told


@both
def test_a_new_pin_has_what_was_said(bench: Bench, actions: dict[str, Action]) -> None:
    texts: dict[str, Any] = {"title": "T & ü", "description": "d", "link": "https://example.com/a?b=c", "alt_text": "a"}
    made = bench.run(
        actions["create_pin"], board=bench.board_id("Empty for now"), image_url="https://example.com/a.jpg", **texts
    )
    pin = bench.run(actions["get_pin"], pin=made["id"])
    assert {name: pin[name] for name in texts} == texts


@both
def test_a_new_carousel_has_its_images_in_order(bench: Bench, actions: dict[str, Action]) -> None:
    images = [{"url": f"https://example.com/{n}.jpg", "title": f"Slot {n}", "description": "d"} for n in range(3)]
    made = bench.run(actions["create_pin"], board=bench.board_id("Empty for now"), images=images, index=1)
    pin = bench.run(actions["get_pin"], pin=made["id"])
    assert pin["media"]["media_type"] == "multiple_images"
    assert [(item["title"], item["description"]) for item in pin["media"]["items"]] == [
        (f"Slot {n}", "d") for n in range(3)
    ]


@both
def test_a_carousel_is_copied_with_its_captions(bench: Bench, actions: dict[str, Action]) -> None:
    images = [{"url": f"https://example.com/{n}.jpg", "title": f"Slot {n}", "link": "https://e.com/"} for n in range(3)]
    board = bench.board_id("Empty for now")
    made = bench.run(V5["create_pin"], board=board, images=images)
    bench.run(actions["copy_pin"], pin=made["id"], board=board, step="copy")
    first, second = bench.board("Empty for now")["pins"]
    assert first["fingerprint"] == second["fingerprint"]


@both
def test_a_video_is_copied_with_its_file_or_its_cover(bench: Bench, actions: dict[str, Action]) -> None:
    pins = bench.run(actions["list_board_pins"], board="Garden ideas")
    video = next(pin["id"] for pin in pins if pin["media"]["media_type"] == "video")
    board = bench.board_id("Empty for now")
    with pytest.raises(ActionError, match="does not give out the file of a video"):
        bench.run(actions["copy_pin"], pin=video, board=board)
    cover = bench.run(actions["copy_pin"], pin=video, board=board, videos="cover", step="cover")
    film = bench.run(actions["copy_pin"], pin=video, board=board, media=bench.video(), step="film")
    kinds = [bench.run(actions["get_pin"], pin=made["id"])["media"]["media_type"] for made in (cover, film)]
    assert kinds == ["image", "video"]


@both
def test_an_uploaded_video_that_is_not_known_is_refused(bench: Bench, actions: dict[str, Action]) -> None:
    pin = bench.board("Garden ideas")["pins"][0]["id"]
    with pytest.raises(ActionError, match="there is no uploaded video 12"):
        bench.run(actions["copy_pin"], pin=pin, board=bench.board_id("Empty for now"), media="12")


@both
def test_a_board_is_found_however_empty_it_is(bench: Bench, actions: dict[str, Action]) -> None:
    with pytest.raises(ActionError, match="a board named 'empty FOR now' already exists"):
        bench.run(actions["create_board"], name="empty FOR now")


@both
def test_a_secret_board_is_made_and_told_as_one(bench: Bench, actions: dict[str, Action]) -> None:
    made = bench.run(actions["create_board"], name="Psst", privacy="SECRET", description="d")
    assert (made["privacy"], made["description"]) == ("SECRET", "d")
    assert [board["name"] for board in bench.run(actions["list_boards"], privacy="SECRET")] == [
        "Psst",
        "Surprise party",
    ]


@both
def test_a_saved_pin_names_where_it_is(bench: Bench, actions: dict[str, Action]) -> None:
    garden, empty = bench.board("Garden ideas"), bench.board_id("Empty for now")
    saved = bench.run(actions["save_pin"], pin=garden["pins"][0]["id"], board=empty)
    assert saved["board_id"] == empty
    assert bench.content("Empty for now")[0][0] == garden["pins"][0]["fingerprint"]


def test_saving_is_for_partners_of_v3(bench: Bench) -> None:
    bench.control.change(pinner_app=False)
    with pytest.raises(Forbidden, match="pinner_app"):
        bench.run(
            pins.save_pin, pin=bench.board("Garden ideas")["pins"][0]["id"], board=bench.board_id("Empty for now")
        )


@both
@pytest.mark.parametrize("level", ["ad_account", "campaign", "ad_group", "ad"])
def test_ads_have_figures_at_every_level(bench: Bench, actions: dict[str, Action], level: str) -> None:
    account: dict[str, Any] = {"ad_account": "Garden Studio Ads"}
    ids: list[str] = [] if level == "ad_account" else [bench.run(actions[f"list_{level}s"], **account)[0]["id"]]
    figures = bench.run(actions["get_ad_analytics"], **account, level=level, ids=ids or None)
    assert len(figures["rows"]) == 30
    assert {row["id"] for row in figures["rows"]} == set(ids) if ids else {figures["rows"][0]["id"]}
    assert figures["rows"][0].keys() >= {"date", "SPEND_IN_DOLLAR", "TOTAL_CLICKTHROUGH"}


@both
def test_an_ad_account_must_be_meant_where_there_are_several(bench: Bench, actions: dict[str, Action]) -> None:
    with pytest.raises(ActionError, match="several ad accounts: Garden Studio Ads"):
        bench.run(actions["list_campaigns"])


FILTER = [{"field": "SPEND_IN_DOLLAR", "operator": "GREATER_THAN", "values": [1_000_000]}]


@both
def test_the_filters_of_a_report_count(bench: Bench, actions: dict[str, Action]) -> None:
    report: dict[str, Any] = {
        "ad_account": "Garden Studio Ads",
        "columns": ["SPEND_IN_DOLLAR"],
        "report_format": "JSON",
    }
    bench.run(actions["create_ad_report"], **report, path="all.json")
    bench.run(actions["create_ad_report"], **report, path="few.json", metrics_filters=FILTER)
    assert (bench.folder / "out" / "all.json").stat().st_size > 100
    assert (bench.folder / "out" / "few.json").read_bytes() == b"{}"


def test_a_level_of_reports_that_v4_lacks_is_refused_before_it_is_asked_for(bench: Bench) -> None:
    with pytest.raises(UsageError, match="ads API v4 has no reports of level CAMPAIGN_TARGETING"):
        bench.run(
            V3["create_ad_report"],
            path="a.csv",
            ad_account="Garden Studio Ads",
            columns=["SPEND_IN_DOLLAR"],
            level="CAMPAIGN_TARGETING",
        )
    assert "analytics/create_report" not in bench.calls()


# copying


def test_a_board_of_v3_keeps_its_category_and_more(bench: Bench) -> None:
    fields = {"category": "gardening", "layout": "default", "event_date": "2027-02-01"}
    world = bench.sandbox.world
    world.boards[bench.board_id("Garden ideas")].v3_fields = dict(fields)
    bench.run(copying.copy_board, board="Garden ideas", name="The copy")
    copy = bench.run(boards.get_board, board="The copy")
    assert {name: copy.get(name) for name in fields} == fields


@both
def test_a_copy_has_everything_in_its_order(bench: Bench, actions: dict[str, Action]) -> None:
    told = bench.run(actions["copy_board"], board="Garden ideas", name="The copy")
    assert told["pins"] == {"total": 30, "created": 29, "adopted": 0, "already": 0, "skipped": 1, "failed": 0}
    source, copied = bench.content("Garden ideas"), bench.content("The copy")
    assert bench.section_names("The copy") == bench.section_names("Garden ideas")
    for section in {section for _, section in source}:
        there = [pin for pin, place in copied if place == section]
        assert there == [pin for pin, place in source if place == section and (pin, place) in copied]
    assert len(copied) == 29


@pytest.mark.parametrize("version", ["v3", "v5"])
def test_pins_are_copied_side_by_side(tmp_path: Path, version: str) -> None:
    result = run(tmp_path, version, "copy_board", board="Garden ideas", parallel=4)
    assert (result.status, result.error) == ("ok", None)
    assert result.outputs["pins"]["created"] == 29


@pytest.mark.parametrize("applied", [True, False])
@both
def test_a_killed_copy_is_completed_to_the_pin(
    bench: Bench, actions: dict[str, Action], lost_answer: Callable[..., Fault], applied: bool
) -> None:
    copy = actions["copy_board"]
    bench.run(copy, board="Garden ideas", name="First")
    bench.fault = lost_answer("/pins/" if copy.api == "v3" else "/pins", applied=applied, times=4)
    run = bench.kill(copy, board="Garden ideas", name="Second")
    bench.run(copy, run=run, board="Garden ideas", name="Second")
    assert bench.content("Second") == bench.content("First")
    assert bench.section_names("Second") == bench.section_names("First")


@both
def test_a_copy_that_was_begun_by_hand_is_completed(bench: Bench, actions: dict[str, Action]) -> None:
    bench.run(actions["copy_board"], board="Garden ideas", name="The copy")
    whole = sorted(map(str, bench.content("The copy")))
    for pin in bench.board("The copy")["pins"][::3]:
        bench.run(V5["delete_pin"], pin=pin["id"], step=f"d{pin['id']}")
    told = bench.run(actions["copy_board"], board="Garden ideas", name="The copy", if_exists="resume", step="again")
    assert told["pins"]["created"] == 10
    assert sorted(map(str, bench.content("The copy"))) == whole


def with_null(ending: str, *names: str) -> Fault:
    """A fault in which the lists of paths that end so have null in place of these fields."""

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        answer = apply()
        if call.method != "GET" or not call.path.endswith(ending):
            return answer
        body = json.loads(answer.body)
        for item in body.get("items", body.get("data")):
            item |= dict.fromkeys(names)
        return replace(answer, body=json.dumps(body).encode())

    return fault


@both
def test_a_board_whose_owner_is_not_told_is_copied_and_never_deleted(bench: Bench, actions: dict[str, Action]) -> None:
    bench.fault = with_null("/boards/feed/" if actions is V3 else "/boards", "owner")
    assert bench.run(actions["delete_all_boards"]) == {"total": 0, "deleted": 0, "left": 6}
    told = bench.run(actions["copy_all_boards"], source="client_account", target="garden_studio")
    assert told["boards"] == {"total": 2, "copied": 2, "skipped": 0}


@both
def test_a_lost_pin_is_found_among_pins_that_do_not_tell_their_date(
    bench: Bench, actions: dict[str, Action], lost_answer: Callable[..., Fault]
) -> None:
    ending = "/pins/" if actions is V3 else "/pins"
    lost, undated = lost_answer(ending, applied=True), with_null(ending, "created_at")
    bench.fault = lambda call, apply: undated(call, lambda: lost(call, apply))
    garden, image = bench.board_id("Garden ideas"), "https://example.com/a.jpg"
    made = bench.run(actions["create_pin"], board=garden, image_url=image, title="The only one")
    assert [pin["id"] for pin in bench.board("Garden ideas")["pins"] if pin["title"] == "The only one"] == [made["id"]]


def test_tiles_among_the_pins_are_left_out_and_said_so(bench: Bench) -> None:
    bench.control.change(story_tiles=True)
    tile = f"9{bench.board_id('Garden ideas')}"
    told = bench.run(copying.copy_board, board="Garden ideas", name="The copy")
    assert {"id": tile, "reason": NOT_A_PIN} in told["skipped"]
    assert (told["pins"]["total"], told["pins"]["skipped"], told["pins"]["created"]) == (31, 2, 29)
    assert [pin for pin in bench.run(pins.list_board_pins, board="Garden ideas") if pin["id"] == tile] == []


def test_tiles_do_not_count_for_a_limit_and_a_pin_need_not_say_that_it_is_one(bench: Bench) -> None:
    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        answer = apply()
        if call.method != "GET" or not call.path.endswith("/pins/"):
            return answer
        body = json.loads(answer.body)
        listed = [{**pin, "type": None} for pin in body["data"]]
        body["data"] = [{"id": "9", "type": "story", "story_type": "more_ideas"}, *listed]
        return replace(answer, body=json.dumps(body).encode())

    board = bench.board("Garden ideas")
    section = board["sections"][0]["id"]
    bench.fault = fault
    assert len(bench.run(pins.list_pins, limit=3)) == 3
    assert len(bench.run(V3["list_section_pins"], board=board["id"], section=section, limit=3)) == 3
    assert len(bench.run(pins.list_board_pins, board=board["id"])) == 30


def test_an_upload_goes_the_way_of_v3(bench: Bench) -> None:
    video = bench.run(pins.upload_video, file=bench.video())
    made = bench.run(
        pins.create_pin,
        board=bench.board_id("Empty for now"),
        video=video["media_id"],
        cover_image_url="https://example.com/a.jpg",
    )
    assert made["media"]["media_type"] == "video"
    with pytest.raises(UsageError, match="a video needs a cover: cover_image_url"):
        bench.run(pins.create_pin, board=bench.board_id("Empty for now"), video=video["media_id"], step="bare")


@pytest.mark.parametrize("answer", [None, 7, [], {}, {"id": None}, {"id": 5}, {"id": ""}, {"id": "../pins/1"}])
@both
def test_an_upload_that_is_not_named_is_in_doubt(bench: Bench, actions: dict[str, Action], answer: Any) -> None:
    named = {"upload_id": answer["id"], "media_id": answer["id"]} if isinstance(answer, dict) and answer else answer

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        real = apply()
        if call.method != "POST":
            return real
        return replace(real, body=json.dumps({"data": named} if actions is V3 else named).encode())

    bench.fault = fault
    with pytest.raises(InDoubt, match=r"'upload1' of step step was sent 5 times without an answer"):
        bench.run(actions["upload_video"], file=bench.video())


@both
def test_an_upload_that_has_no_place_to_go_is_registered_once(bench: Bench, actions: dict[str, Action]) -> None:
    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        real = apply()
        return replace(real, body=real.body.replace(b"upload_url", b"url")) if call.method == "POST" else real

    bench.fault = fault
    with pytest.raises(ActionError, match="the service's answer has no address for the video"):
        bench.run(actions["upload_video"], file=bench.video())
    assert bench.calls().total() == 1


ODD: list[Any] = [
    *(None, 1, -1.5, "", "x", "12", "pin", "story", "video", "secret", True, [], [{}], {}, {"id": 1}, {"id": "5"}),
    *("Fri, 01 Mar 2024 08:00:00 +0000", "Fri, 99 Mar 99999 08:00:00 +9999", "https://i.pinimg.com/1200x/a.jpg"),
    *({"carousel_slots": None}, {"carousel_slots": [1, {}], "index": 9}),
    {"carousel_slots": [{"images": {"600x": {"url": "u"}}, "title": 1}] * 3, "index": 9},
]
FIELDS = (
    *("id", "type", "created_at", "title", "description", "link", "alt_text", "native_format_type", "image_large_url"),
    *("is_video", "carousel_data", "board", "board_section_id", "name", "privacy", "owner", "is_partner", "category"),
)


def test_any_v3_answer_is_parsed_or_refused() -> None:
    chance, read = random.Random(1), 0
    for _ in range(4000):
        raw = {"id": "12", **{name: chance.choice(ODD) for name in chance.sample(FIELDS, chance.randint(0, 12))}}
        with suppress(ActionError):
            shapes.board_copy_body(parse_read(shapes.board(raw), Board), name="n")
        with suppress(ActionError):
            match shapes.pin_copy_body(parse_read(shapes.pin(raw), Pin), board="1", section=None):
                case CopyBody(body):
                    read += 1
                    assert shapes.pin_fields(body)["image_url"]
    assert read > 20
