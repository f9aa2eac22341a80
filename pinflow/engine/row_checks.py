"""Every row of a table is checked before anything is sent, against the actions that the loop's steps will call.

What a row's arguments are is known from the row and the inputs, but for what only an earlier step will tell. One
mistake refuses the whole table, and all of them are told at once, each by its row: who has corrected them runs it
again, and nothing is there twice. Where the loop, or a step for its items, says on_error: continue, the rows without a
mistake are done, and the others fail as their turn comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pinflow.engine.action_arguments import Mistake, find_mistakes
from pinflow.engine.item_names import item_name, row_mistakes
from pinflow.engine.placeholder import PLANNED
from pinflow.engine.row_lists import reads_steps
from pinflow.errors import UsageError
from pinflow.events import ItemFailed
from pinflow.expressions.expression import Template
from pinflow.expressions.template import Scope, Unknown, Value, evaluate
from pinflow.plan.model import all_steps
from pinflow.plugin.row import Row
from pinflow.schema.file_names import WRITABLE, ending
from pinflow.schema.invalid import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from pinflow.engine.file_access import Files
    from pinflow.engine.item_keys import ItemKeys
    from pinflow.engine.run_context import RunContext
    from pinflow.engine.source_pass import LoopSource, SourceItem
    from pinflow.plan import Plan, PlannedStep
    from pinflow.plugin.action import Action


class WrongRow(NamedTuple):
    """A row that can't be done: its key, what people call it, and its mistakes as one text."""

    key: str
    name: str
    text: str


class RefusedRows(UsageError):
    """A table with mistakes: each was told as an ItemFailed, and nothing was sent."""

    def __init__(self, wrong: Sequence[WrongRow], count: int, *, resumed: bool) -> None:
        """``count`` is the number of all rows. ``resumed``: an earlier process may have done a part of them."""
        have = "has a mistake" if len(wrong) == 1 else "have mistakes"
        sent = "nothing more was sent" if resumed else "nothing was sent"
        self.summary = f"{len(wrong):,} of {count:,} rows {have}; {sent}"
        first = f"{'first ' if len(wrong) > 1 else ''}{wrong[0].name}: {wrong[0].text}"
        again = "correct them and resume the run" if resumed else "correct them and run it again"
        hint = f"{again}; on_error: continue in a recipe does the others"
        super().__init__(f"{self.summary}: {first}", hint=hint)
        self.item = wrong[0].name


class RowChecks:
    """Checks the rows of one loop. A visitor of the loop's source."""

    def __init__(
        self,
        plan: Plan,
        run: RunContext,
        source: LoopSource,
        keys: ItemKeys,
        *,
        needs_no_work: Callable[[str], bool] | None,
    ) -> None:
        """``needs_no_work`` says of a row's key that an earlier process of the run has done it; None if none has."""
        self.needs_keys = needs_no_work is not None
        self._run = run
        self._source = source
        self._keys = keys
        self._needs_no_work = needs_no_work or (lambda key: False)
        self._count = 0
        self._wrong: list[WrongRow] = []
        self._names = dict(source.scope.names)  # with each row in its turn
        steps = self._names.get("steps", {})
        unknown = {f"steps.{step.id}" for step in all_steps(plan.steps) if step.id not in steps}
        self._scope = Scope(self._names, unknown | set(source.scope.unknown))
        must_exist = _is_never_written if _writes_files(plan, source.loop.body) else _exists_before
        self._checks = [
            StepCheck(step, self._scope, plan.moment, run.files, must_exist=must_exist) for step in source.loop.body
        ]

    def see(self, seen: SourceItem) -> None:
        """Check the next row."""
        row, loop = seen.item, self._source.loop
        self._count += 1
        if not isinstance(row, Row):
            return
        if row.mistake:
            text = row.mistake
        else:
            self._names[loop.variable] = row
            text = "; also ".join(
                text
                for check in self._checks
                if (mistakes := check.mistakes()) and (text := row_mistakes(mistakes, check.step, loop, row))
            )
        if text:
            key = seen.key or self._keys.take(row)[0]
            self._wrong.append(WrongRow(key, item_name(loop, row, key), text))

    def finish(self, read: Callable[[], Iterator[SourceItem]]) -> None:
        """Tell of each row with a mistake. Raises RefusedRows if there are any."""
        wrong = [row for row in self._wrong if not self._needs_no_work(row.key)]
        for row in wrong:
            self._run.emit(
                ItemFailed,
                step=self._source.path,
                key=row.key,
                kind=self._source.loop.variable,
                error=f"{row.name}: {row.text}",
                item=row.name,
            )
        if wrong:
            raise RefusedRows(wrong, self._count, resumed=self.needs_keys)


def refuses_mistakes(source: LoopSource) -> bool:
    """Whether a loop goes over a table, all of which is refused for the mistakes of a row."""
    step, loop = source.step, source.loop
    if not (reads_steps(loop) if loop.items is not None else step.action is not None and step.action.table):
        return False
    return not step.keep_going and not any(inner.keep_going for inner in all_steps(loop.body))


def _writes_files(plan: Plan, body: Sequence[PlannedStep]) -> bool:
    """Whether a step that runs before the end of a loop's turn writes a file, which a row may name then."""
    inner = {step.path for step in all_steps(body)}
    for step in all_steps(plan.steps):
        if step.action is not None and step.action.parameters.paths_in.may_write:
            return True
        inner.discard(step.path)
        if not inner:
            break
    return False


def _exists_before(path: str) -> bool:
    return True


def _is_never_written(path: str) -> bool:
    return ending(path) not in WRITABLE


class StepCheck:
    """What is wrong with one step's condition and arguments, as far as the names of a scope tell them.

    What does not depend on the row is sorted out once.
    """

    def __init__(
        self, step: PlannedStep, scope: Scope, moment: datetime, files: Files, *, must_exist: Callable[[str], bool]
    ) -> None:
        """``must_exist`` says of the path of a file to be read that nothing makes it before the step."""
        self.step = step
        self._must_exist = must_exist
        self._files = files
        self._scope = scope
        self._moment = moment
        self._constants: dict[str, Any] = {}
        self._templates: list[tuple[str, Template]] = []
        self._nested: list[tuple[str, Value]] = []
        self._unknown: set[str] = set()  # arguments that are told by earlier steps alone
        for name, part in step.arguments.tree.items():
            self._sort(name, part)

    def _sort(self, name: str, part: Any) -> None:
        templates = tuple((loc[1:], template) for loc, template in self.step.arguments.templates if loc[0] == name)
        is_unknown = [any(map(self._scope.is_unknown, template.references)) for _, template in templates]
        if not templates:
            self._constants[name] = part
        elif not isinstance(part, Template):
            self._nested.append((name, Value(part, templates)))
        elif any(is_unknown):
            self._unknown.add(name)
        else:
            self._templates.append((name, part))

    def mistakes(self) -> list[Mistake]:
        """All that is wrong for the row that the scope has now."""
        action = self.step.action
        if action is None or self.step.loop is not None:
            return []  # what an inner loop goes over is told by its own turn
        try:
            if (
                self.step.condition is not None
                and evaluate(self.step.condition, self._scope, now=self._moment) is False
            ):
                return []
        except Unknown:
            return []
        except Invalid as invalid:
            return [self._of_recipe(invalid)]
        return self._wrong_arguments(action)

    def _wrong_arguments(self, action: Action) -> list[Mistake]:
        arguments = dict(self._constants)
        wrong: list[Mistake] = []
        broken: set[str] = set()
        names, now = self._scope.names, self._moment
        for name, template in self._templates:
            try:
                arguments[name] = template.render(names, now=now)
            except Invalid as invalid:
                wrong.append(self._of_recipe(invalid))
                broken.add(name)
        for name, value in self._nested:
            try:
                arguments[name] = value.render(self._scope, now=now, unknown=PLANNED)
            except Invalid as invalid:
                wrong.append(self._of_recipe(invalid))
                broken.add(name)
        unknown = self._unknown | broken if broken else self._unknown
        wrong += find_mistakes(action, arguments, unknown=unknown, partly_planned=bool(self._nested))
        told = {mistake.location[:1] for mistake in wrong}
        for problem in self._files.problems(action, arguments, must_exist=self._must_exist):
            if problem.location[:1] not in told:
                wrong.append(Mistake(problem.location, problem.message))
        return wrong

    def _of_recipe(self, invalid: Invalid) -> Mistake:
        """The mistake of an expression, with the step's place in the recipe."""
        place = self.step.problem
        return Mistake((), f"{place.file}:{place.line}:{place.column}: {invalid}")
