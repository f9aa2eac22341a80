"""Tokens in the system's key store, for people who chose that.

The token file then holds no secret and only says that the key store has it. Nothing falls back from one to the other
silently: a key store that does not answer is an error, and never a reason to look for a file.
"""

from __future__ import annotations

import importlib
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from pinflow import CredentialError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

SERVICE = "pinflow"
PATIENCE = 20.0  # seconds; a locked key store waits for its owner without end, and one can be unlocked in this time

_ADVICE = "unlock it, or sign in again with files in its place: pinflow auth login {name} --storage file"


def load(path: Path, *, patience: float = PATIENCE) -> str | None:
    """The key store's entry for a token file, or None. Raises CredentialError."""
    content = _call(path, lambda keyring, entry: keyring.get_password(SERVICE, entry), patience)
    return None if content is None else str(content)


def store(path: Path, content: str, *, patience: float = PATIENCE) -> None:
    """Store ``content`` as the entry for a token file. Raises CredentialError."""
    _call(path, lambda keyring, entry: keyring.set_password(SERVICE, entry, content), patience)


def forget(path: Path, *, patience: float = PATIENCE) -> None:
    """Remove the key store's entry for a token file. Raises CredentialError."""

    def delete(keyring: Any, entry: str) -> None:
        if keyring.get_password(SERVICE, entry) is not None:
            keyring.delete_password(SERVICE, entry)

    _call(path, delete, patience)


def _call(path: Path, task: Callable[[Any, str], T], patience: float) -> T:
    """What ``task`` returns of the key store and a token file's entry there, if it does so in time.

    A call that hangs is abandoned: nothing can end it.
    """
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        raise CredentialError(
            f"the token {path.stem!r} is in the system's key store, and the library to read it is not installed",
            hint="install pinflow[keyring]",
        ) from None
    entry = f"{path.stem} in {path.parent.resolve()}"  # as people see it in their key store
    answers: list[T] = []
    errors: list[str] = []

    def run() -> None:
        try:
            answers.append(task(keyring, entry))
        except Exception as error:  # every backend has errors of its own
            errors.append(type(error).__name__)

    thread = threading.Thread(target=run, name="pinflow-keyring", daemon=True)
    thread.start()
    thread.join(patience)
    if answers:
        return answers[0]
    problem = f"failed ({errors[0]})" if errors else f"did not answer within {patience:g} seconds"
    raise CredentialError(
        f"the system's key store, which has the token {path.stem!r}, {problem}", hint=_ADVICE.format(name=path.stem)
    )
