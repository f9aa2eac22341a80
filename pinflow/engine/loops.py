"""A loop on its way: items as they come, some side by side, each at most once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextvars import copy_context
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from pinflow.clock import Throttle
from pinflow.engine.executors import at_work
from pinflow.engine.placeholder import side_by_side
from pinflow.engine.results import ends_run
from pinflow.errors import Interrupted
from pinflow.events import PROGRESS_EVERY, ItemFailed, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pinflow.engine.run_context import World
    from pinflow.errors import PinflowError
    from pinflow.plan import Loop

Ended: TypeAlias = "tuple[str, PinflowError | None]"  # "ok", "skipped" (no step of the body ran) or "failed", and why


class LoopRun:
    """One loop of one run: what is in flight, and what came of the rest."""

    def __init__(
        self,
        world: World,
        loop: Loop,
        path: str,
        *,
        body: Callable[[str, Any], Ended],
        key_of: Callable[[Any], str],
        total: int | None,
        already: Callable[[str, Any], None] = lambda key, item: None,
    ) -> None:
        """``body`` runs the steps for an item, given its key; ``total`` is the number of items, if it is known.

        ``already`` is told of those that an earlier process has done.
        """
        self._world = world
        self._loop = loop
        self._path = path
        self._body = body
        self._key_of = key_of
        self._total = total
        self._already = already
        self._counts = dict.fromkeys(("count", "ok", "skipped", "failed", "already"), 0)
        self._reports = Throttle(PROGRESS_EVERY)
        self._rehearsed: set[int] = set()  # hashes of keys, where no journal remembers them
        self.order: list[str] = []  # of the keys, where the loop collects something of each

    def all(self, items: Iterator[Any]) -> dict[str, int]:
        """Run the body for every item, as they come. Raises what ends the whole loop."""
        if self._loop.limit is not None:
            items = islice(items, self._loop.limit)
        if self._loop.parallel == 1:
            for item in items:
                self._one(item)
        else:
            with side_by_side(self._loop.parallel):
                self._side_by_side(items)
        self._progress(last=True)
        return dict(self._counts)

    def _one(self, item: Any) -> None:
        key = self._begin(item, ())
        if key is not None and (error := self._end(key, *self._body(key, item))) is not None:
            raise error

    def _side_by_side(self, items: Iterator[Any]) -> None:
        flying: dict[Future[Ended], str] = {}
        executor = self._world.executor(self._loop.parallel)
        with at_work(executor, lambda: self._land(flying, list(flying))):
            for item in items:
                self._start(item, executor, flying)
                if len(flying) >= self._loop.parallel:
                    self._land(flying, wait(flying, return_when=FIRST_COMPLETED).done)

    def _start(self, item: Any, executor: Executor, flying: dict[Future[Ended], str]) -> None:
        key = self._begin(item, flying.values())
        if key is not None:
            flying[executor.submit(copy_context().run, partial(self._body, key, item))] = key

    def _begin(self, item: Any, others: Iterable[str]) -> str | None:
        """The item's key; None where it needs no work. ``others`` are at work now."""
        if self._world.stop.is_set():
            raise Interrupted("the run was told to stop")
        key = self._key(item)
        self._counts["count"] += 1
        if key in others or self._is_done(key):
            self._counts["already"] += 1
            self._already(key, item)
            return None
        if self._loop.collect is not None:
            self.order.append(key)
        return key

    def _is_done(self, key: str) -> bool:
        # what is collected of an item is not kept: its steps, which know what they have done, are gone through again
        if self._world.journal is not None and self._loop.collect is None:
            return self._world.journal.item_done(self._path, key)
        known = len(self._rehearsed)
        self._rehearsed.add(hash(key))
        return len(self._rehearsed) == known

    def _key(self, item: Any) -> str:
        """What tells one item from another, now and after a resume."""
        if self._loop.key is not None:
            return self._key_of(item)
        if isinstance(item, Mapping):
            for name in ("id", "name"):
                if isinstance(item.get(name), (str, int)):
                    return str(item[name])
        if isinstance(item, (str, int)):
            return str(item)
        return hashlib.sha256(json.dumps(item, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def _land(self, flying: dict[Future[Ended], str], landed: Iterable[Future[Ended]]) -> None:
        """Take in what has ended. Of several errors that end the loop, the first is raised, after all are taken in."""
        first: BaseException | None = None
        for future in landed:
            key = flying.pop(future)
            error = future.exception() or self._end(key, *future.result())
            first = first or error
        if first is not None:
            raise first

    def _end(self, key: str, status: str, error: PinflowError | None) -> PinflowError | None:
        """Take in how an item ended. The error, if it ends the loop as well."""
        if error is not None and ends_run(error):
            return error
        self._counts[status] += 1
        if error is not None:
            self._world.emit(ItemFailed, step=self._path, key=key, kind=self._loop.variable, error=error.message)
        elif self._world.journal is not None:
            self._world.journal.finish_item(self._path, key, status)
        self._progress()
        return None

    def _progress(self, *, last: bool = False) -> None:
        if not self._reports.is_due(self._world.monotonic(), anyway=last):
            return
        self._world.emit(
            Progress,
            step=self._path,
            done=self._counts["ok"] + self._counts["already"],
            total=self._counts["count"] if last else self._total,
            skipped=self._counts["skipped"],
            failed=self._counts["failed"],
            what=f"{self._loop.variable}s",
        )
