"""Rate limits in fixed windows of the sandbox's clock: per account and app, or per app and day in trial.

Source: https://developers.pinterest.com/docs/reference/rate-limits/ and the headers seen in
https://github.com/pinterest/pinterest-python-sdk/issues/128
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from pinflow import dataclass

if TYPE_CHECKING:
    from pinflow_sandbox.control.settings import Settings
    from pinflow_sandbox.server.messages import Headers

_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LimitWindow:
    """One limit: requests per seconds, counted under a key."""

    key: _Key
    limit: int
    seconds: int


class RateLimits:
    """The requests counted in each current window."""

    def __init__(self) -> None:
        self._used: dict[_Key, tuple[int, int]] = {}  # key -> (number of the window, requests in it)

    def clear(self) -> None:
        """Forget all counts."""
        self._used.clear()

    def spend(self, settings: Settings, now: float, category: str, account: str, app: str) -> tuple[bool, Headers]:
        """Count one request; returns whether it may pass, and the rate limit headers of its response.

        If a window is full, nothing is counted and the request may not pass.
        """
        windows = _windows(settings, category, account, app)
        remaining = [window.limit - self._count(window, now) for window in windows]
        allowed = min(remaining) > 0
        if allowed:
            for window in windows:
                self._used[window.key] = (int(now // window.seconds), self._count(window, now) + 1)
            remaining = [number - 1 for number in remaining]
        return allowed, _headers(windows, remaining, now)

    def _count(self, window: LimitWindow, now: float) -> int:
        number, used = self._used.get(window.key, (0, 0))
        return used if number == int(now // window.seconds) else 0


def _windows(settings: Settings, category: str, account: str, app: str) -> tuple[LimitWindow, LimitWindow]:
    if settings.trial:
        daily = settings.trial_per_day.get(category, settings.trial_total_per_day)
        return (
            LimitWindow(("trial", app), settings.trial_total_per_day, 86_400),
            LimitWindow((category, app), daily, 86_400),
        )
    minute = settings.per_minute.get(category, settings.unlisted_per_minute)
    return (
        LimitWindow(("universal", account, app), settings.universal_per_second, 1),
        LimitWindow((category, account, app), minute, 60),
    )


def _headers(windows: tuple[LimitWindow, LimitWindow], remaining: list[int], now: float) -> Headers:
    tightest = remaining.index(min(remaining))
    binding = windows[tightest]
    policy = ", ".join(f"{window.limit};w={window.seconds}" for window in windows)
    return (
        ("X-RateLimit-Limit", f"{binding.limit}, {policy}"),
        ("X-RateLimit-Remaining", str(max(0, remaining[tightest]))),
        ("X-RateLimit-Reset", str(max(1, ceil(binding.seconds - now % binding.seconds)))),
    )
