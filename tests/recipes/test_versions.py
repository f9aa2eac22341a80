"""A recipe whose task both versions of the API have runs on both; what one lacks is told before anything is sent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pinflow.app import App, Options
from pinflow.errors import RecipeError

if TYPE_CHECKING:
    from pinflow.plugin.registry import Registry

RECIPES = Path(__file__).parents[2] / "recipes"
# the tasks of the vendor's quickstart -> the actions that do them, and the recipes that have them ready
QUICKSTART: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "get and refresh tokens": (("refresh_token", "list_tokens"), ("refresh_token", "refresh_all_tokens")),
    "show a user": (("get_user",), ("get_user",)),
    "show Pins and boards": (
        ("get_pin", "get_board", "list_pins", "list_boards", "list_sections", "list_section_pins", "list_board_pins"),
        ("get_pin", "get_board", "list_pins", "list_boards"),
    ),
    "show linked businesses": (("list_businesses",), ("list_businesses",)),
    "copy a Pin, also with a video": (("copy_pin", "upload_video", "create_pin"), ("copy_pin",)),
    "save a Pin": (("save_pin",), ("save_pin",)),
    "copy boards": (
        ("copy_board", "copy_all_boards", "create_board", "create_section"),
        ("copy_board", "copy_all_boards"),
    ),
    "delete boards": (("delete_board",), ("delete_board",)),
    "show ads": (("list_ad_accounts", "list_campaigns", "list_ad_groups", "list_ads"), ("ads_tree",)),
    "show figures": (("get_user_analytics", "get_pin_analytics", "get_ad_analytics"), ("analytics", "pin_analytics")),
    "have a report made": (("list_delivery_metrics", "create_ad_report"), ("ad_report",)),
    "show terms": (("related_terms", "suggested_terms"), ("terms",)),
}
V5_ONLY = {"get_pin_analytics", "related_terms", "suggested_terms"}  # what API v3 never had

OLD_TOO = [
    *("get_user", "list_businesses", "get_pin", "get_board", "list_pins", "list_boards", "copy_pin", "save_pin"),
    *("copy_board", "delete_board", "ads_tree", "analytics", "ad_report"),
]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return App.installed({}).registry


@pytest.mark.parametrize("task", QUICKSTART)
def test_every_task_of_the_quickstart_has_its_actions_and_recipes(registry: Registry, task: str) -> None:
    names, recipes = QUICKSTART[task]
    for api in ("v5", "v3"):
        wanted = [name for name in names if api == "v5" or name not in V5_ONLY]
        assert [name for name in wanted if registry.action(name, api) is None] == []
    assert [name for name in recipes if not (RECIPES / f"{name}.yaml").is_file()] == []


@pytest.mark.parametrize("name", OLD_TOO)
def test_a_recipe_whose_task_both_versions_have_runs_on_the_old_one_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)  # where files go
    app = App.installed({"PINFLOW_CACHE_DIR": str(tmp_path), "HOME": str(tmp_path)}, state=tmp_path / "state")
    plan = app.plan(RECIPES / f"{name}.yaml", inputs={}, api="v3", examples=True)
    result = app.run(plan, Options(sandbox=True, approve=lambda what: True))
    assert (result.status, result.error) == ("ok", None)


@pytest.mark.parametrize("version", ["v3", "v5"])
@pytest.mark.parametrize(
    ("inputs", "title"),
    [
        ({}, "Metrics of the account"),
        ({"of": "ad_account", "ad_account": "549755800211"}, "Metrics of the ad account"),
        (
            {"of": "campaign", "ad_account": "549755800211", "ids": "626735500588"},
            "Metrics of the campaign 626735500588",
        ),
    ],
)
def test_a_chart_says_what_its_figures_are_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: dict[str, str], title: str, version: str
) -> None:
    monkeypatch.chdir(tmp_path)
    app = App.installed({"PINFLOW_CACHE_DIR": str(tmp_path), "HOME": str(tmp_path)}, state=tmp_path / "state")
    plan = app.plan(RECIPES / "analytics.yaml", inputs={**inputs, "chart": "chart.svg"}, api=version)
    assert app.run(plan, Options(sandbox=True)).ok
    titles = re.findall(r'class="title plot_title">([^<]*)<', (tmp_path / "chart.svg").read_text("utf-8"))
    assert [each.strip() for each in titles] == [title]


@pytest.mark.parametrize("version", ["v3", "v5"])
@pytest.mark.parametrize(
    ("name", "inputs", "said"),
    [
        (
            "analytics",
            {"of": "campaign"},
            "level campaign needs ids; list_campaigns and the.*input 'ids' and 'of'",
        ),
        ("analytics", {"of": "ad_account", "ids": "1,2"}, "level ad_account takes no ids"),
        ("analytics", {"chart": "figures.jpg"}, "makes .svg and .png files"),
        ("ad_report", {"ad_account": "1", "columns": "[]"}, "columns is empty"),
    ],
)
def test_inputs_that_do_not_go_together_are_told_before_anything_is_sent(
    tmp_path: Path, name: str, inputs: dict[str, str], said: str, version: str
) -> None:
    app = App.installed({"PINFLOW_CACHE_DIR": str(tmp_path), "HOME": str(tmp_path)}, state=tmp_path / "state")
    with pytest.raises(RecipeError, match=said):
        app.plan(RECIPES / f"{name}.yaml", inputs=inputs, api=version)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (
            "{uses: create_ad_report, with: {path: a.csv, columns: [CPM_IN_DOLLAR], level: AD_GROUP_TARGETING}}",
            "ads API v4 has no reports of level AD_GROUP_TARGETING; API v5 has",
        ),
        ("{uses: list_delivery_metrics, with: {report_type: SYNC}}", "can't filter columns by report_type"),
        (
            "{uses: create_pin, with: {board: 1, title: a}}",
            "image_url is empty",
        ),
        ("{uses: create_pin, with: {board: 1, video: 2}}", "a video needs a cover: cover_image_url"),
    ],
)
def test_what_the_old_version_lacks_of_a_task_is_told_before_anything_is_sent(
    tmp_path: Path, step: str, said: str
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"name: n\napi: v3\nsteps:\n  - {step}\n")
    app = App.installed({"PINFLOW_CACHE_DIR": str(tmp_path), "HOME": str(tmp_path)}, state=tmp_path / "state")
    with pytest.raises(RecipeError, match=said):
        app.plan(recipe, inputs={})


@pytest.mark.parametrize(("name", "action"), [("terms", "related_terms"), ("pin_analytics", "get_pin_analytics")])
def test_what_the_old_version_lacks_is_told_before_anything_is_sent(tmp_path: Path, name: str, action: str) -> None:
    with pytest.raises(RecipeError, match=f"v3 has no action '{action}'; v5 has it"):
        app = App.installed({"PINFLOW_CACHE_DIR": str(tmp_path), "HOME": str(tmp_path)}, state=tmp_path / "state")
        app.plan(RECIPES / f"{name}.yaml", inputs={}, api="v3", examples=True)
