"""Credentials: a variable's token as it is, a stored token refreshed when needed."""

from __future__ import annotations

import threading
from dataclasses import field
from typing import TYPE_CHECKING

from pinflow import ActionError, Credential, CredentialError, dataclass
from pinflow_auth.endpoint import GrantInDoubt
from pinflow_auth.refresh import check_destination, refresh
from pinflow_auth.refresh_variable import get_tokens, request_of_kept
from pinflow_auth.store import find_tokens
from pinflow_auth.token_locations import origin_of

if TYPE_CHECKING:
    from pinflow import CredentialRequest
    from pinflow_auth.tokens import TokenSet

MARGIN = 60.0  # seconds before its end that a token is replaced: a request takes 60 s at most, and clocks differ


def credential(request: CredentialRequest) -> Credential | None:
    """The credential of that token name: of a variable, else of a file, else None.

    Raises CredentialError for a token that exists and can't be used, and for one of another origin.
    """
    tokens = find_tokens(request)
    if tokens is None:
        return None
    check_destination(request, tokens)
    if tokens.seed and tokens.variable:
        return _credential_of_refresh_variable(request)
    if tokens.storage == "environment":
        return Credential(
            tokens.access_token,
            name=tokens.name,
            source=tokens.source,
            origin=origin_of(request),
            variable=tokens.variable,
        )
    return StoredCredential(request, tokens)


def _credential_of_refresh_variable(request: CredentialRequest) -> Credential | None:
    if (tokens := get_tokens(request)) is None:
        return None
    if tokens.storage == "environment":  # in memory alone
        return Credential(
            tokens.access_token,
            name=tokens.name,
            source=tokens.source,
            origin=tokens.origin or origin_of(request),
            scopes=tokens.scope_set,
            variable=tokens.variable,
        )
    return StoredCredential(request_of_kept(request), tokens)


@dataclass(frozen=True, slots=True)
class _RefreshFailure:
    """Why the access token ``used`` could not be replaced. After a ``final`` failure it is not tried again."""

    used: str = field(repr=False)
    error: CredentialError | ActionError
    final: bool


class StoredCredential(Credential):
    """Signs with a stored token, and refreshes it when it ends or is refused. Thread-safe.

    A token that has ended by this clock is refreshed before it is used; if that fails, it is used all the same: the
    clock may be wrong, and the service knows.
    """

    __slots__ = ("_failure", "_request", "_signed", "_tokens", "_turn")

    def __init__(self, request: CredentialRequest, tokens: TokenSet) -> None:
        super().__init__(
            tokens.access_token,
            name=tokens.name,
            source=tokens.source,
            origin=tokens.origin or origin_of(request),
            scopes=tokens.scope_set,
            variable=tokens.variable,
        )
        self._request = request
        self._tokens = tokens  # replaced as a whole, so that a reader never sees two halves
        self._turn = threading.Lock()  # one refresh per process; between processes the vault's turn decides
        self._signed = threading.local()  # which token a thread sent last: only that one was refused
        self._failure: _RefreshFailure | None = None

    def _current(self) -> str:
        if self._needs_refresh(self._tokens):
            with self._turn:
                if self._needs_refresh(self._tokens):
                    self._refresh()
        tokens = self._tokens
        self._signed.secret = tokens.access_token
        return tokens.access_token

    def _lasting(self) -> str:
        return f"{self._tokens.path} {self.name}"

    def renew(self) -> bool:
        """Replace the token that this thread signed with last; True if there is a new one.

        Another thread or process may have replaced it already. Raises CredentialError if only signing in again helps,
        and what ``refresh`` raises.
        """
        with self._turn:
            used = getattr(self._signed, "secret", self._tokens.access_token)
            failed = self._failure is not None and self._failure.used == used and self._failure.final
            if failed or not self._tokens.refreshable:
                if self._reread() or self._failure is None:
                    return self._tokens.access_token != used
                raise self._refusal(self._failure.error)  # as before, without asking the service again
            try:
                self._tokens, _ = refresh(self._request, used=used)
            except CredentialError as error:
                self._failure = _RefreshFailure(used, error, final=True)
                raise self._refusal(error) from None
            return self._tokens.access_token != used

    def _refusal(self, error: Exception) -> CredentialError:
        refusal = f"{self._request.api.title} refused the token {self.name!r}"
        if not isinstance(error, CredentialError):
            return CredentialError(refusal)
        return CredentialError(f"{refusal}; {error.message}", hint=error.hint)

    def _needs_refresh(self, tokens: TokenSet) -> bool:
        """Whether the token has ended, or nearly, and a refresh is worth trying."""
        if tokens.expires_at is None or not tokens.refreshable:
            return False
        failed = self._failure is not None and self._failure.used == tokens.access_token
        return tokens.expires_at <= self._request.clock() + _margin(tokens) and not failed

    def _refresh(self) -> None:
        used = self._tokens.access_token
        try:
            self._tokens, _ = refresh(self._request, used=used)
        except (CredentialError, ActionError) as error:
            # not tried again before each request; after an unknown outcome, once more if the service refuses the token
            final = isinstance(error, CredentialError) and not isinstance(error, GrantInDoubt)
            self._failure = _RefreshFailure(used, error, final=final)

    def _reread(self) -> bool:
        """Use the token that another program has stored meanwhile; False if there is none."""
        tokens = find_tokens(self._request)
        if tokens is None or tokens.access_token == self._tokens.access_token:
            return False
        self._tokens = check_destination(self._request, tokens)
        return True


def _margin(tokens: TokenSet) -> float:
    """How long before its end a token is replaced, in seconds; a third of its life if that is shorter."""
    if tokens.expires_at is None or tokens.issued_at is None:
        return MARGIN
    return min(MARGIN, max(0.0, tokens.expires_at - tokens.issued_at) / 3)
