"""The tokens of a person: found, kept, listed and refreshed. The way in for everything else here.

A variable comes before a file. What is there but broken is an error, and never a
reason to look elsewhere.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pinflow import CredentialError
from pinflow_auth import files, keyring_store, refresh_marker, token_locations
from pinflow_auth.endpoint import ask_client_credentials, ask_exchange, ask_refresh, ask_revoke
from pinflow_auth.fingerprint import fingerprint
from pinflow_auth.names import checked
from pinflow_auth.refresh import bound, refresh
from pinflow_auth.tokens import TokenSet, as_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pinflow import CredentialRequest
    from pinflow_auth.token_locations import Kept

__all__ = [
    "Known",
    "TokenSet",
    "ask_client_credentials",
    "ask_exchange",
    "ask_refresh",
    "ask_revoke",
    "bound",
    "find",
    "fingerprint",
    "known",
    "prove",
    "refresh",
    "remove",
    "save",
]


@dataclass(frozen=True, slots=True)
class Known:
    """A token that is there, or what is wrong with it: one of ``tokens`` and ``problem`` is set."""

    name: str
    source: str
    tokens: TokenSet | None = None
    problem: CredentialError | None = None


def find(request: CredentialRequest) -> TokenSet | None:
    """The tokens of that name: of the environment, else of a file, else None.

    Says nothing about where they may be sent: see ``bound``. Raises CredentialError
    for what is there and can't be used.
    """
    return token_locations.from_environment(request) or token_locations.from_place(request)


def prove(request: CredentialRequest, *, storage: Kept | None = None) -> None:
    """Find out whether ``save`` will work, before somebody is asked for tokens. Raises CredentialError."""
    checked(request.token, request.api)
    path = _home(request)
    files.make_folder(path.parent)
    with files.locked(path):
        _check_replaceable(path)
        if (storage or token_locations.chosen_storage(request.environ) or _kept_in(path, request.token)) == "keyring":
            keyring_store.load(path)
        with files.Draft(path):
            pass  # it goes away again


def save(request: CredentialRequest, tokens: TokenSet, *, storage: Kept | None = None) -> TokenSet:
    """Keep tokens under ``request.token``, in place of what is there; as they are then.

    They go where that name is kept already, else to where new ones go. ``storage``
    None is what PINFLOW_TOKEN_STORAGE says, else what keeps the name so far, else a
    file. Raises CredentialError; then what was there is unchanged.
    """
    checked(request.token, request.api)
    path = _home(request)
    files.make_folder(path.parent)
    with files.locked(path):
        _check_replaceable(path)
        before = _kept_in(path, request.token)
        kept = storage or token_locations.chosen_storage(request.environ) or before or "file"
        named = replace(tokens, name=request.token, storage=kept, path=path, source=_source(kept, path))
        if kept == "keyring":
            keyring_store.store(path, as_json(named).decode())
            files.write(path, token_locations.pointer(path))
        else:
            files.write(path, as_json(named))
            if before == "keyring":
                keyring_store.forget(path)
        refresh_marker.clear(path)
    return named


def remove(request: CredentialRequest) -> Path | None:
    """Forget the stored tokens of that name; the file that is gone, or None if there was none.

    A variable is not this program's to remove. Raises CredentialError.
    """
    checked(request.token, request.api)
    path = next((each for each in token_locations.candidates(request) if os.path.lexists(each)), None)
    if path is None:
        return None
    with files.locked(path):
        if _kept_in(path, request.token) == "keyring":
            keyring_store.forget(path)
        files.remove(path)
        refresh_marker.clear(path)
    return path


def known(request: CredentialRequest) -> Iterator[Known]:
    """Every token that can be found, broken ones too: first those of variables, then those of files.

    Variables can't be listed: they are looked for under ``request.token``, the usual
    name, and the names of the files.
    """
    kept = [each for path in _files(request) for each in _of_file(request, path)]
    names = dict.fromkeys([request.token, "access_token", *(each.name for each in kept)])
    for name in names:
        yield from _of_environment(replace(request, token=name))
    yield from kept


def _of_environment(request: CredentialRequest) -> Iterator[Known]:
    with suppress(CredentialError):  # a file may have any name; that of a variable it then has not
        checked(request.token, request.api)
        try:
            tokens = token_locations.from_environment(request)
        except CredentialError as error:
            yield Known(request.token, "environment", problem=error)
        else:
            if tokens is not None:
                yield Known(request.token, tokens.source, tokens)


def _of_file(request: CredentialRequest, path: Path) -> Iterator[Known]:
    try:
        tokens = token_locations.read(path, path.stem)
    except CredentialError as error:
        # a file that lies loose in the current folder may be anything
        if path.parent in token_locations.named_folders(request):
            yield Known(path.stem, f"file {path}", problem=error)
    else:
        if tokens is not None:
            yield Known(path.stem, tokens.source, tokens)


def _files(request: CredentialRequest) -> Iterator[Path]:
    for folder in token_locations.folders(request):
        if folder.is_dir():
            yield from sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))


def _home(request: CredentialRequest) -> Path:
    """The file for a token of this API and name. What another API's token has taken is left to it."""
    for path in token_locations.candidates(request):
        if os.path.lexists(path) and _api_in(path, request.token) in ("", request.api.id):
            return path
    path = token_locations.new_path(request)
    return path.with_name(f"{request.token}_{request.api.id}.json") if os.path.lexists(path) else path


def _api_in(path: Path, name: str) -> str:
    try:
        tokens = token_locations.read(path, name)
    except CredentialError:
        return ""  # broken: it is to be replaced
    return tokens.api if tokens is not None else ""


def _kept_in(path: Path, name: str) -> Kept | None:
    """What keeps the secret of a token file, as far as it can be read."""
    with suppress(CredentialError):
        content = files.read(path, "token file")
        if content is not None:
            return "keyring" if token_locations.points_away(content, path) else "file"
    return None


def _check_replaceable(path: Path) -> None:
    """Raise CredentialError for what is no file of this user: it is left as it is."""
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(facts.st_mode):
        raise CredentialError(
            f"{path} is not a regular file, and is not replaced by one", hint=f"take it away: mv {path} {path}.old"
        )
    if os.name == "posix" and facts.st_uid != os.getuid():
        raise CredentialError(f"{path} belongs to another user", hint=f"chown {os.getuid()} {path}")


def _source(kept: Kept, path: Path) -> str:
    return f"file {path}" if kept == "file" else f"key store's entry for {path}"
