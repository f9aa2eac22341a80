"""The wheel holds all that pinflow needs and nothing else, and works from any folder."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.security import secret_scan

from .conftest import PROJECT, Place, done

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = (
    PROJECT / "pinflow",
    *(p.parent for root in ("common", "plugins") for p in (PROJECT / root).glob("*/__init__.py")),
)
RECIPE_FILES = sorted(path.name for path in (PROJECT / "recipes").iterdir())  # and the tables they are tried with
RECIPES = [name for name in RECIPE_FILES if name.endswith(".yaml")]

NOT_COPIED = (
    ".git",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
    "*.egg-info",
    ".doctrees",
)  # what tools of this checkout left


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_holds_every_package_with_its_types(wheel: Path) -> None:
    held = names(wheel)
    packages = {source.name for source in SOURCES}
    assert {"pinflow", "pinflow_auth", "pinflow_pinterest", "pinflow_pinterest_v5", "pinflow_sandbox"} <= packages
    assert {name.partition("/")[0] for name in held if ".dist-info/" not in name} == packages
    for package in packages:
        assert f"{package}/py.typed" in held
    assert "pinflow_pinterest/catalogue/catalogue.json" in held


def test_every_module_of_the_checkout_is_in_the_wheel(wheel: Path) -> None:
    held = set(names(wheel))
    for source in SOURCES:
        modules = {path.relative_to(source.parent).as_posix() for path in source.rglob("*.py")}
        assert modules <= held


def test_every_recipe_is_in_the_wheel(wheel: Path) -> None:
    assert RECIPES
    assert sorted(n.rpartition("/")[2] for n in names(wheel) if n.startswith("pinflow/recipes/")) == RECIPE_FILES


def test_every_template_is_in_the_wheel(wheel: Path) -> None:
    root = PROJECT / "templates"
    templates = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = {name.removeprefix("pinflow/templates/") for name in names(wheel) if name.startswith("pinflow/templates/")}
    assert {"plugin/.gitignore", "plugin/pinflow_acme/py.typed", "recipe/loop.yaml"} <= templates
    assert held == templates


def test_every_page_that_somebody_wrote_is_in_the_wheel_and_nothing_that_builds_the_site(wheel: Path) -> None:
    held = {name.removeprefix("pinflow/docs/") for name in names(wheel) if name.startswith("pinflow/docs/")}
    root = PROJECT / "docs"
    pages = {path.relative_to(root).as_posix() for path in root.rglob("*.md")}
    assert "index.md" in pages
    made = ("facts/", "site/")
    assert {name for name in held if not name.startswith(made)} == {name for name in pages if not name.startswith(made)}


def test_pages_are_shown_where_only_the_wheel_is(place: Place) -> None:
    listed = done(place.program, "docs", "--names", folder=place.folder).splitlines()
    assert {"index", "facts/expressions", "facts/operations/boards"} <= set(listed)
    assert done(place.program, "docs", "facts/exit-codes", folder=place.folder).startswith("# Exit codes\n")
    start = done(place.program, "docs", "index", "--path", folder=place.folder).strip()
    assert start.startswith(str(place.packages / "pinflow" / "docs"))


def test_the_built_site_goes_along_where_it_was_built(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(PROJECT, checkout, ignore=shutil.ignore_patterns(*NOT_COPIED, "site", "tests"))
    for name in ("index.html", "facts/limits.html", "searchindex.js", "_static/pinflow.css", ".doctrees/index.doctree"):
        file = checkout / "docs" / "site" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    (checkout / "tests").mkdir()
    done(sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, checkout, folder=tmp_path)
    (built,) = tmp_path.glob("*.whl")
    held = {name.removeprefix("pinflow/docs/site/") for name in names(built) if name.startswith("pinflow/docs/site/")}
    assert held == {"index.html", "facts/limits.html", "searchindex.js", "_static/pinflow.css"}


def test_nothing_private_and_no_test_is_in_the_wheel(wheel: Path) -> None:
    # a new plugin has tests, and the theme of the site a folder of scripts
    held = [name for name in names(wheel) if not name.startswith(("pinflow/templates/", "pinflow/docs/site/_static/"))]
    parts = {part for name in held for part in name.split("/")}
    assert parts.isdisjoint(
        {"tests", "oauth_tokens", "scripts", "common", "plugins", ".ci", "conftest.py", "__pycache__"}
    )


# what lies about in somebody's checkout, and must reach nobody else
LITTER = (
    "environment",
    "common/scripts/environment",
    "pinflow/environment",
    "recipes/environment",
    ".env",
    "plugins/pinflow_auth/.env",
    "common/scripts/api_app_credentials",
    "common/oauth_tokens/access_token.json",
    "id_rsa",
    "notes.txt",
    "out/report.csv",
    "my_recipe.yaml",
)


@pytest.fixture(scope="module")
def littered(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    """What is in the source distribution and in the wheel of a checkout with `LITTER` in it."""
    folder = tmp_path_factory.mktemp("littered")
    checkout = folder / "checkout"
    shutil.copytree(PROJECT, checkout, ignore=shutil.ignore_patterns(*NOT_COPIED))
    for name in LITTER:
        path = checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("PINTEREST_APP_SECRET=x\n", "utf-8")
    build = (sys.executable, "-m", "build", "--sdist", "--wheel", "--no-isolation", "--outdir", folder / "dist")
    done(*build, checkout, folder=folder)
    (packed,), (wheel,) = (folder / "dist").glob("*.tar.gz"), (folder / "dist").glob("*.whl")
    with tarfile.open(packed) as archive:
        inside = [member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()]
    return inside, names(wheel)


def test_the_source_distribution_holds_what_is_named_and_no_secrets(littered: tuple[list[str], list[str]]) -> None:
    inside, _ = littered
    assert {"pinflow/app.py", "tests/core/test_plugins.py", "README.md", "pyproject.toml", "PKG-INFO"} <= set(inside)
    tops = {
        "common",
        "docs",
        "pinflow",
        "plugins",
        "recipes",
        "templates",
        "tests",
        ".gitignore",
        "pyproject.toml",
        "PKG-INFO",
    }
    pages = {"ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md"}
    assert {name.partition("/")[0] for name in inside} <= tops | pages
    assert sorted(set(LITTER) & set(inside)) == []
    assert [name for name in inside if secret_scan.NAMES.search(name)] == []


def test_the_wheel_holds_no_secrets_and_nothing_that_nobody_named(littered: tuple[list[str], list[str]]) -> None:
    _, inside = littered
    assert [name for name in inside if name.rpartition("/")[2] in {path.rpartition("/")[2] for path in LITTER}] == []
    assert [name for name in inside if secret_scan.NAMES.search(name)] == []
    ours = [name for name in inside if not re.search(r"\.dist-info/|/templates/|pinflow/docs/site/", name)]
    assert {name.rpartition(".")[2] for name in ours} <= {"py", "typed", "json", "yaml", "csv", "md"}


def test_a_wheel_from_the_source_distribution_is_the_same(wheel: Path, tmp_path: Path) -> None:
    done(sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, PROJECT, folder=tmp_path)
    (other,) = tmp_path.glob("*.whl")
    assert sorted(names(other)) == sorted(names(wheel))


def test_every_plugin_is_found_and_the_recipes_are_inside_the_package(place: Place) -> None:
    plugins = json.loads(place.pinflow("plugins", "--output", "json").stdout)["plugins"]
    own = {each["name"]: each for each in plugins if each["distribution"] == "pinflow"}
    assert {"pinflow_auth", "pinflow_pinterest_v5", "pinflow_sandbox"} <= own.keys()
    assert "action v5.copy_board" in own["pinflow_pinterest_v5"]["offers"]
    code = "from pinflow.recipe.bundled import bundled_recipes as b; print(b(), *sorted(p.name for p in b().iterdir()))"
    folder, *listed = done(place.python, "-c", code, folder=place.folder).split()
    assert folder == str(place.packages / "pinflow" / "recipes")
    assert listed == RECIPE_FILES


def test_the_program_tells_its_version(place: Place) -> None:
    assert done(place.program, "--version", folder=place.folder) == "pinflow 0.1.0\n"


def test_every_bundled_recipe_is_valid_by_its_name_alone(place: Place) -> None:
    for name in RECIPES:
        assert name.removesuffix(".yaml") in done(
            place.program, "validate", name.removesuffix(".yaml"), folder=place.folder
        )


def test_a_bundled_recipe_runs_against_the_sandbox(place: Place) -> None:
    said = done(place.program, "run", "copy_board", "--sandbox", "--output", "json", folder=place.folder)
    run = json.loads(said)
    assert run["status"] == "ok"
    assert run["counts"]["board"] == {"done": 1}
    assert run["counts"]["pin"]["done"] > 0
    assert list(place.folder.iterdir()) == []
