"""A clock of several processes that all wait for it: it goes from moment to moment, however fast their machine is."""

from __future__ import annotations

import multiprocessing

_MOST = 64  # who may wait at a time
_PATIENCE = 60.0  # seconds of the machine's own time


class SharedClock:
    """Seconds, in memory that every process forked later shares. Safe for threads.

    It stands still until each of so many ``actors`` waits in ``sleep``, or has left; then it goes on to the first
    moment that any of them waits for. A thread that waits on an actor's behalf counts as that actor.
    """

    def __init__(self, actors: int, *, now: float) -> None:
        context = multiprocessing.get_context("fork")
        self._changed = context.Condition()
        self._now = context.RawValue("d", now)
        self._actors = context.RawValue("i", actors)
        self._until = context.RawArray("d", _MOST)  # for what the sleepers wait; 0 is a free place

    def now(self) -> float:
        """What time it is."""
        return float(self._now.value)

    def sleep(self, seconds: float) -> None:
        """Wait until so many seconds have passed."""
        if seconds <= 0:
            return
        with self._changed:
            until = self._now.value + seconds
            self._until[list(self._until).index(0.0)] = until
            self._go_on()
            while self._now.value < until:
                if not self._changed.wait(_PATIENCE):
                    raise TimeoutError("somebody neither waits nor leaves, and the shared clock stands still")

    def leave(self) -> None:
        """One actor needs the clock no more."""
        with self._changed:
            self._actors.value -= 1
            self._go_on()

    def _go_on(self) -> None:
        waiting = [each for each in self._until if each]
        if not waiting or len(waiting) < self._actors.value:
            return
        self._now.value = min(waiting)
        for place, each in enumerate(self._until):
            if each and each <= self._now.value:
                self._until[place] = 0.0
        self._changed.notify_all()
