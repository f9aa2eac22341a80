"""The benchmark runs, and tells every figure that it is there for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).with_name("bench.py")

FIGURES = [
    r"start: pinflow --version +[\d.]+ x python -c pass +goal: at most",
    r"start: pinflow --help +[\d.]+ x python -c pass +goal: at most 6",
    r"start: pinflow validate recipes/copy_board\.yaml +[\d.]+ x python -c pass +goal: at most 16",
    r"engine: 5 reads, whole run +[\d.]+ x requests\.Session +goal: at most 1\.2",
    r"engine: 10 reads, whole run +[\d.]+ x requests\.Session +goal: at most 1\.2",
    r"engine: growth per step +[\d.]+ x 5 steps +goal: at most 1\.05",
    r"copy of 3 Pins: requests beside a POST each +[\d.]+ requests +goal: at most 15",
    r"copy of 3 Pins: speed +[\d.]+ Pins/s",
    r"copy of 30 Pins: speed +[\d.]+ Pins/s",
    r"memory: copy of 30 Pins over 3 +-?[\d.]+ MiB more at the peak +goal: at most 15",
    r"sandbox: reads answered +[\d.]+ a second +goal: at least 1500",
]


@pytest.fixture(scope="module")
def said() -> list[str]:
    finished = subprocess.run([sys.executable, BENCH, "--size", "tiny"], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.splitlines()


def test_it_tells_every_figure_with_its_goal_in_order(said: list[str]) -> None:
    assert len(said) == len(FIGURES)
    for line, figure in zip(said, FIGURES, strict=True):
        assert re.match(figure, line), line


def test_a_copy_asks_for_little_beside_the_pins(said: list[str]) -> None:
    (line,) = (line for line in said if "requests beside" in line)
    assert "MISSED" not in line
