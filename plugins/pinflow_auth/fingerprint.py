"""Fingerprints of tokens: people tell tokens apart by them without seeing a secret."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from pinflow_auth import files

if TYPE_CHECKING:
    from pathlib import Path

_KEY_BYTES = 32  # the digest's own size: a longer HMAC key adds nothing (RFC 2104)


def fingerprint(secret: str, state: Path) -> str:
    """Eight hexadecimal digits that are the same for the same secret on this installation, and only there.

    The key is made at first use, in a file in pinflow's state folder: with a plain digest, anyone who has a token
    could search for it. Raises CredentialError if the key can't be stored.
    """
    return hmac.new(_key(state / "fingerprint.key"), secret.encode(), "sha256").hexdigest()[:8]


def _key(path: Path) -> bytes:
    key = files.read(path, "key of fingerprints")
    if key is not None and len(key) == _KEY_BYTES:
        return key
    files.make_folder(path.parent)
    with files.locked(path):
        key = files.read(path, "key of fingerprints")
        if key is None or len(key) != _KEY_BYTES:
            key = secrets.token_bytes(_KEY_BYTES)
            files.write(path, key)
        return key
