"""Sections of boards: how one is made while the service is busy, and how one that a run made is found again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pinflow import ActionError, RemoteError
from pinflow_pinterest.boards import plain_name, the_one
from pinflow_pinterest.gateway import gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pinflow import Context
    from pinflow_pinterest.boards import IfGone
    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.types import BoardSection, Deleted, PlacedSection

_BUSY_WAITS: Final = (1.0, 2.0, 4.0, 8.0)  # seconds


def reread_section(ctx: Context, kept: Mapping[str, Any]) -> PlacedSection:
    """A section that an earlier process of the run made; the API has no way to ask for one alone."""
    board, id = kept["board_id"], kept["id"]
    for section in gateway(ctx.client).sections(board):
        if section["id"] == id:
            return _placed(section, board)
    raise ActionError(f"section {id}, which this run made, is not on board {board} any more")


def make_section(ctx: Context, board: str, name: str) -> PlacedSection:
    """Make a section on a board, once. Raises ActionError if the board has one of this name already."""
    service = gateway(ctx.client)
    # a board that a dry run only planned is no text, and has none
    there: list[BoardSection] = list(service.sections(board)) if isinstance(board, str) else []
    known = set(ctx.freeze("sections", [section["id"] for section in there]))
    taken = [section["id"] for section in _named(there, name) if section["id"] in known]
    if taken:
        raise ActionError(f"board {board} has a section named {name!r} already ({taken[0]})")

    def find() -> PlacedSection | None:
        found = the_one(_named(new_sections(service, board, known), name), "sections of this name")
        return _placed(found, board) if found else None

    def make() -> PlacedSection:
        return _placed(send_section(ctx, service, board, name, find=find), board)

    return ctx.once("create", make, find=find, find_is_proof=True, kind="section")


def delete_section(ctx: Context, board: str, section: str, *, if_gone: IfGone) -> Deleted:
    """Delete a section; after a lost answer, that the board does not list it means it is done."""
    service = gateway(ctx.client)

    def find() -> Deleted | None:
        there = any(each["id"] == section for each in service.sections(board))
        return None if there else {"id": section}

    def remove() -> Deleted:
        try:
            service.delete_section(board, section)
        except RemoteError as error:
            if error.status != 404 or if_gone == "fail":
                raise
        return {"id": section}

    return ctx.once("delete", remove, find=find, kind="section")


def new_sections(service: Gateway, board: str, known: Collection[str]) -> list[BoardSection]:
    """The board's sections whose ids are not ``known``."""
    return [section for section in service.sections(board) if section["id"] not in known]


def send_section(ctx: Context, service: Gateway, board: str, name: str, *, find: Callable[[], Any]) -> Any:
    """Send what makes a section; while the service is busy with the board, look with ``find`` and send it again.

    The service refuses with 409 while another change of the same board is under way.
    """
    waits = iter(_BUSY_WAITS)
    while True:
        try:
            return service.make_section(board, name)
        except RemoteError as error:
            wait = next(waits, None) if error.status == 409 else None
            if wait is None:
                raise
        ctx.wait(wait, "the service is busy with another change of the board")
        if found := find():
            return found


def _placed(section: Any, board: str) -> PlacedSection:
    return {"id": section["id"], "name": section["name"], "board_id": board}


def _named(sections: Sequence[BoardSection], name: str) -> list[BoardSection]:
    return [section for section in sections if plain_name(section["name"]) == plain_name(name)]
