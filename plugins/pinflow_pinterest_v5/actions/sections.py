"""Sections of boards.

Source: https://developers.pinterest.com/docs/api/v5/ (board_sections)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pinflow import Context, action
from pinflow_pinterest import section_actions
from pinflow_pinterest.boards import BOTH_QUOTAS, BoardRef, IfGone, board_text, find_board_id, settle_board_id
from pinflow_pinterest.gateway import gateway
from pinflow_pinterest.ids import PinterestId
from pinflow_pinterest.sections import delete_section as remove_section
from pinflow_pinterest.types import Deleted
from pinflow_pinterest_v5.actions.boards import READ, WRITE

list_sections: Final = replace(
    section_actions.list_sections, api="v5", scopes={"": READ}, call="GET /boards/{board_id}/sections"
)
list_section_pins: Final = replace(
    section_actions.list_section_pins,
    api="v5",
    scopes={"": READ | {"pins:read"}},
    call="GET /boards/{board_id}/sections/{section_id}/pins",
)
create_section: Final = replace(
    section_actions.create_section, api="v5", scopes={"": WRITE}, call="POST /boards/{board_id}/sections"
)


def _targets(ctx: Context, *, board: str, section: str, **_: object) -> list[str]:
    service = gateway(ctx.client)
    board = find_board_id(service, board)
    names = [listed["name"] for listed in service.sections(board) if listed["id"] == section]
    return [f"section {name!r} of {board_text(service.board(board))}" for name in names]


@action("delete_section", api="v5", effect="write", scopes=WRITE, quota=BOTH_QUOTAS, destructive=True, targets=_targets)
def delete_section(ctx: Context, *, board: BoardRef, section: PinterestId, if_gone: IfGone = "fail") -> Deleted:
    """Delete a section of a board; its Pins may go with it. (DELETE /boards/{board_id}/sections/{section_id})

    Arguments:
        board: the board's id, or its exact name
        section: the section's id
        if_gone: what to do if there is no such section; skip counts it as deleted
    """
    return remove_section(ctx, settle_board_id(ctx, board), section, if_gone=if_gone)


ACTIONS: Final = (list_sections, list_section_pins, create_section, delete_section)
