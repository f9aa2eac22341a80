"""Converting a workflow's inputs, which are JSON Schema, to inputs of a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pinflow_pinterest_v5.importing.draft import as_literal, is_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES: Final = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean", "array": "list"}
_LIMITS: Final = {"default": "default", "pattern": "pattern", "minimum": "min", "maximum": "max"}
_DIGITS: Final = (r"^\d+$", "^[0-9]+$")


_READ: Final = frozenset({"type", "format", "enum", "description", "example", "examples", "title", *_LIMITS})


def unsupported_keys(schema: Mapping[str, Any]) -> list[str]:
    """The keys of a property that an input does not have."""
    return [str(key) for key in schema if key not in _READ and not str(key).startswith("x-")]


def make_input(name: str, schema: Mapping[str, Any], *, required: bool) -> dict[str, Any] | str:
    """The input for a property, or why a recipe can't have it. A secret has no default."""
    kind = schema.get("type", "string")
    if is_secret(name, str(schema.get("default", ""))):
        return {"type": "secret", "required": True}
    if not isinstance(kind, str) or kind not in _TYPES:
        return "recipes have no inputs that are mappings" if kind == "object" else f"recipes have no type {kind!r}"
    declaration: dict[str, Any] = {"type": _type(schema, kind)}
    if schema.get("description"):
        declaration["description"] = as_literal(" ".join(str(schema["description"]).split())[:200])
    if required and "default" not in schema:
        declaration["required"] = True
    for name, key in _LIMITS.items():
        # an id has a pattern already; lists and secrets have no limits in a recipe
        if name in schema and not (name == "pattern" and declaration["type"] != "string"):
            declaration[key] = as_literal(schema[name])
    if isinstance(schema.get("enum"), list):
        declaration["choices"] = schema["enum"]
    examples = schema.get("examples")
    example = schema.get("example", examples[0] if isinstance(examples, list) and examples else None)
    # an example is never looked through for expressions, so there is no way to write one that stays text
    if example is not None and declaration["type"] != "secret" and "${{" not in str(example):
        declaration["example"] = example
    return declaration


def _type(schema: Mapping[str, Any], kind: str) -> str:
    match schema:
        case {"format": "date"}:
            return "date"
        case {"format": "password"}:
            return "secret"
        case {"pattern": str(pattern)} if pattern in _DIGITS:
            return "id"
    return _TYPES[kind]
