"""Where pinflow keeps things on this machine: its state and its caches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def state_folder(environ: Mapping[str, str]) -> Path:
    """The folder where runs are recorded: PINFLOW_STATE_DIR, else the user's state directory."""
    return _folder(environ, "PINFLOW_STATE_DIR", "state")


def cache_folder(environ: Mapping[str, str]) -> Path:
    """The folder for what can be made again: PINFLOW_CACHE_DIR, else the user's cache directory."""
    return _folder(environ, "PINFLOW_CACHE_DIR", "cache")


def _folder(environ: Mapping[str, str], variable: str, kind: str) -> Path:
    if folder := environ.get(variable):
        return Path(folder).expanduser()
    import platformdirs  # only here: a start that is told the folder does without it

    return platformdirs.user_state_path("pinflow") if kind == "state" else platformdirs.user_cache_path("pinflow")


def current_folder() -> Path:
    """The current folder; ".", where nothing is found, if it was removed, as may happen to a daemon."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path()
