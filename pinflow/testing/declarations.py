"""What can be told of an action without running it, and whether what it gave is what it declares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pinflow.plugin.action import Action


def place_of(action: Action) -> str:
    """Where its function stands: "pinflow_acme/__init__.py:24"."""
    code = getattr(action.function, "__code__", None)
    if code is None:
        return str(getattr(action.function, "__module__", "?"))
    return f"{'/'.join(Path(code.co_filename).parts[-2:])}:{code.co_firstlineno}"


def declared_badly(action: Action) -> Iterator[tuple[str, str]]:
    """Rule and what is wrong, for everything that an author left out."""
    if not action.summary:
        yield "description", "has no docstring: its first line is what lists show"
    try:
        listing, schema = action.parameters.listing(), action.parameters.output_schema()
    except PluginError as error:
        yield "types", error.message.partition(": ")[2] or error.message
        return
    for each in listing:
        if not each.help:
            yield "description", f"argument {each.name!r} is not described: add a line for it below Arguments:"
    if "return" not in getattr(action.function, "__annotations__", {}):
        yield "types", "its return type is not declared, so that a misspelt field is found only while it runs"
    elif action.yields and not schema:
        yield "types", "what it yields is not declared: Iterator[SomeTypedDict]"


def misfits(value: Any, schema: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """How a value differs from the shape that is declared, but for fields that are not in it."""
    said = f"its field {where!r}" if where else "it"
    if "anyOf" in schema:
        if not any(next(misfits(value, part, where), None) is None for part in schema["anyOf"]):
            yield f"{said} is {_type(value)}, which none of its declared types is"
        return
    if "enum" in schema:
        if value not in schema["enum"]:
            yield f"{said} is none of {', '.join(map(repr, schema['enum']))}"
        return
    wanted = schema.get("type")
    if wanted is not None and not _is(value, wanted):
        yield f"{said} is {_type(value)}, but declared as {_WORDS.get(wanted, wanted)}"
    elif isinstance(value, dict):
        yield from _of_mapping(value, schema, where)
    elif isinstance(value, list | tuple) and "items" in schema:
        yield from (each for item in value[:10] for each in misfits(item, schema["items"], f"{where}[]"))


def _of_mapping(value: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> Iterator[str]:
    prefix = f"{where}." if where else ""
    known: Mapping[str, Any] = schema.get("properties", {})
    for name, part in value.items():
        if name in known:
            yield from misfits(part, known[name], f"{prefix}{name}")
        elif "additionalProperties" in schema:
            yield from misfits(part, schema["additionalProperties"], f"{prefix}{name}")


def undeclared(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """The outermost fields that a mapping has and its shape does not: no recipe can use them."""
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


def _is(value: Any, wanted: str) -> bool:
    if isinstance(value, bool) and wanted in ("integer", "number"):
        return False
    return isinstance(value, _TYPES.get(wanted, (object,)))


def _type(value: Any) -> str:
    found = next((name for name in ("boolean", "integer", *_TYPES) if _is(value, name)), "something else")
    return _WORDS.get(found, found)
