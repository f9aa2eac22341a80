"""How much a run may change until somebody says that more is meant."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pinflow.errors import ApprovalRequired

if TYPE_CHECKING:
    from collections.abc import Callable


class Bulk:
    """Counts what a run changes, and asks before there is more of it than ``most``. Thread-safe.

    ``done`` is what earlier processes of the run have changed; ``most`` None lets all
    pass. ``ask`` is given a sentence, and its yes counts for the rest of the run;
    without it the answer is no. ``hint`` tells what to do about a no.
    """

    def __init__(
        self, most: int | None, *, done: int = 0, ask: Callable[[str], bool] | None = None, hint: str = ""
    ) -> None:
        self._most = most
        self._done = done
        self._ask = ask
        self._hint = hint
        self._refused = False
        self._lock = threading.Lock()  # while one thread asks, the others wait for the answer

    def one(self) -> None:
        """One more change is about to be sent. Raises ApprovalRequired, for this and all others, after a no."""
        with self._lock:
            if self._most is not None and self._done >= self._most:
                made = (
                    f"has made {self._done:,} changes, and goes on to make more"
                    if self._done
                    else "is to change things"
                )
                self._check(f"this run {made}")
            self._done += 1

    def many(self, number: int, what: str) -> None:
        """Up to so many changes are about to be made. Raises ApprovalRequired after a no; nothing was sent then."""
        with self._lock:
            if self._most is not None and number > self._most:
                self._check(f"this makes up to {number:,} changes ({what})")

    def _check(self, what: str) -> None:
        if not self._refused and self._ask is not None and self._ask(what):
            self._most = None
            return
        self._refused = True
        limit = f"more than {self._most:,} need an approval" if self._most else "nobody approved any"
        raise ApprovalRequired(f"{what}; {limit}", hint=self._hint)
