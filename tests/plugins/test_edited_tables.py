"""A table is edited before its run is resumed: what was made stays, what failed is done anew, nothing is doubled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.errors import DOUBT, Diverged, UsageError
from pinflow.testing import Project
from pinflow.testing.project import Killed
from pinflow_sandbox import start
from pinflow_sandbox.server.messages import ConnectionDropped, HttpResponse
from pinflow_sandbox.world import pins

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pinflow.events import Event
    from pinflow_sandbox.server.messages import HttpRequest

RECIPE = """
    name: Pins of a table
    api: v5
    steps:
      - id: board
        uses: get_board
        with: {board: Garden ideas}
      - id: pins
        for_each: read_csv
        with: {path: pins.csv}
        as: row
        do:
          - id: pin
            name: ${{ row?.note ?? "no note" }}
            uses: create_pin
            with:
              board: ${{ steps.board.id }}
              title: ${{ row.title }}
              description: ${{ row?.description }}
              image_url: ${{ row.image_url }}
    outputs: {rows: "${{ steps.pins.count }}", made: "${{ steps.pins.ok }}", before: "${{ steps.pins.already }}"}
"""
HEADER = "title,description,image_url,note"


def row(name: str, *, description: str = "", note: str = "", image: str | None = None) -> str:
    return f"{name},{description or f'about {name}'},{image or f'https://example.com/{name}.jpg'},{note}"


class Table:
    """A project with a table beside the recipe; ``titles`` are those of the Pins that it made on the board."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.refused: set[str] = set()  # titles of Pins that the service refuses
        self.lost: dict[str, bool] = {}  # title of a Pin whose answer is lost, once -> whether it was made
        self.is_down = False  # as it is from a lost answer on, until the process has ended
        sandbox = start(now=project.clock, faults=self._answer)
        project._sandboxes["pinterest"] = project._open.enter_context(sandbox)
        self.before = set(self._pins())

    def _answer(self, call: HttpRequest, apply: Any) -> HttpResponse:
        if self.is_down:
            return HttpResponse(503, b"{}")
        title = json.loads(call.body).get("title") if (call.method, call.path) == ("POST", "/v5/pins") else None
        if title in self.refused:
            return HttpResponse(400, b'{"code": 235, "message": "Could not fetch the image."}')
        if title not in self.lost:
            return apply()  # type: ignore[no-any-return]
        if self.lost.pop(title):
            apply()
        self.is_down = True
        raise ConnectionDropped(HttpResponse(201, b"{}"), sent=0)

    def write(self, *rows: str, header: str = HEADER) -> None:
        self.project.write("\n".join([header, *rows]) + "\n", "pins.csv")

    def _pins(self) -> dict[str, Any]:
        boards: Any = self.project.sandbox_of("pinterest").control.state()["boards"]
        return {pin["id"]: pin for board in boards for pin in board["pins"]}

    @property
    def titles(self) -> list[str]:
        return sorted(pin["title"] for id_, pin in self._pins().items() if id_ not in self.before)

    def id_of(self, title: str) -> str:
        (id_,) = (id_ for id_, pin in self._pins().items() if pin["title"] == title and id_ not in self.before)
        return id_

    def kill(self, *rows: str, after: int, recipe: str = RECIPE) -> None:
        """Run the recipe over these rows, and end it like a kill after so many Pins."""
        self.write(*rows)
        self.project.kill(recipe, after=after)

    def lose(self, title: str, *rows: str, made: bool, recipe: str = RECIPE) -> None:
        """Run the recipe, and end it like a kill when the answer for this Pin was lost and nothing could tell more."""
        self.write(*rows)
        self.lost[title] = made

        def kill(event: Event) -> None:
            if self.is_down:
                raise Killed

        with pytest.raises(Killed):
            self.project.run(recipe, report=[kill])
        self.is_down = False


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    with Project(tmp_path) as project:
        yield Table(project)


ROWS = [row(name) for name in ("ash", "birch", "cedar", "date")]


def edited(number: int, text: str) -> list[str]:
    """The rows with another one at this number, as a spreadsheet counts them."""
    return [text if n == number else each for n, each in enumerate(ROWS, 2)]


def test_a_row_that_was_made_and_edited_is_told_and_not_made_again(table: Table) -> None:
    table.kill(*ROWS, after=3)  # that of row 4 is made, and the row not done yet
    table.write(*edited(3, row("birch", description="taller than I thought")))
    result = table.project.resume()
    assert (result.status, result.outputs) == ("ok", {"rows": 4, "made": 4, "before": 0})
    assert table.titles == ["ash", "birch", "cedar", "date"]
    assert result.warnings == (
        f"row 3 was made before it changed: Pin {table.id_of('birch')}",
        f"what was made before it changed stays as it is; to make it anew: pinflow resume {result.run} --remake",
    )


def test_so_is_one_that_was_made_and_not_done_yet(table: Table) -> None:
    table.kill(*ROWS, after=2)
    table.write(*edited(3, row("birch", description="taller than I thought")))
    result = table.project.resume()
    assert (result.status, result.outputs) == ("ok", {"rows": 4, "made": 4, "before": 0})
    assert table.titles == ["ash", "birch", "cedar", "date"]
    assert result.warnings[0] == f"row 3 was made before it changed: Pin {table.id_of('birch')}"


def test_so_is_one_of_which_a_part_was_made(table: Table) -> None:
    again = "{board: '${{ steps.board.id }}', title: '${{ row.title }} again', image_url: '${{ row.image_url }}'}"
    recipe = RECIPE.replace("    outputs:", f"          - {{uses: create_pin, with: {again}}}\n    outputs:")
    table.write(*ROWS)
    table.refused.add("birch again")
    assert table.project.run(recipe).status == "failed"
    table.write(*edited(3, row("beech", image="https://example.com/birch.jpg")))
    result = table.project.resume()
    assert (result.status, result.warnings[0]) == (
        "ok",
        f"row 3 was made before it changed: Pin {table.id_of('birch')}",
    )
    assert [title for title in table.titles if title.startswith("b")] == ["beech again", "birch"]


@pytest.mark.parametrize("after", [2, 3])
def test_it_is_made_anew_where_that_is_asked_for_and_once(table: Table, after: int) -> None:
    table.kill(*ROWS, after=after)
    table.write(*edited(3, row("beech", image="https://example.com/birch.jpg")))
    result = table.project.resume(remake=True)
    assert (result.status, result.outputs) == ("ok", {"rows": 4, "made": after + 2, "before": 0})
    assert table.titles == ["ash", "beech", "birch", "cedar", "date"]


def test_a_row_whose_pin_is_gone_is_called_by_its_number(table: Table) -> None:
    table.kill(*ROWS, after=3)
    world = table.project.sandbox_of("pinterest").world
    gone = table.id_of("birch")
    pins.remove_pin(world, world.pins[gone])
    result = table.project.resume()
    assert isinstance(result.error, Diverged)
    assert f"1 that were made are not there: {gone} (item 3)" in result.error.message
    with pytest.raises(UsageError, match="no item '33' in this run"):
        table.project.resume(not_made=["33"])
    assert table.project.resume(not_made=["3"]).ok
    assert table.titles == ["ash", "birch", "cedar", "date"]


def test_what_is_told_of_a_done_run_can_be_made_anew_afterwards(table: Table) -> None:
    table.kill(*ROWS, after=3)
    table.write(*edited(3, row("beech", image="https://example.com/birch.jpg")))
    run = table.project.resume()
    assert (run.status, run.warnings[1].endswith(f"to make it anew: pinflow resume {run.run} --remake")) == ("ok", True)
    result = table.project.resume(remake=True)
    assert (result.status, result.outputs["made"]) == ("ok", 5)
    assert table.titles == ["ash", "beech", "birch", "cedar", "date"]
    assert table.project.resume(remake=True).ok  # and only once
    assert table.titles == ["ash", "beech", "birch", "cedar", "date"]
    with pytest.raises(UsageError, match="is done; nothing to resume"):
        table.project.resume()


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        (edited(2, row("ash", note="checked")), HEADER),  # a cell that only names the step
        ([f"{each},new" for each in ROWS], f"{HEADER},status"),  # a new column
        ([f",{each}" for each in ROWS], f"place,{HEADER}"),
        (ROWS[::-1], HEADER),  # another order
        (ROWS, HEADER.upper().replace("_", " ")),  # other names of the same columns
    ],
)
def test_what_no_step_uses_changes_nothing(table: Table, rows: list[str], header: str) -> None:
    table.kill(*ROWS, after=3)
    table.write(*rows, header=header)
    result = table.project.resume()
    assert (result.status, result.outputs, result.warnings) == ("ok", {"rows": 4, "made": 4, "before": 0}, ())
    assert table.titles == ["ash", "birch", "cedar", "date"]


def test_rows_that_are_new_are_made_and_rows_that_are_gone_are_told(table: Table) -> None:
    table.kill(*ROWS, after=2)
    table.write(ROWS[1], ROWS[2], row("elm"), row("fir"))
    gone = table.id_of("ash")
    result = table.project.resume()
    assert (result.status, table.titles) == ("ok", ["ash", "birch", "cedar", "elm", "fir"])
    assert result.warnings == (f"row 2 is gone from the source, and was made: Pin {gone}",)


def test_a_row_that_moves_up_to_the_place_of_one_that_is_gone_is_made(table: Table) -> None:
    table.kill(*ROWS, after=3)
    table.write(ROWS[0], ROWS[3], row("elm"))
    result = table.project.resume()
    assert (result.status, table.titles) == ("ok", ["ash", "birch", "cedar", "date", "elm"])
    assert result.warnings == tuple(
        f"row {number} is gone from the source, and was made: Pin {table.id_of(title)}"
        for number, title in ((3, "birch"), (4, "cedar"))
    )


def test_a_row_that_was_replaced_in_its_place_counts_as_edited(table: Table) -> None:
    table.kill(*ROWS, after=3)
    table.write(*edited(2, row("elm")))
    result = table.project.resume()
    assert (result.status, table.titles) == ("ok", ["ash", "birch", "cedar", "date"])
    assert result.warnings[0] == f"row 2 was made before it changed: Pin {table.id_of('ash')}"


def test_a_row_is_found_again_where_others_were_put_before_it(table: Table) -> None:
    table.kill(*ROWS, after=3)
    table.write(row("elm"), row("fir"), ROWS[0], row("birch", description="edited"), *ROWS[2:])
    result = table.project.resume()
    assert (result.status, table.titles) == ("ok", ["ash", "birch", "cedar", "date", "elm", "fir"])
    assert result.warnings[0] == f"row 5 was made before it changed: Pin {table.id_of('birch')}"


def test_a_row_that_failed_is_done_anew_with_what_it_says_now(table: Table) -> None:
    table.write(*edited(4, row("cider")))
    table.refused.add("cider")
    failed = table.project.run(RECIPE)
    assert (failed.status, table.titles) == ("failed", ["ash", "birch", "date"])
    table.write(*ROWS)
    result = table.project.resume()
    assert (result.status, result.outputs, result.warnings) == ("ok", {"rows": 4, "made": 4, "before": 0}, ())
    assert table.titles == ["ash", "birch", "cedar", "date"]


def test_equal_rows_are_each_made_and_none_of_them_twice(table: Table) -> None:
    table.kill(ROWS[0], ROWS[1], ROWS[0], ROWS[0], after=3)
    result = table.project.resume()
    assert (result.status, table.titles) == ("ok", ["ash", "ash", "ash", "birch"])


def test_a_row_with_a_key_is_the_same_row_whatever_it_says(table: Table) -> None:
    recipe = RECIPE.replace("as: row", "as: row\n        key: ${{ row.title }}")
    table.kill(*ROWS, after=3, recipe=recipe)
    table.write(*edited(3, row("birch", description="edited")))
    result = table.project.resume()
    assert (result.status, table.titles) == ("ok", ["ash", "birch", "cedar", "date"])
    assert result.warnings[0] == f"row 3 was made before it changed: Pin {table.id_of('birch')}"


def test_a_row_with_a_key_is_made_anew_once_where_that_is_asked_for(table: Table) -> None:
    recipe = RECIPE.replace("as: row", "as: row\n        key: ${{ row.title }}")
    table.kill(*ROWS, after=3, recipe=recipe)
    table.write(*edited(3, row("birch", description="edited")))
    table.project.stop.set()
    assert table.project.resume(remake=True).status == "cancelled"
    table.project.stop.clear()
    assert table.project.resume(remake=True).ok
    assert table.titles == ["ash", "birch", "birch", "cedar", "date"]


# -- what may have been made


def test_what_was_sent_before_it_changed_and_is_there_is_adopted_and_told(table: Table) -> None:
    table.lose("cedar", *ROWS, made=True)
    table.write(*edited(4, row("cedar", image="https://example.com/other.jpg")))
    result = table.project.resume()
    assert (result.status, table.titles) == ("ok", ["ash", "birch", "cedar", "date"])
    assert result.warnings[0] == f"row 4 was made before it changed: Pin {table.id_of('cedar')}"


def test_what_was_sent_before_it_changed_and_is_not_there_is_not_sent_as_it_is_now_in_silence(table: Table) -> None:
    table.lose("cedar", *ROWS, made=False)
    table.write(*edited(4, row("cider", image="https://example.com/cedar.jpg")))
    table.project.approve = None
    result = table.project.resume()
    assert (result.status, result.exit_code) == ("in_doubt", DOUBT)
    assert "row 4 was sent before it changed, and the target does not show it" in str(result.error)
    assert f"pinflow resume {result.run} --accept-changes" in str(result.error)
    assert "cider" not in table.titles
    accepted = table.project.resume(accept_changes=True)
    assert (accepted.status, table.titles) == ("ok", ["ash", "birch", "cider", "date"])


def test_a_person_may_let_it_go(table: Table) -> None:
    table.lose("cedar", *ROWS, made=False)
    table.write(*edited(4, row("cider", image="https://example.com/cedar.jpg")))
    asked: list[str] = []

    def yes(question: str) -> bool:
        asked.append(question)
        return True

    table.project.approve = yes
    assert table.project.resume().ok
    assert asked == ["row 4 was sent before it changed, and the target does not show it. Send it as it is now?"]
    assert table.titles == ["ash", "birch", "cider", "date"]


def test_a_row_that_is_gone_while_its_outcome_is_unknown_is_not_forgotten(table: Table) -> None:
    table.lose("cedar", *ROWS, made=True)
    table.write(*ROWS[:2], ROWS[3])
    result = table.project.resume()
    assert (result.status, table.titles) == ("ok", ["ash", "birch", "cedar", "date"])
    assert result.warnings == (f"row 4 is gone from the source, and was made: Pin {table.id_of('cedar')}",)


def test_a_row_that_is_gone_and_that_no_look_shows_is_left_to_a_person(table: Table) -> None:
    table.lose("cedar", *ROWS, made=False)
    table.write(*ROWS[:2], ROWS[3])
    result = table.project.resume()
    assert (result.status, result.exit_code, table.titles) == ("in_doubt", DOUBT, ["ash", "birch", "date"])
    assert "1 pin may have been made" in str(result.error)
    assert f"pinflow resume {result.run} --made ITEM=ID, or --not-made ITEM" in str(result.error)
    table.write(*ROWS)
    assert table.project.resume().ok
    assert table.titles == ["ash", "birch", "cedar", "date"]


# -- what is the same after a resume


@pytest.mark.parametrize("made", [True, False])
def test_a_title_with_the_time_is_sent_once_whatever_the_time_is_then(table: Table, made: bool) -> None:
    recipe = RECIPE.replace("${{ row.title }}", "${{ row.title }} of ${{ now() }}")
    stamp = "2027-01-15T08:00:00+00:00"
    table.lose(f"cedar of {stamp}", *ROWS, made=made, recipe=recipe)
    table.project.clock.now += 3 * 86_400
    table.project.approve = None
    assert table.project.resume().ok
    assert table.titles == [f"{name} of {stamp}" for name in ("ash", "birch", "cedar", "date")]


def test_a_row_that_is_new_is_made_although_its_loop_had_ended(table: Table) -> None:
    recipe = RECIPE.replace("    outputs:", "      - {id: last, uses: get_board, with: {board: Nowhere}}\n    outputs:")
    table.write(*ROWS)
    assert table.project.run(recipe).status == "failed"
    table.write(*ROWS, row("elm"))
    table.project.resume()
    assert table.titles == ["ash", "birch", "cedar", "date", "elm"]
    table.project.resume()
    assert table.titles == ["ash", "birch", "cedar", "date", "elm"]
