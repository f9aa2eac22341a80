"""Boards: the account's own and the group boards that it shares.

Source: https://developers.pinterest.com/docs/api/v5/ (boards)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

from pinflow import Context, UsageError, action
from pinflow_pinterest import deletions, undo
from pinflow_pinterest.answers import list_objects
from pinflow_pinterest.boards import (
    BOTH_QUOTAS,
    BoardRef,
    IfGone,
    PrivacyFilter,
    applied_or_none,
    as_targets,
    board_index,
    find_board,
    make_board,
    remove_board,
    reread_board,
    settle_board_id,
    without_none,
)
from pinflow_pinterest.gateway import gateway
from pinflow_pinterest.ids import BoardName, Limit, Privacy
from pinflow_pinterest.types import Board, Deleted

READ: Final = frozenset({"boards:read"})
WRITE: Final = READ | {"boards:write"}


@action("list_boards", api="v5", scopes=READ, quota={"org_read"})
def list_boards(ctx: Context, *, privacy: PrivacyFilter | None = None, limit: Limit | None = None) -> Iterator[Board]:
    """The account's own boards and the group boards that it shares. (GET /boards)

    Arguments:
        privacy: only boards of this kind; default: all that the token can see
        limit: at most so many
    """
    yield from list_objects(ctx.client, "/boards", {"privacy": privacy}, limit=limit)


@action("get_board", api="v5", scopes=READ, quota={"org_read"})
def get_board(ctx: Context, *, board: BoardRef) -> Board:
    """One board. (GET /boards/{board_id}, or GET /boards for a name)

    Arguments:
        board: its id, or its exact name
    """
    return find_board(gateway(ctx.client), board)


@action("create_board", api="v5", effect="write", scopes=WRITE, quota=BOTH_QUOTAS, reread=reread_board, undo=undo.BOARD)
def create_board(
    ctx: Context, *, name: BoardName, description: str | None = None, privacy: Privacy | None = None
) -> Board:
    """Make a board. (POST /boards)

    Fails if the account already has a board of this name.

    Arguments:
        name: must be new in the account; case makes no difference
        description: what the board is about
        privacy: default: PUBLIC; a SECRET board needs the scope boards:write_secret
    """
    return make_board(ctx, without_none(name=name, description=description, privacy=privacy))


def _alters(name: str | None, description: str | None, privacy: str | None) -> None:
    if name is None and description is None and privacy is None:
        raise UsageError("update_board has nothing to change: set name, description or privacy")


@action(
    "update_board", api="v5", effect="write", scopes=WRITE, quota=BOTH_QUOTAS, reread=reread_board, checks=[_alters]
)
def update_board(
    ctx: Context,
    *,
    board: BoardRef,
    name: BoardName | None = None,
    description: str | None = None,
    privacy: Literal["PUBLIC", "SECRET"] | None = None,
) -> Board:
    """Change a board's name, description or privacy. (PATCH /boards/{board_id})

    Arguments:
        board: its id, or its exact name
        name: the new name
        description: the new description; an empty text removes it
        privacy: the new privacy; a board can't become PROTECTED later
    """
    from pinflow_pinterest import checks  # reading a recipe doesn't need it

    service, changes = gateway(ctx.client), without_none(name=name, description=description, privacy=privacy)
    id, sent_before = settle_board_id(ctx, board), ctx.sent_at("update") is not None
    changed = ctx.once(
        "update",
        lambda: service.change_board(id, changes),
        find=lambda: applied_or_none(service.board(id), changes),
        check=lambda answer: checks.changed_board(service, id, changes, answer, sent_before=sent_before),
        unchecked=checks.HIDDEN,
        kind="board",
    )
    board_index(service).clear()
    return changed


@action("delete_board", api="v5", effect="write", scopes=WRITE, quota=BOTH_QUOTAS, destructive=True, targets=as_targets)
def delete_board(ctx: Context, *, board: BoardRef, if_gone: IfGone = "fail") -> Deleted:
    """Delete a board that the account owns, with its sections and all its Pins. (DELETE /boards/{board_id})

    Arguments:
        board: its id, or its exact name
        if_gone: what to do if no board has this id; skip counts it as deleted
    """
    return remove_board(ctx, board, if_gone=if_gone)


delete_all_boards: Final = replace(deletions.delete_all_boards, api="v5", scopes={"": WRITE | {"user_accounts:read"}})

ACTIONS: Final = (list_boards, get_board, create_board, update_board, delete_board, delete_all_boards)
