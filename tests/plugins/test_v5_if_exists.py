"""Copies of boards whose name is taken by an earlier copy, and copies that send several Pins at a time."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import ActionError, Diverged, Forbidden
from pinflow_pinterest.copying.pin_copies import DELETED
from pinflow_pinterest_v5.actions.copying import copy_board
from pinflow_pinterest_v5.actions.pins import create_pin, delete_pin
from pinflow_sandbox.server.messages import HttpRequest, HttpResponse
from tests.plugins.conftest import Bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.plugins.conftest import Fault

SOURCE, COPY = "Garden ideas", "The copy"


@pytest.fixture
def wide(tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "recipes"
    folder.mkdir()
    made = Bench(tmp_path / "state", folder)
    yield made
    made.close()


def copy(bench: Bench, board: str = SOURCE, **given: Any) -> Any:
    return bench.run(copy_board, **{"board": board, "name": COPY, **given})


def writes(bench: Bench) -> int:
    return sum(int(str(row["count"])) for row in bench.control.requests() if row["method"] != "GET")


def makeable(bench: Bench, name: str = SOURCE) -> list[tuple[str, str | None]]:
    """What a copy of a board can show: all but the videos."""
    videos = {pin["fingerprint"] for pin in bench.board(name)["pins"] if pin["media_type"] == "video"}
    return [each for each in bench.content(name) if each[0] not in videos]


def same(bench: Bench, name: str = SOURCE) -> bool:
    return Counter(bench.content(COPY)) == Counter(makeable(bench, name))


def cut_short(bench: Bench, pins: int, name: str = SOURCE) -> None:
    """A copy that another run began and never ended: the first so many Pins are there."""
    copy(bench, name)
    for pin in bench.board(COPY)["pins"][pins:]:
        bench.run(delete_pin, pin=pin["id"])


# a copy that is there


@pytest.mark.slow
@pytest.mark.parametrize("if_exists", ["resume", "mirror"])
@pytest.mark.parametrize("pins", [0, 1, 17, 18, 29])
def test_a_copy_that_was_begun_is_completed(bench: Bench, if_exists: str, pins: int) -> None:
    cut_short(bench, pins)
    result = copy(bench, if_exists=if_exists)
    assert bench.content(COPY) == makeable(bench)
    assert (result["pins"]["created"], result["pins"]["already"], result["pins"]["total"]) == (29 - pins, pins, 30)
    assert result["sections"] == {"created": 0, "already": 3}


def test_a_whole_copy_is_left_alone(bench: Bench) -> None:
    made = copy(bench)
    bench.forget()
    result = copy(bench, if_exists="resume")
    assert writes(bench) == 0
    assert result["board"] == made["board"]
    assert [each["id"] for each in result["skipped"]] == [each["id"] for each in made["skipped"]]


@pytest.mark.parametrize("if_exists", ["resume", "mirror"])
def test_where_the_name_is_free_the_board_is_made(bench: Bench, if_exists: str) -> None:
    result = copy(bench, if_exists=if_exists)
    assert bench.content(COPY) == makeable(bench)
    assert (result["pins"]["created"], result["sections"]["created"]) == (29, 3)


def test_by_default_a_name_that_is_taken_is_refused(bench: Bench) -> None:
    copy(bench)
    with pytest.raises(ActionError, match="the account already has a board named 'The copy'"):
        copy(bench)


@pytest.mark.parametrize(("if_exists", "description"), [("resume", None), ("mirror", "Raised beds and paths")])
def test_only_if_exists_mirror_changes_the_description(bench: Bench, if_exists: str, description: str | None) -> None:
    bench.control.board(name=COPY)
    copy(bench, if_exists=if_exists)
    assert bench.board(COPY)["description"] == description


def test_extra_pins_of_the_copy_are_kept_and_logged(bench: Bench) -> None:
    copy(bench)
    bench.run(create_pin, board=bench.board_id(COPY), image_url="https://example.com/a.jpg", title="Mine")
    bench.forget()
    copy(bench, if_exists="mirror")
    assert writes(bench) == 0
    assert any(
        "the board has 1 Pins and 0 sections that the source lacks; they are kept" in each for each in bench.notes
    )


def test_a_board_is_not_completed_by_itself(bench: Bench) -> None:
    with pytest.raises(ActionError, match="can't be copied onto itself"):
        copy(bench, name=SOURCE, if_exists="resume")


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("ending", ["/boards", "/sections", "/pins"])
def test_a_killed_run_that_made_the_board_goes_on_with_its_own(
    bench: Bench, lost_answer: Callable[..., Fault], ending: str, applied: bool
) -> None:
    bench.fault = lost_answer(ending, applied=applied)
    run = bench.kill(copy_board, board=SOURCE, name=COPY, if_exists="resume")
    bench.fault = None
    copy(bench, run=run, if_exists="resume")
    assert bench.content(COPY) == makeable(bench)


@pytest.mark.parametrize("applied", [True, False])
def test_a_killed_completion_is_completed(bench: Bench, lost_answer: Callable[..., Fault], applied: bool) -> None:
    cut_short(bench, 18)  # one of the twins is there
    bench.fault = lost_answer("/pins", applied=applied)
    run = bench.kill(copy_board, board=SOURCE, name=COPY, if_exists="resume")
    bench.fault = None
    result = copy(bench, run=run, if_exists="resume")
    assert bench.content(COPY) == makeable(bench)
    assert result["pins"]["adopted"] == int(applied)


# several at a time


def losing(times: int, *, applied: bool, gather: int = 1) -> Fault:
    """Lose so many answers; the first ones wait until ``gather`` of them are on their way.

    No Pin's answer is lost more than three times: after five, a process gives up.
    """
    lost, lock, together = Counter[bytes](), threading.Lock(), threading.Barrier(gather)

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method != "POST" or not call.path.endswith("/pins"):
            return apply()
        with lock:
            spared = lost.total() >= times or lost[call.body] == 3
            if not spared:
                lost[call.body] += 1
            number = lost.total()
        if spared:
            return apply()
        if applied:
            apply()
        if number <= gather:
            together.wait(timeout=20)
        return HttpResponse(502, b"<html>Bad gateway</html>", "text/html")

    return fault


@pytest.mark.parametrize("parallel", [2, 16])
@pytest.mark.parametrize("name", [SOURCE, "Winter recipes", "Empty for now"])
def test_side_by_side_a_copy_shows_the_same(wide: Bench, name: str, parallel: int) -> None:
    result = copy(wide, name, parallel=parallel)
    assert same(wide, name)
    assert wide.section_names(COPY) == wide.section_names(name)
    assert result["pins"]["created"] == len(makeable(wide, name))


def test_parallel_limits_how_many_pins_are_sent_at_a_time(wide: Bench) -> None:
    together = threading.Barrier(4)

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "POST" and call.path.endswith("/pins") and b"small garden" in (call.body or b""):
            together.wait(timeout=20)  # fails unless four are here
        return apply()

    for pin in wide.board(SOURCE)["pins"][8:]:
        wide.run(delete_pin, pin=pin["id"])
    wide.fault = fault
    assert copy(wide, parallel=4)["pins"]["created"] == 8


def test_side_by_side_a_dry_run_counts_as_the_real_run(wide: Bench) -> None:
    dry = copy(wide, parallel=8, dry_run=True)
    real = copy(wide, parallel=8)
    assert {**dry, "board": {}} == {**real, "board": {}}


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("times", [1, 4, 12])
def test_side_by_side_lost_answers_neither_lose_nor_double(wide: Bench, times: int, applied: bool) -> None:
    wide.fault = losing(times, applied=applied, gather=min(times, 4))
    result = copy(wide, parallel=4)
    assert same(wide)
    assert result["pins"]["adopted"] == (times if applied else 0)


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("name", [SOURCE, "Surprise party"])
def test_side_by_side_a_killed_copy_is_finished_on_resume(wide: Bench, name: str, applied: bool) -> None:
    wide.fault = losing(4, applied=applied, gather=4)
    run = wide.kill(copy_board, board=name, name=COPY, parallel=4)
    wide.fault = None
    assert len(wide.board(COPY)["pins"]) < len(makeable(wide, name)) or applied
    result = copy(wide, name, run=run, parallel=4)
    assert same(wide, name)
    assert result["pins"]["adopted"] == (4 if applied else 0)


@pytest.mark.parametrize("applied", [True, False])
def test_pins_that_share_their_texts_are_sent_one_by_one(wide: Bench, applied: bool) -> None:
    """Without texts nothing else would tell which of them a new Pin is."""
    board = wide.board_id("Empty for now")
    for number in range(6):
        wide.run(create_pin, board=board, image_url=f"https://example.com/{number}.jpg")
    wide.fault = losing(3, applied=applied)
    run = wide.kill(copy_board, board="Empty for now", name=COPY, parallel=6)
    wide.fault = losing(2, applied=applied)
    copy(wide, "Empty for now", run=run, parallel=6)
    assert wide.content(COPY) == wide.content("Empty for now")


@pytest.mark.parametrize("applied", [True, False])
def test_side_by_side_a_pin_that_is_gone_is_told_or_adopted(wide: Bench, applied: bool) -> None:
    wide.fault = losing(4, applied=applied, gather=4)
    run = wide.kill(copy_board, board="Surprise party", name=COPY, parallel=4)
    wide.fault = None
    for pin in wide.board("Surprise party")["pins"][:2]:
        wide.run(delete_pin, pin=pin["id"])
    result = copy(wide, "Surprise party", run=run, parallel=4)
    assert result["pins"]["adopted"] == (4 if applied else 0)
    assert len(wide.board(COPY)["pins"]) == (4 if applied else 2)
    assert {each["reason"] for each in result["skipped"]} == (set() if applied else {DELETED})


def test_side_by_side_a_strange_pin_is_not_adopted(wide: Bench) -> None:
    lose = losing(1, applied=False)
    strangers: list[str] = []

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "POST" and call.path.endswith("/pins"):
            wide.fault = lose
            made = (
                wide.run(
                    create_pin,
                    board=wide.board_id(COPY),
                    image_url="https://example.com/a.jpg",
                    title="Not of this run",
                )
                if not strangers
                else None
            )
            strangers.extend([made["id"]] if made else [])
            return HttpResponse(502, b"<html>Bad gateway</html>", "text/html")
        return apply()

    wide.fault = fault
    with pytest.raises(Diverged, match="1 Pins appeared on the copy that match no Pin of the source"):
        copy(wide, "Surprise party", parallel=2)


def test_side_by_side_what_refuses_every_pin_ends_the_copy(wide: Bench) -> None:
    wide.control.change(trial=True)
    wide.forget()
    with pytest.raises(Forbidden, match="with trial access an app can't create Pins in production"):
        copy(wide, "Winter recipes", parallel=4)
    assert wide.calls()["pins/create"] <= 12


def test_side_by_side_a_copy_that_was_begun_is_completed(wide: Bench) -> None:
    cut_short(wide, 12)
    assert copy(wide, if_exists="resume", parallel=4)["pins"]["created"] == 17
    assert same(wide)
