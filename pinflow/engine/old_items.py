"""A table that was edited before a run of an earlier version goes on.

That version told rows by all of their cells, and kept nothing else of them: which row of
now is which of then can't be told. What is done would be made again, beside the old, so
it goes on only when a person says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.engine.sanitize import plain_key
from pinflow.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pinflow.engine.source_pass import LoopSource, SourceItem
    from pinflow.state.protocol import Journal


class OldItems:
    """Refuses items that differ from those that an earlier version has done. A visitor of the loop's source."""

    needs_keys = True

    def __init__(self, journal: Journal, source: LoopSource) -> None:
        self._journal = journal
        self._path = source.path
        self._noun = source.loop.variable
        self._present: set[int] = set()  # hashes of keys

    def see(self, seen: SourceItem) -> None:
        self._present.add(hash(plain_key(seen.key)))

    def finish(self, read: Callable[[], Iterator[SourceItem]]) -> None:
        """Raises UsageError where items that are done are gone, and others are there in their place."""
        done = gone = begun = 0
        for record in self._journal.items(self._path):
            is_there = hash(record.key) in self._present
            begun += is_there
            done += record.status == "ok"
            gone += record.status == "ok" and not is_there
        if gone and len(self._present) > begun:
            run = self._journal.run.id
            raise UsageError(
                f"{self._path}: {gone:,} of the {done:,} {self._noun}s that are done are not there as they were: an "
                "earlier version of pinflow, which began this run, tells them by everything in them, and what is new "
                "or was edited would be made beside what is done",
                hint="put the data back as it was and resume, or make all that differs: "
                f"pinflow resume {run} --accept-changes",
            )
