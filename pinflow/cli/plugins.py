"""``pinflow plugins``: lists plugins and what they provide, and checks that they keep the contract."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pinflow.cli.prompts import confirm
from pinflow.errors import FAILED, OK, UsageError
from pinflow.reporters.text import inert, table
from pinflow.suggestions import did_you_mean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pinflow.cli.shell import Shell
    from pinflow.plugin.registry import PluginInfo
    from pinflow.testing.conformance import ConformanceReport

DESCRIPTION = """\
List the plugins, what each provides and which hooks it has; or check one. PINFLOW_DISABLE=a,b leaves plugins out, and
with PINFLOW_PLUGINS=a,b only these are loaded of other distributions than pinflow. Unset, all are, but those that offer
credentials, which choose the token that signs: they wait until you allow them."""
EXAMPLES = """\
  pinflow plugins
  pinflow plugins --plugin ./my_actions.py               with a local one
  pinflow plugins -v                                     with everything by name
  pinflow plugins check acme                             check the contract
  pinflow plugins allow acme                             let it offer credentials
  pinflow plugins forbid acme                            take that back"""
OUTPUTS: Sequence[str] = ("human", "json")

_ALLOW = """\
Let a plugin offer credentials, for this release (major and minor version) of its distribution. It stays so until
pinflow plugins forbid NAME."""
_CHECK = """\
Run each recipe that uses an action of the plugin, with its inputs' examples, against the sandbox: dry, for real, and
killed and resumed. It uses the recipes that the plugin offers, those beside or inside its package, and
those that come with pinflow."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    below = parser.add_subparsers(dest="verb", metavar="check|allow|forbid NAME")
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
    allow = below.add_parser("allow", help="let a plugin offer credentials", description=_ALLOW)
    allow.add_argument("name", metavar="NAME", help="the distribution, or a plugin that only it has")
    allow.add_argument("--yes", action="store_true", help="don't ask")
    forbid = below.add_parser("forbid", help="take that back", description="Don't load it any more.")
    forbid.add_argument("name", metavar="NAME", help="the distribution, or a plugin that only it has")


def run(args: argparse.Namespace, shell: Shell) -> int:
    if args.verb == "check":
        return _check(args, shell)
    if args.verb in ("allow", "forbid"):
        return _decide(args, shell, allow=args.verb == "allow")
    return _list(shell)


def _decide(args: argparse.Namespace, shell: Shell, *, allow: bool) -> int:
    """Allow a plugin to offer credentials, or take that back."""
    from pinflow.plugin import loader
    from pinflow.plugin.permission import comparable, find_distribution, is_own, write_allowed

    installed = loader.find_installed(None)
    distribution = find_distribution(args.name, installed)
    plugins = [info for info in installed if not is_own(info)]
    meant = [info for info in plugins if comparable(info.distribution) == distribution]
    info = next((info for info in meant if info.name == args.name), meant[0] if meant else None)
    if info is None:
        names = [info.name for info in plugins]
        hint = f"the plugins of other distributions are: {', '.join(sorted(names)) or '(none)'}"
        raise UsageError(f"unknown plugin {args.name!r}{did_you_mean(args.name, names)}", hint=hint)
    who = f"{info.name} ({info.distribution} {info.version}, module {info.module})"
    if allow and not args.yes:
        if not shell.interactive:
            raise UsageError(
                "allowing a plugin needs a person at a terminal", hint="add --yes, or name it in PINFLOW_PLUGINS"
            )
        if not confirm(shell, f"Let the plugin {who} choose the tokens that sign requests? Its code runs as you"):
            return FAILED
    changed = write_allowed(shell.environ, info, allow=allow)
    if not shell.human:
        return shell.say_json(
            {"plugin": info.name, "distribution": info.distribution, "allowed": allow, "changed": changed}
        )
    verb = "allowed" if allow else "not allowed any more" if changed else "not allowed"
    shell.say(inert(f"{who} is {verb}{'' if changed or not allow else ' already'}"))
    return OK


def _check(args: argparse.Namespace, shell: Shell) -> int:
    from pinflow.plugin.loader import disabled_in, find_installed
    from pinflow.plugin.permission import Permission
    from pinflow.testing.conformance import check_plugin

    installed = find_installed(None)
    permission = Permission(shell.environ, installed)  # who checks a plugin means it, and no other one that waits
    namesakes = [info for info in installed if info.name == args.name]
    meant = namesakes if len(namesakes) == 1 else []
    held = {
        info.distribution if info in namesakes else info.name
        for info in installed
        if info not in meant and not permission.may_import(info)
    }
    disabled = disabled_in(shell.environ) | held
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
    registry = shell.app(notes=False).registry
    if not shell.human:
        return shell.say_json({"plugins": [asdict(plugin) for plugin in (*registry.plugins, *registry.held)]})
    rows = [("PLUGIN", "PACKAGE", "VERSION", "PROVIDES", "HOOKS")]
    for plugin in registry.plugins:
        package = plugin.distribution or plugin.module
        hooks = ", ".join(hook.removeprefix("pinflow_") for hook in plugin.hooks)
        rows.append((inert(plugin.name), inert(package), inert(plugin.version), summary(plugin), hooks))
        if shell.options.verbosity > 0:
            rows += [("", "", "", inert(offer), "") for offer in plugin.offers]
    shell.say_lines(table(rows, width=shell.width(shell.stdout)))
    for plugin in registry.held:
        origin = f" ({plugin.distribution} {plugin.version})" if plugin.distribution else ""
        shell.say(inert(f"not loaded: {plugin.name}{origin}: {plugin.held}"))
    return OK


def summary(plugin: PluginInfo) -> str:
    """What a plugin provides, by kind: "12 actions, 1 api"."""
    kinds: dict[str, int] = {}
    for offer in plugin.offers:
        kind = offer.partition(" ")[0].replace("_", " ")
        kinds[kind] = kinds.get(kind, 0) + 1
    plural = {"sandbox": "sandboxes"}
    return ", ".join(f"{n} {kind if n == 1 else plural.get(kind, f'{kind}s')}" for kind, n in kinds.items()) or "hooks"
