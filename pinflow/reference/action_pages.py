"""The pages on actions, one for each topic, and the page that lists them."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from pinflow.plugin.contributions import FactsPage
from pinflow.reference.action_facts import (
    default_text,
    need_lines,
    output_fields,
    plugins_by_action,
    prose_lines,
    topic_of,
)
from pinflow.reporters.markdown import code, codes, fence, from_docstring, sections, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pinflow.plugin.action import Action
    from pinflow.plugin.registry import PluginInfo, Registry

PARENT = "actions"


def pages(registry: Registry) -> list[FactsPage]:
    """The page that lists every action, and a page for each topic."""
    topics: dict[str, list[Action]] = {}
    # the newest API first, as recipes without one mean it
    for action in sorted(registry.actions.values(), key=lambda action: action.api or "", reverse=True):
        topics.setdefault(topic_of(action), []).append(action)
    listing = FactsPage(
        name=PARENT,
        title="Actions",
        about="Everything that a step can do (`uses:`), by topic.",
        text=partial(_listing, topics),
        words=("steps", "uses", "commands of recipes", "what can it do"),
        see="[operations](operations.md), for what has no action of its own. In the terminal: `pinflow actions NAME`.",
    )
    origins = plugins_by_action(registry)
    return [listing, *(_topic(topic, topics[topic], origins) for topic in sorted(topics))]


def _name(topic: str) -> str:
    return f"{PARENT}-{topic.replace(' ', '-').replace('_', '-')}"


def _topic(topic: str, actions: Sequence[Action], origins: Mapping[str, PluginInfo]) -> FactsPage:
    names = sorted({action.name for action in actions})
    return FactsPage(
        name=_name(topic),
        title=f"Actions: {topic}",
        about=f"What these take, give and need: {codes(names)}.",
        text=lambda: sections(*(_action(list(same), origins) for _, same in _by_name(actions))),
        words=(topic, *names),
        parent=PARENT,
        see="[recipe keys](recipe-keys.md#a-step), for what else a step may have, or [all actions](actions.md).",
    )


def _by_name(actions: Iterable[Action]) -> Iterable[tuple[str, Iterable[Action]]]:
    return groupby(sorted(actions, key=lambda action: action.name), key=lambda action: action.name)


def _listing(topics: Mapping[str, Sequence[Action]]) -> str:
    return sections(
        "An action that reads changes nothing; a dry run makes its calls. "
        "One that writes is only counted in a dry run. Before one that deletes, you are asked.",
        *(
            sections(
                f"## {topic.capitalize()}",
                table(
                    ("action", "API", "effect", "what it does"),
                    [_row(topic, list(same)) for _, same in _by_name(topics[topic])],
                ),
            )
            for topic in sorted(topics)
        ),
    )


def _row(topic: str, same: Sequence[Action]) -> tuple[str, ...]:
    first = same[0]
    effect = "any" if first.variants is not None else "deletes" if first.destructive else f"{first.effect}s"
    apis = ", ".join(action.api for action in same if action.api) or "any"
    anchor = first.name.lower()
    return (f"[{code(first.name)}]({_name(topic)}.md#{anchor})", apis, effect, from_docstring(first.summary))


def _action(same: Sequence[Action], origins: Mapping[str, PluginInfo]) -> str:
    """An action of all its APIs: told once as far as they agree."""
    texts = {action.full_name: _body(action) for action in same}
    groups: dict[str, list[Action]] = {}
    for action in same:
        groups.setdefault(texts[action.full_name], []).append(action)
    parts = [f"## {same[0].name}"]
    for body, actions in groups.items():
        apis = " and ".join(f"API {action.api}" for action in actions if action.api)
        parts += [f"### In {apis}" if len(groups) > 1 else f"In {apis}." if apis else "", body]
        parts += [_needs(action, several=len(actions) > 1) for action in actions]
    plugin = origins.get(same[0].full_name)
    return sections(*parts, _recipe(same[0]), f"From the plugin {code(plugin.name)}." if plugin else "")


def _body(action: Action) -> str:
    rows = [
        (
            code(parameter.name),
            code(parameter.type),
            "must be given" if parameter.required else code(default_text(parameter.default)),
            from_docstring(parameter.help),
        )
        for parameter in action.parameters.listing()
    ]
    fields = [(code(name), code(kind)) for name, kind in output_fields(action.parameters.output_schema())]
    gives = "Yields items, to go through with `for_each`. Each has:" if action.yields else "Its output:"
    return sections(
        from_docstring(action.summary),
        from_docstring("\n".join(prose_lines(action))),
        table(("argument", "type", "default", "what it is"), rows) or "It takes no arguments.",
        gives if fields else "",
        table(("field", "type"), fields),
    )


def _needs(action: Action, *, several: bool) -> str:
    title = f"It needs, in {action.api}:" if several else "It needs:"
    return f"{title}\n\n" + "".join(f"- {line}\n" for line in need_lines(action))


def _recipe(action: Action) -> str:
    from pinflow.reference.snippet import snippet

    return "A recipe to start from:\n\n" + fence(snippet(action), "yaml")
