"""Sections of boards: made although the service is busy, and found again after a lost answer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pinflow import ActionError, RemoteError
from pinflow_pinterest.boards import plain_name, send_deletion, single_or_none
from pinflow_pinterest.gateway import gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pinflow import Context
    from pinflow_pinterest.boards import IfGone
    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.types import BoardSection, Deleted, PlacedSection

_BUSY_WAITS: Final = (1.0, 2.0, 4.0, 8.0)  # seconds; the service holds a board for a second or so per change


def reread_section(ctx: Context, stored: Mapping[str, Any]) -> PlacedSection:
    """A section that an earlier process of the run made, read again; the API only lists sections."""
    board, id = stored["board_id"], stored["id"]
    for section in gateway(ctx.client).sections(board):
        if section["id"] == id:
            return _placed_section(section, board)
    raise ActionError(f"section {id}, which this run made, is no longer on board {board}")


def make_section(ctx: Context, board: str, name: str) -> PlacedSection:
    """Make a section on a board, once. Raises ActionError if the board already has one of this name."""
    from pinflow_pinterest.checks import made_section  # reading a recipe doesn't need it

    service = gateway(ctx.client)
    # a board that a dry run only planned is not text, and has no sections
    present: list[BoardSection] = list(service.sections(board)) if isinstance(board, str) else []
    known_ids = set(ctx.freeze("sections", [section["id"] for section in present]))
    taken = [section["id"] for section in _sections_named(present, name) if section["id"] in known_ids]
    if taken:
        raise ActionError(f"board {board} already has a section named {name!r} ({taken[0]})")

    def find() -> PlacedSection | None:
        section = single_or_none(
            _sections_named(find_new_sections(service, board, known_ids), name), "sections of this name"
        )
        return _placed_section(section, board) if section else None

    def make() -> PlacedSection:
        return _placed_section(send_section(ctx, service, board, name, find=find), board)

    return ctx.once(
        "create",
        make,
        find=find,
        find_is_proof=True,
        check=lambda section: made_section(service, board, section),
        kind="section",
    )


def delete_section(ctx: Context, board: str, section: str, *, if_gone: IfGone) -> Deleted:
    """Delete a section; after a lost answer it counts as done if the board doesn't list it."""
    from pinflow_pinterest.checks import deleted_section  # reading a recipe doesn't need it

    service = gateway(ctx.client)

    def find() -> Deleted | None:
        is_listed = any(listed["id"] == section for listed in service.sections(board))
        return None if is_listed else {"id": section}

    remove = partial(send_deletion, partial(service.delete_section, board), section, if_gone=if_gone)
    check = deleted_section(service, board, section)
    return ctx.once("delete", remove, find=find, check=lambda _: check, kind="section")


def find_new_sections(service: Gateway, board: str, known: Collection[str]) -> list[BoardSection]:
    """The board's sections whose ids are not ``known``."""
    return [section for section in service.sections(board) if section["id"] not in known]


def send_section(ctx: Context, service: Gateway, board: str, name: str, *, find: Callable[[], Any]) -> Any:
    """Make a section; while the service is busy with the board, call ``find`` and send it again.

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
        if section := find():
            return section


def _placed_section(section: Any, board: str) -> PlacedSection:
    return {"id": section["id"], "name": section["name"], "board_id": board}


def _sections_named(sections: Sequence[BoardSection], name: str) -> list[BoardSection]:
    return [section for section in sections if plain_name(section["name"]) == plain_name(name)]
