"""The memory and the requests that copying a board takes, for a small board and a big one."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Figure, Sizes
from tests.benchmarks.runs import go, open_app, plan_copy
from tests.benchmarks.service import child, service

if TYPE_CHECKING:
    from collections.abc import Iterator


def memory(size: Sizes, folder: Path) -> Iterator[Figure]:
    """The memory and the requests that copying a board takes, for a small board and a big one."""
    peaks: list[float] = []
    with service() as there:
        for pins in (size.pins, size.more_pins):
            board = there.control("boards", name=f"Board of {pins}", pins=pins, sections=["One", "Two", "Three"])
            before = there.asked()
            found = child("copy", board["id"], folder, environ=there.environ)
            asked = {call: count - before.get(call, 0) for call, count in there.asked().items()}
            posted = asked.get("POST /v5/pins", 0)
            if (found["created"], posted) != (pins, pins):
                raise SystemExit(f"{pins} Pins were to be made: {found['created']} were told of, {posted} asked for")
            peaks.append(found["peak"])
            if pins == size.pins:
                # one page of 250 Pins each, and what a copy needs beside its Pins: boards, sections, account
                rest, most = sum(asked.values()) - pins, -(-pins // 250) + 14
                yield Figure(f"copy of {pins} Pins: requests beside a POST each", rest, "requests", most)
            yield Figure(f"copy of {pins} Pins: speed", pins / found["seconds"], "Pins/s", 0, more=True)
    grown = f"memory: copy of {size.more_pins} Pins over {size.pins}"
    yield Figure(grown, (peaks[1] - peaks[0]) / 2**20, "MiB more at the peak", 15)


def run_copy(board: str, folder: str) -> int:
    """Copy a board; how many Pins were made, the seconds, and this process's peak of resident memory in bytes."""
    app = open_app(Path(folder) / "state")
    plan = plan_copy(app, board)
    began = time.perf_counter()
    result = go(app, plan)
    seconds = time.perf_counter() - began
    print(json.dumps({"created": result.outputs["pins"]["created"], "seconds": seconds, "peak": peak_memory()}))
    return 0


def peak_memory() -> int:
    """Bytes. The operating system's own figure also counts the process that this one was forked from."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
