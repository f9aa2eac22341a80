"""The daemon as a program: one for each state directory, quick to stop, and nothing lost when it is killed."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pinflow.state.folder.schedule import FolderSchedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pinflow.state.records import Occurrence

pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX"),
    pytest.mark.xdist_group("daemon"),
]

RECIPE = "name: {name}\nschedule: {{every: {every}}}\nsteps: [{{uses: log, with: {{text: hello}}}}]\n"


class Machine:
    """A folder in which daemons are started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.environ = {**os.environ, "PINFLOW_STATE_DIR": str(self.state)}
        self._started: list[subprocess.Popen[str]] = []
        (folder / "recipes").mkdir()

    def recipe(self, name: str, every: str = "1 second") -> None:
        (self.folder / "recipes" / f"{name}.yaml").write_text(RECIPE.format(name=name, every=every), "utf-8")

    def start(self, *words: str) -> subprocess.Popen[str]:
        program = subprocess.Popen(
            [sys.executable, "-m", "pinflow", *words],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(program)
        return program

    def call(self, *words: str) -> tuple[int, str]:
        program = self.start(*words)
        out, err = program.communicate(timeout=60)
        return program.returncode, out + err

    def rows(self) -> list[Occurrence]:
        if not (self.state / "schedule" / "table.db").exists():
            return []
        with closing(FolderSchedule(self.state, owner="reader")) as store:
            return store.occurrences.history(number=1_000)[::-1]

    def ran(self, job: str) -> int:
        return sum(row.state == "done" and row.job == job for row in self.rows())

    def close(self) -> None:
        for program in self._started:
            if program.poll() is None:
                program.kill()
            program.communicate()


def wait(true: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Until another process has brought something about."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.1)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.close()


def test_a_daemon_runs_jobs_gives_signs_of_life_and_stops_when_told(machine: Machine) -> None:
    machine.recipe("a")
    daemon = machine.start("schedule", "run")
    wait(lambda: machine.ran("a") >= 2)
    beat = json.loads((machine.state / "schedule" / "heartbeat.json").read_text("utf-8"))
    assert (beat["kind"], beat["pid"], beat["jobs"]) == ("daemon", daemon.pid, 1)
    code, said = machine.call("schedule", "status")
    assert code == 0, said
    assert f"daemon   process {daemon.pid}" in said

    code, said = machine.call("schedule", "run")  # a second one
    assert code == 8
    assert f"process {daemon.pid} since 20" in said

    began = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    _, err = daemon.communicate(timeout=60)
    assert daemon.returncode == 0
    assert time.monotonic() - began < 35
    assert "1 job; stop with Ctrl-C or SIGTERM" in err
    assert "next: a " in err  # at a time, or now
    assert "a: done in " in err
    assert "stopped" in err
    # one that was just begun is left for the next start, and by nobody held
    open_ones = [row for row in machine.rows() if row.state not in ("done", "skipped", "merged")]
    assert [(row.state, row.lease) for row in open_ones] in ([], [("claimed", 0)], [("due", 0)])


def test_of_daemons_that_start_at_once_one_lives(machine: Machine) -> None:
    machine.recipe("a", "day")
    many = [machine.start("schedule", "run") for _ in range(5)]
    wait(lambda: sum(each.poll() is not None for each in many) == 4)
    assert sorted(each.returncode or 0 for each in many) == [0, 8, 8, 8, 8]
    (one,) = [each for each in many if each.poll() is None]
    one.kill()
    one.wait()
    another = machine.start("schedule", "run")
    wait(lambda: machine.call("schedule", "status")[0] == 0)
    assert another.poll() is None


def test_a_daemon_reads_its_recipes_again_when_told_and_takes_edits_up_by_itself(machine: Machine) -> None:
    machine.recipe("a", "day")
    daemon = machine.start("schedule", "run", "recipes")
    wait(lambda: (machine.state / "schedule" / "heartbeat.json").exists())
    machine.recipe("b")
    daemon.send_signal(signal.SIGHUP)
    wait(lambda: machine.ran("b") >= 1)
    machine.recipe("a")  # nobody has to tell it
    wait(lambda: machine.ran("a") >= 1)
    daemon.send_signal(signal.SIGTERM)
    _, err = daemon.communicate(timeout=60)
    assert daemon.returncode == 0
    assert "a: the recipe was edited; the new version is used from now on" in err
    assert "recipes reloaded: 2 jobs" in err


def test_at_a_terminal_it_reads_them_again_too_and_stops_when_the_terminal_is_closed(machine: Machine) -> None:
    import pty

    machine.recipe("a", "day")
    screen, terminal = pty.openpty()
    words = [sys.executable, "-m", "pinflow", "schedule", "run", "recipes"]
    daemon = subprocess.Popen(
        words, cwd=machine.folder, env=machine.environ, stdin=terminal, stderr=subprocess.PIPE, text=True
    )
    os.close(terminal)
    try:
        wait(lambda: (machine.state / "schedule" / "heartbeat.json").exists())
        machine.recipe("b")
        daemon.send_signal(signal.SIGHUP)
        wait(lambda: machine.ran("b") >= 1)
        assert daemon.poll() is None
        os.close(screen)
        daemon.send_signal(signal.SIGHUP)  # as the shell does, whose terminal it was
        _, err = daemon.communicate(timeout=60)
    finally:
        daemon.kill()
        daemon.wait()
    assert daemon.returncode == 0
    assert "recipes reloaded: 2 jobs" in err
    assert "stopped; what becomes due" in err


SLOW = """
from pinflow import Context, action, hookimpl

@action("slow")
def slow(ctx: Context) -> None:
    \"\"\"Take a minute, the first time.\"\"\"
    from pathlib import Path
    mark = Path("begun")
    if not mark.exists():
        mark.touch()
        ctx.wait(60, "for the test")

@hookimpl
def pinflow_actions():
    return [slow]
"""


def test_a_daemon_that_is_told_to_stop_stops_its_runs_and_the_next_goes_on_with_them(machine: Machine) -> None:
    (machine.folder / "plugin.py").write_text(SLOW, "utf-8")
    text = "name: a\nschedule: {every: 2 seconds, overlap: queue}\nsteps: [{uses: slow}]\n"
    (machine.folder / "recipes" / "a.yaml").write_text(text, "utf-8")
    words = ("schedule", "run", "recipes", "--plugin", "plugin.py")
    daemon = machine.start(*words)
    wait((machine.folder / "begun").exists)
    began = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    _, err = daemon.communicate(timeout=60)
    assert time.monotonic() - began < 35
    assert daemon.returncode == 0
    assert "a: stopped; continues at the next start" in err
    first = machine.rows()[0]
    assert (first.state, first.reason, first.lease) == ("claimed", "the scheduler was stopped", 0)
    again = machine.start(*words)
    wait(lambda: machine.rows()[0].state == "done")
    again.send_signal(signal.SIGTERM)
    _, err = again.communicate(timeout=60)
    assert f"a: resumed (run {first.run}, " in err
    assert machine.rows()[0].run == first.run


def test_a_daemon_that_is_killed_is_known_to_be_dead_and_what_it_left_is_seen_to(machine: Machine) -> None:
    machine.recipe("a")
    daemon = machine.start("schedule", "run", "recipes")
    wait(lambda: machine.ran("a") >= 1)
    daemon.kill()
    daemon.wait()
    before = len(machine.rows())
    code, said = machine.call("schedule", "status")
    assert code == 1
    assert "stopped unexpectedly" in said
    again = machine.start("schedule", "run")  # it remembers the recipes
    wait(lambda: len(machine.rows()) > before + 1)
    again.send_signal(signal.SIGINT)
    _, err = again.communicate(timeout=60)
    assert (again.returncode, "stopped" in err) == (0, True)
    rows = machine.rows()
    # without a hole: what was due while nobody looked has its row
    for one, other in itertools.pairwise(rows):
        assert other.due == one.last + 1
