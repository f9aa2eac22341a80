"""Fingerprints of tokens: people tell tokens apart by them without seeing a secret."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pinflow import Host


def fingerprint(secret: str, app: Host) -> str:
    """Eight hexadecimal digits that are the same for the same secret on this installation, and only there.

    They are made with a key of the state's own: with a plain digest, anyone who has a
    token could search for it. Raises StateError if the key can't be stored.
    """
    return hmac.new(app.store.secret("fingerprint"), secret.encode(), "sha256").hexdigest()[:8]
