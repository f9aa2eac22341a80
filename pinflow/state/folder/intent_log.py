"""A log beside a run's file: what must be on disk before a request leaves, in one write and one flush.

To commit a transaction of SQLite takes five flushes and 0.3 ms of CPU; to append to a file whose room was made before
takes one and 0.05 ms. So between two commits of the database, half a second apart at most, its owner appends each
group of records here, with the number that counts groups and commits alike, and a digest. The records are in the open
transaction as well. Whoever opens the run later finds in the database which number it has reached, and applies what
the log has beyond it. After a commit the log begins anew at its start; older entries are known by their number.

The database names its log by a random number while there is one, so that a log that is gone, or another run's, is
noticed. The log has this form:

    "pflwlog1", the log's number, a digest of both                 8 bytes each
    then for each group: "pfE1", the length of its text (4 bytes), its number, a digest of all (8 bytes each), and
    its text: JSON of the statements that are new in this turn of the log, and of the records, each a statement's
    number and its values
"""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import sys
from contextlib import closing, contextmanager, suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from pinflow.errors import StateError
from pinflow.state.folder import sqlite
from pinflow.state.folder.atomic_file import sync_folder
from pinflow.state.folder.checked_table import add_row_check, keep_seal
from pinflow.state.folder.ownership import check_own_file, open_own
from pinflow.state.folder.sqlite import UNREADABLE, damage_error, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pinflow.state.folder.sqlite import FileKind

    Record = tuple[str, Sequence[object] | Mapping[str, object]]

SUFFIX = "-intents"  # behind the name of the run's file
SIZE = 1 << 17  # bytes: room for the 200 records that a commit takes along; a group that finds none is committed
_MAGIC, _ENTRY = b"pflwlog1", b"pfE1"
_HEAD = struct.Struct(">8sQ8s")
_PREFIX = struct.Struct(">4sIQ8s")
_STATEMENTS = ("INSERT ", "UPDATE ", "DELETE ")
_LOOKS = 5  # at a run whose owner commits meanwhile; each takes less than a millisecond, commits are further apart

if sys.platform == "darwin":
    import fcntl

    def _flush(descriptor: int) -> None:
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # a plain fsync leaves the data in the drive's cache

else:
    _flush = getattr(os, "fdatasync", os.fsync)


class IntentLog:
    """The log of a run that this process owns. Made on disk with all of its room; raises OSError where that fails.

    ``number`` is for the run's database, which has to have it on disk before the first entry is made.
    """

    def __init__(self, database: Path) -> None:
        self._file = log_file(database)
        self.number = int.from_bytes(os.urandom(7), "big") + 1
        self._key = _key(database, self.number)
        self._descriptor = open_own(self._file, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            _write(self._descriptor, 0, _head(self.number, self._key).ljust(SIZE, b"\0"))
            os.fsync(self._descriptor)
            sync_folder(self._file.parent)
        except BaseException:
            self.remove()
            raise
        self.begin_anew()

    def begin_anew(self) -> None:
        """All entries are in the database, which says so on disk."""
        self._end = _HEAD.size
        self._statements: dict[str, int] = {}

    def entry(self, number: int, records: Sequence[Record]) -> bytes | None:
        """The next entry; None where there is no room for it. Raises ValueError for what can't be written."""
        new: list[str] = []
        rows: list[list[object]] = []
        for query, values in records:
            index = self._statements.get(query)
            if index is None:
                index = self._statements[query] = len(self._statements)
                new.append(query)
            rows.append([index, values])
        # a lone surrogate raises here, and not when the log is read
        text = json.dumps([new, rows], ensure_ascii=False, separators=(",", ":")).encode()
        if self._end + _PREFIX.size + len(text) > SIZE:
            return None
        return _PREFIX.pack(_ENTRY, len(text), number, _digest(self._key, number, text)) + text

    def append(self, entry: bytes) -> None:
        """Put an entry on disk. Raises OSError; then it may be there all the same."""
        _write(self._descriptor, self._end, entry)
        _flush(self._descriptor)
        self._end += len(entry)

    def close(self) -> None:
        """Let the file go; it stays."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def remove(self) -> None:
        """The database needs it no longer, and says so on disk. A file that can't be removed is harmless."""
        self.close()
        with suppress(OSError):
            self._file.unlink(missing_ok=True)


def log_file(database: Path) -> Path:
    """Where the log of a run's file is."""
    return database.with_name(f"{database.name}{SUFFIX}")


def recover(connection: sqlite3.Connection, file: Path, kind: FileKind, *, mark: int) -> None:
    """Take what the log has into the database of a run that this process owns, and end the log.

    ``mark`` is the number that the last owner left with the run's lock. Raises StateError where the log is
    damaged, gone, or older than it was left; then both are as they were.
    """
    commits, number = _seal(connection)
    entries = _entries(file, kind, commits, number) if number else []
    if commits + len(entries) < mark:
        reason = f"it is older than it was left: {commits + len(entries)} commits, and there were {mark}"
        raise damage_error(file, reason, kind)
    if number:
        try:
            connection.execute("BEGIN IMMEDIATE")
            _apply(connection, file, kind, entries)
            connection.execute("UPDATE seal SET commits = ?, log = 0", (commits + len(entries),))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.rollback()
            raise
    with suppress(OSError):
        log_file(file).unlink(missing_ok=True)


@contextmanager
def look(file: Path, kind: FileKind) -> Iterator[sqlite3.Connection]:
    """A run's file for reading, with what its log has beyond it, also while its owner writes.

    Changes nothing. Raises StateError or sqlite3.Error.
    """
    for attempt in range(_LOOKS):
        with sqlite.look(file, kind) as connection:
            number = _seal(connection)[1] if _has_seal(connection) else 0
            if not number:
                yield connection
                return
            with closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
                copy.text_factory = connection.text_factory
                connection.backup(copy)
                try:
                    commits, number = _seal(copy)
                    _apply(copy, file, kind, _entries(file, kind, commits, number) if number else [])
                except StateError:  # its owner may have committed since, and begun the log anew
                    if attempt == _LOOKS - 1:
                        raise
                    continue
                yield copy
                return


def _has_seal(connection: sqlite3.Connection) -> bool:
    return int(connection.execute("PRAGMA user_version").fetchone()[0]) > 1


def _seal(connection: sqlite3.Connection) -> tuple[int, int]:
    """The number of the last commit, and that of the log, 0 if there is none."""
    ((commits, number),) = connection.execute("SELECT commits, log FROM seal").fetchall()
    if not isinstance(commits, int) or not isinstance(number, int):
        raise ValueError("the seal holds no numbers")
    return commits, number


def _entries(file: Path, kind: FileKind, commits: int, number: int) -> list[Any]:
    """What the log has beyond so many commits, in order. Raises StateError unless all that was ever there is."""
    check_own_file(log_file(file))
    try:
        content = log_file(file).read_bytes()
    except FileNotFoundError:
        raise damage_error(file, "its log of intents is gone", kind) from None
    except OSError as error:
        raise damage_error(file, f"its log of intents can't be read: {error.strerror}", kind) from error
    key = _key(file, number)
    if len(content) != SIZE or not content.startswith(_head(number, key)):
        raise damage_error(file, "its log of intents is damaged, or another run's", kind)
    entries: list[Any] = []
    position = _HEAD.size
    while (found := _entry_at(content, position, key)) is not None and found[0] == commits + len(entries) + 1:
        entries.append(json.loads(found[1]))
        position += _PREFIX.size + len(found[1])
    # what a power loss cut off is the last; anything newer behind it, or in its place, says that entries are missing
    rest = position
    while (rest := content.find(_ENTRY, rest)) >= 0:
        found = _entry_at(content, rest, key)
        if found is not None and found[0] > commits + len(entries):
            raise damage_error(file, f"entry {commits + len(entries) + 1} of its log of intents is damaged", kind)
        rest += 1
    return entries


def _entry_at(content: bytes, position: int, key: bytes) -> tuple[int, bytes] | None:
    """The number and the text of a whole entry, or None."""
    if position + _PREFIX.size > len(content):
        return None
    magic, length, number, digest = _PREFIX.unpack_from(content, position)
    text = content[position + _PREFIX.size : position + _PREFIX.size + length]
    whole = magic == _ENTRY and len(text) == length and digest == _digest(key, number, text)
    return (number, text) if whole else None


def _apply(connection: sqlite3.Connection, file: Path, kind: FileKind, entries: Sequence[Any]) -> None:
    statements: list[str] = []
    try:
        add_row_check(connection, file.stem)
        keep_seal(connection)
        for new, rows in entries:
            statements += new
            for index, values in rows:
                if not statements[index].lstrip().startswith(_STATEMENTS):
                    raise damage_error(file, "its log of intents holds what no run writes", kind)
                connection.execute(statements[index], values)
    except UNREADABLE as error:
        raise unreadable(file, error, kind) from error


def _write(descriptor: int, position: int, content: bytes) -> None:
    os.lseek(descriptor, position, os.SEEK_SET)  # Windows has no pwrite; only one thread at a time is here
    while content:
        content = content[os.write(descriptor, content) :]


def _key(database: Path, number: int) -> bytes:
    """What the digests of one log are keyed with: neither another run's entries nor another log's are its own."""
    return blake2b(f"{database.stem} {number}".encode(errors="surrogatepass"), digest_size=32).digest()


def _head(number: int, key: bytes) -> bytes:
    return _HEAD.pack(_MAGIC, number, _digest(key, number, b""))


def _digest(key: bytes, number: int, text: bytes) -> bytes:
    return blake2b(number.to_bytes(8, "big") + text, digest_size=8, key=key).digest()
