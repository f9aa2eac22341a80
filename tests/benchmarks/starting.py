"""What starting pinflow costs: whole processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Figure, Sizes, ratio
from tests.benchmarks.runs import COPY
from tests.benchmarks.service import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator


class Starts:
    """Starts of the program, as after the first: all is compiled, and the caches are filled."""

    def __init__(self, folder: Path) -> None:
        script = shutil.which("pinflow", path=str(Path(sys.executable).parent))
        self.program = [script] if script else [sys.executable, "-m", "pinflow"]
        self._environ = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
            "PINFLOW_CACHE_DIR": str(folder / "cache"),
            "PINFLOW_STATE_DIR": str(folder / "state"),
        }

    def seconds(self, *words: str) -> float:
        """What the program takes with these arguments."""
        return self.of(*self.program, *words)

    def of(self, *words: str) -> float:
        """What a process takes."""
        began = time.perf_counter()
        subprocess.run(words, env=self._environ, cwd=PROJECT, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began


def start_up(size: Sizes, folder: Path) -> Iterator[Figure]:
    """What a person waits for, as multiples of Python's own start."""
    starts = Starts(folder)
    bare = (sys.executable, "-c", "pass")
    for words, goal in ((["--version"], 3.0), (["--help"], 6.0), (["validate", COPY], 16.0)):
        starts.seconds(*words)  # compiles what is not compiled yet, and fills the caches
        starts.of(*bare)
        pairs = ((starts.seconds(*words), starts.of(*bare)) for _ in range(size.starts))
        yield Figure(f"start: pinflow {' '.join(words)}", ratio(pairs), "x python -c pass", goal)
