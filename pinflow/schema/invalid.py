"""A mistake in a value, in the words that every place uses: recipe keys, inputs, arguments, table rows, options."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import TYPE_CHECKING, Final, Literal

from pinflow.lazy_dataclass import dataclass
from pinflow.suggestions import nearest, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

Location = tuple[str | int, ...]
QUOTE: Final = "put quotes around it"  # the hint where a value would be right as text
# the types of JSON Schema, and what people call a value of each
JSON_TYPES: Final[Mapping[str, str]] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


@dataclass(eq=False)
class Invalid(ValueError):
    """A value, an expression or a text that can't be used.

    ``message`` goes on from what names the value ("must be a list, not text"), ``hint`` says what to do.
    ``location`` leads from the value that was checked to the part of it that is wrong, and ``offset`` counts
    characters from the start of a text there; each place adds its own with :meth:`at`.
    ``reason`` tells a wrong type, a missing and an unknown key from all else, ``expected`` is what belongs there
    ("a list"), ``known`` are the keys that there are, where one is unknown; ``at_key`` says that the key is wrong.
    """

    message: str
    hint: str = ""
    location: Location = ()
    offset: int | None = None
    reason: Literal["", "type", "missing", "unknown"] = ""
    expected: str = ""
    known: tuple[str, ...] = ()
    at_key: bool = False

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def at(self, *location: str | int, offset: int | None = None) -> Invalid:
        """The same mistake seen from outside: the value stands at ``location``, its text starts at ``offset``."""
        self.location = (*location, *self.location)
        self.offset = self.offset if offset is None else offset + (self.offset or 0)
        return self

    def about(self, name: str) -> Invalid:
        """The same mistake as a whole sentence about what ``name`` calls."""
        if self.message.startswith(("'", '"')):  # a sentence about the value in quotes already
            name = f"{name.removesuffix(':')}:"
        self.message = f"{name} {self.message}"
        return self

    def show(self, text: str) -> Invalid:
        """The same mistake with the text that is wrong, for places where that may be shown: it is not a secret."""
        if self.message.startswith(("isn't ", "doesn't ")):
            self.message = f"{quote(text)} {self.message}"
        else:
            self.message = self.message.replace(", not text", f", not {quote(text)}")
        return self


def describe(value: object) -> str:
    """What people call a value of this kind, with its article; nothing for null."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int():
            return "a whole number"
        case float():
            return "a number"
        case str():
            return "text"
        case Mapping():
            return "a mapping"
        case list() | tuple() | set() | frozenset():
            return "a list"
        case date():
            return "a date"
        case time():
            return "a time"
    return f"a value of type {type(value).__name__}"


def mismatch(expected: str, value: object, hint: str = "", location: Location = ()) -> Invalid:
    """The mistake of a value that is not of the type that is ``expected`` ("a list"). The value itself is not shown."""
    fraction = type(value) is float and expected == "a whole number"
    message = f"must be {expected}, not {'a fraction' if fraction else describe(value)}"
    return Invalid(message, hint, location, reason="type", expected=expected)


def not_one_of(choices: Sequence[object], value: object, *, show: bool = False, location: Location = ()) -> Invalid:
    """The mistake of a value that isn't one of ``choices``; ``show`` says that it may be shown."""
    if not isinstance(value, str):
        return mismatch(join_words(choices), value, location=location)
    message = f"must be {join_words(choices)}{f', not {quote(value)}' * show}"
    likely = nearest(value, map(str, choices)) if show else None
    return Invalid(message, f"did you mean {likely}?" if likely else "", location, expected=join_words(choices))


def out_of_bounds(size: float, least: float | None, most: float | None, unit: str = "") -> str:
    """What is wrong with a number, or with a length in a ``unit`` ("character"); "" if nothing is."""
    if unit and not size and least:
        return "is empty"
    for bound, words, wrong in (
        (least, "at least", least is not None and size < least),
        (most, "at most", most is not None and size > most),
    ):
        if wrong:
            return (
                f"has {size} {unit}{'s' * (size != 1)}; {words} {bound}"
                if unit
                else f"must be {words} {bound}, not {size}"
            )
    return ""


def size_problem(value: object, least: float | None, most: float | None) -> str:
    """What is wrong with how large a number is, or how long a text or list; "" if nothing is."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, list)):
        return ""
    if isinstance(value, (int, float)):
        return out_of_bounds(value, least, most)
    return out_of_bounds(len(value), least, most, "character" if isinstance(value, str) else "item")


def join_words(choices: Sequence[object], last: str = "or") -> str:
    """Words as a sentence lists them: ``a, b or c``."""
    *most, end = map(str, choices)
    return f"{', '.join(most)} {last} {end}" if most else end
