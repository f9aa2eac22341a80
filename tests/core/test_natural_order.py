"""Names in the order in which people look for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinflow import natural_key


@pytest.mark.parametrize(
    "names",
    [
        ["client1", "client2", "client10", "client100", "clients"],
        ["a", "A2", "a10", "b1"],
        ["2", "10", "10a", "10b", "x"],
        ["week 1 day 2", "week 1 day 10", "week 2 day 1"],
        ["v1.9", "v1.10", "v2.0"],
        ["", "0", "1"],
    ],
)
def test_numbers_in_names_count_as_numbers(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(backwards, key=natural_key) == names


@given(st.lists(st.text()))
def test_any_names_have_an_order(names: list[str]) -> None:
    ordered = sorted(names, key=natural_key)
    assert sorted(ordered) == sorted(names)


@given(st.integers(min_value=0), st.integers(min_value=0))
def test_the_greater_number_comes_later(one: int, other: int) -> None:
    assert (natural_key(f"a{one}b") < natural_key(f"a{other}b")) is (one < other)
