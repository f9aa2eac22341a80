"""``pinflow notify``: lists open alerts, and tests the notifiers."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING

from pinflow.errors import FAILED, OK, UsageError
from pinflow.reporters.text import inert, table, wrap

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pinflow.app import App
    from pinflow.cli.shell import Shell
    from pinflow.state.records import Notice

DESCRIPTION = """\
Show the open alerts of unattended runs. Each alert is sent once: as a line on standard error, to the
command in PINFLOW_NOTIFY_COMMAND (as JSON on its standard input), and to the address in
PINFLOW_NOTIFY_WEBHOOK (the same JSON, posted)."""
EXAMPLES = """\
  pinflow notify                                         list open alerts
  pinflow notify --test                                  send a test through every notifier
  pinflow notify --resolve KEY                           close the alert of this key"""
OUTPUTS: Sequence[str] = ("human", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--test", action="store_true", help="send a test through every notifier")
    which.add_argument("--resolve", metavar="KEY", help="close an alert")


def run(args: argparse.Namespace, shell: Shell) -> int:
    app = shell.app()
    if args.test:
        return _test(shell, app)
    if args.resolve is not None:
        if not app.notices.resolve(args.resolve):
            raise UsageError(f"no open alert {args.resolve!r}", hint="pinflow notify lists them")
        return OK
    return _list(shell, app)


def _test(shell: Shell, app: App) -> int:
    results = app.notices.test()
    if not shell.human:
        shell.say_json({"notifiers": results})
    for name, outcome in results.items() if shell.human else ():
        shell.say(f"{inert(name)}: {inert(outcome)}")
    return FAILED if any(outcome.startswith("failed") for outcome in results.values()) else OK


def _list(shell: Shell, app: App) -> int:
    notices = app.notices.open()
    if not shell.human:
        return shell.say_json({"notices": [notice.as_data() for notice in notices]})
    if not notices:
        shell.tell("No open alerts. To send a test: pinflow notify --test")
        return OK
    for line in _lines(notices, shell.width(shell.stdout)):
        shell.say(line)
    return OK


def _lines(notices: Sequence[Notice], width: int) -> Iterator[str]:
    """A line for each notice; below it what it is about and the commands that help, to be copied whole."""
    rows = [
        (time.strftime("%Y-%m-%d %H:%M", time.localtime(notice.at)), notice.level, inert(notice.title))
        for notice in notices
    ]
    head, *lines = table([("SINCE", "LEVEL", "WHAT"), *rows])
    yield head
    for line, notice in zip(lines, notices, strict=True):
        yield from wrap(line, width, most=20)
        text, colon, command = inert(notice.text).partition(": pinflow ")
        if text:
            yield from wrap(f"{text}{colon[:1]}", width, indent="  ")
        if command:
            yield f"    pinflow {command}"
        yield "  to close it by hand:"
        yield f"    pinflow notify --resolve {shlex.quote(inert(notice.key))}"
