"""When something runs, in the words of cron, systemd, other tools and people: what to write for them here.

Only imported after a mistake.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

EVERY: Final[Mapping[str, str]] = {
    **dict.fromkeys(("daily", "midnight", "nightly", "night", "everyday", "every day", "each day"), "day"),
    **dict.fromkeys(("morning", "evening", "once a day"), "day"),
    **dict.fromkeys(("hourly", "every hour", "once an hour"), "hour"),
    **dict.fromkeys(("weekly", "every week", "once a week"), "week"),
    **dict.fromkeys(("fortnight", "fortnightly", "biweekly"), "2 weeks"),
    **dict.fromkeys(("minutely", "every minute"), "minute"),
}
CRON: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("weekday", "weekdays", "workday", "workdays", "working day", "business day", "mon-fri", "monday-friday"),
        "30 3 * * 1-5",
    ),
    **dict.fromkeys(("weekend", "weekends"), "30 3 * * 6,0"),
    **dict.fromkeys(("month", "months", "monthly", "every month"), "30 3 1 * *"),
    **dict.fromkeys(("quarter", "quarterly"), "30 3 1 1,4,7,10 *"),
    **dict.fromkeys(("year", "years", "yearly", "annually"), "30 3 1 1 *"),
}


def every_hint(written: str) -> str:
    """What to write for how often another tool, or a person, says that something runs; "" if that isn't known."""
    name = written.strip().lower().removeprefix("@")
    if name in EVERY:
        return f"write every: {EVERY[name]}"
    if name in CRON:
        return f'write cron: "{CRON[name]}" in place of every'
    if name in ("twice a day", "twice daily"):
        return 'write every: day, at: ["09:00", "21:00"]'
    if len(name.split()) == 5 and re.fullmatch(r"[\d*/,a-z -]+", name):
        return f'write cron: "{written.strip()}" in place of every'
    inner = re.fullmatch(r"(?:rate\(|every\s+)(.+?)\)?", name)
    return f"write every: {inner[1]}" if inner else ""


def cron_hint(written: str) -> str:
    """What to write for a cron line that has another number of fields than five; "" if that isn't known."""
    if written.startswith("@"):
        name = written.strip().lower().removeprefix("@")
        if name == "reboot":
            return "there is no such start; write how often, such as every: day"
        if name in CRON:
            return f'write cron: "{CRON[name]}"'
        return f"write every: {EVERY[name]} in place of cron" if name in EVERY else ""
    return "delete the first field: there are no seconds" if len(written.split()) == 6 else ""


def clock_hint(written: Any) -> str:
    """The time of day that ``3pm``, ``3`` or ``03:30:00`` is, as advice; "" if that isn't known."""
    match = re.fullmatch(
        r"(\d{1,2})(?::(\d{2}))?(?::\d{2})?\s*(am|pm|a\.m\.|p\.m\.|h|uhr)?", str(written).strip().lower()
    )
    if not match or isinstance(written, bool):
        return ""
    hour, half = int(match[1]), (match[3] or "")[:1]
    if half in ("a", "p"):
        hour = hour % 12 + 12 * (half == "p")
    return f'write "{hour:02}:{match[2] or "00"}"' if hour < 24 else ""
