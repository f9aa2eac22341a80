"""Answers for nothing, and requests that are applied up to five minutes late, in loops of every action that writes.

Whatever is not as it must be in the end is named, with exit code 7; and then the run can be finished. All that was
promised: ``PINFLOW_FULL=1 python -m pytest tests/faults/test_untrue_answers.py --timeout=0``
"""

from __future__ import annotations

import random
from collections import Counter
from functools import cache, partial
from typing import TYPE_CHECKING

import pytest

from pinflow_sandbox.control.faults import FaultProfile
from tests.faults.conftest import scaled
from tests.faults.loops import KINDS, PROCESSES, TEXTS, differences, fill, log, make_loop, things, undisturbed
from tests.faults.programs import HONEST, OK, UNKNOWN, Program, serve
from tests.faults.shared_time import SharedTime

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pinflow.app import App
    from tests.faults.loops import Loop, Undisturbed

FIVE_MINUTES = 300.0
LIES = {
    "nothing": {"nothing_made": 0.2, "nothing_done": 0.2},
    "late": {"late": 0.2, "late_seconds": FIVE_MINUTES},
}
CASES = [(lie, name, texts, parallel) for lie in LIES for name in KINDS for texts in TEXTS for parallel in (1, 4)]


@pytest.fixture(scope="session")
def usual(installed: App, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Undisturbed]:
    """What a loop comes to where nothing goes wrong, found out once."""

    @cache
    def find(name: str, texts: str) -> Undisturbed:
        return undisturbed(installed, tmp_path_factory.mktemp("usual"), name, texts, 1)

    return find


@pytest.mark.parametrize("seed", range(scaled(1, 5)))
@pytest.mark.parametrize(("lie", "name", "texts", "parallel"), CASES[:: scaled(9, 1)])
def test_whatever_is_not_as_it_must_be_is_named_and_the_run_can_be_finished(
    installed: App,
    usual: Callable[[str, str], Undisturbed],
    folder: Path,
    lie: str,
    name: str,
    texts: str,
    parallel: int,
    seed: int,
) -> None:
    wanted, time = usual(name, texts), SharedTime()
    faults = FaultProfile(seed=random.Random(f"{lie}/{name}/{texts}/{parallel}/{seed}").randrange(10**6), **LIES[lie])  # type: ignore[arg-type]
    with serve(time, folder, partial(fill, texts), faults=faults) as service:
        program = Program(installed, service, folder, time)
        program.story = [f"{lie}: {name}, texts {texts}, parallel {parallel}, seed {seed}"]
        loop = make_loop(program, KINDS[name], texts, parallel, wanted.rows)
        said: list[str] = []
        for number in range(PROCESSES):
            code = program(*loop.words(), *said)
            said = loop.ended(code)
            assert code in (OK, 1, UNKNOWN), program.tell(f"exit code {code}")
            if not number:  # from now on the service is honest; what is late still comes
                (folder / HONEST).touch()
                unnamed = find_unnamed(loop, wanted, code)
                log(lie=lie, name=name, texts=texts, parallel=parallel, seed=seed, code=code, unnamed=unnamed)
                assert not unnamed, program.tell(f"not named: {unnamed}")
                said = said or [word for item in missing_items(loop) for word in ("--not-made", item)]
            if loop.is_over():
                break
        else:
            raise AssertionError(program.tell("it can't be finished"))
        time.sleep(2 * FIVE_MINUTES)
        lost = wanted.world - Counter(things(service, loop.before).values())
        assert not lost, program.tell(f"lost: {differences(Counter(), lost)}")


def find_unnamed(loop: Loop, wanted: Undisturbed, code: int) -> list[str]:
    """What is not as it must be once all has come, and what the process did not name, or not with exit code 7."""
    loop.program.time.sleep(2 * FIVE_MINUTES)
    there, told = things(loop.program.service, loop.before), loop.program.told[0]
    world = Counter(there.values())
    wrong = [id_ for id_ in loop.before if there.get(id_) not in ({None, *wanted.world})]  # changed otherwise
    wrong += [id_ for id_ in loop.before if id_ not in there and id_ in {thing[1] for thing in wanted.world}]
    wrong += [id_ for _, _, id_ in loop.program.effects(loop.run_id) if id_ and id_ not in {*there, *loop.before}]
    unnamed = [id_ for id_ in wrong if id_ not in told]
    for thing, count in (world - wanted.world).items():
        named = [id_ for id_, other in there.items() if other == thing and id_ in told]
        unnamed += [f"{count - len(named)} {thing}"] * (len(named) < count)
    if code != UNKNOWN and world != wanted.world:
        unnamed.append(f"exit code {code}{differences(world, wanted.world)}")
    return unnamed


def missing_items(loop: Loop) -> list[str]:
    """The items whose things are not there."""
    there = things(loop.program.service)
    if not loop.rows:
        return []
    return [path for path, state, id_ in loop.program.effects(loop.run_id) if state == "done" and id_ not in there]
