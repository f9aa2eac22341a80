"""A state folder of the version before is read: its runs, its schedule, its approvals, notices and quotas.

``state_before/state.tar.xz`` was written by the last version whose stores were modules of
the engine: a run that ended, two occurrences with their runs, and a run that was stopped
in its loop, with one write whose outcome is unknown. Paths of recipes are relative in it;
they are made absolute here.
"""

from __future__ import annotations

import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import scheduling
from pinflow.app import App, Options
from pinflow.clock import Clock
from pinflow_sandbox import start

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = Path(__file__).with_name("state_before")
THEN = 1_795_773_800.0  # 2026-11-27 10:03 UTC, a minute after the last that was written


class Machine:
    """A machine with that state, a sandbox, and a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = THEN
        self.sandbox = start(now=lambda: self.now)
        environ = {**self.sandbox.environment(["access_token"]), "PINFLOW_STATE_DIR": str(folder / "state")}
        self.app = App.installed(
            environ | {"PINFLOW_CACHE_DIR": str(folder / "cache")},
            clock=Clock(lambda: self.now, lambda: self.now, self.sleep),
        )

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def change(self, file: Path, query: str) -> None:
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute(query, (f"{self.folder}/",))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    for recipe in KEPT.glob("*.yaml"):
        shutil.copy(recipe, tmp_path)
    with tarfile.open(KEPT / "state.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    made = Machine(tmp_path)
    with made.sandbox:
        for file in (tmp_path / "state" / "runs").glob("*.db"):
            made.change(file, "UPDATE run SET recipe = ? || recipe")
        made.change(tmp_path / "state" / "schedule" / "table.db", "UPDATE jobs SET recipe = ? || recipe")
        yield made


def test_runs_of_the_version_before_are_listed_and_shown(machine: Machine) -> None:
    runs = machine.app.runs()
    assert [(run.name, run.state) for run in runs] == [
        ("Look", "ok"),
        ("Look", "ok"),
        ("Make boards", "cancelled"),
        ("Look", "ok"),
    ]
    detail = machine.app.show(runs[2].id)
    assert detail.counts == {"board": {"done": 3, "doubt": 1}}
    assert [(effect.step, effect.state) for effect in detail.effects if effect.state != "done"] == [
        ("boards[Breads].make", "doubt")
    ]
    assert detail.calls == {"access_token": {"org_read": 3, "org_write": 3}}


def test_a_run_of_the_version_before_resumes_where_it_stopped(machine: Machine) -> None:
    run = machine.app.runs()[2].id
    result = machine.app.resume(run, Options(approve=lambda _: True))
    assert (result.status, result.counts["board"]) == ("ok", {"done": 5})  # three of them by the version before
    boards: Any = machine.sandbox.control.state()["boards"]
    names = [board["name"] for board in boards]
    assert [name for name in ("Soups", "Salads", "Cakes", "Breads", "Teas") if name in names] == ["Breads", "Teas"]
    assert machine.app.show(run).counts["board"]["done"] == 5


def test_a_schedule_of_the_version_before_continues(machine: Machine) -> None:
    machine.now += 86_400
    with scheduling.open(machine.app, [machine.folder / "look.yaml"], start=lambda work: work()) as scheduler:
        for _ in range(3):
            scheduler.tick()
            machine.now += 1
    with closing(machine.app.store.open_schedule("reader")) as store:
        rows = store.occurrences.history("look")
    assert [(row.id, row.state, bool(row.run)) for row in rows] == [(number, "done", True) for number in (3, 2, 1)]


def test_notices_approvals_and_quotas_of_the_version_before_are_read(machine: Machine) -> None:
    approvals, problems = machine.app.approvals.all()
    assert [(approval.name, approval.by, approval.id) for approval in approvals] == [("Look", "ann", "0742f1845730")]
    assert problems == []
    assert [(notice.kind, notice.title) for notice in machine.app.notices.open()] == [
        ("approval_missing", "Make boards waits for an approval")
    ]
    machine.now = THEN - 76  # two seconds after its last call
    quotas = [(use.category, use.limit, use.used) for use in machine.app.accounts.quotas()]
    assert ("org_read", 1000, 1) in quotas
