"""The schedule's file in a folder: believed only if it is whole and its own. (Claims: see the conformance tests.)"""

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
from pinflow.state.records import JobRow, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_800_000_000


def job() -> JobRow:
    return JobRow(
        name="a",
        title="a",
        recipe="a.yaml",
        stamp="",
        digest="1",
        block=dict.fromkeys(("at", "cron", "grace", "jitter", "until"))
        | {"every": "day", "timezone": "UTC", "missed": "last", "overlap": "skip"},
        inputs={},
        accounts=[],
        anchor=NOW,
        seen=NOW,
    )


def due(at: int) -> Verdict:
    return Verdict(NOW + at, "due", NOW + at, NOW + at)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FolderSchedule]:
    with closing(FolderSchedule(tmp_path, owner="one")) as store:
        store.jobs.put([job()], now=NOW)
        yield store


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
        ("UPDATE jobs SET block = replace(block, '\"UTC\"', '\"Mars\"')", "the job a: timezone isn't a time zone"),
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
