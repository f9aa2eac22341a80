"""Boards: the account's own and the group boards that it shares.

Source: https://github.com/pinterest/api-quickstart (python/src/v3/board.py and user.py, as of 2022)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

from pinflow import Context, action
from pinflow_pinterest import deletions, undo
from pinflow_pinterest.boards import (
    BOTH_QUOTAS,
    BoardRef,
    IfGone,
    PrivacyFilter,
    as_targets,
    find_board,
    make_board,
    remove_board,
    reread_board,
    without_none,
)
from pinflow_pinterest.gateway import gateway
from pinflow_pinterest.ids import BoardName, Limit, Privacy
from pinflow_pinterest.types import Board, Deleted
from pinflow_pinterest_v3.actions import users

READ: Final = frozenset({"read_boards"})
FIND: Final = READ | users.READ  # boards are listed by the user's id
WRITE: Final = READ | {"write_boards"}
FULL: Final = WRITE | FIND


@action("list_boards", api="v3", scopes=FIND, quota={"org_read"})
def list_boards(ctx: Context, *, privacy: PrivacyFilter | None = None, limit: Limit | None = None) -> Iterator[Board]:
    """The account's own boards and the group boards that it shares. (GET /users/{user_id}/boards/feed/)

    Arguments:
        privacy: only boards of this kind, chosen here; default: all that the token can see
        limit: at most so many
    """
    privacies = ("PUBLIC", "SECRET") if privacy == "PUBLIC_AND_SECRET" else (privacy,)
    boards = gateway(ctx.client).boards()
    chosen = (board for board in boards if privacy in (None, "ALL") or board.get("privacy") in privacies)
    yield from islice(chosen, limit)


@action("get_board", api="v3", scopes=FIND, quota={"org_read"})
def get_board(ctx: Context, *, board: BoardRef) -> Board:
    """One board. (GET /boards/{board_id}/, or GET /users/{user_id}/boards/feed/ for a name)

    Arguments:
        board: its id, or its exact name
    """
    return find_board(gateway(ctx.client), board)


@action(
    "create_board",
    api="v3",
    effect="write",
    scopes=FULL,
    quota=BOTH_QUOTAS,
    reread=reread_board,
    undo=undo.BOARD,
)
def create_board(
    ctx: Context, *, name: BoardName, description: str | None = None, privacy: Privacy | None = None
) -> Board:
    """Make a board. (PUT /boards/)

    Fails if the account already has a board of this name.

    Arguments:
        name: must be new in the account; case makes no difference
        description: what the board is about
        privacy: default: PUBLIC; a SECRET board needs the scope read_secret_boards
    """
    return make_board(ctx, without_none(name=name, description=description, privacy=privacy))


@action("delete_board", api="v3", effect="write", scopes=FULL, quota=BOTH_QUOTAS, destructive=True, targets=as_targets)
def delete_board(ctx: Context, *, board: BoardRef, if_gone: IfGone = "fail") -> Deleted:
    """Delete a board that the account owns, with its sections and all its Pins. (DELETE /boards/{board_id}/)

    Arguments:
        board: its id, or its exact name
        if_gone: what to do if no board has this id; skip counts it as deleted
    """
    return remove_board(ctx, board, if_gone=if_gone)


delete_all_boards: Final = replace(deletions.delete_all_boards, api="v3", scopes={"": FULL})

ACTIONS: Final = (list_boards, get_board, create_board, delete_board, delete_all_boards)
