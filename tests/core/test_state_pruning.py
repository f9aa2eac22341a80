"""Old state is removed a little at each start, which costs the same however many runs are kept."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import Context, action, hookimpl
from pinflow.clock import Clock
from pinflow.state.folder.run_index import RunIndex
from pinflow.state.folder.runs import FolderRuns
from pinflow.state.folder.state import FolderState
from pinflow.state.records import CounterKey, Keep, Notice, RunRecord
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pinflow.state.records import RunState

pytestmark = pytest.mark.slow

NOON = 1_796_040_000.0  # 2026-11-30 12:00 UTC
DAY = 86_400.0
ENDS: tuple[RunState, ...] = ("ok", "failed", "cancelled", "paused", "in_doubt", "running")


class Shelf:
    """A state folder and its time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = NOON
        self.clock = Clock(lambda: self.now, lambda: self.now)

    @property
    def runs(self) -> FolderRuns:
        return FolderRuns(self.folder, self.clock)

    @property
    def state(self) -> FolderState:
        return FolderState(self.folder, self.clock)

    def add(self, run_id: str, end: RunState = "ok", *, effects: int = 0, sandbox: bool = False) -> str:
        options = {"sandbox": sandbox}
        with closing(self.runs.create(RunRecord(run_id, "r.yaml", "d", "n", {}, options, {}, self.now))) as journal:
            for number in range(effects):
                journal.settle("pins", str(number), "done", {"id": str(number)}, kind="pin")
            if end != "running":
                journal.set_state(end)
        return run_id

    def fill(self, number: int, ends: tuple[RunState, ...] = ENDS) -> None:
        """So many runs of each end, as an older version left them: files without an index."""
        for end in ends:
            first = self.add(f"20260101-000000-{end}", end)
            for copy in range(1, number):
                run_id = f"20260101-{copy:06}-{end}"
                file = self.folder / "runs" / f"{run_id}.db"
                shutil.copy(self.folder / "runs" / f"{first}.db", file)
                _rename(file, run_id)
                (file.with_suffix(".lock")).write_bytes(b"{}")
        (self.folder / "runs-index.db").unlink()

    def names(self) -> list[str]:
        return sorted(file.stem for file in (self.folder / "runs").glob("*.db"))

    def let_pass(self, days: int) -> None:
        """Let so many days pass, with a start each month."""
        end = self.now + days * DAY
        while self.now < end:
            self.now = min(self.now + 30 * DAY, end)
            self.runs.prune(Keep(ok=days * DAY * 9, failed=days * DAY * 9))

    def prune(self, keep: Keep, times: int = 20) -> list[str]:
        return [run_id for _ in range(times) for run_id in self.runs.prune(keep)]


def _rename(file: Path, run_id: str) -> None:
    """Make a copied file the file of another run: as of the version before, which had no check values."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA user_version = 1")
        connection.execute("UPDATE run SET id = ?", (run_id,))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "state")


class Touched:
    """Counts the files that are opened, listed, removed or asked for, below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.count = 0
        self.on = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event in ("open", "os.listdir", "os.scandir", "os.remove", "os.rename", "sqlite3.connect"):
            self._add(arguments[0])

    def _add(self, path: object) -> None:
        if self.on and isinstance(path, (str, bytes, os.PathLike)) and self.folder in os.fsdecode(path):
            self.count += 1

    def count_stats(self, work: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> int:
        real, self.count = os.stat, 0

        def stat(path: Any, *args: Any, **options: Any) -> os.stat_result:
            self._add(path)
            return real(path, *args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(os, "stat", stat)
            self.on = True
            try:
                work()
            finally:
                self.on = False
        return self.count


@pytest.fixture
def touched(shelf: Shelf) -> Iterator[Touched]:
    made = Touched(shelf.folder)
    yield made
    made.on = False


def start(shelf: Shelf, number: int) -> None:
    """What a start of a run does with the state, until its first step."""
    runs = shelf.runs
    runs.prune(Keep())
    runs.create(RunRecord(f"20261201-{number:06}-new", "r", "d", "n", {}, {}, {}, shelf.now)).close()


def test_a_start_touches_no_more_files_however_many_runs_of_any_state_are_kept(
    tmp_path: Path, touched: Touched, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {}
    for number in (1, 5, 40):
        shelf = Shelf(tmp_path / "state" / str(number))
        shelf.fill(number)
        start(shelf, 0)  # makes the index
        shelf.prune(Keep(), times=200)  # until it knows all
        counts[number] = touched.count_stats(lambda shelf=shelf: start(shelf, 999), monkeypatch)  # type: ignore[misc]
    assert counts[1] > 5, "files are counted"
    assert counts[5] <= counts[1]
    assert counts[40] <= counts[1]


def test_no_start_does_more_than_a_little_while_the_index_is_made_of_an_old_folder(
    shelf: Shelf, touched: Touched, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.fill(20)
    first = touched.count_stats(lambda: start(shelf, 0), monkeypatch)
    counts = [touched.count_stats(lambda turn=turn: start(shelf, turn), monkeypatch) for turn in range(1, 40)]  # type: ignore[misc]
    empty = Shelf(shelf.folder / "empty")
    base = touched.count_stats(lambda: start(empty, 0), monkeypatch)
    assert first <= base + 10
    assert max(counts) <= base + 100  # four runs are looked into
    assert {facts.kind for facts in RunIndex(shelf.folder / "runs").all(shelf.names())} == {"ok", "failed", "open"}
    assert touched.count_stats(lambda: start(shelf, 999), monkeypatch) <= base + 10


def test_what_ended_long_ago_goes_and_what_is_open_stays(shelf: Shelf) -> None:
    shelf.now = NOON - 200 * DAY
    old = [shelf.add(f"20260514-{end}", end, effects=1) for end in ENDS]
    shelf.now = NOON - 100 * DAY
    middle = [shelf.add(f"20260822-{end}", end, effects=1) for end in ENDS]
    shelf.now = NOON
    new = [shelf.add(f"20261130-{end}", end) for end in ENDS]
    removed = shelf.prune(Keep())
    assert sorted(removed) == sorted([*(run for run in old if run[9:] in ("ok", "failed", "cancelled")), middle[0]])
    assert len(shelf.names()) == len([*old, *middle, *new]) - len(removed)
    leftovers = [file.name for file in (shelf.folder / "runs").iterdir() if file.name.partition(".")[0] in removed]
    assert leftovers == []


def test_a_run_with_a_write_of_unknown_outcome_stays_whatever_it_ended_as(shelf: Shelf) -> None:
    shelf.now = NOON - 300 * DAY
    with closing(shelf.runs.create(RunRecord("20260101", "r", "d", "n", {}, {}, {}, shelf.now))) as journal:
        journal.record_intent("pins", "1", kind="pin", method="POST", category="w", digest="d")
        journal.set_state("failed")
    shelf.now = NOON
    assert shelf.prune(Keep()) == []
    assert shelf.state.prune(Keep()) == []
    assert shelf.names() == ["20260101"]


@pytest.mark.parametrize("ahead", [100, 365, 4000])
@pytest.mark.parametrize("starts", [1, 50])
@pytest.mark.parametrize("indexed", [True, False])
def test_starts_with_the_clock_far_ahead_remove_nothing_for_its_age(
    shelf: Shelf, ahead: int, starts: int, *, indexed: bool
) -> None:
    shelf.now = NOON - DAY
    for end in ENDS:
        shelf.add(f"20261129-{end}", end, effects=1)
    before = shelf.names()
    if indexed:
        shelf.prune(Keep())
    shelf.now = NOON + ahead * DAY
    for number in range(starts):
        shelf.prune(Keep())
        shelf.add(f"20271129-{number:03}")
        shelf.now += 6 * DAY / starts
    assert [name for name in shelf.names() if name < "2027"] == before
    (kept,) = [row for row in shelf.state.inventory() if "the clock has jumped" in row.kind]
    assert kept.count >= 3
    shelf.now = NOON + DAY  # it is set back
    assert shelf.prune(Keep()) == []
    assert not any("the clock has jumped" in row.kind for row in shelf.state.inventory())


def test_a_clock_that_stays_ahead_for_a_week_is_right(shelf: Shelf) -> None:
    shelf.add("20261130-ok", effects=1)
    shelf.prune(Keep())
    shelf.now += 365 * DAY
    for _ in range(4):
        assert shelf.prune(Keep()) == []
        shelf.now += 2 * DAY
    assert shelf.prune(Keep()) == ["20261130-ok"]


def test_a_job_of_each_month_is_no_reason_to_doubt_the_clock(shelf: Shelf) -> None:
    shelf.add("20261130-ok", effects=1)
    shelf.let_pass(100)
    assert shelf.prune(Keep()) == ["20261130-ok"]


def test_a_person_may_prune_although_the_clock_has_jumped(shelf: Shelf) -> None:
    shelf.add("20261130-ok", effects=1)
    shelf.now += 365 * DAY
    assert shelf.prune(Keep()) == []
    assert [row.count for row in shelf.state.prune(Keep())] == [1]


def test_of_too_many_those_that_did_nothing_go_first_then_the_oldest(shelf: Shelf) -> None:
    for number in range(12):
        shelf.now += 60
        shelf.add(f"20261130-{number:02}", "ok", effects=number % 2)
    assert shelf.prune(Keep(number=8)) == [f"20261130-{number:02}" for number in (0, 2, 4, 6)]
    assert sorted(shelf.prune(Keep(number=4))) == [f"20261130-{number:02}" for number in (1, 3, 8, 10)]


def test_an_index_that_is_wrong_removes_nothing_that_must_stay(shelf: Shelf) -> None:
    shelf.now = NOON - 300 * DAY
    for end in ENDS:
        shelf.add(f"20260101-{end}", end)
    shelf.let_pass(300)
    with closing(sqlite3.connect(shelf.folder / "runs-index.db", isolation_level=None)) as connection:
        connection.execute("UPDATE runs SET kind = 'ok', at = 0")
    shelf.prune(Keep())
    assert shelf.names() == ["20260101-in_doubt", "20260101-paused", "20260101-running"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda file: file.unlink(),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"no database" * 1000),
        lambda file: file.write_bytes(file.read_bytes()[:5000]),
        lambda file: file.write_bytes(file.read_bytes()[:4096] + bytes(len(file.read_bytes()) - 4096)),
        lambda file: _execute(file, "DROP TABLE runs"),
        lambda file: _execute(file, "DELETE FROM runs"),
        lambda file: (file.unlink(), file.mkdir()),
    ],
    ids=["missing", "empty", "text", "cut", "zeroed", "no table", "no rows", "a folder"],
)
def test_a_damaged_index_is_made_anew_and_ends_no_run(shelf: Shelf, harm: Callable[[Path], object]) -> None:
    shelf.now = NOON - 300 * DAY
    for end in ENDS:
        shelf.add(f"20260101-{end}", end)
    shelf.now = NOON
    harm(shelf.folder / "runs-index.db")
    for number in range(6):
        start(shelf, number)
    with suppress(OSError):
        (shelf.folder / "runs-index.db").rmdir()
    assert {row.kind: row.count for row in shelf.state.inventory()}["runs that can be resumed"] == 9
    shelf.state.prune(Keep())
    assert [name for name in shelf.names() if name < "20261201"] == [
        "20260101-in_doubt",
        "20260101-paused",
        "20260101-running",
    ]


def _execute(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(statement)


def test_an_index_of_a_newer_version_is_left_alone(shelf: Shelf) -> None:
    shelf.add("20260101-1")
    _execute(shelf.folder / "runs-index.db", "PRAGMA user_version = 2")
    before = (shelf.folder / "runs-index.db").read_bytes()
    shelf.now += 300 * DAY
    assert shelf.prune(Keep()) == []
    shelf.add("20260101-2")
    assert (shelf.folder / "runs-index.db").read_bytes() == before
    assert [row.count for row in shelf.state.inventory()] == [2]


def test_old_alerts_and_leftovers_go_with_the_rest(shelf: Shelf) -> None:
    shelf.add("20261130-1")
    notices = shelf.state.notices
    for key in ("old", "new"):
        notices.finish(Notice(key=key, kind="job_failed", title=key, at=NOON), ["a"], [], now=NOON)
    for file in (shelf.folder / "notices").glob("*.json"):
        if b'"old"' in file.read_bytes():
            os.utime(file, (NOON - 200 * DAY, NOON - 200 * DAY))
        else:
            os.utime(file, (NOON, NOON))
    for name in ("20260101.lock", "20260102.events"):
        (shelf.folder / "runs" / name).write_bytes(b"")
        os.utime(shelf.folder / "runs" / name, (NOON - 2 * DAY, NOON - 2 * DAY))
    with closing(shelf.state.open_usage()) as usage:
        for account in ("old", "new"):
            usage.lane(CounterKey("v5", "https://example.com", account, "org_read", "me"), (10, 60.0))
    for page in (shelf.folder / "quota").glob("*.page"):
        moment = NOON - 200 * DAY if b'"old"' in page.read_bytes() else NOON
        os.utime(page, (moment, moment))
    assert {row.kind: row.count for row in shelf.state.prune(Keep())} == {
        "open alerts": 1,
        "counters of quotas": 1,
        "leftovers of runs": 2,
    }
    assert sum(row.count for row in shelf.state.prune(Keep(ok=0.0, failed=0.0))) == 0, "what is in use stays"
    assert [notice.key for notice in notices.open()] == ["new"]
    assert {file.suffix for file in (shelf.folder / "runs").iterdir()} == {".db", ".lock"}


def test_a_place_goes_with_the_last_run_that_created_things_there(shelf: Shelf) -> None:
    shelf.now = NOON - 200 * DAY
    for run, end in (("20260514-a", "ok"), ("20260514-b", "ok"), ("20260514-c", "paused")):
        shelf.add(run, end)  # type: ignore[arg-type]
    shelf.now = NOON
    for name, runs in (("pins:1", ("a", "b")), ("pins:2", ("a", "c"))):
        for run in runs:
            with closing(shelf.state.places.open(name, f"20260514-{run}", shelf.clock.sleep)) as place:
                place.join(lambda _: False)
    assert {row.kind: row.count for row in shelf.state.inventory()}["places where runs created things"] == 2
    assert {row.kind: row.count for row in shelf.state.prune(Keep())} == {
        "runs that ended ok": 2,
        "places where runs created things": 1,
    }
    with closing(shelf.state.places.open("pins:2", "20261130-new", shelf.clock.sleep)) as place:
        assert set(place.runs()) == {"20260514-a", "20260514-c"}


# the command


@pytest.fixture
def cli(shelf: Shelf, tmp_path: Path) -> Cli:
    cli = Cli(tmp_path)
    cli.use_plugins()
    cli.now, cli.pause = NOON, 0.0
    return cli


@pytest.fixture
def aged(shelf: Shelf) -> Shelf:
    shelf.now = NOON - 100 * DAY
    for end in ENDS:
        shelf.add(f"20260822-{end}", end, effects=1)
    shelf.now = NOON
    shelf.add("20261130-ok", "ok")
    return shelf


def test_state_shows_what_there_is_and_how_long_it_stays(cli: Cli, aged: Shelf) -> None:
    assert cli("state") == 0
    lines = [line.split("  ") for line in cli.stdout.splitlines()]
    assert [[cell.strip() for cell in line if cell][:2] for line in lines[:4]] == [
        ["WHAT", "NUMBER"],
        ["runs that ended ok", "2"],
        ["runs that failed or were cancelled", "2"],
        ["runs that can be resumed", "3"],
    ]
    assert cli.stdout.splitlines()[4:] == [
        f"in {aged.folder}",
        "Runs that ended ok stay for 90 days, those that failed or were cancelled for 180 days;",
        "at most 2,000 of each. What can be resumed stays.",
    ]
    data = cli.data("state")
    assert {row["kind"]: row["count"] for row in data["stored"]}["runs that ended ok"] == 2
    assert data["keep"] == {"ok": 90 * DAY, "failed": 180 * DAY, "number": 2000}


def test_state_of_nothing(cli: Cli) -> None:
    assert cli("state") == 0
    assert "Nothing is stored yet" in cli.stderr
    assert cli("state", "prune") == 0
    assert "Nothing is old enough" in cli.stderr


def test_state_prune_removes_what_is_old_and_says_what(cli: Cli, aged: Shelf) -> None:
    before = aged.names()
    size = (aged.folder / "runs" / "20260822-ok.db").stat().st_size
    assert cli.data("state", "prune", "--dry-run") == {
        "would_be_removed": [{"kind": "runs that ended ok", "count": 1, "size": size}]
    }
    assert aged.names() == before
    assert cli("state", "prune") == 0
    assert cli.stdout.splitlines()[0] == "removed:"
    assert aged.names() == [name for name in before if name != "20260822-ok"]
    assert cli("state", "prune", "--older-than", "30d") == 0
    assert aged.names() == ["20260822-in_doubt", "20260822-paused", "20260822-running", "20261130-ok"]


def test_state_prune_asks_before_it_takes_what_can_be_resumed(cli: Cli, aged: Shelf) -> None:
    words = ("state", "prune", "--older-than", "30d", "--open")
    before = aged.names()
    assert cli(*words) == 5
    assert "removing 3 runs that can be resumed isn't approved" in cli.stderr
    assert cli(*words, answers="n\n") == 5
    assert aged.names() == before
    assert cli(*words, "--dry-run") == 0
    assert cli.stdout.splitlines()[0] == "to be removed:"
    assert cli(*words, answers="y\n") == 0
    assert "This removes 3 runs that can be resumed; they can't be resumed after that" in cli.stderr
    assert aged.names() == ["20261130-ok"]


def test_state_prune_asks_before_it_takes_what_ended_just_now(cli: Cli, aged: Shelf) -> None:
    before = aged.names()
    assert cli("state", "prune", "--older-than", "1m") == 5
    assert "isn't approved; they ended 1 minute ago or more" in cli.stderr
    assert cli("state", "prune", "--older-than", "90s", answers="n\n") == 5
    assert "they ended 1.5 minutes ago or more. Continue? [y/N]" in cli.stderr
    assert aged.names() == before
    assert cli("state", "prune", "--older-than", "1m", "--dry-run") == 0
    assert cli("state", "prune", "--older-than", "1m", "--yes") == 0
    assert len(aged.names()) < len(before)


def test_state_prune_takes_open_ones_without_asking_where_that_is_said(cli: Cli, aged: Shelf) -> None:
    assert cli("state", "prune", "--older-than", "30d", "--open", "--yes") == 0
    assert aged.names() == ["20261130-ok"]


@pytest.mark.parametrize(("keep", "left"), [("", 6), ("30d", 4), ("200 days", 7), ("3h", 4)])
def test_the_environment_says_how_long_runs_are_kept(cli: Cli, aged: Shelf, keep: str, left: int) -> None:
    cli.environ["PINFLOW_KEEP"] = keep

    @action("look")
    def look(ctx: Context) -> dict[str, int]:
        return {"seen": 1}

    class Looking:
        @hookimpl
        def pinflow_actions(self) -> list[object]:
            return [look]

    cli.use_plugins(Looking())
    recipe = cli.recipe("{pinflow: 1, name: n, steps: [{id: a, uses: look}]}")
    for _ in range(3):
        assert cli("run", recipe) == 0, cli.stderr
    kept = [name for name in aged.names() if name in {f"20260822-{end}" for end in ENDS} | {"20261130-ok"}]
    assert len(kept) == left


def test_a_wrong_duration_is_refused(cli: Cli, aged: Shelf) -> None:
    cli.environ["PINFLOW_KEEP"] = "a while"
    assert cli("state") == 2
    assert "PINFLOW_KEEP" in cli.stderr


@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize("end", ["running", "paused", "in_doubt"])
def test_a_run_in_the_embedded_sandbox_is_not_counted_as_one_to_resume(
    shelf: Shelf, end: RunState, indexed: bool
) -> None:
    shelf.add("20260101-000000-000001", end, effects=1, sandbox=True)
    shelf.add("20260101-000000-000002", end, effects=1)
    if not indexed:
        (shelf.folder / "runs-index.db").unlink()
    counts = {row.kind: row.count for row in shelf.state.inventory()}
    assert (counts["runs that can be resumed"], counts["runs that failed or were cancelled"]) == (1, 1)
