"""What was changed in a recipe or its inputs since a run began, and whether the run can go on with it.

A run's record holds a keyed digest of each part of each step. What has another one now was
changed: spacing, comments, descriptions and the order of keys are not among it. A change
that touches what is done is refused; any other goes on once a person, or
``--accept-changes``, has accepted it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

from pinflow.engine.item_keys import digest
from pinflow.engine.source_pass import can_be_read_again
from pinflow.errors import UsageError
from pinflow.lazy_dataclass import dataclass
from pinflow.plan import all_steps
from pinflow.plan.parts import OUTPUTS, parts_of_plan, references_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from pinflow.plan import Plan, PlannedStep
    from pinflow.state.protocol import Journal

Digests = dict[str, dict[str, str]]  # path of a step -> part -> digest
What = Literal["changed", "added", "removed"]
State = Literal["untouched", "sent", "made", "done"]

_BYTES = 6  # of a part's digest: two versions of one part have the same in 1 of 3 * 10**14 cases
_FOR_PEOPLE = frozenset({"name"})  # parts that change nothing but what is shown
_MANNER = frozenset({"timeout", "on_error", "retry", "parallel", "limit"})  # how the rest is done
_IDENTITY = frozenset({"uses", "for_each", "api", "auth", "key", "duplicates"})  # where, for whom, and what is what
_MADE = ("done", "adopted", "doubt")
SHOWN = 20  # changes that are listed, as many as a person reads


def digests_of(plan: Plan, secret: bytes) -> Digests:
    """What a run's record keeps of its plan. Without the secret, nothing can be guessed from it."""
    return {
        path: {part: digest(secret, value, _BYTES) for part, value in parts.items()}
        for path, parts in parts_of_plan(plan).items()
    }


@dataclass(frozen=True, slots=True)
class PlanChange:
    """One part of a step that is not what it was. ``touches`` says what of it was done already, "" if nothing was."""

    place: str  # file:line:column
    path: str
    part: str
    what: What
    touches: str = ""
    input: str = ""  # that the part reads, where this is what was changed

    def __str__(self) -> str:
        step = f"step {self.path}" if self.path else "the recipe"
        part = f"input {self.input!r} in {self.part}" if self.input else self.part
        why = f", and {self.touches}" if self.touches else ""
        return f"{self.place}: {step}{f': {part}' if part else ''} was {self.what}{why}"


class PlanComparison:
    """The plan of a run that is resumed, held against what the run's record says of the earlier one."""

    def __init__(
        self, plan: Plan, journal: Journal, before: Digests, now: Digests, *, inputs: Collection[str] = ()
    ) -> None:
        """``inputs`` are those that have another value now."""
        self._plan = plan
        self._journal = journal
        self._before = before
        self._now = now
        self._inputs = inputs
        self._steps = {step.path: step for step in all_steps((*plan.steps, *plan.finally_))}
        self._states: dict[str, State] = {}

    def is_begun(self, path: str) -> bool:
        """Whether a step, or a loop that it is in, has made anything, or may have."""
        return self._state(path) != "untouched"

    def steps_to_repeat(self, changes: Iterable[PlanChange]) -> set[str]:
        """The steps of the outermost level that ended, and must run again because of these changes."""
        return {self._outermost(change.path) for change in changes if change.path and not self.is_begun(change.path)}

    def changes(self) -> list[PlanChange]:
        """What was changed in the recipe, but for what only people see."""
        changes = []
        common = [path for path in self._before if path in self._now]
        if common != [path for path in self._now if path in self._before]:
            changes.append(PlanChange(self._location(OUTPUTS, ""), OUTPUTS, "the order of its steps", "changed"))
        for path in dict.fromkeys((*self._before, *self._now)):
            old, new = self._before.get(path), self._now.get(path)
            if old is None or new is None:
                if path != OUTPUTS:
                    changes.append(self._change(path, "", "added" if old is None else "removed"))
                continue
            for part in dict.fromkeys((*old, *new)):
                if old.get(part) != new.get(part) and part not in _FOR_PEOPLE:
                    what: What = "added" if part not in old else "removed" if part not in new else "changed"
                    changes.append(self._change(path, part, what))
        return changes

    def corrections(self) -> list[PlanChange]:
        """Where the recipe reads inputs that have another value now."""
        return [
            self._correction(step, part, str(name))
            for step in self._steps.values()
            for part, reference in references_of(step)
            if reference.root == "inputs"
            for name in (reference.path[:1] or sorted(self._inputs))
            if name in self._inputs
        ]

    def _change(self, path: str, part: str, what: What) -> PlanChange:
        return PlanChange(self._location(path, part), path, part, what, self._touches(path, part, what))

    def _correction(self, step: PlannedStep, part: str, name: str) -> PlanChange:
        touches = ""
        if self._state(step.path) in ("done", "made") and not self._is_source(step.path, part):
            touches = _WHY[self._state(step.path)]
        return PlanChange(self._location(step.path, part), step.path, part, "changed", touches, name)

    def _location(self, path: str, part: str) -> str:
        step = self._steps.get(path)
        if step is None:
            source = self._plan.source
            problem = source.problem(tuple(part.split(".", 1)) if part.startswith("outputs.") else ("steps",), "")
        else:
            problem = step.place.at(*(part.split(".", 1) if part else ())).problem("", key=bool(part))
        return f"{problem.file}:{problem.line}:{problem.column}"

    # what is done

    def _touches(self, path: str, part: str, what: str) -> str:
        """What of a step is done already that a change of this part would touch; "" if nothing is."""
        state = "untouched" if path == OUTPUTS or part in _MANNER else self._state(path)
        if state == "untouched" or (what == "added" and not part):
            return ""
        if part == "for_each" and state == "made" and self._is_source(path, part):
            return ""
        if state == "done" or part in _IDENTITY or not part:
            return _WHY[state]
        # the items of a loop that are done stay as they are, and the others are done by the recipe as it is now
        return _WHY[state] if state == "made" and not self._is_in_loop(path) else ""

    def _state(self, path: str) -> State:
        """How far a step has come; of one inside a loop, how far the loop has."""
        if path not in self._states:
            self._states[path] = self._find_state(path)
        return self._states[path]

    def _find_state(self, path: str) -> State:
        outer = self._outermost(path)
        record = self._journal.step(outer)
        # the last steps run at the end of each process: what they did is told by their writes alone
        if record is not None and record.status in ("ok", "skipped") and not outer.startswith("finally."):
            only_read = record.status == "skipped" or self._only_reads(outer)
            return "done" if not only_read or self._has_made else "untouched"
        counts = list(self._journal.counts(outer).values())
        if any(outcomes["done"] + outcomes["adopted"] for outcomes in counts):
            return "made"
        if any(outcomes["doubt"] for outcomes in counts):
            return "sent"
        return "made" if any(item.status in ("ok", "skipped") for item in self._journal.items(outer)) else "untouched"

    @cached_property
    def _has_made(self) -> bool:
        """Whether any step has made anything, or may have; what was only read before that can be read anew."""
        if any(n for counts in self._journal.counts().values() for name, n in counts.items() if name in _MADE):
            return True
        outer = (step.path for step in (*self._plan.steps, *self._plan.finally_) if not self._only_reads(step.path))
        return any(record is not None and record.status == "ok" for record in map(self._journal.step, outer))

    def _only_reads(self, path: str) -> bool:
        """Whether nothing in a step of the outermost level writes."""
        step = self._steps.get(path)
        return step is not None and not any(inner.writes for inner in all_steps([step]))

    def _outermost(self, path: str) -> str:
        prefix, rest = ("finally.", path.removeprefix("finally.")) if path.startswith("finally.") else ("", path)
        return prefix + rest.partition(".")[0]

    def _is_in_loop(self, path: str) -> bool:
        step = self._steps.get(self._outermost(path))
        return step is not None and step.loop is not None

    def _is_source(self, path: str, part: str) -> bool:
        """Whether a part says where a loop that is not done gets its items from, which tell themselves apart."""
        step = self._steps.get(path)
        if step is None or step.loop is None or self._state(path) != "made":
            return False
        return part.startswith("with.") or (part == "for_each" and can_be_read_again(step, step.loop))


_WHY: Mapping[State, str] = {
    "done": "it is done",
    "made": "a part of it is done",
    "sent": "its write may have been made",
    "untouched": "",
}


def accept_changes(
    comparison: PlanComparison, *, run: str, recipe: str, accept: bool, ask: Callable[[str], bool] | None
) -> list[PlanChange]:
    """The changes of a recipe and its inputs that the run goes on with.

    Raises UsageError, with a list of the changes and what to do, where it can't, or may not.
    """
    corrections = comparison.corrections()
    if used := [change for change in corrections if change.touches]:
        raise UsageError(
            f"run {run} has used what was given another value now:{_listed(used)}",
            hint="leave it out to resume the run, or start a new one with: pinflow run",
        )
    changes = comparison.changes()
    refused = [change for change in changes if change.touches]
    if refused:
        raise UsageError(
            f"{recipe} was changed since run {run} began, in what is done:{_listed(refused)}",
            hint="put that back to resume the run, or start a new one with: pinflow run",
        )
    if changes and not accept:
        text = f"{recipe} was changed since run {run} began, in nothing that is done:{_listed(changes)}"
        if ask is None or not ask(f"{text}\nGo on with the recipe as it is now?"):
            raise UsageError(text, hint=f"to go on with it as it is now: pinflow resume {run} --accept-changes")
    return [*changes, *corrections]


def _listed(changes: list[PlanChange]) -> str:
    def lines() -> Iterator[str]:
        yield from (f"\n  {change}" for change in changes[:SHOWN])
        if len(changes) > SHOWN:
            yield f"\n  and {len(changes) - SHOWN:,} more"

    return "".join(lines())
