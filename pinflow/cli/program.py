"""Finds the command that the arguments name, runs it, and writes the help of the program."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pinflow.cli import VERSION_LINE, error_exit
from pinflow.cli import commands as commands_module
from pinflow.cli.commands import BUILT_IN, RESERVED, load_commands, module_of, plugin_commands
from pinflow.cli.help_cache import read_help, write_help
from pinflow.errors import OK, USAGE, PluginError, UsageError
from pinflow.reporters.text import inert
from pinflow.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pinflow.cli.shell import Shell
    from pinflow.plugin.contributions import Command

_WITH_VALUE = frozenset({"--output", "--color", "--plugin"})
_HELP = frozenset({"-h", "--help"})

_HEAD = """\
usage: pinflow COMMAND [ARGUMENTS]

Recipes for web APIs: checked before anything is sent, resumable, within quotas.
"""

_TAIL = """\
Options of every command, before or after its name:
  --output human|json  form of the result (run and resume: ndjson too)
  --color WHEN         auto, always or never; NO_COLOR and FORCE_COLOR count too
  -q, -v               less or more on stderr
  --plugin PATH        load a local plugin (repeatable)
  --no-input           never ask, even on a terminal
  --version            print the version
  -h, --help           print help; pinflow COMMAND --help shows more

Environment:
  PINFLOW_STATE_DIR    where runs are recorded
  PINFLOW_PLUGINS      the only plugins of others to load: a,b
  PINFLOW_DISABLE      plugins to leave out: a,b
  PINFLOW_TIER         access tier of your app: standard or trial
  PINFLOW_PROXY        HTTP proxy; all of them: pinflow docs variables

Examples:
  pinflow recipes                     list the recipes that are there
  pinflow run copy_board --sandbox    try one, without an account
  pinflow auth login                  sign in to your own account
  pinflow run copy_board -i board="Garden ideas" --dry-run
  pinflow resume                      continue the last run
  pinflow new recipe loop -o my.yaml  write one of your own
  pinflow validate my.yaml            find every mistake in it
  pinflow explain exit 4              what went wrong, and what to do"""


def main(argv: Sequence[str], shell: Shell) -> int:
    """Run the command in ``argv`` (without the program's name). Returns its exit code; never raises an Exception."""
    shell = replace(shell, reserved=RESERVED)
    if any(word not in _HELP for word in argv):  # the overview needs no parser, so that argparse is not imported
        from pinflow.cli.parser import early_options

        shell = shell.with_options(early_options(argv))
    return error_exit.run_guarded(shell, lambda: _dispatch(argv, shell))


def _dispatch(argv: Sequence[str], shell: Shell) -> int:
    leading, name, rest = split(argv)
    if name == "help":
        return _dispatch([*leading, *rest, "--help"], shell)
    if name is None:
        return _without_command(leading, shell)
    from pinflow.cli.parser import common_options, parser_of

    if any(entry.name == name for entry in BUILT_IN):
        module = module_of(name)
        args = parser_of(name, module, shell).read([*leading, *rest])
        return module.run(args, shell.with_options(common_options(args)))
    command = plugin_commands(shell).get(name)
    if command is None:
        raise _unknown_command(name, shell)
    return _run_plugin_command(command, [*leading, *rest], shell)


def split(argv: Sequence[str]) -> tuple[list[str], str | None, list[str]]:
    """The options before the command, the command, and what follows it."""
    index = 0
    while index < len(argv) and argv[index].startswith("-"):
        index += 2 if argv[index] in _WITH_VALUE else 1
    if index >= len(argv):
        return list(argv), None, []
    return list(argv[:index]), argv[index], list(argv[index + 1 :])


def _without_command(leading: Sequence[str], shell: Shell) -> int:
    if "--version" in leading:
        shell.say(VERSION_LINE)
        return OK
    if _HELP & set(leading):
        shell.say(_help_text(shell))
        return OK
    known = {"-q", "--quiet", "-v", "--verbose", "--no-input", *_HELP, "--version", *_WITH_VALUE}
    unknown = [word for word in leading if word.startswith("-") and word.partition("=")[0] not in known]
    if unknown:
        raise UsageError(f"unknown option {unknown[0]}{did_you_mean(unknown[0], known)}", hint="see: pinflow --help")
    shell.tell(_help_text(shell))
    return USAGE


def _help_text(shell: Shell) -> str:
    """The help of the program. When a plugin is broken, its error is shown, and the plugins' commands are missing."""
    if not shell.options.plugins and (cached := read_help(shell.environ)) is not None:
        return cached
    try:
        commands, files, _ = load_commands(shell)
    except PluginError as error:
        error_exit.show(replace(shell, options=replace(shell.options, output="human")), error)
        return overview(())
    text = overview(commands.values())
    if not shell.options.plugins:
        write_help(shell.environ, text, [*files, __file__, commands_module.__file__])
    return text


def _unknown_command(name: str, shell: Shell) -> UsageError:
    from pinflow.plugin.permission import held_notes, where_else

    commands, _, held = load_commands(shell)
    for note in held_notes(held):  # it may be a command of one of them
        shell.tell(inert(note))
    known = [*(entry.name for entry in BUILT_IN), *commands, "help"]
    if name.endswith((".yaml", ".yml")):
        return UsageError(f"unknown command {name!r}", hint=f"to run this recipe: pinflow run {name}")
    hint = where_else(held) or "see: pinflow --help"
    return UsageError(f"unknown command {name!r}{did_you_mean(name, known)}", hint=hint)


def _run_plugin_command(command: Command, argv: Sequence[str], shell: Shell) -> int:
    from pinflow.cli.parser import parser_of_offer

    args, app = parser_of_offer(command).read(argv), shell.app()
    if recipes := getattr(args, "recipe", None):
        from pathlib import Path

        from pinflow.cli.run_common import tell_recipes

        values = recipes if isinstance(recipes, list) else [recipes]
        tell_recipes(shell, app, [value for value in values if isinstance(value, Path)])
    return command.run(args, app)


def overview(plugin_commands: Iterable[Command]) -> str:
    """The help of the program: every command by purpose, then options, then examples."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for entry in BUILT_IN:
        groups.setdefault(entry.group, []).append((entry.name, entry.help))
    for command in plugin_commands:
        groups.setdefault(command.group, []).append((command.name, command.help))
    width = max(len(name) for rows in groups.values() for name, _ in rows)
    parts = [_HEAD]
    for title, rows in groups.items():
        lines = [f"  {name:<{width}}  {inert(text)}" for name, text in rows]
        parts.append("\n".join([f"{title}:", *lines, ""]))
    return "\n".join([*parts, _TAIL])
