"""Regular expressions of strangers, read with Python's own meaning, without what can't be matched in linear time.

Python's ``re`` isn't used even to read them: ``re.compile(r"(?i)[\\x00-\\U0010ffff]")`` takes 15 ms, and a pattern of
500 characters has room for 95 of these classes.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal

from pinflow.lazy_dataclass import dataclass

MAX_LENGTH: Final = 500
MAX_SIZE: Final = 5000  # places that a pattern has once its counted repetitions are written out
_TOO_LARGE: Final = "is too large for a regular expression"
_SIMPLER: Final = "write a simpler one"
_REPEAT: Final = re.compile(r"\*|\+|\?|\{(?=[\d,])(\d{0,9})(?:(,)(\d{0,9}))?\}")
_FLAGS: Final = re.compile(r"\(\?([aimsux]*)(?:-([imsx]+))?([:)])")
_NAMED: Final = re.compile(r"\(\?P<([^\W\d]\w*)>")
_CODE: Final = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})")
_OCTAL: Final = re.compile(r"0[0-7]{0,2}|[0-3][0-7]{2}")
_LETTERS: Final = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NOT_LINEAR: Final = {
    "(?=": "look-ahead", "(?!": "look-ahead", "(?<": "look-behind", "(?P=": "a back reference",
    "(?(": "a condition", "(?>": "an atomic group",
}  # fmt: skip


class PatternError(ValueError):
    """What is wrong with a pattern, as a person reads it behind its name, and how many characters into it."""

    def __init__(self, message: str, offset: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of ranges (of code points) and categories: d, w, s, and their opposites D, W, S."""

    ranges: tuple[tuple[int, int], ...]
    categories: str = ""
    negated: bool = False
    fold: bool = False
    ascii: bool = False

    def has(self, char: str) -> bool:
        forms = {char, char.lower(), char.upper()} if self.fold and (char.isascii() or not self.ascii) else {char}
        return self.negated != any(self._has(form) for form in forms if len(form) == 1)

    def _has(self, char: str) -> bool:
        code = ord(char)
        if any(low <= code <= high for low, high in self.ranges):
            return True
        return any(is_in_category(char, name.lower(), ascii=self.ascii) == name.islower() for name in self.categories)


@dataclass(frozen=True, slots=True)
class Assertion:
    """A place in the text.

    A is its start, Z its end, $ its end or before a last line end; ^ and & are start and end of a line; b and B are
    Python's.
    """

    kind: Literal["A", "Z", "$", "b", "B", "^", "&"]
    ascii: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    branches: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """``most`` is None where there is no end."""

    part: Part
    least: int
    most: int | None


Part = Chars | Assertion | Sequence | Choice | Repeat


def is_in_category(char: str, name: str, *, ascii: bool) -> bool:
    """Whether ``\\d``, ``\\w`` or ``\\s`` (its letter is ``name``) takes a character."""
    if ascii and not char.isascii():
        return False
    match name:
        case "d":
            return char.isdecimal()
        case "w":
            return char.isalnum() or char == "_"
    return char.isspace()


def parse_pattern(text: str, *, ascii: bool = False) -> Part:
    """What a pattern means.

    Raises PatternError for one that is wrong, too large, or can't be matched in linear time.
    """
    if len(text) > MAX_LENGTH:
        raise PatternError(f"is longer than {MAX_LENGTH} characters", hint=_SIMPLER)
    try:
        return _PatternParser(text, frozenset("a" if ascii else "")).whole()
    except RecursionError:
        raise PatternError(_TOO_LARGE, hint=_SIMPLER) from None


class _PatternParser:
    def __init__(self, text: str, flags: frozenset[str]) -> None:
        self._text = text
        self._at = 0
        self._flags = flags

    def whole(self) -> Part:
        if (match := _FLAGS.match(self._text)) and match[3] == ")" and match[1]:
            self._flags |= frozenset(match[1])
            self._at = match.end()
        part, size = self._choice()
        if self._at < len(self._text):
            raise self._wrong("unbalanced parenthesis")
        if size > MAX_SIZE:
            raise PatternError(_TOO_LARGE, hint=_SIMPLER)
        return part

    def _choice(self) -> tuple[Part, int]:
        branches = [self._sequence()]
        while self._text.startswith("|", self._at):
            self._at += 1
            branches.append(self._sequence())
        if len(branches) == 1:
            return branches[0]
        return Choice(tuple(part for part, _ in branches)), sum(size for _, size in branches) + len(branches)

    def _sequence(self) -> tuple[Part, int]:
        parts: list[Part] = []
        whole = 1
        while (start := self._skip()) < len(self._text) and self._text[start] not in "|)":
            part, size = self._atom()
            if part is not None:
                part, size = self._repeated(part, size, start)
                parts.append(part)
                whole += size
        return (parts[0] if len(parts) == 1 else Sequence(tuple(parts))), whole

    def _skip(self) -> int:
        """To what counts next: a verbose pattern has spaces and comments, any pattern comments in groups."""
        while True:
            if "x" in self._flags and (match := re.compile(r"\s+|#[^\n]*").match(self._text, self._at)):
                self._at = match.end()
            elif self._text.startswith("(?#", self._at):
                end = self._text.find(")", self._at)
                if end < 0:
                    raise self._wrong("missing ), unterminated comment")
                self._at = end + 1
            else:
                return self._at

    def _repeated(self, part: Part, size: int, start: int) -> tuple[Part, int]:
        self._skip()
        match = _REPEAT.match(self._text, self._at)
        if match is None:
            return part, size
        if isinstance(part, Assertion):
            raise self._wrong("nothing to repeat")
        least, most = _counts(match)
        if most is not None and most < least:
            raise self._wrong("min repeat greater than max repeat")
        self._at = match.end()
        if self._text.startswith("+", self._at):
            raise _not_linear("a possessive repetition", "+", self._at)
        self._at += self._text.startswith("?", self._at)  # lazy or not: the same texts match
        self._skip()
        if _REPEAT.match(self._text, self._at):
            raise self._wrong("multiple repeat")
        # each copy is looked at, even one of nothing
        copies = least + 1 if most is None else most
        size = (size + 1) * max(copies, 1)
        if size > MAX_SIZE:
            raise PatternError(_TOO_LARGE, start, _SIMPLER)
        return Repeat(part, least, most), size

    def _atom(self) -> tuple[Part | None, int]:
        char = self._text[self._at]
        if char == "(":
            return self._group()
        if char == "[":
            return self._class(), 1
        if char == "\\":
            return self._escape(), 1
        if _REPEAT.match(self._text, self._at):
            raise self._wrong("nothing to repeat")
        self._at += 1
        lines = "m" in self._flags
        match char:
            case ".":
                return Chars(() if "s" in self._flags else ((10, 10),), negated=True), 1
            case "^":
                return Assertion("^" if lines else "A"), 1
            case "$":
                return Assertion("&" if lines else "$"), 1
        return self._chars(((ord(char), ord(char)),)), 1

    def _chars(self, ranges: tuple[tuple[int, int], ...], categories: str = "", *, negated: bool = False) -> Chars:
        return Chars(ranges, categories, negated, "i" in self._flags, "a" in self._flags)

    def _group(self) -> tuple[Part | None, int]:
        start, outside = self._at, self._flags
        if match := _NAMED.match(self._text, start):
            self._at = match.end()
        elif match := _FLAGS.match(self._text, start):
            if match[3] == ")":
                raise self._wrong("global flags not at the start of the expression")
            self._flags = (outside | frozenset(match[1])) - frozenset(match[2] or "")
            if "u" in match[1]:
                self._flags -= {"a"}
            self._at = match.end()
        elif self._text.startswith("(?", start):
            self._refuse(start)
        else:
            self._at += 1
        part, size = self._choice()
        if not self._text.startswith(")", self._at):
            self._at = start
            raise self._wrong("missing ), unterminated subpattern")
        self._at += 1
        self._flags = outside
        return (Sequence((part,)) if isinstance(part, Assertion) else part), size

    def _refuse(self, start: int) -> None:
        for opening, name in _NOT_LINEAR.items():
            if self._text.startswith(opening, start):
                raise _not_linear(name, opening, start)
        raise self._wrong("unknown extension")

    def _escape(self) -> Part:
        start = self._at
        char = self._text[start + 1 : start + 2]
        if char in ("A", "Z", "b", "B"):
            self._at += 2
            return Assertion(char, "a" in self._flags)  # type: ignore[arg-type]
        if char in "123456789" and char and not re.compile(r"[0-3][0-7]{2}").match(self._text, start + 1):
            raise _not_linear("a back reference", f"\\{char}", start)
        code = self._code()
        return self._chars((), code) if isinstance(code, str) else self._chars(((code, code),))

    def _code(self) -> int | str:
        """The code point, or the category's letter, of an escape."""
        start, char = self._at, self._text[self._at + 1 : self._at + 2]
        self._at += 2
        if char and char in "dDwWsS":
            return char
        if char in _LETTERS:
            return ord(_LETTERS[char])
        if match := _CODE.match(self._text, start + 1):
            self._at = match.end()
            if (code := int(match[1] or match[2] or match[3], 16)) <= 0x10FFFF:
                return code
        elif match := _OCTAL.match(self._text, start + 1):
            self._at = match.end()
            return int(match[0], 8)
        elif char == "N" and (named := re.compile(r"N\{([^}]{1,100})\}").match(self._text, start + 1)):
            self._at = named.end()
            try:
                return ord(unicodedata.lookup(named[1]))
            except (KeyError, TypeError):
                pass
        elif char and not (char.isascii() and char.isalnum()):
            return ord(char)
        self._at = start
        raise self._wrong(f"bad escape \\{char}")

    def _class(self) -> Chars:
        start = self._at
        negated = self._text.startswith("^", start + 1)
        self._at += 1 + negated
        first, ranges, categories = self._at, list[tuple[int, int]](), ""
        while not (self._text.startswith("]", self._at) and self._at > first):
            low = self._member(start)
            if isinstance(low, str):
                categories += low
            elif self._text.startswith("-", self._at) and self._text[self._at + 1 : self._at + 2] not in ("", "]"):
                self._at += 1
                high = self._member(start)
                if isinstance(high, str) or high < low:
                    raise self._wrong("bad character range")
                ranges.append((low, high))
            else:
                ranges.append((low, low))
        self._at += 1
        return self._chars(tuple(ranges), categories, negated=negated)

    def _member(self, start: int) -> int | str:
        if self._at >= len(self._text):
            self._at = start
            raise self._wrong("unterminated character set")
        if self._text[self._at] != "\\":
            self._at += 1
            return ord(self._text[self._at - 1])
        if self._text.startswith("\\b", self._at):
            self._at += 2
            return 8
        return self._code()

    def _wrong(self, message: str) -> PatternError:
        return PatternError(f"isn't a regular expression: {message}", self._at)


def _not_linear(name: str, written: str, offset: int) -> PatternError:
    hint = "write what the whole text may be, without it; choices: can list what is allowed"
    return PatternError(f"can't have {name}, {written}: patterns are matched in linear time", offset, hint)


def _counts(match: re.Match[str]) -> tuple[int, int | None]:
    match match[0]:
        case "*":
            return 0, None
        case "+":
            return 1, None
        case "?":
            return 0, 1
    least = int(match[1] or 0)
    if not match[2]:
        return least, least
    return least, int(match[3]) if match[3] else None
