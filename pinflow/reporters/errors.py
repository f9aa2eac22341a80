"""Errors as JSON, and mistakes in recipes with the line that they stand in."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pinflow.masking.known import hides_secret
from pinflow.reporters.text import cells, fit, inert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pinflow.errors import PinflowError, Problem

_WITH_LINE = 20  # mistakes that are shown with their line: three screens; below them it is each one's own line
_TAB = "    "


def error_data(error: PinflowError) -> dict[str, Any]:
    """An error as plain data: its stable kind, message, hint, and each problem with its place."""
    return {
        "kind": error.kind,
        "message": error.message,
        "hint": error.hint,
        "exit_code": error.exit_code,
        "problems": [asdict(problem) for problem in getattr(error, "problems", ())],
    }


def problem_lines(problems: Sequence[Problem], width: int, paint: Callable[[str, str], str]) -> Iterator[str]:
    """Mistakes in recipes as compilers tell them: the place and what is wrong, and below it the line with a caret.

    The line is cut to ``width`` cells around the caret. Of many mistakes only the first have their line.
    """
    for number, problem in enumerate(problems):
        yield inert(problem)
        if problem.line_text and number < _WITH_LINE:
            yield from _marked_line(problem, width, paint)
    if len(problems) > _WITH_LINE:
        yield f"{len(problems):,} mistakes; the first {_WITH_LINE} are shown with their lines"


def _marked_line(problem: Problem, width: int, paint: Callable[[str, str], str]) -> Iterator[str]:
    text, at = problem.line_text, problem.text_column - 1
    if hides_secret(text):  # it was not known yet when the line was taken
        text = "".join("*" if character.isalnum() else character for character in text)
    before, after = (inert(part.replace("\t", _TAB)) for part in (text[:at], text[at:]))
    gutter = f"{problem.line:>4} |"
    room = max(10, width - len(gutter) - 2)  # also for the caret behind the end of a line
    if cells(before) + cells(after) > room and cells(before) > room // 2:
        # the end of the part before the caret, and as much after it as fits
        while cells(before) > room // 2 - 1:
            before = before[max(1, (cells(before) - room // 2) // 2) :]
        before = f"…{before}"
    yield f"{paint(gutter, 'dim')} {before}{fit(after, max(1, room - cells(before))) if after else ''}"
    yield f"{paint('|'.rjust(len(gutter)), 'dim')} {' ' * cells(before)}{paint('^', 'red')}"
