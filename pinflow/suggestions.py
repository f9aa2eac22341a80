"""Which name was probably meant."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Names are compared letter by letter, so both counts bound the work that an unknown name may cause.
_LONGEST_NAME = 64
_MOST_NAMES = 1_000


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


def quoted(value: object) -> str:
    """A name or another value as a message shows it: in quotes, and cut where it is long."""
    name = str(value)
    return repr(name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…")
