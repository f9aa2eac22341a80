"""copy_board against a script that makes the same calls one after the other: how fast, and how much processor time."""

from __future__ import annotations

import json
import os
from collections import Counter
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.benchmarks.measuring import Figure, Seconds, Sizes, ratio, timed
from tests.benchmarks.runs import go, open_app, plan_copy
from tests.benchmarks.service import child, service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.benchmarks.service import Service

SECTIONS = ("One", "Two", "Three")
PAGE = 250
SMALL = 2  # Pins of the board that is copied first, in each way, to have all loaded
PARALLEL = 8
WAYS = ("bare loop", "serial", f"parallel {PARALLEL}")
MOST = 1.05  # times the bare loop's time, at the latency of a real service
LEAST = 6.0  # times as fast as the bare loop, several at a time
REAL = 0.08  # seconds; below it, processors are compared and no services


def copies(size: Sizes, folder: Path) -> Iterator[Figure]:
    """All three ways to copy one board in turns, at each latency. The journal is on, quotas are off."""
    for latency in size.latencies:
        with service() as there:
            small, board = (
                there.control("boards", name=f"Board of {pins}", pins=pins, sections=SECTIONS)["id"]
                for pins in (SMALL, size.copied)
            )
            there.control("settings", latency=latency)
            before = there.asked()
            found = child("copies", small, board, size.copies, folder, environ=there.environ)
            check(there, before, board, {way: [each["board"] for each in found[way]] for way in WAYS}, size)
        yield from _figures(found, size.copied, latency)


def _figures(found: Mapping[str, Any], pins: int, latency: float) -> Iterator[Figure]:
    name = f"copy of {pins} Pins at {1000 * latency:g} ms, "
    walls = {way: [each["wall"] for each in found[way]] for way in WAYS}
    told = {
        way: (
            pins / median(walls[way]),
            f"{1000 * median(each['processor'] for each in found[way]) / pins:.2f} ms of CPU a Pin",
        )
        for way in WAYS
    }
    bare, serial, parallel = WAYS
    yield Figure(name + bare, told[bare][0], "Pins/s", beside=told[bare][1])
    real = latency >= REAL
    slower = ratio(zip(walls[serial], walls[bare], strict=True))
    beside = f"{told[serial][0]:.2f} Pins/s, {told[serial][1]}"
    yield Figure(name + serial, slower, "x the loop's time", MOST if real else None, beside=beside)
    faster = ratio(zip(walls[bare], walls[parallel], strict=True))
    beside = f"{told[parallel][0]:.2f} Pins/s, {told[parallel][1]}"
    yield Figure(name + parallel, faster, "x the loop's speed", LEAST if real else None, more=True, beside=beside)


def check(there: Service, before: Mapping[str, int], original: str, made: Mapping[str, list[str]], size: Sizes) -> None:
    """End the benchmark if anything was lost, doubled, or asked for in vain. ``made`` has each way's copies."""
    _check_calls(there, before, size)
    check_copies(there, original, made)


def _check_calls(there: Service, before: Mapping[str, int], size: Sizes) -> None:
    """End the benchmark unless every copy made the same calls, one for each thing."""
    runs = len(WAYS) * size.copies
    warming, each = calls(SMALL), calls(size.copied)
    expected = {call: len(WAYS) * warming[call] + runs * number for call, number in each.items()}
    asked = {call: count - before.get(call, 0) for call, count in there.asked().items()}
    if asked != expected:
        raise SystemExit(f"the service was asked {asked} in all, and not {expected}")


def calls(pins: int) -> dict[str, int]:
    """What copying a board of so many Pins asks for."""
    return {
        "GET /v5/boards": 1,
        "POST /v5/boards": 1,
        "GET /v5/boards/{board_id}/sections": 2,
        "POST /v5/boards/{board_id}/sections": len(SECTIONS),
        "GET /v5/boards/{board_id}/pins": 2 * -(-pins // PAGE),
        "POST /v5/pins": pins,
    }


def check_copies(there: Service, original: str, made: Mapping[str, list[str]]) -> None:
    """End the benchmark unless every copy is like the original: in the same order, where one Pin is sent at a time."""
    boards = {board["id"]: _content(board) for board in there.control("state")["boards"]}
    for way, copied in made.items():
        for board in copied:
            same = boards[board] == boards[original]
            if not same and (way != WAYS[-1] or Counter(boards[board]) != Counter(boards[original])):
                raise SystemExit(f"the copy {board} ({way}) is not like its original")


def _content(board: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """What each Pin of a board shows, and in which section it is, in their order."""
    names = {section["id"]: section["name"] for section in board["sections"]}
    return [(pin["fingerprint"], names.get(pin["section_id"])) for pin in board["pins"]]


# -- in a process of its own


def run_copies(small: str, board: str, pairs: str, folder: str) -> int:
    """Copy a board in all ways in turns, after a small one: the id of each copy, and what it took."""
    app = open_app(Path(folder) / "copies")
    names = iter(range(1_000_000))

    def by_pinflow(original: str, parallel: int) -> str:
        result = go(app, plan_copy(app, original, name=f"Copy {next(names)}", parallel=parallel))
        return str(result.outputs["board"])

    ways: tuple[Callable[[str], str], ...] = (
        lambda original: by_hand(original, f"Copy {next(names)}"),
        lambda original: by_pinflow(original, 1),
        lambda original: by_pinflow(original, PARALLEL),
    )
    found: dict[str, list[dict[str, object]]] = {way: [] for way in WAYS}
    for copy in ways:
        copy(small)
    for number in range(int(pairs)):
        for way, copy in list(zip(WAYS, ways, strict=True))[:: -1 if number % 2 else 1]:
            copied, took = timed_copy(partial(copy, board))
            found[way].append({"board": copied, "wall": took.wall, "processor": took.processor})
    print(json.dumps(found))
    return 0


def timed_copy(copy: Callable[[], str]) -> tuple[str, Seconds]:
    """The id of a copy, and what it took to make it."""
    found: list[str] = []
    took = timed(lambda: found.append(copy()))
    return found[0], took


def by_hand(board: str, name: str) -> str:
    """What a script without pinflow would do: the same calls, one after the other. The id of the copy."""
    import requests

    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {os.environ['ACCESS_TOKEN']}"
        list(_listed(session, "boards"))
        pins = list(_listed(session, f"boards/{board}/pins"))
        sections = list(_listed(session, f"boards/{board}/sections"))
        copy = str(_post(session, "boards", {"name": name})["id"])
        placed = {each["id"]: _post(session, f"boards/{copy}/sections", {"name": each["name"]}) for each in sections}
        for pin in reversed(pins):
            body = {field: pin[field] for field in ("title", "description", "link", "alt_text") if pin.get(field)}
            media = {"source_type": "image_url", "url": pin["media"]["images"]["1200x"]["url"]}
            body |= {"board_id": copy, "media_source": media}
            if pin.get("board_section_id"):
                body["board_section_id"] = placed[pin["board_section_id"]]["id"]
            _post(session, "pins", body)
        list(_listed(session, f"boards/{copy}/pins"))
        list(_listed(session, f"boards/{copy}/sections"))
    return copy


def _listed(session: Any, path: str) -> Iterator[Any]:
    params = {"page_size": str(PAGE)}
    while True:
        answer = session.get(f"{os.environ['PINTEREST_API_URI']}/v5/{path}", params=params, timeout=30)
        answer.raise_for_status()
        page = answer.json()
        yield from page["items"]
        if not page.get("bookmark"):
            return
        params["bookmark"] = page["bookmark"]


def _post(session: Any, path: str, body: object) -> Any:
    answer = session.post(f"{os.environ['PINTEREST_API_URI']}/v5/{path}", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()
