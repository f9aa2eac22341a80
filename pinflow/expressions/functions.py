"""The functions that expressions may call: a closed list, all of them pure.

``FUNCTIONS`` holds those that take values, ``LOOPS`` the usage of those that take a name and an expression.
Arguments have been checked against ``Function.checks`` when ``Function.run`` gets them, together with the
evaluation under way, which it charges before it does work that grows with its arguments.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from pinflow.expressions import dates
from pinflow.expressions.lexer import NUMBER
from pinflow.expressions.values import (
    MAX_TEXT,
    NUMBERS,
    Evaluation,
    Room,
    as_text,
    check_bounds,
    equal,
    hashable,
    make_copy,
    plain,
)
from pinflow.lazy_dataclass import dataclass
from pinflow.schema.invalid import Invalid, describe, join_words, mismatch, out_of_bounds
from pinflow.suggestions import quote

Check: TypeAlias = Callable[[Any], Any]
Items: TypeAlias = list[Any]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the expression language: how it is written, and what does it."""

    name: str
    usage: str
    checks: tuple[Check, ...]
    run: Callable[..., Any]
    optional: int = 0  # arguments at the end that may be left out
    clock: bool = False  # whether the result depends on the time

    def takes(self, count: int) -> bool:
        """Whether it can be called with this many arguments."""
        return len(self.checks) - self.optional <= count <= len(self.checks)


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


# Text


def _lower(run: Evaluation, value: str) -> str:
    run.room_for_text(len(value))
    return run.text(value.lower())


def _upper(run: Evaluation, value: str) -> str:
    run.room_for_text(len(value))
    return run.text(value.upper())


def _trim(run: Evaluation, value: str) -> str:
    run.charge(len(value))
    return run.text(value.strip())


def _replace(run: Evaluation, value: str, old: str, new: str) -> str:
    _check_not_empty(old, "the text to replace")
    run.charge(len(value))
    run.room_for_text(len(value) + value.count(old) * (len(new) - len(old)))
    return value.replace(old, new)


def _split(run: Evaluation, value: str, separator: str) -> Items:
    _check_not_empty(separator, "the separator")
    run.charge(len(value))
    run.room_for_items(value.count(separator) + 1)
    return list(value.split(separator))


def _join(run: Evaluation, values: Items, separator: str) -> str:
    run.charge(len(values))
    texts = [_as_text(item, f"item [{place}]") for place, item in enumerate(_plain_items(values))]
    run.room_for_text(sum(map(len, texts)) + len(separator) * max(len(texts) - 1, 0))
    return separator.join(texts)


def _as_text(value: Any, name: str) -> str:
    try:
        return as_text(value)
    except Invalid as invalid:
        raise invalid.about(name) from None


def _check_not_empty(value: str, name: str) -> None:
    if not value:
        raise Invalid(f"{name} is empty")


def _starts_with(run: Evaluation, value: str, start: str) -> bool:
    run.charge(len(start))
    return value.startswith(start)


def _ends_with(run: Evaluation, value: str, end: str) -> bool:
    run.charge(len(end))
    return value.endswith(end)


def contains(run: Evaluation, whole: str | Items | Mapping[str, Any], part: Any) -> bool:
    """Whether a text has a part, a list an item or a mapping a field; also the operator ``in``."""
    if isinstance(whole, list):
        run.charge(len(whole))
        return any(equal(run, item, part) for item in whole)
    if type(part) is not str:
        raise mismatch("text", part).about(f"what is looked for in {describe(whole)}")
    run.charge(len(whole) if isinstance(whole, str) else 1)
    return part in whole


def _text(run: Evaluation, value: Any) -> str:
    return run.text(_as_text(value, "the value"))


_NUMBER: Final = rf"[ \t\r\n]*-?{NUMBER}[ \t\r\n]*"


def _number(run: Evaluation, value: Any) -> int | float:
    if type(value) in NUMBERS:
        return value  # type: ignore[no-any-return]
    if type(value) is not str:
        raise mismatch("text or a number", value).about("the value")
    if len(value) > 400 or not re.fullmatch(_NUMBER, value):
        raise Invalid(f"{quote(value)} isn't a number")
    digits = value.strip()
    return check_bounds(int(digits) if digits.removeprefix("-").isdigit() else float(digits))


def _length(run: Evaluation, value: str | Items | Mapping[str, Any]) -> int:
    return len(value)


def _slice(run: Evaluation, value: str | Items, start: int, end: int | None = None) -> str | Items:
    part = range(len(value))[start:end]
    (run.room_for_text if isinstance(value, str) else run.room_for_items)(len(part))
    return value[start:end]


def _truncate(run: Evaluation, value: str, longest: int) -> str:
    if wrong := out_of_bounds(longest, 1, None):
        raise Invalid(f"the length {wrong}")
    if len(value) <= longest:
        return value
    run.room_for_text(longest)
    return value[: longest - 1].rstrip() + "…"


_MARKS: Final = "[\u0300-\u036f]+"  # what is left over accents when letters are taken apart
_BETWEEN_WORDS: Final = r"[\W_]+"


def _slug(run: Evaluation, value: str) -> str:
    import unicodedata  # these are loaded when they are called for: most recipes get by without

    run.room_for_text(len(value))
    apart = run.text(unicodedata.normalize("NFKD", value))
    letters = unicodedata.normalize("NFC", re.sub(_MARKS, "", apart).casefold())
    return run.text(re.sub(_BETWEEN_WORDS, "-", letters).strip("-"))


def _json(run: Evaluation, value: Any) -> str:
    import json

    data = make_copy(value, Room(MAX_TEXT, 1))
    return run.text(json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def _parse_json(run: Evaluation, value: str) -> Any:
    import json

    run.room_for_text(len(value))
    try:
        data = json.loads(value, parse_constant=_refuse_constant, parse_int=_json_whole)
        json.dumps(data, ensure_ascii=False).encode()
    except Invalid:
        raise
    except UnicodeEncodeError:
        raise Invalid("the JSON holds half of a character") from None
    except (ValueError, RecursionError) as error:
        place = f" at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
        raise Invalid(f"the text isn't JSON{place}") from None
    return make_copy(data, Room(MAX_TEXT, 1))


def _refuse_constant(name: str) -> None:
    raise Invalid(f"JSON has no {name}")


def _json_whole(digits: str) -> int | float:
    return check_bounds(int(digits[:40]))


def _sha256(run: Evaluation, value: str) -> str:
    import hashlib  # seldom needed, and slow to load

    run.charge(len(value))
    try:
        return hashlib.sha256(value.encode()).hexdigest()
    except UnicodeEncodeError:
        raise Invalid("the text holds half of a character") from None


# Lists and mappings


def _plain_items(values: Items) -> Items:
    """The items as plain values; raises Invalid for the first that is something else."""
    items = []
    for place, value in enumerate(values):
        try:
            items.append(plain(value))
        except Invalid as invalid:
            raise Invalid(f"item [{place}]: {invalid.message}", invalid.hint) from None
    return items


def require_comparable(values: Items, name: str) -> Sequence[Any]:
    """The values if they have an order among them: all numbers, or all texts."""
    items = _plain_items(values)
    if all(type(item) in NUMBERS for item in items) or all(type(item) is str for item in items):
        return items
    types = sorted({describe(item) for item in items})
    raise Invalid(f"{name} must be all numbers or all text, not {join_words(types, 'and')}")


def _first(run: Evaluation, values: Items) -> Any:
    return values[0] if values else None


def _last(run: Evaluation, values: Items) -> Any:
    return values[-1] if values else None


def _sort(run: Evaluation, values: Items) -> Items:
    run.room_for_items(len(values))
    return sorted(require_comparable(values, "the items"))


def _reverse(run: Evaluation, values: Items) -> Items:
    run.room_for_items(len(values))
    return values[::-1]


def _unique(run: Evaluation, values: Items) -> Items:
    run.room_for_items(len(values))
    firsts: dict[Any, Any] = {}
    for value in values:
        firsts.setdefault(hashable(run, value), value)
    return list(firsts.values())


def _flatten(run: Evaluation, values: Items) -> Items:
    run.charge(len(values))
    parts = [item if type(item) is list else [item] for item in _plain_items(values)]
    run.room_for_items(sum(map(len, parts)))
    return [item for part in parts for item in part]


def _range(run: Evaluation, count: int) -> Items:
    if wrong := out_of_bounds(count, 0, None):
        raise Invalid(f"the count {wrong}")
    run.room_for_items(count)
    return list(range(count))


def _sum(run: Evaluation, values: Items) -> int | float:
    run.charge(len(values))
    total: int | float = 0
    for place, value in enumerate(_plain_items(values)):
        if type(value) not in NUMBERS:
            raise mismatch("a number", value).about(f"item [{place}]")
        total = check_bounds(total + value)
    return total


def _min(run: Evaluation, values: Items) -> Any:
    run.charge(len(values))
    return min(require_comparable(values, "the items"), default=None)


def _max(run: Evaluation, values: Items) -> Any:
    run.charge(len(values))
    return max(require_comparable(values, "the items"), default=None)


def _keys(run: Evaluation, value: Mapping[str, Any]) -> Items:
    run.room_for_items(len(value))
    return list(value)


def _values(run: Evaluation, value: Mapping[str, Any]) -> Items:
    run.room_for_items(len(value))
    return list(value.values())


def _merge(run: Evaluation, one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    run.room_for_items(len(one) + len(other))
    return {**one, **other}


# Numbers


def _round(run: Evaluation, value: int | float, digits: int = 0) -> int | float:
    """Half goes away from zero, seen in the decimal digits that a person sees."""
    if wrong := out_of_bounds(digits, 0, 15):
        raise Invalid(f"the digits {wrong}")
    if isinstance(value, int):
        return value
    from decimal import ROUND_HALF_UP, Context, Decimal  # seldom needed, and slow to load

    exact = Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, Context(prec=400))
    return check_bounds(float(exact) if digits else int(exact))


def _floor(run: Evaluation, value: int | float) -> int | float:
    return check_bounds(math.floor(value))


def _ceil(run: Evaluation, value: int | float) -> int | float:
    return check_bounds(math.ceil(value))


def _abs(run: Evaluation, value: int | float) -> int | float:
    return abs(value)


# Dates


def _now(run: Evaluation) -> str:
    if run.now is None:
        raise Invalid("now() and today() can't be used here")
    return run.now.isoformat(timespec="seconds")


def _today(run: Evaluation) -> str:
    return _now(run)[:10]


def _date_add(run: Evaluation, date: str, count: int, unit: str) -> str:
    return dates.add(date, count, unit)


def _date_format(run: Evaluation, date: str, pattern: str) -> str:
    run.room_for_text(len(pattern) * 3)  # no token writes more than three times its own length
    run.charge(len(pattern) * pattern.count("["))  # behind each, the end of its text is looked for
    return dates.format_date(date, pattern)


def _days_between(run: Evaluation, one: str, other: str) -> int:
    return dates.days_between(one, other)


_ALL: Final = (
    Function("lower", "lower(text)", (text,), _lower),  # the text in small letters
    Function("upper", "upper(text)", (text,), _upper),  # the text in capitals
    Function("trim", "trim(text)", (text,), _trim),  # the text without white space at its ends
    Function("replace", "replace(text, old, new)", (text, text, text), _replace),  # the text with each old replaced
    Function("split", "split(text, separator)", (text, text), _split),  # the list of parts between separators
    Function("join", "join(list, separator)", (items, text), _join),  # the items as one text
    Function("starts_with", "starts_with(text, start)", (text, text), _starts_with),  # whether the text starts so
    Function("ends_with", "ends_with(text, end)", (text, text), _ends_with),  # whether the text ends so
    # the same as value in container
    Function("contains", "contains(container, value)", (container, anything), contains),
    Function("text", "text(value)", (anything,), _text),  # a number or boolean as text
    Function("number", "number(text)", (anything,), _number),  # the number that the text spells
    Function("length", "length(value)", (container,), _length),  # how many characters, items or fields there are
    # a part of a text or list; negative places count from the end
    Function("slice", "slice(value, from, to)", (text_or_items, whole, whole), _slice, optional=1),
    Function("truncate", "truncate(text, n)", (text, whole), _truncate),  # at most n characters, ending in … if cut
    Function("slug", "slug(text)", (text,), _slug),  # small letters and digits with - between the words
    Function("json", "json(value)", (anything,), _json),  # the value as JSON text
    Function("parse_json", "parse_json(text)", (text,), _parse_json),  # the value that the JSON text holds
    Function("sha256", "sha256(text)", (text,), _sha256),  # the SHA-256 hash of the text, in hexadecimal
    Function("first", "first(list)", (items,), _first),  # the first item, or null
    Function("last", "last(list)", (items,), _last),  # the last item, or null
    Function("sort", "sort(list) or sort(list, item, key)", (items,), _sort),  # the items in order
    Function("reverse", "reverse(list)", (items,), _reverse),  # the items from the last to the first
    Function("unique", "unique(list)", (items,), _unique),  # the items without those that came before
    Function("flatten", "flatten(list)", (items,), _flatten),  # the items of the lists in the list
    Function("range", "range(n)", (whole,), _range),  # the list of 0 to n - 1
    Function("sum", "sum(list)", (items,), _sum),  # the total of the numbers
    Function("min", "min(list)", (items,), _min),  # the smallest item, or null
    Function("max", "max(list)", (items,), _max),  # the largest item, or null
    Function("keys", "keys(mapping)", (mapping,), _keys),  # the names of the fields
    Function("values", "values(mapping)", (mapping,), _values),  # the values of the fields
    Function("merge", "merge(mapping, mapping)", (mapping, mapping), _merge),  # the fields of both, the second's first
    Function("round", "round(number, digits)", (number, whole), _round, optional=1),  # rounded, half away from zero
    Function("floor", "floor(number)", (number,), _floor),  # the next whole number below
    Function("ceil", "ceil(number)", (number,), _ceil),  # the next whole number above
    Function("abs", "abs(number)", (number,), _abs),  # the number without its sign
    Function("now", "now()", (), _now, clock=True),  # this moment, as 2026-03-01T09:30:00+00:00
    Function("today", "today()", (), _today, clock=True),  # this day, as 2026-03-01
    Function("date_add", 'date_add(date, n, "days")', (text, whole, text), _date_add),  # the date n units later
    Function("date_format", 'date_format(date, "YYYY-MM-DD")', (text, text), _date_format),  # the date written so
    Function("days_between", "days_between(date, date)", (text, text), _days_between),  # days to the second
)
FUNCTIONS: Final[Mapping[str, Function]] = {function.name: function for function in _ALL}
LOOPS: Final[Mapping[str, str]] = {
    "filter": "filter(list, item, condition)",
    "map": "map(list, item, expression)",
    "any": "any(list, item, condition)",
    "all": "all(list, item, condition)",
    "sort": "sort(list, item, key)",
}
