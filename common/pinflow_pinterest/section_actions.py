"""The actions for sections of boards; each API version adds its name, scopes and calls."""

from __future__ import annotations

from collections.abc import Iterator

from pinflow import Context, action
from pinflow_pinterest import undo
from pinflow_pinterest.boards import BOTH_QUOTAS, BoardRef, find_board_id, settle_board_id
from pinflow_pinterest.gateway import gateway
from pinflow_pinterest.ids import Limit, PinterestId, SectionName
from pinflow_pinterest.sections import make_section, reread_section
from pinflow_pinterest.types import BoardSection, Pin, PlacedSection

TOPIC = "sections"  # of its actions, in lists and on pages


@action("list_sections", quota={"org_read"})
def list_sections(ctx: Context, *, board: BoardRef) -> Iterator[BoardSection]:
    """The sections of a board.

    Arguments:
        board: its id, or its exact name
    """
    service = gateway(ctx.client)
    yield from service.sections(find_board_id(service, board))


@action("list_section_pins", quota={"org_read"})
def list_section_pins(
    ctx: Context, *, board: BoardRef, section: PinterestId, limit: Limit | None = None
) -> Iterator[Pin]:
    """The Pins in one section of a board.

    Arguments:
        board: the board's id, or its exact name
        section: the section's id
        limit: at most so many
    """
    service = gateway(ctx.client)
    yield from service.section_pins(find_board_id(service, board), section, limit=limit)


@action("create_section", effect="write", quota=BOTH_QUOTAS, reread=reread_section, undo=undo.SECTION)
def create_section(ctx: Context, *, board: BoardRef, name: SectionName) -> PlacedSection:
    """Make a section on a board.

    Fails if the board already has a section of this name.

    Arguments:
        board: the board's id, or its exact name
        name: must be new on the board; case makes no difference
    """
    return make_section(ctx, settle_board_id(ctx, board), name)
