"""Python, plugins and variables."""

from __future__ import annotations

import platform
import re
import shutil
import sys
from typing import TYPE_CHECKING

from pinflow import __version__
from pinflow.plugin.contributions import Finding
from pinflow.plugin.variables import all_variables
from pinflow.suggestions import suggest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinflow.app import App


def examine_python(app: App) -> Iterator[Finding]:
    """The version of both, where they are, and whether the command is found."""
    system = f"{platform.system()} {platform.release()}"
    yield Finding(topic="pinflow", text=f"{__version__}, with Python {platform.python_version()} on {system}")
    yield Finding(topic="python", text=sys.executable or "unknown")
    command = shutil.which("pinflow", path=app.environ.get("PATH"))
    if command is None:
        yield Finding(
            topic="command",
            text="pinflow is not on the PATH: it must be typed with its folder",
            hint="activate its environment (. .venv/bin/activate), or install it with pipx or uv tool",
            level="note",
        )
    else:
        yield Finding(topic="command", text=command)


def examine_plugins(app: App) -> Iterator[Finding]:
    """How many are loaded, whose they are, and which wait."""
    others = sorted({plugin.distribution or plugin.name for plugin in app.registry.plugins} - {"pinflow"})
    more = f"; of others: {', '.join(others)}" if others else ""
    if app.registry.plugins:
        yield Finding(topic="plugins", text=f"{len(app.registry.plugins)} loaded{more}")
    else:
        yield Finding(
            topic="plugins",
            text="none is loaded, so that there are no actions",
            hint="install pinflow again",
            level="problem",
        )
    for plugin in app.registry.held:
        yield Finding(
            topic="plugins",
            text=f"{plugin.name} is not loaded: {plugin.held}",
            hint=f"to allow it: pinflow plugins allow {plugin.distribution or plugin.name}",
            level="note",
        )


def examine_variables(app: App) -> Iterator[Finding]:
    """Which variables of pinflow and its services are set, without values; and those that look like one and are not."""
    table = all_variables(app.registry)
    plain = {name for name in table if "<" not in name}
    patterns = [re.sub(r"<\w+>", r"\\w+", name) for name in table if "<" in name and not name.startswith("<")]
    services = [re.sub(r"\W", "_", api.service).upper() for api in app.registry.apis.values()]
    ours = re.compile(rf"(?:PINFLOW|{'|'.join(services)})_\w+" if services else r"PINFLOW_\w+")
    wanted = sorted(name for name in app.environ if app.environ[name] and (name in plain or ours.fullmatch(name)))
    known = [name for name in wanted if name in plain or any(re.fullmatch(pattern, name) for pattern in patterns)]
    shown = [name for name in known if ours.fullmatch(name) or "TOKEN" in name]
    yield Finding(topic="variables", text=f"set: {', '.join(shown)}" if shown else "none of pinflow's own is set")
    for name in wanted:
        if name not in known:
            hint = suggest(name, sorted(plain), "")
            yield Finding(
                topic="variables",
                text=f"{name} is set, and pinflow has no such variable",
                hint=hint if hint.startswith("did you mean") else "pinflow docs variables lists them",
                level="note",
            )
