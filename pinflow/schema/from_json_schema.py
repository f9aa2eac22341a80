"""Types from a JSON Schema: what :mod:`pinflow.schema.types` makes of annotations, for what is described elsewhere.

Read are type, enum, const, pattern, format, lengths, bounds, items, properties, required, additionalProperties,
anyOf, and references within the document. An object with properties takes no others unless it says so: a misspelt
one would be lost without a word. Where a field tells which branch of a union is meant, it says so as OpenAPI does,
with the branch's number: ``"discriminator": {"propertyName": "type", "mapping": {"image": 0}}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow.lazy_dataclass import dataclass
from pinflow.schema.constraints import Number, Text
from pinflow.schema.invalid import mismatch
from pinflow.schema.types import (
    AnyOfType,
    AnyType,
    ChoiceType,
    ExactType,
    FieldsType,
    ListType,
    MappingType,
    NumberType,
    TextType,
    Type,
    missing,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow.schema.invalid import Invalid, Location
    from pinflow.schema.types import Schema

_DIGITS = (r"^\d+$", "^[0-9]+$")


def fields_of(document: Mapping[str, Any]) -> FieldsType:
    """What an object takes that the schema ``document`` describes. Raises ValueError if it is something else."""
    fields = _SchemaReader(document).type_of(document)
    if not isinstance(fields, FieldsType):
        raise ValueError("the schema of an action's arguments must be an object with properties")
    return fields


@dataclass(frozen=True, slots=True)
class _ReferenceType(Type):
    """What a reference leads to, read when it is needed: a schema may hold itself."""

    reader: _SchemaReader
    pointer: str

    @property
    def label(self) -> str:  # type: ignore[override]
        return self.reader.target(self.pointer).label

    def convert(self, value: Any, location: Location, problems: list[Invalid]) -> Any:
        return self.reader.target(self.pointer).convert(value, location, problems)

    def schema(self) -> Schema:
        return {"$ref": self.pointer}


@dataclass(frozen=True, slots=True)
class _DiscriminatedType(Type):
    """A mapping of one of several types; the word in its ``field`` says which."""

    field: str
    types: Mapping[str, Type]
    label: str = "mapping"

    def convert(self, value: Any, location: Location, problems: list[Invalid]) -> Any:
        before = len(problems)
        if type(value) is not dict:
            problems.append(mismatch("a mapping", value, location=location))
        elif self.field not in value:
            problems.append(missing(self.field, location))
        else:
            word = ChoiceType(tuple(self.types)).convert(value[self.field], (*location, self.field), problems)
        return value if len(problems) > before else self.types[word].convert(value, location, problems)

    def schema(self) -> Schema:
        return {"anyOf": [branch.schema() for branch in self.types.values()]}


@dataclass(frozen=True, slots=True)
class _OpenFieldsType(Type):
    """A mapping with known fields, and any others."""

    fields: FieldsType
    others: Type
    label: str = "mapping"

    def convert(self, value: Any, location: Location, problems: list[Invalid]) -> Any:
        if type(value) is not dict:
            problems.append(mismatch("a mapping", value, location=location))
            return value
        known = {name: part for name, part in value.items() if name in self.fields.fields}
        others = {name: part for name, part in value.items() if name not in known}
        converted = self.fields.convert(known, location, problems)
        return converted | MappingType(self.others).convert(others, location, problems)

    def schema(self) -> Schema:
        return self.fields.schema() | {"additionalProperties": self.others.schema()}


class _SchemaReader:
    """Reads the schemas of one document; each that has a name is read once."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._targets: dict[str, Type] = {}

    def target(self, pointer: str) -> Type:
        """What a reference leads to."""
        if pointer not in self._targets:
            schema: Any = self._document
            for name in pointer.removeprefix("#/").split("/"):
                schema = schema[name]
            self._targets[pointer] = self.type_of(schema)
        return self._targets[pointer]

    def type_of(self, schema: Mapping[str, Any] | bool) -> Type:
        """The type that a schema describes."""
        if isinstance(schema, bool):
            return AnyType()
        match schema:
            case {"$ref": str(pointer)}:
                return _ReferenceType(self, pointer)
            case {"anyOf": list(branches)}:
                return self._union(schema, [self.type_of(branch) for branch in branches])
            case {"enum": list(values)}:
                return ChoiceType(tuple(values))
            case {"const": value}:
                return ChoiceType((value,))
            case {"type": "string"}:
                return self._text(schema)
            case {"type": "integer" | "number" as name}:
                limits = Number(schema.get("minimum"), schema.get("maximum"), gt=schema.get("exclusiveMinimum"))
                return NumberType(name == "integer", limits)
            case {"type": "boolean"}:
                return ExactType(bool, "true or false", "boolean")
            case {"type": "null"}:
                return ExactType(type(None), "nothing", "null")
            case {"type": "array"}:
                item = self.type_of(schema.get("items", True))
                label = f"list of {item.label}"
                return ListType(item, list, label, schema.get("minItems", 0), schema.get("maxItems"))
            case {"type": "object"}:
                return self._object(schema)
        return AnyType()

    def _text(self, schema: Mapping[str, Any]) -> Type:
        pattern = schema.get("pattern")
        format = "id" if pattern in _DIGITS else schema.get("format", "")
        limits = Text(pattern, schema.get("minLength", 0), schema.get("maxLength"), format)
        return TextType(limits, described=pattern not in _DIGITS)

    def _object(self, schema: Mapping[str, Any]) -> Type:
        properties, more = schema.get("properties"), schema.get("additionalProperties", False)
        others = self.type_of(more)
        if not properties:
            return MappingType(others)
        required = schema.get("required", ())
        fields = {name: self.type_of(part) for name, part in properties.items()}
        known = FieldsType(fields, frozenset(name for name in fields if name not in required))
        return known if more is False else _OpenFieldsType(known, others)

    def _union(self, schema: Mapping[str, Any], branches: list[Type]) -> Type:
        if (discriminator := schema.get("discriminator")) is None:
            return AnyOfType(tuple(branches))
        by_word = {word: branches[number] for word, number in discriminator["mapping"].items()}
        return _DiscriminatedType(discriminator["propertyName"], by_word)
