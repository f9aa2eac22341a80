"""What reads back of a creation, as digests, and which of it the service keeps as it was sent.

A likeness is compared and never kept: the journal holds a keyed digest of each of its fields. Which fields a service
keeps (it may shorten a title, or rewrite an address) is learnt from the run's own answers and listings.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Digests: TypeAlias = Mapping[str, str]  # field -> digest of its value; "" for an empty one

_VERSION = "1"  # of `_normal`: digests of another one can't be compared
_DIGITS = 10  # hex digits of a digest: of two texts that differ, 1 in 10**12 would look the same
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,39}")


def digest_fields(likeness: Mapping[str, str], key: bytes) -> dict[str, str]:
    """The digests of a likeness: what may be kept of it."""
    digests = {}
    for name, value in likeness.items():
        field = name if _FIELD.fullmatch(name) else f"f{hashlib.sha256(name.encode()).hexdigest()[:12]}"
        text = _normal(str(value))
        content = f"{field}\0{text}".encode(errors="surrogatepass")
        digests[field] = hmac.digest(key, content, "sha256").hex()[:_DIGITS] if text else ""
    return digests


def _normal(text: str) -> str:
    """A text as services keep it: one form of each letter, single spaces, no last slash."""
    return " ".join(unicodedata.normalize("NFC", text).split()).removesuffix("/")


def encode_digests(digests: Digests) -> str:
    """Digests as the journal holds them: "1+link:0a1b2c3d4e+title:"."""
    return "+".join([_VERSION, *(f"{field}:{digest}" for field, digest in sorted(digests.items()))])


def decode_digests(text: str) -> dict[str, str] | None:
    """What `encode_digests` made; None for what another version of pinflow made, which can't be compared."""
    version, *fields = text.split("+")
    return dict(field.split(":", 1) for field in fields) if version == _VERSION else None


class Learning:
    """Which fields a service keeps as they are sent: learnt, for texts and for their absence apart. Thread-safe."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, bool], bool] = {}
        self._lock = threading.Lock()

    def learn(self, sent: Digests, read: Digests) -> None:
        """Compare what was sent with what the service shows of it."""
        with self._lock:
            for field, digest in sent.items():
                name = (field, bool(digest))
                self._kept[name] = read.get(field) == digest and self._kept.get(name, True)

    def is_rewritten(self, field: str) -> bool:
        """Whether the field proves nothing."""
        return not all(self._kept.get((field, is_text), True) for is_text in (True, False))

    def keeps(self, likenesses: Iterable[Digests]) -> bool | None:
        """Whether such things read back as they were sent.

        None while that isn't learnt of a field; False if no field is left that proves anything: then ids alone count.
        """
        fields = {(field, bool(digest)) for likeness in likenesses for field, digest in likeness.items()}
        with self._lock:
            proving = {name for name in fields if not self.is_rewritten(name[0])}
            if not proving:
                return False
            return True if all(self._kept.get(name) for name in proving) else None

    def class_of(self, likeness: Digests, fields: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """What tells a thing from others by ``fields``, but for those that the service rewrites."""
        with self._lock:
            return tuple((field, likeness.get(field, "?")) for field in sorted(fields) if not self.is_rewritten(field))

    def tells_apart(self, one: Digests, other: Digests) -> bool:
        """Whether what is made by two writes is certain to read back differently."""
        with self._lock:
            return any(
                one[field] != other[field]
                and not self.is_rewritten(field)
                and all(self._kept.get((field, bool(likeness[field]))) for likeness in (one, other))
                for field in one.keys() & other.keys()
            )
