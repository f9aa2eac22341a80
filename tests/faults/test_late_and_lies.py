"""A service that does things late, lists them later still, or lies: no run says ok about a board that is not right.

All that was promised: ``PINFLOW_FULL=1 python -m pytest tests/faults/test_late_and_lies.py --timeout=0``
"""

from __future__ import annotations

import json
import random
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pinflow_sandbox import Settings
from pinflow_sandbox.control.faults import FaultProfile
from tests.faults.conftest import COPY, ORIGINAL, scaled, small_board

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow_sandbox.control.faults import FaultHook
    from pinflow_sandbox.server.messages import HttpRequest, HttpResponse
    from pinflow_sandbox.world.world import World
    from tests.faults.conftest import Copy, MakeCopy

SETTLE = 60.0  # seconds: how long a run takes a service to need

# a request takes a fifth of a second, so that something comes between two of them
PACED = Settings(quotas=False, latency=0.2)


def right(copy: Copy) -> bool:
    """Whether the copy is what it must be, once everything that was under way has come."""
    copy.time.sleep(10 * SETTLE)
    truth = copy.service.truth()
    if COPY not in truth:
        return False
    return (truth[COPY].pins, truth[COPY].sections) == (truth[ORIGINAL].pins, truth[ORIGINAL].sections)


def seen_through(copy: Copy) -> int:
    """Resume the run until it is ok, or can't be; the last exit code."""
    code = -1
    for _ in range(6):
        code = copy.go_on().exit_code
        if code in (0, 7):
            break
    return code


def test_what_is_done_and_listed_within_the_settle_time_makes_no_difference(copying: MakeCopy) -> None:
    seeds, met = range(scaled(13, 250)), 0
    for seed in seeds:
        chance = random.Random(seed)
        late = chance.uniform(0.0, SETTLE)
        faults = FaultProfile(seed=seed, late=0.25, late_seconds=late, listing_lag=SETTLE - late)
        with copying(faults=faults, settings=PACED) as copy:
            assert seen_through(copy) == 0, seed
            assert right(copy), seed
            met += copy.service.ask("GET", "faults")["counts"].get("late", 0)
    assert met > len(seeds)


@pytest.mark.parametrize("seed", range(scaled(12, 250)))
def test_what_is_done_or_listed_up_to_five_minutes_late_is_told(copying: MakeCopy, seed: int) -> None:
    chance = random.Random(seed)
    whole = chance.uniform(SETTLE, 5 * SETTLE)
    late = chance.uniform(0.0, whole)
    faults = FaultProfile(seed=seed, late=0.25, late_seconds=late, listing_lag=whole - late)
    with copying(faults=faults, settings=PACED) as copy:
        code = seen_through(copy)
        assert right(copy) or code != 0


@pytest.mark.parametrize("lie", ["vanished", "stranger", "nothing_made"])
@pytest.mark.parametrize("seed", range(scaled(8, 100)))
def test_a_service_that_lies_is_found_out(copying: MakeCopy, lie: str, seed: int) -> None:
    often: Any = {lie: 0.15}
    with copying(faults=FaultProfile(seed=seed, lie_seconds=0.0, **often), settings=PACED) as copy:
        code = seen_through(copy)
        lied = lie in copy.service.ask("GET", "faults")["counts"]
        if lied:  # without its board or a section, no Pin can be made, and the run fails before it looks
            assert code == 7 or (lie, code) == ("nothing_made", 1)
        assert (code == 0) == right(copy) == (not lied)


@pytest.mark.parametrize(("path", "number"), [("/boards", 1), ("/sections", 1), ("/sections", 4)])
def test_a_board_or_section_that_was_never_made_is_found_out(copying: MakeCopy, path: str, number: int) -> None:
    """The fourth section has no Pins, whose making would fail."""
    fill = partial(small_board, sections=("One", "Two", "Three", "Empty"), empty=("Empty",))
    with copying(fill=fill, bind=partial(_nothing_made, path, number), settings=PACED) as copy:
        assert copy.go_on().exit_code != 0
        assert not right(copy)


def _nothing_made(path: str, number: int, world: World) -> FaultHook:
    """The ``number``-th write to paths that end so is answered as if it had been done."""
    left = [number]

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "GET" or not call.path.endswith(path):
            return apply()
        left[0] -= 1
        if left[0]:
            return apply()
        with world.lock:
            answer = apply()
            id = json.loads(answer.body)["id"]
            if path == "/boards":
                world.accounts[world.boards.pop(id).owner].boards.remove(id)
            else:
                world.boards[world.sections.pop(id).board_id].sections.remove(id)
        return answer

    return fault
