"""The example of plugins/README.md is complete: as one file, and as a distribution."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from .conftest import PROJECT, done

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Place

README = PROJECT / "plugins" / "README.md"


def example(language: str, which: int = 0) -> str:
    """A block of the page in a language, the first if nothing is said."""
    page = README.read_text("utf-8")
    found: list[str] = re.findall(rf"^```{language}\b[^\n]*\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    return found[which]


@pytest.fixture
def recipe(fresh: Place) -> Path:
    path = fresh.folder / "recipe.yaml"
    path.write_text(example("yaml"), "utf-8")
    return path


def test_the_example_runs_as_a_file(fresh: Place, recipe: Path) -> None:
    (fresh.folder / "hide_board.py").write_text(example("python"), "utf-8")
    ran = fresh.pinflow("run", recipe, "--plugin", "hide_board.py", "--sandbox", "--output", "json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["outputs"] == {"privacy": "SECRET"}


def test_the_example_runs_as_an_installed_distribution(fresh: Place, recipe: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "hide_board.py").write_text(example("python"), "utf-8")
    (source / "pyproject.toml").write_text(example("toml"), "utf-8")
    fresh.install(source)
    ran = fresh.pinflow("run", recipe, "--sandbox", "--output", "json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["outputs"] == {"privacy": "SECRET"}
    assert "Make a board secret." in fresh.pinflow("actions", "hide_board").stdout


def test_the_example_keeps_the_contract(fresh: Place, recipe: Path) -> None:
    (fresh.folder / "hide_board.py").write_text(example("python"), "utf-8")
    checked = fresh.pinflow("plugins", "check", "hide_board", "--plugin", "hide_board.py", "--recipe", recipe)
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (
        0,
        "hide_board: ran 1 of 1 actions in 1 recipe and 6 runs: no problems",
    )


def test_the_examples_test_passes(fresh: Place, recipe: Path) -> None:
    (fresh.folder / "hide_board.py").write_text(example("python"), "utf-8")
    (fresh.folder / "test_hide_board.py").write_text(example("python", 1), "utf-8")
    said = fresh.pytest().stdout
    assert "2 passed" in said, said


GUARDED = """
import os
import socket
from pathlib import Path

HOME = Path.home()

def test_network(project):
    socket.create_connection(("192.0.2.1", 443))

def test_home(project):
    (HOME / ".netrc").read_text()

def test_without_the_fixture():
    assert Path.home() == HOME
"""


def test_a_test_that_leaves_its_place_fails(fresh: Place) -> None:
    (fresh.folder / "test_guarded.py").write_text(GUARDED, "utf-8")
    said = fresh.pytest().stdout
    assert "192.0.2.1:443, which is another machine" in said
    assert ".netrc, which is in the user's home folder" in said
    assert "2 failed, 1 passed" in said


def test_pytest_pays_next_to_nothing_for_the_fixture(fresh: Place) -> None:
    code = "import sys, pinflow.testing.fixtures; print(*sorted(n for n in sys.modules if n.startswith('pinflow')))"
    loaded = done(fresh.python, "-c", code, folder=fresh.folder).split()
    assert loaded == ["pinflow", "pinflow.testing", "pinflow.testing.fixtures"]


def test_the_ten_minutes_are_what_the_program_says(fresh: Place) -> None:
    said = fresh.pinflow("new", "plugin", "acme").stderr.splitlines()
    shown = re.sub(" +#.*", "", example("sh")).replace(" && ", "\n").splitlines()
    assert shown == ["pinflow new plugin acme", *(line.strip() for line in said[1:])]


def test_the_example_is_short() -> None:
    lines = [line for line in example("python").splitlines() if line.strip()]
    assert len(lines) <= 10


def test_every_file_that_the_page_points_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text("utf-8"))
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []
