"""The benchmark runs, and tells every figure that it is there for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.copies import SMALL, WAYS, calls, check
from tests.benchmarks.measuring import SIZES, Sizes

PROJECT = Path(__file__).resolve().parents[2]
BENCH = (sys.executable, "-m", "tests.benchmarks.bench")

FIGURES = [
    *(
        rf"start, {environment}: pinflow {words} +[\d.]+ x python -c pass +goal: at most {goal}"
        for environment in ("installed", "editable")
        for words, goal in (
            ("--version", r"1\.7"),
            ("--help", r"2\.5"),
            (r"validate recipes/copy_board\.yaml", "12"),
            ("run get_user --sandbox -q", "24"),
        )
    ),
    r"start with 10 runs of each state kept +[\d.]+ x an empty state +goal: at most 1\.1.* of the first [\d.]+ x",
    r"calls: validate 300 of them +[\d.]+ s +goal: at most 0\.5.* [\d.]+ x one step",
    r"engine: 5 reads, whole run +[\d.]+ x requests\.Session +goal: at most 1\.2",
    r"engine: 10 reads, whole run +[\d.]+ x requests\.Session +goal: at most 1\.2",
    r"engine: growth per step +[\d.]+ x 5 steps +goal: at most 1\.05",
    r"3 accounts through all_accounts +[\d.]+ ms of CPU an account +goal: at most 3\.3",
    r"rows: dry run of 20 +[\d.]+ us of CPU a row +[\d.]+ s",
    r"writes: CPU of one more, durable +-?[\d.]+ x requests\.Session +goal: at most 1\.25.* from 2 to 6 Pins",
    r"writes: copy of 6 Pins on the wall +[\d.]+ x requests\.Session +goal: at most 1\.5",
    *(
        line
        for latency in ("0", "1")
        for line in (
            rf"copy of 6 Pins at {latency} ms, bare loop +[\d.]+ Pins/s +[\d.]+ ms of CPU a Pin",
            rf"copy of 6 Pins at {latency} ms, serial +[\d.]+ x the loop's time +[\d.]+ Pins/s, [\d.]+ ms of CPU a Pin",
            rf"copy of 6 Pins at {latency} ms, parallel 8 +[\d.]+ x the loop's speed +[\d.]+ Pins/s, [\d.]+ ms",
        )
    ),
    r"copy of 3 Pins: requests beside a POST each +[\d.]+ requests +goal: at most 15",
    r"copy of 3 Pins: speed +[\d.]+ Pins/s",
    r"copy of 30 Pins: speed +[\d.]+ Pins/s",
    r"memory: copy of 30 Pins over 3 +-?[\d.]+ MiB more at the peak +goal: at most 15",
    r"journal: an intent on this disk +[\d.]+ ms",
    r"journal: open with 30 effects, verified +[\d.]+ s +goal: at most 2",
    r"pacing: a call, of a shared quota +[\d.]+ us of CPU +goal: at most 300",
    r"sandbox: reads answered +[\d.]+ a second +goal: at least 1500",
    r"schedule of 20 jobs: start +[\d.]+ s +goal: at most 2",
    r"schedule of 20 jobs: a look +[\d.]+ ms +goal: at most 20",
    r"schedule of 20 jobs: memory +[\d.]+ MiB at the peak +goal: at most 200",
]


@pytest.fixture(scope="module")
def said() -> list[str]:
    finished = bench("--size", "tiny")
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.splitlines()


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*BENCH, *words], cwd=PROJECT, capture_output=True, text=True)


def test_it_tells_every_figure_with_its_goal_in_order(said: list[str]) -> None:
    assert len(said) == len(FIGURES)
    for line, figure in zip(said, FIGURES, strict=True):
        assert re.match(figure, line), line


def test_a_copy_asks_for_little_beside_the_pins(said: list[str]) -> None:
    (line,) = (line for line in said if "requests beside" in line)
    assert "MISSED" not in line


def test_an_unknown_part_is_told_with_those_that_there_are() -> None:
    finished = bench("starts")
    assert finished.returncode == 2
    assert "no such part: starts; there are: start, kept, calls, engine, accounts, rows, writes" in finished.stderr


def test_rows_are_compared_with_a_commit() -> None:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=PROJECT, capture_output=True, text=True)
    if commit.returncode:
        pytest.skip("the project is not a repository here")
    finished = bench("rows", "--size", "tiny", "--against", (name := commit.stdout.strip()))
    assert finished.returncode == 0, finished.stderr
    assert re.match(rf"rows: dry run of 20 +[\d.]+ x {name} +goal: at most 0\.85", finished.stdout.splitlines()[1])


@pytest.mark.parametrize(
    ("done", "wrong"),
    [
        ({}, ""),
        ({"lost": 1}, "is not like its original"),
        ({"doubled": 1}, "is not like its original"),
        ({"asked": 1}, "the service was asked"),
    ],
)
def test_a_copy_that_lost_or_doubled_a_pin_or_asked_too_often_is_no_figure(done: dict[str, int], wrong: str) -> None:
    size = SIZES["tiny"]
    there = Pretended(size, **done)
    if not wrong:
        check(there, {}, "1", {way: ["2"] for way in WAYS}, size)  # type: ignore[arg-type]
        return
    with pytest.raises(SystemExit, match=wrong):
        check(there, {}, "1", {way: ["2"] for way in WAYS}, size)  # type: ignore[arg-type]


class Pretended:
    """A service with one board and its copy, from which something may be missing."""

    def __init__(self, size: Sizes, *, lost: int = 0, doubled: int = 0, asked: int = 0) -> None:
        self._asked = {
            call: len(WAYS) * (calls(SMALL)[call] + size.copies * number + asked)
            for call, number in calls(size.copied).items()
        }
        pins = [{"fingerprint": str(number), "section_id": None} for number in range(size.copied)]
        self._boards = [
            {"id": "1", "sections": [], "pins": pins},
            {"id": "2", "sections": [], "pins": pins[lost:] + pins[:doubled]},
        ]

    def asked(self) -> dict[str, int]:
        return self._asked

    def control(self, name: str) -> dict[str, object]:
        assert name == "state"
        return {"boards": self._boards}
