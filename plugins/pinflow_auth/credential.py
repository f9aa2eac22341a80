"""Credentials of tokens: those of variables as they are, those of files fresh for as long as they can be."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pinflow import ActionError, Credential, CredentialError
from pinflow_auth.endpoint import GrantInDoubt
from pinflow_auth.refresh import check_destination, refresh
from pinflow_auth.store import find_tokens
from pinflow_auth.token_locations import origin_of

if TYPE_CHECKING:
    from pinflow import CredentialRequest
    from pinflow_auth.tokens import TokenSet

MARGIN = 60.0  # seconds; a token that ends sooner may end on the way


def credential(request: CredentialRequest) -> Credential | None:
    """What signs with the token of that name: the environment's, else a file's, else None.

    Raises CredentialError for what is there and can't be used, and for a token of another origin.
    """
    tokens = find_tokens(request)
    if tokens is None:
        return None
    check_destination(request, tokens)
    if tokens.storage == "environment":
        return Credential(tokens.access_token, name=tokens.name, source=tokens.source, origin=tokens.origin)
    return StoredCredential(request, tokens)


@dataclass(frozen=True, slots=True)
class _RefreshFailure:
    """Why the token that was in ``used`` could not be replaced. A ``final`` one is not tried again."""

    used: str = field(repr=False)
    error: CredentialError | ActionError
    final: bool


class StoredCredential(Credential):
    """Signs with the token of a file, and has it refreshed when it ends or is refused. Thread-safe.

    A token that is thought to have ended is refreshed before it is used; if that
    fails, it is used all the same, since the clock may be wrong: the service knows.
    """

    __slots__ = ("_failure", "_request", "_signed", "_tokens", "_turn")

    def __init__(self, request: CredentialRequest, tokens: TokenSet) -> None:
        super().__init__(
            tokens.access_token,
            name=tokens.name,
            source=tokens.source,
            origin=tokens.origin or origin_of(request),
            scopes=tokens.scope_set,
        )
        self._request = request
        self._tokens = tokens  # replaced as a whole, so that a reader never sees two halves
        self._turn = threading.Lock()
        self._signed = threading.local()
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
        """Get a fresh token in place of the one that this thread signed with last; True when there is one.

        Another thread or process may have done it already. Raises CredentialError
        where only signing in again helps, and what else ``refresh`` raises.
        """
        with self._turn:
            used = getattr(self._signed, "secret", self._tokens.access_token)
            known = self._failure is not None and self._failure.used == used and self._failure.final
            if known or not self._tokens.refreshable:
                if self._reread() or self._failure is None:
                    return self._tokens.access_token != used
                raise self._refusal(self._failure.error)  # as before: the service need not hear it again
            try:
                self._tokens, _ = refresh(self._request, used=used)
            except CredentialError as error:
                self._failure = _RefreshFailure(used, error, final=True)
                raise self._refusal(error) from None
            return self._tokens.access_token != used

    def _refusal(self, error: Exception) -> CredentialError:
        what = f"{self._request.api.title} refused the token {self.name!r}"
        if not isinstance(error, CredentialError):
            return CredentialError(what)
        return CredentialError(f"{what}; {error.message}", hint=error.hint)

    def _needs_refresh(self, tokens: TokenSet) -> bool:
        """Whether it is time for another token, and worth asking for one."""
        if tokens.expires_at is None or not tokens.refreshable:
            return False
        failed = self._failure is not None and self._failure.used == tokens.access_token
        return tokens.expires_at <= self._request.clock() + _margin(tokens) and not failed

    def _refresh(self) -> None:
        used = self._tokens.access_token
        try:
            self._tokens, _ = refresh(self._request, used=used)
        except (CredentialError, ActionError) as error:
            # not tried again before each request; after a doubt, once more when the service refuses the token
            final = isinstance(error, CredentialError) and not isinstance(error, GrantInDoubt)
            self._failure = _RefreshFailure(used, error, final=final)

    def _reread(self) -> bool:
        """Take what somebody else has stored meanwhile, if it is another token."""
        found = find_tokens(self._request)
        if found is None or found.access_token == self._tokens.access_token:
            return False
        self._tokens = check_destination(self._request, found)
        return True


def _margin(tokens: TokenSet) -> float:
    """How long before its end a token is replaced, in seconds; one that lives for seconds only must be used, too."""
    if tokens.expires_at is None or tokens.issued_at is None:
        return MARGIN
    return min(MARGIN, max(0.0, tokens.expires_at - tokens.issued_at) / 3)
