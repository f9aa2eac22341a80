"""Undoing a run: what it made goes, and nothing else. Through the command line, against the sandbox."""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.__main__ import main
from pinflow.app import App
from pinflow.cli.shell import Shell
from pinflow.clock import Clock
from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.world import boards, pins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pinflow_sandbox.server.messages import HttpRequest, HttpResponse

STUDIO = "garden_studio"
SINGLE = """\
name: Single things
api: v5
steps:
  - id: section
    uses: create_section
    with: {board: BOARD, name: New section}
  - for_each: ${{ range(3) }}
    as: number
    do:
      - uses: create_pin
        with:
          board: BOARD
          section: ${{ steps.section.id }}
          title: Pin ${{ number }}
          image_url: https://example.com/${{ number }}.jpg
"""


class Terminal(io.StringIO):
    """A stream at which a person sits."""

    def isatty(self) -> bool:
        return True


class Desk:
    """Runs commands against a sandbox on a time of its own."""

    def __init__(self, folder: Path, installed: App) -> None:
        self.folder = folder
        self.now = 1_800_000_000.0
        self.fault: Callable[[HttpRequest, Callable[[], HttpResponse]], HttpResponse] | None = None
        self.sandbox: Sandbox = start(now=lambda: self.now, settings=Settings(quotas=False), faults=self._faults)
        self.stdout = self.stderr = ""
        self._installed = installed
        world = self.sandbox.world
        world.clear(1)
        world.add_account(STUDIO)
        self.original = boards.add_board(world, STUDIO, "Original", created=self.now - 1e6)
        sections = [
            None,
            boards.add_section(world, self.original, "One"),
            boards.add_section(world, self.original, "Two"),
        ]
        for number in range(7):
            pins.add_pin(
                world, self.original, number, section=sections[number % 3], created=self.now - 1e6 + 60 * number
            )

    def __call__(self, *words: str, answers: str | None = None) -> int:
        self.now += 60
        out = io.StringIO()
        stdin, err = (io.StringIO(), io.StringIO()) if answers is None else (Terminal(answers), Terminal())
        environ = {
            **self.sandbox.environment(),
            "PINFLOW_STATE_DIR": str(self.folder / "state"),
            "PINFLOW_CACHE_DIR": str(self.folder / "cache"),
            "TERM": "dumb",
        }
        code = main(words, shell=Shell(stdin, out, err, environ, self._app))
        self.stdout, self.stderr = out.getvalue(), err.getvalue()
        return code

    def _app(self, environ: Any, plugins: Any) -> App:
        app = self._installed
        return App(
            app.registry,
            app._manager,
            environ,
            clock=Clock(lambda: self.now, lambda: self.now, self._sleep),
        )

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def _faults(self, call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        return apply() if self.fault is None else self.fault(call, apply)

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    def run(self, recipe: str, *words: str) -> str:
        """Run a recipe to its end; the run's id."""
        assert self("run", recipe, *words, "--output", "json") == 0, self.stderr
        return str(self.json["run"])

    def copy(self) -> str:
        return self.run("copy_board", "-i", "board=Original", "-i", "name=The copy")

    def single(self) -> str:
        recipe = self.folder / "single.yaml"
        recipe.write_text(SINGLE.replace("BOARD", str(self.board("Original")["id"])))
        return self.run(str(recipe))

    def state(self) -> dict[str, Any]:
        state: Any = self.sandbox.control.state()
        return {board["name"]: board for board in state["boards"]}

    def board(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.state()[name]
        return found

    def deletions(self) -> list[str]:
        rows: list[Any] = list(self.sandbox.control.requests())
        return [f"{row['path'].split('/')[2]} {row['status']}" for row in rows if row["method"] == "DELETE"]


@pytest.fixture(scope="session")
def installed() -> App:
    return App.installed(os.environ)


@pytest.fixture
def desk(tmp_path: Path, installed: App) -> Iterator[Desk]:
    made = Desk(tmp_path, installed)
    yield made
    made.sandbox.stop()


def test_a_board_that_holds_only_what_the_run_made_goes_in_one_call(desk: Desk) -> None:
    before = desk.state()
    run = desk.copy()
    assert desk("undo", run, "--yes") == 0
    assert desk.state() == before
    assert desk.deletions() == ["boards 204"]
    assert "to be deleted:" in desk.stderr
    assert "1 board: " in desk.stderr
    assert "with 7 inside, all made by the run" in desk.stderr


def test_a_board_with_something_else_on_it_stays_and_only_the_runs_pins_go(desk: Desk) -> None:
    run = desk.copy()
    world = desk.sandbox.world
    copy = next(board for board in world.boards.values() if board.name == "The copy")
    pins.add_pin(world, copy, 99, section=None, created=desk.now)
    assert desk("undo", run, "--yes") == 0
    assert len(desk.board("The copy")["pins"]) == 1
    assert desk.board("The copy")["sections"] == []
    assert len(desk.board("Original")["pins"]) == 7
    assert f"kept: board {copy.id} contains 1 that the run did not make" in desk.stderr


def test_a_section_with_something_else_in_it_stays(desk: Desk) -> None:
    run = desk.single()
    world = desk.sandbox.world
    section = next(each for each in world.sections.values() if each.name == "New section")
    pins.add_pin(world, desk.original, 99, section=section, created=desk.now)
    assert desk("undo", run, "--yes") == 0
    assert [each["name"] for each in desk.board("Original")["sections"]] == ["One", "Two", "New section"]
    assert len(desk.board("Original")["pins"]) == 8
    assert f"kept: section {section.id} contains 1" in desk.stderr


def test_what_was_put_on_a_board_of_others_goes_one_by_one(desk: Desk) -> None:
    before = desk.state()
    run = desk.single()
    assert desk("undo", run, "--yes", "--output", "json") == 0
    assert desk.json["counts"] == {"pin": {"done": 3}, "section": {"done": 1}}
    assert desk.state() == before


def test_a_dry_run_shows_what_would_go_and_deletes_nothing(desk: Desk) -> None:
    run = desk.single()
    before = desk.state()
    assert desk("undo", run, "--dry-run") == 0
    assert desk.stdout.splitlines()[0] == f"Made by run {run} (Single things), to be deleted:"
    ids = [pin["id"] for pin in reversed(desk.board("Original")["pins"][-3:])]
    assert f"  3 pins: {', '.join(ids)}" in desk.stdout
    assert "  1 section: " in desk.stdout
    assert desk("undo", run, "--dry-run", "--output", "json") == 0
    assert [each["id"] for each in desk.json["delete"][:3]] == ids
    assert desk.state() == before
    assert desk.deletions() == []


def test_nobody_asked_and_nobody_there_to_ask_is_a_refusal(desk: Desk) -> None:
    run = desk.copy()
    before = desk.state()
    assert desk("undo", run) == 5
    assert "isn't approved" in desk.stderr
    assert desk("undo", run, answers="n\n") == 5
    assert desk.state() == before


def test_a_person_is_asked_and_says_yes(desk: Desk) -> None:
    run = desk.copy()
    assert desk("undo", run, answers="y\n") == 0
    assert "This deletes 1 board and can't be undone. Continue?" in desk.stderr
    assert list(desk.state()) == ["Original"]


def test_a_board_goes_as_a_whole_where_its_api_deletes_nothing_else(desk: Desk) -> None:
    before = desk.state()
    run = desk.run("copy_board", "-i", "board=Original", "-i", "name=The copy", "--api", "v3")
    assert desk("undo", run, "--yes") == 0
    assert desk.state() == before
    assert "with 7 inside, all made by the run" in desk.stderr


def test_what_its_api_can_not_delete_is_named_and_left(desk: Desk) -> None:
    recipe = desk.folder / "single.yaml"
    recipe.write_text(SINGLE.replace("BOARD", str(desk.board("Original")["id"])))
    run = desk.run(str(recipe), "--api", "v3")
    assert desk("undo", run, "--dry-run") == 0
    assert "kept, because v3 can't delete them: 3 pins: " in desk.stdout
    assert "kept, because v3 can't delete them: 1 section: " in desk.stdout
    assert desk("undo", run, "--yes") == 0
    assert len(desk.board("Original")["pins"]) == 10


def test_what_is_gone_already_counts_as_deleted(desk: Desk) -> None:
    run = desk.single()
    world = desk.sandbox.world
    gone = str(desk.board("Original")["pins"][-1]["id"])
    fault = [True]

    def remove_first(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "DELETE" and fault:
            fault.clear()
            pins.remove_pin(world, world.pins[gone])
        return apply()

    desk.fault = remove_first
    assert desk("undo", run, "--yes") == 0
    assert len(desk.board("Original")["pins"]) == 7
    assert "pins 404" in desk.deletions()
    assert desk("undo", run, "--yes") == 0


def test_an_undoing_that_was_stopped_goes_on(desk: Desk) -> None:
    run = desk.single()
    deleted: list[str] = []

    def block(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        from pinflow_sandbox.server.messages import HttpResponse

        if call.method == "DELETE" and len(deleted) == 1:
            return HttpResponse(
                429, b'{"code": 8, "message": "too many"}', "application/json", (("Retry-After", "9000"),)
            )
        if call.method == "DELETE":
            deleted.append(call.path)
        return apply()

    desk.fault = block
    assert desk("undo", run, "--yes") == 6
    assert len(desk.board("Original")["pins"]) == 9
    desk.fault = None
    desk.now += 9001
    assert desk("resume", "--yes") == 0, desk.stderr
    assert len(desk.board("Original")["pins"]) == 7


def test_what_came_onto_a_board_after_it_was_looked_at_saves_it(desk: Desk) -> None:
    run = desk.copy()
    world = desk.sandbox.world
    copy = next(board for board in world.boards.values() if board.name == "The copy")
    looks = [0]

    def meanwhile(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.path.endswith(f"/boards/{copy.id}/pins") and call.method == "GET":
            looks[0] += 1
            if looks[0] == 2:
                pins.add_pin(world, copy, 99, section=None, created=desk.now)
        return apply()

    desk.fault = meanwhile
    assert desk("undo", run, "--yes") == 7
    assert len(desk.board("The copy")["pins"]) == 8
    assert "not deleted: 1, because something was added there" in desk.stderr


def test_a_run_that_made_nothing_needs_no_undoing(desk: Desk) -> None:
    run = desk.run("get_user")
    assert desk("undo", run) == 0
    assert "made nothing that can still be deleted" in desk.stdout


def test_a_run_in_the_embedded_sandbox_can_t_be_undone(desk: Desk) -> None:
    run = desk.run("copy_board", "--sandbox")
    assert desk("undo", run) == 2
    assert "was in the embedded sandbox" in desk.stderr


def test_an_unknown_run_is_named(desk: Desk) -> None:
    assert desk("undo", "20260101-000000-abcdef") == 2
    assert "there is no run '20260101-000000-abcdef'" in desk.stderr
