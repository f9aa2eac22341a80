"""Writes of which nothing can tell what became of them, as a person is told of them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from pinflow.engine.sanitize import innermost_item, items_of_path
from pinflow.errors import InDoubt
from pinflow.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinflow.state.protocol import Journal

_LISTED = 20  # ids and writes in a message: with 18 digits each, four lines
_LAST_ITEM = re.compile(r"\[([^\[\]]*)\][^\[\]]*\Z")
_DIGEST = re.compile(r"[0-9a-f]{16}(#\d+)?")  # the key of an item that has no name of its own


@dataclass(frozen=True, slots=True)
class UnknownWrite:
    """One write whose outcome nothing can tell. ``candidates`` are ids of new things that it may have made."""

    step: str
    key: str
    kind: str
    place: str  # for people
    sent_at: float  # seconds since 1970
    candidates: Sequence[str] = ()
    item: str = ""  # what a person calls it, and writes in ``--made`` and ``--not-made``

    def __str__(self) -> str:
        sent = f"{datetime.fromtimestamp(self.sent_at).astimezone():%Y-%m-%d %H:%M:%S}"
        may = f"may be {ids_text(self.candidates)}" if self.candidates else "nothing new is there"
        return f"{self.kind or 'write'} of item {self.item}, sent to {self.place} at {sent}: {may}"


class UnknownWrites(InDoubt):
    """Writes whose outcome nothing can tell but a person: ``writes``."""

    def __init__(self, message: str, *, hint: str = "", writes: Sequence[UnknownWrite] = ()) -> None:
        super().__init__(message, hint=hint)
        self.writes = tuple(writes)

    @property
    def kind(self) -> str:
        return "in_doubt"


def item_name(step: str, key: str, kind: str) -> str:
    """What people call an effect: the key of the loop's item that it belongs to, else its own key, else its step."""
    own = key.removeprefix(f"{kind}:")
    if (item := _LAST_ITEM.search(step)) is not None:
        return item[1]
    return step if own in ("create", kind) else own


def item_shown(journal: Journal, step: str, key: str, kind: str) -> str:
    """What people call an effect: as `item_name`, but the row of a table, or the place in a list, for a digest."""
    name = item_name(step, key, kind)
    if _DIGEST.fullmatch(name) is None:
        return name
    number = item_number(journal, step)
    return str(number) if number else name


def path_shown(path: str, numbers: Mapping[tuple[str, str], int]) -> str:
    """A path as people read it: an item's number in place of a digest, by the loop's path and its key."""
    shown, end = "", 0
    for loop, key in items_of_path(path):
        number = numbers.get((loop, key)) if _DIGEST.fullmatch(key) else None
        shown += f"{path[end : len(loop)]}[{number or key}]"
        end = len(loop) + len(key) + 2
    return shown + path[end:]


def item_number(journal: Journal, step: str) -> int:
    """The row of a table, or the place in a list, of the innermost item that a step is in; 0 where that isn't known."""
    loop, key = innermost_item(step)
    record = journal.item(loop, key) if loop else None
    return 0 if record is None else record.number


def unknown_error(writes: Sequence[UnknownWrite], run_id: str, why: str) -> UnknownWrites:
    """The error that asks a person: what was sent, what it may have made, and how to answer."""
    lines = "".join(f"\n    {write}" for write in writes[:_LISTED])
    more = f"\n    and {len(writes) - _LISTED} more" if len(writes) > _LISTED else ""
    candidates = [id_ for write in writes for id_ in write.candidates]
    item = writes[0].item
    resume = f"pinflow resume {run_id}"
    made = f"--made {item}={candidates[0] if candidates else 'ID'}"
    return UnknownWrites(
        f"{why}:{lines}{more}",
        hint=f"{'look which of them it is, and say so' if candidates else 'if you find it'}: {resume} {made}\n"
        f"if it made none: {resume} --not-made {item}",
        writes=writes,
    )


def join_unknown(errors: Sequence[UnknownWrites]) -> UnknownWrites:
    """One error for all of several."""
    if len(errors) == 1:
        return errors[0]
    writes: dict[tuple[str, str], tuple[str, UnknownWrite]] = {}
    for error in errors:
        for write in error.writes:
            writes.setdefault((write.step, write.key), (error.item, write))
    lines = [f"\n    {item}: {write}" if item else f"\n    {write}" for item, write in writes.values()]
    more = f"\n    and {len(lines) - _LISTED} more" if len(lines) > _LISTED else ""
    waiting = len(errors) - len(writes)
    wait = f"; {waiting} more wait for what is like them" if waiting > 0 else ""
    return UnknownWrites(
        f"what became of {len(writes)} writes is unknown{wait}:{''.join(lines[:_LISTED])}{more}",
        hint=errors[0].hint,
        writes=[write for _, write in writes.values()],
    )


def ids_text(ids: Sequence[str]) -> str:
    """Some ids for a message, the first twenty of them."""
    more = f" and {len(ids) - _LISTED} more" if len(ids) > _LISTED else ""
    return ", ".join(ids[:_LISTED]) + more
