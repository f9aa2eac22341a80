"""``pinflow plugins``: lists plugins and what they provide, and checks that they keep the contract."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pinflow.errors import FAILED, OK
from pinflow.reporters.text import inert, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pinflow.cli.shell import Shell
    from pinflow.plugin.registry import PluginInfo
    from pinflow.testing.conformance import ConformanceReport

DESCRIPTION = "List the loaded plugins and what each provides, or check one. PINFLOW_DISABLE=a,b leaves plugins out."
EXAMPLES = """\
  pinflow plugins
  pinflow plugins --plugin ./my_actions.py               with a local one
  pinflow plugins -v                                     with everything by name
  pinflow plugins check acme                             check the contract"""
OUTPUTS: Sequence[str] = ("human", "json")


_CHECK = """\
Run each recipe that uses an action of the plugin, with its inputs' examples, against the sandbox: dry, for real, and
killed and resumed. It uses the recipes beside or inside the plugin's package, and those that come with pinflow."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    below = parser.add_subparsers(dest="verb", metavar="check NAME")
    check = below.add_parser("check", help="check that a plugin keeps the contract", description=_CHECK)
    check.add_argument("name", metavar="NAME", help="the plugin, as pinflow plugins lists it")
    check.add_argument(
        "--recipe",
        dest="recipes",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="another recipe, or a folder of recipes, to run (repeatable)",
    )


def run(args: argparse.Namespace, shell: Shell) -> int:
    if args.verb == "check":
        return _check(args, shell)
    return _list(shell)


def _check(args: argparse.Namespace, shell: Shell) -> int:
    from pinflow.plugin.loader import disabled_in
    from pinflow.testing.conformance import check_plugin

    disabled = disabled_in(shell.environ)
    report = check_plugin(args.name, recipes=args.recipes, files=shell.options.plugins, disabled=disabled)
    if not shell.human:
        shell.say_json({**asdict(report), "not_exercised": list(report.not_exercised), "ok": report.ok})
    paint = shell.painter(shell.stdout)
    for text, style in _report_lines(report) if shell.human else ():
        shell.say(paint(inert(text), style))
    return OK if report.ok else FAILED


def _report_lines(report: ConformanceReport) -> Iterator[tuple[str, str]]:
    """Lines and their styles: findings, notes, and how much was checked."""
    for finding in report.findings:
        yield f"{finding.action or report.plugin}: {finding.rule}: {finding.what}", "red"
        yield f"  {finding.where}", ""
    for note in report.notes:
        yield f"{note.action}: {note.what}", "yellow"
        yield f"  {note.where}", ""
    for name in report.not_exercised:
        yield f"{name}: not run, because no recipe uses it", "yellow"
    if report.not_exercised:
        yield "  add a recipe with an example for each input: --recipe PATH, or recipes/ beside the package", ""
    actions = f"ran {len(report.exercised)} of {_count_text(len(report.actions), 'action')}"
    runs = f"{_count_text(len(report.recipes), 'recipe')} and {_count_text(report.runs, 'run')}"
    ok = "no problems" if report.exercised or not report.actions else "only the declarations were checked"
    outcome = _count_text(len(report.findings), "problem") if report.findings else ok
    yield f"{report.plugin}: {actions} in {runs}: {outcome}", "bold"


def _count_text(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 and what != "action" else f"{number} {what}s"


def _list(shell: Shell) -> int:
    plugins = shell.app().registry.plugins
    if not shell.human:
        return shell.say_json({"plugins": [asdict(plugin) for plugin in plugins]})
    rows = [("PLUGIN", "PACKAGE", "VERSION", "PROVIDES")]
    for plugin in plugins:
        package = plugin.distribution or plugin.module
        rows.append((inert(plugin.name), inert(package), inert(plugin.version), summary(plugin)))
        if shell.options.verbosity > 0:
            rows += [("", "", "", inert(offer)) for offer in plugin.offers]
    return shell.say_lines(table(rows))


def summary(plugin: PluginInfo) -> str:
    """What a plugin provides, by kind: "12 actions, 1 api"."""
    kinds: dict[str, int] = {}
    for offer in plugin.offers:
        kind = offer.partition(" ")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
    plural = {"sandbox": "sandboxes"}
    return ", ".join(f"{n} {kind if n == 1 else plural.get(kind, f'{kind}s')}" for kind, n in kinds.items()) or "hooks"
