"""What the threads of a run know of one place together: what is open, who sees to it, and what looks have said."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pinflow.engine.places.known_things import KnownThings
from pinflow.engine.places.likeness import Learning, digest_fields
from pinflow.engine.places.open_writes import OpenWrites
from pinflow.engine.places.unknown import UnknownWrite, item_shown
from pinflow.engine.sanitize import plain_key, plain_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pinflow.engine.effects import Effect
    from pinflow.engine.places.matching import Ref, WriteSource
    from pinflow.engine.places.open_writes import OpenWrite
    from pinflow.engine.places.services import PlaceServices
    from pinflow.plugin.place import Place


class PlaceBook:
    """The common knowledge of one place. Hold ``changed`` to read or change what is below it."""

    def __init__(self, key: str, place: Place, services: PlaceServices) -> None:
        self.key = key
        self.place = place
        self.services = services
        self.journal = services.journal
        self.run_id = services.journal.run.id
        self.learning = services.learnings.setdefault(place.key.rpartition(":")[0], Learning())
        self.things = KnownThings(key, place, services, self.learning)
        self.looks = threading.RLock()  # of looking: one look settles what other threads would look for
        self.changed = threading.Condition()
        self.writes = OpenWrites()
        self.at_work: set[Ref] = set()  # what a thread of this process sees to
        self.queue: dict[Ref, WriteSource] = {}  # what passed the gate, and whose intent is not recorded yet
        self.absent: dict[Ref, float] = {}  # when a look said that it is not there
        self.refuted: set[Ref] = set()  # what was certainly not applied, until its effect asks
        self.unknown: dict[Ref, UnknownWrite] = {}
        self.awaited: set[str] = set()  # other runs that people were told this one waits for
        self.adopted: dict[Ref, Any] = {}  # what a look found, until its effect asks

    def ref(self, effect: Effect[Any]) -> Ref:
        return (self.run_id, plain_path(effect.step), plain_key(effect.key))

    def digests(self, likeness: Mapping[str, str] | None) -> dict[str, str]:
        return digest_fields(likeness or {}, self.services.key)

    def settle_time(self, write: OpenWrite) -> float:
        """Seconds until what a write made must be there."""
        return write.sent + self.services.settle - self.services.now

    @contextmanager
    def worker(self, effect: Effect[Any]) -> Iterator[None]:
        """While this thread sees to what becomes of the effect, no other need."""
        ref = self.ref(effect)
        with self.changed:
            self.at_work.add(ref)
        try:
            yield
        finally:
            with self.changed:
                self.at_work.discard(ref)
                self.changed.notify_all()

    def blocking_writes(self, ref: Ref) -> list[OpenWrite]:
        """What of this run may keep a write back.

        Of several that a look did not see and that are sent again, the first goes first.
        """
        own = self.writes.find(ref) if ref in self.absent else None
        return [
            write
            for write in self.writes.live(self.things.around_at)
            if write.ref not in self.absent or own is None or (write.sent_at, write.ref) < (own.sent_at, own.ref)
        ]

    def unknown_write(self, write: OpenWrite, candidates: Sequence[str] = ()) -> UnknownWrite:
        _, step, key = write.ref
        item = item_shown(self.journal, step, key, write.kind)
        return UnknownWrite(step, key, write.kind, self.place.label, write.sent_at, tuple(candidates), item)
