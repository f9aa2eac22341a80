"""The page on expressions: names, operators and functions, with the value of every example."""

from __future__ import annotations

import inspect
from textwrap import dedent
from typing import TYPE_CHECKING

from pinflow.expressions import expression, reference
from pinflow.expressions.values import MAX_DEPTH, MAX_STEPS, MAX_TEXT
from pinflow.plugin.contributions import FactsPage
from pinflow.reporters.markdown import code, fence, sections, table

if TYPE_CHECKING:
    from pinflow.expressions.function import Function, LoopFunction
    from pinflow.expressions.reference import OperatorText


def page() -> FactsPage:
    """The page."""
    return FactsPage(
        name="expressions",
        title="Expressions",
        about="What may stand inside `${{ }}` and after `if:`: names, operators and functions, each with examples "
        "and what they give.",
        text=_text,
        words=("functions", "operators", "template", "variables", "filters", "formula", "jinja"),
        see="[recipe keys](recipe-keys.md), where expressions stand, or [input types](input-types.md). "
        "In the terminal: `pinflow functions`.",
    )


def _text() -> str:
    grammar, notes = _grammar()
    return sections(
        "An expression reads plain data: text, numbers, true and false, null, lists and mappings. It can't reach "
        "files, the network or anything of Python. A value that is the whole of `${{ }}` keeps its type; beside other "
        "words it becomes text. To write `${{` itself, write `$${{`. "
        "What comes out of an expression is data: it is not looked through for expressions again.",
        "## Names",
        table(
            ("name", "what it holds"),
            [
                ("`inputs.NAME`", "an input of the recipe"),
                ("`steps.ID`", "the output of a step that has run; `steps.ID.field` is a field of it"),
                ("`NAME` of `as:`", "in a loop, the item; `item` where the loop names nothing"),
            ],
        ),
        "A name, a field or an item that isn't there is a mistake, with the nearest one that is. "
        "Where something may be missing, say so with `?.` or `??`.",
        "## Operators",
        "Those further down bind less tightly. Brackets decide where you are in doubt.",
        "The examples read this data:",
        fence(_example_data(), "text"),
        *(_entry(entry, f"`{entry.sign}`") for entry in reference.OPERATOR_TEXTS),
        "## Functions",
        "All of them are pure: they give the same for the same arguments. "
        f"In the examples, now is {reference.NOW.isoformat()}.",
        *(_entry(entry, entry.name) for entry in reference.functions()),
        "## Grammar",
        fence(grammar, "text"),
        notes,
        "## Limits",
        f"An expression has at most {MAX_STEPS:,} operators, calls and names, loops counted for every item, "
        f"and is nested at most {MAX_DEPTH} deep. A text has at most {MAX_TEXT:,} characters. "
        "Past a limit the step fails and says so.",
    )


def _entry(entry: OperatorText | Function | LoopFunction, heading: str) -> str:
    rows = [(code(example), code(reference.evaluate_example(example))) for example in entry.examples]
    return sections(f"### {heading}", f"{code(entry.usage)}: {entry.text}", table(("expression", "gives"), rows))


def _example_data() -> str:
    import json

    return json.dumps(reference.SCOPE, indent=2, ensure_ascii=False)


def _grammar() -> tuple[str, str]:
    """The grammar, and what it doesn't say, as the module that reads expressions has it."""
    text = inspect.getdoc(expression) or ""
    grammar, _, notes = text.partition("::\n\n")[2].partition("\n\nWhat the grammar doesn't say:\n\n")
    return dedent(grammar), "What the grammar doesn't say:\n\n" + notes.replace("``", "`")
