"""Whole runs of copy_board against a sandbox that goes wrong, on a time of their own: nobody ever waits.

The sandbox is a process of its own, and so is every run that is killed; the test's own process has one thread and may
fork as it likes. Time is in memory that all of them share: whoever sleeps lets it pass at once.
"""

from __future__ import annotations

import http.client
import json
import mmap
import os
import signal
import struct
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from pinflow.app import App, Options
from pinflow.clock import Clock
from pinflow.errors import Diverged
from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.world import boards, pins

if TYPE_CHECKING:
    from pinflow.engine.results import RunResult
    from pinflow.events import Event
    from pinflow_sandbox.control.faults import FaultHook, FaultProfile
    from pinflow_sandbox.world.world import World

if sys.platform == "win32":
    pytest.skip("needs fork", allow_module_level=True)

MakeCopy = Callable[..., AbstractContextManager["Copy"]]

FULL = bool(os.environ.get("PINFLOW_FULL"))
STUDIO = "garden_studio"
ORIGINAL, COPY = "Original", "The copy"
NOON = 1_800_000_000.0

Row = tuple[str, str | None]  # fingerprint and section of a Pin


def scaled(small: int, full: int) -> int:
    """How many cases to try: a few, or with PINFLOW_FULL=1 all that were promised."""
    return full if FULL else small


class Time:
    """Seconds since the epoch in memory shared with every process forked later. Safe for threads."""

    def __init__(self, now: float = NOON) -> None:
        self._cell = mmap.mmap(-1, 8)
        self._lock = threading.Lock()
        self.set(now)

    def set(self, moment: float) -> None:
        struct.pack_into("d", self._cell, 0, moment)

    def now(self) -> float:
        return float(struct.unpack_from("d", self._cell, 0)[0])

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.set(self.now() + max(0.0, seconds))


def in_child(work: Callable[[], object]) -> int:
    """Do ``work`` in a process of its own: its exit code, or minus the signal that killed it."""
    child = os.fork()
    if not child:
        and_exit(work)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def and_exit(work: Callable[[], object]) -> NoReturn:
    """Do ``work`` and end this process at once: 0, or 1 after a traceback."""
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def small_board(
    sandbox: Sandbox, *, count: int = 12, sections: Sequence[str] = ("One", "Two", "Three"), empty: Sequence[str] = ()
) -> None:
    """A world with one board: ``count`` Pins, every third of them like the first, on it and in its sections.

    The sections in ``empty`` have no Pins.
    """
    world = sandbox.world
    world.clear(1)
    world.add_account(STUDIO)
    board = boards.add_board(world, STUDIO, ORIGINAL, created=NOON - 1e6)
    made = [boards.add_section(world, board, name) for name in sections]
    places = [None, *(section for section in made if section.name not in empty)]
    for index in range(count):
        number = 1 if index % 3 == 0 else index + 1
        section = places[index % len(places)]
        pins.add_pin(world, board, number, section=section, created=NOON - 1e6 + 60 * index)


class Service:
    """A sandbox in a process of its own, with one board on it."""

    def __init__(
        self,
        time: Time,
        *,
        faults: FaultHook | FaultProfile | str | None = None,
        settings: Settings | None = None,
        fill: Callable[[Sandbox], None] = small_board,
        bind: Callable[[World], FaultHook] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        """``bind`` makes the faults for a world that is not there before; ``sleep`` is for the latency alone."""
        self._told, tell = os.pipe()
        ended, self._end = os.pipe()
        self._process = os.fork()
        if not self._process:
            os.close(self._end)
            times = (time.now, sleep or time.sleep)
            and_exit(partial(_serve, times, tell, ended, faults, settings or Settings(quotas=False), fill, bind))
        os.close(tell)
        os.close(ended)
        with open(self._told, closefd=False) as pipe:
            told = json.loads(pipe.readline())
        self.environment: dict[str, str] = told["environment"]
        self._port: int = told["port"]
        self._token: str = told["token"]

    def close(self) -> None:
        if self._end >= 0:
            os.close(self._end)
            os.close(self._told)
            os.waitpid(self._process, 0)
            self._end = -1

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask the sandbox's control surface."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            headers = {"X-Sandbox-Token": self._token, "Content-Type": "application/json"}
            sent = None if body is None else json.dumps(body).encode()
            connection.request(method, f"/_sandbox/{path}", sent, headers)
            answer = connection.getresponse()
            value = json.loads(answer.read())
            assert answer.status == 200, value
            return value
        finally:
            connection.close()

    def touch(self) -> None:
        """Let what is due by now happen: some of that waits for the next request."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", "/v5/boards")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            pass  # a fault, of which nobody is to hear
        finally:
            connection.close()

    def truth(self) -> dict[str, Board]:
        """What there is, by the boards' names. Each name must be there once."""
        found = [Board(each) for each in self.ask("GET", "state")["boards"]]
        names = Counter(board.name for board in found)
        assert set(names.values()) == {1}, names
        return {board.name: board for board in found}

    def writes(self) -> int:
        """How many writes were applied."""
        rows = self.ask("GET", "requests")["requests"]
        return sum(row["count"] for row in rows if row["method"] != "GET" and row["status"] < 300)


def _serve(
    times: tuple[Callable[[], float], Callable[[float], None]],
    tell: int,
    ended: int,
    faults: Any,
    settings: Settings,
    fill: Callable[[Sandbox], None],
    bind: Callable[[World], FaultHook] | None,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if bind is not None:
        late: list[FaultHook] = []
        faults = lambda call, apply: late[0](call, apply)  # noqa: E731
    with start(now=times[0], sleep=times[1], settings=settings, faults=faults) as sandbox:
        if bind is not None:
            late.append(bind(sandbox.world))
        fill(sandbox)
        told = {"port": sandbox.port, "token": sandbox.control_token, "environment": sandbox.environment()}
        os.write(tell, json.dumps(told).encode() + b"\n")
        os.read(ended, 1)  # until the test closes its end, or is no more


class Board:
    """A board as it is in truth."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.name: str = state["name"]
        self.id: str = state["id"]
        self.sections: list[str] = [each["name"] for each in state["sections"]]
        names = {each["id"]: each["name"] for each in state["sections"]}
        self.pins: list[Row] = [(pin["fingerprint"], names.get(pin["section_id"])) for pin in state["pins"]]


class Copy:
    """One run of copy_board, started and resumed until it is over. ``state`` is its own directory."""

    def __init__(self, app: App, service: Service, state: Path, time: Time) -> None:
        environ = {**service.environment, "PINFLOW_STATE_DIR": str(state)}
        self.service = service
        self.time = time
        self.inputs: dict[str, Any] = {"board": ORIGINAL, "name": COPY}
        self.api: str | None = None  # None is the recipe's own
        self.app = App(app.registry, app._manager, environ, state=state, clock=Clock(time.now, time.now, time.sleep))

    def go_on(self, *, tier: str = "standard", report: Sequence[Callable[[Event], None]] = ()) -> RunResult:
        """Start the run, or resume it where it was stopped."""
        runs = [run for run in self.app.runs() if run.state != "unreadable"]
        options = Options(tier=tier, report=report, max_writes=None)
        if runs:
            return self.app.resume(runs[0].id, options)
        plan = self.app.plan(Path("copy_board"), inputs=self.inputs, api=self.api)
        return self.app.run(plan, options)

    def over(self) -> bool:
        """Whether there is nothing left to resume."""
        runs = self.app.runs()
        return bool(runs) and runs[0].state == "ok"

    def finish(self, attempts: int = 30) -> RunResult:
        """Go on until the run is ok, or its target has diverged, resuming it like a person who is told to."""
        for _ in range(attempts):
            result = self.go_on()
            if result.ok or isinstance(result.error, Diverged):
                return result
            wait = getattr(result.error, "retry_after", None)
            self.time.sleep(30.0 if wait is None else wait)
        raise AssertionError(f"not over after {attempts} processes: {result.error}")

    def check(self, *, in_order: bool = True) -> None:
        """Nothing is lost, doubled, misplaced or out of order."""
        truth = self.service.truth()
        assert set(truth) == {ORIGINAL, COPY}
        assert truth[COPY].sections == truth[ORIGINAL].sections
        assert Counter(truth[COPY].pins) == Counter(truth[ORIGINAL].pins)
        if in_order:
            assert truth[COPY].pins == truth[ORIGINAL].pins


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> App:
    """The app with every plugin; its registry serves all runs."""
    return App.installed({"PINFLOW_CACHE_DIR": str(tmp_path_factory.mktemp("cache"))})


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory in memory where there is one: a kill does not ask what is on the disk, and this is faster."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as made:
        yield Path(made)


@pytest.fixture
def copying(installed: App, folder: Path) -> MakeCopy:
    """``with copying(...) as copy``: a sandbox, and a run of copy_board that has not begun."""
    numbers = iter(range(1_000_000))

    @contextmanager
    def make(time: Time | None = None, **given: Any) -> Iterator[Copy]:
        time = time or Time()
        with Service(time, **given) as service:
            yield Copy(installed, service, folder / f"state{next(numbers)}", time)

    return make
