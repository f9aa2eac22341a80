"""A recipe whose task both versions of the API have runs on both; what one lacks is told before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from pinflow.app import App, Options
from pinflow.errors import RecipeError

RECIPES = Path(__file__).parents[2] / "recipes"
OLD_TOO = [
    *("get_user", "list_businesses", "get_pin", "get_board", "list_pins", "list_boards", "copy_pin", "save_pin"),
    *("copy_board", "delete_board", "ads_tree", "analytics", "ad_report"),
]


@pytest.mark.parametrize("name", OLD_TOO)
def test_a_recipe_whose_task_both_versions_have_runs_on_the_old_one_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)  # where files go
    app = App.installed({"PINFLOW_CACHE_DIR": str(tmp_path), "HOME": str(tmp_path)}, state=tmp_path / "state")
    plan = app.plan(RECIPES / f"{name}.yaml", inputs={}, api="v3", examples=True)
    result = app.run(plan, Options(sandbox=True, approve=lambda what: True))
    assert (result.status, result.error) == ("ok", None)


@pytest.mark.parametrize(("name", "action"), [("terms", "related_terms"), ("pin_analytics", "get_pin_analytics")])
def test_what_the_old_version_lacks_is_told_before_anything_is_sent(tmp_path: Path, name: str, action: str) -> None:
    with pytest.raises(RecipeError, match=f"v3 has no action '{action}'; v5 has it"):
        app = App.installed({"PINFLOW_CACHE_DIR": str(tmp_path), "HOME": str(tmp_path)}, state=tmp_path / "state")
        app.plan(RECIPES / f"{name}.yaml", inputs={}, api="v3", examples=True)
