"""A recipe's ``schedule:`` block as a rule. Its words are those of the `schedule` library's fluent ``Job``.

Only words that were checked reach the library: it hangs on an interval of zero. When the next time is, `rules` says.
"""

from __future__ import annotations

from datetime import date, datetime, time
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import schedule as library

from pinflow.recipe.cron import parse_cron
from pinflow.recipe.interval import SECONDS, WEEKDAYS, parse_every
from pinflow.scheduling.rules import Calendar, EveryDays, EveryWeeks, Interval, Rule

if TYPE_CHECKING:
    from pinflow.recipe.model import Schedule

_MIDNIGHT = "00:00"


@lru_cache(maxsize=4096)
def parse_rule(block: Schedule) -> Rule:
    """The rule of a checked block."""
    zone = ZoneInfo(block.timezone)
    if block.cron is not None:
        cron = parse_cron(block.cron)
        minutes = tuple(sorted(60 * hour + minute for hour in cron.hours for minute in cron.minutes))
        return Rule(Calendar(cron, minutes, zone, both=cron.wild), _until(block, zone))
    times = [block.at or _MIDNIGHT] if isinstance(block.at, str | None) else block.at
    jobs = [_job(block.every or "day", at) for at in times]
    first = jobs[0]
    if first.unit in SECONDS:
        return Rule(Interval(first.interval * SECONDS[first.unit]), _until(block, zone))
    minutes = tuple(sorted({_minute(job) for job in jobs}))
    if first.unit == "days":
        return Rule(Calendar(EveryDays(first.interval), minutes, zone), _until(block, zone))
    weekday = None if first.start_day is None else WEEKDAYS.index(first.start_day)
    return Rule(Calendar(EveryWeeks(first.interval, weekday), minutes, zone), _until(block, zone))


def _job(every: str, at: str) -> library.Job:
    """The library's job of the words: ``every(2).weeks``, ``every().monday.at("03:30")``."""
    amount, unit = parse_every(every)
    job: library.Job = getattr(library.Scheduler().every(amount), unit)
    if unit in SECONDS:
        return job
    # the library has a time of day for days and weekdays only
    job.at_time = (job if unit != "weeks" else library.Scheduler().every().day).at(at).at_time
    return job


def _minute(job: library.Job) -> int:
    at = job.at_time or time()
    return at.hour * 60 + at.minute


def _until(block: Schedule, zone: ZoneInfo) -> int | None:
    """The last second on which the rule holds; a day counts whole, and a time without a zone is in the block's."""
    if block.until is None:
        return None
    if len(block.until) <= len("2030-12-31"):
        # not the start of the day after, less a second: 9999-12-31 has none
        last = datetime.combine(date.fromisoformat(block.until), time(23, 59, 59), zone)
        return int(last.replace(fold=1).timestamp())
    moment = datetime.fromisoformat(block.until)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())
