"""The token endpoint of an API, asked as its OAuth data says: once, and never again if the outcome is unknown.

What differs between services and versions (method, paths, the answer's fields) is data. No error quotes what was
sent. A success whose answer can't be read counts as unknown: the service may have done what was asked.

Source: https://www.rfc-editor.org/rfc/rfc6749#section-4
"""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing
from dataclasses import field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from pinflow import CredentialError, RateLimited, Unreachable, check_host, dataclass, mask, remember_token
from pinflow_auth.token_locations import origin_of
from pinflow_auth.tokens import CLIENT_CREDENTIALS, TokenSet, check_quotes, is_moment, is_sendable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pinflow import Answer, CredentialRequest, OAuth

DEADLINE = 30.0  # seconds for one call, from connecting to the last byte; a quarter of the wait for the lock
MAX_BYTES = 64 * 1024  # of an answer; one has below 1 KiB
LONGEST_LIFE = 100 * 366 * 86_400.0  # seconds; a longer life is a mistake, and would overflow dates

TEMPLATE = "common/scripts/api_app_credentials.template"

_FORM = "application/x-www-form-urlencoded"
_SECRETS = ("code", "code_verifier", "refresh_token", "token")  # secret fields of a form


class GrantRefused(CredentialError):
    """The service refused; it changed nothing."""

    kind = "refused"  # as programs that read JSON output know it


class GrantInDoubt(CredentialError):
    """It is unknown whether the service did what was asked."""

    kind = "doubtful"


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """The id and secret of an app."""

    id: str
    secret: str = field(repr=False)
    variables: tuple[str, str]

    @property
    def source(self) -> str:
        """Where both are, for messages."""
        return " and ".join(self.variables)

    @property
    def basic(self) -> str:
        """Both, as HTTP Basic authentication sends them."""
        return b64encode(f"{self.id}:{self.secret}".encode()).decode()


@dataclass(frozen=True, slots=True)
class _Grant:
    """One call of a service's endpoint, for a request and by an app. ``purpose`` completes "refused to ..."."""

    request: CredentialRequest
    app: AppCredentials
    purpose: str
    form: Mapping[str, str] = field(repr=False)
    hint: str
    tied_to: str = ""  # the origin of the tokens that it is about
    revokes: bool = False  # at the endpoint for that; all others go to that for tokens

    def ask_tokens(self, *, before: TokenSet | None = None, grant: str = "") -> TokenSet:
        """The tokens that the service gives. Facts that the answer lacks stay as they were ``before``."""
        fields = _answer_fields(self.ask(), oauth_of(self.request))
        if fields is None or not is_sendable(fields.get("access_token")):
            raise self._in_doubt("its answer has no usable access_token")
        return _token_set(self.request, self.app, fields, before, grant)

    def ask(self) -> object:
        """The decoded body of a success. Raises as ``ask_exchange``."""
        from pinflow import web_page_reason

        check_app(self.request, self.app, origin_of(self.request), tied_to=self.tied_to)
        answer = self._send()
        if page := web_page_reason(answer, urlsplit(origin_of(self.request)).netloc):
            raise self._in_doubt(page, hint="sign in to the network or its VPN, or check PINFLOW_PROXY; then try again")
        if 200 <= answer.status < 300:
            if answer.body is None:
                raise self._in_doubt(f"its answer {answer.flaw}")
            return _parse_json(answer.body)
        raise self._refusal(answer)

    def _send(self) -> Answer:
        from pinflow import Limits, Lost, Transport, network_settings

        # before they leave: the answer may repeat them
        remember_token(self.app.secret, self.app.basic, *map(self.form.get, _SECRETS))
        oauth = oauth_of(self.request)
        method, path = ("POST", oauth.revoke_path) if self.revokes else (oauth.token_method, oauth.token_path)
        with closing(Transport(connections=1, network=network_settings(self.request.environ))) as transport:
            try:
                return transport.send(
                    method,
                    origin_of(self.request) + path,
                    sign=lambda prepared: prepared.headers.update({"Authorization": f"Basic {self.app.basic}"}),
                    limits=Limits(deadline=DEADLINE, max_bytes=MAX_BYTES),
                    body=urlencode(self.form).encode(),
                    content_type=_FORM,
                )
            except Lost as error:
                lost = error  # raised outside of the handler: the library's errors carry the signed request
        if lost.phase == "nothing_sent":
            title = self.request.api.title
            reason = f"{title} can't be reached to {self.purpose}: {lost.reason}; nothing was sent"
            raise Unreachable(reason, hint=lost.hint)
        raise self._in_doubt(lost.reason)

    def _refusal(self, answer: Answer) -> Exception:
        api = self.request.api
        if 300 <= answer.status < 400:
            return GrantRefused(
                f"{api.title} redirects (HTTP {answer.status}), and secrets are not sent after a redirect",
                hint=f"check {api.origin_variable}",
            )
        body = _parse_json(answer.body or b"")
        error = api.read_error(answer.status, answer.headers, body)
        words = _one_line(str(body["error_description"]) if _has_description(body) else error.text)
        if isinstance(error, RateLimited) or answer.status == 429:
            return RateLimited(words, status=answer.status, call=self.purpose, request_id=error.request_id)
        facts = f"HTTP {answer.status}" + (f", code {error.code}" if error.code is not None else "")
        if answer.status >= 500 or answer.status == 408:
            return self._in_doubt(f"{words} ({facts})")
        hint = self.hint
        if self.form.get("scope") and "scope" in words.lower():
            hint = f"the scopes are: {', '.join(sorted(oauth_of(self.request).scopes))}"
        return GrantRefused(f"{api.title} refused to {self.purpose}: {words} ({facts})", hint=hint)

    def _in_doubt(
        self, reason: str, *, hint: str = "try again in a moment; if that is refused, sign in again"
    ) -> Exception:
        return GrantInDoubt(
            f"{self.request.api.title} was asked to {self.purpose}, and it is unknown whether it did: {reason}",
            hint=hint,
        )


def app_credentials(request: CredentialRequest) -> AppCredentials:
    """The app's id and secret, of the first pair of variables that are both set. Raises CredentialError."""
    pairs = oauth_of(request).app_variables
    for id_variable, secret_variable in pairs:
        id, secret = request.environ.get(id_variable, ""), request.environ.get(secret_variable, "")
        if id and secret:
            for variable, value in ((id_variable, id), (secret_variable, secret)):
                check_quotes(value, f"the environment variable {variable}")
                if not is_sendable(value) or (variable == id_variable and ":" in value):
                    raise CredentialError(
                        f"{variable} is not one line of visible ASCII characters", hint="set it again"
                    )
            return AppCredentials(id, secret, (id_variable, secret_variable))
    *_, (id_variable, secret_variable) = pairs or [("the app's id", "its secret")]
    unset = [variable for variable in (id_variable, secret_variable) if not request.environ.get(variable)]
    raise CredentialError(
        f"the app's credentials for {request.api.title} are missing: {' and '.join(unset)}",
        hint=f"set {id_variable} and {secret_variable}; {TEMPLATE} shows how to store them",
    )


def check_app(request: CredentialRequest, app: AppCredentials, origin: str, *, tied_to: str = "") -> None:
    """Raise CredentialError unless the app's secret may go to ``origin``.

    It may where the service is, and where tokens came from that this app was given (``tied_to``).
    """
    api = request.api
    homes = (*api.homes, *filter(None, [tied_to]))
    label = f"the app's secret ({app.source})"
    check_host(
        app.secret,
        origin,
        homes=homes,
        rules=api.tokens,
        environ=request.environ,
        label=label,
        variables=app.variables,
        others=request.others,
    )


def oauth_of(request: CredentialRequest) -> OAuth:
    """The API's OAuth data. Raises CredentialError if it has none."""
    if request.api.oauth is None:
        raise CredentialError(
            f"{request.api.title} gives out no tokens", hint="put the token into a variable or a token file"
        )
    return request.api.oauth


def ask_exchange(request: CredentialRequest, code: str, *, redirect_uri: str = "", verifier: str = "") -> TokenSet:
    """The tokens for a code that a user's consent gave, not stored yet.

    ``redirect_uri`` is the one that the consent page was opened with; "" is the API's default. ``verifier`` proves who
    asked for the code, where the service takes a proof. Raises GrantRefused,
    GrantInDoubt, RateLimited, Unreachable, CredentialError.
    """
    oauth = oauth_of(request)
    uri = redirect_uri or oauth.redirect_uri
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": uri, **oauth.exchange_fields}
    if verifier:
        form["code_verifier"] = verifier
    hint = (
        "a code works once, for some minutes: sign in again to get another. If that does not help, check that "
        f"{_variables(oauth)} are those of the app, and that {uri} is exactly one of its redirect URIs"
    )
    return _Grant(request, app_credentials(request), "exchange the code for tokens", form, hint).ask_tokens()


def ask_refresh(request: CredentialRequest, tokens: TokenSet) -> TokenSet:
    """The tokens that replace ``tokens``, not stored yet. Facts that the answer lacks stay as they were.

    A service that rotates ends the old refresh token. Raises as ``ask_exchange``.
    """
    oauth = oauth_of(request)
    if tokens.refresh_token is None:
        raise CredentialError(f"the token {tokens.name!r} ({tokens.source}) has no refresh token", hint=_login(request))
    app = app_credentials(request)
    if tokens.app_id and tokens.app_id != app.id:
        raise CredentialError(
            f"the token {tokens.name!r} ({tokens.source}) belongs to the app {tokens.app_id}, "
            f"but {app.source} to the app {app.id}",
            hint=f"set the credentials of that app, or {_login(request)}",
        )
    form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token, **oauth.refresh_fields}
    hint = f"if {app.source} are right, the refresh token was used, ended or revoked: {_login(request)}"
    purpose = f"refresh the token {tokens.name!r}"
    return _Grant(request, app, purpose, form, hint, tied_to=tokens.origin).ask_tokens(before=tokens)


def ask_client_credentials(request: CredentialRequest, scopes: Iterable[str]) -> TokenSet:
    """A token with which the app acts as itself, not stored yet. Raises as ``ask_exchange``."""
    oauth = oauth_of(request)
    if not oauth.client_credentials:
        raise CredentialError(f"{request.api.title} has no client-credentials tokens", hint=_login(request))
    form = {"grant_type": CLIENT_CREDENTIALS, "scope": ",".join(sorted(scopes))}
    hint = f"check {_variables(oauth)}, and that the app may have these scopes: {form['scope']}"
    app = app_credentials(request)
    return _Grant(request, app, "give the app a token of its own", form, hint).ask_tokens(grant=CLIENT_CREDENTIALS)


def ask_revoke(request: CredentialRequest, tokens: TokenSet) -> None:
    """Revoke the tokens at the service. Raises as ``ask_exchange``; GrantRefused also if the service can't revoke."""
    hint = "remove the app's access in the account's settings"
    if not oauth_of(request).revoke_path:
        raise GrantRefused(f"{request.api.title} can't revoke tokens", hint=hint)
    kind = "refresh_token" if tokens.refresh_token else "access_token"
    form = {"token": tokens.refresh_token or tokens.access_token, "token_type_hint": kind}
    purpose = f"revoke the token {tokens.name!r}"
    _Grant(request, app_credentials(request), purpose, form, hint, tied_to=tokens.origin, revokes=True).ask()


def _token_set(
    request: CredentialRequest, app: AppCredentials, fields: Mapping[str, Any], before: TokenSet | None, grant: str
) -> TokenSet:
    now = float(math.floor(request.clock()))  # to the second, as files have it
    rotated = fields.get("refresh_token")
    refresh = rotated if is_sendable(rotated) else before.refresh_token if before is not None else None
    refresh_end = _end(fields.get("refresh_token_expires_in"), fields.get("refresh_token_expires_at"), now)
    if refresh_end is None and before is not None and refresh == before.refresh_token:
        refresh_end = before.refresh_expires_at
    scope = fields.get("scope")
    scopes = scope if isinstance(scope, str) and scope.isprintable() and scope.strip() else None
    return TokenSet(
        name=request.token,
        access_token=fields["access_token"],
        refresh_token=refresh,
        scopes=scopes or (before.scopes if before is not None else None),
        expires_at=_end(fields.get("expires_in"), None, now) or _end(oauth_of(request).access_seconds, None, now),
        refresh_expires_at=refresh_end,
        issued_at=now,
        origin=origin_of(request),
        app_id=app.id,
        api=request.api.id,
        account=before.account if before is not None else "",
        grant=grant,
        seed=before.seed if before is not None else "",
    )


def _end(life: object, moment: object, now: float) -> float | None:
    """When something ends that lives for ``life`` seconds, or until ``moment``; None if neither is usable.

    The life comes first: the service's clock may differ from this machine's.
    """
    if isinstance(life, int | float) and not isinstance(life, bool) and 1 <= life <= LONGEST_LIFE:
        return now + math.floor(life)
    return float(moment) if isinstance(moment, int | float) and is_moment(moment) else None


def _answer_fields(answer: object, oauth: OAuth) -> dict[str, Any] | None:
    """The answer's fields by their common names; None if it is not an object."""
    if not isinstance(answer, Mapping):
        return None
    fields = {}
    for name, path in oauth.answer.items():
        value: object = answer
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        fields[name] = value
    return fields


def _has_description(body: object) -> bool:
    return isinstance(body, Mapping) and isinstance(body.get("error_description"), str)


def _parse_json(body: bytes) -> Any:
    """The value of a JSON text; None for anything else. NaN and the like become None, so that the rest is read."""
    try:
        return json.loads(body.decode(), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _one_line(text: str) -> str:
    """A service's words, short and on one line, without secrets."""
    return "".join(c if c.isprintable() else " " for c in mask(text))[:300]


def _variables(oauth: OAuth) -> str:
    return " or ".join(f"{id} and {secret}" for id, secret in reversed(oauth.app_variables)) or "the app's credentials"


def _login(request: CredentialRequest) -> str:
    return f"sign in again: {request.api.login_hint.format(token=request.token)}"
