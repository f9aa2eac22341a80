"""The note that a refresh is under way, which outlives a process that is killed meanwhile.

It is on disk before the service is asked, and goes away once the answer is stored.
A note that is still there, about the tokens that are still there, means that the
service may have given others that nobody has.
"""

from __future__ import annotations

import hmac
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pinflow import CredentialError
from pinflow_auth import files
from pinflow_auth.tokens import iso

if TYPE_CHECKING:
    from pathlib import Path

    from pinflow_auth.tokens import TokenSet


@dataclass(frozen=True, slots=True)
class Note:
    """When a refresh began (ISO 8601, UTC), and of which tokens: a salted digest, which nothing can be read from."""

    at: str
    salt: str
    digest: str

    def is_of(self, tokens: TokenSet) -> bool:
        """Whether these are the tokens that were to be refreshed."""
        return hmac.compare_digest(self.digest.encode(), _digest(self.salt, tokens).encode())


def find(path: Path, tokens: TokenSet) -> Note | None:
    """The note of an earlier refresh of these very tokens whose answer was never stored."""
    try:
        content = files.read(_file(path), "note of a refresh")
        data = json.loads(content.decode()) if content is not None else {}
        note = Note(str(data["at"])[:40], str(data["salt"]), str(data["digest"]))
    except (CredentialError, ValueError, KeyError, TypeError, RecursionError):
        return None  # it only explains a refusal; without it, the refusal stands
    return note if note.at.isprintable() and note.is_of(tokens) else None


def leave(path: Path, tokens: TokenSet, now: float) -> None:
    """Note that a refresh of ``tokens`` begins. On return it is on disk. Raises CredentialError."""
    salt = secrets.token_hex(16)
    content = {"at": iso(now), "salt": salt, "digest": _digest(salt, tokens)}
    files.write(_file(path), (json.dumps(content) + "\n").encode())


def clear(path: Path) -> None:
    """Take the note away. One that stays is harmless once the tokens are others."""
    with suppress(CredentialError):
        files.remove(_file(path))


def _file(path: Path) -> Path:
    return path.with_name(f"{path.stem}.refreshing")


def _digest(salt: str, tokens: TokenSet) -> str:
    # both: a refresh token that does not rotate would not tell one refresh from the next
    kept = f"{tokens.refresh_token}\n{tokens.access_token}"
    return hmac.new(salt.encode(), kept.encode(), "sha256").hexdigest()
