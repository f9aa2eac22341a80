"""A recipe's ``schedule:`` block as a rule. The words are those of the `schedule` library, said to its fluent ``Job``.

Only words that were checked already reach the library: it hangs on an interval of zero. When the next time is, is
none of its business (see `rules`): it counts from the end of the last run, and fires twice after a spring gap.
"""

from __future__ import annotations

from datetime import date, datetime, time
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import schedule as library

from pinflow.recipe.cron import parse_cron
from pinflow.recipe.interval import SECONDS, WEEKDAYS, parse_every
from pinflow.scheduling.rules import Calendar, Distance, EveryDays, EveryWeeks, Rule

if TYPE_CHECKING:
    from pinflow.recipe.model import Schedule

_MIDNIGHT = "00:00"


@lru_cache(maxsize=4096)
def rule_of(block: Schedule) -> Rule:
    """The rule of a checked block."""
    zone = ZoneInfo(block.timezone)
    if block.cron is not None:
        cron = parse_cron(block.cron)
        minutes = tuple(sorted(60 * hour + minute for hour in cron.hours for minute in cron.minutes))
        return Rule(Calendar(cron, minutes, zone, both=cron.wild), _until(block, zone))
    jobs = [_job(block.every or "day", at) for at in _times(block)]
    first = jobs[0]
    if first.unit in SECONDS:
        return Rule(Distance(first.interval * SECONDS[first.unit]), _until(block, zone))
    minutes = tuple(sorted({_minute(job) for job in jobs}))
    if first.unit == "days":
        return Rule(Calendar(EveryDays(first.interval), minutes, zone), _until(block, zone))
    weekday = None if first.start_day is None else WEEKDAYS.index(first.start_day)
    return Rule(Calendar(EveryWeeks(first.interval, weekday), minutes, zone), _until(block, zone))


def _times(block: Schedule) -> tuple[str, ...]:
    given = block.at or _MIDNIGHT
    return (given,) if isinstance(given, str) else given


def _job(every: str, at: str) -> library.Job:
    """What the library makes of the words: ``every(2).weeks``, ``every().monday.at("03:30")``."""
    amount, unit = parse_every(every)
    job: library.Job = getattr(library.Scheduler().every(amount), unit)
    if unit in SECONDS:
        return job
    # the library knows a time of day for days and weekdays alone
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
        last = datetime.combine(date.fromisoformat(block.until), time(23, 59, 59), zone)  # of 9999-12-31, none follows
        return int(last.replace(fold=1).timestamp())
    moment = datetime.fromisoformat(block.until)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())
