"""What a dry run says of the real one: the calls that it would make, and what the service would refuse of them."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, TypeVar

from pinflow.engine.results import Forecast
from pinflow.engine.run_frame import current_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pinflow.http.client import Gate, WriteCall
    from pinflow.http.rate_limiter import RateLimiter

    Counts = Mapping[str, Mapping[str, int]]  # by token and quota category

N = TypeVar("N", int, float)


def add_counts(*counts: Mapping[str, N]) -> dict[str, N]:
    """The sum of each name's numbers."""
    total: dict[str, N] = {}
    for numbers in counts:
        for name, number in numbers.items():
            total[name] = total[name] + number if name in total else number
    return total


def add_by_token(*counts: Mapping[str, Mapping[str, N]]) -> dict[str, dict[str, N]]:
    """The sum of each token's and name's numbers."""
    tokens = dict.fromkeys(token for by_token in counts for token in by_token)
    return {token: add_counts(*(by_token.get(token, {}) for by_token in counts)) for token in tokens}


class PlannedWrites:
    """The writes that a dry run would have sent: login -> category -> how many. Thread-safe.

    ``turns`` counts for less those that would go side by side.
    """

    def __init__(self) -> None:
        self.calls: dict[str, dict[str, int]] = defaultdict(Counter)
        self.turns: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._lock = threading.Lock()  # actions of several threads plan at a time

    def add(self, login: str, category: str) -> None:
        with self._lock:
            self.calls[login][category] += 1
            self.turns[login][category] += 1 / current_frame().concurrency


class DryRunGate:
    """Passes a dry run's writes to another gate, and notes why the service would refuse them to any app of the tier."""

    def __init__(self, gate: Gate, refusal: Callable[[str, str], str], refusals: dict[str, None]) -> None:
        """``refusal`` says why a method of a path is refused, "" if it is not."""
        self._gate = gate
        self._refusal = refusal
        self._refusals = refusals

    def record_intent(self, call: WriteCall) -> object | None:
        if reason := self._refusal(call.method, call.path):
            self._refusals[reason] = None
            if (attempt := current_frame().effect) is not None:
                attempt.refusal = reason
        return self._gate.record_intent(call)


def make_forecast(
    read: Counts, planned: PlannedWrites, limiters: Sequence[tuple[RateLimiter, Collection[str]]], *, least: float
) -> Forecast:
    """The calls of the real run: those that were ``read``, and the writes that were planned.

    ``limiters`` are those of each API, with the tokens that they count; ``least`` is how
    many seconds the run takes anyway.
    """
    calls = add_by_token(read, planned.calls)
    longest = least
    for limiter, tokens in limiters:
        reads = {token: {name: limiter.overlap * n for name, n in read.get(token, {}).items()} for token in tokens}
        turns = add_by_token(reads, {token: planned.turns.get(token, {}) for token in tokens})
        longest = max(longest, limiter.forecast({token: calls.get(token, {}) for token in tokens}, turns))
    return Forecast(calls=calls, seconds=longest)
