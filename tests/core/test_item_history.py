"""Which item of a table is which item of the table before: pairs of what is gone and what is new."""

from __future__ import annotations

import time

import pytest

from pinflow.engine.item_history import FreshItem, Shifts, pair
from pinflow.state.records import ItemRecord


def content(*fields: str) -> str:
    """As if each field's digest were its text."""
    return "".join(sorted(f"{field:>8}" for field in fields))


def record(number: int, *fields: str) -> ItemRecord:
    return ItemRecord(f"old{number}", "ok", number, content(*fields))


def item(number: int, *fields: str) -> FreshItem:
    return FreshItem(f"new{number}", number, content(*fields))


def pairs_of(
    gone: list[ItemRecord], fresh: list[FreshItem], moves: list[tuple[int, int]], **weights: float
) -> list[tuple[int, int]]:
    by_part = {f"{name:>8}": weight for name, weight in weights.items()}
    return sorted((old.number, new.number) for old, new in pair(gone, fresh, Shifts(moves), by_part))


@pytest.mark.parametrize(
    ("moves", "now", "paired"),
    [
        ([(2, 2), (4, 4)], 3, True),  # edited in its place
        ([(2, 3), (4, 5)], 4, True),  # and moved with the others
        ([(4, 4)], 3, True),  # the first of a table
        ([(2, 2), (4, 3)], 3, False),  # removed, and one that is new at its end
        ([(2, 2)], 3, False),  # the last: removed, and the next one moved up
        ([(2, 2), (4, 4)], 9, False),
    ],
)
def test_what_has_nothing_in_common_is_the_same_where_it_stands_between_the_same(
    moves: list[tuple[int, int]], now: int, paired: bool
) -> None:
    assert pairs_of([record(3, "a")], [item(now, "b")], moves) == ([(3, now)] if paired else [])


def test_at_the_same_place_one_field_is_enough_elsewhere_it_takes_most() -> None:
    assert pairs_of([record(3, "a", "b", "c")], [item(3, "a", "x", "y")], []) == [(3, 3)]
    assert pairs_of([record(3, "a", "b", "c")], [item(8, "a", "x", "y")], []) == []
    assert pairs_of([record(3, "a", "b", "c")], [item(8, "a", "b", "y")], []) == [(3, 8)]


def test_what_many_rows_have_is_no_sign_that_two_are_the_same() -> None:
    gone, fresh = [record(3, "board", "a")], [item(3, "board", "x"), item(8, "board", "y")]
    assert pairs_of(gone, fresh, [], board=0.0) == []


def test_the_most_alike_are_paired_first_and_each_once() -> None:
    gone = [record(3, "a", "b", "c", "d"), record(4, "a", "b", "c", "e")]
    fresh = [item(10, "a", "b", "c", "e"), item(11, "a", "b", "c", "x")]
    assert pairs_of(gone, fresh, []) == [(3, 11), (4, 10)]


def test_a_value_that_fewer_rows_have_is_a_better_sign() -> None:
    """A new row at the place of one that was edited and moved shares only what others have as well."""
    gone = [record(3, "new", "a")]
    fresh = [item(3, "new", "b"), item(9, "edited", "a")]
    assert pairs_of(gone, fresh, [], new=0.5) == [(3, 9)]


def test_a_table_that_was_edited_all_over_takes_seconds() -> None:
    gone = [record(n, f"t{n}", f"d{n}") for n in range(1, 20_001)]
    fresh = [item(n + 5, f"t{n}", f"e{n}") for n in range(1, 20_001)]
    began = time.monotonic()
    assert len(pairs_of(gone, fresh, [(0, 5)])) == 20_000
    assert time.monotonic() - began < 10
