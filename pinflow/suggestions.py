"""The known name that a misspelt one probably meant."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# names are compared letter by letter: these bound the work for one unknown name
_LONGEST_NAME = 64
_MOST_NAMES = 1_000
_MOST_COMPARED = 8  # letter by letter: of names that are much alike each takes 0.1 ms, and there may be 500 mistakes
_MOST_LISTED = 40  # names in a hint: more than that is not read


_ALIKE = 0.65  # finds two swapped or wrong letters in a word of six, and does not suggest unrelated words


def nearest(name: str, candidates: Iterable[str], *, least: float = _ALIKE) -> str | None:
    """The candidate most similar to ``name``, or None if none is similar enough.

    ``least`` is the share of letters that they have in common and in order, from 0 to 1.
    A difference in case alone is always similar enough. Only the first 1,000 candidates of at most 64 characters
    are compared.
    """
    import difflib  # imported only after a mistake

    if len(name) > _LONGEST_NAME:
        return None
    names = [name for name in islice(candidates, _MOST_NAMES) if isinstance(name, str) and len(name) <= _LONGEST_NAME]
    folded = {name.casefold(): name for name in reversed(names)}
    if len(folded) > _MOST_COMPARED:
        from heapq import nlargest

        own = _features(name.casefold())
        folded = {key: folded[key] for key in nlargest(_MOST_COMPARED, folded, key=lambda key: _alike(own, key))}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=least)
    return folded[close[0]] if close else None


def _alike(own: frozenset[str], name: str) -> float:
    """How much of its letters and pairs of letters a name shares: cheap, and enough to leave most names out."""
    features = _features(name)
    return len(own & features) / (len(own) + len(features) or 1)


@lru_cache(maxsize=_MOST_NAMES)  # the same candidates are compared with each mistake
def _features(name: str) -> frozenset[str]:
    return frozenset(name).union(map("".join, pairwise(name)))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message: "; did you mean 'run'?", or "" if no known name is similar."""
    near = nearest(name, known)
    return f"; did you mean {near!r}?" if near else ""


def quote(value: object) -> str:
    """A name or another value for a message: in quotes, and cut if it is long."""
    name = str(value)
    return repr(name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…")


def suggest(name: str, known: Iterable[str], otherwise: str = "there are:") -> str:
    """A hint for an unknown name: the one that was probably meant, or those that there are."""
    names = list(known)
    near = nearest(name, names)
    if near:
        return f"did you mean {near!r}?"
    return f"{otherwise} {', '.join(names[:_MOST_LISTED])}" if names else "there are none"
