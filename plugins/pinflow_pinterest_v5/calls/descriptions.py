"""What an operation takes, in words: a line for each parameter and each field of its body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WORDS: Final = {"string": "text", "integer": "whole number", "boolean": "true | false", "null": "null"}
_DIGITS: Final = (r"^\d+$", "^[0-9]+$")
_NAMED: Final = 6  # words of an enum that are all listed
_DEEPEST: Final = 5


class Line(NamedTuple):
    """A parameter or field: "media_source.url", what it may be, and whether it must be there."""

    name: str
    words: str
    required: bool


class Describer:
    """Puts the schemas of one catalogue into words."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions

    def resolved(self, schema: Any) -> Mapping[str, Any]:
        """A schema itself, where there is only its name. {} is anything."""
        while isinstance(schema, dict) and "$ref" in schema:
            schema = self._definitions[schema["$ref"].removeprefix("#/$defs/")]
        return schema if isinstance(schema, dict) else {}

    def words(self, schema: Any) -> str:
        """What a value may be: "whole number, 1 to 250, default 25"."""
        found = self.resolved(schema)
        default = schema.get("default", found.get("default")) if isinstance(schema, dict) else None
        shown = str(default).lower() if isinstance(default, bool) else default
        return self._kind(found) + ("" if default is None else f", default {shown}")

    def _kind(self, schema: Mapping[str, Any]) -> str:
        if "anyOf" in schema:
            kinds = [self._kind(self.resolved(part)) for part in schema["anyOf"]]
            return " or ".join(dict.fromkeys(word for kind in kinds for word in kind.split(" or ")))
        if "enum" in schema:
            listed = " | ".join(map(str, schema["enum"][:_NAMED]))
            return listed if len(schema["enum"]) <= _NAMED else f"{listed} | … ({len(schema['enum'])} words)"
        match schema.get("type"):
            case "array":
                return f"list of {self._kind(self.resolved(schema.get('items')))}{_range(schema, 'Items')}"
            case "object":
                return "mapping"
            case "string":
                return _text(schema)
            case "integer" | "number" as name:
                return f"{_WORDS.get(name, name)}{_range(schema, '')}"
            case name:
                return _WORDS.get(str(name), "anything")

    def lines(self, schema: Any, prefix: str = "", around: tuple[str, ...] = ()) -> Iterator[Line]:
        """The fields of an object or of a list's items, those within them too."""
        found = self.resolved(schema)
        name = str(schema.get("$ref", "")) if isinstance(schema, dict) else ""
        if (name and name in around) or len(around) >= _DEEPEST:
            return
        inner = (*around, name)
        if "items" in found:
            yield from self.lines(found["items"], f"{prefix}[]", inner)
        required = found.get("required", ())
        for field, part in found.get("properties", {}).items():
            shown = f"{prefix}.{field}" if prefix else field
            yield Line(shown, self.words(part), field in required)
            yield from self.lines(part, shown, inner)
        yield from self._branches(found, prefix, inner)

    def _branches(self, schema: Mapping[str, Any], prefix: str, around: tuple[str, ...]) -> Iterator[Line]:
        branches = [part for part in schema.get("anyOf", ()) if self._has_fields(part)]
        if len(branches) == 1:
            yield from self.lines(branches[0], prefix, around)
            return
        told = schema.get("discriminator", {})
        by_number = {number: word for word, number in told.get("mapping", {}).items()}
        for number, part in enumerate(schema.get("anyOf", ())):
            if self._has_fields(part):
                which = f"{told['propertyName']}: {by_number[number]}" if number in by_number else f"way {number + 1}"
                yield Line(f"{prefix} ({which})".strip(), "", False)
                yield from self.lines(part, prefix, around)

    def _has_fields(self, schema: Any) -> bool:
        found = self.resolved(schema)
        return bool({"properties", "items", "anyOf"} & set(found))


def _text(schema: Mapping[str, Any]) -> str:
    pattern = schema.get("pattern")
    kind = "date" if schema.get("format") == "date" else "id, digits" if pattern in _DIGITS else "text"
    like = f" like {pattern}" if pattern and kind == "text" else ""
    return f"{kind}{like}{_range(schema, 'Length')}"


def _range(schema: Mapping[str, Any], what: str) -> str:
    """ ", 1 to 250"; for a length or a number of items, what is counted."""
    low, high = (schema.get(f"{end}{what}" if what else f"{end}imum") for end in ("min", "max"))
    unit = {"Length": " characters", "Items": " of them", "": ""}[what]
    if not what and (above := schema.get("exclusiveMinimum")) is not None:
        return f", above {above}" + (f", at most {high}" if high is not None else "")
    if low is not None and high is not None:
        return f", {low} to {high}{unit}" if low != high else f", {low}{unit}"
    if high is not None:
        return f", at most {high}{unit}"
    return f", at least {low}{unit}" if low else ""
