"""The log beside a run's file: what it holds is as safe as what the file holds, and damage is noticed."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pinflow.clock import Clock
from pinflow.errors import StateError
from pinflow.state.folder import intent_log, store
from pinflow.state.folder.atomic_file import sync_folder
from pinflow.state.folder.intent_log import SIZE, IntentLog, log_file
from pinflow.state.folder.runs import FolderRuns
from pinflow.state.records import RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.state.folder.journal import FolderJournal

RUN = "20261130-120000-aaaaaa"
BEFORE_LOG = 8  # intents that go into the file itself
LOGGED = 6


def record(journal: FolderJournal, numbers: range) -> None:
    for number in numbers:
        journal.record_intent("pins", str(number), kind="pin", method="POST", category="c", digest="d")
        journal.settle("pins", str(number), "done", {"id": str(number)})


def begin(state: Path, run_id: str = RUN, probe: Callable[[str], None] = lambda _: None) -> FolderJournal:
    made = RunRecord(run_id, "r", "d", "n", {}, {}, {}, 1_790_000_000.0)
    # the time of the file's commits stands still: none is due
    return FolderRuns(state, Clock(monotonic=lambda: 0.0), probe=probe).create(made)


def runs(state: Path) -> FolderRuns:
    return FolderRuns(state, Clock())


def log_of(state: Path, run_id: str = RUN) -> Path:
    return log_file(state / "runs" / f"{run_id}.db")


def effects_on_disk(state: Path) -> dict[str, tuple[str, int]]:
    """What a reader finds of each effect: its state and how often it was sent."""
    return {effect.key: (effect.state, effect.attempts) for effect in runs(state).detail(RUN).effects}


def expected(number: int) -> dict[str, tuple[str, int]]:
    """Of so many intents: each outcome is on disk with the next one."""
    return {str(each): ("done" if each < number - 1 else "intent", 1) for each in range(number)}


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The state of a run whose process was killed after some intents in the log."""
    with begin(tmp_path / "alive") as journal:
        record(journal, range(BEFORE_LOG + LOGGED))
        return Path(shutil.copytree(tmp_path / "alive", tmp_path / "killed"))


def entries(content: bytes) -> list[int]:
    """Where the log's entries begin, and where the last one ends."""
    places = []
    position = intent_log._HEAD.size
    while content[position : position + 4] == intent_log._ENTRY:
        places.append(position)
        position += intent_log._PREFIX.size + intent_log._PREFIX.unpack_from(content, position)[1]
    return [*places, position]


def forget_mark(state: Path) -> None:
    """As after a power loss: what was not flushed is gone."""
    (state / "runs" / f"{RUN}.lock").unlink()


def test_what_the_log_holds_is_read_and_resumed(killed: Path) -> None:
    assert len(entries(log_of(killed).read_bytes())) == LOGGED + 1
    assert effects_on_disk(killed) == expected(BEFORE_LOG + LOGGED)
    with runs(killed).open(RUN) as journal:
        assert not log_of(killed).exists()
        record(journal, range(BEFORE_LOG + LOGGED, 40))
    assert effects_on_disk(killed) == {**expected(40), "39": ("done", 1), str(BEFORE_LOG + LOGGED - 1): ("intent", 1)}
    assert not log_of(killed).exists()


def test_every_intent_is_seen_by_readers_as_soon_as_it_may_be_sent(tmp_path: Path) -> None:
    with begin(tmp_path) as journal:
        for number in range(40):
            record(journal, range(number, number + 1))
            assert effects_on_disk(tmp_path) == expected(number + 1)


def test_the_file_catches_up_in_time_and_when_much_waits(tmp_path: Path) -> None:
    now = 0.0
    made = RunRecord(RUN, "r", "d", "n", {}, {}, {}, 1_790_000_000.0)
    with FolderRuns(tmp_path, Clock(monotonic=lambda: now)).create(made) as journal:
        record(journal, range(20))
        log_of(tmp_path).rename(tmp_path / "aside")
        with pytest.raises(StateError, match="its log of intents is gone"):
            effects_on_disk(tmp_path)
        (tmp_path / "aside").rename(log_of(tmp_path))
        now = 0.6
        record(journal, range(20, 21))
        assert len(entries(log_of(tmp_path).read_bytes())) == 13  # they stay, but count no more
        record(journal, range(21, 300))
        assert effects_on_disk(tmp_path) == expected(300)
    assert effects_on_disk(tmp_path) == {**expected(300), "299": ("done", 1)}


@pytest.mark.parametrize("left", [0, 1, 3, 4, 20, 24, 60, -1])
def test_an_entry_that_a_power_loss_cut_off_never_was(killed: Path, left: int) -> None:
    content = log_of(killed).read_bytes()
    *_, last, end = entries(content)
    cut = end - 1 if left < 0 else last + left
    log_of(killed).write_bytes(content[:cut].ljust(SIZE, b"\0"))
    with pytest.raises(StateError, match="is damaged: it is older than it was left"):
        runs(killed).open(RUN)  # no power loss: the lock says that the entry was whole
    forget_mark(killed)
    with runs(killed).open(RUN):
        pass
    assert effects_on_disk(killed) == expected(BEFORE_LOG + LOGGED - 1)


def test_an_entry_that_was_cut_off_over_older_ones_never_was(tmp_path: Path) -> None:
    now = 0.0
    made = RunRecord(RUN, "r", "d", "n", {}, {}, {}, 1_790_000_000.0)
    with FolderRuns(tmp_path / "alive", Clock(monotonic=lambda: now)).create(made) as journal:
        record(journal, range(20))
        now = 1.0
        record(journal, range(20, 21))
        old = log_of(tmp_path / "alive").read_bytes()
        record(journal, range(21, 22))
        killed = Path(shutil.copytree(tmp_path / "alive", tmp_path / "killed"))
    new = log_of(killed).read_bytes()
    log_of(killed).write_bytes(new[:200] + old[200:])
    forget_mark(killed)
    with runs(killed).open(RUN):
        pass
    assert effects_on_disk(killed) == expected(21)


@pytest.mark.slow
@pytest.mark.parametrize("lost", [False, True], ids=["killed", "power lost"])
def test_a_flipped_bit_is_noticed_or_harmless(killed: Path, tmp_path: Path, lost: bool) -> None:
    content = log_of(killed).read_bytes()
    *_, last, end = entries(content)
    # of the last entry, a power loss may have left anything: see above
    for place in [*range(0, last if lost else end, 11), end + 5, SIZE - 1]:
        state = Path(shutil.copytree(killed, tmp_path / f"{place}"))
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        log_of(state).write_bytes(flipped)
        if lost:
            forget_mark(state)
        if place >= end:
            runs(state).open(RUN).close()
            assert effects_on_disk(state) == expected(BEFORE_LOG + LOGGED)
            continue
        with pytest.raises(StateError, match=r"is damaged: .*; it was left as it is"):
            runs(state).open(RUN)
        assert log_of(state).read_bytes() == flipped


@pytest.mark.parametrize("lost", [False, True], ids=["killed", "power lost"])
def test_a_log_that_is_gone_or_cut_off_is_noticed(killed: Path, lost: bool) -> None:
    if lost:
        forget_mark(killed)
    content = log_of(killed).read_bytes()
    log_of(killed).write_bytes(content[: SIZE // 2])
    with pytest.raises(StateError, match="its log of intents is damaged"):
        runs(killed).open(RUN)
    log_of(killed).unlink()
    for use in (runs(killed).open, runs(killed).detail):
        with pytest.raises(StateError, match="is damaged: its log of intents is gone; it was left as it is"):
            use(RUN)


@pytest.mark.parametrize("other", ["another run", "an earlier log of the same run"])
def test_the_log_of_another_run_is_noticed(killed: Path, tmp_path: Path, other: str) -> None:
    with begin(tmp_path / "other", RUN if "same" in other else "20261130-120000-bbbbbb") as journal:
        record(journal, range(BEFORE_LOG + LOGGED))
        shutil.copy(log_of(tmp_path / "other", journal.run.id), log_of(killed))
    forget_mark(killed)
    with pytest.raises(StateError, match="its log of intents is damaged, or another run's"):
        runs(killed).open(RUN)


@pytest.mark.parametrize("older", ["the file", "the log"])
def test_a_file_or_a_log_that_was_put_back_is_noticed(tmp_path: Path, older: str) -> None:
    now = 0.0
    made = RunRecord(RUN, "r", "d", "n", {}, {}, {}, 1_790_000_000.0)
    with FolderRuns(tmp_path / "alive", Clock(monotonic=lambda: now)).create(made) as journal:
        record(journal, range(20))
        early = Path(shutil.copytree(tmp_path / "alive", tmp_path / "early"))
        now = 1.0
        record(journal, range(20, 25))
        late = Path(shutil.copytree(tmp_path / "alive", tmp_path / "late"))
    file = log_of(early) if older == "the log" else log_of(early).with_name(f"{RUN}.db")
    shutil.copy(file, late / "runs")
    with pytest.raises(StateError, match="is damaged"):
        runs(late).open(RUN)


def test_entries_are_applied_once_however_often_their_applying_is_cut_off(killed: Path) -> None:
    log = log_of(killed).read_bytes()
    runs(killed).open(RUN).close()
    log_of(killed).write_bytes(log)  # the process ended before it could remove it
    assert effects_on_disk(killed) == expected(BEFORE_LOG + LOGGED)
    runs(killed).open(RUN).close()
    assert effects_on_disk(killed) == expected(BEFORE_LOG + LOGGED)
    assert not log_of(killed).exists()


def test_the_logs_name_is_on_disk_before_the_file_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def sync(folder: Path) -> None:
        order.append("folder")
        sync_folder(folder)

    monkeypatch.setattr(intent_log, "sync_folder", sync)
    with begin(tmp_path, probe=order.append) as journal:
        record(journal, range(BEFORE_LOG - 1))
        assert "folder" not in order
        order.clear()
        record(journal, range(BEFORE_LOG - 1, BEFORE_LOG))
    assert order[:3] == ["folder", "commit", "committed"]


def test_without_room_for_a_log_all_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(database: Path) -> IntentLog:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "IntentLog", refuse)
    with begin(tmp_path) as journal:
        record(journal, range(30))
        assert not log_of(tmp_path).exists()
        assert effects_on_disk(tmp_path) == expected(30)


def test_what_the_log_has_no_room_for_goes_into_the_file(tmp_path: Path) -> None:
    with begin(tmp_path) as journal:
        record(journal, range(20))
        journal.freeze("pins", "ids", (f"{number:0200}" for number in range(1500)))
        record(journal, range(20, 40))
        state = Path(shutil.copytree(tmp_path, tmp_path.with_name("killed")))
    with runs(state).open(RUN) as journal:
        assert len(journal.frozen_list("pins", "ids") or ()) == 1500
    assert effects_on_disk(state) == expected(40)


def test_a_statement_that_no_run_writes_is_not_carried_out(killed: Path) -> None:
    database = log_of(killed).with_name(f"{RUN}.db")
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        log = IntentLog(database)
        ((commits,),) = connection.execute("SELECT commits FROM seal").fetchall()
        connection.execute("UPDATE seal SET log = ?", (log.number,))
        entry = log.entry(commits + 1, [("DROP TABLE items", ())])
        assert entry is not None
        log.append(entry)
        log.close()
    forget_mark(killed)
    with pytest.raises(StateError, match="its log of intents holds what no run writes"):
        runs(killed).open(RUN)
