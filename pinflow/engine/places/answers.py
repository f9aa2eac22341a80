"""What a person says of writes whose outcome nothing could tell: which thing each made, or that it made none."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pinflow.engine.places.baseline import decode_baseline
from pinflow.engine.places.unknown import ids_text, item_name, item_shown
from pinflow.engine.sanitize import is_id, items_of_path, plain_key
from pinflow.engine.service_times import LATE
from pinflow.engine.unfinished import take_up_again
from pinflow.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pinflow.clock import Clock
    from pinflow.state.protocol import Journal
    from pinflow.state.records import EffectRecord

_LISTED = 20  # writes in a message, as many as fit on a screen


def apply_answers(
    journal: Journal, effects: Sequence[EffectRecord], made: Mapping[str, str], not_made: Sequence[str], clock: Clock
) -> None:
    """Record the answers in the run's journal: a run that goes on takes them for what happened.

    ``effects`` are all of the run; ``made`` is item -> id. Raises UsageError for an item that is not one of them, for
    an id that it can't have made, and for one that may still be applied.
    """
    if both := set(made) & set(not_made):
        raise UsageError(f"item {min(both)!r} is said to be made and not to be made")
    answers = [(_find(journal, effects, item), id_) for item, id_ in made.items()]
    denials = [_find(journal, effects, item) for item in not_made]
    if len(set(made.values())) < len(made):
        raise UsageError("one id is said to be made by two items")
    for effect, id_ in answers:
        _check_answer(journal, effects, effect, id_)
    for effect in denials:
        rest = LATE - journal.age(effect)
        if effect.is_unknown and rest > 0:
            at = datetime.fromtimestamp(clock.now() + rest).astimezone()
            name = _name(journal, effect)
            raise UsageError(
                f"item {name} may still be applied: that it was not made can be said from {at:%H:%M:%S} on",
                hint="it was sent less than five minutes ago; until then it would be made twice",
            )
    for effect, id_ in answers:
        if effect.state == "done" and effect.place:  # what the audit missed is right as it is
            list_ = f"accepted:{effect.place}"
            journal.freeze("", list_, dict.fromkeys([*(journal.frozen_list("", list_) or ()), id_]))
        kept = plain_key(id_) if effect.place else ""
        journal.settle(effect.step, effect.key, "adopted", {"id": id_}, kind=effect.kind, made=kept)
    for effect in denials:
        if effect.state == "done":
            journal.settle(effect.step, effect.key, "refused", kind=effect.kind)
        else:
            journal.creations.give_up(effect.step, effect.key)
        take_up_again(journal, effect.step)
    journal.flush()


def objection(journal: Journal, place: str, write: tuple[str, str], id_: str) -> str:
    """Why ``write`` (its step and key) to a place can't have made the thing of this id; "" if it can.

    What was new there and like it, when the run looked last, are all that come into question. Where nothing was, what
    a person has found may have been moved since: only what is known to be something else does not.
    """
    known = _KnownIds(journal, place)
    if (row := known.made.get(id_)) is not None and (row.step, row.key) != write:
        return f"it was made by item {item_shown(journal, row.step, row.key, row.kind)}"
    candidates = known.candidates(*write)
    if id_ in candidates:
        return ""
    if not _looks_like(id_, {*candidates, *known.before, *known.made}):
        return "it is not an id"
    if id_ in known.before:
        return f"it was there before run {journal.run.id} began"
    if id_ in known.strangers and candidates:
        return "it is there, but not like what was sent"
    return "it is not among what was new there" if candidates else ""


class _KnownIds:
    """What the journal knows of the things of one place."""

    def __init__(self, journal: Journal, place: str) -> None:
        self._journal = journal
        frozen = journal.frozen_list("", f"baseline:{place}") if place else None
        self.before = frozenset() if frozen is None else decode_baseline(frozen).ids
        self.made = {row.made: row for row in journal.creations.on(place) if row.made} if place else {}
        self.strangers = frozenset(journal.frozen_list("", f"strangers:{place}") or ())

    def candidates(self, step: str, key: str) -> Sequence[str]:
        """What a write may have made, as it was told."""
        return tuple(self._journal.frozen_list(step, candidates_of(key)) or ())


def candidates_of(key: str) -> str:
    """The name of the list of what an unknown write may have made, in the journal, beside its step."""
    return f"candidates:{key}"


def _looks_like(id_: str, others: Collection[str]) -> bool:
    """Whether a text can be an id where there are these. No service's ids are words."""
    if not is_id(id_) or not any(character.isdecimal() for character in id_):
        return False
    return id_.isdecimal() or not others or not all(other.isdecimal() for other in others)


def _check_answer(journal: Journal, effects: Sequence[EffectRecord], effect: EffectRecord, id_: str) -> None:
    """Raise UsageError if ``id_`` can't be what an effect made."""
    name = _name(journal, effect)
    if not effect.is_unknown:  # that what the audit missed is right as it is can be said of itself alone
        own = effect.made or (effect.result.get("id") if isinstance(effect.result, dict) else None)
        if own is not None and own != id_:
            raise UsageError(f"item {name} was made already: {own}", hint=_unknown_items(journal, effects))
        return
    why = objection(journal, effect.place, (effect.step, effect.key), id_)
    if not why:
        return
    candidates = _KnownIds(journal, effect.place).candidates(effect.step, effect.key)
    may = f"it may be {ids_text(candidates)}" if candidates else f"write it like --made {name}=1234567890"
    resume = f"pinflow resume {journal.run.id}"
    hints = [may, f"to look once more: {resume}", f"if it made none: {resume} --not-made {name}"]
    raise UsageError(f"item {name} can't have made {id_!r}: {why}", hint="\n".join(hints))


def _unknown_items(journal: Journal, effects: Sequence[EffectRecord]) -> str:
    """A hint: the items that can be answered for."""
    names = [_name(journal, effect) for effect in effects if effect.is_unknown]
    listed = f"{', '.join(names[:_LISTED])}{', ...' if len(names) > _LISTED else ''}"
    return f"unknown are: {listed}" if names else f"what was made: pinflow runs show {journal.run.id} --items"


def _find(journal: Journal, effects: Sequence[EffectRecord], item: str) -> EffectRecord:
    """The effect that a person calls ``item``: of several that are equal any one will do."""
    matches = [effect for effect in effects if item in _names(effect)]
    if not matches and item.isdecimal():  # the row of a table, or the place in a list
        numbered = {
            f"{loop}[{record.key}]"
            for loop in {loop for effect in effects for loop, _ in items_of_path(effect.step)}
            for record in journal.items(loop)
            if record.number == int(item)
        }
        matches = [e for e in effects if any(f"{loop}[{key}]" in numbered for loop, key in items_of_path(e.step))]
    unknown = [effect for effect in matches if effect.is_unknown]
    matches = unknown or [effect for effect in matches if effect.state == "done"]
    if not matches:
        raise UsageError(f"no item {item!r} in this run", hint=_unknown_items(journal, effects))
    if len({(effect.digest, effect.place) for effect in matches}) > 1:
        steps = ", ".join(f"{effect.step}/{effect.key}" for effect in matches[:_LISTED])
        raise UsageError(f"item {item!r} is not clear: {steps}", hint="give one of these instead")
    return matches[0]


def _name(journal: Journal, effect: EffectRecord) -> str:
    return item_shown(journal, effect.step, effect.key, effect.kind)


def _names(effect: EffectRecord) -> set[str]:
    return {item_name(effect.step, effect.key, effect.kind), effect.key, effect.step, f"{effect.step}/{effect.key}"}
