"""Sample values for JSON Schemas of the catalogue, to call every operation with valid arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow import fits_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DEPTH = 12  # of optional fields within fields: some schemas contain themselves
TEXTS = (
    "text",
    "549755885175",
    "2026-10-01",
    "C12",
    "AG1",
    "https://example.com/a.jpg",
    "12:30",
    "12+",
    "US",
    "USD",
    "aGVsbG8=",
    "xyz",
    "a" * 40,
    "1",
)


def sample(schema: Any, definitions: Mapping[str, Any], *, full: bool, depth: int = 0) -> Any:
    """A valid value. With ``full`` it has every optional field, not only the required ones."""

    def inner(part: Any) -> Any:
        return sample(part, definitions, full=full, depth=depth + 1)

    if schema is True or not schema:
        return {"key": "value"}
    match schema:
        case {"$ref": str(pointer)}:
            return inner(definitions[pointer.removeprefix("#/$defs/")])
        case {"anyOf": list(branches), "discriminator": {"propertyName": str(field), "mapping": dict(mapping)}}:
            word, number = next(reversed(mapping.items()))
            return {**inner(branches[number]), field: word}
        case {"anyOf": list(branches)}:
            return inner(branches[0])
        case {"enum": list(values)}:
            return values[0]
        case {"type": "object", "properties": dict(properties)}:
            needed = schema.get("required", ())
            return {
                name: inner(part) for name, part in properties.items() if name in needed or (full and depth < MAX_DEPTH)
            }
        case {"type": "object"}:
            more = schema.get("additionalProperties", True)
            return {"key": inner(more)} if more is not True else {"key": "value"}
        case {"type": "array"}:
            least = max(1, schema.get("minItems", 1))
            return [inner(schema.get("items", {"type": "string"}))] * least
        case {"type": "integer"}:
            return _number(schema, 1)
        case {"type": "number"}:
            return _number(schema, 0.5)
        case {"type": "boolean"}:
            return True
        case {"type": "string"}:
            return _text(schema)
    raise AssertionError(schema)


def _number(schema: Mapping[str, Any], default: float) -> float:
    low: float = schema.get("minimum", default)
    high: float = schema.get("maximum", default)
    return min(max(default, low), high)


def _text(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minLength", 0), schema.get("maxLength", 1 << 20)
    if schema.get("format") == "date":
        return "2026-10-01"
    for text in TEXTS:
        if least <= len(text) <= most and fits_pattern(schema.get("pattern", ""), text):
            return text
    raise AssertionError(schema)
