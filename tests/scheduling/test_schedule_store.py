"""The schedule in a folder: claims, fences, and a file that is believed only if it is whole and its own."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pinflow.errors import StateError
from pinflow.scheduling.jobs import stored_jobs
from pinflow.state.folder.schedule import FolderSchedule
from pinflow.state.protocol import ClaimLost
from pinflow.state.records import LEASE, JobRow, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_800_000_000


def job(name: str = "a", digest: str = "1", block: str = "day") -> JobRow:
    return JobRow(
        name=name,
        title=name,
        recipe=f"{name}.yaml",
        stamp="",
        digest=digest,
        block=dict.fromkeys(("at", "cron", "grace", "jitter", "until"))
        | {"every": block, "timezone": "UTC", "missed": "last", "overlap": "skip"},
        inputs={},
        accounts=[],
        anchor=NOW,
        seen=NOW,
    )


def due(at: int, **changes: object) -> Verdict:
    return Verdict(NOW + at, "due", NOW + at, NOW + at, **changes)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FolderSchedule]:
    with closing(FolderSchedule(tmp_path, owner="one")) as store:
        store.jobs.put([job()], now=NOW)
        yield store


@pytest.fixture
def other(tmp_path: Path, store: FolderSchedule) -> Iterator[FolderSchedule]:
    with closing(FolderSchedule(tmp_path, owner="two")) as other:
        yield other


def claim(store: FolderSchedule, at: float = NOW + 60, *, id_: int = 1, run: str = "r1", skip: bool = True):  # type: ignore[no-untyped-def]
    return store.occurrences.claim(
        id_, at, run=run, skip_reason=(lambda earlier: f"one due at {earlier} had not ended") if skip else None
    )


def test_the_file_is_its_owners_alone_and_safe_against_power_loss(tmp_path: Path, store: FolderSchedule) -> None:
    assert stat.S_IMODE(store._file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store._file.path.parent.stat().st_mode) == 0o700
    pragmas = {
        name: store._file._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous")
    }
    assert pragmas["journal_mode"] in ("delete", "truncate", "persist")  # never wal
    assert pragmas["synchronous"] == 2
    assert [file.name for file in store._file.path.parent.iterdir() if "new" in file.name] == []


def test_a_time_has_one_row_whoever_writes_it(store: FolderSchedule, other: FolderSchedule) -> None:
    assert store.occurrences.record([("a", NOW, [due(60)])]) == {"a"}
    assert other.occurrences.record([("a", NOW, [due(60)])]) == set()  # its watermark was moved
    assert len(other.occurrences.history()) == 1
    assert other.jobs.all()["a"].seen == NOW + 60


def test_of_two_that_claim_one_gets_it(store: FolderSchedule, other: FolderSchedule) -> None:
    store.occurrences.record([("a", NOW, [due(60)])])
    first = claim(store)
    assert (first.state, first.owner, first.fence, first.run) == ("claimed", "one", 1, "r1")
    assert claim(other, run="r2") is None
    assert other.occurrences.claimable(NOW + 60) == []


def test_a_frozen_owner_that_wakes_up_can_not_write(store: FolderSchedule, other: FolderSchedule) -> None:
    store.occurrences.record([("a", NOW, [due(60)])])
    frozen = store.occurrences.begin(claim(store))
    later = NOW + 60 + LEASE + 1
    second = claim(other, later, run="r2")
    assert (second.fence, second.owner, second.run) == (2, "two", "r1")  # the run is the same
    for write in (
        lambda: store.occurrences.begin(frozen),
        lambda: store.occurrences.settle(frozen, "done", now=later, reason="", exit_code=0),
        lambda: store.occurrences.park(frozen, until=later, reason=""),
        lambda: store.occurrences.release(frozen, until=later, reason=""),
    ):
        with pytest.raises(ClaimLost):
            write()
    assert store.occurrences.renew([frozen], later) == [frozen]
    other.occurrences.settle(second, "done", now=later, reason="", exit_code=0)
    assert store.occurrences.history()[0].state == "done"


def test_a_sign_of_life_keeps_a_claim(store: FolderSchedule, other: FolderSchedule) -> None:
    store.occurrences.record([("a", NOW, [due(60)])])
    held = claim(store)
    assert store.occurrences.renew([held], NOW + 110) == []
    assert claim(other, NOW + 60 + LEASE + 1) is None


def test_an_earlier_occurrence_is_in_the_way(store: FolderSchedule) -> None:
    store.occurrences.record([("a", NOW, [due(60), due(120), due(180, origin="missed")])])
    assert claim(store, NOW + 200).state == "claimed"
    skipped = claim(store, NOW + 200, id_=2)
    assert (skipped.state, skipped.reason) == (
        "skipped",
        f"one due at {NOW + 60} had not ended",
    )
    assert claim(store, NOW + 200, id_=3) is None  # what makes up for a missed one waits
    assert store.occurrences.history()[0].state == "due"


def test_an_edit_withdraws_what_waits_and_begins_anew_if_the_rule_changed(store: FolderSchedule) -> None:
    store.occurrences.record([("a", NOW, [due(60), due(120)])])
    running = store.occurrences.begin(claim(store))
    assert store.jobs.put([job(digest="2")], now=NOW + 100) == ["a"]
    assert [row.state for row in store.occurrences.history()] == ["withdrawn", "running"]
    assert store.jobs.all()["a"].seen == NOW + 120  # the rule is the same
    store.occurrences.settle(running, "done", now=NOW + 201, reason="", exit_code=0)
    assert store.jobs.put([job(digest="3", block="hour")], now=NOW + 200) == []
    assert store.jobs.all()["a"].seen == NOW


def test_an_extra_run_gives_way_to_a_time_that_is_taken(store: FolderSchedule) -> None:
    store.occurrences.record([("a", NOW, [due(60)])])
    id_ = store.occurrences.add("a", due(60, origin="now"))
    assert store.occurrences.find(id_).due == NOW + 59


def test_a_span_that_meets_a_row_begins_behind_it(store: FolderSchedule) -> None:
    store.occurrences.record([("a", NOW, [due(60)])])
    store.occurrences.settle(claim(store), "done", now=NOW + 61, reason="", exit_code=0)
    store.occurrences.record([("a", NOW + 60, [Verdict(NOW + 60, "merged", NOW + 60, NOW + 600, 10, "missed")])])
    newest = store.occurrences.history()[0]
    assert (newest.due, newest.last, newest.state) == (NOW + 61, NOW + 600, "merged")
    assert [row.state for row in store.occurrences.between("a", NOW + 300, NOW + 300)] == ["merged"]


def test_old_rows_go_and_open_ones_stay(store: FolderSchedule) -> None:
    store.occurrences.record([("a", NOW, [due(60), due(120)])])
    store.occurrences.settle(claim(store), "done", now=NOW + 61, reason="", exit_code=0)
    store.prune(NOW + 500 * 86_400)
    assert [row.state for row in store.occurrences.history()] == ["due"]


def test_many_make_the_file_at_once(tmp_path: Path) -> None:
    gate, errors = threading.Barrier(8), []

    def make(number: int) -> None:
        gate.wait()
        try:
            FolderSchedule(tmp_path, owner=str(number)).close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []
    assert [file.name for file in (tmp_path / "schedule").iterdir()] == ["table.db"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: file.write_text("jobs: none\n"), "damaged"),
        (lambda file: file.write_bytes(file.read_bytes()[:4096]), "damaged"),
        (lambda file: file.write_bytes(file.read_bytes().replace(b"state", b"stale")), "damaged"),
        (lambda file: _execute(file, "PRAGMA user_version = 2"), "from a newer pinflow"),
        (lambda file: _execute(file, "PRAGMA application_id = 7"), "not a schedule of pinflow"),
        (lambda file: _execute(file, "ALTER TABLE jobs ADD COLUMN mine TEXT"), "its tables were changed"),
        (lambda file: _execute(file, "UPDATE jobs SET block = 'every: day'"), "damaged"),
        (
            lambda file: _execute(file, "PRAGMA ignore_check_constraints = 1; UPDATE occurrences SET state = 'ran'"),
            "damaged: a row holds a value that pinflow doesn't write",
        ),
    ],
)
def test_a_file_that_can_not_be_believed_is_refused_and_left_as_it_is(tmp_path, spoil, said) -> None:  # type: ignore[no-untyped-def]
    with closing(FolderSchedule(tmp_path, owner="one")) as store:
        store.jobs.put([job()], now=NOW)
        store.occurrences.record([("a", NOW, [due(60)])])
    spoil(store._file.path)
    before = store._file.path.read_bytes()
    with pytest.raises(StateError, match=said) as raised:
        FolderSchedule(tmp_path, owner="two")
    assert raised.value.exit_code == 8
    assert str(store._file.path) in raised.value.message
    assert store._file.path.read_bytes() == before


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("UPDATE jobs SET block = '7'", "the job a: 7 is not a mapping"),
        ('UPDATE jobs SET block = \'{"every": "day"}\'', "the job a: its schedule has other keys"),
        ("UPDATE jobs SET block = replace(block, '\"day\"', '\"0 minutes\"')", "the job a: every can't be zero"),
        ("UPDATE jobs SET block = replace(block, '\"UTC\"', '\"Mars\"')", "the job a: timezone is not a time zone"),
        ("UPDATE jobs SET block = replace(block, '\"last\"', '\"sometimes\"')", "the job a: missed must be skip"),
        ("UPDATE jobs SET accounts = '7'", "the job a: 7 is not a list"),
        ("UPDATE jobs SET inputs = '[]'", r"the job a: \[\] is not a mapping"),
        ("UPDATE jobs SET paused = 'yes'", "a row holds a value that pinflow doesn't write"),
        ("UPDATE occurrences SET lease = 'long'", "a row holds a value that pinflow doesn't write"),
    ],
)
def test_an_edited_row_is_told_with_what_is_wrong(tmp_path: Path, script: str, said: str) -> None:
    with closing(FolderSchedule(tmp_path, owner="one")) as store:
        store.jobs.put([job()], now=NOW)
        store.occurrences.record([("a", NOW, [due(60)])])
        _execute(store._file.path, script)
    with pytest.raises(StateError, match=f"damaged: {said}"), closing(FolderSchedule(tmp_path, owner="two")) as again:
        stored_jobs(again)


def test_a_file_that_another_process_holds_for_long_is_not_called_damaged(tmp_path: Path) -> None:
    with closing(FolderSchedule(tmp_path, owner="one")) as store, closing(sqlite3.connect(store._file.path)) as other:
        store._file._connection.execute("PRAGMA busy_timeout = 0")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StateError, match=r"table\.db can't be read: database is locked") as raised:
            store.jobs.all()
    assert raised.value.hint == "see that it is a file of yours, and that its disk works; then try again"


def test_a_file_that_is_out_of_reach_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "schedule" / "table.db").mkdir(parents=True)
    with pytest.raises(StateError, match=r"table\.db can't be read: unable to open database file") as raised:
        FolderSchedule(tmp_path, owner="one")
    assert "move it away" not in raised.value.hint


def _execute(file: Path, script: str) -> None:
    connection = sqlite3.connect(file)
    connection.executescript(script)
    connection.close()


def test_a_network_file_system_is_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/home {tmp_path} nfs4 rw 0 0\n", "utf-8")
    with pytest.raises(StateError, match=r"network filesystem \(nfs4\)"):
        FolderSchedule(tmp_path / "state", owner="one", mounts=mounts)
    assert not (tmp_path / "state" / "schedule").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_not_be_written_is_a_clear_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StateError, match="can't be made"):
        FolderSchedule(tmp_path / "state", owner="one")
