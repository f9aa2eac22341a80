"""One refresh for any number of processes and threads, and never a token lost on the way.

All is decided inside a lock: who waited for it finds what the one before has
stored. Before the service is asked, the room for its answer is on disk, and a note
that it is asked. The answer is on disk before its access token is used. What can't
be closed is the time between the service's rotation and our rename: a process
killed there leaves the note, and whoever comes next can tell what happened.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pinflow import CredentialError, PinflowError
from pinflow_auth import files, refresh_marker, token_locations
from pinflow_auth.endpoint import Doubtful, Refused, ask_client_credentials, ask_refresh
from pinflow_auth.refresh_policy import due_at, rotates
from pinflow_auth.tokens import CLIENT_CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pinflow import CredentialRequest
    from pinflow_auth.tokens import TokenSet


def refresh(
    request: CredentialRequest, *, within: float | None = None, used: str | None = None, if_due: bool = False
) -> tuple[TokenSet, bool]:
    """The tokens as they are afterwards, and whether this call got them from the service.

    With ``within`` (seconds) they are refreshed only if they end within that time or
    if it is not known when they end; with ``if_due``, if two thirds of their life have
    passed; with ``used``, an access token that was refused or is about to end, only if
    nobody has replaced that one; with none of these, always.
    Variables are not looked at: their tokens can't be refreshed.

    Raises CredentialError where only a person can help, RateLimited and Unreachable
    where nothing was done.
    """
    path = _stored_at(request)
    with files.locked(path):
        tokens = token_locations.read(path, request.token)
        if tokens is None:
            raise _missing(request)  # it was removed while we waited
        bound(request, tokens)
        if not _due(request, tokens, within, used, if_due=if_due):
            return tokens, False
        return _replace(request, tokens, path)


def outlook(request: CredentialRequest, *, within: float | None = None, if_due: bool = False) -> tuple[TokenSet, bool]:
    """The tokens as they are, and whether ``refresh`` would ask for others. Raises CredentialError as that does."""
    tokens = token_locations.read(_stored_at(request), request.token)
    if tokens is None:
        raise _missing(request)
    return bound(request, tokens), _due(request, tokens, within, None, if_due=if_due)


def _stored_at(request: CredentialRequest) -> Path:
    found = token_locations.from_place(request)
    if found is None or found.path is None:
        raise _missing(request)
    return found.path


def _missing(request: CredentialRequest) -> CredentialError:
    return CredentialError(
        f"there is no token file for {request.token!r}, and only tokens in files can be refreshed",
        hint=f"get one with: {request.api.login_hint.format(token=request.token)}",
    )


def bound(request: CredentialRequest, tokens: TokenSet) -> TokenSet:
    """``tokens``, if they may be sent where ``request`` leads.

    Raises CredentialError for another origin than that which gave them, and for another API.
    """
    origin = token_locations.origin_of(request)
    whose = f"the token {tokens.name!r} ({tokens.source})"
    login = request.api.login_hint.format(token=request.token)
    if tokens.origin and tokens.origin != origin:
        raise CredentialError(
            f"{whose} is for {tokens.origin} and is not sent to {origin}",
            hint=f"set {request.api.origin_variable} to the first, or get a token for the other with: {login}",
        )
    if tokens.api and tokens.api != request.api.id:
        raise CredentialError(
            f"{whose} is for the API {tokens.api}, not {request.api.id}", hint=f"get one with: {login}"
        )
    return tokens


def _due(request: CredentialRequest, tokens: TokenSet, within: float | None, used: str | None, *, if_due: bool) -> bool:
    if used is not None:
        return tokens.access_token == used
    now = request.clock()
    if if_due and ((due := due_at(tokens, rotates=rotates(request))) is None or due <= now):
        return True
    if within is None:
        return not if_due
    return tokens.expires_at is None or tokens.ends_within(within, now)


def _replace(request: CredentialRequest, tokens: TokenSet, path: Path) -> tuple[TokenSet, bool]:
    if tokens.grant == CLIENT_CREDENTIALS:
        with token_locations.rewriting(tokens, path) as put:
            after = ask_client_credentials(request, tokens.granted or frozenset())
            return _stored(after, tokens, put), True
    if tokens.refresh_token is None:
        raise CredentialError(
            f"the token {tokens.name!r} ({tokens.source}) has no refresh token",
            hint=f"sign in again: {request.api.login_hint.format(token=request.token)}",
        )
    return _rotate(request, tokens, path)


def _rotate(request: CredentialRequest, tokens: TokenSet, path: Path) -> tuple[TokenSet, bool]:
    lost = refresh_marker.find(path, tokens)
    with token_locations.rewriting(tokens, path) as put:
        if lost is None:
            refresh_marker.leave(path, tokens, request.clock())
        try:
            after = ask_refresh(request, tokens)
        except Refused as refused:
            return _other(request, tokens, path, lost, refused), False
        except PinflowError as error:
            # of what was not done, no note may stay; in doubt, it must
            if lost is None and not isinstance(error, Doubtful):
                refresh_marker.clear(path)
            raise
        stored = _stored(after, tokens, put)
    refresh_marker.clear(path)
    return stored, True


def _stored(after: TokenSet, before: TokenSet, put: Callable[[TokenSet], None]) -> TokenSet:
    try:
        put(after)
    except OSError as error:
        raise CredentialError(
            f"the token {before.name!r} was refreshed, and the new one can't be stored: {error.strerror}",
            hint=f"make {before.path} writable, then sign in again",
        ) from None
    return replace(after, storage=before.storage, source=before.source, path=before.path)


def _other(
    request: CredentialRequest, tokens: TokenSet, path: Path, lost: refresh_marker.Note | None, refused: Refused
) -> TokenSet:
    """The tokens that somebody else has stored meanwhile without the lock. Raises CredentialError if nobody has."""
    again = token_locations.read(path, request.token)
    if again is not None and again.access_token != tokens.access_token:
        refresh_marker.clear(path)
        return bound(request, again)
    if lost is None:
        refresh_marker.clear(path)
        raise CredentialError(
            f"the token {tokens.name!r} ({tokens.source}) can't be refreshed: {refused.message}", hint=refused.hint
        ) from None
    raise CredentialError(
        f"the token {tokens.name!r} ({tokens.source}) can't be refreshed: rotation lost at {lost.at}. The service was "
        "asked for new tokens then, and its answer was never stored: pinflow was killed, or the network broke off. "
        f"Now {refused.message}",
        hint=f"sign in again: {request.api.login_hint.format(token=request.token)}",
    ) from None
