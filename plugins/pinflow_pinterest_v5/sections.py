"""Sections of boards.

Source: https://developers.pinterest.com/docs/api/v5/ (board_sections)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

from pinflow import ActionError, Context, Number, RemoteError, action
from pinflow_pinterest.ids import PinterestId, SectionName
from pinflow_pinterest.types import BoardSection, Pin
from pinflow_pinterest_v5 import undo
from pinflow_pinterest_v5.answers import Deleted, PlacedSection, listed, made
from pinflow_pinterest_v5.boards import BOTH_QUOTAS, READ, WRITE, BoardRef, IfGone, find_board_id, plain_name, the_one

if TYPE_CHECKING:
    from pinflow import Client


_BUSY_WAITS = (1.0, 2.0, 4.0, 8.0)  # seconds


@action("list_sections", api="v5", scopes=READ, quota={"org_read"})
def list_sections(ctx: Context, *, board: BoardRef) -> Iterator[BoardSection]:
    """The sections of a board. (GET /boards/{board_id}/sections)

    Arguments:
        board: its id, or its exact name
    """
    yield from listed(ctx.client, sections_path(find_board_id(ctx.client, board)))


@action("list_section_pins", api="v5", scopes=READ | {"pins:read"}, quota={"org_read"})
def list_section_pins(
    ctx: Context, *, board: BoardRef, section: PinterestId, limit: Annotated[int, Number(ge=1)] | None = None
) -> Iterator[Pin]:
    """The Pins in one section of a board. (GET /boards/{board_id}/sections/{section_id}/pins)

    Arguments:
        board: the board's id, or its exact name
        section: the section's id
        limit: at most so many
    """
    path = f"{sections_path(find_board_id(ctx.client, board))}/{section}/pins"
    yield from listed(ctx.client, path, limit=limit)


def reread_section(ctx: Context, kept: Mapping[str, Any]) -> PlacedSection:
    """A section that an earlier process of the run made; the API has no way to ask for one alone."""
    board, id = kept["board_id"], kept["id"]
    for section in listed(ctx.client, sections_path(board)):
        if section["id"] == id:
            return _placed(section, board)
    raise ActionError(f"section {id}, which this run made, is not on board {board} any more")


@action(
    "create_section",
    api="v5",
    effect="write",
    scopes=WRITE,
    quota=BOTH_QUOTAS,
    reread=reread_section,
    undo={"section": undo.OF_SECTION},
)
def create_section(ctx: Context, *, board: PinterestId, name: SectionName) -> PlacedSection:
    """Make a section on a board. (POST /boards/{board_id}/sections)

    Fails if the board has a section of this name already.

    Arguments:
        board: the board's id
        name: must be new on the board; capital letters make no difference
    """
    client = ctx.client
    # a board that a dry run only planned is no text, and has none
    there: list[BoardSection] = list(listed(client, sections_path(board))) if isinstance(board, str) else []
    known = set(ctx.freeze("sections", [section["id"] for section in there]))
    taken = [section["id"] for section in _named(there, name) if section["id"] in known]
    if taken:
        raise ActionError(f"board {board} has a section named {name!r} already ({taken[0]})")

    def find() -> PlacedSection | None:
        found: BoardSection | None = the_one(_named(new_sections(client, board, known), name), "sections of this name")
        return _placed(found, board) if found else None

    return ctx.once(
        "create", lambda: _placed(make_section(ctx, client, board, name, find=find), board), find=find, kind="section"
    )


@action("delete_section", api="v5", effect="write", scopes=WRITE, quota=BOTH_QUOTAS, destructive=True)
def delete_section(ctx: Context, *, board: PinterestId, section: PinterestId, if_gone: IfGone = "fail") -> Deleted:
    """Delete a section of a board; its Pins may go with it. (DELETE /boards/{board_id}/sections/{section_id})

    Arguments:
        board: the board's id
        section: the section's id
        if_gone: skip takes a section that is not there for deleted
    """

    def find() -> Deleted | None:
        there = any(each["id"] == section for each in listed(ctx.client, sections_path(board)))
        return None if there else {"id": section}

    def remove() -> Deleted:
        try:
            ctx.client.delete(f"{sections_path(board)}/{section}")
        except RemoteError as error:
            if error.status != 404 or if_gone == "fail":
                raise
        return {"id": section}

    return ctx.once("delete", remove, find=find, kind="section")


def sections_path(board: str) -> str:
    """Where a board's sections are listed and made."""
    return f"/boards/{board}/sections"


def new_sections(client: Client, board: str, known: Collection[str]) -> list[BoardSection]:
    """The board's sections whose ids are not ``known``."""
    return [section for section in listed(client, sections_path(board)) if section["id"] not in known]


def make_section(ctx: Context, client: Client, board: str, name: str, *, find: Callable[[], Any]) -> Any:
    """Send what makes a section; while the service is busy with the board, look with ``find`` and send it again.

    The service refuses with 409 while another change of the same board is under way.
    """
    waits = iter(_BUSY_WAITS)
    while True:
        try:
            return made(client.post(sections_path(board), json={"name": name}), BoardSection)
        except RemoteError as error:
            wait = next(waits, None) if error.status == 409 else None
            if wait is None:
                raise
        ctx.wait(wait, "the service is busy with another change of the board")
        if found := find():
            return found


def _placed(section: Any, board: str) -> PlacedSection:
    return {"id": section["id"], "name": section["name"], "board_id": board}


def _named(sections: list[BoardSection], name: str) -> list[BoardSection]:
    return [section for section in sections if plain_name(section["name"]) == plain_name(name)]


ACTIONS: Final = (list_sections, list_section_pins, create_section, delete_section)
