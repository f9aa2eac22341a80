"""A workflow's inputs, which are JSON Schema, as inputs of a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pinflow_pinterest_v5.importing.draft import is_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES: Final = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean", "array": "list"}
_LIMITS: Final = {"default": "default", "pattern": "pattern", "minimum": "min", "maximum": "max"}
_DIGITS: Final = (r"^\d+$", "^[0-9]+$")


_READ: Final = frozenset({"type", "format", "enum", "description", "example", "examples", "title", *_LIMITS})


def unread(schema: Mapping[str, Any]) -> list[str]:
    """What a property says beside, which an input can't."""
    return [str(key) for key in schema if key not in _READ and not str(key).startswith("x-")]


def declared(name: str, schema: Mapping[str, Any], *, required: bool) -> dict[str, Any] | str:
    """The input that a property declares, or why a recipe can't have one like it. A secret brings no value."""
    kind = schema.get("type", "string")
    if is_secret(name, str(schema.get("default", ""))):
        return {"type": "secret", "required": True}
    if not isinstance(kind, str) or kind not in _TYPES:
        return "recipes have no inputs that are mappings" if kind == "object" else f"recipes have no type {kind!r}"
    found: dict[str, Any] = {"type": _type(schema, kind)}
    if schema.get("description"):
        found["description"] = " ".join(str(schema["description"]).split())[:200]
    if required and "default" not in schema:
        found["required"] = True
    for name, own in _LIMITS.items():
        # an id says its pattern already; limits of lists and secrets a recipe does not know
        if name in schema and not (name == "pattern" and found["type"] != "string"):
            found[own] = schema[name]
    if isinstance(schema.get("enum"), list):
        found["choices"] = schema["enum"]
    examples = schema.get("examples")
    example = schema.get("example", examples[0] if isinstance(examples, list) and examples else None)
    if example is not None and found["type"] != "secret":
        found["example"] = example
    return found


def _type(schema: Mapping[str, Any], kind: str) -> str:
    match schema:
        case {"format": "date"}:
            return "date"
        case {"format": "password"}:
            return "secret"
        case {"pattern": str(pattern)} if pattern in _DIGITS:
            return "id"
    return _TYPES[kind]
