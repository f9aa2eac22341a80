"""What a start costs where many runs are kept, beside one where none is."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Figure, Sizes, ratio
from tests.benchmarks.starting import Starts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pinflow.state.records import RunState

STATES: tuple[RunState, ...] = ("ok", "failed", "paused", "running")  # the last are left by a process that was killed
RECIPE = "pinflow: 1\nname: Say hello\nsteps:\n  - {id: hello, uses: log, with: {text: hello}}\n"


def kept_runs(size: Sizes, folder: Path) -> Iterator[Figure]:
    """Whole starts with so many runs of each state kept, and with none, in turns; and the slowest of the first ones."""
    recipe = folder / "hello.yaml"
    recipe.write_text(RECIPE, "utf-8")
    empty, full = folder / "nothing", folder / "many"
    keep_runs(full, size.kept)
    starts = Starts(sys.executable, folder / "kept")

    def seconds(state: Path) -> float:
        words = [*starts.program, "run", str(recipe), "-q"]
        began = time.perf_counter()
        environ = {**starts.environ, "PINFLOW_STATE_DIR": str(state)}
        subprocess.run(words, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began

    for _ in range(2):
        seconds(empty)  # compiles what is not compiled yet, and fills the caches
    usual = sorted(seconds(empty) for _ in range(3))[1]
    slowest = max(seconds(full) for _ in range(size.starts))
    title = f"start with {size.kept:,} runs of each state kept"
    pairs = ((seconds(full), seconds(empty)) for _ in range(size.starts))
    yield Figure(title, ratio(pairs), "x an empty state", 1.1, beside=f"slowest of the first {slowest / usual:.2f} x")


def keep_runs(state: Path, number: int) -> None:
    """A state with so many small runs of each end, as an older version left them: files, and no index of them.

    They are of the version before, whose rows had no check values, so that a copy needs no more than another id.
    """
    from pinflow.clock import Clock
    from pinflow.state.folder.runs import FolderRuns
    from pinflow.state.records import RunRecord

    runs = state / "runs"
    for end in STATES:
        first = "20251231-000000-000000"
        record = RunRecord(first, "hello.yaml", "d", "Say hello", {}, {}, {}, 1_767_225_600.0)
        with closing(FolderRuns(state, Clock()).create(record)) as journal:
            if end != "running":
                journal.set_state(end)
        file = runs / f"{first}.db"
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("PRAGMA user_version = 1")
            connection.execute("PRAGMA page_size = 512")  # 40,000 of 48 kB would fill disks
            connection.execute("VACUUM")
        content = file.read_bytes()
        file.unlink()
        for count in range(number):
            run_id = f"202601{1 + STATES.index(end):02}-{count:06}-000000"
            (runs / f"{run_id}.db").write_bytes(content.replace(first.encode(), run_id.encode()))
            (runs / f"{run_id}.lock").write_bytes(b'{"pid": 1, "since": 0}')
    (state / "runs-index.db").unlink()
