"""Which names an expression may use, and what fields they have, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pinflow.lazy_dataclass import dataclass, field, replace
from pinflow.schema.invalid import JSON_TYPES, Invalid
from pinflow.suggestions import suggest

if TYPE_CHECKING:
    from pinflow.expressions.expression import Reference
    from pinflow.recipe.model import Input

# a part of JSON Schema: type, properties, additionalProperties, items, anyOf, enum; {} is anything
Shape = Mapping[str, Any]

_TYPES = {"integer": "integer", "number": "number", "boolean": "boolean", "list": "array"}


# field -> the secret input that its value is made from
SecretFields = Mapping[str, str]
ALL = "*"  # any field, and what has none; no field of a path can be called so


@dataclass(frozen=True, slots=True)
class Names:
    """The roots and their shapes at one point of a recipe.

    ``steps`` is id -> path of the steps that ran by then, ``later`` id -> place
    ("line 28") of those that have not, "" for the one that is running. ``secrets`` is root ->
    what of it is a secret.
    """

    roots: Mapping[str, Shape]
    steps: Mapping[str, str] = field(default_factory=dict)
    later: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretFields] = field(default_factory=dict)

    @classmethod
    def start(cls, inputs: Mapping[str, Shape], complete: bool = True) -> Names:
        """What is there before the first step. Unless ``complete``, there may be more."""
        more: Shape = {} if complete else {"additionalProperties": {}}
        return cls({"inputs": {**_mapping(inputs), **more}, "steps": {**_mapping({}), **more}})

    def with_step(self, name: str, path: str, shape: Shape) -> Names:
        steps = self.roots["steps"]
        steps = {**steps, "properties": {**steps["properties"], name: shape}}
        return replace(self, roots={**self.roots, "steps": steps}, steps={**self.steps, name: path})

    def with_later(self, places: Mapping[str, str]) -> Names:
        """The same with steps that run later; ``places`` is id -> where ("line 28")."""
        return replace(self, later={**self.later, **places})

    def with_variable(self, name: str, shape: Shape, secrets: SecretFields | None = None) -> Names:
        others = {root: fields for root, fields in self.secrets.items() if root != name}
        return replace(
            self, roots={**self.roots, name: shape}, secrets={**others, **({name: secrets} if secrets else {})}
        )

    def secret_read(self, reference: Reference) -> str:
        """The secret input whose value, or a part of it, a reference gives; "" if it gives none."""
        fields = self.secrets.get(reference.root, {})
        if not reference.path:
            return min(fields.values(), default="")
        return fields.get(str(reference.path[0]), fields.get(ALL, ""))

    def steps_read(self, reference: Reference) -> set[str]:
        """The paths of the steps whose output a reference reads."""
        if reference.root != "steps":
            return set()
        if not reference.path:
            return set(self.steps.values())
        path = self.steps.get(str(reference.path[0]))
        return {path} if path is not None else set()

    def shape(self, reference: Reference) -> Shape | None:
        """The shape of what a reference gives, or None if it isn't known."""
        shape = self.roots.get(reference.root)
        for part in reference.path:
            shape = None if shape is None else _inside(shape, part)
        return shape or None

    def problem(self, reference: Reference) -> Invalid | None:
        """What is wrong with a reference, or None; its offset counts from the expression's start."""
        shape = self.roots.get(reference.root)
        if shape is None:
            return self._unknown_root(reference)
        path = reference.root
        for index, part in enumerate(reference.path):
            inner = _inside(shape, part)
            if inner is None:
                return self._missing_field(reference, index, path, shape)
            shape = inner
            path = f"{path}.{part}" if isinstance(part, str) else f"{path}[{part}]"
        return None

    def _unknown_root(self, reference: Reference) -> Invalid:
        from pinflow.expressions.other_languages import name_hint  # only a mistake pays for this import

        name = reference.root
        hint = name_hint(name, self.roots) or suggest(name, self.roots)
        if hint.startswith("there are:") and "item" in self.roots and reference.path:
            hint += f"; to call a loop's item {name}, write `as: {name}` beside for_each"
        return Invalid(f"unknown name {name!r}", hint, offset=reference.offsets[0])

    def _missing_field(self, reference: Reference, index: int, path: str, shape: Shape) -> Invalid | None:
        part = reference.path[index]
        offset = reference.offsets[index + 1]
        if path == "steps" and part in self.later:
            place = self.later[str(part)]
            message = f"runs later ({place})" if place else "can't read its own result"
            return Invalid(f"step {part!r} {message}", offset=offset)
        if path == "steps":
            return Invalid(f"unknown step {part!r}", suggest(str(part), self.steps), offset=offset)
        if path == "inputs":
            return Invalid(f"unknown input {part!r}", suggest(str(part), shape["properties"]), offset=offset)
        if reference.optional or index >= reference.guarded_from:
            return None
        fields = _fields(shape)
        if fields:
            from pinflow.expressions.other_languages import result_hint  # only a mistake pays for this import

            hint = result_hint(path, reference.path[index:], fields) or suggest(str(part), fields)
            return Invalid(f"{path} has no field {part!r}", hint, offset=offset)
        from pinflow.expressions.other_languages import field_hint  # only a mistake pays for this import

        kind = _describe_shape(shape)
        hint = field_hint(path, part, of_text=kind == "text")
        return Invalid(f"{path} is {kind}: it has no {part!r}", hint, offset=offset)


def shape_of_input(declared: Input) -> Shape:
    """What an input holds; anything where its declaration is wrong."""
    if declared.broken:
        return {}
    shape = {"type": _TYPES.get(declared.type, "string")}
    return shape if declared.required or declared.has_default else {"anyOf": [shape, {"type": "null"}]}


def shape_mismatch(given: Shape, expected: Shape, document: Mapping[str, Any]) -> Invalid | None:
    """Why a value of shape ``given`` can't be an argument of shape ``expected``; None if it can, or may."""
    have, want = _types(given, document), _types(expected, document)
    if not have or not want:
        return None
    have.discard("null")
    if "integer" in have:
        have |= {"string", "number"}  # ids are text; a whole number is kept exactly
    if have & want or not have:
        return None
    names = " or ".join(JSON_TYPES[name] for name in sorted(want - {"null"}))
    return Invalid(f"must be {names}, not {_describe_shape(given)}", reason="type", expected=names)


def _types(shape: Shape, document: Mapping[str, Any]) -> set[str]:
    if "$ref" in shape:
        target: Any = document
        for part in str(shape["$ref"]).removeprefix("#/").split("/"):
            target = target[part]
        return _types(target, document)
    if "anyOf" in shape:
        branches = [_types(branch, document) for branch in shape["anyOf"]]
        return set().union(*branches) if all(branches) else set()
    if "enum" in shape or "const" in shape:
        return {"string"} if all(isinstance(v, str) for v in shape.get("enum", [shape.get("const")])) else set()
    return {shape["type"]} if isinstance(shape.get("type"), str) else set()


def _inside(shape: Shape, part: str | int) -> Shape | None:
    """The shape of a field or item: {} if it may be anything, None if it doesn't exist."""
    if not shape:
        return {}
    if "anyOf" in shape:
        inner = [_inside(branch, part) for branch in shape["anyOf"] if branch.get("type") != "null"]
        there = [shape for shape in inner if shape is not None]
        return there[0] if len(there) == 1 else ({} if there else None)
    if shape.get("type") == "array":
        return shape.get("items", {}) if isinstance(part, int) else None
    if shape.get("type") == "object":
        if part in shape.get("properties", {}):
            return shape["properties"][part]  # type: ignore[no-any-return]
        return shape.get("additionalProperties") if isinstance(part, str) else None
    return None


def _fields(shape: Shape) -> list[str]:
    if "anyOf" in shape:
        return [name for branch in shape["anyOf"] for name in _fields(branch)]
    return list(shape.get("properties", {}))


def _describe_shape(shape: Shape) -> str:
    if "anyOf" in shape:
        return " or ".join(_describe_shape(branch) for branch in shape["anyOf"] if branch.get("type") != "null")
    if "enum" in shape:
        return " or ".join(JSON_TYPES[name] for name in sorted(_types(shape, {}))) or "something else"
    return JSON_TYPES.get(str(shape.get("type")), "something else")


def _mapping(properties: Mapping[str, Shape]) -> Shape:
    return {"type": "object", "properties": dict(properties)}
