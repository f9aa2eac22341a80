"""What an earlier process did of a loop's items, held against the items that the loop's source has now.

An item is told by what its steps use of it, so an item that was edited since has another
key. Without more it would be made a second time, beside the old one. So what was begun
and is there no more is paired with what is there and was not begun: with half of its
fields the same, or at the same place between the items around it. What such a pair's
item made stays as it is, which is told, and an item that was not finished goes on under
the key by which it began.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from pinflow.engine.item_keys import noun_of, parts_of, similarity
from pinflow.engine.sanitize import plain_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from pinflow.engine.item_keys import ItemKeys
    from pinflow.engine.run_context import RunContext
    from pinflow.engine.source_pass import LoopSource, SourceItem
    from pinflow.state.protocol import Journal
    from pinflow.state.records import ItemRecord

TOLD = 20  # items that are named one by one, as many as a person reads; more are only counted
_RARE = 50  # a field's value that more items share, or half of them, is no sign that two of them are the same


class FreshItem(NamedTuple):
    """An item that was not begun by its key."""

    key: str
    number: int
    content: str


class ItemHistory:
    """What an earlier process did of one loop's items. A visitor of the loop's source.

    Items take 100 bytes each while it looks at them, and afterwards those alone that were edited or are gone.
    """

    needs_keys = True

    def __init__(self, run: RunContext, journal: Journal, source: LoopSource, keys: ItemKeys, *, remake: bool) -> None:
        """``keys`` tells what of an item its steps use; with ``remake``, what was edited is made anew."""
        self._run = run
        self._journal = journal
        self._path = source.path
        self._noun = source.loop.variable
        self._collects = source.loop.collect is not None
        self._has_own_keys = source.loop.key is not None
        self._keys = keys
        self._remake = remake
        self._present: set[int] = set()  # hashes of keys
        self._aliases: dict[str, str] = {}  # an item's key -> the one by which it began
        self._known: dict[str, ItemRecord] = {}  # where the recipe has keys: what was begun, by its key
        self._edited: list[tuple[ItemRecord, int]] = []  # what was made, and the item's number now
        self.new_items = 0  # how many there are that no process of the run has begun
        self._unsettled: list[ItemRecord] = []  # items that are gone and may have been made
        self._done: set[str] = set()  # keys of the items that need no work although they were edited

    def begin(self, key: str, number: int, item: object) -> None:
        """Record that work on an item begins, and what it is."""
        self._journal.begin_item(self._path, key, number=number, content=self._keys.content(item))

    def key_of(self, key: str) -> str:
        """The key by which an earlier process began the item that has this one now."""
        return self._aliases.get(key, key)

    def is_done(self, key: str) -> bool:
        """Whether an item was made before it was edited, and stays as it is."""
        return key in self._done

    def look_back(self) -> bool:
        """Whether an earlier process began any item; what it knows of them is needed to see the items there are now."""
        if self._has_own_keys:
            self._known = {record.key: record for record in self._journal.items(self._path)}
            return bool(self._known)
        return next(iter(self._journal.items(self._path)), None) is not None

    def see(self, seen: SourceItem) -> None:
        if not self._present:
            self._noun = noun_of(seen.item, self._noun)
        key = plain_key(seen.key)
        if self._has_own_keys and hash(key) in self._present:
            return  # it has the key of one before it, and is left out
        self._present.add(hash(key))
        record = self._known.get(key)
        if record is not None and record.content and record.content != (content := self._keys.content(seen.item)):
            self._take_edited(record, FreshItem(seen.key, seen.number, content))

    def finish(self, read: Callable[[], Iterator[SourceItem]]) -> None:
        gone: dict[str, ItemRecord] = {}
        begun: set[int] = set()
        for record in self._journal.items(self._path):
            if hash(record.key) in self._present:
                begun.add(hash(record.key))
            elif record.content:  # else it was kept by rules that do not tell what it was
                gone[record.key] = record
        self.new_items = len(self._present) - len(begun)
        self._present.clear()
        self._known.clear()
        if gone and not self._has_own_keys:
            for record, item in self._pairs(gone.values(), begun, read()):
                del gone[record.key]
                self.new_items -= not self._remake
                self._take_edited(record, item)
        self._tell(list(gone.values()))
        self._unsettled = [record for record in gone.values() if not self._is_settled(record)]

    def end(self) -> None:
        """The loop has ended: tell what of the items that are gone has turned out to be made."""
        for record in self._unsettled:
            if ids := self._ids(record):
                self._note(f"{self._noun} {record.number:,} is gone from the source, and was made: {', '.join(ids)}")

    def _pairs(
        self, gone: Collection[ItemRecord], begun: Collection[int], items: Iterable[SourceItem]
    ) -> list[tuple[ItemRecord, FreshItem]]:
        """What was begun and is gone, with what it is now. ``begun`` are hashes of the keys that are still there."""
        fresh: list[FreshItem] = []
        numbers: dict[int, int] = {}  # hash of the key of an item that was begun -> its number now
        shared = Counter(dict.fromkeys((part for record in gone for part in parts_of(record.content)), 0))
        total = 0
        for seen in items:
            total += 1
            content = self._keys.content(seen.item)
            shared.update(part for part in parts_of(content) if part in shared)
            if (mark := hash(plain_key(seen.key))) in begun:
                numbers[mark] = seen.number
            else:
                fresh.append(FreshItem(seen.key, seen.number, content))
        most = min(_RARE, total / 2)
        weights = {part: 1 / max(number, 1) if number <= most else 0.0 for part, number in shared.items()}
        records = ((record.number, numbers.get(hash(record.key))) for record in self._journal.items(self._path))
        shifts = Shifts((number, now) for number, now in records if now is not None)
        return list(pair(gone, fresh, shifts, weights))

    def _take_edited(self, record: ItemRecord, item: FreshItem) -> None:
        """Take in that what was begun as ``record`` is now ``item``."""
        is_done = record.status in ("ok", "skipped")
        if (not is_done or self._collects) and not (self._remake and self._is_settled(record)):
            self._aliases[item.key] = record.key
            if record.content != item.content and not self._collects and self._ids(record):
                self._edited.append((record, item.number))
        elif self._remake and record.content != item.content:
            if self._has_own_keys:
                self._aliases[item.key] = f"{record.key}#{item.content}"
        else:
            self._done.add(item.key)
            if record.content != item.content and record.status == "ok":
                self._edited.append((record, item.number))

    def _is_settled(self, record: ItemRecord) -> bool:
        """Whether the outcome of everything that was sent for an item is known."""
        counts = self._journal.counts(f"{self._path}[{record.key}]").values()
        return not any(outcomes["doubt"] for outcomes in counts)

    # telling

    def _tell(self, gone: Sequence[ItemRecord]) -> None:
        made = [record for record in sorted(gone, key=_number) if record.status == "ok" or self._ids(record)]
        self._edited.sort(key=lambda entry: entry[1])
        edited = [
            f"{self._noun} {number:,} was made before it changed: {self._things(record)}"
            for record, number in self._edited[:TOLD]
        ]
        removed = [
            f"{self._noun} {record.number:,} is gone from the source, and was made: {self._things(record)}"
            for record in made[:TOLD]
        ]
        for text in (*edited, *removed):
            self._note(text)
        if (more := len(self._edited) + len(made) - len(edited) - len(removed)) > 0:
            self._note(f"{more:,} more {self._noun}s were made before they changed, or are gone")
        if self._edited:
            again = f"pinflow resume {self._journal.run.id} --remake"
            self._note(f"what was made before it changed stays as it is; to make it anew: {again}")

    def _note(self, text: str) -> None:
        self._run.warn(text, self._path)

    def _things(self, record: ItemRecord) -> str:
        """What was made of an item, for people: "Pin 813", or "done" where nothing has an id."""
        return ", ".join(self._ids(record)) or "done"

    def _ids(self, record: ItemRecord) -> list[str]:
        step = f"{self._path}[{record.key}]"
        return [
            f"{kind.capitalize()} {result['id']}"
            for kind in self._journal.counts(step)
            for _, result in self._journal.results(step, kind=kind)
            if isinstance(result, dict) and "id" in result
        ]


def _number(record: ItemRecord) -> int:
    return record.number


class Shifts:
    """How far items have moved since they were begun, told by those that are still there."""

    def __init__(self, moves: Iterable[tuple[int, int]]) -> None:
        """``moves`` are the numbers that items had and have."""
        ordered = sorted(moves)
        self._numbers = [before for before, _ in ordered]
        self._shifts = [now - before for before, now in ordered]

    def before(self, number: int) -> int:
        """How far the nearest item before this number has moved; 0 where there is none."""
        place = bisect_left(self._numbers, number)
        return self._shifts[place - 1] if place else 0

    def is_between(self, number: int) -> bool:
        """Whether the items before and after this number have moved alike, so that one between them has as well."""
        place = bisect_left(self._numbers, number)
        return place < len(self._numbers) and self._shifts[place] == self.before(number)


def pair(
    gone: Iterable[ItemRecord], fresh: Iterable[FreshItem], shifts: Shifts, weights: Mapping[str, float]
) -> Iterator[tuple[ItemRecord, FreshItem]]:
    """What was begun and is there no more, each with the item that it probably is now; at most one of each.

    The most alike come first: those with half of their fields the same, and at the same place
    those with anything in common. What has nothing in common is only paired at the same place
    between items that are still there: behind the last of them, it may as well be that a row
    was removed and the next one moved up. ``weights`` say how much a value that is the same
    counts, 1 unless given: what many items have is no sign that two of them are the same.
    """
    items = {item.number: item for item in fresh}
    records = {record.key: record for record in gone}
    for record, item in _alike(list(records.values()), items, shifts, weights):
        if record.key in records and item.number in items:
            yield records.pop(record.key), items.pop(item.number)
    for record in list(records.values()):
        number = record.number + shifts.before(record.number)
        if number in items and shifts.is_between(record.number):
            yield records.pop(record.key), items.pop(number)


def _alike(
    records: Sequence[ItemRecord], items: Mapping[int, FreshItem], shifts: Shifts, weights: Mapping[str, float]
) -> list[tuple[ItemRecord, FreshItem]]:
    """Pairs that may be the same item, the most alike first, of equals those that are nearer."""
    having: dict[str, list[ItemRecord]] = defaultdict(list)
    for record in records:
        for part in parts_of(record.content):
            if weights.get(part, 1.0):
                having[part].append(record)
    found: list[tuple[float, int, ItemRecord, FreshItem]] = []
    for item in items.values():
        candidates = {record.key: record for part in parts_of(item.content) for record in having.get(part, ())}
        for record in candidates.values():
            distance = abs(record.number + shifts.before(record.number) - item.number)
            alike = similarity(record.content, item.content, weights)
            if alike >= 0.5 or (alike and not distance):
                found.append((-alike, distance, record, item))
    found.sort(key=lambda entry: entry[:2])
    return [(record, item) for _, _, record, item in found]
