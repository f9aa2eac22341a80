"""The page on environment variables."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pinflow.plugin.contributions import FactsPage
from pinflow.plugin.variables import all_variables
from pinflow.reporters.markdown import code, sections, table

if TYPE_CHECKING:
    from pinflow.plugin.contributions import Variable
    from pinflow.plugin.registry import Registry


def page(registry: Registry) -> FactsPage:
    """The page."""
    return FactsPage(
        name="variables",
        title="Environment variables",
        about="Every variable that pinflow and its plugins read: what it means, what counts without it, who reads it.",
        text=partial(_text, registry),
        words=("environment", "env", "settings", "configuration", "config", ".env", "token variable", "proxy"),
        see="[commands](commands.md), whose options count before variables. `pinflow doctor` shows which are set.",
    )


def _text(registry: Registry) -> str:
    readers: dict[str, list[Variable]] = {}
    for variable in all_variables(registry).values():
        readers.setdefault(variable.reader, []).append(variable)
    return sections(
        "A variable that is set but empty counts as not set, unless its line says otherwise. The values of secret ones "
        "never appear in output, logs or records.",
        *(
            sections(f"## Read by: {reader}", table(("variable", "what it means", "without it"), map(_row, variables)))
            for reader, variables in readers.items()
        ),
    )


def _row(variable: Variable) -> tuple[str, str, str]:
    secret = " (secret)" if variable.secret else ""
    return code(variable.name), _escaped(f"{variable.meaning}{secret}"), _escaped(variable.default)


def _escaped(text: str) -> str:
    return text.replace("<", "\\<").replace("~", "\\~")
