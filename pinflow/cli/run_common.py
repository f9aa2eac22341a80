"""What run and resume share: reporters, stopping, approval, and the result."""

from __future__ import annotations

import argparse
import os
import shlex
import threading
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from pinflow import events
from pinflow.cli import error_exit
from pinflow.cli.shell import is_terminal
from pinflow.cli.signals import stoppable
from pinflow.errors import INTERRUPTED, UsageError
from pinflow.reporters.text import json_text
from pinflow.state.records import MAX_WRITES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pinflow.app import Options
    from pinflow.cli.shell import Shell
    from pinflow.engine.results import RunResult
    from pinflow.reporters.lines import Lines
    from pinflow.reporters.live import Live

TIERS = ("standard", "trial")
OUTPUTS = ("human", "json", "ndjson")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that run and resume share."""
    parser.add_argument(
        "-i", "--input", dest="inputs", action="append", default=[], metavar="NAME=VALUE", help="an input (repeatable)"
    )
    add_pace(parser)
    parser.add_argument(
        "--executor",
        default="threads",
        metavar="NAME",
        help="what works side by side where a recipe says parallel: threads (default), serial, or a plugin's",
    )
    parser.add_argument(
        "--unattended", action="store_true", help="never ask: writes need an approval (see: pinflow approve)"
    )


def add_pace(parser: argparse.ArgumentParser) -> None:
    """How long to wait, and whether to ask."""
    parser.add_argument(
        "--patience",
        type=patience,
        default=120.0,
        metavar="TIME",
        help="wait this long for a quota, then pause the run: 90 s, 10 minutes, 2h (default: 2 minutes)",
    )
    parser.add_argument("--yes", action="store_true", help="approve deleting things and many changes, without asking")
    add_max_writes(parser, "ask before the run makes more changes than this, or stop where nobody can be asked")


def add_max_writes(parser: argparse.ArgumentParser, what: str) -> None:
    """How many changes a run may make."""
    default = f"default: $PINFLOW_MAX_WRITES, else {MAX_WRITES:,}"
    parser.add_argument("--max-writes", type=number, metavar="N", help=f"{what} ({default})")


def number(given: str) -> int:
    """A whole number, for argparse: of 15 digits at most, which every place has room for."""
    if not given.isascii() or not given.isdecimal() or len(given) > 15:
        raise argparse.ArgumentTypeError(f"{given[:40]!r} is not a whole number")
    return int(given)


def max_writes(args: argparse.Namespace, shell: Shell) -> int:
    """What was said of how many changes a run may make. Raises UsageError for a variable that says nothing."""
    if args.max_writes is not None:
        return int(args.max_writes)
    said = shell.environ.get("PINFLOW_MAX_WRITES") or str(MAX_WRITES)
    try:
        return number(said)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"PINFLOW_MAX_WRITES: {error}") from None


def patience(given: str) -> float:
    """A length of time in seconds, for argparse."""
    from pinflow.recipe.validators import seconds

    try:
        return seconds(float(given) if given.isdecimal() else given)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{given!r} is not a length of time: write it like 90 s, 10 minutes or 2h"
        ) from None


def tier_of(given: str | None, environ: Mapping[str, str]) -> str:
    """The access tier of the app: what was given, else PINFLOW_TIER, else standard. Raises UsageError."""
    tier = given or environ.get("PINFLOW_TIER") or "standard"
    if tier not in TIERS:
        raise UsageError(f"PINFLOW_TIER is {tier!r}", hint=f"it must be {' or '.join(TIERS)}")
    return tier


def given_inputs(pairs: Sequence[str]) -> dict[str, str]:
    """What -i gave. Raises UsageError for what is not NAME=VALUE, or a name given twice."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"-i {pair!r} is not NAME=VALUE", hint="write -i board='Garden ideas'")
        if name in found:
            raise UsageError(f"input {name!r} is given twice")
        found[name] = value
    return found


def perform(
    shell: Shell,
    args: argparse.Namespace,
    work: Callable[[Options], RunResult],
    *,
    dry_run: bool = False,
    sandbox: bool = False,
    tier: str = "standard",
    command: str = "",
    sign_in: Sequence[str] = (),
) -> int:
    """Do a run with ``work`` while telling of it, then write its result; the exit code.

    ``command`` runs the recipe without --dry-run and --sandbox, and ``sign_in`` gets its tokens.
    """
    from pinflow.app import Options

    most = max_writes(args, shell)
    view = _View(shell)
    with view.shown(), stoppable(view.notice) as stop:
        options = Options(
            dry_run=dry_run,
            sandbox=sandbox,
            tier=tier,
            patience=args.patience,
            approve=_approval(shell, view, yes=args.yes),
            max_writes=None if args.yes else most,
            unattended=getattr(args, "unattended", False),
            executor=getattr(args, "executor", "threads"),
            report=view.listeners,
            stop=stop.asked,
        )
        try:
            result = work(options)
        except (KeyboardInterrupt, SystemExit):  # told to stop once more
            view.close()
            if view.run and not (dry_run or sandbox):
                shell.tell(f"go on where it stopped: pinflow resume {view.run}")
            if _at_work():  # calls are under way, and Python would wait for their threads
                os._exit(stop.exit_code(INTERRUPTED))
            raise
        code = stop.exit_code(result.exit_code)
    _write_result(shell, view.name, result, tier=tier, command=command, sign_in=sign_in)
    return code


def _at_work() -> bool:
    return any(each is not threading.main_thread() and not each.daemon for each in threading.enumerate())


def _approval(shell: Shell, view: _View, *, yes: bool) -> Callable[[str], bool]:
    from pinflow.cli.prompts import confirmed

    def approve(what: str) -> bool:
        if yes or not shell.interactive:
            return yes
        with view.paused():
            return confirmed(shell, what)

    return approve


class _View:
    """What is shown while a run goes on, in the form that was asked for."""

    def __init__(self, shell: Shell) -> None:
        self.name = ""
        self.run = ""
        self._shell = shell
        self._console = _console(shell)
        self.listeners: list[Callable[[events.Event], None]] = [self._note, self._console.pinflow_event]
        if shell.options.output == "ndjson":
            from pinflow.reporters.jsonl import JsonLines

            self.listeners.append(JsonLines(shell.say).pinflow_event)

    def _note(self, event: events.Event) -> None:
        if isinstance(event, events.RunStarted):
            self.name, self.run = event.name, event.run

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Leave the terminal as it was found, whatever happens in the block."""
        try:
            yield
        finally:
            self.close()

    def close(self) -> None:
        if close := getattr(self._console, "close", None):
            close()

    def paused(self) -> AbstractContextManager[None]:
        """Leave the terminal to a question."""
        paused: Callable[[], AbstractContextManager[None]] = getattr(self._console, "paused", nullcontext)
        return paused()

    def notice(self, text: str) -> None:
        """Show ``text`` from inside a signal handler."""
        show: Callable[[str], None] = getattr(self._console, "notice", self._shell.notice)
        show(text)


def _console(shell: Shell) -> Lines | Live:
    from pinflow.reporters.console import console

    verbosity = shell.options.verbosity if shell.human else -1
    terminal = is_terminal(shell.stderr) and shell.environ.get("TERM") != "dumb"
    color = shell.colored(shell.stderr)
    return console(shell.stderr, shell.tell, terminal=terminal, color=color, verbosity=verbosity)


def _write_result(
    shell: Shell, name: str, result: RunResult, *, tier: str, command: str, sign_in: Sequence[str]
) -> None:
    from pinflow.reporters.summary import Recap, as_data

    if shell.options.output == "json":
        shell.say(json_text(as_data(name, result)))
        return
    if shell.options.output == "ndjson":
        return  # its last line, the RunFinished event, has been written
    recap = Recap(
        name,
        result,
        tier=tier,
        command=command,
        sign_in=sign_in,
        now=time.time(),
        width=shell.width(shell.stdout),
    )
    for line in recap.lines(shell.painted(shell.stdout)):
        shell.say(line)
    if result.error is not None and shell.options.verbosity < 0:
        error_exit.show(shell, result.error)


def command_line(recipe: str, inputs: Mapping[str, str], api: str | None, plugins: Sequence[Path]) -> str:
    """The command that runs a recipe with these inputs, to be pasted into a shell."""
    words = ["pinflow", "run", recipe, *(word for name, value in inputs.items() for word in ("-i", f"{name}={value}"))]
    return shlex.join([*words, *plugin_words(plugins), *(["--api", api] if api else [])])


def plugin_words(plugins: Sequence[Path]) -> list[str]:
    """The options that load the same local plugins in another command."""
    return [word for plugin in plugins for word in ("--plugin", str(plugin))]
