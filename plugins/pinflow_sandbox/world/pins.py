"""The rules of Pins.

Source: https://developers.pinterest.com/docs/api/v5/ (pins)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pinflow_sandbox.server import errors
from pinflow_sandbox.world.media_sources import SLOT_TEXTS, content_from, read_texts
from pinflow_sandbox.world.records import PinContent, PinRecord

if TYPE_CHECKING:
    from pinflow_sandbox.server.body_checks import RequestBody
    from pinflow_sandbox.world.records import BoardRecord, SectionRecord
    from pinflow_sandbox.world.world import Caller, World


def create_pin(world: World, caller: Caller, body: RequestBody) -> PinRecord:
    """Create a Pin on a board of the caller or a group board shared with the caller."""
    if world.settings.trial:
        raise errors.permission_denied(
            "Apps with Trial access cannot create Pins in production; use the API Sandbox instead: "
            "https://api-sandbox.pinterest.com"
        )
    texts = read_texts(body, null=True)
    colour = body.text("dominant_color", null=True)
    body.id("sponsor_id")
    parent = body.id("parent_pin_id")
    board, section = _find_place(world, caller, body)
    if parent is not None and parent not in world.pins:
        raise errors.pin_not_found()
    _require_room(world, caller)
    source = body.part("media_source")
    if source is None:
        raise body.field_error("media_source", "is required")
    id = world.new_id("pin")
    content = replace(content_from(world, caller, source, salt=id), dominant_color=colour, **texts)
    return _add_new(world, PinRecord(id, caller.account.username, board.id, _id(section), 0.0, content, parent))


def save_pin(world: World, caller: Caller, source_id: str, body: RequestBody) -> PinRecord:
    """Save a public Pin or one of the caller as a new Pin on a board or on the caller's profile."""
    source = _find_savable(world, caller, source_id)
    board, section = _find_place(world, caller, body) if body.id("board_id") is not None else (None, None)
    _require_room(world, caller)
    account, board_id = caller.account.username, board.id if board else None
    return _add_new(
        world, PinRecord(world.new_id("pin"), account, board_id, _id(section), 0.0, source.source, source.id)
    )


def update_pin(world: World, caller: Caller, pin: PinRecord, body: RequestBody) -> PinRecord:
    """Change a Pin's texts, board or section, as far as the body has them."""
    if not world.settings.pin_edit:
        raise errors.restricted_feature("pin_edit")
    _require_change_right(world, caller, pin)
    content = _edited_content(pin, body)
    if "board_id" in body or "board_section_id" in body:
        _move(world, caller, pin, body)
    pin.source = content
    return pin


def delete_pin(world: World, caller: Caller, pin: PinRecord) -> None:
    """Delete a Pin of the caller or from a board of the caller."""
    _require_change_right(world, caller, pin)
    remove_pin(world, pin)


def add_pin(
    world: World,
    board: BoardRecord,
    source: PinContent | int,
    *,
    section: SectionRecord | None = None,
    account: str | None = None,
    created: float | None = None,
    parent_id: str | None = None,
) -> PinRecord:
    """Add a Pin to a board, without permission checks."""
    moment = world.clock.now() if created is None else created
    pin = PinRecord(world.new_id("pin"), account or board.owner, board.id, _id(section), moment, source, parent_id)
    _put(world, pin)
    board.pins_modified = max(board.pins_modified, moment)
    return pin


def remove_pin(world: World, pin: PinRecord) -> None:
    """Remove a Pin from the world."""
    if pin.section_id is not None:
        world.sections[pin.section_id].pins.remove(pin.id)
    if board := world.board_of(pin):
        board.pins.remove(pin.id)
        board.pins_modified = world.clock.now()
    world.accounts[pin.account].pins.remove(pin.id)
    del world.pins[pin.id]


def _add_new(world: World, pin: PinRecord) -> PinRecord:
    """Add a new Pin to the world, created now."""
    pin.created = world.clock.now()
    _put(world, pin)
    if board := world.board_of(pin):
        board.pins_modified = pin.created
    world.delay_listing(pin.id)
    return pin


def _put(world: World, pin: PinRecord) -> None:
    world.pins[pin.id] = pin
    world.accounts[pin.account].pins.add(pin.id)
    if board := world.board_of(pin):
        board.pins.add(pin.id)
    if pin.section_id is not None:
        world.sections[pin.section_id].pins.add(pin.id)


def _find_place(world: World, caller: Caller, body: RequestBody) -> tuple[BoardRecord, SectionRecord | None]:
    """The board and section that a body names for a Pin."""
    board_id, section_id = body.id("board_id", null=False), body.id("board_section_id")
    if board_id is None:
        raise body.field_error("board_id", "is required")
    board = world.board(caller, board_id)
    _require_pin_scope(caller, board)
    return board, world.section(board, section_id) if section_id is not None else None


def _require_pin_scope(caller: Caller, board: BoardRecord) -> None:
    caller.require_write(board.privacy)
    if board.privacy == "SECRET" and not caller.has("pins:write_secret"):
        raise errors.permission_denied("Pins on secret boards need the scope pins:write_secret.")


def _require_change_right(world: World, caller: Caller, pin: PinRecord) -> None:
    board = world.board_of(pin)
    if caller.account.username not in (pin.account, board.owner if board else None):
        raise errors.permission_denied()
    if board is not None:
        _require_pin_scope(caller, board)


def _require_room(world: World, caller: Caller) -> None:
    if world.settings.spam_block:
        raise errors.spam_block(world.settings.spam_status)
    if len(caller.account.pins) >= world.settings.max_pins:
        raise errors.permission_denied(f"An account can have at most {world.settings.max_pins} Pins.")


def _find_savable(world: World, caller: Caller, id: str) -> PinRecord:
    pin = world.pins.get(id)
    if pin is None:
        raise errors.pin_not_found()
    board = world.board_of(pin)
    if board is not None and board.privacy != "PUBLIC" and not world.sees_pin(caller, pin):
        raise errors.pin_not_found()
    return pin


def _edited_content(pin: PinRecord, body: RequestBody) -> PinContent:
    """A Pin's content with the texts in the body."""
    old = pin.content
    texts = read_texts(body, null=True)
    slots = old.slots
    if "carousel_slots" in body:
        if old.kind != "multiple_images":
            raise body.field_error("carousel_slots", "is for Pins with several images only")
        changes = body.parts("carousel_slots", least=0, most=len(slots))
        edited = [replace(slot, **read_texts(change, SLOT_TEXTS)) for slot, change in zip(slots, changes, strict=False)]
        slots = (*edited, *slots[len(edited) :])
    return replace(old, slots=slots, **texts)


def _move(world: World, caller: Caller, pin: PinRecord, body: RequestBody) -> None:
    """Move a Pin to the board and section in the body; a new board without a section means no section."""
    board_id, section_id = body.id("board_id", null=False) or pin.board_id, body.id("board_section_id")
    if board_id is None:
        raise errors.board_not_found()
    if "board_section_id" not in body and board_id == pin.board_id:
        return
    board = world.board(caller, board_id)
    _require_pin_scope(caller, board)
    section = world.section(board, section_id) if section_id is not None else None
    remove_pin(world, pin)
    pin.board_id, pin.section_id = board.id, _id(section)
    _put(world, pin)
    board.pins_modified = world.clock.now()
    world.delay_listing(pin.id)


def _id(section: SectionRecord | None) -> str | None:
    return section.id if section else None
