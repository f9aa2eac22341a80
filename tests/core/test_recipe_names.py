"""Which recipe a name means: pinflow's own, a plugin's, or a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pinflow import hookimpl
from pinflow.errors import PluginError, RecipeError
from pinflow.plugin.loader import collect, load
from pinflow.recipe.bundled import bundled_recipes, find_recipe, recipe_note, recipe_path

if TYPE_CHECKING:
    from tests.cli import Cli

SHOP = "{pinflow: 1, name: Mine, api: v5, steps: [{id: a, uses: get_user}]}"
BUNDLED = bundled_recipes() / "copy_board.yaml"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    folder = tmp_path / "here"
    (folder / "recipes").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def offering(*recipes: Path) -> object:
    """A plugin that comes with these recipes."""

    class Acme:
        @hookimpl
        def pinflow_recipes(self) -> list[Path]:
            return list(recipes)

    return Acme()


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A local plugin's file, which comes with ``tidy`` and a ``copy_board`` of its own."""
    folder = tmp_path / "acme"
    folder.mkdir()
    for name in ("tidy", "copy_board"):
        (folder / f"{name}.yaml").write_text(SHOP.replace("Mine", f"Acme's {name}"))
    file = tmp_path / "acme.py"
    file.write_text(
        "from pathlib import Path\nfrom pinflow import hookimpl\n\n"
        f"@hookimpl\ndef pinflow_recipes():\n    return sorted(Path({str(folder)!r}).glob('*.yaml'))\n"
    )
    return file


@pytest.mark.parametrize("rival", ["copy_board", "copy_board.yaml", "copy_board.yml", "recipes/copy_board.yaml"])
def test_a_bare_name_is_the_bundled_recipe_and_a_file_of_its_name_is_told(here: Path, rival: str) -> None:
    (here / rival).write_text(SHOP)
    found = find_recipe(Path("copy_board"))
    assert found == BUNDLED
    typed = rival if "/" in rival else f"./{rival}"
    assert recipe_note(Path("copy_board"), found) == (
        f"copy_board is the recipe that comes with pinflow; for the file here type {typed}"
    )
    assert find_recipe(recipe_path(typed)).read_text() == SHOP


def test_a_bare_name_is_no_file(here: Path) -> None:
    (here / "shop").write_text(SHOP)
    with pytest.raises(RecipeError, match=r"^shop: no recipe has this name; for the file here type \./shop$"):
        find_recipe(Path("shop"))
    assert find_recipe(recipe_path("./shop")) == here / "shop"
    (here / "shop").unlink()
    (here / "recipes/shop.yaml").write_text(SHOP)
    with pytest.raises(RecipeError, match=r"for the file here type recipes/shop\.yaml$"):
        find_recipe(Path("shop"))


def test_a_name_that_nothing_has_is_told_the_nearest_or_where_to_look(here: Path) -> None:
    with pytest.raises(RecipeError, match=r"^copy_bord: no recipe has this name; did you mean 'copy_board'\?$"):
        find_recipe(Path("copy_bord"))
    with pytest.raises(RecipeError, match=r"^tidi: .* did you mean 'tidy'\?$"):
        find_recipe(Path("tidi"), {"tidy": here / "tidy.yaml"})
    with pytest.raises(RecipeError, match="pinflow recipes lists them; a file is named with its ending"):
        find_recipe(Path("qqq"))


def test_a_path_is_a_file_and_without_one_the_bundled_recipe_which_is_told(here: Path) -> None:
    for path in (Path("copy_board.yaml"), Path("recipes/copy_board.yaml"), Path("recipes/copy_board")):
        found = find_recipe(path)
        assert found == BUNDLED
        assert recipe_note(path, found) == f"there is no file {path} here; copy_board that comes with pinflow is meant"
    (here / "copy_board.yaml").write_text(SHOP)
    assert find_recipe(Path("copy_board.yaml")) == Path("copy_board.yaml")
    assert recipe_note(Path("copy_board.yaml"), Path("copy_board.yaml")) == ""


def test_a_file_that_is_named_with_a_dot_and_slash_is_never_another_one(here: Path) -> None:
    for typed in ("./copy_board", "./copy_board.yaml"):
        assert find_recipe(recipe_path(typed)) == here / typed.removeprefix("./")
    (here / "copy_board.yaml").write_text(SHOP)
    assert find_recipe(recipe_path("./copy_board.yaml")) == Path("copy_board.yaml")


def test_folders_and_whole_paths_stay_what_they_are(here: Path) -> None:
    for path in (Path(), Path(".."), Path("recipes"), here, here / "copy_board.yaml", Path("x" * 300 + "/y")):
        assert find_recipe(path) == path


def test_the_note_is_not_for_the_bundled_recipe_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bundled_recipes().parent)
    assert recipe_note(Path("copy_board"), find_recipe(Path("copy_board"))) == ""


def test_a_plugins_recipe_is_found_by_its_name_after_the_bundled_ones(cli: Cli, here: Path, plugin: Path) -> None:
    assert cli("recipes", "tidy", "--plugin", plugin) == 0
    assert cli.stdout.startswith("tidy: Acme's tidy\n")
    assert cli("validate", "tidy", "copy_board", "--plugin", plugin) == 0
    assert [recipe["name"] for recipe in cli.data("validate", "tidy", "copy_board", "--plugin", plugin)["recipes"]] == [
        "Acme's tidy",
        "Copy a board",
    ]
    assert cli("run", "tidy", "--sandbox", "--plugin", plugin) == 0
    assert "Acme's tidy: done" in cli.stdout
    assert cli("new", "recipe", "tidy", "--plugin", plugin) == 0
    assert "Acme's tidy" in cli.stdout
    (here / "tidy.yaml").write_text(SHOP)
    assert cli("validate", "tidy", "--plugin", plugin) == 0
    assert "note: tidy is the recipe of a plugin; for the file here type ./tidy.yaml" in cli.stderr


def test_a_wrong_recipe_of_a_plugin_is_its_plugins_mistake(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="pinflow_recipes must return Path, not str"):
        collect(*load([], objects=[offering("tidy.yaml")]))  # type: ignore[arg-type]
    with pytest.raises(PluginError, match="recipe tidy is offered twice"):
        collect(*load([], objects=[offering(tmp_path / "tidy.yaml"), offering(tmp_path / "b/tidy.yaml")]))


@pytest.mark.parametrize(
    "words",
    [
        ("run", "copy_board", "--sandbox"),
        ("validate", "copy_board"),
        ("recipes", "copy_board"),
        ("approve", "copy_board", "-i", "board=x"),
        ("schedule", "list", "copy_board"),
        ("schedule", "next", "3", "copy_board"),
        ("auth", "scopes", "--recipe", "copy_board"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_every_command_that_takes_a_recipe_says_which_one_it_takes(
    cli: Cli, here: Path, words: tuple[str, ...]
) -> None:
    (here / "copy_board.yaml").write_text(SHOP)
    cli(*words)
    notes = [line for line in cli.stderr.splitlines() if line.startswith("note: ")]
    assert notes == ["note: copy_board is the recipe that comes with pinflow; for the file here type ./copy_board.yaml"]


@pytest.mark.parametrize("command", ["run", "validate", "recipes", "approve", "schedule list", "schedule run", "tick"])
def test_every_command_that_takes_a_recipe_refuses_a_bare_name_that_only_a_file_has(
    cli: Cli, here: Path, command: str
) -> None:
    (here / "shop.yaml").write_text(SHOP)
    assert cli(*command.split(), "shop") == 2
    assert "shop: no recipe has this name; for the file here type ./shop.yaml" in cli.stderr


# -- pinflow recipes


def test_the_list_has_those_of_pinflow_of_plugins_and_of_this_folder(cli: Cli, here: Path, plugin: Path) -> None:
    (here / "mine.yaml").write_text(SHOP)
    (here / "recipes/more.yml").write_text("name: Broken\nsteps:\n  - {uses: get_usr}\n")
    (here / "compose.yaml").write_text("services: {}\n")
    assert cli("recipes", "--plugin", plugin) == 0
    titles = re.findall(r"^(\S.*)$", cli.stdout, re.MULTILINE)
    assert titles == [
        "come with pinflow",
        "of the plugin acme",
        "in this folder",
        "One of them, with its inputs and commands: pinflow recipes NAME",
    ]
    assert "  delete_board  " in cli.stdout
    assert "(deletes; needs board)" in cli.stdout
    assert re.search(r"^  mine\.yaml +Mine \(reads\)$", cli.stdout, re.MULTILINE)
    assert "  recipes/more.yml  has mistakes: pinflow validate recipes/more.yml" in cli.stdout
    assert "compose" not in cli.stdout
    shadowed = plugin.parent / "acme/copy_board.yaml"
    assert str(shadowed) in cli.stdout, "one that is called like a bundled recipe is found by its path"


def test_a_folder_is_listed_with_what_is_below_it(cli: Cli, here: Path) -> None:
    (here / "recipes/deep").mkdir()
    (here / "recipes/deep/mine.yaml").write_text(SHOP)
    assert [recipe["name"] for recipe in cli.data("recipes", "recipes")["recipes"]] == ["recipes/deep/mine.yaml"]
    (here / "none").mkdir()
    assert cli("recipes", "none") == 2
    assert "there is no recipe in none" in cli.stderr


def test_one_recipe_is_shown_with_all_that_it_takes_needs_and_changes(cli: Cli, here: Path) -> None:
    assert cli("recipes", "delete_board") == 0
    text = cli.stdout
    assert "  -i board=...  string, required: The board, by id or exact name" in text
    assert "such as Empty for now" in text
    assert "token access_token" in text and "boards:write" in text
    assert len(re.findall(r"v5\.delete_\w+ +DELETES", text)) == 2
    assert "  on your account\n    pinflow run delete_board -i 'board=Empty for now'\n" in text
    assert "-i 'board=Empty for now' --token NAME\n" in text
    assert f"  {bundled_recipes() / 'delete_board.yaml'}\n" in text
    assert "pinflow new recipe delete_board -o my.yaml" in text


def test_for_programs_every_recipe_has_its_facts(cli: Cli, here: Path) -> None:
    recipes = {recipe["name"]: recipe for recipe in cli.data("recipes")["recipes"]}
    assert len(recipes) >= 22
    board = recipes["copy_board"]["inputs"][0]
    assert (board["name"], board["type"], board["required"], board["example"]) == (
        "board",
        "board",
        True,
        "Garden ideas",
    )
    assert {login["name"] for login in recipes["copy_board"]["logins"]} == {"source", "target"}
    assert {name for name, recipe in recipes.items() if recipe["effect"] == "deletes"} == {
        "delete_board",
        "mirror_board",
    }
    assert all(recipe["try"] == f"pinflow run {name} --sandbox" for name, recipe in recipes.items())


def test_inputs_of_an_included_recipe_are_listed_too(cli: Cli, here: Path) -> None:
    (here / "inner.yaml").write_text("{name: Inner, api: v5, inputs: {pin: {}}, steps: [{uses: get_user}]}")
    (here / "outer.yaml").write_text("{name: Outer, api: v5, inputs: {board: {}}, steps: [{include: inner.yaml}]}")
    (outer,) = cli.data("recipes", "./outer.yaml")["recipes"]
    assert [input["name"] for input in outer["inputs"]] == ["board", "pin"]


def test_a_recipe_with_mistakes_is_shown_by_them(cli: Cli, here: Path) -> None:
    (here / "bad.yaml").write_text("name: Bad\nsteps:\n  - {uses: get_usr}\n")
    assert cli("recipes", "./bad.yaml") == 2
    assert "bad.yaml:3:" in cli.stderr
    (bad,) = [recipe for recipe in cli.data("recipes")["recipes"] if recipe["name"] == "bad.yaml"]
    assert bad["ok"] is False and bad["error"]["problems"][0]["line"] == 3
