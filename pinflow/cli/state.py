"""``pinflow state``: shows how much is stored, and removes what is old."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from pinflow.cli import run_common
from pinflow.cli.prompts import confirm
from pinflow.engine.keeping import keep_for
from pinflow.errors import OK, ApprovalRequired
from pinflow.lazy_dataclass import replace
from pinflow.reporters.text import inert, table
from pinflow.schema.durations import SECONDS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pinflow.cli.shell import Shell
    from pinflow.state.records import Keep, Stored

DESCRIPTION = """\
Show how much is stored, by kind. Of what ended, a few are removed at each start: runs that ended ok
after 90 days (PINFLOW_KEEP), those that failed or were cancelled after twice as long, and of more than
2,000 of either the oldest that did nothing, then the oldest. What can be resumed stays."""
EXAMPLES = """\
  pinflow state
  pinflow state prune --dry-run                          what would be removed
  pinflow state prune                                    remove all that is old enough, at once
  pinflow state prune --older-than 30d                   all that ended longer ago
  pinflow state prune --older-than 30d --open            and what can be resumed; asks first"""
OUTPUTS: Sequence[str] = ("human", "json")

_SLIP = 3600.0  # seconds: whoever keeps less than an hour of records most likely meant months by "m"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    below = parser.add_subparsers(dest="verb", metavar="prune")
    prune = below.add_parser("prune", help="remove what is old", description="Remove what is old.")
    prune.add_argument(
        "--older-than",
        type=run_common.parse_duration,
        metavar="DURATION",
        help="remove all that ended longer ago: 30d; units are s, m (minutes), h, d, w (default: as PINFLOW_KEEP says)",
    )
    prune.add_argument(
        "--open",
        action="store_true",
        help="also runs that can be resumed or can't be read, as old as those that failed; asks first",
    )
    prune.add_argument("--dry-run", action="store_true", help="only show what would be removed")
    prune.add_argument("-y", "--yes", action="store_true", help="don't ask")


def run(args: argparse.Namespace, shell: Shell) -> int:
    return _prune(args, shell) if args.verb == "prune" else _show(shell)


def _show(shell: Shell) -> int:
    app = shell.app()
    keep = keep_for(shell.environ)
    rows = app.store.inventory()
    if not shell.human:
        days = {"ok": keep.ok, "failed": keep.failed, "number": keep.number}
        return shell.say_json({"state": app.store.place, "stored": [asdict(row) for row in rows], "keep": days})
    if not rows:
        shell.tell(f"Nothing is stored yet in {inert(app.store.place)}.")
        return OK
    shell.say_lines(_table_lines(rows))
    shell.say_lines([f"in {inert(app.store.place)}", *_policy_lines(keep)])
    return OK


def _prune(args: argparse.Namespace, shell: Shell) -> int:
    app = shell.app()
    keep = keep_for(shell.environ)
    if args.older_than is not None:
        keep = replace(keep, ok=args.older_than, failed=args.older_than)
    if args.open:
        keep = replace(keep, open=keep.failed)
    if not (args.dry_run or args.yes):
        if args.older_than is not None and args.older_than < _SLIP:
            _require_approval(
                shell, app.store.prune(keep, dry_run=True), f"they ended {_age(args.older_than)} ago or more"
            )
        if args.open:
            due, ended = (app.store.prune(replace(keep, open=age), dry_run=True) for age in (keep.open, None))
            more = [row for row in due if row not in ended]
            _require_approval(shell, more, "they can't be resumed after that")
    removed = app.store.prune(keep, dry_run=args.dry_run)
    if not shell.human:
        name = "would_be_removed" if args.dry_run else "removed"
        return shell.say_json({name: [asdict(row) for row in removed]})
    if not removed:
        shell.tell("Nothing is old enough to be removed.")
        return OK
    shell.say("to be removed:" if args.dry_run else "removed:")
    return shell.say_lines(_table_lines(removed))


def _require_approval(shell: Shell, due: Sequence[Stored], fact: str) -> None:
    """Raise ApprovalRequired unless the user, who is told a ``fact`` of it, agrees to the removal of what is due."""
    counts = " and ".join(f"{row.count:,} {row.kind}" for row in due)
    if not due or (shell.interactive and confirm(shell, f"This removes {counts}; {fact}")):
        return
    raise ApprovalRequired(
        f"removing {counts} isn't approved; {fact}", hint="check it with --dry-run, then run it with --yes"
    )


def _age(seconds: float) -> str:
    number, unit = (seconds / 60, "minute") if seconds >= 60 else (seconds, "second")
    return f"{number:g} {unit}{'' if number == 1 else 's'}"


def _table_lines(rows: Sequence[Stored]) -> list[str]:
    lines = [(inert(row.kind), f"{row.count:,}", _size_text(row.size)) for row in rows]
    return table([("WHAT", "NUMBER", "SIZE"), *lines], right=frozenset({1, 2}))


def _size_text(size: int) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1_000:
            return f"{size:,.0f} {unit}"
        size /= 1_000  # type: ignore[assignment]
    return f"{size:,.0f} GB"


def _policy_lines(keep: Keep) -> Iterator[str]:
    yield f"Runs that ended ok stay for {_days(keep.ok)}, those that failed or were cancelled for {_days(keep.failed)};"
    yield f"at most {keep.number:,} of each. What can be resumed stays."


def _days(seconds: float) -> str:
    return f"{seconds / SECONDS['days']:g} days"
