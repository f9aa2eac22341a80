"""``pinflow approve``: allows a recipe to make changes unattended."""

from __future__ import annotations

import getpass
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.cli import error_exit, run_common
from pinflow.cli.prompts import confirm
from pinflow.engine.coverage import is_outdated
from pinflow.errors import OK, STATE, ApprovalRequired, PinflowError, UsageError
from pinflow.plan.token_choices import given_text
from pinflow.reporters.text import fit, inert, json_text, table, wrap

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pinflow.app import App
    from pinflow.cli.shell import Shell
    from pinflow.engine.results import RunResult
    from pinflow.plan import Plan
    from pinflow.state.records import Approval, Coverage

_NAMED = 10  # tokens of a loop that are named one by one

DESCRIPTION = """\
Allow a recipe to make changes unattended, on a schedule or from cron, with these inputs. A dry run
shows first what it would do. The approval holds for exactly this text, what it includes, these
inputs, the content of the files that the dry run read, the service's address, the accounts, and the
versions of pinflow and of the plugins; a change to any of them needs a new approval. Recipes that
only read need none."""
EXAMPLES = """\
  pinflow approve mirror_board -i board="Garden ideas"
  pinflow approve mirror_garden.yaml --max-writes 200    limit the changes of each run
  pinflow approve mirror_garden.yaml --yes               without a question
  pinflow approve --renew                                those that hold no longer, one by one
  pinflow approve --list
  pinflow approve --revoke 3f2a9c01d4e5                  by id, or by the recipe's file"""
OUTPUTS: Sequence[str] = ("human", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    run_common.add_recipe(parser, nargs="?")
    run_common.add_inputs(parser)
    run_common.add_tokens(parser)
    parser.add_argument("--api", metavar="API", help="API version to run it on, instead of the recipe's own")
    parser.add_argument("--yes", action="store_true", help="approve without a question")
    run_common.add_max_writes(parser, "how many changes one run may make")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--list", action="store_true", help="list the approvals")
    which.add_argument("--renew", action="store_true", help="renew the approvals that hold no longer")
    which.add_argument("--revoke", metavar="ID", help="revoke an approval, by its id or the recipe's file or name")


def run(args: argparse.Namespace, shell: Shell) -> int:
    app = shell.app()
    if args.list or args.renew or args.revoke is not None:
        if args.recipe is not None:
            raise UsageError(
                "--list, --renew and --revoke can't be used with a recipe", hint="see: pinflow approve --help"
            )
        if args.renew:
            return _renew(args, shell, app)
        return _list(shell, app) if args.list else _revoke(shell, app, args.revoke)
    if args.recipe is None:
        raise UsageError("no recipe given", hint="pinflow approve mirror_board, or pinflow approve --list")
    return _approve(args, shell, app)


def _approve(args: argparse.Namespace, shell: Shell, app: App) -> int:
    max_writes = run_common.max_writes(args, shell)
    inputs = run_common.parse_inputs(args.inputs)
    run_common.tell_recipes(shell, app, [args.recipe])
    plan = app.plan(args.recipe, inputs=inputs, api=args.api, tokens=run_common.parse_tokens(args.tokens))
    run_common.warn_of_secrets(shell, inputs, plan.secrets)
    if not plan.unattended_writes:
        _say(shell, f"{inert(plan.source.name)} changes nothing and needs no approval", {"approval": None})
        return OK
    covers, code = _look(shell, app, plan, max_writes=max_writes)
    if covers is None:
        return code
    if not args.yes:
        _require_yes(shell, plan)
    approval = app.approve(plan, by=_user(), max_writes=max_writes, covers=covers)
    _say(
        shell,
        f"approved as {approval.id}, until something changes; to revoke: pinflow approve --revoke {approval.id}",
        {"approval": _data(approval)},
    )
    return OK


def _look(shell: Shell, app: App, plan: Plan, *, max_writes: int) -> tuple[Coverage | None, int]:
    """Show what a plan would do. Returns what an approval covers, or None and the exit code of the dry run's error."""
    width = shell.width(shell.stderr)
    for line in _plan_lines(plan, width):
        shell.tell(fit(line, width))
    result, covers = _dry_run(shell, app, plan)
    if result.error is not None:
        error_exit.show(shell, result.error)
        known = app.approvals.coverage_that_holds(plan)
        if known is None:
            return None, result.exit_code
        shell.tell("the dry run failed, perhaps on what was made already; what is approved already stays so")
        covers = known
    for line in _coverage_lines(covers):
        shell.tell(line)
    deletions = ", including deletions" if plan.destructive else ""
    shell.tell(f"each run may make up to {max_writes:,} changes (--max-writes){deletions}")
    return covers, OK


def _renew(args: argparse.Namespace, shell: Shell, app: App) -> int:
    """Show each approval that holds no longer with what changed, and renew those that a person confirms."""
    renewed: list[Approval] = []
    code = OK
    for old, changes in app.approvals.list_stale(app.registry):
        shell.tell(f"{old.id}, approved by {inert(old.by) or 'somebody'} on {_date(old.at)}, holds no longer:")
        for change in changes:
            shell.tell(f"  {inert(change)}")
        try:
            approval = _renew_one(args, shell, app, old)
        except PinflowError as error:  # the others may be renewed all the same
            error_exit.show(shell, error)
            approval, code = None, error.exit_code
        renewed += [] if approval is None else [approval]
    left = len(app.approvals.list_stale(app.registry))
    text = f"renewed: {', '.join(approval.id for approval in renewed) or 'none'}"
    more = f"; {left} not renewed, which hold no longer: pinflow approve --list" if left else ""
    if not renewed and not left:
        more = "; no approval needs it"
    _say(shell, f"{text}{more}", {"renewed": [_data(approval) for approval in renewed], "left": left})
    return code if left else OK


def _renew_one(args: argparse.Namespace, shell: Shell, app: App, old: Approval) -> Approval | None:
    """Look at an approval's recipe as it is now, ask, and renew it; None where the dry run failed."""
    plan = app.plan(Path(old.recipe), inputs={**old.inputs, **run_common.parse_inputs(args.inputs)}, api=old.api)
    covers, code = _look(shell, app, plan, max_writes=old.max_writes)
    if covers is None:
        raise ApprovalRequired(f"{old.recipe} was not renewed: its dry run ended with exit code {code}")
    if not args.yes:
        _require_yes(shell, plan)
    return app.approve(plan, by=_user(), max_writes=old.max_writes, covers=covers)


def _user() -> str:
    """The name of the user, or the number if the system has no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):  # in a container a user may have none
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else ""


def _require_yes(shell: Shell, plan: Plan) -> None:
    """Ask for the approval. Raises ApprovalRequired after a no."""
    shell.tell("a change to this recipe, to what it includes, to the inputs, or to what is listed needs a new approval")
    if not shell.interactive or not confirm(shell, "It will run like this unattended"):
        raise ApprovalRequired(f"{plan.source.name} was not approved", hint="answer y, or use --yes")


def _coverage_lines(covers: Coverage) -> Iterator[str]:
    """What an approval covers besides the recipe and its inputs."""
    for title, values in (("files, as they are now", covers.files), ("services", covers.addresses)):
        if values:
            yield title
            yield from (f"  {inert(path if values is covers.files else value)}" for path, value in values.items())
    if covers.accounts:
        yield "accounts of the tokens"
        rows = [
            (inert(key), inert(account) or "not known: only the token's name is covered")
            for key, account in covers.accounts.items()
        ]
        yield from table(rows, indent="  ")


def _dry_run(shell: Shell, app: App, plan: Plan) -> tuple[RunResult, Coverage]:
    """Make a dry run and show what it would do; also what an approval after it covers."""
    from pinflow.app import Options
    from pinflow.reporters.summary import Recap, counts_table

    tier = shell.environ.get("PINFLOW_TIER") or "standard"
    result, covers = app.launcher.rehearse(plan, Options(tier=tier))
    recap = Recap(plan.recipe.name, result, tier=tier, now=time.time(), width=shell.width(shell.stderr))
    lines = [*counts_table(result.counts), *recap.calls()]
    for line in ["one run, if it started now", *(lines or ["  changes nothing"])]:
        shell.tell(line)
    if result.deletions:
        shell.tell("would be deleted")
    for name in result.deletions:
        shell.tell(f"  {inert(name)}")
    return result, covers


def _plan_lines(plan: Plan, width: int) -> Iterator[str]:
    """What the recipe says: inputs, accounts, and the steps that make changes."""
    yield f"{inert(plan.recipe.name)} ({inert(plan.source.name)})"
    if plan.inputs:
        yield "inputs"
        shown = {name: "(secret)" if name in plan.secrets else value for name, value in plan.inputs.items()}
        rows = [
            (inert(name), inert(_value_text(value)), "" if name in plan.given else "from the recipe")
            for name, value in shown.items()
        ]
        yield from table(rows, indent="  ", width=width)
    if plan.logins or plan.item_logins:
        yield "accounts"
        rows = [
            (inert(login.name), f"token {inert(login.token)}", inert(", ".join(sorted(login.scopes))))
            for login in plan.logins.values()
        ]
        rows += [
            (inert(login.variable), _each_token(login.names), inert(", ".join(sorted(login.scopes))))
            for login in plan.item_logins.values()
        ]
        yield from table(rows, indent="  ", width=width)
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
    yield from table(rows, indent="  ", width=width)


def _value_text(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


def _list(shell: Shell, app: App) -> int:
    found, damaged = app.approvals.all()
    approvals = [(approval, app.approvals.changes(approval, app.registry)) for approval in found]
    if not shell.human:
        shell.say_json({"approvals": [_data(*each) for each in approvals], "damaged": damaged})
        return STATE if damaged else OK
    if approvals:
        shell.say_lines(_list_lines(approvals, shell.width(shell.stdout)))
        if any(changes and not app.approvals.is_elsewhere(approval, app.registry) for approval, changes in approvals):
            shell.tell("To see what changed, and renew those that hold no longer: pinflow approve --renew")
    elif not damaged:
        shell.tell("No approvals. To approve a recipe: pinflow approve RECIPE")
    for problem in damaged:
        shell.tell(inert(problem))
    return STATE if damaged else OK


def _list_lines(approvals: Sequence[tuple[Approval, Sequence[str]]], width: int) -> Iterator[str]:
    """A line of facts for each approval, given with what changed; below it recipe and inputs, for paths are long."""
    rows = [("ID", "WHEN", "BY", "STATE")]
    rows += [
        (approval.id, _date(approval.at), fit(approval.by, 12), _state(approval, changes))
        for approval, changes in approvals
    ]
    head, *lines = table(rows)
    yield head
    for line, (approval, _) in zip(lines, approvals, strict=True):
        yield fit(line, width)
        inputs = ", ".join(given_text(name, _value_text(value)) for name, value in approval.inputs.items())
        deletions = ", including deletions" if approval.deletes else ""
        facts = [approval.recipe, inputs, f"up to {approval.max_writes:,} changes{deletions}"]
        for fact in filter(None, facts):
            yield from wrap(inert(fact), width, indent="  ")


def _state(approval: Approval, changes: Sequence[str]) -> str:
    """Whether an approval holds; if not, the first thing that changed, without the folders of its path."""
    if not changes:
        return "holds"
    if is_outdated(approval) or approval.covers is None:
        return "of the version before"
    covers, shown = approval.covers, changes[0]
    for path in (*covers.texts, *covers.files, *covers.software):
        shown = shown.replace(path, Path(path).name)
    return inert(shown) + (f" and {len(changes) - 1} more" if changes[1:] else "")


def _revoke(shell: Shell, app: App, name: str) -> int:
    ids = app.approvals.revoke(name)
    _say(shell, f"revoked: {', '.join(ids)}", {"revoked": list(ids)})
    return OK


def _say(shell: Shell, text: str, data: Any) -> None:
    shell.say(text if shell.human else json_text(data))


def _data(approval: Approval, changes: Sequence[str] = ()) -> dict[str, Any]:
    """An approval as JSON; ``changes`` say why it holds no longer."""
    names = ("id", "digest", "name", "recipe", "api", "inputs", "deletes", "max_writes", "by", "at")
    covers = None if approval.covers is None else asdict(approval.covers)
    return {name: getattr(approval, name) for name in names} | {
        "covers": covers,
        "holds": not changes,
        "changed": list(changes),
    }


def _date(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


def _each_token(names: Sequence[str]) -> str:
    """The tokens that a loop goes through, where they are known."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"tokens {inert(', '.join(names[:_NAMED]))}{more}" if names else "each token in turn"
