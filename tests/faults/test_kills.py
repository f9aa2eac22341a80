"""Killed at any line of the code that sends and remembers, any number of times: the same board in the end.

All that was promised: ``PINFLOW_FULL=1 python -m pytest tests/faults/test_kills.py --timeout=0``
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.engine import durable
from pinflow.events import EffectDone
from pinflow.http import client, transport
from pinflow.state.folder import journal, runs, sqlite, store
from pinflow_pinterest.copying import board_copy
from pinflow_sandbox.control.faults import PROFILES
from tests.faults.conftest import in_child, scaled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

    from pinflow.events import Event
    from tests.faults.conftest import Copy, MakeCopy

WATCHED = frozenset(
    str(Path(module.__file__ or ""))
    for module in (durable, journal, runs, sqlite, store, client, transport, board_copy)
)
STEP = scaled(100, 5)  # every so many lines are a point to be killed at


class Lines:
    """Counts the lines that are about to run in the watched files, and dies at one of them (from 1; 0: never)."""

    def __init__(self, last: int = 0) -> None:
        self.passed = 0
        self._last = last

    def run(self, work: Callable[[], object]) -> None:
        threading.settrace(self._enter)
        sys.settrace(self._enter)
        try:
            work()
        finally:
            sys.settrace(None)
            threading.settrace(None)

    def _enter(self, frame: FrameType, event: str, arg: object) -> Any:
        return self._line if frame.f_code.co_filename in WATCHED else None

    def _line(self, frame: FrameType, event: str, arg: object) -> Any:
        if event == "line":
            self.passed += 1
            if self.passed == self._last:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._line


def lines_of(copy: Copy) -> int:
    """How many lines an undisturbed run goes through."""
    lines = Lines()
    lines.run(copy.go_on)
    assert copy.over()
    copy.check()
    return lines.passed


def test_killed_at_every_point_and_resumed_the_board_is_the_same(copying: MakeCopy) -> None:
    with copying() as copy:
        whole = lines_of(copy)
    points = range(STEP // 2, whole, STEP)
    assert len(points) >= scaled(50, 500)
    for point in points:
        with copying() as copy:
            assert in_child(partial(Lines(point).run, copy.go_on)) == -signal.SIGKILL, f"alive after line {point}"
            if not copy.over():
                assert copy.finish().status == "ok", f"killed at line {point}"
            copy.check()


@pytest.mark.parametrize("seed", range(scaled(20, 1000)))
def test_killed_three_times_among_many_faults_the_board_is_the_same(copying: MakeCopy, seed: int) -> None:
    killed_among_faults(copying, seed)


@pytest.mark.parametrize("seed", range(scaled(10, 500)))
def test_so_it_is_with_four_pins_on_their_way_at_a_time(copying: MakeCopy, seed: int) -> None:
    killed_among_faults(copying, seed, parallel=4)


@pytest.mark.parametrize("seed", range(scaled(6, 200)))
def test_so_it_is_on_the_older_version_of_the_api(copying: MakeCopy, seed: int) -> None:
    killed_among_faults(copying, seed, parallel=1 + seed % 2 * 3, api="v3")


def killed_among_faults(copying: MakeCopy, seed: int, *, parallel: int = 1, api: str | None = None) -> None:
    """A copy that meets faults in two requests of five and is killed three times, then resumed to its end."""
    chance = random.Random(seed)
    faults = replace(PROFILES["hostile"].times(0.4 / 0.27), seed=seed)
    with copying(faults=faults) as copy:
        copy.inputs["parallel"] = parallel
        copy.api = api
        for _ in range(3):
            if not copy.over():
                point = chance.randint(1, 3000)
                assert in_child(partial(Lines(point).run, copy.go_on)) in (-signal.SIGKILL, 0)
                copy.time.sleep(chance.choice((0.0, 1.0, 30.0, 100.0)))
        if not copy.over():
            assert copy.finish().status == "ok"
        # v3 lists the Pins of sections apart, so that a board's are told in another order
        copy.check(in_order=parallel == 1 and api is None)


def test_a_killed_process_leaves_its_calls_in_the_totals(copying: MakeCopy) -> None:
    """All but those of the last half second, which no file was committed for."""
    with copying() as copy:
        done = 0

        def strike(event: Event) -> None:
            nonlocal done
            if isinstance(event, EffectDone):
                done += 1
                copy.time.sleep(0.6)
                if done == 14:
                    os.kill(os.getpid(), signal.SIGKILL)

        assert in_child(partial(copy.go_on, report=[strike])) == -signal.SIGKILL
        (run,) = copy.app.runs()
        sent = requests(copy)
        assert sent > 14
        assert sent - 3 <= total(copy.app.show(run.id).calls) <= sent
        result = copy.finish()
        assert result.ok
        assert requests(copy) - 3 <= total(result.calls) <= requests(copy)
        assert total(result.calls) > sent


def requests(copy: Copy) -> int:
    return sum(row["count"] for row in copy.service.ask("GET", "requests")["requests"])


def total(calls: Mapping[str, Mapping[str, int]]) -> int:
    return sum(sum(by_category.values()) for by_category in calls.values())
