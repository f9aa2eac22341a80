"""The time of a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SandboxClock:
    """The real time plus an offset that only grows."""

    def __init__(self, real: Callable[[], float]) -> None:
        self._real = real
        self.offset = 0.0  # seconds

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._real() + self.offset

    def advance(self, seconds: float) -> None:
        """Advance by ``seconds``. Raises ValueError for a negative or infinite number."""
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"advance: must be seconds, at least 0, not {seconds}")
        self.offset += seconds
