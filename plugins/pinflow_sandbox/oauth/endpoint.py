"""OAuth 2 of the service: token endpoint, revocation, and the consent page.

Source: https://developers.pinterest.com/docs/getting-started/set-up-authentication-and-authorization/
"""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from pinflow_sandbox.server.errors import ApiError, authentication_failed, invalid_request, real_credential_error
from pinflow_sandbox.server.json_encoding import encode_json
from pinflow_sandbox.server.messages import HttpResponse
from pinflow_sandbox.v3.scopes import V3_SCOPES
from pinflow_sandbox.v5.routes import DIALECT
from pinflow_sandbox.v5.scopes import V5_SCOPES
from pinflow_sandbox.world.logins import EVERY_SCOPE, ConsentRequest, looks_real

if TYPE_CHECKING:
    from pinflow_sandbox.server.messages import HttpRequest
    from pinflow_sandbox.world.logins import AppRegistration
    from pinflow_sandbox.world.world import World

TOKEN_PATH = "/v5/oauth/token"  # noqa: S105 (a path)
REVOKE_PATH = "/v5/oauth/token/revoke"
CONSENT_PATH = "/oauth/"

_TRUE = ("true", "1")
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root{{color-scheme:light dark;--ground:#f4f5f7;--card:#fff;--line:#c9ced6;--go:#a3142f}}
@media(prefers-color-scheme:dark){{:root{{--ground:#14171c;--card:#1e232b;--line:#49525f;--go:#c8324e}}}}
body{{font:16px/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center;
background:var(--ground)}}
main{{box-sizing:border-box;width:min(28rem,100% - 2rem);padding:2rem;background:var(--card);border-radius:.75rem;
box-shadow:0 1px 3px #0003}}
h1{{font-size:1.4rem;margin:0 0 1rem}} ul{{padding-left:1.2rem}}
main>p:last-child{{margin-bottom:0;opacity:.7;font-size:.9rem}}
button,select{{font:inherit;padding:.4rem 1rem;border-radius:.4rem;border:1px solid var(--line)}}
button[value=approve]{{background:var(--go);border-color:var(--go);color:#fff}}
</style></head>
<body><main><h1>{title}</h1>{content}</main></body></html>
"""


def token_response(world: World, call: HttpRequest) -> HttpResponse:
    """The response of the token endpoint or of revocation."""
    try:
        if call.method != "POST":
            raise ApiError(405, 5, "Method not allowed")
        form = _parse_typed_form(call)
        app = authenticated_app(world, call)
        if call.path == REVOKE_PATH:
            world.logins.revoke(app, required_field(form, "token"))
            return HttpResponse(200)
        return _grant(world, app, form)
    except ApiError as error:
        return DIALECT.error_response(error.status, error.code, error.message)


def consent_response(world: World, call: HttpRequest) -> HttpResponse:
    """The consent page, or the redirect after the user has decided on it."""
    if call.method in ("GET", "HEAD"):
        return _consent_page(world, call.last_values)
    if call.method != "POST":
        return _page(405, "Method not allowed", "<p>Open this address in a browser.</p>")
    if _is_cross_site(call):
        return _page(403, "Refused", "<p>Only the page of this sandbox may answer for its user.</p>")
    try:
        form = _parse_form(call)
    except ApiError as error:
        return _page(error.status, "Nothing was decided", f"<p>{_escape(error.message)}</p>")
    return _decision_response(world, form)


def _grant(world: World, app: AppRegistration, form: dict[str, str]) -> HttpResponse:
    kind = required_field(form, "grant_type")
    continuous = any(form.get(name, "").lower() in _TRUE for name in ("continuous_refresh", "refresh_on"))
    if kind == "authorization_code":
        code, uri = required_field(form, "code"), required_field(form, "redirect_uri")
        lasting = continuous or not app.legacy
        issued = world.logins.exchange(app, code, uri, continuous=lasting, verifier=form.get("code_verifier", ""))
    elif kind == "refresh_token":
        scopes = _parse_scopes(form["scope"]) if form.get("scope") else None
        issued = world.logins.refresh(app, required_field(form, "refresh_token"), scopes, continuous=continuous)
    elif kind == "client_credentials":
        issued = world.logins.issue_client_token(app, _parse_scopes(required_field(form, "scope")))
    else:
        raise invalid_request(f"'grant_type' value '{kind[:40]}' is not one this API knows")
    body: dict[str, object] = {
        "access_token": issued.access_token,
        "response_type": kind,
        "token_type": "bearer",
        "expires_in": int(issued.access_seconds),
        "scope": " ".join(sorted(issued.scopes)),
    }
    if issued.refresh_token is not None:
        body["refresh_token"] = issued.refresh_token
        body["refresh_token_expires_in"] = int(issued.refresh_expires - world.clock.now())
        body["refresh_token_expires_at"] = int(issued.refresh_expires)
    return HttpResponse(200, encode_json(body).encode(), headers=(("Cache-Control", "no-store"),))


def _parse_typed_form(call: HttpRequest) -> dict[str, str]:
    """The fields of a form. Raises ApiError for any other body."""
    kind = call.header("content-type").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise invalid_request(f"the body must be application/x-www-form-urlencoded, not '{kind[:80]}'")
    return _parse_form(call)


def _parse_form(call: HttpRequest) -> dict[str, str]:
    try:
        return dict(parse_qsl(call.body.decode(), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise invalid_request("the body is not a form") from None


def authenticated_app(world: World, call: HttpRequest) -> AppRegistration:
    """The app whose id and secret a request has as Basic credentials. Raises ApiError (401)."""
    kind, _, coded = call.header("authorization").partition(" ")
    if kind.lower() != "basic":
        raise authentication_failed("The token endpoint wants the app's id and secret as Basic credentials.")
    try:
        id, secret = b64decode(coded.strip(), validate=True).decode().split(":", 1)
    except ValueError:  # binascii's error is one as well
        raise authentication_failed("The Basic credentials are not base64 of id:secret.") from None
    return world.logins.authenticated_app(unquote(id), unquote(secret))


def required_field(form: dict[str, str], name: str) -> str:
    """A required field. Raises ApiError (400) if it is absent."""
    if value := form.get(name):
        return value
    raise invalid_request(f"'{name}' is required")


def _parse_scopes(text: str, known: frozenset[str] = V5_SCOPES) -> frozenset[str]:
    """Scopes separated by commas or spaces. Raises ApiError for an unknown scope and for none."""
    scopes = frozenset(text.replace(",", " ").split())
    if unknown := sorted(scopes - known):
        raise invalid_request(f"'scope' has unknown scopes: {unknown}")
    if not scopes:
        raise invalid_request("'scope' is required")
    return scopes


def _consent_page(world: World, query: dict[str, str]) -> HttpResponse:
    try:
        consent = _parse_consent(world, query)
    except ApiError as error:
        return _page(400, "This request cannot be answered", f"<p>{_escape(error.message)}</p>")
    rights = "".join(f"<li><code>{_escape(scope)}</code></li>" for scope in sorted(consent.scopes))
    people = "".join(f"<option>{_escape(name)}</option>" for name in world.accounts)
    content = (
        f"<p>The app <b>{_escape(consent.app_id)}</b> asks for:</p><ul>{rights}</ul>"
        f'<form method="post" action="{CONSENT_PATH}">'
        f'<input type="hidden" name="consent" value="{_escape(world.logins.open_consent(consent))}">'
        f'<p><label>As <select name="account">{people}</select></label></p>'
        '<p><button name="decision" value="approve">Give access</button> '
        '<button name="decision" value="deny">Deny</button></p></form>'
        "<p>This is a sandbox: nothing here touches a real account.</p>"
    )
    target = urlsplit(consent.redirect_uri)
    return _page(200, "Give access to an app?", content, form_targets=f"'self' {target.scheme}://{target.netloc}")


def _parse_consent(world: World, query: dict[str, str]) -> ConsentRequest:
    app_id = query.get("client_id") or query.get("consumer_id")
    if not app_id:
        raise invalid_request("you must pass a value for client_id")
    app = world.logins.apps.get(app_id)
    if app is None:
        raise invalid_request("there is no app with this client_id in the sandbox")
    uri = query.get("redirect_uri", "")
    if uri not in app.redirect_uris:
        raise invalid_request("the redirect_uri does not match any of the registered redirect URIs")
    if query.get("response_type") != "code":
        raise invalid_request("the response_type must be code")
    refreshable = query.get("refreshable", "true").lower() in _TRUE
    challenge = query.get("code_challenge", "")
    if query.get("code_challenge_method", "S256") != "S256" or not challenge.isascii():
        raise invalid_request("the code_challenge_method must be S256")
    scopes = _consent_scopes(world, query.get("scope", ""))
    return ConsentRequest(app.id, uri, scopes, query.get("state"), refreshable, challenge)


def _consent_scopes(world: World, text: str) -> frozenset[str]:
    """The scopes in the URL of a consent page; without any, all of v3 if the settings allow it."""
    if not text and not world.settings.scope_required:
        return V3_SCOPES
    return _parse_scopes(text, EVERY_SCOPE)


def _decision_response(world: World, form: dict[str, str]) -> HttpResponse:
    nonce = form.get("consent", "")
    if looks_real(nonce):
        return _page(401, "Refused", f"<p>{_escape(real_credential_error().message)}</p>")
    account = world.accounts.get(form.get("account", ""))
    decision = form.get("decision")
    if decision not in ("approve", "deny") or (decision == "approve" and account is None):
        return _page(400, "Nothing was decided", "<p>Press one of the two buttons.</p>")
    consent = world.logins.take_consent(nonce)
    if consent is None:
        return _page(400, "This page is too old", "<p>It was answered before; start again from the app.</p>")
    if decision == "deny" or account is None:
        return _redirect(consent, {"error": "access_denied"})
    return _redirect(consent, {"code": world.logins.issue_code(consent, account.username)})


def _redirect(consent: ConsentRequest, outcome: dict[str, str]) -> HttpResponse:
    state = {"state": consent.state} if consent.state is not None else {}
    joint = "&" if "?" in consent.redirect_uri else "?"
    location = f"{consent.redirect_uri}{joint}{urlencode(state | outcome)}"
    headers = (("Location", location), ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"))
    return HttpResponse(302, content_type="text/html; charset=utf-8", headers=headers)


def _is_cross_site(call: HttpRequest) -> bool:
    """Whether the browser says that another site sent the request."""
    origin = call.header("origin")
    return origin not in ("", f"http://{call.host}") or call.header("sec-fetch-site") in ("cross-site", "same-site")


def _escape(text: str) -> str:
    """``html.escape``; that module reads all names of characters, which a start that shows no page can do without."""
    from html import escape

    return escape(text)


def _page(status: int, title: str, content: str, form_targets: str = "'none'") -> HttpResponse:
    policy = f"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; form-action {form_targets}"
    headers = (
        ("Content-Security-Policy", policy),
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "same-origin"),
        ("X-Content-Type-Options", "nosniff"),
    )
    body = _PAGE.format(title=_escape(title), content=content).encode()
    return HttpResponse(status, body, "text/html; charset=utf-8", headers)
