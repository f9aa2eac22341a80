"""How many changes a run may make before a person must approve more."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pinflow.errors import ApprovalRequired

if TYPE_CHECKING:
    from collections.abc import Callable


class WriteBudget:
    """Counts the changes of a run, and asks before there are more than ``limit``. Thread-safe.

    ``used`` is what earlier processes of the run have changed; ``limit`` None allows
    any number. ``ask`` is given a sentence, and its yes counts for the rest of the run;
    without it the answer is no. ``hint`` tells what to do about a no.
    """

    def __init__(
        self, limit: int | None, *, used: int = 0, ask: Callable[[str], bool] | None = None, hint: str = ""
    ) -> None:
        self._limit = limit
        self._used = used
        self._ask = ask
        self._hint = hint
        self._refused = False
        self._lock = threading.Lock()  # while one thread asks, the others wait for the answer

    def take(self) -> None:
        """Count one more change, which is about to be sent. Raises ApprovalRequired, for all others too, after a no."""
        with self._lock:
            if self._limit is not None and self._used >= self._limit:
                made = f"has made {self._used:,} changes and is about to make more" if self._used else "makes changes"
                self._check(f"this run {made}")
            self._used += 1

    def reserve(self, number: int, what: str) -> None:
        """Ask now if up to so many changes are too many. Raises ApprovalRequired after a no; nothing was sent then."""
        with self._lock:
            if self._limit is not None and number > self._limit:
                self._check(f"this makes up to {number:,} changes ({what})")

    def _check(self, question: str) -> None:
        if not self._refused and self._ask is not None and self._ask(question):
            self._limit = None
            return
        self._refused = True
        limit = f"more than {self._limit:,} need an approval" if self._limit else "none are approved"
        raise ApprovalRequired(f"{question}; {limit}", hint=self._hint)
