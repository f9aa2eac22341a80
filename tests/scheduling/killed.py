"""Many schedulers over one store, each killed at random state changes and begun anew. Run as a program.

    python killed.py FOLDER DAEMONS SECONDS SEED

The clock goes sixty times as fast as the machine's. A run makes one thing in the shop, which bears the run's id.
What is printed at the end is how many processes were killed, and where.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pinflow import Action, Context, action, hookimpl
from pinflow.app import App
from pinflow.clock import Clock
from pinflow.errors import StateError
from pinflow.plugin.loader import collect, load
from pinflow.scheduling import jobs
from pinflow.scheduling.scheduler import Scheduler, SchedulerSettings, in_threads
from pinflow.state.folder.schedule import FolderSchedule
from tests.core.conftest import ShopPlugin

if TYPE_CHECKING:
    from collections.abc import Callable

START, FASTER = 1_800_000_000, 60
PLACES = {"commit": 0.015, "committed": 0.015, "before the effect": 0.5, "after the effect": 0.5, "looking": 0.02}


def app_of(folder: Path, clock: Callable[[], float], at: Callable[[str], None]) -> App:
    @action("mark", api="v1", effect="write")
    def mark(ctx: Context) -> None:
        if ctx.dry_run:
            return
        name = ctx._run.journal.run.id  # type: ignore[union-attr]

        def make() -> Any:
            at("before the effect")
            made = ctx.client.post("/things", json={"name": name})
            at("after the effect")
            return made

        ctx.once("mark", make, find=lambda: next((e for e in ctx.client.pages("/things") if e["name"] == name), None))

    class Offering:
        @hookimpl
        def pinflow_actions(self) -> list[Action]:
            return [mark]

    shop = SimpleNamespace(url=(folder / "shop").read_text("utf-8"))
    manager, infos = load([], objects=[ShopPlugin(shop), Offering()])  # type: ignore[arg-type]
    app = App(
        *(collect(manager, infos), manager, {}),
        state=folder / "state",
        clock=Clock(clock, clock, lambda seconds: time.sleep(seconds / FASTER)),
    )
    for recipe in sorted((folder / "recipes").iterdir()):
        app.approve(app.plan(recipe, inputs={}), by="the test")
    return app


def scheduler_of(
    folder: Path, clock: Callable[[], float], at: Callable[[str], None], report: Callable[[Any], None]
) -> Scheduler:
    app = app_of(folder, clock, at)
    store = FolderSchedule(folder / "state", owner=str(os.getpid()), probe=at)
    rows = jobs.load_jobs(app, [folder / "recipes"], {}, jobs.stored_jobs(store), warn=print)
    return Scheduler(app, store, rows, report=report, settings=SchedulerSettings(start=in_threads, workers=4))


def daemon(folder: Path, began: float, seconds: float, seed: int) -> None:
    """One life: until it kills itself, or the time is over."""
    chance = random.Random(seed)
    deadly = {place: chance.uniform(0.0, most) for place, most in PLACES.items()}

    def at(place: str) -> None:
        if chance.random() < deadly[place]:
            (folder / "killed" / f"{os.getpid()}").write_text(place)
            os.kill(os.getpid(), signal.SIGKILL)

    def clock() -> float:
        return START + (time.monotonic() - began) * FASTER

    scheduler = None
    while time.monotonic() - began < seconds:
        try:
            scheduler = scheduler or scheduler_of(folder, clock, at, lambda event: None)
            scheduler.tick()
        except StateError as error:
            if "locked" not in str(error):  # many commits at once, on a slow disk
                raise
        at("looking")
        time.sleep(chance.uniform(0.005, 0.05))
    os._exit(0)  # whatever it has in hand is left as a kill would leave it


def main(folder: Path, daemons: int, seconds: float, seed: int) -> None:
    (folder / "killed").mkdir()
    began, lives = time.monotonic(), 0
    alive: set[int] = set()
    while time.monotonic() - began < seconds or alive:
        while len(alive) < daemons and time.monotonic() - began < seconds:
            lives += 1
            child = os.fork()
            if not child:
                try:
                    daemon(folder, began, seconds, seed + lives)
                finally:
                    os._exit(1)
            alive.add(child)
        child, status = os.wait()
        alive.remove(child)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            raise SystemExit("a scheduler ended with an error")
    places = Counter(file.read_text() for file in (folder / "killed").iterdir())
    end = START + seconds * FASTER
    ahead = 0.0

    def later() -> float:
        return end + ahead

    last = scheduler_of(folder, later, lambda place: None, lambda event: None)
    while last.busy or last.store.occurrences.next_claimable() is not None:
        last.tick()
        time.sleep(0.01)
        ahead += 1.0
    print(json.dumps({"killed": places, "lives": lives, "end": end}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
