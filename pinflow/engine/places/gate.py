"""The gate before each write to a place: of things that can't be told apart, only equal ones are open at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow.engine.places.likeness import encode_digests
from pinflow.engine.places.looks import VERDICT_LASTS
from pinflow.engine.places.matching import WriteSource, blockers
from pinflow.engine.places.open_writes import OpenWrite
from pinflow.engine.places.unknown import unknown_error
from pinflow.errors import InDoubt
from pinflow.events import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pinflow.engine.effects import Attempt, Effect
    from pinflow.engine.places.looks import Looks
    from pinflow.engine.places.place_book import PlaceBook
    from pinflow.http.client import WriteCall

_POLL = 0.5  # seconds between two looks at what other threads and runs do; a stop is noticed as late


class PlaceGate:
    """Lets the writes of a run to one place go, one by one or side by side."""

    def __init__(self, book: PlaceBook, looks: Looks) -> None:
        self._book = book
        self._looks = looks
        self._services = book.services

    def begin(self, attempt: Attempt, call: WriteCall, record: Callable[[str], None]) -> None:
        """Record the intent of a write, given the digests of its likeness, once it may leave.

        Waits for what must have an outcome before. Raises InDoubt if that will have none by itself.
        """
        effect, book = attempt.effect, self._book
        likeness = book.digests(effect.likeness)
        digests = encode_digests(likeness)
        source = WriteSource(book.ref(effect), likeness, call.digest)
        while True:
            self._looks.look_around_if_due()
            self._look_again_if_late(effect)
            self._wait_for_own(effect, source)
            try:
                foreign = self._enter(attempt, source, lambda: record(digests))
                if not foreign:
                    with book.changed:
                        now, sent_at = self._services.now, self._services.run.clock.now()
                        book.writes.send(OpenWrite(source.ref, effect.kind, likeness, source.body, now, sent_at))
                        book.absent.pop(source.ref, None)
                        book.refuted.discard(source.ref)
                    return
            finally:
                with book.changed:
                    book.queue.pop(source.ref, None)
                    book.changed.notify_all()
            self._wait_for_others(effect, foreign)

    def repeat(self, attempt: Attempt) -> str:
        """The attempt is about to send once more: the settle time counts from now. The digests of its likeness."""
        book = self._book
        with book.changed:
            book.writes.refresh(book.ref(attempt.effect), self._services.now)
        return encode_digests(book.digests(attempt.effect.likeness))

    def leave(self, attempt: Attempt) -> None:
        """What the attempt sent has an outcome that is recorded, or nothing was sent."""
        if attempt.has_entered:
            attempt.has_entered = False
            self._book.things.shared.leave()

    def _enter(self, attempt: Attempt, source: WriteSource, record: Callable[[], None]) -> list[tuple[OpenWrite, bool]]:
        """Record the intent, unless other runs have something open that keeps it back: that then."""
        things, traffic = self._book.things, self._services.traffic
        traffic.enter(attempt)
        self._services.run.check_stop()
        with things.shared.entering() as others:
            # while there are others, none of them may check before this intent is there to be seen
            is_shared = things.others.have_work(others)
            foreign = self._foreign_blockers(source, others) if is_shared else []
            if is_shared and not foreign:
                record()
        attempt.has_entered = True
        if foreign:
            self.leave(attempt)
            traffic.leave(attempt)
        elif not is_shared:
            record()
        return foreign

    def _foreign_blockers(self, source: WriteSource, others: Mapping[str, int]) -> list[tuple[OpenWrite, bool]]:
        since = self._book.things.around_at
        writes = self._book.things.others.open_writes(others, since)
        sources = [write.source(since, mine=False) for write, _ in writes]
        refs = {other.ref for other in blockers(source, sources, self._book.learning)}
        return [(write, is_live) for write, is_live in writes if write.ref in refs]

    def _wait_for_own(self, effect: Effect[Any], source: WriteSource) -> None:
        """Wait until this run has nothing open that keeps the write back, and take a place in the queue."""
        book = self._book
        while True:
            ends = 0.0
            with book.changed:
                writes = {write.ref: write for write in book.blocking_writes(source.ref)}
                since = book.things.around_at
                sources = [*(write.source(since) for write in writes.values()), *book.queue.values()]
                waits = {other.ref for other in blockers(source, sources, book.learning)}
                if not waits:
                    book.queue[source.ref] = source
                    return
                if stuck := [book.unknown[ref] for ref in waits if ref in book.unknown]:
                    why = f"{effect} can't be told from what may have been made, and has to wait"
                    raise unknown_error(stuck, book.run_id, why)
                seen_to = waits & (book.at_work | book.queue.keys())
                has_orphans = any(writes[ref].is_open and ref not in book.absent for ref in waits - seen_to)
                if seen_to:
                    book.changed.wait(_POLL)
                elif not has_orphans:
                    ends = max(writes[ref].shows_until for ref in waits)
            self._services.run.check_stop()
            if seen_to:
                continue
            if has_orphans:
                self._looks.settle_orphans()
            else:
                reason = "a like one was sent before, and what that made may still appear"
                self._services.wait(max(0.0, ends - self._services.now), effect.step, reason)
                if any(writes[ref].is_open for ref in waits):
                    self._looks.look()
                else:
                    self._looks.look_around_now()

    def _look_again_if_late(self, effect: Effect[Any]) -> None:
        """Before something is sent again a while after a look: it may be there by now. Raises InDoubt if it is."""
        book = self._book
        ref = book.ref(effect)
        with book.changed:
            looked = book.absent.get(ref)
        if looked is None or self._services.now - looked <= VERDICT_LASTS:
            return
        self._looks.look()
        with book.changed:
            if ref not in book.absent and ref not in book.refuted:
                raise InDoubt(f"{effect} was looked for once more")  # who sends it asks what was found

    def _wait_for_others(self, effect: Effect[Any], foreign: Sequence[tuple[OpenWrite, bool]]) -> None:
        label = self._book.place.label
        for write, is_live in foreign:
            if write.is_open and not is_live:
                run_id = write.ref[0]
                raise InDoubt(
                    f"run {run_id} has an unanswered write to {label} that {effect} can't be told from",
                    hint=f"resume or settle that run first: pinflow resume {run_id}",
                )
        if live := sorted({write.ref[0] for write, is_live in foreign if is_live}):
            self._tell_of_wait(live[0], effect.step)
            self._services.run.clock.sleep(_POLL)
            self._services.run.check_stop()
        else:
            rest = max((write.shows_until for write, _ in foreign), default=0.0) - self._services.now
            reason = f"another run sent something alike to {label} twice, and the first may still appear"
            self._services.wait(rest, effect.step, reason)
            self._looks.look_around_now()

    def _tell_of_wait(self, run_id: str, step: str) -> None:
        """Tell once of each run that this one waits for."""
        book = self._book
        with book.changed:
            is_news = run_id not in book.awaited
            book.awaited.add(run_id)
        if is_news:
            text = f"waiting for run {run_id}, which writes to {book.place.label}"
            self._services.run.emit(Note, step=step, text=text)
