"""Source text of an expression -> tokens, each with its offset."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from pinflow.expressions.values import check_bounds
from pinflow.schema.invalid import Invalid
from pinflow.suggestions import quote

MAX_SOURCE: Final = 10_000  # characters: 80 times the longest of the bundled recipes, compiled within 0.2 s

TEXT: Final = r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\""""
NUMBER: Final = r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"

_TOKEN: Final = re.compile(
    rf"""[ \t\r\n]*(?:
      (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>\?\?|\?\.|==|!=|<=|>=|&&|\|\||[-+*/%<>!?:.,()\[\]{{}}])
    | (?P<text>{TEXT})
    | (?P<number>{NUMBER})(?![0-9A-Za-z_])
    | (?P<end>\Z)
    | (?P<bad>.))""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = r"(?s)\\(?:u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}|(.))"
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\\": "\\", "'": "'", '"': '"', "/": "/"}
_MEANT: Final = {  # what the signs of other languages are here
    "=": "use == to compare",
    "&": "use && for 'and'",
    "|": "use || for 'or'",
    "~": "texts are joined with +",
    "`": "put texts into quotes, and join them with +",
    "$": "names have no $; a loop's item is item, a step's result is steps.ID",
    ";": "an expression is one value; make two of it",
    **dict.fromkeys("\u2018\u2019\u201c\u201d", "use straight quotes"),
}


class Token(NamedTuple):
    """A word of the source: ``value`` is the sign or name itself, or the literal's value."""

    kind: str  # name, sign, text, number or end
    value: str | int | float
    offset: int


def tokens(source: str) -> list[Token]:
    """All tokens of an expression, closed by one of kind "end"; raises Invalid at the first that is unknown."""
    if len(source) > MAX_SOURCE:
        raise Invalid(f"the expression is longer than {MAX_SOURCE:,} characters", offset=MAX_SOURCE)
    words = []
    for match in _TOKEN.finditer(source):
        kind = match.lastgroup or "bad"
        offset = match.start(kind)
        value = match[kind]
        if kind in ("name", "sign", "end"):
            words.append(Token(kind, value, offset))
        elif kind == "bad":
            raise _unreadable(source, offset)
        else:
            words.append(
                Token(kind, parse_text_literal(value, offset) if kind == "text" else _number(value, offset), offset)
            )
        if kind == "end":
            break
    return words


def parse_text_literal(literal: str, offset: int) -> str:
    """The text that a quoted literal stands for; ``offset`` is where it starts, for the error."""
    body = literal[1:-1]
    if "\\" not in body:
        return _whole(body, offset)
    return _whole(re.sub(_ESCAPE, lambda match: _escape(match, offset + 1), body), offset)


def _whole(text: str, offset: int) -> str:
    """The text with escaped surrogate pairs joined; half of a pair isn't a character and is refused."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise Invalid("the text holds half of a character", "write it as \\u{...}", offset=offset) from None


def _escape(match: re.Match[str], offset: int) -> str:
    code = match[1] or match[2]
    if code:
        if int(code, 16) > 0x10FFFF:
            raise Invalid(f"invalid character {match[0]}", offset=offset + match.start())
        return chr(int(code, 16))
    if match[3] in _ESCAPED:
        return _ESCAPED[match[3]]
    raise Invalid(
        f"{quote(match[3])} can't follow a backslash", "write \\\\ for a backslash", offset=offset + match.start()
    )


def _number(literal: str, offset: int) -> int | float:
    try:
        if literal.isdigit():
            return check_bounds(int(literal[:40]))  # 40 digits are over the limit, as are all that follow
        return check_bounds(float(literal))
    except Invalid as invalid:
        raise invalid.at(offset=offset) from None


def _unreadable(source: str, offset: int) -> Invalid:
    char = source[offset]
    if char in "'\"":
        return unclosed_text(char, offset)
    if char.isascii() and char.isdigit():
        return Invalid(
            "this is not a number",
            "numbers are written like 7, 0.5 or 1e6; anything else goes in quotes",
            offset=offset,
        )
    hint = "write map(LIST, x, ...)" if source.startswith("=>", offset) else _MEANT.get(char, "")
    return Invalid(f"unexpected character {char!r}", hint, offset=offset)


def unclosed_text(quote: str, offset: int) -> Invalid:
    """The mistake of a quote that opens a text and has no partner on its line."""
    return Invalid(f"the text is not closed with {quote}", f"write \\{quote} for a quote within it", offset=offset)
