"""The conformance kit: each sin that it knows, committed by a plugin, is told of, and an honest plugin passes."""

from __future__ import annotations

import json
import logging
import socket
import urllib.request
from collections.abc import Iterator  # actions' annotations are read at run time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import pytest

from pinflow import ActionError, Context, Text, action, hookimpl
from pinflow.testing import check_plugin

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow import Action
    from pinflow.testing import ConformanceReport
    from tests.cli import Cli

    Program = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.slow

SCOPES = {"boards:read", "boards:write", "pins:read", "pins:write"}
ALL: dict[str, Any] = {"api": "v5", "scopes": SCOPES, "quota": {"org_read", "org_write"}}
Board = Annotated[str, Text(description="the board's id")]


class Told(TypedDict):
    """What an action gives."""

    id: str


def pin_on(ctx: Context, board: str) -> Told:
    """Put a Pin on a board, whatever was there."""
    source = {"source_type": "image_url", "url": "https://example.com/a.jpg"}
    made = ctx.client.post("/pins", json={"board_id": board, "title": "From a sinner", "media_source": source})
    return {"id": made["id"]}


def sneak(ctx: Context, board: str) -> None:
    """Change a board behind the client's back, with a token that was found in the environment."""
    environ = ctx.credential_request().environ
    call = urllib.request.Request(
        f"{environ['PINTEREST_API_URI']}/v5/boards/{board}",
        data=json.dumps({"description": f"at {ctx.now()} {next(NUMBERS)}"}).encode(),
        headers={"Authorization": f"Bearer {environ['ACCESS_TOKEN']}", "Content-Type": "application/json"},
        method="PATCH",
    )
    urllib.request.urlopen(call).close()


NUMBERS = count()


def token(ctx: Context) -> str:
    return ctx.credential_request().environ["ACCESS_TOKEN"]


# the sins


@action("sin", **ALL)
def reads_and_writes(ctx: Context, *, board: Board) -> Told:
    """Look at a board, and change it."""

    def change() -> Told:
        return {"id": ctx.client.patch(f"/boards/{board}", json={"name": "Changed"})["id"]}

    return ctx.once("look", change)


@action("sin", **ALL)
def writes_behind_the_client(ctx: Context, *, board: Board) -> Told:
    """Look at a board, and change it in secret."""
    sneak(ctx, board)
    return {"id": board}


@action("sin", effect="read")
def writes_a_file(ctx: Context, *, board: Board) -> Told:
    """Look at nothing, and leave a file."""
    ctx.file("left.txt").write_text(str(next(NUMBERS)))
    return {"id": board}


@action("sin", effect="read")
def writes_into_the_home(ctx: Context, *, board: Board) -> Told:
    """Look at nothing, and leave a file where nobody expects it."""
    Path("~/.left").expanduser().write_text(str(next(NUMBERS)))
    return {"id": board}


@action("sin", effect="write", **ALL)
def ignores_dry_run(ctx: Context, *, board: Board) -> Told:
    """Change a board, whatever was asked."""
    sneak(ctx, board)
    return {"id": board}


@action("sin", effect="write", **ALL)
def has_another_key_each_time(ctx: Context, *, board: Board) -> Told:
    """Put a Pin on a board, once more after each resume."""
    return ctx.once(f"pin-{next(NUMBERS)}", lambda: pin_on(ctx, board), kind="pin")


@action("sin", effect="write", **ALL)
def never_finds_what_was_lost(ctx: Context, *, board: Board) -> Told:
    """Put a Pin on a board, and do not see it there."""
    return ctx.once("pin", lambda: pin_on(ctx, board), find=lambda: None, kind="pin")


@action("sin", **ALL)
def gives_a_token(ctx: Context, *, board: Board) -> Told:
    """Give a token for an id."""
    return {"id": token(ctx)}


@action("sin", **ALL)
def tells_a_token(ctx: Context, *, board: Board) -> Told:
    """Tell people a token."""
    ctx.log(f"using {token(ctx)}")
    return {"id": board}


@action("sin", **ALL)
def logs_a_token(ctx: Context, *, board: Board) -> Told:
    """Log a token, in another encoding."""
    logging.getLogger("acme").debug("using %s", token(ctx).encode().hex())
    return {"id": board}


@action("sin", **ALL)
def prints_a_token(ctx: Context, *, board: Board) -> Told:
    """Print a token."""
    print(token(ctx))
    return {"id": board}


@action("sin", **ALL)
def raises_a_token(ctx: Context, *, board: Board) -> Told:
    """Fail with a token."""
    raise ActionError(f"refused: {token(ctx)}")


@action("sin", effect="write", **ALL)
def keeps_a_token(ctx: Context, *, board: Board) -> Told:
    """Leave a token in a file."""
    if not ctx.dry_run:
        ctx.file("kept.txt").write_text(token(ctx))
    return {"id": board}


@action("sin", **ALL)
def is_not_described(ctx: Context, *, board: Board) -> Told:
    return {"id": board}


@action("sin", **ALL)
def has_an_argument_without_a_word(ctx: Context, *, board: str) -> Told:
    """Look at a board."""
    return {"id": board}


@action("sin", **ALL)
def declares_no_output(ctx: Context, *, board: Board):  # type: ignore[no-untyped-def]
    """Look at a board."""
    return {"id": board}


@action("sin", **ALL)
def has_types_that_are_nowhere(ctx: Context, *, board: NoSuchType) -> Told:  # type: ignore[name-defined]  # noqa: F821
    """Look at a board."""
    return {"id": board}


@action("sin", **ALL)
def gives_another_type(ctx: Context, *, board: Board) -> Told:
    """Look at a board."""
    return {"id": int(board)}  # type: ignore[typeddict-item]


@action("sin", **ALL)
def yields_another_type(ctx: Context, *, board: Board) -> Iterator[Told]:
    """Look at boards."""
    yield {"id": board}
    yield {"id": None}  # type: ignore[typeddict-item]


@action("sin", api="v5", scopes={"boards:read"}, quota={"org_read"})
def has_too_few_scopes(ctx: Context, *, board: Board) -> Told:
    """Look at the Pins of a board."""
    return {"id": str(len(ctx.client.get(f"/boards/{board}/pins")["items"]))}


@action("sin", api="v5", scopes=SCOPES)
def has_no_quota(ctx: Context, *, board: Board) -> Told:
    """Look at the Pins of a board."""
    return {"id": str(len(ctx.client.get(f"/boards/{board}/pins")["items"]))}


@action("sin", **ALL)
def calls_another_machine(ctx: Context, *, board: Board) -> Told:
    """Tell somebody else of a board."""
    with socket.socket() as connection:
        connection.connect(("192.0.2.1", 80))
    return {"id": board}


@action("sin", **ALL)
def breaks(ctx: Context, *, board: Board) -> Told:
    """Look at a board that is not there."""
    nothing: dict[str, str] = {}
    return {"id": nothing["id"]}


SINS: list[tuple[Action, str, str]] = [
    (reads_and_writes, "read", 'declares effect="read", but writes (PATCH /boards/{id}): it needs effect="write"'),
    (writes_behind_the_client, "read", "the service has other data afterwards"),
    (writes_behind_the_client, "dry-run", "changes the service or a file in a dry run"),
    (writes_a_file, "read", "the service has other data afterwards"),
    (writes_into_the_home, "read", "the service has other data afterwards"),
    (ignores_dry_run, "dry-run", "changes the service or a file in a dry run"),
    (has_another_key_each_time, "resume", "killed after effect 1 and resumed: the service has "),
    (never_finds_what_was_lost, "resume", "killed before the answer of effect 1 was recorded and resumed: the service"),
    (gives_a_token, "secret", "leaks a token in its output"),
    (tells_a_token, "secret", "leaks a token in an event"),
    (logs_a_token, "secret", "leaks a token in a line of the log"),
    (prints_a_token, "secret", "leaks a token in what it prints"),
    (raises_a_token, "secret", "leaks a token in an exception"),
    (keeps_a_token, "secret", "leaks a token in a file: kept.txt"),
    (is_not_described, "description", "has no docstring"),
    (has_an_argument_without_a_word, "description", "argument 'board' has no description"),
    (declares_no_output, "types", "its return type is not declared"),
    (has_types_that_are_nowhere, "types", "its annotations can't be read: name 'NoSuchType' is not defined"),
    (gives_another_type, "output", "its field 'id' is a whole number, but declared as text"),
    (yields_another_type, "output", "its field 'id' is nothing, but declared as text"),
    (has_too_few_scopes, "scope", "calls boards/list_pins, which needs the scope pins:read: declare it in scopes"),
    (has_no_quota, "quota", "calls boards/list_pins, which counts as org_read: declare it in quota"),
    (calls_another_machine, "run", "it connects to 192.0.2.1:80, which is another machine"),
    (breaks, "run", "the dry run ends as failed: KeyError at tests/core/test_conformance.py:"),
]

RECIPE = """
name: Sin
api: v5
inputs:
  board: {type: board, required: true, example: Garden ideas}
steps:
  - {id: found, uses: get_board, with: {board: "${{ inputs.board }}"}}
  - {id: sin, uses: sin, with: {board: "${{ steps.found.id }}"}}
"""


@pytest.fixture
def checked(tmp_path: Path) -> Callable[[Action], ConformanceReport]:
    """The report on a plugin with one action, which a recipe of its own uses."""

    def check(one: Action) -> ConformanceReport:
        class Acme:
            @hookimpl
            def pinflow_actions(self) -> list[Action]:
                return [one]

        recipe = tmp_path / "sin.yaml"
        text = RECIPE.replace("uses: sin", "for_each: sin").replace('.id }}"}}', '.id }}"}, do: [{uses: get_user}]}')
        recipe.write_text(text if one.yields else RECIPE)
        return check_plugin("Acme", plugins=[Acme()], recipes=[recipe], kills=1)

    return check


@pytest.mark.parametrize(
    ("sinner", "rule", "said"), SINS, ids=[f"{each[0].function.__name__}-{each[1]}" for each in SINS]
)
def test_the_conformance_kit_finds_each_kind_of_violation(
    checked: Callable[[Action], ConformanceReport], sinner: Action, rule: str, said: str
) -> None:
    report = checked(sinner)
    assert not report.ok
    found = [each for each in report.findings if each.rule == rule]
    board = "700000000000000001"
    said = said.replace("{id}", board)
    assert any(said in each.what.replace(_id_in(each.what), board) for each in found), report.findings
    assert {each.action for each in found} == {sinner.full_name}
    assert all("sin.yaml" in each.where or "test_conformance.py:" in each.where for each in found)


@action("good", effect="write", **ALL)
def good(ctx: Context, *, board: Board) -> Told:
    """Make a board secret."""

    def hide() -> Told:
        return {"id": ctx.client.patch(f"/boards/{board}", json={"privacy": "SECRET"})["id"]}

    return ctx.once("hide", hide, kind="board")


@action("idle", **ALL)
def idle(ctx: Context, *, board: Board) -> Told:
    """Look at a board, if anybody asks for it."""
    return {"id": board}


@action("generous", **ALL)
def generous(ctx: Context, *, board: Board) -> Told:
    """Look at a board."""
    return {"id": board, "name": "x"}  # type: ignore[typeddict-unknown-key]


@action("careless", effect="write", **ALL)
def careless(ctx: Context, *, board: Board) -> Told:
    """Put a Pin on a board, with no way to find it again."""
    return ctx.once("pin", lambda: pin_on(ctx, board), kind="pin")


ACME = """
from tests.core.test_conformance import {names}
from pinflow import hookimpl

@hookimpl
def pinflow_actions():
    return [{names}]
"""


@pytest.fixture
def program(cli: Cli, tmp_path: Path) -> Program:
    """``pinflow plugins check`` with a local plugin of these actions, and a recipe that uses the first."""

    def run(*names: str, words: tuple[str, ...] = (), checked: str = "acme", uses: str = "") -> tuple[int, str, str]:
        plugin = tmp_path / "acme.py"
        plugin.write_text(ACME.format(names=", ".join(names)))
        recipe = tmp_path / "acme.yaml"
        recipe.write_text(RECIPE.replace("uses: sin", f"uses: {uses or globals()[names[0]].name}"))
        return cli.run("plugins", "check", checked, "--plugin", plugin, "--recipe", recipe, *words)

    return run


def test_a_local_plugins_recipes_lie_beside_its_file(program: Program, tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "idle.yaml").write_text(RECIPE.replace("uses: sin", "uses: idle"))
    code, out, _ = program("good", "idle")
    assert (code, out) == (0, "acme: ran 2 of 2 actions in 2 recipes and 8 runs: no problems\n")


def test_the_recipes_that_a_plugin_offers_are_used(tmp_path: Path) -> None:
    recipe = tmp_path / "elsewhere" / "acme.yaml"
    recipe.parent.mkdir()
    recipe.write_text(RECIPE.replace("uses: sin", "uses: idle"))

    class Acme:
        @hookimpl
        def pinflow_actions(self) -> list[Action]:
            return [idle]

        @hookimpl
        def pinflow_recipes(self) -> list[Path]:
            return [recipe]

    report = check_plugin("Acme", plugins=[Acme()], kills=0)
    assert report.ok and report.exercised == ("v5.idle",)


def test_a_plugin_of_which_nothing_was_run_is_not_called_right(program: Program) -> None:
    code, out, _ = program("idle", uses="get_board")
    assert code == 0
    assert out.endswith("acme: ran 0 of 1 actions in 0 recipes and 0 runs: only the declarations were checked\n")


def test_an_honest_plugin_passes_and_what_was_not_exercised_is_said(program: Program) -> None:
    assert program("good", "idle") == (
        0,
        "v5.idle: not run, because no recipe uses it\n"
        "  add a recipe with an example for each input: --recipe PATH, or recipes/ beside the package\n"
        "acme: ran 1 of 2 actions in 1 recipe and 6 runs: no problems\n",
        "",
    )


def test_plugins_check_prints_each_finding_with_its_place_and_exits_with_1(program: Program, tmp_path: Path) -> None:
    code, out, _ = program("has_no_quota")
    assert code == 1
    assert out.splitlines()[0] == (
        "v5.sin: quota: calls boards/list_pins, which counts as org_read: declare it in quota"
    )
    assert out.splitlines()[1].endswith("acme.yaml, step sin")
    assert out.splitlines()[-1] == "acme: ran 1 of 1 actions in 1 recipe and 2 runs: 1 problem"


def test_a_write_that_can_only_stop_in_doubt_is_a_note(program: Program) -> None:
    code, out, _ = program("careless", words=("--output", "json"))
    report = json.loads(out)
    assert (code, report["ok"], report["findings"]) == (0, True, [])
    assert [(note["action"], note["rule"]) for note in report["notes"]] == [("v5.careless", "resume")]
    assert report["exercised"] == ["v5.careless"]
    assert report["not_exercised"] == []


def test_a_field_that_is_not_declared_is_a_note(program: Program) -> None:
    code, out, _ = program("generous")
    assert code == 0
    assert out.splitlines()[0] == ("v5.generous: returns undeclared fields, which recipes can't use: name")


def test_plugins_check_of_an_unknown_plugin_suggests_the_nearest(program: Program) -> None:
    code, _, err = program("good", checked="amce")
    assert code == 2
    assert "unknown plugin 'amce'; did you mean 'acme'?" in err


def test_plugins_check_of_a_missing_recipe_is_an_error(program: Program) -> None:
    code, _, err = program("good", words=("--recipe", "nowhere"))
    assert code == 2
    assert "nowhere does not exist" in err


def test_a_case_that_is_wrong_itself_is_a_finding(tmp_path: Path) -> None:
    recipe = tmp_path / "wrong.yaml"
    recipe.write_text("name: n\napi: v5\nsteps:\n  - {uses: get_usr}\n")
    report = check_plugin("pinflow_sandbox", recipes=[recipe])
    assert [(each.rule, each.where) for each in report.findings] == [("run", str(recipe))]
    assert "did you mean 'get_user'?" in report.findings[0].what


def _id_in(text: str) -> str:
    return next((word.strip("()/:") for part in text.split() for word in part.split("/") if word[:1] == "7"), "\0")
