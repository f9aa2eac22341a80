"""What a person is asked before a run deletes things, through the command line and against the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pinflow_sandbox import Sandbox, start
from pinflow_sandbox.world import boards, pins
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pinflow.app import App
    from pinflow_sandbox.world.records import BoardRecord

STUDIO = "garden_studio"
ALL = ("run", "delete_board", "-i", "board=*")
DRAFTS = ("run", "delete_board", "-i", "board=Campaign drafts")
UNREAD = "Step 'deleted' of delete_board.yaml deletes things of access_token"
STRANGER = """
from pinflow import Context, action, hookimpl

@action("forget", effect="write", destructive=True)
def forget(ctx: Context) -> None:
    pass

@action("retire", api="v5", effect="write", scopes={"boards:write"}, destructive=True)
def retire(ctx: Context) -> None:
    pass

def papers(ctx, *, shelf):
    for name in ("Old letters", "Bills\\n\\x1b[2Jof nobody"):
        yield f"paper '{name}' (on {shelf}) of Ann"

@action("burn", effect="write", destructive=True, targets=papers)
def burn(ctx: Context, *, shelf: str = "the desk") -> None:
    pass

@hookimpl
def pinflow_actions():
    return [forget, retire, burn]
"""


class StudioCli(Cli):
    """Runs commands against a sandbox in which garden_studio has boards, and shares one of neighbour's."""

    def __init__(self, folder: Path, installed: App) -> None:
        super().__init__(folder)
        self.use_app(installed)
        self.now = 1_800_000_000.0
        self.sandbox: Sandbox = start(now=self.clock.now)
        self.environ |= self.sandbox.environment()
        world = self.sandbox.world
        world.clear(1)
        world.add_account(STUDIO)
        world.add_account("neighbour")
        self.drafts = self.add_board("Campaign drafts", 3)
        self.add_board("Empty for now", 0)
        shared = boards.add_board(world, "neighbour", "Our street")
        shared.collaborators.add(STUDIO)
        world.accounts[STUDIO].group_boards.add(shared.id)

    def add_board(self, name: str, number: int) -> BoardRecord:
        board = boards.add_board(self.sandbox.world, STUDIO, name)
        boards.add_section(self.sandbox.world, board, "Spring")
        for index in range(number):
            pins.add_pin(self.sandbox.world, board, index, section=None)
        return board

    def calls(self) -> dict[str, int]:
        rows: list[Any] = list(self.sandbox.control.requests())
        return {f"{row['method']} {row['path'].removeprefix('/v5')}": row["count"] for row in rows}

    def question(self) -> str:
        """What was asked, up to where the person types the answer."""
        return self.stderr[: self.stderr.index("error: ")] if "error: " in self.stderr else self.stderr

    def names(self) -> set[str]:
        return {board.name for board in self.sandbox.world.boards.values()}


@pytest.fixture
def cli(tmp_path: Path, installed: App) -> Iterator[StudioCli]:
    studio = StudioCli(tmp_path, installed)
    yield studio
    studio.sandbox.stop()


@pytest.mark.parametrize("api", ["v3", "v5"])
def test_one_board_is_named_with_its_pins_and_its_account(cli: StudioCli, api: str) -> None:
    assert cli(*DRAFTS, "--api", api, answers="y\n") == 0
    assert cli.stderr.startswith("Delete board 'Campaign drafts' (3 Pins) of garden_studio? [y/N] ")
    assert cli.names() == {"Empty for now", "Our street"}


@pytest.mark.parametrize("answer", ["n\n", "\n", "1\n", ""])
def test_a_no_sends_nothing_but_reads_and_leaves_no_run(cli: StudioCli, answer: str) -> None:
    assert cli(*DRAFTS, answers=answer) == 5
    assert cli.calls() == {"GET /boards": 1}
    assert "error: nothing was deleted, as you did not agree\n" in cli.stderr
    assert cli("runs") == 0
    assert cli.stdout == ""


def test_all_boards_are_listed_and_their_number_is_typed(cli: StudioCli) -> None:
    assert cli(*ALL, answers="2\n") == 0
    assert cli.stderr.startswith(
        "Delete 2 boards?\n"
        "  board 'Empty for now' (0 Pins) of garden_studio\n"
        "  board 'Campaign drafts' (3 Pins) of garden_studio\n"
        "Type 2 to delete them: "
    )
    assert cli.names() == {"Our street"}


@pytest.mark.parametrize("answer", ["y\n", "1\n", "\n", "20\n"])
def test_another_answer_than_the_number_deletes_nothing(cli: StudioCli, answer: str) -> None:
    assert cli(*ALL, answers=answer) == 5
    assert set(cli.calls()) == {"GET /boards", "GET /user_account"}
    assert cli.names() == {"Campaign drafts", "Empty for now", "Our street"}


def test_only_twenty_boards_are_listed_and_none_costs_a_call_of_its_own(cli: StudioCli) -> None:
    for number in range(30):
        cli.add_board(f"Board {number}", 1)
    assert cli(*ALL, answers="n\n") == 5
    assert cli.question().count("  board '") == 20
    assert "(1 Pin) of garden_studio\n  and 12 more\nType 32 to delete them: " in cli.question()
    assert cli.calls() == {"GET /boards": 1, "GET /user_account": 1}


def test_a_pin_is_named_by_its_title(cli: StudioCli) -> None:
    pin = cli.drafts.pins[0]
    recipe = cli.recipe(f"{{name: n, api: v5, steps: [{{uses: delete_pin, with: {{pin: '{pin}'}}}}]}}")
    assert cli("run", recipe, answers="n\n") == 5
    title = cli.sandbox.world.pins[pin].content.title
    assert cli.question() == f"Delete Pin {title!r} of garden_studio? [y/N] "
    assert cli("run", recipe, answers="y\n") == 0
    assert pin not in cli.sandbox.world.pins


def test_a_section_is_named_with_its_board(cli: StudioCli) -> None:
    board, section = cli.drafts.id, cli.drafts.sections[0]
    step = f"{{uses: delete_section, with: {{board: '{board}', section: '{section}'}}}}"
    assert cli("run", cli.recipe(f"{{name: n, api: v5, steps: [{step}]}}"), answers="n\n") == 5
    assert cli.question() == "Delete section 'Spring' of board 'Campaign drafts' (3 Pins) of garden_studio? [y/N] "


def test_one_question_is_asked_about_all_steps(cli: StudioCli) -> None:
    pin = cli.drafts.pins[0]
    recipe = cli.recipe(f"""
        name: n
        api: v5
        steps:
          - {{uses: delete_pin, with: {{pin: '{pin}'}}}}
          - {{uses: delete_board, with: {{board: Empty for now}}}}
          - {{id: user, uses: get_user}}
          - {{id: late, uses: delete_board, with: {{board: "${{{{ steps.user.about }}}}"}}}}
    """)
    assert cli("run", recipe, answers="2\n") == 1
    assert cli.stderr.startswith("Delete 2 things?\n  Pin '")
    assert (
        "  board 'Empty for now' (0 Pins) of garden_studio\n"
        "Step 'late' of shop.yaml deletes things of access_token\n"
        "Type 2 to delete them: "
    ) in cli.stderr


def test_what_an_earlier_step_makes_is_not_there_to_be_named(cli: StudioCli) -> None:
    recipe = cli.recipe("""
        name: n
        api: v5
        steps:
          - {uses: create_board, with: {name: New}}
          - {id: gone, uses: delete_board, with: {board: New}}
    """)
    assert cli("run", recipe, answers="y\n") == 0
    assert cli.stderr.startswith(
        "Step 'gone' of shop.yaml deletes things of access_token (the account has no board 'New'). Continue? [y/N] "
    )


def test_a_loop_over_accounts_says_so(cli: StudioCli) -> None:
    recipe = cli.recipe("""
        name: n
        api: v5
        steps:
          - for_each: list_tokens
            id: each
            as: account
            do: [{id: gone, uses: delete_board, auth: account, with: {board: Campaign drafts}}]
    """)
    assert cli("run", recipe, answers="n\n") == 5
    assert cli.question() == "Step 'each.gone' of shop.yaml deletes things of every account. Continue? [y/N] "


def test_a_step_that_will_not_run_is_not_asked_about(cli: StudioCli) -> None:
    recipe = cli.recipe("""
        name: n
        api: v5
        inputs: {clean: {type: boolean, default: false}}
        steps: [{id: gone, if: inputs.clean, uses: delete_board, with: {board: Campaign drafts}}]
    """)
    assert cli("run", recipe) == 0
    assert cli("run", recipe, "-i", "clean=true") == 5
    assert "Campaign drafts" in cli.names()


@pytest.mark.parametrize("words", [[], ["--no-input"], ["--output", "json"]])
def test_where_no_one_can_be_asked_nothing_is_read_and_nothing_sent(cli: StudioCli, words: list[str]) -> None:
    assert cli(*DRAFTS, *words, answers="y\n" if words == ["--no-input"] else None) == 5
    assert f"{UNREAD}, which isn't approved" in cli.stderr.replace("\n  ", " ") + cli.stdout
    assert cli.calls() == {}


def test_yes_reads_nothing_for_a_question(cli: StudioCli) -> None:
    assert cli("run", "delete_board", "-i", f"board={cli.drafts.id}", "--yes", answers="") == 0
    assert cli.calls() == {"DELETE /boards/{board_id}": 1, "GET /boards/{board_id}": 1}  # afterwards: it is gone


@pytest.mark.parametrize(
    ("steps", "question"),
    [
        ("{uses: forget}", "Step 'forget' of shop.yaml deletes things. Continue? [y/N] "),
        ("{id: gone, uses: retire}", "Step 'gone' of shop.yaml deletes things of garden_token. Continue? [y/N] "),
        (
            "{uses: burn}",
            "Delete 2 papers?\n  paper 'Old letters' (on the desk) of Ann\n"
            "  paper 'Bills ^[[2Jof nobody' (on the desk) of Ann\nType 2 to delete them: ",
        ),
    ],
)
def test_the_action_of_a_stranger_is_asked_about_by_what_is_known(cli: StudioCli, steps: str, question: str) -> None:
    plugin = cli.folder / "stranger.py"
    plugin.write_text(STRANGER)
    cli.open_app = None
    recipe = cli.recipe(f"{{name: n, api: v5, auth: {{me: {{token: garden_token}}}}, steps: [{steps}]}}")
    assert cli("run", recipe, "--plugin", plugin, answers="n\n") == 5
    assert cli.question() == question


def test_a_mistake_in_what_names_the_things_is_told_in_the_question(cli: StudioCli) -> None:
    plugin = cli.folder / "stranger.py"
    plugin.write_text(STRANGER.replace('yield f"paper', 'yield {}[name] + f"paper'))
    recipe = cli.recipe("name: n\nsteps: [{id: fire, uses: burn}]")
    cli.open_app = None
    assert cli("run", recipe, "--plugin", plugin, answers="n\n") == 5
    assert cli.stderr.startswith("Step 'fire' of shop.yaml deletes things (KeyError at stranger.py:14: '[...]'). ")
