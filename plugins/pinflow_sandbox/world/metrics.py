"""Metrics of ads, Pins and accounts. They are invented, and always the same.

A count depends only on an id and a day. Totals are sums of their parts: a campaign's impressions are those of its ads,
an account's those of the three app types. Rates and costs are computed from sums.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from operator import add, attrgetter, sub
from typing import TYPE_CHECKING

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


def _ratio(numerator: float, denominator: float) -> float:
    return round(numerator / denominator, 6) if denominator else 0.0


# columns of ad reports -> their value; ..._1 is paid, ..._2 is earned
AD_COLUMNS: Mapping[str, Callable[[MetricCounts], float]] = {
    "SPEND_IN_MICRO_DOLLAR": lambda it: it.spend,
    "SPEND_IN_DOLLAR": lambda it: round(it.spend / 1_000_000, 2),
    "PAID_IMPRESSION": lambda it: it.impressions,
    "IMPRESSION_1": lambda it: it.impressions,
    "IMPRESSION_2": lambda it: it.earned_impressions,
    "TOTAL_IMPRESSION": lambda it: it.impressions + it.earned_impressions,
    "CLICKTHROUGH_1": lambda it: it.clicks,
    "CLICKTHROUGH_2": lambda it: it.clicks // 20,
    "TOTAL_CLICKTHROUGH": lambda it: it.clicks + it.clicks // 20,
    "OUTBOUND_CLICK_1": lambda it: it.outbound,
    "OUTBOUND_CLICK_2": lambda it: it.outbound // 20,
    "REPIN_1": lambda it: it.saves,
    "REPIN_2": lambda it: it.saves // 20,
    "ENGAGEMENT_1": lambda it: it.clicks + it.saves,
    "ENGAGEMENT_2": lambda it: (it.clicks + it.saves) // 20,
    "TOTAL_ENGAGEMENT": lambda it: it.clicks + it.saves + (it.clicks + it.saves) // 20,
    "CTR": lambda it: _ratio(it.clicks, it.impressions),
    "ECTR": lambda it: _ratio(it.clicks + it.clicks // 20, it.impressions),
    "CTR_2": lambda it: _ratio(it.clicks // 20, it.earned_impressions),
    "OUTBOUND_CTR_1": lambda it: _ratio(it.outbound, it.impressions),
    "REPIN_RATE": lambda it: _ratio(it.saves, it.impressions),
    "ENGAGEMENT_RATE": lambda it: _ratio(it.clicks + it.saves, it.impressions),
    "EENGAGEMENT_RATE": lambda it: _ratio(it.clicks + it.saves, it.impressions + it.earned_impressions),
    "CPC_IN_MICRO_DOLLAR": lambda it: _ratio(it.spend, it.clicks),
    "ECPC_IN_MICRO_DOLLAR": lambda it: _ratio(it.spend, it.clicks + it.clicks // 20),
    "ECPC_IN_DOLLAR": lambda it: _ratio(it.spend / 1_000_000, it.clicks + it.clicks // 20),
    "CPM_IN_MICRO_DOLLAR": lambda it: _ratio(it.spend * 1000, it.impressions),
    "CPM_IN_DOLLAR": lambda it: _ratio(it.spend / 1000, it.impressions),
    "ECPM_IN_MICRO_DOLLAR": lambda it: _ratio(it.spend * 1000, it.impressions + it.earned_impressions),
    "ECPE_IN_DOLLAR": lambda it: _ratio(it.spend / 1_000_000, it.clicks + it.saves),
    "TOTAL_CONVERSIONS": lambda it: it.outbound // 10,
    "TOTAL_PAGE_VISIT": lambda it: it.outbound // 2,
    "TOTAL_SIGNUP": lambda it: it.outbound // 40,
    "TOTAL_CHECKOUT": lambda it: it.outbound // 25,
    "TOTAL_CHECKOUT_VALUE_IN_MICRO_DOLLAR": lambda it: it.outbound // 25 * 24_900_000,
}

# metrics of Pins and accounts -> their value
METRICS: Mapping[str, Callable[[MetricCounts], float]] = {
    "IMPRESSION": lambda it: it.impressions,
    "PIN_CLICK": lambda it: it.clicks,
    "PIN_CLICK_RATE": lambda it: _ratio(it.clicks, it.impressions),
    "OUTBOUND_CLICK": lambda it: it.outbound,
    "OUTBOUND_CLICK_RATE": lambda it: _ratio(it.outbound, it.impressions),
    "SAVE": lambda it: it.saves,
    "SAVE_RATE": lambda it: _ratio(it.saves, it.impressions),
    "ENGAGEMENT": lambda it: it.clicks + it.outbound + it.saves,
    "ENGAGEMENT_RATE": lambda it: _ratio(it.clicks + it.outbound + it.saves, it.impressions),
    "TOTAL_COMMENTS": lambda it: it.comments,
    "TOTAL_REACTIONS": lambda it: it.reactions,
    "USER_FOLLOW": lambda it: it.follows,
    "PROFILE_VISIT": lambda it: it.visits,
    "VIDEO_MRC_VIEW": lambda it: it.views,
    "VIDEO_10S_VIEW": lambda it: it.long_views,
    "QUARTILE_95_PERCENT_VIEW": lambda it: it.whole_views,
    "VIDEO_V50_WATCH_TIME": lambda it: it.watched,
    "VIDEO_START": lambda it: it.starts,
    "VIDEO_AVG_WATCH_TIME": lambda it: _ratio(it.watched, it.views),
}


def columns(counts: MetricCounts, names: Iterable[str]) -> dict[str, float]:
    """The values of these columns of an ad report."""
    return {name: AD_COLUMNS[name](counts) for name in names if name in AD_COLUMNS}


def values(counts: MetricCounts, names: Iterable[str]) -> dict[str, float]:
    """The values of these metrics of a Pin or an account."""
    return {name: METRICS[name](counts) for name in names}
