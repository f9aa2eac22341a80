"""Refresh tokens in environment variables: where there is no file, as in CI, an access token is got from one.

A service that rotates ends a refresh token with its first use and gives out another. That one is kept in a file of its
own, beside other token files and never among them, for as long as the variable has the refresh token that it came
from. Where nothing can be kept, the tokens are in the memory of this process alone, and that is said once.
"""

from __future__ import annotations

import hmac
import secrets
import sys
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from pinflow import CredentialError, inert
from pinflow_auth import files
from pinflow_auth.endpoint import GrantRefused, ask_refresh
from pinflow_auth.file_vault import FileVault, load_tokens, read_token_file
from pinflow_auth.names import check_name
from pinflow_auth.token_locations import dedicated_folders, origin_of
from pinflow_auth.tokens import TokenSet, check_quotes, dump_tokens, is_sendable

if TYPE_CHECKING:
    from pathlib import Path

    from pinflow import CredentialRequest

FOLDER = "from_variables"

# of this process: asked again, a service that rotates would refuse the refresh token that it has replaced
_UNKEPT: dict[tuple[str, str, str], TokenSet] = {}  # (API, its origin, refresh token)
_LOCK = threading.Lock()


def find_refresh_variable(request: CredentialRequest) -> tuple[str, str] | None:
    """The variable with a refresh token for the request's token, and its value; None if none is set.

    Raises CredentialError for a value that can't be sent.
    """
    if request.api.oauth is None:
        return None
    for variable in request.api.names.refresh_variables(check_name(request.token)):
        if not (secret := request.environ.get(variable)):
            continue
        check_quotes(secret, f"the environment variable {variable}")
        if not is_sendable(secret):
            raise CredentialError(
                f"the environment variable {variable} is not one line of visible ASCII characters",
                hint="set it again; a line break or a space may have been copied with it",
            )
        return variable, secret
    return None


def request_of_kept(request: CredentialRequest) -> CredentialRequest:
    """The request for what is kept of a variable's refresh token: a file, and no variable."""
    names = request.api.names
    hidden = {names.folder_variable, *names.variables(request.token), *names.refresh_variables(request.token)}
    environ = {name: value for name, value in request.environ.items() if name not in hidden}
    return replace(request, environ=environ, folders=[_folder(request)])


def kept_tokens(request: CredentialRequest) -> TokenSet | None:
    """The tokens that are kept of the refresh token in a variable; None if that was not used yet. Asks nobody."""
    found = find_refresh_variable(request)
    if found is None:
        return None
    variable, secret = found
    if (unkept := _UNKEPT.get(_key(request, secret))) is not None:
        return unkept
    stored = FileVault(request_of_kept(request)).find(request.api.id, request.token)
    tokens = load_tokens(stored) if stored is not None else None
    if tokens is None or not _is_of(tokens.seed, secret):
        return None
    return replace(tokens, source=f"{_source(variable)}, kept in {tokens.path}", variable=variable)


def is_kept_for_another(request: CredentialRequest, secret: str) -> bool:
    """Whether another version of the API has used the refresh token: it is that one's."""
    path = _path(request)
    for other in path.parent.glob(f"{request.token}_*.json"):
        with suppress(CredentialError):
            stored = read_token_file(other, request.api.id, request.token) if other != path else None
            if stored is not None and _is_of(load_tokens(stored).seed, secret):
                return True
    return False


def unused_tokens(variable: str, secret: str, request: CredentialRequest) -> TokenSet:
    """The refresh token of a variable, before its first use: there is no access token yet."""
    return TokenSet(
        name=request.token,
        access_token="",
        refresh_token=secret,
        api=request.api.id,
        storage="environment",
        source=_source(variable),
        variable=variable,
        seed=_seed(secret),
    )


def get_tokens(request: CredentialRequest) -> TokenSet | None:
    """Tokens from the refresh token in a variable, which is used if nothing is kept of it; None if none is set.

    Raises CredentialError where a person must help, RateLimited and Unreachable.
    """
    found = find_refresh_variable(request)
    if found is None:
        return None
    with _LOCK:
        if (tokens := kept_tokens(request)) is not None:
            return tokens
        return _first_tokens(request, *found)


def _first_tokens(request: CredentialRequest, variable: str, secret: str) -> TokenSet:
    """Use the refresh token of the variable, once for all processes, and keep what it gives."""
    path = _path(request)
    with ExitStack() as opened:
        try:
            files.make_folder(path.parent)
            opened.enter_context(files.lock_tokens(path))
            if (tokens := kept_tokens(request)) is not None:  # another process was faster
                return tokens
            # storing is proved to work before the service is asked
            put = opened.enter_context(files.open_replacement(path))
        except files.UntrustedFile:
            raise
        except CredentialError as error:
            return _keep_in_memory(request, _ask(request, variable, secret), secret, error.message)
        tokens = _ask(request, variable, secret)
        try:
            put(dump_tokens(tokens))
        except OSError as error:
            return _keep_in_memory(request, tokens, secret, f"{path}: {error.strerror}")
    return replace(tokens, storage="file", path=path, source=f"{_source(variable)}, kept in {path}")


def _keep_in_memory(request: CredentialRequest, tokens: TokenSet, secret: str, reason: str) -> TokenSet:
    _UNKEPT[_key(request, secret)] = tokens
    if tokens.refresh_token != secret:
        text = (
            f"warning: {request.api.title} replaced the refresh token in {tokens.variable}, and the new one can't be "
            f"kept ({reason}): the next run needs another one, or a state folder that lasts (PINFLOW_STATE_DIR)\n"
        )
        with suppress(OSError, ValueError, AttributeError):  # a stream that is closed, or not there
            sys.stderr.write(inert(text.rstrip("\n")) + "\n")
    return tokens


def _ask(request: CredentialRequest, variable: str, secret: str) -> TokenSet:
    unused = unused_tokens(variable, secret, request)
    try:
        tokens = ask_refresh(request, unused)
    except GrantRefused as refused:
        raise CredentialError(
            f"the refresh token in {variable} is refused: {refused.message}",
            hint=f"it was used, ended or revoked: sign in again, and set {variable} to the new one. A service may "
            f"replace it at each use: keep {_folder(request)} from job to job",
        ) from None
    return replace(tokens, storage="environment", source=unused.source, variable=variable)


def _folder(request: CredentialRequest) -> Path:
    folders = dedicated_folders(request)
    if not folders:
        raise CredentialError("no folder for tokens is known", hint="name one with PINFLOW_STATE_DIR")
    return folders[-1] / FOLDER


def _path(request: CredentialRequest) -> Path:
    folder, own = _folder(request), request.api.names.folder
    return (folder / own if own else folder) / f"{request.token}_{request.api.id}.json"


def _key(request: CredentialRequest, secret: str) -> tuple[str, str, str]:
    return request.api.id, origin_of(request), secret


def _source(variable: str) -> str:
    return f"refresh token in the environment variable {variable}"


def _seed(secret: str) -> str:
    salt = secrets.token_hex(16)
    return f"{salt}:{_digest(salt, secret)}"


def _is_of(seed: str, secret: str) -> bool:
    salt, _, digest = seed.partition(":")
    return hmac.compare_digest(digest.encode(), _digest(salt, secret).encode())


def _digest(salt: str, secret: str) -> str:
    return hmac.new(salt.encode(), secret.encode(), "sha256").hexdigest()
