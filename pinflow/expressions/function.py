"""What a function of the expression language is, and the checks of its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from pinflow.expressions.values import NUMBERS, check_bounds
from pinflow.lazy_dataclass import dataclass
from pinflow.schema.invalid import Invalid, mismatch
from pinflow.schema.time_zones import find_zone

Check: TypeAlias = Callable[[Any], Any]
Items: TypeAlias = list[Any]
Implementation = TypeVar("Implementation", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the expression language: how it is written, and what does it."""

    name: str
    usage: str
    text: str  # what it gives, in a sentence or two for people
    examples: tuple[str, ...]  # expressions that need no data
    checks: tuple[Check, ...]
    run: Callable[..., Any]
    optional: int = 0  # arguments at the end that may be left out
    clock: bool = False  # whether the result depends on the time

    def takes(self, count: int) -> bool:
        """Whether it can be called with this many arguments."""
        return len(self.checks) - self.optional <= count <= len(self.checks)


@dataclass(frozen=True, slots=True)
class LoopFunction:
    """A function that takes a name and an expression, which it evaluates for each item."""

    name: str
    usage: str
    text: str  # what it gives, in a sentence or two for people
    examples: tuple[str, ...]  # expressions that need no data


DECLARED: Final[list[Function]] = []  # filled as the modules of functions are imported


def declare(
    usage: str,
    text: str,
    checks: tuple[Check, ...],
    *,
    examples: tuple[str, ...],
    optional: int = 0,
    clock: bool = False,
) -> Callable[[Implementation], Implementation]:
    """Declare what follows as the function of this usage, for recipes and for everything that lists functions."""

    def add(run: Implementation) -> Implementation:
        DECLARED.append(Function(usage.partition("(")[0], usage, text, examples, checks, run, optional, clock))
        return run

    return add


# Checks of arguments. Each returns the value or raises Invalid; the caller adds which function and which argument.


def anything(value: Any) -> Any:
    """Any value."""
    return value


def text(value: Any) -> str:
    """A text."""
    if type(value) is str:
        return value
    raise _mismatch("text", value)


def number(value: Any) -> int | float:
    """A number, which true and false are not."""
    if type(value) in NUMBERS:
        return value  # type: ignore[no-any-return]
    raise _mismatch("a number", value)


def whole(value: Any) -> int:
    """A whole number; 2.0 is one, as the quotient of 4 and 2."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(check_bounds(int(value)))
    raise _mismatch("a whole number", value)


def items(value: Any) -> Items:
    """A list."""
    if type(value) is list:
        return value
    raise _mismatch("a list", value)


def mapping(value: Any) -> Mapping[str, Any]:
    """A mapping."""
    if isinstance(value, Mapping):
        return value
    raise _mismatch("a mapping", value)


def text_or_items(value: Any) -> str | Items:
    """A text or a list."""
    if type(value) in (str, list):
        return value  # type: ignore[no-any-return]
    raise _mismatch("text or a list", value)


def container(value: Any) -> str | Items | Mapping[str, Any]:
    """A text, a list or a mapping."""
    if type(value) in (str, list) or isinstance(value, Mapping):
        return value  # type: ignore[no-any-return]
    raise _mismatch("text, a list or a mapping", value)


def time_zone(value: Any) -> str:
    """The name of a time zone that this machine knows."""
    name = text(value)
    find_zone(name)
    return name


# Checks that a literal argument is put to when its expression is read, so that a slip is found before a run.
CHECKED_WHEN_READ: Final = frozenset({time_zone})


def _mismatch(expected: str, value: Any) -> Invalid:
    """The mistake of a wrong type, with the function that helps."""
    hint = ""
    if value is None:
        hint = "say with ?? what to use instead"
    elif expected == "text" and type(value) in NUMBERS:
        hint = "text(...) makes text of a number"
    elif expected in ("a number", "a whole number") and type(value) is str:
        hint = "number(...) makes a number of text"
    return mismatch(expected, value, hint)
