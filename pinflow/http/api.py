"""An API version as data that its plugin supplies.

What differs between services and versions (paths, paging, errors, quotas) is a
field here; the client has no ``if version ==``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pinflow.http.token_rules import TokenNames, TokenRules, checked_origin
from pinflow.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from pinflow.errors import RemoteError


LOGIN_HINT = "pinflow auth login {token}"


class OperationFacts(Protocol):
    """An operation's entry in a service's catalogue."""

    @property
    def id(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def scopes(self) -> frozenset[str]: ...


@dataclass(frozen=True, slots=True)
class Quota:
    """At most ``limit`` calls in ``seconds``. ``per`` says who shares it: "user" or "app"."""

    limit: int
    seconds: float
    per: str = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """How an API version issues tokens (OAuth 2), as data.

    ``consent`` and ``token`` are what differs between services and versions: where
    the user agrees, and how the token endpoint is called and read. ``answer`` is
    field -> path into the token endpoint's JSON answer, for ``access_token``,
    ``refresh_token``, ``scope``, ``expires_in``, ``refresh_token_expires_in`` and
    ``refresh_token_expires_at``; a field without a path is one the version lacks.
    """

    consent_origin: str  # "https://www.example.com"
    consent_origin_variable: str
    consent_path: str  # "/oauth/"
    consent_fields: Mapping[str, str] = field(default_factory=dict)  # further parameters of the consent page
    token_path: str  # below the API's origin: "/v5/oauth/token"
    token_method: str = "POST"  # noqa: S105 - a method
    exchange_fields: Mapping[str, str] = field(default_factory=dict)  # further fields of the code's exchange
    refresh_fields: Mapping[str, str] = field(default_factory=dict)  # further fields of a refresh
    answer: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    client_credentials: bool = False
    revoke_path: str = ""  # "" where tokens can't be revoked
    rotates: bool = False  # whether a refresh gives a new refresh token and ends the old one
    access_seconds: float | None = None  # an access token's lifetime, if the answer does not say
    scopes: frozenset[str] = frozenset()  # all that exist
    default_scopes: frozenset[str] = frozenset()
    account_scopes: frozenset[str] = frozenset()  # without them a token can't tell whose it is
    scope_meanings: Mapping[str, str] = field(default_factory=dict)  # what each allows, in a few words
    app_variables: tuple[tuple[str, str], ...] = ()  # variables of app id and secret; the first whole pair counts
    redirect_uri: str = "http://localhost:8085/"
    pkce: bool = False  # whether a code is tied to who asked for it (RFC 7636, S256)
    landing_variable: str = ""  # names the address that the browser ends at; unset, it shows a page of pinflow's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One version of one service's API.

    ``origin`` is scheme and host; the variable named ``origin_variable`` replaces
    it. A path that begins with one of ``beside`` is not below ``prefix``: it is another
    part of the service, which the same login reaches. ``quotas`` is tier -> category ->
    Quota, where category "*" counts every call. ``operation`` finds a call's facts by
    method and path (as a client is given it, without query). ``read_error`` turns
    status, headers (lower-case names) and decoded body into the narrowest RemoteError.
    ``closed`` says by tier, method and path why the service at ``origin`` refuses a call
    to every app of that tier, "" if it does not: a dry run reports it.
    """

    id: str  # "v5"
    service: str  # whose API, whose tokens, and what --sandbox simulates; versions of one API are one service
    title: str
    origin: str  # "https://api.example.com"
    prefix: str  # "/v5"
    origin_variable: str
    version_variable: str = ""  # names the default API, by its id
    beside: tuple[str, ...] = ()  # "/ads/v4/"
    operation: Callable[[str, str], OperationFacts | None]
    read_error: Callable[[int, Mapping[str, str], object], RemoteError]
    items: str = "items"  # the key that holds a page's objects
    bookmark: str = "bookmark"  # both the parameter and the key of the next page
    page_size: int = 250
    idempotent: frozenset[str] = frozenset({"GET", "HEAD", "PATCH", "DELETE"})
    quotas: Mapping[str, Mapping[str, Quota]] = field(default_factory=dict)
    closed: Callable[[str, str, str], str] = lambda tier, method, path: ""
    oauth: OAuth | None = None  # None if tokens come from elsewhere
    token_folder_variable: str = ""  # names the folder of token files
    tokens: TokenRules = TokenRules()
    login_hint: str = LOGIN_HINT

    def base_url(self, environ: Mapping[str, str]) -> str:
        """This API's base URL in this environment: scheme, host, port and prefix, no final slash.

        Raises UsageError for anything but https, or http on a loopback address.
        """
        origin = environ.get(self.origin_variable) or self.origin
        return checked_origin(origin, self.origin_variable) + self.prefix

    @property
    def names(self) -> TokenNames:
        """What the names of this API's tokens stand for."""
        return TokenNames(self.service, self.id, self.tokens, self.token_folder_variable, self._settings)

    @property
    def _settings(self) -> frozenset[str]:
        """The variables that it declares besides those of its tokens."""
        variables = [self.origin_variable, self.version_variable, self.token_folder_variable]
        if (oauth := self.oauth) is not None:
            variables += [oauth.consent_origin_variable, oauth.landing_variable]
            variables += [variable for pair in oauth.app_variables for variable in pair]
        return frozenset(filter(None, variables))

    @property
    def homes(self) -> tuple[str, ...]:
        """The origins to which the service's secrets may go: its own."""
        consent = (self.oauth.consent_origin,) if self.oauth is not None else ()
        return (self.origin, *self.tokens.hosts, *consent)

    def login_command(self, token: str, needed: frozenset[str], had: frozenset[str] | None = frozenset()) -> str:
        """The command that signs in with the scopes that are needed and, so that none is lost, those the token has.

        ``had`` None says that these are unknown: then the usual ones are asked for. What tells whose the token is
        comes with them, as a person confirms that.
        """
        command = self.login_hint.format(token=token)
        if not needed:
            return command  # asks for the usual ones and those of the token that it replaces
        scopes = needed | (had or frozenset())
        if self.oauth is not None:
            # a file may name scopes that the service doesn't have any more: asking for one is refused
            kept = self.oauth.default_scopes if had is None else had & self.oauth.scopes
            scopes = needed | kept | self.oauth.account_scopes
        return f"{command} --scopes {','.join(sorted(scopes))}"

    def account_id(self, client: Any) -> str:
        """The id of the account that the login of a `Client` belongs to; "" if the service does not tell.

        A subclass for a service that does asks it. Raises what the client raises.
        """
        return ""

    def address(self, base_url: str, path: str) -> str:
        """The URL of ``path``, of an API at ``base_url``."""
        return (base_url.removesuffix(self.prefix) if path.startswith(self.beside) else base_url) + path
