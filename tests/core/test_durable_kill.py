"""A run that is killed at any instant, or meets a full disk, loses nothing and does nothing twice."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from pinflow.clock import Clock
from pinflow.engine.durable import Durable
from pinflow.engine.effect_runner import EffectRunner
from pinflow.engine.safe_journal import SafeJournal
from pinflow.errors import StateError
from pinflow.http.client import WriteCall
from pinflow.state.folder.runs import FolderRuns
from pinflow.state.records import RunRecord
from tests.run_contexts import run_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

if sys.platform == "win32":
    pytest.skip("needs fork", allow_module_level=True)

import resource

pytestmark = pytest.mark.slow

RUN = "20261125-120000-aaaaaa"
EFFECTS = 30


WRITE = WriteCall(method="POST", path="/pins", category="org_write", digest="0" * 16, login="me")


class Target:
    """What the run changes: a file with a line for each applied write. All writes look the same."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def post(self) -> dict[str, str]:
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, b"pin\n")  # outlives this process, whatever becomes of it
        end = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.close(descriptor)
        return {"id": str(end // len(b"pin\n"))}

    def ids(self) -> list[str]:
        lines = self._file.read_bytes().splitlines() if self._file.exists() else []
        return [str(number) for number in range(1, len(lines) + 1)]


@pytest.fixture
def state() -> Iterator[Path]:
    """A directory in memory where there is one: a kill does not ask what is on the disk, and this is faster."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as made:
        yield Path(made)


def open_journal(state: Path, probe: Callable[[str], None] = lambda _: None) -> SafeJournal:
    """The run, new or to go on with. Killed before its first commit, it starts anew under another name."""
    runs = FolderRuns(state, Clock(), probe=probe)
    listed = [run for run in runs.list() if run.state != "unreadable"]
    if listed:
        assert listed[0].state == "interrupted"
        return SafeJournal(runs.open(listed[0].id))
    begun = len(list((state / "runs").glob("*.db")))  # also of those that were killed before anything was in it
    record = RunRecord(f"{RUN[:-1]}{begun}", "r", "d", "n", {}, {}, {}, time.time())
    return SafeJournal(runs.create(record))


def copy(state: Path, fault: Callable[[str], None], *, parallel: int = 1) -> None:
    """The run: thirty writes that look alike, each found again by an id that nobody knows. No real waiting."""
    state.mkdir(exist_ok=True)
    target = Target(state / "target")
    with open_journal(state, fault) as journal:
        effects = EffectRunner(run_context(journal, Clock(sleep=lambda seconds: None)))
        durable = Durable(effects, "pins")

        def do(item: int) -> dict[str, str]:
            effects.record_intent(WRITE)
            fault("before the request")
            made = target.post()
            fault("after the request")
            return made

        def find(item: int) -> dict[str, str] | None:
            known = {result["id"] for _, result in durable.effects_of()}
            unknown = [id_ for id_ in target.ids() if id_ not in known]
            return {"id": unknown[0]} if unknown else None

        durable.each(range(EFFECTS), key=str, do=do, find=find, kind="pin", parallel=parallel)
        journal.set_state("ok", exit_code=0)


def in_child(work: Callable[[], object]) -> int:
    """Run ``work`` in a process of its own. Its exit code, or minus the signal that killed it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return _and_exit(work)


def _and_exit(work: Callable[[], object]) -> NoReturn:
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def killed_at(point: int) -> Callable[[str], None]:
    passed = 0

    def fault(where: str) -> None:
        nonlocal passed
        passed += 1
        if passed == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return fault


def check(state: Path) -> None:
    """Nothing lost, nothing doubled, and the journal knows each of them by its own id."""
    assert len(Target(state / "target").ids()) == EFFECTS
    run = FolderRuns(state, Clock()).list()[0]
    assert run.state == "ok"
    with FolderRuns(state, Clock()).open(run.id) as journal:
        results = dict(journal.results("pins"))
    assert sorted(results) == sorted(map(str, range(EFFECTS)))
    assert {result["id"] for result in results.values()} == set(Target(state / "target").ids())


def test_killed_at_every_point_and_resumed_nothing_is_lost_or_doubled(state: Path) -> None:
    points: list[str] = []
    copy(state / "whole", points.append)
    assert len(points) >= 4 * EFFECTS
    for point in range(1, len(points) + 1):
        run = state / str(point)
        assert in_child(partial(copy, run, killed_at(point))) == -signal.SIGKILL
        if FolderRuns(run, Clock()).list()[0].state != "ok":  # at the very last point the run is over
            copy(run, lambda _: None)
        check(run)


@pytest.mark.parametrize("seed", range(12))
def test_killed_three_times_at_any_instant_nothing_is_lost_or_doubled(state: Path, seed: int) -> None:
    chance = random.Random(seed)
    killed = 0
    while killed < 3:
        child = os.fork()
        if not child:
            _and_exit(lambda: copy(state, lambda _: None, parallel=chance.choice((1, 4))))
        time.sleep(chance.uniform(0.001, 0.04))  # the child is at work meanwhile
        os.kill(child, signal.SIGKILL)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
            break  # it was faster
        killed += 1
    runs = FolderRuns(state, Clock()).list()
    if not runs or runs[0].state != "ok":  # on a busy machine no run may have begun
        copy(state, lambda _: None)
    check(state)


@pytest.mark.parametrize("room", [0, 1_000, 3_000, 6_000, 10_000, 20_000])
def test_on_a_full_disk_nothing_is_sent_without_an_intent_on_disk(tmp_path: Path, room: int) -> None:
    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        journal = open_journal(tmp_path)
        size = (tmp_path / "runs" / f"{journal.run.id}.db").stat().st_size
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        effects = EffectRunner(run_context(journal, Clock(sleep=lambda seconds: None)))
        durable = Durable(effects, "pins")
        target = Target(tmp_path / "target")

        def do(item: int) -> dict[str, str]:
            effects.record_intent(WRITE)
            return target.post()

        resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, most))
        with pytest.raises(StateError, match=r"can't be written: .*; nothing more was sent\n  free some space"):
            durable.each(range(2000), key=str, do=do)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        # there is room again, but what waited to be written is lost
        with pytest.raises(StateError):
            durable.once("more", lambda: do(0))
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(fill) == -signal.SIGKILL
    with closing(sqlite3.connect(tmp_path / "runs" / f"{RUN[:-1]}0.db")) as connection:
        (intents,) = connection.execute("SELECT count(*) FROM effects").fetchone()
    assert len(Target(tmp_path / "target").ids()) == intents


def test_a_disk_that_is_full_from_the_start_is_said_and_nothing_is_sent(tmp_path: Path) -> None:
    def begin() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        with pytest.raises(StateError, match=r"can't be made: .*\n  free some space"):
            open_journal(tmp_path)

    assert in_child(begin) == 0


def test_a_run_killed_while_it_commits_is_listed_as_interrupted(tmp_path: Path) -> None:
    """A cut-off commit leaves a rollback journal, which a reader has to undo first."""

    def cut_off() -> Any:
        journal = open_journal(tmp_path)
        file = tmp_path / "runs" / f"{journal.run.id}.db"
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("PRAGMA cache_size = 1")  # so that changed pages reach the file before the commit
        other.execute("BEGIN IMMEDIATE")
        for number in range(3000):
            other.execute("INSERT INTO items (loop, key, status) VALUES ('loop', ?, 'ok')", (f"{number:09}",))
        left = file.with_name(f"{file.name}-journal").read_bytes()
        assert len(left) > 512 and any(left[:8])  # without its mark, nothing is left to undo
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(cut_off) == -signal.SIGKILL
    assert [run.state for run in FolderRuns(tmp_path, Clock()).list()] == ["interrupted"]
    with open_journal(tmp_path) as journal:
        assert not journal.is_item_done("loop", "000000001")
