"""A board that takes days: paused when the quota of a day is used up, resumed the next, while the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from pinflow.app import Options
from pinflow_sandbox.control.faults import FaultProfile
from tests.faults.conftest import Time, small_board

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.conftest import MakeCopy

PINS = 1500
DAY = 86_400.0
START = datetime(2027, 3, 26, 9, tzinfo=UTC).timestamp()  # clocks in Berlin go forward on the 28th
BERLIN = ZoneInfo("Europe/Berlin")


def test_fifteen_hundred_pins_on_a_thousand_requests_a_day(
    copying: MakeCopy, local_zone: Callable[[str], None]
) -> None:
    local_zone("Europe/Berlin")
    now = Time(START)
    # 1000 requests a day in all, and 300 writes of them
    with copying(now, faults=FaultProfile(daily=True), fill=partial(small_board, count=PINS)) as copy:
        plan = copy.app.plan(Path("copy_board"), inputs=copy.inputs)
        forecast = copy.app.run(plan, Options(tier="trial", dry_run=True)).forecast
        pauses = []
        while (result := copy.go_on(tier="trial")).exit_code == 6:
            (run,) = copy.app.runs()
            assert run.resume_after is not None
            pauses.append(run.resume_after - now.now())
            now.set(run.resume_after)
        assert (result.exit_code, result.error) == (0, None)
        copy.check()
        assert copy.service.ask("GET", "faults")["counts"] == {}  # no request was over the quota, so none was early
    assert len(pauses) >= (PINS + 4) // 300 - 1
    took = now.now() - START
    assert took == pytest.approx((PINS + 4) / 300 * DAY, rel=0.02)  # the Pins, a board and its sections
    assert forecast is not None and forecast.seconds == pytest.approx(took, rel=0.1)
    assert max(pauses) <= DAY + 1  # the longest window and a clock's difference
    offsets = {datetime.fromtimestamp(moment, BERLIN).utcoffset() for moment in (START, now.now())}
    assert len(offsets) == 2
