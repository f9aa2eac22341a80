"""``pinflow quota``: how much of each quota is used and left, and until when."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from pinflow.errors import OK
from pinflow.reporters.text import inert, table
from pinflow.reporters.wording import duration, moment
from pinflow.schema.durations import SECONDS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pinflow.cli.shell import Shell
    from pinflow.state.records import QuotaUse

DESCRIPTION = """\
Show how much of each quota is used: by all runs on this machine, and by others as far as the
service reports it. Quotas unused for a day are not shown; of many, those with the least left are."""
EXAMPLES = """\
  pinflow quota
  pinflow quota --output json
  pinflow quota --clear-block access_token               allow the account to write again"""
OUTPUTS: Sequence[str] = ("human", "json")

_SHOWN = 40  # rows: a screen or two
_SPANS = {seconds: unit.removesuffix("s") for unit, seconds in SECONDS.items()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--clear-block",
        metavar="TOKEN",
        help="end the pause after a spam block of this token's account; check the account first",
    )


def run(args: argparse.Namespace, shell: Shell) -> int:
    app = shell.app()
    if args.clear_block is not None:
        app.accounts.lift_block(args.clear_block)
        shell.tell(f"the account of {inert(args.clear_block)} may write again")
        return OK
    now, uses = app.now(), app.accounts.quotas()
    if not shell.human:
        quotas = [asdict(use) | {"left": use.remaining} for use in uses if use.category]
        blocks = [{"api": use.api, "login": use.login, "until": use.paused_until} for use in uses if not use.category]
        return shell.say_json({"quotas": quotas, "blocks": blocks})
    if not uses:
        shell.tell("No quota was used in the last day.")
        return OK
    return shell.say_lines(_table_lines(uses, now))


def _table_lines(uses: Sequence[QuotaUse], now: float) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("API", "ACCOUNT", "CATEGORY", "LIMIT", "USED", "LEFT", "ALL FREE AT", "KNOWN FROM")]
    quotas = [use for use in uses if use.category]
    listed = quotas if len(quotas) <= _SHOWN else sorted(quotas, key=_share_left)[:_SHOWN]
    rows += [_quota_row(use, now) for use in listed]
    if len(rows) > 1:
        yield from table(rows, right=frozenset({4, 5}))
    if rest := len(quotas) - len(listed):
        yield f"{rest:,} more with more left; to list them: --output json"
    # every window of a paused category reports the same pause
    yield from dict.fromkeys(
        _pause_text(use, moment(use.paused_until, now)) for use in uses if use.paused_until is not None
    )


def _share_left(use: QuotaUse) -> float:
    return 1.0 if use.remaining is None or not use.limit else use.remaining / use.limit


def _quota_row(use: QuotaUse, now: float) -> tuple[str, ...]:
    limit = "?" if use.limit is None else f"{use.limit:,} a {_SPANS.get(int(use.seconds), duration(use.seconds))}"
    free = "now" if use.resets is None else moment(use.resets, now)
    category = "all calls" if use.category == "*" else inert(use.category)
    left = "" if use.remaining is None else str(use.remaining)
    return inert(use.api), _account_text(use), category, limit, str(use.used), left, free, use.source


def _account_text(use: QuotaUse) -> str:
    return f"{inert(use.login)} ({use.account[:8]})" if use.login else "the app"


def _pause_text(use: QuotaUse, until: str) -> str:
    if use.category:
        return f"{_account_text(use)}: {inert(use.category)} is paused until {until}: the service refused a call"
    lift = f"pinflow quota --clear-block {inert(use.login)}"
    return f"{_account_text(use)}: writes are paused until {until} after a spam block; earlier with: {lift}"
