"""What a run has sent to a place and does not know the outcome of, and what may still appear of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.engine.places.likeness import decode_digests
from pinflow.engine.places.matching import WriteSource
from pinflow.engine.service_times import LATE
from pinflow.lazy_dataclass import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinflow.engine.places.likeness import Digests
    from pinflow.engine.places.matching import Ref
    from pinflow.state.records import CreationRecord


@dataclass(frozen=True, slots=True)
class OpenWrite:
    """One write. ``is_open``: it has no outcome. ``earlier`` are sendings before the last that nothing accounts for.

    Times are monotonic seconds of this process.
    """

    ref: Ref
    kind: str
    likeness: Digests
    body: str
    sent: float
    sent_at: float  # seconds since 1970, for people
    is_open: bool = True
    earlier: int = 0
    earlier_sent: float = 0.0  # the last of them

    @property
    def shows_until(self) -> float:
        """Until when something of it may appear that nothing accounts for."""
        return (self.sent if self.is_open else self.earlier_sent) + LATE

    def may_show(self, since: float) -> bool:
        """Whether something of it may be there that nothing accounts for, and that no look until ``since`` saw."""
        return self.is_open or (self.earlier > 0 and self.earlier_sent + LATE > since)

    def source(self, since: float, *, mine: bool = True) -> WriteSource:
        late = self.earlier if self.earlier_sent + LATE > since else 0
        return WriteSource(self.ref, self.likeness, self.body, late + self.is_open, self.is_open, mine, self.sent_at)


def open_write(row: CreationRecord, run_id: str, now: float) -> OpenWrite:
    """What the journal of a run says of one of its writes, ``now`` by this process's monotonic clock.

    What was sent before the machine started counts as sent now.
    """
    return OpenWrite(
        (run_id, row.step, row.key),
        row.kind,
        decode_digests(row.class_) or {"?": row.class_},
        row.body,
        now - row.age,
        row.sent_at,
        row.state in ("intent", "doubt"),
        row.earlier,
        now - row.earlier_age,
    )


class OpenWrites:
    """The writes of one run to one place that may still show. The caller sees to threads."""

    def __init__(self) -> None:
        self._writes: dict[Ref, OpenWrite] = {}

    def __iter__(self) -> Iterator[OpenWrite]:
        return iter(list(self._writes.values()))

    def find(self, ref: Ref) -> OpenWrite | None:
        return self._writes.get(ref)

    def add(self, write: OpenWrite) -> None:
        """Take in a write as an earlier process left it."""
        self._writes[write.ref] = write

    def send(self, write: OpenWrite) -> None:
        """A write is about to leave, perhaps again."""
        before = self._writes.get(write.ref)
        if before is not None:
            earlier, at = before.earlier, before.earlier_sent
            if before.is_open:
                earlier, at = earlier + 1, before.sent
            write = replace(write, earlier=earlier, earlier_sent=at)
        self._writes[write.ref] = write

    def refresh(self, ref: Ref, now: float) -> None:
        """The last sending leaves only now."""
        if (write := self._writes.get(ref)) is not None:
            self._writes[ref] = replace(write, sent=now)

    def close(self, ref: Ref) -> None:
        """A write has an outcome; what was sent of it before may still show."""
        write = self._writes.pop(ref, None)
        if write is not None and write.earlier:
            self._writes[ref] = replace(write, is_open=False)

    def remove(self, ref: Ref) -> None:
        """A write was certainly not applied, whichever of its sendings."""
        self._writes.pop(ref, None)

    def adopt(self, ref: Ref) -> None:
        """What a write made was found. Of which of its sendings it is, or of an equal write's, nobody knows.

        So what may still show may be of the last of them.
        """
        write = self._writes[ref]
        self.close(ref)
        for other in self:
            if other.earlier and other.body == write.body and other.likeness == write.likeness:
                self._writes[other.ref] = replace(other, earlier_sent=max(other.earlier_sent, write.sent))

    def give_up(self, ref: Ref) -> None:
        """A person says that a write was not applied; it may show late all the same."""
        write = self._writes[ref]
        self._writes[ref] = replace(write, is_open=False, earlier=write.earlier + 1, earlier_sent=write.sent)

    def live(self, since: float) -> list[OpenWrite]:
        """Those of which something may be there, if the last look around was at ``since``; the others are forgotten."""
        for write in self:
            if not write.may_show(since):
                del self._writes[write.ref]
        return list(self._writes.values())


def last_shadow(writes: list[OpenWrite]) -> float:
    """Until when (monotonic) something may still appear of what was sent again; 0 if nothing was."""
    return max((write.earlier_sent + LATE for write in writes if write.earlier), default=0.0)
