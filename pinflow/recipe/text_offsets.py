"""From a place inside a text value to its place in the YAML that spells it.

A text may be written plain, in quotes with escapes, or as a block over many lines; an error in
the middle of it should still be pointed at exactly.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yaml.scanner import Scanner

if TYPE_CHECKING:
    from collections.abc import Iterator

# Compiled when they are needed: only a mistake inside a quoted text is worth some milliseconds.
# Possessive, so that a long run of spaces is looked at once.
_FOLD = r"(?P<fold>[ \t]*+\n\s*+)"
_DOUBLE = (
    rf"{_FOLD}|\\\n[ \t]*"
    r"|(?P<pair>(?i:\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}))"
    r"|(?P<code>\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8})"
    r"|(?P<escape>\\[^\n])|(?P<plain>(?:[^\\ \t\n]++|[ \t]++(?!\n))+)"
)
_SINGLE = rf"{_FOLD}|(?P<quote>'')|(?P<plain>(?:[^' \t\n]++|[ \t]++(?!\n))+)"


def offset_in_text(raw: str, style: str, value: str, offset: int) -> int:
    """Where in ``raw``, as written, the value's character ``offset`` stands; 0 if that isn't known.

    ``style`` is the character that begins the text (``'``, ``"``, ``|``, ``>``), or "" for a plain one.
    """
    if not style and len(raw) == len(value):
        return min(offset, len(value))
    position = 0
    pieces = {"'": _single, '"': _double}.get(style, _lines)
    for piece, at in pieces(raw, style):
        start = _next_place(value, piece, position)
        if start is None:
            return 0
        position = start + len(piece)
        if offset < position or offset == position == len(value):
            return at + max(0, offset - start)
    return 0


def _next_place(value: str, piece: str, position: int) -> int | None:
    """Where ``piece`` continues the value, past the white space that folding made."""
    while not value.startswith(piece, position):
        if position >= len(value) or value[position] not in " \n":
            return None
        position += 1
    return position


def _single(raw: str, _: str) -> Iterator[tuple[str, int]]:
    """The pieces of a text in single quotes as they stand in the value, each with its offset."""
    for match in re.finditer(_SINGLE, raw[1:-1]):
        if not match["fold"]:
            yield match["plain"] or "'", match.start() + 1


def _double(raw: str, _: str) -> Iterator[tuple[str, int]]:
    """The pieces of a text in double quotes as they stand in the value, each with its offset."""
    for match in re.finditer(_DOUBLE, raw[1:-1]):
        match match.lastgroup, match.group():
            case "plain", piece:
                pass
            case "escape", written:
                piece = str(Scanner.ESCAPE_REPLACEMENTS.get(written[1], ""))
            case "code", written:
                piece = chr(min(int(written[2:], 16), 0x10FFFF))
            case "pair", written:
                piece = chr(0x10000 + (int(written[2:6], 16) - 0xD800) * 0x400 + int(written[8:], 16) - 0xDC00)
            case _:
                continue
        yield piece, match.start() + 1


def _lines(raw: str, style: str) -> Iterator[tuple[str, int]]:
    """The lines of a block or plain text, without their indentation, each with its offset."""
    first, *lines = raw.split("\n")
    at = len(first) + 1
    if not style:  # the first line of a block text is only its header
        yield first.rstrip(" "), 0
    indent = _indent(lines)
    for line in lines:
        deep = len(line) - len(line.lstrip(" "))
        cut = min(indent, deep) if style else deep
        if content := line[cut:] if style else line.strip(" "):
            yield content, at + cut
        at += len(line) + 1


def _indent(lines: list[str]) -> int:
    """How far the first line that says something is indented."""
    return next((len(line) - len(line.lstrip(" ")) for line in lines if line.strip(" ")), 0)
