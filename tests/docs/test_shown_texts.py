"""What pages show outside of examples: texts that take minutes to come about, and commands in tables and CI files.

The same happens here in time that is given, and what the program says is what the page shows.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pinflow.errors import StateError
from pinflow.state.folder.lock import Lock
from pinflow_sandbox import start
from pinflow_sandbox.server.messages import HttpResponse
from pinflow_sandbox.world import pins
from tests.docs.console import Console, free_port
from tests.docs.expected import Names
from tests.docs.pages import pages
from tests.plugins.test_run_ends import Program, doubled, is_creation, program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pinflow_sandbox.server.messages import HttpRequest

__all__ = ["program"]  # the fixture

LIMIT = b'{"code": 8, "message": "This request exceeded a rate limit. Please try again later."}'


def assert_shown(page: str, said: str, *, block: int = 0) -> None:
    """One of the ``text`` blocks of a page is, as a whole, part of what was said."""
    texts = [block.text for block in pages()[f"docs/tasks/fails/{page}.md"].blocks if block.kind == "text"]
    lines = said.splitlines()
    rests = ("\n".join(lines[number:]) for number in range(len(lines)))
    assert any(Names().begins(texts[block], rest) for rest in rests), f"{texts[block]}\n\nwas said:\n{said}"


def test_two_equal_pins_of_which_one_was_sent_lead_to_the_question(program: Program) -> None:
    program.fault = doubled("Pin 2")
    assert program("run", *program.table(3), "--yes") == 7
    assert_shown("in-doubt", program.stdout)
    assert program("resume", "--not-made", "3") == 2
    assert_shown("in-doubt", program.stderr, block=1)


def test_a_pin_that_was_answered_and_is_not_there_is_told(program: Program) -> None:
    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        answer = apply()
        if is_creation(call) and json.loads(call.body)["title"] == "Pin 3":
            world = program.sandbox.world
            pins.remove_pin(world, world.pins[json.loads(answer.body)["id"]])
        return answer

    program.fault = fault
    assert program("run", *program.table(3), "--yes") == 7
    assert_shown("exit-7", program.stdout)


def test_a_limit_that_only_the_service_knows_pauses_the_run(program: Program) -> None:
    program.fault = lambda call, apply: HttpResponse(429, LIMIT, headers=(("Retry-After", "3600"),))
    assert program("run", "list_boards") == 6
    assert_shown("code-8", program.stdout)


def test_where_nothing_listens_is_told_after_six_tries(program: Program) -> None:
    program.environ["PINTEREST_API_URI"] = f"http://127.0.0.1:{free_port()}"
    assert program("run", "list_boards") == 1
    assert "(attempt 6): connection refused" in program.stderr
    assert_shown("no-answer", program.stderr + program.stdout)


def test_a_run_is_locked_by_the_process_that_works_on_it(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock", "run 20261201-044431-31dbb4", now=0)
    with pytest.raises(StateError) as error:
        Lock(tmp_path / "lock", "run 20261201-044431-31dbb4", now=0)
    lock.release()
    assert_shown("exit-8", f"error: {error.value}".replace(str(os.getpid()), "4711"))


def ci_lines() -> Iterator[Any]:
    """The commands of pinflow in the CI files of docs/project/ci.md."""
    page = pages()["docs/project/ci.md"]
    for block in page.blocks:
        if block.kind == "yaml data":
            for number, line in enumerate(texts_in(yaml.safe_load(block.text))):
                if line.startswith("pinflow "):
                    yield pytest.param(line, id=f"{block.options['name']} {number}")


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from value.splitlines()
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts_in(item)


@pytest.mark.parametrize("line", list(ci_lines()))
def test_what_the_ci_files_type_ends_well(tmp_path: Path, line: str) -> None:
    (recipe,) = [block for block in pages()["docs/project/ci.md"].blocks if block.options.get("name") == "report.yaml"]
    console = Console(tmp_path, Names(), tokens=["access_token"])
    try:
        folder = console.folder / "recipes"
        folder.mkdir()
        (folder / "report.yaml").write_text(recipe.text)
        words = shlex.split(line.replace("recipes/*.yaml", "recipes/report.yaml").partition(" > ")[0])
        said = console.pinflow(words[1:], [])
        assert console.code == 0, said
        if "json" in words:
            assert json.loads(said)["status"] == "ok"
    finally:
        console.close()


PLACEHOLDERS = {
    "pin=ID": "pin=810000000000000121",
    "board=ID": "board='Garden ideas'",
    "board=BOARD": "board='Empty for now'",
    "name=NAME": "name='A new name'",
    "ad_account=NAME": "ad_account='Garden Studio Ads'",
    "term=TERM": "term='raised beds'",
    "source=garden": "source=access_token",
    "from=garden -i to=client": "from=client -i to=access_token",
}


def rows_of_the_quickstart() -> list[str]:
    """The commands that stand for the quickstart's scripts, but for those that sign in."""
    lines = pages()["docs/project/quickstart.md"].prose.splitlines()
    rows = [line.split("|") for line in lines if line.startswith("| `")]
    commands = [row[2].strip().strip("`") for row in rows]
    return [command for command in commands if command.startswith("pinflow run ") and "`" not in command]


@pytest.mark.parametrize("command", rows_of_the_quickstart())
def test_a_command_that_stands_for_a_script_ends_well(tmp_path: Path, command: str) -> None:
    for placeholder, value in PLACEHOLDERS.items():
        command = command.replace(placeholder, value)
    console = Console(tmp_path, Names(), tokens=["access_token", "client"])
    try:
        (console.folder / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
        said = console.pinflow([*shlex.split(command)[1:], "--yes", "-q"], [])
        assert console.code == 0, said
    finally:
        console.close()


def test_most_of_the_table_is_tried() -> None:
    assert len(rows_of_the_quickstart()) >= 18
    assert len(list(ci_lines())) == 6


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here to run the page's program with")
def test_the_program_for_node_lists_every_board(tmp_path: Path) -> None:
    page = pages()["docs/tasks/clients/node.md"]
    (text,) = [block.text for block in page.blocks if block.options.get("name") == "boards.mjs"]
    file = tmp_path / "boards.mjs"
    file.write_text(text)
    with start() as sandbox:
        environ = {**os.environ, **sandbox.environment()}
        done = subprocess.run(["node", str(file)], env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert [line.partition(" ")[2] for line in done.stdout.splitlines()] == [
        "Street festival",
        "Empty for now",
        "Campaign drafts",
        "Surprise party",
        "Winter recipes",
        "Garden ideas",
    ]
