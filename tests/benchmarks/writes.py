"""What a durable write costs beside the bare call: one Pin more of a serial copy, in processor time and on the wall."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tests.benchmarks.copies import SECTIONS, by_hand, check_copies, timed_copy
from tests.benchmarks.measuring import Figure, Sizes, ratio
from tests.benchmarks.runs import go, open_app, plan_copy
from tests.benchmarks.service import child, service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAYS = ("bare loop", "serial")


def writes(size: Sizes, folder: Path) -> Iterator[Figure]:
    """The slope from a small board to a big one, without latency: what a run costs once is left out of it.

    The whole copy is that of the big board, with its start and its end.
    """
    small, big = size.written
    with service() as there:
        boards = {
            pins: there.control("boards", name=f"Board of {pins}", pins=pins, sections=SECTIONS)["id"]
            for pins in (small, big)
        }
        found = child("writes", boards[small], boards[big], size.writes, folder, environ=there.environ)
        for board in boards.values():
            check_copies(there, board, {way: [copy["board"] for copy in found[way][board]] for way in WAYS})
    slopes = [
        [
            (much["processor"] - little["processor"]) / (big - small)
            for little, much in zip(found[way][boards[small]], found[way][boards[big]], strict=True)
        ]
        for way in WAYS
    ]
    bare, durable = (1000 * median(slope) for slope in slopes)
    yield Figure(
        "writes: CPU of one more, durable",
        ratio(zip(slopes[1], slopes[0], strict=True)),
        "x requests.Session",
        1.25,
        beside=f"{durable:.2f} and {bare:.2f} ms from {small} to {big} Pins",
    )
    walls = [[copy["wall"] for copy in found[way][boards[big]]] for way in WAYS]
    yield Figure(
        f"writes: copy of {big} Pins on the wall",
        ratio(zip(walls[1], walls[0], strict=True)),
        "x requests.Session",
        1.5,
        beside=f"{median(walls[1]):.2f} and {median(walls[0]):.2f} s",
    )


def run_writes(small: str, big: str, pairs: str, folder: str) -> int:
    """Copy both boards in both ways in turns, after a first time that only warms up: the copies, and what they took."""
    app = open_app(Path(folder) / "writes")
    names = iter(range(1_000_000))

    def by_pinflow(original: str) -> str:
        return str(go(app, plan_copy(app, original, name=f"Copy {next(names)}", parallel=1)).outputs["board"])

    copies: dict[str, Callable[[str], str]] = {
        WAYS[0]: lambda original: by_hand(original, f"Copy {next(names)}"),
        WAYS[1]: by_pinflow,
    }
    found: dict[str, dict[str, list[dict[str, object]]]] = {way: {small: [], big: []} for way in WAYS}
    for copy in copies.values():
        copy(small)
    for _ in range(int(pairs)):
        for way, copy in copies.items():
            for board in (small, big):
                copied, took = timed_copy(partial(copy, board))
                found[way][board].append({"board": copied, "wall": took.wall, "processor": took.processor})
    print(json.dumps(found))
    return 0
