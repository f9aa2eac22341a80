"""The plain values that expressions work on: what counts as one, its limits, and how two are compared.

Plain means null, true and false, whole numbers, fractions, text, lists and mappings with text keys. Any
``Mapping`` may stand for a mapping and any ``Sequence`` for a list, so that read-only views can be handed in;
what comes out is made of ``dict`` and ``list`` alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from pinflow.lazy_dataclass import dataclass, field
from pinflow.schema.invalid import Invalid, describe

if TYPE_CHECKING:
    from datetime import datetime

# Chosen so that recipes never meet them and the worst expression still ends soon: a recipe may come from a stranger.
MAX_STEPS: Final = 5_000
MAX_TEXT: Final = 65_536  # characters of a text that an expression builds
MAX_ITEMS: Final = 10_000  # items of a list, or fields of a mapping, that an expression builds
# of brackets and operators in a source text, and of lists and mappings in a value: recursion stays far from its limit
MAX_DEPTH: Final = 32
MAX_WHOLE: Final = 10**30  # ids have at most 30 digits; without a limit, a power would fill the memory
MAX_RESULT: Final = 1_000_000  # values in a whole result: shared lists could multiply when they are copied

STEP: Final = 1_000  # what one step costs; one item or one character of work costs 1

SCALARS: Final[frozenset[type]] = frozenset({str, bool, int, float, type(None)})
NUMBERS: Final[frozenset[type]] = frozenset({int, float})
# A value of these types needs no further look; numbers have limits, and all else may not be plain.
AS_IS: Final[frozenset[type]] = frozenset({str, bool, type(None), dict, list})
# Two values of one of these types can be compared without a further look at them.
_SIMPLE: Final[frozenset[type]] = frozenset({str, bool, int, type(None)})
_HASHED_AS_IS: Final[frozenset[type]] = frozenset({str, int, type(None)})

_TOO_DEEP: Final = f"the value is nested more than {MAX_DEPTH} deep"


class HandWritten(dict[str, Any]):
    """A mapping whose texts a person wrote, as in a table: a time in it means nothing without its time zone.

    Times without a zone in other data are UTC, as services give them.
    """

    __slots__ = ()


class Evaluation:
    """One evaluation under way: the data it may read, its clock, its loop variables and what is left of its budget."""

    __slots__ = ("items", "left", "now", "scope")

    def __init__(self, scope: Mapping[str, Any], now: datetime | None, left: int, loops: int) -> None:
        self.scope = scope
        self.now = now
        self.left = left
        self.items: list[Any] = [None] * loops if loops else []

    def charge(self, work: int) -> None:
        """Take ``work`` (1,000 to a step) off the budget; raises Invalid when that is used up."""
        self.left -= work
        if self.left < 0:
            raise Invalid(
                f"the expression takes more than {MAX_STEPS:,} steps", "use a for_each loop for this much data"
            )

    def text(self, value: str) -> str:
        """A text that was built, charged for and within its limit."""
        self.room_for_text(len(value))
        return value

    def room_for_text(self, length: int) -> None:
        """Charge for a text about to be built; raises Invalid when it would be too long."""
        if length > MAX_TEXT:
            raise Invalid(f"the text would be {length:,} characters long; at most {MAX_TEXT:,} are allowed")
        self.charge(length)

    def room_for_items(self, count: int) -> None:
        """Charge for a list or mapping about to be built; raises Invalid when it would be too long."""
        if count > MAX_ITEMS:
            raise Invalid(f"{count:,} items are too many; at most {MAX_ITEMS:,} are allowed")
        self.charge(count)


def plain(value: object) -> Any:
    """The value itself if it is plain, looking no deeper; raises Invalid if it is not.

    A tuple or another sequence becomes a list; a subclass of a text or number becomes the text or number.
    """
    kind = type(value)
    if kind in AS_IS:
        return value
    match value:
        case int():
            return check_bounds(int.__int__(value))
        case float():
            return check_bounds(float.__float__(value))
        case str():
            return str.__str__(value)
        case Mapping():
            return value
        case bytes() | bytearray() | memoryview():
            pass
        case Sequence():
            return list(value)
    raise Invalid(f"this is not plain data, but of type {kind.__name__}")


def check_bounds(number: int | float) -> int | float:
    """The number if it is within the limits of expressions; raises Invalid if not."""
    if type(number) is int:
        if -MAX_WHOLE <= number <= MAX_WHOLE:
            return number
        raise Invalid("the number has more than 30 digits")
    if isfinite(number):
        return number
    raise Invalid("this is NaN, which is not a number" if number != number else "the number is too large")


def as_text(value: object) -> str:
    """A text, number or boolean as it reads within a text; raises Invalid for null, lists and mappings.

    A fraction without a fractional part is written without ``.0``.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
    hint = "say with ?? what to write instead" if value is None else "use json(...) or join(...)"
    raise Invalid(f"must be text, a number or true or false, not {describe(value)}", hint)


def equal(run: Evaluation, one: object, other: object, depth: int = 0) -> bool:
    """Whether two values are the same all the way down; true and false are no numbers, and 1 equals 1.0."""
    if type(one) is type(other) and type(one) in _SIMPLE:
        return one == other
    one, other = plain(one), plain(other)
    match one, other:
        case (bool(), _) | (_, bool()):
            return one is other
        case list(), list():
            _enter(run, len(one), depth)
            return len(one) == len(other) and all(
                equal(run, item, twin, depth + 1) for item, twin in zip(one, other, strict=True)
            )
        case Mapping(), Mapping():
            _enter(run, len(one), depth)
            return len(one) == len(other) and all(
                key in other and equal(run, item, other[key], depth + 1) for key, item in one.items()
            )
    return bool(one == other)


def hashable(run: Evaluation, value: object, depth: int = 0) -> Hashable:
    """A hashable stand-in, the same for two values exactly when they are equal."""
    if type(value) in _HASHED_AS_IS:
        return value
    value = plain(value)
    match value:
        case list():
            _enter(run, len(value), depth)
            return ("list", tuple(hashable(run, item, depth + 1) for item in value))
        case Mapping():
            _enter(run, len(value), depth)
            return ("mapping", frozenset((key, hashable(run, item, depth + 1)) for key, item in value.items()))
        case bool():
            return ("boolean", value)
    return value  # a number: plain() has made sure of it


def _enter(run: Evaluation, size: int, depth: int) -> None:
    """Charge for a list or mapping that is looked through, which takes longer than a few of its items."""
    if depth >= MAX_DEPTH:
        raise Invalid(_TOO_DEEP)
    run.charge(10 + size)


@dataclass(slots=True)
class Room:
    """How many values a copy may still take; a text takes one more for every ``unit`` characters."""

    left: int
    unit: int

    def take(self, count: int) -> None:
        """Use up room; raises Invalid when there is none."""
        self.left -= count
        if self.left < 0:
            raise Invalid("the value is too large", "use a for_each loop for this much data")


@dataclass(slots=True)
class Budget:
    """What evaluations may take together: ``work`` as `Evaluation.charge` counts it, and values in their results.

    Thousands of expressions, each within its own limits, would take a minute and gigabytes to be tried before a run.
    """

    work: int = 40 * MAX_STEPS * STEP
    room: Room = field(default_factory=lambda: Room(MAX_RESULT // 5, 64))

    def is_spent(self) -> bool:
        """Whether there was too little left."""
        return self.work <= 0 or self.room.left < 0

    @contextmanager
    def share(self) -> Iterator[None]:
        """Evaluate on this budget inside the block."""
        token = BUDGET.set(self)
        try:
            yield
        finally:
            BUDGET.reset(token)


# not an argument: between those who share one and an evaluation are values, templates and their parts
BUDGET: Final[ContextVar[Budget | None]] = ContextVar("budget of evaluations", default=None)


def result(value: object) -> Any:
    """A whole result as plain data of its own, which shares no list or mapping with the data it came from."""
    budget = BUDGET.get()
    if budget is None:
        return make_copy(value, Room(MAX_RESULT, 64))
    return make_copy(value, budget.room)


def make_copy(value: Any, room: Room, depth: int = 0) -> Any:
    """A copy, checked to be plain all the way down; raises Invalid if it is not, or is too large or too deep."""
    value = plain(value)
    if type(value) is str:
        room.take(len(value) // room.unit)
        return value
    if type(value) in SCALARS:
        return value
    if depth >= MAX_DEPTH:
        raise Invalid(_TOO_DEEP)
    room.take(1 + len(value))
    short = room.unit
    if isinstance(value, list):
        return [
            item if (type(item) is str and len(item) < short) or item is None else make_copy(item, room, depth + 1)
            for item in value
        ]
    return {
        key if type(key) is str and len(key) < short else _key(key, room): part
        if (type(part) is str and len(part) < short) or part is None
        else make_copy(part, room, depth + 1)
        for key, part in value.items()
    }


def _key(key: object, room: Room) -> str:
    if not isinstance(key, str):
        raise Invalid(f"a mapping has a key that is not text, but of type {type(key).__name__}")
    room.take(len(key) // room.unit)
    return str.__str__(key)
