"""The occurrence table: claims, fences, and a file that is believed only if it is whole and its own."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pinflow.errors import StateError
from pinflow.scheduling.rules import utc
from pinflow.state.folder.occurrences import LEASE, Table
from pinflow.state.protocol import ClaimLost
from pinflow.state.records import JobRow, Verdict

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
def table(tmp_path: Path) -> Iterator[Table]:
    with Table(tmp_path, owner="one") as table:
        table.put_jobs([job()], now=NOW)
        yield table


@pytest.fixture
def other(tmp_path: Path, table: Table) -> Iterator[Table]:
    with Table(tmp_path, owner="two") as other:
        yield other


def claim(table: Table, at: float = NOW + 60, *, id_: int = 1, run: str = "r1", skip: bool = True):  # type: ignore[no-untyped-def]
    return table.claim(id_, at, run=run, skip_overlap=skip)


def test_the_file_is_its_owners_alone_and_safe_against_power_loss(tmp_path: Path, table: Table) -> None:
    assert stat.S_IMODE(table.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(table.file.parent.stat().st_mode) == 0o700
    pragmas = {
        name: table._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    }
    assert pragmas["journal_mode"] in ("delete", "truncate", "persist")  # never wal
    assert pragmas["synchronous"] == 2
    assert [file.name for file in table.file.parent.iterdir() if "new" in file.name] == []


def test_a_time_has_one_row_whoever_writes_it(table: Table, other: Table) -> None:
    assert table.record([("a", NOW, [due(60)])]) == {"a"}
    assert other.record([("a", NOW, [due(60)])]) == set()  # its watermark was moved
    assert len(other.history()) == 1
    assert other.jobs()["a"].seen == NOW + 60


def test_of_two_that_claim_one_gets_it(table: Table, other: Table) -> None:
    table.record([("a", NOW, [due(60)])])
    first = claim(table)
    assert (first.state, first.owner, first.fence, first.run) == ("claimed", "one", 1, "r1")
    assert claim(other, run="r2") is None
    assert other.open_occurrences(NOW + 60) == []


def test_a_frozen_owner_that_wakes_up_can_not_write(table: Table, other: Table) -> None:
    table.record([("a", NOW, [due(60)])])
    frozen = table.running(claim(table))
    later = NOW + 60 + LEASE + 1
    second = claim(other, later, run="r2")
    assert (second.fence, second.owner, second.run) == (2, "two", "r1")  # the run is the same
    for write in (
        lambda: table.running(frozen),
        lambda: table.settle(frozen, "done", now=later, reason="", exit_code=0),
        lambda: table.park(frozen, until=later, reason=""),
        lambda: table.release(frozen, until=later, reason=""),
    ):
        with pytest.raises(ClaimLost):
            write()
    assert table.renew([frozen], later) == [frozen]
    other.settle(second, "done", now=later, reason="", exit_code=0)
    assert table.history()[0].state == "done"


def test_a_sign_of_life_keeps_a_claim(table: Table, other: Table) -> None:
    table.record([("a", NOW, [due(60)])])
    held = claim(table)
    assert table.renew([held], NOW + 110) == []
    assert claim(other, NOW + 60 + LEASE + 1) is None


def test_an_earlier_occurrence_is_in_the_way(table: Table) -> None:
    table.record([("a", NOW, [due(60), due(120), due(180, origin="missed")])])
    assert claim(table, NOW + 200).state == "claimed"
    skipped = claim(table, NOW + 200, id_=2)
    assert (skipped.state, skipped.reason) == (
        "skipped",
        f"the occurrence before it had not ended (due {utc(NOW + 60)})",
    )
    assert claim(table, NOW + 200, id_=3) is None  # what makes up for a missed one waits
    assert table.history()[0].state == "due"


def test_an_edit_withdraws_what_waits_and_begins_anew_if_the_rule_changed(table: Table) -> None:
    table.record([("a", NOW, [due(60), due(120)])])
    running = table.running(claim(table))
    assert table.put_jobs([job(digest="2")], now=NOW + 100) == ["a"]
    assert [row.state for row in table.history()] == ["withdrawn", "running"]
    assert table.jobs()["a"].seen == NOW + 120  # the rule is the same
    table.settle(running, "done", now=NOW + 201, reason="", exit_code=0)
    assert table.put_jobs([job(digest="3", block="hour")], now=NOW + 200) == []
    assert table.jobs()["a"].seen == NOW


def test_an_extra_run_gives_way_to_a_time_that_is_taken(table: Table) -> None:
    table.record([("a", NOW, [due(60)])])
    id_ = table.add("a", due(60, origin="now"))
    assert table.find(id_).due == NOW + 59


def test_a_span_that_meets_a_row_begins_behind_it(table: Table) -> None:
    table.record([("a", NOW, [due(60)])])
    table.settle(claim(table), "done", now=NOW + 61, reason="", exit_code=0)
    table.record([("a", NOW + 60, [Verdict(NOW + 60, "merged", NOW + 60, NOW + 600, 10, "missed")])])
    newest = table.history()[0]
    assert (newest.due, newest.last, newest.state) == (NOW + 61, NOW + 600, "merged")
    assert [row.state for row in table.around("a", NOW + 300, NOW + 300)] == ["merged"]


def test_old_rows_go_and_open_ones_stay(table: Table) -> None:
    table.record([("a", NOW, [due(60), due(120)])])
    table.settle(claim(table), "done", now=NOW + 61, reason="", exit_code=0)
    table.prune(NOW + 500 * 86_400)
    assert [row.state for row in table.history()] == ["due"]


def test_many_make_the_file_at_once(tmp_path: Path) -> None:
    gate, errors = threading.Barrier(8), []

    def make(number: int) -> None:
        gate.wait()
        try:
            Table(tmp_path, owner=str(number)).close()
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
            "damaged: a row holds what no pinflow writes",
        ),
    ],
)
def test_a_file_that_can_not_be_believed_is_refused_and_left_as_it_is(tmp_path, spoil, said) -> None:  # type: ignore[no-untyped-def]
    with Table(tmp_path, owner="one") as table:
        table.put_jobs([job()], now=NOW)
        table.record([("a", NOW, [due(60)])])
    spoil(table.file)
    before = table.file.read_bytes()
    with pytest.raises(StateError, match=said) as raised:
        Table(tmp_path, owner="two")
    assert raised.value.exit_code == 8
    assert str(table.file) in raised.value.message
    assert table.file.read_bytes() == before


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("UPDATE jobs SET block = '7'", "the job a: 7 is no dict"),
        ('UPDATE jobs SET block = \'{"every": "day"}\'', "the job a: its schedule has other keys"),
        ("UPDATE jobs SET block = replace(block, '\"day\"', '\"0 minutes\"')", "the job a: every can't be zero"),
        ("UPDATE jobs SET block = replace(block, '\"UTC\"', '\"Mars\"')", "the job a: timezone is not a time zone"),
        ("UPDATE jobs SET block = replace(block, '\"last\"', '\"sometimes\"')", "the job a: missed must be skip"),
        ("UPDATE jobs SET accounts = '7'", "the job a: 7 is no list"),
        ("UPDATE jobs SET inputs = '[]'", r"the job a: \[\] is no dict"),
        ("UPDATE jobs SET paused = 'yes'", "a row holds what no pinflow writes"),
        ("UPDATE occurrences SET lease = 'long'", "a row holds what no pinflow writes"),
    ],
)
def test_an_edited_row_is_told_with_what_is_wrong(tmp_path: Path, script: str, said: str) -> None:
    with Table(tmp_path, owner="one") as table:
        table.put_jobs([job()], now=NOW)
        table.record([("a", NOW, [due(60)])])
        _execute(table.file, script)
    with pytest.raises(StateError, match=f"damaged: {said}"), Table(tmp_path, owner="two") as again:
        again.jobs()


def test_a_file_that_another_process_holds_for_long_is_not_called_damaged(tmp_path: Path) -> None:
    with Table(tmp_path, owner="one") as table, closing(sqlite3.connect(table.file)) as other:
        table._connection.execute("PRAGMA busy_timeout = 0")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StateError, match=r"table\.db can't be read: database is locked") as raised:
            table.jobs()
    assert raised.value.hint == "see that it is a file of yours, and that its disk works; then try again"


def test_a_file_that_is_out_of_reach_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "schedule" / "table.db").mkdir(parents=True)
    with pytest.raises(StateError, match=r"table\.db can't be read: unable to open database file") as raised:
        Table(tmp_path, owner="one")
    assert "move it away" not in raised.value.hint


def _execute(file: Path, script: str) -> None:
    connection = sqlite3.connect(file)
    connection.executescript(script)
    connection.close()


def test_a_network_file_system_is_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/home {tmp_path} nfs4 rw 0 0\n", "utf-8")
    with pytest.raises(StateError, match=r"network filesystem \(nfs4\)"):
        Table(tmp_path / "state", owner="one", mounts=mounts)
    assert not (tmp_path / "state" / "schedule").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_not_be_written_is_a_clear_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StateError, match="can't be made"):
        Table(tmp_path / "state", owner="one")
