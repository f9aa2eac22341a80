"""The pages on commands: the parsers of their arguments as text, one page a command."""

from __future__ import annotations

import argparse
import re
from functools import partial
from typing import TYPE_CHECKING, Final

from pinflow.plugin.contributions import FactsPage
from pinflow.reporters.markdown import code, codes, fence, sections, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PARENT: Final = "commands"
COMMON: Final = "options of every command"  # the group's title in every parser


def pages(parsers: Mapping[str, argparse.ArgumentParser], groups: Mapping[str, str]) -> list[FactsPage]:
    """The page that lists the commands, and a page for each. ``groups``: the purpose of each command."""
    listing = FactsPage(
        name=PARENT,
        title="Commands",
        about="Every command of `pinflow`, and the options that all of them have.",
        text=partial(_listing, parsers, groups),
        words=("cli", "command line", "options", "flags", "help"),
        see="[exit codes](exit-codes.md), or [variables](variables.md). In the terminal: `pinflow COMMAND --help`.",
    )
    return [listing, *(_page(name, parser) for name, parser in sorted(parsers.items()))]


def _page(name: str, parser: argparse.ArgumentParser) -> FactsPage:
    return FactsPage(
        name=f"{PARENT}/{name}",
        title=f"pinflow {name}",
        about=_first_sentence(parser),
        text=partial(_command, parser),
        words=(
            "command",
            *(option for action in parser._actions for option in action.option_strings if option[:2] == "--"),
        ),
        parent=PARENT,
        see="[all commands](../commands.md), or [exit codes](../exit-codes.md).",
    )


def _first_sentence(parser: argparse.ArgumentParser) -> str:
    return _escaped(" ".join((parser.description or "").split()).partition(". ")[0].rstrip(".")) + "."


def _listing(parsers: Mapping[str, argparse.ArgumentParser], groups: Mapping[str, str]) -> str:
    by_group: dict[str, list[str]] = {}
    for name in parsers:
        by_group.setdefault(groups.get(name, "More"), []).append(name)
    some = next(iter(parsers.values()))
    common = [group for group in some._action_groups if group.title == COMMON]
    return sections(
        *(
            sections(
                f"## {group}",
                table(
                    ("command", "what it does"),
                    [
                        (f"[{code(f'pinflow {name}')}](commands/{name}.md)", _first_sentence(parsers[name]))
                        for name in names
                    ],
                ),
            )
            for group, names in by_group.items()
        ),
        "## Options of every command",
        "They may stand before the command's name or behind it.",
        *(table(("option", "what it does"), _rows(group)) for group in common),
    )


def _command(parser: argparse.ArgumentParser) -> str:
    about = _escaped(" ".join((parser.description or "").split()))
    rest = about.partition(". ")[2]
    return sections(rest, *_parts(parser), *(_subcommand(inner) for inner in _below(parser)))


def _subcommand(parser: argparse.ArgumentParser) -> str:
    about = _escaped(" ".join((parser.description or "").split()))
    return sections(f"## {parser.prog}", about, *_parts(parser), *(_subcommand(inner) for inner in _below(parser)))


def _parts(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield fence(_usage(parser), "text")
    for group in parser._action_groups:
        if group.title != COMMON and (rows := _rows(group)):
            yield table(("argument" if group.title == "positional arguments" else "option", "what it does"), rows)
    examples = re.sub(r"\Aexamples:\n", "", (parser.epilog or "").strip("\n"))
    if examples.strip():
        yield "Examples:"
        yield fence("\n".join(line.removeprefix("  ") for line in examples.splitlines()), "text")


def _usage(parser: argparse.ArgumentParser) -> str:
    """The line of usage, without the options of every command, and as wide on every machine."""
    common = {id(action) for group in parser._action_groups if group.title == COMMON for action in group._group_actions}
    actions = [action for action in parser._actions if id(action) not in common and action.dest != "help"]
    formatter = argparse.HelpFormatter(parser.prog, width=88)
    formatter.add_usage(parser.usage, actions, parser._mutually_exclusive_groups, prefix="")
    return formatter.format_help().strip()


def _rows(group: argparse._ArgumentGroup) -> list[tuple[str, str]]:
    rows = []
    for action in group._group_actions:
        if action.help == argparse.SUPPRESS or action.dest == "help":
            continue
        if isinstance(action, argparse._SubParsersAction):
            rows += [(code(choice.dest), _escaped(choice.help or "")) for choice in action._choices_actions]
            continue
        rows.append((_invocation(action), _help(action)))
    return rows


def _invocation(action: argparse.Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else ""
    if not value and action.nargs != 0:
        value = "|".join(map(str, action.choices)) if action.choices else action.dest.upper()
    if not action.option_strings:
        return code(value)
    return codes(f"{option} {value}" if value and action.nargs != 0 else option for option in action.option_strings)


def _help(action: argparse.Action) -> str:
    text = str(action.help or "")
    facts = {key: value for key, value in vars(action).items() if isinstance(value, (str, int, float))}
    return _escaped(text % facts if "%" in text else text)


def _escaped(text: str) -> str:
    """Words of a help as Markdown: what looks like code is code, so that nothing in it counts as Markdown."""
    text = text.replace("`", "")
    marked = re.sub(r"(?<![\w`-])(--[a-z][\w-]*|\$?[A-Z]+_[A-Z_]+|\$\{\{ ?\}\}|-[a-z]\b)", r"`\1`", text)
    return re.sub(r"([*<])", r"\\\1", marked)


def _below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()
