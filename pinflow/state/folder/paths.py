"""Where pinflow keeps things on this machine: its state and its caches."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # imported before the help of the program, which must not wait for pathlib and typing
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LINUX = sys.platform == "linux"


def state_folder(environ: Mapping[str, str]) -> Path:
    """The folder where runs are recorded: PINFLOW_STATE_DIR, else the user's state directory."""
    from pathlib import Path

    return Path(_folder(environ, "state"))


def cache_file(environ: Mapping[str, str], name: str) -> str:
    """A file for what can be made again, in PINFLOW_CACHE_DIR, else in the user's cache directory."""
    return os.path.join(_folder(environ, "cache"), name)  # noqa: PTH118


def _folder(environ: Mapping[str, str], kind: str) -> str:
    if chosen := environ.get(f"PINFLOW_{kind.upper()}_DIR"):
        return os.path.expanduser(chosen)  # noqa: PTH111
    if _LINUX:  # as platformdirs finds it, whose import costs 6 ms
        base = environ.get(f"XDG_{kind.upper()}_HOME", "")
        usual = "~/.local/state" if kind == "state" else "~/.cache"
        base = base if os.path.isabs(base) else os.path.expanduser(usual)  # noqa: PTH111, PTH117
        return os.path.join(base, "pinflow")  # noqa: PTH118
    import platformdirs

    return platformdirs.user_state_dir("pinflow") if kind == "state" else platformdirs.user_cache_dir("pinflow")


def current_folder() -> Path:
    """The current folder; ".", where nothing is found, if it was removed, as may happen to a daemon."""
    from pathlib import Path

    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path()
