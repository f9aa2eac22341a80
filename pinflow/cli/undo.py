"""``pinflow undo``: delete what a run made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow.cli import run_common
from pinflow.cli.prompts import confirmed
from pinflow.errors import DOUBT, OK, ApprovalRequired, Diverged
from pinflow.reporters.text import fit, inert, json_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from pinflow.app import App, Options
    from pinflow.cli.shell import Shell
    from pinflow.engine.results import RunResult
    from pinflow.engine.undo import Made, Undoing

DESCRIPTION = """\
Delete what a run made, and nothing else: what it changed, saved over or deleted stays as it is.
What is to go is shown first. It is a run of its own, and can be resumed."""
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
    undoing = app.undoing(args.id)
    if args.dry_run or not undoing.deleted:
        _show(shell, undoing, result=True)
        return OK
    _show(shell, undoing, result=False)
    if not args.yes:
        _approve(shell, app, undoing)
    left: list[int] = []

    def work(options: Options) -> RunResult:
        result = app.undo(undoing, options)
        left.append(_left(undoing, result))
        return result

    code = run_common.perform(shell, args, work, tier=undoing.tier)
    if code == OK and left[0]:
        shell.tell(f"not deleted: {left[0]}, because something was put there meanwhile; look, then undo the run again")
        return DOUBT
    return code


def _approve(shell: Shell, app: App, undoing: Undoing) -> None:
    """Raise ApprovalRequired unless the person says yes, and Diverged if what is there changed meanwhile."""
    what = ", ".join(_number(n, inert(kind)) for kind, n in undoing.counts().items())
    if not shell.interactive or not confirmed(shell, f"this deletes {what}, and can't be taken back"):
        raise ApprovalRequired(
            f"undoing run {undoing.run} deletes things, and nobody approved it",
            hint="look at it with --dry-run, then do it with --yes",
        )
    if app.undoing(undoing.run) != undoing:
        raise Diverged("what the run made has changed since it was shown; nothing was deleted", hint="look at it again")


def _left(undoing: Undoing, result: RunResult) -> int:
    """How many were not deleted, though nothing failed."""
    done = sum(n for each in result.counts.values() for name, n in each.items() if name in ("done", "adopted"))
    return max(0, len(undoing.deleted) - done)


def _show(shell: Shell, undoing: Undoing, *, result: bool) -> None:
    """Write what is to go, as the command's result or for a person who is asked."""
    if not shell.human:
        if result:
            shell.say(json_text(_data(undoing)))
        return
    write, stream = (shell.say, shell.stdout) if result else (shell.tell, shell.stderr)
    for line in _lines(undoing):
        write(fit(line, shell.width(stream)))


def _lines(undoing: Undoing) -> Iterator[str]:
    name = f"run {inert(undoing.run)} ({inert(undoing.name)})"
    yield f"to delete of {name}:" if undoing.deleted else f"{name} made nothing that is still there and can be deleted"
    for kind in undoing.counts():
        yield f"  {_some(inert(kind), [made for made in undoing.deleted if made.kind == kind])}"
    if undoing.inside:
        yield f"  and with these what is on them, all made by the run: {undoing.inside}"
    for made in undoing.kept:
        yield f"left: {inert(made.kind)} {inert(made.id)} holds {made.strange} that the run did not make"
    for kind in dict.fromkeys(made.kind for made in undoing.stuck):
        stuck = [made for made in undoing.stuck if made.kind == kind]
        yield f"left, for {stuck[0].api} can't delete them: {_some(inert(kind), stuck)}"
    if undoing.unsure:
        yield f"{undoing.unsure} more may have been made or not: pinflow resume {inert(undoing.run)} finds out"


def _some(kind: str, made: Sequence[Made]) -> str:
    ids = ", ".join(inert(each.id) for each in made[:_SHOWN])
    return f"{_number(len(made), kind)}: {ids}{', …' if len(made) > _SHOWN else ''}"


def _number(n: int, kind: str) -> str:
    return f"{n:,} {kind}{'' if n == 1 else 's'}"


def _data(undoing: Undoing) -> dict[str, Any]:
    return {
        "run": undoing.run,
        "name": undoing.name,
        "delete": [_thing(made) for made in undoing.deleted],
        "inside": undoing.inside,
        "left": [{**_thing(made), "strange": made.strange} for made in (*undoing.kept, *undoing.stuck)],
        "unsure": undoing.unsure,
    }


def _thing(made: Made) -> Mapping[str, Any]:
    return {"kind": made.kind, "id": made.id, "api": made.api, "login": made.token, "inside": made.inside}
