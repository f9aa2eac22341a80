"""The columns of a table that no step uses: a misspelt name would lose what stands below it without a word."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from pinflow.engine.row_checks import refuses_mistakes
from pinflow.plan.usage import named_fields
from pinflow.plugin.row import Row, short_label
from pinflow.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pinflow.engine.run_context import RunContext
    from pinflow.engine.source_pass import LoopSource, SourceItem
    from pinflow.plan import Loop

_ALIKE = 0.75  # most columns that are not used are not misspelt: "Section" has 0.67 of "description", "img_url" 0.75
_NAMED = 20  # columns in a message, as many as fit on some lines


class TableColumns:
    """Tells of each table of a run once which of its columns are used, where some are not."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._told: set[str] = set()  # paths of steps

    def visitor(self, source: LoopSource) -> FirstRow | None:
        """What looks at a table that is read before anything is sent."""
        return FirstRow(lambda item: self._look(source, item)) if refuses_mistakes(source) else None

    def watch(self, source: LoopSource, items: Iterable[Any]) -> Iterable[Any]:
        """The same items; what is to be said is said with the first."""
        if source.step.path in self._told:
            return items
        if isinstance(items, list):
            self._look(source, next(iter(items), None))
            return items
        return self._watched(source, iter(items))

    def _watched(self, source: LoopSource, items: Iterator[Any]) -> Iterator[Any]:
        first = list(islice(items, 1))
        self._look(source, next(iter(first), None))
        yield from chain(first, items)

    def _look(self, source: LoopSource, item: object) -> None:
        if isinstance(item, Row) and source.step.path not in self._told:
            self._told.add(source.step.path)
            if text := columns_text(item, source.loop):
                self._run.warn(text, source.path)


class FirstRow:
    """Shows the first item of a loop. A visitor of the loop's source."""

    needs_keys = False

    def __init__(self, look: Callable[[object], None]) -> None:
        self._look: Callable[[object], None] | None = look

    def see(self, seen: SourceItem) -> None:
        if self._look is not None:
            self._look(seen.item)
            self._look = None

    def finish(self, read: Callable[[], Iterator[SourceItem]]) -> None:
        pass


def columns_text(row: Row, loop: Loop) -> str:
    """Which columns of a row's table are used and which are not; "" where all are, or it can't be told."""
    fields = named_fields(loop)
    if fields is None:
        return ""
    used = {name: row.column(name) for name in fields}
    unused = [column for column in row.columns if column not in used.values()]
    if not unused:
        return ""
    lacking = [name for name, column in used.items() if column is None]
    having = [column for column in row.columns if column in used.values()]
    texts = [short_label(column) + _suggestion(nearest(column, lacking, least=_ALIKE)) for column in unused]
    return f"{row.source}: columns used: {_listed([*map(short_label, having)])}; not used: {_listed(texts)}"


def _suggestion(name: str | None) -> str:
    return f" (did you mean {name}?)" if name else ""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (", ".join(names[:_NAMED]) or "none") + more
