"""The other runs of the state that create things on a place: what they made there, and what they have open."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pinflow.engine.places.likeness import decode_digests, digest_fields
from pinflow.engine.places.open_writes import open_write
from pinflow.errors import StateError
from pinflow.lazy_dataclass import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pinflow.engine.places.likeness import Learning
    from pinflow.engine.places.open_writes import OpenWrite
    from pinflow.engine.places.services import PlaceServices
    from pinflow.plugin.place import Seen
    from pinflow.state.protocol import Runs, SharedPlace
    from pinflow.state.records import CreationRecord

_LESSONS = 20  # things of other runs from which it is learnt what the service keeps
_DAY = 86_400.0  # seconds after which no listing is behind any more


@dataclass(slots=True)
class ShownThings:
    """What a listing shows of the things that other runs made: of the first, as many as learning needs."""

    makers: Mapping[str, tuple[str, str]]
    likenesses: dict[str, Mapping[str, str]]

    def add(self, thing: Seen) -> None:
        if thing.id in self.makers and len(self.likenesses) < _LESSONS:
            self.likenesses[thing.id] = thing.likeness


class OtherRuns:
    """What one run knows of the others on one place."""

    def __init__(self, key: str, shared: SharedPlace, services: PlaceServices) -> None:
        self._key = key
        self._shared = shared
        self._services = services
        self._runs = services.runs
        self._quiet: set[tuple[str, int]] = set()  # those that have nothing open here, and how often they had come

    def have_work(self, others: Mapping[str, int]) -> bool:
        """Whether another run may send here, or left something open."""
        return any(item not in self._quiet for item in others.items())

    def open_writes(self, others: Mapping[str, int], since: float) -> list[tuple[OpenWrite, bool]]:
        """What other runs have open here, and whether a living process sees to it.

        Without what a look around at ``since`` has told apart.
        """
        runs, now = self._runs, self._services.now
        if runs is None:
            return []
        done = set(self._shared.makers().values())  # though their journals may not say so yet
        found: list[tuple[OpenWrite, bool]] = []
        for run_id, joined in others.items():
            if (run_id, joined) in self._quiet:
                continue
            is_live = runs.is_claimed(run_id)
            for row in self._creations(runs, run_id):
                write = open_write(row, run_id, now)
                if (run_id, ref_text(row.step, row.key)) in done:
                    write = replace(write, is_open=False)
                if write.may_show(since):
                    found.append((write, is_live))
            if not is_live and not any(write.ref[0] == run_id for write, _ in found):
                self._quiet.add((run_id, joined))
        return found

    def ids(self) -> Collection[str]:
        """What other runs made here."""
        ids = set(self._shared.makers())
        if self._runs is not None:
            for item in self._shared.runs().items():
                if item not in self._quiet:  # after a power loss its journal may know what it could tell nobody
                    ids.update(row.made for row in self._creations(self._runs, item[0], unsettled=False))
        return ids

    def is_over(self, run_id: str) -> bool:
        """Whether nothing that a run made here can still be news: it ended well, a day ago, or was pruned."""
        record = None if self._runs is None else self._runs.look(run_id)
        if record is None:
            return True
        return record.state == "ok" and (record.finished or record.started) < self._services.run.clock.now() - _DAY

    # what the service keeps as it is sent shows in what they made

    def shown_things(self) -> ShownThings:
        return ShownThings(self._shared.makers(), {})

    def teach(self, shown: ShownThings, learning: Learning) -> None:
        """Learn from what a listing showed."""
        runs = self._runs
        if runs is None:
            return
        for run_id in sorted({shown.makers[id_][0] for id_ in shown.likenesses}):
            for row in self._creations(runs, run_id, unsettled=False):
                if row.made in shown.likenesses and (sent := decode_digests(row.class_)) is not None:
                    learning.learn(sent, digest_fields(shown.likenesses[row.made], self._services.key))

    def _creations(self, runs: Runs, run_id: str, *, unsettled: bool = True) -> Sequence[CreationRecord]:
        """What a run created here. Raises StateError, which says what to do, where its file can't be read."""
        try:
            return runs.creations(run_id, self._key, unsettled=unsettled)
        except StateError as error:
            raise StateError(
                f"run {run_id} wrote to the same place and can't be read: {error.message}",
                hint="check the target for what that run did, move its file to another folder, and go on then",
            ) from error


def ref_text(step: str, key: str) -> str:
    """One effect of a run, as other runs are told of it."""
    return hashlib.sha256(f"{step}\0{key}".encode(errors="surrogatepass")).hexdigest()[:16]
