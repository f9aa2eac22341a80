"""The reporter for people: a live view on a terminal, plain lines anywhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from pinflow.reporters.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.reporters.live import Live


def open_console(
    stream: TextIO, write: Callable[[str], None], *, terminal: bool, color: bool, verbosity: int
) -> Lines | Live:
    """The reporter for ``stream``; ``write`` puts one line on it. Only a terminal pays for importing rich."""
    ascii_only = not _can_encode(stream, "✓✗…‖")
    if not terminal or verbosity < 0:
        return Lines(write, verbosity=verbosity, ascii_only=ascii_only)
    from pinflow.reporters.live import Live

    return Live(stream, color=color, verbosity=verbosity, ascii_only=ascii_only)


def _can_encode(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
