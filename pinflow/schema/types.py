"""Kinds of values: what a Python annotation means for a recipe, as something that checks, converts and describes.

Annotations are those of :mod:`pinflow.plugin.action`: text, numbers, booleans, lists,
mappings, ``Literal``, ``TypedDict``, ``| None``, and ``Annotated`` with Text or
Number. Values are plain data. Text takes whole numbers, exactly: ids are text.
"""

from __future__ import annotations

import collections.abc
import re
import types
import typing
from abc import abstractmethod
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from pinflow.schema.constraints import Number, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Loc = tuple[str | int, ...]
Schema = dict[str, Any]
_LISTED = 20  # choices that are all named
_PATTERN_WORDS = {  # what is said of a text of this format that does not match
    "id": "must be an id: digits only",
    "segment": "must be one part of a path: no spaces, no / ? # \\ and no ..",
}
NO_TEXT_LIMITS, NO_NUMBER_LIMITS = Text(), Number()


@dataclass(frozen=True, slots=True)
class Misfit:
    """Where a value does not fit, and why. ``by_type``: it is of the wrong type altogether."""

    loc: Loc
    what: str
    by_type: bool = False
    missing: bool = False
    unknown: bool = False
    known: tuple[str, ...] = ()  # of an unknown name: what there is


class Unfit(Exception):
    """Everything that does not fit."""

    def __init__(self, misfits: Sequence[Misfit]) -> None:
        super().__init__()
        self.misfits = misfits


class Kind:
    """What a value may be."""

    said: str  # "text", for people

    @abstractmethod
    def convert(self, value: Any, loc: Loc) -> Any:
        """``value`` as a function wants it. Raises Unfit with all that is wrong below ``loc``."""

    @abstractmethod
    def schema(self) -> Schema:
        """JSON Schema of it."""


_GIVEN: dict[type, str] = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    type(None): "nothing",
}


def wrong_type(loc: Loc, wanted: str, value: Any) -> Unfit:
    return Unfit([Misfit(loc, f"must be {wanted}, not {_GIVEN.get(type(value), 'something else')}", by_type=True)])


@dataclass(frozen=True, slots=True)
class Anything(Kind):
    said: str = "any"

    def convert(self, value: Any, loc: Loc) -> Any:
        return value

    def schema(self) -> Schema:
        return {}


@dataclass(frozen=True, slots=True)
class TextKind(Kind):
    limits: Text = NO_TEXT_LIMITS
    said: str = "text"

    def convert(self, value: Any, loc: Loc) -> str:
        if type(value) is int:
            value = str(value)
        if type(value) is not str:
            quoted = "; put quotes around it" if type(value) in (bool, float) else ""
            unfit = wrong_type(loc, "text", value)
            raise Unfit([replace(unfit.misfits[0], what=unfit.misfits[0].what + quoted)])
        if what := self._beyond(value):
            raise Unfit([Misfit(loc, what)])
        return value

    def _beyond(self, value: str) -> str:
        limits = self.limits
        if limits.max_length is not None and len(value) > limits.max_length:
            return f"is too long: at most {limits.max_length} characters, this has {len(value)}"
        if len(value) < limits.min_length:
            return f"is too short: at least {limits.min_length} characters"
        if limits.format == "date" and not _is_date(value):
            return "must be a date: YYYY-MM-DD"
        if limits.pattern is not None and not re.search(limits.pattern, value, re.ASCII):
            words = _PATTERN_WORDS.get(limits.format) or (limits.description and f"must be {limits.description}")
            return words or f"must match {limits.pattern}"
        return ""

    def schema(self) -> Schema:
        limits = {
            "pattern": self.limits.pattern,
            "minLength": self.limits.min_length or None,
            "maxLength": self.limits.max_length,
            "format": self.limits.format or None,
            "description": self.limits.description or None,
        }
        return {"type": "string"} | {name: limit for name, limit in limits.items() if limit is not None}


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class NumberKind(Kind):
    whole: bool
    limits: Number = NO_NUMBER_LIMITS

    @property
    def said(self) -> str:  # type: ignore[override]
        return "integer" if self.whole else "number"

    def convert(self, value: Any, loc: Loc) -> int | float:
        if type(value) is not int and (self.whole or type(value) is not float):
            raise wrong_type(loc, "a whole number" if self.whole else "a number", value)
        if self.limits.ge is not None and value < self.limits.ge:
            raise Unfit([Misfit(loc, f"must be at least {self.limits.ge}")])
        if self.limits.gt is not None and value <= self.limits.gt:
            raise Unfit([Misfit(loc, f"must be more than {self.limits.gt}")])
        if self.limits.le is not None and value > self.limits.le:
            raise Unfit([Misfit(loc, f"must be at most {self.limits.le}")])
        return value if self.whole else float(value)

    def schema(self) -> Schema:
        limits = {
            "minimum": self.limits.ge,
            "exclusiveMinimum": self.limits.gt,
            "maximum": self.limits.le,
            "description": self.limits.description or None,
        }
        return {"type": self.said} | {name: limit for name, limit in limits.items() if limit is not None}


@dataclass(frozen=True, slots=True)
class Exactly(Kind):
    """Of one type, as it is: booleans and null."""

    type: type
    wanted: str
    said: str

    def convert(self, value: Any, loc: Loc) -> Any:
        if type(value) is not self.type:
            raise wrong_type(loc, self.wanted, value)
        return value

    def schema(self) -> Schema:
        return {"type": self.said}


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    values: tuple[Any, ...]

    @property
    def said(self) -> str:  # type: ignore[override]
        return " | ".join(map(str, self.values))

    def convert(self, value: Any, loc: Loc) -> Any:
        for choice in self.values:
            if type(choice) is type(value) and choice == value:
                return value
        raise Unfit([Misfit(loc, f"must be {self._listed(value)}", by_type=type(value) is not str)])

    def _listed(self, value: Any) -> str:
        """The choices for people; of very many, those that were probably meant."""
        if len(self.values) > _LISTED:
            from difflib import get_close_matches  # only a mistake pays for it

            near = get_close_matches(str(value).upper(), map(str, self.values), n=3)
            some = f"did you mean {' or '.join(near)}" if near else f"such as {', '.join(map(str, self.values[:3]))}"
            return f"one of {len(self.values)} words; {some}"
        *most, last = map(repr, self.values)
        return f"one of {', '.join(most)} or {last}" if most else f"one of {last}"

    def schema(self) -> Schema:
        return {"enum": list(self.values)}


@dataclass(frozen=True, slots=True)
class ListOf(Kind):
    item: Kind
    make: Callable[[list[Any]], Any]
    said: str
    least: int = 0
    most: int | None = None

    def convert(self, value: Any, loc: Loc) -> Any:
        if type(value) is not list:
            raise wrong_type(loc, "a list", value)
        if len(value) < self.least:
            raise Unfit([Misfit(loc, f"must have at least {self.least} items, this has {len(value)}")])
        if self.most is not None and len(value) > self.most:
            raise Unfit([Misfit(loc, f"must have at most {self.most} items, this has {len(value)}")])
        return self.make(_all((self.item, part, (*loc, index)) for index, part in enumerate(value)))

    def schema(self) -> Schema:
        items = self.item.schema()
        return {"type": "array"} | ({"items": items} if items else {})


@dataclass(frozen=True, slots=True)
class MappingOf(Kind):
    """Any text keys, with values of one kind."""

    value: Kind
    said: str = "mapping"

    def convert(self, value: Any, loc: Loc) -> dict[str, Any]:
        if type(value) is not dict:
            raise wrong_type(loc, "a mapping", value)
        parts = _all((self.value, part, (*loc, name)) for name, part in value.items())
        return dict(zip(value, parts, strict=True))

    def schema(self) -> Schema:
        values = self.value.schema()
        return {"type": "object"} | ({"additionalProperties": values} if values else {})


@dataclass(frozen=True, slots=True)
class Fields(Kind):
    """A mapping with these keys and no others. ``lax`` ones may be absent."""

    fields: Mapping[str, Kind]
    lax: frozenset[str] = frozenset()
    said: str = "mapping"

    def convert(self, value: Any, loc: Loc) -> dict[str, Any]:
        if type(value) is not dict:
            raise wrong_type(loc, "a mapping", value)
        misfits = [
            Misfit((*loc, name), f"missing argument {name!r}", missing=True)
            for name in self.fields
            if name not in value and name not in self.lax
        ]
        found: dict[str, Any] = {}
        for name, kind in self.fields.items():
            if name in value:
                try:
                    found[name] = kind.convert(value[name], (*loc, name))
                except Unfit as unfit:
                    misfits += unfit.misfits
        misfits += [
            Misfit((*loc, name), f"unknown argument {name!r}", unknown=True, known=tuple(self.fields))
            for name in value
            if name not in self.fields
        ]
        if misfits:
            raise Unfit(misfits)
        return found

    def schema(self) -> Schema:
        properties = {name: kind.schema() for name, kind in self.fields.items()}
        required = [name for name in self.fields if name not in self.lax]
        schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return schema | ({"required": required} if required else {})


@dataclass(frozen=True, slots=True)
class Either(Kind):
    branches: tuple[Kind, ...]

    @property
    def said(self) -> str:  # type: ignore[override]
        return " | ".join(dict.fromkeys(branch.said for branch in self.branches))

    def convert(self, value: Any, loc: Loc) -> Any:
        misfits: list[Misfit] = []
        fitting: list[Any] = []
        for branch in self.branches:
            try:
                fitting.append(branch.convert(value, loc))
            except Unfit as unfit:
                misfits += unfit.misfits
        if not fitting:
            raise Unfit(closest(misfits))
        # a branch that takes the value as it is comes before one that makes something of it
        return next((each for each in fitting if type(each) is type(value)), fitting[0])

    def schema(self) -> Schema:
        branches = [branch.schema() for branch in self.branches]
        return {"anyOf": branches} if all(branches) else {}


def closest(misfits: Sequence[Misfit]) -> list[Misfit]:
    """Of what no branch of a union fits, what the person most likely meant: the deepest, one to a place."""
    at: dict[Loc, list[Misfit]] = {}
    for misfit in misfits:
        at.setdefault(misfit.loc, []).append(misfit)
    return [_joined(each) for loc, each in at.items() if not any(o != loc and o[: len(loc)] == loc for o in at)]


def _joined(misfits: Sequence[Misfit]) -> Misfit:
    """One misfit of several at one place. Where the type fits a branch, only what that branch wants is of interest."""
    near = [misfit for misfit in misfits if not misfit.by_type] or list(misfits)
    first, *others = dict.fromkeys(near)
    if not others:
        return first
    must, _, given = first.what.partition(", not ")
    options = [must, *(other.what.partition("must be ")[2].partition(", not ")[0] for other in others)]
    return replace(first, what=" or ".join(filter(None, options)) + (f", not {given}" if given else ""))


def _all(parts: Iterator[tuple[Kind, Any, Loc]]) -> list[Any]:
    """Every part converted. Raises Unfit with what is wrong in any of them."""
    found: list[Any] = []
    misfits: list[Misfit] = []
    for kind, value, loc in parts:
        try:
            found.append(kind.convert(value, loc))
        except Unfit as unfit:
            misfits += unfit.misfits
    if misfits:
        raise Unfit(misfits)
    return found


# -- annotations

_SIMPLE: dict[Any, Kind] = {
    Any: Anything(),
    str: TextKind(),
    int: NumberKind(True),
    float: NumberKind(False),
    bool: Exactly(bool, "true or false", "boolean"),
    None: Exactly(type(None), "nothing", "null"),
    type(None): Exactly(type(None), "nothing", "null"),
    dict: MappingOf(Anything()),
    list: ListOf(Anything(), list, "list"),
}
_LISTS: dict[Any, Callable[[list[Any]], Any]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: list,
}
_MAPPINGS = (dict, collections.abc.Mapping)


def kind_of(hint: Any, within: tuple[Any, ...] = ()) -> Kind:
    """The kind that an annotation means. Raises TypeError for one that a recipe can't give.

    ``within`` are the TypedDicts around it; one that holds itself can't be checked.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _limited(kind_of(arguments[0], within), arguments[1:])
    if origin in (typing.Required, typing.NotRequired):
        return kind_of(arguments[0], within)
    if origin is typing.Literal:
        return Choice(arguments)
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        return Either(tuple(kind_of(part, within) for part in arguments))
    if origin in _LISTS:
        item = kind_of(arguments[0], within)
        return ListOf(item, _LISTS[origin], f"list of {item.said}")
    if origin in _MAPPINGS:
        return MappingOf(kind_of(arguments[1], within))
    if typing.is_typeddict(hint):
        return _fields(hint, within)
    try:
        return _SIMPLE[hint]
    except (KeyError, TypeError):
        raise TypeError(f"a recipe can't give {getattr(hint, '__name__', hint)}") from None


def _limited(kind: Kind, notes: Sequence[Any]) -> Kind:
    for note in notes:
        if isinstance(note, Text) and isinstance(kind, TextKind):
            kind = TextKind(note, note.format or kind.said)
        elif isinstance(note, Number) and isinstance(kind, NumberKind):
            kind = NumberKind(kind.whole, note)
    return kind


def _fields(hint: Any, within: tuple[Any, ...]) -> Fields:
    if hint in within:
        raise TypeError(f"{hint.__name__} holds itself")
    hints = typing.get_type_hints(hint, include_extras=True)
    lax = frozenset(name for name, part in hints.items() if not _required(hint, name, part))
    return Fields({name: kind_of(part, (*within, hint)) for name, part in hints.items()}, lax)


def _required(hint: Any, name: str, part: Any) -> bool:
    mark = get_origin(part)
    if mark in (typing.Required, typing.NotRequired):
        return mark is typing.Required
    return name in hint.__required_keys__


def shape(hint: Any, within: tuple[Any, ...] = ()) -> Schema:
    """JSON Schema of a returned type: what fields there are. {} where anything may be.

    ``within`` are the mappings around it; one that holds itself ends in {}.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Annotated, typing.Required, typing.NotRequired):
        return shape(arguments[0], within)
    if typing.is_typeddict(hint):
        fields = {} if hint in within else typing.get_type_hints(hint, include_extras=True)
        properties = {name: shape(part, (*within, hint)) for name, part in fields.items()}
        return {"type": "object", "properties": properties} if properties else {}
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        parts = [shape(part, within) for part in arguments]
        return {"anyOf": parts} if all(parts) else {}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin in _LISTS:
        return {"type": "array", "items": shape(arguments[0], within)}
    if origin in _MAPPINGS:
        return {"type": "object", "additionalProperties": shape(arguments[1], within)}
    kind = _SIMPLE.get(hint) if isinstance(hint, type) and hint not in (dict, list) else None
    return kind.schema() if kind is not None else {}
