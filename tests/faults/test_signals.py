"""Told to stop at any moment, the program stops in time, says so with its exit code, and can be resumed.

All that was promised: ``PINFLOW_FULL=1 python -m pytest tests/faults/test_signals.py --timeout=0``
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time as system_time
from typing import TYPE_CHECKING

import pytest

from pinflow_sandbox.server import Settings
from tests.faults.conftest import COPY, ORIGINAL, Copy, Service, Time, scaled

if TYPE_CHECKING:
    from pathlib import Path

    from pinflow.app import App

RIGHT = {  # the program's own code, or the system's before the program could say anything
    signal.SIGTERM: {143, -signal.SIGTERM},
    signal.SIGINT: {130, -signal.SIGINT},
}
IN_TIME = 35.0  # seconds


class RealTime(Time):
    """The time of this machine, and what was slept through in this process."""

    def __init__(self) -> None:
        super().__init__(0.0)

    def now(self) -> float:
        return system_time.time() + super().now()

    def sleep(self, seconds: float) -> None:
        self.set(super().now() + max(0.0, seconds))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
@pytest.mark.parametrize("seed", range(scaled(5, 100)))
def test_a_run_that_is_told_to_stop_stops_and_can_be_resumed(
    installed: App, folder: Path, seed: int, number: signal.Signals
) -> None:
    moment = random.Random(f"{number}/{seed}").uniform(0.0, 1.6)  # from the start of the program to its end
    time = RealTime()
    with Service(time, settings=Settings(quotas=False, latency=0.05), sleep=system_time.sleep) as service:
        copy = Copy(installed, service, folder / "state", time)
        code, seconds = stopped(copy, moment, number)
        assert code in RIGHT[number] | {0}
        assert seconds < IN_TIME
        if code > 0 and copy.app.runs():  # else it was told before it had begun
            assert copy.app.runs()[0].state == "cancelled"
        if not copy.over():
            assert copy.finish().status == "ok"
        copy.check()


def test_a_second_signal_ends_it_at_once(installed: App, folder: Path) -> None:
    time = RealTime()
    with Service(time, settings=Settings(quotas=False, latency=5.0), sleep=system_time.sleep) as service:
        copy = Copy(installed, service, folder / "state", time)
        process = begun(copy)
        while not copy.app.runs():
            system_time.sleep(0.01)
        system_time.sleep(0.5)  # now it waits for its first answer
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            system_time.sleep(0.1)
        began = system_time.monotonic()
        process.communicate(timeout=IN_TIME)
        assert process.returncode in RIGHT[signal.SIGTERM]
        assert system_time.monotonic() - began < 2.0


def begun(copy: Copy) -> subprocess.Popen[bytes]:
    """``pinflow run copy_board`` in a process of its own."""
    command = [sys.executable, "-m", "pinflow", "run", "copy_board", "-i", f"board={ORIGINAL}", "-i", f"name={COPY}"]
    environ = {**os.environ, **copy.app.environ}
    return subprocess.Popen(
        [*command, "--no-input"], env=environ, cwd=copy.app.state.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def stopped(copy: Copy, moment: float, number: signal.Signals) -> tuple[int, float]:
    """The program's exit code when it gets a signal after so many seconds, and how long it then took."""
    process = begun(copy)
    try:
        process.wait(timeout=moment)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
    began = system_time.monotonic()
    _, said = process.communicate(timeout=IN_TIME)
    assert b"defect" not in said
    return process.returncode, system_time.monotonic() - began
