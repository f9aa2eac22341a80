"""Every action that takes a board takes its id or its exact name, and a run looks names up once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pinflow import Action, ActionError
from pinflow.testing import Project
from tests.plugins.test_v5_actions import ACTIONS, FULL_NAME, arguments, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.plugins.conftest import Bench, Fault

ON_BOARDS = [action for action in ACTIONS if any(part.name == "board" for part in action.parameters.listing())]
CHANGES = [action for action in ON_BOARDS if action.effect == "write" and action.roles == ("",)]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path) as project:
        yield project


def given_to(bench: Bench, action: Action, *, by_name: bool) -> dict[str, Any]:
    """What to call an action with; its board by its name, or by its id."""
    given = {"board": bench.board_id("Winter recipes"), **arguments(bench, action)}
    boards: Any = bench.control.state()["boards"]
    (board,) = (board for board in boards if given["board"] in (board["id"], board["name"]))
    return {**given, "board": board["name" if by_name else "id"]}


def test_no_action_takes_a_board_by_its_id_alone() -> None:
    assert len(ON_BOARDS) >= 16
    told = {action.full_name: action.parameters.problems({"board": "Garden ideas"}) for action in ON_BOARDS}
    assert [name for name, problems in told.items() if any("'board'" in str(problem) for problem in problems)] == []
    assert any("'board'" in str(problem) for problem in ON_BOARDS[0].parameters.problems({"board": ["Garden ideas"]}))


@pytest.mark.parametrize("action", CHANGES, ids=FULL_NAME)
def test_a_change_by_name_does_what_it_does_by_id(bench: Bench, action: Action) -> None:
    bench.run(action, **given_to(bench, action, by_name=False))
    expected = truth(bench)
    bench.control.reset()
    bench.run(action, **given_to(bench, action, by_name=True))
    assert truth(bench) == expected


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("action", CHANGES, ids=FULL_NAME)
def test_a_killed_change_by_name_does_once_what_it_does(
    bench: Bench, lost_answer: Callable[..., Fault], action: Action, applied: bool
) -> None:
    given = given_to(bench, action, by_name=True)
    bench.run(action, **given)
    expected = truth(bench)
    bench.control.reset()
    bench.fault = lost_answer("", applied=applied)
    run = bench.kill(action, **given)
    bench.run(action, run=run, **given)
    assert truth(bench) == expected


@pytest.mark.parametrize("action", CHANGES, ids=FULL_NAME)
def test_a_name_that_no_board_has_is_told_with_the_nearest(bench: Bench, action: Action) -> None:
    with pytest.raises(ActionError, match="the account has no board 'Gardn ideas'") as caught:
        bench.run(action, **{**arguments(bench, action), "board": "Gardn ideas"})
    assert caught.value.hint == "did you mean 'Garden ideas'?"


LOOP = """
    name: Pins by rows
    api: API
    steps:
      - id: pins
        for_each: read_csv
        with: {path: pins.csv}
        as: row
        on_error: continue
        do:
          - uses: create_pin
            with: {board: "${{ row.board }}", title: "${{ row.title }}", image_url: "${{ row.image_url }}"}
"""


def table(*boards: str) -> str:
    rows = [f"{board},Pin {n},https://example.com/{n}.jpg\n" for n, board in enumerate(boards)]
    return "".join(["board,title,image_url\n", *rows])


@pytest.mark.parametrize("api", ["v5", "v3"])
def test_a_table_of_names_costs_one_listing_of_the_boards(project: Project, api: str) -> None:
    names = ["Garden ideas", "Winter recipes"]
    project.write(table(*names * 10), "pins.csv")
    sandbox = project.sandbox_of("pinterest")
    result = project.run(LOOP.replace("API", api))
    assert (result.status, result.counts["pin"]) == ("ok", {"done": 20})
    boards: Any = sandbox.control.state()["boards"]
    titles = {board["name"]: {str(pin["title"]) for pin in board["pins"]} for board in boards}
    assert {f"Pin {n}" for n in range(0, 20, 2)} <= titles[names[0]]
    assert {f"Pin {n}" for n in range(1, 20, 2)} <= titles[names[1]]
    listings = [row for row in sandbox.control.requests() if str(row["path"]).endswith(("/v5/boards", "/boards/feed/"))]
    assert sum(int(str(row["count"])) for row in listings) == 1


def test_a_name_that_many_rows_have_and_no_board_is_looked_for_once(project: Project) -> None:
    project.write(table(*["Nowhere"] * 10, "Garden ideas"), "pins.csv")
    result = project.run(LOOP.replace("API", "v5"))
    assert (result.counts["pin"], result.failed_count) == ({"done": 1}, 10)
    assert all("the account has no board 'Nowhere'" in error for _, _, error in result.failed)
    sandbox = project.sandbox_of("pinterest")
    listings = [row for row in sandbox.control.requests() if str(row["path"]) == "/v5/boards"]
    assert sum(int(str(row["count"])) for row in listings) <= 3


MADE = """
    name: A board and what is on it
    api: v5
    steps:
      - {uses: create_pin, with: {board: Empty for now, title: A, image_url: "https://example.com/a.jpg"}}
      - {uses: delete_board, with: {board: Empty for now}}
      - {uses: create_board, with: {name: Empty for now}}
      - {uses: create_section, with: {board: Empty for now, name: Corner}}
      - {uses: create_pin, with: {board: Empty for now, title: B, image_url: "https://example.com/b.jpg"}}
      - {uses: update_board, with: {board: Empty for now, name: Full by now}}
      - {uses: create_pin, with: {board: Full by now, title: C, image_url: "https://example.com/c.jpg"}}
"""


def test_a_board_that_the_run_made_or_renamed_is_found_by_its_name(project: Project) -> None:
    result = project.run(MADE)
    assert result.error is None
    boards: Any = project.sandbox_of("pinterest").control.state()["boards"]
    (board,) = (board for board in boards if board["name"] == "Full by now")
    assert ([pin["title"] for pin in board["pins"]], len(board["sections"])) == (["B", "C"], 1)


def test_a_dry_run_finds_a_board_that_it_only_planned(project: Project) -> None:
    new = "{uses: create_pin, with: {board: Brand new, image_url: 'https://example.com/a.jpg'}}"
    result = project.run(
        f"{{name: n, api: v5, steps: [{{uses: create_board, with: {{name: Brand new}}}}, {new}]}}", dry_run=True
    )
    assert (result.error, result.counts) == (None, {"board": {"planned": 1}, "pin": {"planned": 1}})
