"""``pinflow sandbox``: runs the sandbox in the foreground until Ctrl-C."""

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
from pinflow_sandbox.control.settings import LOOPBACK, Settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pinflow_sandbox.control.faults import FaultProfile

EPILOG = """examples:
  pinflow sandbox --port 8080
  pinflow sandbox --port 8080 --api v3   # for a client of API v3
  pinflow sandbox --port 8080 --set latency=0.08 --set quotas=false
  pinflow sandbox --settings   # what can be set, and the faults of each profile
  pinflow sandbox --port 8080 --faults hostile:42   # a bad day of the service, the same each time
  eval "$(pinflow sandbox --port 8080 & echo "export SANDBOX=$!")"   # the variables, in this shell; kill $SANDBOX
"""

_EPOCH = 1_767_225_600  # 2026-01-01
_IDS_A_SECOND = 100_000  # more than one sandbox gives in a second, and no more digits in a thousand years


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``pinflow sandbox``."""
    parser.epilog = EPILOG
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--host", choices=LOOPBACK, default="127.0.0.1", help="loopback address to listen on")
    parser.add_argument(
        "--api",
        choices=("v3", "v5"),
        default="v5",
        help="API version in the printed variables; the sandbox always serves v3, v4 ads and v5 (default: v5)",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the example accounts (default: 1)")
    parser.add_argument(
        "--token",
        action="append",
        default=[],
        metavar="NAME",
        help="also create a token of this name (repeatable); the second belongs to another account",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="changes",
        help="change a setting, such as latency=0.08 (repeatable); --settings lists them",
    )
    parser.add_argument("--settings", action="store_true", help="list every setting and fault, and start nothing")
    parser.add_argument(
        "--faults",
        metavar="PROFILE[:SEED]",
        help="inject faults: none, mild, hostile or lying; hostile*1.5:42 is 1.5 times as many, with seed 42",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted. Prints the variables a client needs. Raises UsageError for a bad setting or port."""
    if args.settings:
        from pinflow_sandbox.control.reference import print_settings

        return print_settings(human=args.output == "human")
    from pinflow_sandbox.server.sandbox import start  # here: --help needs no server

    settings, faults = _settings(args.changes, args.api), _faults(args.faults)
    try:
        sandbox = start(port=args.port, host=args.host, seed=args.seed, settings=settings, faults=faults)
    except (OSError, OverflowError) as error:
        message = f"the sandbox can't listen on {args.host}:{args.port}: {error}"
        raise UsageError(message, hint="choose another port, or none for a free one") from None
    # a state that knows the Pins of an earlier sandbox must not take new ones for them
    sandbox.world.skip_ids((int(sandbox.world.clock.now()) - _EPOCH) * _IDS_A_SECOND)
    with _quiet_interrupt(), sandbox:
        names = ["access_token", f"access_token_{args.api}", *args.token]
        try:
            variables = sandbox.environment(names, api=args.api)
        except ValueError as error:
            hint = "a token name has up to 64 letters, digits, _ . and -"
            raise UsageError(f"--token: {error}", hint=hint) from None
        for name, value in variables.items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        _release_stdout()
        repeat_hint = f"Faults are injected; repeat them with --faults {faults}\n" if faults is not None else ""
        sys.stderr.write(
            f"\nThe sandbox listens on {sandbox.url} and serves v3, v4 ads and v5.\n"
            "Paste the lines above into another terminal, then for example:\n"
            "  pinflow run copy_board -i board='Garden ideas' -i name='My copy'\n"
            f"Its control surface is {sandbox.url}/_sandbox/ with the header X-Sandbox-Token: {sandbox.control_token}\n"
            f"{repeat_hint}Ctrl-C ends it and deletes everything.\n"
        )
        _wait_for_interrupt()
    return 0


def _release_stdout() -> None:
    """Close standard output if it is a pipe, so that a shell reading the variables continues while the sandbox runs."""
    sys.stdout.flush()
    output = sys.__stdout__
    if output is not None and output is sys.stdout and not output.isatty():  # not where a test has replaced it
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), output.fileno())


def _wait_for_interrupt() -> None:
    threading.Event().wait()


@contextmanager
def _quiet_interrupt() -> Iterator[None]:
    """End the block on Ctrl-C or SIGTERM, without a traceback; its token files are deleted."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("\n")


def _faults(text: str | None) -> FaultProfile | None:
    from pinflow_sandbox.control.faults import parse_profile

    if text is None:
        return None
    try:
        return parse_profile(text)
    except ValueError as error:
        raise UsageError(f"--{error}") from None


def _settings(changes: list[str], api: str) -> Settings:
    settings: dict[str, Any] = {"scope_required": api != "v3"}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise UsageError(f"--set {change}: write NAME=VALUE")
        settings[name.strip()] = _value(value.strip())
    try:
        return Settings().with_changes(settings)
    except ValueError as error:
        raise UsageError(f"--set: {error}") from None


def _value(text: str) -> Any:
    """The value of a setting: JSON if it parses, else text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
