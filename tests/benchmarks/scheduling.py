"""What ten thousand scheduled recipes cost: a start, a look, and memory."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Figure, Sizes
from tests.benchmarks.memory import peak_memory
from tests.benchmarks.runs import open_app
from tests.benchmarks.service import child

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinflow.state.records import JobRow

RECIPE = """\
name: Job {number}
schedule: {{every: day, at: "{at}", jitter: 20 minutes}}
steps: [{{uses: log, with: {{text: x}}}}]
"""
LOOKS = 200


def scheduling(size: Sizes, folder: Path) -> Iterator[Figure]:
    """A start with jobs that were read before, and the looks that follow it."""
    made = folder / "scheduling"
    (made / "recipes").mkdir(parents=True)
    _prepare(made, size.jobs)
    found = child("schedule", str(size.jobs), str(made), environ={})
    yield Figure(
        f"schedule of {size.jobs} jobs: start", found["start"], "s", 2, beside=f"{found['processor']:.2f} s of CPU"
    )
    yield Figure(
        f"schedule of {size.jobs} jobs: a look",
        1000 * found["look"],
        "ms",
        20,
        beside=f"worst {1000 * found['worst']:.1f}",
    )
    yield Figure(f"schedule of {size.jobs} jobs: memory", found["peak"] / 2**20, "MiB at the peak", 200)


def _prepare(folder: Path, jobs: int) -> None:
    """Recipes, and a table that knows them. One is planned; the others differ from it by name and time of day."""
    from pinflow.scheduling.jobs import file_stamp, read_job
    from pinflow.state.folder.schedule import FolderSchedule

    app = open_app(folder / "state")
    rows: list[JobRow] = []
    for number in range(jobs):
        at = f"{number // 60 % 24:02}:{number % 60:02}"
        file = (folder / "recipes" / f"job_{number}.yaml").resolve()
        file.write_text(RECIPE.format(number=number, at=at), "utf-8")
        first = read_job(app, file, {}) if not rows else rows[0]
        block = {**first.block, "at": at}
        rows.append(
            replace(first, name=file.stem, title=f"Job {number}", recipe=str(file), stamp=file_stamp(file), block=block)
        )
    with closing(FolderSchedule(folder / "state", owner="benchmark")) as store:
        store.jobs.put(rows, now=time.time())


def run_schedule(jobs: str, folder: str) -> int:
    """Start with all jobs, and look; seconds of the start and of a look, and this process's peak of memory in bytes."""
    from pinflow import scheduling

    app = open_app(Path(folder) / "state")
    began, worked = time.perf_counter(), time.process_time()
    with scheduling.open(app, [Path(folder) / "recipes"], watch=True) as scheduler:
        start, processor = time.perf_counter() - began, time.process_time() - worked
        if len(scheduler.rows) != int(jobs):
            raise SystemExit(f"{jobs} jobs were to be scheduled: {len(scheduler.rows)} are")
        looks = []
        for _ in range(LOOKS):
            began = time.perf_counter()
            scheduler.tick()
            looks.append(time.perf_counter() - began)
    print(
        json.dumps(
            {"start": start, "processor": processor, "look": median(looks), "worst": max(looks), "peak": peak_memory()}
        )
    )
    return 0
