"""One vocabulary: a wrong value is told in the same words wherever it is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest

from pinflow import Action, Context, Number, Text, action
from pinflow.cli.run_common import parse_count, parse_inputs
from pinflow.errors import RecipeError
from pinflow.expressions.expression import compile_expression
from pinflow.recipe.reader import parse
from pinflow.recipe.source import load
from pinflow.schema.invalid import Invalid, describe
from pinflow_local.tables import read_csv

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = Annotated[str, Text(format="date")]
FILLED = Annotated[str, Text(min_length=1)]
RANGE = Annotated[int, Number(ge=1, le=64)]
MISSED = Literal["skip", "last", "all"]
LOOP = "{name: n, steps: [{for_each: [1], do: [{uses: x}], %s}]}"
INPUT = "{name: n, inputs: {a: {%s}}, steps: [{uses: x}]}"


@dataclass(frozen=True)
class Case:
    """A wrong value, and how each place is given it."""

    words: str  # without the value, which only places whose text is no secret show
    text: str  # as an option and a table have it
    recipe: str
    input: str  # the declaration of an input
    type: Any  # of an argument
    expression: str  # calls a function
    value: Any = None  # that is not text
    read: str = "row.it"  # what makes the argument of a table's cell


CASES = {
    "a word for a whole number": Case(
        "must be a whole number, not {}", "abc", LOOP % "parallel: abc", "type: integer", int, 'range("abc")'
    ),
    "a word for a number": Case(
        "must be a number, not {}", "abc", INPUT % "type: number, min: abc", "type: number", float, 'round("abc")'
    ),
    "a word for true or false": Case(
        "must be true or false, not {}", "maybe", INPUT % "required: maybe", "type: boolean", bool, '!"maybe"'
    ),
    "a day that does not exist": Case(
        "isn't a date (YYYY-MM-DD)",
        "2026-02-30",
        INPUT % "type: date, default: 2026-02-30",
        "type: date",
        DAY,
        'days_between("2026-02-30", "2026-03-01")',
    ),
    "a word that is not a choice": Case(
        "must be skip, last or all",
        "never",
        "{name: n, schedule: {every: day, missed: never}, steps: [{uses: x}]}",
        "choices: [skip, last, all]",
        MISSED,
        'date_add("2026-03-01", 1, "never")',
    ),
    "a number above the limit": Case(
        "must be at most 64, not 65",
        "65",
        LOOP % "parallel: 65",
        "type: integer, max: 64",
        RANGE,
        "round(0.5, 65)",
        65,
        "number(row.it)",
    ),
    "a number below the limit": Case(
        "must be at least 1, not 0",
        "0",
        LOOP % "parallel: 0",
        "type: integer, min: 1",
        RANGE,
        'truncate("abc", 0)',
        0,
        "number(row.it)",
    ),
    "no text where there must be some": Case(
        "is empty", "", "{name: '', steps: [{uses: x}]}", "min: 1", FILLED, 'split("abc", "")', read="row.it ?? ''"
    ),
}
# where the language of expressions has choices and limits of its own
EXPRESSION_WORDS = {
    "a word that is not a choice": "must be seconds, minutes, hours, days, weeks, months or years",
    "a number above the limit": "must be at most 15, not 65",
}


def taking(type_: Any) -> Action:
    def take(ctx: Context, *, it: Any) -> None: ...

    take.__annotations__["it"] = type_
    return action("take")(take)


def of_recipe(project: Any, case: Case) -> str:
    with pytest.raises(RecipeError) as refused:
        parse(load(case.recipe, "recipe.yaml"))
    return str(refused.value)


def of_input(project: Any, case: Case) -> str:
    value = case.text if case.value is None else case.value
    return planned(project, case, {"it": value})


def of_option(project: Any, case: Case) -> str:
    return planned(project, case, parse_inputs([f"it={case.text}"]))


def planned(project: Any, case: Case, inputs: dict[str, Any]) -> str:
    project.offer(taking(Any))
    recipe = f"{{name: n, inputs: {{it: {{{case.input}}}}}, steps: [{{uses: take, with: {{it: 1}}}}]}}"
    with pytest.raises(RecipeError) as refused:
        project.plan(recipe, inputs=inputs)
    return str(refused.value)


def of_argument(project: Any, case: Case) -> str:
    value = case.text if case.value is None else case.value
    (problem,) = taking(case.type).parameters.problems({"it": value})
    return str(problem)


def of_expression(project: Any, case: Case) -> str:
    with pytest.raises(Invalid) as refused:
        compile_expression(case.expression).evaluate({})
    return str(refused.value)


def of_row(project: Any, case: Case) -> str:
    project.offer(read_csv, taking(case.type))
    (project.folder / "rows.csv").write_text(f"it,other\n{case.text},x\n")
    try:
        error = project.run(ROWS.replace("READ", case.read)).error
    except RecipeError as refused:  # cells are text: some of it is known before the run
        return str(refused)
    return str(error)


ROWS = """
name: n
steps:
  - for_each: read_csv
    with: {path: rows.csv}
    as: row
    do:
      - uses: take
        with:
          it: ${{ READ }}
"""
PLACES: dict[str, tuple[Callable[[Any, Case], str], bool]] = {
    "recipe key": (of_recipe, False),
    "input": (of_input, True),
    "option": (of_option, True),
    "argument": (of_argument, False),
    "function argument": (of_expression, False),
    "table row": (of_row, False),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mistake", CASES)
def test_the_same_mistake_has_the_same_words_in_every_place(project: Any, mistake: str, place: str) -> None:
    case, (tell, shows_text) = CASES[mistake], PLACES[place]
    words = EXPRESSION_WORDS.get(mistake, case.words) if place == "function argument" else case.words
    assert words.format(repr(case.text) if shows_text else "text") in tell(project, case)


WHOLE = "must be a whole number, not {}"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("null", "nothing"),
        ("true", "true or false"),
        ("2.5", "a fraction"),
        ("[1]", "a list"),
        ("{a: 1}", "a mapping"),
        ("a", "text"),
    ],
)
def test_a_wrong_type_has_the_same_name_in_recipes_arguments_and_expressions(
    project: Any, written: str, name: str
) -> None:
    data: Any = load(f"it: {written}", "data").data["it"]
    case = Case(WHOLE, "", LOOP % f"parallel: {written}", "type: integer", int, "range(it)", data)
    (problem,) = taking(int).parameters.problems({"it": data})
    with pytest.raises(Invalid) as refused:
        compile_expression("range(it)").evaluate({"it": data})
    for told in (of_recipe(project, case), str(problem), str(refused.value)):
        assert WHOLE.format(name) in told


def test_an_option_that_is_not_an_input_has_the_same_words() -> None:
    with pytest.raises(Exception, match=r"^must be a whole number, not 'plenty'$"):
        parse_count("plenty")


def test_values_are_called_what_people_call_them() -> None:
    values = ("a", 1.5, 1, True, [1], {"a": 1}, date(2026, 3, 1), time(9), None)
    assert [describe(value) for value in values] == [
        "text",
        "a number",
        "a whole number",
        "true or false",
        "a list",
        "a mapping",
        "a date",
        "a time",
        "nothing",
    ]
