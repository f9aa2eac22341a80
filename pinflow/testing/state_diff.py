"""Compares what two runs left on a service, apart from ids and times."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

_ID_OR_TIME = re.compile(r"[0-9]+|\d{4}-\d\d-\d\d[T ][\d:.]+(Z|[+-]\d\d:?\d\d)?")
_LARGEST_COUNT = 1_000_000  # larger numbers are ids or times


def comparable(value: Any) -> Any:
    """A form of a state that is equal for equal states: without ids, times and order."""
    match value:
        case dict():
            return tuple(sorted(((_name(key), comparable(part)) for key, part in value.items()), key=repr))
        case list() | tuple():
            return tuple(sorted((comparable(part) for part in value), key=repr))
        case bool() | None:
            return value
        case int():
            return value if abs(value) < _LARGEST_COUNT else "#"
        case float():
            return "#"
        case str():
            return "#" if _ID_OR_TIME.fullmatch(value) else value
    return repr(value)


def _name(key: object) -> str:
    return "#" if _ID_OR_TIME.fullmatch(str(key)) else str(key)


def difference_text(whole: Any, other: Any) -> str:
    """In words, how ``other`` differs from ``whole``, which an uninterrupted run left."""
    before, after = counts_by_path(whole), counts_by_path(other)
    for path in sorted({*before, *after}, key=lambda path: (path.count("["), path)):
        if before[path] != after[path]:
            return f"the service has {after[path]} {path}; an uninterrupted run leaves {before[path]}"
    return "the service has other data than after an uninterrupted run"


def counts_by_path(value: Any, path: str = "") -> Counter[str]:
    """The number of items of each list: {"boards": 7, "boards[].pins": 343}."""
    counts: Counter[str] = Counter()
    if isinstance(value, dict):
        for key, part in value.items():
            counts += counts_by_path(part, f"{path}.{_name(key)}" if path else _name(key))
    elif isinstance(value, list | tuple):
        counts[path] += len(value)
        for part in value:
            counts += counts_by_path(part, f"{path}[]")
    return counts
