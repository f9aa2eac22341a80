"""A running loop: items as they come, some side by side, each at most once."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from pinflow.clock import Throttle
from pinflow.engine.item_keys import noun_of, number_of
from pinflow.engine.item_names import item_name, locate_row
from pinflow.engine.parallel import run_parallel
from pinflow.engine.places.unknown import UnknownWrites, join_unknown
from pinflow.engine.results import ends_run
from pinflow.errors import ActionError
from pinflow.events import PROGRESS_EVERY, ItemFailed, ItemSkipped, Progress
from pinflow.plugin.row import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pinflow.engine.item_history import ItemHistory
    from pinflow.engine.item_keys import ItemKeys
    from pinflow.engine.run_context import RunContext
    from pinflow.errors import PinflowError
    from pinflow.plan import Loop

ItemEnd: TypeAlias = "tuple[str, PinflowError | None]"  # "ok", "skipped" (no step of the body ran) or "failed", and why


class LoopRun:
    """One loop of one run: which items are at work, and how the others ended."""

    def __init__(
        self,
        run: RunContext,
        loop: Loop,
        path: str,
        *,
        body: Callable[[str, Any], ItemEnd],
        keys: ItemKeys,
        history: ItemHistory | None,
        total: int | None,
        on_done: Callable[[str, Any], None] = lambda key, item: None,
    ) -> None:
        """``body`` runs the steps for an item, given its key; ``total`` is the number of items, if it is known.

        ``on_done`` is called with those that an earlier process has done. ``history`` keeps
        what items are that can be edited, None where none can.
        """
        self._run = run
        self._loop = loop
        self._path = path
        self._body = body
        self._keys = keys
        self._history = history
        self._total = total
        self._on_done = on_done
        self._counts = dict.fromkeys(("count", "ok", "skipped", "failed", "already"), 0)
        self._earlier = 0  # items that were done before this process came to them
        self._passed = 0  # items that needed no more work
        self._throttle = Throttle(PROGRESS_EVERY)
        self._unknown: list[UnknownWrites] = []  # of items whose outcome only a person can tell
        self._at_work: set[str] = set()  # keys
        self._known_hashes: set[int] = set()  # hashes of keys, where no journal remembers them
        self._firsts: dict[int, int] = {}  # hash of a key -> the item's number, where repeated ones are left out
        self.order: list[str] = []  # of the keys, where the loop collects something of each

    def run(self, items: Iterator[Any]) -> dict[str, int]:
        """Run the body for every item, as they come. Raises what ends the whole loop.

        The counts are the run's: items that an earlier process did are among those that are ok or skipped. "already"
        are those that came again.
        """
        self._count_earlier()
        items = islice(items, self._loop.limit)
        if self._loop.parallel == 1:
            for key, item in self._begin_all(items):
                if (error := self._end((key, item), self._body(key, item))) is not None:
                    raise error
        else:
            run_parallel(
                self._run.executor,
                self._loop.parallel,
                self._begin_all(items),
                work=lambda begun: self._body(*begun),
                land=self._end,
            )
        if self._history is not None:
            self._history.end()
        self._report_progress(last=True)
        if self._unknown:
            raise join_unknown(self._unknown)
        return dict(self._counts)

    def _begin_all(self, items: Iterator[Any]) -> Iterator[tuple[str, Any]]:
        """The items that need work, with their keys: not those that are at work now, or were done."""
        for number, item in enumerate(items, 1):
            self._run.check_stop()
            key, equal = self._keys.take(item)
            self._counts["count"] += 1
            number = number_of(item, number)
            if self._is_repeated(key, equal, number, item):
                continue
            stays = False
            if self._history is not None:
                stays, key = self._history.is_done(key), self._history.key_of(key)
            if stays or key in self._at_work or self._is_done(key):
                self._passed += 1
                self._counts["already"] = max(0, self._passed - self._earlier)
                self._on_done(key, item)
                continue
            self._at_work.add(key)
            if self._history is not None:
                self._history.begin(key, number, item)
            if self._loop.collect is not None:
                self.order.append(key)
            yield key, item

    def _is_repeated(self, key: str, equal: str, number: int, item: Any) -> bool:
        """Whether an item is left out because of one before it; then that is told."""
        if self._loop.duplicates == "keep" and (self._loop.key is None or self._loop.is_listing):
            return False
        first = self._firsts.setdefault(hash(equal or key), number)
        if not equal:
            return False
        self._counts["skipped"] += 1
        what = "it has the key of" if equal == key else "the same as"
        reason = f"{what} {noun_of(item, self._loop.variable)} {first:,}"
        name = item_name(self._loop, item, key)
        self._run.emit(ItemSkipped, step=self._path, key=key, kind=self._loop.variable, reason=reason, item=name)
        return True

    def _count_earlier(self) -> None:
        """Begin with what earlier processes, and earlier tries of the step, have done."""
        # what a loop collects is not stored: its steps run again
        if self._run.journal is not None and self._loop.collect is None:
            earlier = self._run.journal.item_counts(self._path)
            self._counts["ok"], self._counts["skipped"] = earlier["ok"], earlier["skipped"]
            self._earlier = earlier["ok"] + earlier["skipped"]

    def _is_done(self, key: str) -> bool:
        # what a loop collects is not stored: the steps run again, and know themselves what they have done
        if self._run.journal is not None and self._loop.collect is None:
            return self._run.journal.is_item_done(self._path, key)
        number = len(self._known_hashes)
        self._known_hashes.add(hash(key))
        return len(self._known_hashes) == number

    def _end(self, begun: tuple[str, Any], end: ItemEnd) -> PinflowError | None:
        """Take in how an item ended. The error, if it ends the loop as well."""
        (key, item), (status, error) = begun, end
        self._at_work.discard(key)
        if isinstance(error, UnknownWrites):  # what is like it waits for a person's answer; all else goes on
            self._unknown.append(error)
            return None
        if error is not None and ends_run(error):
            return error
        self._counts[status] += 1
        if error is not None:
            if isinstance(item, Row):
                error = locate_row(error, self._loop, item)
            tell_failure(self._run, self._loop, self._path, key, item, error)
        elif self._run.journal is not None:
            self._run.journal.finish_item(self._path, key, status)
        self._report_progress()
        return None

    def _report_progress(self, *, last: bool = False) -> None:
        if not self._throttle.is_due(self._run.clock.monotonic(), anyway=last):
            return
        self._run.emit(
            Progress,
            step=self._path,
            done=self._counts["ok"] + self._counts["already"],
            total=self._counts["count"] if last else self._total,
            skipped=self._counts["skipped"],
            failed=self._counts["failed"],
            what=f"{self._loop.variable}s",
        )


def tell_failure(
    run: RunContext, loop: Loop, path: str, key: str, item: Any, error: PinflowError, *, passed: bool = False
) -> None:
    """Tell that an item of the loop at ``path`` failed, or with ``passed`` that a step of it did."""
    run.emit(
        ItemFailed,
        step=path,
        key=key,
        kind=loop.variable,
        error=error.message,
        item=item_name(loop, item, key),
        retryable=isinstance(error, ActionError) and error.retryable,
        passed=passed,
    )
