"""Boards: the account's own and the group boards that it shares.

Source: https://developers.pinterest.com/docs/api/v5/ (boards)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from pinflow import ActionError, Context, Diverged, Number, RemoteError, Text, UsageError, action
from pinflow_pinterest.ids import BoardName, PinterestId, Privacy
from pinflow_pinterest.types import Board
from pinflow_pinterest_v5 import undo
from pinflow_pinterest_v5.answers import Deleted, got, listed, made

if TYPE_CHECKING:
    from pinflow import Client

BoardRef = Annotated[str, Text(min_length=1, format="board", description="A board's id or its exact name.")]
T = TypeVar("T", bound=Mapping[str, object])

IfGone = Literal["fail", "skip"]
PrivacyFilter = Literal["ALL", "PUBLIC", "PROTECTED", "SECRET", "PUBLIC_AND_SECRET"]

READ: Final = frozenset({"boards:read"})
WRITE: Final = READ | {"boards:write"}
BOTH_QUOTAS: Final = frozenset({"org_read", "org_write"})


@action("list_boards", api="v5", scopes=READ, quota={"org_read"})
def list_boards(
    ctx: Context, *, privacy: PrivacyFilter | None = None, limit: Annotated[int, Number(ge=1)] | None = None
) -> Iterator[Board]:
    """The account's boards and the group boards that it shares. (GET /boards)

    Arguments:
        privacy: only boards of this kind; all that the token may see if left out
        limit: at most so many
    """
    yield from listed(ctx.client, "/boards", {"privacy": privacy}, limit=limit)


@action("get_board", api="v5", scopes=READ, quota={"org_read"})
def get_board(ctx: Context, *, board: BoardRef) -> Board:
    """One board. (GET /boards/{board_id}, or GET /boards for a name)

    Arguments:
        board: its id, or its exact name
    """
    return find_board(ctx.client, board)


def reread_board(ctx: Context, kept: Mapping[str, Any]) -> Board:
    """A board that an earlier process of the run made or changed."""
    return got(ctx.client.get(f"/boards/{kept['id']}"), Board)


@action(
    "create_board",
    api="v5",
    effect="write",
    scopes=WRITE,
    quota=BOTH_QUOTAS,
    reread=reread_board,
    undo={"board": undo.OF_BOARD},
)
def create_board(
    ctx: Context, *, name: BoardName, description: str | None = None, privacy: Privacy | None = None
) -> Board:
    """Make a board. (POST /boards)

    Fails if the account has a board of this name already.

    Arguments:
        name: must be new in the account; capital letters make no difference
        description: what the board is about
        privacy: PUBLIC if left out; a SECRET board needs the scope boards:write_secret
    """
    client = ctx.client

    def make() -> Board:
        require_free(own_boards(client), name)
        body = _given(name=name, description=description, privacy=privacy)
        return made(client.post("/boards", json=body), Board)

    return ctx.once("create", make, find=lambda: board_made(own_boards(client), name), kind="board")


@action("update_board", api="v5", effect="write", scopes=WRITE, quota=BOTH_QUOTAS, reread=reread_board)
def update_board(
    ctx: Context,
    *,
    board: PinterestId,
    name: BoardName | None = None,
    description: str | None = None,
    privacy: Literal["PUBLIC", "SECRET"] | None = None,
) -> Board:
    """Change a board's name, description or privacy. (PATCH /boards/{board_id})

    Arguments:
        board: its id
        name: the new name
        description: the new description; an empty one takes it away
        privacy: the new privacy; a board can't be made PROTECTED later
    """
    path, changes = f"/boards/{board}", _given(name=name, description=description, privacy=privacy)
    if not changes:
        raise UsageError("update_board has nothing to change: give name, description or privacy")
    return ctx.once(
        "update",
        lambda: made(ctx.client.patch(path, json=changes), Board),
        find=lambda: unchanged_by(got(ctx.client.get(path), Board), changes),
        kind="board",
    )


@action("delete_board", api="v5", effect="write", scopes=WRITE, quota=BOTH_QUOTAS, destructive=True)
def delete_board(ctx: Context, *, board: PinterestId, if_gone: IfGone = "fail") -> Deleted:
    """Delete a board of the account's own, with its sections and all its Pins. (DELETE /boards/{board_id})

    Arguments:
        board: its id
        if_gone: skip takes a board that is not there for deleted
    """
    return delete(ctx, f"/boards/{board}", board, kind="board", if_gone=if_gone)


def delete(ctx: Context, path: str, id: str, *, kind: str, if_gone: IfGone) -> Deleted:
    """Delete what is at ``path``; after a lost answer, that it is not there any more means it is done."""

    def gone() -> Deleted | None:
        try:
            ctx.client.get(path)
        except RemoteError as error:
            if error.status == 404:
                return {"id": id}
            raise
        return None

    def remove() -> Deleted:
        try:
            ctx.client.delete(path)
        except RemoteError as error:
            if error.status != 404 or if_gone == "fail":
                raise
        return {"id": id}

    return ctx.once("delete", remove, find=gone, kind=kind)


def own_boards(client: Client) -> list[Board]:
    """Every board that the account sees: its own, and the group boards that it shares."""
    return list(listed(client, "/boards"))


def find_board(client: Client, board: str) -> Board:
    """The board of this id or exact name; digits only are taken for an id.

    Raises ActionError when no board, or more than one, has the name.
    """
    if is_id(board):
        return got(client.get(f"/boards/{board}"), Board)
    return choose_board(own_boards(client), board)


def find_board_id(client: Client, board: str) -> str:
    """The id of the board of this id or exact name; an id is taken as it is, without asking."""
    return board if is_id(board) else find_board(client, board)["id"]


def is_id(text: str) -> bool:
    """Whether ``text`` is an id rather than a name."""
    return text.isascii() and text.isdigit()


def choose_board(boards: Sequence[Board], wanted: str) -> Board:
    """The one board among ``boards`` with this id, else with exactly this name.

    Raises ActionError naming the nearest names, or the ids of all that have the name.
    """
    found = [board for board in boards if board["id"] == wanted]
    found = found or [board for board in boards if board.get("name") == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(board["id"] for board in found)
        raise ActionError(f"{len(found)} boards are named {wanted!r}: {ids}", hint="name the one you mean by its id")
    raise ActionError(f"the account has no board {wanted!r}", hint=_nearest(boards, wanted))


def named(boards: Sequence[Board], name: str) -> list[Board]:
    """The boards whose name the service would take for ``name``: outer spaces and capital letters do not count."""
    return [board for board in boards if plain_name(board.get("name", "")) == plain_name(name)]


def plain_name(name: str) -> str:
    """A board's or section's name as the service compares names."""
    return name.strip().casefold()


def require_free(boards: Sequence[Board], name: str) -> None:
    """Raise ActionError if one of ``boards`` has this name: a board that was there before is never taken over."""
    taken = named(boards, name)
    if taken:
        raise ActionError(
            f"there is a board named {name!r} already ({taken[0]['id']})", hint="choose another name for the new one"
        )


def board_made(boards: Sequence[Board], name: str) -> Board | None:
    """The board that a run made under a name that was free before, or None. Raises Diverged if there are several."""
    return the_one(named(boards, name), "boards of the name that was free before")


def the_one(found: Sequence[T], what: str) -> T | None:
    """The one of ``found``, or None of none. Raises Diverged naming them if there are several."""
    if len(found) > 1:
        ids = ", ".join(str(each["id"]) for each in found[:20])
        raise Diverged(
            f"{len(found)} {what} appeared where this run sent one: {ids}",
            hint="something else is writing there; remove what is not wanted, then resume",
        )
    return found[0] if found else None


def unchanged_by(current: T, changes: Mapping[str, object]) -> T | None:
    """``current`` if making ``changes`` to it again would change nothing, else None. Null and "" are one here."""
    same = all((current.get(name) or "") == (value or "") for name, value in changes.items())
    return current if same else None


def _given(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _nearest(boards: Sequence[Board], wanted: str) -> str:
    from difflib import get_close_matches  # only a mistake pays for it

    by_name = {board.get("name", "").casefold(): board.get("name", "") for board in boards}
    near = get_close_matches(wanted.casefold(), by_name, n=3)
    if near:
        return f"did you mean {' or '.join(repr(by_name[name]) for name in near)}?"
    return "list_boards shows what there is; secret boards need the scope boards:read_secret"


ACTIONS: Final = (list_boards, get_board, create_board, update_board, delete_board)
