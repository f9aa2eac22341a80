"""The period of a query for metrics, as people write it: 2026-03-01, today, 30 days ago.

All days are UTC, as the service counts them.

Source: https://developers.pinterest.com/docs/api/v5/ (start_date, end_date)
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

from pinflow import Text, UsageError, dataclass

if TYPE_CHECKING:
    from pinflow_pinterest.types import PeriodDates

_PATTERN: Final = r"^([0-9]{4}-[0-9]{2}-[0-9]{2}|today|yesterday|[0-9]{1,3} (day|week)s? ago)$"
Day = Annotated[
    str, Text(pattern=_PATTERN, format="day", description="a date such as 2026-03-01, today, yesterday, or 30 days ago")
]


@dataclass(frozen=True, slots=True)
class PeriodLimits:
    """How many days ago a query may begin, and how many days it may span."""

    max_age: int
    max_days: int


ANALYTICS: Final = PeriodLimits(90, 90)
HOURLY: Final = PeriodLimits(8, 3)
REPORT: Final = PeriodLimits(914, 186)
ITEM_REPORT: Final = PeriodLimits(92, 31)


def parse_period(now: float, start: str, end: str, limits: PeriodLimits) -> PeriodDates:
    """``start_date`` and ``end_date`` as the API expects them; ``now`` is in seconds since the epoch.

    Raises UsageError for dates that do not exist, are in the wrong order, or have no metrics.
    """
    today = datetime.fromtimestamp(now, UTC).date()
    first, last = _day("start_date", start, today), _day("end_date", end, today)
    if first > last:
        raise UsageError(f"start_date {first} is after end_date {last}")
    if last > today:
        raise UsageError(f"end_date {last} is in the future; it is {today} (UTC)")
    if (today - first).days > limits.max_age:
        earliest = today - timedelta(days=limits.max_age)
        raise UsageError(f"start_date {first} is too long ago: there are metrics of the last {limits.max_age} days, "
                         f"from {earliest} on")  # fmt: skip
    if (last - first).days > limits.max_days:
        raise UsageError(f"{first} to {last} is too long: at most {limits.max_days} days at a time")
    return {"start_date": first.isoformat(), "end_date": last.isoformat()}


def _day(name: str, text: str, today: date) -> date:
    if text == "today":
        return today
    if text == "yesterday":
        return today - timedelta(days=1)
    if ago := re.fullmatch(r"([0-9]+) (day|week)s? ago", text):
        return today - timedelta(days=int(ago[1]) * (7 if ago[2] == "week" else 1))
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{name} {text} is not a date") from None
