"""Whether two runs left the same: what a service holds, but for ids and times."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

_ID_OR_TIME = re.compile(r"[0-9]+|\d{4}-\d\d-\d\d[T ][\d:.]+(Z|[+-]\d\d:?\d\d)?")
_LARGEST_COUNT = 1_000_000  # larger numbers are ids or times


def essence(value: Any) -> Any:
    """What two equal states have in common: no ids, no times, no order."""
    match value:
        case dict():
            return tuple(sorted(((_name(key), essence(part)) for key, part in value.items()), key=repr))
        case list() | tuple():
            return tuple(sorted((essence(part) for part in value), key=repr))
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


def difference(whole: Any, other: Any) -> str:
    """In words, how ``other`` differs from what an uninterrupted run left."""
    before, after = sizes(whole), sizes(other)
    for path in sorted({*before, *after}, key=lambda each: (each.count("["), each)):
        if before[path] != after[path]:
            return f"the service holds {after[path]} {path} where an uninterrupted run leaves {before[path]}"
    return "the service holds something else than after an uninterrupted run"


def sizes(value: Any, path: str = "") -> Counter[str]:
    """How many things there are of each kind: {"boards": 7, "boards[].pins": 343}."""
    found: Counter[str] = Counter()
    if isinstance(value, dict):
        for key, part in value.items():
            found += sizes(part, f"{path}.{_name(key)}" if path else _name(key))
    elif isinstance(value, list | tuple):
        found[path] += len(value)
        for part in value:
            found += sizes(part, f"{path}[]")
    return found
