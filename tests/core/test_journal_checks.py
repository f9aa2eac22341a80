"""Each row of a run's file carries a check value: what is not as it was written is noticed, and never believed."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tarfile
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.clock import Clock
from pinflow.errors import StateError, UsageError
from pinflow.state.folder.checked_table import CheckedTable, add_row_check, keep_seal
from pinflow.state.folder.run_tables import EFFECTS, TABLES
from pinflow.state.folder.runs import FolderRuns
from pinflow.state.records import CheckRecord, RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.state.folder.journal import FolderJournal

NOON = 1_796_040_000.0
RUN = "20261130-120000-aaaaaa"
BEFORE = Path(__file__).with_name("state_before") / "half_done" / "state.tar.xz"
KILLED = "20261130-120500"  # of the version before: with four effects open, three done, one refused


def runs(state: Path) -> FolderRuns:
    return FolderRuns(state, Clock(lambda: NOON, lambda: NOON))


def file_of(state: Path) -> Path:
    return state / "runs" / f"{RUN}.db"


def intend(journal: FolderJournal, key: str, **more: Any) -> None:
    journal.record_intent("pins", key, kind="pin", method="POST", category="write", digest="0" * 16, **more)


def fill(journal: FolderJournal, count: int = 60) -> None:
    for number in range(count):
        intend(journal, str(number), place="pins:7")
        journal.settle("pins", str(number), "done" if number % 3 else "refused", {"id": str(10**17 + number)})
        journal.finish_step(f"pins[{number}].pin", "ok", {"id": str(number)}, seconds=number)
        journal.finish_item("pins", str(number), "ok")
        fields = {"title": "0" * 16} if number % 2 else None
        journal.checks.add(CheckRecord("pins", str(number), "pin", "me", "pins:7", str(10**17 + number), fields))
        journal.checks.add_unreadable("events", str(number), "event", "the service shows none")
    journal.freeze("pins", "source", map(str, range(count)))
    journal.call("me", "write", count)
    intend(journal, "open")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state with one run, which has rows in every table and was left open."""
    record = RunRecord(RUN, "r.yaml", "d", "Böards", {"board": "8"}, {}, {}, NOON)
    with closing(runs(tmp_path).create(record)) as journal:
        fill(journal)
    return tmp_path


def everything(state: Path) -> Any:
    """All that a run tells of itself, by the ways that decide anything."""
    with closing(runs(state).open(RUN)) as journal:
        keys = [*map(str, range(60)), "open"]
        return (
            journal.run,
            [journal.effect("pins", key) for key in keys],
            [journal.is_item_done("pins", key) for key in keys],
            [journal.step(f"pins[{key}].pin") for key in keys],
            list(journal.frozen_list("pins", "source") or ()),
            [id_ in (journal.frozen_list("pins", "source") or ()) for id_ in ("5", "59", "60")],
            list(journal.results("pins")),
            journal.counts(),
            journal.calls(),
            journal.unknown_keys("pins", "pin"),
            journal.last_unknown_at("pins", "pin"),
            list(journal.checks.pending("pins")),
            journal.checks.unreadable(),
        )


def change(file: Path, *statements: str) -> None:
    """Change a file behind its check values, as by hand."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE effects SET state = 'refused' WHERE key = '7'", "effects"),
        ("UPDATE effects SET key = '99' WHERE key = '7'", "effects"),
        ("UPDATE effects SET attempts = attempts + 1 WHERE key = '7'", "effects"),
        ("UPDATE effects SET place = 'pins:8' WHERE key = 'open'", "effects"),
        ("UPDATE effects SET sent_at = sent_at + 1 WHERE key = '7'", "effects"),
        ("UPDATE items SET status = 'failed' WHERE key = '7'", "items"),
        ("UPDATE steps SET output = '{\"id\":\"8\"}' WHERE path LIKE '%[7]%'", "steps"),
        ("UPDATE frozen SET id = '99' WHERE place = 7", "frozen"),
        ("UPDATE lists SET length = 59", "lists"),
        ("UPDATE calls SET n = 1", "calls"),
        ("UPDATE checks SET fields = 'null' WHERE key = '7'", "checks"),
        ("UPDATE unreadable SET reason = '' WHERE key = '7'", "unreadable"),
        ("UPDATE run SET rules = 1", "run"),
        ("UPDATE run SET recipe_digest = 'e'", "run"),
        ("UPDATE effects SET check_value = check_value + 1 WHERE key = '7'", "effects"),
        ("UPDATE effects SET check_value = NULL WHERE key = '7'", "effects"),
    ],
)
def test_a_changed_value_of_any_table_is_noticed(state: Path, statement: str, table: str) -> None:
    change(file_of(state), statement)
    with pytest.raises(StateError, match=f"is damaged: a row of its {table} is not as it was written") as refused:
        runs(state).open(RUN)
    assert refused.value.hint == "check the target for what the run did, then start the recipe again"
    assert refused.value.exit_code == 8
    if table == "run":
        assert runs(state).list()[0].state == "unreadable"
    if table in ("run", "steps", "effects", "calls"):
        with pytest.raises(StateError, match=f"a row of its {table} "):
            runs(state).detail(RUN)


@pytest.mark.parametrize(
    "statements",
    [
        ("DELETE FROM effects WHERE key = '7'",),
        ("DELETE FROM items",),
        ("UPDATE seal SET total = total + 1",),
        ("DELETE FROM seal",),
        ("DROP TABLE seal",),
        ("DROP INDEX frozen_ids",),
        ("CREATE TABLE more (x)",),
    ],
)
def test_a_row_that_is_gone_or_another_table_is_noticed(state: Path, statements: tuple[str, ...]) -> None:
    change(file_of(state), *statements)
    with pytest.raises(StateError, match="is damaged"):
        runs(state).open(RUN)


def test_an_older_copy_of_the_file_is_noticed(state: Path, tmp_path: Path) -> None:
    older = file_of(state).read_bytes()
    with closing(runs(state).open(RUN)) as journal:
        journal.settle("pins", "open", "done", {"id": "1"})
    file_of(state).write_bytes(older)
    with pytest.raises(StateError, match=r"is damaged: it is older than it was left: \d+ commits, and there were \d+"):
        runs(state).open(RUN)
    assert file_of(state).read_bytes() == older


def test_an_older_copy_is_noticed_where_the_last_owner_was_killed(state: Path) -> None:
    older = file_of(state).read_bytes()
    journal = runs(state).open(RUN)
    intend(journal, "new")  # and then nothing more
    newer = file_of(state).read_bytes()
    journal.close()
    file_of(state).write_bytes(older)
    with pytest.raises(StateError, match="older than it was left"):
        runs(state).open(RUN)
    file_of(state).write_bytes(newer)
    with suppress(StateError):  # the close committed nothing, so it is the newest
        runs(state).open(RUN).close()


def test_the_file_of_another_run_is_noticed(state: Path) -> None:
    other = "20261130-130000-bbbbbb"
    with closing(runs(state).create(RunRecord(other, "r.yaml", "d", "n", {}, {}, {}, NOON))):
        pass
    shutil.copy(file_of(state), state / "runs" / f"{other}.db")
    with pytest.raises(StateError, match="is damaged"):
        runs(state).open(other)
    assert runs(state).list()[0].state == "unreadable"


HARMS: dict[str, Callable[[bytearray, random.Random], None]] = {}


def harm(function: Callable[[bytearray, random.Random], None]) -> Callable[[bytearray, random.Random], None]:
    HARMS[function.__name__] = function
    return function


@harm
def one_bit(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


@harm
def many_bits(data: bytearray, chance: random.Random) -> None:
    for _ in range(40):
        one_bit(data, chance)


@harm
def cut_off(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


@harm
def zeroed_page(data: bytearray, chance: random.Random) -> None:
    start = 4096 * chance.randrange(len(data) // 4096)
    data[start : start + 4096] = bytes(4096)


@harm
def zeroed_sector(data: bytearray, chance: random.Random) -> None:
    start = 512 * chance.randrange(len(data) // 512)
    data[start : start + 512] = bytes(512)


@harm
def page_of_elsewhere(data: bytearray, chance: random.Random) -> None:
    pages = len(data) // 4096
    start, source = 4096 * chance.randrange(pages), 4096 * chance.randrange(pages)
    data[start : start + 4096] = data[source : source + 4096]


@pytest.mark.slow
@pytest.mark.parametrize("name", HARMS)
def test_damage_of_any_kind_is_noticed_or_harmless(state: Path, name: str) -> None:
    whole, file = file_of(state).read_bytes(), file_of(state)
    expected = everything(state)
    chance = random.Random(name)
    noticed = 0
    for _ in range(60):
        harmed = bytearray(whole)
        HARMS[name](harmed, chance)
        file.write_bytes(harmed)
        (state / "runs" / f"{RUN}.lock").unlink()
        assert len(runs(state).list()) <= 1  # never a crash; an empty file is no run
        with suppress(StateError, UsageError):
            runs(state).detail(RUN)
        try:
            assert everything(state) == expected
        except StateError:
            noticed += 1
            assert file.read_bytes() == harmed
    assert noticed > (5 if name == "one_bit" else 15)


def test_pages_that_came_back_older_are_noticed(state: Path) -> None:
    """As after a disk that lost some of its writes: each page is whole, and some are of yesterday."""
    file = file_of(state)
    older = file.read_bytes()
    with closing(runs(state).open(RUN)) as journal:
        for number in range(40):
            intend(journal, f"new {number}")
            journal.settle("pins", f"new {number}", "done", {"id": str(number)})
    newer, expected = file.read_bytes(), everything(state)
    changed = [at for at in range(0, len(older), 4096) if older[at : at + 4096] != newer[at : at + 4096]]
    noticed = 0
    for at in changed:
        file.write_bytes(newer[:at] + older[at : at + 4096] + newer[at + 4096 :])
        try:
            assert everything(state) == expected  # of some pages only the order of the same rows has changed
        except StateError:
            noticed += 1
    assert noticed > 2


# the version before


@pytest.fixture
def before(tmp_path: Path) -> Path:
    with tarfile.open(BEFORE) as archive:
        archive.extractall(tmp_path, filter="data")
    (file,) = (tmp_path / "state" / "runs").glob(f"{KILLED}*.db")
    return file


def test_a_file_of_the_version_before_is_read_as_it_is(before: Path) -> None:
    content = before.read_bytes()
    folder = runs(before.parents[1])
    record = folder.look(before.stem)
    assert record is not None
    assert (record.state, record.rules) == ("interrupted", 1)
    detail = folder.detail(before.stem)
    assert detail.counts == {"pin": {"done": 3, "doubt": 4, "failed": 1}}
    assert {(effect.arguments, effect.place, effect.class_, effect.made) for effect in detail.effects} == {
        ("", "", "", "")
    }
    assert before.read_bytes() == content


def test_a_file_of_the_version_before_gets_check_values_when_it_is_resumed_and_keeps_its_rules(before: Path) -> None:
    folder = runs(before.parents[1])
    seen = folder.detail(before.stem)
    with closing(folder.open(before.stem)) as journal:
        assert journal.run.rules == 1
        intend(journal, "new", arguments="a" * 32)
    with closing(folder.open(before.stem)) as journal:
        assert (journal.run.rules, journal.unknown_keys("pins", "pin")) == (1, {"new"})
    after = folder.detail(before.stem)
    assert [effect for effect in after.effects if effect.key != "new"] == list(seen.effects)
    assert (after.steps, after.calls, after.record.rules) == (seen.steps, seen.calls, 1)
    change(before, "UPDATE effects SET state = 'refused' WHERE state = 'done'")
    with pytest.raises(StateError, match="is damaged"):
        folder.open(before.stem)


class Interrupter:
    """Connections that give up after so many statements."""

    def __init__(self, statements: int) -> None:
        self.left = statements
        self.connect = sqlite3.connect

    def __call__(self, *args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = self.connect(*args, **options)
        connection.set_trace_callback(self.count)
        connection.set_progress_handler(lambda: int(self.left < 0), 1)
        return connection

    def count(self, _: str) -> None:
        self.left -= 1


def test_a_file_of_the_version_before_is_whole_wherever_its_upgrade_ends(before: Path) -> None:
    folder = runs(before.parents[1])
    seen, content = folder.detail(before.stem), before.read_bytes()
    upgraded = 0
    for statements in range(4, 304, 15):
        before.write_bytes(content)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sqlite3, "connect", Interrupter(statements))
            with suppress(StateError, sqlite3.Error):
                folder.open(before.stem).close()
                upgraded += 1
        assert folder.detail(before.stem).effects == seen.effects
        with closing(folder.open(before.stem)) as journal:
            assert journal.run.rules == 1
    assert 0 < upgraded < 20


def test_a_new_run_goes_by_the_new_rules(state: Path) -> None:
    record = runs(state).look(RUN)
    assert record is not None
    assert record.rules == 2


# the way to write a checked row


def test_a_table_of_ones_own_needs_nothing_but_its_columns() -> None:
    table = CheckedTable("shelf", {"name": "TEXT", "n": "INTEGER", "weight": "REAL"}, ("name",))
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("PRAGMA trusted_schema = OFF")
        check = add_row_check(connection, RUN)
        seal = "CREATE TABLE seal (total INTEGER); INSERT INTO seal VALUES (0);"
        connection.executescript(seal + table.definition)
        keep_seal(connection)
        put = table.upsert({"name": "?1", "n": "1", "weight": "?2"}, {"n": "n + 1", "weight": "?2"})
        for name, weight in (("a", 0), ("b", 2.5), ("a", 3), (7, 1)):
            connection.execute(put, (name, weight))
        connection.execute(table.update({"n": "n * 10"}, "name = ?"), ("b",))
        rows = connection.execute(table.select()).fetchall()
        assert [row[:-1] for row in rows] == [("7", 1, 1.0), ("a", 2, 3.0), ("b", 10, 2.5)]
        assert all(check("shelf", *row[:-1]) == row[-1] for row in rows)
        total = rows[0][-1] ^ rows[1][-1] ^ rows[2][-1]
        assert connection.execute("SELECT total FROM seal").fetchone() == (total,)
        connection.execute("DELETE FROM shelf WHERE name = 'a'")
        assert connection.execute("SELECT total FROM seal").fetchone() == (total ^ rows[1][-1],)


def test_every_table_of_a_run_is_checked() -> None:
    assert len({table.name for table in TABLES}) == len(TABLES)
    columns = ["arguments", "place", "class", "made", "boot", "sent", "earlier", "earlier_sent"]
    assert list(EFFECTS.columns)[-8:] == columns
