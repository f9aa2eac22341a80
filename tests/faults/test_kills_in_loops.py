"""Loops of every action that writes, killed at random times and resumed: all rows are done, each once.

Serial and side by side, with texts that are distinct, equal or absent, among lost answers and listings that lag. All
that was promised, 630 runs: ``PINFLOW_FULL=1 python -m pytest tests/faults/test_kills_in_loops.py --timeout=0``
"""

from __future__ import annotations

import random
from collections import Counter
from functools import cache, partial
from typing import TYPE_CHECKING

import pytest

from tests.faults.conftest import scaled
from tests.faults.loops import KINDS, TEXTS, differences, draw_faults, fill, finish, log, make_loop, things, undisturbed
from tests.faults.programs import Program, serve
from tests.faults.shared_time import SharedTime

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pinflow.app import App
    from tests.faults.loops import Undisturbed

NAMES = ("create_pin", "create_pins", "save_pin", "create and save", "update_pin", "delete_pin", "create_section")
CASES = [(kind, texts, parallel) for kind in NAMES for texts in TEXTS for parallel in (1, 4)]
SEEDS = scaled(1, 15)


@pytest.fixture(scope="session")
def usual(installed: App, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str, int], Undisturbed]:
    """What a loop comes to where nothing goes wrong, found out once."""

    @cache
    def find(name: str, texts: str, parallel: int) -> Undisturbed:
        return undisturbed(installed, tmp_path_factory.mktemp("usual"), name, texts, parallel)

    return find


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize(("name", "texts", "parallel"), CASES[:: scaled(3, 1)])
def test_killed_at_random_times_every_row_is_done_once(
    installed: App,
    usual: Callable[[str, str, int], Undisturbed],
    folder: Path,
    name: str,
    texts: str,
    parallel: int,
    seed: int,
) -> None:
    wanted = usual(name, texts, parallel)
    chance = random.Random(f"{name}/{texts}/{parallel}/{seed}")
    faults, lag = draw_faults(chance, seed)
    time = SharedTime()
    with serve(time, folder, partial(fill, texts), faults=faults, lag=lag) as service:
        program = Program(installed, service, folder, time)
        loop = make_loop(program, KINDS[name], texts, parallel, usual(name, texts, 1).rows)
        program.story = [
            f"{name}, texts {texts}, parallel {parallel}, seed {seed}, faults {faults is not None}, lag {lag}"
        ]
        finish([loop], chance, wanted, kills=chance.randint(1, 3), shifts=False)
        time.sleep(600.0)
        wrong = differences(Counter(things(service, loop.before).values()), wanted.world)
        log(name=name, texts=texts, parallel=parallel, seed=seed, codes=loop.codes, answers=loop.answers, wrong=wrong)
        assert not wrong, program.tell(f"not as it must be{wrong}")
