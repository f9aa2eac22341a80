"""Schemas of an OpenAPI description, made small: plain JSON Schema with what a value must be, and no prose.

The form is that of OpenAPI 3.0; what 3.1 writes otherwise is read too.
Read are type, enum, pattern, lengths, bounds, formats, defaults, lists, objects and unions. ``allOf`` is merged,
``oneOf`` becomes ``anyOf`` (that no second branch fits is nothing a person could mend), ``nullable`` becomes a branch
of null, and a schema that the description names keeps its name. A union that is told apart by a field says so:
``"discriminator": {"propertyName": "source_type", "mapping": {"image_url": 1}}``, where 1 is the branch's number.

Source: https://spec.openapis.org/oas/v3.0.3 (Schema Object)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pinflow import is_pattern

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
# the one pattern of the service that can't be matched in linear time as it is written: a line that isn't only digits
_WITHOUT_LOOK_AHEAD: Final = {r"(?!^\d+$)^.+$": r"^.*[^\d\n].*$"}
_SCHEMAS: Final = "#/components/schemas/"
_PARAMETERS: Final = "#/components/parameters/"


class Schemas:
    """The schemas of one description. ``named`` collects those that were referred to, by name."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._description = description
        self.named: dict[str, Schema] = {}

    def resolve(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a reference leads to, or the part itself. Raises ValueError for one that leads nowhere."""
        target: Any = part
        for _ in range(20):
            if "$ref" not in target:
                return target  # type: ignore[no-any-return]
            pointer = str(target["$ref"])
            target = self._description
            try:
                for name in pointer.removeprefix("#/").split("/"):
                    target = target[name]
            except (KeyError, TypeError):
                raise ValueError(f"{pointer} leads nowhere") from None
        raise ValueError(f"{part['$ref']} leads round in a circle")

    def small(self, schema: Mapping[str, Any]) -> Schema:
        """A schema as the catalogue holds it."""
        if (alone := self._bare_reference(schema)) is not None:
            return alone
        pointer = str(schema.get("$ref", ""))
        beside = {key: schema[key] for key in ("required", "default") if key in schema}
        if not pointer:
            return self._small(schema)
        if not pointer.startswith(_SCHEMAS) or beside:
            return self._small({**self.resolve(schema), **beside})
        return self.name(pointer.removeprefix(_SCHEMAS), self.resolve(schema))

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

    def _bare_reference(self, schema: Mapping[str, Any]) -> Schema | None:
        """A named schema with nothing around it but prose, null and a default: OpenAPI 3.0 needs an ``allOf`` for that.

        None for any other.
        """
        parts = schema.get("allOf", ())
        checked = {key for key in schema if key in _CHECKED}
        if len(parts) != 1 or checked or not str(parts[0].get("$ref", "")).startswith(_SCHEMAS):
            return None
        reference = self._or_null(self.small(parts[0]), schema)
        return reference | ({"default": schema["default"]} if "default" in schema else {})

    def _small(self, schema: Mapping[str, Any]) -> Schema:
        merged = self._merge(schema)
        small = self._union(merged) if "anyOf" in merged else self._facts(merged)
        return self._or_null(small, merged)

    def _or_null(self, small: Schema, schema: Mapping[str, Any]) -> Schema:
        if not small or not (schema.get("nullable") or None in schema.get("enum", ())):
            return small
        if "enum" in small:
            small = {**small, "enum": [value for value in small["enum"] if value is not None]}
        branches = small["anyOf"] if set(small) == {"anyOf"} else [small]
        return {"anyOf": [*branches, {"type": "null"}]}

    def _facts(self, schema: Mapping[str, Any]) -> Schema:
        facts: Schema = {key: schema[key] for key in _FACTS if key in schema}
        if "minimum" in facts and schema.get("exclusiveMinimum") is True:
            facts["exclusiveMinimum"] = facts.pop("minimum")
        elif _is_number(schema.get("exclusiveMinimum")):  # as 3.1 has it
            facts["exclusiveMinimum"] = schema["exclusiveMinimum"]
        if "pattern" in facts:
            facts["pattern"] = _WITHOUT_LOOK_AHEAD.get(facts["pattern"], facts["pattern"])
            if not is_pattern(facts["pattern"]):
                del facts["pattern"]
        if "items" in schema:
            facts["items"] = self.small(schema["items"])
        properties = {name: part for name, part in schema.get("properties", {}).items() if not self._is_read_only(part)}
        if properties:
            facts["type"] = "object"
            facts["properties"] = {name: self.small(part) for name, part in properties.items()}
            if required := sorted(set(schema.get("required", ())) & set(properties)):
                facts["required"] = required
        more = schema.get("additionalProperties")
        if isinstance(more, dict) and more:
            facts["additionalProperties"] = self.small(more)
        elif more is True or more == {}:
            facts["additionalProperties"] = True
        return facts

    def _is_read_only(self, schema: Mapping[str, Any]) -> bool:
        return self.resolve(schema).get("readOnly") is True

    def _union(self, schema: Mapping[str, Any]) -> Schema:
        """Branches, each with what is beside them."""
        shared = {key: value for key, value in schema.items() if key not in ("anyOf", "discriminator")}
        branches: Sequence[Mapping[str, Any]] = schema["anyOf"]
        if "properties" in shared or "required" in shared:
            small = [self._small({"allOf": [shared, branch]}) for branch in branches]
        else:
            small = [self.small(branch) for branch in branches]
        if not all(small):
            return {}  # one of them takes anything
        union: Schema = {"anyOf": small}
        if "default" in shared:
            union["default"] = shared["default"]
        discriminator = schema.get("discriminator", {})
        pointers = [str(branch.get("$ref", "")) for branch in branches]
        mapping = {
            value: pointers.index(to) for value, to in discriminator.get("mapping", {}).items() if to in pointers
        }
        if mapping:
            union["discriminator"] = {"propertyName": discriminator["propertyName"], "mapping": mapping}
        return union

    def _merge(self, schema: Mapping[str, Any]) -> Schema:
        """A schema with what its ``allOf`` adds, its branches under ``anyOf``. Later parts say more than earlier."""
        own = {key: value for key, value in schema.items() if key not in ("allOf", "oneOf")}
        if isinstance(own.get("type"), list):  # 3.1 has null among the types
            kinds = [kind for kind in own.pop("type") if kind != "null"]
            own["nullable"] = len(kinds) < len(schema["type"])
            own |= {"type": kinds[0]} if len(kinds) == 1 else {"anyOf": [{"type": kind} for kind in kinds]}
        if "oneOf" in schema:
            own["anyOf"] = schema["oneOf"]
        mapping = own.get("discriminator", {}).get("mapping", {})
        if mapping and "anyOf" not in own:
            own["anyOf"] = [{"$ref": pointer} for pointer in dict.fromkeys(mapping.values())]
        merged: Schema = {}
        for part in schema.get("allOf", ()):
            merged = self._join(merged, self._parent(part))
        return self._join(merged, own)

    def _parent(self, part: Mapping[str, Any]) -> Schema:
        """What a part of an ``allOf`` adds. One that lists its own heirs does not make each of them all of them."""
        target = self.resolve(part)
        if "discriminator" in target and not {"oneOf", "anyOf"} & set(target):
            target = {key: value for key, value in target.items() if key != "discriminator"}
        return self._merge(target)

    @staticmethod
    def _join(one: Schema, other: Schema) -> Schema:
        joined = {**one, **other}
        if "properties" in one and "properties" in other:
            joined["properties"] = {**one["properties"], **other["properties"]}
        if "required" in one and "required" in other:
            joined["required"] = [*one["required"], *other["required"]]
        return joined


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
