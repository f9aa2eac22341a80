"""Acme: actions for pinflow recipes."""

from __future__ import annotations

from typing import Annotated, TypedDict

from pinflow import Action, Context, Text, action, hookimpl

BoardId = Annotated[str, Text(pattern=r"^\d+$", format="id")]


class HiddenBoard(TypedDict):
    """What a recipe may use after the step."""

    id: str
    privacy: str


@action("acme_hide_board", api="v5", effect="write", scopes={"boards:read", "boards:write"}, quota={"org_write"})
def acme_hide_board(ctx: Context, *, board: BoardId) -> HiddenBoard:
    """Make a board secret. (PATCH /boards/{board_id})

    Arguments:
        board: the board's id
    """

    def hide() -> HiddenBoard:
        now = ctx.client.patch(f"/boards/{board}", json={"privacy": "SECRET"})
        return {"id": now["id"], "privacy": now["privacy"]}

    # announced in the journal before it is sent, and never sent twice
    return ctx.once("hide", hide, kind="board")


@hookimpl
def pinflow_actions() -> list[Action]:
    """What recipes can use."""
    return [acme_hide_board]
