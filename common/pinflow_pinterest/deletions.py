"""The action that deletes all boards of an account; a version adds its name and its scopes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from pinflow import Context, RemoteError, action
from pinflow_pinterest.boards import BOTH_QUOTAS, owner_of
from pinflow_pinterest.gateway import gateway

if TYPE_CHECKING:
    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.types import Board, Deleted


class DeletedBoards(TypedDict):
    """What became of an account's boards; ``left`` are the group boards of others."""

    total: int
    deleted: int
    left: int


@action("delete_all_boards", effect="write", quota=BOTH_QUOTAS, destructive=True)
def delete_all_boards(ctx: Context) -> DeletedBoards:
    """Delete every board of the account's own, with its sections and all its Pins. (list_boards, then delete_board)

    Which boards is settled before the first is deleted, and stays so when the run is resumed. Group boards of other
    accounts stay.
    """
    service = gateway(ctx.client)
    boards = list(service.boards())
    owner = service.account().get("username")
    own = [board for board in boards if owner and owner_of(board) == owner]
    ids = ctx.freeze("boards", [board["id"] for board in own])
    left = len(boards) - len(own)
    ctx.log(_told([board for board in own if board["id"] in set(ids)], left))
    result = ctx.each(
        ids,
        key=lambda id: id,
        do=lambda id: _removed(service, id),
        find=lambda id: _gone(service, id),
        kind="board",
        total=len(ids),
    )
    return {"total": len(ids), "deleted": result.complete_count, "left": left}


def _told(boards: list[Board], left: int) -> str:
    shown = ", ".join(f"{board['id']} {board['name']}" for board in boards) or "nothing"
    stay = f"; {left} group boards of others stay" if left else ""
    return f"to delete: {shown[:1800]}{stay}"


def _removed(service: Gateway, id: str) -> Deleted:
    try:
        service.delete_board(id)
    except RemoteError as error:
        if error.status != 404:  # somebody else was faster
            raise
    return {"id": id}


def _gone(service: Gateway, id: str) -> Deleted | None:
    try:
        service.board(id)
    except RemoteError as error:
        if error.status == 404:
            return {"id": id}
        raise
    return None
