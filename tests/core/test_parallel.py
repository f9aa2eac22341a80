"""Work side by side: how far it reads ahead, and which error ends it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pinflow.engine.executors import serial
from pinflow.engine.parallel import run_parallel
from pinflow.engine.run_frame import current_frame

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(("parallel", "ahead", "expected"), [(3, 1, 3), (3, 2, 6), (1, 2, 2)])
def test_only_so_many_items_are_read_before_one_has_landed(parallel: int, ahead: int, expected: int) -> None:
    read, landed = 0, []

    def items() -> Iterator[int]:
        nonlocal read
        for number in range(1, 21):
            read = number
            yield number

    def land(item: int, outcome: int) -> None:
        landed.append(item)
        assert read <= expected + len(landed) - 1
        assert len(landed) > 1 or read == expected

    run_parallel(serial, parallel, items(), work=lambda item: item, land=land, ahead=ahead)
    assert sorted(landed) == list(range(1, 21))


def test_the_first_error_that_lands_ends_it_and_nothing_more_begins() -> None:
    begun: list[int] = []

    def land(item: int, outcome: int) -> ValueError | None:
        return ValueError(f"{item}") if item in (2, 3) else None

    def work(item: int) -> int:
        begun.append(item)
        return item

    with pytest.raises(ValueError, match=r"^2$"):
        run_parallel(lambda workers: ThreadPoolExecutor(1), 1, iter(range(9)), work=work, land=land)
    assert begun == [0, 1, 2]


def test_an_error_of_the_work_keeps_what_was_handed_over_from_beginning() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        raise ValueError(f"{item}")

    with pytest.raises(ValueError, match=r"^0$"):
        run_parallel(serial, 4, iter(range(9)), work=work, land=lambda item, outcome: None)
    assert begun == [0]


def test_ctrl_c_is_raised_at_once_and_nothing_lands() -> None:
    landed: list[int] = []

    def work(item: int) -> int:
        if item == 1:
            raise KeyboardInterrupt
        return item

    with pytest.raises(KeyboardInterrupt):
        run_parallel(serial, 4, iter(range(9)), work=work, land=lambda item, outcome: landed.append(item))
    assert landed == []


def test_the_work_knows_how_many_go_side_by_side() -> None:
    seen: set[int] = set()

    def work(item: int) -> int:
        inner = lambda _: seen.add(current_frame().concurrency) or 1  # type: ignore[func-returns-value]  # noqa: E731
        run_parallel(serial, 5, iter([0]), work=inner, land=lambda item, outcome: None)
        return item

    run_parallel(serial, 3, iter([0]), work=work, land=lambda item, outcome: None)
    assert (seen, current_frame().concurrency) == ({15}, 1)
