"""Dates as expressions know them: ISO 8601 text in, text out.

A date is ``2026-03-01``, or a date with a time, ``2026-03-01T09:30:00+01:00``; seconds and offset may be missing.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from pinflow.schema.invalid import Invalid, not_one_of
from pinflow.schema.time_zones import find_zone
from pinflow.suggestions import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME: Final = r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHORTEST_MOMENT: Final = len("2026-03-01T09:30")
_LENGTHS: Final[Mapping[str, timedelta]] = {
    "seconds": timedelta(seconds=1),
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "weeks": timedelta(weeks=1),
}
_MONTHS: Final[Mapping[str, int]] = {"months": 1, "years": 12}
_NAMES_OF_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_NAMES_OF_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_PARTS: Final = r"\[([^\]]*)\]|YYYY|YY|MMMM|MMM|MM|M|DD|D|dddd|ddd|HH|H|mm|ss|T|([A-Za-z]+)"
_WRITERS: Final[Mapping[str, Callable[[datetime], str]]] = {
    "YYYY": lambda moment: f"{moment.year:04}",
    "YY": lambda moment: f"{moment.year % 100:02}",
    "MMMM": lambda moment: _NAMES_OF_MONTHS[moment.month - 1],
    "MMM": lambda moment: _NAMES_OF_MONTHS[moment.month - 1][:3],
    "MM": lambda moment: f"{moment.month:02}",
    "M": lambda moment: str(moment.month),
    "DD": lambda moment: f"{moment.day:02}",
    "D": lambda moment: str(moment.day),
    "dddd": lambda moment: _NAMES_OF_DAYS[moment.weekday()],
    "ddd": lambda moment: _NAMES_OF_DAYS[moment.weekday()][:3],
    "HH": lambda moment: f"{moment.hour:02}",
    "H": lambda moment: str(moment.hour),
    "mm": lambda moment: f"{moment.minute:02}",
    "T": lambda moment: "T",
    "ss": lambda moment: f"{moment.second:02}",
}


def parse_date(text: str) -> date | datetime:
    """The date, or the date with its time, that the text holds; raises Invalid if it is something else."""
    try:
        if re.fullmatch(_DATE, text):
            return date.fromisoformat(text)
        if re.fullmatch(_DATE + _TIME, text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise Invalid(f"{quote(text)} isn't a date (YYYY-MM-DD)", "a time may follow: 2026-03-01T09:30:00+01:00")


def add(text: str, count: int, unit: str) -> str:
    """The date ``count`` units later, in the form that it came in.

    A month later is the same day of the month, or the month's last day where that day doesn't exist.
    Raises Invalid for an unknown unit, for hours added to a date without a time, and past the years 1 to 9999.
    """
    start = parse_date(text)
    unit = _unit(unit)
    if unit in ("seconds", "minutes", "hours") and not isinstance(start, datetime):
        raise Invalid(f"{quote(text)} has no time to which {unit} could be added")
    try:
        if unit in _MONTHS:
            return _months_later(start, count * _MONTHS[unit]).isoformat()
        return (start + count * _LENGTHS[unit]).isoformat()
    except (OverflowError, ValueError):
        raise Invalid("the date would be outside the years 1 to 9999") from None


def _unit(name: str) -> str:
    units = [*_LENGTHS, *_MONTHS]
    unit = name if name.endswith("s") else name + "s"
    if unit in units:
        return unit
    raise not_one_of(units, name, show=True).about("the unit")


def _months_later(start: date, count: int) -> date:
    from calendar import monthrange  # few recipes add months

    year, month = divmod(start.year * 12 + start.month - 1 + count, 12)
    return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))


def days_between(one: str, other: str) -> int:
    """The days on the calendar from one date to the other, as they are written; negative if the other is earlier."""
    return (_day(other) - _day(one)).days


def _day(text: str) -> date:
    day = parse_date(text)
    return day.date() if isinstance(day, datetime) else day


def in_zone(text: str, zone: str) -> str:
    """The moment on the clocks of a time zone. Without an offset of its own, the text is what clocks show there.

    A date alone is its midnight. Of an hour that clocks go through twice, the first is meant. Raises Invalid for an
    unknown zone, and for a time that clocks skip.
    """
    place = find_zone(zone)
    day = parse_date(text)
    moment = day if isinstance(day, datetime) else datetime(day.year, day.month, day.day)
    try:
        if moment.tzinfo is not None:
            return moment.astimezone(place).isoformat()
        there = moment.replace(tzinfo=place)
        if there.astimezone(UTC).astimezone(place).replace(tzinfo=None) != moment:
            raise Invalid(f"there is no {quote(text)} in {zone}: clocks go forward then", "write a time an hour later")
        return there.isoformat()
    except OverflowError:
        raise Invalid("the date would be outside the years 1 to 9999") from None


def read_moment(text: str) -> datetime | None:
    """The date with its time that a text is; None if it is something else."""
    if len(text) < _SHORTEST_MOMENT or text[10] not in "T " or not re.fullmatch(_DATE + _TIME, text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def seconds_after(one: datetime, other: datetime) -> float:
    """How many seconds the first comes after the second. Beside one with a zone, one without is UTC."""
    if (one.tzinfo is None) is not (other.tzinfo is None):
        one, other = (moment.replace(tzinfo=moment.tzinfo or UTC) for moment in (one, other))
    return (one - other).total_seconds()


def seconds_of(texts: Sequence[str]) -> list[float] | None:
    """Dates with times as seconds that can be compared; None if one is something else, or none has a zone."""
    moments = []
    for text in texts:
        if (moment := read_moment(text)) is None:
            return None
        moments.append(moment)
    if all(moment.tzinfo is None for moment in moments):
        return None
    return [seconds_after(moment, _EPOCH) for moment in moments]


def lacks_zone(text: str) -> Invalid:
    """The mistake of a time in a table that doesn't say where clocks show it."""
    example = text.replace(" ", "T") + "+01:00"
    hint = f'write it like {example}, or date_in(..., "Europe/Berlin") in the recipe'
    return Invalid(f"{quote(text)} doesn't say in which time zone", hint)


def format_date(text: str, pattern: str) -> str:
    """The date in a pattern of YYYY YY MMMM MMM MM M DD D dddd ddd HH H mm ss; text goes in [square brackets].

    Names of months and days are English. Raises Invalid for other letters.
    """
    day = parse_date(text)
    moment = day if isinstance(day, datetime) else datetime(day.year, day.month, day.day)
    return re.sub(_PARTS, lambda match: _replacement(match, moment), pattern)


def _replacement(match: re.Match[str], moment: datetime) -> str:
    if match[2]:
        raise Invalid(
            f"{quote(match[2])} has no meaning in a date pattern",
            "use YYYY YY MMMM MMM MM M DD D dddd ddd HH H mm ss, and [text] for text",
        )
    return match[1] if match[1] is not None else _WRITERS[match[0]](moment)
