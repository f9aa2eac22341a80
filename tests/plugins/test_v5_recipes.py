"""The recipes for API v5: each checks without a mistake, and runs in the sandbox with nothing given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.app import App, Options

if TYPE_CHECKING:
    from pinflow.engine.results import RunResult

RECIPES = Path(__file__).parents[2] / "recipes"
DRY_ONLY = ["copy_all_boards"]  # it writes more than the quota of three minutes
EXPECTED: dict[str, dict[str, Any]] = {
    "get_user": {"username": "garden_studio", "account_type": "BUSINESS"},
    "list_boards": {"count": 6},
    "copy_board": {"sections": 3},
    "copy_matching_pins": {"looked_at": 312, "copied": 52},
}


def run(tmp_path: Path, name: str, *, dry_run: bool = False, **inputs: Any) -> RunResult:
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    app = App.installed(environ, state=tmp_path / "state")
    plan = app.plan(RECIPES / f"{name}.yaml", inputs=inputs, examples=True)
    return app.run(plan, Options(sandbox=True, dry_run=dry_run))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recipe_runs_in_the_sandbox(tmp_path: Path, name: str) -> None:
    result = run(tmp_path, name)
    assert (result.status, result.error) == ("ok", None)
    assert {key: result.outputs[key] for key in EXPECTED[name]} == EXPECTED[name]


@pytest.mark.parametrize("name", [*EXPECTED, *DRY_ONLY])
def test_a_recipe_makes_nothing_in_a_dry_run(tmp_path: Path, name: str) -> None:
    result = run(tmp_path, name, dry_run=True)
    assert result.error is None
    assert {step.status for step in result.steps} <= {"ok", "planned"}


def test_the_filter_of_a_recipe_chooses_by_the_title(tmp_path: Path) -> None:
    result = run(tmp_path, "copy_matching_pins", board="Garden ideas", word="TOOL")
    assert (result.outputs["looked_at"], result.outputs["copied"]) == (30, 4)


def test_a_dry_run_foretells_the_calls_of_the_real_run(tmp_path: Path) -> None:
    dry, real = (run(tmp_path, "copy_board", dry_run=each) for each in (True, False))
    assert dry.forecast is not None
    assert dry.forecast.calls["access_token"]["org_write"] == real.calls["access_token"]["org_write"] == 33


NEW_BOARD = """
pinflow: 1
name: New
api: v5
steps:
  - {id: board, uses: create_board, with: {name: Brand new}}
  - {id: section, uses: create_section, with: {board: "${{ steps.board.id }}", name: Corner}}
  - id: pin
    uses: create_pin
    with:
      board: ${{ steps.board.id }}
      section: ${{ steps.section.id }}
      image_url: https://example.com/a.jpg
  - {id: saved, uses: save_pin, with: {pin: "${{ steps.pin.id }}", board: "${{ steps.board.id }}"}}
"""


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_dry_run_goes_on_with_what_it_only_planned(tmp_path: Path, dry_run: bool) -> None:
    recipe = tmp_path / "new.yaml"
    recipe.write_text(NEW_BOARD)
    result = run(tmp_path, str(recipe.with_suffix("")), dry_run=dry_run)
    assert result.error is None
    calls = result.forecast.calls if result.forecast else result.calls
    assert calls["access_token"]["org_write"] == 4
