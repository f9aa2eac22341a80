"""Completion scripts, as the shells themselves read them."""

from __future__ import annotations

import os
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
        'compadd() { shift; print -l -- "$@" }',
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
        (["pinflow", "run", "m"], ["mine.yaml"]),
        (["pinflow", "validate", ""], ["mine.yaml", "other.yml"]),
        (["pinflow", "validate", "mine.yaml", "--plugin", "no"], ["notes.txt"]),
        (["pinflow", "completion", ""], ["bash", "zsh", "fish"]),
        (["pinflow", "greet", ""], ["softly", "loudly"]),
        (["pinflow", "greet", "softly", "--times", ""], ["one", "two"]),
    ],
)
def test_a_shell_completes_commands_options_their_values_and_recipes(
    completed: Callable[..., list[str]], words: Sequence[str], offered: list[str]
) -> None:
    found = completed(*words)
    # fish offers other files too, after those that are meant
    others = {"notes.txt"} if "mine.yaml" in offered else set()
    assert set(offered) <= set(found)
    assert set(found) - set(offered) <= others


def test_a_shell_completes_the_names_of_actions(completed: Callable[..., list[str]]) -> None:
    found = {*completed("pinflow", "actions", "create_b"), *completed("pinflow", "actions", "v5.create_b")}
    assert {"create_board", "v5.create_board"} <= found


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
