"""Tables whose rows carry a check value, so that a flipped bit is noticed and never believed.

SQLite finds damage in the structure of its file, but none in what a row says. So each row ends with a check value,
64 bits of a digest over the run's id, the table and all other values, and the table ``seal`` holds the exclusive or of
all check values, by which a row is missed that is gone with its page, or came back with an older one.

To keep something more in a run's file, add a `CheckedTable` to ``TABLES`` in `pinflow.state.folder.run_tables`, or a
column to one of those. Everything else follows from it:

    store.put(ITEMS.upsert({"loop": "?1", "key": "?2", "status": "?3"}, {"status": "?3"}), (loop, key, status))
    store.rows(ITEMS, "loop = ? AND key = ?", (loop, key))

A statement names the values of the columns as SQL, those of an ``update`` or an ``upsert`` may refer to the row as it
was (``{"attempts": "attempts + 1"}``), and the check value is worked out as the statement runs, by the function
``row_check`` of the connection (2 us a row). Statements are built once, as constants of a module. Rows that are read
are verified. Don't write ``INSERT OR REPLACE``: it removes rows behind the seal's back.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from pinflow.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

CHECK = "check_value"  # the last column
SEAL = """
CREATE TABLE seal (one INTEGER PRIMARY KEY CHECK (one = 1), commits INTEGER, total INTEGER, log INTEGER);
INSERT INTO seal VALUES (1, 0, 0, 0);
"""
_DEFAULTS = {"TEXT": "''", "INTEGER": "0", "REAL": "0.0"}


@dataclass(frozen=True, slots=True)
class CheckedTable:
    """A table of a run's file: its columns and their types in order, and which of them are the key.

    ``added`` are the columns that version 1 did not have, with the SQL value that its rows get; ``version`` is the
    first one that has the table.
    """

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    added: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    index: str = ""  # a further statement

    @property
    def definition(self) -> str:
        """The statements that make the table."""
        columns = ", ".join(f"{name} {type_}" for name, type_ in self.columns.items())
        table = (
            f"CREATE TABLE {self.name} ({columns}, {CHECK} INTEGER, PRIMARY KEY ({', '.join(self.key)})) WITHOUT ROWID;"
        )
        return f"{table}\n{self.index}"

    def insert(self, values: Mapping[str, str]) -> str:
        """A new row; columns that are left out are empty or 0."""
        row = {name: values.get(name, _DEFAULTS[type_]) for name, type_ in self.columns.items()}
        return f"INSERT INTO {self.name} VALUES ({', '.join(row.values())}, {self._check(row)})"

    def upsert(self, values: Mapping[str, str], changes: Mapping[str, str], *, where: str = "") -> str:
        """A new row, or ``changes`` to the one of its key, if that is as ``where`` says."""
        condition = f" WHERE {where}" if where else ""
        return f"{self.insert(values)} ON CONFLICT ({', '.join(self.key)}) DO UPDATE {self._set(changes)}{condition}"

    def update(self, changes: Mapping[str, str], where: str) -> str:
        """Changes to all rows that are as ``where`` says."""
        return f"UPDATE {self.name} {self._set(changes)} WHERE {where}"

    def select(self, where: str = "TRUE", *, version: int = 2) -> str:
        """All columns and the check value, which is NULL in rows of version 1."""
        columns = [self.added.get(name, name) if version == 1 else name for name in self.columns]
        return f"SELECT {', '.join([*columns, 'NULL' if version == 1 else CHECK])} FROM {self.name} WHERE {where}"

    def copy(self, old: str) -> str:
        """All rows of the table ``old``, which is as version 1 had it, with check values."""
        row = {name: self.added.get(name, name) for name in self.columns}
        return f"INSERT INTO {self.name} SELECT {', '.join(row.values())}, {self._check(row)} FROM {old}"

    def _set(self, changes: Mapping[str, str]) -> str:
        row = {name: changes.get(name, name) for name in self.columns}
        return f"SET {', '.join(f'{name} = {value}' for name, value in changes.items())}, {CHECK} = {self._check(row)}"

    def _check(self, row: Mapping[str, str]) -> str:
        # as the column will hold them: 0 in a column of REAL comes back as 0.0
        values = (f"CAST({value} AS {self.columns[name]})" for name, value in row.items())
        return f"row_check('{self.name}', {', '.join(values)})"


def _xor(left: str, right: str) -> str:
    """SQLite has no operator for it; of 64-bit numbers this never overflows."""
    return f"({left} | {right}) - ({left} & {right})"


def row_check(run_id: str) -> Callable[..., int]:
    """What works out check values of a run's rows: given the table's name and the values of a row, 64 bits."""
    begun = blake2b(run_id.encode(errors="surrogatepass"), digest_size=8)

    def check(*row: Any) -> int:
        digest = begun.copy()
        digest.update(ascii(row).encode())  # tells 1 from "1" and 1.0, and is the same in every Python
        return int.from_bytes(digest.digest(), "big", signed=True)

    return check


def add_row_check(connection: sqlite3.Connection, run_id: str) -> Callable[..., int]:
    """Let the statements of a connection work out check values of this run."""
    check = row_check(run_id)
    connection.create_function("row_check", -1, check, deterministic=True)
    return check


def keep_seal(connection: sqlite3.Connection) -> None:
    """Have the seal follow all changes by this connection; those that are made by hand elsewhere don't move it."""
    changes = {
        "INSERT": f"NEW.{CHECK}",
        "DELETE": f"OLD.{CHECK}",
        "UPDATE": f"({_xor(f'OLD.{CHECK}', f'NEW.{CHECK}')})",
    }
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'seal' AND name NOT LIKE 'sqlite_%'"
    for (table,) in connection.execute(query).fetchall():
        for event, change in changes.items():
            connection.execute(
                f"CREATE TEMP TRIGGER IF NOT EXISTS {table}_{event} AFTER {event} ON main.{table} "
                f"BEGIN UPDATE seal SET total = {_xor('total', change)}; END"
            )
