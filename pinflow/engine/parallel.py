"""Work that goes side by side, a bounded number at a time."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, wait
from contextvars import copy_context
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from pinflow.engine.executors import at_work
from pinflow.engine.run_frame import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor, Future

T = TypeVar("T")
R = TypeVar("R")


def run_parallel(
    make_executor: Callable[[int], Executor],
    parallel: int,
    items: Iterator[T],
    *,
    work: Callable[[T], R],
    land: Callable[[T, R], BaseException | None],
    ahead: int = 1,
) -> None:
    """Do ``work`` for each item with ``parallel`` workers; ``ahead`` times as many items are read at a time.

    ``land`` takes in each outcome on the calling thread, and returns an error that ends
    everything. So does what ``work`` raises: what has not begun never does, what is at
    work ends and lands, and then the first error is raised. What the items raise ends it
    after all that were read are done. After what ends the program, such as KeyboardInterrupt,
    nothing is waited for, and nothing lands.

    Not `Executor.map`, which reads all items at once and loses what lands after an error.
    """
    flying: dict[Future[R | None], T] = {}
    errors: list[BaseException] = []
    over = threading.Event()

    def attempt(item: T) -> R | None:
        if over.is_set():
            return None
        try:
            return work(item)
        except BaseException:
            over.set()
            raise

    def take(futures: Iterable[Future[R | None]]) -> None:
        for future in futures:
            item = flying.pop(future)
            error = future.exception()
            if error is None and (outcome := future.result()) is not None:
                error = land(item, outcome)
            errors.extend([error] if error is not None else ())

    with side_by_side(parallel), at_work(make_executor(parallel), lambda: take(list(flying))) as executor:
        while True:
            for item in islice(items, ahead * parallel - len(flying)):
                flying[executor.submit(copy_context().run, attempt, item)] = item
            if not flying:
                return
            take(wait(flying, return_when=FIRST_COMPLETED).done)
            if errors:
                over.set()
                raise errors[0]
