"""What people read about an action, as words: for ``pinflow actions`` and the pages about actions."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pinflow.reporters.text import fit, inert, json_text

if TYPE_CHECKING:
    from pinflow.plugin.action import Action
    from pinflow.plugin.registry import PluginInfo, Registry


def prose_lines(action: Action) -> list[str]:
    """The description without its summary and the lines on arguments, which have a table."""
    names = {parameter.name for parameter in action.parameters.listing()}
    lines: list[str] = []
    skipping = False
    for line in action.description.splitlines()[1:]:
        word = line.strip().partition(":")[0]
        indent = len(line) - len(line.lstrip())
        skipping = (indent == 4 and word in names) or (skipping and indent > 4)
        if not skipping and line.strip().lower() not in ("arguments:", "args:", "parameters:"):
            lines.append(inert(line))
    return "\n".join(lines).strip("\n").splitlines()


def _effect_text(action: Action) -> str:
    if not action.destructive:
        return f"effect {action.effect}"
    when = ""
    if isinstance(action.destructive, Mapping):
        when = " if " + " or ".join(f"{name} is {value}" for name, value in action.destructive.items())
    return f"deletes things{when}: asks first, or needs --yes"


def need_lines(action: Action) -> list[str]:
    """What a run of it needs and costs: effect, logins with their scopes, quota."""
    if action.variants is not None:
        return [f"effect, scopes and quota are those of the {action.variants.by}; {inert(action.variants.hint)}"]
    lines = [_effect_text(action)]
    for role, scopes in action.scopes.items():
        login = f"login {role}" if role else "login"
        lines.append(inert(f"{login}: {', '.join(sorted(scopes)) or 'no scope'}"))
    if action.quota:
        lines.append(inert(f"quota: {', '.join(sorted(action.quota))}"))
    return lines


def default_text(value: object) -> str:
    return fit(json_text(value) if not isinstance(value, str) else f'"{value}"', 40)


def output_fields(schema: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Fields and their types, as a recipe names them: ("board.id", "text"), ("pins[].title", "text or null")."""
    inner = schema.get("properties")
    if inner:
        return [
            row for name, part in inner.items() for row in output_fields(part, f"{prefix}.{name}" if prefix else name)
        ]
    if schema.get("type") == "array" and schema.get("items", {}).get("properties"):
        return output_fields(schema["items"], f"{prefix}[]")
    branches = [part for part in schema.get("anyOf", ()) if part.get("properties")]
    if len(branches) == 1:
        return output_fields(branches[0], f"{prefix}?")
    return [(prefix, type_words(schema))] if prefix else []


_WORDS = {"string": "text", "object": "mapping", "array": "list"}


def type_words(schema: Mapping[str, Any]) -> str:
    """A type in words: "text or null"."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_words(part) for part in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    return _WORDS.get(str(schema.get("type", "any")), str(schema.get("type", "any")))


def plugins_by_action(registry: Registry) -> dict[str, PluginInfo]:
    """The plugin that provides each action, by the action's full name."""
    return {
        offer.removeprefix("action "): plugin
        for plugin in registry.plugins
        for offer in plugin.offers
        if offer.startswith("action ")
    }


def topic_of(action: Action) -> str:
    """What it is about, in a word: what its module says as TOPIC, else the module's name."""
    module = action.function.__module__
    return str(getattr(sys.modules.get(module), "TOPIC", "") or module.rpartition(".")[2])
