"""Which commands there are. A command's module is imported only when it is called for."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pinflow.cli.shell import Shell
    from pinflow.plugin.contributions import Command

Listed = tuple[str, str, str]  # name, group, help
RUN, WRITE, HERE = "Run recipes", "Write recipes", "This installation"


@dataclass(frozen=True, slots=True)
class Entry:
    """A command of pinflow's own: its module is ``pinflow.cli.<name>``."""

    name: str
    group: str
    help: str


BUILT_IN = (
    Entry("run", RUN, "run a recipe"),
    Entry("resume", RUN, "continue a run that was paused, stopped or failed"),
    Entry("schedule", RUN, "run recipes by themselves, when they are due"),
    Entry("tick", RUN, "run what is due now, and exit: for cron, timers and CI"),
    Entry("runs", RUN, "list runs, or show one"),
    Entry("undo", RUN, "delete what a run made"),
    Entry("approve", RUN, "let a recipe write with nobody there, on a schedule"),
    Entry("notify", RUN, "what runs with nobody there have told of; try the notifiers"),
    Entry("quota", RUN, "what is used of each quota, and what is left"),
    Entry("new", WRITE, "start a recipe, or a plugin"),
    Entry("validate", WRITE, "find every mistake in recipes; sends nothing"),
    Entry("actions", WRITE, "list what recipes can do, or show one action"),
    Entry("schema", WRITE, "print the JSON Schema of recipes, for editors"),
    Entry("plugins", HERE, "list the plugins and what they offer"),
    Entry("completion", HERE, "print a completion script for a shell"),
)
RESERVED = frozenset({"help", *(entry.name for entry in BUILT_IN)})  # names that no command of a plugin may have


class CommandModule(Protocol):
    """What each command's module has. ``OUTPUTS`` are the forms in which it can answer."""

    DESCRIPTION: str
    EXAMPLES: str
    OUTPUTS: Sequence[str]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace, shell: Shell) -> int: ...


def module_of(name: str) -> CommandModule:
    """The module of a command of pinflow's own."""
    return cast("CommandModule", import_module(f"pinflow.cli.{name}"))


def offered(shell: Shell) -> Mapping[str, Command]:
    """The commands of plugins, by name. Asks plugins for nothing else, so that it costs little. Raises PluginError."""
    return _loaded(shell)[0]


def _loaded(shell: Shell) -> tuple[Mapping[str, Command], list[str]]:
    """The commands of plugins, and the modules that were asked."""
    from pinflow.plugin import loader
    from pinflow.state.folder.paths import cache_folder

    cache = cache_folder(shell.environ) / "plugins.json"
    manager, infos = loader.load_installed(shell.environ, cache, files=shell.options.plugins)
    offers = loader.commands(manager, infos, reserved=shell.reserved)
    commands = {name: offers[name] for name in sorted(offers)}
    return commands, [info.module.partition(":")[0] for info in infos]


def listed(shell: Shell) -> list[Listed]:
    """Name, group and help of the plugins' commands, for the overview. Raises PluginError.

    Loading every plugin costs several times the rest of a start, so the answer is kept
    until a folder that Python imports from, or a plugin's own module, changes.
    """
    from pinflow.state.folder.paths import cache_folder

    if shell.options.plugins:
        return _rows(offered(shell))
    kept = cache_folder(shell.environ) / "commands.json"
    rows = _read(kept, shell)
    if rows is None:
        commands, modules = _loaded(shell)
        rows = _rows(commands)
        _keep(kept, shell, rows, modules)
    return rows


def _rows(commands: Mapping[str, Command]) -> list[Listed]:
    return [(each.name, each.group, each.help) for each in commands.values()]


def _read(kept: Path, shell: Shell) -> list[Listed] | None:
    try:
        data = json.loads(kept.read_text("utf-8"))
        if data["stamp"] != _stamp(shell, data["files"]):
            return None
        return [(str(name), str(group), str(text)) for name, group, text in data["commands"]]
    except (OSError, ValueError, TypeError, KeyError):
        return None  # asking the plugins is always right


def _keep(kept: Path, shell: Shell, rows: list[Listed], modules: list[str]) -> None:
    files = [str(getattr(sys.modules.get(module), "__file__", None) or "") for module in modules]
    fresh = kept.with_name(f"{kept.name}.{os.getpid()}")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps({"stamp": _stamp(shell, files), "files": files, "commands": rows}), "utf-8")
        fresh.replace(kept)
    except OSError:
        return  # what can't be kept only costs time


def _stamp(shell: Shell, files: list[str]) -> list[str]:
    parts = [sys.version, sys.prefix, shell.environ.get("PINFLOW_DISABLE", "")]
    for path in (*sys.path, *files):
        try:
            parts.append(f"{path}={os.stat(path or '.').st_mtime_ns}")  # noqa: PTH116 - 3 times faster, on every help
        except OSError:
            parts.append(f"{path}=absent")
    return parts
