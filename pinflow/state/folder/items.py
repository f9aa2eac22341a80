"""What a run's journal keeps of the items of its loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.state.folder.run_tables import ITEMS
from pinflow.state.records import ItemRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinflow.state.folder.store import Store

_CHUNK = 500  # rows that a stream holds at a time: some 100 kB, and few enough turns at the file
_ITEM_FACTS = {"status": "'begun'", "number": "?3", "content": "?4"}
_ITEM_BEGUN = ITEMS.upsert({"loop": "?1", "key": "?2"} | _ITEM_FACTS, _ITEM_FACTS)
_ITEM = ITEMS.upsert({"loop": "?1", "key": "?2", "status": "?3"}, {"status": "?3"})


class FolderItems:
    """The part of a journal that is about the items of loops."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def is_item_done(self, loop: str, key: str) -> bool:
        """Whether an item of a loop needs no further work: it ended ok, or was skipped."""
        item = self.item(loop, key)
        return item is not None and item.status in ("ok", "skipped")

    def begin_item(self, loop: str, key: str, *, number: int, content: str) -> None:
        """Record that work on an item begins; on disk with the next intent, before it."""
        self._store.put(_ITEM_BEGUN, (loop, key, number, content))

    def item(self, loop: str, key: str) -> ItemRecord | None:
        """What is known of one item."""
        rows = self._store.rows(ITEMS, "loop = ? AND key = ?", (loop, key))
        return ItemRecord(*rows[0][1:]) if rows else None

    def items(self, loop: str) -> Iterator[ItemRecord]:
        """Every item of a loop that was begun, by key, some hundred at a time."""
        after = ""
        while rows := self._store.rows(ITEMS, "loop = ? AND key > ? ORDER BY key LIMIT ?", (loop, after, _CHUNK)):
            yield from (ItemRecord(*row[1:]) for row in rows)
            after = rows[-1][1]

    def finish_item(self, loop: str, key: str, status: str) -> None:
        """Record how an item of a loop ended; on disk as `finish_step` is."""
        self._store.put(_ITEM, (loop, key, status))
        self._store.commit_sometimes()

    def item_counts(self, loop: str) -> dict[str, int]:
        """How many items of a loop ended "ok" and were "skipped"."""
        counts = dict(self._store.read("SELECT status, count(*) FROM items WHERE loop = ? GROUP BY status", (loop,)))
        return {status: counts.get(status, 0) for status in ("ok", "skipped")}
