"""``pinflow plugins``: what is installed, and what it offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.errors import OK
from pinflow.reporters.text import fit, inert, json_text, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pinflow.cli.shell import Shell
    from pinflow.registry import PluginInfo

DESCRIPTION = "List the plugins that are loaded, and what each offers. PINFLOW_DISABLE=a,b leaves plugins out."
EXAMPLES = """\
  pinflow plugins
  pinflow plugins --plugin ./my_actions.py               with a local one
  pinflow plugins -v                                     every offer by name"""
OUTPUTS: Sequence[str] = ("human", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none of its own."""


def run(args: argparse.Namespace, shell: Shell) -> int:
    plugins = shell.app().registry.plugins
    if not shell.human:
        shell.say(json_text({"plugins": [_data(plugin) for plugin in plugins]}))
        return OK
    rows = [("PLUGIN", "PACKAGE", "VERSION", "OFFERS")]
    for plugin in plugins:
        package = plugin.distribution or plugin.module
        rows.append((inert(plugin.name), inert(package), inert(plugin.version), summary(plugin)))
        if shell.options.verbosity > 0:
            rows += [("", "", "", inert(offer)) for offer in plugin.offers]
    for line in table(rows):
        shell.say(fit(line, shell.width(shell.stdout)))
    return OK


def summary(plugin: PluginInfo) -> str:
    """How many offers of each kind: "12 actions, 1 api"."""
    kinds: dict[str, int] = {}
    for offer in plugin.offers:
        kind = offer.partition(" ")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
    plural = {"sandbox": "sandboxes"}
    return ", ".join(f"{n} {kind if n == 1 else plural.get(kind, f'{kind}s')}" for kind, n in kinds.items()) or "hooks"


def _data(plugin: PluginInfo) -> dict[str, object]:
    return {
        "name": plugin.name,
        "module": plugin.module,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "offers": list(plugin.offers),
    }
