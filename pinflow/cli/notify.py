"""``pinflow notify``: what people were told of, and whether telling works."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pinflow.errors import FAILED, OK, UsageError
from pinflow.reporters.text import fit, inert, json_text, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pinflow.app import App
    from pinflow.cli.shell import Shell

DESCRIPTION = """\
Show what runs with nobody there have told of and what is not over yet. Each is told once: as a line on
standard error, to the command in PINFLOW_NOTIFY_COMMAND (the notice as JSON on its standard input), and
to the address in PINFLOW_NOTIFY_WEBHOOK (the same JSON, posted)."""
EXAMPLES = """\
  pinflow notify                                         what is open
  pinflow notify --test                                  have every notifier tell of a test
  pinflow notify --resolve run-paused:3f2a9c01d4e5       should it come again, it is told again"""
OUTPUTS: Sequence[str] = ("human", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--test", action="store_true", help="have every notifier tell of a test")
    which.add_argument("--resolve", metavar="KEY", help="forget a notice")


def run(args: argparse.Namespace, shell: Shell) -> int:
    app = shell.app()
    if args.test:
        return _test(shell, app)
    if args.resolve is not None:
        if not app.notices.resolve(args.resolve):
            raise UsageError(f"there is no notice {args.resolve!r}", hint="pinflow notify lists them")
        return OK
    return _list(shell, app)


def _test(shell: Shell, app: App) -> int:
    results = app.notices.test()
    if not shell.human:
        shell.say(json_text({"notifiers": results}))
    for name, outcome in results.items() if shell.human else ():
        shell.say(f"{inert(name)}: {inert(outcome)}")
    return FAILED if any(outcome.startswith("failed") for outcome in results.values()) else OK


def _list(shell: Shell, app: App) -> int:
    found = app.notices.open()
    if not shell.human:
        shell.say(json_text({"notices": [each.as_data() for each in found]}))
        return OK
    if not found:
        shell.tell("there is nothing that anybody was told of; try: pinflow notify --test")
    rows = [
        (time.strftime("%Y-%m-%d %H:%M", time.localtime(each.at)), each.level, inert(each.title), inert(each.key))
        for each in found
    ]
    for line in table([("SINCE", "LEVEL", "WHAT", "KEY"), *rows]) if rows else ():
        shell.say(fit(line, shell.width(shell.stdout)))
    return OK
