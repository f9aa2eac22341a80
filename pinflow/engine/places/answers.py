"""What a person says of writes whose outcome nothing could tell: which thing each made, or that it made none."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pinflow.engine.places.unknown import item_name, item_shown
from pinflow.engine.sanitize import is_id, items_of_path, plain_key
from pinflow.engine.service_times import LATE
from pinflow.engine.unfinished import take_up_again
from pinflow.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinflow.clock import Clock
    from pinflow.state.protocol import Journal
    from pinflow.state.records import EffectRecord

_LISTED = 20  # writes in a message, as many as fit on a screen


def apply_answers(
    journal: Journal, effects: Sequence[EffectRecord], made: Mapping[str, str], not_made: Sequence[str], clock: Clock
) -> None:
    """Record the answers in the run's journal: a run that goes on takes them for what happened.

    ``effects`` are all of the run; ``made`` is item -> id. Raises UsageError for an item that is none of them, for what
    is not an id, and for one that may still be applied.
    """
    if both := set(made) & set(not_made):
        raise UsageError(f"item {min(both)!r} is said to be made and not to be made")
    answers = [(_find(journal, effects, item), id_) for item, id_ in made.items()]
    denials = [_find(journal, effects, item) for item in not_made]
    for _, id_ in answers:
        if not is_id(id_):
            raise UsageError(f"{id_!r} is not an id", hint="write it like --made ITEM=1234567890")
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
        names = [_name(journal, effect) for effect in effects if effect.is_unknown]
        listed = f"{', '.join(names[:_LISTED])}{', ...' if len(names) > _LISTED else ''}"
        hint = f"unknown are: {listed}" if names else f"what was made: pinflow runs show {journal.run.id} --items"
        raise UsageError(f"no item {item!r} in this run", hint=hint)
    if len({(effect.digest, effect.place) for effect in matches}) > 1:
        steps = ", ".join(f"{effect.step}/{effect.key}" for effect in matches[:_LISTED])
        raise UsageError(f"item {item!r} is not clear: {steps}", hint="give one of these instead")
    return matches[0]


def _name(journal: Journal, effect: EffectRecord) -> str:
    return item_shown(journal, effect.step, effect.key, effect.kind)


def _names(effect: EffectRecord) -> set[str]:
    return {item_name(effect.step, effect.key, effect.kind), effect.key, effect.step, f"{effect.step}/{effect.key}"}
