"""What the values of a recipe's ``schedule`` may be; see :mod:`pinflow.recipe.validators`."""

from __future__ import annotations

import re
from typing import Any

from pinflow.recipe.validators import listing, non_empty_text
from pinflow.schema.invalid import Invalid, mismatch
from pinflow.schema.time_zones import find_zone

_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})")


def every(value: Any) -> str:
    """How often a recipe runs: ``day``, ``2 hours``, ``monday``."""
    from pinflow.recipe.interval import parse_every

    interval = non_empty_text(value)
    parse_every(interval)
    return interval


def clock_times(value: Any) -> str | tuple[str, ...]:
    """One time of day or several, each as HH:MM."""
    if isinstance(value, list):
        return tuple(_clock_time(entry, (position,)) for position, entry in enumerate(listing(value)))
    return _clock_time(value, ())


def cron(value: Any) -> str:
    """Five cron fields: minute, hour, day of month, month, day of week."""
    from pinflow.recipe.cron import parse_cron

    line = non_empty_text(value)
    parse_cron(line)
    return line


def zone(value: Any) -> str:
    """A time zone that this machine knows."""
    key = non_empty_text(value)
    find_zone(key)
    return key


def moment(value: Any) -> str:
    """A date, or a date with a time (ISO 8601)."""
    from datetime import datetime

    written = non_empty_text(value)
    try:
        datetime.fromisoformat(written)
    except ValueError:
        raise Invalid("isn't a date", "write it like 2030-12-31 or 2030-12-31T18:00") from None
    return written


def _clock_time(value: Any, location: tuple[int, ...]) -> str:
    clock = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if not clock:
        wrong = Invalid("isn't a time of day") if isinstance(value, str) else mismatch("a time of day", value)
        from pinflow.recipe.schedule_words import clock_hint  # only a mistake pays for this import

        raise Invalid(wrong.message, clock_hint(value) or 'write it like "03:30"', location)
    if int(clock[1]) > 23 or int(clock[2]) > 59:
        raise Invalid(f"must be between 00:00 and 23:59, not {value}", location=location)
    return f"{int(clock[1]):02}:{clock[2]}"
