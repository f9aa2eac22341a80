"""Secret inputs: from a file or a variable, never in what is shown, and for one more version on the command line."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import Context, action, hookimpl
from pinflow.errors import ActionError
from tests.cli import Cli

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = """
name: n
inputs:
  word: {type: secret, required: true}
  other: {type: string, default: plain}
steps:
  - {uses: tell, with: {word: "${{ inputs.word }}", other: "${{ inputs.other }}"}}
"""


class Telling:
    """Its action remembers what it was given, and fails the first time."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.failing = False

    @hookimpl
    def pinflow_actions(self) -> list[object]:
        @action("tell")
        def tell(ctx: Context, *, word: str, other: str) -> None:
            """Tell a word."""
            self.told.append((word, other))
            ctx.log(f"told {word}")
            if self.failing:
                raise ActionError(f"no {word}")

        return [tell]


@pytest.fixture
def telling() -> Telling:
    return Telling()


@pytest.fixture
def secret_cli(tmp_path: Path, telling: Telling, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.yaml").write_text(RECIPE)
    cli = Cli(tmp_path)
    cli.use_plugins(telling)
    return cli


def printed_by(cli: Cli) -> str:
    return cli.stdout + cli.stderr


def test_a_secret_comes_from_a_file(secret_cli: Cli, telling: Telling, tmp_path: Path) -> None:
    (tmp_path / "word.txt").write_text("open sesame\n")
    assert secret_cli("run", "r.yaml", "-i", "word=@word.txt") == 0
    assert telling.told == [("open sesame", "plain")]
    assert "open sesame" not in printed_by(secret_cli)
    assert "warning" not in secret_cli.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
def test_a_secret_comes_from_a_pipe_which_can_be_read_once(secret_cli: Cli, telling: Telling, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("open sesame",), daemon=True)
    writer.start()
    assert secret_cli("run", "r.yaml", "-i", "word=@pipe") == 0
    writer.join(10)
    assert telling.told == [("open sesame", "plain")]


def test_a_secret_comes_from_its_variable_and_other_inputs_do_not(secret_cli: Cli, telling: Telling) -> None:
    secret_cli.environ |= {"PINFLOW_INPUT_WORD": "open sesame", "PINFLOW_INPUT_OTHER": "not seen"}
    assert secret_cli("run", "r.yaml") == 0
    assert secret_cli("run", "r.yaml", "-i", "other=@nowhere") == 0
    assert telling.told == [("open sesame", "plain"), ("open sesame", "@nowhere")]
    assert "open sesame" not in printed_by(secret_cli)


def test_a_file_for_an_input_that_is_not_secret_is_told_to_be_text(
    secret_cli: Cli, telling: Telling, tmp_path: Path
) -> None:
    secret_cli.environ["PINFLOW_INPUT_WORD"] = "open sesame"
    (tmp_path / "plain").write_text("x")
    for value in ("@k.txt", f"@{tmp_path}/plain", f"@{tmp_path}"):
        assert secret_cli("run", "r.yaml", "-i", f"other={value}") == 0
        note = f"note: input 'other' is the text {value!r}: @ is read only for secret inputs (type: secret)\n"
        assert note in secret_cli.stderr
    assert telling.told[0] == ("open sesame", "@k.txt")
    assert secret_cli("run", "r.yaml", "-i", "other=@somebody") == 0
    assert "note: " not in secret_cli.stderr
    (tmp_path / "secret.txt").write_text("open sesame")
    assert secret_cli("run", "r.yaml", "-i", f"word=@{tmp_path}/secret.txt") == 0
    assert "note: " not in secret_cli.stderr


def test_a_secret_on_the_command_line_works_with_a_warning_that_says_what_to_do(secret_cli: Cli) -> None:
    assert secret_cli("run", "r.yaml", "-i", "word=open sesame") == 0
    assert (
        "warning: every process of this machine can read the secret 'word' on the command line: give it with "
        "-i word=@FILE, or the variable PINFLOW_INPUT_WORD; pinflow 0.3 refuses it there\n"
    ) in secret_cli.stderr
    assert "open sesame" not in printed_by(secret_cli)


def test_a_run_is_resumed_with_the_variable_and_keeps_no_secret(
    secret_cli: Cli, telling: Telling, tmp_path: Path
) -> None:
    telling.failing = True
    secret_cli.environ["PINFLOW_INPUT_WORD"] = "open sesame"
    assert secret_cli("run", "r.yaml") == 1
    assert "no ***" in secret_cli.stderr
    telling.failing = False
    assert secret_cli("resume") == 0
    del secret_cli.environ["PINFLOW_INPUT_WORD"]
    assert len(telling.told) == 2
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and b"open sesame" in path.read_bytes()]
    assert kept == []


def test_what_an_expression_makes_of_a_secret_is_one_too(secret_cli: Cli, telling: Telling, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("""
name: n
inputs: {word: {type: secret, required: true}}
steps:
  - {uses: tell, with: {word: "first ${{ split(inputs.word, ' ')[0] }}", other: "${{ 'x' }}"}}
  - for_each: [{to: a, words: "${{ split(inputs.word, ' ') }}"}]
    key: "${{ item.to }}"
    do: [{uses: tell, with: {word: "then ${{ item.words[1] }} of ${{ item.to }}", other: plain}}]
""")
    secret_cli.environ["PINFLOW_INPUT_WORD"] = "correcthorse batterystaple"
    assert secret_cli("run", "r.yaml") == 0, secret_cli.stderr
    assert telling.told == [("first correcthorse", "x"), ("then batterystaple of a", "plain")]
    assert "told first ***" in printed_by(secret_cli)
    assert "told then *** of a" in printed_by(secret_cli)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("it is ${{ slice(inputs.word, 0, 4) }}!", "it is ***!"),
        ("${{ slice(inputs.word, 0, 4) }}", "***"),
        ("${{ first(split(inputs.word, 'r')) }}${{ inputs.word == 'corr' }}", "******"),
        ("${{ length(inputs.word) }} of ${{ inputs.other }}", "*** of plain"),
        ("${{ starts_with(inputs.word, 'corr') }}", "***"),
        ("${{ inputs.made }}", "***"),
        ("${{ item.part }} of ${{ item.other }}", "*** of plain"),
    ],
)
@pytest.mark.parametrize("flags", [(), ("--dry-run",), ("--output", "ndjson")])
def test_a_part_of_a_secret_is_stars_in_what_log_shows(
    text: str, said: str, flags: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cli = Cli(tmp_path, PINFLOW_INPUT_WORD="correcthorse batterystaple")
    (tmp_path / "r.yaml").write_text(f"""
name: n
inputs:
  word: {{type: secret, required: true}}
  other: {{type: string, default: plain}}
  made: {{type: string, default: "${{{{ slice(inputs.word, 0, 4) }}}}"}}
steps:
  - for_each: [{{part: "${{{{ slice(inputs.word, 0, 4) }}}}", other: "${{{{ inputs.other }}}}"}}]
    key: "${{{{ item.other }}}}"
    do: [{{uses: log, with: {{text: "<{text}>", warning: true}}}}]
""")
    assert cli("run", "r.yaml", *flags) == 0, cli.stderr
    assert f"<{said}>" in printed_by(cli)
    assert "corr" not in printed_by(cli)


@pytest.mark.parametrize("output", ["json", "ndjson"])
def test_numbers_that_hold_a_secret_are_stars_and_json_stays_json(tmp_path: Path, output: str) -> None:
    class Counting:
        @hookimpl
        def pinflow_actions(self) -> list[object]:
            @action("count")
            def count(ctx: Context) -> dict[str, Any]:
                """Count."""
                ctx.log("there are 12345678")
                return {
                    "board_count": 12345678,
                    "less": -12345678,
                    "half": 1234.5678,
                    "pair": [1234, 5678],
                    "pins": 813,
                }

            return [count]

    (tmp_path / "r.yaml").write_text(
        "name: n\ninputs: {pin: {type: secret, required: true}}\nsteps: [{id: a, uses: count}]\n"
        'outputs: {counted: "${{ steps.a }}", text: "${{ steps.a.less }} of ${{ steps.a.pins }}"}\n'
    )
    cli = Cli(tmp_path, PINFLOW_INPUT_PIN="12345678")
    cli.use_plugins(Counting())
    assert cli("run", str(tmp_path / "r.yaml"), "--output", output) == 0, cli.stderr
    lines = [json.loads(line) for line in cli.stdout.splitlines()]
    counted = {"board_count": "***", "less": "***", "half": "***", "pair": ["***", "***"], "pins": 813}
    assert lines[-1]["outputs"] == {"counted": counted, "text": "-*** of 813"}
    assert "12345678" not in cli.stdout + cli.stderr


def test_what_is_missing_is_told_with_how_to_give_it(secret_cli: Cli) -> None:
    assert secret_cli("run", "r.yaml") == 2
    assert "input 'word' needs a value; give it with: -i word=@FILE, or the variable PINFLOW_INPUT_WORD" in (
        secret_cli.stderr
    )


def test_a_job_gets_its_secret_from_the_schedulers_environment_and_never_keeps_it(
    secret_cli: Cli, telling: Telling, tmp_path: Path
) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE + "schedule: {every: minute}\n")
    assert secret_cli("tick", "r.yaml", "-i", "word=open sesame") == 2
    assert "takes a secret (word), which a schedule can't keep" in secret_cli.stderr
    assert "start the scheduler with the variable PINFLOW_INPUT_WORD" in secret_cli.stderr
    secret_cli.environ["PINFLOW_INPUT_WORD"] = "open sesame"
    for _ in range(2):  # the first makes it known, the second finds it due
        assert secret_cli("tick", "r.yaml") == 0, secret_cli.stderr
    assert telling.told == [("open sesame", "plain")]
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and b"open sesame" in path.read_bytes()]
    assert kept == []


@pytest.mark.parametrize(
    ("content", "given", "problem"),
    [
        (b"seven77\n", "@word.txt", "is too short: a secret has at least 8 characters"),
        (b"seven77", "seven77", "is too short: a secret has at least 8 characters"),
        (b"", "@gone.txt", "can't be read from 'gone.txt': No such file or directory"),
        (b"\xff" * 9, "@word.txt", "can't be read from 'word.txt': it isn't the name of a text file"),
        (b"x" * 70_000, "@word.txt", "can't be read from 'word.txt': it has more than 64 kB"),
        (b"", "@" + "x" * 300, "File name too long"),
        (b"", "@a\0b", "it isn't the name of a text file"),
    ],
)
def test_a_secret_that_will_not_do_is_refused_without_being_shown(
    secret_cli: Cli, tmp_path: Path, content: bytes, given: str, problem: str
) -> None:
    (tmp_path / "word.txt").write_bytes(content)
    assert secret_cli("run", "r.yaml", "-i", f"word={given}") == 2
    assert "input 'word'" in secret_cli.stderr
    assert problem in secret_cli.stderr
    assert "seven77" not in printed_by(secret_cli)
