"""Schemas of an OpenAPI description, made small: plain JSON Schema with what a value must be, and no prose.

The form is that of OpenAPI 3.0; what 3.1 writes otherwise is read too.
Read are type, enum, pattern, lengths, bounds, formats, defaults, lists, objects and unions. ``allOf`` is merged,
``oneOf`` becomes ``anyOf`` (that no second branch fits is nothing a person could mend), ``nullable`` becomes a branch
of null, and a schema that the description names keeps its name. A union that is told apart by a field says so:
``"discriminator": {"propertyName": "source_type", "mapping": {"image_url": 1}}``, where 1 is the branch's number.

Source: https://spec.openapis.org/oas/v3.0.3 (Schema Object)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Schema = dict[str, Any]

_FACTS: Final = (
    "type",
    "format",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "default",
    "deprecated",
)
_CHECKED: Final = frozenset({*_FACTS, "properties", "required", "items", "oneOf", "anyOf"} - {"type", "default"})
_SCHEMAS: Final = "#/components/schemas/"
_PARAMETERS: Final = "#/components/parameters/"


class Schemas:
    """The schemas of one description. ``named`` collects those that were referred to, by name."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._description = description
        self.named: dict[str, Schema] = {}

    def resolved(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a reference leads to, or the part itself. Raises ValueError for one that leads nowhere."""
        found: Any = part
        for _ in range(20):
            if "$ref" not in found:
                return found  # type: ignore[no-any-return]
            pointer = str(found["$ref"])
            found = self._description
            try:
                for name in pointer.removeprefix("#/").split("/"):
                    found = found[name]
            except (KeyError, TypeError):
                raise ValueError(f"{pointer} leads nowhere") from None
        raise ValueError(f"{part['$ref']} leads round in a circle")

    def small(self, schema: Mapping[str, Any]) -> Schema:
        """A schema as the catalogue holds it."""
        if (alone := self._alone(schema)) is not None:
            return alone
        pointer = str(schema.get("$ref", ""))
        beside = {key: schema[key] for key in ("required", "default") if key in schema}
        if not pointer:
            return self._small(schema)
        if not pointer.startswith(_SCHEMAS) or beside:
            return self._small({**self.resolved(schema), **beside})
        return self.name(pointer.removeprefix(_SCHEMAS), self.resolved(schema))

    def parameter(self, parameter: Mapping[str, Any], pointer: str) -> Schema:
        """A parameter's schema; by name, if the description names the parameter (``pointer`` is "" if not)."""
        if pointer.startswith(_PARAMETERS):
            return self.name(pointer.removeprefix(_PARAMETERS), parameter["schema"])
        return self.small(parameter["schema"])

    def name(self, name: str, schema: Mapping[str, Any]) -> Schema:
        """A reference to a schema that is held once, under its name."""
        if name not in self.named:
            self.named[name] = {}  # what refers to itself meets this
            self.named[name] = self.small(schema)
        return {"$ref": f"#/$defs/{name}"}

    def _alone(self, schema: Mapping[str, Any]) -> Schema | None:
        """A named schema with nothing around it but prose, null and a default: OpenAPI 3.0 needs an ``allOf`` for that.

        None for any other.
        """
        parts = schema.get("allOf", ())
        held = {key for key in schema if key in _CHECKED}
        if len(parts) != 1 or held or not str(parts[0].get("$ref", "")).startswith(_SCHEMAS):
            return None
        found = self._or_null(self.small(parts[0]), schema)
        return found | ({"default": schema["default"]} if "default" in schema else {})

    def _small(self, schema: Mapping[str, Any]) -> Schema:
        merged = self._merged(schema)
        found = self._union(merged) if "anyOf" in merged else self._facts(merged)
        return self._or_null(found, merged)

    def _or_null(self, found: Schema, schema: Mapping[str, Any]) -> Schema:
        if not found or not (schema.get("nullable") or None in schema.get("enum", ())):
            return found
        if "enum" in found:
            found = {**found, "enum": [each for each in found["enum"] if each is not None]}
        branches = found["anyOf"] if set(found) == {"anyOf"} else [found]
        return {"anyOf": [*branches, {"type": "null"}]}

    def _facts(self, schema: Mapping[str, Any]) -> Schema:
        found: Schema = {key: schema[key] for key in _FACTS if key in schema}
        if "minimum" in found and schema.get("exclusiveMinimum") is True:
            found["exclusiveMinimum"] = found.pop("minimum")
        elif _is_number(schema.get("exclusiveMinimum")):  # as 3.1 has it
            found["exclusiveMinimum"] = schema["exclusiveMinimum"]
        if "pattern" in found and not _is_readable(found["pattern"]):
            del found["pattern"]
        if "items" in schema:
            found["items"] = self.small(schema["items"])
        properties = {name: part for name, part in schema.get("properties", {}).items() if not self._is_read_only(part)}
        if properties:
            found["type"] = "object"
            found["properties"] = {name: self.small(part) for name, part in properties.items()}
            if required := sorted(set(schema.get("required", ())) & set(properties)):
                found["required"] = required
        more = schema.get("additionalProperties")
        if isinstance(more, dict) and more:
            found["additionalProperties"] = self.small(more)
        elif more is True or more == {}:
            found["additionalProperties"] = True
        return found

    def _is_read_only(self, schema: Mapping[str, Any]) -> bool:
        return self.resolved(schema).get("readOnly") is True

    def _union(self, schema: Mapping[str, Any]) -> Schema:
        """Branches, each with what is beside them."""
        around = {key: value for key, value in schema.items() if key not in ("anyOf", "discriminator")}
        branches: Sequence[Mapping[str, Any]] = schema["anyOf"]
        if "properties" in around or "required" in around:
            made = [self._small({"allOf": [around, branch]}) for branch in branches]
        else:
            made = [self.small(branch) for branch in branches]
        if not all(made):
            return {}  # one of them takes anything
        found: Schema = {"anyOf": made}
        if "default" in around:
            found["default"] = around["default"]
        told = schema.get("discriminator", {})
        pointers = [str(branch.get("$ref", "")) for branch in branches]
        mapping = {value: pointers.index(to) for value, to in told.get("mapping", {}).items() if to in pointers}
        if mapping:
            found["discriminator"] = {"propertyName": told["propertyName"], "mapping": mapping}
        return found

    def _merged(self, schema: Mapping[str, Any]) -> Schema:
        """A schema with what its ``allOf`` adds, its branches under ``anyOf``. Later parts say more than earlier."""
        own = {key: value for key, value in schema.items() if key not in ("allOf", "oneOf")}
        if isinstance(own.get("type"), list):  # 3.1 has null among the types
            kinds = [each for each in own.pop("type") if each != "null"]
            own["nullable"] = len(kinds) < len(schema["type"])
            own |= {"type": kinds[0]} if len(kinds) == 1 else {"anyOf": [{"type": each} for each in kinds]}
        if "oneOf" in schema:
            own["anyOf"] = schema["oneOf"]
        mapping = own.get("discriminator", {}).get("mapping", {})
        if mapping and "anyOf" not in own:
            own["anyOf"] = [{"$ref": pointer} for pointer in dict.fromkeys(mapping.values())]
        found: Schema = {}
        for part in schema.get("allOf", ()):
            found = self._joined(found, self._parent(part))
        return self._joined(found, own)

    def _parent(self, part: Mapping[str, Any]) -> Schema:
        """What a part of an ``allOf`` adds. One that lists its own heirs does not make each of them all of them."""
        target = self.resolved(part)
        if "discriminator" in target and not {"oneOf", "anyOf"} & set(target):
            target = {key: value for key, value in target.items() if key != "discriminator"}
        return self._merged(target)

    @staticmethod
    def _joined(one: Schema, other: Schema) -> Schema:
        found = {**one, **other}
        if "properties" in one and "properties" in other:
            found["properties"] = {**one["properties"], **other["properties"]}
        if "required" in one and "required" in other:
            found["required"] = [*one["required"], *other["required"]]
        return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_readable(pattern: str) -> bool:
    """Whether a pattern, which is JavaScript's, is one of Python's as well."""
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
