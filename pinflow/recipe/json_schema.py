"""JSON Schema of recipes, for editors: completion, hover texts and early warnings.

Keys, their descriptions and limits come from the tables that recipes are read by, and what an action
takes from its own parameters, so that an editor and ``pinflow validate`` can't disagree about them. What a
schema can't say (names that must be unique, syntax inside ``${{ }}``) is left to the check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow.lazy_dataclass import dataclass
from pinflow.recipe import checks, model, schedule_validators, validators
from pinflow.recipe.validators import OneOf, Whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pinflow.recipe.model import Key, Validator

Json = dict[str, Any]

EXPRESSION: Mapping[str, str] = {"type": "string", "pattern": r"\$\{\{"}

_NAME = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "not": {"enum": sorted(validators.RESERVED)}}
_TEXT = {"type": ["string", "integer"]}
_FILLED = {"type": ["string", "integer"], "pattern": r"\S"}
_CLOCK = {"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$"}
_DURATION = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": validators.MAX_SECONDS},
        {"type": "string", "pattern": r"^\s*([0-9]+(\.[0-9]+)? ?[a-z]+\s*)+$"},
    ]
}

# what each kind takes, as far as a schema can say it
_SHAPES: Mapping[Validator, Json] = {
    validators.anything: {},
    validators.version: {"const": 1},
    validators.text: _TEXT,
    validators.non_empty_text: _FILLED,
    validators.name: _NAME,
    validators.number: {"type": "number"},
    validators.boolean: {"type": "boolean"},
    validators.mapping: {"type": "object"},
    validators.listing: {"type": "array", "minItems": 1},
    validators.present: {},
    validators.seconds: _DURATION,
    validators.positive_seconds: _DURATION,
    validators.condition: {"type": ["string", "boolean"], "pattern": r"\S"},
    validators.logins: {"anyOf": [_FILLED, {"type": "object", "additionalProperties": {"type": "string"}}]},
    validators.items: {"type": ["string", "array"]},
    validators.relative_path: {"type": "string", "pattern": r"^(?![/~\\])(?![A-Za-z][A-Za-z0-9+.-]*:)"},
    validators.pattern: {"type": "string", "format": "regex", "maxLength": 500},
    schedule_validators.every: {"type": "string", "pattern": "[A-Za-z]"},
    schedule_validators.clock_times: {"anyOf": [_CLOCK, {"type": "array", "items": _CLOCK, "minItems": 1}]},
    schedule_validators.cron: {"type": "string", "pattern": r"^\s*(\S+\s+){4}\S+\s*$"},
    schedule_validators.zone: {"type": "string"},
    schedule_validators.moment: {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}"},
}


@dataclass(frozen=True, slots=True)
class ActionSchema:
    """An action as recipes name it.

    ``names`` are all that mean it (``copy_board``, ``v5.copy_board``); ``parameters`` is the JSON
    Schema of its arguments, an object; ``yields`` says that a loop can go over its items.
    """

    names: tuple[str, ...]
    description: str
    parameters: Mapping[str, Any]
    yields: bool


def recipe_schema(actions: Iterable[ActionSchema]) -> Json:
    """JSON Schema (draft 2020-12) of a recipe that uses these actions and no others.

    A bare name may mean an action of several APIs; then the arguments of any of them are taken.
    """
    known = tuple(actions)
    definitions = {part.__name__: _object(part) for part in (model.Input, model.Login, model.Retry, model.Schedule)}
    definitions["Schedule"]["oneOf"] = [{"required": ["every"]}, {"required": ["cron"]}]
    definitions["Step"] = _step(known)
    definitions["expression"] = {**EXPRESSION, "description": "An expression, evaluated when the recipe runs."}
    for action in known:
        definitions |= _arguments(action)
    recipe = _object(model.Recipe)
    recipe["properties"]["inputs"]["propertyNames"] = _NAME
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "pinflow recipe"}
    return {**head, **recipe, "$defs": definitions}


def _object(part: type[model.Section]) -> Json:
    """A part as a schema: its keys, which of them must be there, and no others."""
    table = model.table(part)
    schema: Json = {"type": "object", "additionalProperties": False}
    if part.__doc__:
        schema["description"] = part.__doc__.split("\n", 1)[0]
    schema["properties"] = {name: _property(key) for name, key in table.items()}
    required = [name for name, key in table.items() if key.required]
    return {**schema, "required": required} if required else schema


def _property(key: Key) -> Json:
    schema = _shape(key.kind)
    if key.of is not None:
        inside = {"array": "items", "object": "additionalProperties"}.get(schema.get("type", ""))
        schema |= {inside: _shape(key.of)} if inside else _shape(key.of)
    schema["description"] = key.about
    if isinstance(key.default, (str, int, float)) and key.default != "" and not key.required:
        schema["default"] = key.default
    return schema


def _shape(of: Validator | str) -> Json:
    """A kind, or the part of this name, as a schema."""
    match of:
        case str():
            return {"$ref": f"#/$defs/{of}"}
        case OneOf(words=words):
            return {"enum": list(words)}
        case Whole(least=least, most=most):
            bounds = {"minimum": least, "maximum": most}
            return {"type": "integer"} | {name: bound for name, bound in bounds.items() if bound is not None}
        case _:
            return dict(_SHAPES[of])


# ---- steps and their actions


def _step(actions: tuple[ActionSchema, ...]) -> Json:
    """A step: one of three kinds, and the arguments that its action takes."""
    schema = _object(model.Step)
    properties = schema["properties"]
    properties["uses"] = _with_description(properties["uses"], {"anyOf": [*_names(actions), _expression()]})
    sources = [*_names(action for action in actions if action.yields), _expression(), {"type": "array"}]
    properties["for_each"] = _with_description(properties["for_each"], {"anyOf": sources})
    schema["oneOf"] = [{"required": ["uses"]}, {"required": ["for_each", "do"]}, {"required": ["include"]}]
    schema["dependentRequired"] = {key: ["for_each"] for key in checks.LOOP_KEYS}
    schema["allOf"] = [
        _condition(key, name, [action for action in actions if name in action.names]) for key, name in _uses(actions)
    ]
    return schema if schema["allOf"] else {key: value for key, value in schema.items() if key != "allOf"}


def _with_description(before: Json, after: Json) -> Json:
    return {"description": before["description"], **after}


def _expression() -> Json:
    return {"$ref": "#/$defs/expression"}


def _names(actions: Iterable[ActionSchema]) -> list[Json]:
    """Every name of the actions, with what an editor shows beside it."""
    texts = {name: action.description for action in actions for name in action.names}
    return [{"const": name, "description": text} if text else {"const": name} for name, text in sorted(texts.items())]


def _uses(actions: Iterable[ActionSchema]) -> list[tuple[str, str]]:
    """Each key and action name that decide what ``with`` may hold."""
    pairs = {("uses", name) for action in actions for name in action.names}
    pairs |= {("for_each", name) for action in actions if action.yields for name in action.names}
    return sorted(pairs)


def _condition(key: str, name: str, meant: list[ActionSchema]) -> Json:
    """Where ``key`` names an action, ``with`` holds the arguments of one that the name means."""
    references = [{"$ref": f"#/$defs/{_definition(action)}"} for action in meant]
    then: Json = {"properties": {"with": references[0] if len(references) == 1 else {"anyOf": references}}}
    if all(action.parameters.get("required") for action in meant):
        then["required"] = ["with"]
    return {"if": {"properties": {key: {"const": name}}, "required": [key]}, "then": then}


def _definition(action: ActionSchema) -> str:
    return f"with.{max(action.names, key=len)}"


def _arguments(action: ActionSchema) -> Json:
    """An action's arguments, with the definitions that they refer to moved beside them."""
    own = _definition(action)
    inner = action.parameters.get("$defs", {})
    definitions = {f"{own}.{name}": _open(part, own) for name, part in inner.items()}
    outer = {key: value for key, value in action.parameters.items() if key != "$defs"}
    definitions[own] = {"type": "object", "additionalProperties": False, **_open_object(outer, own)}
    return definitions


def _open(schema: Any, own: str) -> Any:
    """The schema of a value, so that it takes an expression as well, at any depth."""
    if not isinstance(schema, dict):
        return schema
    inner = _open_object(schema, own)
    about = {key: inner.pop(key) for key in ("description", "default") if key in inner}
    if inner in ({}, _TEXT):
        return {**about, **inner}  # takes any text already
    return {**about, "anyOf": [inner, _expression()]}


def _open_object(schema: Mapping[str, Any], own: str) -> Json:
    """The same schema with its parts opened, and references led to where the definitions are now."""
    opened: Json = {}
    for key, value in schema.items():
        if key == "title":
            continue
        if key == "$ref":
            opened[key] = str(value).replace("#/$defs/", f"#/$defs/{own}.")
        elif key in ("properties", "patternProperties"):
            opened[key] = {name: _open(part, own) for name, part in value.items()}
        elif key in ("items", "additionalProperties"):
            opened[key] = _open(value, own)
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            opened[key] = [_open_object(part, own) for part in value]
        else:
            opened[key] = value
    if opened.get("type") == "string" and "enum" not in opened and "const" not in opened:
        opened["type"] = _TEXT["type"]  # ids are often not quoted
    return opened
