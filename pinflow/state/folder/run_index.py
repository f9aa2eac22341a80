"""An index of the runs in a folder: what became of each, so that no start has to look into all of their files.

It is never believed: who removes a run looks into its file first. So it need not survive a power loss, and one that is
damaged or missing is made anew, from the names of the files; each is then looked into when there is time for it.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Literal, TypeVar

from pinflow.errors import StateError
from pinflow.lazy_dataclass import dataclass
from pinflow.state.folder.ownership import open_own
from pinflow.state.folder.sqlite import UNREADABLE, statements

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from pinflow.state.records import Keep

T = TypeVar("T")

RunKind = Literal["begun", "ok", "failed", "open", "damaged"]  # "begun": to be looked into; "failed": or cancelled

_APPLICATION_ID = 0x70667278  # "pfrx"
_VERSION = 1
_CHUNK = 500  # names in one row: few enough to take one out of them at every start
_TABLES = """
CREATE TABLE runs (id TEXT PRIMARY KEY, kind TEXT, did INTEGER, at REAL, size INTEGER) WITHOUT ROWID;
CREATE INDEX runs_by_age ON runs (kind, at);
CREATE INDEX runs_by_use ON runs (kind, did, at);
CREATE TABLE counts (kind TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID;
CREATE TABLE unseen (names TEXT);
CREATE TRIGGER run_added AFTER INSERT ON runs BEGIN
    INSERT INTO counts VALUES (NEW.kind, 1) ON CONFLICT (kind) DO UPDATE SET number = number + 1; END;
CREATE TRIGGER run_removed AFTER DELETE ON runs BEGIN
    UPDATE counts SET number = number - 1 WHERE kind = OLD.kind; END;
CREATE TRIGGER run_changed AFTER UPDATE OF kind ON runs BEGIN
    UPDATE counts SET number = number - 1 WHERE kind = OLD.kind;
    INSERT INTO counts VALUES (NEW.kind, 1) ON CONFLICT (kind) DO UPDATE SET number = number + 1; END;
"""
_PUT = """INSERT INTO runs VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (id) DO UPDATE SET kind = ?2, did = ?3, at = ?4, size = ?5"""
# beside the tables of version 1, which older ones leave alone: when a start last asked what is due, and when the clock
# was last found to have jumped ahead (0: it did not)
_CLOCK = "CREATE TABLE IF NOT EXISTS clock (seen REAL, jumped REAL)"
_LONGEST_GAP = 60 * 86_400.0  # seconds between two starts that are taken for time that passed: monthly jobs are within
_CALM = 7 * 86_400.0  # seconds after a jump until the clock is believed: a wrong one is noticed in a week
# of SQLite's primary result codes, those after which the file is made anew; others say that it is busy or out of reach
_DAMAGED = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_MISMATCH})


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the index has of a run. ``at`` is when it ended (seconds since 1970), or began, if it has not."""

    id: str
    kind: RunKind
    did: bool = False  # whether it did, skipped or tried anything
    at: float = 0.0
    size: int = 0  # bytes


class RunIndex:
    """The index of the runs in ``folder``, in a file beside that. Its methods never raise: they know less, then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder.parent / "runs-index.db"

    def begin(self, run_id: str, now: float) -> None:
        """A run begins. Does nothing where there is no index yet: it will be made with this run's name."""
        self._change(lambda connection: _put(connection, RunFacts(run_id, "begun", at=now)), None)

    def put(self, facts: RunFacts) -> None:
        """Store what became of a run. Makes the index if there is none."""
        self._change(lambda connection: _put(connection, facts), None, make=True)

    def forget(self, run_id: str) -> None:
        """A run is removed."""
        self._change(lambda connection: _execute(connection, "DELETE FROM runs WHERE id = ?", run_id), None)

    def unsure(self, number: int) -> list[str]:
        """So many runs of which the index has nothing but the name, those that waited longest first."""
        return self._change(lambda connection: _take_unsure(connection, number), [])

    def due(self, keep: Keep, now: float, number: int) -> list[RunFacts]:
        """So many of those that need not be kept any longer; none for their age while the clock is in doubt.

        It is after it was found months ahead of the last time that this was asked, until a week has passed or it was
        set back: else one start with a wrong clock would remove all that ended.
        """
        return self._change(lambda connection: _due(connection, keep, now, number), [])

    def is_clock_in_doubt(self) -> bool:
        """Whether `due` last found that the clock has jumped ahead."""
        return self._change(lambda connection: _read_clock(connection)[1] > 0, False)

    def all(self, names: Collection[str]) -> list[RunFacts]:
        """All of these runs, those that the index does not know as "begun"; it forgets all others."""
        return self._change(lambda connection: _reconcile(connection, names), [], make=True)

    def _change(self, work: Callable[[sqlite3.Connection], T], default: T, *, make: bool = False) -> T:
        """What ``work`` returns, in one transaction; ``default`` if there is no index, or none that can be used."""
        if not make and not self._file.exists():
            return default
        try:
            with closing(self._open()) as connection:
                result = work(connection)
                connection.execute("COMMIT")
                return result
        except (OSError, StateError):
            return default
        except UNREADABLE as error:
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _DAMAGED:
                with suppress(OSError):
                    for name in ("", "-journal"):
                        self._file.with_name(self._file.name + name).unlink(missing_ok=True)
            return default

    def _open(self) -> sqlite3.Connection:
        """The index in an open transaction; a new one begins with the names of all runs."""
        os.close(open_own(self._file, os.O_RDWR | os.O_CREAT))
        connection = sqlite3.connect(self._file, isolation_level=None, timeout=1)
        try:
            for pragma in ("trusted_schema = OFF", "synchronous = OFF"):
                connection.execute(f"PRAGMA {pragma}").close()
            connection.execute("BEGIN IMMEDIATE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if not version:
                self._fill(connection)
            elif version > _VERSION:
                raise OSError("it is of a newer pinflow, which keeps it")
        except BaseException:
            connection.close()
            raise
        return connection

    def _fill(self, connection: sqlite3.Connection) -> None:
        for statement in statements(_TABLES):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        # 45 ms for 40,000 runs; pathlib takes five times as long
        names = [name[:-3] for name in os.listdir(self._folder) if name.endswith(".db")]  # noqa: PTH208
        for start in range(0, len(names), _CHUNK):
            _execute(connection, "INSERT INTO unseen VALUES (?)", "\n".join(names[start : start + _CHUNK]))


def _put(connection: sqlite3.Connection, facts: RunFacts) -> None:
    _execute(connection, _PUT, facts.id, facts.kind, int(facts.did), facts.at, facts.size)


def _take_unsure(connection: sqlite3.Connection, number: int) -> list[str]:
    query = "SELECT id FROM runs WHERE kind = 'begun' ORDER BY at LIMIT ?"
    ids = [id_ for (id_,) in connection.execute(query, (number,))]
    for row, text in connection.execute("SELECT rowid, names FROM unseen LIMIT 1").fetchall():
        names = text.split("\n")
        ids += names[:number]
        if rest := names[number:]:
            _execute(connection, "UPDATE unseen SET names = ? WHERE rowid = ?", "\n".join(rest), row)
        else:
            _execute(connection, "DELETE FROM unseen WHERE rowid = ?", row)
    return ids


def _due(connection: sqlite3.Connection, keep: Keep, now: float, number: int) -> list[RunFacts]:
    counts = dict(connection.execute("SELECT kind, number FROM counts"))
    due: dict[str, RunFacts] = {}
    believed = _believe_clock(connection, now)
    for kind, age in (("ok", keep.ok), ("failed", keep.failed)):
        query = "SELECT * FROM runs WHERE kind = ? AND at < ? ORDER BY at LIMIT ?"
        rows = connection.execute(query, (kind, now - age, number if believed else 0)).fetchall()
        if (more := min(number, counts.get(kind, 0) - keep.number)) > 0:
            query = "SELECT * FROM runs WHERE kind = ? ORDER BY did, at LIMIT ?"
            rows += connection.execute(query, (kind, more)).fetchall()
        due |= {row[0]: _facts(row) for row in rows}
    return list(due.values())[:number]


def _read_clock(connection: sqlite3.Connection) -> tuple[float, float]:
    """When it was last asked what is due, and when the clock jumped ahead; 0 for what is not known."""
    connection.execute(_CLOCK)
    row = connection.execute("SELECT seen, jumped FROM clock").fetchone()
    if row is None:
        (newest,) = connection.execute("SELECT MAX(at) FROM runs WHERE kind <> 'begun'").fetchone()
        row = (newest or 0.0, 0.0)
        connection.execute("INSERT INTO clock VALUES (?, ?)", row)
    return row[0], row[1]


def _believe_clock(connection: sqlite3.Connection, now: float) -> bool:
    """Whether the age of runs can be told by the clock, which says ``now``."""
    seen, jumped = _read_clock(connection)
    if seen and now - seen > _LONGEST_GAP:
        jumped = now
    elif now < jumped or now - jumped > _CALM:
        jumped = 0.0
    connection.execute("UPDATE clock SET seen = ?, jumped = ?", (now, jumped))
    return not jumped


def _reconcile(connection: sqlite3.Connection, names: Collection[str]) -> list[RunFacts]:
    known = {row[0]: _facts(row) for row in connection.execute("SELECT * FROM runs")}
    for name in known.keys() - set(names):
        _execute(connection, "DELETE FROM runs WHERE id = ?", name)
    connection.execute("DELETE FROM unseen")
    for name in names:
        if name not in known:
            known[name] = RunFacts(name, "begun")
            _put(connection, known[name])
    return [known[name] for name in names]


def _facts(row: tuple[str, RunKind, int, float, int]) -> RunFacts:
    id_, kind, did, at, size = row
    return RunFacts(id_, kind, bool(did), at, size)


def _execute(connection: sqlite3.Connection, query: str, *values: object) -> None:
    connection.execute(query, values)
