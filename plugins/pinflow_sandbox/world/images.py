"""Images without pixels: their identity, their addresses, and how to tell a full copy from a preview.

An image has a key of 32 hexadecimal digits. The first half is the fingerprint of the content, the second half makes the
address unique: an image that is uploaded again gets new addresses for the same fingerprint. Nothing has to be stored
for that, so that a board of many thousand Pins needs no table of images.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b

HOST = "https://i.pinimg.com"
_OWN_ADDRESS = re.compile(
    r"https?://i\.pinimg\.com/(?P<size>[0-9]+x[0-9]*|originals)/(?:[0-9a-f]{2}/){3}(?P<key>[0-9a-f]{32})\.\w+"
)
_FULL_SIZES = ("1200x", "originals")
_RATIOS = (1.0, 1.25, 1.5, 16 / 9)  # height to width


def fingerprint(*parts: str | bytes) -> str:
    """16 hexadecimal digits that identify a content."""
    digest = blake2b(digest_size=8)
    for part in parts:
        piece = part.encode() if isinstance(part, str) else part
        digest.update(len(piece).to_bytes(8, "big") + piece)
    return digest.hexdigest()


@lru_cache(maxsize=4096)  # the same accounts and Pins are shown repeatedly
def key_for_content(content: str, salt: str) -> str:
    """The key of an image with this fingerprint; ``salt`` differs from upload to upload."""
    return content + fingerprint(content, salt)


def key_for_url(url: str, salt: str) -> str:
    """The key of the image that the service would fetch from ``url``.

    An address of the sandbox itself leads to its content: the same fingerprint in full size, another one in a preview
    size.
    """
    own = _OWN_ADDRESS.fullmatch(url)
    if own is None:
        return key_for_content(fingerprint("url", url), salt)
    content = own["key"][:16]
    if own["size"] not in _FULL_SIZES:
        content = fingerprint("preview", own["size"], content)
    return key_for_content(content, salt)


def key_for_bytes(data: bytes, salt: str) -> str:
    """The key of an image that was sent as bytes."""
    return key_for_content(fingerprint("bytes", data), salt)


def content_of(key: str) -> str:
    """The fingerprint of an image's content."""
    return key[:16]


def address(key: str, size: str) -> str:
    """The URL of an image in one of the service's sizes."""
    return f"{HOST}/{size}/{key[0:2]}/{key[2:4]}/{key[4:6]}/{key}.jpg"


def colour(key: str) -> str:
    """The dominant colour of an image, #RRGGBB."""
    return f"#{key[8:14]}"


def sizes(key: str, *, originals: bool) -> dict[str, object]:
    """The ``images`` object of a response: each size with width, height and URL."""
    ratio = _RATIOS[int(key[0], 16) % 4]
    tail = f"/{key[0:2]}/{key[2:4]}/{key[4:6]}/{key}.jpg"
    by_size: dict[str, object] = {
        "150x150": {"width": 150, "height": 150, "url": f"{HOST}/150x150{tail}"},
        "400x300": {"width": 400, "height": 300, "url": f"{HOST}/400x300{tail}"},
        "600x": {"width": 600, "height": round(600 * ratio), "url": f"{HOST}/600x{tail}"},
        "1200x": {"width": 1200, "height": round(1200 * ratio), "url": f"{HOST}/1200x{tail}"},
    }
    if originals:
        by_size["originals"] = {"width": 2000, "height": round(2000 * ratio), "url": f"{HOST}/originals{tail}"}
    return by_size
