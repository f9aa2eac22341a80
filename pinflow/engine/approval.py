"""Whether a run may begin, and how many changes it may make; who is told when it may not go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pinflow.engine.approvals import command, digest_of
from pinflow.engine.write_budget import WriteBudget
from pinflow.errors import ApprovalRequired, PinflowError
from pinflow.state.records import MAX_WRITES

if TYPE_CHECKING:
    from pinflow.engine.approvals import Approvals
    from pinflow.engine.notices import Notices
    from pinflow.engine.options import Options
    from pinflow.engine.results import RunResult
    from pinflow.plan import Plan
    from pinflow.state.protocol import Journal


@dataclass(frozen=True, slots=True)
class ApprovalCheck:
    """Holds runs to what was approved."""

    approvals: Approvals
    notices: Notices

    def change_limit(self, plan: Plan, options: Options) -> int | None:
        """How many changes the run may make; None for any number. Raises ApprovalRequired if it must not run at all."""
        if options.dry_run or options.sandbox:
            return None
        if options.unattended:
            return self._stored_limit(plan) if plan.unattended_writes else 0
        if deleting := ", ".join(step.path for step in plan.destructive):
            question = f"{plan.source.name} deletes things (step {deleting})"
            if options.approve is None or not options.approve(question):
                raise ApprovalRequired(
                    f"{question} and isn't approved", hint="check it with --dry-run, then run it with --yes"
                )
        return options.max_writes

    def _stored_limit(self, plan: Plan) -> int:
        """How many changes a stored approval lets an unattended run make. Raises ApprovalRequired after an alert."""
        key = f"approval-missing:{digest_of(plan)[:12]}"
        try:
            limit = self.approvals.require(plan).max_writes
        except ApprovalRequired as error:
            self.notices.alert(key, "approval_missing", f"{plan.recipe.name} waits for an approval", _in_a_line(error))
            raise
        self.notices.resolve(key)
        return limit

    def budget(
        self, plan: Plan, options: Options, *, journal: Journal | None, limit: int | None, run_id: str
    ) -> WriteBudget:
        """The changes that the run may still make, of ``limit`` in all its processes."""
        if journal is None or limit is None:
            return WriteBudget(None)
        counts = journal.counts().values()
        used = sum(
            number for by_outcome in counts for name, number in by_outcome.items() if name in ("done", "adopted")
        )
        if options.unattended:
            approve = f"{command(plan)} --max-writes {max(10 * limit, MAX_WRITES)}"
            return WriteBudget(limit, used=used, hint=f"if more is meant: {approve} && pinflow resume {run_id}")
        hint = f"look at what it did, then let it go on: pinflow resume {run_id} --yes"
        return WriteBudget(limit, used=used, ask=options.approve, hint=hint)

    def report_pause(self, plan: Plan, options: Options, result: RunResult) -> RunResult:
        """Alert people to an unattended run that is paused or in doubt; once one has ended well, that is over."""
        key = f"run-paused:{digest_of(plan)[:12]}"
        if result.status in ("paused", "in_doubt") and options.unattended:
            words = "is paused" if result.status == "paused" else "is in doubt"
            text = f"{_in_a_line(result.error)}; continue with: pinflow resume {result.run}"
            self.notices.alert(key, "run_paused", f"{plan.recipe.name} {words} (run {result.run})", text)
        elif result.ok:
            self.notices.resolve(key)
        return result


def _in_a_line(error: PinflowError | None) -> str:
    """An error with its hint, for a notice."""
    return "" if error is None else f"{error.message}; {error.hint}" if error.hint else error.message
