"""New and saved Pins in loops: what the service only says it made, makes late, suppresses or rewrites is told."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from pinflow_sandbox.control.faults import FaultProfile
from pinflow_sandbox.server.messages import ConnectionDropped
from tests.faults.conftest import scaled
from tests.faults.test_write_audit import Studio, studio

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow_sandbox.server.messages import HttpRequest, HttpResponse

__all__ = ["studio"]  # the fixture

COUNT = 8
LOOP = """
steps:
  - {{id: board, uses: get_board, with: {{board: Empty for now}}}}
  - id: all
    for_each: ${{{{ [1, 2, 3, 4, 5, 6, 7, 8] }}}}
    as: row
    parallel: {parallel}
    do:
      - {{id: it, uses: {action}, with: {{board: "${{{{ steps.board.id }}}}", {given}}}}}
"""
GIVEN = {
    "distinct": ("create_pin", 'image_url: "https://example.com/${{ row }}.jpg", title: "Pin ${{ row }}"'),
    "equal": ("create_pin", 'image_url: "https://example.com/a.jpg", title: Same'),
    "alike": ("create_pin", 'image_url: "https://example.com/${{ row }}.jpg"'),
    "saved": ("save_pin", 'pin: "{origin}"'),
}


def recipe(studio: Studio, name: str, parallel: int = 1) -> str:
    action, given = GIVEN[name]
    origin = studio.board("Garden ideas")["pins"][0]["id"]
    return LOOP.format(action=action, given=given.replace("{origin}", origin), parallel=parallel)


def pins(studio: Studio) -> list[Any]:
    return list(studio.board("Empty for now")["pins"])


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("parallel", [1, 4])
def test_an_honest_service_is_asked_for_little_more(studio: Studio, name: str, parallel: int) -> None:
    began = studio.time.now()
    result = studio.run(recipe(studio, name, parallel))
    assert result.ok, result.error
    assert len(pins(studio)) == COUNT
    assert studio.time.now() == began
    reads = studio.calls("GET")
    assert reads.total() <= 8, reads


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("lie", ["nothing_made", "vanished"])
def test_a_pin_that_was_answered_and_is_not_there_is_told(studio: Studio, name: str, lie: str) -> None:
    studio.lie(**{lie: 0.3}, seed=4)
    result = studio.run(recipe(studio, name))
    lied: Any = studio.sandbox.control.faults()["counts"]
    assert lied[lie] > 0
    assert result.exit_code == 7, result.error
    assert len(pins(studio)) == COUNT - lied[lie]


def test_equal_pins_that_the_service_suppresses_are_told(studio: Studio) -> None:
    studio.lie(suppressed=1.0)
    result = studio.run(recipe(studio, "equal"))
    (pin,) = pins(studio)
    told = [warning for warning in result.warnings if f"answered with {pin['id']}, which was there before" in warning]
    assert len(told) == COUNT - 1 or result.exit_code == 7


@pytest.mark.parametrize("name", ["distinct", "equal"])
def test_texts_that_the_service_rewrites_double_nothing(studio: Studio, name: str) -> None:
    studio.sandbox.control.change(faults=FaultProfile(rewritten=1.0, reset_after=0.2, seed=3))
    result = studio.run(recipe(studio, name))
    for _ in range(5):
        if result.ok:
            break
        result = studio.resume()
    assert len(pins(studio)) <= COUNT or result.exit_code == 7


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("late", [40.0, 200.0, 299.0])
def test_a_pin_that_is_made_minutes_after_its_answer_was_lost_is_told(studio: Studio, name: str, late: float) -> None:
    """The third creation is applied only later; what the run says must be so once it has been."""
    seen = Counter[str]()

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        for moment, act in list(waiting):
            if studio.time.now() >= moment:
                waiting.remove((moment, act))
                act()
        if call.method == "GET":
            return apply()
        seen["writes"] += 1
        if seen["writes"] == 3:
            waiting.append((studio.time.now() + late, apply))
            raise ConnectionDropped(reset=True)
        return apply()

    waiting: list[tuple[float, Callable[[], HttpResponse]]] = []
    studio.fault = fault
    result = studio.run(recipe(studio, name))
    for _, act in waiting:
        act()
    made = Counter(pin["fingerprint"] for pin in pins(studio)).total()
    assert (made == COUNT) == result.ok, (made, result.error)
    assert result.exit_code in (0, 7)


def test_what_the_run_itself_changes_moves_and_deletes_afterwards_is_not_missed(studio: Studio) -> None:
    garden = studio.board("Garden ideas")
    after = f"""
      - {{id: change, uses: update_pin, with: {{pin: "${{{{ steps.it.id }}}}", title: Other}}}}
      - {{id: away, uses: update_pin, with: {{pin: "${{{{ steps.it.id }}}}", board: "{garden["id"]}",
          section: "{garden["sections"][0]["id"]}"}}}}
      - {{id: gone, if: "${{{{ row > 4 }}}}", uses: delete_pin, with: {{pin: "${{{{ steps.it.id }}}}"}}}}
"""
    began = studio.time.now()
    result = studio.run(recipe(studio, "distinct").rstrip() + after)
    assert result.ok, result.error
    assert studio.time.now() == began
    assert len(studio.board("Garden ideas")["pins"]) == len(garden["pins"]) + 4


def test_a_later_step_on_the_same_board_is_audited_alone(studio: Studio) -> None:
    more = (
        recipe(studio, "alike").partition("steps:")[2].replace("id: board", "id: again").replace("id: all", "id: more")
    )
    result = studio.run(recipe(studio, "distinct") + more)
    assert result.ok, result.error
    assert studio.calls("GET")["GET /boards/{board_id}/pins"] == 3  # what was there before, and two audits


def test_a_dry_run_foresees_the_reads_of_creations(studio: Studio) -> None:
    planned = studio.run(recipe(studio, "distinct"), dry_run=True)
    result = studio.run(recipe(studio, "distinct"))
    assert planned.forecast is not None
    foreseen, made = planned.forecast.calls["access_token"], result.calls["access_token"]
    assert foreseen["org_write"] == made["org_write"]
    assert made["org_read"] - foreseen["org_read"] in (0, 1)  # an empty board is asked for its number of Pins as well


MIXED = """
steps:
  - {{id: board, uses: get_board, with: {{board: Empty for now}}}}
  - id: all
    for_each: ${{{{ [1, 2, 3, 4, 5, 6] }}}}
    as: row
    parallel: {parallel}
    do:
      - id: made
        uses: create_pin
        with:
          board: ${{{{ steps.board.id }}}}
          image_url: "https://example.com/${{{{ row }}}}.jpg"
          title: "Pin ${{{{ row }}}}"
      - {{id: saved, uses: save_pin, with: {{board: "${{{{ steps.board.id }}}}", pin: "{origin}"}}}}
"""


@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("seed", range(scaled(6, 100)))
def test_new_and_saved_pins_of_one_board_are_not_taken_for_each_other(studio: Studio, seed: int, parallel: int) -> None:
    """Of a saved Pin other fields are known than of a new one: only its origin reads back."""
    origin = studio.board("Garden ideas")["pins"][0]["id"]
    studio.sandbox.control.change(
        faults=FaultProfile(
            seed=seed, reset_after=0.15, reset_before=0.1, late=0.05, late_seconds=50.0, listing_lag=5.0
        )
    )
    result = studio.run(MIXED.format(parallel=parallel, origin=origin))
    told = str(result.error)
    for _ in range(8):
        result = result if result.ok else studio.resume()
    assert result.ok, result.error
    studio.time.sleep(600.0)
    made = Counter(pin["parent_pin_id"] for pin in pins(studio))
    assert made == {None: 6, origin: 6} or f"{made.total() - 12} like them are there in addition" in told
