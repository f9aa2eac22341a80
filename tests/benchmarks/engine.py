"""What the engine costs beside the calls: a recipe of many small steps, with the journal on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Figure, Sizes, ratio, timed
from tests.benchmarks.runs import go, open_app
from tests.benchmarks.service import child, service

if TYPE_CHECKING:
    from collections.abc import Iterator


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
