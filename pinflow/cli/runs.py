"""``pinflow runs``: lists recorded runs, and shows one."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from pinflow.engine.places.unknown import path_shown
from pinflow.engine.sanitize import innermost_item
from pinflow.engine.unfinished import failed_steps
from pinflow.errors import OK, StateError, UsageError
from pinflow.events import status_json
from pinflow.lazy_dataclass import replace
from pinflow.plan.token_choices import DEFAULT_LOGIN, login_of
from pinflow.reporters.summary import counts_table
from pinflow.reporters.text import cells, fit, inert, json_text, table
from pinflow.reporters.wording import STATES, counts_text, duration, effect_text, is_nested

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from pinflow.app import App
    from pinflow.cli.shell import Shell
    from pinflow.state.records import EffectRecord, RunDetail, RunRecord

DESCRIPTION = "List recorded runs, newest first, or show one: steps, effects, calls. Dry runs are not recorded."
EXAMPLES = """\
  pinflow runs                                           the last 20
  pinflow runs --all --output json
  pinflow runs show                                      the last one
  pinflow runs show 20260301-101500-ab3f2c               one run
  pinflow runs show 20260301-101500-ab3f2c --items       with every item"""
OUTPUTS: Sequence[str] = ("human", "json")

_LISTED = 20  # runs: what fits on a screen
_LOGINS = 40  # whose calls are shown, those with the most calls
_RESUMABLE = frozenset({"failed", "paused", "cancelled", "interrupted"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help=f"list every run, not only the last {_LISTED}")
    below = parser.add_subparsers(dest="verb", metavar="show ID")
    show = below.add_parser("show", help="show one run", description="Show one run.")
    show.add_argument("id", nargs="?", metavar="ID", help="the run, as pinflow runs lists it (default: the last one)")
    show.add_argument("--items", action="store_true", help="show every item of every step")


def run(args: argparse.Namespace, shell: Shell) -> int:
    if args.verb == "show":
        return _show(shell, _find_run(shell.app(), args.id), items=args.items)
    return _list(shell, shell.app(), everything=args.all)


def _find_run(app: App, run_id: str | None) -> RunDetail:
    run_id = run_id or next((record.id for record in app.runs(number=1)), None)
    if run_id is None:
        raise UsageError("no run is recorded", hint="dry runs are not recorded")
    return app.show(run_id)


def _list(shell: Shell, app: App, *, everything: bool) -> int:
    runs = [_checked(app, record) for record in app.runs(number=None if everything else _LISTED)]
    records = [record for record, _ in runs]
    if not shell.human:
        return shell.say_json({"runs": [record_data(record) for record in records]})
    if not runs:
        shell.tell("No runs yet. To try one: pinflow run copy_board --sandbox")
        return OK
    rows = [
        (
            inert(record.id),
            _time_text(record.started),
            fit(record.name or "?", 30),
            _state_text(record.state) + _where_text(record),
            _tokens_text(detail),
            _effects_text(detail),
            _next_command(record, detail),
        )
        for record, detail in runs
    ]
    for line in _table(rows, shell.width(shell.stdout)):
        shell.say(line)
    damaged = [f"  {inert(record.id)}: {inert(record.error)}" for record in records if record.state == "unreadable"]
    for line in ["unreadable", *damaged] if damaged else []:  # whole: it says which file, and why
        shell.say(line)
    if (older := app.store.runs.count() - len(runs)) > 0 and not everything:
        shell.tell(f"{older} older runs: pinflow runs --all")
    return OK


def _checked(app: App, record: RunRecord) -> tuple[RunRecord, RunDetail | None]:
    """A run, and what is recorded of it; one that is damaged anywhere is unreadable, with the reason."""
    if record.state == "unreadable":
        return record, None
    try:
        return record, app.show(record.id)
    except UsageError:  # removed just now
        return record, None
    except StateError as error:
        return replace(record, state="unreadable", error=error.message), None


def _table(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """The runs in lines of ``width`` cells. The next command is never cut: if it does not fit, it is listed below.

    Where the rest doesn't fit either, the time is left out, which a run's id begins with.
    """
    lines = table([("RUN", "WHEN", "RECIPE", "STATE", "TOKENS", "DID", "NEXT"), *rows])
    if all(cells(line) <= width for line in lines):
        return lines
    lines = table([("RUN", "WHEN", "RECIPE", "STATE", "TOKENS", "DID"), *(row[:-1] for row in rows)])
    if any(cells(line) > width for line in lines):
        narrow = [(id_, *rest) for id_, _, *rest, _ in rows]
        lines = table([("RUN", "RECIPE", "STATE", "TOKENS", "DID"), *narrow], width=width)
    next_ = [f"  {row[-1]}" for row in rows if row[-1]]
    return [*lines, "next", *next_] if next_ else lines


def _state_text(state: str) -> str:
    return inert(STATES.get(state, state))


def _where_text(record: RunRecord) -> str:
    """What a run that was not at the service itself was at, as the end of its state."""
    if record.options.get("sandbox"):
        return ", sandbox"
    addresses = record.options.get("addresses")  # a record of the version before has none
    return f", at {inert(', '.join(addresses)).replace('http://', '')}" if addresses else ""


def _tokens_text(detail: RunDetail | None) -> str:
    """The tokens whose accounts a run made calls for: the first two, and how many more."""
    tokens = [inert(token) for token in detail.calls] if detail is not None else []
    more = f" and {len(tokens) - 2} more" if len(tokens) > 2 else ""
    return f"{', '.join(tokens[:2])}{more}" or "-"


def _effects_text(detail: RunDetail | None) -> str:
    return "-" if detail is None else counts_text(_counts(detail)) or "-"


def _counts(detail: RunDetail) -> Mapping[str, Mapping[str, int]]:
    """The outcomes of effects. While a run is running, a write without its answer is not unknown yet."""
    running = detail.record.state == "running"
    return {
        kind: {name: n for name, n in counts.items() if name != "doubt"}
        | ({} if running else {"unknown": counts.get("doubt", 0)})
        for kind, counts in detail.counts.items()
    }


def _next_command(record: RunRecord, detail: RunDetail | None) -> str:
    """The command to run next, as a line for a shell, with the time to run it as a comment."""
    if record.options.get("sandbox"):
        return ""
    if record.state in _RESUMABLE:
        waits = record.resume_after is not None and record.state == "paused"
        return f"pinflow resume {inert(record.id)}" + (f"  # after {_time_text(record.resume_after)}" if waits else "")
    if record.state == "ok" and detail is not None and failed_steps(detail):
        return f"pinflow resume {inert(record.id)}"
    return f"pinflow runs show {inert(record.id)}" if record.state in ("in_doubt", "unreadable") else ""


def _time_text(at: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at else "?"


def _show(shell: Shell, detail: RunDetail, *, items: bool) -> int:
    if not shell.human:
        return shell.say_json(_detail_data(detail, items=items))
    shell.say_lines(_head_lines(detail.record))
    parts = {
        "steps": _step_lines(detail, shell.width(shell.stdout), items=items),
        "effects": counts_table(_counts(detail)),
        "calls": _call_lines(detail, shell.width(shell.stdout), items=items),
    }
    if items:
        parts["items"] = [_item_line(effect, detail) for effect in detail.effects]
    elif detail.record.state != "running":
        parts["outcome unknown"] = [_item_line(effect, detail) for effect in detail.effects if effect.is_unknown]
    for title, lines in parts.items():
        shell.say_lines([title, *lines] if lines else [])
    if advice := _next_command(detail.record, detail):
        if advice.startswith("pinflow runs"):
            advice = f"pinflow resume {inert(detail.record.id)}"
        shell.say(f"next\n  {advice}")
    return OK


def _head_lines(record: RunRecord) -> list[str]:
    took = "" if record.finished is None else f" in {duration(record.finished - record.started)}"
    after = "" if record.resume_after is None else f", can be resumed at {_time_text(record.resume_after)}"
    where = " in the sandbox" if record.options.get("sandbox") else ""
    lines = [
        f"{inert(record.name)}: {_state_text(record.state)}{where}{took} (run {inert(record.id)})",
        f"  recipe   {inert(_short_path(record.recipe))}",
        f"  started  {_time_text(record.started)}{after}",
        *(f"  address  {inert(address)}" for address in record.options.get("addresses") or ()),
    ]
    lines += [
        f"  token    {inert(login or DEFAULT_LOGIN)}: {_value_text(value)}"
        if (login := login_of(name)) is not None
        else f"  input    {inert(name)}: {_value_text(value)}"
        for name, value in record.inputs.items()
        if value is not None
    ]
    return lines + ([f"  error    {_error_text(record.error)}"] if record.error else [])


def _value_text(value: object) -> str:
    return fit(value if isinstance(value, str) else json_text(value), 100)


def _short_path(path: str) -> str:
    """A path relative to the current folder, if that is shorter."""
    try:
        return min(path, os.path.relpath(path), key=len) if path else "?"
    except ValueError:  # another drive
        return path


def _step_lines(detail: RunDetail, width: int, *, items: bool) -> list[str]:
    """The steps. Of the steps in loops, which may be many, only those that are not ok, unless ``items``."""
    shown = [step for step in detail.steps if items or step.status != "ok" or not is_nested(step.path)]
    rows = [
        (
            inert(path_shown(step.path, detail.numbers)),
            _state_text(step.status),
            duration(step.seconds),
            _error_text(step.error),
        )
        for step in sorted(shown, key=lambda step: _order_of(step.path, detail))
    ]
    lines = table(rows, right=frozenset({2}), indent="  ", width=width)
    rest = len(detail.steps) - len(shown)
    return [*lines, f"  {rest:,} more in loops are ok; to list them: --items"] if rest else lines


def _call_lines(detail: RunDetail, width: int, *, items: bool) -> list[str]:
    calls = [(login, name, n) for login, counts in detail.calls.items() for name, n in counts.items()]
    shown = calls if items or len(calls) <= _LOGINS else sorted(calls, key=lambda call: -call[2])[:_LOGINS]
    lines = table([(inert(a), inert(b), str(n)) for a, b, n in shown], right=frozenset({2}), indent="  ", width=width)
    rest = len(calls) - len(shown)
    return [*lines, f"  {rest:,} more with fewer calls; to list them: --items"] if rest else lines


def _error_text(facts: str) -> str:
    """A recorded error: its kind, exit code, status, code and request."""
    return inert(facts.replace("in_doubt, ", "outcome unknown, "))


def _item_line(effect: EffectRecord, detail: RunDetail) -> str:
    state = "adopted" if effect.adopted else "outcome unknown" if effect.is_unknown else effect.state
    made = effect.result.get("id") if isinstance(effect.result, dict) else None
    line = f"  {inert(path_shown(effect.step, detail.numbers))}: {effect_text(effect.kind, effect.key)}: {inert(state)}"
    return "".join(
        [line, f" as {inert(made)}" if made else "", f": {_error_text(effect.error)}" if effect.error else ""]
    )


def record_data(record: RunRecord) -> dict[str, Any]:
    """A run's record as plain data, for ``--output json``."""
    names = ("id", "name", "recipe", "started", "finished", "exit_code", "resume_after", "error")
    return {name: getattr(record, name) for name in names} | {
        **status_json(record.state, "state"),
        "inputs": record.inputs,
        "options": record.options,
        "versions": record.versions,
    }


def _detail_data(detail: RunDetail, *, items: bool) -> dict[str, Any]:
    data = record_data(detail.record) | {
        "steps": [
            {"path": s.path, **status_json(s.status), "seconds": s.seconds, "error": s.error} for s in detail.steps
        ],
        # "doubt" is the alias of "unknown" until 0.3
        "counts": {kind: {**outcomes, **detail.counts[kind]} for kind, outcomes in _counts(detail).items()},
        "calls": detail.calls,
    }
    names = ("step", "key", "kind", "adopted", "attempts", "sent_at", "result", "error")
    effects = [
        {name: getattr(effect, name) for name in names}
        | {"item": path_shown(effect.step, detail.numbers)}
        | _state_data(effect)
        for effect in detail.effects
        if items
    ]
    return data | {"items": effects} if items else data


def _order_of(path: str, detail: RunDetail) -> tuple[str, int]:
    """What steps are sorted by: rows of a table by their numbers."""
    loop, key = innermost_item(path)
    return (loop, detail.numbers.get((loop, key), 0)) if loop else (path, 0)


def _state_data(effect: EffectRecord) -> dict[str, str]:
    """The state of an effect; "state_alias" is the word of before for an unknown outcome, until 0.3."""
    return {"state": "unknown", "state_alias": effect.state} if effect.is_unknown else {"state": effect.state}
