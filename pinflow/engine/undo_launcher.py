"""Undoing a run: what is still there of it is looked for, and deleted as a run of its own."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pinflow.engine.options import Options
from pinflow.engine.undo import created_things, make_undo_plan, named_values, undo_recipe
from pinflow.engine.undone import split_undone
from pinflow.errors import RemoteError, StateError, UsageError
from pinflow.state.folder import atomic_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinflow.engine.launcher import Launcher
    from pinflow.engine.results import RunResult
    from pinflow.engine.session import Session
    from pinflow.engine.undo import CreatedThing, UndoPlan
    from pinflow.plan import Plan
    from pinflow.state.records import RunDetail


def plan_undo(launcher: Launcher, detail: RunDetail) -> UndoPlan:
    """What undoing a run would delete, and what it would leave; see `App.plan_undo`."""
    run = detail.record
    if run.options.get("sandbox"):
        raise UsageError(f"run {run.id} was in the embedded sandbox, and what it made ended with that")
    if run.state == "running":
        raise UsageError(f"run {run.id} is still at work", hint="stop it first, with Ctrl-C or by ending its process")
    made, undone = split_undone(created_things(detail, launcher.registry), _undoings(launcher, run.id))
    holders = [thing for thing in made if thing.undo.contents and thing.able]
    if not holders:
        return make_undo_plan(detail, made, lambda thing: None, undone)
    text, inputs = undo_recipe(run.id, {"look": holders}, named_values(run))
    plan = launcher.plan_text(text, run.id, inputs)
    options = Options(dry_run=True, tier=str(run.options.get("tier", "standard")))
    with launcher.open(plan, options) as session:
        return make_undo_plan(detail, made, partial(_ids_inside, session, plan), undone)


def _undoings(launcher: Launcher, run_id: str) -> Iterator[RunDetail]:
    """The runs that undid a run, or a part of it. What can't be read of them is left out: it is deleted once more."""
    folder = (launcher.state / "undo").resolve()
    recipes = {str(file) for file in folder.glob("*.yaml") if file.name.startswith(f"{run_id}-")}
    for record in launcher.store.runs.list() if recipes else ():
        if record.recipe in recipes:
            with suppress(StateError, UsageError):  # damaged, or removed meanwhile
                yield launcher.store.runs.detail(record.id)


def run_undo(launcher: Launcher, undo_plan: UndoPlan, options: Options) -> RunResult:
    """Delete what ``undo_plan`` says, as a run of its own; see `App.undo`."""
    text, inputs = undo_recipe(undo_plan.run, undo_plan.stages, undo_plan.named)
    file = launcher.state / "undo" / f"{undo_plan.run}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.yaml"
    atomic_file.write(file, text.encode())  # to resume it, it must be there
    plan = launcher.plan_text(text, str(file), inputs)
    # what is deleted was shown, and calling this is the approval
    approved = replace(options, tier=undo_plan.tier, assume_yes=True, max_writes=None, unattended=False)
    return launcher.run(plan, approved)


def _ids_inside(session: Session, plan: Plan, thing: CreatedThing) -> list[str] | None:
    """The ids of what is inside something that a run made; None if it is gone."""
    listing, names = thing.undo.contents or ("", {})
    action = plan.registry.actions.get((thing.api, listing))
    if action is None:
        raise UsageError(f"no plugin offers {thing.api}.{listing}, which tells what is inside {thing.kind} {thing.id}")
    login = next(login for login in plan.logins.values() if (login.token, login.api) == (thing.token, thing.api))
    try:
        return [str(item["id"]) for item in action.function(session.reader(login), **thing.arguments(names))]
    except RemoteError as error:
        if error.status == 404:
            return None
        raise
