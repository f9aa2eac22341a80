"""A recipe reaches the files of its own folder, and those that its user named; nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import Context, action, hookimpl
from pinflow.errors import RecipeError
from pinflow.schema.file_names import is_secret_name
from tests.run_contexts import files_of

if TYPE_CHECKING:
    from pathlib import Path

    from pinflow.engine.file_access import Files
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
    (folder / "below").mkdir(parents=True)
    (tmp_path / "secret.txt").touch()
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "here.txt").symlink_to(folder / "there.txt")
    (folder / "elsewhere").symlink_to(tmp_path)
    return files_of(folder, tmp_path / "named.bin", tmp_path / "link.bin")


@pytest.mark.parametrize("name", ["a.txt", "below/a.TXT", "./a.csv", "below/../a.json", "Gärten/ä.png", "below//a.md"])
def test_a_file_of_the_recipes_folder_is_there_for_it(files: Files, tmp_path: Path, name: str) -> None:
    assert files.place(name) == tmp_path / "recipes" / os.path.normpath(name)


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


@pytest.mark.parametrize(
    ("path", "is_secret"),
    [("/dev/shm/table.csv", False), ("/dev/fd/0", True), ("/dev/shmoo/a.csv", True), ("/dev/shm/.env", True)],
)
def test_a_file_system_in_memory_holds_ordinary_files(path: str, is_secret: bool) -> None:
    assert is_secret_name(path) is is_secret
