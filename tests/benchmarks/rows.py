"""What a row of a large table costs before anything is sent: a dry run of create_pins, whole processes."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Figure, Seconds, Sizes, ratio
from tests.benchmarks.service import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS = ("title", "description", "link", "image_url", "alt_text")
SOURCES = ("", "plugins", "common")  # what is imported, below a tree of the project


def rows(size: Sizes, folder: Path) -> Iterator[Figure]:
    """The processor's time for each row; with a commit to compare with, the ratio to what that one takes."""
    table = folder / "pins.csv"
    _write_table(table, size.rows)
    trees = {"now": PROJECT}
    if size.against:
        trees[size.against] = _tree_of(size.against, folder)
    took: dict[str, list[Seconds]] = {name: [] for name in trees}
    few = folder / "few.csv"
    _write_table(few, 2)
    for name, tree in trees.items():
        _dry_run(tree, few, folder / f"state of {name}")  # compiles what is not compiled yet, and fills the caches
    for _ in range(size.tables):
        for name, tree in trees.items():
            took[name].append(_dry_run(tree, table, folder / f"state of {name}"))
    name = f"rows: dry run of {size.rows}"
    each = 1e6 * median(run.processor for run in took["now"]) / size.rows
    beside = f"{median(run.wall for run in took['now']):.2f} s"
    yield Figure(name, each, "us of CPU a row", beside=beside)
    if size.against:
        pairs = zip(took["now"], took[size.against], strict=True)
        yield Figure(name, ratio((now.processor, then.processor) for now, then in pairs), f"x {size.against}", 0.85)


def _write_table(file: Path, number: int) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for row in range(number):
            link = f"https://example.com/pins/{row}"
            writer.writerow([f"Pin {row}", f"All there is to say of Pin {row}", link, f"{link}.jpg", f"picture {row}"])


def _tree_of(commit: str, folder: Path) -> Path:
    """The project as it was at a commit."""
    tree = folder / commit
    tree.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=PROJECT, stdout=subprocess.PIPE, check=True)
    subprocess.run(["tar", "-x"], cwd=tree, input=archive.stdout, check=True)
    return tree


def _dry_run(tree: Path, table: Path, state: Path) -> Seconds:
    """What the dry run of a table takes with the sources of a tree, in the sandbox."""
    environ = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPATH": os.pathsep.join(str(tree / source) for source in SOURCES),
        "PYTHONPYCACHEPREFIX": str(state / "bytecode"),
        "PINFLOW_CACHE_DIR": str(state / "cache"),
        "PINFLOW_STATE_DIR": str(state / "state"),
    }
    words = ["run", "create_pins", "--sandbox", "--dry-run", "-q", "-i", f"file={table}", "-i", "board=Garden ideas"]
    began, worked = time.perf_counter(), os.times()
    subprocess.run(
        [sys.executable, "-m", "pinflow", *words], cwd=tree, env=environ, stdout=subprocess.DEVNULL, check=True
    )
    wall, after = time.perf_counter() - began, os.times()
    processor = after.children_user + after.children_system - worked.children_user - worked.children_system
    return Seconds(wall, processor or wall)  # Windows does not tell what children took
