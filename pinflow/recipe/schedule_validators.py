"""What the values of a recipe's ``schedule`` may be; see :mod:`pinflow.recipe.validators`."""

from __future__ import annotations

import re
from typing import Any

from pinflow.recipe.validators import filled, listing, refuse_empty
from pinflow.schema.invalid import Invalid
from pinflow.suggestions import nearest

_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})")


def every(value: Any) -> str:
    """How often a recipe runs: ``day``, ``2 hours``, ``monday``."""
    from pinflow.recipe.interval import parse_every

    interval = filled(value)
    parse_every(interval)
    return interval


def clock_times(value: Any) -> str | tuple[str, ...]:
    """One time of day or several, each as HH:MM."""
    if isinstance(value, list):
        return tuple(_clock_time(each, (position,)) for position, each in enumerate(listing(value)))
    refuse_empty(value)
    return _clock_time(value, ())


def cron(value: Any) -> str:
    """Five cron fields: minute, hour, day of month, month, day of week."""
    from pinflow.recipe.cron import parse_cron

    line = filled(value)
    parse_cron(line)
    return line


def zone(value: Any) -> str:
    """A time zone that this machine knows."""
    from zoneinfo import ZoneInfo, available_timezones

    found = filled(value)
    try:
        ZoneInfo(found)
    except (KeyError, ValueError, OSError):
        known = sorted(available_timezones())
        city = f"/{found.strip().replace(' ', '_').casefold()}"
        near = next((each for each in known if each.casefold().endswith(city)), None) or nearest(found, known)
        hint = f"did you mean {near}?" if near else "write it like Europe/Berlin, America/New_York or UTC"
        raise Invalid(f"is not a time zone that this machine knows: {found[:40]}", hint) from None
    return found


def moment(value: Any) -> str:
    """A date, or a date with a time (ISO 8601)."""
    from datetime import datetime

    found = filled(value)
    try:
        datetime.fromisoformat(found)
    except ValueError:
        raise Invalid("is not a date", "write it like 2030-12-31 or 2030-12-31T18:00") from None
    return found


def _clock_time(value: Any, location: tuple[int, ...]) -> str:
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise Invalid("must be a time of day", 'write it like "03:30"', location=location)
    if int(found[1]) > 23 or int(found[2]) > 59:
        raise Invalid(f"must be between 00:00 and 23:59, not {value}", location=location)
    return f"{int(found[1]):02}:{found[2]}"
