"""A recipe reaches the files of its own folder, and those that its user named; nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pinflow import Context, action, hookimpl
from pinflow.engine.file_access import Files
from pinflow.errors import RecipeError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.core.conftest import Project

RECIPE = """
name: n
inputs:
  out: {type: file, default: report.csv}
steps:
  - uses: where
    id: found
    with: {path: "${{ inputs.out }}"}
outputs: {at: "${{ steps.found }}"}
"""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    folder = tmp_path / "recipes"
    folder.mkdir()
    (tmp_path / "secret.txt").touch()
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "here.txt").symlink_to(folder / "there.txt")
    return Files(folder, frozenset({str(tmp_path / "named.txt")}))


@pytest.mark.parametrize("name", ["a.txt", "below/a.txt", "./a.txt", "below/../a.txt", "here.txt"])
def test_a_file_of_the_recipes_folder_is_there_for_it(files: Files, name: str) -> None:
    assert files.place(name) == (files.folder / name).resolve()


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "link.txt", "below/../../secret.txt", "a\0b"])
def test_a_file_outside_the_recipes_folder_is_refused(files: Files, name: str) -> None:
    with pytest.raises(UsageError, match=r"is not inside the recipe's folder|is not the path of a file"):
        files.place(name)


def test_a_file_that_the_user_named_is_taken_wherever_it_is(files: Files, tmp_path: Path) -> None:
    assert files.place(str(tmp_path / "named.txt")) == tmp_path / "named.txt"


def where(project: Project) -> None:
    @action("where")
    def tell(ctx: Context, *, path: str) -> str:
        """Where a file is."""
        return str(ctx.file(path))

    class Teller:
        @hookimpl
        def pinflow_actions(self) -> list[Any]:
            return [tell]

    project.plugins.append(Teller())


def test_a_file_is_looked_for_where_the_user_is(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where(project)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert project.run(RECIPE).outputs == {"at": str(tmp_path / "elsewhere" / "report.csv")}
    assert project.run(RECIPE, inputs={"out": "../mine.csv"}).outputs == {"at": str(tmp_path / "mine.csv")}


def test_the_example_of_a_file_may_lie_beside_the_recipe(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where(project)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    text = RECIPE.replace("default: report.csv", "example: report.csv")
    plan = project.app().plan(project.write(text), inputs={}, examples=True)
    assert plan.inputs == {"out": str(tmp_path / "elsewhere" / "report.csv")}
    own = project.write(text).parent / "report.csv"
    own.touch()
    plan = project.app().plan(project.write(text), inputs={}, examples=True)
    assert plan.inputs == {"out": str(own)}


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "~/x", "a/../../x", "C:/x"])
def test_a_recipe_can_not_name_a_file_outside_its_folder(project: Project, path: str) -> None:
    where(project)
    with pytest.raises(RecipeError, match=r"4:3: the default of input 'out' must be a path below the current folder"):
        project.run(RECIPE.replace("report.csv", path))
