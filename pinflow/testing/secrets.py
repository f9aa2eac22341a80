"""Looking for secrets in whatever was written, in every usual encoding."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def encodings(secret: bytes) -> Iterator[bytes]:
    """How a secret looks in clear, in a URL, in hex, and in base64 after one, two or no other bytes."""
    yield secret
    yield quote(secret, safe="").encode()
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for before in range(3):
        # what stands beside the secret decides the first and the last characters
        whole = base64.b64encode(b"\0" * before + secret)
        yield whole[(before * 8 + 5) // 6 : (before + len(secret)) * 8 // 6]


def needles(secrets: Iterable[str]) -> tuple[bytes, ...]:
    """Everything to look for, each once."""
    return tuple(dict.fromkeys(each for secret in secrets for each in encodings(secret.encode())))
