"""What a secret may look like in a text, and texts as they look once escapes, punctuation and case are undone."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ROUNDS: Final = 3  # layers of escapes: JSON in JSON in a URL
_ERASED: Final = 8  # characters in a row that backspaces take back


def forms_of(secret: str) -> Iterator[str]:
    """What a secret may look like once escapes are undone. Percent signs of every character leave its hex digits."""
    import codecs
    from base64 import a85encode, b32encode, b32hexencode, b64encode, b85encode

    content = secret.encode(errors="surrogatepass")
    backwards = secret[::-1].encode(errors="surrogatepass")
    # without what stands before the first low byte, so that they are also in what has the low byte first
    wide = secret.encode("utf-16-be", "surrogatepass")[1:]
    wider = secret.encode("utf-32-be", "surrogatepass")[3:]
    yield secret
    yield secret[::-1]
    yield codecs.encode(secret, "rot13")
    yield content.decode("latin-1")  # as a reader of escaped bytes has it
    for data in (content, backwards, wide, wider):
        yield data.hex()
        yield from _shifted(data, b64encode, 3, 4)
    for number in ("{}", "{:03}", "{:o}", "0o{:o}", "0x{:x}", "{:08b}", "0b{:b}"):
        yield "".join(map(number.format, content))
    yield "".join(f"u{ord(character):04x}" for character in secret)
    yield from _shifted(content, b32encode, 5, 8)
    yield from _shifted(content, b32hexencode, 5, 8)
    # the last of a group that is not full depends on what follows
    yield b85encode(content[: len(content) // 4 * 4]).decode()
    yield a85encode(content[: len(content) // 4 * 4]).decode()
    for once in _encoded(content):  # and once more: more layers than two would be four times as many forms each
        yield once.hex()
        yield from _shifted(once, b64encode, 3, 4)


def _encoded(content: bytes) -> set[bytes]:
    """Hex and base64 of what is encoded by itself."""
    from base64 import b64encode, urlsafe_b64encode

    digits = content.hex().encode()
    return {digits, digits.upper(), b64encode(content).rstrip(b"="), urlsafe_b64encode(content).rstrip(b"=")}


def _shifted(content: bytes, encode: Callable[[bytes], bytes], group: int, digits: int) -> Iterator[str]:
    """Base64 (3 bytes in 4 digits) or base32 (5 in 8) of what holds ``content``, wherever in it that begins."""
    bits = group * 8 // digits
    for before in range(group):
        whole = encode(b"\0" * before + content).decode()
        # the bytes beside it change the first and the last digit
        yield whole[-(-before * 8 // bits) : (before + len(content)) * 8 // bits]


def compact(text: str) -> str:
    """A text's letters and digits, in lower case: without accents, and wide, raised or ornate ones as usual ones."""
    if text.isascii():  # a tenth of the time of the pattern
        return compact_ascii(text.encode()).decode()
    from unicodedata import normalize

    return _odd().sub("", normalize("NFKD", text)).lower()


def compact_ascii(content: bytes) -> bytes:
    """The same of ASCII."""
    return content.translate(_LOWER, _ODD_ASCII)


def is_plain(content: bytes) -> bool:
    """Whether a text is ASCII, and surely has nothing to undo: `views_of` would give it as it is, and no other view."""
    return content.isascii() and not any(map(content.__contains__, _SIGNS))


_SIGNS: Final = (b"%", b"\\", b"&", b"=", b"<", b"\x1b", b"^[", b"\b")  # of escapes, and of what is obeyed


_LOWER: Final = bytes(range(128)).lower() + bytes(range(128, 256))
_ODD_ASCII: Final = bytes(code for code in range(128) if not chr(code).isalnum())


@cache
def _odd() -> re.Pattern[str]:
    return re.compile(r"[\W_]+")


@cache
def _escapes() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Escaped characters: of URLs, JSON, programs, style sheets and HTML; and those of mail."""
    digit = "[0-9a-fA-F]"
    general = (
        rf"[%\\&](?:(?<=%)(?:25)*({digit}{{2}})"
        rf"|(?<=\\)\\*u([dD][89abAB]{digit}{{2}}\\+u[dD][c-fC-F]{digit}{{2}})"
        rf"|(?:(?<=%)(?:25)*|(?<=\\)\\*)u({digit}{{4}})"
        rf"|(?<=\\)\\*(?:U({digit}{{8}})|[uUxX]\{{({digit}{{1,6}})\}}|[xX]({digit}{{2}})|(00{digit}{{4}}))"
        rf"|(?<=&)(?:amp;)*#[xX]0*({digit}{{2,6}});?"
        r"|(?<=&)(?:amp;)*#0*([0-9]{2,7});?"
        r"|(?<=\\)\\*([0-3]?[0-7]{2})"
        r"|(?<=&)(?:amp;)*([a-zA-Z]{2,20});"
        r"|(?<=\\)\\*([enrtbf]))"
    )
    return re.compile(general), re.compile(rf"=(?:3D)*({digit}{{2}})|=\r?\n")


_PAIR: Final = 0  # of surrogates: a character in two parts
_BASES: Final = (16, _PAIR, 16, 16, 16, 16, 16, 16, 10, 8)  # of the groups above, but for the last two, which are words


@cache
def _unseen() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What a terminal or a browser obeys and does not show; and what a backspace takes back.

    No part goes over the beginning of another, so that the time is linear.
    """
    escape, ending = r"(?:\x1b|\^\[)", r"(?:\x07|\x1b\\|\^\[\\|\x9c)"
    markup = (
        rf"(?:{escape}\[|\x9b)[0-?]*[ -/]*[@-~]"
        rf"|(?:{escape}[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f\n]*{ending}"
        rf"|{escape}[ -/]*[0-~]"
        r"|<[a-zA-Z/!?][^<>]*>"
    )
    return re.compile(markup), re.compile(r"[^\x08]\x08")


def _decoded(match: re.Match[str]) -> str:
    groups = match.groups()
    for group, base in zip(groups, _BASES, strict=False):
        if group is not None:
            if base == _PAIR:
                return chr(0x10000 + (int(group[1:4], 16) - 0x800 << 10) + int(group[-3:], 16) - 0xC00)
            code = int(group, base)
            return chr(code) if code < 0x110000 else ""
    if len(groups) > len(_BASES):
        name, letter = groups[-2:]
        if name:
            from html.entities import html5  # 2,200 names, which hardly any text needs

            return html5.get(f"{name};", "")
        return {"b": "\b", "e": "\x1b"}.get(letter, "")
    return ""


class View(NamedTuple):
    """A text with something undone: what ``steps`` match, one after the other."""

    text: str
    steps: tuple[re.Pattern[str], ...] = ()

    def undo(self, step: re.Pattern[str]) -> View:
        """Itself if there is nothing to undo."""
        text = step.sub(_decoded, self.text)
        return self if text == self.text else View(text, (*self.steps, step))


def views_of(text: str) -> Iterator[View]:
    """A text as it is, and as it is shown; with its escapes undone, once and again; last with those of mail undone."""
    view = View(text)
    yield view
    yield from _as_shown(view)
    if "%" in text or "\\" in text or "&" in text:
        for _ in range(_ROUNDS):
            undone = view.undo(_escapes()[0])
            if undone is view:
                break
            view = undone
            yield view
        if view.steps:
            yield from _as_shown(view)
    if "=" in text and (undone := View(text).undo(_escapes()[1])).steps:
        yield undone


_OBEYED: Final = "\x90\x98\x9b\x9d\x9e\x9f"  # what terminals obey, besides escapes


def _as_shown(view: View) -> Iterator[View]:
    """A view without what is obeyed and not shown, if there is any."""
    shown = view
    text = view.text
    if "<" in text or "\x1b" in text or "^[" in text or (not text.isascii() and any(map(text.__contains__, _OBEYED))):
        shown = shown.undo(_unseen()[0])
    if "\b" in text:
        for _ in range(_ERASED):
            before, shown = shown, shown.undo(_unseen()[1])
            if before is shown:
                break
    if shown is not view:
        yield shown


def trace_view(text: str, steps: tuple[re.Pattern[str], ...]) -> CompactView:
    """The view of a text that these steps lead to, compact."""
    from unicodedata import normalize

    traced = _Traced(text, list(range(len(text))), list(range(1, len(text) + 1)))
    for pattern in steps:
        traced = traced.undo(pattern)
    letters: list[str] = []
    index: list[int] = []
    for at, character in enumerate(traced.text):
        for letter in character if character.isascii() else normalize("NFKD", character):
            if letter.isalnum():
                for lower in letter.lower():
                    letters.append(lower)
                    index.append(at)
    return CompactView("".join(letters), [traced.starts[at] for at in index], [traced.ends[at] for at in index])


class CompactView(NamedTuple):
    """A compact text, and where in the original each of its characters begins and ends."""

    text: str
    starts: list[int]
    ends: list[int]


class _Traced(NamedTuple):
    """The same of a text that is not compact yet."""

    text: str
    starts: list[int]
    ends: list[int]

    def undo(self, pattern: re.Pattern[str]) -> _Traced:
        parts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        last = 0
        for match in pattern.finditer(self.text):
            start, end, character = match.start(), match.end(), _decoded(match)
            parts += (self.text[last:start], character)
            starts += self.starts[last:start] + [self.starts[start]] * len(character)
            ends += self.ends[last:start] + [self.ends[end - 1]] * len(character)
            last = end
        return _Traced("".join([*parts, self.text[last:]]), starts + self.starts[last:], ends + self.ends[last:])
