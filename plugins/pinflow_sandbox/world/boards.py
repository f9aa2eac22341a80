"""The rules of boards and their sections.

Source: https://developers.pinterest.com/docs/api/v5/ (boards, board_sections)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow_sandbox.server.errors import ApiError, invalid_request, permission_denied
from pinflow_sandbox.world import pins
from pinflow_sandbox.world.records import PRIVACIES, BoardRecord, SectionRecord

if TYPE_CHECKING:
    from pinflow_sandbox.server.body_checks import RequestBody
    from pinflow_sandbox.world.records import Privacy
    from pinflow_sandbox.world.world import Caller, World

ADS_ONLY_NAME = "Ad-only Pins"

_UPDATE_PRIVACIES: tuple[Privacy, ...] = ("PUBLIC", "SECRET")
_SECTION_NAME_LENGTH = 180  # characters


def create_board(world: World, caller: Caller, body: RequestBody) -> BoardRecord:
    """Create a board of the caller."""
    name = _name(body, world.settings.board_name_length)
    description = body.text("description", null=True)
    privacy: Privacy = body.choice("privacy", PRIVACIES) or "PUBLIC"
    ads_only = body.flag("is_ads_only", default=False)
    if ads_only:
        name, privacy = ADS_ONLY_NAME, "PROTECTED"
    caller.require_write(privacy)
    if len(caller.account.boards) >= world.settings.max_boards:
        raise permission_denied(f"An account can have at most {world.settings.max_boards} boards.")
    _require_free_name(world, caller.account.username, name)
    board = add_board(world, caller.account.username, name, description=description, privacy=privacy, ads_only=ads_only)
    world.delay_listing(board.id)
    return board


def add_board(world: World, owner: str, name: str, *, created: float | None = None, **details: Any) -> BoardRecord:
    """Add a board to the world, without permission checks; ``details`` are further fields of the record."""
    moment = world.clock.now() if created is None else created
    board = BoardRecord(world.new_id("board"), owner, name, moment, moment, **details)
    world.boards[board.id] = board
    world.accounts[owner].boards.add(board.id)
    return board


def update_board(world: World, caller: Caller, board: BoardRecord, body: RequestBody) -> BoardRecord:
    """Change a board's name, description or privacy, as far as the body has them."""
    _require_owner(caller, board)
    name = _name(body, world.settings.board_name_length) if "name" in body else board.name
    privacy: Privacy = (body.choice("privacy", _UPDATE_PRIVACIES) if "privacy" in body else None) or board.privacy
    description = body.text("description", null=True) if "description" in body else board.description
    caller.require_write(board.privacy)
    caller.require_write(privacy)
    if name.casefold() != board.name.casefold():
        _require_free_name(world, board.owner, name)
    board.name, board.privacy, board.description = name, privacy, description
    return board


def delete_board(world: World, caller: Caller, board: BoardRecord) -> None:
    """Delete a board of the caller with its sections and Pins."""
    _require_owner(caller, board)
    caller.require_write(board.privacy)
    for id in list(board.pins):
        pins.remove_pin(world, world.pins[id])
    for id in board.sections:
        del world.sections[id]
    for name in board.collaborators:
        world.accounts[name].group_boards.remove(board.id)
    for name in board.followers:
        world.accounts[name].followed_boards.remove(board.id)
    world.accounts[board.owner].boards.remove(board.id)
    del world.boards[board.id]


def create_section(world: World, caller: Caller, board: BoardRecord, body: RequestBody) -> SectionRecord:
    """Create a section on a board that the caller may change."""
    caller.require_write(board.privacy)
    name = _name(body, _SECTION_NAME_LENGTH)
    if len(board.sections) >= world.settings.max_sections:
        raise invalid_request(f"a board can have at most {world.settings.max_sections} sections")
    _require_free_section_name(world, board, name)
    section = add_section(world, board, name)
    world.delay_listing(section.id)
    return section


def add_section(world: World, board: BoardRecord, name: str) -> SectionRecord:
    """Add a section to a board, without permission checks."""
    section = SectionRecord(world.new_id("section"), board.id, name)
    world.sections[section.id] = section
    board.sections.add(section.id)
    return section


def update_section(world: World, caller: Caller, section: SectionRecord, body: RequestBody) -> SectionRecord:
    """Rename a section."""
    board = world.boards[section.board_id]
    caller.require_write(board.privacy)
    name = _name(body, _SECTION_NAME_LENGTH)
    if name.casefold() != section.name.casefold():
        _require_free_section_name(world, board, name)
    section.name = name
    return section


def delete_section(world: World, caller: Caller, section: SectionRecord) -> None:
    """Delete a section; the settings say whether its Pins stay on the board."""
    board = world.boards[section.board_id]
    caller.require_write(board.privacy)
    for id in list(section.pins):
        pin = world.pins[id]
        if world.settings.deleted_section_pins == "deleted":
            pins.remove_pin(world, pin)
        else:
            pin.section_id = None
    board.sections.remove(section.id)
    del world.sections[section.id]


def _require_owner(caller: Caller, board: BoardRecord) -> None:
    if board.owner != caller.account.username:
        raise permission_denied()


def _require_free_name(world: World, owner: str, name: str) -> None:
    taken = (world.boards[id].name.casefold() for id in world.accounts[owner].boards)
    if name.casefold() in taken:
        status = world.settings.duplicate_name_status
        raise ApiError(status, 58, "Try a different name. You already have a board with this name!")


def _name(body: RequestBody, most: int) -> str:
    """The name in a body, which may have at most so many characters."""
    name = body.required_text("name", most=most).strip()
    if not name:
        raise body.field_error("name", "must not be blank")
    return name


def _require_free_section_name(world: World, board: BoardRecord, name: str) -> None:
    if name.casefold() in (world.sections[id].name.casefold() for id in board.sections):
        raise ApiError(409, 409, "Board section conflict.")
