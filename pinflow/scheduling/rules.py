"""When a job is due next. Pure functions over whole seconds since the epoch, with the time zones of this machine.

An *interval* (minutes, hours) counts from an anchor, so that it neither drifts nor loses its phase. A *calendar*
(times on days) is computed on the wall clock of its zone: a time that a change of the clock leaves out is
shifted forward by the gap, and of a time that comes twice the first counts. A cron line whose minute or hour is
a star means an interval, and goes on through the second pass, as in Debian's cron.

This is our own, because the libraries differ where it matters: `schedule` counts from the end of the last run and
fires twice after a spring gap, and cronsim loses its way where the clock is set back by half an hour.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from pinflow.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from pinflow.recipe.cron import Cron

_DAY = 86_400
_HORIZON = 3_294  # days to look ahead, nine years: 29 February can be eight away (2096 to 2104)
_END = date.max.toordinal()  # has no day after it, by which its length could be told


@dataclass(frozen=True, slots=True)
class Interval:
    """Every ``seconds`` after the anchor."""

    seconds: int


@dataclass(frozen=True, slots=True)
class EveryDays:
    """Every ``step`` days, counted from the anchor's."""

    step: int


@dataclass(frozen=True, slots=True)
class EveryWeeks:
    """Every ``step`` weeks on a weekday, 0 for Monday (None: the anchor's), counted from the anchor's week."""

    step: int
    weekday: int | None


@dataclass(frozen=True, slots=True)
class Calendar:
    """Times of day on certain days, on the wall clock of ``zone``."""

    days: EveryDays | EveryWeeks | Cron
    minutes: tuple[int, ...]  # of the day, ascending
    zone: ZoneInfo
    both: bool = False  # whether a time that comes twice counts twice


@dataclass(frozen=True, slots=True)
class Rule:
    """When a recipe runs, up to and including ``until``."""

    when: Interval | Calendar
    until: int | None = None


Moment: TypeAlias = int  # whole seconds since the epoch


def next_after(rule: Rule, anchor: Moment, moment: float) -> Moment | None:
    """The first time strictly after ``moment``; None if there is none. Nothing is due before the anchor, nor at it."""
    after = max(int(moment), anchor)
    match rule.when:
        case Interval(seconds=seconds):
            due: Moment | None = anchor + ((after - anchor) // seconds + 1) * seconds
        case calendar:
            due = _next_on_calendar(calendar, anchor, after)
    return None if due is None or (rule.until is not None and due > rule.until) else due


def times_between(rule: Rule, anchor: Moment, after: float, to: float) -> Iterator[Moment]:
    """Every time after ``after``, up to and including ``to``."""
    due = next_after(rule, anchor, after)
    while due is not None and due <= to:
        yield due
        due = next_after(rule, anchor, due)


def latest_times(rule: Rule, anchor: Moment, after: float, to: float, number: int) -> list[Moment]:
    """The last ``number`` times after ``after``, up to and including ``to``, without going through all of them."""
    span = 3600.0  # the shortest rule has a second; an hour of it is 3,600 times
    while True:
        times = list(times_between(rule, anchor, max(after, to - span), to))
        if len(times) >= number or to - span <= after:
            return times[-number:]
        # grow slowly once there are some: a long span of a rule by the second would be millions
        span *= 2 if times else 8


def jitter(job: str, due: Moment, most: int) -> int:
    """How many seconds after ``due`` the job starts, 0 to ``most``: the same for every process and at all times."""
    digest = hashlib.sha256(f"{job}\0{due}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % (most + 1)


def _next_on_calendar(calendar: Calendar, anchor: Moment, after: Moment) -> Moment | None:
    """The first time of a calendar after ``after``, which is not before the anchor."""
    zone = calendar.zone
    # a time that a gap shifted out of the day before may come today
    yesterday = datetime.fromtimestamp(after, zone).toordinal() - 1
    days = _days(calendar.days, datetime.fromtimestamp(anchor, zone).date(), yesterday)
    for ordinal in days:
        due = _first_of_day(calendar, ordinal, after)
        if due is None:
            continue
        if not _is_regular(zone, ordinal):  # what is shifted out of this day may come after the next day's first
            for following in islice(days, 1):
                due = min(due, _first_of_day(calendar, following, after) or due)
        return due
    return None


def _days(days: EveryDays | EveryWeeks | Cron, first: date, start: int) -> Iterator[int]:
    """The days from ``start`` on on which something is due, as ordinals; ``first`` is the anchor's day."""
    end = min(start + _HORIZON, _END)
    begin = first.toordinal()
    match days:
        case EveryDays(step=step):
            pass
        case EveryWeeks(step=weeks, weekday=weekday):
            begin += 0 if weekday is None else weekday - first.weekday()
            step = 7 * weeks
        case cron:
            return _cron_days(cron, start, end)
    return (ordinal for ordinal in range(max(begin, start), end) if (ordinal - begin) % step == 0)


def _cron_days(cron: Cron, start: int, end: int) -> Iterator[int]:
    ordinal = start
    while ordinal < end:
        day = date.fromordinal(ordinal)
        if day.month not in cron.months:
            ordinal += monthrange(day.year, day.month)[1] - day.day + 1  # the first of the next month
            continue
        dated, named = day.day in cron.days, day.weekday() in cron.weekdays
        if (dated or named) if cron.either else (dated and named):
            yield ordinal
        ordinal += 1


def _first_of_day(calendar: Calendar, ordinal: int, after: Moment) -> Moment | None:
    """The first time after ``after`` of the times of one day; a gap may shift some of them into the next."""
    zone = calendar.zone
    midnight = _midnight(zone, ordinal)
    if _is_regular(zone, ordinal):
        index = bisect_right(calendar.minutes, (after - midnight) // 60)
        return midnight + 60 * calendar.minutes[index] if index < len(calendar.minutes) else None
    times = (due for minute in calendar.minutes for due in _passes(calendar, ordinal, minute))
    return min((due for due in times if due > after), default=None)


def _is_regular(zone: ZoneInfo, ordinal: int) -> bool:
    """Whether a day has 24 hours."""
    return _midnight(zone, ordinal + 1) - _midnight(zone, ordinal) == _DAY


@lru_cache(maxsize=4096)
def _midnight(zone: ZoneInfo, ordinal: int) -> Moment:
    """When a day begins. Thousands of jobs ask for the same few days."""
    return _instant(zone, ordinal, 0)


def _instant(zone: ZoneInfo, ordinal: int, minute: int, *, fold: int = 0) -> Moment:
    """When the wall clock shows a time. One that it leaves out is shifted forward by the gap, as PEP 495 has it."""
    wall = datetime.fromordinal(ordinal) + timedelta(minutes=minute)
    return int(wall.replace(tzinfo=zone, fold=fold).timestamp())


def _passes(calendar: Calendar, ordinal: int, minute: int) -> Iterator[Moment]:
    """The moments of one time of day: two where it comes twice and both count."""
    first = _instant(calendar.zone, ordinal, minute)
    yield first
    second = _instant(calendar.zone, ordinal, minute, fold=1)
    if calendar.both and second > first:  # in a gap it is earlier
        yield second


def utc_text(moment: float) -> str:
    """A moment in UTC: "2030-12-31 03:30:00 UTC"."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"


def clock_note(rule: Rule, moment: Moment, zone: ZoneInfo) -> str:
    """What a change of the clock does to a time of the rule, for people; "" for nothing."""
    shown = datetime.fromtimestamp(moment, zone)
    if isinstance(rule.when, Calendar) and shown.hour * 60 + shown.minute not in rule.when.minutes:
        return "shifted: the clock skips this time"
    if shown.replace(fold=not shown.fold).utcoffset() == shown.utcoffset():
        return ""
    return "second pass of this hour" if shown.fold else "first pass of this hour"
