"""Patterns that strangers wrote, of recipes and of descriptions of APIs, matched in time linear in the text.

Python's ``re`` needs time exponential in the text for some patterns and can't be interrupted. RE2, a library without
that fault (google-re2 1.1), has no wheel for Alpine, no types, takes 9 ms to import, and doesn't know ``\\Z`` nor the
letters and digits beyond ASCII that ``\\w`` and ``\\d`` mean in recipes. All that is asked here is yes or no, and for
that a set of states, moved on with each character, is enough: 0.4 s for a text of a million characters.
"""

from __future__ import annotations

from functools import lru_cache

from pinflow.lazy_dataclass import dataclass
from pinflow.schema.pattern_parser import (
    Assertion,
    Chars,
    Choice,
    Part,
    PatternError,
    Repeat,
    Sequence,
    is_in_category,
    parse_pattern,
)

__all__ = ["Effort", "PatternError", "TooMuchEffort", "fits_pattern", "is_pattern", "matches", "parse_pattern"]

_EFFORT = 200_000  # a few hundred are usual; so many take 0.2 s
_KEPT = 5000  # numbers of states in all the moves that are kept: 0.3 MB a pattern, and a usual one has 50


class TooMuchEffort(Exception):
    """The pattern and the text were made to take long together."""


@dataclass(slots=True)
class Effort:
    """Steps that matching may still take, in all that shares it."""

    left: int = _EFFORT

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise TooMuchEffort


def matches(pattern: str, text: str, effort: Effort, *, anywhere: bool = False, ascii: bool = False) -> bool:
    """Whether a pattern matches the whole text, or, with ``anywhere``, a part of it.

    ``ascii`` is for patterns whose ``\\d``, ``\\w`` and ``\\s`` mean ASCII's only, as JavaScript's do. Raises
    PatternError for a pattern that ``parse_pattern`` refuses, and TooMuchEffort.
    """
    effort.spend(1)
    return _machine(pattern, ascii).run(text, effort, anywhere=anywhere)


def is_pattern(text: str) -> bool:
    """Whether a text is a regular expression that can be matched in linear time."""
    try:
        parse_pattern(text)
    except PatternError:
        return False
    return True


def fits_pattern(pattern: str, text: str) -> bool:
    """Whether a pattern of JSON Schema matches a part of a text. One that can't be used fits any text.

    A text that was made to take long doesn't fit.
    """
    try:
        return matches(pattern, text, Effort(), anywhere=True, ascii=True)
    except PatternError:
        return True
    except TooMuchEffort:
        return False


@lru_cache(maxsize=64)
def _machine(pattern: str, ascii: bool) -> _PatternMachine:
    return _PatternMachine(parse_pattern(pattern, ascii=ascii))


_END = 0  # the state in which the pattern has matched


class _PatternMachine:
    """States of a pattern: each takes a character, stands at a place, or leads to others."""

    def __init__(self, part: Part) -> None:
        self._states: list[Chars | Assertion | tuple[int, ...]] = [()]
        self._next: list[int] = [_END]
        self._first = frozenset([self._build(part, _END)])
        self._places = tuple({state for state in self._states if isinstance(state, Assertion)})
        self._moves: dict[tuple[frozenset[int], tuple[bool, ...], str, bool], tuple[bool, frozenset[int]]] = {}
        self._kept = 0

    def run(self, text: str, effort: Effort, *, anywhere: bool) -> bool:
        effort.spend(len(self._states))  # what it took to make them, the first time
        states = self._first
        for at in range(len(text) + 1):
            holds = tuple([_holds(place, text, at) for place in self._places]) if self._places else ()
            char = text[at : at + 1]
            move = self._moves.get((states, holds, char, anywhere))
            if move is None:
                move = self._moved(states, holds, char, effort, anywhere=anywhere)
                self._keep((states, holds, char, anywhere), move)
            ended, states = move
            if ended and (anywhere or not char):
                return True
            if not states:
                return False
        return False

    def _keep(self, key: tuple[frozenset[int], tuple[bool, ...], str, bool], move: tuple[bool, frozenset[int]]) -> None:
        self._kept += 1 + len(move[1])
        if self._kept > _KEPT:
            self._kept = 0
            self._moves.clear()
        self._moves[key] = move

    def _moved(
        self, states: frozenset[int], holds: tuple[bool, ...], char: str, effort: Effort, *, anywhere: bool
    ) -> tuple[bool, frozenset[int]]:
        """Whether the pattern ends before ``char``, and the states behind it."""
        place_holds = dict(zip(self._places, holds, strict=True))
        seen, waiting, after = set(states), list(states), set(self._first if anywhere else ())
        while waiting:
            number = waiting.pop()
            state = self._states[number]
            if isinstance(state, Chars):
                effort.spend(1 + len(state.ranges))
                if char and state.has(char):
                    after.add(self._next[number])
                continue
            effort.spend(1)
            leads = state if isinstance(state, tuple) else (self._next[number],) if place_holds[state] else ()
            waiting += (other for other in leads if other not in seen)
            seen.update(leads)
        return _END in seen, frozenset(after)

    def _build(self, part: Part, then: int) -> int:
        """The state at which ``part`` begins, if ``then`` follows it."""
        match part:
            case Sequence(parts):
                for piece in reversed(parts):
                    then = self._build(piece, then)
                return then
            case Choice(branches):
                return self._add(tuple([self._build(branch, then) for branch in branches]), _END)
            case Repeat(body, least, most):
                if most is None:
                    loop = self._add((), _END)
                    self._states[loop] = (self._build(body, loop), then)
                    then = loop
                for _ in range(0 if most is None else most - least):
                    then = self._add((self._build(body, then), then), _END)
                for _ in range(least):
                    then = self._build(body, then)
                return then
        return self._add(part, then)

    def _add(self, state: Chars | Assertion | tuple[int, ...], then: int) -> int:
        self._states.append(state)
        self._next.append(then)
        return len(self._states) - 1


def _holds(place: Assertion, text: str, at: int) -> bool:
    """Whether an assertion holds before the character at ``at``."""
    match place.kind:
        case "A":
            return at == 0
        case "Z":
            return at == len(text)
        case "^":
            return at == 0 or text[at - 1] == "\n"
        case "&":
            return at == len(text) or text[at] == "\n"
        case "$":
            return at == len(text) or (at == len(text) - 1 and text[at] == "\n")
    before, behind = (
        char != "" and is_in_category(char, "w", ascii=place.ascii) for char in (text[at - 1 : at], text[at : at + 1])
    )
    return (before != behind) == (place.kind == "b") and (place.kind == "b" or bool(text))
