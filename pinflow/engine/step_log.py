"""What the journal keeps of steps: how each ended, and what of it a resumed run can take over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pinflow.engine.sanitize import error_facts
from pinflow.engine.unfinished import take_up_again

if TYPE_CHECKING:
    from pinflow.engine.results import StepResult
    from pinflow.plan import Plan, PlannedStep
    from pinflow.state.protocol import Journal
    from pinflow.state.records import StepRecord


class StepLog:
    """The steps of one run. ``journal`` is None in a dry run; ``resumed``: an earlier process has done a part."""

    def __init__(self, plan: Plan, journal: Journal | None, *, resumed: bool) -> None:
        self._plan = plan
        self._journal = journal
        self._resumed = resumed

    def find(self, step: PlannedStep, path: str) -> StepRecord | None:
        """What is recorded of the step if it was finished before a resume; None if it must run (again)."""
        if not self._resumed or self._journal is None or path.startswith("finally."):
            return None
        record = self._journal.step(path)
        if record is None or record.status not in ("ok", "skipped"):
            return None
        if step.loop is not None and self._has_unknown(path):
            return None  # an item that was gone, and may be back
        has_output = step.writes and not _writes_files(step) if step.loop is None else step.loop.collect is None
        if record.status == "ok" and step.path in self._plan.needed and not has_output:
            return None  # what was read is not kept, nor are paths: it is read or written again
        return record

    def _has_unknown(self, path: str) -> bool:
        """Whether the outcome of a write inside a step is unknown."""
        counts = {} if self._journal is None else self._journal.counts(path)
        return any(outcomes["doubt"] for outcomes in counts.values())

    def must_reread(self, step: PlannedStep, record: StepRecord) -> bool:
        """Whether what is kept of a finished step is only enough to get its output again."""
        has_more = step.action is not None and step.action.reread is not None and isinstance(record.output, Mapping)
        return has_more and record.status == "ok" and step.path in self._plan.needed

    def take_up_again(self, path: str) -> None:
        """Record that a finished step is not done after all: its new items are lost if a kill finds it finished."""
        if self._journal is not None:
            take_up_again(self._journal, path)

    def add(self, step: PlannedStep, result: StepResult) -> None:
        """Record how a step ended."""
        if self._journal is None or result.status in ("planned", "cancelled"):
            return
        self._journal.finish_step(
            result.path,
            result.status,
            result.output if step.writes or step.loop is not None else None,
            seconds=result.seconds,
            error=error_facts(result.error) if result.error is not None else "",
        )


def _writes_files(step: PlannedStep) -> bool:
    parameters = {} if step.action is None else step.action.parameters.schema().get("properties", {})
    return any(part.get("format") == "output" for part in parameters.values())
