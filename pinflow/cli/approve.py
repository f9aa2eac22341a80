"""``pinflow approve``: allows a recipe to make changes unattended."""

from __future__ import annotations

import getpass
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.cli import error_exit, run_common
from pinflow.cli.prompts import confirm
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
Allow a recipe to make changes unattended, on a schedule or from cron, with these inputs. A dry run
shows first what it would do. The approval holds for exactly this text, what it includes, and these
inputs; a change to any of them needs a new approval. Recipes that only read need none."""
EXAMPLES = """\
  pinflow approve recipes/mirror_board.yaml -i board="Garden ideas"
  pinflow approve mirror_garden.yaml --max-writes 200    limit the changes of each run
  pinflow approve mirror_garden.yaml --yes               without a dry run and a question
  pinflow approve --list
  pinflow approve --revoke 3f2a9c01d4e5                  by id, or by the recipe's file"""
OUTPUTS: Sequence[str] = ("human", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", nargs="?", type=Path, metavar="RECIPE", help="a recipe's file, or a bundled one")
    run_common.add_inputs(parser)
    parser.add_argument("--api", metavar="API", help="API version to run it on, instead of the recipe's own")
    parser.add_argument("--yes", action="store_true", help="approve without a dry run and a question")
    run_common.add_max_writes(parser, "how many changes one run may make")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--list", action="store_true", help="list the approvals")
    which.add_argument("--revoke", metavar="ID", help="revoke an approval, by its id or the recipe's file or name")


def run(args: argparse.Namespace, shell: Shell) -> int:
    app = shell.app()
    if args.list or args.revoke is not None:
        if args.recipe is not None:
            raise UsageError("--list and --revoke can't be used with a recipe", hint="see: pinflow approve --help")
        return _list(shell, app) if args.list else _revoke(shell, app, args.revoke)
    if args.recipe is None:
        raise UsageError("no recipe given", hint="pinflow approve recipes/mirror_board.yaml, or pinflow approve --list")
    return _approve(args, shell, app)


def _approve(args: argparse.Namespace, shell: Shell, app: App) -> int:
    max_writes = run_common.max_writes(args, shell)
    inputs = run_common.parse_inputs(args.inputs)
    plan = app.plan(args.recipe, inputs=inputs, api=args.api)
    run_common.warn_of_secrets(shell, inputs, plan.secrets)
    if not plan.unattended_writes:
        _say(shell, f"{inert(plan.source.name)} changes nothing and needs no approval", {"approval": None})
        return OK
    for line in _plan_lines(plan):
        shell.tell(fit(line, shell.width(shell.stderr)))
    if not args.yes:
        result = _dry_run(shell, app, plan)
        if result.error is not None:
            error_exit.show(shell, result.error)
            return result.exit_code
        _require_yes(shell, plan, max_writes)
    approval = app.approve(plan, by=_user(), max_writes=max_writes)
    _say(
        shell,
        f"approved as {approval.id}, until something changes; to revoke: pinflow approve --revoke {approval.id}",
        {"approval": _data(approval)},
    )
    return OK


def _user() -> str:
    """The name of the user, or the number if the system has no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):  # in a container a user may have none
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else ""


def _require_yes(shell: Shell, plan: Plan, max_writes: int) -> None:
    """Ask for the approval. Raises ApprovalRequired after a no."""
    shell.tell(f"each run may make up to {max_writes:,} changes (--max-writes), including deletions")
    shell.tell("a change to this recipe, to what it includes, or to the inputs needs a new approval")
    for file in sorted(plan.files):
        shell.tell(f"the approval does not cover the contents of {inert(file)}")
    if not shell.interactive or not confirm(shell, "It will run like this unattended"):
        raise ApprovalRequired(f"{plan.source.name} was not approved", hint="answer y, or use --yes")


def _dry_run(shell: Shell, app: App, plan: Plan) -> RunResult:
    """Make a dry run and show what it would do."""
    from pinflow.app import Options
    from pinflow.reporters.summary import Recap, counts_table

    tier = shell.environ.get("PINFLOW_TIER") or "standard"
    result = app.run(plan, Options(dry_run=True, tier=tier))
    recap = Recap(plan.recipe.name, result, tier=tier, now=time.time(), width=shell.width(shell.stderr))
    lines = [*counts_table(result.counts), *recap.calls()]
    for line in ["one run, if it started now", *(lines or ["  changes nothing"])]:
        shell.tell(line)
    return result


def _plan_lines(plan: Plan) -> Iterator[str]:
    """What the recipe says: inputs, accounts, and the steps that make changes."""
    yield f"{inert(plan.recipe.name)} ({inert(plan.source.name)})"
    if plan.inputs:
        yield "inputs"
        shown = {name: "(secret)" if name in plan.secrets else value for name, value in plan.inputs.items()}
        rows = [
            (inert(name), inert(_value_text(value)), "" if name in plan.given else "from the recipe")
            for name, value in shown.items()
        ]
        yield from table(rows, indent="  ")
    if plan.logins or plan.item_logins:
        yield "accounts"
        rows = [
            (inert(login.name), f"token {inert(login.token)}", inert(", ".join(sorted(login.scopes))))
            for login in plan.logins.values()
        ]
        rows += [
            (inert(login.variable), "each token in turn", inert(", ".join(sorted(login.scopes))))
            for login in plan.item_logins.values()
        ]
        yield from table(rows, indent="  ")
    deleting = {step.path for step in plan.destructive}
    yield "steps that make changes"
    rows = [
        (
            inert(step.path),
            inert(step.action.full_name if step.action else ""),
            "DELETES" if step.path in deleting else "",
        )
        for step in plan.unattended_writes
    ]
    yield from table(rows, indent="  ")


def _value_text(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


def _list(shell: Shell, app: App) -> int:
    approvals, damaged = app.approvals.all()
    if not shell.human:
        shell.say_json({"approvals": [_data(approval) for approval in approvals], "damaged": damaged})
        return STATE if damaged else OK
    if approvals:
        rows = [("ID", "RECIPE", "INPUTS", "CHANGES", "DELETES", "BY", "WHEN")]
        rows += [
            (
                approval.id,
                inert(approval.recipe),
                inert(", ".join(f"{name}={_value_text(value)}" for name, value in approval.inputs.items()) or "-"),
                f"up to {approval.max_writes:,}",
                "yes" if approval.deletes else "-",
                inert(approval.by),
                time.strftime("%Y-%m-%d %H:%M", time.localtime(approval.at)),
            )
            for approval in approvals
        ]
        shell.say_lines(table(rows))
    elif not damaged:
        shell.tell("No approvals. To approve a recipe: pinflow approve RECIPE")
    for problem in damaged:
        shell.tell(inert(problem))
    return STATE if damaged else OK


def _revoke(shell: Shell, app: App, name: str) -> int:
    ids = app.approvals.revoke(name)
    _say(shell, f"revoked: {', '.join(ids)}", {"revoked": list(ids)})
    return OK


def _say(shell: Shell, text: str, data: Any) -> None:
    shell.say(text if shell.human else json_text(data))


def _data(approval: Approval) -> dict[str, Any]:
    names = ("id", "digest", "name", "recipe", "api", "inputs", "deletes", "max_writes", "by", "at")
    return {name: getattr(approval, name) for name in names}
