"""Responses that are not true: which an operation can have, and how the world is made to fit them.

The caller holds the world's lock.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pinflow_sandbox.server.dialects import dialect_of
from pinflow_sandbox.world import pins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinflow_sandbox.server.messages import HttpRequest, HttpResponse
    from pinflow_sandbox.world.world import World

_PIN_LIES: Final = ("vanished", "stranger", "nothing_made", "suppressed")
_MAKING: Final = ("boards/create", "board_sections/create", "pins/create", "pins/save")
_CHANGING: Final = ("PATCH", "DELETE")
# what a change or deletion can touch
_CHANGED: Final = ("accounts", "boards", "sections", "pins", "media", "ad_accounts", "campaigns", "ad_groups", "ads")


def lies_of(operation: str, method: str) -> Sequence[str]:
    """The lies that a response of this operation can be, by field of the profile."""
    if method in _CHANGING:
        return ("nothing_done",)
    if operation not in _MAKING:
        return ()
    return _PIN_LIES if operation.startswith("pins/") else ("nothing_made",)


def snapshot(world: World) -> dict[str, Any]:
    """All that a change can touch, by attribute of the world."""
    return {name: deepcopy(getattr(world, name)) for name in _CHANGED}


def rewrite_texts(call: HttpRequest) -> bool:
    """Let a Pin be stored with its texts in capital letters; whether it has any."""
    body = json.loads(call.body)
    texts = {name: body[name].upper() for name in ("title", "description") if isinstance(body.get(name), str)}
    call.body = json.dumps({**body, **texts}).encode()
    return bool(texts)


def suppress_equal(world: World, call: HttpRequest, answer: HttpResponse) -> HttpResponse | None:
    """The response with an older Pin in place of an equal new one, which is removed. None if there is none."""
    value = json.loads(answer.body)
    created = dialect_of(call.path).content(value)
    new = world.pins[created["id"]]
    board = world.board_of(new)
    for id in () if board is None else board.pins:
        older = world.pins[id]
        same_place = older.section_id == new.section_id and older.parent_id == new.parent_id
        if older is not new and same_place and older.content.fingerprint == new.content.fingerprint:
            pins.remove_pin(world, new)
            created["id"] = older.id
            return replace(answer, body=json.dumps(value).encode())
    return None
