"""Signing in: a person gives access on the service's page, and the resulting code is exchanged for tokens.

Source: https://www.rfc-editor.org/rfc/rfc6749#section-4.1
"""

from __future__ import annotations

import re
import secrets
import time
from base64 import urlsafe_b64encode
from dataclasses import field
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from pinflow import ActionError, Credential, CredentialError, UsageError, checked_origin, dataclass
from pinflow_auth.callback import Callback, ConsentDenied, parse_answer
from pinflow_auth.endpoint import app_credentials, check_app, oauth_of
from pinflow_auth.store import find_tokens
from pinflow_auth.token_locations import origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pinflow import CredentialRequest, Host
    from pinflow_auth.terminal import Terminal
    from pinflow_auth.tokens import TokenSet

STATE_BYTES = 32  # RFC 6749, 10.10 wants a guess to succeed once in 2**160 at most; this is 2**256
TRIES = 3  # of pasting an address; a pipe gets one

_ANSWER = re.compile(r"(?:^|[?&])(?:code|state|error)=")

ACCOUNT = "get_user"  # the action that returns the token's account, in every API that has one


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentPage:
    """A consent page: its address, and where and with which state the answer comes back.

    ``verifier`` proves at the exchange that this sign-in asked for the code; "" where the service takes no proof.
    """

    url: str
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(default="", repr=False)
    landing: str = ""  # where the browser goes at the end; "" for a page of our own


def make_consent_page(request: CredentialRequest, scopes: Collection[str], *, port: int | None = None) -> ConsentPage:
    """A consent page for these scopes, with a random state of its own.

    Raises CredentialError if the app's credentials are missing or may not go to the addresses in the variables,
    UsageError for a bad address in one.
    """
    oauth = oauth_of(request)
    app = app_credentials(request)
    variable = oauth.consent_origin_variable
    origin = checked_origin(request.environ.get(variable) or oauth.consent_origin, variable)
    for address in (origin, origin_of(request)):  # before a person gives access there
        check_app(request, app, address)
    uri = oauth.redirect_uri
    if port is not None:
        parts = urlsplit(uri)
        uri = parts._replace(netloc=f"{parts.hostname}:{port}").geturl()
    state = secrets.token_urlsafe(STATE_BYTES)
    verifier = secrets.token_urlsafe(STATE_BYTES) if oauth.pkce else ""
    fields = {
        "client_id": app.id,
        "redirect_uri": uri,
        "response_type": "code",
        "scope": ",".join(sorted(scopes)),
        "state": state,
        **(_challenge(verifier) if verifier else {}),
        **oauth.consent_fields,
    }
    landing = _parse_landing(request.environ.get(oauth.landing_variable, ""), oauth.landing_variable)
    url = f"{origin}{oauth.consent_path}?{urlencode(fields)}"
    return ConsentPage(url=url, redirect_uri=uri, state=state, verifier=verifier, landing=landing)


def _challenge(verifier: str) -> dict[str, str]:
    """What the consent page is told of the verifier. Source: https://www.rfc-editor.org/rfc/rfc7636#section-4.2"""
    digest = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return {"code_challenge": digest, "code_challenge_method": "S256"}


def _parse_landing(url: str, variable: str) -> str:
    """The address to which a variable sends the browser at the end. Raises UsageError unless it fits a header."""
    if url and not (url.startswith(("https://", "http://")) and url.isascii() and url.isprintable() and " " not in url):
        raise UsageError(f"{variable} must be an https:// address in plain ASCII", hint=f"unset {variable}")
    return url


def check_person(terminal: Terminal, *, by_hand: bool) -> None:
    """Raise CredentialError unless a person can give access. A pasted address may also come from a pipe."""
    if terminal.no_input if by_hand else not terminal.interactive:
        raise CredentialError(
            "signing in needs a person at a terminal",
            hint="run it in a terminal, with --no-browser if the browser is elsewhere; an app can act as itself with "
            "--client-credentials",
        )


def code_by_browser(
    page: ConsentPage,
    terminal: Terminal,
    *,
    open_browser: Callable[[str], bool],
    timeout: float,
    monotonic: Callable[[], float] = time.monotonic,
) -> str:
    """The code of a person who gives access in the browser within ``timeout`` seconds.

    Listens for the answer before the page opens. Raises UsageError if it can't, ConsentDenied, and CredentialError
    when the time is over.
    """
    with Callback(page.redirect_uri, page.state, landing=page.landing, monotonic=monotonic) as callback:
        terminal.tell("Give access on this page (your browser should open it):")
        terminal.tell(f"  {page.url}")
        if not open_browser(page.url):
            terminal.tell("No browser could be opened: open the page yourself.")
        terminal.tell(f"Waiting for the answer at {page.redirect_uri} (Ctrl-C cancels) ...")
        return callback.wait(timeout)


def code_by_hand(page: ConsentPage, terminal: Terminal) -> str:
    """The code in the address that a person copies from a browser on any machine. Raises CredentialError."""
    terminal.tell("Open this page in any browser and give access:")
    terminal.tell(f"  {page.url}")
    terminal.tell(
        f"The browser then goes to an address that begins with {page.redirect_uri} and may say that it can't be "
        "reached. That is fine: copy the whole address from the browser's address bar."
    )
    tries = TRIES
    while True:
        tries -= 1
        try:
            return parse_pasted_code(terminal.line("Address"), page)
        except ConsentDenied:
            raise
        except CredentialError as error:
            if not tries or not terminal.interactive:
                raise
            terminal.tell(f"{error.message}; {error.hint}")


def parse_pasted_code(text: str, page: ConsentPage) -> str:
    """The code in a pasted address, or the text itself if it is a bare code.

    Raises ConsentDenied, and CredentialError for another sign-in's address or for any other text.
    """
    if "://" in text or _ANSWER.search(text):
        outcome = parse_answer(urlsplit(text).query if "://" in text else text.rpartition("?")[2], page.state)
        if isinstance(outcome, ConsentDenied):
            raise outcome
        if outcome is None:
            raise CredentialError(
                "That address isn't from this sign-in (state or code missing)",
                hint="copy the whole address that the browser shows after you gave access",
            )
        return outcome
    if not (text.isascii() and text.isprintable() and " " not in text and len(text) <= 2048):
        raise CredentialError("That is not an address or a code", hint="copy the whole address from the browser")
    return text


@dataclass(frozen=True, slots=True)
class TokenAccount:
    """Whose tokens are: the account's name and its id, "" each if the service does not tell.

    ``lacking`` are the scopes without which it doesn't.
    """

    name: str = ""
    id: str = ""
    lacking: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        """What a person is told of the account."""
        if self.lacking:
            return f"an account that can't be named without {', '.join(sorted(self.lacking))}"
        return self.name or self.id or "an account that the service doesn't name"

    def is_called(self, text: str) -> bool:
        """Whether this is the account that a person means by its name or its id."""
        return bool(text) and text in (self.name, self.id)


def find_account(app: Host, request: CredentialRequest, tokens: TokenSet, terminal: Terminal) -> TokenAccount:
    """The account of the tokens, as far as the service tells."""
    action = app.registry.action(ACCOUNT, request.api.id)
    if action is None:
        return TokenAccount()
    lacking = frozenset().union(*action.scopes.values()) - (tokens.scope_set or frozenset())
    if lacking:
        terminal.note(f"the account's name can't be read without {', '.join(sorted(lacking))}")
        return TokenAccount(lacking=lacking)
    credential = Credential(
        tokens.access_token, name=request.token, source="this login", origin=tokens.origin, scopes=tokens.scope_set
    )
    try:
        user = app.look(ACCOUNT, credential, request.api.id, environ=request.environ)
    except (ActionError, CredentialError) as error:
        terminal.note(f"the account's name can't be read: {error.message}")
        return TokenAccount()
    name, id = (user.get("username"), user.get("id")) if isinstance(user, dict) else (None, None)
    return TokenAccount(name if isinstance(name, str) else "", id if isinstance(id, str) else "")


def warn_of_variable(request: CredentialRequest, terminal: Terminal) -> None:
    """Note a variable that hides the token file of the same name."""
    try:
        tokens = find_tokens(request)
    except CredentialError as error:
        terminal.note(error.message)
        return
    if tokens is not None and tokens.variable:
        terminal.note(f"the {tokens.source} takes precedence while it is set: unset it to use the new token")
