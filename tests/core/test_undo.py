"""Undoing a run: what it made goes, and nothing else. Through the command line, against the sandbox."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest

from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.world import boards, pins
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pinflow.app import App
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


class StudioCli(Cli):
    """Runs commands against a sandbox on a time of its own."""

    def __init__(self, folder: Path, installed: App) -> None:
        super().__init__(folder)
        self.use_app(installed)
        self.now = 1_800_000_000.0
        self.fault: Callable[[HttpRequest, Callable[[], HttpResponse]], HttpResponse] | None = None
        self.sandbox: Sandbox = start(now=self.clock.now, settings=Settings(quotas=False), faults=self._faults)
        self.environ |= self.sandbox.environment()
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

    def _faults(self, call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        return apply() if self.fault is None else self.fault(call, apply)

    def run_id(self, recipe: str, *words: str) -> str:
        """Run a recipe to its end; the run's id."""
        return str(self.data("run", recipe, *words)["run"])

    def copy(self) -> str:
        return self.run_id("copy_board", "-i", "board=Original", "-i", "name=The copy")

    def single(self) -> str:
        recipe = self.folder / "single.yaml"
        recipe.write_text(SINGLE.replace("BOARD", str(self.board("Original")["id"])))
        return self.run_id(str(recipe))

    def state(self) -> dict[str, Any]:
        state: Any = self.sandbox.control.state()
        return {board["name"]: board for board in state["boards"]}

    def board(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.state()[name]
        return found

    def deletions(self) -> list[str]:
        rows: list[Any] = list(self.sandbox.control.requests())
        return [f"{row['path'].split('/')[2]} {row['status']}" for row in rows if row["method"] == "DELETE"]


@pytest.fixture
def cli(tmp_path: Path, installed: App) -> Iterator[StudioCli]:
    studio = StudioCli(tmp_path, installed)
    yield studio
    studio.sandbox.stop()


def test_a_board_that_holds_only_what_the_run_made_goes_in_one_call(cli: StudioCli) -> None:
    before = cli.state()
    run = cli.copy()
    assert cli("undo", run, "--yes") == 0
    assert cli.state() == before
    assert cli.deletions() == ["boards 204"]
    assert "to be deleted:" in cli.stderr
    assert "1 board: " in cli.stderr
    assert "with 7 inside, all made by the run" in cli.stderr


def test_a_board_with_something_else_on_it_stays_and_only_the_runs_pins_go(cli: StudioCli) -> None:
    run = cli.copy()
    world = cli.sandbox.world
    copy = next(board for board in world.boards.values() if board.name == "The copy")
    pins.add_pin(world, copy, 99, section=None, created=cli.now)
    assert cli("undo", run, "--yes") == 0
    assert len(cli.board("The copy")["pins"]) == 1
    assert cli.board("The copy")["sections"] == []
    assert len(cli.board("Original")["pins"]) == 7
    assert f"kept: board {copy.id} contains 1 that the run did not make" in cli.stderr


def test_a_section_with_something_else_in_it_stays(cli: StudioCli) -> None:
    run = cli.single()
    world = cli.sandbox.world
    section = next(each for each in world.sections.values() if each.name == "New section")
    pins.add_pin(world, cli.original, 99, section=section, created=cli.now)
    assert cli("undo", run, "--yes") == 0
    assert [each["name"] for each in cli.board("Original")["sections"]] == ["One", "Two", "New section"]
    assert len(cli.board("Original")["pins"]) == 8
    assert f"kept: section {section.id} contains 1" in cli.stderr


def test_what_was_put_on_a_board_of_others_goes_one_by_one(cli: StudioCli) -> None:
    before = cli.state()
    run = cli.single()
    assert cli("undo", run, "--yes", "--output", "json") == 0
    assert cli.json["counts"] == {"pin": {"done": 3}, "section": {"done": 1}}
    assert cli.state() == before


def test_a_dry_run_shows_what_would_go_and_deletes_nothing(cli: StudioCli) -> None:
    run = cli.single()
    before = cli.state()
    assert cli("undo", run, "--dry-run") == 0
    assert cli.stdout.splitlines()[0] == f"Made by run {run} (Single things), to be deleted:"
    ids = [pin["id"] for pin in reversed(cli.board("Original")["pins"][-3:])]
    assert f"  3 pins: {', '.join(ids)}" in cli.stdout
    assert "  1 section: " in cli.stdout
    assert cli("undo", run, "--dry-run", "--output", "json") == 0
    assert [each["id"] for each in cli.json["delete"][:3]] == ids
    assert cli.state() == before
    assert cli.deletions() == []


def test_undo_without_a_terminal_and_without_yes_is_refused(cli: StudioCli) -> None:
    run = cli.copy()
    before = cli.state()
    assert cli("undo", run) == 5
    assert "isn't approved" in cli.stderr
    assert cli("undo", run, answers="n\n") == 5
    assert cli.state() == before


def test_undo_deletes_after_a_yes_at_the_terminal(cli: StudioCli) -> None:
    run = cli.copy()
    assert cli("undo", run, answers="y\n") == 0
    assert "This deletes 1 board and can't be undone. Continue?" in cli.stderr
    assert list(cli.state()) == ["Original"]


def test_a_board_goes_as_a_whole_where_its_api_deletes_nothing_else(cli: StudioCli) -> None:
    before = cli.state()
    run = cli.run_id("copy_board", "-i", "board=Original", "-i", "name=The copy", "--api", "v3")
    assert cli("undo", run, "--yes") == 0
    assert cli.state() == before
    assert "with 7 inside, all made by the run" in cli.stderr
    assert cli("undo", run, "--yes") == 0
    assert "is already undone" in cli.stdout
    assert "deleted already: 7 pins: " in cli.stdout


def test_what_its_api_can_not_delete_is_named_and_left(cli: StudioCli) -> None:
    recipe = cli.folder / "single.yaml"
    recipe.write_text(SINGLE.replace("BOARD", str(cli.board("Original")["id"])))
    run = cli.run_id(str(recipe), "--api", "v3")
    assert cli("undo", run, "--dry-run") == 0
    assert "kept, because v3 can't delete them: 3 pins: " in cli.stdout
    assert "kept, because v3 can't delete them: 1 section: " in cli.stdout
    assert cli("undo", run, "--yes") == 0
    assert len(cli.board("Original")["pins"]) == 10


def test_what_is_gone_already_counts_as_deleted(cli: StudioCli) -> None:
    run = cli.single()
    world = cli.sandbox.world
    gone = str(cli.board("Original")["pins"][-1]["id"])
    fault = [True]

    def remove_first(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "DELETE" and fault:
            fault.clear()
            pins.remove_pin(world, world.pins[gone])
        return apply()

    cli.fault = remove_first
    assert cli("undo", run, "--yes") == 0
    assert len(cli.board("Original")["pins"]) == 7
    assert "pins 404" in cli.deletions()


def sent_deletions(cli: StudioCli, *, refused: Callable[[list[str]], bool] = lambda sent: False) -> list[str]:
    """The paths of the deletions from now on; those that are ``refused``, by what was sent before, change nothing."""
    sent: list[str] = []

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        from pinflow_sandbox.server.messages import HttpResponse

        if call.method != "DELETE":
            return apply()
        if refused([*sent, call.path]):
            return HttpResponse(403, b'{"code": 29, "message": "no"}', "application/json")
        sent.append(call.path)
        return apply()

    cli.fault = fault
    return sent


@pytest.mark.parametrize(("kind", "pins", "made", "calls"), [("copy", 7, 10, 1), ("single", 3, 4, 4)])
def test_what_is_undone_already_is_said_and_not_deleted_again(
    cli: StudioCli, kind: str, pins: int, made: int, calls: int
) -> None:
    run, sent = getattr(cli, kind)(), sent_deletions(cli)
    assert cli("undo", run, "--yes") == 0
    for words in (["--yes"], ["--dry-run"], []):
        assert cli("undo", run, *words) == 0
        first, *lines = cli.stdout.splitlines()
        assert first.endswith(" is already undone")
        assert [line for line in lines if line.startswith(f"deleted already: {pins} pins: ")]
    assert cli("undo", run, "--yes", "--output", "json") == 0
    assert (cli.json["delete"], len(cli.json["undone"])) == ([], made)
    assert len(sent) == calls
    other = getattr(cli, kind)()
    assert cli("undo", other, "--yes") == 0
    assert len(sent) == 2 * calls


def test_what_an_undoing_left_is_deleted_by_the_next_and_nothing_else(cli: StudioCli) -> None:
    run = cli.single()
    sent_deletions(cli, refused=lambda sent: len(sent) > 1)
    assert cli("undo", run, "--yes") == 1
    assert len(cli.board("Original")["pins"]) == 9
    sent = sent_deletions(cli)
    assert cli("undo", run, "--dry-run") == 0
    assert "  2 pins: " in cli.stdout
    assert "deleted already: 1 pin: " in cli.stdout
    assert cli("undo", run, "--yes") == 0
    assert len(sent) == 3
    assert len(cli.board("Original")["pins"]) == 7


def test_a_pin_that_was_moved_off_a_board_that_was_deleted_is_not_forgotten(cli: StudioCli) -> None:
    run = cli.copy()
    world = cli.sandbox.world
    copy = next(board for board in world.boards.values() if board.name == "The copy")
    pin = next(pin for pin in world.pins.values() if pin.board_id == copy.id)
    with urlopen(
        Request(
            f"{cli.sandbox.url}/v5/pins/{pin.id}",
            json.dumps({"board_id": cli.original.id}).encode(),
            {"Authorization": f"Bearer {world.token_for(STUDIO)}", "Content-Type": "application/json"},
            method="PATCH",
        )
    ):
        pass
    assert len(cli.board("Original")["pins"]) == 8
    sent_deletions(cli, refused=lambda sent: "/pins/" in sent[-1])
    assert cli("undo", run, "--yes") == 1
    assert list(cli.state()) == ["Original"]
    sent_deletions(cli)
    assert cli("undo", run, "--yes") == 0
    assert len(cli.board("Original")["pins"]) == 7
    assert cli("undo", run, "--yes") == 0
    assert "is already undone" in cli.stdout


def test_an_undoing_that_was_stopped_goes_on(cli: StudioCli) -> None:
    run = cli.single()
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

    cli.fault = block
    assert cli("undo", run, "--yes") == 6
    assert len(cli.board("Original")["pins"]) == 9
    cli.fault = None
    cli.now += 9001
    assert cli("resume", "--yes") == 0, cli.stderr
    assert len(cli.board("Original")["pins"]) == 7


def test_what_came_onto_a_board_after_it_was_looked_at_saves_it(cli: StudioCli) -> None:
    run = cli.copy()
    world = cli.sandbox.world
    copy = next(board for board in world.boards.values() if board.name == "The copy")
    looks = [0]

    def meanwhile(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.path.endswith(f"/boards/{copy.id}/pins") and call.method == "GET":
            looks[0] += 1
            if looks[0] == 2:
                pins.add_pin(world, copy, 99, section=None, created=cli.now)
        return apply()

    cli.fault = meanwhile
    assert cli("undo", run, "--yes") == 7
    assert len(cli.board("The copy")["pins"]) == 8
    assert "not deleted: 1, because something was added there" in cli.stderr


def test_a_run_that_made_nothing_needs_no_undoing(cli: StudioCli) -> None:
    run = cli.run_id("get_user")
    assert cli("undo", run) == 0
    assert "made nothing that can still be deleted" in cli.stdout


def test_a_run_in_the_embedded_sandbox_can_t_be_undone(cli: StudioCli) -> None:
    run = cli.run_id("copy_board", "--sandbox")
    assert cli("undo", run) == 2
    assert "was in the embedded sandbox" in cli.stderr


def test_undoing_an_unknown_run_names_it(cli: StudioCli) -> None:
    assert cli("undo", "20260101-000000-abcdef") == 2
    assert "no run '20260101-000000-abcdef'" in cli.stderr
