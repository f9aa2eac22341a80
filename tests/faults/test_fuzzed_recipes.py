"""Recipes that nobody would write: each is planned, or refused with its mistakes, and soon.

All that was promised: ``PINFLOW_FULL=1 python -m pytest tests/faults/test_fuzzed_recipes.py --timeout=0``
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pinflow.errors import PinflowError
from pinflow.recipe.bundled import find_recipe
from tests.faults.conftest import scaled

if TYPE_CHECKING:
    from pinflow.app import App

BUNDLED = ("copy_board", "copy_all_boards", "copy_matching_pins", "get_user", "list_boards")
WORDS = (
    "${{ inputs.board }}", "${{", "}}", "${{ steps.copy.board.id }}", "${{ " + "(" * 60 + " }}", "${{ 1 / 0 }}",
    "${{ item.a.b.c[0] }}", "${{ 'a' * 100000 }}", "&a", "*a", "<<: *a", "!!python/object:os.system", "!!binary",
    "---", "...", "%YAML 1.1", "? ", ": ", "- ", "[" * 50, "{" * 50, "]", "}", "|", ">", "'", '"', "\\", "#", "@", "`",
    "null", "~", "true", "no", "0755", "12:30", "1e999", ".nan", "-0", "9" * 400, "for_each: ${{ inputs }}", "if: yes",
    "uses: no_such_action", "uses: copy_board", "with: {}", "retry: {attempts: -1}", "every: 5 parsecs", "id: copy",
    "\t", "\u0000", "\u2028", "\ufeff", "\ud7ff", "\U0001f33f", "e\u0301", "x" * 5000, "pinflow: 2", "include: ../..",
)  # fmt: skip


def mutated(text: str, chance: random.Random) -> bytes:
    """A recipe's text with a few changes of lines, words and bytes."""
    lines = text.splitlines()
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(lines)) if lines else 0
        match chance.randrange(9) if lines else 0:
            case 0:
                lines.insert(place, chance.choice(WORDS))
            case 1:
                del lines[place]
            case 2:
                lines.insert(place, lines[chance.randrange(len(lines))])
            case 3:
                lines[place] = " " * chance.randint(1, 4) + lines[place]
            case 4:
                lines[place] = lines[place].lstrip()
            case 5:
                key, colon, _ = lines[place].partition(":")
                lines[place] = f"{key}{colon} {chance.choice(WORDS)}"
            case 6:
                middle = chance.randint(0, len(lines[place]))
                lines[place] = lines[place][:middle] + chance.choice(WORDS) + lines[place][middle:]
            case 7:
                lines = lines[:place] + lines[place:] * chance.choice((2, 2, 30))
            case _:
                lines = lines[: place + 1]
    data = bytearray("\n".join(lines).encode("utf-8", "surrogatepass"))
    if data and chance.random() < 0.2:
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


@pytest.mark.parametrize("part", range(10))
def test_no_recipe_is_a_surprise(installed: App, tmp_path: Path, part: int) -> None:
    texts = [find_recipe(name).read_text() for name in map(Path, BUNDLED)]
    file = tmp_path / "recipe.yaml"
    refused = 0
    for number in range(scaled(100, 2000)):
        seed = f"{part}/{number}"
        chance = random.Random(seed)
        file.write_bytes(mutated(chance.choice(texts), chance))
        began = time.process_time()
        try:
            installed.plan(file, inputs=chance.choice((None, {"board": "x"}, {})), examples=chance.random() < 0.5)
        except PinflowError as error:
            refused += 1
            assert error.exit_code == 2, (seed, error)
        except Exception as error:
            raise AssertionError(f"recipe {seed}: {file.read_bytes()!r}") from error
        assert time.process_time() - began < 1.0, seed
    assert refused > 20
