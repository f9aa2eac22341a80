"""Help: every command's ends with an example, and every example is one that the command takes."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest

from pinflow.cli.commands import BUILT_IN, RESERVED, module_of, plugin_commands
from pinflow.cli.parser import below, parser_of, parser_of_offer
from pinflow.cli.shell import Shell

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pinflow.cli.parser import Parser
    from tests.cli import Cli


@cache
def parsers() -> dict[str, Parser]:
    """Those of all commands, by name."""
    shell = replace(Shell.of_process(), reserved=RESERVED)
    built_in = {entry.name: parser_of(entry.name, module_of(entry.name), shell) for entry in BUILT_IN}
    return built_in | {name: parser_of_offer(command) for name, command in plugin_commands(shell).items()}


def with_subcommands(path: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield path, parser
    for name, inner in below(parser):
        yield from with_subcommands(f"{path} {name}", inner)


def examples(parser: argparse.ArgumentParser) -> list[str]:
    """The command lines among a parser's examples, without what stands behind them."""
    lines = [re.split(r"\s{2,}|\s[|>;]\s", line.strip())[0] for line in (parser.epilog or "").splitlines()]
    return [line for line in lines if line.startswith("pinflow ")]


def test_the_help_of_every_command_and_subcommand_ends_with_an_example() -> None:
    found = [pair for name, parser in parsers().items() for pair in with_subcommands(name, parser)]
    assert len(found) > 35
    last = {path: parser.format_help().strip().splitlines()[-1].strip() for path, parser in found}
    without = {
        path: line
        for path, line in last.items()
        if not re.match(rf"(\w+: +)?(eval .*)?\"?(\$\()?pinflow {path.split()[0]}\b", line)
    }
    assert without == {}


def test_every_example_of_a_command_is_one_that_it_takes() -> None:
    lines = {
        line
        for name, parser in parsers().items()
        for _, inner in with_subcommands(name, parser)
        for line in examples(inner)
    }
    assert len(lines) > 60
    for line in sorted(line for line in lines if not line.endswith("--help")):
        _, name, *words = shlex.split(line)
        parsers()[name].read(words)


def test_the_overview_names_every_command_by_purpose_and_fits_a_screen(cli: Cli) -> None:
    assert cli("--help") == 0
    groups = re.findall(r"^(\S.*):$", cli.stdout, re.MULTILINE)
    assert groups[:4] == ["Run recipes", "Write recipes", "Look things up", "This installation"]
    assert all(re.search(rf"^  {name} ", cli.stdout, re.MULTILINE) for name in parsers())
    assert max(map(len, cli.stdout.splitlines())) <= 80
    lines = cli.stdout.rpartition("Examples:\n")[2].splitlines()
    for line in lines:
        _, name, *words = shlex.split(re.split(r"\s{2,}", line.strip())[0])
        parsers()[name].read(words)


@pytest.mark.parametrize("name", [entry.name for entry in BUILT_IN])
def test_help_has_no_line_that_a_narrow_terminal_breaks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    wide = [line for line in parsers()[name].format_help().splitlines() if len(line) > 100]
    assert wide == []
