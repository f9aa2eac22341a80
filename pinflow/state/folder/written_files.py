"""Which files recipes have written, and by which run: only these may a recipe replace by itself."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from pinflow.errors import StateError
from pinflow.state.folder import atomic_file

if TYPE_CHECKING:
    from pathlib import Path


class WrittenFiles:
    """The index below the folder ``state``: a small file for each written one. Safe to share between processes.

    Paths are kept as digests: a name may hold what nobody should keep.
    """

    def __init__(self, state: Path) -> None:
        self._folder = state / "written"

    def writer(self, path: Path) -> str | None:
        """The run that wrote the file at an absolute path last; None if none is known to have written it."""
        try:
            content = atomic_file.read(self._entry(path))
            facts = json.loads(content) if content is not None else None
        except (StateError, ValueError):  # what can't be believed protects the file
            return None
        run = facts.get("run") if isinstance(facts, dict) else None
        return run if isinstance(run, str) else None

    def add(self, path: Path, run: str) -> None:
        """Put on disk that a run writes the file at ``path``. Raises StateError."""
        atomic_file.write(self._entry(path), json.dumps({"run": run}).encode())

    def _entry(self, path: Path) -> Path:
        return self._folder / f"{hashlib.sha256(str(path).encode('utf-8', 'surrogateescape')).hexdigest()}.json"
