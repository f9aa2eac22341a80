"""How many requests Pinterest allows, and what its answers say about that.

Every operation counts against one category, and all of them against the universal quota. For the categories that are
not listed here (ads_write, catalogs_*, trends_read, msot_write, advanced_auction_*) no number is published: only the
universal quota and the answers' own headers hold them back.

Source: https://developers.pinterest.com/docs/reference/rate-limits/
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pinflow import Quota

if TYPE_CHECKING:
    from collections.abc import Mapping

SECOND: Final = 1
MINUTE: Final = 60
DAY: Final = 86_400

_FAMILIES = ("x-ratelimit", "x-userendpoint-ratelimit")  # v5, and the retired v4 ads
_EPOCH = 1_000_000_000  # more seconds than this are a date since 1970, not a wait


# By the app's access, then by category; "*" counts every request. ads_* and the universal ones are published; org_read,
# org_write and org_analytics are what several users of the API report.
QUOTAS: Final[Mapping[str, Mapping[str, Quota]]] = {
    "trial": {
        "*": Quota(1000, DAY, "app"),
        "ads_analytics": Quota(1000, DAY, "app"),
        "ads_conversions": Quota(1000, DAY, "ad_account"),
        "ads_read": Quota(1000, DAY, "app"),
        "org_read": Quota(1000, DAY, "app"),
        "org_write": Quota(300, DAY, "app"),
    },
    "standard": {
        "*": Quota(100, SECOND, "user"),
        "ads_analytics": Quota(300, MINUTE, "user"),
        "ads_conversions": Quota(120_000, MINUTE, "ad_account"),
        "ads_read": Quota(1000, MINUTE, "user"),
        "org_analytics": Quota(60, MINUTE, "user"),
        "org_read": Quota(1000, MINUTE, "user"),
        "org_write": Quota(100, MINUTE, "user"),
    },
}


@dataclass(frozen=True, slots=True)
class Window:
    """One window of a rate limit, as an answer states it."""

    limit: int
    seconds: int
    name: str = ""  # what it counts, where the answer says: "ads_conversions_ad_account_id"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the headers of an answer say about the rate limits; None is what they do not say."""

    limit: int | None = None  # of the window that binds now
    remaining: int | None = None
    reset: float | None = None  # seconds until the window starts anew; 0 to a day
    windows: tuple[Window, ...] = ()


def parse_limits(headers: Mapping[str, str], *, now: float) -> Limits | None:
    """What the rate-limit headers say, or None if there are none; unreadable parts are as good as absent.

    ``now`` is in seconds since 1970. It matters only where the time of the reset is told as a date; the vendor's API
    tells it as seconds to wait. Never raises.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    for family in _FAMILIES:
        limit, remaining, reset = (lowered.get(f"{family}-{part}") for part in ("limit", "remaining", "reset"))
        if (limit, remaining, reset) != (None, None, None):
            binding, windows = _windows(limit or "")
            return Limits(binding, _count(remaining or ""), _seconds(reset or "", now), windows)
    return None


def _windows(value: str) -> tuple[int | None, tuple[Window, ...]]:
    """The limit that binds now and the windows of "100, 100;w=1, 1000;w=60"."""
    binding: int | None = None
    windows: list[Window] = []
    for item in value.split(","):
        first, *rest = item.split(";")
        limit = _count(first)
        if limit is None:
            continue
        binding = limit if binding is None else binding
        parameters = {key.strip(): text.strip().strip('"') for key, _, text in (each.partition("=") for each in rest)}
        if seconds := _count(parameters.get("w", "")):
            windows.append(Window(limit, seconds, parameters.get("name", "")))
    return binding, tuple(windows)


def _count(text: str) -> int | None:
    stripped = text.strip()
    return int(stripped) if stripped.isascii() and stripped.isdigit() and len(stripped) < 16 else None


def _seconds(text: str, now: float) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return min(max(value - now if value > _EPOCH else value, 0.0), float(DAY))
