"""What an answer's headers say of the quota, and what follows for the limits that are kept to. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pinflow.lazy_dataclass import dataclass
from pinflow.state.records import LimitChange

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pinflow.state.protocol import QuotaWindow

DAY = 86_400.0

_EPOCH = 1_000_000_000.0  # a reset beyond this is a date in seconds since 1970, not a delay
_NUMBER = re.compile(r"\d{1,10}(?:\.\d{1,6})?", re.ASCII)
_WINDOW = re.compile(r"(\d{1,9})\s*;\s*w\s*=\s*(\d{1,7})(?!\d)", re.ASCII)
_QUOTED = re.compile(r'"[^"]*"')
_LONGEST_HEADER = 1_000  # characters; a real one has fewer than 100


@dataclass(frozen=True, slots=True)
class RateLimitHeaders:
    """The X-RateLimit headers of an answer; None and () where they are absent or unreadable."""

    windows: tuple[tuple[int, float], ...] = ()  # limit, seconds
    binding: int | None = None  # the limit of the window that binds now
    remaining: int | None = None
    reset: float | None = None  # seconds from now


def parse_rate_limits(headers: Mapping[str, str], now: float) -> RateLimitHeaders:
    """The X-RateLimit headers (names in lower case); ``now`` is in seconds since 1970. Never raises.

    Limit is such as "100, 100;w=1, 1000;w=60": what binds now, then each window.
    """
    limit = headers.get("x-ratelimit-limit", "")
    remaining = headers.get("x-ratelimit-remaining")
    reset = headers.get("x-ratelimit-reset")
    if not limit and remaining is None and reset is None:
        return RateLimitHeaders()
    binding, windows = _parse_limit(limit[:_LONGEST_HEADER])
    count = _parse_number(remaining or "")
    return RateLimitHeaders(windows, binding, None if count is None else int(count), _parse_delay(reset, now))


def _parse_limit(limit: str) -> tuple[int | None, tuple[tuple[int, float], ...]]:
    limit = _QUOTED.sub('""', limit)
    binding = _parse_number(limit.partition(",")[0].partition(";")[0])
    windows = tuple((int(n), float(w)) for n, w in _WINDOW.findall(limit) if int(n) and int(w))
    return int(binding) if binding else None, windows


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """How long the service asks to wait, in seconds from 0 to a day; None if it does not, or not readably.

    Retry-After counts first (seconds, or an HTTP date), then X-RateLimit-Reset.
    Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    after = headers.get("retry-after", "").strip()
    if _NUMBER.fullmatch(after):
        return min(float(after), DAY)
    if (moment := _parse_date(after)) is not None:
        return min(max(moment - now, 0.0), DAY)
    return _parse_delay(headers.get("x-ratelimit-reset"), now)


def _parse_number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text := text.strip()) else None


def _parse_delay(text: str | None, now: float) -> float | None:
    value = _parse_number(text or "")
    if value is None:
        return None
    return min(max(value - now if value >= _EPOCH else value, 0.0), DAY)


def _parse_date(text: str) -> float | None:
    if not text.endswith("GMT") or len(text) > 40:
        return None
    from email.utils import parsedate_to_datetime  # few answers hold one

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def limit_changes(headers: RateLimitHeaders, lanes: Sequence[Sequence[QuotaWindow]]) -> Iterator[LimitChange]:
    """What an answer changes in the windows of a call's lanes: its category's first, the universal one last.

    The windows that are told of a lane replace all that it had, be they known beforehand or learned, smaller or larger.
    """
    own, universal = lanes[0], lanes[-1] if len(lanes) > 1 else ()
    own_told, universal_told = _assign(headers, own, universal)
    for lane, known, told in ((len(lanes) - 1, universal, universal_told), (0, own, own_told)):
        if told:  # what is dropped first makes room for what is new
            yield from (LimitChange(lane, window.seconds, 0) for window in known if window.seconds not in told)
            for seconds, limit in told.items():
                if limit != _find_limit(known, seconds):
                    yield LimitChange(lane, seconds, limit)


def _assign(
    headers: RateLimitHeaders, own: Sequence[QuotaWindow], universal: Sequence[QuotaWindow]
) -> tuple[dict[float, int], dict[float, int]]:
    """The told windows of the category, and the universal ones: seconds -> limit. No header says which is which."""
    spans: dict[float, list[int]] = {}
    for limit, seconds in headers.windows:
        spans.setdefault(seconds, []).append(limit)
    own_told: dict[float, int] = {}
    universal_told: dict[float, int] = {}
    unclear: dict[float, int] = {}
    for seconds, limits in spans.items():
        least, own_limit, universal_limit = min(limits), _find_limit(own, seconds), _find_limit(universal, seconds)
        if len(limits) > 1 and universal:
            own_told[seconds], universal_told[seconds] = least, max(limits)  # the universal one is the larger
        elif universal_limit and (not own_limit or own_limit != least == universal_limit):
            universal_told[seconds] = least
        else:
            (own_told if own_limit else unclear)[seconds] = least
    if len(spans) > 1 and universal and not universal_told:
        # both are told of a call, and the universal one allows the most calls a second
        fastest = max(spans, key=lambda seconds: max(spans[seconds]) / seconds)
        if fastest in unclear:
            universal_told[fastest] = unclear.pop(fastest)
    return own_told | unclear, universal_told


def _find_limit(windows: Sequence[QuotaWindow], seconds: float) -> int:
    return next((window.limit for window in windows if window.seconds == seconds), 0)


def find_binding(headers: RateLimitHeaders, lanes: Sequence[Mapping[float, int]]) -> tuple[int, float | None]:
    """The lane and window of which an answer's first number speaks; ``lanes`` are seconds -> limit, as `limit_changes`.

    Of those with this limit it is the longest that can be meant; None where no window is known.
    """
    least = (headers.reset or 0.0) - 1  # a reset is in whole seconds
    fitting = [
        (seconds, lane)
        for lane in reversed(range(len(lanes)))
        for seconds, limit in lanes[lane].items()
        if limit == headers.binding and seconds >= least
    ]
    if fitting:
        seconds, lane = max(fitting, key=lambda entry: entry[0])
        return lane, seconds
    return 0, next(iter(lanes[0]), None) if headers.binding is None else None
