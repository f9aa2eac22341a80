"""Work that is done aside, one thing after the other: telling people takes as long as their notifiers do."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from pinflow.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Callable


class Aside:
    """Does what it is given in order, in what ``start`` begins: a thread, or at once. Never raises StateError."""

    def __init__(self, start: Callable[[Callable[[], None]], None]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], object]] = deque()
        self._at_work = False

    @property
    def busy(self) -> bool:
        """Whether something is not done yet."""
        with self._lock:
            return self._at_work

    def do(self, what: Callable[[], object]) -> None:
        """Do this after all that was given before."""
        with self._lock:
            self._waiting.append(what)
            if self._at_work:
                return
            self._at_work = True
        self._start(self._work)

    def _work(self) -> None:
        try:
            while what := self._next():
                with suppress(StateError):  # what can't be kept was complained of, or is told again
                    what()
        except BaseException:  # a defect: whoever has something to do next begins anew
            with self._lock:
                self._at_work = False
            raise

    def _next(self) -> Callable[[], object] | None:
        with self._lock:
            self._at_work = bool(self._waiting)
            return self._waiting.popleft() if self._waiting else None
