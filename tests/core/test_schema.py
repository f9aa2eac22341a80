"""The JSON Schema that editors get: it takes what the check takes, and refuses what it can see is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pinflow.recipe.checks import LOOP_KEYS
from pinflow.recipe.json_schema import ActionSchema, recipe_schema
from pinflow.recipe.model import Recipe, Step, table
from pinflow.recipe.reader import parse
from pinflow.recipe.source import load

ACTIONS = (
    ActionSchema(
        ("copy_board", "v5.copy_board"),
        "Copy a board.",
        {
            "type": "object",
            "properties": {
                "board": {"type": "string", "description": "The board.", "maxLength": 20},
                "count": {"type": "integer", "minimum": 1},
                "privacy": {"enum": ["PUBLIC", "SECRET"], "default": "PUBLIC"},
                "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
                "tags": {"type": "array", "items": {"type": "boolean"}},
                "pin": {"$ref": "#/$defs/Pin"},
                "anything": {},
            },
            "required": ["board"],
            "additionalProperties": False,
            "$defs": {"Pin": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}},
        },
        False,
    ),
    ActionSchema(("list_pins", "v5.list_pins"), "", {"type": "object", "properties": {"board": {}}}, True),
    ActionSchema(("get", "v3.get"), "Old.", {"type": "object", "properties": {"old": {"type": "boolean"}}}, False),
    ActionSchema(("get", "v5.get"), "New.", {"type": "object", "properties": {"new": {"type": "boolean"}}}, False),
)
SCHEMA = recipe_schema(ACTIONS)


def faults(text: str) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(load(text, "r").data)]


def with_step(keys: str) -> str:
    return f"name: n\nsteps: [{{{keys}}}]\n"


def test_the_recipe_schema_is_valid_json_schema_2020_12() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_recipe_schema_is_valid_without_any_action() -> None:
    Draft202012Validator.check_schema(recipe_schema([]))


def test_every_reference_of_the_recipe_schema_has_a_definition() -> None:
    def references(part: Any) -> set[str]:
        if isinstance(part, list):
            return set().union(*map(references, part))
        if isinstance(part, dict):
            own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
            return own.union(*map(references, part.values()))
        return set()

    assert references(SCHEMA) <= {f"#/$defs/{name}" for name in SCHEMA["$defs"]}


def test_every_key_of_a_recipe_has_a_description_for_the_editor() -> None:
    parts = [SCHEMA, *(SCHEMA["$defs"][name] for name in ("Input", "Login", "Schedule", "Retry", "Step"))]
    missing = [key for part in parts for key, value in part["properties"].items() if not value.get("description")]
    assert missing == []


def test_the_recipe_schema_has_every_key_of_the_reader() -> None:
    assert set(SCHEMA["properties"]) == set(table(Recipe))
    assert set(SCHEMA["$defs"]["Step"]["properties"]) == set(table(Step))
    assert set(LOOP_KEYS) < set(table(Step))


GOOD = [
    with_step("uses: copy_board, with: {board: Garden}"),
    with_step("uses: v5.copy_board, with: {board: 123456789012345678}"),
    with_step('uses: copy_board, with: {board: a, count: "${{ inputs.n }}", privacy: "${{ inputs.p }}"}'),
    with_step('uses: copy_board, with: {board: a, pin: {id: "${{ pin.id }}"}, tags: [true, "${{ a }}"], note: null}'),
    with_step('uses: copy_board, with: {board: a, pin: "${{ pin }}", anything: [{}]}'),
    with_step('uses: "${{ inputs.action }}", with: {whatever: 1}'),
    with_step("uses: get, with: {old: true}"),
    with_step("uses: get, with: {new: true}"),
    with_step("uses: get"),
    with_step("for_each: list_pins, with: {board: 5}, as: pin, do: [{uses: get}]"),
    with_step('for_each: "${{ inputs.a }}", parallel: 4, limit: 2, key: "${{ item }}", do: [{uses: get}]'),
    with_step("for_each: [1, 2], do: [{uses: get}]"),
    with_step("include: other.yaml, with: {a: 1}"),
    with_step("uses: get, id: a, name: b, auth: me, api: v5, if: a == 1, timeout: 1h 30m, on_error: continue"),
    with_step("uses: get, auth: {source: a}, if: true, timeout: 5, retry: {attempts: 2, delay: 30 seconds}"),
    'name: n\nschedule: {every: day, at: ["03:30"], jitter: 20 minutes, until: 2030-12-31}\nsteps: [uses: get]\n',
    'name: n\nschedule: {cron: "0 3 * * *", missed: all}\nsteps: [uses: get]\nfinally: [uses: get]\n',
    "name: n\ninputs: {a: {}, b: {type: list, choices: [[1, 2]], min: 2}}\nauth: {m: {token: t}}\nsteps: [uses: get]\n",
]
WRONG = [
    with_step("uses: copy_bord, with: {board: a}"),
    with_step("uses: copy_board, with: {bord: a}"),
    with_step("uses: copy_board, with: {board: a, bord: a}"),
    with_step("uses: copy_board"),
    with_step("uses: copy_board, with: {board: a much too long name of a board}"),
    with_step("uses: copy_board, with: {board: a, count: 0}"),
    with_step("uses: copy_board, with: {board: a, count: some}"),
    with_step("uses: copy_board, with: {board: a, privacy: HIDDEN}"),
    with_step("uses: copy_board, with: {board: a, tags: [1]}"),
    with_step("uses: copy_board, with: {board: a, pin: {}}"),
    with_step("uses: v3.get, with: {new: true}"),
    with_step("uses: get, with: {other: true}"),
    with_step("for_each: list_pins, with: {bord: a}, do: [{uses: get}]"),
    with_step("for_each: copy_board, with: {board: a}, do: [{uses: get}]"),
    with_step("for_each: list_pins"),
    with_step("for_each: list_pins, do: [{uses: nothing_known}]"),
    with_step("uses: get, as: pin"),
    with_step("uses: get, include: a.yaml"),
    with_step("id: a"),
    with_step("uses: get, id: a-b"),
    with_step("uses: get, id: inputs"),
    with_step("uses: get, timeout: soon"),
    with_step("uses: get, retry: {attempts: 21}"),
    with_step("include: /etc/passwd"),
    "name: n\n",
    "steps: [uses: get]\n",
    "name: n\nsteps: []\n",
    "name: n\nnmae: n\nsteps: [uses: get]\n",
    "name: n\ninputs: {a: {type: str}}\nsteps: [uses: get]\n",
    "name: n\ninputs: {a-b: {}}\nsteps: [uses: get]\n",
    "name: n\nauth: {me: {}}\nsteps: [uses: get]\n",
    'name: n\nschedule: {at: "03:30"}\nsteps: [uses: get]\n',
    'name: n\nschedule: {every: day, at: "24:00"}\nsteps: [uses: get]\n',
    'name: n\nschedule: {every: day, cron: "0 3 * * *"}\nsteps: [uses: get]\n',
]


@pytest.mark.parametrize("text", GOOD)
def test_the_recipe_schema_accepts_every_valid_recipe(text: str) -> None:
    assert faults(text) == []
    assert parse(load(text, "r")).name == "n"


@pytest.mark.parametrize("text", WRONG)
def test_the_recipe_schema_rejects_a_wrong_recipe(text: str) -> None:
    assert faults(text) != []


def test_an_editor_can_offer_every_name_of_an_action_with_its_description() -> None:
    offered = SCHEMA["$defs"]["Step"]["properties"]["uses"]["anyOf"]
    assert {"const": "v5.copy_board", "description": "Copy a board."} in offered
    assert [
        each["const"] for each in SCHEMA["$defs"]["Step"]["properties"]["for_each"]["anyOf"] if "const" in each
    ] == [
        "list_pins",
        "v5.list_pins",
    ]


def test_a_parameter_keeps_its_description_and_default_for_the_editor() -> None:
    arguments = SCHEMA["$defs"]["with.v5.copy_board"]["properties"]
    assert arguments["board"]["description"] == "The board."
    assert arguments["privacy"]["default"] == "PUBLIC"
