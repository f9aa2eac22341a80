"""``pinflow approve``: let a recipe write with nobody there."""

from __future__ import annotations

import getpass
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.cli import error_exit, run_common
from pinflow.cli.prompts import confirmed
from pinflow.errors import OK, STATE, ApprovalRequired, UsageError
from pinflow.reporters.text import fit, inert, json_text, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pinflow.app import App
    from pinflow.cli.shell import Shell
    from pinflow.engine.results import RunResult
    from pinflow.plan import Plan
    from pinflow.state.records import Approval

DESCRIPTION = """\
Approve that a recipe runs with nobody there, with these inputs: on a schedule, or from cron. A dry run
shows first what it would do. The approval is for the recipe's very text, what it includes, and the
inputs given here: whatever of these is changed needs a new one. Recipes that only read need none."""
EXAMPLES = """\
  pinflow approve recipes/mirror_board.yaml -i board="Garden ideas"
  pinflow approve mirror_garden.yaml --max-writes 200    no run may change more than that
  pinflow approve mirror_garden.yaml --yes               without a dry run and without asking
  pinflow approve --list
  pinflow approve --revoke 3f2a9c01d4e5                  or the recipe's file"""
OUTPUTS: Sequence[str] = ("human", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", nargs="?", type=Path, metavar="RECIPE", help="a recipe's file, or a bundled one")
    parser.add_argument(
        "-i", "--input", dest="inputs", action="append", default=[], metavar="NAME=VALUE", help="an input (repeatable)"
    )
    parser.add_argument("--api", metavar="API", help="API version to run it on, instead of the recipe's own")
    parser.add_argument("--yes", action="store_true", help="approve what the text says: no dry run, no question")
    run_common.add_max_writes(parser, "how many changes one run may make")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--list", action="store_true", help="what is approved")
    which.add_argument("--revoke", metavar="ID", help="take an approval back: its id, or the recipe's file or name")


def run(args: argparse.Namespace, shell: Shell) -> int:
    app = shell.app()
    if args.list or args.revoke is not None:
        if args.recipe is not None:
            raise UsageError(
                "a recipe is approved, listed or revoked: one at a time", hint="see: pinflow approve --help"
            )
        return _list(shell, app) if args.list else _revoke(shell, app, args.revoke)
    if args.recipe is None:
        raise UsageError("which recipe?", hint="pinflow approve recipes/mirror_board.yaml, or pinflow approve --list")
    return _approve(args, shell, app)


def _approve(args: argparse.Namespace, shell: Shell, app: App) -> int:
    most = run_common.max_writes(args, shell)
    plan = app.plan(args.recipe, inputs=run_common.given_inputs(args.inputs), api=args.api)
    if not plan.unattended_writes:
        _say(
            shell,
            f"{inert(plan.source.name)} changes nothing: it runs unattended without an approval",
            {"approval": None},
        )
        return OK
    for line in _what(plan):
        shell.tell(fit(line, shell.width(shell.stderr)))
    if not args.yes:
        result = _rehearsed(shell, app, plan)
        if result.error is not None:
            error_exit.show(shell, result.error)
            return result.exit_code
        _ask(shell, plan, most)
    approval = app.approve(plan, by=_user(), max_writes=most)
    _say(
        shell,
        f"approved: {approval.id}, until something in it changes or: pinflow approve --revoke {approval.id}",
        {"approval": _data(approval)},
    )
    return OK


def _user() -> str:
    """Who approves: the name that the system knows, else its number."""
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):  # in a container a user may have none
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else ""


def _ask(shell: Shell, plan: Plan, most: int) -> None:
    shell.tell(f"a run may make up to {most:,} changes (--max-writes), deletions among them")
    shell.tell("a change of this text, of what it includes, or of the inputs needs a new approval")
    for file in sorted(plan.files):
        shell.tell(f"what {inert(file)} holds is not part of the approval")
    if not shell.interactive or not confirmed(shell, "It is to run like this with nobody there"):
        raise ApprovalRequired(f"{plan.source.name} was not approved", hint="answer y, or give --yes")


def _rehearsed(shell: Shell, app: App, plan: Plan) -> RunResult:
    """What a dry run comes to, which is told."""
    from pinflow.app import Options
    from pinflow.reporters.summary import Recap, counted

    tier = shell.environ.get("PINFLOW_TIER") or "standard"
    result = app.run(plan, Options(dry_run=True, tier=tier))
    recap = Recap(plan.recipe.name, result, tier=tier, now=time.time(), width=shell.width(shell.stderr))
    lines = [*counted(result.counts), *recap.calls()]
    for line in ["one run, if it began now", *(lines or ["  changes nothing"])]:
        shell.tell(line)
    return result


def _what(plan: Plan) -> Iterator[str]:
    """The plan, as far as the text tells."""
    yield f"{inert(plan.recipe.name)} ({inert(plan.source.name)})"
    if plan.inputs:
        yield "inputs"
        shown = {name: "(secret)" if name in plan.secrets else value for name, value in plan.inputs.items()}
        rows = [
            (inert(name), inert(_text(value)), "" if name in plan.given else "the recipe's own")
            for name, value in shown.items()
        ]
        yield from table(rows, indent="  ")
    if plan.logins or plan.item_logins:
        yield "accounts"
        rows = [
            (inert(each.name), f"token {inert(each.token)}", inert(", ".join(sorted(each.scopes))))
            for each in plan.logins.values()
        ]
        rows += [
            (inert(each.variable), "each token in turn", inert(", ".join(sorted(each.scopes))))
            for each in plan.item_logins.values()
        ]
        yield from table(rows, indent="  ")
    deleting = {step.path for step in plan.destructive}
    yield "steps that write"
    rows = [
        (
            inert(step.path),
            inert(step.action.full_name if step.action else ""),
            "DELETES" if step.path in deleting else "",
        )
        for step in plan.unattended_writes
    ]
    yield from table(rows, indent="  ")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


def _list(shell: Shell, app: App) -> int:
    approvals, wrong = app.approvals.all()
    if not shell.human:
        shell.say(json_text({"approvals": [_data(each) for each in approvals], "damaged": wrong}))
        return STATE if wrong else OK
    if approvals:
        rows = [("ID", "RECIPE", "INPUTS", "CHANGES", "DELETES", "BY", "WHEN")]
        rows += [
            (
                each.id,
                inert(each.recipe),
                inert(", ".join(f"{name}={_text(value)}" for name, value in each.inputs.items()) or "-"),
                f"up to {each.max_writes:,}",
                "yes" if each.deletes else "-",
                inert(each.by),
                time.strftime("%Y-%m-%d %H:%M", time.localtime(each.at)),
            )
            for each in approvals
        ]
        for line in table(rows):
            shell.say(fit(line, shell.width(shell.stdout)))
    elif not wrong:
        shell.tell("nothing is approved to run unattended; see: pinflow approve --help")
    for each in wrong:
        shell.tell(inert(each))
    return STATE if wrong else OK


def _revoke(shell: Shell, app: App, what: str) -> int:
    gone = app.approvals.revoke(what)
    _say(shell, f"revoked: {', '.join(gone)}", {"revoked": list(gone)})
    return OK


def _say(shell: Shell, text: str, data: Any) -> None:
    shell.say(text if shell.human else json_text(data))


def _data(approval: Approval) -> dict[str, Any]:
    return {
        "id": approval.id,
        "digest": approval.digest,
        "name": approval.name,
        "recipe": approval.recipe,
        "api": approval.api,
        "inputs": dict(approval.inputs),
        "deletes": list(approval.deletes),
        "max_writes": approval.max_writes,
        "by": approval.by,
        "at": approval.at,
    }
