"""What a person can do about a run that has not done all: next steps that work.

What the service only lacked for a while is tried again by resuming. Anything else fails
again until its cause is mended: in an input, where nothing that is done has used it; in a
table; in the recipe. Where nothing was made, the run can as well be begun anew.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from pinflow.clock import moment
from pinflow.engine.plan_changes import PlanComparison
from pinflow.engine.results import NOTHING_MADE, status_of
from pinflow.errors import StateError
from pinflow.lazy_dataclass import dataclass
from pinflow.plan import all_steps
from pinflow.plan.parts import references_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pinflow.clock import Local
    from pinflow.engine.emitter import Tally
    from pinflow.engine.results import StepResult
    from pinflow.errors import PinflowError
    from pinflow.plan import Plan
    from pinflow.state.protocol import Journal

_ROW = re.compile(r"(\S[^\n]*?):\d+(?: |:|$)")  # pins.csv:17 ("Raised beds", line 19)
_INPUTS = 3  # that are named; of more, which of them is wrong can't be told
_SANDBOX = "this was the sandbox; your account was not changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a run ended. ``resume_after`` and ``now`` are seconds since 1970."""

    id: str
    error: PinflowError | None
    results: Sequence[StepResult]
    sandbox: bool = False
    resume_after: float | None = None
    now: float = 0.0
    local: Local = time.localtime


def next_steps(
    plan: Plan, journal: Journal | None, run: RunEnd, tally: Tally, counts: Mapping[str, Mapping[str, int]]
) -> tuple[str, ...]:
    """The lines that tell what can be done about a run. ``counts`` are its effects; a dry run has no journal."""
    error, resume = run.error, f"pinflow resume {run.id}"
    if journal is None or isinstance(error, StateError):
        return ()
    if run.sandbox:  # which has ended with it
        return (_SANDBOX,) if error is not None else ()
    if error is None:
        return _after_failures(resume, run.results, tally)
    if status_of(error) == "failed":
        return _after_error(plan, journal, run, error, tally, counts)
    return steps_to_go_on(run, error)


def steps_to_go_on(run: RunEnd, error: PinflowError) -> tuple[str, ...]:
    """The lines about a run that ``error`` paused or stopped, or that left an outcome unknown."""
    status, resume = status_of(error), f"pinflow resume {run.id}"
    if resume in error.hint:
        return tuple(line.strip() for line in error.hint.splitlines())
    if status == "in_doubt":
        return f"to see what is unknown: pinflow runs show {run.id} --items", f"to look again, and go on: {resume}"
    if status == "paused":
        after = run.resume_after
        return (f"continue{'' if after is None else f' after {moment(after, run.now, run.local)}'}: {resume}",)
    return (f"to continue where it stopped: {resume}",)


def _after_failures(resume: str, results: Sequence[StepResult], tally: Tally) -> tuple[str, ...]:
    """The lines about a run that is done but for what its ``on_error`` let fail."""
    if not tally.failed and not any(result.status == "failed" for result in results):
        return ()
    tables = _tables(tally.item_names[row[:2]] for row in tally.failed if row[:2] in tally.item_names)
    when = f"once {' and '.join(tables)} is mended, " if tables and tally.lasting_failures else ""
    return (f"{when}to do only what failed: {resume}",)


def _after_error(
    plan: Plan,
    journal: Journal,
    run: RunEnd,
    error: PinflowError,
    tally: Tally,
    counts: Mapping[str, Mapping[str, int]],
) -> tuple[str, ...]:
    """The lines about a run that ``error`` ended as failed."""
    resume, results = f"pinflow resume {run.id}", run.results
    failed = [result for result in results if result.status == "failed"]
    if _is_passing(error, failed, tally):
        return (f"to try it again: {resume}",)
    if ways := _remedies(plan, journal, failed, resume):
        return ways
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


def _remedies(plan: Plan, journal: Journal, failed: Iterable[StepResult], resume: str) -> tuple[str, ...]:
    """What the errors of steps say that helps, as commands that give inputs another value."""
    steps = {step.path: step for step in plan.steps}
    lines: list[str] = []
    for result in failed:
        if result.error is None or not result.error.remedies or result.path not in steps:
            continue
        step, correctable = steps[result.path], _correctable(plan, journal, {result.path})
        for argument, value in result.error.remedies.items():
            names = [
                str(reference.path[0])
                for at, reference in step.arguments.references
                if at == (argument,) and reference.root == "inputs" and len(reference.path) == 1
            ]
            if len(names) == 1 and names[0] in correctable:
                what = f"with {argument} {value}" if value else f"with another {argument}"
                lines.append(f"{what}: {resume} -i {names[0]}={value or '...'}")
    return tuple(lines)


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
