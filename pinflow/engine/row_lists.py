"""Rows of a table in the list that a loop goes over. They know their place in the file, which expressions lose."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

from pinflow.expressions.template import Value
from pinflow.plugin.row import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pinflow.expressions.template import Scope
    from pinflow.plan import Loop


def with_rows(items: Sequence[Any], loop: Loop, scope: Scope) -> list[Any]:
    """The items of a loop's list, those that a step read from a table as its rows, in the order of the table."""
    rows: dict[str, deque[Row]] = defaultdict(deque)
    for row in _rows_read(loop, scope):
        rows[_content(row)].append(row)
    if not rows:
        return list(items)
    return [rows[key].popleft() if type(item) is dict and rows.get(key := _content(item)) else item for item in items]


def reads_steps(loop: Loop) -> bool:
    """Whether a loop goes over what steps gave, which may be rows."""
    return any(root == "steps" for root, _ in _references(loop))


def _rows_read(loop: Loop, scope: Scope) -> Iterator[Row]:
    for step in {path[0] for root, path in _references(loop) if root == "steps" and path}:
        output = scope.names["steps"].get(step)
        items = output.get("items") if type(output) is dict else None
        yield from (item for item in items or () if isinstance(item, Row))


def _references(loop: Loop) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    if isinstance(loop.items, Value):
        references = [reference for _, reference in loop.items.references]
    else:
        references = [] if loop.items is None else list(loop.items.references)
    return ((reference.root, reference.path) for reference in references)


def _content(item: dict[str, Any]) -> str:
    return json.dumps(item, sort_keys=True, default=str)
