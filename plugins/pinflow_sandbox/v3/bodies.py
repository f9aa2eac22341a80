"""What clients of API v3 send for a new board or Pin, put to the world in the words of today.

Source: https://github.com/pinterest/api-quickstart (python/src/v3/board.py and pin.py, as of 2022)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pinflow_sandbox.server.body_checks import RequestBody
from pinflow_sandbox.server.errors import invalid_request
from pinflow_sandbox.world import boards, pins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow_sandbox.v3.fields import FormFields
    from pinflow_sandbox.world.records import BoardRecord, PinRecord
    from pinflow_sandbox.world.world import Caller, World

# what v5's field is called here, for the messages
_PIN_NAMES: Final[Mapping[str, str]] = {
    "board_section_id": "section",
    "link": "source_url",
    "media_source.url": "image_url",
    "media_source.cover_image_url": "image_url",
    "media_source.media_id": "media_upload_id",
    "media_source.items": "carousel_data_json.carousel_slots",
}
_KEPT = ("category", "layout", "event_date", "event_start_date")  # of a board, as they came


def create_board(world: World, caller: Caller, given: FormFields) -> BoardRecord:
    """Make a board of the caller's own, or find the one of that name if ``return_existing`` asks for it."""
    name = given.needed("name")
    if given.flag("return_existing") and (found := _board_named(world, caller, name)) is not None:
        return found
    privacy = given.get("privacy", "").upper() or "PUBLIC"
    if given.flag("protected"):
        privacy = "PROTECTED"
    sent: dict[str, Any] = {"name": name, "privacy": privacy, "description": given.get("description")}
    made = boards.create_board(world, caller, RequestBody(sent))
    made.v3_fields = {each: given[each] for each in _KEPT if given.get(each)}
    if "collaborator_invites_enabled" in given:
        made.v3_fields["collaborator_invites_enabled"] = given.flag("collaborator_invites_enabled")
    return made


def create_pin(world: World, caller: Caller, given: FormFields) -> PinRecord:
    """Put a Pin on a board: an image, a carousel if there is ``carousel_data_json``, or an uploaded video."""
    sent: dict[str, Any] = {
        "board_id": given.needed("board_id"),
        "title": given.get("title"),
        "description": given.get("description"),
        "alt_text": given.get("alt_text"),
        "link": given.get("source_url"),
        "media_source": _media_source(given, given.needed("image_url")),
    }
    if given.get("section"):
        sent["board_section_id"] = given["section"]
    return pins.create_pin(world, caller, RequestBody(sent, names=_PIN_NAMES))


def _board_named(world: World, caller: Caller, name: str) -> BoardRecord | None:
    own = (world.boards[id] for id in caller.account.boards)
    wanted = name.strip().casefold()
    return next((board for board in own if board.name.casefold() == wanted), None)


def _media_source(given: FormFields, image_url: str) -> dict[str, Any]:
    if given.get("media_upload_id"):
        return {"source_type": "video_id", "media_id": given["media_upload_id"], "cover_image_url": image_url}
    if given.get("carousel_data_json"):
        return _carousel(given["carousel_data_json"])
    return {"source_type": "image_url", "url": image_url}


def _carousel(text: str) -> dict[str, Any]:
    """The media source for a carousel as it was read from another Pin."""
    try:
        carousel = json.loads(text)
        slots = [_slot(slot) for slot in carousel["carousel_slots"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise invalid_request(
            "Field 'carousel_data_json' must be the JSON text of an object with 'carousel_slots'"
        ) from None
    source: dict[str, Any] = {"source_type": "multiple_image_urls", "items": slots}
    return source if carousel.get("index") is None else {**source, "index": carousel["index"]}


def _slot(slot: dict[str, Any]) -> dict[str, Any]:
    sizes: dict[str, dict[str, Any]] = slot.get("images") or {}
    largest: dict[str, Any] = max(sizes.values(), key=lambda each: each.get("width") or 0, default={})
    known = {
        "url": largest.get("url") or slot.get("image_url"),
        "title": slot.get("title"),
        "description": slot.get("details"),
        "link": slot.get("link"),
    }
    return {name: value for name, value in known.items() if value is not None}
