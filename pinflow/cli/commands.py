"""The commands of pinflow and its plugins. A command's module is imported only when it runs."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from pinflow.errors import StateError
from pinflow.lazy_dataclass import dataclass

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from pinflow.cli.shell import Shell
    from pinflow.plugin.contributions import Command
    from pinflow.plugin.registry import PluginInfo

RUN, WRITE, LOOK, HERE = "Run recipes", "Write recipes", "Look things up", "This installation"


@dataclass(frozen=True, slots=True)
class Entry:
    """A command of pinflow's own: its module is ``pinflow.cli.<name>``."""

    name: str
    group: str
    help: str


BUILT_IN = (
    Entry("run", RUN, "run a recipe"),
    Entry("resume", RUN, "continue a run that was paused, stopped or failed"),
    Entry("schedule", RUN, "run recipes on their schedules"),
    Entry("tick", RUN, "run what is due now, then exit: for cron, timers and CI"),
    Entry("runs", RUN, "list runs, or show one"),
    Entry("undo", RUN, "delete what a run made"),
    Entry("approve", RUN, "allow a recipe to make changes unattended"),
    Entry("notify", RUN, "show open alerts; send a test"),
    Entry("quota", RUN, "show how much of each quota is used and left"),
    Entry("new", WRITE, "create a recipe or a plugin"),
    Entry("validate", WRITE, "find every mistake in recipes; sends nothing"),
    Entry("schema", WRITE, "print the JSON Schema of recipes, for editors"),
    Entry("recipes", LOOK, "list the recipes that are there, or show one"),
    Entry("actions", LOOK, "list the actions of recipes, or show one"),
    Entry("functions", LOOK, "list the functions and operators of expressions, or show one"),
    Entry("explain", LOOK, "explain an exit code or an error code"),
    Entry("doctor", HERE, "check this installation, the way to the service, and your tokens"),
    Entry("plugins", HERE, "list plugins and what they provide"),
    Entry("state", HERE, "show how much is stored; remove what is old"),
    Entry("docs", HERE, "open the documentation, or read it here"),
    Entry("completion", HERE, "print a completion script for a shell"),
)
RESERVED = frozenset({"help", *(entry.name for entry in BUILT_IN)})  # names that no command of a plugin may have


class CommandModule(Protocol):
    """A command's module. ``OUTPUTS`` are the values that its ``--output`` takes."""

    DESCRIPTION: str
    EXAMPLES: str
    OUTPUTS: Sequence[str]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace, shell: Shell) -> int: ...


def module_of(name: str) -> CommandModule:
    """The module of a command of pinflow's own."""
    return cast("CommandModule", import_module(f"pinflow.cli.{name}"))


def plugin_commands(shell: Shell) -> Mapping[str, Command]:
    """The commands of plugins, by name. Only their command hook is called, which is fast. Raises PluginError."""
    return load_commands(shell)[0]


def load_commands(shell: Shell) -> tuple[Mapping[str, Command], list[str], Sequence[PluginInfo]]:
    """The commands of plugins by name, the files that they depend on, and the plugins held back. Raises PluginError."""
    from pinflow.plugin import loader
    from pinflow.plugin.permission import allowed_file
    from pinflow.state.folder.paths import cache_file

    cache = cache_file(shell.environ, "plugins.cache")
    manager, infos, held = loader.load_installed(shell.environ, cache, files=shell.options.plugins)
    offers = loader.commands(manager, infos, reserved=shell.reserved)
    files = [str(getattr(sys.modules.get(info.module.partition(":")[0]), "__file__", None) or "") for info in infos]
    with suppress(StateError):  # who has no state folder has allowed none
        files.append(str(allowed_file(shell.environ)))
    return {name: offers[name] for name in sorted(offers)}, files, held
