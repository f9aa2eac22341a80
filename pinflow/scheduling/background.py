"""A queue with one worker: notifiers take as long as they like, and no look at the clock waits for them."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from pinflow.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Callable


class BackgroundQueue:
    """Calls tasks in order, in what ``start`` begins: a thread, or at once. Never raises StateError.

    Not a `concurrent.futures` executor: the program's end would wait for its threads.
    """

    def __init__(self, start: Callable[[Callable[[], None]], None]) -> None:
        self._start = start
        self._lock = threading.Lock()  # guards the tasks and whether a worker is there to do them
        self._tasks: deque[Callable[[], object]] = deque()
        self._busy = False

    @property
    def busy(self) -> bool:
        """Whether a task has not ended yet."""
        with self._lock:
            return self._busy

    def put(self, task: Callable[[], object]) -> None:
        """Call the task after all that were put before."""
        with self._lock:
            self._tasks.append(task)
            if self._busy:
                return
            self._busy = True
        self._start(self._work)

    def _work(self) -> None:
        try:
            while task := self._next():
                with suppress(StateError):  # it was reported already, or the notice is sent again later
                    task()
        except BaseException:  # a defect: the next task gets a worker of its own
            with self._lock:
                self._busy = False
            raise

    def _next(self) -> Callable[[], object] | None:
        with self._lock:
            self._busy = bool(self._tasks)
            return self._tasks.popleft() if self._tasks else None
