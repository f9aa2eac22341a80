"""What run, resume and undo share: arguments, reporters, signals, approval, and the result."""

from __future__ import annotations

import argparse
import os
import shlex
import threading
import time
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pinflow.cli import error_exit
from pinflow.cli.shell import is_terminal
from pinflow.errors import UsageError
from pinflow.recipe.bundled import recipe_path
from pinflow.reporters.text import inert
from pinflow.state.folder.paths import expand_home
from pinflow.state.records import MAX_WRITES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from pinflow import events
    from pinflow.app import Options
    from pinflow.cli.shell import Shell
    from pinflow.engine.results import RunResult
    from pinflow.plugin.contributions import Host
    from pinflow.reporters.lines import Lines
    from pinflow.reporters.live import Live

TIERS = ("standard", "trial")
OUTPUTS = ("human", "json", "ndjson")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that run and resume share."""
    add_inputs(parser)
    add_pace(parser)
    parser.add_argument(
        "--executor",
        default="threads",
        metavar="NAME",
        help="how parallel loops run: threads (default), serial, or an executor of a plugin",
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="DIR",
        help="where files go whose names you don't give yourself (default: out/ in the current folder)",
    )
    parser.add_argument(
        "--no-audit-wait",
        action="store_true",
        help="don't wait until what was sent twice can no longer appear: end with exit code 7, and resume checks it",
    )
    parser.add_argument(
        "--unattended", action="store_true", help="never ask; changes need an approval (see: pinflow approve)"
    )


def add_recipe(parser: argparse.ArgumentParser, *, nargs: str | None = None) -> None:
    """Add the argument for a recipe, or for several."""
    text = "a recipe's name, as pinflow recipes lists it, or its file: ./my.yaml"
    name = "recipe" if nargs in (None, "?") else "recipes"
    parser.add_argument(name, nargs=nargs, type=recipe_path, metavar="RECIPE", help=text)


def tell_recipes(shell: Shell, app: Host, recipes: Iterable[Path]) -> None:
    """Say of names that may mean two recipes which one is taken; not with --quiet."""
    from pinflow.errors import RecipeError
    from pinflow.recipe.bundled import find_recipe, recipe_note

    for recipe in recipes if shell.options.verbosity >= 0 else ():
        with suppress(RecipeError):  # the command itself reports a name that means none
            if note := recipe_note(recipe, find_recipe(recipe, app.registry.recipes)):
                shell.tell(f"note: {inert(note)}")


def add_inputs(parser: argparse.ArgumentParser, help: str = "an input (repeatable)") -> None:
    """Add the argument for a recipe's inputs."""
    parser.add_argument("-i", "--input", dest="inputs", action="append", default=[], metavar="NAME=VALUE", help=help)


def add_tokens(parser: argparse.ArgumentParser) -> None:
    """Add the argument for the tokens that recipes act with."""
    parser.add_argument(
        "--token",
        dest="tokens",
        action="append",
        default=[],
        metavar="[LOGIN=]NAME",
        help="act with this token in place of the recipe's; of several logins, say for which (repeatable)",
    )


def add_pace(parser: argparse.ArgumentParser) -> None:
    """Add the arguments on how long to wait and whether to ask."""
    parser.add_argument(
        "--patience",
        type=parse_duration,
        default=120.0,
        metavar="TIME",
        help="wait this long for a quota, then pause the run: 90 s, 10 minutes, 2h (default: 2 minutes)",
    )
    parser.add_argument("--yes", action="store_true", help="don't ask before deletions and many changes")
    add_max_writes(parser, "ask before the run makes more changes than this; without a terminal, stop")


def add_max_writes(parser: argparse.ArgumentParser, help: str) -> None:
    """Add the argument that limits a run's changes."""
    default = f"default: $PINFLOW_MAX_WRITES, else {MAX_WRITES:,}"
    parser.add_argument("--max-writes", type=parse_count, metavar="N", help=f"{help} ({default})")


def parse_count(text: str) -> int:
    """A whole number, for argparse; of 15 digits at most, which SQLite stores and a float still counts exactly."""
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        from pinflow.schema.invalid import mismatch  # only a mistake pays for this import

        raise argparse.ArgumentTypeError(str(mismatch("a whole number", text).show(text)))
    return int(text)


def max_writes(args: argparse.Namespace, shell: Shell) -> int:
    """How many changes a run may make: --max-writes, else PINFLOW_MAX_WRITES, else the default. Raises UsageError."""
    if args.max_writes is not None:
        return int(args.max_writes)
    try:
        return parse_count(shell.environ.get("PINFLOW_MAX_WRITES") or str(MAX_WRITES))
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"PINFLOW_MAX_WRITES {error}") from None


def parse_duration(text: str) -> float:
    """A duration in seconds, for argparse."""
    from pinflow.recipe.validators import seconds
    from pinflow.schema.invalid import Invalid

    try:
        return seconds(float(text) if text.isdecimal() else text)
    except Invalid as invalid:
        raise argparse.ArgumentTypeError(str(invalid.show(text))) from None


def find_tier(option: str | None, environ: Mapping[str, str]) -> str:
    """The access tier of the app: the option, else PINFLOW_TIER, else standard. Raises UsageError."""
    tier = option or environ.get("PINFLOW_TIER") or "standard"
    if tier not in TIERS:
        raise UsageError(f"PINFLOW_TIER must be {' or '.join(TIERS)}, not {tier!r}")
    return tier


def parse_inputs(pairs: Sequence[str]) -> dict[str, str]:
    """The values of -i by name; ``@FILE`` of a secret input is the text of that file.

    Raises UsageError for anything but NAME=VALUE, and for a repeated name.
    """
    from pinflow.plan.secret_inputs import FileReference

    inputs: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"-i must be NAME=VALUE, not {pair!r}", hint="write it like -i board='Garden ideas'")
        if name in inputs:
            raise UsageError(f"input {name!r} is given twice")
        inputs[name] = FileReference(value) if value.startswith("@") else value
    return inputs


def parse_tokens(words: Sequence[str]) -> dict[str, str]:
    """The names of tokens of --token by login, "" for the only one. Raises UsageError for a login that is repeated."""
    tokens: dict[str, str] = {}
    for word in words:
        login, equals, name = word.partition("=") if "=" in word else ("", "", word)
        if not name or (equals and not login):
            raise UsageError(f"--token must be NAME or LOGIN=NAME, not {word!r}", hint="write it like --token second")
        if login in tokens:
            raise UsageError(
                f"--token is given twice{f' for {login!r}' if login else ''}",
                hint="say for which login: --token LOGIN=NAME",
            )
        tokens[login] = name
    return tokens


def parse_given(args: argparse.Namespace) -> dict[str, str]:
    """The values of -i, and beside them those of --token, as jobs keep them. Raises UsageError."""
    from pinflow.plan.token_choices import stored_name

    tokens = {stored_name(login): token for login, token in parse_tokens(args.tokens).items()}
    return parse_inputs(args.inputs) | tokens


def warn_of_secrets(shell: Shell, inputs: Mapping[str, str], secrets: Collection[str]) -> None:
    """Warn of values of secret inputs that stood on the command line, and say where ``@FILE`` was not read."""
    from pinflow.errors import ALIASES_UNTIL
    from pinflow.plan.secret_inputs import FileReference, variable_of

    for name in sorted(name for name in inputs if name in secrets and not isinstance(inputs[name], FileReference)):
        shell.tell(
            f"warning: every process of this machine can read the secret {name!r} on the command line: give it with "
            f"-i {name}=@FILE, or the variable {variable_of(name)}; pinflow {ALIASES_UNTIL} refuses it there"
        )
    for name, value in inputs.items():
        if name not in secrets and isinstance(value, FileReference) and value.names_file:
            shell.tell(
                f"note: input {name!r} is the text {str(value)!r}: @ is read only for secret inputs (type: secret)"
            )


def parse_answers(pairs: Sequence[str]) -> dict[str, str]:
    """The ids of --made by item. Raises UsageError for anything but ITEM=ID, and for a repeated item."""
    answers: dict[str, str] = {}
    for pair in pairs:
        item, equals, id_ = pair.rpartition("=")
        if not equals or not item or not id_:
            raise UsageError(f"--made must be ITEM=ID, not {pair!r}", hint="write it like --made 12=813744226420795884")
        if item in answers:
            raise UsageError(f"item {item!r} is given twice")
        answers[item] = id_
    return answers


def execute(
    shell: Shell,
    args: argparse.Namespace,
    work: Callable[[Options], RunResult],
    *,
    dry_run: bool = False,
    sandbox: bool = False,
    tier: str = "standard",
    command: str = "",
    again: str = "",
    sign_in: Sequence[str] = (),
) -> int:
    """Make a run with ``work``, show its progress, and write its result. Returns the exit code.

    ``command`` runs the recipe without --dry-run and --sandbox, ``again`` without --dry-run as it was given;
    ``sign_in`` are the commands that get its tokens.
    """
    from pinflow.app import Options
    from pinflow.cli.signals import stop_on_signals  # validate takes arguments from here and runs nothing

    limit = max_writes(args, shell)
    view = _View(shell)
    with view.closing(), stop_on_signals(view.notice) as stop:
        options = Options(
            dry_run=dry_run,
            sandbox=sandbox,
            tier=tier,
            patience=args.patience,
            approve=_approver(shell, view) if shell.interactive else None,
            assume_yes=args.yes,
            max_writes=None if args.yes else limit,
            unattended=getattr(args, "unattended", False),
            accept_changes=getattr(args, "accept_changes", False),
            remake=getattr(args, "remake", False),
            made=parse_answers(getattr(args, "made", ())),
            not_made=tuple(getattr(args, "not_made", ())),
            answer=_asker(shell, view) if shell.interactive else None,
            audit_waits=not getattr(args, "no_audit_wait", False),
            executor=getattr(args, "executor", "threads"),
            output=_output(args),
            report=view.listeners,
            stop=stop.event,
        )
        try:
            result = work(options)
        except (KeyboardInterrupt, SystemExit):  # the second signal
            view.close()
            if view.run and not (dry_run or sandbox):
                shell.tell(f"to continue where it stopped: pinflow resume {view.run}")
            if _has_threads():  # they make calls, and Python would wait for them
                os._exit(stop.event.exit_code)
            raise
    _write_result(shell, view.name, result, tier=tier, command=command, again=again, sign_in=sign_in)
    return result.exit_code


def _output(args: argparse.Namespace) -> Path | None:
    folder: Path | None = getattr(args, "output_dir", None)
    return None if folder is None else Path(expand_home(str(folder))).absolute()


def _has_threads() -> bool:
    return any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate())


def _approver(shell: Shell, view: _View) -> Callable[[str], bool]:
    from pinflow.cli.prompts import confirm

    def approve(summary: str) -> bool:
        with view.pause():
            return confirm(shell, summary)

    return approve


def _asker(shell: Shell, view: _View) -> Callable[[str], str]:
    from pinflow.cli.prompts import ask_line

    def ask(question: str) -> str:
        with view.pause():
            return ask_line(shell, question)

    return ask


class _View:
    """Shows a run while it runs, in the form that --output asks for."""

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
        from pinflow.events import RunStarted

        if isinstance(event, RunStarted):
            self.name, self.run = event.name, event.run

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Restore the terminal when the block ends, whatever happens in it."""
        try:
            yield
        finally:
            self.close()

    def close(self) -> None:
        if close := getattr(self._console, "close", None):
            close()

    def pause(self) -> AbstractContextManager[None]:
        """Leave the terminal to a question."""
        pause: Callable[[], AbstractContextManager[None]] = getattr(self._console, "pause", nullcontext)
        return pause()

    def notice(self, text: str) -> None:
        """Show ``text`` from inside a signal handler."""
        show: Callable[[str], None] = getattr(self._console, "notice", self._shell.notice)
        show(text)


def _console(shell: Shell) -> Lines | Live:
    from pinflow.reporters.console import open_console

    verbosity = shell.options.verbosity if shell.human else -1
    terminal = is_terminal(shell.stderr) and shell.environ.get("TERM") != "dumb"
    color = shell.has_color(shell.stderr)
    return open_console(shell.stderr, shell.tell, terminal=terminal, color=color, verbosity=verbosity)


def _write_result(
    shell: Shell, name: str, result: RunResult, *, tier: str, command: str, again: str, sign_in: Sequence[str]
) -> None:
    from pinflow.reporters.summary import Recap, as_data

    if shell.options.output == "json":
        shell.say_json(as_data(name, result))
        return
    if shell.options.output == "ndjson":
        return  # its last line, the RunFinished event, has been written
    recap = Recap(
        name,
        result,
        tier=tier,
        command=command,
        again=again,
        sign_in=sign_in,
        now=time.time(),
        width=shell.width(shell.stdout),
    )
    for line in recap.lines(shell.painter(shell.stdout)):
        shell.say(line)
    if result.error is not None and shell.options.verbosity < 0:
        error_exit.show(shell, result.error)


def command_line(
    recipe: str, inputs: Mapping[str, str], api: str | None, plugins: Sequence[Path], *, output: Path | None = None
) -> str:
    """The command that runs a recipe with these inputs and tokens, as they are stored, to be pasted into a shell."""
    from pinflow.plan.token_choices import option_words

    words = ["pinflow", "run", recipe, *(word for pair in inputs.items() for word in option_words(*pair))]
    words += ["--output-dir", str(output)] if output is not None else []
    return shlex.join([*words, *plugin_words(plugins), *(["--api", api] if api else [])])


def input_text(value: object) -> str:
    """An input's value as -i takes it; "..." for one that can't be pasted into a shell."""
    import json

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else "..."


def plugin_words(plugins: Sequence[Path]) -> list[str]:
    """The options that load the same local plugins in another command."""
    return [word for plugin in plugins for word in ("--plugin", str(plugin))]
