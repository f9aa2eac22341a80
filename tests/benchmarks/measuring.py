"""How figures are taken and told: sizes, pairs that are measured in turns, seconds by two clocks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of everything."""

    starts: int  # pairs of each start-up
    steps: int  # of the engine's run
    more_steps: int  # of the longer run
    pairs: int  # of runs and bare loops
    copied: int  # Pins of the board that pinflow and the bare loop copy
    copies: int  # pairs of copies
    written: tuple[int, int]  # Pins of the boards whose copies tell what one more write costs
    writes: int  # pairs of them
    latencies: tuple[float, ...]  # seconds that the service takes to answer them
    pins: int  # of the small board whose copy's memory is measured
    more_pins: int  # of the big board
    calls: int  # that the sandbox answers, and that are paced
    jobs: int  # that are scheduled
    accounts: int  # that one run goes through
    rows: int  # of a table
    tables: int  # pairs of runs of it
    against: str = ""  # a commit to compare with, where a figure can be
    kept: int  # runs of each state that a state folder has


SIZES = {
    "full": Sizes(
        starts=21,
        steps=1000,
        more_steps=5000,
        pairs=5,
        copied=500,
        copies=3,
        written=(20, 900),
        writes=5,
        latencies=(0.0, 0.02, 0.08),
        pins=1000,
        more_pins=50_000,
        calls=20_000,
        jobs=10_000,
        accounts=2_000,
        rows=100_000,
        tables=3,
        kept=10_000,
    ),
    "quick": Sizes(
        starts=9,
        steps=500,
        more_steps=2000,
        pairs=3,
        copied=500,
        copies=1,
        written=(20, 900),
        writes=2,
        latencies=(0.0, 0.02, 0.08),
        pins=500,
        more_pins=5000,
        calls=6000,
        jobs=10_000,
        accounts=500,
        rows=20_000,
        tables=3,
        kept=2_000,
    ),
    "tiny": Sizes(
        starts=1,
        steps=5,
        more_steps=10,
        pairs=1,
        copied=6,
        copies=1,
        written=(2, 6),
        writes=1,
        latencies=(0.0, 0.001),
        pins=3,
        more_pins=30,
        calls=40,
        jobs=20,
        accounts=3,
        rows=20,
        tables=1,
        kept=10,
    ),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One result. ``goal`` is the worst that is good: the most, or the least where ``more`` is better; None is none.

    ``beside`` is what else the same measurement told.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    more: bool = False
    beside: str = ""

    def __str__(self) -> str:
        told = [f"{self.name:<44} {self.value:>9.2f} {self.unit:<22}"]
        if self.goal is not None:
            missed = self.value < self.goal if self.more else self.value > self.goal
            told.append(f"goal: at {'least' if self.more else 'most'} {self.goal:g}{'  MISSED' if missed else ''}")
        return "  ".join([*told, *filter(None, [self.beside])]).rstrip()


def ratio(pairs: Iterable[tuple[float, float]]) -> float:
    """The median of the ratios of pairs that were measured one after the other."""
    return median(one / other for one, other in pairs)


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long something took, and how long the processor worked for this process meanwhile."""

    wall: float
    processor: float


def timed(work: Callable[[], object]) -> Seconds:
    """What ``work`` takes."""
    began, worked = time.perf_counter(), time.process_time()
    work()
    return Seconds(time.perf_counter() - began, time.process_time() - worked)
