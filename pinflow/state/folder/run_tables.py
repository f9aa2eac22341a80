"""The tables of a run's file, how all of it is verified, and how a file of version 1 becomes one of version 2."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pinflow.state.folder.checked_table import SEAL, CheckedTable, add_row_check, keep_seal, row_check
from pinflow.state.folder.sqlite import UNREADABLE, FileKind, damage_error, load_path, statements, unreadable
from pinflow.state.records import RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def _texts(*names: str, **others: str) -> Mapping[str, str]:
    return MappingProxyType(dict.fromkeys(names, "TEXT") | others)


RUN_ROW = CheckedTable(
    "run",
    MappingProxyType(
        {"one": "INTEGER"}
        | dict.fromkeys(("id", "recipe", "recipe_digest", "name", "inputs", "options", "versions"), "TEXT")
        | {"started": "REAL", "state": "TEXT", "finished": "REAL", "exit_code": "INTEGER", "resume_after": "REAL"}
        | {"error": "TEXT", "rules": "INTEGER"}
    ),
    ("one",),
    added=MappingProxyType({"rules": "1"}),
)
STEPS = CheckedTable(
    "steps",
    MappingProxyType({"path": "TEXT", "status": "TEXT", "output": "TEXT", "seconds": "REAL", "error": "TEXT"}),
    ("path",),
)
ITEMS = CheckedTable(
    "items",
    _texts("loop", "key", "status", number="INTEGER", content="TEXT"),
    ("loop", "key"),
    added=MappingProxyType({"number": "0", "content": "''"}),
)
# arguments and class are digests, place is the place's key, made the id of the thing that was created there. sent and
# earlier_sent are monotonic times of the machine's start "boot": of the last sending, and of the last one before it
# that may have been applied though its effect was sent again, of which there were "earlier"
_SENT = {"arguments": "TEXT", "place": "TEXT", "class": "TEXT", "made": "TEXT"}
_SENT |= {"boot": "TEXT", "sent": "REAL", "earlier": "INTEGER", "earlier_sent": "REAL"}
EFFECTS = CheckedTable(
    "effects",
    MappingProxyType(
        {"step": "TEXT", "key": "TEXT", "kind": "TEXT", "state": "TEXT", "attempts": "INTEGER", "method": "TEXT"}
        | {"category": "TEXT", "digest": "TEXT", "sent_at": "REAL", "result": "TEXT", "error": "TEXT"}
        | _SENT
    ),
    ("step", "key"),
    added=MappingProxyType({name: "''" if type_ == "TEXT" else "0" for name, type_ in _SENT.items()}),
)
FROZEN = CheckedTable(
    "frozen",
    MappingProxyType({"step": "TEXT", "name": "TEXT", "place": "INTEGER", "id": "TEXT"}),
    ("step", "name", "place"),
    index="CREATE INDEX frozen_ids ON frozen (step, name, id);\n",
)
LISTS = CheckedTable("lists", _texts("step", "name", length="INTEGER"), ("step", "name"))
CALLS = CheckedTable("calls", _texts("login", "category", n="INTEGER"), ("login", "category"))
# what the audit must still see of done effects, in the order of their numbers; fields are digests by name, as JSON
CHECKS = CheckedTable(
    "checks",
    _texts("step", "key", "kind", "account", "place", "id", "fields", number="INTEGER"),
    ("step", "key"),
    version=2,
)
UNREADABLE_EFFECTS = CheckedTable("unreadable", _texts("step", "key", "kind", "reason"), ("step", "key"), version=2)
TABLES = (RUN_ROW, STEPS, ITEMS, EFFECTS, FROZEN, LISTS, CALLS, CHECKS, UNREADABLE_EFFECTS)

RUN = FileKind(
    0x70666C77,  # "pflw"
    2,
    SEAL + "".join(table.definition for table in TABLES),
    "run",
    "check the target for what the run did, then start the recipe again",
    check="integrity_check",  # the quick one does not compare an index with its table
)
_DEFINITIONS = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the tables of an open file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def rows_of(
    connection: sqlite3.Connection, file: Path, table: CheckedTable, where: str = "TRUE", values: Any = ()
) -> Iterator[tuple[Any, ...]]:
    """The rows of a table, verified, without their check values. Raises StateError, or what SQLite raises."""
    version = version_of(connection)
    if table.version > version:
        return
    check = row_check(file.stem)
    for *row, value in connection.execute(table.select(where, version=version), values):
        if version > 1 and check(table.name, *row) != value:
            raise row_damage(file, table)
        yield tuple(row)


def read_run(connection: sqlite3.Connection, file: Path) -> RunRecord | None:
    """The record of a file's run; None if its process ended before its first row. Raises StateError."""
    try:
        row = next(rows_of(connection, file, RUN_ROW), None)
        if row is None:
            return None
        mappings = (json.loads(text) for text in row[5:8])
        run_id, recipe, *facts = row[1:5]
        record = RunRecord(run_id, load_path(recipe), *facts, *mappings, *row[8:])
    except (*UNREADABLE, ValueError, TypeError, RecursionError) as error:
        raise unreadable(file, error, RUN) from error
    if record.id != file.stem:
        raise damage_error(file, f"it is of the run {record.id}", RUN)
    return record


def row_damage(file: Path, table: CheckedTable) -> Exception:
    """The error that says that a row is not as it was written."""
    return damage_error(file, f"a row of its {table.name} is not as it was written", RUN)


def verify(connection: sqlite3.Connection, file: Path) -> None:
    """Read all of a file of version 2: 50,000 rows take a quarter of a second. Raises StateError."""
    check = row_check(file.stem)
    total = 0
    try:
        if connection.execute(_DEFINITIONS).fetchall() != _model():
            raise damage_error(file, "its tables are not those of a run", RUN)
        for table in TABLES:
            for *row, value in connection.execute(table.select()):
                if check(table.name, *row) != value:
                    raise row_damage(file, table)
                total ^= value
        if connection.execute("SELECT total FROM seal").fetchall() != [(total,)]:
            raise damage_error(file, "rows of it are gone, or older than the others", RUN)
    except UNREADABLE as error:
        raise unreadable(file, error, RUN) from error


@cache
def _model() -> list[tuple[str, str, str]]:
    """The definitions that a whole file has."""
    with closing(sqlite3.connect(":memory:")) as model:
        model.executescript(RUN.tables)
        return model.execute(_DEFINITIONS).fetchall()


def migrate(connection: sqlite3.Connection, file: Path) -> None:
    """Make a file of version 1 one of version 2, in one transaction. Its rows are taken as they are.

    Raises StateError; then the file is as it was.
    """
    add_row_check(connection, file.stem)
    old = [table for table in TABLES if table.version == 1]
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DROP INDEX frozen_ids")
        for table in old:
            connection.execute(f"ALTER TABLE {table.name} RENAME TO old_{table.name}")
        for statement in statements(RUN.tables):
            connection.execute(statement)
        keep_seal(connection)
        for table in old:
            connection.execute(table.copy(f"old_{table.name}"))
            connection.execute(f"DROP TABLE old_{table.name}")
        connection.execute(f"PRAGMA user_version = {RUN.version}")
        connection.execute("COMMIT")
    except UNREADABLE as error:
        if connection.in_transaction:
            connection.rollback()
        raise unreadable(file, error, RUN) from error
