"""Refreshing tokens: once for any number of processes and threads, without losing a token on the way.

All is decided inside the vault's turn: a process that waited for it finds the tokens that the one before has stored.
A note that the service is asked is durable before the request is sent, and the answer is durable before its access
token is used. What can't be closed is the time between the service's rotation and our storing: a process that is
killed there leaves the note, and the next one can tell what happened.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pinflow import CredentialError, PinflowError, check_host
from pinflow_auth.endpoint import GrantInDoubt, GrantRefused, ask_client_credentials, ask_refresh
from pinflow_auth.file_vault import FileVault, load_tokens
from pinflow_auth.refresh_policy import due_at, rotates
from pinflow_auth.refresh_variable import (
    find_refresh_variable,
    get_tokens,
    kept_tokens,
    request_of_kept,
    unused_tokens,
)
from pinflow_auth.store import describe_places
from pinflow_auth.token_locations import environment_tokens, origin_of
from pinflow_auth.tokens import CLIENT_CREDENTIALS, dump_tokens, iso

if TYPE_CHECKING:
    from pinflow import CredentialRequest, StoredToken, Vault, VaultTurn
    from pinflow_auth.tokens import TokenSet


def refresh(
    request: CredentialRequest,
    *,
    within: float | None = None,
    used: str | None = None,
    if_due: bool = False,
    vault: Vault | None = None,
) -> tuple[TokenSet, bool]:
    """Refresh stored tokens. Returns them as they are afterwards, and whether this call got new ones.

    With ``within`` (seconds) they are refreshed only if they end within that time or their end is unknown; with
    ``if_due``, if two thirds of their life have passed; with ``used``, an access token that was refused or is about
    to end, only if it has not been replaced yet; with none of these, always. ``vault`` None means the user's token
    files. Tokens in variables can't be refreshed and are ignored.

    Raises CredentialError where only a person can help, RateLimited and Unreachable where nothing was done.
    """
    if vault is None and _is_of_variable(request):
        if kept_tokens(request) is None and (tokens := get_tokens(request)) is not None:
            return tokens, True
        request = request_of_kept(request)
    vault = vault or FileVault(request)
    with vault.turn(request.api.id, request.token) as turn:
        tokens = check_destination(request, _load(request, turn.token))
        if not _is_due(request, tokens, within, used, if_due=if_due):
            return tokens, False
        return _refresh(request, tokens, vault, turn)


def forecast_refresh(
    request: CredentialRequest, *, within: float | None = None, if_due: bool = False, vault: Vault | None = None
) -> tuple[TokenSet, bool]:
    """The stored tokens, and whether ``refresh`` would ask for new ones. Raises CredentialError as that does."""
    if vault is None and _is_of_variable(request):
        if kept_tokens(request) is None and (found := find_refresh_variable(request)) is not None:
            return unused_tokens(*found, request), True
        request = request_of_kept(request)
    tokens = _load(request, (vault or FileVault(request)).find(request.api.id, request.token))
    return check_destination(request, tokens), _is_due(request, tokens, within, None, if_due=if_due)


def _is_of_variable(request: CredentialRequest) -> bool:
    """Whether the token comes from the refresh token in a variable."""
    return find_refresh_variable(request) is not None and environment_tokens(request) is None


def _load(request: CredentialRequest, stored: StoredToken | None) -> TokenSet:
    if stored is None:
        login = f"get one with: {request.api.login_hint.format(token=request.token)}"
        raise CredentialError(
            f"there is no token file for {request.token!r}, and only tokens in files can be refreshed",
            hint="\n".join([login, *describe_places(request)]),
        )
    return load_tokens(stored)


def check_destination(request: CredentialRequest, tokens: TokenSet) -> TokenSet:
    """``tokens``, if they may be sent to the request's API.

    Raises CredentialError if another origin gave them out, if they are for another API, and if they name no origin and
    the API is elsewhere than at home.
    """
    origin = origin_of(request)
    token = f"the token {tokens.name!r} ({tokens.source})"
    login = request.api.login_hint.format(token=request.token)
    if tokens.origin and tokens.origin != origin:
        raise CredentialError(
            f"{token} is for {tokens.origin} and is not sent to {origin}",
            hint=f"set {request.api.origin_variable} to the first, or get a token for the other with: {login}",
        )
    if tokens.api and tokens.api != request.api.id:
        raise CredentialError(
            f"{token} is for the API {tokens.api}, not {request.api.id}", hint=f"get one with: {login}"
        )
    api = request.api
    held = [secret for secret in (tokens.access_token, tokens.refresh_token) if secret is not None]
    if any(secret.startswith(other.rules.prefixes) for other in request.others for secret in held):
        raise CredentialError(f"{token} is of another service than {api.title}", hint=f"get one with: {login}")
    secrets = {"token": tokens.access_token, "refresh token of": tokens.refresh_token}
    for label, secret in secrets.items():
        if secret:
            check_host(
                secret,
                origin,
                homes=(*api.homes, tokens.origin),
                rules=api.tokens,
                environ=request.environ,
                label=f"the {label} {tokens.name!r} ({tokens.source})",
            )
    return tokens


def _is_due(
    request: CredentialRequest, tokens: TokenSet, within: float | None, used: str | None, *, if_due: bool
) -> bool:
    if used is not None:
        return tokens.access_token == used
    now = request.clock()
    if if_due and ((due := due_at(tokens, rotates=rotates(request))) is None or due <= now):
        return True
    if within is None:
        return not if_due
    return tokens.expires_at is None or tokens.ends_within(within, now)


def _refresh(request: CredentialRequest, tokens: TokenSet, vault: Vault, turn: VaultTurn) -> tuple[TokenSet, bool]:
    if not tokens.refreshable:
        raise CredentialError(
            f"the token {tokens.name!r} ({tokens.source}) has no refresh token",
            hint=f"sign in again: {request.api.login_hint.format(token=request.token)}",
        )
    rotating = tokens.grant != CLIENT_CREDENTIALS  # an app's own token is asked for anew: none can be lost
    lost_at = turn.token.lost_at if turn.token is not None and rotating else ""
    turn.record_request(iso(request.clock()) or "")
    try:
        if rotating:
            answer = ask_refresh(request, tokens)
        else:
            answer = ask_client_credentials(request, tokens.scope_set or frozenset())
    except PinflowError as error:
        if rotating and isinstance(error, GrantRefused):
            return _tokens_despite(error, request, tokens, vault, turn, lost_at), False
        # a request that was not applied leaves no note; one whose outcome is unknown must
        if not lost_at and not (rotating and isinstance(error, GrantInDoubt)):
            turn.clear_request()
        raise
    turn.replace(dump_tokens(answer))
    return replace(answer, storage=tokens.storage, source=tokens.source, path=tokens.path), True


def _tokens_despite(
    refused: GrantRefused, request: CredentialRequest, tokens: TokenSet, vault: Vault, turn: VaultTurn, lost_at: str
) -> TokenSet:
    """The tokens that another program stored meanwhile without a turn. Raises CredentialError if there are none."""
    stored = vault.find(request.api.id, request.token)
    current = load_tokens(stored) if stored is not None else tokens
    if current.access_token != tokens.access_token:
        turn.clear_request()
        return check_destination(request, current)
    token = f"the token {tokens.name!r} ({tokens.source})"
    if not lost_at:
        turn.clear_request()
        raise CredentialError(f"{token} can't be refreshed: {refused.message}", hint=refused.hint) from None
    raise CredentialError(
        f"{token} can't be refreshed: rotation lost at {lost_at}. The service was asked for new tokens then, and its "
        f"answer was never stored: pinflow was killed, or the connection broke. Now {refused.message}",
        hint=f"sign in again: {request.api.login_hint.format(token=request.token)}",
    ) from None
