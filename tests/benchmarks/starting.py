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


STARTS = (
    (["--version"], 1.7),
    (["--help"], 2.5),
    (["validate", COPY], 12.0),
    (["run", "get_user", "--sandbox", "-q"], 24.0),  # one step
)


class Starts:
    """Starts of the program of one environment, as after the first: all is compiled, and the caches are filled."""

    def __init__(self, python: str, folder: Path) -> None:
        self.python = python
        script = shutil.which("pinflow", path=str(Path(python).parent))
        self.program = [python, script] if script else [python, "-m", "pinflow"]
        self.environ = {
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
        subprocess.run(words, env=self.environ, cwd=PROJECT, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began


def start_up(size: Sizes, folder: Path) -> Iterator[Figure]:
    """What a person waits for, as multiples of Python's own start: installed as the README says, and editable."""
    for name, python in (("installed", _installed(folder / "environment")), ("editable", sys.executable)):
        starts = Starts(python, folder / name)
        bare = (python, "-c", "pass")
        for words, goal in STARTS:
            starts.seconds(*words)  # compiles what is not compiled yet, and fills the caches
            starts.of(*bare)
            pairs = ((starts.seconds(*words), starts.of(*bare)) for _ in range(size.starts))
            yield Figure(f"start, {name}: pinflow {' '.join(words)}", ratio(pairs), "x python -c pass", goal)


def _installed(folder: Path) -> str:
    """The Python of a fresh environment that has pinflow in it, as the README's first line makes one."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
    install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", str(PROJECT)]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    return python
