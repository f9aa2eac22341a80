"""Runs that the version before left half done are gone on with by its own keys and rules.

``state_before/half_done/state.tar.xz`` was written by the last version whose journals had no check values: three runs
of create_pins that were killed (one with four Pins on their way at a time, one before its request was applied), a copy
of a board that was killed, one run that is paused and one that failed. ``writes.jsonl`` are the writes that the
service applied meanwhile, when and in which order; sent to a sandbox again they make the same things with the same ids.
Paths are relative in it; they are made absolute here.
"""

from __future__ import annotations

import http.client
import json
import shutil
import sqlite3
import tarfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.app import App, Options
from pinflow.clock import Clock
from pinflow.errors import UsageError
from pinflow.recipe.bundled import bundled_recipes
from pinflow_sandbox import Settings, start
from pinflow_sandbox.world import boards, pins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinflow_sandbox import Sandbox

KEPT = Path(__file__).with_name("state_before") / "half_done"
BEGAN = 1_796_040_000.0  # 2026-11-30 12:00 UTC
LATER = BEGAN + 3_600.0
STUDIO = "garden_studio"
ONE_TO_TEN: list[str | None] = [f"Number {number}" for number in range(1, 11)]
OF_FOUR: list[str | None] = [f"Of four {number}" for number in range(1, 5)]
# board -> the run that was left half done on it, and the titles of the Pins that there must be in the end
RUNS: dict[str, tuple[str, list[str | None]]] = {
    "Serial": ("20261130-120320", ["Beds", None, "Refused", "Unknown", "Paths"]),
    "Parallel": ("20261130-120500", ONE_TO_TEN),
    "Failed": ("20261130-120820", OF_FOUR),
    "Unsent": ("20261130-121000", OF_FOUR),
    "Paused": ("20261130-121140", OF_FOUR),
    "The copy": ("20261130-120640", [f"Pin number {number}" for number in range(1, 7)]),
}


class LeftMachine:
    """A machine with that state, and a sandbox in which all that was applied is there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = BEGAN
        self.sandbox = start(now=lambda: self.now, settings=Settings(quotas=False))
        _fill(self.sandbox)
        environ = {**self.sandbox.environment(["access_token"]), "PINFLOW_STATE_DIR": str(folder / "state")}
        self.app = App.installed(
            environ | {"PINFLOW_CACHE_DIR": str(folder / "cache")},
            clock=Clock(lambda: self.now, lambda: self.now, self.sleep),
        )

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def apply_writes(self) -> None:
        """Send what was applied then, each at its time."""
        token = self.sandbox.world.token_for(STUDIO)
        with closing(http.client.HTTPConnection("127.0.0.1", self.sandbox.port, timeout=30)) as connection:
            for line in (KEPT / "writes.jsonl").read_text("utf-8").splitlines():
                write = json.loads(line)
                self.now = write["at"]
                headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                connection.request(write["method"], write["path"], json.dumps(write["body"]), headers)
                answer = connection.getresponse()
                assert answer.status < 300, answer.read()
                answer.read()
        self.now = LATER

    def run_id(self, board: str) -> str:
        (found,) = (run.id for run in self.app.runs() if run.id.startswith(RUNS[board][0]))
        return found

    def titles(self, board: str) -> Counter[str | None]:
        rows: Any = self.sandbox.control.state()["boards"]
        (row,) = (row for row in rows if row["name"] == board)
        return Counter(self.sandbox.world.pins[pin["id"]].content.title for pin in row["pins"])


def _fill(sandbox: Sandbox) -> None:
    world = sandbox.world
    world.clear(1)
    world.add_account(STUDIO)
    for name in ("Serial", "Parallel", "Unsent", "Paused", "Failed", "Original"):
        board = boards.add_board(world, STUDIO, name, created=BEGAN - 1e6)
    made = [boards.add_section(world, board, name) for name in ("One", "Two")]
    for index in range(6):
        pins.add_pin(world, board, index + 1, section=[None, *made][index % 3], created=BEGAN - 1e6 + 60 * index)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[LeftMachine]:
    for file in KEPT.iterdir():
        shutil.copy(file, tmp_path)
    with tarfile.open(KEPT / "state.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    query = """UPDATE run SET recipe = ?1 || recipe,
        inputs = CASE WHEN inputs LIKE '%"file":%' THEN replace(inputs, '"file":"', '"file":"' || ?1) ELSE inputs END"""
    for file in (tmp_path / "state" / "runs").glob("*.db"):
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute(query, (f"{tmp_path}/",))
    left = LeftMachine(tmp_path)
    with left.sandbox:
        left.apply_writes()
        yield left


def test_what_was_left_half_done_is_listed(machine: LeftMachine) -> None:
    runs = machine.app.runs()
    assert [(run.id[:15], run.state) for run in runs] == [
        ("20261130-121320", "ok"),
        ("20261130-121140", "paused"),
        ("20261130-121000", "interrupted"),
        ("20261130-120820", "failed"),
        ("20261130-120640", "interrupted"),
        ("20261130-120500", "interrupted"),
        ("20261130-120320", "interrupted"),
        ("20261130-120140", "ok"),
    ]
    assert machine.app.show(machine.run_id("Parallel")).counts == {"pin": {"done": 3, "doubt": 4, "failed": 1}}


@pytest.mark.parametrize("board", RUNS)
def test_a_run_that_was_left_half_done_is_finished_and_nothing_is_lost_or_doubled(
    machine: LeftMachine, board: str
) -> None:
    before = machine.titles(board)
    if board == "Paused":
        machine.now += 7_200
    result = machine.app.resume(machine.run_id(board), Options(max_writes=None))
    assert result.status == "ok", result.error
    assert machine.titles(board) == Counter(RUNS[board][1])
    assert before < machine.titles(board) or board == "The copy"
    assert machine.app.store.runs.look(machine.run_id(board)).state == "ok"  # type: ignore[union-attr]


@pytest.mark.parametrize("board", ["Serial", "Unsent"])
def test_a_run_of_a_bundled_recipe_goes_on_although_the_upgrade_brought_another_text_of_it(
    machine: LeftMachine, board: str
) -> None:
    file = machine.folder / "state" / "runs" / f"{machine.run_id(board)}.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE run SET recipe = ?", (str(bundled_recipes() / "create_pins.yaml"),))
    result = machine.app.resume(machine.run_id(board), Options(max_writes=None))
    assert result.status == "ok", result.error
    assert machine.titles(board) == Counter(RUNS[board][1])


def test_a_table_that_was_edited_since_is_told_before_anything_is_made_again(machine: LeftMachine) -> None:
    """Rows are told by all of their cells then: a new column without content makes every row another."""
    run = machine.run_id("Failed")
    before = machine.titles("Failed")
    (record,) = (record for record in machine.app.runs() if record.id == run)
    table = Path(record.inputs["file"])
    head, *rows = table.read_text("utf-8").splitlines()
    table.write_text("\n".join([f"{head},notes", *(f"{row}," for row in rows)]) + "\n", "utf-8")
    result = machine.app.resume(run, Options(max_writes=None))
    assert isinstance(result.error, UsageError)
    assert "3 of the 3 rows that are done are not there as they were" in result.error.message
    assert result.error.hint.endswith(f"pinflow resume {run} --accept-changes")
    assert machine.titles("Failed") == before
    table.write_text("\n".join([head, *rows]) + "\n", "utf-8")
    assert machine.app.resume(run, Options(max_writes=None)).ok
    assert machine.titles("Failed") == Counter(RUNS["Failed"][1])
