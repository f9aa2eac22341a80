"""Rows of plugins: one small file of JSON for each."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from pinflow.errors import StateError
from pinflow.state.folder import atomic_file
from pinflow.state.protocol import ClaimLost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pinflow.state.protocol import Claim


class FolderRows:
    """The rows of one plugin below ``folder``. Shared by processes. Raises StateError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, store: str, key: str, body: Any, *, claim: Claim | None = None) -> None:
        """Store a row durably, in place of an earlier one; with a ``claim`` bound to its run. Raises ClaimLost."""
        _check(claim)
        row = {"key": key, "run": claim.run.id if claim is not None else "", "body": body}
        atomic_file.write(self._file(store, key), json.dumps(row).encode())

    def get(self, store: str, key: str) -> Any:
        """A row's body, or None."""
        row = self._read(self._file(store, key))
        return None if row is None else row["body"]

    def remove(self, store: str, key: str, *, claim: Claim | None = None) -> bool:
        """Remove a row; whether there was one. Raises ClaimLost."""
        _check(claim)
        return atomic_file.remove(self._file(store, key))

    def list(self, store: str, *, run_id: str | None = None) -> Iterator[tuple[str, Any]]:
        """Key and body of each row, by key; with ``run_id`` of those bound to that run."""
        rows = filter(None, map(self._read, (self._folder / _name(store)).glob("*.json")))
        for row in sorted(rows, key=lambda row: str(row["key"])):
            if run_id in (None, row["run"]):
                yield row["key"], row["body"]

    def _file(self, store: str, key: str) -> Path:
        return self._folder / _name(store) / f"{_name(key)}.json"

    def _read(self, file: Path) -> dict[str, Any] | None:
        content = atomic_file.read(file)
        try:
            row = None if content is None else json.loads(content)
            return None if row is None else {name: row[name] for name in ("key", "run", "body")}
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise StateError(f"{file} is damaged: {error}", hint="remove it") from error


def _check(claim: Claim | None) -> None:
    if claim is not None and claim.lost.is_set():
        raise ClaimLost(f"another process has taken over run {claim.run.id}; nothing more was written")


def _name(text: str) -> str:
    """A file's name for any text: a digest, as it may hold what no file name may."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
