"""What people call a loop's item and what is wrong with it: ``pins.csv:17 ("Raised beds", line 19): title: ...``.

These texts hold content. They are shown, and never kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pinflow.engine.action_arguments import Mistake, WrongArguments, of_one_argument
from pinflow.errors import DOUBT, FAILED, USAGE, PinflowError, RateLimited
from pinflow.plan.model import all_steps
from pinflow.plugin.row import Row, short_label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pinflow.expressions.template import Scope
    from pinflow.plan import Loop, PlannedStep
    from pinflow.schema.invalid import Location

E = TypeVar("E", bound=PinflowError)


class RowErrors:
    """Errors of steps that work on the rows of a table, told as the mistakes of these rows."""

    def __init__(self, steps: Iterable[PlannedStep]) -> None:
        self._loops = {step.path: step.loop for step in all_steps(steps) if step.loop is not None}

    def locate(self, error: E, step: PlannedStep, scope: Scope) -> E:
        """The same error; if the step works on a row, its message names the row and the column."""
        loop = self._loop_around(step.path)
        item = scope.names.get(loop.variable) if loop is not None else None
        if loop is None or not isinstance(item, Row) or not _is_about_item(error):
            return error
        if isinstance(error, WrongArguments):
            return _say(error, loop, item, row_mistakes(error.mistakes, step, loop, item))
        if step.action is None:
            return locate_row(error, loop, item)
        return _say(error, loop, item, row_mistakes([of_one_argument(step.action, error)], step, loop, item))

    def _loop_around(self, path: str) -> Loop | None:
        """The innermost loop that a step is in."""
        while path := path.rpartition(".")[0]:
            if path in self._loops:
                return self._loops[path]
        return None


def item_name(loop: Loop, item: Any, key: str) -> str:
    """What people call an item: a row by its place in its file, others by name or title and key; "" without one."""
    if isinstance(item, Row):
        return item.where(_label(loop, item))
    if type(item) is dict:
        title = next((item[name] for name in ("name", "title") if isinstance(item.get(name), str)), "")
        if title.strip() and title != key:
            return f'"{short_label(title)}" ({key})'
    return ""


def row_mistakes(mistakes: Iterable[Mistake], step: PlannedStep, loop: Loop, row: Row) -> str:
    """The mistakes of a row as one text, each after the column that it is in."""
    texts = []
    for mistake in mistakes:
        column = _column(mistake.location, step, loop, row)
        texts.append(f"{column}: {mistake.what}" if column else mistake.what)
    return "; also ".join(dict.fromkeys(texts))


def locate_row(error: E, loop: Loop, row: Row) -> E:
    """The same error; its message begins with the row's place, unless it does so already."""
    return _say(error, loop, row, error.message) if _is_about_item(error) else error


def _say(error: E, loop: Loop, row: Row, text: str) -> E:
    name = row.where(_label(loop, row))
    if error.item != name:
        error.item, error.message = name, f"{name}: {text}"
        error.args = (error.message,)
    return error


def _is_about_item(error: PinflowError) -> bool:
    """Whether an error says something of the item, and not of the account, the state or the run."""
    return error.exit_code in (FAILED, USAGE, DOUBT) and not isinstance(error, RateLimited)


def _label(loop: Loop, row: Row) -> str:
    """The first text that the name of the body's first named step reads of a row, else its first cell with content."""
    for step in loop.body:
        if not step.name.constant:
            names = (r.path[0] for _, r in step.name.references if r.root == loop.variable and r.path)
            cells = [row.get(name) for name in names if isinstance(name, str)]
            return _first_text(cells) or _first_text(row.values())
    return _first_text(row.values())


def _first_text(cells: Iterable[Any]) -> str:
    return next((cell for cell in cells if isinstance(cell, str) and cell.strip()), "")


def _column(location: Location, step: PlannedStep, loop: Loop, row: Row) -> str:
    """The column that an argument comes from, as the file calls it; the argument if it comes from more than one."""
    if not location:
        return ""
    argument = str(location[0])
    origins = [reference for at, reference in step.arguments.references if at == location[: len(at)]]
    names = {reference.path[0] if reference.path else None for reference in origins if reference.root == loop.variable}
    if len(names) != 1 or any(reference.root != loop.variable for reference in origins):
        return argument
    name = names.pop()
    return row.column(name) or argument if isinstance(name, str) else argument
