"""A random secret of this machine's own, in a file that is made at first use."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from pinflow.errors import StateError
from pinflow.state.folder import atomic_file
from pinflow.state.folder.lock import FileLock

if TYPE_CHECKING:
    from pathlib import Path

_BYTES = 32  # of a key for HMAC-SHA-256: as long as its digest


def load_secret(file: Path) -> bytes:
    """The 32 bytes in the file, the same for all processes. Raises StateError."""
    if secret := _read(file):
        return secret
    try:
        # two processes that both find none must not make two
        with atomic_file.open_append(file.with_suffix(".lock")) as stream, FileLock(stream.fileno()):
            if not (secret := _read(file)):
                secret = secrets.token_bytes(_BYTES)
                atomic_file.write(file, secret)
            return secret
    except OSError as error:
        raise StateError(
            f"{file} can't be made: {error.strerror}",
            hint="make the place writable; or PINFLOW_STATE_DIR names another",
        ) from error


def _read(file: Path) -> bytes | None:
    secret = atomic_file.read(file)
    return secret if secret is not None and len(secret) == _BYTES else None  # else its writer was killed
