"""``pinflow new``: what it writes can be used as it is, and nothing is overwritten."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.app import App, Options
from pinflow.cli.scaffold import recipe_templates
from pinflow.recipe.bundled import bundled_recipes, find_recipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli import Cli

    Call = Callable[..., tuple[int, str, str]]

SKELETONS = ["loop", "schedule", "steps"]


LONG = "x" * 300


@pytest.fixture
def call(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The program, in an empty folder: exit code, standard output, standard error."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return cli.run


def test_pinflow_new_recipe_lists_the_templates_skeletons_first(call: Call) -> None:
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


def test_pinflow_new_prints_the_recipe_without_a_file(call: Call) -> None:
    code, out, err = call("new", "recipe", "loop")
    assert (code, err) == (0, "")
    assert "for_each: list_board_pins" in out
    assert json.loads(call("new", "recipe", "loop", "--output", "json")[1])["recipe"] == out


def test_pinflow_new_overwrites_no_file(call: Call) -> None:
    Path("mine.yaml").write_text("precious")
    code, out, err = call("new", "recipe", "loop", "-o", "mine.yaml")
    assert (code, out) == (2, "")
    assert err == "error: mine.yaml already exists\n  nothing was written; choose another path, or remove it\n"
    assert Path("mine.yaml").read_text() == "precious"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["recipe", "copybord"], "unknown template 'copybord'; did you mean 'copy_board'?"),
        (["recipe", "-o", "mine.yaml"], "mine.yaml needs a template"),
        (["recip"], "must be recipe or plugin, not 'recip'"),
        ([], "name what to create: recipe, plugin, or --from-..."),
    ],
)
def test_wrong_words_of_pinflow_new_are_explained(call: Call, words: list[str], said: str) -> None:
    code, out, err = call("new", *words)
    assert (code, out) == (2, "")
    assert said in err


def test_a_folder_that_can_not_be_written_is_an_error(call: Call) -> None:
    Path("file").write_text("")
    code, _, err = call("new", "recipe", "loop", "-o", "file/mine.yaml")
    assert code == 2
    assert "can't be written" in err


# plugins


def test_a_new_plugin_bears_its_name_everywhere(call: Call) -> None:
    code, out, err = call("new", "plugin", "acme2_pins")
    assert (code, out) == (0, "")
    assert err.splitlines()[1:] == [
        "  cd pinflow-acme2-pins",
        "  pip install -e '.[test]'",
        "  pytest",
        "  pinflow run recipes/acme2_pins.yaml --sandbox",
        "  pinflow plugins check acme2_pins",
    ]
    folder = Path("pinflow-acme2-pins")
    files = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert files.keys() == {
        ".gitignore",
        "README.md",
        "pinflow_acme2_pins/__init__.py",
        "pinflow_acme2_pins/py.typed",
        "pyproject.toml",
        "recipes/acme2_pins.yaml",
        "tests/test_acme2_pins.py",
    }
    project = tomllib.loads(files["pyproject.toml"])
    assert project["project"]["name"] == "pinflow-acme2-pins"
    assert project["project"]["entry-points"]["pinflow"] == {"acme2_pins": "pinflow_acme2_pins"}
    assert "def acme2_pins_hide_board(" in files["pinflow_acme2_pins/__init__.py"]
    assert "name: Acme2 pins\n" in files["recipes/acme2_pins.yaml"]
    assert all(not re.search("acme(?!2)", text) for text in files.values())


def test_a_new_plugin_can_be_put_elsewhere(call: Call) -> None:
    code, out, _ = call("new", "plugin", "acme", "--into", "deep/mine", "--output", "json")
    assert code == 0
    told = json.loads(out)
    assert told["folder"] == str(Path("deep/mine"))
    assert all((Path("deep/mine") / name).is_file() for name in told["files"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Acme", "'Acme' is not a name for a plugin"),
        ("acme-pins", "'acme-pins' is not a name for a plugin"),
        ("../acme", "'../acme' is not a name for a plugin"),
        ("2acme", "'2acme' is not a name for a plugin"),
        ("class", "'class' is not a name for a plugin"),
        ("pinflow_auth", "a plugin 'pinflow_auth' already exists (pinflow_auth of pinflow 0.1.0)"),
        ("auth", "a package pinflow_auth already exists"),
    ],
)
def test_an_invalid_plugin_name_writes_nothing(call: Call, name: str, said: str) -> None:
    code, out, err = call("new", "plugin", name)
    assert (code, out) == (2, "")
    assert said in err
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("there", ["file", "folder"])
def test_an_existing_folder_is_not_changed(call: Call, there: str) -> None:
    folder = Path("pinflow-acme")
    if there == "folder":
        folder.mkdir()
        (folder / "precious.txt").write_text("precious")
    else:
        folder.write_text("precious")
    code, _, err = call("new", "plugin", "acme")
    assert code == 2
    assert err.startswith("error: pinflow-acme already exists\n")
    assert (folder / "precious.txt" if there == "folder" else folder).read_text() == "precious"
    assert len(list(folder.rglob("*"))) <= 1


@pytest.mark.parametrize(
    "words",
    [
        ("new", "recipe", "list_boards", "-o", LONG),
        ("new", "recipe", "list_boards", "-o", f"{LONG}/a.yaml"),
        ("new", "plugin", "acme", "--into", LONG),
        ("run", LONG),
        ("run", "here.yaml", "-i", f"f={LONG}"),
        ("validate", "default.yaml"),
        ("run", "literal.yaml"),
    ],
)
def test_a_name_that_no_file_can_have_is_a_usage_error(cli: Cli, tmp_path: Path, monkeypatch: Any, words: Any) -> None:
    monkeypatch.chdir(tmp_path)
    step = "steps: [{uses: read_csv, with: {path: '%s'}}]"
    (tmp_path / "here.yaml").write_text("name: n\ninputs: {f: {type: file}}\n" + step % "${{ inputs.f }}")
    default = f"name: n\ninputs: {{f: {{type: file, default: {LONG}.csv}}}}\n"
    (tmp_path / "default.yaml").write_text(default + step % "${{ inputs.f }}")
    (tmp_path / "literal.yaml").write_text("name: n\n" + step % f"{LONG}.csv")
    code, _, err = cli.run(*words)
    assert code in (1, 2), err
    assert "defect" not in err
    made = {path.name for path in tmp_path.iterdir()} - {"state", "cache"}
    assert made == {"here.yaml", "default.yaml", "literal.yaml"}


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_lies_in_the_current_folder_is_not_the_bundled_recipe(tmp_path: Path, monkeypatch: Any, kind: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.yaml").write_text("name: mine\nsteps: []\n")
    place = tmp_path / "copy_board"
    if kind == "folder":
        place.mkdir()
    elif kind == "link":
        place.symlink_to("other.yaml")
    else:
        place.write_text("name: mine\nsteps: []\n")
    assert find_recipe(Path("copy_board")) == bundled_recipes() / "copy_board.yaml"
    assert find_recipe(place) == place
    assert find_recipe(Path("other.yaml")) == Path("other.yaml")
