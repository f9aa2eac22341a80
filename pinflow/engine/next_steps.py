"""What a person can do about a run that failed: next steps that work.

What the service only lacked for a while is tried again by resuming. Anything else fails
again until its cause is mended: in an input, where nothing that is done has used it; in a
table; in the recipe. Where nothing was made, the run can as well be begun anew.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pinflow.engine.plan_changes import PlanComparison
from pinflow.engine.results import NOTHING_MADE
from pinflow.plan import all_steps
from pinflow.plan.parts import references_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pinflow.engine.emitter import Tally
    from pinflow.engine.results import StepResult
    from pinflow.errors import PinflowError
    from pinflow.plan import Plan
    from pinflow.state.protocol import Journal

_ROW = re.compile(r"(\S[^\n]*?):\d+(?: |:|$)")  # pins.csv:17 ("Raised beds", line 19)
_INPUTS = 3  # that are named; of more, which of them is wrong can't be told


def next_steps(
    plan: Plan,
    journal: Journal,
    error: PinflowError,
    results: Sequence[StepResult],
    tally: Tally,
    counts: Mapping[str, Mapping[str, int]],
) -> tuple[str, ...]:
    """The lines that tell what can be done about a run that ``error`` ended as failed. ``counts`` are its effects."""
    resume = f"pinflow resume {journal.run.id}"
    failed = [result for result in results if result.status == "failed"]
    if _is_passing(error, failed, tally):
        return (f"to try it again: {resume}",)
    given = [f"-i {name}=..." for name in _correctable(plan, journal, {result.path for result in failed})]
    with_input = f"{resume} {' '.join(given)}" if 0 < len(given) <= _INPUTS else ""
    written = {step.path for step in plan.steps if any(inner.writes for inner in all_steps([step]))}
    made = any(n for outcomes in counts.values() for name, n in outcomes.items() if name not in ("failed", "skipped"))
    if not made and not any(result.status == "ok" and result.path in written for result in results):
        return (NOTHING_MADE, *([f"or with another value: {with_input}"] if with_input else []))
    tables = _tables(tally.item_names.values())
    lines = [f"once {' and '.join(tables)} is mended: {resume}"] if tables else []
    lines += [f"with another value: {with_input}"] if with_input else []
    return tuple(lines) or (f"it fails again until its cause is mended; then: {resume}",)


def _is_passing(error: PinflowError, failed: Iterable[StepResult], tally: Tally) -> bool:
    """Whether all that failed may go well the next time."""
    own = [result.error for result in failed if result.error is not None and tally.step_error(result.path) is None]
    own += [error] if not own and not tally.failed else []
    return not tally.lasting_failures and all(getattr(cause, "retryable", False) for cause in own)


def _correctable(plan: Plan, journal: Journal, failed: set[str]) -> list[str]:
    """The inputs that failed steps read and nothing that is done has used."""
    steps = [inner for step in plan.steps if step.path in failed for inner in all_steps([step])]
    references = [reference for step in steps for _, reference in references_of(step) if reference.root == "inputs"]
    names = {str(reference.path[0]) for reference in references if reference.path} - plan.secrets
    if journal.run.rules == 1 or not names:
        return []
    corrections = PlanComparison(plan, journal, {}, {}, inputs=names).corrections()
    used = {change.input for change in corrections if change.touches}
    return [name for name in plan.inputs if name in names - used]


def _tables(names: Iterable[str]) -> list[str]:
    """The files whose rows failed, from what people call these rows."""
    return list(dict.fromkeys(match[1] for name in names if (match := _ROW.match(name))))
