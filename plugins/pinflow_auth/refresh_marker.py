"""The note that a refresh is under way, which outlives a process that is killed meanwhile.

It is on disk before the service is asked, and is removed once the answer is stored. A note that is still there, about
the tokens that are still there, means that the service may have given out new ones that were never stored.
"""

from __future__ import annotations

import hmac
import json
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from pinflow import CredentialError
from pinflow_auth import files

if TYPE_CHECKING:
    from pathlib import Path

    from pinflow_auth.tokens import TokenSet

_LONGEST_TIME = 40  # characters; ISO 8601 takes 20 to 32, and the rest of a damaged note is not shown


def find(path: Path, tokens: TokenSet) -> str:
    """When an earlier refresh of these very tokens began whose answer was never stored (ISO 8601, UTC); "" if none did.

    The note has that time, and a salted digest of the tokens that gives nothing away.
    """
    try:
        content = files.read(_marker_path(path), "note of a refresh")
        data = json.loads(content.decode()) if content is not None else {}
        at, digest = str(data["at"])[:_LONGEST_TIME], _digest(str(data["salt"]), tokens)
        is_of_tokens = hmac.compare_digest(str(data["digest"]).encode(), digest.encode())
    except (CredentialError, ValueError, KeyError, TypeError, RecursionError):
        return ""  # it only explains a refusal; without it, the refusal stands
    return at if is_of_tokens and at.isprintable() else ""


def leave(path: Path, tokens: TokenSet, at: str) -> None:
    """Store durably that a refresh of ``tokens`` begins now. Raises CredentialError."""
    salt = secrets.token_hex(16)
    content = {"at": at, "salt": salt, "digest": _digest(salt, tokens)}
    files.write(_marker_path(path), (json.dumps(content) + "\n").encode())


def clear(path: Path) -> None:
    """Remove the note. One that can't be removed is harmless once the tokens are others."""
    with suppress(CredentialError):
        files.remove(_marker_path(path))


def _marker_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}.refreshing")


def _digest(salt: str, tokens: TokenSet) -> str:
    # both tokens: a refresh token that does not rotate can't tell one refresh from the next
    secret = f"{tokens.refresh_token}\n{tokens.access_token}"
    return hmac.new(salt.encode(), secret.encode(), "sha256").hexdigest()
