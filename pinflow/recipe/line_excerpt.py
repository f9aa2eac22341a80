"""The line of a recipe that a mistake stands in, fit to be shown: without what may be a secret, and not too long."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_MOST = 400  # characters: more than a screen is wide; a recipe may be one line of 256 kB, with 1,400 mistakes in it
_LOOKED_AT = 500  # characters to each side, so that a secret is seen whole before the line is cut
_HIDDEN = "*"

# Compiled when they are first used: a recipe without mistakes needs none of them.
_SECRETS: Final = (
    # as tokens look: long, letters and digits; ids have digits alone, names of actions letters alone
    r"(?P<token>(?<![A-Za-z0-9_-])(?=[A-Za-z_-]*[0-9])(?=[0-9_-]*[A-Za-z])[A-Za-z0-9_-]{20,})",
    r"://(?P<login>[^/@\s]{1,200})@",
    r"(?i:passw(?:or)?d|secret|authorization|api[_-]?key|(?:access|refresh)[_-]token)[\"']?\s*[:=]\s+"
    r"(?![{\[$*])(?P<named>\"[^\"\n]*|'[^'\n]*|[^,}\]#\n]+)",
)
# What a recipe wrongly gives a secret input, told from the text alone, because a text that is no YAML has to be looked
# at as well; so it hides the defaults of the other inputs too.
_HIDDEN_INPUT: Final = r"\btype[\"']?[ \t]*:[ \t]*[\"']?secret\b|\bsecret[ \t]*:"
_GIVEN: Final = r"(?<![\w-])(?:default|example|choices)[\"']?[ \t]*:"


def line_excerpt(text: str, start: int, end: int, at: int) -> tuple[str, int]:
    """The line of ``text`` from ``start`` to ``end``, and the column in it (from 1) of the character ``at``.

    What may be a secret is made stars, one for each character. Of a line of more than 400 characters those around
    ``at`` are given.
    """
    first, last = max(start, at - _LOOKED_AT), min(end, at + _LOOKED_AT)
    line = text[first:last]
    for begin, stop in _given_to_secrets(text):
        if begin < last and stop > first:
            line = _cover(line, begin - first, stop - first)
    for pattern in _SECRETS:
        for match in re.finditer(pattern, line):
            line = _cover(line, *match.span(match.lastgroup or 0))
    cut = 0 if len(line) <= _MOST else max(0, min(at - first - _MOST // 2, len(line) - _MOST))
    return line[cut : cut + _MOST], at - first - cut + 1


def _cover(line: str, begin: int, stop: int) -> str:
    begin, stop = max(0, begin), min(len(line), stop)
    return line[:begin] + re.sub(r"[^\s\"']", _HIDDEN, line[begin:stop]) + line[stop:]


@lru_cache(maxsize=1)  # the mistakes of a recipe are told one after the other
def _given_to_secrets(text: str) -> tuple[tuple[int, int], ...]:
    """Where the values stand: to the end of their line, and the lines below it that are indented deeper."""
    spans: list[tuple[int, int]] = []
    if not re.search(_HIDDEN_INPUT, text):
        return ()
    for match in re.finditer(_GIVEN, text):
        if spans and match.start() < spans[-1][1]:
            continue
        start = text.rfind("\n", 0, match.start()) + 1
        end = _end_of_line(text, start)
        indent = _indent(text, start)
        while end < len(text) and _indent(text, end + 1) > indent:
            end = _end_of_line(text, end + 1)
        spans.append((match.end(), end))
    return tuple(spans)


def _end_of_line(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _indent(text: str, start: int) -> int:
    at = start
    while at < len(text) and text[at] == " ":
        at += 1
    return at - start
