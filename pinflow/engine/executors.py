"""Ways to work side by side: pinflow's own, and those that plugins offer."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from pinflow.errors import PluginError, UsageError, ends_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

P = ParamSpec("P")
T = TypeVar("T")


class Serial(Executor):
    """Does each piece of work where it is handed over: one after the other, in their order. For looking closely."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """The future of work that is over already."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
            if ends_program(error):  # Ctrl-C is not the work's to keep
                raise
        return future


def threads(workers: int) -> Executor:
    """So many threads."""
    return ThreadPoolExecutor(workers, thread_name_prefix="pinflow")


def serial(workers: int) -> Executor:
    """One after the other, however many were meant."""
    return Serial()


@contextmanager
def at_work(executor: Executor, landed: Callable[[], None]) -> Iterator[Executor]:
    """At the end, however it comes, wait for what was handed to ``executor`` inside, and then call ``landed``.

    After what ends the program, as a second Ctrl-C does, it waits for nothing, and nothing has landed.
    """
    hurried = False
    try:
        yield executor
    except (KeyboardInterrupt, SystemExit) as stop:
        hurried = ends_program(stop)
        raise
    finally:
        executor.shutdown(wait=not hurried, cancel_futures=hurried)
        if not hurried:
            landed()


BUILT_IN: Mapping[str, Callable[[int], Executor]] = {"threads": threads, "serial": serial}


def find_executor(name: str, offered: Mapping[str, Callable[[int], Executor]]) -> Callable[[int], Executor]:
    """The way to work side by side that is called ``name``: one of pinflow's own, or of those that plugins offer.

    Raises UsageError naming what there is, PluginError for one that pinflow has and a plugin offers too.
    """
    if both := sorted(BUILT_IN.keys() & offered.keys()):
        raise PluginError(f"a plugin offers an executor named {both[0]!r}, which pinflow has itself")
    known = {**BUILT_IN, **offered}
    if name not in known:
        raise UsageError(f"unknown executor {name!r}", hint=f"there are: {', '.join(known)}")
    return known[name]
