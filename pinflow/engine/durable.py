"""The durable calls of a step: every change of the outside world happens once, whatever is killed in between.

How one effect comes to pass is told in `pinflow.engine.effect_runner`. Plugins
import this module on every start, through `Context`: what runs need is imported
when they need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from pinflow.errors import renamed_keywords, renamed_property

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from pinflow.engine.effect_runner import EffectRunner
    from pinflow.engine.effects import EachResult, Effect
    from pinflow.plugin.place import Check, Place

T = TypeVar("T")
R = TypeVar("R")

_new_names = renamed_keywords(fresh="find_is_proof", changes="counts_as_change")


class Durable:
    """The durable calls of one step. Keys begin with ``prefix``, which the caller never sees.

    Dry runs send nothing: what would have been made is a placeholder.
    """

    __slots__ = ("_account", "_effects", "_prefix", "step")

    def __init__(self, effects: EffectRunner, step: str, prefix: str = "", *, account: str = "") -> None:
        """``account`` is the token of the step, by name; several are joined by "+"."""
        self.step = step  # its path in the run: "copy", or "pins[813].copied"
        self._effects = effects
        self._prefix = prefix
        self._account = account

    @_new_names
    def once(
        self,
        key: str,
        do: Callable[[], T],
        *,
        place: Place | None = None,
        likeness: Mapping[str, str] | None = None,
        find: Callable[[], T | None] | None = None,
        find_is_proof: bool = False,
        check: Callable[[T], Check | Sequence[Check] | None] | None = None,
        unchecked: str = "",
        kind: str = "",
        counts_as_change: bool = True,
    ) -> T:
        """Do something to the world exactly once, now or in an earlier process of this run. Returns its result.

        ``key`` names the effect within the step. When ``do`` may have happened but its
        answer was lost, ``find`` looks on the target for what it would have made: what
        it returns is adopted, None twice means that it did not happen, and ``do`` is
        called again (at most 5 times by one process). A creation says ``place``, where it
        creates, and ``likeness``, what of it reads back there: then the engine itself finds
        out what became of it, together with everything else that is open on that place,
        and ``find`` serves only runs that an earlier version began.
        ``find_is_proof=True`` promises that what ``find`` returns was not there before:
        then it is adopted when it is first seen, else after the settle time. ``check`` says
        what the audit at the end of the step must see of the effect, given its result (in a
        dry run a placeholder); where nothing can read it back, ``unchecked`` says why, in a
        fixed text. The result after a resume holds only
        ids, numbers, booleans, dates and enum words. ``kind`` is what people call the
        thing: "board", "pin". ``counts_as_change=False`` says that it is sent like a
        write and changes nothing that belongs to an account, such as asking for a
        report: it needs no approval.
        Raises InDoubt where there is no ``find`` or that was not enough, and whatever
        ``do`` and ``find`` raise.
        """
        from pinflow.engine.effects import Effect

        effect = Effect(
            self.step,
            self._prefix + key,
            kind,
            do,
            find,
            find_is_proof,
            counts_as_change,
            place,
            likeness,
            check,
            unchecked,
            account=self._account,
        )
        return self._effects.perform(effect)[0]

    @_new_names
    def each(
        self,
        items: Iterable[T],
        *,
        key: Callable[[T], str],
        do: Callable[[T], R],
        place: Callable[[T], Place] | Place | None = None,
        likeness: Callable[[T], Mapping[str, str]] | None = None,
        find: Callable[[T], R | None] | None = None,
        find_is_proof: bool = False,
        shared_place: Callable[[T], Place] | None = None,
        check: Callable[[R], Check | Sequence[Check] | None] | None = None,
        kind: str = "",
        parallel: int = 1,
        total: int | None = None,
        after: EachResult | None = None,
    ) -> EachResult:
        """:meth:`once` for a stream of items, read lazily, with ``parallel`` calls in flight.

        Serial and in order by default. One bad item does not lose the others: it is in
        the result's ``failed``. What concerns them all ends the stream: a quota or spam
        block, a missing credential, an unknown outcome, a changed target, a stop. What an
        earlier process left unknown is settled before anything else is sent. ``do`` may
        return ``Skip(reason)``. ``after`` is what other items of the same ``total`` came
        to before: progress and result count on from it. ``shared_place`` says where an
        item creates something although only ``find`` looks for it: the other runs of the
        state are told, and `others_ids` tells ``find`` what they made there.
        """
        from pinflow.engine.each_run import EachRun
        from pinflow.engine.effects import EachResult, Effect

        before = after or EachResult()
        if total is not None and not self._effects.run.dry_run:
            name = f"{kind}s of step {self.step}" if kind else f"step {self.step}"
            self._effects.budget.reserve(total - before.item_count, name)

        def effect(item: T) -> Effect[R]:
            probe = None if find is None else lambda: find(item)
            return Effect(
                self.step,
                self._prefix + key(item),
                kind,
                lambda: do(item),
                probe,
                find_is_proof,
                place=place(item) if callable(place) else place,
                likeness=None if likeness is None else likeness(item),
                check=check,
                shared_place=None if shared_place is None else shared_place(item),
                account=self._account,
            )

        return EachRun(self._effects, self.step, kind, total, before).run(
            (effect(item) for item in items),  # not map(): a StopIteration of `key` would end the stream in silence
            parallel,
        )

    def others_ids(self, place: Place) -> Collection[str]:
        """The ids of what other runs of the state made on a ``shared_place``, which is never this run's."""
        places = self._effects.places
        return () if places is None else places.turns(place, self._account).others_ids()

    def freeze(self, name: str, ids: Iterable[str]) -> Sequence[str]:
        """Remember a list of ids in its order, once: after a resume the remembered one comes back."""
        journal, name = self._effects.run.journal, self._prefix + name
        if journal is None:
            return tuple(ids)
        known = journal.frozen_list(self.step, name)
        if known is None:
            journal.freeze(self.step, name, ids)
            known = journal.frozen_list(self.step, name)
        return cast("Sequence[str]", known)

    def effects_of(self, kind: str | None = None) -> Iterator[tuple[str, Any]]:
        """Key (within this context) and kept result of everything of ``kind`` that is certain, streamed.

        Of the step and of what is inside it; ``kind`` None is all. Nothing in a dry run.
        """
        for key, result in self._results(self.step, kind):
            if key.startswith(self._prefix):
                yield key[len(self._prefix) :], result

    def effects_of_run(self, kind: str) -> Iterator[Any]:
        """The kept result of everything of ``kind`` that any step of the run is certain to have made, streamed."""
        return (result for _, result in self._results("", kind))

    def _results(self, step: str, kind: str | None) -> Iterator[tuple[str, Any]]:
        journal = self._effects.run.journal
        return iter(()) if journal is None else journal.results(step, kind=kind)

    def sent_at(self, key: str) -> float | None:
        """When the effect ``key`` was last sent (seconds since the epoch), for use in ``find``; None if never."""
        journal = self._effects.run.journal
        record = None if journal is None else journal.effect(self.step, self._prefix + key)
        return record.sent_at if record is not None and record.attempts else None

    def last_unknown_at(self, kind: str) -> float | None:
        """When the step last sent a write of ``kind`` (seconds since the epoch) whose outcome was unknown for a while.

        To this process of the run or to an earlier one; None if there was none. A write that was refused and sent
        again later may count as one.
        """
        journal = self._effects.run.journal
        return None if journal is None else journal.last_unknown_at(self.step, kind)

    def late_age(self, kind: str) -> float | None:
        """At least how many seconds ago the step sent a write of ``kind`` that may still be applied, or None.

        That is one that was sent again after no answer came, in this process of the run or an earlier one: the first
        request may come late, beside what is known of the second. The clock is one that nobody can set.
        """
        journal = self._effects.run.journal
        return None if journal is None else journal.late_age(self.step, kind)

    def skip(self, key: str, reason: str, *, kind: str = "") -> None:
        """Record that something was left out, and why (a fixed text, without the service's data)."""
        from pinflow.events import ItemSkipped

        run = self._effects.run
        if run.journal is not None:
            run.journal.skip(self.step, self._prefix + key, kind, reason)
        run.emit(ItemSkipped, step=self.step, key=self._prefix + key, kind=kind, reason=reason)

    # old names

    made = renamed_property("ctx.made", "ctx.effects_of")
    made_by_run = renamed_property("ctx.made_by_run", "ctx.effects_of_run")
    doubted_at = renamed_property("ctx.doubted_at", "ctx.last_unknown_at")
