"""Which files recipes have written, with what content: only these, as they were, may a recipe replace by itself."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, BinaryIO

from pinflow.errors import StateError
from pinflow.state.folder import atomic_file

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = 1 << 20  # bytes; a video of 2 GB is never in memory as a whole


class WrittenFiles:
    """The index below the folder ``state``: a small file for each written one. Safe to share between processes.

    Paths are kept as digests: a name may hold what nobody should keep.
    """

    def __init__(self, state: Path) -> None:
        self._folder = state / "written"

    def writer(self, path: Path) -> str | None:
        """The run that wrote the file at an absolute path last; None if none is known to have written it."""
        run = self._facts(path).get("run")
        return run if isinstance(run, str) else None

    def has_content(self, path: Path, digest: str) -> bool:
        """Whether a run gave the file at ``path`` this content. What the version before noted has none, and counts."""
        facts = self._facts(path)
        if not isinstance(facts.get("run"), str):
            return False
        return "content" not in facts or digest in (facts["content"], facts.get("before"))

    def add(self, path: Path, run: str, digest: str, there: str | None) -> None:
        """Put on disk that a run is about to write the file at ``path``. Raises StateError.

        ``digest`` is of the new content, ``there`` of what is there now: a kill may leave either.
        """
        facts = {"run": run, "content": digest}
        if there is not None and self.has_content(path, there):
            facts["before"] = there
        atomic_file.write(self._entry(path), json.dumps(facts).encode())

    def _facts(self, path: Path) -> dict[str, Any]:
        try:
            content = atomic_file.read(self._entry(path))
            facts = json.loads(content) if content is not None else None
        except (StateError, ValueError):  # what can't be believed protects the file
            return {}
        return facts if isinstance(facts, dict) else {}

    def _entry(self, path: Path) -> Path:
        return self._folder / f"{hashlib.sha256(str(path).encode('utf-8', 'surrogateescape')).hexdigest()}.json"


def content_digest(file: BinaryIO, copy: BinaryIO | None = None) -> str:
    """SHA-256 of the rest of an open file, in hexadecimal digits. ``copy`` gets the same bytes."""
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
        if copy is not None:
            copy.write(block)
    return digest.hexdigest()
