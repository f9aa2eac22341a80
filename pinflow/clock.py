"""Time as a value: what the hour is, how long something takes, and how to wait. Whoever needs time is given one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Clock:
    """A source of time. Only the program's edge makes the one of this machine; tests pass their own."""

    now: Callable[[], float] = time.time  # seconds since 1970; may jump when somebody sets the clock
    monotonic: Callable[[], float] = time.monotonic  # seconds that only go forward
    sleep: Callable[[float], None] = time.sleep  # seconds
