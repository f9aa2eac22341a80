"""Classes of things that can't be told apart by what reads back of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pinflow.engine.places.likeness import Digests, Learning

    Values: TypeAlias = "tuple[tuple[str, str], ...]"


class Classes:
    """The classes of everything that was sent to a place, and which of them a thing on the place belongs to.

    Writes of different kinds may be known by different fields: of a Pin that is saved only its origin reads back, of
    one that is created its texts. Two that are equal in all fields that they share may read back the same, so that
    they are of one class. Fields that the service rewrites don't count.
    """

    def __init__(self, likenesses: Iterable[Digests], learning: Learning) -> None:
        self._learning = learning
        self._numbers: dict[tuple[str, ...], dict[Values, int]] = defaultdict(dict)  # by fields, then by their values
        self._parents: list[int] = []
        for likeness in likenesses:
            values = learning.class_of(likeness, likeness)
            known = self._numbers[tuple(field for field, _ in values)]
            if values not in known:
                known[values] = len(self._parents)
                self._parents.append(len(self._parents))
        kinds = list(self._numbers)
        for number, fields in enumerate(kinds):
            for others in kinds[:number]:
                self._join(fields, others)

    def find(self, likeness: Digests) -> int | None:
        """The class of something that was sent or that is on the place; None if nothing like it was sent."""
        for fields, known in self._numbers.items():
            number = known.get(self._learning.class_of(likeness, fields))
            if number is not None:
                return self._root(number)
        return None

    def _join(self, fields: tuple[str, ...], others: tuple[str, ...]) -> None:
        """Make one class of those of two kinds that are equal in the fields that both have."""
        common = set(fields) & set(others)

        def common_part(values: Values) -> Values:
            return tuple(pair for pair in values if pair[0] in common)

        by_common: dict[Values, list[int]] = defaultdict(list)
        for values, number in self._numbers[fields].items():
            by_common[common_part(values)].append(number)
        for values, number in self._numbers[others].items():
            for other in by_common.get(common_part(values), ()):
                self._parents[self._root(other)] = self._root(number)

    def _root(self, number: int) -> int:
        while self._parents[number] != number:
            number = self._parents[number]
        return number
