"""PyYAML's event parser under limits, and its errors in words for the person who wrote the recipe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from yaml.error import MarkedYAMLError
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from pinflow.schema.invalid import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 40  # PyYAML recurses: this stays far from the recursion limit
MAX_EVENTS = 20_000  # PyYAML makes some 23,000 a second (measured), and a check ends within a second

_QUOTE_TEXT = "put quotes around the whole text"


def events(text: str) -> Iterator[Any]:
    """PyYAML's events of ``text``, whose only line break is a line feed.

    Raises Invalid, with its offset, where the text is not YAML, has a directive, or goes beyond a limit.
    """
    parser = _Events(text)
    try:
        for _ in range(MAX_EVENTS):
            if not parser.check_event():
                return
            yield parser.get_event()  # type: ignore[no-untyped-call]
    except Invalid:
        raise
    except MarkedYAMLError as error:
        at, message, hint = _explain(error, text)
        raise Invalid(message, hint, offset=at) from None
    except (ValueError, OverflowError, IndexError):
        # the scanner trusts some texts too much: "\UFFFFFFFF" is one
        raise Invalid("this can't be read as YAML", "write the text in another way", offset=parser.index) from None
    raise Invalid(
        "this recipe has too many entries", "make several recipes of it, or move data to a file", offset=parser.index
    )


def too_deep(at: int) -> Invalid:
    """What stands at ``at`` is inside too much else."""
    return Invalid(f"this is nested more than {MAX_DEPTH} levels deep", "make the recipe flatter", offset=at)


class _Events(Reader, Scanner, Parser):
    """The event parser with the limits that must hold before an event is made.

    The reader's methods that run once per character are replaced: the whole text is in memory.
    """

    buffer: str

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def peek(self, index: int = 0) -> str:
        return self.buffer[self.pointer + index]

    def prefix(self, length: int = 1) -> str:
        return self.buffer[self.pointer : self.pointer + length]

    def forward(self, length: int = 1) -> None:
        begin = self.pointer
        self.pointer = end = begin + length
        self.index += length
        last_break = self.buffer.rfind("\n", begin, end)
        if last_break < 0:
            self.column += length
        else:
            self.line += self.buffer.count("\n", begin, end)
            self.column = end - last_break - 1

    def fetch_flow_collection_start(self, TokenClass: type[Any]) -> None:
        # the scanner looks a thousand characters ahead before the first bracket becomes an event
        if self.flow_level >= MAX_DEPTH:
            raise too_deep(self.index)
        super().fetch_flow_collection_start(TokenClass)

    def fetch_directive(self) -> None:
        raise Invalid(
            "lines that begin with % are not supported", "delete this line, or quote the text", offset=self.index
        )


def _explain(error: MarkedYAMLError, text: str) -> tuple[int, str, str]:
    """Where a syntax error is, what is wrong, and what to do."""
    problem, context = error.problem or "", error.context or ""
    at = _index(error.problem_mark or error.context_mark)
    opened = _index(error.context_mark) if error.context_mark else at
    if "quoted scalar" in context or "double-quoted" in context:
        return _explain_quoted(problem, at, opened)
    if "cannot start any token" in problem:
        return _explain_character(text, at)
    if context.endswith(("alias", "anchor", "tag")) or "tag handle" in problem:
        return opened, f"a text can't begin with {text[opened]} unless it is quoted", _QUOTE_TEXT
    if "block scalar" in context:
        return at, f"nothing may follow {text[opened]} in its line", "begin the text in the next line, indented"
    if "simple key" in context:
        return _explain_missing_colon(text, opened)
    if "flow" in context:
        return _explain_flow(text, at, opened)
    return _explain_layout(problem, text, at)


def _index(mark: Any) -> int:
    return mark.index if mark else 0


def _explain_quoted(problem: str, at: int, opened: int) -> tuple[int, str, str]:
    if "escape" in problem:
        return at, "this is not an escape that double quotes know", "write \\\\ for a backslash, or use single quotes"
    return opened, "this quote is never closed", "close it, or double a quote that is part of the text"


def _explain_character(text: str, at: int) -> tuple[int, str, str]:
    if text[at] == "\t":
        return at, "a tab stands where only spaces may stand", "use spaces to indent and to separate"
    return at, f"a text can't begin with {text[at]} unless it is quoted", _QUOTE_TEXT


def _line_around(text: str, at: int) -> tuple[str, str]:
    """The part of the line before ``at``, and the rest of it."""
    begin, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
    return text[begin:at], text[at : end if end >= 0 else len(text)]


def _explain_missing_colon(text: str, opened: int) -> tuple[int, str, str]:
    _, line = _line_around(text, opened)
    if match := re.match(r"([\w-]+):\S", line):
        return opened + len(match[1]), "a space is missing after this colon", f"write {match[1]}: ..."
    return opened, "this line has no key", "write `key: value`; indent it if it continues the text above"


def _explain_flow(text: str, at: int, opened: int) -> tuple[int, str, str]:
    before, rest = _line_around(text, at)
    if "${{" in before[-3:] + rest[:2]:
        start = text.rfind("$", 0, at)
        hint = 'put quotes around it: "${{ ... }}"'
        return start, "an expression inside { } or [ ] must be quoted", hint
    if at >= len(text.rstrip()):
        return opened, f"this {text[opened : opened + 1]} is never closed", "close it, or quote it if it is text"
    message = f"{text[at]} can't stand here, inside {{ }} or [ ]"
    return at, message, "put a comma between entries, and quotes around text that holds , : ? { } [ ]"


def _explain_layout(problem: str, text: str, at: int) -> tuple[int, str, str]:
    before, rest = _line_around(text, at)
    if "mapping values" in problem:
        return _explain_second_colon(text, before, at)
    if "sequence entries" in problem:
        return at, "a list can't begin here", "begin it in the next line, each entry with `- `"
    if "document start" in problem:
        return at, "this stands after the end of the recipe", "delete it, or indent it to where it belongs"
    if not before.strip(" -") and rest.strip():
        return at, "this line does not line up with those above", "indent it as far as the entries it belongs to"
    if rest[:1] in ("]", "}"):
        return at, f"this {rest[0]} closes nothing", "delete it, or quote it if it is text"
    if rest.strip():
        return at, "this can't follow what stands before it in the line", _QUOTE_TEXT
    return at, "something is missing here", "write a value, or delete the key"


def _explain_second_colon(text: str, before: str, at: int) -> tuple[int, str, str]:
    if re.search(r":\s", before):
        return at, "a colon and a space can't stand inside unquoted text", _QUOTE_TEXT
    begin = at - len(before.lstrip(" -"))
    line_before = text.rfind("\n", 0, max(0, at - len(before) - 1)) + 1
    if match := re.compile(r"[ -]*([\w-]+):(?!\s|//)").match(text, line_before, at - len(before)):
        return match.end() - 1, "a space is missing after this colon", f"write {match[1]}: ..."
    return begin, "this line is indented deeper than it may be", "line it up with the key above, which has a value"
