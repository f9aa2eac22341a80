"""Which names expressions may use, and which shapes fit which arguments, before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from pinflow.expressions.expression import compile_expression
from pinflow.plan.scope import Names, shape_mismatch

TEXT, WHOLE, NUMBER, FLAG, NULL = ({"type": kind} for kind in ("string", "integer", "number", "boolean", "null"))
BOARD = {
    "type": "object",
    "properties": {"id": TEXT, "pins": {"type": "array", "items": {"type": "object", "properties": {"id": TEXT}}}},
}


def names() -> Names:
    found = Names.start({"board": TEXT, "count": {"anyOf": [WHOLE, NULL]}})
    found = found.with_step("copy", "copy", BOARD)
    found = found.with_step("any", "any", {})
    found = found.with_step("maybe", "maybe", {"anyOf": [BOARD, NULL]})
    return found.with_step("table", "table", {"type": "object", "additionalProperties": WHOLE}).with_variable(
        "pin", BOARD
    )


@pytest.mark.parametrize(
    "text",
    [
        "inputs",
        "inputs.board",
        "steps.copy.id",
        "steps.copy.pins[0].id",
        "steps.any.what.ever[3]",
        "steps.maybe.id",
        "steps.table.anything",
        "pin.pins[0].id",
        "steps.copy?.nothing",
        "steps.copy.nothing ?? 1",
        "steps[inputs.board].x",
        "map(steps.copy.pins, each, each.id)",
        "any(steps.copy.pins, pin, pin.id == '1')",
    ],
)
def test_a_name_that_may_be_there_is_accepted(text: str) -> None:
    assert [names().problem(each) for each in compile_expression(text).references] == [None] * len(
        compile_expression(text).references
    )


@pytest.mark.parametrize(
    ("text", "what", "offset"),
    [
        ("input.board", "unknown name 'input'", 0),
        ("inputs.bord", "unknown input 'bord'", 7),
        ("steps.cpy.id", "unknown step 'cpy'", 6),
        ("steps.cpy?.id ?? 1", "unknown step 'cpy'", 6),
        ("1 + steps.copy.ids", "steps.copy has no field 'ids'", 15),
        ("steps.copy.pins.id", "steps.copy.pins is a list: it has no 'id'", 16),
        ("steps.copy.pins[0].name", "steps.copy.pins[0] has no field 'name'", 19),
        ("steps.copy.id.x", "steps.copy.id is text: it has no 'x'", 14),
        ("steps.maybe.name", "steps.maybe has no field 'name'", 12),
        ("steps.table.a.b", "steps.table.a is a whole number: it has no 'b'", 14),
        ("inputs.count.x", "inputs.count is a whole number: it has no 'x'", 13),
        ("pin.name", "pin has no field 'name'", 4),
    ],
)
def test_a_name_that_can_not_be_there_is_refused_at_its_place(text: str, what: str, offset: int) -> None:
    (reference,) = compile_expression(text).references
    found = names().problem(reference)
    assert found is not None
    assert (found.message, found.offset) == (what, offset)


def test_the_steps_that_an_expression_reads_are_known() -> None:
    def read(text: str) -> set[str]:
        return set().union(*(names().steps_read(each) for each in compile_expression(text).references))

    assert read("steps.copy.id") == {"copy"}
    assert read("pin.id") == set()
    assert read("steps[inputs.board]") == {"copy", "any", "maybe", "table"}
    assert read("steps.copy.id + steps.table.x") == {"copy", "table"}


def test_nobody_complains_about_names_that_a_missing_part_may_have() -> None:
    found = Names.start({"board": TEXT}, complete=False).with_step("copy", "copy", BOARD)
    for text in ("inputs.other", "steps.other.x"):
        assert found.problem(compile_expression(text).references[0]) is None
    assert found.problem(compile_expression("steps.copy.x").references[0]) is not None
    assert found.problem(compile_expression("other").references[0]) is not None


@pytest.mark.parametrize(
    ("given", "wanted", "complaint"),
    [
        (TEXT, TEXT, ""),
        (WHOLE, TEXT, ""),  # ids
        (WHOLE, NUMBER, ""),
        (NUMBER, WHOLE, "must be a whole number, not a number"),
        (TEXT, WHOLE, "must be a whole number, not text"),
        (FLAG, TEXT, "must be text, not true or false"),
        (BOARD, TEXT, "must be text, not a mapping"),
        ({"type": "array"}, {"anyOf": [TEXT, NULL]}, "must be text, not a list"),
        ({"anyOf": [TEXT, NULL]}, TEXT, ""),
        ({"anyOf": [TEXT, {}]}, WHOLE, ""),
        (NULL, TEXT, ""),
        ({}, TEXT, ""),
        (TEXT, {}, ""),
        ({"enum": ["a", "b"]}, TEXT, ""),
        ({"enum": ["a", "b"]}, WHOLE, "must be a whole number, not text"),
        (TEXT, {"anyOf": [WHOLE, {"type": "array"}]}, "must be a list or a whole number, not text"),
    ],
)
def test_a_shape_fits_an_argument_or_nobody_can_tell_or_it_is_said_why_not(
    given: Any, wanted: Any, complaint: str
) -> None:
    problem = shape_mismatch(given, wanted, {})
    assert (problem.message if problem else "") == complaint
