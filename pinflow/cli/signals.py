"""Ctrl-C and the signals that end a program: the first stops gently, the second at once."""

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
_POLL = 0.1  # seconds, too short for a person to notice the delay


class SignalSafeEvent(threading.Event):
    """An event that a signal handler may set: the lock of a threading.Event may be held by the interrupted thread.

    ``exit_code`` is what a program ends with that it stops.
    """

    exit_code = INTERRUPTED

    def __init__(self) -> None:
        super().__init__()
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True

    def clear(self) -> None:
        self._is_set = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait like threading.Event does, by checking every tenth of a second."""
        until = float("inf") if timeout is None else time.monotonic() + timeout
        while not self._is_set and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _POLL))
        return self._is_set


class StopRequest:
    """Whether a signal asked the run to stop, and which. The engine checks ``event``."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.event = SignalSafeEvent()
        self._tell = tell

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: the first sets ``event``, the second raises."""
        if self.event.is_set():
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(TERMINATED)
        if number != signal.SIGINT:
            self.event.exit_code = TERMINATED
        self.event.set()
        self._tell(STOPPING)


@contextmanager
def stop_on_signals(tell: Callable[[str], None], *, hang_up: Callable[[], bool] | None = None) -> Iterator[StopRequest]:
    """Handle signals until the block ends. ``tell`` is called inside the handler, see `Shell.notice`.

    SIGHUP calls ``hang_up``, if that is given, and stops the run unless it returns True. Without ``hang_up``, a SIGHUP
    that is ignored stays ignored: that is what ``nohup`` does.
    """
    stop = StopRequest(tell)
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
