"""The tokens of a person: found, stored, listed and removed. What the rest of the plugin uses.

A variable comes before a file. A token that is there but broken is an error, and never a reason to look elsewhere.
"""

from __future__ import annotations

import hmac
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from pinflow import CredentialError, StoredToken, dataclass
from pinflow_auth import token_locations
from pinflow_auth.file_vault import FileVault, load_tokens, read_token_file
from pinflow_auth.names import check_name, name_variants, set_variable
from pinflow_auth.refresh_variable import (
    find_refresh_variable,
    is_kept_for_another,
    kept_tokens,
    unused_tokens,
)
from pinflow_auth.tokens import TokenSet, dump_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pinflow import CredentialRequest, Host
    from pinflow_auth.file_vault import FileStorage


_SHOWN = 8  # names of other tokens: a line or two


@dataclass(frozen=True, slots=True)
class TokenEntry:
    """A token that exists, or what is wrong with it: one of ``tokens`` and ``problem`` is set."""

    name: str
    source: str
    tokens: TokenSet | None = None
    problem: CredentialError | None = None


def find_tokens(request: CredentialRequest) -> TokenSet | None:
    """The tokens of that name: of a variable, else of a file, else None.

    Of a variable with a refresh token that was not used yet, the set has no access token. Does not check where they may
    be sent: see ``check_destination``. Raises CredentialError for a token that exists and can't be used.
    """
    in_variable = token_locations.environment_tokens(request) or _refresh_variable_tokens(request)
    return in_variable or find_stored_tokens(request)


def _refresh_variable_tokens(request: CredentialRequest) -> TokenSet | None:
    """What is kept of the refresh token in a variable, else that alone; None if none is set."""
    if (found := find_refresh_variable(request)) is None:
        return None
    return kept_tokens(request) or unused_tokens(*found, request)


def find_stored_tokens(request: CredentialRequest) -> TokenSet | None:
    """The tokens of that name in a file or the key store, or None. Raises CredentialError for a broken file."""
    check_name(request.token)
    stored = FileVault(request).find(request.api.id, request.token)
    return load_tokens(stored) if stored is not None else None


def prove_storage(request: CredentialRequest, *, storage: FileStorage | None = None) -> None:
    """Check that ``save_tokens`` will work, before a person is asked for tokens. Raises CredentialError."""
    check_name(request.token)
    FileVault(request).prove(request.api.id, request.token, storage=storage)


def save_tokens(request: CredentialRequest, tokens: TokenSet, *, storage: FileStorage | None = None) -> TokenSet:
    """Store tokens as ``request.token``, replacing existing ones. Returns the stored set.

    ``storage`` None: see ``FileVault.store``. Raises CredentialError; the existing ones are unchanged then.
    """
    check_name(request.token)
    named = replace(tokens, name=request.token)
    token = StoredToken(request.api.id, request.token, dump_tokens(named))
    stored = FileVault(request).store(token, storage=storage)
    return replace(named, storage=stored.storage, path=stored.path, source=stored.source)


def remove_tokens(request: CredentialRequest) -> Path | None:
    """Remove the stored tokens of that name. Returns the file that was removed, or None if there was none.

    A variable is not pinflow's to remove. Raises CredentialError.
    """
    check_name(request.token)
    vault = FileVault(request)
    path = vault.locate(request.api.id, request.token)
    return path if vault.remove(request.api.id, request.token) else None


def find_all_tokens(request: CredentialRequest) -> Iterator[TokenEntry]:
    """Every token that can be found, broken ones too: first those of variables, then those of files.

    Variables can't be listed: they are looked for under ``request.token``, the default name, and the files' names.
    """
    stored = [entry for path in FileVault(request).paths() for entry in _file_entries(request, path)]
    names = dict.fromkeys([request.token, request.api.tokens.default, *(entry.name for entry in stored)])
    for name in names:
        yield from _environment_entries(replace(request, token=name))
    yield from stored


def _environment_entries(request: CredentialRequest) -> Iterator[TokenEntry]:
    try:
        check_name(request.token)
    except CredentialError:  # a file may have any name
        return
    with suppress(CredentialError):  # a variable of a file's name may be something else
        set_variable(request)
        try:
            tokens = token_locations.environment_tokens(request)
        except CredentialError as error:
            yield TokenEntry(request.token, "environment", problem=error)
        else:
            if tokens is not None:
                yield TokenEntry(request.token, tokens.source, tokens)
    try:
        found = find_refresh_variable(request)
        if found is not None and not is_kept_for_another(request, found[1]):
            tokens = kept_tokens(request) or unused_tokens(*found, request)
            yield TokenEntry(request.token, tokens.source, tokens)
    except CredentialError as error:
        yield TokenEntry(request.token, "environment", problem=error)


def _file_entries(request: CredentialRequest, path: Path) -> Iterator[TokenEntry]:
    try:
        stored = read_token_file(path, request.api.id, path.stem)
        tokens = load_tokens(stored) if stored is not None else None
    except CredentialError as error:
        # a broken file in the current folder may be anything
        if path.parent in token_locations.dedicated_folders(request):
            yield TokenEntry(path.stem, f"file {path}", problem=error)
    else:
        if tokens is not None:
            yield TokenEntry(path.stem, tokens.source, tokens)


def describe_places(request: CredentialRequest) -> Iterator[str]:
    """Where a token of that name is looked for, in lines; and which tokens are in files there."""
    names = request.api.names
    variables = [
        f"{name}{' (empty)' if request.environ.get(name) == '' else ''}" for name in names.variables(request.token)
    ]
    yield f"searched the variable{'s' if len(variables) > 1 else ''} {' and '.join(variables)}"
    if request.api.oauth is not None:
        yield f"searched {' and '.join(names.refresh_variables(request.token))} for a refresh token"
    files = [f"{variant}.json" for variant in name_variants(request.token, request.api.id)]
    yield f"searched {' and '.join(files)} in"
    for folder in token_locations.token_folders(request):
        yield f"  {folder}{'' if folder.is_dir() else ' (no such folder)'}"
    folders = token_locations.dedicated_folders(request)
    others = sorted({path.stem for path in FileVault(request).paths() if path.parent in folders})
    if others:
        more = f" and {len(others) - _SHOWN:,} more" if len(others) > _SHOWN else ""
        yield f"the tokens there are {', '.join(others[:_SHOWN])}{more}"


def fingerprint(secret: str, app: Host) -> str:
    """Eight hexadecimal digits by which people tell tokens apart without seeing a secret.

    They are the same for the same secret on this installation, and only there, as they
    are made with a key of the state's own: with a plain digest, anyone who has a token could
    search for it. Raises StateError if the key can't be stored.
    """
    return hmac.new(app.store.secret("fingerprint"), secret.encode(), "sha256").hexdigest()[:8]
