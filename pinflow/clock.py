"""Time as a value: what the hour is, how long something takes, and how to wait. Whoever needs time is given one."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pinflow.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    Local = Callable[[float], time.struct_time]  # seconds since the epoch -> a local time

_HALF_DAY = 43_200  # seconds; further away a time of day can be that of another day


@dataclass(frozen=True, slots=True)
class Clock:
    """A source of time. Only the program's edge makes the one of this machine; tests pass their own."""

    now: Callable[[], float] = time.time  # seconds since 1970; may jump when somebody sets the clock
    monotonic: Callable[[], float] = time.monotonic  # seconds that only go forward
    sleep: Callable[[float], None] = time.sleep  # seconds

    def moment(self) -> datetime:
        """Now, in UTC."""
        return datetime.fromtimestamp(self.now(), UTC)


class Throttle:
    """Lets something happen at most once in so many seconds, such as a report of progress.

    ``last`` is when it happened last, None for never. Not safe for threads: the caller holds its own lock.
    """

    def __init__(self, seconds: float, *, last: float | None = None) -> None:
        self._seconds = seconds
        self._last = last

    def is_due(self, now: float, *, anyway: bool = False) -> bool:
        """Whether it may happen now, and then it counts as done; with ``anyway`` it always may."""
        due = anyway or self._last is None or now - self._last >= self._seconds
        if due:
            self._last = now
        return due


def moment(at: float, now: float, local: Local = time.localtime) -> str:
    """A local time of day, with its date unless it is within half a day of ``now`` (seconds since the epoch)."""
    return time.strftime("%H:%M:%S" if abs(at - now) < _HALF_DAY else "%Y-%m-%d %H:%M", local(at))
