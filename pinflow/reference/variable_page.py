"""The page on environment variables."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pinflow.plugin.contributions import FactsPage
from pinflow.plugin.variables import all_variables
from pinflow.reporters.markdown import code, sections, table

if TYPE_CHECKING:
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
    variables = all_variables(registry).values()
    rows = [
        (
            code(variable.name),
            f"{variable.meaning}{' (secret)' if variable.secret else ''}".replace("<", "\\<"),
            variable.default.replace("<", "\\<").replace("~", "\\~"),
            variable.reader,
        )
        for variable in variables
    ]
    return sections(
        "A variable that is set but empty counts as not set, unless its line says otherwise. The values of secret ones "
        "never appear in output, logs or records.",
        table(("variable", "what it means", "without it", "who reads it"), rows),
    )
