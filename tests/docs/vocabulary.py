"""The names that the program has: what a page may speak of."""

from __future__ import annotations

import io
import re
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING

from pinflow.app import App
from pinflow.cli.commands import BUILT_IN, module_of, plugin_commands
from pinflow.cli.docs import facts_pages
from pinflow.cli.parser import below, options_of, parser_of, parser_of_offer
from pinflow.cli.shell import Shell
from pinflow.plugin.variables import all_variables
from pinflow.reference.pages import as_markdown
from tests.docs.pages import PROJECT, read_page

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from tests.docs.pages import Page

_WORDS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PRODUCT = ("pinflow", "common", "plugins", "recipes", "templates", "tests")
_READ = {".py", ".yaml", ".yml", ".toml", ".csv"}


@cache
def parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command, plugins' too, by the command's name."""
    stream = io.StringIO()
    shell = Shell(stream, stream, stream, {})
    return {
        **{entry.name: parser_of(entry.name, module_of(entry.name), shell) for entry in BUILT_IN},
        **{name: parser_of_offer(command) for name, command in plugin_commands(shell).items()},
    }


@cache
def variables() -> frozenset[str]:
    """Every environment variable that the program reads."""
    return frozenset(all_variables(App.installed({}).registry))


@cache
def all_options() -> frozenset[str]:
    """Every option of every command and subcommand."""
    found = {"--version", "--help"}
    for parser in parsers().values():
        for inner in (parser, *(inner for _, inner in below(parser))):
            found |= set(options_of(inner))
    return frozenset(found)


def wrong_command(words: list[str]) -> str:
    """What is wrong with the words after ``pinflow``: a command or an option that there isn't. Nothing if all are."""
    command = next((word for word in words if not word.startswith("-")), None)
    if command is None or not command.islower():  # COMMAND
        return ", ".join(word for word in words if word.startswith("--") and word not in all_options())
    if command not in parsers():
        return f"no command {command!r}"
    parser = parsers()[command]
    inner = dict(below(parser))
    path = command
    for word in words[words.index(command) + 1 :]:
        names = {name.split()[-1]: parser for name, parser in inner.items()}
        if word in names and parser is not names[word]:
            parser, path = names[word], f"{path} {word}"
            inner = dict(below(parser))
        elif re.match(r"--[a-z-]+(=|$)", word) and word.partition("=")[0] not in options_of(parser):  # not --from-NAME
            return f"{path} has no option {word}"
    return ""


@cache
def facts() -> dict[str, Page]:
    """The pages that docs/generate.py writes, by the path that they will have."""
    spec = spec_from_file_location("generate_docs", PROJECT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = module_from_spec(spec)
    spec.loader.exec_module(generate)
    stream = io.StringIO()
    written = facts_pages(Shell(stream, stream, stream, {}), generate.papers())
    names = {f"docs/facts/{page.name}.md": page for page in written}
    return {name: read_page(name, as_markdown(page, written)) for name, page in names.items()}


@cache
def product_words() -> frozenset[str]:
    """Every word in the program, its recipes, templates and tests."""
    found: set[str] = set()
    for path in _files():
        found.update(_WORDS.findall(path.read_text("utf-8")))
    return frozenset(found)


def _files() -> Iterator[Path]:
    for folder in _PRODUCT:
        for path in (PROJECT / folder).rglob("*"):
            if path.suffix in _READ and "docs" not in path.relative_to(PROJECT).parts:
                yield path
