"""One quota, many processes: together they use all of it and never more.

Real processes, against a real listener, on a clock of their own: no machine is too slow for an exact figure.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pinflow.app import App, Options
from pinflow.clock import Clock
from pinflow.state.folder.counters import CounterTable, TableFiles
from pinflow_sandbox import Settings, start
from tests.core.shared_clock import SharedClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pinflow_sandbox.server.messages import HttpRequest, HttpResponse

if sys.platform == "win32":
    pytest.skip("needs fork", allow_module_level=True)

LIMIT = 100  # calls a second, of all categories together
PROCESSES = 4
READS = 150  # of each
MESSAGE = 4096  # bytes of one message in a pipe, which come out whole
RECIPE = f"""\
name: Reads
api: v5
steps:
  - for_each: ${{{{ range({READS}) }}}}
    as: number
    do:
      - uses: get_user
"""


def fullest_window(times: list[float], seconds: float) -> int:
    """The most calls that any window of so many seconds holds, wherever it begins."""
    most = first = 0
    for last, moment in enumerate(times):
        while moment - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_four_processes_together_use_all_of_one_quota_and_never_more(tmp_path: Path) -> None:
    clock = SharedClock(PROCESSES, now=1_800_000_000.0)
    recipe = tmp_path / "reads.yaml"
    recipe.write_text(RECIPE, "utf-8")
    told, tell = os.pipe()
    children = [forked(partial(read_all, recipe, tmp_path / "state", clock, told)) for _ in range(PROCESSES)]
    chance = random.Random(4)
    counted: list[float] = []

    def count(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        counted.append(clock.now())
        answer = apply()
        clock.sleep(0.01)  # for the answer's way back
        return answer

    with start(
        now=clock.now,
        sleep=lambda seconds: clock.sleep(seconds * chance.uniform(0.8, 1.2)),
        settings=Settings(latency=0.01),
        faults=count,
    ) as sandbox:
        for _ in range(PROCESSES):
            os.write(tell, f"{json.dumps(sandbox.environment())}\n".encode().ljust(MESSAGE))
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        statuses = {row["status"] for row in sandbox.control.requests()}
    os.close(told)
    os.close(tell)
    assert codes == [0] * PROCESSES
    assert statuses == {200}  # nobody was refused
    assert len(counted) == PROCESSES * READS
    counted.sort()
    assert fullest_window(counted, 1.0) <= LIMIT
    # the first hundred may go at once; from there on the quota is what holds them up
    assert (len(counted) - LIMIT) / (counted[-1] - counted[LIMIT - 1]) >= 0.95 * LIMIT


def forked(work: Callable[[], object]) -> int:
    """Do ``work`` in a process of its own, which ends with it: its id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def read_all(recipe: Path, state: Path, clock: SharedClock, told: int) -> None:
    """Run the recipe as soon as it is told where the service is."""
    try:
        environ = {**os.environ, **json.loads(os.read(told, MESSAGE)), "PINFLOW_STATE_DIR": str(state)}
        found = App.installed(environ)
        app = App(
            found.registry,
            found._manager,
            environ,
            state=state,
            clock=Clock(clock.now, clock.now, clock.sleep),
        )
        result = app.run(app.plan(recipe, inputs={}), Options(patience=30.0))
        assert result.ok, result.error
    finally:
        clock.leave()


TAKE = """
import sys, time
from pathlib import Path
from pinflow.http.api import Quota
from pinflow.clock import Clock
from pinflow.state.folder.usage import FolderUsage
from pinflow.http.rate_limiter import RateLimiter
usage = FolderUsage(Path(sys.argv[1]), time.time)
limiter = RateLimiter({"write": Quota(200, 3600)}, usage, Clock(), api="api", origin="https://example.com")
while True:
    limiter.release(limiter.acquire("me", "write", patience=0), {})
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
    tables = TableFiles(tmp_path)
    ((_, table),) = ((key, table) for key, table in tables.all() if key.category == "write")
    now = time.time()
    used = sum(table.numbers[CounterTable.slots(0) + slot] > now for slot in range(300))
    assert min(200, left) <= used <= min(200, left + 6)  # whoever was killed may have left without a word
    tables.close()
