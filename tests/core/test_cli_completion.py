"""Completion scripts, as the shells themselves read them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.cli import Cli

GREETER = """
from pinflow import Command, hookimpl

def arguments(parser):
    below = parser.add_subparsers(dest="verb")
    below.add_parser("softly").add_argument("--times", choices=["one", "two"])
    below.add_parser("loudly")
    whom = below.add_parser("whom")
    whom.add_argument("--names", action="store_true")

@hookimpl
def pinflow_commands():
    return [Command(name="greet", help="say 'hello': $(now)", add_arguments=arguments, run=lambda args, app: 0)]
"""


@pytest.fixture
def script(cli: Cli, tmp_path: Path) -> Callable[[str], Path]:
    """The script for a shell, with a plugin's command in it."""
    plugin = tmp_path / "greeter.py"
    plugin.write_text(GREETER)

    def make(name: str) -> Path:
        assert cli("completion", name, "--plugin", plugin) == 0
        path = tmp_path / f"pinflow.{name}"
        path.write_text(cli.stdout)
        return path

    return make


def in_shell(script: Path, *command: str) -> str:
    """What a shell says, in a folder with some files, with ``pinflow`` on its path."""
    folder = script.parent / "here"
    folder.mkdir(exist_ok=True)
    for name in ("mine.yaml", "other.yml", "notes.txt"):
        (folder / name).write_text("")
    program = folder.parent / "bin"
    program.mkdir(exist_ok=True)
    (program / "pinflow").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pinflow "$@"\n')
    (program / "pinflow").chmod(0o755)
    environ = {**os.environ, "PATH": f"{program}{os.pathsep}{os.environ['PATH']}"}
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, env=environ)
    assert found.stderr == ""
    return found.stdout


def in_bash(script: Path, *words: str) -> list[str]:
    lines = [
        f"source {shlex.quote(str(script))}",
        f"COMP_WORDS=({' '.join(map(shlex.quote, words))})",
        f"COMP_CWORD={len(words) - 1}",
        "_pinflow",
        'printf "%s\\n" "${COMPREPLY[@]}"',
    ]
    return in_shell(script, "bash", "-c", "\n".join(lines)).split()


def in_zsh(script: Path, *words: str) -> list[str]:
    """As zsh calls it, with what its completion system would add written down instead."""
    lines = [
        "compdef() { }",
        'compadd() { while [[ "$1" != -- ]]; do shift; done; shift; print -l -- "$@" }',
        "_files() { print -l -- ${~2:-*}(N) }",
        '_describe() { print -l -- "${(@)${(@P)2}%%:*}" }',
        f"source {shlex.quote(str(script))}",
        f"words=({' '.join(map(shlex.quote, words))}) CURRENT={len(words)}",
        "_pinflow",
    ]
    said = in_shell(script, "zsh", "-f", "-c", "\n".join(lines)).split()
    return [word for word in said if word.startswith(words[-1])]


def in_fish(script: Path, *words: str) -> list[str]:
    line = shlex.quote(" ".join(words))
    said = in_shell(script, "fish", "--no-config", "-c", f"source {shlex.quote(str(script))}; complete -C {line}")
    return [each.partition("\t")[0] for each in said.splitlines()]


SHELLS: dict[str, Callable[..., list[str]]] = {"bash": in_bash, "zsh": in_zsh, "fish": in_fish}


@pytest.fixture(params=SHELLS)
def completed(request: pytest.FixtureRequest, script: Callable[[str], Path]) -> Callable[..., list[str]]:
    """What a shell offers for the last of the words."""
    if shutil.which(request.param) is None:
        pytest.skip(f"there is no {request.param} here")
    return partial(SHELLS[request.param], script(request.param))


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["pinflow", "--output", "n"], ["ndjson"]),
        (["pinflow", "r"], ["run", "resume", "runs", "recipes"]),
        (["pinflow", "gr"], ["greet"]),
        (["pinflow", "run", "--dr"], ["--dry-run"]),
        (["pinflow", "run", "x.yaml", "--tier", ""], ["standard", "trial"]),
        (["pinflow", "--output", "json", "runs", "s"], ["show"]),
        (["pinflow", "runs", "show", "--it"], ["--items"]),
        (["pinflow", "run", "--output", "n"], ["ndjson"]),
        (["pinflow", "run", "min"], ["mine.yaml"]),
        (["pinflow", "validate", "o"], ["other.yml"]),
        (["pinflow", "validate", "mine.yaml", "--plugin", "no"], ["notes.txt"]),
        (["pinflow", "completion", ""], ["bash", "zsh", "fish"]),
        (["pinflow", "greet", ""], ["softly", "loudly", "whom"]),
        (["pinflow", "greet", "softly", "--times", ""], ["one", "two"]),
    ],
)
def test_a_shell_completes_commands_options_their_values_and_recipes(
    completed: Callable[..., list[str]], words: Sequence[str], offered: list[str]
) -> None:
    found = completed(*words)
    # fish offers other files too, after those that are meant
    others = {"notes.txt", "mine.yaml"} if {"mine.yaml", "other.yml"} & set(offered) else set()
    assert set(offered) <= set(found)
    assert set(found) - set(offered) <= others


SHOP = """\
name: Shop
api: v5
inputs:
  size: {choices: [small, large]}
  sold: {type: boolean}
  to: {type: token}
auth: {seller: {token: access_token}, buyer: {token: access_token}}
schedule: {every: day, at: "03:30"}
steps: [{uses: get_user, auth: seller}, {uses: get_user, auth: buyer}]
"""


@pytest.fixture
def busy(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A state with a run and a job, a token file, and a recipe; the run's id."""
    for name in ("PINFLOW_STATE_DIR", "PINFLOW_CACHE_DIR"):
        monkeypatch.setenv(name, cli.environ[name])
    here = tmp_path / "here"
    (here / "recipes").mkdir(parents=True)
    (here / "shop.yaml").write_text(SHOP)
    tokens = here / "common" / "oauth_tokens"
    tokens.mkdir(parents=True)
    (tokens / "second.json").write_text('{"access_token": "x"}')
    (tokens / "$(touch ran).json").write_text('{"access_token": "x"}')
    (here / "other.json").write_text("{}")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tokens / "pipe.json")
    monkeypatch.chdir(here)
    assert cli("tick", "shop.yaml") == 0, cli.stderr
    assert cli("run", "get_user", "--sandbox", "--output", "json") == 0
    return str(cli.json["run"])


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["pinflow", "run", "copy_m"], {"copy_matching_pins"}),
        (["pinflow", "recipes", "copy_bo"], {"copy_board"}),
        (["pinflow", "validate", "save"], {"save_pin"}),
        (["pinflow", "new", "recipe", "loo"], {"loop"}),
        (["pinflow", "run", "copy_board", "-i", "bo"], {"board="}),
        (["pinflow", "run", "shop.yaml", "--input", "si"], {"size=", "size=small", "size=large"}),
        (["pinflow", "run", "-i", "size=small", "shop.yaml", "-i", "s"], {"sold=", "sold=true", "sold=false"}),
        (["pinflow", "run", "shop.yaml", "--token", "se"], {"second", "seller="}),
        (["pinflow", "auth", "refresh", "se"], {"second"}),
        (["pinflow", "quota", "--clear-block", "acc"], {"access_token"}),
        (["pinflow", "actions", "create_b"], {"create_board"}),
        (["pinflow", "actions", "v5.create_b"], {"v5.create_board"}),
        (["pinflow", "functions", "date_f"], {"date_format"}),
        (["pinflow", "explain", "rate"], {"rate_limited"}),
        (["pinflow", "docs", "exit-4"], {"exit-4"}),
        (["pinflow", "docs", "facts/commands/func"], {"facts/commands/functions"}),
        (["pinflow", "operations", "boards/l"], {"boards/list", "boards/list_pins"}),
        (["pinflow", "plugins", "check", "pinflow_pinterest_v"], {"pinflow_pinterest_v3", "pinflow_pinterest_v5"}),
        (["pinflow", "run", "copy_board", "--executor", "ser"], {"serial"}),
        (["pinflow", "validate", "copy_board", "--api", "v"], {"v3", "v5"}),
    ],
)
def test_a_shell_completes_names_of_things(
    completed: Callable[..., list[str]], busy: str, words: Sequence[str], offered: set[str]
) -> None:
    assert set(completed(*words)) == offered


def test_a_shell_completes_runs_and_jobs(completed: Callable[..., list[str]], busy: str) -> None:
    for words in (["resume"], ["runs", "show"], ["undo"]):
        assert completed("pinflow", *words, "2") == [busy]
    assert completed("pinflow", "schedule", "pause", "sh") == ["shop"]


def test_bash_completes_the_values_of_an_input_which_it_takes_for_three_words(
    script: Callable[[str], Path], busy: str
) -> None:
    bash = partial(in_bash, script("bash"), "pinflow", "run", "shop.yaml")
    assert bash("-i", "size", "=", "") == ["small", "large"]
    assert bash("-i", "size", "=") == ["small", "large"]
    assert bash("-i", "size", "=", "la") == ["large"]
    assert set(bash("-i", "to", "=", "")) == {"access_token", "second"}
    assert bash("--token", "buyer", "=", "se") == ["second"]
    assert bash("--tier", "=", "st") == ["standard"]
    assert bash("-i", "unknown", "=", "shop") == ["shop.yaml"]


def test_no_name_of_a_file_is_run_by_a_shell(completed: Callable[..., list[str]], busy: str, tmp_path: Path) -> None:
    assert "second" in completed("pinflow", "auth", "refresh", "")
    assert not (tmp_path / "here/ran").exists()


def test_words_cost_little_and_load_no_plugin_twice(busy: str, tmp_path: Path) -> None:
    words = [sys.executable, "-X", "importtime", "-m", "pinflow", "completion", "--words", "actions"]
    first = subprocess.run(words, capture_output=True, text=True, check=True)
    again = subprocess.run(words, capture_output=True, text=True, check=True)
    assert first.stdout == again.stdout and "copy_board" in first.stdout
    assert "pinflow_pinterest_v5" in first.stderr
    imported = {line.rpartition("|")[2].strip() for line in again.stderr.splitlines()}
    assert not imported & {"pinflow_pinterest_v5", "pinflow.app", "argparse", "pluggy"}


@pytest.mark.parametrize("words", [[], ["nonsense"], ["inputs"], ["inputs", "run", "nothing.yaml", ""], ["jobs"]])
def test_what_cant_be_found_out_is_not_offered_and_nothing_is_said(words: Sequence[str]) -> None:
    call = [sys.executable, "-m", "pinflow", "completion", "--words", *words]
    found = subprocess.run(call, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.mark.parametrize(("name", "check"), [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")])
def test_each_shell_can_read_its_script(script: Callable[[str], Path], name: str, check: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name} here")
    found = subprocess.run([name, check, str(script(name))], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_each_script_knows_every_command_and_runs_nothing_of_a_plugins_text(
    script: Callable[[str], Path], name: str
) -> None:
    text = script(name).read_text()
    assert all(word in text for word in ("resume", "validate", "dry-run", "greet", "loudly"))
    assert "$(now)" not in text


def test_a_command_of_a_plugin_that_lists_what_can_follow_is_asked(script: Callable[[str], Path]) -> None:
    assert re.search(r"'greet whom'\) .*asked='names'", script("bash").read_text())
    assert "(pinflow greet whom --names " in script("fish").read_text()
