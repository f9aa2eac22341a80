"""The action that deletes all boards of an account; each API version adds its name and scopes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from pinflow import Context, action
from pinflow_pinterest.boards import BOTH_QUOTAS, board_owner, board_text, find_deleted, send_deletion
from pinflow_pinterest.gateway import gateway
from pinflow_pinterest.listings import read_account_boards

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pinflow_pinterest.types import Account, Board

TOPIC = "boards"  # of its actions, in lists and on pages


class DeletedBoards(TypedDict):
    """The counts of an account's boards; ``left`` are the group boards of others."""

    total: int
    deleted: int
    left: int


def _own_boards(account: Account, boards: Sequence[Board]) -> list[Board]:
    owner = account.get("username")
    return [board for board in boards if owner and board_owner(board) == owner]


def _targets(ctx: Context) -> list[str]:
    return [board_text(board) for board in _own_boards(*read_account_boards(ctx, gateway(ctx.client)))]


@action("delete_all_boards", effect="write", quota=BOTH_QUOTAS, destructive=True, targets=_targets)
def delete_all_boards(ctx: Context) -> DeletedBoards:
    """Delete every board that the account owns, with its sections and all its Pins. (list_boards, then delete_board)

    The list is settled before the first deletion, and stays the same when the run is resumed. Nothing is deleted if it
    is much shorter than the account's own number of boards. Group boards of other accounts are kept.
    """
    from pinflow_pinterest.checks import deleted_board  # reading a recipe doesn't need it

    service = gateway(ctx.client)
    listings: list[tuple[Account, list[Board]]] = []

    def settle() -> Iterator[str]:
        listings.append(read_account_boards(ctx, service))
        yield from (board["id"] for board in _own_boards(*listings[0]))

    ids = ctx.freeze("boards", settle())
    # a resumed run has its list, and the account's number may still be the one from before its deletions
    account, boards = listings[0] if listings else (service.account(), list(service.boards()))
    own_boards = _own_boards(account, boards)
    foreign = len(boards) - len(own_boards)
    ctx.log(_deletion_text([board for board in own_boards if board["id"] in set(ids)], foreign))
    result = ctx.each(
        ids,
        key=lambda id: id,
        do=lambda id: send_deletion(service.delete_board, id, if_gone="skip"),
        find=lambda id: find_deleted(service.board, id),
        check=lambda deleted: deleted_board(service, deleted["id"]),
        kind="board",
        total=len(ids),
    )
    return {"total": len(ids), "deleted": result.complete_count, "left": foreign}


def _deletion_text(boards: list[Board], foreign: int) -> str:
    names = ", ".join(f"{board['id']} {board['name']}" for board in boards) or "nothing"
    rest = f"; {foreign} group boards of others are kept" if foreign else ""
    return f"to delete: {names[:1800]}{rest}"
