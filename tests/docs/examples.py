"""Runs the code blocks of a page, from top to bottom, each once."""

from __future__ import annotations

import configparser
import contextlib
import io
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

import yaml

from pinflow.cli.commands import BUILT_IN, module_of, plugin_commands
from pinflow.cli.parser import parser_of, parser_of_offer
from pinflow.cli.shell import Shell
from tests.docs.console import Command, Console, is_parsed, read_commands
from tests.docs.expected import Names
from tests.docs.pages import BESIDE, PROJECT, settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.docs.pages import Block, Page

_STEPS = "steps:\n  - {uses: log, with: {text: hello}}\n"
_FRAGMENTS = {"yaml steps": "steps", "yaml inputs": "inputs", "yaml schedule": "schedule", "yaml keys": ""}
_KEYS = ("pinflow", "name", "api", "inputs", "auth", "steps", "finally", "outputs", "schedule", "description")


class PageRun:
    """The blocks of a page in a folder, with the sandbox, the variables and the Python names that they share."""

    def __init__(self, page: Page, home: Path) -> None:
        self.page = page
        self._names = Names()
        said = settings(page.name) if page.path.exists() else {}
        tokens = said.get("tokens", "access_token")
        self._console = Console(home, self._names, tokens=[] if tokens == "none" else tokens.split(","))
        if page.name in BESIDE:  # they are read in a checkout
            shutil.copytree(PROJECT / "recipes", self._console.folder / "recipes")
        self._namespace: dict[str, Any] = {"__name__": "__main__"}
        self._said: str | None = None  # by the last block, as long as the page has not shown it
        self._results: list[Exception | None] = []

    def close(self) -> None:
        self._console.close()

    def run(self, block: Block) -> None:
        """Run this block, after all above it. Raises what it raised, also when it is asked again."""
        index = self.page.blocks.index(block)
        for other in self.page.blocks[len(self._results) : index + 1]:
            try:
                self._run(other)
            except Exception as error:  # it belongs to the test of that block
                self._results.append(error)
            else:
                self._results.append(None)
        if (result := self._results[index]) is not None:
            raise result

    def _run(self, block: Block) -> None:
        if "name" in block.options:
            path = self._console.folder / block.options["name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._names.fill(block.text), "utf-8")
        run = KINDS[block.kind]
        if block.kind != "output":
            self._said = None
        run(self, block)

    def _recipe(self, block: Block) -> None:
        """A whole recipe is validated and run in the sandbox, unless commands of the page do something with it."""
        name = self._write(block, block.text)
        if not self._is_typed(block):
            self._validate(block, name, 0)
            words = ["run", name, *shlex.split(block.options.get("run", "")), "--sandbox", "--yes"]
            self._pinflow(block, words, int(block.options.get("exit", 0)))

    def _is_typed(self, block: Block) -> bool:
        name = block.options.get("name")
        if name is None:
            return False
        command = re.compile(rf"^\$ pinflow .*{re.escape(name.rpartition('/')[2])}\b", re.MULTILINE)
        return any(command.search(other.text) for other in self.page.blocks if other.kind == "console")

    def _fragment(self, block: Block) -> None:
        self._validate(block, self._write(block, recipe_of(block)), 0)

    def _broken(self, block: Block) -> None:
        """A recipe, or steps, with a mistake: the message is in the block below."""
        text, added = (block.text, 0)
        if block.text.startswith("- "):
            text, added = f"steps:\n{block.text}name: Broken\n", 1
        name = self._write(block, text)
        self._validate(block, name, 2)
        assert self._next_kind(block) == "output", f"{block.place}: no output block with the message below"
        said = str(self._said)
        self._said = re.sub(rf"({re.escape(name)}:)(\d+)", lambda part: f"{part[1]}{int(part[2]) - added}", said)

    def _next_kind(self, block: Block) -> str:
        following = self.page.blocks[self.page.blocks.index(block) + 1 :]
        return following[0].kind if following else ""

    def _write(self, block: Block, text: str) -> str:
        name = block.options.get("name", "recipe.yaml")
        (self._console.folder / name).write_text(text, "utf-8")
        return name

    def _validate(self, block: Block, name: str, code: int) -> None:
        self._pinflow(block, ["validate", name], code)

    def _pinflow(self, block: Block, words: list[str], code: int) -> None:
        self._said = self._console.pinflow(words, [])
        assert self._console.code == code, f"{block.place}: exit code {self._console.code}, not {code}:\n{self._said}"

    def _typed(self, block: Block) -> None:
        commands = read_commands(block.text)
        answers = [answer for answer in block.options.get("answers", "").split("|") if answer]
        for number, command in enumerate(commands):
            said = self._console.type(command, answers)
            self._check_code(block, command, commands[number + 1 :], said)
            if is_parsed(shlex.split(command.line, comments=True) or ["."]):
                continue
            if command.shown and (differences := self._names.differences(command.shown, said)):
                raise AssertionError(f"{block.place}: $ {command.line}\n{differences}\n\nwas said:\n{said}")
            self._said = said
        assert not answers, f"{block.place}: nobody asked for {answers}"

    def _check_code(self, block: Block, command: Command, later: list[Command], said: str) -> None:
        if later and "$?" in later[0].line:
            return  # the page shows it
        code = int(block.options.get("exit", 0)) if not later else 0
        assert self._console.code == code, (
            f"{block.place}: $ {command.line}\nexit code {self._console.code}, not {code}:\n{said}"
        )

    def _output(self, block: Block) -> None:
        assert self._said is not None, f"{block.place}: no block above said anything"
        if differences := self._names.differences(block.text, self._said):
            raise AssertionError(f"{block.place}:\n{differences}\n\nwas said:\n{self._said}")

    def _python(self, block: Block) -> None:
        """Python is run, or only compiled where it is a file that a command of the page uses."""
        path = self.page.path
        code = compile("\n" * block.line + block.text, str(path), "exec")
        if "name" in block.options:
            return
        output = io.StringIO()
        with self._console.inside(), contextlib.redirect_stdout(output):
            exec(code, self._namespace)  # noqa: S102 - our own page
        self._said = output.getvalue()

    def _script(self, block: Block) -> None:
        """A shell script: bash reads it, and each command of pinflow in it is one that the program takes.

        Where an output is shown below it, its commands of pinflow are run.
        """
        subprocess.run(["bash", "-n"], input=block.text, text=True, check=True, timeout=30)
        for line in block.text.replace("\\\n", " ").splitlines():
            for words in re.findall(r"(?:^|[\s/\"])pinflow (?!sandbox)([^#|;&>)\"]*(?:\"[^\"]*\"[^#|;&>)\"]*)*)", line):
                self._check_words(block, shlex.split(words))
                if self._next_kind(block) == "output":
                    self._pinflow(block, shlex.split(words), 0)

    def _check_words(self, block: Block, words: list[str]) -> None:
        stream = io.StringIO()
        shell = Shell(stream, stream, stream, dict(self._console.environ))
        commands = {entry.name for entry in BUILT_IN}
        if words[0] in commands:
            parser_of(words[0], module_of(words[0]), shell).read(words[1:])
        else:
            offers = plugin_commands(shell)
            assert words[0] in offers, f"{block.place}: no command {words[0]!r}"
            parser_of_offer(offers[words[0]]).read(words[1:])


def recipe_of(block: Block) -> str:
    """A recipe around a part of one. Inputs that it uses and doesn't declare are declared."""
    text, key = block.text, _FRAGMENTS[block.kind]
    has_keys = re.match(rf"(?:#.*\n)*(?:{'|'.join(_KEYS)}):", text) is not None
    if not has_keys:
        text = f"{key}:\n" + re.sub("^", "  ", text, flags=re.MULTILINE)
    parts = [text.rstrip() + "\n"]
    for name, line in (("name", "name: Part of a recipe\n"), ("api", "api: v5\n"), ("steps", _STEPS)):
        if not re.search(rf"^{name}:", text, re.MULTILINE):
            parts.append(line)
    used = set(re.findall(r"\binputs\.(\w+)", text)) if "inputs:" not in text else set()
    if used:
        parts.append("inputs:\n" + "".join(f"  {name}: {{type: string, required: true}}\n" for name in sorted(used)))
    return "".join(parts)


def _parsed(parse: Callable[[str], object]) -> Callable[[PageRun, Block], None]:
    return lambda run, block: void(parse(block.text))


def void(value: object) -> None:
    """For a function whose result is not what it is called for."""


def _read_ini(text: str) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    assert parser.sections()


KINDS: dict[str, Callable[[PageRun, Block], None]] = {
    "yaml recipe": PageRun._recipe,
    "yaml steps": PageRun._fragment,
    "yaml inputs": PageRun._fragment,
    "yaml schedule": PageRun._fragment,
    "yaml keys": PageRun._fragment,  # any other keys of a recipe
    "yaml broken": PageRun._broken,
    "yaml data": _parsed(yaml.safe_load),  # not a recipe: the file of a CI system, say
    "console": PageRun._typed,
    "output": PageRun._output,
    "python": PageRun._python,
    "sh": PageRun._script,  # a script, which is checked and not run
    "json": _parsed(json.loads),
    "toml": _parsed(tomllib.loads),
    "ini": _parsed(_read_ini),
    "text": lambda run, block: None,  # what is no example
}
