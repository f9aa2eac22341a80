"""What is said when an expression is wrong, and which name was probably meant."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Names are compared letter by letter, so both counts bound the work that an unknown name may cause.
_LONGEST_NAME = 64
_MOST_NAMES = 1_000


class ExpressionError(Exception):
    """An expression that can't be read, or can't be evaluated over the data it was given.

    ``offset`` counts characters from the start of the text that was handed in, from 0.
    ``hint`` says what to do, where that is known.
    """

    def __init__(self, message: str, offset: int, hint: str | None = None) -> None:
        super().__init__(message, offset, hint)
        self.message = message
        self.offset = offset
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def shifted(self, by: int) -> ExpressionError:
        """The same mistake, seen from a text in which the expression starts at ``by``."""
        return ExpressionError(self.message, self.offset + by, self.hint)


class Refused(Exception):
    """A value that an operator or a function doesn't take; whoever knows the place makes an ExpressionError of it."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def at(self, offset: int) -> ExpressionError:
        """This refusal with its place."""
        return ExpressionError(self.message, offset, self.hint)


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that ``name`` was probably meant to be, or None where nothing is near.

    A difference in upper and lower case alone always counts as near. Only the first 1,000 candidates are
    looked at, and none that is longer than 64 characters.
    """
    import difflib  # only a mistake pays for this import

    if len(name) > _LONGEST_NAME:
        return None
    known = [each for each in islice(candidates, _MOST_NAMES) if isinstance(each, str) and len(each) <= _LONGEST_NAME]
    folded = {each.casefold(): each for each in reversed(known)}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.65)
    return folded[close[0]] if close else None


def quoted(name: str) -> str:
    """A name as a message shows it: in quotes, and cut where it is long."""
    return repr(name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…")
