"""Apps, authorization codes and tokens.

All of them contain the word "sandbox". A text without it that may be a credential of the real service is never looked
up, stored or repeated.

Source: https://developers.pinterest.com/docs/getting-started/set-up-authentication-and-authorization/
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections import OrderedDict
from dataclasses import field
from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING, Literal

from pinflow import dataclass
from pinflow_sandbox.server import errors
from pinflow_sandbox.v3.scopes import V3_SCOPES
from pinflow_sandbox.v5.scopes import V5_SCOPES
from pinflow_sandbox.world.images import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pinflow_sandbox.control.settings import Settings

EVERY_SCOPE = V5_SCOPES | V3_SCOPES  # a token with these is valid for every version of the API
PENDING_CONSENTS = 1000  # consent pages opened and not answered; the oldest is dropped, so that memory stays bounded

_TOKEN_PREFIXES = ("pina_", "pinr_", "pinc_", "pina.", "pinr.", "pinc.")
_OPAQUE = re.compile(r"[A-Za-z0-9._~+/=-]{32,}")


@dataclass(frozen=True, slots=True)
class AppRegistration:
    """A registered app. A legacy one gets continuous refresh tokens only on request."""

    id: str
    secret: str
    owner: str  # username
    redirect_uris: frozenset[str]
    legacy: bool = False


@dataclass(slots=True)
class TokenFamily:
    """All tokens from one consent; all are revoked when a refresh token is used twice."""

    app_id: str
    account: str  # username
    scopes: frozenset[str]
    kind: Literal["user", "client"] = "user"
    revoked: bool = False


@dataclass(slots=True)
class AccessToken:
    """An access token."""

    family: TokenFamily
    scopes: frozenset[str]
    expires: float  # seconds since the epoch
    revoked: bool = False


@dataclass(slots=True)
class RefreshToken:
    """A refresh token."""

    family: TokenFamily
    continuous: bool
    expires: float  # seconds since the epoch
    used: float | None = None  # when it was rotated


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """What an app asks a user to agree to."""

    app_id: str
    redirect_uri: str
    scopes: frozenset[str]
    state: str | None
    refreshable: bool = True  # a parameter of API v3 only
    challenge: str = ""  # that of RFC 7636 (S256), which the exchange must prove to know the source of


@dataclass(slots=True)
class AuthorizationCode:
    """An authorization code."""

    consent: ConsentRequest
    account: str  # username
    expires: float  # seconds since the epoch
    used: bool = False


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    """New tokens, as the token endpoint returns them."""

    access_token: str
    access_seconds: float
    scopes: frozenset[str]
    refresh_token: str | None = None
    refresh_expires: float = 0.0  # seconds since the epoch


@dataclass(slots=True)
class LoginRegistry:
    """All apps, codes and tokens. ``now`` is the sandbox's clock, ``settings`` returns the current settings."""

    seed: int
    now: Callable[[], float]
    settings: Callable[[], Settings]
    apps: dict[str, AppRegistration] = field(default_factory=dict)
    _access: dict[str, AccessToken] = field(default_factory=dict)
    _refresh: dict[str, RefreshToken] = field(default_factory=dict)
    _codes: dict[str, AuthorizationCode] = field(default_factory=dict)
    _consents: OrderedDict[str, ConsentRequest] = field(default_factory=OrderedDict)
    _approved: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)  # of v3, by app and account
    _count: int = 0

    def register(
        self, id: str, *, owner: str, redirect_uris: Iterable[str] = (), legacy: bool = False, secret: str | None = None
    ) -> AppRegistration:
        """Register or change an app. Its secret is derived from the seed by default."""
        chosen = secret if secret is not None else "sandbox_secret_" + fingerprint(str(self.seed), "secret", id)
        self.apps[id] = AppRegistration(id, chosen, owner, frozenset(redirect_uris), legacy)
        return self.apps[id]

    def account_names(self) -> list[str]:
        """The usernames that have a token or own an app, in order of their first one."""
        owners = [app.owner for app in self.apps.values()]
        return list(dict.fromkeys([*owners, *(token.family.account for token in self._access.values())]))

    def authenticated_app(self, id: str, secret: str) -> AppRegistration:
        """The app with these credentials. Raises ApiError (401) for wrong ones."""
        app = self.apps.get(id)
        if app is not None and compare_digest(app.secret.encode(), secret.encode()):
            return app
        raise _unknown_credential(secret)

    def find_access_token(self, text: str) -> AccessToken:
        """The access token with this text. Raises ApiError (401) if it is not valid now."""
        token = self._access.get(text)
        if token is None:
            raise _unknown_credential(text)
        if token.revoked or token.family.revoked or token.expires <= self.now():
            raise errors.authentication_failed()
        return token

    def standing_token(self, app: AppRegistration, account: str, scopes: frozenset[str]) -> str:
        """An access token that is always the same for the same app, account and scopes; valid from now on."""
        text = "pina_sandbox_" + fingerprint(str(self.seed), app.id, account, ",".join(sorted(scopes)))
        expires = self.now() + self.settings().access_seconds
        self._access[text] = AccessToken(TokenFamily(app.id, account, scopes), scopes, expires)
        return text

    def open_consent(self, consent: ConsentRequest) -> str:
        """Store what a consent page asks for. Returns the nonce that its answer must contain."""
        nonce = self._text("sandbox_consent_")
        self._consents[nonce] = consent
        while len(self._consents) > PENDING_CONSENTS:
            self._consents.popitem(last=False)
        return nonce

    def take_consent(self, nonce: str) -> ConsentRequest | None:
        """Remove and return what the page with this nonce asks for, or None if it was answered."""
        return self._consents.pop(nonce, None)

    def issue_code(self, consent: ConsentRequest, account: str) -> str:
        """A code for an app that a user (a username) agreed to."""
        text = self._text("sandbox_code_")
        self._codes[text] = AuthorizationCode(consent, account, self.now() + self.settings().code_seconds)
        return text

    def exchange(
        self, app: AppRegistration, text: str, redirect_uri: str, *, continuous: bool, verifier: str = ""
    ) -> IssuedTokens:
        """Tokens of API v5 for a code, which is valid once, for its app, its redirect URI and scopes of v5."""
        code = self._redeem_code(app, text, redirect_uri, V5_SCOPES, verifier)
        family = TokenFamily(app.id, code.account, code.consent.scopes)
        return self._pair(family, family.scopes, continuous=continuous)

    def exchange_v3(self, app: AppRegistration, text: str, redirect_uri: str, *, verifier: str = "") -> IssuedTokens:
        """Tokens of API v3 for a code: for every scope approved so far, with a refresh token if requested."""
        code = self._redeem_code(app, text, redirect_uri, V3_SCOPES, verifier)
        approved = self._approved.get((app.id, code.account), frozenset()) | code.consent.scopes
        self._approved[app.id, code.account] = approved
        family = TokenFamily(app.id, code.account, approved)
        if code.consent.refreshable:
            return self._pair(family, approved, continuous=False)
        return self._issue("pina_sandbox_", family, approved)

    def _redeem_code(
        self, app: AppRegistration, text: str, redirect_uri: str, known: frozenset[str], verifier: str
    ) -> AuthorizationCode:
        code = self._codes.get(text)
        if code is None:
            raise self._invalid_grant(text)
        good = code.consent.app_id == app.id and code.consent.redirect_uri == redirect_uri
        if not good or not code.consent.scopes <= known or code.used or code.expires <= self.now():
            raise self._invalid_grant()
        if code.consent.challenge and not compare_digest(code.consent.challenge, _challenge_of(verifier)):
            raise self._invalid_grant()
        code.used = True
        return code

    def issue_pair(self, app: AppRegistration, account: str, scopes: frozenset[str]) -> IssuedTokens:
        """New tokens of an account (a username), with a continuous refresh token."""
        return self._pair(TokenFamily(app.id, account, scopes), scopes, continuous=True)

    def refresh(
        self, app: AppRegistration, text: str, scopes: frozenset[str] | None, *, continuous: bool | None
    ) -> IssuedTokens:
        """Tokens for a refresh token. A continuous one is replaced; used again, it revokes its whole family.

        With ``continuous`` None nothing is replaced, as in API v3.
        """
        token = self._refresh.get(text)
        if token is None:
            raise self._invalid_grant(text)
        if token.family.app_id != app.id or token.family.revoked or token.expires <= self.now():
            raise self._invalid_grant()
        if token.used is not None and self.now() >= token.used + self.settings().refresh_grace:
            token.family.revoked = True
            raise self._invalid_grant()
        chosen = token.family.scopes if scopes is None else scopes
        if more := sorted(chosen - token.family.scopes):
            raise errors.invalid_request(f"'scope' asks for more than was granted: {more}")
        if continuous is not None and (token.continuous or continuous):
            token.used = self.now() if token.used is None else token.used
            return self._pair(token.family, chosen, continuous=True)
        return self._issue("pina_sandbox_", token.family, chosen, text, token.expires)

    def issue_client_token(self, app: AppRegistration, scopes: frozenset[str]) -> IssuedTokens:
        """A token that acts as the owner of the app, without a refresh token."""
        family = TokenFamily(app.id, app.owner, scopes, "client")
        return self._issue("pinc_sandbox_", family, scopes)

    def revoke(self, app: AppRegistration, text: str) -> None:
        """Revoke a token; a refresh token revokes its family. Raises ApiError (403) for another app's token."""
        access, refresh = self._access.get(text), self._refresh.get(text)
        token = access or refresh
        if token is None and looks_real(text):
            raise errors.real_credential_error()
        if token is None or token.family.app_id != app.id:
            raise errors.permission_denied()
        if access is not None:
            access.revoked = True
        else:
            token.family.revoked = True

    def expire_access_token(self, text: str) -> bool:
        """Expire an access token early if a refresh token can replace it. Returns whether it did."""
        token = self._access.get(text)
        if token is None or not any(refresh.family is token.family for refresh in self._refresh.values()):
            return False
        token.expires = self.now()
        return True

    def _pair(self, family: TokenFamily, scopes: frozenset[str], *, continuous: bool) -> IssuedTokens:
        chosen = self.settings()
        expires = self.now() + (chosen.refresh_seconds if continuous else chosen.legacy_refresh_seconds)
        refresh = self._text("pinr_sandbox_")
        self._refresh[refresh] = RefreshToken(family, continuous, expires)
        return self._issue("pina_sandbox_", family, scopes, refresh, expires)

    def _issue(
        self, prefix: str, family: TokenFamily, scopes: frozenset[str], refresh: str | None = None, expires: float = 0.0
    ) -> IssuedTokens:
        """A new access token, together with a refresh token that expires then."""
        text, seconds = self._text(prefix), self.settings().access_seconds
        self._access[text] = AccessToken(family, scopes, self.now() + seconds)
        return IssuedTokens(text, seconds, scopes, refresh, expires)

    def _text(self, prefix: str) -> str:
        self._count += 1
        return prefix + fingerprint(str(self.seed), prefix, str(self._count))

    def _invalid_grant(self, text: str = "") -> errors.ApiError:
        if looks_real(text):
            return errors.real_credential_error()
        return errors.ApiError(self.settings().refused_grant_status, 2, "Authentication failed.")


def looks_real(text: str) -> bool:
    """Whether a text may be a credential of the real service."""
    if "sandbox" in text:
        return False
    return text.startswith(_TOKEN_PREFIXES) or _OPAQUE.fullmatch(text) is not None


def _unknown_credential(text: str) -> errors.ApiError:
    return errors.real_credential_error() if looks_real(text) else errors.authentication_failed()


def _challenge_of(verifier: str) -> str:
    """The challenge that a verifier proves. Source: https://www.rfc-editor.org/rfc/rfc7636#section-4.6"""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
