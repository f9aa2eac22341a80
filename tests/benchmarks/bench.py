"""What pinflow costs, as ratios that repeat: start-up, engine, memory, requests, and the sandbox itself.

    python tests/benchmarks/bench.py [--quick]

Both sides of a ratio are measured in turns, pair by pair, and the median of the pairs' ratios counts. The service is
the sandbox, in a process of its own, without quotas; what it was asked is counted, so that a fast run that lost or
doubled something is an error and no figure.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

PROJECT = Path(__file__).resolve().parents[2]
UNPACED = "unpaced"  # an access tier that no API has quotas for
COPY = "recipes/copy_board.yaml"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything."""

    starts: int  # pairs of each start-up
    steps: int  # of the engine's run
    more_steps: int  # of the longer run
    pairs: int  # of runs and bare loops
    pins: int  # of the small board
    more_pins: int  # of the big board
    calls: int  # that the sandbox answers


SIZES = {
    "full": Sizes(starts=21, steps=1000, more_steps=5000, pairs=5, pins=1000, more_pins=50_000, calls=20_000),
    "quick": Sizes(starts=9, steps=500, more_steps=2000, pairs=3, pins=500, more_pins=5000, calls=6000),
    "tiny": Sizes(starts=1, steps=5, more_steps=10, pairs=1, pins=3, more_pins=30, calls=40),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One result. ``goal`` is the worst that is good: the most, or the least where ``more`` is better."""

    name: str
    value: float
    unit: str
    goal: float
    more: bool = False

    def __str__(self) -> str:
        missed = self.value < self.goal if self.more else self.value > self.goal
        goal = f"goal: at {'least' if self.more else 'most'} {self.goal:g}"
        return f"{self.name:<44} {self.value:>9.2f} {self.unit:<22} {goal}{'  MISSED' if missed else ''}"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Measure pinflow.")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller: about a minute")
    parser.add_argument("--size", choices=SIZES, default="full", help="how much of everything (default: full)")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.child:
        name, *rest = args.child
        return CHILDREN[name](*rest)
    size = SIZES["quick" if args.quick else args.size]
    with tempfile.TemporaryDirectory(prefix="pinflow-bench-") as folder:
        for measure in (start_up, engine, copying, sandbox_speed):
            for figure in measure(size, Path(folder)):
                print(figure, flush=True)
    return 0


# -- start-up: whole processes


def start_up(size: Sizes, folder: Path) -> Iterator[Figure]:
    """What a person waits for, as multiples of Python's own start."""
    script = shutil.which("pinflow", path=str(Path(sys.executable).parent))
    program = [script] if script else [sys.executable, "-m", "pinflow"]
    environ = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),  # all is compiled, as after the first start
        "PINFLOW_CACHE_DIR": str(folder / "cache"),
        "PINFLOW_STATE_DIR": str(folder / "state"),
    }

    def seconds(*words: str) -> float:
        began = time.perf_counter()
        subprocess.run(words, env=environ, cwd=PROJECT, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began

    for words, goal in ((["--version"], 3.0), (["--help"], 6.0), (["validate", COPY], 16.0)):
        for once in ([*program, *words], [sys.executable, "-c", "pass"]):
            seconds(*once)  # compiles what is not compiled yet, and fills the caches
        pairs = ((seconds(*program, *words), seconds(sys.executable, "-c", "pass")) for _ in range(size.starts))
        yield Figure(f"start: pinflow {' '.join(words)}", ratio(pairs), "x python -c pass", goal)


def ratio(pairs: Iterable[tuple[float, float]]) -> float:
    """The median of the ratios of pairs that were measured one after the other."""
    return median(one / other for one, other in pairs)


# -- a sandbox in a process of its own


@dataclass(frozen=True, slots=True)
class Service:
    """A sandbox that runs: the variables that lead to it, and its control surface."""

    url: str
    control_token: str
    environ: Mapping[str, str]

    def control(self, name: str, /, **given: object) -> Any:
        """Ask the control surface; with arguments it is told something."""
        import requests

        method = "POST" if given else "GET"
        answer = requests.request(
            method,
            f"{self.url}/_sandbox/{name}",
            json=given or None,
            headers={"X-Sandbox-Token": self.control_token},
            timeout=600,
        )
        answer.raise_for_status()
        return answer.json()

    def asked(self) -> dict[str, int]:
        """How often each method and path was asked for, control calls left out."""
        counts: dict[str, int] = {}
        for row in self.control("requests")["requests"]:
            if not row["path"].startswith("/_sandbox"):
                call = f"{row['method']} {row['path']}"
                counts[call] = counts.get(call, 0) + row["count"]
        return counts


@contextmanager
def service() -> Iterator[Service]:
    """A fresh sandbox without quotas, ended afterwards."""
    child = subprocess.Popen(
        [sys.executable, __file__, "--child", "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None and child.stdout is not None
    try:
        yield Service(**json.loads(child.stdout.readline()))
    finally:
        child.stdin.close()  # its sign to end
        child.stdout.close()
        child.wait(30)


def serve() -> int:
    """Serve until standard input ends."""
    from pinflow_sandbox.server import Settings, start

    with start(settings=Settings(quotas=False, max_pins=10_000_000)) as sandbox:
        found = Service(sandbox.url, sandbox.control_token, sandbox.environment())
        print(json.dumps(asdict(found)), flush=True)
        sys.stdin.read()
    return 0


def child(name: str, *words: object, environ: Mapping[str, str]) -> Any:
    """What a child process of this file found."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", name, *map(str, words)],
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout)


# -- the engine: many small steps


def engine(size: Sizes, folder: Path) -> Iterator[Figure]:
    """A recipe of many reads with the journal on, against a loop over a bare requests.Session."""
    with service() as there:
        worked: list[float] = []
        for steps in (size.steps, size.more_steps):
            before = there.asked().get("GET /v5/user_account", 0)
            found = child("engine", steps, size.pairs, folder, environ=there.environ)
            asked = there.asked()["GET /v5/user_account"] - before
            expected = 2 * steps * (size.pairs + 1)
            if asked != expected:
                raise SystemExit(f"the service was asked {asked} times, not {expected}")
            yield Figure(f"engine: {steps} reads, whole run", ratio(found["wall"]), "x requests.Session", 1.2)
            worked.append(ratio(found["processor"]))
        # of the processor's time alone, which repeats better than the clock on the wall
        yield Figure("engine: growth per step", worked[1] / worked[0], f"x {size.steps} steps", 1.05)


def run_engine(steps: str, pairs: str, folder: str) -> int:
    """Run the recipe and the loop in turns; the first pair only warms up.

    Tells the seconds of each pair, by the clock on the wall and as the processor worked.
    """
    recipe = Path(folder) / "reads.yaml"
    recipe.write_text(
        "name: Reads\napi: v5\nsteps:\n"
        f"  - for_each: ${{{{ range({steps}) }}}}\n    as: number\n    do:\n      - uses: get_user\n"
    )
    app = open_app(Path(folder) / "state")
    plan = app.plan(recipe, inputs={})
    found = [(timed(lambda: go(app, plan)), timed(lambda: bare_loop(int(steps)))) for _ in range(int(pairs) + 1)]
    wall = [(run.wall, bare.wall) for run, bare in found[1:]]
    processor = [(run.processor, bare.processor) for run, bare in found[1:]]
    print(json.dumps({"wall": wall, "processor": processor}))
    return 0


def open_app(state: Path) -> Any:
    """pinflow as a library, with the installed plugins and the process's environment."""
    from pinflow import App
    from pinflow.plugins import collect, installed, load

    manager, infos = load(installed(None))
    return App(collect(manager, infos), manager, os.environ, state=state)


def go(app: Any, plan: Any) -> Any:
    """Run a plan, unpaced. A run that is not ok is an error."""
    from pinflow.app import Options

    result = app.run(plan, Options(tier=UNPACED, max_writes=None))
    if not result.ok:
        raise SystemExit(f"the run ended as {result.status}: {result.error}")
    return result


def bare_loop(calls: int) -> None:
    """What a script without pinflow would do."""
    import requests

    url, token = os.environ["PINTEREST_API_URI"], os.environ["ACCESS_TOKEN"]
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        for _ in range(calls):
            answer = session.get(f"{url}/v5/user_account", timeout=30)
            answer.raise_for_status()
            answer.json()


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long something took, and how long the processor worked for this process meanwhile."""

    wall: float
    processor: float


def timed(work: Callable[[], object]) -> Seconds:
    """What ``work`` takes."""
    began, worked = time.perf_counter(), time.process_time()
    work()
    return Seconds(time.perf_counter() - began, time.process_time() - worked)


# -- copying a board


def copying(size: Sizes, folder: Path) -> Iterator[Figure]:
    """The memory and the requests that copying a board takes, for a small board and a big one."""
    peaks: list[float] = []
    with service() as there:
        for pins in (size.pins, size.more_pins):
            board = there.control("boards", name=f"Board of {pins}", pins=pins, sections=["One", "Two", "Three"])
            before = there.asked()
            found = child("copy", board["id"], folder, environ=there.environ)
            asked = {call: count - before.get(call, 0) for call, count in there.asked().items()}
            posted = asked.get("POST /v5/pins", 0)
            if (found["created"], posted) != (pins, pins):
                raise SystemExit(f"{pins} Pins were to be made: {found['created']} were told of, {posted} asked for")
            peaks.append(found["peak"])
            if pins == size.pins:
                # one page of 250 Pins each, and what a copy needs beside its Pins: boards, sections, account
                rest, most = sum(asked.values()) - pins, -(-pins // 250) + 14
                yield Figure(f"copy of {pins} Pins: requests beside a POST each", rest, "requests", most)
            yield Figure(f"copy of {pins} Pins: speed", pins / found["seconds"], "Pins/s", 0, more=True)
    grown = f"memory: copy of {size.more_pins} Pins over {size.pins}"
    yield Figure(grown, (peaks[1] - peaks[0]) / 2**20, "MiB more at the peak", 15)


def run_copy(board: str, folder: str) -> int:
    """Copy a board; how many Pins were made, the seconds, and this process's peak of resident memory in bytes."""
    from pinflow.paths import find_recipe

    app = open_app(Path(folder) / "state")
    plan = app.plan(find_recipe(Path(COPY)), inputs={"board": board})
    began = time.perf_counter()
    result = go(app, plan)
    seconds = time.perf_counter() - began
    print(json.dumps({"created": result.outputs["pins"]["created"], "seconds": seconds, "peak": peak_memory()}))
    return 0


def peak_memory() -> int:
    """Bytes. The operating system's own figure also counts the process that this one was forked from."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


# -- the sandbox itself


def sandbox_speed(size: Sizes, folder: Path) -> Iterator[Figure]:
    """How many reads a second it answers to four connections that do little else than ask."""
    connections = 4
    with service() as there:
        clients = [threading.Thread(target=ask, args=(there, size.calls // connections)) for _ in range(connections)]
        began = time.perf_counter()
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        seconds = time.perf_counter() - began
        answered = there.asked().get("GET /v5/user_account", 0)
        if answered != size.calls:
            raise SystemExit(f"the sandbox answered {answered} of {size.calls} calls")
    yield Figure("sandbox: reads answered", size.calls / seconds, "a second", 1500, more=True)


def ask(there: Service, calls: int) -> None:
    """Ask for the account over and over on one connection."""
    host, _, port = there.url.removeprefix("http://").rpartition(":")
    token = there.environ["ACCESS_TOKEN"]
    asking = f"GET /v5/user_account HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    with socket.create_connection((host, int(port))) as connection, connection.makefile("rb") as answers:
        for _ in range(calls):
            connection.sendall(asking)
            length = 0
            while (line := answers.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            answers.read(length)


CHILDREN: Mapping[str, Callable[..., int]] = {"serve": serve, "engine": run_engine, "copy": run_copy}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
