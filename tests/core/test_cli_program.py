"""The program as a whole: help, mistyped words, common options, and what becomes of errors."""

from __future__ import annotations

import errno
import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pinflow.__main__ as program
from pinflow.cli.commands import BUILT_IN
from pinflow.cli.error_exit import run_guarded
from pinflow.cli.shell import CommonOptions, Shell
from pinflow.errors import (
    ActionError,
    ApprovalRequired,
    CredentialError,
    InDoubt,
    Interrupted,
    MissingScope,
    PinflowError,
    PluginError,
    Problem,
    RateLimited,
    RecipeError,
    SpamBlocked,
    StateError,
    UsageError,
)
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

GREETER = """
from pinflow import Command, hookimpl

def arguments(parser):
    parser.add_argument("--name", default="world")
    parser.add_subparsers(dest="verb").add_parser("loudly")

def run(args, app):
    print(f"hello {args.name} {args.verb} {len(app.registry.plugins)}")
    return 5

@hookimpl
def pinflow_commands():
    return [Command(name="greet", help="say hello", add_arguments=arguments, run=run, group="Run recipes")]
"""


@pytest.fixture
def greeter(tmp_path: Path) -> str:
    path = tmp_path / "greeter.py"
    path.write_text(GREETER)
    return str(path)


# -- help


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("help",), ("--help", "-q")])
def test_help_lists_every_command_by_purpose_and_ends_with_examples(cli: Cli, words: Sequence[str]) -> None:
    assert cli(*words) == 0
    titles = [line for line in cli.stdout.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert titles.index("Run recipes:") < titles.index("Write recipes:") < titles.index("This installation:")
    assert titles[-1] == "Examples:"
    assert all(f"\n  {entry.name} " in cli.stdout for entry in BUILT_IN)
    assert cli.stderr == ""


def test_without_a_command_help_goes_to_stderr_and_the_exit_code_is_that_of_wrong_usage(cli: Cli) -> None:
    assert cli() == 2
    assert cli.stdout == ""
    assert "usage: pinflow COMMAND" in cli.stderr


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from pinflow.__main__ import main; main(['--help']); main(['run', '--help']); "
        "print(*sorted({m.partition('.')[0] for m in sys.modules}), file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(found.stderr.split())
    assert "pinflow" in loaded
    assert not loaded & {"pydantic", "pydantic_core", "requests", "rich", "yaml", "sqlite3", "urllib3", "http"}


def test_only_the_module_of_the_command_is_imported() -> None:
    script = (
        "import sys; from pinflow.__main__ import main; main(['validate', '--help']); "
        "print(*sorted(m for m in sys.modules if m.startswith('pinflow.cli.')), file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    commands = {f"pinflow.cli.{entry.name}" for entry in BUILT_IN}
    assert commands & set(found.stderr.split()) == {"pinflow.cli.validate"}


@pytest.mark.parametrize(("words", "seldom"), [("", True), ("['runs']", False)], ids=["own process", "within another"])
def test_the_collector_of_garbage_is_set_for_a_process_of_its_own_alone(
    words: str, seldom: bool, tmp_path: Path
) -> None:
    script = (
        "import gc, sys; from pinflow.__main__ import main; sys.argv[1:] = ['runs']; before = gc.get_threshold(); "
        f"code = main({words}); print(code, gc.get_threshold() != before, gc.get_freeze_count() > 0, file=sys.stderr)"
    )
    environ = {**os.environ, "PINFLOW_STATE_DIR": str(tmp_path), "PINFLOW_CACHE_DIR": str(tmp_path)}
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environ)
    assert found.stderr.split()[-3:] == ["0", str(seldom), str(seldom)]


@pytest.mark.parametrize("name", [entry.name for entry in BUILT_IN])
def test_every_command_has_help_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: pinflow {name}")
    assert "pinflow" in text.partition("\nexamples:\n")[2]


def test_help_can_be_asked_for_in_the_other_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["help", "runs"]) == 0
    assert capsys.readouterr().out.startswith("usage: pinflow runs")


def test_the_version_is_answered_without_loading_plugins(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("pinflow ")


# -- words that were mistyped


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rnu", "x.yaml"], "error: unknown command 'rnu'; did you mean 'run'?\n  see: pinflow --help\n"),
        (["frobnicate"], "error: unknown command 'frobnicate'\n  see: pinflow --help\n"),
        (["my.yaml"], "error: unknown command 'my.yaml'\n  to run this recipe: pinflow run my.yaml\n"),
        (["--hlep"], "error: unknown option --hlep; did you mean '--help'?\n  see: pinflow --help\n"),
        (
            ["run", "x.yaml", "--sandbxo"],
            "error: unknown option --sandbxo; did you mean '--sandbox'?\n  see: pinflow run --help\n",
        ),
        (
            ["run", "x.yaml", "--dry"],
            "error: unknown option --dry; did you mean '--dry-run'?\n  see: pinflow run --help\n",
        ),
        (
            ["run", "--tier", "tral", "x.yaml"],
            "error: argument --tier: must be standard or trial, not 'tral'; did you mean 'trial'?\n"
            "  see: pinflow run --help\n",
        ),
        (["run", "a.yaml", "b.yaml"], "error: unexpected argument 'b.yaml'\n  see: pinflow run --help\n"),
        (
            ["runs", "shwo", "x"],
            "error: argument show ID: must be show, not 'shwo'; did you mean 'show'?\n  see: pinflow runs --help\n",
        ),
        (
            ["actions", "--output", "xml"],
            "error: argument --output: must be human or json, not 'xml'\n  see: pinflow actions --help\n",
        ),
    ],
)
def test_a_wrong_word_is_wrong_usage_and_the_nearest_right_one_is_named(
    cli: Cli, words: Sequence[str], message: str
) -> None:
    assert cli(*words) == 2
    assert cli.stderr == message
    assert cli.stdout == ""


# -- options of every command


@pytest.mark.parametrize(
    "words", [["--output", "json", "plugins"], ["plugins", "--output", "json"], ["--output=json", "-q", "plugins"]]
)
def test_common_options_stand_before_or_after_the_command(cli: Cli, words: Sequence[str]) -> None:
    assert cli(*words) == 0
    keys = {"name", "module", "distribution", "version", "offers", "hooks", "held"}
    assert keys == set(json.loads(cli.stdout)["plugins"][0])


@pytest.mark.parametrize(
    ("options", "environ", "colored"),
    [
        ([], {}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colours_follow_the_option_then_the_environment_then_the_terminal(
    tmp_path: Path, options: Sequence[str], environ: Mapping[str, str], colored: bool
) -> None:
    cli = Cli(tmp_path, **environ)
    assert cli(*options, "rnu") == 2
    assert ("\x1b[31merror:\x1b[0m" in cli.stderr) is colored


# -- commands of plugins


def test_a_plugins_command_is_listed_in_its_group(cli: Cli, greeter: str) -> None:
    assert cli("--plugin", greeter, "--help") == 0
    assert "  runs        list runs, or show one\n" in cli.stdout
    assert "  quota       show how much of each quota is used and left\n  greet       say hello\n" in cli.stdout


def test_a_plugins_command_gets_its_arguments_and_the_app_and_gives_the_exit_code(cli: Cli, greeter: str) -> None:
    assert cli("--plugin", greeter, "greet", "--name", "you", "loudly") == 5
    assert cli.stdout.startswith("hello you loudly ")


def test_a_mistyped_option_of_a_plugins_command_is_named(cli: Cli, greeter: str) -> None:
    assert cli("--plugin", greeter, "greet", "--nmae", "x") == 2
    assert "did you mean '--name'?" in cli.stderr


def test_the_list_of_commands_is_kept_until_a_plugin_changes(cli: Cli, tmp_path: Path) -> None:
    cli("--help")
    kept = tmp_path / "cache" / "help.cache"
    text = kept.read_text()
    kept.write_text(text.replace("list runs", "dance a little"))
    cli("--help")
    assert "dance a little" in cli.stdout
    kept.write_text(f"another{text}".replace("list runs", "dance a little"))
    again = Cli(tmp_path)
    again("--help")
    assert "dance a little" not in again.stdout


def test_the_kept_help_is_printed_before_anything_is_imported(tmp_path: Path) -> None:
    environ = {**os.environ, "PINFLOW_CACHE_DIR": str(tmp_path)}
    script = (
        "import sys; from pinflow.__main__ import main; code = main(['--help']); "
        "print(code, *sorted(m for m in sys.modules if m.startswith('pinflow')), file=sys.stderr)"
    )
    command = [sys.executable, "-c", script]
    first, second = (subprocess.run(command, capture_output=True, text=True, env=environ) for _ in range(2))
    assert first.stdout == second.stdout
    assert second.stderr.split() == [
        *("0", "pinflow", "pinflow.__main__", "pinflow.cli", "pinflow.cli.help_cache", "pinflow.plugin"),
        *("pinflow.plugin.import_cache", "pinflow.state", "pinflow.state.folder"),
        *("pinflow.state.folder.ownership", "pinflow.state.folder.paths"),
    ]


def test_help_is_there_even_when_a_plugin_is_broken(cli: Cli, tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0")
    assert cli("--plugin", str(broken), "--help") == 0
    assert "usage: pinflow" in cli.stdout
    assert "does not load: ZeroDivisionError" in cli.stderr


def test_two_plugins_with_one_command_are_both_named(cli: Cli, greeter: str, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text(GREETER)
    assert cli("--plugin", greeter, "--plugin", str(other), "greet") == 2
    assert "command greet is offered twice, by both 'greeter'" in cli.stderr


# -- what becomes of errors

SCOPE = MissingScope("not allowed", missing=["boards:write"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PinflowError("x"), 1),
        (UsageError("x"), 2),
        (PluginError("x"), 2),
        (CredentialError("x"), 4),
        (SCOPE, 4),
        (ApprovalRequired("x"), 5),
        (ActionError("x"), 1),
        (RateLimited("x"), 6),
        (SpamBlocked("x", status=403), 6),
        (InDoubt("x"), 7),
        (StateError("x"), 8),
        (Interrupted("x"), 130),
        (KeyboardInterrupt(), 130),
        (SystemExit(143), 143),
        (SystemExit(), 0),
        (ZeroDivisionError("x"), 3),
    ],
)
def test_each_kind_of_error_has_its_exit_code(cli: Cli, error: BaseException, code: int) -> None:
    assert run_guarded(cli.shell(), raising(error)) == code
    assert "Traceback" not in cli.stderr


def raising(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


def test_an_error_is_a_message_and_what_to_do(cli: Cli) -> None:
    run_guarded(cli.shell(), raising(CredentialError("no token 'x'", hint="get one with: pinflow auth login x")))
    assert cli.stderr == "error: no token 'x'\n  get one with: pinflow auth login x\n"
    assert cli.stdout == ""


def test_the_lines_of_a_message_can_not_look_like_messages_of_their_own(cli: Cli) -> None:
    run_guarded(cli.shell(), raising(ActionError("bad title: \x1b[2Ja\nerror: all is lost", hint="a\nb")))
    assert cli.stderr == "error: bad title: ^[[2Ja\n  error: all is lost\n  a\n  b\n"


def test_problems_of_a_recipe_stand_alone_for_editors_to_find(cli: Cli) -> None:
    problems = [
        Problem("r.yaml", 3, 5, "unknown key 'stpes'", "did you mean 'steps'?"),
        Problem("r.yaml", 1, 1, "no name"),
    ]
    run_guarded(cli.shell(), raising(RecipeError(problems)))
    assert cli.stderr == "r.yaml:1:1: no name\nr.yaml:3:5: unknown key 'stpes'; did you mean 'steps'?\n"


def test_programs_get_errors_as_json_on_stdout(cli: Cli) -> None:
    shell = cli.shell().with_options(CommonOptions(output="json"))
    run_guarded(shell, raising(RecipeError([Problem("r.yaml", 3, 5, "unknown key", "delete it", "  - uss: log", 5)])))
    assert cli.stderr == ""
    assert json.loads(cli.stdout) == {
        "error": {
            "kind": "recipe_error",
            "message": "r.yaml:3:5: unknown key; delete it",
            "hint": "",
            "exit_code": 2,
            "problems": [
                {"file": "r.yaml", "line": 3, "column": 5, "what": "unknown key", "hint": "delete it"}
                | {"line_text": "  - uss: log", "text_column": 5}
            ],
        }
    }


def test_a_defect_leaves_a_report_that_only_the_user_can_read(cli: Cli, tmp_path: Path) -> None:
    def work() -> int:
        token = "pina_" + "AbC123" * 8
        try:
            raise KeyError(token)
        except KeyError:
            return 1 // len(token[:0])

    assert run_guarded(cli.shell(), work) == 3
    (report,) = (tmp_path / "state").iterdir()
    assert str(report) in cli.stderr
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text()
    assert "AbC123AbC123" not in text + cli.stderr
    assert "builtins.KeyError: '[...]'" in text
    assert text.endswith("builtins.ZeroDivisionError: integer division or modulo by zero\n")
    assert "in work\n    return 1 // len(token[:0])" in text


def test_a_defect_with_a_state_directory_that_can_not_be_used_is_reported_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "temp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    cli = Cli(tmp_path, PINFLOW_STATE_DIR=str(tmp_path / "file" / "state"))
    assert run_guarded(cli.shell(), raising(ValueError("x"))) == 3
    assert len(list((tmp_path / "temp").iterdir())) == 1


def test_a_defect_is_told_to_programs_as_well(cli: Cli) -> None:
    shell = cli.shell().with_options(CommonOptions(output="json"))
    assert run_guarded(shell, raising(ValueError("x"))) == 3
    error = json.loads(cli.stdout)["error"]
    assert (error["kind"], error["exit_code"]) == ("defect", 3)


class _Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def test_a_reader_that_went_away_changes_no_exit_code(cli: Cli) -> None:
    shell = Shell(io.StringIO(), _Closed(), io.StringIO(), cli.environ)
    assert program.main(["plugins"], shell=shell) == 0
    assert cli.stderr == ""


def test_a_pipe_that_a_plugin_broke_ends_quietly(cli: Cli) -> None:
    assert run_guarded(cli.shell(), raising(BrokenPipeError())) == 141
    assert (cli.stdout, cli.stderr) == ("", "")


def test_a_pipe_to_head_is_closed_without_a_word(tmp_path: Path) -> None:
    environ: Mapping[str, Any] = {**os.environ, **Cli(tmp_path).environ}
    command = f"{sys.executable} -m pinflow schema | head -n 1"
    found = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, env=environ, check=True, cwd=Path.cwd()
    )
    assert (found.stdout, found.stderr) == ("{\n", "")


def test_a_stream_without_the_characters_gets_escapes(tmp_path: Path) -> None:
    recipe = tmp_path / "ü.yaml"
    recipe.write_text("pinflow: 1\n")
    environ = {**os.environ, **Cli(tmp_path).environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "pinflow", "validate", str(recipe)]
    found = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    assert found.returncode == 2
    assert "\\xfc.yaml:1:1:" in found.stderr


@pytest.mark.parametrize("name", ["run", "help"])
@pytest.mark.parametrize("words", [["plugins"], ["greet"]], ids=" ".join)
def test_a_plugins_command_cannot_have_the_name_of_one_of_ours(tmp_path: Path, name: str, words: list[str]) -> None:
    plugin = tmp_path / "usurper.py"
    plugin.write_text(
        "from pinflow import Command, hookimpl\n\n@hookimpl\ndef pinflow_commands():\n"
        f"    return [Command(name='{name}', help='', add_arguments=lambda p: None, run=lambda a, b: 0)]\n"
    )
    out, err = io.StringIO(), io.StringIO()
    shell = Shell(io.StringIO(), out, err, {"PINFLOW_STATE_DIR": str(tmp_path), "PINFLOW_CACHE_DIR": str(tmp_path)})
    assert program.main([*words, "--plugin", str(plugin)], shell=shell) == 2
    assert f"command {name} is offered twice, by both pinflow itself and 'usurper' ({plugin})" in err.getvalue()


def through_shell(line: str, *words: str, state: Path) -> subprocess.CompletedProcess[str]:
    """The program, as a line of a shell starts it: "$@" is the program and its words."""
    command = ["sh", "-c", line, "sh", sys.executable, "-m", "pinflow", *words]
    environ = {**os.environ, "PINFLOW_STATE_DIR": str(state)}
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell of POSIX")
@pytest.mark.parametrize(
    ("line", "words", "code", "shown"),
    [
        ('exec "$@" >&-', ["runs"], 0, "No runs yet"),
        ('exec "$@" >&-', ["--version"], 0, ""),
        ('exec "$@" 2>&-', ["nosuch"], 2, ""),
        ('exec "$@" <&- >&- 2>&-', ["actions"], 0, ""),
        ('exec "$@" >/dev/full', ["actions"], 8, "error: the result can't be written: No space left on device"),
        ('exec "$@" 2>/dev/full', ["runs"], 0, ""),
    ],
)
def test_a_stream_that_is_closed_or_full_is_no_defect(
    line: str, words: list[str], code: int, shown: str, tmp_path: Path
) -> None:
    if "/dev/full" in line and not Path("/dev/full").exists():
        pytest.skip("there is no such device")
    ended = through_shell(line, *words, state=tmp_path)
    assert ended.returncode == code
    assert ended.stderr.startswith(shown)
    assert "defect" not in ended.stderr
    assert not list(tmp_path.glob("defect-*"))


def test_an_error_is_folded_between_words_on_a_terminal_and_whole_in_a_pipe(cli: Cli) -> None:
    message = "the recipe makes changes and isn't approved to run unattended, so that nothing of it was sent today\nwhy"
    run_guarded(cli.shell(answers=""), raising(UsageError(message)))
    assert cli.stderr == (
        "error: the recipe makes changes and isn't approved to run unattended, so that\n"
        "  nothing of it was sent today\n"
        "  why\n"
    )
    run_guarded(cli.shell(), raising(UsageError(message)))
    assert cli.stderr.splitlines() == [f"error: {message.splitlines()[0]}", "  why"]
