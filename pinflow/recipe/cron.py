"""Five cron fields as sets of numbers, read as Debian's cron reads them (crontab(5))."""

from __future__ import annotations

from typing import NamedTuple

from pinflow.lazy_dataclass import dataclass
from pinflow.schema.invalid import Invalid
from pinflow.suggestions import quote

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # days of each month


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()  # the first of them is ``low``


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _DAYS),  # 0 and 7 are Sunday
)


@dataclass(frozen=True, slots=True)
class Cron:
    """When a cron line matches. ``weekdays`` count from Monday, 0, as Python's do."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool  # a day matches by its date or its weekday, rather than by both
    wild: bool  # the minute or hour is a star: what is meant is a distance, not a time of day


def parse_cron(line: str) -> Cron:
    """The meaning of a cron line of five fields. Raises Invalid, also for a line that no date ever matches."""
    parts = line.split()
    if len(parts) != len(_FIELDS):
        from pinflow.recipe.schedule_words import cron_hint  # only a mistake pays for this import

        raise Invalid(
            f"has {len(parts)} {'field' if len(parts) == 1 else 'fields'} instead of {len(_FIELDS)}",
            cron_hint(line) or "write minute, hour, day of month, month and day of week",
        )
    sets, end = [], 0
    for field, part in zip(_FIELDS, parts, strict=True):
        start = line.index(part, end)
        end = start + len(part)
        sets.append(_numbers(field, part.lower(), start))
    minutes, hours, days, months, weekdays = sets
    either = not (parts[2].startswith("*") or parts[4].startswith("*"))
    if not either and min(days) > max(_LONGEST[month - 1] for month in months):
        raise Invalid("never matches: none of its months has such a day", offset=line.index(parts[2]))
    return Cron(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=frozenset((weekday - 1) % 7 for weekday in weekdays),
        either=either,
        wild=parts[0].startswith("*") or parts[1].startswith("*"),
    )


def _numbers(field: _Field, text: str, offset: int) -> frozenset[int]:
    """The numbers of a field such as ``*/15``, ``1-5,7`` or ``mon``."""
    numbers: set[int] = set()
    for term in text.split(","):
        span, slash, step = term.partition("/")
        if slash and not (step.isascii() and step.isdecimal() and len(step) < 5 and int(step)):
            raise Invalid(f"has {quote(step)} as the step of its {field.name}", offset=offset)
        first, last = _span(field, span, offset, open_ended=bool(slash))
        numbers.update(range(first, last + 1, int(step) if slash else 1))
    return frozenset(numbers)


def _span(field: _Field, span: str, offset: int, *, open_ended: bool) -> tuple[int, int]:
    if span == "*":
        return field.low, field.high
    low, dash, high = span.partition("-")
    first = _number(field, low, offset)
    if not dash:
        return first, field.high if open_ended else first
    last = _number(field, high, offset)
    if last < first:
        raise Invalid(f"has a {field.name} that goes backwards: {quote(span)}", offset=offset)
    return first, last


def _number(field: _Field, word: str, offset: int) -> int:
    if word in field.words:
        return field.low + field.words.index(word)
    value = int(word) if word.isascii() and word.isdecimal() and len(word) < 4 else -1
    if not field.low <= value <= field.high:
        if word == "?":
            raise Invalid(f"has '?' as its {field.name}", "write * in place of ?", offset=offset)
        named = f", or {field.words[0]} to {field.words[-1]}" if field.words else ""
        raise Invalid(
            f"has {quote(word)} as its {field.name}",
            f"it is {field.low} to {field.high}{named}; lists, spans and steps are written 1,3 and 1-5 and */10",
            offset=offset,
        )
    return value
