"""The real program in processes of its own, which are killed at random times, and what it asks of a service.

A kill falls at a random moment of the time that all processes share, which passes with each request, and a few
milliseconds of the machine's own later; or at a random moment of the machine's own alone.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time as machine_time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from typing import TYPE_CHECKING

from pinflow.app import App
from pinflow.cli.program import main
from pinflow.cli.shell import Shell
from pinflow.clock import Clock
from pinflow_sandbox import Settings
from pinflow_sandbox.control.faults import FaultInjector, FaultProfile
from tests.faults.conftest import NOON, Service, and_exit
from tests.faults.shared_time import REAL_LATENCY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pinflow_sandbox import Sandbox
    from pinflow_sandbox.control.faults import FaultHook
    from pinflow_sandbox.server.messages import HttpRequest, HttpResponse
    from pinflow_sandbox.world.world import World
    from tests.faults.shared_time import SharedTime

LATENCY = 0.2  # seconds of the shared time that each request takes
OK, UNKNOWN = 0, 7  # exit codes
MODULES = "modules"  # a file that names what a process has imported
REQUESTS = "requests"  # a file in which a service writes down what it is asked, and
HONEST = "honest"  # one beside it: while it is there, nothing goes wrong


@dataclass(frozen=True)
class Kill:
    """When a process is killed: so long after it began, by the shared time, if that is not None, and by the machine's.

    The second counts from when the first has passed.
    """

    shared: float | None
    machine: float

    def __str__(self) -> str:
        shared = "" if self.shared is None else f"{self.shared:.1f} s + "
        return f"killed after {shared}{1000 * self.machine:.1f} ms"


@dataclass(eq=False)
class Process:
    """The program in a process of its own."""

    pid: int
    number: int
    words: Sequence[str]
    output: Path

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it has ended, at most so many of the machine's seconds; whether it has."""
        handle = os.pidfd_open(self.pid)
        try:
            return bool(select.select([handle], [], [], seconds)[0])
        finally:
            os.close(handle)

    def end(self) -> tuple[int, str]:
        """How it ended, and all that it wrote."""
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return code, self.output.read_text("utf-8", "replace")


class Program:
    """The program as one person uses it: it has a folder and a state of its own.

    ``shift`` is by how many seconds its machine's clock is wrong. ``story`` is all that was done with it.
    """

    def __init__(self, installed: App, service: Service, folder: Path, time: SharedTime, name: str = "state") -> None:
        self.service = service
        self.time = time
        self.shift = 0.0
        self.story: list[str] = []
        self.told: list[str] = []  # what each process wrote
        self.folder = folder
        self._name = name
        self._installed = installed
        self._state = folder / name
        self._environ = {**service.environment, "PINFLOW_STATE_DIR": str(self._state)}

    @property
    def app(self) -> App:
        shift, time = self.shift, self.time
        clock = Clock(lambda: time.now() + shift, time.now, time.sleep)
        installed = self._installed
        return App(installed.registry, installed._manager, self._environ, state=self._state, clock=clock)

    def start(self, *words: str) -> Process:
        number = self.time.next_number()
        output = self.folder / f"{number}.output"
        output.write_text("")
        child = os.fork()
        if not child:
            and_exit(partial(self._work, number, words, output))
        return Process(child, number, words, output)

    def _work(self, number: int, words: Sequence[str], output: Path) -> None:
        self.time.number = number
        self.time.watch_requests()
        with output.open("w", encoding="utf-8") as stream:
            shell = Shell(StringIO(), stream, stream, self._environ, lambda *_: self.app)
            with redirect_stdout(stream), redirect_stderr(stream):
                code = main(words, shell)
            stream.flush()
            (self.folder / MODULES).write_text("\n".join(sys.modules), "utf-8")
            os._exit(code)

    def __call__(self, *words: str, kill: Kill | None = None) -> int:
        """Do a command, and kill it; its exit code, or minus 9."""
        process = self.start(*words)
        watch([process], [kill], self.time)
        return self.end(process, kill)

    def end(self, process: Process, kill: Kill | None = None) -> int:
        code, text = process.end()
        self.time.forget(process.number)
        if code < 0:
            self._wait_for_what_is_on_its_way()
        shift = f" [clock {self.shift:+.0f} s]" if self.shift else ""
        told = "" if code == OK else f"\n      {text.strip()[-1500:]}"
        killed = f" ({kill})" if kill and code < 0 else ""
        at = f"{self.time.now() - NOON:9.1f}"
        self.told.append(text)
        self.story.append(f"{at} {self._name}: {' '.join(process.words[:8])}{shift} -> {code}{killed}{told}")
        return code

    def _wait_for_what_is_on_its_way(self) -> None:
        """A request of a killed process arrives now, and not when the shared time is minutes later."""
        for _ in range(3):
            machine_time.sleep(2 * REAL_LATENCY)
            self.service.ask("GET", "faults")

    def tell(self, what: str) -> str:
        """What went wrong, with all that came before."""
        requests = (self.folder / REQUESTS).read_text("utf-8").splitlines()
        return "\n".join([f"{what}:", *sorted([*self.story, *requests], key=lambda line: line[:9])])

    # runs

    def run_of(self, recipe: str) -> str:
        """The id of the newest run of a recipe; "" if there is none yet, or it was killed before its first row."""
        return next((run.id for run in self.app.runs() if run.recipe == recipe), "")

    def is_over(self, run_id: str, is_done: bool) -> bool:
        record = self.app.store.runs.look(run_id)
        return is_done if record is None else record.state == "ok"

    def rows_of(self, run_id: str) -> dict[str, int]:
        """The row numbers of a run's items, counted from 0, by key."""
        journal = self.app.store.runs.open(run_id)
        try:
            return {item.key: item.number - 2 for item in journal.items("pins")}
        finally:
            journal.close()

    def effects(self, run_id: str) -> list[tuple[str, str, str]]:
        """Path of the step, state and id of every effect of a run."""
        found: list[tuple[str, str, str]] = []
        if self.app.store.runs.look(run_id) is None:
            return found
        for effect in self.app.store.runs.detail(run_id).effects:
            id_ = effect.result.get("id", "") if isinstance(effect.result, dict) else ""
            found.append((effect.step, effect.state, id_))
        return found


def watch(processes: Sequence[Process], kills: Sequence[Kill | None], time: SharedTime) -> None:
    """Wait until all have ended, and kill each when its time has come."""
    began, now = time.now(), machine_time.monotonic
    alive = dict(zip(processes, kills, strict=True))
    due: dict[Process, float] = {}
    while alive:
        for process, kill in list(alive.items()):
            if kill is not None and process not in due and time.now() >= began + (kill.shared or 0.0):
                due[process] = now() + kill.machine
            if process.wait(max(0.0, min(0.0005, due.get(process, now() + 1.0) - now())) if any(kills) else None):
                del alive[process]
            elif now() >= due.get(process, now() + 1.0):
                os.kill(process.pid, signal.SIGKILL)
                alive[process] = None
                del due[process]


# -- the service


def serve(
    time: SharedTime,
    folder: Path,
    fill: Callable[[Sandbox], None],
    *,
    faults: FaultProfile | None = None,
    lag: float = 0.0,
) -> Service:
    """A service that writes down in ``folder`` what it is asked."""
    settings = Settings(quotas=False, latency=LATENCY, listing_lag=lag)
    bind = partial(_write_down, faults or FaultProfile(name="none"), folder)
    return Service(time, bind=bind, settings=settings, fill=fill, sleep=time.answer)


def _write_down(profile: FaultProfile, folder: Path, world: World) -> FaultHook:
    injector = FaultInjector(world, profile)

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        applied: list[str] = []
        answered = "no answer"

        def apply_and_tell() -> HttpResponse:
            answer = apply()
            applied.append(str(answer.status))
            return answer

        try:
            injector.catch_up()
            answer = apply_and_tell() if (folder / HONEST).exists() else injector(call, apply_and_tell)
            answered = str(answer.status)
            return answer
        finally:
            line = f"{world.clock.now() - NOON:9.1f} {call.method} {call.path}: {answered}"
            if applied != [answered] and (call.method != "GET" or answered != "200"):
                line += f", applied {applied}" if applied else ", not applied"
            body = f" {call.body.decode()[:150]}" if call.body else ""
            with (folder / REQUESTS).open("a", encoding="utf-8") as file:
                file.write(f"{line}{body}\n")

    return fault
