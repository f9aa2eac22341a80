"""Looks at a place: one settles all that is open there, whichever thread makes it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pinflow.engine.places.answers import candidates_of, objection
from pinflow.engine.places.matching import Arrival, match, sort_arrivals
from pinflow.engine.places.unknown import ids_text, unknown_error
from pinflow.engine.run_frame import current_frame, frame
from pinflow.engine.sanitize import is_id
from pinflow.errors import ActionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pinflow.engine.effects import Effect
    from pinflow.engine.places.matching import Match, WriteSource
    from pinflow.engine.places.open_writes import OpenWrite
    from pinflow.engine.places.place_book import PlaceBook
    from pinflow.engine.places.unknown import UnknownWrite
    from pinflow.plugin.place import Seen

VERDICT_LASTS = 10.0  # seconds for which "not there" may be acted on; who sends later looks again
_POLL = 0.5  # seconds between two looks at what other threads do
LOOK_AROUND = 250  # things made until the listing is looked through: a page of it


class Looks:
    """The looks of one run at one place."""

    def __init__(self, book: PlaceBook) -> None:
        self._book = book
        self._services = book.services
        self._next_look_around = LOOK_AROUND

    def reconcile(self, effect: Effect[Any]) -> Any | None:
        """What became of an effect without an outcome: the thing, or None if nothing was made and it may be sent again.

        Raises InDoubt where nothing can tell.
        """
        book = self._book
        ref = book.ref(effect)
        may_look_early = True
        while True:
            with book.looks:
                with book.changed:
                    if (thing := book.adopted.pop(ref, None)) is not None:
                        return thing
                    if ref in book.refuted:
                        book.refuted.discard(ref)
                        return None
                    unknown = book.unknown.get(ref)
                    if unknown is None and self._services.now - book.absent.get(ref, float("-inf")) <= VERDICT_LASTS:
                        return None
                    write = book.writes.find(ref)
                    if write is None or not write.is_open:
                        raise AssertionError(f"{effect} is open in the journal, and not here")
                    rest = book.settle_time(write)
                if unknown is not None:
                    return self._ask(write, unknown)
                if rest <= 0:
                    self.look()
                    continue
                if may_look_early:
                    may_look_early = False
                    self._look_early()
                    continue
            self._wait_to_settle(effect.step)

    def _ask(self, write: OpenWrite, unknown: UnknownWrite) -> Any | None:
        """What a person says that a write made; None: nothing. Raises InDoubt where nobody says anything."""
        book, ask = self._book, self._services.answer
        said = "" if ask is None else self._asked(ask, unknown)
        if not said:
            raise unknown_error([unknown], book.run_id, f"what became of a write to {book.place.label} is unknown")
        if said == "none":
            rest = max(0.0, write.shows_until - self._services.now)
            self._services.wait(rest, unknown.step, "what was sent may still be applied until then")
            book.journal.creations.give_up(unknown.step, unknown.key)
        else:
            book.journal.settle(unknown.step, unknown.key, "adopted", {"id": said}, kind=write.kind, made=said)
        with book.changed:
            del book.unknown[write.ref]
            if said == "none":
                book.writes.give_up(write.ref)
            else:
                book.things.add(unknown.step, unknown.key, said, write.likeness)
                book.writes.close(write.ref)
            book.changed.notify_all()
        return None if said == "none" else {"id": said}

    def _asked(self, ask: Callable[[str], str], unknown: UnknownWrite) -> str:
        """What a person says of a write: an id that it can have made, "none", or "" for nothing."""
        which = "Which of them is it? An id, " if unknown.candidates else "What did it make? An id, "
        at_work = current_frame()
        name = at_work.label() if at_work.label is not None and at_work.step == unknown.step else ""
        label = f"{name}: " if name else ""
        question = f"{label}{unknown}\n{which}none if it is not there, or nothing to leave it open:"
        complaint = ""
        while (said := ask(complaint + question).strip()) not in ("", "none"):
            why = objection(self._book.journal, self._book.key, (unknown.step, unknown.key), said)
            if not why:
                break
            complaint = f"It can't be {said!r}: {why}.\n"
        return said

    def settle_orphans(self) -> None:
        """Look for what is open and no thread sees to: an earlier process left it, or its step was cut short."""
        book = self._book
        while True:
            with book.looks:
                with book.changed:
                    seen_to = book.at_work | book.absent.keys() | book.unknown.keys()
                    orphans = [write for write in book.writes if write.is_open and write.ref not in seen_to]
                    is_due = all(book.settle_time(write) <= 0 for write in orphans)
                if not orphans:
                    return
                if is_due:
                    self.look()
                    continue
            self._wait_to_settle(orphans[0].ref[1])

    def _wait_to_settle(self, step: str) -> None:
        """Wait until all that is open now must be there: then one look settles all of it."""
        book = self._book
        with book.changed:
            rest = max((book.settle_time(write) for write in book.writes if write.is_open), default=0.0)
        reason = f"whether a write to {book.place.label} was applied is unknown, and may show only later"
        self._services.wait(min(rest, self._services.settle), step, reason)

    # a look

    def look(self) -> None:
        """Settle all that is open and has had its time. Raises InDoubt where the place can't be read."""
        with self._book.looks, self.quiet() as others:
            try:
                arrivals = self._book.things.look()
            except (Exception, SystemExit) as error:
                if (unknown := self._services.failed_look(error, self._book.place.label)) is None:
                    raise
                raise unknown from error
            result = self._match(arrivals, others)
            self._adopt(result, arrivals)
            self._take_verdicts(result)

    def _look_early(self) -> None:
        """Adopt what is there already; what is not may still come. A look that fails says nothing."""
        book = self._book
        with self.quiet() as others:
            since = book.things.around_at
            if any(write.earlier for write in book.writes.live(since)) or book.things.others.open_writes(others, since):
                return  # an early look could take what was sent before for all there will be
            try:
                arrivals = book.things.look_once()
            except ActionError:
                return
            result = self._match(arrivals, others)
            if not result.unknown:
                self._adopt(result, arrivals)

    @contextmanager
    def quiet(self) -> Iterator[Mapping[str, int]]:
        """Keep this run and all others from sending to the place inside the block; the other runs."""
        with self._services.traffic.pause(), frame(effect=None), self._book.things.shared.looking() as others:
            yield others

    def _match(self, arrivals: Sequence[Seen], others: Mapping[str, int]) -> Match:
        book = self._book
        sources = self._sources(others, book.things.around_at)
        hidden = book.things.baseline.hidden_count > 0
        return match(sources, self._arrivals(arrivals), book.things.likenesses(), book.learning, hidden=hidden)

    def _adopt(self, result: Match, arrivals: Sequence[Seen]) -> None:
        book = self._book
        seen = {thing.id: thing for thing in arrivals}
        for ref, id_ in result.adopted.items():
            _, step, key = ref
            write = book.writes.find(ref)
            if write is None:
                raise AssertionError("a look adopts what is open")
            thing = seen[id_].thing if seen[id_].thing is not None else {"id": id_}
            book.journal.settle(step, key, "adopted", thing, kind=write.kind, made=id_)
            book.learning.learn(write.likeness, book.digests(seen[id_].likeness))
            with book.changed:
                book.things.add(step, key, id_, write.likeness)
                book.things.has_doubt = True
                book.writes.adopt(ref)
                book.adopted[ref] = thing
                book.absent.pop(ref, None)

    def _take_verdicts(self, result: Match) -> None:
        book, now = self._book, self._services.now
        with book.changed:
            for write in book.writes:
                if write.is_open and book.settle_time(write) <= 0:
                    book.absent.pop(write.ref, None)
                    if write.ref in result.absent and now >= write.shows_until:
                        # it never will be there: nothing needs to reckon with it any more
                        _, step, key = write.ref
                        book.journal.settle(step, key, "refused", kind=write.kind)
                        book.journal.creations.forget_earlier(step, key)
                        book.writes.remove(write.ref)
                        book.refuted.add(write.ref)
                    elif write.ref in result.absent:
                        book.absent[write.ref] = now
                    elif write.ref in result.unknown:
                        book.things.add_candidates(result.unknown[write.ref])
                        unknown = book.unknown_write(write, result.unknown[write.ref])
                        book.unknown[write.ref] = unknown
                        candidates = filter(is_id, unknown.candidates)
                        book.journal.freeze(unknown.step, candidates_of(unknown.key), candidates)
            book.changed.notify_all()

    # a look around

    def look_around_if_due(self) -> None:
        """Look through the listing now and then while nothing is open: what others added is told and never adopted."""
        book = self._book
        if book.things.made_recently < self._next_look_around:
            return
        with book.looks, self.quiet() as others:
            if self._sources(others, self._services.now):
                return
            try:
                self.look_around(others)
            except ActionError:
                pass  # it says nothing, and the next one may
            finally:
                self._next_look_around = book.things.made_recently + LOOK_AROUND

    def look_around_now(self) -> None:
        """Tell apart what is there, once nothing more can appear of what was sent again. Raises ActionError."""
        book = self._book
        with book.looks, self.quiet() as others:
            sources = self._sources(others, self._services.now)
            is_open = any(source.is_open for source in sources)
            if is_open and book.learning.keeps(source.likeness for source in sources) is not True:
                with book.changed:
                    book.changed.wait(_POLL)  # contents don't tell what is open from what is somebody's
            else:
                self.look_around(others)

    def look_around(self, others: Mapping[str, int]) -> Sequence[str]:
        """Take in what others added; inside `quiet`. The ids of what this run made and the listing does not show.

        Raises ActionError.
        """
        book = self._book
        arrivals, missing = book.things.look_around()
        surplus, strangers = self._sort(arrivals, others)
        book.things.add_strangers([id_ for id_ in surplus if id_ in book.things.candidates])
        if strangers:
            book.things.add_strangers(strangers)
            text = f"{len(strangers)} came to {book.place.label} that no run of this state made: {ids_text(strangers)}"
            self._services.run.warn(text, current_frame().step)
        seen = {thing.id: thing for thing in arrivals}
        unknown = [seen[id_] for id_ in surplus if id_ not in book.things.candidates]
        book.things.add_surplus({thing.id: book.digests(thing.likeness) for thing in unknown})
        self._forget_shadows()
        if not missing:
            book.things.lower_floor()
        return missing

    def _forget_shadows(self) -> None:
        """What was sent again long enough ago has shown by now, or never will: no later look need reckon with it."""
        book, now = self._book, self._services.now
        with book.changed:
            for write in book.writes:
                if not write.may_show(now):
                    book.journal.creations.forget_earlier(write.ref[1], write.ref[2])
            book.things.around_at = now
            book.writes.live(now)

    def _sort(self, arrivals: Sequence[Seen], others: Mapping[str, int]) -> tuple[list[str], list[str]]:
        """The new things that are like this run's, beyond what open writes may have made; and the others."""
        if not arrivals:
            return [], []
        book = self._book
        # what was sent again long enough ago explains nothing any more: if something of it is there, it is too much
        sources, things = self._sources(others, self._services.now), self._arrivals(arrivals)
        return sort_arrivals(sources, things, book.things.likenesses(), book.learning, has_doubt=book.things.has_doubt)

    def _sources(self, others: Mapping[str, int], since: float) -> list[WriteSource]:
        """What may have made something that is there, if what was made until ``since`` has been told apart."""
        book = self._book
        own = [write.source(since) for write in book.writes if write.may_show(since)]
        return own + [write.source(since, mine=False) for write, _ in book.things.others.open_writes(others, since)]

    def _arrivals(self, things: Sequence[Seen]) -> list[Arrival]:
        return [Arrival(thing.id, self._book.digests(thing.likeness), thing.made_at) for thing in things]
