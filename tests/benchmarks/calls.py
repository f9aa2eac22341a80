"""What checking many calls of the API costs: a recipe with hundreds of them, validated in a process of its own."""

from __future__ import annotations

import sys
from statistics import median
from typing import TYPE_CHECKING

from pinflow_pinterest.catalogue.operations import BUNDLED, open_catalogue
from pinflow_pinterest_v5.calls.command import example
from pinflow_pinterest_v5.importing.yaml_writer import block
from tests.benchmarks.measuring import Figure, Sizes
from tests.benchmarks.starting import Starts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STEPS = 300


def checks(size: Sizes, folder: Path) -> Iterator[Figure]:
    """A recipe that calls every operation, and some of them twice, checked; and what the calls add to a start."""
    recipe = folder / "calls.yaml"
    held = open_catalogue(BUNDLED)
    ids = list(held.operations)
    steps = [{"uses": "call", "with": example(held, ids[index % len(ids)])} for index in range(STEPS)]
    recipe.write_text("name: calls\napi: v5\n" + "\n".join(block({"steps": steps})) + "\n")
    small = folder / "one.yaml"
    small.write_text("name: one\napi: v5\nsteps:\n  - uses: get_user\n")
    starts = Starts(sys.executable, folder)
    for file in (recipe, small):
        starts.seconds("validate", str(file))
    pairs = [
        (starts.seconds("validate", str(recipe)), starts.seconds("validate", str(small))) for _ in range(size.starts)
    ]
    shown = f"{median(one / other for one, other in pairs):.2f} x one step"
    yield Figure(f"calls: validate {STEPS} of them", median(one for one, _ in pairs), "s", 0.5, beside=shown)
