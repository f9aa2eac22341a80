"""What a run created on places, read from its file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow.state.folder.boot import boot_id
from pinflow.state.folder.run_tables import EFFECTS
from pinflow.state.records import CreationRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinflow.clock import Clock
    from pinflow.state.folder.store import Store

_CHUNK = 500  # rows that a stream holds at a time
UNSETTLED = "place = ? AND (state IN ('intent', 'doubt') OR earlier > 0)"
_CREATED = "place = ? AND (step, key) > (?, ?) ORDER BY step, key LIMIT ?"
# a person says that it was not applied; it may show late all the same
_GIVE_UP = EFFECTS.update(
    {"state": "'refused'", "error": "''", "earlier": "earlier + 1", "earlier_sent": "sent"},
    "step = ?1 AND key = ?2 AND state IN ('intent', 'doubt')",
)
_FORGET_EARLIER = EFFECTS.update({"earlier": "0"}, "step = ?1 AND key = ?2")


class FolderCreations:
    """The creations of a run that is open."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def places(self) -> list[str]:
        """The places that the run has sent creations to."""
        rows = self._store.read("SELECT DISTINCT place FROM effects WHERE place <> '' ORDER BY place")
        return [place for (place,) in rows]

    def on(self, place: str, *, unsettled: bool = False) -> Iterator[CreationRecord]:
        """What the run created on a place, or tried to; with ``unsettled`` only what may still be applied."""
        now = self._clock.monotonic()
        if unsettled:
            rows = self._store.rows(EFFECTS, UNSETTLED, (place,))
            yield from (creation_of(row, now) for row in rows)
            return
        rows = [("", "")]
        while rows:
            rows = self._store.rows(EFFECTS, _CREATED, (place, *rows[-1][:2], _CHUNK))
            yield from (creation_of(row, now) for row in rows)

    def forget_earlier(self, step: str, key: str) -> None:
        """Record that nothing more can appear of what an effect sent before its last sending; on disk with the next."""
        self._store.put(_FORGET_EARLIER, (step, key))

    def give_up(self, step: str, key: str) -> None:
        """Put on disk that an effect without an outcome was not applied, as a person says."""
        self._store.put(_GIVE_UP, (step, key))
        self._store.commit()


def creation_of(row: tuple[Any, ...], now: float) -> CreationRecord:
    """The creation of a row of the file; ``now`` is monotonic."""
    named = dict(zip(EFFECTS.columns, row, strict=True))
    is_comparable = named["boot"] == boot_id()
    # what was found may be of any sending, so that the last of them may be the one that still shows
    last_unaccounted = named["sent"] if named["state"] == "adopted" else named["earlier_sent"]
    return CreationRecord(
        step=named["step"],
        key=named["key"],
        kind=named["kind"],
        state="done" if named["state"] == "adopted" else named["state"],
        class_=named["class"],
        body=named["digest"],
        sent_at=named["sent_at"],
        age=max(0.0, now - named["sent"]) if is_comparable else 0.0,
        earlier=named["earlier"],
        earlier_age=max(0.0, now - last_unaccounted) if is_comparable else 0.0,
        made=named["made"],
    )
