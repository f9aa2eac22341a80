"""Which state is used: the folder, or what PINFLOW_STATE names and a plugin offers."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from pinflow.errors import UsageError
from pinflow.state.folder.paths import state_folder
from pinflow.state.folder.state import FolderState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pinflow.clock import Clock
    from pinflow.state.protocol import State

VARIABLE = "PINFLOW_STATE"
_NONE: Mapping[str, Callable[[str, Clock], State]] = MappingProxyType({})


def open_state(
    environ: Mapping[str, str],
    clock: Clock,
    *,
    folder: Path | None = None,
    offers: Mapping[str, Callable[[str, Clock], State]] = _NONE,
) -> State:
    """The state in ``folder``, else what the environment chooses: a folder as well, unless PINFLOW_STATE is set.

    ``offers`` are by scheme: "postgresql". Raises UsageError for a path, and for a scheme
    that nothing installed offers; neither message shows the address, which may hold a password.
    """
    address = environ.get(VARIABLE, "")
    if folder is not None or not address:
        return FolderState(folder or state_folder(environ), clock)
    scheme, separator, _ = address.partition("://")
    if not separator:
        raise UsageError(
            f"{VARIABLE} must be an address such as postgresql://host/database, not a path",
            hint="name a folder with PINFLOW_STATE_DIR",
        )
    if scheme not in offers:
        raise UsageError(
            f"{VARIABLE}: no installed plugin offers a state at {scheme[:40]}://",
            hint="install one, as with: pip install 'pinflow[cluster]'; or unset it to use a folder",
        )
    return offers[scheme](address, clock)
