"""``pinflow sandbox``: the sandbox in the foreground, until Ctrl-C."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow import UsageError
from pinflow_sandbox.control.faults import parse_profile
from pinflow_sandbox.control.settings import Settings
from pinflow_sandbox.server.sandbox import LOOPBACK, start

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pinflow_sandbox.control.faults import FaultProfile

EPILOG = """examples:
  pinflow sandbox --port 8080
  pinflow sandbox --port 8080 --api v3   # for a client of API v3
  pinflow sandbox --port 8080 --set latency=0.08 --set quotas=false
  pinflow sandbox --port 8080 --faults hostile:42   # a bad day of the service, the same each time
  eval "$(pinflow sandbox --port 8080 & echo "export SANDBOX=$!")"   # the variables, in this shell; kill $SANDBOX
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``pinflow sandbox``."""
    parser.epilog = EPILOG
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--host", choices=LOOPBACK, default="127.0.0.1", help="loopback address to listen on")
    parser.add_argument(
        "--api",
        choices=("v3", "v5"),
        default="v5",
        help="version that the printed variables name; the sandbox speaks v3, v4 ads and v5 all the same (default: v5)",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the example accounts (default: 1)")
    parser.add_argument(
        "--token",
        action="append",
        default=[],
        metavar="NAME",
        help="also make a token of this name (repeatable); the second is another account's",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="changes",
        help="change a setting, such as latency=0.08 (repeatable); a wrong name lists them all",
    )
    parser.add_argument(
        "--faults",
        metavar="PROFILE[:SEED]",
        help="let requests go wrong: none, mild, hostile or lying; hostile*1.5:42 is half as much again, seed 42",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted. Prints the variables a client needs; raises UsageError for a bad setting or port."""
    settings, faults = _settings(args.changes, args.api), _faults(args.faults)
    try:
        sandbox = start(port=args.port, host=args.host, seed=args.seed, settings=settings, faults=faults)
    except (OSError, OverflowError) as error:
        what = f"the sandbox can't listen on {args.host}:{args.port}: {error}"
        raise UsageError(what, hint="choose another port, or none for a free one") from None
    with _ended_quietly(), sandbox:
        names = ["access_token", f"access_token_{args.api}", *args.token]
        try:
            variables = sandbox.environment(names, api=args.api)
        except ValueError as error:
            hint = "a token's name has letters, digits, _ . and -, 64 at most; it is not a path"
            raise UsageError(f"--token: {error}", hint=hint) from None
        for name, value in variables.items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        _end_of_output()
        sys.stderr.write(
            f"\nThe sandbox listens on {sandbox.url} and speaks v3, v4 ads and v5.\n"
            "Paste the lines above into another terminal, then for example:\n"
            "  pinflow run recipes/copy_board.yaml -i board='Garden ideas' -i name='My copy'\n"
            f"Its control surface is {sandbox.url}/_sandbox/ with the header X-Sandbox-Token: {sandbox.control_token}\n"
            f"{_weather(faults)}Ctrl-C ends it, and forgets everything.\n"
        )
        _until_interrupted()
    return 0


def _end_of_output() -> None:
    """Let go of a pipe, so that a shell which reads the variables from it goes on while the sandbox runs."""
    sys.stdout.flush()
    output = sys.__stdout__
    if output is not None and output is sys.stdout and not output.isatty():  # not where a test reads along
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), output.fileno())


def _until_interrupted() -> None:
    threading.Event().wait()


@contextmanager
def _ended_quietly() -> Iterator[None]:
    """Ctrl-C, or the signal that ends a server, ends what is inside at any moment, and the files of tokens with it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("\n")


def _faults(text: str | None) -> FaultProfile | None:
    if text is None:
        return None
    try:
        return parse_profile(text)
    except ValueError as error:
        raise UsageError(f"--{error}") from None


def _weather(faults: FaultProfile | None) -> str:
    """What to type to meet the same faults again."""
    return f"Requests go wrong as --faults {faults} says.\n" if faults is not None else ""


def _settings(changes: list[str], api: str) -> Settings:
    wanted: dict[str, Any] = {"scope_required": api != "v3"}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise UsageError(f"--set {change}: write NAME=VALUE")
        wanted[name.strip()] = _value(value.strip())
    try:
        return Settings().changed(wanted)
    except ValueError as error:
        raise UsageError(f"--set: {error}") from None


def _value(text: str) -> Any:
    """JSON where it is JSON, else text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
