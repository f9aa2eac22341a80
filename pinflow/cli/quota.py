"""``pinflow quota``: how much of each quota is used and left, and until when."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from pinflow.clock import moment
from pinflow.errors import OK
from pinflow.reporters.text import inert, table
from pinflow.reporters.wording import duration
from pinflow.schema.durations import SECONDS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pinflow.cli.shell import Shell
    from pinflow.state.records import QuotaUse

DESCRIPTION = """\
Show how much of each quota is used: by all runs on this machine, and by others as far as the
service reports it. What the service tells of a quota (known from: header) replaces what pinflow
assumes by the app's tier (table). Of several limits for a call, that of its category is reached
first, unless a line below the table names another. Quotas unused for a day are not shown; of many,
those with the least left are."""
EXAMPLES = """\
  pinflow quota
  pinflow quota --output json
  pinflow quota --clear-block access_token               allow the account to write again"""
OUTPUTS: Sequence[str] = ("human", "json")

_UNIVERSAL, _APP = "*", "app"  # the category of all calls, and the account of what an app's accounts share
_LIMIT_NAMES = {_UNIVERSAL: "all calls"}
_SOURCES = {"table": "as pinflow assumes", "header": "as the service tells"}
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
        binding = {id(_binding(use, uses)) for use in uses if use.category not in ("", _UNIVERSAL)}
        quotas = [asdict(use) | {"left": use.remaining, "binds": id(use) in binding} for use in uses if use.category]
        blocks = [{"api": use.api, "login": use.login, "until": use.paused_until} for use in uses if not use.category]
        return shell.say_json({"quotas": quotas, "blocks": blocks})
    if not uses:
        shell.tell("No quota was used in the last day.")
        return OK
    return shell.say_lines(_table_lines(uses, now, shell.width(shell.stdout)))


def _table_lines(uses: Sequence[QuotaUse], now: float, width: int) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("API", "ACCOUNT", "CATEGORY", "LIMIT", "USED", "LEFT", "ALL FREE AT", "KNOWN FROM")]
    quotas = [use for use in uses if use.category]
    listed = quotas if len(quotas) <= _SHOWN else sorted(quotas, key=_share_left)[:_SHOWN]
    rows += [_quota_row(use, now) for use in listed]
    if len(rows) > 1:
        yield from table(rows, right=frozenset({4, 5}), width=width)
    if rest := len(quotas) - len(listed):
        yield f"{rest:,} more with more left; to list them: --output json"
    bindings = [(use, _binding(use, uses)) for use in listed if use.limit is not None]
    yield from dict.fromkeys(_binding_text(use, binding) for use, binding in bindings if binding is not use)
    # every window of a paused category reports the same pause
    yield from dict.fromkeys(
        _pause_text(use, moment(use.paused_until, now)) for use in uses if use.paused_until is not None
    )


def _share_left(use: QuotaUse) -> float:
    return 1.0 if use.remaining is None or not use.limit else use.remaining / use.limit


def _binding(use: QuotaUse, uses: Sequence[QuotaUse]) -> QuotaUse:
    """Of all limits that hold for the calls of a category, the one that is reached first."""
    if use.category == _UNIVERSAL:
        return use
    shared = (use.account, _APP)
    limits = [
        other
        for other in uses
        if (other.api, other.origin) == (use.api, use.origin)
        and (
            (other.category == use.category and other.account == use.account)
            or (other.category == _UNIVERSAL and other.account in shared)
        )
    ]
    longest = max(limit.seconds for limit in limits)
    return min(limits, key=lambda limit: _calls_within(longest, limit))


def _calls_within(seconds: float, use: QuotaUse) -> float:
    """How many calls a limit lets through in so many seconds, which are at least its own."""
    if use.limit is None or use.remaining is None:
        return float("inf")
    return use.remaining + use.limit * (seconds / use.seconds - 1)


def _quota_row(use: QuotaUse, now: float) -> tuple[str, ...]:
    limit = _limit_text(use)
    free = "now" if use.resets is None else moment(use.resets, now)
    category = _LIMIT_NAMES.get(use.category, inert(use.category))
    left = "" if use.remaining is None else str(use.remaining)
    return inert(use.api), _account_text(use), category, limit, str(use.used), left, free, use.source


def _limit_text(use: QuotaUse) -> str:
    return "?" if use.limit is None else f"{use.limit:,} a {_SPANS.get(int(use.seconds), duration(use.seconds))}"


def _binding_text(use: QuotaUse, binding: QuotaUse) -> str:
    name = _LIMIT_NAMES.get(binding.category, inert(binding.category))
    limit = f"{name}, {_limit_text(binding)}, {_SOURCES.get(binding.source, binding.source)}"
    return f"{_account_text(use)}: calls of {inert(use.category)} reach another limit first: {limit}"


def _account_text(use: QuotaUse) -> str:
    return f"{inert(use.login)} ({use.account[:8]})" if use.login else "the app"


def _pause_text(use: QuotaUse, until: str) -> str:
    if use.category:
        return f"{_account_text(use)}: {inert(use.category)} is paused until {until}: the service refused a call"
    lift = f"pinflow quota --clear-block {inert(use.login)}"
    return f"{_account_text(use)}: writes are paused until {until} after a spam block; earlier with: {lift}"
