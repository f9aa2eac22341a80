"""The example of plugins/README.md is complete: as one file, and as a distribution."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from .conftest import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Place

README = PROJECT / "plugins" / "README.md"


def example(language: str) -> str:
    """The one block of the page in a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert isinstance(found, str)
    return found


@pytest.fixture
def recipe(fresh: Place) -> Path:
    path = fresh.folder / "recipe.yaml"
    path.write_text(example("yaml"), "utf-8")
    return path


def test_the_example_runs_as_a_file(fresh: Place, recipe: Path) -> None:
    (fresh.folder / "hide_board.py").write_text(example("python"), "utf-8")
    done = fresh.pinflow("run", recipe, "--plugin", "hide_board.py", "--sandbox", "--output", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"] == {"privacy": "SECRET"}


def test_the_example_runs_as_an_installed_distribution(fresh: Place, recipe: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "hide_board.py").write_text(example("python"), "utf-8")
    (source / "pyproject.toml").write_text(example("toml"), "utf-8")
    fresh.install(source)
    done = fresh.pinflow("run", recipe, "--sandbox", "--output", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"] == {"privacy": "SECRET"}
    assert "Make a board secret." in fresh.pinflow("actions", "hide_board").stdout


def test_the_example_is_short() -> None:
    lines = [line for line in example("python").splitlines() if line.strip()]
    assert len(lines) <= 10


def test_every_file_that_the_page_points_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text("utf-8"))
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []
