"""``pinflow runs``: what ran, and how it went."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from pinflow.errors import OK, UsageError
from pinflow.reporters.recap import counted
from pinflow.reporters.text import fit, inert, json_text, table
from pinflow.reporters.words import counts_said, duration

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from pinflow.app import App
    from pinflow.cli.shell import Shell
    from pinflow.engine.history import RunDetail
    from pinflow.engine.journal import EffectRecord, RunRecord

DESCRIPTION = "List recorded runs, the newest first, or show one: steps, effects, calls. Dry runs are not recorded."
EXAMPLES = """\
  pinflow runs                                           the last 20
  pinflow runs --all --output json
  pinflow runs show                                      the last one
  pinflow runs show 20260301-101500-ab3f2c               one run
  pinflow runs show 20260301-101500-ab3f2c --items       with every item"""
OUTPUTS: Sequence[str] = ("human", "json")

_LISTED = 20
_RESUMABLE = frozenset({"failed", "paused", "cancelled", "interrupted"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help=f"every run, not only the last {_LISTED}")
    below = parser.add_subparsers(dest="verb", metavar="show ID")
    show = below.add_parser("show", help="show one run", description="Show one run.")
    show.add_argument("id", nargs="?", metavar="ID", help="the run, as pinflow runs lists it (default: the last one)")
    show.add_argument("--items", action="store_true", help="every item of every step")


def run(args: argparse.Namespace, shell: Shell) -> int:
    if args.verb == "show":
        return _show(shell, _chosen(shell.app(), args.id), items=args.items)
    return _list(shell, shell.app(), everything=args.all)


def _chosen(app: App, run_id: str | None) -> RunDetail:
    wanted = run_id or next((record.id for record in app.runs()), None)
    if wanted is None:
        raise UsageError("there is no run to show", hint="dry runs, and runs with --sandbox, are not recorded")
    return app.show(wanted)


def _list(shell: Shell, app: App, *, everything: bool) -> int:
    runs = list(app.runs())
    listed = runs if everything else runs[:_LISTED]
    if not shell.human:
        shell.say(json_text({"runs": [record_data(record) for record in listed]}))
        return OK
    if not runs:
        shell.tell("no run is recorded yet; try: pinflow run copy_board --sandbox")
        return OK
    rows = [("RUN", "WHEN", "RECIPE", "STATE", "DID", "NEXT")]
    for each in listed:
        counts = app.show(each.id).counts if each.state != "unreadable" else {}
        rows.append((inert(each.id), _when(each.started), fit(each.name or "?", 30), *_state(each, counts)))
    for line in table(rows):
        shell.say(fit(line, shell.width(shell.stdout)))
    if len(runs) > len(listed):
        shell.tell(f"{len(runs) - len(listed)} older runs: pinflow runs --all")
    return OK


def _state(record: RunRecord, counts: Any) -> tuple[str, str, str]:
    done = fit(counts_said(counts) or "-", 40)
    # a comment to a shell: the line can be pasted whole
    after = f"  # after {_when(record.resume_after)}" if record.resume_after and record.state == "paused" else ""
    return inert(record.state), done, _next(record) + after


def _next(record: RunRecord) -> str:
    if record.options.get("sandbox"):
        return ""
    if record.state in _RESUMABLE:
        return f"pinflow resume {inert(record.id)}"
    return f"pinflow runs show {inert(record.id)}" if record.state in ("in_doubt", "unreadable") else ""


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at else "?"


def _show(shell: Shell, detail: RunDetail, *, items: bool) -> int:
    if not shell.human:
        shell.say(json_text(_detail_data(detail, items=items)))
        return OK
    width = shell.width(shell.stdout)
    for line in _head(detail.record):
        shell.say(fit(line, width))
    parts = {"steps": _steps(detail), "effects": counted(detail.counts), "calls": _calls(detail)}
    if items:
        parts["items"] = [_item(effect) for effect in detail.effects]
    else:
        parts["in doubt"] = [_item(effect) for effect in detail.effects if effect.state in ("intent", "doubt")]
    for title, lines in parts.items():
        for line in [title, *lines] if lines else []:
            shell.say(fit(line, width))
    if advice := _next(detail.record):
        if advice.startswith("pinflow runs"):
            advice = f"pinflow resume {inert(detail.record.id)}"
        shell.say(f"next\n  {advice}")
    return OK


def _head(record: RunRecord) -> list[str]:
    took = "" if record.finished is None else f" in {duration(record.finished - record.started)}"
    after = "" if record.resume_after is None else f", can go on at {_when(record.resume_after)}"
    lines = [
        f"{inert(record.name)}: {inert(record.state)}{took} (run {inert(record.id)})",
        f"  recipe   {inert(_short(record.recipe))}",
        f"  started  {_when(record.started)}{after}",
    ]
    lines += [
        f"  input    {inert(name)}: {fit(value, 100)}" for name, value in record.inputs.items() if value is not None
    ]
    return lines + ([f"  error    {inert(record.error)}"] if record.error else [])


def _short(path: str) -> str:
    """A path as seen from here, where that is shorter."""
    try:
        return min(path, os.path.relpath(path), key=len) if path else "?"
    except ValueError:  # another drive
        return path


def _steps(detail: RunDetail) -> list[str]:
    rows = [(inert(step.path), inert(step.status), duration(step.seconds), inert(step.error)) for step in detail.steps]
    return table(rows, right=frozenset({2}), indent="  ")


def _calls(detail: RunDetail) -> list[str]:
    rows = [(inert(login), inert(name), str(n)) for login, each in detail.calls.items() for name, n in each.items()]
    return table(rows, right=frozenset({2}), indent="  ")


def _item(effect: EffectRecord) -> str:
    state = "adopted" if effect.adopted else "in doubt" if effect.state in ("intent", "doubt") else effect.state
    made = effect.result.get("id") if isinstance(effect.result, dict) else None
    parts = [f"  {inert(effect.step)}: {inert(effect.kind)} {inert(effect.key)}: {inert(state)}"]
    return "".join([*parts, f" as {inert(made)}" if made else "", f": {inert(effect.error)}" if effect.error else ""])


def record_data(record: RunRecord) -> dict[str, Any]:
    """A run's record as plain data."""
    names = ("id", "name", "recipe", "state", "started", "finished", "exit_code", "resume_after", "error")
    return {name: getattr(record, name) for name in names} | {
        "inputs": record.inputs,
        "options": record.options,
        "versions": record.versions,
    }


def _detail_data(detail: RunDetail, *, items: bool) -> dict[str, Any]:
    data = record_data(detail.record) | {
        "steps": [{"path": s.path, "status": s.status, "seconds": s.seconds, "error": s.error} for s in detail.steps],
        "counts": detail.counts,
        "calls": detail.calls,
    }
    return data | {"items": list(_items_data(detail.effects))} if items else data


def _items_data(effects: Iterable[EffectRecord]) -> Iterable[dict[str, Any]]:
    names = ("step", "key", "kind", "state", "adopted", "attempts", "sent_at", "result", "error")
    for effect in effects:
        yield {name: getattr(effect, name) for name in names}
