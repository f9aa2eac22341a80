"""The action that lets a board follow another one; a version adds its name and its scopes."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pinflow import Context, Number, action
from pinflow_pinterest import undo
from pinflow_pinterest.boards import BOTH_QUOTAS, BoardRef, choose_board, find_board
from pinflow_pinterest.copying.copy_actions import TWO_LOGINS, both_logins
from pinflow_pinterest.copying.results import BoardCopyResult, BoardMirrorResult
from pinflow_pinterest.copying.source_pins import Choices


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
    """Make a board follow another one, within an account or in another one; made for running every night.

    What the source has and the target lacks is added; a second run has nothing to write. Pins are told apart by
    section, texts, link, kind of media and carousel, and where the service keeps them by the picture's size and main
    colour. So a picture that was exchanged for one alike is not seen, a changed text makes a new Pin, and one that was
    moved to another section is made there anew. The order is that of being added.

    Nothing is deleted after a source that lists nothing, two listings that do not agree, or a Pin that could not be
    added.

    Arguments:
        board: the board to follow, by id or exact name
        to_board: the board that follows, by id or name; made if no board has the name; the source's name if left out
        extra: what to do with Pins and sections of to_board that the source has not
        max_delete: more deletions than this are refused; if left out, a quarter of the Pins or 10, whichever is more
        details: whether the description and privacy follow too, not only when the board is made
        sections: false puts new Pins on the board itself and takes no notice of sections
        videos: what to do with videos, whose files the API does not give out; cover copies their covers as images
        on_too_long: truncate shortens texts that are longer than a new Pin's may be, but never links
    """
    # here, because looking at a recipe does without them
    from pinflow_pinterest.copying.board_copy import BoardCopy, new_board_body
    from pinflow_pinterest.copying.board_mirror import BoardMirror, Extra, board_details, standing_board

    source, target = both_logins(ctx)
    target_boards = list(target.boards())
    original = choose_board(target_boards, board) if source is target else find_board(source, board)
    body = new_board_body(target, original, to_board or original["name"])
    choices = Choices(sections=sections, videos=videos, on_too_long=on_too_long)
    there = standing_board(ctx, target, target_boards, original, body["name"])
    if there is None:
        return _mirrored(BoardCopy(ctx, source, target, choices).run(original, body, target_boards))
    mirror = BoardMirror(ctx, source, target, choices, Extra(extra == "delete", max_delete))
    return mirror.run(original, there, board_details(body) if details else {})


def _mirrored(copied: BoardCopyResult) -> BoardMirrorResult:
    """What became of a board that was made, told as of one that follows another."""
    sections = sum(cast("dict[str, int]", copied["sections"]).values())
    return {
        "board": copied["board"],
        "sections": {"created": sections, "kept": 0, "deleted": 0, "extra": 0},
        "pins": {**copied["pins"], "kept": 0, "deleted": 0, "extra": 0},
        "skipped": copied["skipped"],
    }
