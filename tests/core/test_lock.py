"""The one lock: of threads and processes alike, gone with its process, and never taken for held by who only looks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from pinflow.errors import StateError
from pinflow.state.folder.lock import FileLock, Lock, is_locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOLD = """
import os, sys
from pinflow.state.folder.lock import FileLock
with FileLock(os.open(sys.argv[1], os.O_RDWR)):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def open_lock(tmp_path: Path) -> Iterator[Callable[[], FileLock]]:
    """Opens the file anew each time, as another process does."""
    descriptors: list[int] = []

    def make() -> FileLock:
        descriptors.append(os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT, 0o600))
        return FileLock(descriptors[-1])

    yield make
    for descriptor in descriptors:
        os.close(descriptor)


def test_one_thread_at_a_time_has_a_lock_that_threads_share(open_lock: Callable[[], FileLock]) -> None:
    lock, inside, most = open_lock(), 0, []

    def work() -> None:
        nonlocal inside
        for _ in range(200):
            with lock:
                inside += 1
                most.append(inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), set(most)) == (800, {1})


def test_a_lock_of_another_is_waited_for_until_the_deadline_and_no_longer(open_lock: Callable[[], FileLock]) -> None:
    waits: list[float] = []
    first, second = open_lock(), open_lock()
    with first:
        assert not second.acquire(0.2, waits.append)
        assert waits == sorted(waits)
        assert sum(waits) >= 0.2
        assert max(waits) <= 0.05
    assert second.acquire(0.0, waits.append)


def test_who_was_refused_by_a_thread_of_its_own_can_have_it_later(open_lock: Callable[[], FileLock]) -> None:
    lock = open_lock()
    with lock:
        assert not lock.acquire(0.0, lambda seconds: None)
    assert lock.acquire(0.0, lambda seconds: None)


def test_a_killed_process_leaves_no_lock(tmp_path: Path, open_lock: Callable[[], FileLock]) -> None:
    lock = open_lock()
    argv = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        assert not lock.acquire(0.0, lambda seconds: None)
        holder.kill()
    assert lock.acquire(0.0, lambda seconds: None)


def test_an_owner_is_named_and_seen_by_those_that_only_look(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    assert not is_locked(path)
    owner = Lock(path, "run 1", now=0.0)
    assert is_locked(path)
    with pytest.raises(StateError, match=rf"^run 1 is locked by process {os.getpid()} since 1970-01-01 00:00:00 UTC"):
        Lock(path, "run 1", now=1.0)
    owner.release()
    assert not is_locked(path)
    Lock(path, "run 1", now=1.0).release(remove=True)
    assert not path.exists()
