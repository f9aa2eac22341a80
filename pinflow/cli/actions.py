"""``pinflow actions``: lists what recipes can do, and documents one action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow.errors import OK, UsageError
from pinflow.reference.action_facts import default_text, need_lines, output_fields, plugins_by_action, prose_lines
from pinflow.reporters.text import inert, table
from pinflow.suggestions import did_you_mean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pinflow.cli.shell import Shell
    from pinflow.plugin.action import Action
    from pinflow.plugin.registry import PluginInfo, Registry

DESCRIPTION = (
    "List what recipes can do, or show one action: arguments, output, what it needs, and a recipe to start from."
)
EXAMPLES = """\
  pinflow actions                                        list all
  pinflow actions copy_board                             show one, in every API that has it
  pinflow actions create_pin --snippet > my.yaml         a recipe to start from
  pinflow actions --api v5 --output json"""
OUTPUTS: Sequence[str] = ("human", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="an action: copy_board, or v5.copy_board")
    parser.add_argument("--api", metavar="API", help="only the actions of this API version")
    parser.add_argument("--snippet", action="store_true", help="print only a recipe that uses the action")
    parser.add_argument("--names", action="store_true", help="print only names, one per line")


def run(args: argparse.Namespace, shell: Shell) -> int:
    registry = shell.app().registry
    if args.api is not None and args.api not in registry.apis:
        apis = ", ".join(registry.apis) or "none"
        raise UsageError(f"unknown API {args.api!r}", hint=f"the APIs are: {apis}")
    actions = _find_actions(registry, args.name, args.api)
    if args.names:
        for name in sorted({name for action in actions for name in (action.name, action.full_name)}):
            shell.say(inert(name))
    elif args.snippet:
        shell.say(_recipe_text(actions, args.name).removesuffix("\n"))
    elif not shell.human:
        origins = plugins_by_action(registry)
        shell.say_json({"actions": [as_data(action, origins) for action in actions]})
    elif args.name is None:
        _list(actions, shell)
    else:
        for action in actions:
            _show(action, registry, shell)
    return OK


def _find_actions(registry: Registry, name: str | None, api: str | None) -> list[Action]:
    """The actions of a name and API (None: all), those of any API first. Raises UsageError if there are none."""
    actions = sorted(registry.actions.values(), key=lambda action: (action.api or "", action.name))
    if api is not None:
        actions = [action for action in actions if action.api in (api, None)]
    if name is None:
        return actions
    matches = [action for action in actions if name in (action.name, action.full_name)]
    if not matches:
        from pinflow.plugin.permission import where_else

        known = [*(action.name for action in actions), *(action.full_name for action in actions if "." in name)]
        hint = where_else(registry.held) or "pinflow actions lists them"
        raise UsageError(f"unknown action {name!r}{did_you_mean(name, known)}", hint=hint)
    return matches


def _recipe_text(actions: Sequence[Action], name: str | None) -> str:
    from pinflow.reference.snippet import snippet

    if name is None:
        raise UsageError("--snippet needs an action", hint="for example: pinflow actions create_pin --snippet")
    return snippet(actions[-1])  # of the newest API


def _list(actions: Iterable[Action], shell: Shell) -> None:
    paint = shell.painter(shell.stdout)
    by_api: dict[str, list[tuple[str, str, str]]] = {}
    for action in actions:
        effect = "any" if action.variants is not None else "deletes" if action.destructive else action.effect
        by_api.setdefault(action.api or "", []).append((inert(action.name), effect, inert(action.summary)))
    if not by_api:
        shell.tell("No plugin provides actions. To list the plugins: pinflow plugins")
    for api, rows in by_api.items():
        shell.say(paint(inert(api) if api else "any API", "bold"))
        shell.say_lines(table(rows, indent="  ", width=shell.width(shell.stdout)))


def _show(action: Action, registry: Registry, shell: Shell) -> None:
    from pinflow.reference.snippet import snippet

    paint = shell.painter(shell.stdout)
    shell.say(f"{paint(inert(action.full_name), 'bold')}: {inert(action.summary)}")
    for title, lines in _sections(action, plugins_by_action(registry)):
        shell.say(f"\n{paint(title, 'bold')}")
        for line in lines:
            shell.say(f"  {line}")
    shell.say(f"\n{paint('recipe', 'bold')}")
    for line in snippet(action).splitlines():
        shell.say(f"  {line}")
    shell.say("")


def _sections(action: Action, origins: Mapping[str, PluginInfo]) -> Iterator[tuple[str, list[str]]]:
    if text := prose_lines(action):
        yield "about", text
    rows = [
        (
            inert(parameter.name),
            inert(parameter.type),
            "required" if parameter.required else f"default {default_text(parameter.default)}",
            inert(parameter.help),
        )
        for parameter in action.parameters.listing()
    ]
    yield "arguments", table(rows) or ["none"]
    fields = output_fields(action.parameters.output_schema())
    title = "output of each item" if action.yields else "output"
    yield title, table([(inert(name), inert(kind)) for name, kind in fields]) or ["anything"]
    yield "needs", need_lines(action)
    if plugin := origins.get(action.full_name):
        yield (
            "from",
            [inert(f"{plugin.name} ({plugin.distribution or plugin.module} {plugin.version})".replace(" )", ")"))],
        )


def as_data(action: Action, origins: Mapping[str, PluginInfo]) -> dict[str, Any]:
    """An action's declarations as plain data, for ``--output json``."""
    plugin = origins.get(action.full_name)
    return {
        "name": action.name,
        "full_name": action.full_name,
        "api": action.api,
        "summary": action.summary,
        "description": action.description,
        "effect": action.effect,
        "destructive": action.destructive,
        "yields": action.yields,
        "scopes": {role: sorted(scopes) for role, scopes in action.scopes.items()},
        "quota": sorted(action.quota),
        "parameters": action.parameters.schema(),
        "output": action.parameters.output_schema(),
        "plugin": plugin.name if plugin else None,
    }
