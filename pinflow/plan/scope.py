"""Which names an expression may use, and what fields they have, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pinflow.suggestions import nearest

if TYPE_CHECKING:
    from pinflow.expressions.expression import Reference
    from pinflow.recipe.model import Input

# a part of JSON Schema: type, properties, additionalProperties, items, anyOf, enum; {} is anything
Shape = Mapping[str, Any]

_TYPES = {"integer": "integer", "number": "number", "boolean": "boolean", "list": "array"}
_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "null": "nothing",
}


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a reference, and how far into the expression."""

    what: str
    hint: str
    offset: int


@dataclass(frozen=True, slots=True)
class Names:
    """The roots and their shapes at one point of a recipe. ``steps`` is id -> path of the steps that ran by then."""

    roots: Mapping[str, Shape]
    steps: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def start(cls, inputs: Mapping[str, Shape], complete: bool = True) -> Names:
        """What is there before the first step. Unless ``complete``, there may be more, which nobody knows."""
        more: Shape = {} if complete else {"additionalProperties": {}}
        return cls({"inputs": {**_mapping(inputs), **more}, "steps": {**_mapping({}), **more}})

    def with_step(self, name: str, path: str, shape: Shape) -> Names:
        steps = self.roots["steps"]
        steps = {**steps, "properties": {**steps["properties"], name: shape}}
        return Names({**self.roots, "steps": steps}, {**self.steps, name: path})

    def with_variable(self, name: str, shape: Shape) -> Names:
        return Names({**self.roots, name: shape}, self.steps)

    def steps_read(self, reference: Reference) -> set[str]:
        """The paths of the steps whose output a reference reads."""
        if reference.root != "steps":
            return set()
        if not reference.path:
            return set(self.steps.values())
        path = self.steps.get(str(reference.path[0]))
        return {path} if path is not None else set()

    def shape(self, reference: Reference) -> Shape | None:
        """What a reference gives, or None where that can't be told."""
        shape = self.roots.get(reference.root)
        for part in reference.path:
            shape = None if shape is None else _inside(shape, part)
        return shape or None

    def fault(self, reference: Reference) -> Wrong | None:
        """What is wrong with a reference, if anything can be told."""
        shape = self.roots.get(reference.root)
        if shape is None:
            return Wrong(f"unknown name {reference.root!r}", _hint(reference.root, self.roots), reference.offsets[0])
        shown = reference.root
        for index, part in enumerate(reference.path):
            inner = _inside(shape, part)
            if inner is None:
                return self._no_field(reference, index, shown, shape)
            shape = inner
            shown = f"{shown}.{part}" if isinstance(part, str) else f"{shown}[{part}]"
        return None

    def _no_field(self, reference: Reference, index: int, shown: str, shape: Shape) -> Wrong | None:
        part = reference.path[index]
        offset = reference.offsets[index + 1]
        if shown == "steps":
            return Wrong(f"no step {part!r} has run by then", _hint(str(part), self.steps), offset)
        if shown == "inputs":
            return Wrong(f"there is no input {part!r}", _hint(str(part), shape["properties"]), offset)
        if reference.optional or index >= reference.guarded_from:
            return None
        known = _fields(shape)
        if known:
            return Wrong(f"{shown} has no field {part!r}", _hint(str(part), known), offset)
        return Wrong(f"{shown} is {_said(shape)}: it has no {part!r}", "", offset)


def shape_of_input(declared: Input) -> Shape:
    """What an input holds; anything where its declaration is wrong."""
    if declared.broken:
        return {}
    kind = {"type": _TYPES.get(declared.type, "string")}
    return kind if declared.required or declared.has_default else {"anyOf": [kind, {"type": "null"}]}


def fits(given: Shape, wanted: Shape, document: Mapping[str, Any]) -> str:
    """Why a value of shape ``given`` can't be an argument of shape ``wanted``; "" if it can, or nobody can tell."""
    have, want = _kinds(given, document), _kinds(wanted, document)
    if not have or not want:
        return ""
    have.discard("null")
    if "integer" in have:
        have |= {"string", "number"}  # ids are text; a whole number is kept exactly
    if have & want or not have:
        return ""
    return f"must be {' or '.join(_WORDS[k] for k in sorted(want - {'null'}))}, not {_said(given)}"


def _kinds(shape: Shape, document: Mapping[str, Any]) -> set[str]:
    if "$ref" in shape:
        target: Any = document
        for part in str(shape["$ref"]).removeprefix("#/").split("/"):
            target = target[part]
        return _kinds(target, document)
    if "anyOf" in shape:
        branches = [_kinds(branch, document) for branch in shape["anyOf"]]
        return set().union(*branches) if all(branches) else set()
    if "enum" in shape or "const" in shape:
        return {"string"} if all(isinstance(v, str) for v in shape.get("enum", [shape.get("const")])) else set()
    return {shape["type"]} if isinstance(shape.get("type"), str) else set()


def _inside(shape: Shape, part: str | int) -> Shape | None:
    """The shape of a field or item: {} where anything may be, None where there is no such thing."""
    if not shape:
        return {}
    if "anyOf" in shape:
        inner = [_inside(branch, part) for branch in shape["anyOf"] if branch.get("type") != "null"]
        found = [each for each in inner if each is not None]
        return found[0] if len(found) == 1 else ({} if found else None)
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


def _said(shape: Shape) -> str:
    if "anyOf" in shape:
        return " or ".join(_said(branch) for branch in shape["anyOf"] if branch.get("type") != "null")
    if "enum" in shape:
        return " or ".join(_WORDS[kind] for kind in sorted(_kinds(shape, {}))) or "something else"
    return _WORDS.get(str(shape.get("type")), "something else")


def _hint(name: str, known: Mapping[str, Any] | list[str]) -> str:
    near = nearest(name, known)
    listed = ", ".join(list(known)[:12])
    return f"did you mean {near!r}?" if near else (f"there are: {listed}" if listed else "")


def _mapping(properties: Mapping[str, Shape]) -> Shape:
    return {"type": "object", "properties": dict(properties)}
