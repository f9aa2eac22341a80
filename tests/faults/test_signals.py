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

from pinflow_sandbox import Settings
from tests.faults.conftest import COPY, ORIGINAL, Copy, Service, Time, scaled

if TYPE_CHECKING:
    from pathlib import Path

    from pinflow.app import App

SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
RIGHT = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 143}
IN_TIME = 35.0  # seconds
TOO_SOON = (b"Fatal Python error: init_import_site", b"Could not import runpy module")  # for Python itself


class RealTime(Time):
    """The time of this machine, and what was slept through in this process."""

    def __init__(self) -> None:
        super().__init__(0.0)

    def now(self) -> float:
        return system_time.time() + super().now()

    def sleep(self, seconds: float) -> None:
        self.set(super().now() + max(0.0, seconds))


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("seed", range(scaled(1, 35)))
def test_a_run_that_is_told_to_stop_stops_and_can_be_resumed(
    installed: App, folder: Path, seed: int, number: signal.Signals
) -> None:
    """Told in the middle of its work: after so many of its 16 writes, each of which takes a tenth of a second."""
    writes = random.Random(f"{number}/{seed}").randint(1, 9)
    time = RealTime()
    with Service(time, settings=Settings(quotas=False, latency=0.1), sleep=system_time.sleep) as service:
        copy = Copy(installed, service, folder / "state", time)
        process = begun(copy)
        while service.writes() < writes:
            assert process.poll() is None
            system_time.sleep(0.01)
        code, seconds = told(process, number)
        assert code == RIGHT[number]
        assert seconds < IN_TIME
        assert [run.state for run in copy.app.runs()] == ["cancelled"]
        left = service.writes()
        assert copy.finish().status == "ok"
        assert left < service.writes() == 16  # those that were done are not done again
        copy.check()


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("seed", range(scaled(2, 35)))
def test_told_at_any_moment_it_says_what_became_of_it(
    installed: App, folder: Path, seed: int, number: signal.Signals
) -> None:
    """From its start, when the system may end it before it can say anything, to when nothing is left to stop."""
    moment = random.Random(f"{number}/{seed}").uniform(0.0, 1.6)  # from the start of the program to its end
    time = RealTime()
    with Service(time, settings=Settings(quotas=False, latency=0.05), sleep=system_time.sleep) as service:
        copy = Copy(installed, service, folder / "state", time)
        process = begun(copy)
        system_time.sleep(moment)
        code, seconds = told(process, number)
        states = [run.state for run in copy.app.runs()]
        assert (code, states) in [
            (0, ["ok"]),
            (RIGHT[number], ["cancelled"]),
            *((code, []) for code in (RIGHT[number], -number)),  # before it had begun
            (-number, ["ok"]),  # after it was over
        ]
        assert states or not service.writes()
        assert seconds < IN_TIME
        if not copy.over():
            assert copy.finish().status == "ok"
        copy.check()


def test_a_second_signal_ends_it_at_once(installed: App, folder: Path) -> None:
    time = RealTime()
    asked, ask = os.pipe()

    def sleep(seconds: float) -> None:
        os.write(ask, b".")
        system_time.sleep(seconds)

    with Service(time, settings=Settings(quotas=False, latency=60.0), sleep=sleep) as service:
        os.close(ask)
        copy = Copy(installed, service, folder / "state", time)
        process = begun(copy)
        assert os.read(asked, 1) == b"."  # now it waits for its first answer
        os.close(asked)
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert any(b"press Ctrl-C again" in line for line in process.stderr)
        began = system_time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=IN_TIME)
        assert process.returncode == 143
        assert system_time.monotonic() - began < 20.0


def begun(copy: Copy) -> subprocess.Popen[bytes]:
    """``pinflow run copy_board`` in a process of its own."""
    command = [sys.executable, "-m", "pinflow", "run", "copy_board", "-i", f"board={ORIGINAL}", "-i", f"name={COPY}"]
    environ = {**os.environ, **copy.app.environ}
    return subprocess.Popen(
        [*command, "--no-input"], env=environ, cwd=copy.app.state.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def told(process: subprocess.Popen[bytes], number: signal.Signals) -> tuple[int, float]:
    """The program's exit code after a signal, and how many seconds it took."""
    process.send_signal(number)
    began = system_time.monotonic()
    _, said = process.communicate(timeout=IN_TIME)
    assert b"defect" not in said
    if process.returncode == 1 and any(words in said for words in TOO_SOON):
        return -number, system_time.monotonic() - began
    return process.returncode, system_time.monotonic() - began
