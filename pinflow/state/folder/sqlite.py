"""A file of state: one SQLite database, checked before it is trusted.

It is in rollback-journal mode with ``synchronous=FULL``: the write-ahead log of
SQLite 3.7.0 to 3.51.2 can lose committed transactions.
Source: https://www.sqlite.org/wal.html
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from pinflow.errors import StateError
from pinflow.lazy_dataclass import dataclass
from pinflow.state.folder.atomic_file import sync_folder
from pinflow.state.folder.ownership import check_own_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# sqlite3 fails to decode its own complaint when that quotes a damaged schema
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)

# of SQLite's primary result codes, those that say nothing of what is in the file
_OUT_OF_REACH = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
    }
)

_ROLLBACK_BYTES = 1 << 20  # that the rollback journal keeps between two commits; more was one large transaction's


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file of state is: the marks by which it is known, its tables, and the words for it."""

    application_id: int
    version: int  # of the tables; a newer one is left alone
    tables: str
    noun: str  # for messages: "run"
    advice: str  # what to do about a damaged one
    check: str = "quick_check"  # the pragma that finds damage in its structure


def new_file(
    file: Path, kind: FileKind, fill: Callable[[sqlite3.Connection], object] = lambda connection: None
) -> sqlite3.Connection:
    """A new file of state, readable by its owner alone, whose name survives a power loss.

    ``fill`` makes its first rows, in the transaction that makes its tables: each commit is five flushes of the disk.
    Raises OSError, sqlite3.Error, and what ``fill`` raises.
    """
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600))
    connection = _connect(file)
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE; PRAGMA application_id = {kind.application_id}; PRAGMA user_version = {kind.version};"
            f"{kind.tables}"
        )
        fill(connection)
        connection.execute("COMMIT")
        sync_folder(file.parent)
    except BaseException:
        connection.close()
        raise
    return connection


def open_file(file: Path, kind: FileKind) -> sqlite3.Connection:
    """An existing file of state, found whole and of a known kind.

    Raises StateError when it is damaged, foreign, from a newer pinflow, or out of
    reach, or when others can change it: then it is left as it is.
    """
    try:
        with look(file, kind) as connection:
            (first,) = connection.execute(f"PRAGMA {kind.check}(1)").fetchone()
        if first != "ok":
            raise damage_error(file, first, kind)
        return _connect(file)
    except UNREADABLE as error:
        raise unreadable(file, error, kind) from error


@contextmanager
def look(file: Path, kind: FileKind) -> Iterator[sqlite3.Connection]:
    """A file of state for reading, without changing it. Raises StateError or sqlite3.Error.

    A commit that was cut off must be undone before anyone can read; a connection
    that may only read can't do that.
    """
    try:
        connection = _readable(file, "ro", kind)
    except sqlite3.OperationalError:
        connection = _readable(file, "rw", kind)
    with closing(connection):
        yield connection


def _readable(file: Path, mode: str, kind: FileKind) -> sqlite3.Connection:
    for suffix in ("", "-journal", "-wal"):  # SQLite believes those beside it as well
        check_own_file(f"{file}{suffix}")
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=2)
    connection.text_factory = _lenient
    try:
        (mark,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if mark != kind.application_id:
            raise StateError(f"{file} is not a {kind.noun} of pinflow; it was left as it is")
        if version < 1:
            raise damage_error(file, f"its tables have the version {version}", kind)
        if version > kind.version:
            known = f"journal {version}; this one knows {kind.version}"
            raise StateError(
                f"{file} is from a newer pinflow ({known}); it was left as it is",
                hint="upgrade pinflow",
            )
    except BaseException:
        connection.close()
        raise
    return connection


_AS_BYTES = "file://"  # of paths that are stored as addresses; no path of a recipe begins so


def store_path(path: str) -> str:
    """A path as a column holds it: a name that is no valid text is stored as an address, file:///caf%E9/x.yaml."""
    try:
        path.encode()
    except UnicodeEncodeError:
        from urllib.parse import quote

        return f"{_AS_BYTES}{quote(os.fsencode(path))}"
    return path


def load_path(stored: str) -> str:
    """The path that a column holds."""
    if not stored.startswith(_AS_BYTES):
        return stored
    from urllib.parse import unquote_to_bytes

    return os.fsdecode(unquote_to_bytes(stored.removeprefix(_AS_BYTES)))


def _lenient(text: bytes) -> str:
    return text.decode(errors="replace")


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=10)
    connection.text_factory = _lenient
    for pragma in (
        "trusted_schema = OFF",
        # as safe as to cut it off, and cheaper: the file keeps its length, which need not be put on disk each time
        "journal_mode = PERSIST",
        f"journal_size_limit = {_ROLLBACK_BYTES}",
        "synchronous = FULL",
        "fullfsync = ON",  # macOS: a plain fsync leaves the data in the drive's cache
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}").close()
    return connection


def damage_error(file: Path, why: object, kind: FileKind) -> StateError:
    """The error that says that a file of state can't be believed."""
    return StateError(f"{file} is damaged: {why}; it was left as it is", hint=kind.advice)


def unreadable(file: Path, error: Exception, kind: FileKind) -> StateError:
    """The error that says that SQLite could not read a file of state: it is damaged, or only out of reach."""
    if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF in _OUT_OF_REACH:
        return StateError(
            f"{file} can't be read: {error}",
            hint="see that it is a file of yours, and that its disk works; then try again",
        )
    return damage_error(file, error, kind)


def statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: `executescript` would commit what is open."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
