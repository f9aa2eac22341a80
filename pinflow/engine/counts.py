"""Numbers by name, and by token and name, added up."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

N = TypeVar("N", int, float)


def add_counts(*counts: Mapping[str, N]) -> dict[str, N]:
    """The sum of each name's numbers."""
    total: dict[str, N] = {}
    for numbers in counts:
        for name, number in numbers.items():
            total[name] = total[name] + number if name in total else number
    return total


def add_by_token(*counts: Mapping[str, Mapping[str, N]]) -> dict[str, dict[str, N]]:
    """The sum of each token's and name's numbers."""
    tokens = dict.fromkeys(token for by_token in counts for token in by_token)
    return {token: add_counts(*(by_token.get(token, {}) for by_token in counts)) for token in tokens}
