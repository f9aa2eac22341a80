"""A plugin by somebody else: it dusts boards, and keeps a diary of every run."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from pinflow import Context, Event, action, hookimpl


class Dusted(TypedDict):
    """What dusting a board gives."""

    board: str
    strokes: int


@action("dust_board")
def dust_board(ctx: Context, *, board: str, strokes: int = 1) -> Dusted:
    """Dust a board.

    Arguments:
        board: which one
        strokes: how often
    """
    ctx.log(f"dusting {board}")
    return {"board": board, "strokes": strokes}


@hookimpl
def pinflow_actions() -> list[object]:
    """What it can do."""
    return [dust_board]


@hookimpl
def pinflow_event(event: Event) -> None:
    """One line of the diary, where there is one, for everything that happens."""
    diary = Path("diary.txt")
    if diary.is_file():
        with diary.open("a", encoding="utf-8") as lines:
            lines.write(f"{type(event).__name__}\n")
