"""What a single value of a recipe may be, and what is said when it is something else.

Each kind takes a value as YAML gives it, and returns what the recipe keeps, or raises ``Invalid``.
"""

from __future__ import annotations

import re
from typing import Any

from pinflow.schema.durations import SECONDS, SPELLINGS
from pinflow.schema.invalid import Invalid
from pinflow.suggestions import nearest, quoted

MAX_SECONDS = 366 * 86_400
RESERVED = frozenset({"inputs", "steps", "auth", "run", "in", "true", "false", "null"})

TEXT_TYPES = frozenset({"string", "id", "board", "token", "file", "secret"})  # types of inputs that are text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_AMOUNT = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?([a-z]+)")


def kind(value: Any) -> str:
    """What a value is, as a person would say it."""
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case int() | float():
            return "a number"
        case str():
            return "an expression" if "${{" in value else "text"
        case list():
            return "a list"
        case _:
            return "a mapping"


class OneOf:
    """A kind: one of several words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def __call__(self, value: Any) -> str:
        if isinstance(value, str) and value in self.words:
            return value
        listed = f"{', '.join(self.words[:-1])} or {self.words[-1]}"
        if not isinstance(value, str):
            raise Invalid(f"must be {listed}, not {kind(value)}")
        likely = nearest(value, self.words)
        raise Invalid(f"must be {listed}, not {quoted(value)}", f"did you mean {likely}?" if likely else "")


class Whole:
    """A kind: a whole number from ``least`` to ``most``."""

    def __init__(self, least: int, most: int | None = None) -> None:
        self.least = least
        self.most = most

    def __call__(self, value: Any) -> int:
        found = whole(value)
        if found < self.least:
            raise Invalid(f"must be at least {self.least}, not {found}")
        if self.most is not None and found > self.most:
            raise Invalid(f"must be at most {self.most}, not {found}")
        return found


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
    refuse_empty(value)
    raise Invalid(f"must be text, not {kind(value)}", quote=isinstance(value, (bool, float)))


def texts(value: Any) -> Any:
    """A whole number, or those in a list, as text; anything else as it is."""
    if isinstance(value, list):
        return [texts(each) for each in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def with_ids(entry: dict[str, Any]) -> dict[str, Any]:
    """An input's entry; where the input is text, the whole numbers that it is given are text as well."""
    type_ = entry.get("type", "string")
    if not isinstance(type_, str) or type_ not in TEXT_TYPES:
        return entry
    return {key: texts(value) if key in ("default", "choices", "example") else value for key, value in entry.items()}


def filled(value: Any) -> str:
    """Text that says something."""
    found = text(value)
    if not found.strip():
        raise Invalid("is empty", "write a value, or delete the key")
    return found


def name(value: Any) -> str:
    """A name that expressions can use."""
    found = text(value)
    if not _NAME.fullmatch(found):
        likely = re.sub(r"\W+", "_", found, flags=re.ASCII).strip("_")
        hint = f"did you mean {likely}?" if _NAME.fullmatch(likely) else "begin it with a letter"
        raise Invalid("must be made of letters, digits and _", hint)
    if found in RESERVED:
        raise Invalid(f"can't be {found!r}, which means something else in an expression", "choose another name")
    return found


def whole(value: Any) -> int:
    """A whole number, written out."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    refuse_empty(value)
    hint = "delete the quotes" if isinstance(value, str) and value.strip().isdecimal() else _written_out(value)
    given = "a fraction" if isinstance(value, float) else kind(value)
    raise Invalid(f"must be a whole number, not {given}", hint)


def number(value: Any) -> int | float:
    """A number, written out."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    refuse_empty(value)
    raise Invalid(f"must be a number, not {kind(value)}", _written_out(value))


def boolean(value: Any) -> bool:
    """``true`` or ``false``; ``yes``, ``no``, ``on`` and ``off`` are text in a recipe."""
    if isinstance(value, bool):
        return value
    refuse_empty(value)
    meant = {"yes": "true", "on": "true", "no": "false", "off": "false", "true": "true", "false": "false"}
    likely = meant.get(value.lower()) if isinstance(value, str) else None
    hint = f"did you mean {likely}?" if likely else _written_out(value)
    raise Invalid(f"must be true or false, not {kind(value)}", hint)


def entries(value: Any) -> tuple[Any, ...]:
    """A list, which may be empty."""
    if not isinstance(value, list):
        refuse_empty(value)
        hint = f"write it as a list: [{value}]" if isinstance(value, (str, int)) and len(str(value)) <= 40 else ""
        raise Invalid(f"must be a list, not {kind(value)}", hint)
    return tuple(value)


def listing(value: Any) -> tuple[Any, ...]:
    """A list of at least one entry."""
    found = entries(value)
    if not found:
        raise Invalid("is an empty list", "add an entry, or delete the key")
    return found


def mapping(value: Any) -> dict[str, Any]:
    """Keys and values."""
    if isinstance(value, dict):
        return value
    refuse_empty(value)
    raise Invalid(f"must be a mapping of keys to values, not {kind(value)}")


def present(value: Any) -> Any:
    """Anything but an empty value."""
    refuse_empty(value)
    return value


def seconds(value: Any) -> float:
    """A duration: a number of seconds, or amounts with units, ``90 seconds`` or ``1h 30m``."""
    refuse_empty(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _bounded(float(value))
    if isinstance(value, str) and "${{" not in value:
        return _bounded(_amounts(value))
    hint = _written_out(value) or "write it like 30 seconds, 10 minutes or 2h"
    raise Invalid(f"must be a duration, not {kind(value)}", hint)


def positive_seconds(value: Any) -> float:
    """A duration that is not zero."""
    found = seconds(value)
    if not found:
        raise Invalid("can't be zero", "delete the key to have no limit")
    return found


def condition(value: Any) -> str | bool:
    """An expression, or a plain ``true`` or ``false``."""
    if isinstance(value, (str, bool)):
        return filled(value) if isinstance(value, str) else value
    refuse_empty(value)
    raise Invalid(f"must be an expression, not {kind(value)}", "write a comparison, such as pin.title != null")


def items(value: Any) -> str | tuple[Any, ...]:
    """What a loop goes over: an action, an expression, or a list written out."""
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, str):
        return filled(value)
    refuse_empty(value)
    raise Invalid(f"must be an action, an expression or a list, not {kind(value)}")


def logins(value: Any) -> str | dict[str, str]:
    """A login's name, or one for each role of the action."""
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise Invalid("must be a login, or a mapping of roles to logins, not a list")
        return filled(value)
    for role, login in value.items():
        if not isinstance(login, str) or not login.strip():
            raise Invalid(f"must be the name of a login, not {kind(login)}", location=(role,))
    return value


def relative_path(value: Any) -> str:
    """A path inside the recipe's own folder. What an expression in it gives is checked when it is known."""
    found = filled(value)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", found):
        raise Invalid("must be a path, not an address or a drive", "recipes are included from the recipe's own folder")
    if found.startswith(("/", "~", "\\")):
        raise Invalid("must be a path in the recipe's folder, not an absolute one", "write it relative to this file")
    if ".." in re.split(r"[/\\]", found):
        raise Invalid("must be a path in the recipe's folder, without ..", "move the file into that folder")
    return found


def pattern(value: Any) -> str:
    """A regular expression that compiles."""
    import warnings

    found = filled(value)
    if len(found) > 500:
        raise Invalid("is longer than 500 characters", "write a simpler one")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice about future syntax is not the author's concern
            re.compile(found)
    except re.error as error:
        raise Invalid(f"is not a regular expression: {error.msg}", offset=error.pos or 0) from None
    except (RecursionError, OverflowError):
        raise Invalid("is too large a regular expression", "write a simpler one") from None
    return found


def date(value: Any) -> str:
    """A day, as YYYY-MM-DD."""
    from datetime import date as day

    found = text(value)
    try:
        return found if day.fromisoformat(found) and len(found) == 10 else _no_date()
    except ValueError:
        return _no_date()


def _no_date() -> str:
    raise Invalid("must be a date", "write it like 2030-12-31")


def _written_out(value: Any) -> str:
    """The advice about an expression where none is worked out."""
    return "write the value itself: ${{ }} is not worked out here" if kind(value) == "an expression" else ""


def refuse_empty(value: Any) -> None:
    if value is None:
        raise Invalid("is empty", "write a value, or delete the key")


def _amounts(value: str) -> float:
    """The sum of amounts such as ``1h 30m``."""
    rest, total = value.strip(), 0.0
    while rest and len(value) <= 60:
        found = _AMOUNT.match(rest)
        if not found or found[2] not in SPELLINGS:
            break
        total += float(found[1]) * SECONDS[SPELLINGS[found[2]]]
        rest = rest[found.end() :].lstrip()
    if rest or not value.strip():
        raise Invalid("is not a duration", "write it like 30 seconds, 10 minutes or 2h")
    return total


def _bounded(value: float) -> float:
    if not 0 <= value <= MAX_SECONDS:
        raise Invalid("must be between zero and a year", "write it like 30 seconds, 10 minutes or 2h")
    return value
