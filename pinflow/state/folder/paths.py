"""Where pinflow keeps things on this machine: its state and its caches."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # imported before the help of the program, which must not wait for pathlib and typing
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LINUX = sys.platform == "linux"


# a file has no folder in it: nothing is found there, and nothing can be written
_NOWHERE = os.path.join(os.devnull, "pinflow")  # noqa: PTH118


def state_folder(environ: Mapping[str, str]) -> Path:
    """The folder where runs are recorded: PINFLOW_STATE_DIR, else the user's state directory.

    Raises StateError if neither is known, as in a container whose user has no home folder.
    """
    if (folder := find_state_folder(environ)) is not None:
        return folder
    from pinflow.errors import StateError

    chosen = environ.get("PINFLOW_STATE_DIR", "")
    why = (
        f"{chosen.partition('/')[0]} of PINFLOW_STATE_DIR is nobody's home folder"
        if chosen
        else "HOME is not an absolute path, and this user has no home folder"
    )
    raise StateError(
        f"there is no place for what pinflow keeps: {why}",
        hint="name a folder of yours with PINFLOW_STATE_DIR=/a/folder",
    )


def find_state_folder(environ: Mapping[str, str]) -> Path | None:
    """The folder where runs are recorded, or None if no place for it is known."""
    from pathlib import Path

    folder = _folder(environ, "state")
    return Path(folder) if folder else None


def cache_file(environ: Mapping[str, str], name: str) -> str:
    """A file for what can be made again, in PINFLOW_CACHE_DIR, else in the user's cache directory.

    A user without a home folder has it below PINFLOW_STATE_DIR; without that, nothing can be kept there.
    """
    folder = _folder(environ, "cache")
    if not folder:
        state = _folder(environ, "state") if environ.get("PINFLOW_STATE_DIR") else ""
        folder = os.path.join(state, "cache") if state else _NOWHERE  # noqa: PTH118
    return os.path.join(folder, name)  # noqa: PTH118


def expand_home(path: str) -> str:
    """A path with the home folder in place of a ``~`` at its beginning; as it is where nobody has that home."""
    return os.path.expanduser(path)  # noqa: PTH111 - Path.expanduser() raises where nobody has one


def _folder(environ: Mapping[str, str], kind: str) -> str:
    """The folder of a kind; "" if it is in a home folder that isn't known."""
    if chosen := environ.get(f"PINFLOW_{kind.upper()}_DIR"):
        folder = expand_home(chosen)
        return "" if folder == chosen and chosen.startswith("~") else folder
    if _LINUX:  # as platformdirs finds it, whose import costs 6 ms
        base = environ.get(f"XDG_{kind.upper()}_HOME", "")
        usual = "~/.local/state" if kind == "state" else "~/.cache"
        base = base if os.path.isabs(base) else expand_home(usual)  # noqa: PTH117
        return os.path.join(base, "pinflow") if os.path.isabs(base) else ""  # noqa: PTH117, PTH118
    import platformdirs

    folder = platformdirs.user_state_dir("pinflow") if kind == "state" else platformdirs.user_cache_dir("pinflow")
    return folder if os.path.isabs(folder) else ""  # noqa: PTH117


def current_folder() -> Path:
    """The current folder; ".", where nothing is found, if it was removed, as may happen to a daemon."""
    from pathlib import Path

    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path()
