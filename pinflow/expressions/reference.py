"""What people read about the language: every operator and function with its examples, each evaluated when asked for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pinflow.expressions.expression import compile_expression
from pinflow.expressions.functions import FUNCTIONS, LOOPS
from pinflow.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from pinflow.expressions.function import Function, LoopFunction

NOW: Final = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)  # what now() gives in examples
SCOPE: Final = {
    "inputs": {"board": "Garden ideas", "limit": 3},
    "pin": {"title": "Pumpkin soup", "saves": 12, "note": None, "alt text": "A bowl", "tags": ["soup", "warm"]},
}  # the data that examples of operators use


@dataclass(frozen=True, slots=True)
class OperatorText:
    """An operator of expressions, as people look it up."""

    sign: str
    usage: str
    text: str  # what it gives, in a sentence or two
    examples: tuple[str, ...]  # expressions over ``SCOPE``
    level: int  # how tightly it binds; those of a higher level are worked out first


OPERATOR_TEXTS: Final = (
    OperatorText(
        ".",
        "mapping.field",
        "A field of a mapping. A field that isn't there is a mistake, with the nearest name.",
        ("pin.title", "inputs.limit"),
        10,
    ),
    OperatorText(
        "[ ]",
        "list[place] or mapping[name]",
        "An item of a list, counted from 0, or a field whose name isn't a plain word.",
        ("pin.tags[0]", 'pin["alt text"]'),
        10,
    ),
    OperatorText(
        "?.",
        "value?.field or value?.[place]",
        "Like `.` and `[ ]`, but null where the left side is null or has no such field or item. "
        "The rest of the path is then left out.",
        ("pin.note?.length", "pin?.link", "pin.tags?.[9]"),
        10,
    ),
    OperatorText("!", "!condition", "True becomes false, and false true.", ("!(pin.saves > 5)",), 9),
    OperatorText(
        "-", "-number or number - number", "A number with the other sign; the difference.", ("-3", "7 - 2"), 9
    ),
    OperatorText("*", "number * number", "The product.", ("3 * 2.5",), 8),
    OperatorText(
        "/", "number / number", "The quotient, a fraction even where it comes out even.", ("7 / 2", "6 / 3"), 8
    ),
    OperatorText(
        "%",
        "number % number",
        "What division leaves over, with the sign of the right side.",
        ("7 % 3", "-1 % 7"),
        8,
    ),
    OperatorText(
        "+",
        "a + b",
        "The sum of two numbers; two texts or two lists put one after the other. "
        "Text and a number don't mix: see `text`.",
        ("1 + 2", '"Soup: " + pin.title', "pin.tags + [1]"),
        7,
    ),
    OperatorText(
        "in",
        "value in container",
        "Whether a text is part of a text, a value an item of a list, or a name a field of a mapping.",
        ('"soup" in lower(pin.title)', '"warm" in pin.tags', '"link" in pin'),
        6,
    ),
    OperatorText(
        "<",
        "a < b",
        "Whether a number is less than another, or a text comes first. Two dates with times are compared as moments. "
        "One that has no offset is UTC beside one that has; in a row of a table it is a mistake: see `date_in`.",
        ("pin.saves < 10", '"2026-03-01T10:00+01:00" < "2026-03-01T09:30Z"'),
        6,
    ),
    OperatorText("<=", "a <= b", "Less or equal.", ("pin.saves <= 12",), 6),
    OperatorText(
        ">", "a > b", "Whether a number is greater than another, or a text comes later.", ("pin.saves > 10",), 6
    ),
    OperatorText(">=", "a >= b", "Greater or equal.", ("pin.saves >= 12",), 6),
    OperatorText(
        "==",
        "a == b",
        "Whether two values are the same, all the way down. Text and a number never are; capitals count.",
        ('inputs.board == "Garden ideas"', '"3" == 3'),
        5,
    ),
    OperatorText("!=", "a != b", "Whether two values differ.", ("pin.note != null",), 5),
    OperatorText(
        "&&",
        "condition && condition",
        "Whether both are true. The right side is left alone where the left one is false.",
        ('pin.saves > 5 && "soup" in pin.tags',),
        4,
    ),
    OperatorText(
        "||",
        "condition || condition",
        "Whether at least one is true. The right side is left alone where the left one is true.",
        ("pin.saves > 50 || pin.note == null",),
        3,
    ),
    OperatorText(
        "??",
        "value ?? other",
        "The left side, or the right one where the left is null or isn't there. "
        "Beside `&&`, `||`, a comparison or a sum on its left it needs brackets.",
        ('pin.note ?? "no note"', 'pin.link ?? "no link"', "(pin.note ?? 0) + 1"),
        2,
    ),
    OperatorText(
        "? :",
        "condition ? value : other",
        "The first value if the condition is true, else the second.",
        ('pin.saves > 10 ? "loved" : "new"',),
        1,
    ),
)


def functions() -> list[Function | LoopFunction]:
    """Every function by name, once: those that take values, and those that take a name and an expression."""
    return [FUNCTIONS.get(name) or LOOPS[name] for name in sorted({*FUNCTIONS, *LOOPS})]


def evaluate_example(example: str) -> str:
    """The value of an example as JSON, at the time ``NOW`` and over the data of ``SCOPE``. Raises Invalid."""
    return json.dumps(compile_expression(example).evaluate(SCOPE, now=NOW), ensure_ascii=False)
