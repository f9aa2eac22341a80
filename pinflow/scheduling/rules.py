"""When is the next time? Pure functions over whole seconds since the epoch, with the time zones of this machine.

A *distance* (minutes, hours) counts from an anchor, so that it neither drifts nor loses its phase. A *calendar*
(times on days) is worked out on the wall clock of its zone: a time that a change of the clock leaves out is
shifted forward by the gap, and of a time that comes twice the first counts. A cron line whose minute or hour is
a star means a distance, and goes on through the second pass, as in Debian's cron.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from pinflow.recipe.cron import Cron

_DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_FAR = 9 * 366  # days; leap days can be 8 years apart
_LAST = date.max.toordinal() - 2


@dataclass(frozen=True, slots=True)
class Distance:
    """Every so many seconds after the anchor."""

    seconds: int


@dataclass(frozen=True, slots=True)
class EveryDays:
    """Every ``step`` days, counted from the anchor's."""

    step: int = 1


@dataclass(frozen=True, slots=True)
class EveryWeeks:
    """Every ``step`` weeks on a weekday, 0 for Monday (None: the anchor's), counted from the anchor's week."""

    step: int = 1
    weekday: int | None = None


@dataclass(frozen=True, slots=True)
class Calendar:
    """Times on the days that ``days`` tells, on the wall clock of ``zone``."""

    days: EveryDays | EveryWeeks | Cron
    minutes: tuple[int, ...]  # of the day, ascending
    zone: ZoneInfo
    both: bool = False  # whether a time that comes twice counts twice


@dataclass(frozen=True, slots=True)
class Rule:
    """When a recipe runs, up to and including ``until``."""

    when: Distance | Calendar
    until: int | None = None


Moment: TypeAlias = int  # whole seconds since the epoch


def next_after(rule: Rule, anchor: Moment, t: float) -> Moment | None:
    """The first time strictly after ``t``; None if there is none. Nothing is due before the anchor, nor at it."""
    after = max(int(t // 1), anchor)
    match rule.when:
        case Distance(seconds=seconds):
            found: Moment | None = anchor + ((after - anchor) // seconds + 1) * seconds
        case calendar:
            found = _next_in(calendar, anchor, after)
    return None if found is None or (rule.until is not None and found > rule.until) else found


def between(rule: Rule, anchor: Moment, after: float, to: float) -> Iterator[Moment]:
    """Every time after ``after``, up to and including ``to``."""
    found = next_after(rule, anchor, after)
    while found is not None and found <= to:
        yield found
        found = next_after(rule, anchor, found)


def latest(rule: Rule, anchor: Moment, after: float, to: float, number: int) -> list[Moment]:
    """The last ``number`` times after ``after``, up to and including ``to``, without going through all of them."""
    span = 3600.0
    while True:
        found = list(between(rule, anchor, max(after, to - span), to))
        if len(found) >= number or to - span <= after:
            return found[-number:]
        # a burst must not be gone through as a whole: wherever there are many, the last stretch had some as well
        span *= 2 if found else 8


def jitter(job: str, due: Moment, most: int) -> int:
    """How many seconds after ``due`` the job starts, 0 to ``most``: the same wherever and whenever it is asked."""
    digest = hashlib.sha256(f"{job}\0{due}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % (most + 1)


def _next_in(calendar: Calendar, anchor: Moment, after: Moment) -> Moment | None:
    """The first time of a calendar after ``after``, which is not before the anchor."""
    zone = calendar.zone
    first = datetime.fromtimestamp(anchor, zone).date() if not hasattr(calendar.days, "minutes") else None
    # a time that a gap shifted may stand in the day before: it is asked too
    today = datetime.fromtimestamp(after, zone).toordinal() - 1
    for ordinal in _days(calendar.days, first, today):
        found = _first_on(calendar, ordinal, after)
        if found is None:
            continue
        if not _regular(zone, ordinal):  # what is shifted out of this day may come after the next day's first
            others = (
                _first_on(calendar, each, after) for each in _days(calendar.days, first, ordinal + 1, ordinal + 2)
            )
            found = min([found, *(each for each in others if each is not None)])
        return found
    return None


def _days(days: EveryDays | EveryWeeks | Cron, first: date | None, start: int, end: int | None = None) -> Iterator[int]:
    """The days from ``start`` to before ``end`` on which something is due, as ordinals."""
    stop = min(start + _FAR if end is None else end, _LAST)
    match days:
        case EveryDays(step=step):
            assert first is not None  # noqa: S101 - by the caller
            begin = first.toordinal()
            yield from range(max(begin, begin - (begin - start) // step * step), stop, step)
        case EveryWeeks(step=step, weekday=weekday):
            assert first is not None  # noqa: S101 - by the caller
            monday = first.toordinal() - first.weekday()
            begin = monday + (first.weekday() if weekday is None else weekday)
            yield from range(max(begin, begin - (begin - start) // (7 * step) * 7 * step), stop, 7 * step)
        case cron:
            yield from _cron_days(cron, start, stop)


def _cron_days(cron: Cron, start: int, stop: int) -> Iterator[int]:
    ordinal = start
    while ordinal < stop:
        day = date.fromordinal(ordinal)
        if day.month not in cron.months:
            ordinal += 32 - day.day
            ordinal -= date.fromordinal(ordinal).day - 1  # the first of the next month
            continue
        dated, named = day.day in cron.days, day.weekday() in cron.weekdays
        if (dated or named) if cron.either else (dated and named):
            yield ordinal
        ordinal += 1


def _first_on(calendar: Calendar, ordinal: int, after: Moment) -> Moment | None:
    """The first time after ``after`` of those that belong to one day."""
    zone = calendar.zone
    midnight = _midnight(zone, ordinal)
    if _regular(zone, ordinal):
        passed = (after - midnight) // 60
        place = bisect_right(calendar.minutes, passed)
        return midnight + 60 * calendar.minutes[place] if place < len(calendar.minutes) else None
    found = [each for minute in calendar.minutes for each in _passes(calendar, ordinal, minute) if each > after]
    return min(found, default=None)


def _regular(zone: ZoneInfo, ordinal: int) -> bool:
    """Whether the clock is not changed on a day."""
    return _midnight(zone, ordinal + 1) - _midnight(zone, ordinal) == _DAY


@lru_cache(maxsize=4096)
def _midnight(zone: ZoneInfo, ordinal: int) -> Moment:
    """When a day begins. Thousands of jobs ask for the same few."""
    return _instant(zone, ordinal, 0)


def _instant(zone: ZoneInfo, ordinal: int, minute: int, *, fold: int = 0) -> Moment:
    """When a clock on a wall shows a time. For one that it leaves out, PEP 495 shifts it forward by the gap."""
    wall = datetime.fromordinal(ordinal) + timedelta(minutes=minute)
    return int(wall.replace(tzinfo=zone, fold=fold).timestamp())


def _passes(calendar: Calendar, ordinal: int, minute: int) -> Iterator[Moment]:
    first = _instant(calendar.zone, ordinal, minute)
    yield first
    second = _instant(calendar.zone, ordinal, minute, fold=1)
    if calendar.both and second > first:  # in a gap it is earlier
        yield second


def utc(moment: float) -> str:
    """A moment in words that mean the same wherever they are read."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"


def mark(rule: Rule, moment: Moment, zone: ZoneInfo) -> str:
    """What a change of the clock has to do with a time of the rule, for people; "" for nothing."""
    here = datetime.fromtimestamp(moment, zone)
    if isinstance(rule.when, Calendar) and here.hour * 60 + here.minute not in rule.when.minutes:
        return "shifted: the clock leaves the time out"
    if here.replace(fold=1 - here.fold).utcoffset() == here.utcoffset():
        return ""
    return "second pass of this hour" if here.fold else "first pass of this hour"
