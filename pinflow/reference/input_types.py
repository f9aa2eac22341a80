"""The page on the types of inputs, with what each makes of its examples."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from pinflow.plan.inputs import convert
from pinflow.plugin.contributions import FactsPage
from pinflow.recipe.model import Input, InputType
from pinflow.reporters.markdown import code, fence, sections, table


class InputTypeText(NamedTuple):
    """A type of inputs: what it takes, and an example as it is typed behind ``-i NAME=``."""

    type: InputType
    text: str
    examples: tuple[str, ...]


TYPES: Final = (
    InputTypeText("string", "Text, as it is.", ("Garden ideas", "42")),
    InputTypeText("integer", "A whole number.", ("42", "-7")),
    InputTypeText("number", "A number, with a point.", ("2.5", "1e3")),
    InputTypeText("boolean", "True or false.", ("true", "false")),
    InputTypeText("date", "A day, as YYYY-MM-DD.", ("2026-03-01",)),
    InputTypeText("id", "An id of the service: digits, kept as text.", ("549755885175",)),
    InputTypeText("board", "A board, by name or id.", ("Garden ideas", "549755885175")),
    InputTypeText(
        "token",
        "The name of a token, never the token itself. A login can use it: `token: ${{ inputs.account }}`.",
        ("shop",),
    ),
    InputTypeText(
        "file",
        "A file. A path that a person gives counts from the current folder and may lead anywhere; "
        "the recipe's own default stays below the current folder.",
        ("pins.csv",),
    ),
    InputTypeText(
        "list",
        "A list, as JSON or as values with commas between them.",
        ("garden, shop", '["garden", "shop"]', "[1, 2]"),
    ),
    InputTypeText(
        "secret",
        "Text that never appears in output, logs or records. It comes from the variable `PINFLOW_INPUT_NAME`, "
        "from a file, or from a question at the terminal; it can't be typed behind `-i`.",
        (),
    ),
)


def page() -> FactsPage:
    """The page."""
    return FactsPage(
        name="input-types",
        title="Input types",
        about="What an input of each type takes, and what the recipe gets of it.",
        text=_text,
        words=("parameters", "arguments", "-i", "variables", "file", "secret"),
        see="[recipe keys](recipe-keys.md#an-input), or [expressions](expressions.md), "
        "which read inputs as `inputs.NAME`.",
    )


def _text() -> str:
    return sections(
        "You give an input with `-i NAME=VALUE`. A wrong value is told before anything is sent.",
        fence(
            "inputs:\n  board: {type: board, required: true, description: the board to copy}\n"
            "  limit: {type: integer, default: 10, min: 1, max: 50}",
            "yaml inputs",
        ),
        *(_entry(entry) for entry in TYPES),
    )


def evaluate(entry: InputTypeText, example: str) -> str:
    """What a recipe gets of an example, as JSON. Raises Invalid."""
    return json.dumps(convert(example, Input(type=entry.type), None), ensure_ascii=False)


def _entry(entry: InputTypeText) -> str:
    rows = [(code(f"-i name={example}"), code(evaluate(entry, example))) for example in entry.examples]
    return sections(f"## {entry.type}", entry.text, table(("you type", "the recipe gets"), rows))
