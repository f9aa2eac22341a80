"""The time of a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SandboxClock:
    """The time in a world: the time outside plus an offset that only grows."""

    def __init__(self, outside: Callable[[], float]) -> None:
        self._outside = outside
        self.offset = 0.0  # seconds

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._outside() + self.offset

    def advance(self, seconds: float) -> None:
        """Let time pass at once. Raises ValueError for a time that would run backwards or never end."""
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"the clock advances by at least 0 seconds, not by {seconds}")
        self.offset += seconds
