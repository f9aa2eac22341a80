"""The days that a query for metrics covers, and how they are grouped.

Source: https://developers.pinterest.com/docs/api/v5/ (start_date, end_date, granularity)
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, get_args

from pinflow import dataclass
from pinflow_pinterest.analytics.metrics import Granularity
from pinflow_sandbox.server.errors import invalid_request
from pinflow_sandbox.world.metrics import days

if TYPE_CHECKING:
    from collections.abc import Iterator

GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)


@dataclass(frozen=True, slots=True)
class DateLimits:
    """How many days back a query may start and how many days it may span."""

    back: int
    span: int


SYNC = DateLimits(90, 90)
HOURLY = DateLimits(8, 3)
ASYNC = DateLimits(914, 186)
ITEMS = DateLimits(92, 31)


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both ends included."""

    first: date
    last: date

    def __iter__(self) -> Iterator[date]:
        return days(self.first, self.last)

    def parts(self, granularity: Granularity) -> Iterator[Period]:
        """The period split into the parts of one row each; weeks start on Monday."""
        if granularity == "TOTAL":
            yield self
            return
        start = self.first
        while start <= self.last:
            end = min(_end(start, granularity), self.last)
            yield Period(start, end)
            start = end + timedelta(days=1)


def parse_period(start: str | None, end: str | None, today: date, limits: DateLimits) -> Period:
    """The period between two dates of a query. Raises ApiError for invalid dates and those beyond the limits."""
    first, last = _date("start_date", start), _date("end_date", end)
    if first > last:
        raise invalid_request(f"start_date {first} is after end_date {last}")
    if last > today:
        raise invalid_request(f"end_date {last} is in the future")
    if (today - first).days > limits.back:
        raise invalid_request(f"start_date {first} is more than {limits.back} days back")
    if (last - first).days > limits.span:
        raise invalid_request(f"the dates are more than {limits.span} days apart")
    return Period(first, last)


def _date(name: str, text: str | None) -> date:
    if text is None:
        raise invalid_request(f"Parameter '{name}' is required")
    try:
        if len(text) != 10:
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise invalid_request(f"Parameter '{name}' must be a date such as 2025-01-31 (was {text[:40]})") from None


def _end(start: date, granularity: Granularity) -> date:
    if granularity == "WEEK":
        return start + timedelta(days=6 - start.weekday())
    if granularity == "MONTH":
        following = (start.replace(day=1) + timedelta(days=31)).replace(day=1)
        return following - timedelta(days=1)
    return start
