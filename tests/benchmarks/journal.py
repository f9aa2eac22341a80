"""What it costs to put an intent on disk, which every write waits for."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Figure, Sizes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def journal(size: Sizes, folder: Path) -> Iterator[Figure]:
    """The median time from announcing a write, with the outcome of the one before, to having both on disk."""
    from pinflow.clock import Clock
    from pinflow.engine.safe_journal import SafeJournal
    from pinflow.state.folder.runs import FolderRuns
    from pinflow.state.records import RunRecord

    record = RunRecord("20260101-000000-abcdef", "r", "d", "n", {}, {}, {}, time.time())
    took: list[float] = []
    with SafeJournal(FolderRuns(folder / "journal", Clock()).create(record)) as made:
        for number in range(size.steps):
            began = time.perf_counter()
            made.record_intent("pins", f"pin:{number}", kind="pin", method="POST", category="c", digest="0" * 16)
            took.append(time.perf_counter() - began)
            made.settle("pins", f"pin:{number}", "done", {"id": str(10**18 + number)})
    yield Figure("journal: an intent on this disk", 1000 * median(took), "ms")
    runs = FolderRuns(folder / "journal", Clock())
    with closing(runs.create(replace(record, id="20260101-000001-abcdef"))) as large:
        for number in range(size.more_pins):
            large.settle("pins", f"pin:{number}", "done", {"id": str(10**18 + number)}, kind="pin")
    began = time.perf_counter()
    runs.open("20260101-000001-abcdef").close()
    yield Figure(f"journal: open with {size.more_pins:,} effects, verified", time.perf_counter() - began, "s", 2.0)
