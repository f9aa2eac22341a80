"""Markdown from plain values: CommonMark with tables, as the site and the terminal both read it."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def code(text: object) -> str:
    """Words as they are typed, in a line; nothing for nothing."""
    words = " ".join(str(text).split("\n"))
    if not words:
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", words)), default=0) + 1)
    space = " " if words[0] == "`" or words[-1] == "`" else ""
    return f"{fence}{space}{words}{space}{fence}"


def codes(values: Iterable[object]) -> str:
    """Words as they are typed, with commas between them."""
    return ", ".join(map(code, values))


def fence(text: str, kind: str) -> str:
    """A block of code; ``kind`` is what follows the fence, such as ``yaml recipe``."""
    marks = "`" * max(3, max((len(run) for run in re.findall("`{3,}", text)), default=0) + 1)
    return f"{marks}{kind}\n{text.rstrip()}\n{marks}\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; nothing without rows. Columns in which every cell is empty are left out."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    kept = [place for place in range(len(header)) if any(row[place] for row in cells)]
    if not cells:
        return ""
    lines = [
        [header[place] for place in kept],
        ["---" for _ in kept],
        *([row[place] for place in kept] for row in cells),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def sections(*parts: str) -> str:
    """Blocks with an empty line between them, without those that are empty."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def from_docstring(text: str) -> str:
    """A docstring as Markdown: its code, its references to names and its indented blocks."""
    text = dedent(text)
    text = re.sub(r":\w+(?::\w+)?:`~?([^`]+)`", r"``\1``", text)
    text = re.sub(r"(?<!`)``([^`]+)``(?!`)", r"`\1`", text)
    lines: list[str] = []
    blocks = re.split(r"((?:^|(?<=\n))(?:[ ]{4}.*\n?|\n(?=[ ]{4}))+)", text)
    for place, block in enumerate(blocks):
        if place % 2 and lines and lines[-1].rstrip().endswith("::"):
            lines[-1] = re.sub(r"::\s*$", ":\n\n", lines[-1])
            lines.append(fence(dedent(block).strip("\n"), "text"))
        else:
            lines.append(block)
    return "".join(lines).strip()


# the names under which plugins have them, beside those that are made for terminals
markdown_code, markdown_fence, markdown_sections, markdown_table = code, fence, sections, table
