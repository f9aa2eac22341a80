"""What works side by side is chosen by name: threads, one after the other, or what a plugin offers."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import Context, action, hookimpl
from pinflow.engine.executors import Serial, find_executor
from pinflow.errors import PluginError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.testing import Project

LOOP = """
name: n
steps:
  - for_each: [1, 2, 3, 4, 5, 6]
    parallel: 3
    do: [{uses: where}]
"""


class Where:
    """An action that notes which thread it runs in, and an executor that counts its workers."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.workers: list[int] = []

    @hookimpl
    def pinflow_actions(self) -> list[Any]:
        @action("where")
        def where(ctx: Context) -> None:
            """Note the thread."""
            self.threads.append(threading.current_thread().name)

        return [where]

    @hookimpl
    def pinflow_executors(self) -> dict[str, Callable[[int], Executor]]:
        def own(workers: int) -> Executor:
            self.workers.append(workers)
            return ThreadPoolExecutor(workers, thread_name_prefix="own")

        return {"own": own}


@pytest.mark.parametrize(("name", "begins"), [("threads", "pinflow"), ("serial", "MainThread"), ("own", "own")])
def test_a_parallel_loop_uses_the_chosen_executor(project: Project, name: str, begins: str) -> None:
    where = Where()
    project.plugins.append(where)
    assert project.run(LOOP, executor=name).ok
    assert len(where.threads) == 6
    assert {each.startswith(begins) for each in where.threads} == {True}
    assert where.workers == ([3] if name == "own" else [])


def test_an_unknown_executor_is_an_error_before_the_run(project: Project) -> None:
    project.plugins.append(Where())
    with pytest.raises(UsageError) as caught:
        project.run(LOOP, executor="processes")
    assert str(caught.value) == "unknown executor 'processes'\n  there are: threads, serial, own"


def test_a_plugin_can_not_replace_a_built_in_executor() -> None:
    with pytest.raises(PluginError, match="a plugin offers an executor named 'serial', which pinflow has itself"):
        find_executor("threads", {"serial": ThreadPoolExecutor})


def test_an_error_in_the_serial_executor_is_in_its_future() -> None:
    def fail() -> None:
        raise ValueError("no")

    with Serial() as executor:
        assert executor.submit(max, 1, 2).result() == 2
        assert isinstance(executor.submit(fail).exception(), ValueError)
