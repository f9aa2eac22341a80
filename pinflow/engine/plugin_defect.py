"""An exception in a plugin's code as the failure of one step or item, which names the plugin and the place.

A plugin's mistake must not end a run that could go on. The engine's own mistakes stay what they are: whose code it
was is told by the innermost frame of the traceback that is neither the standard library's nor a library's that
pinflow uses.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pinflow.engine.run_frame import current_frame
from pinflow.errors import PinflowError, PluginDefect, ends_program
from pinflow.masking.known import harmless_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from pinflow.plugin.registry import PluginInfo

_LIBRARIES = sys.stdlib_module_names | {"requests", "urllib3", "pluggy", "yaml"}
# what plugins call: an argument that it refuses is the plugin's mistake. Elsewhere in pinflow it is pinflow's
_SURFACE = ("pinflow.http.", "pinflow.engine.context", "pinflow.engine.durable", "pinflow.errors")
_REFUSALS = (ValueError, TypeError, LookupError)


def plugin_defect(error: BaseException, plugins: Sequence[PluginInfo]) -> PluginDefect | None:
    """The failure that an exception in a plugin's code is; None for pinflow's own errors and defects, and for stops.

    The exception's text may hold anything: what may be a secret in it is left out.
    """
    if isinstance(error, PinflowError | BrokenPipeError) or ends_program(error):
        return None  # a broken pipe: whoever read what the run tells is gone
    place = _find_place(error)
    if place is None:
        return None
    module, file, line = place
    action = current_frame().action
    info = _find_plugin(module, action, plugins)
    where = f" in the plugin {_title(info)}" if info is not None else ""
    at_work = f", in action {action!r}" if action else ""
    text = harmless_words(error)
    return PluginDefect(
        f"{type(error).__name__} at {file}:{line}{where}{at_work}{f': {text}' if text else ''}",
        hint="the mistake is in the plugin's code, not in the recipe: tell the plugin's author",
    )


def _find_place(error: BaseException) -> tuple[str, str, int] | None:
    """Module, file and line of the plugin's code that raised; None if it was pinflow's."""
    refused = isinstance(error, _REFUSALS)
    for frame, line in reversed(list(_frames(error))):
        module = str(frame.f_globals.get("__name__", ""))
        root = module.partition(".")[0]
        if root == "pinflow" and not (refused and f"{module}.".startswith(_SURFACE)):
            return None
        if root not in _LIBRARIES and root != "pinflow":
            return module, _short_file(module, frame.f_code.co_filename), line
    return None


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _short_file(module: str, file: str) -> str:
    """The file of a module from its package on: "shop/actions.py"."""
    parts = Path(file).parts
    number = module.count(".") + (2 if parts[-1:] == ("__init__.py",) else 1)
    return "/".join(parts[-number:])


def _find_plugin(module: str, action: str, plugins: Sequence[PluginInfo]) -> PluginInfo | None:
    """The plugin that a module belongs to, else the one that offers the action: several may share a package."""
    root = module.partition(".")[0]
    own = [info for info in plugins if root in (info.module.partition(":")[0].partition(".")[0], info.name)]
    offering = [info for info in plugins if f"action {action}" in info.offers]
    return next((info for info in offering if info in own), None) or next(iter([*own, *offering]), None)


def _title(info: PluginInfo) -> str:
    origin = f"{info.distribution} {info.version}".strip() or Path(info.module).name
    return f"{info.name} ({origin})"
