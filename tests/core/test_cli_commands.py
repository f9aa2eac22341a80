"""Each command from its words to its output, with the real engine and a plugin of the test's own."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from jsonschema import Draft202012Validator

from pinflow import ActionError, Context, Number, RateLimited, Skip, Text, action, hookimpl
from pinflow.cli.shell import Shell
from pinflow.engine.account_admin import AccountAdmin
from pinflow.errors import CredentialError

if TYPE_CHECKING:
    from tests.cli import Cli

SHOP = """\
pinflow: 1
name: Fill the shop
inputs:
  count: {type: integer, required: true, description: How many things, example: 5}
  kind: {type: string, choices: [toy, book], default: toy}
  secret: {type: secret}
steps:
  - id: make
    uses: make_things
    with: {count: "${{ inputs.count }}"}
outputs:
  made: ${{ steps.make.made }}
"""
WIPE = "{pinflow: 1, name: Wipe, steps: [{uses: wipe}]}"


class Shop:
    """A plugin that makes things; ``bad`` are the numbers that fail, ``limit`` the first that waits too long."""

    def __init__(self) -> None:
        self.bad: set[int] = set()
        self.limit = -1
        self.made: list[int] = []
        self.wiped = 0
        self.offline = False

    @hookimpl
    def pinflow_actions(self) -> list[Any]:
        shop = self

        def make(number: int) -> Any:
            if number in shop.bad:
                raise ActionError("it is broken")
            if number == shop.limit:
                raise RateLimited("slow down", retry_after=3600.0)
            if number % 10 == 3:
                return Skip("nobody wants it")
            shop.made.append(number)
            return {"id": str(1000 + number)}

        @action("make_things", effect="write")
        def make_things(ctx: Context, *, count: Annotated[int, Number(ge=0)]) -> dict[str, Any]:
            """Make things.

            All of them, one by one.

            Arguments:
                count: how many
            """
            made = ctx.each(range(count), key=lambda n: f"thing:{n}", do=make, kind="thing", total=count)
            return {"made": made.done}

        @action("wipe", effect="write", destructive=True)
        def wipe(ctx: Context) -> dict[str, Any]:
            """Throw everything away."""
            shop.wiped += 1
            return {}

        @action("paint")
        def paint(
            ctx: Context,
            *,
            color: Annotated[str, Text(pattern="^#[0-9a-f]{6}$")],
            way: Literal["brush", "roller"],
            coats: Annotated[int, Number(ge=2)],
            when: Annotated[str, Text(pattern=r"^\d{4}-\d\d-\d\d$", format="date")],
            rooms: list[Annotated[str, Text(pattern=r"^\d+$")]],
            note: str = "wet",
        ) -> Iterator[dict[str, Any]]:
            """Paint rooms."""
            yield {}

        return [make_things, wipe, paint]


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def cli(cli: Cli, shop: Shop) -> Cli:
    cli.use_plugins(shop)
    return cli


@pytest.fixture
def recipe(cli: Cli) -> str:
    return cli.recipe(SHOP)


# -- run


def test_a_run_shows_progress_on_stderr_and_its_recap_on_stdout(cli: Cli, recipe: str, shop: Shop) -> None:
    assert cli("run", recipe, "-i", "count=5") == 0
    assert shop.made == [0, 1, 2, 4]
    first, *rest = cli.stdout.splitlines()
    assert first.startswith("Fill the shop: done (")
    assert rest == [
        "         done  skipped",
        "  thing     4        1",
        "skipped",
        "  1 x nobody wants it: thing:3",
        "outputs",
        "  made: 4",
    ]
    assert "make: ok" in cli.stderr


def test_a_run_for_programs_is_one_json_object_and_nothing_else(cli: Cli, recipe: str) -> None:
    assert cli("run", recipe, "-i", "count=5", "--output", "json") == 0
    assert cli.json["status"] == "ok"
    assert cli.json["outputs"] == {"made": 4}
    assert cli.json["skipped"] == [{"step": "make", "key": "thing:3", "reason": "nobody wants it"}]
    assert cli.stderr == ""


def test_a_run_as_ndjson_tells_every_event_and_ends_with_the_last(cli: Cli, recipe: str) -> None:
    assert cli("--output", "ndjson", "run", recipe, "-i", "count=5") == 0
    told = [json.loads(line) for line in cli.stdout.splitlines()]
    assert told[0]["event"] == "RunStarted"
    assert told[-1]["event"] == "RunFinished"
    assert sum(each["event"] == "EffectDone" for each in told) == 4
    assert cli.stderr == ""


def test_with_quiet_a_run_prints_only_its_recap(cli: Cli, recipe: str) -> None:
    assert cli("run", "-q", recipe, "-i", "count=1") == 0
    assert cli.stderr == ""
    assert "made: 1" in cli.stdout


def test_a_dry_run_changes_nothing_and_says_how_to_run_it_for_real(cli: Cli, recipe: str) -> None:
    assert cli("run", recipe, "-i", "count=2", "--dry-run") == 0
    assert "dry run, nothing was changed" in cli.stdout
    assert cli.stdout.endswith(f"to run it: pinflow run {recipe} -i count=2\n")
    cli("runs")
    assert "No runs yet" in cli.stderr


def test_the_command_to_paste_names_the_local_plugins(cli: Cli, recipe: str) -> None:
    plugin = cli.folder / "my plugin.py"
    plugin.write_text("")
    assert cli("run", recipe, "-i", "count=2", "--dry-run", "--plugin", str(plugin)) == 0
    assert cli.stdout.endswith(f"pinflow run {recipe} -i count=2 --plugin '{plugin}'\n")


def test_the_command_after_the_sandbox_names_what_an_account_must_give(cli: Cli, recipe: str) -> None:
    assert cli("run", recipe, "--sandbox") == 0
    assert "  made: 4\n" in cli.stdout
    assert cli.stdout.endswith(f"To run it on your account:\n  pinflow run {recipe} -i count=...\n")
    assert cli("runs") == 0
    assert "  ok, sandbox  " in cli.stdout
    assert cli("runs", "show") == 0
    assert cli.stdout.split(" (run ")[0].startswith("Fill the shop: ok in the sandbox in ")


def test_the_command_to_paste_quotes_its_inputs_and_keeps_secrets_out(cli: Cli, recipe: str) -> None:
    cli("run", recipe, "-i", "count=2", "-i", "kind=toy", "-i", "secret=hunter22", "--dry-run")
    assert cli.stdout.endswith("-i count=2 -i kind=toy -i secret=...\n")
    assert "hunter22" not in cli.stdout + cli.stderr


def test_a_failed_item_fails_the_run_and_resuming_does_the_rest(cli: Cli, recipe: str, shop: Shop) -> None:
    shop.bad = {1}
    assert cli("run", recipe, "-i", "count=3") == 1
    assert "  make: thing:1: it is broken\n" in cli.stdout
    run = cli.stdout.split("pinflow resume ")[1].strip()
    shop.bad.clear()
    assert cli("resume", run) == 0
    assert sorted(shop.made) == [0, 1, 2]


def test_a_run_that_waits_too_long_is_paused_and_says_when_to_go_on(cli: Cli, recipe: str, shop: Shop) -> None:
    shop.limit = 2
    assert cli("run", recipe, "-i", "count=4") == 6
    assert cli.stdout.startswith("Fill the shop: paused (")
    assert "  continue after " in cli.stdout
    shop.limit = -1
    assert cli("resume") == 6
    assert "is paused until 2026-03-01 " in cli.stderr
    assert shop.made == [0, 1]
    cli.now += 3600
    assert cli("resume", "--output", "json") == 0
    assert cli.json["name"] == "Fill the shop"
    assert shop.made == [0, 1, 2]


def test_missing_inputs_are_all_told_with_what_to_add(cli: Cli) -> None:
    recipe = cli.recipe(SHOP.replace("kind: {", "other: {required: true}\n  kind: {"))
    assert cli("run", recipe) == 2
    assert cli.stderr == (
        f"{recipe}:4:3: input 'count' needs a value (How many things); give it with: -i count=...\n"
        f"{recipe}:5:3: input 'other' needs a value; give it with: -i other=...\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-i", "cuont=3"], "unknown input 'cuont'; did you mean 'count'?"),
        (["-i", "count"], "-i must be NAME=VALUE, not 'count'"),
        (["-i", "count=3", "-i", "count=4"], "input 'count' is given twice"),
        (["-i", "count=x"], "must be a whole number"),
        (
            ["-i", "count=3", "--patience", "soon"],
            "'soon' isn't a duration; write it like 30 seconds, 10 minutes or 2h",
        ),
    ],
)
def test_wrong_inputs_are_wrong_usage(cli: Cli, recipe: str, words: Sequence[str], message: str) -> None:
    assert cli("run", recipe, *words) == 2
    assert message in cli.stderr


@pytest.mark.parametrize(
    ("given", "seconds"), [("90", 90), ("2h", 7200), ("10 minutes", 600), ("1h 30m", 5400), ("0", 0)]
)
def test_patience_is_a_length_of_time(given: str, seconds: float) -> None:
    from pinflow.cli.run_common import parse_duration

    assert parse_duration(given) == seconds


def test_the_tier_comes_from_the_environment_and_must_be_one(cli: Cli, recipe: str) -> None:
    cli.environ["PINFLOW_TIER"] = "gold"
    assert cli("run", recipe, "-i", "count=1") == 2
    assert cli.stderr == "error: PINFLOW_TIER must be standard or trial, not 'gold'\n"
    assert cli("run", recipe, "-i", "count=1", "--tier", "trial") == 0


# -- questions


def test_a_person_is_asked_for_what_is_missing(cli: Cli, recipe: str, shop: Shop) -> None:
    assert cli("run", recipe, answers="\n3\n") == 0
    assert cli.stderr.count("count: How many things: ") == 2
    assert shop.made == [0, 1, 2]


def test_no_input_means_that_nobody_is_asked(cli: Cli, recipe: str) -> None:
    assert cli("run", recipe, "--no-input", answers="3\n") == 2
    assert "give it with: -i count=..." in cli.stderr


def test_the_end_of_the_input_is_an_error_while_asking(cli: Cli, recipe: str) -> None:
    assert cli("run", recipe, answers="") == 2
    assert "error: no answer\n  give the inputs with -i name=value\n" in cli.stderr


@pytest.mark.parametrize(
    ("answers", "chosen"), [("2\n", "book"), ("BOO\n", "book"), ("toy\n", "toy"), ("x\n9\n1\n", "toy")]
)
def test_choices_are_offered_by_number_and_by_a_part_of_the_name(cli: Cli, answers: str | None, chosen: str) -> None:
    text = SHOP.replace("choices: [toy, book], default: toy", "choices: [toy, book], required: true")
    recipe = cli.recipe(text.replace("made: ${{ steps.make.made }}", "kind: ${{ inputs.kind }}"))
    assert cli("run", recipe, "-i", "count=0", answers=answers) == 0
    assert "  1  toy\n  2  book\n" in cli.stderr
    assert cli.stdout.endswith(f"  kind: {chosen}\n")


def test_what_the_account_has_is_offered_and_narrowed_by_typing(
    cli: Cli, recipe: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SHOP.replace("count: {type: integer", "shelf: {type: board, required: true}\n  count: {type: integer")
    names = [(str(n), f"Shelf {n}") for n in range(1, 31)]
    monkeypatch.setattr(AccountAdmin, "choices", lambda self, declared, plan: names)
    recipe = cli.recipe(text.replace("made: ${{ steps.make.made }}", "shelf: ${{ inputs.shelf }}"))
    assert cli("run", recipe, "-i", "count=0", answers="shelf 2\nShelf 27\n") == 0
    assert "     and 15 more: type part of the name" in cli.stderr
    assert "  2  Shelf 20  (20)\n" in cli.stderr
    assert cli.stdout.endswith("  shelf: 27\n")


def test_when_choices_can_not_be_read_the_value_is_asked_for(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(self: AccountAdmin, declared: Any, plan: Any) -> Any:
        raise CredentialError("no token 'access_token'")

    monkeypatch.setattr(AccountAdmin, "choices", unreadable)
    recipe = cli.recipe(SHOP)
    assert cli("run", recipe, answers="1\n") == 0
    assert "can't list the choices: no token 'access_token'" in cli.stderr


# -- approval


@pytest.mark.parametrize(
    ("words", "answers", "code", "wiped"),
    [
        ([], None, 5, 0),
        (["--yes"], None, 0, 1),
        (["--dry-run"], None, 0, None),
        ([], "y\n", 0, 1),
        ([], "\n", 5, 0),
        (["--no-input"], "y\n", 5, 0),
    ],
)
def test_deleting_needs_an_approval(
    cli: Cli, shop: Shop, words: Sequence[str], answers: str | None, code: int, wiped: int | None
) -> None:
    assert cli("run", cli.recipe(WIPE), *words, answers=answers) == code
    assert wiped is None or shop.wiped == wiped
    asked = "Step 'wipe' of shop.yaml deletes things. Continue? [y/N]" in cli.stderr
    assert asked is (answers is not None and "--no-input" not in words)


# -- signals

SLOW = """
import time
from typing import Any
from pinflow import Context, action, hookimpl

@action("slow", effect="write")
def slow(ctx: Context) -> dict[str, Any]:
    def one(n: int) -> dict[str, Any]:
        time.sleep(0.05)
        return {}
    ctx.each(range(10_000), key=str, do=one, kind="thing")
    return {}

@action("stuck")
def stuck(ctx: Context) -> dict[str, Any]:
    print("stuck", flush=True)
    time.sleep(60)
    return {}

@action("stuck_side_by_side", effect="write")
def stuck_side_by_side(ctx: Context) -> dict[str, Any]:
    def one(n: int) -> dict[str, Any]:
        if n == 0:
            print("stuck", flush=True)
        time.sleep(60)
        return {}
    ctx.each(range(4), key=str, do=one, kind="thing", parallel=2)
    return {}

@hookimpl
def pinflow_actions():
    return [slow, stuck, stuck_side_by_side]
"""


def started(cli: Cli, name: str, ready: Callable[[subprocess.Popen[str]], None]) -> subprocess.Popen[str]:
    plugin = cli.folder / "slow.py"
    plugin.write_text(SLOW)
    recipe = cli.recipe(f"{{pinflow: 1, name: Slow, steps: [{{uses: {name}}}]}}")
    command = [sys.executable, "-m", "pinflow", "run", recipe, "--plugin", str(plugin), "-v"]
    environ = {**os.environ, **cli.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)
    ready(process)
    return process


def first_effect(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    assert any("thing 0: done" in line for line in process.stderr)


def is_stuck(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "stuck\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_first_signal_ends_the_run_after_the_call_in_flight(cli: Cli, number: signal.Signals, code: int) -> None:
    process = started(cli, "slow", first_effect)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert "stopping after the current call; press Ctrl-C again to stop now" in err
    assert out.startswith("Slow: stopped (")
    assert "  to continue where it stopped: pinflow resume " in out
    assert "Traceback" not in err
    (run,) = cli.data("runs")["runs"]
    assert (run["exit_code"], run["error"]) == (code, f"interrupted, exit {code}")


@pytest.mark.parametrize("name", ["stuck", "stuck_side_by_side"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_it_at_once(cli: Cli, number: signal.Signals, code: int, name: str) -> None:
    process = started(cli, name, is_stuck)
    assert process.stderr is not None
    process.send_signal(number)
    assert any("press Ctrl-C again" in line for line in process.stderr)
    begun = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert time.monotonic() - begun < 10
    assert "Traceback" not in err
    (run,) = (cli.folder / "state" / "runs").glob("*.db")
    assert f"to continue where it stopped: pinflow resume {run.stem}\n" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run"], "no recipe has this name"),
        (["runs", "show"], "no run "),
        (["resume"], "no run "),
        (["undo"], "no run "),
        (["new", "plugin"], "is not a name for a plugin"),
    ],
)
def test_a_name_that_no_file_can_have_is_an_error(cli: Cli, words: list[str], said: str) -> None:
    assert cli(*words, "x" * 300) == 2
    assert said in cli.stderr


def test_a_run_is_looked_for_among_runs_alone(cli: Cli, recipe: str) -> None:
    cli("run", recipe, "-i", "count=1")
    (run,) = (cli.folder / "state" / "runs").glob("*.db")
    run.rename(cli.folder / "state" / "other.db")
    assert cli("runs", "show", "../other") == 2
    assert "no run '../other'" in cli.stderr


@pytest.mark.parametrize("words", [("runs", "show"), ("resume",), ("undo",)])
def test_the_runs_are_named_that_a_misspelt_id_may_mean(cli: Cli, recipe: str, words: tuple[str, ...]) -> None:
    cli("run", recipe, "-i", "count=1")
    (run,) = (record["id"] for record in cli.data("runs")["runs"])
    for wrong in (f"{run[:-1]}x", run[-6:]):
        assert cli(*words, wrong) == 2
        assert f"no run '{wrong}' in " in cli.stderr
        assert f"did you mean {run} (" in cli.stderr
    assert cli(*words, "abc") == 2
    assert "pinflow runs lists them" in cli.stderr


# -- runs


def test_runs_are_listed_newest_first_with_what_to_do_next(cli: Cli, recipe: str, shop: Shop) -> None:
    cli("run", recipe, "-i", "count=1")
    shop.bad = {0}
    cli("run", recipe, "-i", "count=1")
    assert cli("runs") == 0
    head, second, first = cli.stdout.splitlines()
    assert head.split() == ["RUN", "WHEN", "RECIPE", "STATE", "TOKENS", "DID", "NEXT"]
    assert "failed" in second and "thing: 1 failed" in second and "pinflow resume" in second
    assert "ok" in first and "thing: 1 done" in first and "resume" not in first


def test_on_a_narrow_terminal_what_to_do_next_is_below_the_runs_and_whole(
    cli: Cli, recipe: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.bad = {0}
    cli("run", recipe, "-i", "count=1")
    monkeypatch.setattr(Shell, "width", lambda self, stream: 76)
    assert cli("runs") == 0
    head, row, title, advice = cli.stdout.splitlines()
    assert head.split() == ["RUN", "RECIPE", "STATE", "TOKENS", "DID"]
    assert row.endswith("  Fill the shop  failed  -       thing: 1 failed")
    assert title == "next"
    assert advice == f"  pinflow resume {row.split()[0]}"
    for width in (60, 50, 30):
        monkeypatch.setattr(Shell, "width", lambda self, stream, width=width: width)
        assert cli("runs") == 0
        *lines, _, last = cli.stdout.splitlines()
        assert all(len(line) <= width for line in lines)
        words = " ".join(lines).split()
        assert {"Fill", "shop", "failed", "thing:", row.split()[0]} <= set(words)
        assert last == advice


def test_only_the_last_twenty_runs_are_listed_unless_all_are_wanted(cli: Cli, recipe: str) -> None:
    for _ in range(21):
        cli("run", recipe, "-i", "count=0")
    cli("runs")
    assert len(cli.stdout.splitlines()) == 21
    assert cli.stderr == "1 older runs: pinflow runs --all\n"
    cli("runs", "--all", "--output", "json")
    assert len(cli.json["runs"]) == 21


def test_one_run_is_shown_with_its_steps_and_what_failed(cli: Cli, recipe: str, shop: Shop) -> None:
    shop.bad = {1}
    cli("run", recipe, "-i", "count=4")
    run = cli.stdout.split("pinflow resume ")[1].strip()
    assert cli("runs", "show", run) == 0
    lines = cli.stdout.splitlines()
    assert lines[0].startswith("Fill the shop: failed in ")
    assert "  input    count: 4" in lines
    assert "         done  skipped  failed" in lines
    assert lines[-2:] == ["next", f"  pinflow resume {run}"]
    assert "thing:0" not in cli.stdout


def test_runs_show_items_lists_every_item(cli: Cli, recipe: str) -> None:
    cli("run", recipe, "-i", "count=4", "--output", "json")
    run = cli.json["run"]
    assert cli("runs", "show", run, "--items") == 0
    assert "  make: thing:0: done as 1000" in cli.stdout
    assert "  make: thing:3: skipped: nobody wants it" in cli.stdout
    assert cli("runs", "--output", "json", "show", run, "--items") == 0
    assert [each["state"] for each in cli.json["items"]] == ["done", "done", "done", "skipped"]


def test_steps_in_loops_that_went_well_are_counted_and_shown_on_request(cli: Cli) -> None:
    make = "{id: make, uses: make_things, with: {count: 0}}"
    steps = f"steps: [{{id: each, for_each: '${{{{ [1, 2, 3] }}}}', as: n, do: [{make}]}}]"
    assert cli("run", cli.recipe(f"{{pinflow: 1, name: Loop, {steps}}}")) == 0, cli.stderr
    assert cli("runs", "show") == 0
    assert "each[" not in cli.stdout
    assert "  3 more in loops are ok; to list them: --items\n" in cli.stdout
    assert cli("runs", "show", "--items") == 0
    assert cli.stdout.count("].make") == 3 and "more in loops" not in cli.stdout


def test_the_last_run_is_shown_if_none_is_named(cli: Cli, recipe: str) -> None:
    assert cli("runs", "show") == 2
    assert "no run is recorded" in cli.stderr
    cli("run", recipe, "-i", "count=1")
    cli("run", recipe, "-i", "count=2")
    assert cli("runs", "show") == 0
    assert "  input    count: 2" in cli.stdout


def test_a_run_whose_record_is_damaged_is_shown_by_nobody_as_one_to_resume(cli: Cli, recipe: str) -> None:
    cli("run", recipe, "-i", "count=1")
    (file,) = (cli.folder / "state" / "runs").glob("*.db")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE run SET inputs = 'what is this?'")
    assert cli("runs") == 0
    assert "unreadable" in cli.stdout
    assert cli("runs", "show") == 8
    assert f"{file} is damaged" in cli.stderr
    assert cli.stdout == ""


@pytest.mark.parametrize("table", ["run", "effects", "steps", "seal"])
def test_a_damaged_run_is_named_with_its_reason_and_the_others_are_listed(
    cli: Cli, recipe: str, shop: Shop, table: str
) -> None:
    shop.bad = {0}
    for _ in range(3):
        cli("run", recipe, "-i", "count=2")
    file = sorted((cli.folder / "state" / "runs").glob("*.db"))[1]
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"UPDATE {table} SET {'total' if table == 'seal' else 'check_value'} = 7")  # noqa: S608
    assert cli("runs") == 0
    assert [line.split()[0] for line in cli.stdout.splitlines()[1:4]] == [run["id"] for run in cli.data("runs")["runs"]]
    assert cli("runs") == 0
    what = "rows of it are gone, or older than the others" if table == "seal" else f"a row of its {table} is not as"
    reason = f"{file} is damaged: {what}{'' if table == 'seal' else ' it was written'}; it was left as it is"
    assert cli.stdout.splitlines()[-2:] == ["unreadable", f"  {file.stem}: {reason}"]
    assert cli.stdout.count("thing: 1 done, 1 failed") == 2
    states = {run["id"]: (run["state"], run["error"]) for run in cli.data("runs")["runs"]}
    assert states.pop(file.stem) == ("unreadable", reason)
    assert {state for state, _ in states.values()} == {"failed"}
    for words in (("runs", "show", file.stem), ("resume", file.stem), ("undo", file.stem)):
        assert cli(*words) == 8
        assert reason in cli.stderr


def test_an_unknown_run_can_not_be_shown(cli: Cli) -> None:
    assert cli("runs", "show", "nope") == 2
    assert "nope" in cli.stderr


# -- validate


def test_every_problem_of_every_file_is_told_and_right_files_are_said_to_be(cli: Cli, recipe: str) -> None:
    keys = cli.recipe("pinflow: 1\nname: x\nstpes: []\nsteps:\n  - uses: wipe\n", "keys.yaml")
    names = cli.recipe("pinflow: 1\nname: x\nsteps:\n  - uses: mkae_things\n  - uses: wpie\n", "names.yaml")
    assert cli("validate", keys, recipe, names) == 2
    assert cli.stdout == f"{recipe}: ok (1 step)\n"
    told = [line.partition(": ") for line in cli.stderr.splitlines() if line.startswith("/")]
    assert [place for place, _, _ in told] == [f"{keys}:3:1", f"{names}:4:11", f"{names}:5:11"]
    meant = [text.partition("did you mean ")[2].replace("'", "") for _, _, text in told]
    assert meant == ["steps?", "make_things?", "wipe?"]


def test_validate_for_programs_has_the_same_in_one_object(cli: Cli, recipe: str) -> None:
    assert cli("validate", recipe, str(cli.folder / "none.yaml"), "--output", "json") == 2
    good, bad = cli.json["recipes"]
    assert good == {"file": recipe, "ok": True, "name": "Fill the shop", "api": None, "steps": 1, "logins": {}}
    assert (bad["ok"], bad["error"]["kind"], bad["error"]["problems"][0]["line"]) == (False, "recipe_error", 0)
    assert cli.stderr == ""


# -- actions


def test_actions_are_listed_with_what_they_do(cli: Cli) -> None:
    assert cli("actions") == 0
    assert cli.stdout == (
        "any API\n"
        "  make_things  write    Make things.\n"
        "  paint        read     Paint rooms.\n"
        "  wipe         deletes  Throw everything away.\n"
    )


def test_an_action_is_shown_with_everything_that_it_declares(cli: Cli) -> None:
    assert cli("actions", "make_things") == 0
    assert cli.stdout == (
        "make_things: Make things.\n\n"
        "about\n  All of them, one by one.\n\n"
        "arguments\n  count  integer  required  how many\n\n"
        "output\n  anything\n\n"
        "needs\n  effect write\n\n"
        "from\n  Shop (tests.core.test_cli_commands)\n\n"
        "recipe\n"
        "  pinflow: 1\n"
        "  name: Make things\n"
        "  steps:\n"
        "    - id: make_things\n"
        "      uses: make_things\n"
        "      with:\n"
        "        count: 0  # how many\n\n"
    )


@pytest.mark.parametrize("name", ["make_things", "paint", "wipe"])
def test_every_snippet_is_a_recipe_that_validates(cli: Cli, name: str) -> None:
    assert cli("actions", name, "--snippet") == 0
    recipe = cli.recipe(cli.stdout, "snippet.yaml")
    assert cli("validate", recipe) == 0, cli.stderr


@pytest.mark.parametrize("name", ["make_things", "paint", "wipe"])
def test_every_snippet_fits_the_schema_for_editors(cli: Cli, name: str) -> None:
    from pinflow.recipe.source import load as read

    cli("schema")
    schema = cli.json
    Draft202012Validator.check_schema(schema)
    cli("actions", name, "--snippet")
    assert list(Draft202012Validator(schema).iter_errors(read(cli.stdout, "snippet.yaml").data)) == []


def test_actions_names_prints_one_name_per_line(cli: Cli) -> None:
    assert cli("actions", "--names") == 0
    assert cli.stdout == "make_things\npaint\nwipe\n"


def test_an_unknown_action_names_the_nearest(cli: Cli) -> None:
    assert cli("actions", "make_thing") == 2
    assert cli.stderr == (
        "error: unknown action 'make_thing'; did you mean 'make_things'?\n  pinflow actions lists them\n"
    )


def test_actions_for_programs_have_their_schemas(cli: Cli) -> None:
    assert cli("actions", "paint", "--output", "json") == 0
    (paint,) = cli.json["actions"]
    assert (paint["effect"], paint["yields"], paint["plugin"]) == ("read", True, "Shop")
    assert paint["parameters"]["required"] == ["color", "way", "coats", "when", "rooms"]


# -- plugins


def test_plugins_are_listed_with_what_they_offer(cli: Cli) -> None:
    assert cli("plugins", "-v") == 0
    lines = [line.split() for line in cli.stdout.splitlines()]
    assert lines[0] == ["PLUGIN", "PACKAGE", "VERSION", "PROVIDES", "HOOKS"]
    assert lines[1][:5] == ["Shop", "tests.core.test_cli_commands", "3", "actions", "actions"]
    assert lines[2] == ["action", "make_things"]
