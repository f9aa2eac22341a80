"""A disk that fails at any write of the journal: nothing is sent that is not announced on it, and nothing is lost.

All that was promised: ``PINFLOW_FULL=1 python -m pytest tests/faults/test_full_disk.py --timeout=0``
"""

from __future__ import annotations

import errno
import resource
import signal
import sqlite3
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.errors import StateError
from pinflow.state.folder import runs, store
from pinflow.state.folder.intent_log import IntentLog
from pinflow.state.folder.store import Store
from tests.faults.conftest import in_child, scaled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.conftest import Copy, MakeCopy

ERRORS = {
    "ENOSPC": "database or disk is full",
    "EIO": "disk I/O error",
    "EROFS": "attempt to write a readonly database",
}
READS = ("SELECT", "PRAGMA")


class Disk:
    """Stands for the connection to the run's file, and its log; one of what writes to them, and all after it, fail."""

    def __init__(self, failing: int = 0, error: str = "", *, late: bool = False) -> None:
        self.writes = 0
        self.logged = 0  # of them into the log
        self._failing = failing  # from 1; 0: never
        self._error = error
        self._late = late  # what fails is done all the same
        self._connection: Any = None

    def under(self, connection: Any) -> Disk:
        self._connection = connection
        return self

    def execute(self, query: str, *values: Any) -> Any:
        write = partial(self._connection.execute, query, *values)
        if query.lstrip().startswith(READS):
            return write()
        return self.write(write, sqlite3.OperationalError(self._error))

    def write(self, write: Callable[[], Any], error: Exception) -> Any:
        self.writes += 1
        if not self._failing or self.writes < self._failing:
            return write()
        if self._late and self.writes == self._failing:
            write()
        raise error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def with_disk(monkeypatch: pytest.MonkeyPatch, disk: Disk) -> None:
    """The next run's file is on this disk; what can't be had by an argument of ``App.run``."""

    class OnDisk(Store):
        def __init__(self, connection: sqlite3.Connection, *arguments: Any, **options: Any) -> None:
            super().__init__(disk.under(connection), *arguments, **options)  # type: ignore[arg-type]

    class LogOnDisk(IntentLog):
        def __init__(self, database: Path) -> None:
            disk.write(partial(super().__init__, database), OSError(errno.ENOSPC, "No space left on device"))

        def append(self, entry: bytes) -> None:
            disk.logged += 1
            disk.write(partial(super().append, entry), OSError(errno.EIO, "Input/output error"))

    monkeypatch.setattr(runs, "Store", OnDisk)
    monkeypatch.setattr(store, "IntentLog", LogOnDisk)


def code(copy: Copy) -> int:
    try:
        return copy.go_on().exit_code
    except StateError as error:
        return error.exit_code


def announced(copy: Copy) -> int:
    """How many writes the run's file, with its log, says may have been sent."""
    (run,) = copy.app.runs()
    return sum(effect.attempts > 0 for effect in copy.app.show(run.id).effects)


def writes_of(copying: MakeCopy, monkeypatch: pytest.MonkeyPatch) -> int:
    with copying() as copy, monkeypatch.context() as patch:
        disk = Disk()
        with_disk(patch, disk)
        assert code(copy) == 0
        assert disk.logged
        return disk.writes


@pytest.mark.parametrize("late", [False, True], ids=["not done", "done all the same"])
@pytest.mark.parametrize("error", ERRORS)
def test_a_failing_write_of_the_journal_ends_the_run_before_the_next_request(
    copying: MakeCopy, monkeypatch: pytest.MonkeyPatch, error: str, late: bool
) -> None:
    whole = writes_of(copying, monkeypatch)
    assert whole > 60
    for failing in range(1, whole + 1, scaled(9, 1)):
        with copying() as copy:
            with monkeypatch.context() as patch:
                with_disk(patch, Disk(failing, ERRORS[error], late=late))
                assert code(copy) == 8, f"write {failing} of {whole}"
            assert copy.service.writes() <= announced(copy) <= copy.service.writes() + 1
            if not copy.over():
                assert copy.finish().status == "ok"
            copy.check()


@pytest.mark.parametrize("room", [0, 2_000, 6_000, 8_000, 10_000, 12_000])
def test_a_file_that_must_not_grow_is_said_and_nothing_is_sent_without_an_intent(copying: MakeCopy, room: int) -> None:
    def fill(copy: Copy) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        real = Store.__init__

        def limited(store: Store, *arguments: Any, **options: Any) -> None:
            real(store, *arguments, **options)
            size = store.file.stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, most))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Store, "__init__", limited)
            assert code(copy) == 8

    with copying() as copy:
        assert in_child(partial(fill, copy)) == 0
        assert copy.service.writes() <= announced(copy) <= copy.service.writes() + 1
        assert copy.finish().status == "ok"
        copy.check()
