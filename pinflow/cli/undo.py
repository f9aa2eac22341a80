"""``pinflow undo``: delete what a run made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow.cli import run_common
from pinflow.cli.prompts import confirm
from pinflow.errors import DOUBT, OK, ApprovalRequired, Diverged
from pinflow.reporters.text import fit, inert

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from pinflow.app import App, Options
    from pinflow.cli.shell import Shell
    from pinflow.engine.results import RunResult
    from pinflow.engine.undo import CreatedThing, UndoPlan

DESCRIPTION = """\
Delete what a run made, and nothing else: what it changed, overwrote or deleted stays as it is.
Shows what will be deleted first. Undoing is a run of its own, and can be resumed."""
EXAMPLES = """\
  pinflow undo 20260301-101500-ab3f2c --dry-run          show what would be deleted
  pinflow undo 20260301-101500-ab3f2c                    show it, ask, and delete it
  pinflow undo 20260301-101500-ab3f2c --yes              without asking"""
OUTPUTS: Sequence[str] = run_common.OUTPUTS

_SHOWN = 10  # ids of a kind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the run; pinflow runs lists them")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be deleted")
    run_common.add_pace(parser)


def run(args: argparse.Namespace, shell: Shell) -> int:
    app = shell.app()
    undo_plan = app.plan_undo(args.id)
    if args.dry_run or not undo_plan.targets:
        _show(shell, undo_plan, result=True)
        return OK
    _show(shell, undo_plan, result=False)
    if not args.yes:
        _require_approval(shell, app, undo_plan)
    remaining: list[int] = []

    def work(options: Options) -> RunResult:
        result = app.undo(undo_plan, options)
        remaining.append(_count_remaining(undo_plan, result))
        return result

    code = run_common.execute(shell, args, work, tier=undo_plan.tier)
    if code == OK and remaining[0]:
        shell.tell(f"not deleted: {remaining[0]}, because something was added there; check it, then undo the run again")
        return DOUBT
    return code


def _require_approval(shell: Shell, app: App, undo_plan: UndoPlan) -> None:
    """Raise ApprovalRequired unless the user says yes, and Diverged if something changed while the user was asked."""
    total = ", ".join(_count_text(n, inert(kind)) for kind, n in undo_plan.counts().items())
    if not shell.interactive or not confirm(shell, f"This deletes {total} and can't be undone"):
        raise ApprovalRequired(
            f"undoing run {undo_plan.run} deletes things and isn't approved",
            hint="check it with --dry-run, then run it with --yes",
        )
    if app.plan_undo(undo_plan.run) != undo_plan:
        raise Diverged("what the run made has changed since it was shown; nothing was deleted", hint="try again")


def _count_remaining(undo_plan: UndoPlan, result: RunResult) -> int:
    """How many things were not deleted, although nothing failed."""
    done = sum(n for counts in result.counts.values() for name, n in counts.items() if name in ("done", "adopted"))
    return max(0, len(undo_plan.targets) - done)


def _show(shell: Shell, undo_plan: UndoPlan, *, result: bool) -> None:
    """Write what will be deleted: as the command's result, or on stderr before the user is asked."""
    if not shell.human:
        if result:
            shell.say_json(_data(undo_plan))
        return
    write, stream = (shell.say, shell.stdout) if result else (shell.tell, shell.stderr)
    for line in _preview_lines(undo_plan):
        write(fit(line, shell.width(stream)))


def _preview_lines(undo_plan: UndoPlan) -> Iterator[str]:
    name = f"run {inert(undo_plan.run)} ({inert(undo_plan.name)})"
    if undo_plan.targets:
        yield f"Made by {name}, to be deleted:"
    elif not undo_plan.undone:
        yield f"{name} made nothing that can still be deleted"
    elif not (undo_plan.mixed or undo_plan.undeletable):
        yield f"{name} is already undone"
    for kind in undo_plan.counts():
        yield f"  {_ids_text(inert(kind), [made for made in undo_plan.targets if made.kind == kind])}"
    if undo_plan.inside:
        yield f"  with {undo_plan.inside:,} inside, all made by the run"
    for kind in dict.fromkeys(made.kind for made in undo_plan.undone):
        yield f"deleted already: {_ids_text(inert(kind), [made for made in undo_plan.undone if made.kind == kind])}"
    for made in undo_plan.mixed:
        yield f"kept: {inert(made.kind)} {inert(made.id)} contains {made.strange} that the run did not make"
    for kind in dict.fromkeys(made.kind for made in undo_plan.undeletable):
        stuck = [made for made in undo_plan.undeletable if made.kind == kind]
        yield f"kept, because {stuck[0].api} can't delete them: {_ids_text(inert(kind), stuck)}"
    if undo_plan.unsure:
        yield f"{undo_plan.unsure} more may have been made; to find out: pinflow resume {inert(undo_plan.run)}"


def _ids_text(kind: str, made: Sequence[CreatedThing]) -> str:
    ids = ", ".join(inert(thing.id) for thing in made[:_SHOWN])
    return f"{_count_text(len(made), kind)}: {ids}{', …' if len(made) > _SHOWN else ''}"


def _count_text(n: int, kind: str) -> str:
    return f"{n:,} {kind}{'' if n == 1 else 's'}"


def _data(undo_plan: UndoPlan) -> dict[str, Any]:
    return {
        "run": undo_plan.run,
        "name": undo_plan.name,
        "delete": [_made_data(made) for made in undo_plan.targets],
        "inside": undo_plan.inside,
        "left": [{**_made_data(made), "strange": made.strange} for made in (*undo_plan.mixed, *undo_plan.undeletable)],
        "undone": [_made_data(made) for made in undo_plan.undone],
        "unsure": undo_plan.unsure,
    }


def _made_data(made: CreatedThing) -> Mapping[str, Any]:
    return {"kind": made.kind, "id": made.id, "api": made.api, "login": made.token, "inside": made.inside}
