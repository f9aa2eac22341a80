"""What a secret may look like in a text, and texts as they look once escapes, punctuation and case are undone."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROUNDS: Final = 3  # layers of escapes: JSON in JSON in a URL


def forms_of(secret: str) -> Iterator[str]:
    """What a secret may look like once escapes are undone. Percent signs of every character leave its hex digits."""
    import codecs
    from base64 import a85encode, b85encode

    content = secret.encode(errors="surrogatepass")
    wide = secret.encode("utf-16-be", "surrogatepass")
    yield secret
    yield secret[::-1]
    yield codecs.encode(secret, "rot13")
    yield content.decode("latin-1")  # as a reader of escaped bytes has it
    for data in (content, content[::-1]):
        yield data.hex()
    yield wide.hex()[2:]  # without the first byte, so that it is also in what has the low byte first
    yield "".join(map(str, content))
    yield "".join(f"{byte:03}" for byte in content)
    yield "".join(f"{byte:o}" for byte in content)
    yield "".join(f"0x{byte:x}" for byte in content)
    yield "".join(f"{byte:08b}" for byte in content)
    for data in (content, wide, secret.encode("utf-16-le", "surrogatepass")):
        yield from _shifted(data, 3, 4)
    yield from _shifted(content, 5, 8)
    # the last of a group that is not full depends on what follows
    yield b85encode(content[: len(content) // 4 * 4]).decode()
    yield a85encode(content[: len(content) // 4 * 4]).decode()


def _shifted(content: bytes, group: int, digits: int) -> Iterator[str]:
    """Base64 (3 bytes in 4 digits) or base32 (5 in 8) of what holds ``content``, wherever in it that begins."""
    from base64 import b32encode, b64encode

    bits, encode = (6, b64encode) if digits == 4 else (5, b32encode)
    for before in range(group):
        whole = encode(b"\0" * before + content).decode()
        # the bytes beside it change the first and the last digit
        yield whole[-(-before * 8 // bits) : (before + len(content)) * 8 // bits]


def compact(text: str) -> str:
    """A text's letters and digits, in lower case."""
    if text.isascii():  # a tenth of the time of the pattern
        return text.encode().translate(_LOWER, _ODD_ASCII).decode()
    return _odd().sub("", text).lower()


_LOWER: Final = bytes(range(128)).lower() + bytes(range(128, 256))
_ODD_ASCII: Final = bytes(code for code in range(128) if not chr(code).isalnum())


@cache
def _odd() -> re.Pattern[str]:
    return re.compile(r"[\W_]+")


@cache
def _escapes() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Escaped characters: of URLs, JSON, programs and HTML; and those of mail."""
    hexadecimal = "[0-9a-fA-F]"
    general = (
        rf"[%\\&](?:(?<=%)(?:25)*({hexadecimal}{{2}})"
        rf"|(?<=\\)\\*(?:u({hexadecimal}{{4}})|[uU]\{{({hexadecimal}{{1,6}})\}}|[xX]({hexadecimal}{{2}}))"
        rf"|(?<=&)(?:amp;)*#[xX]0*({hexadecimal}{{2,6}});?"
        r"|(?<=&)(?:amp;)*#0*([0-9]{2,7});?"
        r"|(?<=\\)\\*([0-3]?[0-7]{2})"
        r"|(?<=&)(?:amp;)*([a-zA-Z]{2,20});"
        r"|(?<=\\)\\*[nrtbf])"
    )
    return re.compile(general), re.compile(rf"=(?:3D)*({hexadecimal}{{2}})|=\r?\n")


_BASES: Final = (16, 16, 16, 16, 16, 10, 8)  # of the groups above


def _decoded(match: re.Match[str]) -> str:
    for group, base in zip(match.groups(), _BASES, strict=False):
        if group is not None:
            code = int(group, base)
            return chr(code) if code < 0x110000 else ""
    if match.re.groups == len(_BASES) + 1 and match[len(_BASES) + 1]:
        from html.entities import html5  # 2,200 names, which hardly any text needs

        return html5.get(f"{match[len(_BASES) + 1]};", "")
    return ""


def views_of(text: str) -> Iterator[str]:
    """A text as it is, then with its escapes undone, once and again; last with those of mail undone."""
    yield text
    if not ("%" in text or "\\" in text or "&" in text or "=" in text):
        return
    general, mail = _escapes()
    view = text
    for _ in range(_ROUNDS):
        undone = general.sub(_decoded, view)
        if undone == view:
            break
        view = undone
        yield view
    if "=" in text and (undone := mail.sub(_decoded, text)) != text:
        yield undone


def trace_view(text: str, number: int) -> CompactView:
    """The view of this number (from 0) in `views_of`, compact."""
    views = list(views_of(text))
    general, mail = _escapes()
    is_mail = 0 < number == len(views) - 1 and views[number] == mail.sub(_decoded, text)
    traced = _Traced(text, list(range(len(text))), list(range(1, len(text) + 1)))
    for pattern in [mail] if is_mail else [general] * number:
        traced = traced.undo(pattern)
    letters: list[str] = []
    index: list[int] = []
    for at, character in enumerate(traced.text):
        if character.isalnum():
            for lower in character.lower():
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
