"""What of a run earlier undoings have deleted already, by the journals of these."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pinflow.engine.undo import variable_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pinflow.engine.undo import CreatedThing
    from pinflow.state.records import RunDetail

_LOOP = re.compile(r"(\w+)s_\d+")  # the name of a loop and of its input, as `undo_recipe` gives it
_DELETION = re.compile(rf"{_LOOP.pattern}\[([^\[\]]*)\]")  # the path of a step in it


def split_undone(
    things: Sequence[CreatedThing], undoings: Iterable[RunDetail]
) -> tuple[list[CreatedThing], list[CreatedThing]]:
    """Of what a run made, what is left, and what ``undoings``, the runs that undid it before, have deleted."""
    left, undone = list(things), []
    for undoing in undoings:
        deleted = _deleted_by(undoing, left)
        undone += deleted
        left = [thing for thing in left if thing not in deleted]
    return left, undone


def _deleted_by(undoing: RunDetail, things: Sequence[CreatedThing]) -> list[CreatedThing]:
    matches = [_DELETION.match(effect.step) for effect in undoing.effects if effect.state == "done"]
    deleted = {match.groups() for match in matches if match}
    inside: dict[tuple[str, str], int] = {}  # of what it had to delete by a call of its own
    for name, items in undoing.record.inputs.items():
        if (loop := _LOOP.fullmatch(name)) and isinstance(items, list):
            inside |= {(loop[1], item["id"]): item["inside"] for item in items}
    undone = [thing for thing in things if _name(thing) in deleted]
    holders = {_name(thing) for thing in things if thing.undo.with_contents} & inside.keys()
    if undoing.record.state != "ok" or not holders <= deleted:
        return undone
    # what it had not to delete although that is possible was inside of something that went as a whole; what is newer
    # was made by a resume of the run
    others = [thing for thing in things if _name(thing) not in inside and thing.sent_at < undoing.record.started]
    contents = [thing for thing in others if not thing.undo.contents]
    if len(contents) != sum(inside[holder] for holder in holders):  # some had to stay, since no action deletes them
        contents = [thing for thing in contents if thing.able]
    whole = {id for _, id in holders}
    return [*undone, *contents, *(thing for thing in others if thing.undo.contents and whole & thing.fields())]


def _name(thing: CreatedThing) -> tuple[str, str]:
    return variable_for(thing.kind), thing.id
