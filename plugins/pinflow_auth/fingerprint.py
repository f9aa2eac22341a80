"""Short marks by which people tell tokens apart without seeing them."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from pinflow_auth import files

if TYPE_CHECKING:
    from pathlib import Path

_KEY_BYTES = 32


def fingerprint(secret: str, state: Path) -> str:
    """Eight hexadecimal digits that are the same for the same secret on this installation, and only there.

    The key is made at first use, in a file in pinflow's state folder: a plain digest
    could be looked for by whoever knows the token. Raises CredentialError where the
    key can't be kept.
    """
    return hmac.new(_key(state / "fingerprint.key"), secret.encode(), "sha256").hexdigest()[:8]


def _key(path: Path) -> bytes:
    found = files.read(path, "key of fingerprints")
    if found is not None and len(found) == _KEY_BYTES:
        return found
    files.make_folder(path.parent)
    with files.locked(path):
        found = files.read(path, "key of fingerprints")
        if found is None or len(found) != _KEY_BYTES:
            found = secrets.token_bytes(_KEY_BYTES)
            files.write(path, found)
        return found
