"""Bytes by their digest: recipes, what they include, small input files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pinflow.errors import StateError
from pinflow.state.folder import atomic_file

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

LARGEST = 16 << 20  # bytes; larger files belong into a folder that all who need them can read


class FolderContent:
    """The files below ``folder``, each named by its SHA-256. Raises StateError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes) -> str:
        """Store at most 16 MB durably; their digest, 64 hex digits."""
        if len(content) > LARGEST:
            raise StateError(f"{len(content):,} bytes are too many to store; the limit is {LARGEST:,}")
        digest = hashlib.sha256(content).hexdigest()
        if not (self._folder / digest).exists():
            atomic_file.write(self._folder / digest, content)
        return digest

    def get(self, digest: str) -> bytes | None:
        """The bytes of a digest, or None."""
        if not _is_digest(digest):
            return None
        content = atomic_file.read(self._folder / digest, largest=LARGEST + 1)
        if content is not None and hashlib.sha256(content).hexdigest() != digest:
            raise StateError(f"{self._folder / digest} is damaged", hint="remove it")
        return content

    def prune(self, in_use: Collection[str]) -> int:
        """Remove everything else; how many there were."""
        unused = [file for file in self._folder.glob("*") if _is_digest(file.name) and file.name not in in_use]
        return sum(map(atomic_file.remove, unused))


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")
