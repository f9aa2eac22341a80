"""Token files of a sandbox's accounts, in a folder that is deleted with the sandbox.

They have the keys of the vendor's own scripts, and when the tokens expire.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow_sandbox.world.logins import IssuedTokens


class TokenFiles:
    """A folder of token files, created when first used. ``now`` returns seconds since the epoch."""

    def __init__(self, origin: str, now: Callable[[], float]) -> None:
        self._origin = origin
        self._now = now
        self._temporary: TemporaryDirectory[str] | None = None

    @property
    def folder(self) -> Path:
        """The folder, readable by its owner only."""
        if self._temporary is None:
            self._temporary = TemporaryDirectory(prefix="pinflow-sandbox-", ignore_cleanup_errors=True)
        return Path(self._temporary.name)

    def write(self, name: str, account: str, issued: IssuedTokens) -> None:
        """Write the tokens of an account (a username) to the file of this name, replacing an existing one."""
        content = {
            "name": name,
            "access_token": issued.access_token,
            "refresh_token": issued.refresh_token,
            "scopes": " ".join(sorted(issued.scopes)),
            "expires_at": _iso(self._now() + issued.access_seconds),
            "refresh_expires_at": _iso(issued.refresh_expires),
            "origin": self._origin,
            "account": account,
        }
        path = self.folder / f"{name}.json"
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)

    def remove(self) -> None:
        """Delete the folder and its files."""
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), UTC).isoformat()
