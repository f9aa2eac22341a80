"""One quota, many processes: together they use all of it and never more. Real processes, against a real listener."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pinflow.http.ledger import Ledger, Page
from pinflow_sandbox.server import Settings, start
from pinflow_sandbox.wire import Answer, Call

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":
    pytest.skip("the sandbox's processes are started by a shell's rules", allow_module_level=True)

READS = """\
name: Reads
api: v5
steps:
  - for_each: ${{ range(150) }}
    as: number
    parallel: 3
    do:
      - uses: get_user
"""
WORK = """
import os, sys
from pathlib import Path
from pinflow import App
from pinflow.app import Options
app = App.installed(os.environ)
plan = app.plan(Path(sys.argv[1]), inputs={})
print("ready", flush=True)
sys.stdin.readline()
result = app.run(plan, Options(patience=30.0))
sys.exit(result.exit_code)
"""


def fullest_window(times: list[float], seconds: float) -> int:
    """The most calls that any window of so many seconds holds, wherever it begins."""
    most = first = 0
    for last, moment in enumerate(times):
        while moment - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_four_processes_together_never_exceed_one_quota(tmp_path: Path) -> None:
    # how much of it they use is held by tests with a clock of their own: here the machine decides
    assert rate_of_four(tmp_path / "four") > 25


def rate_of_four(folder: Path) -> float:
    """How many calls a second four processes make, who together may make 100."""
    folder.mkdir()
    recipe = folder / "reads.yaml"
    recipe.write_text(READS, "utf-8")
    counted: list[float] = []

    def count(call: Call, apply: object) -> Answer:
        counted.append(time.monotonic())
        answer = apply()  # type: ignore[operator]
        assert isinstance(answer, Answer)
        return answer

    with start(settings=Settings(), faults=count) as sandbox:
        environ = {**os.environ, **sandbox.environment(), "PINFLOW_STATE_DIR": str(folder / "state")}
        children = [
            subprocess.Popen(
                [sys.executable, "-c", WORK, str(recipe)],
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for child in children:
            assert child.stdout is not None and child.stdout.readline() == "ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        codes = [child.communicate(timeout=60) and child.returncode for child in children]
        statuses = {row["status"] for row in sandbox.control.requests()}
    assert codes == [0, 0, 0, 0]
    assert statuses == {200}  # nobody was refused
    assert len(counted) == 600
    counted.sort()
    assert fullest_window(counted, 1.0) <= 100
    # the first hundred go at once, each further hundred takes a second
    return 600 / (counted[-1] - counted[0] + 1)


TAKE = """
import sys, time
from pathlib import Path
from pinflow.http.api import Quota
from pinflow.http.ledger import Ledger
from pinflow.http.quota import Pacer
ledger = Ledger(Path(sys.argv[1]))
pacer = Pacer({"write": Quota(200, 3600)}, monotonic=time.monotonic, clock=time.time, sleep=time.sleep,
              book=ledger.of("api", "https://example.com"))
while True:
    pacer.done(pacer.enter("me", "write", patience=0), {})
    print("left", flush=True)
"""


def test_a_killed_process_leaves_what_it_used_and_nothing_locked(tmp_path: Path) -> None:
    left = 0
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", TAKE, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(30):
                left += child.stdout.readline() == "left\n"
            child.kill()
            left += child.stdout.read().count("left\n")
    ledger = Ledger(tmp_path)
    ((_, page),) = ((label, page) for label, page in ledger.pages() if label.category == "write")
    now = time.time()
    used = sum(page.numbers[Page.places(0) + place] > now for place in range(300))
    assert min(200, left) <= used <= min(200, left + 6)  # whoever was killed may have left without a word
    ledger.close()
