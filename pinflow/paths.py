"""Where pinflow keeps things: state, caches, and the recipes that come with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def state_folder(environ: Mapping[str, str]) -> Path:
    """Where runs are recorded: PINFLOW_STATE_DIR, else the user's state directory."""
    return _folder(environ, "PINFLOW_STATE_DIR", "state")


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where what can be made again is kept: PINFLOW_CACHE_DIR, else the user's cache directory."""
    return _folder(environ, "PINFLOW_CACHE_DIR", "cache")


def _folder(environ: Mapping[str, str], variable: str, kind: str) -> Path:
    if chosen := environ.get(variable):
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_state_path("pinflow") if kind == "state" else platformdirs.user_cache_path("pinflow")


def current_folder() -> Path:
    """Where pinflow is called; "." where that folder was removed, as may happen to a daemon: nothing is found there."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path()


def bundled_recipes() -> Path:
    """The folder of the recipes that come with pinflow: inside the package, or beside it in a checkout."""
    return _bundled("recipes")


def bundled_templates() -> Path:
    """The folder of what ``pinflow new`` starts from: inside the package, or beside it in a checkout."""
    return _bundled("templates")


def _bundled(name: str) -> Path:
    package = Path(__file__).parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def find_recipe(given: Path) -> Path:
    """The recipe that a person means: the file, else the bundled one of that name.

    ``recipes/copy_board.yaml`` and ``copy_board`` find the bundled one from anywhere.
    """
    try:
        if given.exists() or given.is_absolute():
            return given
    except OSError:  # no file can have such a long name, and whoever reads it says so
        return given
    named = given.name if given.suffix in (".yaml", ".yml") else f"{given.name}.yaml"
    bundled = bundled_recipes() / named
    return bundled if given.parent.name in ("", "recipes") and bundled.is_file() else given
