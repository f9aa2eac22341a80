"""The worst recipe of 256 kB is judged in a second and 100 MB.

Here are those that took longest; ``PINFLOW_FULL=1 pytest tests/core/test_worst_recipes.py`` tries all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pinflow.expressions.expression import compile_expression
from pinflow.expressions.values import Budget, Room
from pinflow.schema.invalid import Invalid
from pinflow.suggestions import nearest
from tests.core.worst_recipes import WORST

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

FULL = os.environ.get("PINFLOW_FULL") == "1"
HARDEST = (
    "references to steps",
    "references to inputs",
    "lists that double",
    "lists that are doubled, then copied",
    "long lists of references",
    "loops in expressions",
    "conditions over a long text",
    "conditions that are known",
    "operations",
    "outputs",
    "steps that read the one before",
    "steps with everything",
    "optional patterns",
)
SECONDS, MEGABYTES = 1.0, 100.0
TRIES = 6  # the least counts: other work on the machine takes its share of caches, and so makes CPU time longer


# a process of its own, as what a child took counts from the fork, when it has all the memory of its parent
MEASURE = """
import os, subprocess, sys
with open(sys.argv[2], "wb") as said:
    process = subprocess.Popen([sys.executable, "-m", "pinflow", "validate", sys.argv[1]], stdout=said, stderr=said)
    _, status, usage = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
os._exit(0)
"""


def judge(recipe: Path, folder: Path) -> tuple[int, float, float]:
    """Exit code, seconds of CPU and megabytes that `pinflow validate` takes, with the start of the program."""
    environ = {**os.environ, "PINFLOW_STATE_DIR": str(folder / "state"), "PINFLOW_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-S", "-u", "-c", MEASURE, str(recipe), str(folder / "said")]
    told = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    code, seconds, size = told.split()
    return int(code), float(seconds), float(size) / (1024**2 if sys.platform == "darwin" else 1024)


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="what a process took is not told here")
@pytest.mark.parametrize("name", list(WORST) if FULL else HARDEST)
def test_the_worst_recipe_is_judged_in_a_second_and_100_mb(name: str, tmp_path: Path) -> None:
    recipe = tmp_path / "worst.yaml"
    recipe.write_text(WORST[name](), "utf-8")
    figures = []
    for _ in range(TRIES):
        code, seconds, megabytes = judge(recipe, tmp_path)
        assert code in (0, 2), (tmp_path / "said").read_text("utf-8", errors="replace")[-2000:]
        figures.append((seconds, megabytes))
        if seconds < SECONDS:
            break
    assert min(seconds for seconds, _ in figures) < SECONDS, figures
    assert max(megabytes for _, megabytes in figures) < MEGABYTES, figures


def test_evaluations_share_a_budget_of_values() -> None:
    budget = Budget(room=Room(100, 64))
    data = {"items": list(range(30))}
    with budget.share():
        for _ in range(3):
            assert compile_expression("items").evaluate(data) == data["items"]
        assert not budget.is_spent()
        with pytest.raises(Invalid, match="the value is too large"):
            compile_expression("items").evaluate(data)
    assert budget.is_spent()
    assert compile_expression("items").evaluate(data) == data["items"], "outside of it nothing is shared"


def test_evaluations_share_a_budget_of_work() -> None:
    budget = Budget(work=50_000)
    expression = compile_expression("map(items, x, x + 1)")
    data = {"items": list(range(10))}
    done = 0
    with budget.share(), pytest.raises(Invalid, match="steps"):
        for _ in range(100):
            expression.evaluate(data)
            done += 1
    assert 0 < done < 10
    assert budget.is_spent()


def test_what_was_meant_is_found_among_many_that_are_alike() -> None:
    names = [f"list_of_boards_{number}" for number in range(500)]
    assert nearest("lsit_of_boards_417", names) == "list_of_boards_417"
    assert nearest("update_pin", [*names, "updat_pin", "update_board"]) == "updat_pin"
    assert nearest("pni", [*names, "pin"]) == "pin"
    assert nearest("zzz", names) is None
