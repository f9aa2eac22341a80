"""A time that several processes share: it passes at once where somebody waits for it."""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
import threading
import time as machine_time
import weakref
from itertools import count
from pathlib import Path
from typing import Any

from pinflow.engine.effect_runner import EffectRunner
from pinflow.http.transport import Transport
from tests.faults.conftest import NOON, Time

REAL_LATENCY = 0.002  # seconds of the machine's own that a request takes
LONGEST_FLIGHT = 5.0  # seconds of the machine's own that one on its way is waited for
SLOTS = 256  # processes that can be at work at a time


class SharedTime(Time):
    """A time for which several processes wait at once: it never goes back, and a killed one holds up nobody.

    Who waits lets it pass only while no request is on its way: one that takes 2 ms must not come a minute late.
    """

    def __init__(self, now: float = NOON) -> None:
        self._file, name = tempfile.mkstemp()
        Path(name).unlink()
        weakref.finalize(self, os.close, self._file)
        self._flights = mmap.mmap(-1, SLOTS)  # requests on their way, by process
        self._own = threading.local()
        self.number = 0  # of this process
        self._numbers = count(1)
        super().__init__(now)

    def sleep(self, seconds: float) -> None:
        is_flying = getattr(self._own, "is_flying", False)
        self.land()
        deadline = machine_time.monotonic() + LONGEST_FLIGHT
        while any(self._flights[:]) and machine_time.monotonic() < deadline:
            machine_time.sleep(0.0003)
        self._move_to(self.now() + max(0.0, seconds))
        if is_flying:
            self.fly()

    def answer(self, seconds: float) -> None:
        """What a service does that takes so long to answer."""
        self._move_to(self.now() + seconds)
        machine_time.sleep(REAL_LATENCY)

    def _move_to(self, moment: float) -> None:
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX)  # let go when its process is killed
            try:
                self.set(max(self.now(), moment))
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def fly(self) -> None:
        """This thread records an intent, and its request leaves."""
        self._own.is_flying = True
        self._count(1)

    def land(self) -> None:
        """The request is answered, or will not be."""
        if getattr(self._own, "is_flying", False):
            self._own.is_flying = False
            self._count(-1)

    def next_number(self) -> int:
        """A number for the next process."""
        return next(self._numbers) % len(self._flights)

    def forget(self, number: int) -> None:
        """A process has ended."""
        self._flights[number] = 0

    def _count(self, change: int) -> None:
        with self._lock:
            self._flights[self.number] += change

    def watch_requests(self) -> None:
        """In a process that sends: know which requests are on their way."""
        put_intent, send = EffectRunner._put_intent, Transport.send

        def put(*args: Any, **given: Any) -> None:
            self.fly()  # the intent says when, so that no time may pass from here on
            try:
                put_intent(*args, **given)
            except BaseException:
                self.land()
                raise

        def send_and_land(*args: Any, **given: Any) -> Any:
            try:
                return send(*args, **given)
            finally:
                self.land()

        EffectRunner._put_intent = put  # type: ignore[method-assign]
        Transport.send = send_and_land  # type: ignore[method-assign]
