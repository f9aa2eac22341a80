"""Encodings in which a secret may have been written."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def encodings(secret: bytes) -> Iterator[bytes]:
    """A secret in clear, in a URL, in hex, and in base64 after zero, one or two other bytes."""
    yield secret
    yield quote(secret, safe="").encode()
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for before in range(3):
        # the bytes beside the secret change the first and the last characters
        whole = base64.b64encode(b"\0" * before + secret)
        yield whole[(before * 8 + 5) // 6 : (before + len(secret)) * 8 // 6]


def needles(secrets: Iterable[str]) -> tuple[bytes, ...]:
    """The encodings of all secrets, without duplicates."""
    return tuple(dict.fromkeys(needle for secret in secrets for needle in encodings(secret.encode())))
