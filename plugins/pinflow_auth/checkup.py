"""What ``pinflow doctor`` looks into about signing in: the app, its redirect address, and every token."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pinflow import Credential, CredentialError, Finding, PinflowError, inert
from pinflow_auth import store
from pinflow_auth.commands.status import assess, find_rows
from pinflow_auth.consent import ACCOUNT
from pinflow_auth.endpoint import app_credentials
from pinflow_auth.time_text import expiry_text
from pinflow_auth.token_locations import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pinflow import CredentialRequest, Host
    from pinflow_auth.commands.status import TokenRow

_ASKED = 10  # tokens whose account is asked for: 200 would take a minute, and a share of their quotas
_SIGN_IN = CredentialError.exit_code


def examine(app: Host, *, offline: bool) -> Iterator[Finding]:
    """The app of each service, and every token in variables and files; with whose each is, unless ``offline``."""
    newest = {api.service: api for api in sorted(app.registry.apis.values(), key=lambda api: api.id)}
    for api in newest.values():
        if api.oauth is not None:
            yield from _examine_app(app.credential_request("", api.id))
    rows = [assess(row, app, {}) for row in find_rows(app, {})]
    if not rows:
        for api in newest.values():
            yield _no_token(app.credential_request("", api.id))
        return
    reached = True
    for position, row in enumerate(rows):
        yield from _examine_stored(row, app)
        if row.tokens is not None and row.ok and not row.unused and not offline and reached and position < _ASKED:
            finding = _ask_account(row, app)
            reached = finding is None or "can't be reached" not in finding.text
            if finding is not None:
                yield finding
    if not offline and len(rows) > _ASKED:
        yield Finding(
            topic="token",
            text=f"the accounts of {len(rows) - _ASKED:,} more were not asked for",
            hint="pinflow run all_accounts asks for all",
            level="note",
        )


def _examine_app(request: CredentialRequest) -> Iterator[Finding]:
    oauth = request.api.oauth
    if oauth is None:
        return
    try:
        app = app_credentials(request)
    except CredentialError as error:
        some = any(request.environ.get(variable) for pair in oauth.app_variables for variable in pair)
        why = "" if some else "; without them nobody can sign in, and no token is refreshed"
        yield Finding(
            topic="app",
            text=f"{error.message}{why}",
            hint=error.hint,
            level="problem" if some else "note",
            exit_code=_SIGN_IN,
        )
    else:
        yield Finding(
            topic="app", text=f"id {inert(app.id)}, of {app.variables[0]}; its secret is in {app.variables[1]}"
        )
    yield _examine_redirect(oauth.redirect_uri)


def _examine_redirect(uri: str) -> Finding:
    text = f"the app must have {uri} as a redirect URI, exactly so; that can't be seen from here"
    port = urlsplit(uri).port
    if port is not None and _is_taken(port):
        return Finding(
            topic="redirect",
            text=f"{text}. Port {port} is in use by another program",
            hint="end that program, or sign in with --port, whose address the app must have as well",
            level="note",
        )
    return Finding(topic="redirect", text=text)


def _is_taken(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True
    return False


def _no_token(request: CredentialRequest) -> Finding:
    places = "\n".join(store.describe_places(request))
    return Finding(
        topic="token",
        text=f"there is none for {request.api.title}\n{places}",
        hint=f"get one with: {request.api.login_hint.format(token=request.token)}; the sandbox needs none (--sandbox)",
        level="problem",
        exit_code=_SIGN_IN,
    )


def _examine_stored(row: TokenRow, app: Host) -> Iterator[Finding]:
    """What is known of a token without asking anybody."""
    apis = f" ({', '.join(row.apis)})" if row.apis else ""
    about = f"{row.name}{apis}, from the {row.source}"
    for problem in row.problems:
        yield Finding(topic="token", text=f"{about}: {problem}", level="problem", exit_code=_SIGN_IN)
    if row.tokens is None or row.problems:
        return
    if row.unused:
        yield Finding(topic="token", text=f"{about}, is not used: {row.unused}", level="note")
        return
    account = f"; of {row.tokens.account}" if row.tokens.account else ""
    ends = expiry_text(row.tokens.expires_at, app.now())
    refreshed = "refreshed by itself" if row.tokens.refreshable else "can't be refreshed"
    scopes = ", ".join(sorted(row.tokens.scope_set)) if row.tokens.scope_set else "not known"
    yield Finding(topic="token", text=f"{about}{account}; access {ends}, {refreshed}; scopes {scopes}")


def _ask_account(row: TokenRow, app: Host) -> Finding | None:
    """What the service says of a token; None where it has no way to ask."""
    api = next(id for id in row.apis if id in app.registry.apis)
    request = app.credential_request(row.name, api)
    tokens = row.tokens
    action = app.registry.action(ACCOUNT, api)
    if (
        tokens is None
        or action is None
        or not tokens.access_token
        or (tokens.expires_at is not None and tokens.expires_at <= app.now())
    ):
        return None  # one that has ended is refreshed by a run, and not by a question
    lacking: Sequence[str] = sorted(frozenset().union(*action.scopes.values()) - (tokens.scope_set or frozenset()))
    if tokens.scope_set is not None and lacking:
        return Finding(
            topic="account",
            text=f"{row.name}: whose it is can't be asked without {', '.join(lacking)}",
            hint=f"sign in again: {request.api.login_command(row.name, frozenset(lacking), tokens.scope_set)}",
            level="note",
        )
    origin = tokens.origin or origin_of(request)
    credential = Credential(
        tokens.access_token,
        name=row.name,
        source=row.source,
        origin=origin,
        scopes=tokens.scope_set,
        variable=tokens.variable,
    )
    try:
        user = app.look(ACCOUNT, credential, api)
    except PinflowError as error:
        code = _SIGN_IN if isinstance(error, CredentialError) or error.exit_code == _SIGN_IN else 1
        return Finding(
            topic="account", text=f"{row.name}: {error.message}", hint=error.hint, level="problem", exit_code=code
        )
    name = user.get("username") if isinstance(user, dict) else None
    return Finding(topic="account", text=f"{row.name} is accepted; it belongs to {inert(name or 'an unnamed account')}")
