"""Types from a JSON Schema: what :mod:`pinflow.schema.types` makes of annotations, for what is described elsewhere.

Read are type, enum, const, pattern, format, lengths, bounds, items, properties, required, additionalProperties,
anyOf, and references within the document. An object with properties takes no others unless it says so: a misspelt
one would be lost without a word. A union that is told apart by a field says so as OpenAPI does, with the branch's
number: ``"discriminator": {"propertyName": "type", "mapping": {"image": 0}}``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pinflow.schema.constraints import Number, Text
from pinflow.schema.types import (
    Anything,
    Choice,
    Either,
    Exactly,
    Fields,
    Kind,
    ListOf,
    MappingOf,
    Misfit,
    NumberKind,
    TextKind,
    Unfit,
    wrong_type,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow.schema.types import Loc, Schema

_DIGITS = (r"^\d+$", "^[0-9]+$")


def fields_of(document: Mapping[str, Any]) -> Fields:
    """What an object takes that the schema ``document`` describes. Raises ValueError if it is none."""
    found = _Reader(document).kind(document)
    if not isinstance(found, Fields):
        raise ValueError("the schema of an action's arguments must be an object with properties")
    return found


@dataclass(frozen=True, slots=True)
class _Named(Kind):
    """What a reference leads to, read when it is needed: a schema may hold itself."""

    reader: _Reader
    pointer: str

    @property
    def said(self) -> str:  # type: ignore[override]
        return self.reader.target(self.pointer).said

    def convert(self, value: Any, loc: Loc) -> Any:
        return self.reader.target(self.pointer).convert(value, loc)

    def schema(self) -> Schema:
        return {"$ref": self.pointer}


@dataclass(frozen=True, slots=True)
class _Told(Kind):
    """A mapping of one of several kinds, told by one of its fields."""

    field: str
    kinds: Mapping[str, Kind]
    said: str = "mapping"

    def convert(self, value: Any, loc: Loc) -> Any:
        if type(value) is not dict:
            raise wrong_type(loc, "a mapping", value)
        if self.field not in value:
            raise Unfit([Misfit((*loc, self.field), f"missing argument {self.field!r}", missing=True)])
        word = Choice(tuple(self.kinds)).convert(value[self.field], (*loc, self.field))
        return self.kinds[word].convert(value, loc)

    def schema(self) -> Schema:
        return {"anyOf": [kind.schema() for kind in self.kinds.values()]}


@dataclass(frozen=True, slots=True)
class _Open(Kind):
    """A mapping with known fields, and any others."""

    fields: Fields
    others: Kind
    said: str = "mapping"

    def convert(self, value: Any, loc: Loc) -> dict[str, Any]:
        if type(value) is not dict:
            raise wrong_type(loc, "a mapping", value)
        known = {name: part for name, part in value.items() if name in self.fields.fields}
        others = {name: part for name, part in value.items() if name not in known}
        return self.fields.convert(known, loc) | MappingOf(self.others).convert(others, loc)

    def schema(self) -> Schema:
        return self.fields.schema() | {"additionalProperties": self.others.schema()}


class _Reader:
    """Reads the schemas of one document; each that has a name is read once."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._targets: dict[str, Kind] = {}

    def target(self, pointer: str) -> Kind:
        """What a reference leads to."""
        if pointer not in self._targets:
            found: Any = self._document
            for name in pointer.removeprefix("#/").split("/"):
                found = found[name]
            self._targets[pointer] = self.kind(found)
        return self._targets[pointer]

    def kind(self, schema: Mapping[str, Any] | bool) -> Kind:
        return Anything() if isinstance(schema, bool) else self._kind(schema)

    def _kind(self, schema: Mapping[str, Any]) -> Kind:
        match schema:
            case {"$ref": str(pointer)}:
                return _Named(self, pointer)
            case {"anyOf": list(branches)}:
                return self._union(schema, [self.kind(branch) for branch in branches])
            case {"enum": list(values)}:
                return Choice(tuple(values))
            case {"const": value}:
                return Choice((value,))
            case {"type": "string"}:
                return self._text(schema)
            case {"type": "integer" | "number" as name}:
                limits = Number(schema.get("minimum"), schema.get("maximum"), gt=schema.get("exclusiveMinimum"))
                return NumberKind(name == "integer", limits)
            case {"type": "boolean"}:
                return Exactly(bool, "true or false", "boolean")
            case {"type": "null"}:
                return Exactly(type(None), "nothing", "null")
            case {"type": "array"}:
                item = self.kind(schema.get("items", True))
                said = f"list of {item.said}"
                return ListOf(item, list, said, schema.get("minItems", 0), schema.get("maxItems"))
            case {"type": "object"}:
                return self._object(schema)
        return Anything()

    def _text(self, schema: Mapping[str, Any]) -> Kind:
        pattern = schema.get("pattern")
        format = "id" if pattern in _DIGITS else schema.get("format", "")
        return TextKind(Text(pattern, schema.get("minLength", 0), schema.get("maxLength"), format))

    def _object(self, schema: Mapping[str, Any]) -> Kind:
        properties, more = schema.get("properties"), schema.get("additionalProperties", False)
        others = self.kind(more)
        if not properties:
            return MappingOf(others)
        required = schema.get("required", ())
        fields = {name: self.kind(part) for name, part in properties.items()}
        known = Fields(fields, frozenset(name for name in fields if name not in required))
        return known if more is False else _Open(known, others)

    def _union(self, schema: Mapping[str, Any], branches: list[Kind]) -> Kind:
        told = schema.get("discriminator")
        if told is None:
            return Either(tuple(branches))
        return _Told(told["propertyName"], {word: branches[number] for word, number in told["mapping"].items()})
