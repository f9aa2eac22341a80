"""One place that a run creates things on: the way of a creation through gate, outcome, looks and audit."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pinflow.engine.places.audit import audit
from pinflow.engine.places.gate import PlaceGate
from pinflow.engine.places.looks import Looks
from pinflow.engine.places.open_writes import open_write
from pinflow.engine.places.place_book import PlaceBook
from pinflow.engine.sanitize import is_id
from pinflow.errors import InDoubt, ends_program

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pinflow.engine.effects import Attempt, Effect
    from pinflow.engine.places.services import PlaceServices
    from pinflow.plugin.place import Place, Seen
    from pinflow.state.records import EffectRecord


class PlaceRun:
    """What one run does on one place. Thread-safe."""

    def __init__(self, key: str, place: Place, services: PlaceServices) -> None:
        self.key = key
        self._book = PlaceBook(key, place, services)
        self._looks = Looks(self._book)
        self.gate = PlaceGate(self._book, self._looks)
        self._opening = threading.Lock()
        self._is_open = False
        self.accounts: set[str] = set()  # the tokens of the steps that create things here

    def open(self) -> None:
        """Before the first write of this process: the baseline, and what earlier processes of the run left open.

        Raises ActionError where the place can't be read: nothing was sent then.
        """
        book = self._book
        with self._opening:
            if not self._is_open:
                book.things.open()
                now = book.services.now
                for row in book.journal.creations.on(self.key, unsettled=True):
                    book.writes.add(open_write(row, book.run_id, now))
                    book.things.has_doubt = book.things.has_doubt or row.earlier > 0
                self._is_open = True
        self._looks.settle_orphans()

    def worker(self, effect: Effect[Any]) -> AbstractContextManager[None]:
        """While this thread sees to what becomes of the effect, no other need."""
        return self._book.worker(effect)

    def take_adopted(self, effect: Effect[Any]) -> Any | None:
        """What a look found for this effect before its turn came; None if none did."""
        with self._book.changed:
            return self._book.adopted.pop(self._book.ref(effect), None)

    def reconcile(self, effect: Effect[Any], record: EffectRecord) -> Any | None:
        """What became of an effect without an outcome: the thing, or None if nothing was made and it may be sent again.

        ``record`` is what the journal says of it. Raises InDoubt where nothing can tell.
        """
        if record.place != self.key:
            raise InDoubt(
                f"{effect} was sent to another place ({record.place or 'unknown'}) than {self._book.place.label}, and "
                "what became of it is unknown",
                hint="look there, and say what became of it: --made or --not-made of pinflow resume",
            )
        return self._looks.reconcile(effect)

    # outcomes

    def see(self, answer: object) -> tuple[Seen | None, str]:
        """What an answer to a creation shows, and the id in it ("" if it has none that can be kept)."""
        try:
            seen = self._book.place.see(answer)
        except (Exception, SystemExit) as error:  # the thing is made, whatever the plugin makes of the answer
            if ends_program(error):
                raise
            seen = None
        id_ = seen.id if seen is not None else answer.get("id", "") if isinstance(answer, dict) else ""
        return seen, str(id_) if is_id(str(id_)) else ""

    def settle(self, attempt: Attempt, seen: Seen | None, id_: str) -> bool:
        """A write was answered: it made ``id_``, which ``seen`` shows. Whether that was there before: an equal one.

        Its outcome is in the journal already; the gate's `leave` is still to come.
        """
        book, effect = self._book, attempt.effect
        _, step, key = ref = book.ref(effect)
        sent = book.digests(effect.likeness)
        if seen is not None:
            book.learning.learn(sent, book.digests(seen.likeness))
        with book.changed:
            book.writes.close(ref)
            book.changed.notify_all()
            was_there = bool(id_) and book.things.add(step, key, id_, sent)
        if was_there:
            text = f"{effect}: the service answered with {id_}, which was there before; nothing was made"
            book.services.run.warn(text, effect.step)
        return was_there

    def refuse(self, attempt: Attempt) -> None:
        """A write was refused."""
        book = self._book
        with book.changed:
            book.writes.close(book.ref(attempt.effect))
            book.changed.notify_all()

    def lose(self, attempt: Attempt) -> None:
        """A write was not answered: until now it was on its way, so that the settle time counts from now."""
        book = self._book
        with book.changed:
            book.writes.refresh(book.ref(attempt.effect), book.services.now)

    def audit(self, step: str) -> None:
        """Check what was made here since the last audit. Raises Diverged, InDoubt."""
        if not self._is_open and not any(row.made for row in self._book.journal.creations.on(self.key)):
            return
        self.open()  # of what an earlier process made
        if self._book.things.made_recently:
            audit(self._book, self._looks, step)

    def close(self) -> None:
        """Let the place go."""
        self._book.things.close()
