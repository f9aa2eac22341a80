"""The turns of a run on a place where an action finds by itself what became of its writes, as a copy of a board does.

The engine looks for nothing there. It tells the other runs of the state what was made, and keeps them from looking
while a request is under way, and from sending while this run looks: so that none takes what another one made.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pinflow.engine.places.other_runs import OtherRuns, ref_text
from pinflow.engine.sanitize import is_id, plain_key, plain_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pinflow.engine.places.services import PlaceServices


class PlaceTurns:
    """The turns of one run on one place. Thread-safe."""

    def __init__(self, key: str, services: PlaceServices) -> None:
        self._shared = services.index.open(key, services.journal.run.id, services.run.clock.sleep)
        self._others = OtherRuns(key, self._shared, services)
        self._shared.join(self._others.is_over)

    def enter(self) -> None:
        """Begin to send, which `leave` ends. Waits while another process looks at the place."""
        self._shared.enter()

    def leave(self) -> None:
        """What was sent has an outcome that is recorded, or nothing was sent."""
        self._shared.leave()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Keep every other process from sending inside the block."""
        with self._shared.looking():
            yield

    def add(self, step: str, key: str, result: object) -> None:
        """Tell other runs what an effect made."""
        id_ = str(result.get("id", "")) if isinstance(result, dict) else ""
        if is_id(id_):
            self._shared.add(ref_text(plain_path(step), plain_key(key)), id_)

    def others_ids(self) -> Collection[str]:
        """What other runs of the state made here."""
        return self._others.ids()

    def close(self) -> None:
        self._shared.close()
