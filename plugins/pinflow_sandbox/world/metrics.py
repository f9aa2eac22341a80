"""Metrics of ads, Pins and accounts. They are invented, and always the same.

A count depends only on an id and a day. Totals are sums of their parts: a campaign's impressions are those of its ads,
an account's those of the three app types. Rates and costs are computed from sums.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from operator import add, attrgetter, sub
from typing import TYPE_CHECKING

from pinflow import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pinflow_sandbox.world.records import AdRecord

_WEEK = (1.0, 0.9, 0.85, 0.9, 1.05, 1.3, 1.4)  # share of the usual impressions, Monday first


@dataclass(frozen=True, slots=True)
class MetricCounts:
    """Counts of one day or of several days."""

    impressions: int = 0
    earned_impressions: int = 0  # of an ad: after it was saved
    clicks: int = 0
    outbound: int = 0
    saves: int = 0
    comments: int = 0
    reactions: int = 0
    follows: int = 0
    visits: int = 0
    spend: int = 0  # of an ad: millionths of the currency
    views: int = 0  # of a video, as everything below
    starts: int = 0
    long_views: int = 0
    whole_views: int = 0
    watched: int = 0  # milliseconds

    def __add__(self, other: MetricCounts) -> MetricCounts:
        return MetricCounts(*map(add, _values(self), _values(other)))

    def __sub__(self, other: MetricCounts) -> MetricCounts:
        return MetricCounts(*map(sub, _values(self), _values(other)))

    @property
    def all_impressions(self) -> int:
        """Paid and earned ones."""
        return self.impressions + self.earned_impressions

    @property
    def all_clicks(self) -> int:
        """Paid and earned ones; a twentieth is earned."""
        return self.clicks + self.clicks // 20

    @property
    def engagements(self) -> int:
        """Paid clicks and saves."""
        return self.clicks + self.saves

    def share(self, numerator: int, denominator: int) -> MetricCounts:
        """A share of these counts, rounded down."""
        return MetricCounts(*(count * numerator // denominator for count in _values(self)))


_values = attrgetter(*(field.name for field in fields(MetricCounts)))

ZERO = MetricCounts()


def total(parts: Iterable[MetricCounts]) -> MetricCounts:
    """The sum of counts."""
    return sum(parts, ZERO)


def day_of(seconds: float) -> date:
    """The day of a moment, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).date()


def days(first: date, last: date) -> Iterator[date]:
    """Every day from one to another, both included."""
    return (first + timedelta(number) for number in range((last - first).days + 1))


def daily_counts(id: str, day: date, *, usual: int, video: bool = False) -> MetricCounts:
    """The counts of a Pin or an account on one day; ``usual`` is its average number of impressions."""
    digest = blake2b(f"{id}:{day.isoformat()}".encode(), digest_size=8).digest()
    shown = int(usual * _WEEK[day.weekday()] * (0.6 + digest[0] / 320))
    clicks = shown * (20 + digest[1] % 40) // 1000
    return MetricCounts(
        impressions=shown,
        clicks=clicks,
        outbound=clicks * (30 + digest[2] % 40) // 100,
        saves=shown * (5 + digest[3] % 20) // 1000,
        comments=digest[4] // 200,
        reactions=shown * (1 + digest[4] % 3) // 1000,
        follows=digest[5] // 180,
        visits=shown * (1 + digest[5] % 4) // 1000,
        views=shown // 3 if video else 0,
        starts=shown // 2 if video else 0,
        long_views=shown // 9 if video else 0,
        whole_views=shown // 14 if video else 0,
        watched=shown * (1500 + digest[6] * 10) if video else 0,
    )


def ad_counts(ad: AdRecord, day: date) -> MetricCounts:
    """The counts of an ad on one day: zero before it was created and if it never ran."""
    if ad.status in ("DRAFT", "DELETED_DRAFT") or ad.review != "APPROVED" or day < day_of(ad.created):
        return ZERO
    usual = 300 + int(ad.id[-3:]) * 2
    counts = daily_counts(ad.id, day, usual=usual if ad.status == "ACTIVE" else usual // 10)
    earned = counts.impressions // 20
    spend = counts.clicks * 350_000 + counts.impressions * 1_200
    return counts + MetricCounts(earned_impressions=earned, spend=spend)


def ratio(numerator: float, denominator: float) -> float:
    """The quotient to six digits; 0 where there is nothing to divide by."""
    return round(numerator / denominator, 6) if denominator else 0.0


# metrics of Pins and accounts -> their value
METRICS: Mapping[str, Callable[[MetricCounts], float]] = {
    "IMPRESSION": lambda it: it.impressions,
    "PIN_CLICK": lambda it: it.clicks,
    "PIN_CLICK_RATE": lambda it: ratio(it.clicks, it.impressions),
    "OUTBOUND_CLICK": lambda it: it.outbound,
    "OUTBOUND_CLICK_RATE": lambda it: ratio(it.outbound, it.impressions),
    "SAVE": lambda it: it.saves,
    "SAVE_RATE": lambda it: ratio(it.saves, it.impressions),
    "ENGAGEMENT": lambda it: it.clicks + it.outbound + it.saves,
    "ENGAGEMENT_RATE": lambda it: ratio(it.clicks + it.outbound + it.saves, it.impressions),
    "TOTAL_COMMENTS": lambda it: it.comments,
    "TOTAL_REACTIONS": lambda it: it.reactions,
    "USER_FOLLOW": lambda it: it.follows,
    "PROFILE_VISIT": lambda it: it.visits,
    "VIDEO_MRC_VIEW": lambda it: it.views,
    "VIDEO_10S_VIEW": lambda it: it.long_views,
    "QUARTILE_95_PERCENT_VIEW": lambda it: it.whole_views,
    "VIDEO_V50_WATCH_TIME": lambda it: it.watched,
    "VIDEO_START": lambda it: it.starts,
    "VIDEO_AVG_WATCH_TIME": lambda it: ratio(it.watched, it.views),
}


def values(counts: MetricCounts, names: Iterable[str]) -> dict[str, float]:
    """The values of these metrics of a Pin or an account."""
    return {name: METRICS[name](counts) for name in names}
