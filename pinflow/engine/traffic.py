"""What the effects of a run that are at work must know of each other."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinflow.engine.effects import Attempt


class Traffic:
    """Who is at work: no two on one effect, and no sending while a lost effect is looked for. Thread-safe.

    ``find`` may take a write that another thread has in flight for the lost one, so that looking and sending exclude
    each other; sending goes on side by side.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()  # of all that is below
        self._keys: set[tuple[str, str]] = set()
        self._flying: set[Attempt] = set()
        self._looking = False

    @contextmanager
    def only(self, step: str, key: str) -> Iterator[None]:
        """Be the only one at work on this effect; wait for it."""
        with self._changed:
            self._changed.wait_for(lambda: (step, key) not in self._keys)
            self._keys.add((step, key))
        try:
            yield
        finally:
            with self._changed:
                self._keys.discard((step, key))
                self._changed.notify_all()

    @contextmanager
    def nest(self, outer: Attempt | None) -> Iterator[None]:
        """While one effect waits for another inside it, it sends nothing itself."""
        self._count_nested(outer, 1)
        try:
            yield
        finally:
            self._count_nested(outer, -1)

    def _count_nested(self, outer: Attempt | None, by: int) -> None:
        if outer is not None:
            with self._changed:
                outer.nested += by
                self._changed.notify_all()

    def enter(self, attempt: Attempt) -> None:
        """Begin to send; waits while a lost effect is looked for."""
        with self._changed:
            self._changed.wait_for(lambda: not self._looking)
            self._flying.add(attempt)

    def leave(self, attempt: Attempt) -> None:
        """The outcome of what the attempt sent is recorded."""
        with self._changed:
            self._flying.discard(attempt)
            self._changed.notify_all()

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Keep everything from sending inside the block; waits until nothing is in flight."""
        with self._changed:
            self._changed.wait_for(lambda: not self._looking)
            self._looking = True
        try:
            with self._changed:
                self._changed.wait_for(lambda: all(attempt.nested for attempt in self._flying))
            yield
        finally:
            with self._changed:
                self._looking = False
                self._changed.notify_all()
