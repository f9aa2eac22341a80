"""Killed at any system call of a copy, or on a disk that fails from one on: the same board in the end.

The lines of test_kills.py lie between the calls; these are what the machine itself sees of a run.
All that was promised: ``PINFLOW_FULL=1 python -m pytest tests/faults/test_kills_by_call.py --timeout=0``
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.conftest import and_exit, scaled
from tests.faults.test_full_disk import announced, code

if TYPE_CHECKING:
    from tests.faults.conftest import Copy, MakeCopy

STRACE = shutil.which("strace")
# what changes something, or waits for an answer; strace counts each by itself
CALLS = (
    "close",
    "connect",
    "sendto",
    "sendmsg",
    "recvfrom",
    "openat",
    "write",
    "pwrite64",
    "fsync",
    "fcntl",
    "fdatasync",
    "unlink",
    "ftruncate",
)
ATTACH_SECONDS = 20.0

pytestmark = pytest.mark.skipif(STRACE is None, reason="strace is not installed")


def traced(copy: Copy, log: Path, *, call: str = ",".join(CALLS), inject: str = "") -> int:
    """Start or resume the copy in a process of its own, in which ``inject`` happens at a ``call``; how it ended."""
    hold, let_go = os.pipe()
    gc.collect()  # what other tests left behind would be closed in the child, now or then
    child = os.fork()
    if not child:
        gc.disable()
        os.read(hold, 1)  # until the tracer has attached; no call before that, for it may be there already
        and_exit(lambda: os._exit(code(copy)))
    try:
        struck = ["-e", f"inject={call}:{inject}"] if inject else []
        words = ["-q", "-f", "-e", f"trace={call}", *struck, "-o", str(log), "-p", str(child)]
        tracer = subprocess.Popen([str(STRACE), *words], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        attached = is_traced(child, tracer)
    finally:
        os.write(let_go, b".")
        os.close(let_go)
        os.close(hold)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    tracer.wait()
    if not attached:
        pytest.skip("strace may not attach to a process here")
    return ended


def is_traced(child: int, tracer: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + ATTACH_SECONDS
    while tracer.poll() is None and time.monotonic() < deadline:
        if "TracerPid:\t0\n" not in Path(f"/proc/{child}/status").read_text():
            return True
        time.sleep(0.002)
    return False


def calls_in(log: Path) -> Counter[str]:
    """How often each call was made."""
    names = (line.split(None, 1)[-1].partition("(")[0] for line in log.read_text(errors="replace").splitlines())
    return Counter(name for name in names if name in CALLS)


@pytest.fixture
def undisturbed(copying: MakeCopy, tmp_path: Path) -> Counter[str]:
    """How often each call is made in a run that nothing happens to."""
    with copying() as copy:
        assert copy.go_on().ok  # from now on nothing is imported any more, and every process makes the same calls
    with copying() as copy:
        assert traced(copy, tmp_path / "calls") == 0
        copy.check()
    return calls_in(tmp_path / "calls")


def test_killed_at_any_system_call_and_resumed_the_board_is_the_same(
    copying: MakeCopy, tmp_path: Path, undisturbed: Counter[str]
) -> None:
    points = [(call, at) for call in CALLS for at in range(1, undisturbed[call] + 1)]
    assert len(points) >= 500, undisturbed
    for call, at in points[:: scaled(len(points) // 24, 1)]:
        with copying() as copy:
            ended = traced(copy, tmp_path / "struck", call=call, inject=f"signal=SIGKILL:when={at}")
            assert ended == -signal.SIGKILL, f"{call} number {at} killed nobody"
            if not copy.over():
                assert copy.finish().status == "ok", f"killed at {call} number {at}"
            copy.check()


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EROFS"][: scaled(1, 3)])
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync"])
def test_a_disk_that_fails_from_any_call_on_ends_the_run_before_the_next_request(
    copying: MakeCopy, tmp_path: Path, undisturbed: Counter[str], call: str, error: str
) -> None:
    count = undisturbed[call]
    assert count > 50
    for at in range(1, count + 1, scaled(count // 4, 1)):
        with copying() as copy:
            ended = traced(copy, tmp_path / "struck", call=call, inject=f"error={error}:when={at}+")
            # when all is in the log, the file may still be written to when it is closed: that can fail and does no harm
            assert ended == 8 or (ended, copy.over()) == (0, True), f"{call} number {at} with {error}"
            begun = [run for run in copy.app.runs() if run.state != "unreadable"]  # its file has no tables yet
            if begun:
                assert copy.service.writes() <= announced(copy) <= copy.service.writes() + 1
            else:
                assert copy.service.writes() == 0
            if not copy.over():  # the very last commit may have reached the file, if not the disk
                assert copy.finish().status == "ok"
            copy.check()
