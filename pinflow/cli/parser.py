"""Parsers of arguments: one per command, and the options that every command has."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pinflow.cli.shell import CommonOptions
from pinflow.errors import UsageError
from pinflow.lazy_dataclass import dataclass
from pinflow.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pinflow.cli.commands import CommandModule
    from pinflow.cli.shell import Shell
    from pinflow.plugin.contributions import Command

COLORS = ("auto", "always", "never")
_COMMON = frozenset({"--output", "--color", "-q", "--quiet", "-v", "--verbose", "--plugin", "--no-input"})


class HelpText(argparse.HelpFormatter):
    """Descriptions are filled to the width of the screen; what has indented lines, as examples do, stays as it is."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if any(line.startswith(" ") for line in text.splitlines()):
            return "".join(indent + line for line in text.splitlines(keepends=True))
        return "\n\n".join(super(HelpText, self)._fill_text(part, width, indent) for part in text.split("\n\n"))


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError, names the nearest word for a wrong one, and expands no abbreviations."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("formatter_class", HelpText)
        options.setdefault("allow_abbrev", False)
        super().__init__(*args, **options)

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"see: {self.prog} --help")

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """The parsed arguments. Raises UsageError."""
        self._refuse_unknown(argv)
        args, rest = self.parse_known_args(argv)
        if rest:
            self.error(f"unknown option {rest[0]}" if rest[0][:1] == "-" else f"unexpected argument {rest[0]!r}")
        return args

    def _refuse_unknown(self, argv: Sequence[str]) -> None:
        """Report a mistyped option before its value is parsed as another argument."""
        known = options_of(self)
        for word in argv[: argv.index("--")] if "--" in argv else argv:
            name = word.partition("=")[0]
            if name.startswith("--") and name not in known:
                self.error(f"unknown option {name}{did_you_mean(name, known)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            *choices, last = map(str, action.choices)
            words = f"{', '.join(choices)} or {last}" if choices else last
            near = did_you_mean(str(value), map(str, action.choices))
            raise argparse.ArgumentError(action, f"must be {words}, not {value!r}{near}")


def parser_of(name: str, module: CommandModule, shell: Shell) -> Parser:
    """The parser of a built-in command, with the options that plugins add to it."""
    parser = Parser(prog=f"pinflow {name}", description=module.DESCRIPTION, epilog=f"examples:\n{module.EXAMPLES}")
    module.add_arguments(parser)
    if add_offers := getattr(module, "add_offers", None):
        add_offers(parser, shell)
    _add_examples(parser, name, module.EXAMPLES)
    _add_common_to_all(parser, module.OUTPUTS)
    return parser


def parser_of_offer(command: Command) -> Parser:
    """The parser of a plugin's command and its subcommands."""
    parser = Parser(prog=f"pinflow {command.name}", description=command.help[:1].upper() + command.help[1:])
    command.add_arguments(parser)
    _add_examples(parser, command.name, parser.epilog or "")
    taken = {name for action in parser._actions for name in action.option_strings}
    if not taken & _COMMON:
        _add_common_to_all(parser, ("human", "json"))
    return parser


def _add_examples(parser: argparse.ArgumentParser, name: str, examples: str) -> None:
    """Let the help of each subcommand end with those of the examples that are about it, where it has none itself."""
    for verb, inner in below(parser):
        own = [line for line in examples.splitlines() if f"{line.strip()} ".startswith(f"pinflow {name} {verb} ")]
        if own and not inner.epilog:
            inner.epilog = "\n".join(["examples:", *own])


def _add_common_to_all(parser: argparse.ArgumentParser, outputs: Sequence[str]) -> None:
    """Add the options of every command to a parser and its subcommands."""
    add_common(parser, outputs)
    for _, inner in below(parser):
        add_common(inner, outputs, again=True)


def add_common(parser: argparse.ArgumentParser, outputs: Sequence[str], *, again: bool = False) -> None:
    """Add the options of every command. ``outputs`` are the values that ``--output`` takes.

    With ``again`` the parser is that of a subcommand: where an option is left out there, the value before it holds.
    """
    group = parser.add_argument_group("options of every command")
    group.add_argument("--output", choices=outputs, default="human", help="form of the result (default: human)")
    group.add_argument(
        "--color", choices=COLORS, default="auto", help="colours (default: on a terminal; NO_COLOR, FORCE_COLOR)"
    )
    group.add_argument("-q", "--quiet", action="store_true", help="no progress, only warnings and errors")
    group.add_argument("-v", "--verbose", action="count", default=0, help="show every single effect")
    group.add_argument(
        "--plugin", type=Path, action="append", default=[], metavar="PATH", help="load a local plugin (repeatable)"
    )
    group.add_argument("--no-input", action="store_true", help="never ask, even on a terminal")
    if again:
        for action in group._group_actions:
            action.default = argparse.SUPPRESS


def common_options(args: argparse.Namespace) -> CommonOptions:
    """The common options among parsed arguments."""
    verbosity = -1 if args.quiet else min(1, args.verbose)
    return CommonOptions(args.output, args.color, verbosity, tuple(args.plugin), args.no_input)


def early_options(argv: Sequence[str]) -> CommonOptions:
    """The common options, read before the command is known; defaults where they are wrong."""
    parser = Parser(add_help=False)
    add_common(parser, ("human", "json", "ndjson"))
    try:
        return common_options(parser.parse_known_args(list(argv))[0])
    except UsageError:
        return CommonOptions()  # the command's own parser reports it with more detail


@dataclass(frozen=True, slots=True)
class Option:
    """An option or positional, as completion scripts need it."""

    names: Sequence[str]  # () for a positional
    help: str
    values: Sequence[str]
    takes_value: bool
    kind: str  # its dest
    metavar: str = ""


def common() -> list[Option]:
    """The options that every command has."""
    parser = Parser()
    add_common(parser, ("human", "json", "ndjson"))
    return walk(parser)[()]


def options_of(parser: argparse.ArgumentParser) -> list[str]:
    """Every option of a parser and its subcommands."""
    return [name for options in walk(parser).values() for option in options for name in option.names]


def walk(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Mapping[tuple[str, ...], list[Option]]:
    """The options and positionals of a parser and its subcommands, by path: () and ("show",)."""
    # argparse has no public way to walk its tree
    tree = {path: [_option(a) for a in parser._actions if not isinstance(a, argparse._SubParsersAction)]}
    for name, inner in below(parser):
        tree.update(walk(inner, (*path, name)))
    return tree


def below(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The subcommands of a parser, by name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _option(action: argparse.Action) -> Option:
    hidden = action.help == argparse.SUPPRESS
    return Option(
        names=() if hidden else tuple(action.option_strings),
        help="" if hidden else str(action.help or "").partition(" (")[0].replace("%%", "%"),
        values=tuple(map(str, action.choices or ())),
        takes_value=action.nargs != 0,
        kind=action.dest,
        metavar=str(action.metavar or ""),
    )
