"""``pinflow new``: what it writes can be used as it is, and nothing is overwritten."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pinflow.__main__ import main
from pinflow.app import App, Options
from pinflow.cli.shell import Shell
from pinflow.scaffold import recipe_templates

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[..., tuple[int, str, str]]

SKELETONS = ["loop", "schedule", "steps"]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The program, in an empty folder: exit code, standard output, standard error."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    environ = {"PINFLOW_STATE_DIR": str(tmp_path / "state"), "PINFLOW_CACHE_DIR": str(tmp_path / "cache")}

    def run(*words: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        code = main(list(words), shell=Shell(io.StringIO(), out, err, environ))
        return code, out.getvalue(), err.getvalue()

    return run


def test_without_a_name_the_templates_are_listed_skeletons_first(call: Call) -> None:
    code, out, _ = call("new", "recipe", "--output", "json")
    listed = json.loads(out)["templates"]
    assert code == 0
    assert [each["name"] for each in listed][: len(SKELETONS)] == SKELETONS
    assert "copy_board" in [each["name"] for each in listed]
    assert all(each["description"] for each in listed)
    assert all(each["name"] in call("new", "recipe")[1] for each in listed)


@pytest.mark.parametrize("name", [each.name for each in recipe_templates()])
def test_a_new_recipe_is_valid(call: Call, name: str) -> None:
    assert call("new", "recipe", name, "-o", "deep/mine.yaml") == (
        0,
        "",
        f"wrote {Path('deep/mine.yaml')}; try it: pinflow run {Path('deep/mine.yaml')} --sandbox\n",
    )
    code, out, err = call("validate", "deep/mine.yaml")
    assert (code, err) == (0, "")
    assert "mine.yaml: ok" in out


@pytest.mark.parametrize("name", SKELETONS)
def test_a_skeleton_can_be_tried_at_once(tmp_path: Path, name: str) -> None:
    path = next(each.path for each in recipe_templates() if each.name == name)
    app = App.installed({"PINFLOW_CACHE_DIR": str(tmp_path)}, state=tmp_path / "state")
    result = app.run(app.plan(path, inputs={}, examples=True), Options(sandbox=True))
    assert (result.status, result.failed) == ("ok", ())
    assert sum(outcomes.get("done", 0) for outcomes in result.counts.values()) >= 2


def test_without_a_file_the_recipe_is_printed(call: Call) -> None:
    code, out, err = call("new", "recipe", "loop")
    assert (code, err) == (0, "")
    assert "for_each: list_board_pins" in out
    assert json.loads(call("new", "recipe", "loop", "--output", "json")[1])["recipe"] == out


def test_nothing_is_overwritten(call: Call) -> None:
    Path("mine.yaml").write_text("precious")
    code, out, err = call("new", "recipe", "loop", "-o", "mine.yaml")
    assert (code, out) == (2, "")
    assert err == "error: mine.yaml is there already\n  nothing was written: name another place, or remove it\n"
    assert Path("mine.yaml").read_text() == "precious"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["recipe", "copybord"], "there is no template 'copybord'; did you mean 'copy_board'?"),
        (["recipe", "-o", "mine.yaml"], "no template is named for mine.yaml"),
        (["recip"], "'recip' is none of "),
        ([], "WHAT"),
    ],
)
def test_what_is_wrong_is_said(call: Call, words: list[str], said: str) -> None:
    code, out, err = call("new", *words)
    assert (code, out) == (2, "")
    assert said in err


def test_a_place_that_cannot_be_written_is_said(call: Call) -> None:
    Path("file").write_text("")
    code, _, err = call("new", "recipe", "loop", "-o", "file/mine.yaml")
    assert code == 2
    assert "can't be written" in err
