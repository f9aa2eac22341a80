"""Boards by name: how one is found, made and deleted, and how one that a run made is told from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from pinflow import ActionError, Diverged, RemoteError, Text
from pinflow_pinterest.gateway import gateway

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow import Context
    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.types import Board, Deleted

BoardRef = Annotated[str, Text(min_length=1, format="board", description="A board's id or its exact name.")]
T = TypeVar("T", bound=Mapping[str, object])

IfGone = Literal["fail", "skip"]
PrivacyFilter = Literal["ALL", "PUBLIC", "PROTECTED", "SECRET", "PUBLIC_AND_SECRET"]

BOTH_QUOTAS: Final = frozenset({"org_read", "org_write"})


def reread_board(ctx: Context, kept: Mapping[str, Any]) -> Board:
    """A board that an earlier process of the run made or changed."""
    return gateway(ctx.client).board(kept["id"])


def make_board(ctx: Context, body: Mapping[str, Any]) -> Board:
    """Make the board that ``body`` describes, once. Raises ActionError if the account has one of its name already."""
    service, name = gateway(ctx.client), body["name"]

    def make() -> Board:
        require_free(list(service.boards()), name)
        return service.make_board(body)

    def find() -> Board | None:
        return board_made(list(service.boards()), name)

    return ctx.once("create", make, find=find, find_is_proof=True, kind="board")


def remove_board(ctx: Context, board: str, *, if_gone: IfGone) -> Deleted:
    """Delete the board of this id or exact name, once.

    Which board a name means is settled before the deletion: afterwards none may have it, or another one.
    """
    service = gateway(ctx.client)
    if ctx.dry_run and if_gone == "fail" and isinstance(board, str):  # not one that is only planned
        find_board(service, board)
    (id,) = ctx.freeze("board", (find_board_id(service, each) for each in (board,)))
    return delete(ctx, service.delete_board, service.board, id, kind="board", if_gone=if_gone)


def delete(
    ctx: Context, remove: Callable[[str], None], look: Callable[[str], object], id: str, *, kind: str, if_gone: IfGone
) -> Deleted:
    """Delete something; after a lost answer, that it is not there any more means it is done.

    ``remove`` and ``look`` raise RemoteError with status 404 for what is not there.
    """

    def gone() -> Deleted | None:
        try:
            look(id)
        except RemoteError as error:
            if error.status == 404:
                return {"id": id}
            raise
        return None

    def do() -> Deleted:
        try:
            remove(id)
        except RemoteError as error:
            if error.status != 404 or if_gone == "fail":
                raise
        return {"id": id}

    return ctx.once("delete", do, find=gone, kind=kind)


def find_board(service: Gateway, board: str) -> Board:
    """The board of this id or exact name; digits only are taken for an id.

    Raises ActionError when no board, or more than one, has the name.
    """
    if is_id(board):
        return service.board(board)
    return choose_board(list(service.boards()), board)


def find_board_id(service: Gateway, board: str) -> str:
    """The id of the board of this id or exact name; an id is taken as it is, without asking.

    So is a board that a dry run only planned.
    """
    return board if not isinstance(board, str) or is_id(board) else find_board(service, board)["id"]


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


def owner_of(board: Board) -> str | None:
    """The name of the account that a board belongs to; None where the service does not tell it."""
    return (board.get("owner") or {}).get("username")


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


def given(**fields: object) -> dict[str, Any]:
    """Those of the parameters that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def _nearest(boards: Sequence[Board], wanted: str) -> str:
    from difflib import get_close_matches  # only a mistake pays for it

    by_name = {board.get("name", "").casefold(): board.get("name", "") for board in boards}
    near = get_close_matches(wanted.casefold(), by_name, n=3)
    if near:
        return f"did you mean {' or '.join(repr(by_name[name]) for name in near)}?"
    return "list_boards shows what there is; secret boards need the scope boards:read_secret (v3: read_secret_boards)"
