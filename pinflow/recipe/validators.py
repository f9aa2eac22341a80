"""What a single value of a recipe may be, and what is said when it is something else.

Each validator takes a value as YAML gives it, and returns what the recipe keeps, or raises Invalid.
"""

from __future__ import annotations

import re
from typing import Any

from pinflow.schema.durations import SECONDS, SPELLINGS
from pinflow.schema.invalid import QUOTE, Invalid, mismatch, not_one_of, out_of_bounds
from pinflow.schema.types import is_date

MAX_SECONDS = 366 * 86_400  # a year: anything longer is a slip of the unit
RESERVED = frozenset({"inputs", "steps", "auth", "run", "in", "true", "false", "null"})

TEXT_TYPES = frozenset({"string", "id", "board", "token", "file", "secret"})  # types of inputs that are text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_AMOUNT = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?([a-z]+)")


class OneOf:
    """A validator of one of several words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def __call__(self, value: Any) -> str:
        if isinstance(value, str) and value in self.words:
            return value
        raise not_one_of(self.words, value, show=True)


class Whole:
    """A validator of a whole number from ``least`` to ``most``."""

    def __init__(self, least: int, most: int | None = None) -> None:
        self.least = least
        self.most = most

    def __call__(self, value: Any) -> int:
        number = whole(value)
        if wrong := out_of_bounds(number, self.least, self.most):
            raise Invalid(wrong)
        return number


def version(value: Any) -> int:
    """The version of the recipe language; there is one so far."""
    if value != 1 or isinstance(value, bool):
        raise Invalid("must be 1, the version of the recipe language", "write `pinflow: 1`")
    return 1


def anything(value: Any) -> Any:
    """Whatever was written."""
    return value


def text(value: Any) -> str:
    """Text. An unquoted whole number is kept as it was written, since ids look like that."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _mismatch("text", value, QUOTE if isinstance(value, (bool, float)) else "")


def texts(value: Any) -> Any:
    """A whole number, or those in a list, as text; anything else as it is."""
    if isinstance(value, list):
        return [texts(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def with_ids(entry: dict[str, Any]) -> dict[str, Any]:
    """An input's entry; where the input is text, the whole numbers that it is given are text as well."""
    type_ = entry.get("type", "string")
    if not isinstance(type_, str) or type_ not in TEXT_TYPES:
        return entry
    return {key: texts(value) if key in ("default", "choices", "example") else value for key, value in entry.items()}


def non_empty_text(value: Any) -> str:
    """Text that says something."""
    written = text(value)
    if not written.strip():
        raise Invalid("is empty", _NO_VALUE)
    return written


def name(value: Any) -> str:
    """A name that expressions can use."""
    word = text(value)
    if not _NAME.fullmatch(word):
        likely = re.sub(r"\W+", "_", word, flags=re.ASCII).strip("_")
        hint = f"did you mean {likely}?" if _NAME.fullmatch(likely) else "begin it with a letter"
        raise Invalid("must be made of letters, digits and _", hint)
    if word in RESERVED:
        raise Invalid(f"can't be {word!r}, which means something else in an expression", "choose another name")
    return word


def whole(value: Any) -> int:
    """A whole number, written out."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    hint = "delete the quotes" if isinstance(value, str) and value.strip().isdecimal() else ""
    raise _mismatch("a whole number", value, hint)


def number(value: Any) -> int | float:
    """A number, written out."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise _mismatch("a number", value)


def boolean(value: Any) -> bool:
    """``true`` or ``false``; ``yes``, ``no``, ``on`` and ``off`` are text in a recipe."""
    if isinstance(value, bool):
        return value
    meanings = {"yes": "true", "on": "true", "no": "false", "off": "false", "true": "true", "false": "false"}
    likely = meanings.get(value.lower()) if isinstance(value, str) else None
    raise _mismatch("true or false", value, f"did you mean {likely}?" if likely else "")


def entries(value: Any) -> tuple[Any, ...]:
    """A list, which may be empty."""
    if isinstance(value, list):
        return tuple(value)
    short = isinstance(value, (str, int)) and len(str(value)) <= 40
    raise _mismatch("a list", value, f"write it as a list: [{value}]" if short else "")


def listing(value: Any) -> tuple[Any, ...]:
    """A list of at least one entry."""
    items = entries(value)
    if not items:
        raise Invalid("is an empty list", "add an entry, or delete the key")
    return items


def mapping(value: Any) -> dict[str, Any]:
    """Keys and values."""
    if isinstance(value, dict):
        return value
    raise _mismatch("a mapping", value)


def present(value: Any) -> Any:
    """Anything but null; a part that is something else than a mapping says what it takes."""
    return mapping(value) if value is None else value


def seconds(value: Any) -> float:
    """A duration: a number of seconds, or amounts with units, ``90 seconds`` or ``1h 30m``."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _in_range(float(value))
    if isinstance(value, str) and "${{" not in value:
        return _in_range(_sum_of_amounts(value))
    raise _mismatch("a duration", value, _DURATION_HINT)


def positive_seconds(value: Any) -> float:
    """A duration that is not zero."""
    duration = seconds(value)
    if not duration:
        raise Invalid("can't be zero", "delete the key to have no limit")
    return duration


def condition(value: Any) -> str | bool:
    """An expression, or a plain ``true`` or ``false``."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return non_empty_text(value)
    raise _mismatch("an expression", value, "write a comparison, such as pin.title != null")


def items(value: Any) -> str | tuple[Any, ...]:
    """What a loop goes over: an action, an expression, or a list written out."""
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, str):
        return non_empty_text(value)
    raise _mismatch("an action, an expression or a list", value)


def logins(value: Any) -> str | dict[str, str]:
    """A login's name, or one for each role of the action."""
    if value is None or isinstance(value, list):
        raise _mismatch("a login, or a mapping of roles to logins", value)
    if not isinstance(value, dict):
        return non_empty_text(value)
    for role, login in value.items():
        if not isinstance(login, str):
            raise mismatch("the name of a login", login, location=(role,))
        if not login.strip():
            raise Invalid("is empty", location=(role,))
    return value


def relative_path(value: Any) -> str:
    """A path inside the recipe's own folder. What an expression in it gives is checked when it is known."""
    written = non_empty_text(value)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", written):
        raise Invalid("must be a path, not an address or a drive", "recipes are included from the recipe's own folder")
    if written.startswith(("/", "~", "\\")):
        raise Invalid("must be a path in the recipe's folder, not an absolute one", "write it relative to this file")
    if ".." in re.split(r"[/\\]", written):
        raise Invalid("must be a path in the recipe's folder, without ..", "move the file into that folder")
    return written


def pattern(value: Any) -> str:
    """A regular expression that can be matched in linear time."""
    from pinflow.schema.patterns import PatternError, parse_pattern

    written = non_empty_text(value)
    try:
        parse_pattern(written)
    except PatternError as error:
        raise Invalid(str(error), error.hint, offset=error.offset) from None
    return written


def date(value: Any) -> str:
    """A day, as YYYY-MM-DD."""
    day = text(value)
    if not is_date(day):
        raise Invalid("isn't a date (YYYY-MM-DD)", "write it like 2030-12-31")
    return day


_NO_VALUE = "write a value, or delete the key"
_DURATION_HINT = "write it like 30 seconds, 10 minutes or 2h"


def _mismatch(expected: str, value: Any, hint: str = "") -> Invalid:
    """The mistake of a wrong type, with the advice that a recipe needs."""
    if value is None:
        hint = _NO_VALUE
    elif isinstance(value, str) and "${{" in value:
        hint = "write the value itself: ${{ }} isn't evaluated here"
    return mismatch(expected, value, hint)


def _sum_of_amounts(value: str) -> float:
    """The sum of amounts such as ``1h 30m``, in seconds."""
    rest, total = value.strip(), 0.0
    while rest and len(value) <= 60:
        amount = _AMOUNT.match(rest)
        if not amount or amount[2] not in SPELLINGS:
            break
        total += float(amount[1]) * SECONDS[SPELLINGS[amount[2]]]
        rest = rest[amount.end() :].lstrip()
    if rest or not value.strip():
        raise Invalid("isn't a duration", _DURATION_HINT)
    return total


def _in_range(value: float) -> float:
    if not 0 <= value <= MAX_SECONDS:
        raise Invalid("must be between zero and a year", _DURATION_HINT)
    return value
