"""The action that makes a board follow another one; each API version adds its name and scopes."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pinflow import Context, Number, action
from pinflow_pinterest import undo
from pinflow_pinterest.boards import BOTH_QUOTAS, BoardRef, boards_with, choose_board, find_board
from pinflow_pinterest.copying.copy_actions import TWO_LOGINS, both_logins
from pinflow_pinterest.copying.results import BoardCopyResult, BoardMirrorResult
from pinflow_pinterest.copying.source_pins import CopyOptions

TOPIC = "copying"  # of its actions, in lists and on pages


@action(
    "mirror_board",
    effect="write",
    scopes=TWO_LOGINS,
    quota=BOTH_QUOTAS,
    destructive={"extra": "delete"},
    undo=undo.OF_COPY,
)
def mirror_board(
    ctx: Context,
    *,
    board: BoardRef,
    to_board: BoardRef | None = None,
    extra: Literal["keep", "delete"] = "keep",
    max_delete: Annotated[int, Number(ge=0)] | None = None,
    details: bool = False,
    sections: bool = True,
    videos: Literal["skip", "cover"] = "skip",
    on_too_long: Literal["fail", "truncate"] = "fail",
) -> BoardMirrorResult:
    """Make a board follow another one, in the same account or another; meant to run every night.

    What the target lacks is added; a second run writes nothing. Pins are compared by section, texts, link, kind of
    media and carousel, and, if the service keeps them, by the image's size and main colour. So an image that was
    replaced by a similar one is not noticed, a changed text makes a new Pin, and so does a move to another section.
    New Pins are listed in the order in which they were added.

    Nothing is deleted if the source lists no Pins, if two listings differ, or if a Pin could not be added.

    Arguments:
        board: the board to follow, by id or exact name
        to_board: the board that follows, by id or name; made if it doesn't exist; default: the source's name
        extra: what to do with Pins and sections that only to_board has
        max_delete: refuse more deletions than this; default: a quarter of the Pins or 10, whichever is more
        details: whether the description and privacy follow too, not only when the board is made
        sections: false puts new Pins on the board itself and ignores sections
        videos: what to do with videos, whose files the API does not give out; cover copies their covers as images
        on_too_long: truncate shortens texts that are too long for a new Pin, but never links
    """
    # here, because reading a recipe doesn't need them
    from pinflow_pinterest.copying.board_copy import BoardCopy, new_board_body
    from pinflow_pinterest.copying.board_mirror import BoardMirror, ExtraPolicy, board_details, find_existing_board

    source, target = both_logins(ctx)
    target_boards = boards_with(source, board) if source is target else list(target.boards())
    original = choose_board(target_boards, board) if source is target else find_board(source, board)
    body = new_board_body(target, original, to_board or original["name"])
    options = CopyOptions(sections=sections, videos=videos, on_too_long=on_too_long)
    existing = find_existing_board(ctx, target, target_boards, original, body["name"])
    if existing is None:
        return _as_mirror_result(BoardCopy(ctx, source, target, options).run(original, body, target_boards))
    mirror = BoardMirror(ctx, source, target, options, ExtraPolicy(extra == "delete", max_delete))
    return mirror.run(original, existing, board_details(body) if details else {})


def _as_mirror_result(copy: BoardCopyResult) -> BoardMirrorResult:
    """The result of a new copy, in the form of a mirror's."""
    sections = sum(cast("dict[str, int]", copy["sections"]).values())
    return {
        "board": copy["board"],
        "sections": {"created": sections, "kept": 0, "deleted": 0, "extra": 0},
        "pins": {**copy["pins"], "kept": 0, "deleted": 0, "extra": 0},
        "skipped": copy["skipped"],
        "moved": copy["moved"],
    }
