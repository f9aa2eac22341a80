"""Signing in: a person agrees on the service's page, and the code that comes of it is exchanged for tokens.

Source: https://www.rfc-editor.org/rfc/rfc6749#section-4.1
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from pinflow import ActionError, Credential, CredentialError, UsageError, checked_origin
from pinflow_auth.callback import Callback, ConsentDenied, parse_answer
from pinflow_auth.endpoint import app_credentials, oauth_of
from pinflow_auth.store import find_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pinflow import CredentialRequest, Host
    from pinflow_auth.terminal import Terminal
    from pinflow_auth.tokens import TokenSet

STATE_BYTES = 32
TRIES = 3  # of pasting an address

_ANSWER = re.compile(r"(?:^|[?&])(?:code|state|error)=")

ACCOUNT = "get_user"  # the action that tells whose token it is, in every API that has one


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentPage:
    """One question to a person: the page that asks it, and where and with what the answer comes back."""

    url: str
    redirect_uri: str
    state: str = field(repr=False)
    landing: str = ""  # where the browser goes in the end; "" for a page of our own


def make_consent_page(request: CredentialRequest, scopes: Collection[str], *, port: int | None = None) -> ConsentPage:
    """The question for these scopes, with a state of its own that nobody can guess.

    Raises CredentialError where the app's credentials are missing, UsageError for a
    bad address in a variable.
    """
    oauth = oauth_of(request)
    app = app_credentials(request)
    variable = oauth.consent_origin_variable
    origin = checked_origin(request.environ.get(variable) or oauth.consent_origin, variable)
    uri = _with_port(oauth.redirect_uri, port)
    state = secrets.token_urlsafe(STATE_BYTES)
    fields = {
        "client_id": app.id,
        "redirect_uri": uri,
        "response_type": "code",
        "scope": ",".join(sorted(scopes)),
        "state": state,
        **oauth.consent_fields,
    }
    landing = _parse_landing(request.environ.get(oauth.landing_variable, ""), oauth.landing_variable)
    url = f"{origin}{oauth.consent_path}?{urlencode(fields)}"
    return ConsentPage(url=url, redirect_uri=uri, state=state, landing=landing)


def _with_port(uri: str, port: int | None) -> str:
    if port is None:
        return uri
    parts = urlsplit(uri)
    return parts._replace(netloc=f"{parts.hostname}:{port}").geturl()


def _parse_landing(url: str, variable: str) -> str:
    """Where a variable sends the browser in the end. Raises UsageError for what can't be put into a header."""
    if url and not (url.startswith(("https://", "http://")) and url.isascii() and url.isprintable() and " " not in url):
        raise UsageError(f"{variable} must be an https:// address in plain ASCII", hint=f"unset {variable}")
    return url


def check_person(terminal: Terminal, *, by_hand: bool) -> None:
    """Raise CredentialError where nobody is there to give access. An address by hand may also come from a pipe."""
    if terminal.no_input if by_hand else not terminal.interactive:
        raise CredentialError(
            "signing in needs a person at a terminal, and there is none here",
            hint="sign in where there is one, with --no-browser if the browser is elsewhere; an app can act as itself "
            "with --client-credentials",
        )


def code_by_browser(
    asked: ConsentPage,
    terminal: Terminal,
    *,
    open_browser: Callable[[str], bool],
    timeout: float,
    monotonic: Callable[[], float] = time.monotonic,
) -> str:
    """The code of a person who agrees in the browser within ``timeout`` seconds.

    The answer is listened for before the page opens. Raises UsageError where it can't
    be, Denied, and CredentialError when the time is over.
    """
    with Callback(asked.redirect_uri, asked.state, landing=asked.landing, monotonic=monotonic) as callback:
        terminal.tell("Open this page, if your browser does not do so by itself, and give access there:")
        terminal.tell(f"  {asked.url}")
        if not open_browser(asked.url):
            terminal.tell("No browser could be opened here.")
        terminal.tell(f"Waiting for the answer at {asked.redirect_uri} (Ctrl-C ends this) ...")
        return callback.wait(timeout)


def code_by_hand(asked: ConsentPage, terminal: Terminal) -> str:
    """The code in the address that a person copies from a browser, wherever that runs. Raises CredentialError."""
    terminal.tell("Open this page in any browser, and give access there:")
    terminal.tell(f"  {asked.url}")
    terminal.tell(
        f"The browser then goes to an address that begins with {asked.redirect_uri} and may say that it can't be "
        "reached: that does not matter. Copy the whole address from the browser's address bar."
    )
    left = TRIES
    while True:
        left -= 1
        try:
            return parse_pasted_code(terminal.line("Address"), asked)
        except ConsentDenied:
            raise
        except CredentialError as error:
            if not left or not terminal.interactive:
                raise
            terminal.tell(f"{error.message}; {error.hint}")


def parse_pasted_code(text: str, asked: ConsentPage) -> str:
    """The code in a pasted address, or the text itself where it is a bare code.

    Raises Denied, and CredentialError for the address of another login or none at all.
    """
    if "://" in text or _ANSWER.search(text):
        outcome = parse_answer(urlsplit(text).query if "://" in text else text.rpartition("?")[2], asked.state)
        if isinstance(outcome, ConsentDenied):
            raise outcome
        if outcome is None:
            raise CredentialError(
                "this address is not the answer to this login: it lacks its state or its code",
                hint="copy the whole address that the browser shows after you gave access on the page above",
            )
        return outcome
    if not (text.isascii() and text.isprintable() and " " not in text and len(text) <= 2048):
        raise CredentialError("this is neither an address nor a code", hint="copy the whole address from the browser")
    return text


def find_account(app: Host, request: CredentialRequest, tokens: TokenSet, terminal: Terminal) -> TokenSet:
    """The tokens with the name of the account that they are of, as far as the service tells it."""
    action = app.registry.action(ACCOUNT, request.api.id)
    if action is None:
        return tokens
    lacking = frozenset().union(*action.scopes.values()) - (tokens.scope_set or frozenset())
    if lacking:
        terminal.note(f"whose account it is can't be read without {', '.join(sorted(lacking))}")
        return tokens
    try:
        found = app.look(ACCOUNT, _credential(request, tokens), request.api.id, environ=request.environ)
    except (ActionError, CredentialError) as error:
        terminal.note(f"whose account it is can't be read: {error.message}")
        return tokens
    name = found.get("username") if isinstance(found, dict) else None
    return replace(tokens, account=name) if isinstance(name, str) and name else tokens


def _credential(request: CredentialRequest, tokens: TokenSet) -> Credential:
    return Credential(
        tokens.access_token, name=request.token, source="this login", origin=tokens.origin, scopes=tokens.scope_set
    )


def warn_of_variable(request: CredentialRequest, terminal: Terminal) -> None:
    """Tell of a variable that hides the token file of the same name."""
    try:
        found = find_tokens(request)
    except CredentialError as error:
        terminal.note(error.message)
        return
    if found is not None and found.storage == "environment":
        terminal.note(f"the {found.source} comes first as long as it is set: unset it to use the new token")
