"""``--token``: a recipe that names its tokens, run for another account; and what keeps that choice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.app import App, Options
from pinflow.errors import RecipeError, UsageError
from pinflow.plan.token_choices import given_text, option_words, split
from pinflow_sandbox import start
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinflow_sandbox import Sandbox

RECIPES = Path(__file__).parents[2] / "recipes"
LOOPS_OVER_TOKENS = {"all_accounts", "refresh_all_tokens"}  # for every account, a second one too
BY_INPUT = {"refresh_token"}  # signs in with no token: its input names the one that it is about
TWO_LOGINS = {"copy_board", "copy_all_boards", "copy_matching_pins", "mirror_board"}
ONE_LOGIN = sorted({file.stem for file in RECIPES.glob("*.yaml")} - LOOPS_OVER_TOKENS - BY_INPUT - TWO_LOGINS)
WHO = "name: Who\nsteps:\n  - id: who\n    uses: get_user\noutputs: {name: '${{ steps.who.username }}'}\n"
NEW_BOARD = (
    "name: New board\nschedule: {every: day, at: '03:30'}\nsteps:\n  - {id: made, uses: create_board, "
    "with: {name: Soups}}\n"
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start() as running:
        yield running


@pytest.fixture
def cli(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A command line where access_token is garden_studio, second is client_account, third is an empty account."""
    monkeypatch.chdir(tmp_path)
    environ = sandbox.environment(["access_token", "second", "third"])
    del environ["PINTEREST_OAUTH_TOKEN_DIR"]  # the variables are enough
    return Cli(tmp_path, PINFLOW_PLUGINS="", **environ)


def outputs(cli: Cli, *words: object) -> Any:
    assert cli(*words, "--output", "json") == 0, cli.stderr + cli.stdout
    return cli.json["outputs"]


def owners(sandbox: Sandbox) -> set[str]:
    """Who has a board "Soups"."""
    boards: Any = sandbox.state()["boards"]
    return {board["owner"] for board in boards if board["name"] == "Soups"}


def test_a_recipe_with_one_login_is_run_for_another_account(cli: Cli) -> None:
    assert outputs(cli, "run", "get_user")["username"] == "garden_studio"
    assert outputs(cli, "run", "get_user", "--token", "second")["username"] == "client_account"
    assert outputs(cli, "run", cli.recipe(WHO), "--token", "default=second") == {"name": "client_account"}


def test_a_login_that_the_recipe_names_is_chosen_by_its_name(cli: Cli) -> None:
    assert outputs(cli, "run", "list_businesses", "--token", "account=second")["businesses"] == []
    assert outputs(cli, "run", "list_businesses")["businesses"] == ["client_account"]


@pytest.mark.parametrize("name", ONE_LOGIN)
def test_every_bundled_recipe_with_one_login_takes_a_token(name: str, tmp_path: Path) -> None:
    app = App.installed({"HOME": str(tmp_path), "PINFLOW_PLUGINS": ""}, state=tmp_path / "state")
    plan = app.plan(RECIPES / f"{name}.yaml", inputs=None, tokens={"": "second"})
    assert {login.token for login in plan.logins.values()} == {"second"}
    assert plan.named_tokens == {"second"}


@pytest.mark.parametrize("name", sorted(TWO_LOGINS))
def test_every_bundled_recipe_with_two_logins_takes_a_token_for_each(name: str, tmp_path: Path) -> None:
    app = App.installed({"HOME": str(tmp_path), "PINFLOW_PLUGINS": ""}, state=tmp_path / "state")
    plan = app.plan(RECIPES / f"{name}.yaml", inputs={}, examples=True, tokens={"source": "second", "target": "third"})
    assert {login.name: login.token for login in plan.logins.values()} == {"source": "second", "target": "third"}
    with pytest.raises(UsageError, match="several logins: source and target") as caught:
        app.plan(RECIPES / f"{name}.yaml", inputs=None, tokens={"": "second"})
    assert caught.value.hint == "say for which: --token source=second --token target=second"


@pytest.mark.parametrize("name", sorted(LOOPS_OVER_TOKENS | BY_INPUT))
def test_a_recipe_that_signs_in_with_no_token_says_how_it_is_told_one(name: str, cli: Cli) -> None:
    assert cli("run", name, "--token", "second") == 2
    advice = "-i token=second" if name in BY_INPUT else "a loop over list_tokens goes through all tokens"
    assert advice in cli.stderr


def test_a_board_is_copied_to_another_account(cli: Cli, sandbox: Sandbox) -> None:
    words = ("run", "copy_board", "-i", "board=Garden ideas", "-i", "name=Soups", "--token", "target=third")
    assert cli(*words) == 0, cli.stderr
    assert owners(sandbox) == {"fresh_account_1"}


def test_a_token_of_a_login_that_an_input_names_is_that_input(cli: Cli) -> None:
    words = ("run", "copy_all_boards", "--token", "target=third", "--dry-run", "-i", "only=Recipes")
    assert cli(*words) in (0, 2), cli.stderr
    assert "needs the input" not in cli.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--token", "a/b"], "'a/b' can't name a token"),
        (["--token", "acount=second"], "the recipe has no login 'acount' did you mean 'account'?"),
        (["--token", "second", "--token", "third"], "--token is given twice"),
        (["--token", "=second"], "--token must be NAME or LOGIN=NAME, not '=second'"),
        (["--token", "account="], "--token must be NAME or LOGIN=NAME, not 'account='"),
        (["--token", "second", "--token", "account=third"], "two tokens are given for the login 'account': second and"),
        (["--token", "nobody"], "no token 'nobody' for Pinterest API v5"),
    ],
)
def test_a_wrong_choice_says_what_to_do_and_nothing_is_sent(
    cli: Cli, sandbox: Sandbox, words: list[str], told: str
) -> None:
    assert cli("run", "list_pins", *words) in (2, 4)
    assert told in " ".join(cli.stderr.split())
    assert sandbox.requests() == []


def test_an_input_that_names_another_token_is_not_overruled(cli: Cli) -> None:
    words = ("-i", "board=Garden ideas", "-i", "to=second", "--token", "target=third")
    assert cli("run", "copy_board", *words) == 2
    assert "two tokens are given for the login 'target': second by the input 'to', and third" in cli.stderr
    assert cli("run", "copy_board", *words[:4], "--token", "target=second", "--dry-run") == 0


def test_validate_checks_the_choice(cli: Cli) -> None:
    assert cli("validate", "copy_board", "--token", "target=second", "--output", "json") == 0
    assert cli.json["recipes"][0]["logins"]["target@v5"]["token"] == "second"
    assert cli("validate", "copy_board", "--token", "goal=second") == 2


def test_a_chosen_token_counts_as_typed_by_a_person(cli: Cli) -> None:
    """A name that a recipe may not lead to by itself: the variable's value doesn't look like a token."""
    cli.environ["SHOP"] = "not-of-this-service"
    assert cli("run", cli.recipe(WHO.replace("steps:", "auth: {a: {token: shop}}\nsteps:"))) == 4
    assert "not known to hold a token" in cli.stderr
    assert cli("run", "get_user", "--token", "shop") == 4
    assert "not known to hold a token" not in cli.stderr
    assert "the token 'shop' (environment variable SHOP) is not sent to http://127.0.0.1" in cli.stderr


def test_values_that_a_program_passes_on_are_not_typed(tmp_path: Path) -> None:
    app = App.installed({"HOME": str(tmp_path), "PINFLOW_PLUGINS": ""}, state=tmp_path / "state")
    plan = app.plan(RECIPES / "get_user.yaml", inputs={"auth.": "second"}, typed=[])
    assert ({login.token for login in plan.logins.values()}, plan.named_tokens) == ({"second"}, frozenset())


def test_a_resumed_run_keeps_the_token(cli: Cli, sandbox: Sandbox) -> None:
    recipe = cli.recipe(
        "name: Who\nsteps:\n  - {id: made, uses: create_board, with: {name: Soups}}\n"
        "  - {id: bad, uses: get_board, with: {board: Nowhere}}\n"
    )
    assert cli("run", recipe, "--token", "second") != 0
    (run,) = re.findall(r"pinflow resume (\S+)", cli.stderr + cli.stdout)[:1]
    assert cli("runs", "show", run) == 0
    assert "token    default: second" in cli.stdout
    Path(recipe).write_text(Path(recipe).read_text().replace("Nowhere", "Soups"))
    assert cli("resume", run, "--accept-changes") == 0, cli.stderr
    assert owners(sandbox) == {"client_account"}


def test_a_board_that_was_made_for_another_account_is_undone_there(cli: Cli) -> None:
    assert cli("run", cli.recipe(NEW_BOARD), "--token", "second") == 0
    (run,) = re.findall(r"run (\d{8}-\d{6}-\w+)", cli.stdout + cli.stderr)[:1]
    assert cli("undo", run, "--yes") == 0, cli.stderr


def test_an_approval_is_for_the_token(cli: Cli) -> None:
    recipe = cli.recipe(NEW_BOARD)
    assert cli("approve", recipe, "--token", "second", "--yes") == 0, cli.stderr
    assert cli("approve", "--list") == 0
    assert "token second" in cli.stdout
    assert cli("run", recipe, "--unattended") == 5
    assert f"pinflow approve {recipe}" in cli.stderr
    assert cli("run", recipe, "--token", "third", "--unattended") == 5
    assert f"pinflow approve {recipe} --token third" in cli.stderr
    assert cli("run", recipe, "--token", "second", "--unattended") == 0, cli.stderr


def test_an_approval_without_a_token_is_digested_as_before(cli: Cli) -> None:
    """Approvals of the version before hold on: what is digested has nothing new in it."""
    app = cli.shell().app()
    plan = app.plan(RECIPES / "copy_board.yaml", inputs={"board": "Garden ideas"})
    assert plan.public_inputs() == {"board": "Garden ideas"}
    assert plan.stored_inputs() == dict(plan.inputs)


def test_a_schedule_runs_with_the_token(cli: Cli, sandbox: Sandbox) -> None:
    recipe = cli.recipe(NEW_BOARD)
    assert cli("approve", recipe, "--token", "second", "--yes") == 0, cli.stderr
    assert cli("tick", recipe, "--token", "second") == 0, cli.stderr
    assert cli("schedule", "list", "--output", "json") == 0
    (job,) = cli.json["jobs"]
    assert (job["accounts"], job["inputs"]) == (["second"], {"auth.": "second"})
    assert cli("schedule", "run-now", "shop") == 0, cli.stderr + cli.stdout
    assert owners(sandbox) == {"client_account"}


def test_a_schedule_says_which_login_no_recipe_has(cli: Cli) -> None:
    assert cli("tick", cli.recipe(NEW_BOARD), "--token", "target=second") == 2
    assert "no scheduled recipe has a login 'target'" in cli.stderr


def test_commands_to_paste_have_the_token(cli: Cli) -> None:
    assert cli("run", "copy_board", "-i", "board=Garden ideas", "--token", "source=second", "--dry-run") != 0
    assert cli("run", "get_user", "--token", "second", "--dry-run", "--output", "human") == 0
    assert option_words("auth.target", "second") == ["--token", "target=second"]
    assert option_words("auth.default", "second") == ["--token", "second"]
    assert option_words("board", "Soups") == ["-i", "board=Soups"]
    assert given_text("auth.target", "second") == "token second for target"
    assert split({"board": "x", "auth.a": "b"}) == ({"board": "x"}, {"a": "b"})


def test_a_broken_recipe_tells_its_mistakes_first(tmp_path: Path) -> None:
    app = App.installed({"HOME": str(tmp_path), "PINFLOW_PLUGINS": ""}, state=tmp_path / "state")
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: n\nsteps:\n  - uses: get_usr\n")
    with pytest.raises(RecipeError, match="get_usr"):
        app.plan(broken, inputs={}, tokens={"": "second"})


def test_the_embedded_sandbox_has_the_token(tmp_path: Path) -> None:
    app = App.installed({"HOME": str(tmp_path), "PINFLOW_PLUGINS": ""}, state=tmp_path / "state")
    result = app.run(app.plan(RECIPES / "get_user.yaml", inputs={}, tokens={"": "anyone"}), Options(sandbox=True))
    assert result.ok
