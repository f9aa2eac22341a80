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


def _each(form: str) -> Callable[[str], str]:
    return lambda text: "".join(form.format(byte) for byte in text.encode())


def _mixed(text: str) -> str:
    forms = ("%{:02x}", "%25{:02X}", "&#{};", "\\u{:04x}", "\\x{:02x}", "&#x{:x};")
    chosen = random.Random(7)
    return "".join(chosen.choice(forms).format(byte) if chosen.random() < 0.5 else chr(byte) for byte in text.encode())


ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "backwards": lambda text: text[::-1],
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "percent": lambda text: quote(text, safe=""),
    "percent of every character": _each("%{:02X}"),
    "percent in lower case": _each("%{:02x}"),
    "double percent": lambda text: quote(_each("%{:02X}")(text)),
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
    "escapes of programs": _each("\\x{:02x}"),
    "octal": _each("\\{:o}"),
    "HTML": html.escape,
    "HTML by numbers": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "HTML by hex numbers": lambda text: "".join(f"&#x{ord(character):X};" for character in text),
    "quoted-printable": _each("={:02X}"),
    "one character a line": "\n".join,
    "spaced": " ".join,
    "with escaped line ends": lambda text: "\\n".join(text[i : i + 7] for i in range(0, len(text), 7)),
    "with marks that nobody sees": "\u200b".join,
    "a list of characters": lambda text: str(list(text)),
    "a list of bytes": lambda text: str(list(text.encode())),
    "binary": _each("{:08b} "),
    "mixed": _mixed,
}
