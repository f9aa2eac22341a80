"""Bodies of API v3 for new boards and Pins, translated to those of API v5.

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

# field of v5 -> its name in v3, for messages
_PIN_NAMES: Final[Mapping[str, str]] = {
    "board_section_id": "section",
    "link": "source_url",
    "media_source.url": "image_url",
    "media_source.cover_image_url": "image_url",
    "media_source.media_id": "media_upload_id",
    "media_source.items": "carousel_data_json.carousel_slots",
}
_STORED_FIELDS = ("category", "layout", "event_date", "event_start_date")  # of a board, stored as sent


def create_board(world: World, caller: Caller, fields: FormFields) -> BoardRecord:
    """Create a board of the caller, or return the existing one of this name if ``return_existing`` is set."""
    name = fields.require("name")
    if fields.flag("return_existing") and (existing := _find_board(world, caller, name)) is not None:
        return existing
    privacy = fields.get("privacy", "").upper() or "PUBLIC"
    if fields.flag("protected"):
        privacy = "PROTECTED"
    sent: dict[str, Any] = {"name": name, "privacy": privacy, "description": fields.get("description")}
    board = boards.create_board(world, caller, RequestBody(sent))
    board.v3_fields = {name: fields[name] for name in _STORED_FIELDS if fields.get(name)}
    if "collaborator_invites_enabled" in fields:
        board.v3_fields["collaborator_invites_enabled"] = fields.flag("collaborator_invites_enabled")
    return board


def create_pin(world: World, caller: Caller, fields: FormFields) -> PinRecord:
    """Create a Pin on a board: an image, a carousel from ``carousel_data_json``, or an uploaded video."""
    sent: dict[str, Any] = {
        "board_id": fields.require("board_id"),
        **{name: fields.get(name) for name in ("title", "description", "alt_text")},
        "link": fields.get("source_url"),
        "media_source": _media_source(fields, fields.require("image_url")),
    }
    if fields.get("section"):
        sent["board_section_id"] = fields["section"]
    return pins.create_pin(world, caller, RequestBody(sent, names=_PIN_NAMES))


def _find_board(world: World, caller: Caller, name: str) -> BoardRecord | None:
    own = (world.boards[id] for id in caller.account.boards)
    folded = name.strip().casefold()
    return next((board for board in own if board.name.casefold() == folded), None)


def _media_source(fields: FormFields, image_url: str) -> dict[str, Any]:
    if fields.get("media_upload_id"):
        return {"source_type": "video_id", "media_id": fields["media_upload_id"], "cover_image_url": image_url}
    if fields.get("carousel_data_json"):
        return _carousel(fields["carousel_data_json"])
    return {"source_type": "image_url", "url": image_url}


def _carousel(text: str) -> dict[str, Any]:
    """The media source of a carousel that was read from another Pin."""
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
    largest: dict[str, Any] = max(sizes.values(), key=lambda size: size.get("width") or 0, default={})
    known = {
        "url": largest.get("url") or slot.get("image_url"),
        "title": slot.get("title"),
        "description": slot.get("details"),
        "link": slot.get("link"),
    }
    return {name: value for name, value in known.items() if value is not None}
