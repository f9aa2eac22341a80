"""``pinflow new plugin``: what it writes can be installed, tested and run at once, without the network."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from .conftest import Place, call

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def acme(fresh: Place) -> Path:
    """A new plugin's folder, installed as its author does."""
    done = fresh.pinflow("new", "plugin", "acme_pins")
    assert done.returncode == 0, done.stderr
    folder = fresh.folder / "pinflow-acme-pins"
    fresh.install(folder, editable=True)
    return folder


def test_it_is_found_passes_its_tests_and_runs(fresh: Place, acme: Path) -> None:
    home = Place(fresh.root, acme)
    assert " 4 passed in " in home.pytest("-W", "error").stdout
    ran = home.pinflow("run", "recipes/acme_pins.yaml", "--sandbox", "--output", "json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["outputs"]["privacy"] == "SECRET"
    checked = home.pinflow("plugins", "check", "acme_pins")
    said = "acme_pins: ran 1 of 1 actions in 1 recipe and 6 runs: no problems\n"
    assert (checked.returncode, checked.stdout) == (0, said)
    shown = home.pinflow("actions", "acme_pins_hide_board", "--output", "json")
    (action,) = json.loads(shown.stdout)["actions"]
    assert action["plugin"] == "acme_pins"
    assert action["parameters"]["properties"]["board"]["description"] == "the board's id"
    again = fresh.pinflow("new", "plugin", "acme_pins", "--into", "other")
    assert "a plugin 'acme_pins' already exists (pinflow_acme_pins of pinflow-acme-pins 0.1.0)" in again.stderr


def test_its_types_are_right(fresh: Place, acme: Path) -> None:
    mypy = (sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", fresh.root / "mypy")
    finished = call(*mypy, "--python-executable", fresh.python, "pinflow_acme_pins", "tests", folder=acme)
    assert finished.returncode == 0, finished.stdout


def test_its_wheel_brings_types_and_recipe(fresh: Place) -> None:
    assert fresh.pinflow("new", "plugin", "acme").returncode == 0
    fresh.install(fresh.folder / "pinflow-acme")
    package = fresh.packages / "pinflow_acme"
    assert sorted(path.name for path in package.rglob("*.*") if path.suffix != ".pyc") == [
        "__init__.py",
        "acme.yaml",
        "py.typed",
    ]
