"""Makes text of unknown origin safe for terminals and logs, and lays it out by the width that it has there.

A title may contain anything: commands to the terminal, line breaks with a forged log line, marks that reverse the
reading direction. All data passes :func:`inert` or :func:`fit` before it is shown.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from pinflow.masking.known import hides_secret, mask_data
from pinflow.masking.secret_mask import SHOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PROSE = 100  # cells: longer lines of prose are hard to read
_MOST_LINES = 40  # of one cell: a screen
UNWRAPPED = 200  # cells: what the width of files and pipes is taken for

# joiners are parts of words and emoji in several scripts, and no terminal acts on them
_JOINERS = "\u200c\u200d"
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_NO_WIDTH = frozenset({"Mn", "Me", "Cf"})


def inert(text: object) -> str:
    """``text`` on one line and safe to show: controls as ``^[``, other invisible characters as ``\\u202e``."""
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else _visible(c) for c in shown)


def one_line(error: str) -> str:
    """An error with its list and its hint, which are otherwise on lines of their own, as one inert line."""
    text = ""
    for part in (line.lstrip(" ") for line in error.split("\n  ")):
        text += part if not text else f" {part}" if text.endswith(":") else f"; {part}"
    return inert(text)


def _visible(character: str) -> str:
    code = ord(character)
    if code < 0x20 or code == 0x7F:
        return f"^{chr(code ^ 0x40)}"
    kind = unicodedata.category(character)
    if kind == "Zs":
        return " "
    noncharacter = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF  # as Unicode calls them
    if character not in _JOINERS and (kind in _HIDDEN or noncharacter):
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return character  # private use, or newer than this Python's tables


def cells(text: str) -> int:
    """The width of an inert text in cells of a terminal."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fit(text: object, width: int) -> str:
    """The inert form of ``text`` in at most ``width`` cells (at least 1), ending in … if it was cut."""
    head = str(text)[: 8 * width]  # bounds the work for a text of characters without width
    shown = inert(head)
    if len(head) == len(str(text)) and cells(shown) <= width:
        return shown
    used = 0
    for index, character in enumerate(shown):
        used += _cells(character)
        if used > width - 1:
            return f"{shown[:index]}…"
    return f"{shown}…"


def wrap(text: str, width: int, *, indent: str = "", most: int = 5) -> list[str]:
    """An inert text in lines of at most ``width`` cells, each after ``indent`` and all but the first two cells deeper.

    Longer words are split; what does not fit on ``most`` lines is cut.
    """
    lines: list[str] = []
    rest = text
    while rest:
        start = indent if not lines else f"{indent}  "
        room = max(8, width - cells(start))
        if len(lines) == most - 1 or cells(rest) <= room:
            return [*lines, start + fit(rest, room)]
        end = _end_of_line(rest, room)
        lines.append(start + rest[:end].rstrip())
        rest = rest[end:].lstrip(" ")
    return lines or [indent]


def reflow(text: str, width: int, *, indent: str = "  ") -> list[str]:
    """Paragraphs, with empty lines between them, as inert lines of at most ``width`` cells, all after ``indent``."""
    width = min(width, _PROSE)
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        words = inert(" ".join(paragraph.split()))
        shown = [indent + line.lstrip() for line in wrap(words, width - cells(indent), most=1000)]
        lines += ["", *shown] if lines else shown
    return lines


def advice(text: str, width: int) -> list[str]:
    """An inert line of advice, indented; where it is wider than ``width`` cells, the command in it has its own line."""
    head, colon, command = text.partition(": pinflow ")
    if cells(text) + 2 <= width or (not colon and width >= UNWRAPPED):
        return [f"  {text}"]
    if not colon:
        return wrap(text, width, indent="  ", most=20)
    return [f"  {head}:", f"    pinflow {command}"]


def _end_of_line(text: str, width: int) -> int:
    """How many characters of a text go on a line: whole words if they are not longer than that."""
    used = 0
    for index, character in enumerate(text):
        used += _cells(character)
        if used > width:
            space = text.rfind(" ", 0, index + 1)
            return space if space > 0 else index
    return len(text)


def pad(text: str, width: int, *, right: bool = False) -> str:
    """An inert text filled up to ``width`` cells; ``right`` puts it at the right edge."""
    space = " " * max(0, width - cells(text))
    return space + text if right else text + space


def table(
    rows: Iterable[Sequence[str]], *, right: frozenset[int] = frozenset(), indent: str = "", width: int = UNWRAPPED
) -> list[str]:
    """Rows of inert texts as aligned lines; ``right`` are the columns that hold numbers.

    Where they are wider than ``width`` cells, the widest columns are folded between words, so that nothing is cut.
    Where that is not enough, each row is a paragraph.
    """
    lines = [list(row) for row in rows]
    if not lines:
        return []
    columns = [[row[n] for row in lines] for n in range(len(lines[0]))]
    widths = [max(map(cells, column)) for column in columns]
    room = width - cells(indent) - 2 * (len(columns) - 1)
    if sum(widths) > room and width < UNWRAPPED:
        least = [max((cells(word) for text in column for word in text.split(" ")), default=0) for column in columns]
        if sum(least) > room:
            return _paragraphs(lines, width, indent)
        while sum(widths) > room:
            widest = max(range(len(widths)), key=lambda n: widths[n] if widths[n] > least[n] else -1)
            widths[widest] -= 1
    return [
        indent + "  ".join(pad(text, widths[n], right=n in right) for n, text in enumerate(parts)).rstrip()
        for row in lines
        for parts in zip_longest(*map(_folded, row, widths), fillvalue="")
    ]


def _folded(text: str, width: int) -> list[str]:
    """A cell in lines of at most ``width`` cells, which its longest word has."""
    lines = []
    while cells(text) > width:
        end = _end_of_line(text, width)
        lines.append(text[:end].rstrip())
        text = text[end:].lstrip(" ")
    return [*lines, text]


def _paragraphs(rows: Iterable[Sequence[str]], width: int, indent: str) -> list[str]:
    """Each row on lines of its own: its first cell, and below it the others."""
    lines = []
    for first, *others in rows:
        lines += wrap(first, width, indent=indent, most=_MOST_LINES)
        rest = "  ".join(filter(None, others))
        lines += wrap(rest, width, indent=f"{indent}    ", most=_MOST_LINES) if rest else []
    return lines


def columns(rows: Sequence[tuple[str, str]], width: int, *, indent: str = "  ") -> list[str]:
    """Inert names and texts side by side; a text that is wider than the screen goes on below itself.

    A name that takes more than a third of the screen has a line of its own.
    """
    most = max(12, width // 3)
    column = max((cells(name) for name, _ in rows if cells(name) <= most), default=0)
    room = max(20, width - cells(indent) - column - 2)
    lines: list[str] = []
    for name, text in rows:
        first, *more = [line.lstrip() for line in wrap(text, room, most=40)]
        if cells(name) > column:
            lines.append(f"{indent}{name}")
            more, first = [first, *more], ""
        else:
            lines.append(f"{indent}{pad(name, column)}  {first}".rstrip())
        lines += [f"{indent}{'':<{column}}  {line}" for line in more]
    return lines


def json_text(value: Any, *, indent: int | None = None) -> str:
    """``value`` as JSON in ASCII, safe to show, without secrets. Values that JSON has no type for become text."""
    plain = _plain(value)
    text = _dumps(plain, indent)
    if not hides_secret(text):
        return text
    text = _dumps(mask_data(plain), indent)  # its values are masked, not the text, which would be no JSON then
    return f'"{SHOWN}"' if hides_secret(text) else text


def _dumps(value: Any, indent: int | None) -> str:
    text = json.dumps(value, ensure_ascii=True, indent=indent, default=str)
    return text.replace("\x7f", "\\u007f")  # the one control character that JSON does not escape


def _plain(value: Any) -> Any:
    """Mappings and sequences of any kind as dicts and lists; subclasses of dict as text."""
    if type(value) is dict or (isinstance(value, Mapping) and not isinstance(value, dict)):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(inner) for inner in value)
    return str(value) if isinstance(value, dict) else value
