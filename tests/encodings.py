"""How a text may be written so that it is not recognised at a glance."""

from __future__ import annotations

import base64
import codecs
import html
import json
import random
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable


def _format_bytes(form: str) -> Callable[[str], str]:
    return lambda text: "".join(form.format(byte) for byte in text.encode())


def _mixed(text: str) -> str:
    forms = ("%{:02x}", "%25{:02X}", "&#{};", "\\u{:04x}", "\\x{:02x}", "&#x{:x};")
    chosen = random.Random(7)
    return "".join(chosen.choice(forms).format(byte) if chosen.random() < 0.5 else chr(byte) for byte in text.encode())


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _hex(text: str) -> str:
    return text.encode().hex()


def _between(mark: str) -> Callable[[str], str]:
    return lambda text: mark.join(text[i : i + 7] for i in range(0, len(text), 7))


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _bold(text: str) -> str:
    """Letters of formulas, which are beyond the first 65,536 characters."""
    ranges = (("a", "z", 0x1D41A), ("A", "Z", 0x1D400), ("0", "9", 0x1D7CE))
    moved = {chr(code): chr(to + code - ord(a)) for a, z, to in ranges for code in range(ord(a), ord(z) + 1)}
    return "".join(moved.get(c, c) for c in text)


ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "backwards": lambda text: text[::-1],
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "percent": lambda text: quote(text, safe=""),
    "percent of every character": _format_bytes("%{:02X}"),
    "percent in lower case": _format_bytes("%{:02x}"),
    "double percent": lambda text: quote(_format_bytes("%{:02X}")(text)),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 after one byte": lambda text: base64.b64encode(b":" + text.encode()).decode(),
    "base64 after two bytes": lambda text: base64.b64encode(b"ab" + text.encode() + b"c").decode(),
    "base64 for URLs, not padded": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 in lines": lambda text: "\n".join(
        base64.b64encode(text.encode()).decode()[i : i + 9] for i in range(0, 60, 9)
    ),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "base85": lambda text: base64.b85encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "hex in upper case": lambda text: text.encode().hex().upper(),
    "hex with colons": lambda text: text.encode().hex(":"),
    "hex of UTF-16": lambda text: text.encode("utf-16-le").hex(),
    "hex of UTF-16, big end first": lambda text: text.encode("utf-16-be").hex(),
    "JSON": lambda text: json.dumps(text),
    "JSON of every character": lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    "JSON in JSON": lambda text: json.dumps("".join(f"\\u{ord(character):04x}" for character in text)),
    "escapes of programs": _format_bytes("\\x{:02x}"),
    "octal": _format_bytes("\\{:o}"),
    "HTML": html.escape,
    "HTML by numbers": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "HTML by hex numbers": lambda text: "".join(f"&#x{ord(character):X};" for character in text),
    "quoted-printable": _format_bytes("={:02X}"),
    "one character a line": "\n".join,
    "spaced": " ".join,
    "with escaped line ends": lambda text: "\\n".join(text[i : i + 7] for i in range(0, len(text), 7)),
    "with marks that nobody sees": "\u200b".join,
    "a list of characters": lambda text: str(list(text)),
    "a list of bytes": lambda text: str(list(text.encode())),
    "binary": _format_bytes("{:08b} "),
    "mixed": _mixed,
    "with colours": lambda text: f"\x1b[1m{text[:9]}\x1b[0m{text[9:]}",
    "with colours in the short form": _between("\x9b38;5;1m"),
    "with titles of a terminal": _between("\x1b]0;a title\x07"),
    "with links of a terminal": _between("\x1b]8;;http://a.example\x1b\\"),
    "with titles in the short form": _between("\x9d0;a title\x9c"),
    "with character sets": _between("\x1b(B"),
    "with colours that are escaped": _between("\\x1b[1m"),
    "with colours in JSON": lambda text: json.dumps(_between("\x1b[1m")(text)),
    "with colours as they are shown": _between("^[[1m"),
    "with backspaces": lambda text: "".join(f"{character}x\b" for character in text),
    "with two backspaces": _between("no\b\b"),
    "struck over": lambda text: "".join(f"{character}\b{character}" for character in text),
    "with backspaces in JSON": lambda text: json.dumps("".join(f"{character}x\b" for character in text)),
    "full width": _wide,
    "full width in JSON": lambda text: json.dumps(_wide(text)),
    "bold letters": _bold,
    "bold letters in JSON": lambda text: json.dumps(_bold(text)),
    "with accents": "\u0301".join,
    "with tags": _between("<br>"),
    "with tags and comments": _between("<!-- x --><span class='a'>"),
    "with tags that are escaped": _between("&lt;br /&gt;"),
    "percent u": _format_bytes("%u{:04x}"),
    "long escapes of programs": _format_bytes("\\U{:08x}"),
    "escapes in braces": _format_bytes("\\x{{{:x}}}"),
    "escapes of style sheets": _format_bytes("\\{:06x} "),
    "short escapes of style sheets": _format_bytes("\\{:x} "),
    "names of characters": lambda text: " ".join(f"U+{ord(character):04X}" for character in text),
    "octal numbers": lambda text: str([oct(byte) for byte in text.encode()]),
    "binary numbers": lambda text: str([bin(byte) for byte in text.encode()]),
    "base64 of what is backwards": lambda text: _b64(text[::-1]),
    "base64 of base64": lambda text: _b64(_b64(text)),
    "base64 of base64 for URLs": lambda text: _b64(base64.urlsafe_b64encode(text.encode()).decode()),
    "base64 of hex": lambda text: _b64(_hex(text)),
    "base64 of hex in upper case": lambda text: _b64(_hex(text).upper()),
    "base64 of base64 among others": lambda text: _b64(f"a {_b64(text)} b"),
    "hex of base64": lambda text: _hex(_b64(text)),
    "hex of hex": lambda text: _hex(_hex(text)),
    "hex of what is backwards": lambda text: _hex(text[::-1]),
    "base32hex": lambda text: base64.b32hexencode(text.encode()).decode(),
    "hex of UTF-32": lambda text: text.encode("utf-32-le").hex(),
    "hex of UTF-32, big end first": lambda text: text.encode("utf-32-be").hex(),
    "base64 of UTF-32": lambda text: base64.b64encode(text.encode("utf-32-le")).decode(),
    "base64 of UTF-32, big end first": lambda text: base64.b64encode(text.encode("utf-32-be")).decode(),
    "base64 of UTF-16, big end first": lambda text: base64.b64encode(text.encode("utf-16-be")).decode(),
}
