"""Data to Recipe: good recipes are kept exactly, and wrong ones are explained in full."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pinflow.errors import RecipeError
from pinflow.recipe.reader import parse, parse_all
from pinflow.recipe.source import load

if TYPE_CHECKING:
    from pinflow.recipe.model import Recipe, Step

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("wrong_recipes.yaml").read_text("utf-8"))

COPY = """
# yaml-language-server: $schema=../common/recipe.schema.json
pinflow: 1
name: Copy a board
description: Copy a board, its sections and its pins, within an account or to another one.
api: v5

inputs:
  board: {type: board, description: "Board to copy, by id or name", required: true, example: Garden ideas}
  name: {type: string, description: Name of the copy, default: "${{ inputs.board }} (copy)"}
  to: {type: token, default: access_token}

auth:
  source: {token: access_token}
  target: {token: "${{ inputs.to }}"}

steps:
  - id: me
    uses: get_user
    auth: source

  - id: copy
    uses: copy_board
    auth: {source: source, target: target}
    with:
      board: ${{ inputs.board }}
      name: ${{ inputs.name }}

outputs:
  board: ${{ steps.copy.board.id }}
"""

LOOP = """
name: Copy pins
steps:
  - id: pins
    for_each: list_board_pins
    with: {board: "${{ inputs.board }}"}
    as: pin
    key: ${{ pin.id }}
    parallel: 4
    do:
      - id: copied
        if: pin.board_section_id == null && "recipe" in lower(pin.title ?? "")
        uses: copy_pin
        with: {pin: "${{ pin }}", board: 123456789012345678}
finally:
  - uses: log
"""

SCHEDULED = """
name: Keep tokens fresh
schedule: {every: day, at: "03:30", timezone: Europe/Berlin, jitter: 20 minutes, missed: last, overlap: skip}
steps:
  - uses: refresh_token
"""


def recipe(text: str) -> Recipe:
    return parse(load(text, "recipe.yaml"))


def step(keys: str) -> Step:
    """The first step of a recipe whose only step has these keys, written in a flow mapping."""
    return recipe(f"name: n\nsteps: [{{{keys}}}]\n").steps[0]


def said(text: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        recipe(text)
    return [str(problem).removeprefix("recipe.yaml:") for problem in caught.value.problems]


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_a_wrong_recipe_is_explained_in_full(case: dict[str, Any]) -> None:
    assert said(case["text"]) == case["problems"]


def test_the_corpus_of_wrong_recipes_is_large_and_has_no_case_twice() -> None:
    assert len({case["text"] for case in CASES}) == len(CASES) >= 150


# ---- good recipes


def test_a_recipe_with_inputs_logins_steps_and_outputs() -> None:
    found = recipe(COPY)
    assert (found.name, found.api, found.pinflow) == ("Copy a board", "v5", 1)
    assert [(name, entry.type, entry.has_default) for name, entry in found.inputs.items()] == [
        ("board", "board", False),
        ("name", "string", True),
        ("to", "token", True),
    ]
    assert found.auth["target"].token == "${{ inputs.to }}"
    assert [(each.id, each.uses, each.auth) for each in found.steps] == [
        ("me", "get_user", "source"),
        ("copy", "copy_board", {"source": "source", "target": "target"}),
    ]
    assert found.steps[1].with_ == {"board": "${{ inputs.board }}", "name": "${{ inputs.name }}"}
    assert found.outputs == {"board": "${{ steps.copy.board.id }}"}


def test_a_loop_keeps_its_listing_its_variable_and_its_steps() -> None:
    loop = recipe(LOOP).steps[0]
    assert (loop.for_each, loop.as_, loop.key, loop.parallel) == ("list_board_pins", "pin", "${{ pin.id }}", 4)
    assert loop.do[0].if_ == 'pin.board_section_id == null && "recipe" in lower(pin.title ?? "")'
    assert loop.do[0].with_["board"] == 123456789012345678
    assert [each.uses for each in recipe(LOOP).finally_] == ["log"]


def test_a_schedule_keeps_its_rule_and_counts_durations_in_seconds() -> None:
    schedule = recipe(SCHEDULED).schedule
    assert schedule is not None
    assert (schedule.every, schedule.at, schedule.timezone) == ("day", "03:30", "Europe/Berlin")
    assert (schedule.jitter, schedule.missed, schedule.overlap) == (1200.0, "last", "skip")


def test_what_is_left_out_has_its_default() -> None:
    found = recipe("name: n\nsteps: [uses: x]\n")
    only = found.steps[0]
    assert (found.description, found.inputs, found.auth, found.schedule, found.finally_) == ("", {}, {}, None, ())
    assert (only.id, only.with_, only.retry, only.on_error, only.parallel, only.do) == (None, {}, None, "fail", 1, ())


def test_a_retry_tries_three_times_a_second_apart_unless_told_otherwise() -> None:
    retry = step("uses: x, retry: {}").retry
    assert retry is not None
    assert (retry.attempts, retry.delay) == (3, 1.0)


def test_a_recipe_can_not_be_changed() -> None:
    with pytest.raises(AttributeError, match="cannot assign to field 'name'"):
        recipe(COPY).name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("5", 5.0),
        ("1.5", 1.5),
        ("30 seconds", 30.0),
        ("1 minute", 60.0),
        ("10 minutes", 600.0),
        ("2h", 7200.0),
        ("1h 30m", 5400.0),
        ("1h30m", 5400.0),
        ("1.5 hours", 5400.0),
        ("2 days", 172_800.0),
        ("1w", 604_800.0),
    ],
)
def test_a_duration_is_a_number_of_seconds_or_amounts_with_units(written: str, seconds: float) -> None:
    assert step(f"uses: x, timeout: {written}").timeout == seconds


@pytest.mark.parametrize("written", ["abc", "5 parsecs", "1h x", "h", "-1s", "1,5h", '""', "9999999999999 seconds"])
def test_what_is_no_duration_is_refused(written: str) -> None:
    assert "timeout" in said(f"name: n\nsteps:\n  - uses: x\n    timeout: {written}\n")[0]


def test_an_unquoted_whole_number_in_the_place_of_text_is_kept_exactly() -> None:
    found = recipe("name: 123456789012345678901234567890\nauth: {me: {token: 42}}\nsteps: [{uses: x, name: 0123}]\n")
    assert found.name == "123456789012345678901234567890"
    assert (found.auth["me"].token, found.steps[0].name) == ("42", "0123")


def test_an_unquoted_id_as_an_inputs_value_is_text_where_the_input_is() -> None:
    found = recipe(
        "name: n\ninputs: {a: {type: id, default: 12, choices: [12, 13]}, b: {type: integer, default: 12}}\n"
        "steps: [uses: x]\n"
    )
    assert (found.inputs["a"].default, found.inputs["a"].choices) == ("12", ("12", "13"))
    assert found.inputs["b"].default == 12


def test_a_default_of_null_is_a_default() -> None:
    entry = recipe("name: n\ninputs: {a: {default: null}}\nsteps: [uses: x]\n").inputs["a"]
    assert (entry.has_default, entry.default) == (True, None)


def test_a_default_with_an_expression_is_not_judged_by_its_type() -> None:
    text = 'name: n\ninputs: {a: {type: integer, default: "${{ inputs.b + 1 }}", min: 3}}\nsteps: [uses: x]\n'
    assert recipe(text).inputs["a"].default == "${{ inputs.b + 1 }}"


@pytest.mark.parametrize(
    "type_", ["string", "id", "board", "token", "file", "integer", "number", "boolean", "date", "list"]
)
def test_every_type_of_input_takes_a_default_of_its_own(type_: str) -> None:
    own = {"integer": 3, "number": 1.5, "boolean": False, "date": "2030-12-31", "list": ["a"]}
    value = own.get(type_, "some text")
    text = f"name: n\ninputs: {{a: {{type: {type_}, default: {str(value).lower()}}}}}\nsteps: [uses: x]\n"
    assert recipe(text).inputs["a"].default == value


@pytest.mark.parametrize("condition", ["true", "a == 1", '"${{ a == 1 }}"', '" ${{ a == 1 }} "'])
def test_a_condition_is_a_bare_expression_or_one_in_its_braces(condition: str) -> None:
    assert step(f"uses: x, if: {condition}").if_ == load(condition, "r").data


def test_an_if_that_is_data_is_not_an_expression() -> None:
    assert step('uses: x, with: {if: "not an ( expression"}').with_ == {"if": "not an ( expression"}


@pytest.mark.parametrize("items", ["[1, 2]", "list_pins", '"${{ inputs.a }}"', '" ${{ inputs.a }} "', "v5.list_pins"])
def test_a_loop_goes_over_a_list_an_action_or_an_expression(items: str) -> None:
    written = load(items, "r").data
    assert step(f"for_each: {items}, do: [uses: x]").for_each == (
        tuple(written) if isinstance(written, list) else written
    )


def test_loops_of_different_steps_may_use_the_same_ids() -> None:
    loop = "{for_each: x, do: [{id: a, uses: y}]}"
    assert len(recipe(f"name: n\nsteps: [{loop}, {loop}]\n").steps) == 2


@pytest.mark.parametrize("path", ["a.yaml", "common/a.yaml", "./a.yaml", '"${{ inputs.a }}.yaml"'])
def test_a_recipe_inside_the_folder_can_be_included(path: str) -> None:
    assert step(f"include: {path}").include == load(path, "r").data


@pytest.mark.parametrize(
    "path",
    [
        "http://h/a.yaml",
        "/a.yaml",
        "~/a.yaml",
        "../a.yaml",
        "a/../../b.yaml",
        "'C:\\a.yaml'",
        "'..\\a.yaml'",
        "'\\\\host\\a.yaml'",
        "file:a.yaml",
    ],
)
def test_a_recipe_outside_the_folder_can_not_be_included(path: str) -> None:
    assert said(f"name: n\nsteps:\n  - include: {path}\n")[0].startswith("3:14: include must be a path")


@pytest.mark.parametrize("every", ["day", "2 hours", "monday", "10 minutes", "1.5 hours", "01 days"])
def test_a_schedule_with_an_amount_and_a_unit_is_left_to_the_scheduler(every: str) -> None:
    schedule = recipe(f"name: n\nschedule: {{every: {every}}}\nsteps: [uses: x]\n").schedule
    assert schedule is not None
    assert schedule.every == every


def test_several_times_of_day_are_kept_with_two_digits_each() -> None:
    schedule = recipe('name: n\nschedule: {every: day, at: ["3:30", "15:00"]}\nsteps: [uses: x]\n').schedule
    assert schedule is not None
    assert schedule.at == ("03:30", "15:00")


def test_a_literal_that_looks_like_an_expression_is_allowed_when_escaped() -> None:
    assert step('uses: x, with: {title: "$${{ as it is"}').with_ == {"title": "$${{ as it is"}


def test_two_equal_recipes_are_equal() -> None:
    assert recipe(COPY) == recipe(COPY)


# ---- what remains of a wrong recipe


def remains(text: str) -> Recipe:
    """What can be told of a recipe in which something is wrong."""
    found, problems = parse_all(load(text, "recipe.yaml"))
    assert problems
    assert found is not None
    return found


def remaining_step(keys: str) -> Step:
    """What can be told of a step in which something is wrong."""
    return remains(f"name: n\nsteps: [{{{keys}}}]\n").steps[0]


def test_a_good_recipe_has_no_problems_and_nothing_broken() -> None:
    found, problems = parse_all(load(LOOP, "recipe.yaml"))
    assert (found, problems) == (recipe(LOOP), ())
    assert found is not None
    assert [part.broken for part in (found, *found.steps, *found.steps[0].do)] == [False] * 3


def test_all_mistakes_come_in_the_order_of_the_text_with_what_remains() -> None:
    text = "name: n\nfoo: 1\nname: m\nsteps: [{uses: x, parallel: 0}]\n"
    found, problems = parse_all(load(text, "recipe.yaml"))
    assert [problem.line for problem in problems] == [2, 3, 4, 4]
    assert found is not None
    assert (found.name, found.steps[0].uses, found.steps[0].parallel) == ("n", "x", 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "words",
        "[a]",
        "name: n",
        "name: n\nsteps:",
        "name: n\nsteps: []",
        "name: n\nsteps: {uses: x}",
        "stpes: [uses: x]",
    ],
)
def test_nothing_remains_without_a_list_of_steps(text: str) -> None:
    found, problems = parse_all(load(text, "recipe.yaml"))
    assert found is None
    assert problems


def test_nothing_remains_where_not_everything_was_looked_at() -> None:
    outputs = "".join(f"  a{number}: ${{{{ 1 + }}}}\n" for number in range(600))
    found, problems = parse_all(load(f"name: n\nsteps: [uses: x]\noutputs:\n{outputs}", "recipe.yaml"))
    assert found is None
    assert "too many expressions are wrong; those after this one were not checked" in [each.what for each in problems]


@pytest.mark.parametrize(
    ("keys", "field", "value"),
    [
        ("uses: x, timeout: soon", "timeout", None),
        ("uses: x, on_error: stop", "on_error", "fail"),
        ("uses: x, retry: {attempts: 50, delay: 5}", "retry", (3, 5.0)),
        ("uses: x, if: a ==", "if_", None),
        ('uses: x, name: "${{ 1 + }}"', "name", ""),
        ("uses: x, parallel: 4", "parallel", 1),
        ("uses: x, timout: 5, with: {a: 1}", "with_", {"a": 1}),
    ],
)
def test_a_wrong_key_counts_as_not_written_and_the_rest_of_the_step_remains(keys: str, field: str, value: Any) -> None:
    found = remaining_step(keys)
    kept = getattr(found, field)
    assert ((kept.attempts, kept.delay) if field == "retry" else kept) == value
    assert (found.uses, found.broken) == ("x", False)


@pytest.mark.parametrize(
    "keys",
    [
        "uses: x, with: [a]",
        'uses: x, with: {a: "${{ 1 + }}", b: 2}',
        "uses: x, auth: [a]",
        "uses: x, for_each: y, do: [uses: z]",
        "uses: x, wiht: {a: 1}",
        "uses: x, args: {a: 1}",
        "uses: x, parameters: none",
        "uses: x, atuh: me",
        "uses: x, b",
    ],
)
def test_a_step_that_lacks_what_its_action_takes_is_marked(keys: str) -> None:
    found = remaining_step(keys)
    assert (found.uses, found.broken) == ("x", True)


@pytest.mark.parametrize("keys", ["use: x", "id: a", "uses: [x]", "include: ../x", "uses: x, api: [v5]"])
def test_a_step_whose_action_can_not_be_told_keeps_nothing_that_is_meant_for_one(keys: str) -> None:
    found = remaining_step(f"{keys}, with: {{a: 1}}, auth: me, if: a == 1")
    assert (found.uses, found.for_each, found.with_, found.auth, found.api) == (None, None, {}, None, None)
    assert (found.if_, found.broken) == ("a == 1", True)


def test_a_step_that_is_no_mapping_keeps_its_place() -> None:
    found = remains("name: n\nsteps: [log, {uses: x}]\n")
    assert [(each.uses, each.broken) for each in found.steps] == [(None, True), ("x", False)]


@pytest.mark.parametrize("loop", ["for_each: {a: b}", 'for_each: "a ${{ b }}"', "foreach: list_pins"])
def test_the_steps_of_a_loop_remain_where_nobody_knows_what_it_goes_over(loop: str) -> None:
    found = remaining_step(f"{loop}, with: {{a: 1}}, as: pin, do: [uses: x]")
    assert (found.for_each, found.with_, found.as_, found.broken) == ((), {}, "pin", True)
    assert [(each.uses, each.broken) for each in found.do] == [("x", False)]


@pytest.mark.parametrize("variable", ["as: steps", "as: [pin]", "sa: pin", "variable: pin"])
def test_the_steps_of_a_loop_are_left_out_where_nobody_knows_its_variable(variable: str) -> None:
    found = remaining_step(f'for_each: x, {variable}, key: "${{{{ pin.id }}}}", do: [uses: x]')
    assert (found.for_each, found.key, found.do) == ("x", None, ())


def test_a_mistake_inside_a_loop_breaks_only_the_step_that_it_is_in() -> None:
    found = remaining_step("for_each: x, do: [{uses: y, with: 5}, {uses: z}]")
    assert [found.broken, *(each.broken for each in found.do)] == [False, True, False]


@pytest.mark.parametrize("api", ["api: [v5]", "apis: v5", 'api: "${{ a"'])
def test_bare_names_of_actions_are_left_out_where_nobody_knows_the_api(api: str) -> None:
    steps = "[{uses: a}, {uses: v5.b}, {uses: c, api: v3}, {for_each: d, do: [{uses: e}]}]"
    found = remains(f"name: n\n{api}\nsteps: {steps}\n")
    assert [each.uses for each in (*found.steps, *found.steps[3].do)] == [None, "v5.b", "c", None, None]
    assert [each.broken for each in found.steps] == [True, False, False, True]


@pytest.mark.parametrize(
    "entry", ["{type: integer, default: x}", "{type: integer, requird: true}", "{type: integer, b}"]
)
def test_a_wrong_input_keeps_its_name_and_type_and_is_marked(entry: str) -> None:
    found = remains(f"name: n\ninputs: {{a: {entry}}}\nsteps: [uses: x]\n").inputs["a"]
    assert (found.type, found.has_default, found.required, found.broken) == ("integer", False, False, True)


@pytest.mark.parametrize("entry", ["{token: [a]}", "{}", "words", '{token: "${{ a"}'])
def test_a_wrong_login_keeps_its_name_and_has_some_token(entry: str) -> None:
    found = remains(f"name: n\nauth: {{me: {entry}}}\nsteps: [uses: x]\n").auth["me"]
    assert (found.token, found.broken) == ("unknown", True)


def test_the_outputs_that_are_right_remain() -> None:
    text = "name: n\nsteps: [uses: x]\noutputs: {a: '${{ 1 + }}', b: '${{ steps.x }}'}\n"
    assert remains(text).outputs == {"b": "${{ steps.x }}"}


@pytest.mark.parametrize(
    "text",
    [
        "inputs: [a]",
        "input: {a: {}}",
        "parameters: {a: {}}",
        "inputs: {a-b: {}}",
        "inputs: {a: {}, b}",
        "inputs: {a: {}, a: {}}",
        "auth: me",
        "auth: {me: {token: t}, b}",
        "finally: {uses: y}",
        "finally: [{id: a-b, uses: y}]",
        "finally: [{id: a, id: b, uses: y}]",
        "finally: [[{id: a, uses: y}]]",
        "finally: [{include: /a}]",
        "steps: [uses: y]",
    ],
)
def test_a_recipe_in_which_a_name_may_be_lost_is_marked(text: str) -> None:
    assert remains(f"name: n\nsteps: [uses: x]\n{text}\n").broken


@pytest.mark.parametrize(
    "text",
    [
        "descripton: d",
        "outputs: 5",
        "inputs: {a: {type: int}}",
        "auth: {me: {}}",
        "finally: [{id: a, uses: x}, {id: a, uses: x}]",
        "finally: [{uses: [x], wiht: {}}]",
        "schedule: {every: 5}",
    ],
)
def test_a_recipe_in_which_all_names_are_known_is_not_marked(text: str) -> None:
    assert not remains(f"name: n\nsteps: [uses: x]\n{text}\n").broken


def test_a_part_knows_which_of_its_keys_were_written() -> None:
    assert step("include: a.yaml, if: true, with: {}").given == {"include", "if", "with"}
