"""A plugin by somebody else comes through the same door, however it is installed."""

from __future__ import annotations

import json
import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import PROJECT, Place, call, done

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RECIPE = """
name: Spring cleaning
steps:
  - id: dust
    uses: dust_board
    with: {board: Garden ideas, strokes: 3}
outputs:
  strokes: ${{ steps.dust.strokes }}
"""


def recipe(place: Place) -> Path:
    path = place.folder / "clean.yaml"
    path.write_text(RECIPE, "utf-8")
    return path


def plugins_of(place: Place) -> dict[str, Any]:
    finished = place.pinflow("plugins", "--output", "json")
    return {each["name"]: each for each in json.loads(finished.stdout)["plugins"]}


@pytest.mark.parametrize("editable", [False, True], ids=["wheel", "editable"])
def test_its_action_runs_and_its_listener_hears(fresh: Place, stranger: Callable[..., Path], editable: bool) -> None:
    assert "shelf" not in plugins_of(fresh)  # and so it is remembered
    fresh.install(stranger(), editable=editable)
    found = plugins_of(fresh)["shelf"]
    assert (found["distribution"], found["version"], found["offers"]) == (
        "stranger-shelf",
        "2.5",
        ["action dust_board"],
    )
    (fresh.folder / "diary.txt").touch()
    finished = fresh.pinflow("run", recipe(fresh), "--output", "json")
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["outputs"] == {"strokes": 3}
    diary = (fresh.folder / "diary.txt").read_text("utf-8").split()
    assert (diary[0], diary[-1]) == ("RunStarted", "RunFinished")


def test_the_list_of_plugins_names_distribution_and_version(fresh: Place, stranger: Callable[..., Path]) -> None:
    fresh.install(stranger())
    (row,) = (line.split() for line in fresh.pinflow("plugins").stdout.splitlines() if line.startswith("shelf"))
    assert row[:3] == ["shelf", "stranger-shelf", "2.5"]


def test_its_mistakes_are_found_like_any_other(fresh: Place, stranger: Callable[..., Path]) -> None:
    fresh.install(stranger())
    path = recipe(fresh)
    path.write_text(RECIPE.replace("strokes: 3", "stroks: 3"), "utf-8")
    finished = fresh.pinflow("validate", path)
    assert finished.returncode == 2
    assert "dust_board has no argument 'stroks'; did you mean 'strokes'?" in finished.stderr + finished.stdout


def test_two_distributions_with_one_action_are_both_named(fresh: Place, stranger: Callable[..., Path]) -> None:
    fresh.install(stranger())
    fresh.install(stranger(name="rival-shelf", plugin="rival", module="rival_shelf"))
    finished = fresh.pinflow("plugins")
    assert finished.returncode == 2
    assert "action dust_board is offered twice" in finished.stderr
    assert "'shelf' (stranger_shelf of stranger-shelf 2.5)" in finished.stderr
    assert "'rival' (rival_shelf of rival-shelf 2.5)" in finished.stderr


def test_one_that_does_not_load_is_named_and_can_be_left_out(
    fresh: Place, stranger: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh.install(stranger(code="import a_library_that_is_gone\n"))
    finished = fresh.pinflow("plugins")
    assert finished.returncode == 2
    assert "plugin 'shelf' (stranger_shelf of stranger-shelf 2.5) does not load: ModuleNotFoundError" in finished.stderr
    assert "PINFLOW_DISABLE=shelf" in finished.stderr
    assert "Traceback" not in finished.stderr
    monkeypatch.setenv("PINFLOW_DISABLE", "shelf")
    assert fresh.pinflow("validate", "copy_board").returncode == 0
    assert "shelf" not in plugins_of(fresh)


def test_help_is_there_though_a_plugin_is_broken(fresh: Place, stranger: Callable[..., Path]) -> None:
    fresh.install(stranger(code="import a_library_that_is_gone\n"))
    finished = fresh.pinflow("--help")
    assert finished.returncode == 0
    assert "validate" in finished.stdout


def test_one_that_is_uninstalled_is_gone(fresh: Place, stranger: Callable[..., Path]) -> None:
    fresh.install(stranger())
    assert "shelf" in plugins_of(fresh)
    uninstall = (sys.executable, "-m", "pip", "--python", fresh.python, "uninstall", "--quiet", "--yes")
    done(*uninstall, "stranger-shelf", folder=fresh.folder)
    assert "shelf" not in plugins_of(fresh)


@pytest.mark.parametrize("editable", [False, True], ids=["wheel", "editable"])
def test_type_checkers_see_the_types_of_plugins(fresh: Place, editable: bool) -> None:
    if editable:
        fresh.install(PROJECT, editable=True)
    code = """
        from pinflow import Action
        from pinflow_pinterest_v5.actions.users import get_user

        reveal_type(get_user)
        wrong: int = get_user
    """
    (fresh.folder / "theirs.py").write_text(dedent(code), "utf-8")
    mypy = (sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", fresh.root / "mypy")
    finished = call(*mypy, "--python-executable", fresh.python, "theirs.py", folder=fresh.folder)
    assert 'Revealed type is "pinflow.plugin.action.Action"' in finished.stdout
    assert 'expression has type "Action", variable has type "int"' in finished.stdout
    assert "Found 1 error in 1 file" in finished.stdout
