"""Whatever strangers write into their titles and names, it never acts on the terminal, in no command and no output."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from pinflow_sandbox import start
from tests.cli import Cli
from tests.terminal import acting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# all that a terminal, a log or a reader could take for more than text
ACTING = [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, 0xFEFF]
ACTING += [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029, *range(0xFFF9, 0xFFFC)]
HOSTILE = {
    "every character": "".join(map(chr, ACTING)),
    "sequences": "\x1b]52;c;aGk=\x07\x1b]8;;http://evil.example\x07x\x1b]8;;\x07\x1b[2J\x1bc\x1bP1\x1b\\\x9b31m\x9d0;t\x9c",
    "lines": "\r\n12:00:00 ✓ all: ok (0.0 s)\rdone\x85\u2028error: none\x0b\x0c",
    "direction": "\u202eabc\u2066def\u2069\u200f",
}
LISTING = """
name: Look at everything
api: v5
auth: {a: {token: access_token}}
steps:
  - {id: me, uses: get_user}
  - id: boards
    for_each: list_boards
    as: board
    key: ${{ board.id }}
    do:
      - id: line
        name: ${{ board.name }}
        uses: log
        with: {text: "${{ board.name }} ${{ board.description ?? '' }}"}
      - id: pins
        for_each: list_board_pins
        with: {board: "${{ board.id }}", limit: 3}
        as: pin
        key: ${{ pin.title ?? pin.id }}
        do:
          - {uses: log, with: {text: "${{ pin.title ?? '-' }}", warning: true}}
          - {uses: get_pin, if: "pin.title != null", with: {pin: "123"}, name: "${{ pin.title }}"}
outputs:
  who: ${{ steps.me }}
"""


class SafeCli(Cli):
    """The program, before a sandbox in which every text of a stranger is hostile."""

    def text(self, *words: str, says: int | None = None) -> str:
        """Run a command; what it wrote, in which nothing acts on a terminal."""
        code = self(*words)
        text = self.stdout + self.stderr
        assert acting(text) == [], words
        assert code != 3, text
        assert says is None or code == says, text
        return text


@pytest.fixture(params=HOSTILE)
def cli(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SafeCli]:
    hostile = HOSTILE[request.param]
    with start() as sandbox:
        world = sandbox.world
        environ = sandbox.environment()
        for board in world.boards.values():
            board.name += hostile
            board.description = hostile
        for section in world.sections.values():
            section.name += hostile
        for pin in list(world.pins.values()):
            text = f"{hostile}{pin.id}"
            pin.source = dataclasses.replace(pin.content, title=text, description=text, alt_text=text)
        for account in world.accounts.values():
            account.about = account.business_name = hostile
        yield SafeCli(tmp_path, **environ)


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "look.yaml"
    path.write_text(LISTING, "utf-8")
    return str(path)


@pytest.mark.parametrize("output", ["human", "json", "ndjson"])
@pytest.mark.parametrize("color", ["always", "never"])
def test_a_run_that_shows_strangers_texts(cli: SafeCli, recipe: str, output: str, color: str) -> None:
    text = cli.text("run", recipe, "--output", output, "--color", color, "--verbose", says=1)
    assert "Pin not found" in text


def test_a_runs_history_is_safe_to_print_on_a_terminal(cli: SafeCli, recipe: str) -> None:
    cli.text("run", recipe, says=1)
    run = _last_run(cli)
    for words in (("runs",), ("runs", "show", run), ("runs", "show", run, "--items"), ("quota",), ("auth", "status")):
        for output in ("human", "json"):
            cli.text(*words, "--output", output, says=0)


def test_a_copy_its_dry_run_its_failures_and_its_undoing(cli: SafeCli) -> None:
    listed, _ = json.JSONDecoder().raw_decode(cli.text("run", "list_boards", "--output", "json", says=0))
    names = _texts(listed)
    cli.text("run", "list_boards", says=0)
    board = next(name for name in names if name.startswith("Garden ideas"))
    assert "did you mean" in cli.text("run", "copy_board", "-i", f"board={board}z", "-i", "name=n", says=1)
    cli.text("run", "copy_board", "-i", f"board={board}", "--dry-run", "-i", "name=The copy")
    cli.text("run", "copy_board", "-i", f"board={board}", "-i", "name=The copy")
    cli.text("undo", _last_run(cli), "--yes")


def _last_run(cli: SafeCli) -> str:
    return str(json.loads(cli.text("runs", "--output", "json"))["runs"][0]["id"])


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for part in parts for text in _texts(part)]


def test_the_search_finds_what_acts_and_leaves_pinflows_own_colours() -> None:
    assert acting("\x1b[31merror:\x1b[0m plain\ttext\n\x1b[?25l\r\x1b[2K\x1b[1A\x1b[2K\x1b[?25h") == []
    for code in ACTING:
        if chr(code) not in "\t\n":
            assert len(acting(f"a{chr(code)}b\nfine")) == 1, hex(code)
