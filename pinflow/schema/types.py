"""Types: what a Python annotation means for a recipe, as something that checks, converts and describes.

Annotations are those of :mod:`pinflow.plugin.action`: text, numbers, booleans, lists,
mappings, ``Literal``, ``TypedDict``, ``| None``, and ``Annotated`` with Text or
Number. Values are plain data. Text takes whole numbers, exactly: ids are text.

Written here although pydantic and msgspec have the like: this starts in 3.2 times a bare Python, pydantic in 7 to 8,
and neither says what is wrong in the words of :mod:`pinflow.schema.invalid`.
"""

from __future__ import annotations

import collections.abc
import re
import sys
import types
import typing
from abc import abstractmethod
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from pinflow.lazy_dataclass import dataclass, replace
from pinflow.schema.addresses import address_hint, is_address
from pinflow.schema.constraints import Number, Text
from pinflow.schema.invalid import QUOTE, Invalid, join_words, mismatch, not_one_of, out_of_bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pinflow.schema.invalid import Location

Schema = dict[str, Any]
MOST_LISTED = 20  # choices that a message names one by one: more fill a screen and are not read
FORMATS = {  # what a text of each format is
    "id": "an id (digits only)",
    "segment": "a path segment (no spaces, no / ? # \\ and no ..)",
    "token": "the name of a token (letters, digits, _ . and -)",
    "date": "a date (YYYY-MM-DD)",
    "address": "an address (https://...)",
}
NO_TEXT_LIMITS, NO_NUMBER_LIMITS = Text(), Number()


class Type:
    """What a value may be."""

    label: str  # "text", "list of id": in listings of parameters

    @abstractmethod
    def convert(self, value: Any, location: Location, problems: list[Invalid]) -> Any:
        """``value``, which stands at ``location``, as a function takes it.

        All that is wrong with it is added to ``problems``; what is returned then means nothing.
        """

    def matcher(self) -> Callable[[Any], bool]:
        """Tells at once of nearly every right value that ``convert`` would give back the same, without a problem.

        Of any other value it says False. A table of 100,000 rows asks a million times: this takes a tenth of convert's
        time.
        """
        return lambda value: False

    @abstractmethod
    def schema(self) -> Schema:
        """JSON Schema of it."""


@dataclass(frozen=True, slots=True)
class AnyType(Type):
    label: str = "any"

    def matcher(self) -> Callable[[Any], bool]:
        return lambda value: True

    def convert(self, value: Any, location: Location, problems: list[Invalid]) -> Any:
        return value

    def schema(self) -> Schema:
        return {}


@dataclass(frozen=True, slots=True)
class TextType(Type):
    """A text. ``described`` says that its pattern is from a description of an API, and not from code of ours."""

    limits: Text = NO_TEXT_LIMITS
    label: str = "text"
    described: bool = False

    def convert(self, value: Any, location: Location, problems: list[Invalid]) -> Any:
        if type(value) is int:
            value = str(value)
        if type(value) is not str:
            problems.append(mismatch("text", value, QUOTE if type(value) in (bool, float) else "", location))
        elif wrong := out_of_bounds(len(value), self.limits.min_length, self.limits.max_length, "character"):
            problems.append(Invalid(wrong, location=location))
        elif not self._is_of_format(value):
            expected = self.limits.description or FORMATS.get(self.limits.format, "")
            message = f"isn't {expected}" if expected else f"doesn't match {self.limits.pattern}"
            hint = address_hint(value, self.limits.path_hint) if self.limits.format == "address" else ""
            problems.append(Invalid(message, hint, location, expected=expected))
        return value

    def matcher(self) -> Callable[[Any], bool]:
        least = self.limits.min_length
        most = sys.maxsize if self.limits.max_length is None else self.limits.max_length
        if self.limits.pattern is None and not self.limits.format:
            return lambda value: type(value) is str and least <= len(value) <= most
        is_of_format = self._is_of_format
        return lambda value: type(value) is str and least <= len(value) <= most and is_of_format(value)

    def _is_of_format(self, value: str) -> bool:
        if self.limits.format == "date" and not is_date(value):
            return False
        if self.limits.format == "address" and value and not is_address(value):  # min_length says if it may be empty
            return False
        if self.limits.pattern is None:
            return True
        if self.described:
            from pinflow.schema.patterns import fits_pattern

            return fits_pattern(self.limits.pattern, value)
        return re.search(self.limits.pattern, value, re.ASCII) is not None

    def schema(self) -> Schema:
        limits = {
            "pattern": self.limits.pattern,
            "minLength": self.limits.min_length or None,
            "maxLength": self.limits.max_length,
            "format": self.limits.format or None,
            "description": self.limits.description or None,
        }
        return {"type": "string"} | {name: limit for name, limit in limits.items() if limit is not None}


def is_date(text: str) -> bool:
    """Whether a text is a day, as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class NumberType(Type):
    whole: bool
    limits: Number = NO_NUMBER_LIMITS

    @property
    def label(self) -> str:  # type: ignore[override]
        return "integer" if self.whole else "number"

    def convert(self, value: Any, location: Location, problems: list[Invalid]) -> Any:
        if type(value) is not int and (self.whole or type(value) is not float):
            problems.append(mismatch("a whole number" if self.whole else "a number", value, location=location))
            return value
        if self.limits.gt is not None and value <= self.limits.gt:
            problems.append(Invalid(f"must be more than {self.limits.gt}, not {value}", location=location))
        elif wrong := out_of_bounds(value, self.limits.ge, self.limits.le):
            problems.append(Invalid(wrong, location=location))
        return value if self.whole else float(value)

    def schema(self) -> Schema:
        limits = {
            "minimum": self.limits.ge,
            "exclusiveMinimum": self.limits.gt,
            "maximum": self.limits.le,
            "description": self.limits.description or None,
        }
        return {"type": self.label} | {name: limit for name, limit in limits.items() if limit is not None}


@dataclass(frozen=True, slots=True)
class ExactType(Type):
    """Of one Python type, as it is: booleans and null."""

    type: type
    expected: str
    label: str

    def convert(self, value: Any, location: Location, problems: list[Invalid]) -> Any:
        if type(value) is not self.type:
            problems.append(mismatch(self.expected, value, location=location))
        return value

    def matcher(self) -> Callable[[Any], bool]:
        return lambda value: type(value) is self.type

    def schema(self) -> Schema:
        return {"type": self.label}


@dataclass(frozen=True, slots=True)
class ChoiceType(Type):
    values: tuple[Any, ...]

    @property
    def label(self) -> str:  # type: ignore[override]
        return " | ".join(map(str, self.values))

    def convert(self, value: Any, location: Location, problems: list[Invalid]) -> Any:
        if not any(type(choice) is type(value) and choice == value for choice in self.values):
            problems.append(self._invalid(value, location))
        return value

    def _invalid(self, value: Any, location: Location) -> Invalid:
        """The mistake; of very many choices it names those that were probably meant."""
        if len(self.values) <= MOST_LISTED or not isinstance(value, str):
            return not_one_of(self.values, value, location=location)
        from difflib import get_close_matches  # only a mistake pays for it

        near = get_close_matches(value.upper(), map(str, self.values), n=3)
        hint = f"did you mean {join_words(near)}?" if near else f"such as {', '.join(map(str, self.values[:3]))}"
        expected = f"one of {len(self.values)} words"
        return Invalid(f"must be {expected}", hint, location, expected=expected)

    def schema(self) -> Schema:
        return {"enum": list(self.values)}


@dataclass(frozen=True, slots=True)
class ListType(Type):
    item: Type
    make: Callable[[list[Any]], Any]
    label: str
    least: float = 0
    most: float | None = None

    def convert(self, value: Any, location: Location, problems: list[Invalid]) -> Any:
        if type(value) is not list:
            problems.append(mismatch("a list", value, location=location))
            return value
        if wrong := out_of_bounds(len(value), self.least, self.most, "item"):
            problems.append(Invalid(wrong, location=location))
            return value
        before = len(problems)
        items = [self.item.convert(item, (*location, index), problems) for index, item in enumerate(value)]
        return self.make(items) if len(problems) == before else value  # a wrong item may not go into a set

    def schema(self) -> Schema:
        items = self.item.schema()
        return {"type": "array"} | ({"items": items} if items else {})


@dataclass(frozen=True, slots=True)
class MappingType(Type):
    """Any text keys, with values of one type."""

    value: Type
    label: str = "mapping"

    def convert(self, value: Any, location: Location, problems: list[Invalid]) -> Any:
        if type(value) is not dict:
            problems.append(mismatch("a mapping", value, location=location))
            return value
        return {name: self.value.convert(part, (*location, name), problems) for name, part in value.items()}

    def schema(self) -> Schema:
        values = self.value.schema()
        return {"type": "object"} | ({"additionalProperties": values} if values else {})


@dataclass(frozen=True, slots=True)
class FieldsType(Type):
    """A mapping with these keys and no others. ``optional`` ones may be absent."""

    fields: Mapping[str, Type]
    optional: frozenset[str] = frozenset()
    label: str = "mapping"

    def convert(self, value: Any, location: Location, problems: list[Invalid]) -> Any:
        if type(value) is not dict:
            problems.append(mismatch("a mapping", value, location=location))
            return value
        needed = self.fields.keys() - self.optional - value.keys()
        problems += [missing(name, location) for name in self.fields if name in needed]
        converted = {
            name: part.convert(value[name], (*location, name), problems)
            for name, part in self.fields.items()
            if name in value
        }
        problems += [
            Invalid(f"unknown argument {name!r}", "", (*location, name), reason="unknown", known=tuple(self.fields))
            for name in value
            if name not in self.fields
        ]
        return converted

    def schema(self) -> Schema:
        properties = {name: part.schema() for name, part in self.fields.items()}
        required = [name for name in self.fields if name not in self.optional]
        schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return schema | ({"required": required} if required else {})


def missing(name: str, location: Location) -> Invalid:
    """The mistake of a mapping at ``location`` without the key ``name``."""
    return Invalid(f"missing argument {name!r}", "", (*location, name), reason="missing")


@dataclass(frozen=True, slots=True)
class AnyOfType(Type):
    branches: tuple[Type, ...]

    @property
    def label(self) -> str:  # type: ignore[override]
        return " | ".join(dict.fromkeys(branch.label for branch in self.branches))

    def convert(self, value: Any, location: Location, problems: list[Invalid]) -> Any:
        wrong: list[Invalid] = []
        accepted: list[Any] = []
        for branch in self.branches:
            branch_problems: list[Invalid] = []
            converted = branch.convert(value, location, branch_problems)
            wrong += branch_problems
            if not branch_problems:
                accepted.append(converted)
        if not accepted:
            problems += most_likely(wrong)
            return value
        # a branch that takes the value as it is comes before one that makes something of it
        return next((each for each in accepted if type(each) is type(value)), accepted[0])

    def matcher(self) -> Callable[[Any], bool]:
        first, *others = [branch.matcher() for branch in self.branches]
        if len(others) != 1:
            return lambda value: first(value) or any(matches(value) for matches in others)
        second = others[0]  # X | None, as most are
        return lambda value: first(value) or second(value)

    def schema(self) -> Schema:
        branches = [branch.schema() for branch in self.branches]
        return {"anyOf": branches} if all(branches) else {}


def most_likely(problems: Iterable[Invalid]) -> list[Invalid]:
    """Of what no branch of a union takes, what the person most likely got wrong: the deepest, one to a place."""
    by_place: dict[Location, list[Invalid]] = {}
    for problem in problems:
        by_place.setdefault(problem.location, []).append(problem)
    return [
        _joined_at_one_place(wrong)
        for place, wrong in by_place.items()
        if not any(other != place and other[: len(place)] == place for other in by_place)
    ]


def _joined_at_one_place(problems: Sequence[Invalid]) -> Invalid:
    """One problem of several. Where the type fits a branch, only what that branch wants is of interest."""
    near = [problem for problem in problems if problem.reason != "type"] or list(problems)
    first, *others = {problem.message: problem for problem in near}.values()
    if not others:
        return first
    if not all(problem.expected for problem in (first, *others)):
        return replace(first, message=" or ".join(problem.message for problem in (first, *others)))
    expected = " or ".join(dict.fromkeys(problem.expected for problem in (first, *others)))
    value = first.message.partition(", not ")[2]  # which is described alike in all
    return replace(first, message=f"must be {expected}{f', not {value}' if value else ''}", hint="", expected=expected)


# -- annotations

_SIMPLE: dict[Any, Type] = {
    Any: AnyType(),
    str: TextType(),
    int: NumberType(True),
    float: NumberType(False),
    bool: ExactType(bool, "true or false", "boolean"),
    None: ExactType(type(None), "nothing", "null"),
    type(None): ExactType(type(None), "nothing", "null"),
    dict: MappingType(AnyType()),
    list: ListType(AnyType(), list, "list"),
}
_LISTS: dict[Any, Callable[[list[Any]], Any]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: list,
}
_MAPPINGS = (dict, collections.abc.Mapping)


def type_of(hint: Any, within: tuple[Any, ...] = ()) -> Type:
    """The type that an annotation means. Raises TypeError for one that a recipe can't give.

    ``within`` are the TypedDicts around it; one that holds itself can't be checked.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _with_limits(type_of(arguments[0], within), arguments[1:])
    if origin in (typing.Required, typing.NotRequired):
        return type_of(arguments[0], within)
    if origin is typing.Literal:
        return ChoiceType(arguments)
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        return AnyOfType(tuple(type_of(part, within) for part in arguments))
    if origin in _LISTS:
        item = type_of(arguments[0], within)
        return ListType(item, _LISTS[origin], f"list of {item.label}")
    if origin in _MAPPINGS:
        return MappingType(type_of(arguments[1], within))
    if typing.is_typeddict(hint):
        return _fields(hint, within)
    try:
        return _SIMPLE[hint]
    except (KeyError, TypeError):
        raise TypeError(f"a recipe can't give {getattr(hint, '__name__', hint)}") from None


def _with_limits(base: Type, notes: Sequence[Any]) -> Type:
    for note in notes:
        if isinstance(note, Text) and isinstance(base, TextType):
            base = TextType(note, note.format or base.label)
        elif isinstance(note, Number) and isinstance(base, NumberType):
            base = NumberType(base.whole, note)
    return base


def _fields(hint: Any, within: tuple[Any, ...]) -> FieldsType:
    if hint in within:
        raise TypeError(f"{hint.__name__} holds itself")
    hints = typing.get_type_hints(hint, include_extras=True)
    optional = frozenset(name for name, part in hints.items() if not _required(hint, name, part))
    return FieldsType({name: type_of(part, (*within, hint)) for name, part in hints.items()}, optional)


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
    simple = _SIMPLE.get(hint) if isinstance(hint, type) and hint not in (dict, list) else None
    return simple.schema() if simple is not None else {}
