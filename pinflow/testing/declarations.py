"""Checks an action's declarations, and whether its output has the declared shape."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pinflow.plugin.action import Action


def place_of(action: Action) -> str:
    """The place of its function: "pinflow_acme/__init__.py:24"."""
    code = getattr(action.function, "__code__", None)
    if code is None:
        return str(getattr(action.function, "__module__", "?"))
    return f"{'/'.join(Path(code.co_filename).parts[-2:])}:{code.co_firstlineno}"


def declaration_problems(action: Action) -> Iterator[tuple[str, str]]:
    """Rule and problem, for everything that is missing or wrong."""
    if not action.summary:
        yield "description", "has no docstring: lists show its first line"
    try:
        listing, schema = action.parameters.listing(), action.parameters.output_schema()
    except PluginError as error:
        yield "types", error.message.partition(": ")[2] or error.message
        return
    for parameter in listing:
        if not parameter.help:
            yield "description", f"argument {parameter.name!r} has no description: add a line below Arguments:"
    if "return" not in getattr(action.function, "__annotations__", {}):
        yield "types", "its return type is not declared, so that recipes' misspelt fields are found only when they run"
    elif action.yields and not schema:
        yield "types", "the type of its items is not declared: Iterator[SomeTypedDict]"


def shape_problems(value: Any, schema: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """How a value differs from the declared shape, apart from undeclared fields."""
    field = f"its field {where!r}" if where else "it"
    if "anyOf" in schema:
        if not any(next(shape_problems(value, part, where), None) is None for part in schema["anyOf"]):
            yield f"{field} is {_type_text(value)}, which is not one of its declared types"
        return
    if "enum" in schema:
        if value not in schema["enum"]:
            yield f"{field} must be one of {', '.join(map(repr, schema['enum']))}"
        return
    declared = schema.get("type")
    if declared is not None and not _has_type(value, declared):
        yield f"{field} is {_type_text(value)}, but declared as {_WORDS.get(declared, declared)}"
    elif isinstance(value, dict):
        yield from _mapping_problems(value, schema, where)
    elif isinstance(value, list | tuple) and "items" in schema:
        yield from (problem for item in value[:10] for problem in shape_problems(item, schema["items"], f"{where}[]"))


def _mapping_problems(value: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> Iterator[str]:
    prefix = f"{where}." if where else ""
    known: Mapping[str, Any] = schema.get("properties", {})
    for name, part in value.items():
        if name in known:
            yield from shape_problems(part, known[name], f"{prefix}{name}")
        elif "additionalProperties" in schema:
            yield from shape_problems(part, schema["additionalProperties"], f"{prefix}{name}")


def undeclared_fields(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """The outermost fields of a mapping that its shape lacks, so that recipes can't use them."""
    known = schema.get("properties", {})
    return sorted(value.keys() - known.keys()) if isinstance(value, dict) and known else []


_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list, tuple),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_WORDS = {"object": "a mapping", "array": "a list", "string": "text", "integer": "a whole number", "null": "nothing"}


def _has_type(value: Any, type: str) -> bool:
    if isinstance(value, bool) and type in ("integer", "number"):
        return False
    return isinstance(value, _TYPES.get(type, (object,)))


def _type_text(value: Any) -> str:
    type = next((name for name in ("boolean", "integer", *_TYPES) if _has_type(value, name)), "something else")
    return _WORDS.get(type, type)
