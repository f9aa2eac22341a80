"""An operation's arguments as text: a line for each parameter and each field of its body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WORDS: Final = {"string": "text", "integer": "whole number", "boolean": "true | false", "null": "null"}
_DIGITS: Final = (r"^\d+$", "^[0-9]+$")
_MAX_VALUES: Final = 6  # of an enum that are listed: they fit on a line
_MAX_DEPTH: Final = 5  # of fields within fields; deeper ones are never set by hand


class Line(NamedTuple):
    """A parameter or field: "media_source.url", its values as text, and whether it is required."""

    name: str
    words: str
    required: bool


class Describer:
    """Describes the schemas of one catalogue as text."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions

    def resolve(self, schema: Any) -> Mapping[str, Any]:
        """The schema that a reference names, or the schema itself. {} is anything."""
        while isinstance(schema, dict) and "$ref" in schema:
            schema = self._definitions[schema["$ref"].removeprefix("#/$defs/")]
        return schema if isinstance(schema, dict) else {}

    def words(self, schema: Any) -> str:
        """The values as text: "whole number, 1 to 250, default 25"."""
        resolved = self.resolve(schema)
        default = schema.get("default", resolved.get("default")) if isinstance(schema, dict) else None
        text = str(default).lower() if isinstance(default, bool) else default
        return self._kind(resolved) + ("" if default is None else f", default {text}")

    def _kind(self, schema: Mapping[str, Any]) -> str:
        if "anyOf" in schema:
            kinds = [self._kind(self.resolve(part)) for part in schema["anyOf"]]
            return " or ".join(dict.fromkeys(word for kind in kinds for word in kind.split(" or ")))
        if "enum" in schema:
            values = " | ".join(map(str, schema["enum"][:_MAX_VALUES]))
            return values if len(schema["enum"]) <= _MAX_VALUES else f"{values} | … ({len(schema['enum'])} values)"
        match schema.get("type"):
            case "array":
                return f"list of {self._kind(self.resolve(schema.get('items')))}{_range(schema, 'Items')}"
            case "object":
                return "mapping"
            case "string":
                return _text(schema)
            case "integer" | "number" as name:
                return f"{_WORDS.get(name, name)}{_range(schema, '')}"
            case name:
                return _WORDS.get(str(name), "anything")

    def lines(self, schema: Any, prefix: str = "", parents: tuple[str, ...] = ()) -> Iterator[Line]:
        """The fields of an object or of a list's items, nested ones too."""
        resolved = self.resolve(schema)
        name = str(schema.get("$ref", "")) if isinstance(schema, dict) else ""
        if (name and name in parents) or len(parents) >= _MAX_DEPTH:
            return
        inner = (*parents, name)
        if "items" in resolved:
            yield from self.lines(resolved["items"], f"{prefix}[]", inner)
        required = resolved.get("required", ())
        for field, part in resolved.get("properties", {}).items():
            path = f"{prefix}.{field}" if prefix else field
            yield Line(path, self.words(part), field in required)
            yield from self.lines(part, path, inner)
        yield from self._branches(resolved, prefix, inner)

    def _branches(self, schema: Mapping[str, Any], prefix: str, parents: tuple[str, ...]) -> Iterator[Line]:
        branches = [part for part in schema.get("anyOf", ()) if self._has_fields(part)]
        if len(branches) == 1:
            yield from self.lines(branches[0], prefix, parents)
            return
        discriminator = schema.get("discriminator", {})
        by_number = {number: word for word, number in discriminator.get("mapping", {}).items()}
        for number, part in enumerate(schema.get("anyOf", ())):
            if self._has_fields(part):
                branch = (
                    f"{discriminator['propertyName']}: {by_number[number]}"
                    if number in by_number
                    else f"way {number + 1}"
                )
                yield Line(f"{prefix} ({branch})".strip(), "", False)
                yield from self.lines(part, prefix, parents)

    def _has_fields(self, schema: Any) -> bool:
        resolved = self.resolve(schema)
        return bool({"properties", "items", "anyOf"} & set(resolved))


def _text(schema: Mapping[str, Any]) -> str:
    pattern = schema.get("pattern")
    kind = "date" if schema.get("format") == "date" else "id, digits" if pattern in _DIGITS else "text"
    like = f" like {pattern}" if pattern and kind == "text" else ""
    return f"{kind}{like}{_range(schema, 'Length')}"


def _range(schema: Mapping[str, Any], counted: str) -> str:
    """ ", 1 to 250"; for a length or a number of items, what is counted."""
    low, high = (schema.get(f"{end}{counted}" if counted else f"{end}imum") for end in ("min", "max"))
    unit = {"Length": " characters", "Items": " of them", "": ""}[counted]
    if not counted and (above := schema.get("exclusiveMinimum")) is not None:
        return f", above {above}" + (f", at most {high}" if high is not None else "")
    if low is not None and high is not None:
        return f", {low} to {high}{unit}" if low != high else f", {low}{unit}"
    if high is not None:
        return f", at most {high}{unit}"
    return f", at least {low}{unit}" if low else ""
