"""Addresses of the web in text, and what to do with a text that is none."""

from __future__ import annotations

import re
from typing import Final

# what a browser would open: a host that can be named, and nothing that no address holds (spaces, controls)
_ADDRESS: Final = re.compile(
    r"https?://(?:[^\s/?#@\\]*@)?"
    r"(?:[^\W_](?:[\w-]*[^\W_])?(?:\.[^\W_](?:[\w-]*[^\W_])?)*\.?|\[[0-9a-f:.]+\])"
    r"(?::(\d{1,5}))?(?:[/?#][^\s\x00-\x1f\x7f]*)?",
    re.IGNORECASE,
)
_PATH: Final = re.compile(r"[a-z]:[\\/]|[a-z]:[^/]|file:|\\|/(?!/)|\.{1,2}[\\/]|~[\\/]", re.IGNORECASE)
_SCHEME: Final = re.compile(r"h\w{0,3}ps?[:/;]|(?!file:)[a-z]\w+:", re.IGNORECASE)  # misspelt ones too, and no drive
_HOST: Final = re.compile(r"(?:[\w-]+\.)+[^\W\d_]{2,}(?::\d+)?(?:[/?#]|$)")
_PICTURE: Final = re.compile(r"[^/:]+\.(?:jpe?g|png|gif|webp|heic|tiff?|bmp|mp4|m4v|mov)", re.IGNORECASE)
_SHOWN: Final = 200  # characters of an address that is proposed: a longer one is known by its beginning


def is_address(text: str) -> bool:
    """Whether a text is an address of the web: http or https, a host, and no space."""
    match = _ADDRESS.fullmatch(text)
    return match is not None and (match[1] is None or int(match[1]) < 65_536)


def address_hint(text: str, path_hint: str) -> str:
    """What to do with a text that is not an address; ``path_hint`` is for the path of a file on this computer."""
    if _SCHEME.match(text):
        spaced = text != (joined := re.sub(r"\s", "", text)) and is_address(joined)
        return "a space in an address is written %20" if spaced else "an address begins with https:// and a host"
    if text.startswith("//"):
        return _completed("https:", text)
    *folders, name = text.split("/")
    if _PATH.match(text) or (_PICTURE.fullmatch(name) and not _HOST.match(f"{folders[0]}/" if folders else "")):
        return f"it is a file on this computer{f': {path_hint}' if path_hint else ''}"
    return _completed("https://", text) if _HOST.match(text) else ""


def _completed(beginning: str, text: str) -> str:
    """A hint with the whole address that a text without its beginning is meant to be."""
    address = re.sub(r"\s", "%20", f"{beginning}{text.strip()}")
    if len(address) > _SHOWN or not is_address(address):
        return f"write {beginning} before it"
    return f"did you mean {address}?"
