"""Ctrl-C and the signals that end a program: first gently, then at once."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pinflow.errors import INTERRUPTED, TERMINATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

STOPPING = "stopping after the current call; press Ctrl-C again to stop now"
_LOOK = 0.1  # seconds


class Asked(threading.Event):
    """An event that a signal handler may set: the lock of a usual one may be held by the thread that it interrupts."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = False

    def is_set(self) -> bool:
        return self._asked

    def set(self) -> None:
        self._asked = True

    def clear(self) -> None:
        self._asked = False

    def wait(self, timeout: float | None = None) -> bool:
        """As an event does, but nobody is woken: it looks every tenth of a second."""
        until = float("inf") if timeout is None else time.monotonic() + timeout
        while not self._asked and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK))
        return self._asked


class Stop:
    """Whether and how the run was told to stop. ``asked`` is what the engine looks at."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.asked = Asked()
        self._tell = tell
        self._signal: int | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The handler: the first signal asks, the second raises."""
        if self.asked.is_set():
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(TERMINATED)
        self._signal = number
        self.asked.set()
        self._tell(STOPPING)

    def exit_code(self, code: int) -> int:
        """A run's exit code, as the signal that stopped it has it."""
        stopped_by_system = self._signal is not None and self._signal != signal.SIGINT
        return TERMINATED if code == INTERRUPTED and stopped_by_system else code


@contextmanager
def stoppable(tell: Callable[[str], None], *, hang_up: Callable[[], bool] | None = None) -> Iterator[Stop]:
    """Handle signals until the block ends. ``tell`` is called inside the handler, see `Shell.notice`.

    SIGHUP calls ``hang_up``, where that is given, and ends nothing if it says that it took care of it; where it is not
    given, a SIGHUP that is ignored stays so: that is what ``nohup`` is for.
    """
    stop = Stop(tell)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    handlers: dict[int, Callable[[int, FrameType | None], object]] = dict.fromkeys(
        (signal.SIGINT, signal.SIGTERM), stop.handle
    )
    if hasattr(signal, "SIGHUP"):
        if hang_up is not None:
            handlers[signal.SIGHUP] = lambda number, frame: None if hang_up() else stop.handle(number, frame)
        elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            handlers[signal.SIGHUP] = stop.handle
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
