"""The source of a loop read once before anything is sent, where it can be read as often as one likes.

Such sources are lists, and what an action that belongs to no API yields, as `read_csv`
does. What is looked for in the items, each visitor says; all of them share one reading.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pinflow.engine.item_keys import number_of
from pinflow.errors import PinflowError
from pinflow.expressions.template import Value, evaluate
from pinflow.schema.invalid import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pinflow.engine.item_keys import ItemKeys
    from pinflow.expressions.template import Scope
    from pinflow.plan import Loop, Plan, PlannedStep


class SourceItem(NamedTuple):
    """An item of a loop, as its source has it now. ``number`` is the row that a spreadsheet shows, else its place."""

    key: str
    number: int
    item: Any


class LoopSource(NamedTuple):
    """A loop whose source can be read now: its step, its path in the run, and what its expressions see."""

    step: PlannedStep
    loop: Loop
    path: str
    scope: Scope


class Visitor(Protocol):
    """Looks at the items of one loop. What it raises ends the run before anything is sent.

    ``needs_keys``: what tells items apart takes longer than most looks, and is left out where nobody asks for it.
    """

    needs_keys: bool

    def see(self, seen: SourceItem) -> None:
        """Look at the next item."""

    def finish(self, read: Callable[[], Iterator[SourceItem]]) -> None:
        """All items were seen; ``read`` reads them once more."""


def can_be_read_again(step: PlannedStep, loop: Loop) -> bool:
    """Whether the items of a loop are to be had without asking a service, as often as wanted."""
    if loop.is_listing or loop.account is not None:
        return False
    return loop.items is not None or (step.action is not None and step.action.effect == "read")


class SourcePass:
    """Reads the sources of a run's loops for its visitors, each once: before the first step, where inputs tell it all.

    ``open_items`` opens a source, ``make_keys`` makes what tells its items apart, and
    ``visitors`` make what looks at them, None where there is nothing to look for.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        open_items: Callable[[LoopSource], Iterable[Any]],
        make_keys: Callable[[LoopSource], ItemKeys],
        visitors: Iterable[Callable[[LoopSource], Visitor | None]],
        is_done: Callable[[PlannedStep], bool],
    ) -> None:
        """``is_done`` says of a step that an earlier process of the run has finished it."""
        self._plan = plan
        self._open_items = open_items
        self._make_keys = make_keys
        self._visitors = tuple(visitors)
        self._is_done = is_done
        self._read: set[str] = set()  # paths of loops

    def before_run(self, scope: Scope) -> PinflowError | None:
        """Read the sources of the outermost loops that inputs alone decide about. The first error that they raised."""
        errors: list[PinflowError] = []
        for step in self._plan.steps:
            if step.loop is None or self._is_done(step) or not _is_known(step, step.loop):
                continue
            try:
                if step.condition is None or evaluate(step.condition, scope, now=self._plan.moment) is True:
                    self.before_loop(LoopSource(step, step.loop, step.path, scope))
            except Invalid:  # its step will say so, with its place
                continue
            except PinflowError as error:
                if not step.keep_going:  # such a step fails when its turn comes, and the others go on
                    errors.append(error)
        return next(iter(errors), None)

    def before_loop(self, source: LoopSource) -> None:
        """Read the source of a loop, unless that was done before. Raises what it, or a visitor, raises."""
        if source.path in self._read or not can_be_read_again(source.step, source.loop):
            return
        self._read.add(source.path)
        visitors = [visitor for make in self._visitors if (visitor := make(source)) is not None]
        if visitors:
            for seen in self._items(source, keys=any(visitor.needs_keys for visitor in visitors)):
                for visitor in visitors:
                    visitor.see(seen)
        for visitor in visitors:
            visitor.finish(lambda: self._items(source))

    def _items(self, source: LoopSource, *, keys: bool = True) -> Iterator[SourceItem]:
        take = self._make_keys(source).take if keys else lambda item: ("", "")
        for number, item in enumerate(islice(self._open_items(source), source.loop.limit), 1):
            yield SourceItem(take(item)[0], number_of(item, number), item)


def _is_known(step: PlannedStep, loop: Loop) -> bool:
    """Whether inputs alone tell what a loop goes over, and whether it runs."""
    references = [reference for _, reference in step.arguments.references]
    references += step.condition.references if step.condition is not None else ()
    if isinstance(loop.items, Value):
        references += [reference for _, reference in loop.items.references]
    elif loop.items is not None:
        references += loop.items.references
    return all(reference.root == "inputs" for reference in references)
