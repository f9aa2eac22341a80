"""What is given for a recipe's inputs becomes values of their types, or is refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from pinflow import Context, action
from pinflow.errors import RecipeError, UsageError
from pinflow.plan.inputs import MissingInputs, convert, is_token_name
from pinflow.recipe.model import Input


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("string", "text", "text"),
        ("string", "", ""),
        ("string", 7, "7"),
        ("integer", "12", 12),
        ("integer", " -3 ", -3),
        ("integer", 5, 5),
        ("number", "1.50", 1.5),
        ("number", "2e3", 2000.0),
        ("number", "4", 4),
        ("number", 2.5, 2.5),
        ("boolean", "true", True),
        ("boolean", "Yes", True),
        ("boolean", "no", False),
        ("boolean", False, False),
        ("date", "2026-02-28", "2026-02-28"),
        ("id", "549755885175", "549755885175"),
        ("id", 549755885175, "549755885175"),
        ("token", "my_token-2.old", "my_token-2.old"),
        ("list", "a, b,,c ", ["a", "b", "c"]),
        ("list", '["a, b", {"c": 1}]', ["a, b", {"c": 1}]),
        ("list", [1, 2], [1, 2]),
        ("list", "", []),
    ],
)
def test_a_given_text_becomes_a_value_of_the_inputs_type(kind: Any, given: Any, value: Any) -> None:
    found = convert(given, Input(type=kind))
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "given", "why"),
    [
        ("integer", "1.0", "must be a whole number"),
        ("integer", 1.0, "must be a whole number"),
        ("integer", "1_000", "must be a whole number"),
        ("integer", "\uff11\uff12", "must be a whole number"),
        ("integer", "9" * 5000, "must be a whole number"),
        ("integer", True, "must be a whole number"),
        ("integer", "", "must be a whole number"),
        ("number", "nan", "must be a number"),
        ("number", "inf", "must be a number"),
        ("number", "1e999", "must be a number"),
        ("number", float("nan"), "must be a number"),
        ("number", "1,5", "must be a number"),
        ("number", True, "must be a number"),
        ("boolean", "1", "must be true or false"),
        ("boolean", 1, "must be true or false"),
        ("date", "20260131", "isn't a date \\(YYYY-MM-DD\\)"),
        ("date", "2026-W05-1", "isn't a date \\(YYYY-MM-DD\\)"),
        ("date", "2026-02-30", "isn't a date \\(YYYY-MM-DD\\)"),
        ("date", "\u0662026-01-31", "isn't a date \\(YYYY-MM-DD\\)"),
        ("id", "12a", "isn't an id \\(digits only\\)"),
        ("id", "\u0661\u0662", "isn't an id \\(digits only\\)"),
        ("id", "1" * 33, "isn't an id \\(digits only\\)"),
        ("id", "12\n", "isn't an id \\(digits only\\)"),
        ("token", "../secret", "isn't the name of a token"),
        ("string", True, "must be text"),
        ("string", ["a"], "must be text"),
        ("string", "half \udc80 a character", "isn't valid text"),
        ("list", "[1, 2", "isn't a JSON list"),
        ("list", "[NaN]", "isn't a JSON list"),
        ("list", '["\\ud800"]', "isn't a JSON list"),
        ("list", "[" * 100_000, "isn't a JSON list"),
        ("list", 7, "must be a list"),
    ],
)
def test_an_input_of_another_type_is_refused(kind: Any, given: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        convert(given, Input(type=kind))


@pytest.mark.parametrize(
    ("limits", "given", "why"),
    [
        ({"choices": ("a", "b")}, "c", "must be a or b"),
        ({"pattern": "[a-z]+"}, "ab\n", r"doesn't match \[a-z\]\+"),
        ({"type": "integer", "min": 2}, "1", "must be at least 2, not 1$"),
        ({"type": "number", "max": 2}, "2.5", "must be at most 2, not 2.5$"),
        ({"min": 2}, "a", "has 1 character; at least 2"),
        ({"type": "list", "max": 1}, "a,b", "has 2 items; at most 1"),
    ],
)
def test_inputs_outside_of_their_limits_are_refused(limits: dict[str, Any], given: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        convert(given, Input(**limits))


@pytest.mark.parametrize("name", ["access_token", "a", "7", "my.token", "x" * 64, "a-b", "a_"])
def test_a_plain_name_can_name_a_token(name: str) -> None:
    assert is_token_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *["", ".", "..", "a..b", ".hidden", "a.", "a-", "-a", "_a", "a/b", "a\\b", "a b", "a\n", "a\x00b", "x" * 65],
        *[
            "caf\u00e9",
            "\u0430ccess_token",
            "a\u2024b",
            "a\uff0fb",
            "\uff41",
            "a\u200bb",
            "to\u212aen",
            "a\u202eb",
            "\u0661",
        ],
        *["~", "~root", "C:", "a:b", "%2e%2e", "a%2fb", "$HOME", "*", "a?"],
    ],
)
def test_what_could_be_a_path_or_look_like_another_name_can_not_name_a_token(name: str) -> None:
    assert not is_token_name(name)


# -- through the front door


def shown(project: Any, recipe: str, inputs: dict[str, Any]) -> Any:
    @action("show")
    def show(ctx: Context, *, value: Any) -> None:
        seen.append(value)

    seen: list[Any] = []
    project.offer(show)
    assert project.run(recipe, inputs=inputs).ok
    return seen


SHOW = "\nsteps: [{uses: show, with: {value: '${{ inputs }}'}}]\n"


def test_defaults_are_made_from_other_inputs_in_whatever_order(project: Any) -> None:
    recipe = (
        'name: n\ninputs: {c: {default: "${{ inputs.b }}!"}, b: {default: "${{ inputs.a }} copy"}, a: {required: true}}'
    )
    assert shown(project, recipe + SHOW, {"a": "x"}) == [{"a": "x", "b": "x copy", "c": "x copy!"}]


def test_an_input_without_a_value_is_null(project: Any) -> None:
    assert shown(project, "name: n\ninputs: {a: {}, b: {default: null}}" + SHOW, {}) == [{"a": None, "b": None}]


def test_a_whole_number_stays_one_in_a_default(project: Any) -> None:
    recipe = 'name: n\ninputs: {a: {type: integer, default: 3}, b: {type: integer, default: "${{ inputs.a * 2 }}"}}'
    assert shown(project, recipe + SHOW, {}) == [{"a": 3, "b": 6}]


def test_a_list_may_be_empty_by_default(project: Any) -> None:
    assert shown(project, "name: n\ninputs: {a: {type: list, default: [], example: []}}" + SHOW, {}) == [{"a": []}]


def test_a_given_value_is_not_evaluated(project: Any) -> None:
    recipe = "name: n\ninputs: {a: {}, b: {default: '${{ inputs.a }}'}}" + SHOW
    text = "${{ 1 + 1 }}"
    assert shown(project, recipe, {"a": text}) == [{"a": text, "b": text}]


def test_examples_are_for_trying_a_recipe_only(project: Any) -> None:
    recipe = "{name: n, inputs: {a: {required: true, example: x}}, steps: [{uses: show, with: {value: 1}}]}"

    @action("show")
    def show(ctx: Context, *, value: Any) -> None:
        """Nothing."""

    project.offer(show)
    with pytest.raises(MissingInputs, match="input 'a' needs a value"):
        project.plan(recipe)
    assert project.plan(recipe, examples=True).inputs == {"a": "x"}


def project_recipe(project: Any) -> str:
    @action("show")
    def show(ctx: Context) -> None:
        """Nothing."""

    project.offer(show)
    return "{name: n, inputs: {a: {required: true}}, steps: [{uses: show}]}"


def test_null_is_no_value_for_a_required_input(project: Any) -> None:
    with pytest.raises(MissingInputs):
        project.plan(project_recipe(project), inputs={"a": None})


def test_the_inputs_that_are_missing_are_known_to_whoever_asks_for_them(project: Any) -> None:
    recipe = project_recipe(project).replace(
        "{a: {required: true}}", "{a: {required: true}, b: {required: true}, c: {}}"
    )
    with pytest.raises(MissingInputs) as caught:
        project.plan(recipe)
    assert [each.name for each in caught.value.missing] == ["a", "b"]


def test_a_name_that_is_no_input_is_refused_with_the_near_one(project: Any) -> None:
    with pytest.raises(UsageError, match="unknown input 'aa'; did you mean 'a'"):
        project.plan(project_recipe(project), inputs={"aa": "x"})


def test_a_secret_is_stored_nowhere_and_neither_is_what_is_made_from_it(project: Any) -> None:
    recipe = project_recipe(project).replace(
        "{a: {required: true}}",
        "{a: {type: secret}, b: {default: '${{ inputs.a }}!'}, c: {default: '${{ inputs.b }}'}, d: {default: x}}",
    )
    plan = project.plan(recipe, inputs={"a": "hunter22"})
    assert plan.inputs["c"] == "hunter22!"
    assert plan.stored_inputs() == {"d": "x"}
    assert project.plan(recipe, inputs={"a": "hunter22", "b": "mine"}).stored_inputs() == {
        "b": "mine",
        "c": "mine",
        "d": "x",
    }


def test_a_long_value_is_cut_in_the_message(project: Any) -> None:
    recipe = project_recipe(project).replace("required: true", "type: integer")
    with pytest.raises(RecipeError) as caught:
        project.plan(recipe, inputs={"a": "x" * 100_000})
    assert len(str(caught.value)) < 400
