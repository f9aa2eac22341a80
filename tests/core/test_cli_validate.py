"""``pinflow validate`` of several recipes at once: files, names and folders."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli import Cli

RIGHT = "{name: Right, api: v5, steps: [{uses: get_user}]}"
WRONG = "name: Wrong\napi: v5\nsteps:\n  - {uses: get_usr}\n  - {uses: get_bord}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder's folder of recipes."""
    (tmp_path / "jobs/deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "jobs"


def test_a_folder_is_checked_with_all_that_is_below_it(cli: Cli, folder: Path) -> None:
    (folder / "a.yaml").write_text(RIGHT)
    (folder / "deep/b.yml").write_text(RIGHT)
    (folder / "deep/notes.txt").write_text("steps: none")
    assert cli("validate", "jobs") == 0
    assert [line.partition(":")[0] for line in cli.stdout.splitlines()] == ["jobs/a.yaml", "jobs/deep/b.yml"]
    assert cli.stderr == "2 recipes: 2 ok, 0 with mistakes\n"


def test_one_mistake_makes_the_whole_folder_wrong_and_the_others_are_checked_all_the_same(
    cli: Cli, folder: Path
) -> None:
    (folder / "a.yaml").write_text(WRONG)
    (folder / "b.yaml").write_text(RIGHT)
    assert cli("validate", "jobs") == 2
    assert "jobs/a.yaml:4:" in cli.stderr and "jobs/a.yaml:5:" in cli.stderr
    assert "jobs/b.yaml: ok" in cli.stdout
    assert cli.stderr.endswith("2 recipes: 1 ok, 1 with mistakes\n")


def test_yaml_that_is_something_else_is_skipped_and_told(cli: Cli, folder: Path) -> None:
    (folder / "a.yaml").write_text(RIGHT)
    (folder / "compose.yaml").write_text("services: {web: {image: nginx}}\n")
    (folder / "ci.yaml").write_text("jobs:\n  test:\n    steps:\n      - run: make\n")
    (folder / "empty.yml").write_text("")
    (folder / ".hidden.yaml").write_text(WRONG)
    (folder / ".github").mkdir()
    (folder / ".github/ci.yaml").write_text(WRONG)
    assert cli("validate", "jobs") == 0
    assert cli.stderr == (
        "jobs/ci.yaml: skipped, it isn't a recipe: it has no steps\n"
        "jobs/compose.yaml: skipped, it isn't a recipe: it has no steps\n"
        "jobs/empty.yml: skipped, it isn't a recipe: it has no steps\n"
        "1 recipe: 1 ok, 0 with mistakes; 3 skipped\n"
    )
    data = cli.data("validate", "jobs")
    assert [skipped["file"] for skipped in data["skipped"]][1:] == ["jobs/compose.yaml", "jobs/empty.yml"]
    assert cli("validate", "jobs", "-q") == 0
    assert cli.stderr == ""


@pytest.mark.parametrize(
    "text",
    ["steps: [{uses: get_user\n", "pinflow: 1\n", '{"steps": 3}', "# a\n{name: x,\n steps: [", "\ufeffsteps: ["],
)
def test_a_recipe_whose_text_is_broken_is_not_taken_for_something_else(cli: Cli, folder: Path, text: str) -> None:
    (folder / "a.yaml").write_text(text)
    assert cli("validate", "jobs") == 2
    assert "jobs/a.yaml:" in cli.stderr and "skipped" not in cli.stderr


def test_a_named_file_is_checked_whatever_it_is(cli: Cli, folder: Path) -> None:
    (folder / "compose.yaml").write_text("services: {}\n")
    assert cli("validate", "jobs/compose.yaml") == 2
    assert "jobs/compose.yaml:1:1:" in cli.stderr
    assert cli("validate", "jobs/nothing.yaml") == 2
    assert "jobs/nothing.yaml: no such file" in cli.stderr


def test_a_folder_without_recipes_is_a_mistake(cli: Cli, folder: Path) -> None:
    assert cli("validate", "jobs", "copy_board") == 2
    assert "there is no recipe in jobs" in cli.stderr
    assert "copy_board: ok" in cli.stdout


def test_a_part_of_other_recipes_is_right_where_one_that_includes_it_is(cli: Cli, folder: Path) -> None:
    part = "{name: Part, api: v5, steps: [{uses: get_board, with: {board: '${{ inputs.board }}'}}]}"
    (folder / "deep/part.yaml").write_text(part)
    assert cli("validate", "jobs") == 2
    outer = "{name: Outer, api: v5, inputs: {board: {type: board, required: true}}, steps: [{include: deep/part.yaml}]}"
    (folder / "z.yaml").write_text(outer.replace("deep/part", "deep/nothing"))
    assert cli("validate", "jobs") == 2
    (folder / "z.yaml").write_text(outer)
    assert cli("validate", "jobs") == 0, cli.stderr
    assert "jobs/deep/part.yaml: ok as a part of jobs/z.yaml" in cli.stdout
    _, part_data = cli.data("validate", "jobs")["recipes"]
    assert part_data == {"file": "jobs/deep/part.yaml", "ok": True, "included_by": "jobs/z.yaml"}


def test_several_folders_files_and_names_are_checked_each_once(cli: Cli, folder: Path) -> None:
    (folder / "a.yaml").write_text(RIGHT)
    assert cli("validate", "jobs", "jobs/a.yaml", "get_user", "./jobs") == 0
    assert [line.partition(":")[0] for line in cli.stdout.splitlines()] == ["jobs/a.yaml", "get_user"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_a_pipe_is_not_waited_for_and_a_link_to_nothing_is_told(cli: Cli, folder: Path) -> None:
    (folder / "a.yaml").write_text(RIGHT)
    os.mkfifo(folder / "pipe.yaml")
    assert cli("validate", "jobs") == 0
    (folder / "gone.yaml").symlink_to("nothing.yaml")
    assert cli("validate", "jobs") == 2
    assert "jobs/gone.yaml: no such file" in cli.stderr


def test_a_link_round_in_a_circle_ends(cli: Cli, folder: Path) -> None:
    (folder / "a.yaml").write_text(RIGHT)
    (folder / "deep/up").symlink_to(folder)
    assert cli("validate", "jobs") == 0
    assert cli.stderr.startswith("1 recipe:")
