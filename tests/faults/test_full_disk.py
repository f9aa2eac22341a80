"""A disk that fails at any write of the journal: nothing is sent that is not announced on it, and nothing is lost.

All that was promised: ``PINFLOW_FULL=1 python -m pytest tests/faults/test_full_disk.py --timeout=0``
"""

from __future__ import annotations

import resource
import signal
import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.errors import StateError
from pinflow.state.folder import runs
from pinflow.state.folder.store import Store
from tests.faults.conftest import in_child, scaled

if TYPE_CHECKING:
    from tests.faults.conftest import Copy, MakeCopy

ERRORS = {
    "ENOSPC": "database or disk is full",
    "EIO": "disk I/O error",
    "EROFS": "attempt to write a readonly database",
}
READS = ("SELECT", "PRAGMA")


class Disk:
    """Stands for the connection to the run's file; one of the statements that write, and all after it, fail."""

    def __init__(self, failing: int = 0, error: str = "", *, late: bool = False) -> None:
        self.writes = 0
        self._failing = failing  # from 1; 0: never
        self._error = error
        self._late = late  # what fails is done all the same
        self._connection: Any = None

    def under(self, connection: Any) -> Disk:
        self._connection = connection
        return self

    def execute(self, query: str, *values: Any) -> Any:
        if query.lstrip().startswith(READS):
            return self._connection.execute(query, *values)
        self.writes += 1
        if not self._failing or self.writes < self._failing:
            return self._connection.execute(query, *values)
        if self._late and self.writes == self._failing:
            self._connection.execute(query, *values)
        raise sqlite3.OperationalError(self._error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def with_disk(monkeypatch: pytest.MonkeyPatch, disk: Disk) -> None:
    """The next run's file is on this disk; what can't be had by an argument of ``App.run``."""

    class OnDisk(Store):
        def __init__(self, connection: sqlite3.Connection, *arguments: Any, **options: Any) -> None:
            super().__init__(disk.under(connection), *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(runs, "Store", OnDisk)


def code(copy: Copy) -> int:
    try:
        return copy.go_on().exit_code
    except StateError as error:
        return error.exit_code


def announced(copy: Copy) -> int:
    """How many writes the run's file says may have been sent."""
    (run,) = copy.app.runs()
    with closing(sqlite3.connect(copy.app.state / "runs" / f"{run.id}.db")) as connection:
        (number,) = connection.execute("SELECT count(*) FROM effects WHERE attempts > 0").fetchone()
    return int(number)


def writes_of(copying: MakeCopy, monkeypatch: pytest.MonkeyPatch) -> int:
    with copying() as copy, monkeypatch.context() as patch:
        disk = Disk()
        with_disk(patch, disk)
        assert code(copy) == 0
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
