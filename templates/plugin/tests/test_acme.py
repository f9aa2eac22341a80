"""The plugin as its users meet it: recipes in at the front, the sandbox's state out at the back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pinflow.testing import check_plugin

if TYPE_CHECKING:
    from pinflow.testing import Project

RECIPE = Path(__file__).parents[1] / "recipes" / "acme.yaml"


def privacy(project: Project, name: str) -> str:
    """The privacy of a board in the sandbox."""
    return next(str(board["privacy"]) for board in project.sandbox.state()["boards"] if board["name"] == name)


def test_the_board_is_hidden(project: Project) -> None:
    result = project.run(RECIPE, examples=True)
    assert result.ok, result.error
    assert result.outputs["privacy"] == "SECRET"
    assert privacy(project, "Garden ideas") == "SECRET"


def test_a_dry_run_changes_nothing(project: Project) -> None:
    assert project.run(RECIPE, examples=True, dry_run=True).status == "planned"
    assert privacy(project, "Garden ideas") != "SECRET"


def test_a_killed_run_goes_on(project: Project) -> None:
    project.kill(RECIPE, examples=True)
    assert project.resume().ok
    assert privacy(project, "Garden ideas") == "SECRET"


def test_the_plugin_keeps_the_contract() -> None:
    report = check_plugin("acme")
    assert report.ok, report.findings
    assert report.not_exercised == ()
