"""Sections of boards.

Source: https://developers.pinterest.com/docs/api/v5/ (board_sections)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pinflow import Context, action
from pinflow_pinterest import undo
from pinflow_pinterest.boards import BOTH_QUOTAS, BoardRef, IfGone, find_board_id
from pinflow_pinterest.gateway import gateway
from pinflow_pinterest.ids import Limit, PinterestId, SectionName
from pinflow_pinterest.sections import delete_section as remove_section
from pinflow_pinterest.sections import make_section, reread_section
from pinflow_pinterest.types import BoardSection, Deleted, Pin, PlacedSection
from pinflow_pinterest_v5.actions.boards import READ, WRITE


@action("list_sections", api="v5", scopes=READ, quota={"org_read"})
def list_sections(ctx: Context, *, board: BoardRef) -> Iterator[BoardSection]:
    """The sections of a board. (GET /boards/{board_id}/sections)

    Arguments:
        board: its id, or its exact name
    """
    service = gateway(ctx.client)
    yield from service.sections(find_board_id(service, board))


@action("list_section_pins", api="v5", scopes=READ | {"pins:read"}, quota={"org_read"})
def list_section_pins(
    ctx: Context, *, board: BoardRef, section: PinterestId, limit: Limit | None = None
) -> Iterator[Pin]:
    """The Pins in one section of a board. (GET /boards/{board_id}/sections/{section_id}/pins)

    Arguments:
        board: the board's id, or its exact name
        section: the section's id
        limit: at most so many
    """
    service = gateway(ctx.client)
    yield from service.section_pins(find_board_id(service, board), section, limit=limit)


@action(
    "create_section",
    api="v5",
    effect="write",
    scopes=WRITE,
    quota=BOTH_QUOTAS,
    reread=reread_section,
    undo=undo.SECTION,
)
def create_section(ctx: Context, *, board: PinterestId, name: SectionName) -> PlacedSection:
    """Make a section on a board. (POST /boards/{board_id}/sections)

    Fails if the board already has a section of this name.

    Arguments:
        board: the board's id
        name: must be new on the board; case makes no difference
    """
    return make_section(ctx, board, name)


@action("delete_section", api="v5", effect="write", scopes=WRITE, quota=BOTH_QUOTAS, destructive=True)
def delete_section(ctx: Context, *, board: PinterestId, section: PinterestId, if_gone: IfGone = "fail") -> Deleted:
    """Delete a section of a board; its Pins may go with it. (DELETE /boards/{board_id}/sections/{section_id})

    Arguments:
        board: the board's id
        section: the section's id
        if_gone: what to do if there is no such section; skip counts it as deleted
    """
    return remove_section(ctx, board, section, if_gone=if_gone)


ACTIONS: Final = (list_sections, list_section_pins, create_section, delete_section)
