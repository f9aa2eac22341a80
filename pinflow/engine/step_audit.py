"""The audit at the end of a step, or of one account's turn in a loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.engine.plugin_defect import plugin_defect
from pinflow.engine.results import ends_run
from pinflow.engine.run_frame import current_frame
from pinflow.engine.sanitize import path_without_items
from pinflow.errors import PinflowError, mask_error
from pinflow.lazy_dataclass import dataclass
from pinflow.plan import all_steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.engine.audit import WriteAudit
    from pinflow.engine.context import Context
    from pinflow.engine.places.place_runs import PlaceRuns
    from pinflow.engine.run_context import RunContext
    from pinflow.expressions.template import Scope
    from pinflow.plan import Plan, PlannedStep
    from pinflow.plugin.place import Place


@dataclass(frozen=True, slots=True)
class StepAudit:
    """Audits the steps of one run. ``context`` makes what an action of a step at a path works with."""

    run: RunContext
    plan: Plan
    audit: WriteAudit
    places: PlaceRuns | None  # that things are created on
    context: Callable[[PlannedStep, str, Scope], Context]

    def check(self, path: str, scope: Scope, error: PinflowError | None) -> PinflowError | None:
        """What a step, or an account's turn, ends with that ended with ``error``, once its writes were looked at.

        One that is paused, stopped or in doubt goes on later, and is looked at then.
        """
        if error is not None and ends_run(error):
            return error
        accounts = {login.token for login in self.plan.logins.values()} | current_frame().accounts
        try:
            self.audit.check(path, lambda check: self._find_place(check.step, check.place, scope), accounts)
            if self.places is not None:
                self.places.audit(path, lambda step, key: self._find_place(step, key, scope), accounts)
        except PinflowError as problem:
            return mask_error(problem)
        except (Exception, SystemExit) as problem:  # a plugin's place may raise anything
            if (defect := plugin_defect(problem, self.run.plugins)) is None:
                raise
            return mask_error(defect)
        return error

    def _find_place(self, written_by: str, key: str, scope: Scope) -> Place | None:
        """The place of what an earlier process of the run wrote, by the action of the step that wrote it."""
        path = path_without_items(written_by)
        for step in all_steps((*self.plan.steps, *self.plan.finally_)):
            in_finally = f"finally.{step.path}" == path
            if (step.path == path or in_finally) and step.action is not None and step.action.place is not None:
                return step.action.place(self.context(step, written_by, scope), key)
        return None
