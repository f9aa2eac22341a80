"""A run's file is damaged between two processes: its resumption says so, doubts what it can't know, or is exact.

Damage is of every kind that disks, backups and people make. Everything is real: the run is killed by its service in
the middle of a write, its files are harmed, and it is resumed until it is over.

All that was promised: ``PINFLOW_FULL=1 python -m pytest tests/faults/test_damaged_journals.py --timeout=0``
"""

from __future__ import annotations

import mmap
import os
import random
import shutil
import signal
import sqlite3
import struct
import threading
from collections import Counter
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.app import App, Options
from pinflow.clock import Clock
from pinflow.errors import PinflowError
from pinflow_sandbox import Settings
from pinflow_sandbox.world import boards
from tests.faults.conftest import NOON, STUDIO, Service, Time, in_child, scaled, small_board

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pinflow.events import Event
    from pinflow_sandbox import Sandbox
    from pinflow_sandbox.server.messages import HttpRequest, HttpResponse

UNKNOWN, STATE = 7, 8
TARGET = "Shelf"
ROWS = 10
LOOP = """
pinflow: 1
name: Fill a board
api: v5
inputs:
  board: {type: board}
steps:
  - {id: board, uses: get_board, with: {board: "${{ inputs.board }}"}}
  - id: pins
    for_each: read_csv
    with: {path: pins.csv}
    as: row
    parallel: PARALLEL
    do:
      - id: pin
        uses: create_pin
        with: {board: "${{ steps.board.id }}", title: "${{ row.title }}", image_url: "${{ row.image_url }}"}
"""


class Killer:
    """A service's fault that kills the process of the run at a write: before it is applied, or instead of the answer.

    Before that, at another write, it copies the run's files: an older state of them.
    """

    def __init__(self, runs: Path, *, at: int, applied: bool) -> None:
        self._runs = runs
        self._at = at
        self._applied = applied
        self._memory = mmap.mmap(-1, 16)
        self._lock = threading.Lock()

    def arm(self) -> None:
        """Kill the process that calls this."""
        struct.pack_into("qq", self._memory, 0, os.getpid(), 0)

    def __call__(self, call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        process, number = struct.unpack_from("qq", self._memory, 0)
        if call.method == "GET" or not process or not call.path.startswith("/v5/"):
            return apply()
        with self._lock:
            process, number = struct.unpack_from("qq", self._memory, 0)
            if not process:
                return apply()
            struct.pack_into("q", self._memory, 8, number + 1)
            if number + 1 == max(1, self._at // 2):
                shutil.copytree(self._runs, self._runs.with_name("older"), dirs_exist_ok=True)
            if number + 1 < self._at:
                return apply()
            answer = apply() if self._applied else None
            struct.pack_into("q", self._memory, 0, 0)
            os.kill(process, signal.SIGKILL)
            return answer or apply_nothing()


def apply_nothing() -> HttpResponse:
    from pinflow_sandbox.server.messages import HttpResponse

    return HttpResponse(503)  # to nobody: its process was killed


class KilledRun:
    """A run that was killed once, and what there must be in the end."""

    def __init__(self, app: App, service: Service, folder: Path, time: Time, kind: str) -> None:
        self.service = service
        self.folder = folder
        self.kind = kind
        self.runs = folder / "state" / "runs"
        self.events: list[Event] = []  # of its resumption
        environ = {**service.environment, "PINFLOW_STATE_DIR": str(folder / "state")}
        clock = Clock(time.now, time.now, time.sleep)
        self.app = App(app.registry, app._manager, environ, state=folder / "state", clock=clock)

    def start(self) -> None:
        if self.kind == "copy":
            plan = self.app.plan(self.folder / "copy.yaml", inputs={"board": "Original", "name": TARGET})
        else:
            plan = self.app.plan(self.folder / "loop.yaml", inputs={"board": TARGET})
        self.app.run(plan, Options(max_writes=None))

    def resume(self) -> int:
        """Its exit code."""
        names = [file.stem for file in self.runs.glob("*.db")]
        assert len(names) == 1
        try:
            return self.app.resume(names[0], Options(max_writes=None, report=[self.events.append])).exit_code
        except PinflowError as error:
            assert error.exit_code != STATE or names[0] in error.message or str(self.runs) in error.message
            return error.exit_code

    def check(self) -> None:
        """There is exactly what there must be."""
        truth = self.service.truth()
        if self.kind == "copy":
            assert Counter(truth[TARGET].pins) == Counter(truth["Original"].pins)
            assert truth[TARGET].sections == truth["Original"].sections
        else:
            assert len(truth[TARGET].pins) == ROWS
            assert len(set(truth[TARGET].pins)) == ROWS

    @property
    def file(self) -> Path:
        (file,) = self.runs.glob("*.db")
        return file

    @property
    def log(self) -> Path:
        return self.file.with_name(f"{self.file.name}-intents")

    @property
    def is_cut(self) -> bool:
        """Whether the kill came in the middle of a commit."""
        journal = self.file.with_name(f"{self.file.name}-journal")
        return journal.exists() and any(journal.read_bytes()[:8])

    def older(self, suffix: str) -> Path:
        return self.runs.with_name("older") / f"{self.file.stem}{suffix}"


def fill(sandbox: Sandbox) -> None:
    small_board(sandbox, count=9, sections=("One", "Two"))
    boards.add_board(sandbox.world, STUDIO, "Shelf of others", created=NOON - 1e6)


def fill_for_loop(sandbox: Sandbox) -> None:
    fill(sandbox)
    boards.add_board(sandbox.world, STUDIO, TARGET, created=NOON - 1e6)


@pytest.fixture
def killed(installed: App, tmp_path: Path) -> Callable[..., Any]:
    numbers = iter(range(1_000_000))

    @contextmanager
    def make(kind: str, *, at: int, applied: bool) -> Iterator[KilledRun]:
        time, folder = Time(), tmp_path / str(next(numbers))
        (folder / "state").mkdir(parents=True)
        recipe = next(path for path in installed.recipes() if path.stem == "copy_board")
        (folder / "copy.yaml").write_text(recipe.read_text("utf-8"), "utf-8")
        (folder / "loop.yaml").write_text(LOOP.replace("PARALLEL", "4" if kind == "parallel" else "1"), "utf-8")
        rows = [f"Number {number},https://example.com/{number}.jpg" for number in range(ROWS)]
        (folder / "pins.csv").write_text("\n".join(["title,image_url", *rows]), "utf-8")
        killer = Killer(folder / "state" / "runs", at=at, applied=applied)
        settings = Settings(quotas=False)
        filling = fill if kind == "copy" else fill_for_loop
        with Service(time, faults=killer, settings=settings, fill=filling) as service:
            run = KilledRun(installed, service, folder, time, kind)

            def work() -> None:
                killer.arm()
                run.start()

            assert in_child(work) == -signal.SIGKILL
            yield run
        shutil.rmtree(folder)

    return make


# what may become of the files


HARMS: dict[str, Callable[[KilledRun, random.Random], object]] = {}


def harm(function: Callable[[KilledRun, random.Random], object]) -> Callable[[KilledRun, random.Random], object]:
    HARMS[function.__name__] = function
    return function


def _target(run: KilledRun, chance: random.Random) -> Path:
    """The file, or the log beside it."""
    return run.log if run.log.exists() and chance.random() < 0.3 else run.file


def _flip(file: Path, chance: random.Random, bits: int) -> None:
    data = bytearray(file.read_bytes())
    used = [at for at, byte in enumerate(data) if byte] or [0]  # empty room is harmless, and most of a log
    for _ in range(bits):
        data[chance.choice(used)] ^= 1 << chance.randrange(8)
    file.write_bytes(data)


@harm
def nothing(run: KilledRun, chance: random.Random) -> None:
    """The files are as the killed process left them."""


@harm
def one_bit(run: KilledRun, chance: random.Random) -> None:
    _flip(_target(run, chance), chance, 1)


@harm
def some_bits(run: KilledRun, chance: random.Random) -> None:
    _flip(_target(run, chance), chance, chance.choice((2, 8, 64)))


@harm
def cut_off(run: KilledRun, chance: random.Random) -> None:
    file = _target(run, chance)
    os.truncate(file, chance.randrange(file.stat().st_size))


@harm
def zeroed(run: KilledRun, chance: random.Random) -> None:
    file, size = _target(run, chance), chance.choice((512, 4096))
    data = bytearray(file.read_bytes())
    at = size * chance.randrange(max(1, len(data) // size))
    data[at : at + size] = bytes(min(size, len(data) - at))
    file.write_bytes(data)


@harm
def swapped_pages(run: KilledRun, chance: random.Random) -> None:
    data = bytearray(run.file.read_bytes())
    one, other = (4096 * chance.randrange(len(data) // 4096) for _ in range(2))
    data[one : one + 4096], data[other : other + 4096] = data[other : other + 4096], data[one : one + 4096]
    run.file.write_bytes(data)


@harm
def older_file(run: KilledRun, chance: random.Random) -> None:
    """A backup of the file alone is put back."""
    shutil.copy(run.older(".db"), run.file)


@harm
def older_file_and_log(run: KilledRun, chance: random.Random) -> None:
    shutil.copy(run.older(".db"), run.file)
    run.log.unlink(missing_ok=True)
    if run.older(".db-intents").exists():
        shutil.copy(run.older(".db-intents"), run.log)


@harm
def older_pages(run: KilledRun, chance: random.Random) -> None:
    """A disk that lost some of the last writes."""
    data, old = bytearray(run.file.read_bytes()), run.older(".db").read_bytes()
    for at in range(0, min(len(data), len(old)), 4096):
        if chance.random() < 0.5:
            data[at : at + 4096] = old[at : at + 4096]
    run.file.write_bytes(data)


@harm
def no_log(run: KilledRun, chance: random.Random) -> None:
    run.log.unlink(missing_ok=True)


@harm
def newer_version(run: KilledRun, chance: random.Random) -> None:
    _execute(run.file, "PRAGMA user_version = 3")


@harm
def older_version(run: KilledRun, chance: random.Random) -> None:
    """It says that it is of the version before, whose rows have no check values."""
    _execute(run.file, "PRAGMA user_version = 1")


@harm
def row_removed(run: KilledRun, chance: random.Random) -> None:
    """By hand, as somebody does who wants it sent again."""
    _execute(run.file, "DELETE FROM effects WHERE (step, key) IN (SELECT step, key FROM effects LIMIT 1)")


@harm
def row_edited(run: KilledRun, chance: random.Random) -> None:
    _execute(run.file, "UPDATE effects SET state = 'refused' WHERE state IN ('done', 'intent')")


@harm
def not_a_database(run: KilledRun, chance: random.Random) -> None:
    run.file.write_bytes(chance.choice((b"", b"\0" * 8192, b"what is this?\n" * 999)))


def _execute(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(statement)


EXPECTED = {
    "nothing": {0},
    "newer_version": {STATE},
    "older_version": {STATE},
    "row_edited": {STATE},
    "row_removed": {STATE},
    "not_a_database": {STATE},
    "swapped_pages": {STATE, 0},
}


@pytest.mark.parametrize("name", HARMS)
@pytest.mark.parametrize("kind", ["copy", "serial", "parallel"])
def test_a_damaged_run_is_noticed_doubted_or_finished_exactly(killed: Callable[..., Any], kind: str, name: str) -> None:
    codes: Counter[int] = Counter()
    for seed in range(scaled(1, 23)):
        chance = random.Random(f"{kind} {name} {seed}")
        with killed(kind, at=chance.randint(4, ROWS), applied=chance.random() < 0.5) as run:
            HARMS[name](run, chance)
            harmed, cut = run.file.read_bytes(), run.is_cut
            code = run.resume()
            codes[code] += 1
            assert code in EXPECTED.get(name, {0, UNKNOWN, STATE}), f"seed {seed}"
            if code == STATE:
                assert run.events == [], f"seed {seed}: it began all the same"
                # SQLite first undoes a commit that the kill cut off
                assert cut or run.file.read_bytes() == harmed, f"seed {seed}: it was not left as it is"
                assert [record.state for record in run.app.runs()] in ([], ["unreadable"], ["interrupted"])
            elif code == 0:
                run.check()
    assert codes.total() == scaled(1, 23)
