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


def start_up(size: Sizes, folder: Path) -> Iterator[Figure]:
    """What a person waits for, as multiples of Python's own start."""
    script = shutil.which("pinflow", path=str(Path(sys.executable).parent))
    program = [script] if script else [sys.executable, "-m", "pinflow"]
    environ = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),  # all is compiled, as after the first start
        "PINFLOW_CACHE_DIR": str(folder / "cache"),
        "PINFLOW_STATE_DIR": str(folder / "state"),
    }

    def seconds(*words: str) -> float:
        began = time.perf_counter()
        subprocess.run(words, env=environ, cwd=PROJECT, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began

    for words, goal in ((["--version"], 3.0), (["--help"], 6.0), (["validate", COPY], 16.0)):
        for once in ([*program, *words], [sys.executable, "-c", "pass"]):
            seconds(*once)  # compiles what is not compiled yet, and fills the caches
        pairs = ((seconds(*program, *words), seconds(sys.executable, "-c", "pass")) for _ in range(size.starts))
        yield Figure(f"start: pinflow {' '.join(words)}", ratio(pairs), "x python -c pass", goal)
