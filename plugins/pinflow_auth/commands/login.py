"""``pinflow auth login``: sign in and store the token."""

from __future__ import annotations

import argparse
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow import ALLOWED_HOSTS, CredentialError, UsageError
from pinflow_auth import consent, scopes, store
from pinflow_auth.browser import private_browser
from pinflow_auth.endpoint import ask_client_credentials, ask_exchange, oauth_of
from pinflow_auth.time_text import expiry_text
from pinflow_auth.tokens import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from pinflow import Api, CredentialRequest, Host, OAuth
    from pinflow_auth.terminal import Terminal
    from pinflow_auth.tokens import TokenSet


def parse_port(text: str) -> int:
    """A port of the command line."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"must be a number from 1 to 65535, not {text!r}")
    return int(text)


def parse_duration(text: str) -> float:
    """A duration of the command line, in seconds."""
    from pinflow import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}: write it like 10d, 36h or 5m") from None


def run(
    args: argparse.Namespace, app: Host, terminal: Terminal, *, browser: Callable[[str], bool] | None = None
) -> int:
    """Sign in, store the token, and show it. ``browser`` opens an address, in place of the usual one.

    Raises PinflowError.
    """
    api = find_api(app, args.api, args.recipe)
    with _open_request(app, api, args) as request:
        requested = scopes.requested_scopes(
            app, api, oauth_of(request), request.token, option=args.scopes, recipes=args.recipe
        )
        replaced = _replaced_scopes(request, args)
        if not args.client_credentials:
            requested |= _added_scopes(args, oauth_of(request), requested, replaced, terminal)
        request = replace(request, scopes=requested)
        _check_lost_scopes(request, replaced - requested, terminal)
        tokens = _sign_in(args, request, terminal, nullcontext(browser) if browser else private_browser(app.environ))
        account = consent.find_account(app, request, tokens, terminal)
        tokens = replace(tokens, account=account.name)
        _check_account(args, request, account, terminal)
        if tokens.scope_set is not None:  # on the page a person can give less than was asked for
            _check_lost_scopes(request, (replaced & requested) - tokens.scope_set, terminal)
        stored = store.save_tokens(request, tokens, storage=args.storage)
        if not args.sandbox:
            consent.warn_of_variable(request, terminal)
        _show(stored, request, terminal, sandbox=args.sandbox)
    return 0


def find_api(app: Host, name: str | None, recipes: Sequence[Path] = ()) -> Api:
    """The API: the one named, else that of the recipes, of the environment, or the newest. Raises UsageError."""
    apis = app.registry.apis
    if name is not None:
        if name not in apis:
            raise UsageError(f"unknown API {name!r}", hint=f"the APIs are: {', '.join(sorted(apis))}")
        return apis[name]
    with_sign_in = {id for id, api in apis.items() if api.oauth is not None}
    if not with_sign_in:
        raise UsageError("no installed plugin provides an API with sign-in")
    needed = {of for recipe in recipes for _, of in scopes.scope_needs(app, recipe)} & with_sign_in
    if len(needed) > 1:
        raise UsageError(
            f"the recipes sign in to several APIs: {', '.join(sorted(needed))}", hint="choose one with --api"
        )
    usual = app.usual_api()
    # the newest version of the service whose tokens have the plain names, where there is one
    plain = {id for id in with_sign_in if not apis[id].names.folder}
    return apis[usual if usual in with_sign_in and not needed else max(needed or plain or with_sign_in)]


@contextmanager
def _open_request(app: Host, api: Api, args: argparse.Namespace) -> Iterator[CredentialRequest]:
    """The request to sign in with: that of the environment, or of a sandbox that runs inside the block."""
    request = app.credential_request(args.name, api.id)
    if not args.sandbox:
        yield request
        return
    from tempfile import TemporaryDirectory

    simulator = app.registry.simulators.get(api.service)
    if simulator is None:
        raise UsageError(f"no plugin simulates {api.title}", hint="omit --sandbox")
    with ExitStack() as stack:
        environ = dict(stack.enter_context(simulator.start(app.now)).environment(()))
        folder = stack.enter_context(TemporaryDirectory(prefix="pinflow-"))
        if api.token_folder_variable:
            environ[api.token_folder_variable] = folder
        consent = environ.get(oauth_of(request).consent_origin_variable, "")
        # what a simulator gives out is meant for where it listens
        environ[ALLOWED_HOSTS] = f"{api.base_url(environ).removesuffix(api.prefix)} {consent}"
        yield replace(request, environ=environ, folders=[Path(folder)])


def _replaced_scopes(request: CredentialRequest, args: argparse.Namespace) -> frozenset[str]:
    """The scopes of the stored token that this sign-in replaces, as far as they are known and still exist."""
    tokens = None
    if not args.sandbox:  # what the embedded sandbox gives replaces nothing
        with suppress(CredentialError):  # a broken file has none to lose
            tokens = store.find_stored_tokens(request)
    return ((tokens and tokens.scope_set) or frozenset()) & oauth_of(request).scopes


def _added_scopes(
    args: argparse.Namespace, oauth: OAuth, requested: frozenset[str], replaced: frozenset[str], terminal: Terminal
) -> frozenset[str]:
    """What is asked for beyond a person's own words: what the token had, and what tells whose account it is.

    Who lists all scopes with --scopes gets these and no others; of recipes, only the latter is added.
    """
    if args.scopes is not None:
        return frozenset()
    added = oauth.account_scopes - requested
    if added and args.recipe:
        terminal.note(f"{', '.join(sorted(added))} is requested as well, to show whose account it is")
    return added if args.recipe else added | replaced


def _check_lost_scopes(request: CredentialRequest, lost: frozenset[str], terminal: Terminal) -> None:
    """Warn, and at a terminal ask, before a token is replaced by one that may do less. Raises CredentialError."""
    if not lost:
        return
    warning = f"the token {request.token!r} has {', '.join(sorted(lost))}, which the new one won't have"
    if not terminal.interactive:
        terminal.tell(f"warning: {warning}")
    elif not terminal.confirm(f"{warning[0].upper()}{warning[1:]}. Replace it?"):
        command = request.api.login_command(request.token, request.scopes | lost)
        raise CredentialError(f"the token {request.token!r} is as it was", hint=f"to keep all: {command}")


def _sign_in(
    args: argparse.Namespace,
    request: CredentialRequest,
    terminal: Terminal,
    browser: AbstractContextManager[Callable[[str], bool]],
) -> TokenSet:
    if args.client_credentials:
        store.prove_storage(request, storage=args.storage)
        return ask_client_credentials(request, request.scopes)
    page = consent.make_consent_page(request, request.scopes, port=args.port)
    consent.check_person(terminal, by_hand=args.no_browser)
    store.prove_storage(request, storage=args.storage)
    if args.no_browser:
        code = consent.code_by_hand(page, terminal)
    else:
        with browser as open_browser:
            code = consent.code_by_browser(page, terminal, open_browser=open_browser, timeout=args.timeout)
    return ask_exchange(request, code, redirect_uri=page.redirect_uri, verifier=page.verifier)


def _check_account(
    args: argparse.Namespace, request: CredentialRequest, account: consent.TokenAccount, terminal: Terminal
) -> None:
    """Raise CredentialError unless these are the tokens of the account that they shall be of, before they are stored.

    A code of somebody else's sign-in, slipped in on the way, would make everything that follows theirs. The account is
    that of --expect-account, else that of the token that is replaced, else a person is asked. An app that signs in as
    itself has no code, and what the embedded sandbox gives is stored nowhere.
    """
    who = account.title
    if args.expect_account:
        if not account.is_called(args.expect_account):
            raise _not_stored(f"you signed in as {who}, and not as {args.expect_account}")
        return
    earlier = store.find_all_tokens(request)
    before = next((entry.tokens for entry in earlier if entry.name == request.token), None)
    known = before.account if before is not None and not before.variable else ""
    if args.sandbox or (known and account.is_called(known)):
        return
    conflict = f"the token {request.token!r} belongs to the account {known}; you signed in as {who}" if known else ""
    if args.client_credentials and (not conflict or not account.name):
        return
    if not terminal.interactive:
        raise _not_stored(conflict or f"you signed in as {who}, and nobody is here to say that this is right")
    if not terminal.confirm(f"{conflict}. Replace it?" if conflict else f"Signed in as {who}. Store this token?"):
        raise _not_stored("the account was not confirmed")


def _not_stored(reason: str) -> CredentialError:
    return CredentialError(
        f"{reason}; nothing was stored",
        hint="sign in again with --expect-account NAME, or under another name: pinflow auth login NAME. At the service "
        "this sign-in holds until its token ends, or you remove the app's access",
    )


def _show(tokens: TokenSet, request: CredentialRequest, terminal: Terminal, *, sandbox: bool) -> None:
    lacking = sorted(request.scopes - tokens.scope_set) if tokens.scope_set is not None else []
    if not terminal.human:
        terminal.say_data(_as_data(tokens, request, lacking, sandbox=sandbox))
        return
    now = request.clock()
    account = f" as {tokens.account}" if tokens.account else ""
    terminal.say(f"Signed in{account} ({request.api.title}{', sandbox' if sandbox else ''})")
    rows = [
        ("token", tokens.name),
        ("stored", "nowhere: the sandbox and its tokens end now" if sandbox else tokens.source),
        ("scopes", ", ".join(sorted(tokens.scope_set)) if tokens.scope_set else "not known"),
        ("access", expiry_text(tokens.expires_at, now) + ("; refreshed when due" if tokens.refreshable else "")),
    ]
    if tokens.refresh_expires_at is not None:
        rows.append(("refresh", expiry_text(tokens.refresh_expires_at, now)))
    for name, value in rows:
        terminal.say(f"  {name:<8} {value}")
    if lacking:
        terminal.tell(f"warning: not granted: {', '.join(lacking)}")


def _as_data(tokens: TokenSet, request: CredentialRequest, lacking: list[str], *, sandbox: bool) -> dict[str, Any]:
    return {
        "token": tokens.name,
        "api": request.api.id,
        "account": tokens.account,
        "source": None if sandbox else tokens.source,
        "path": None if sandbox else str(tokens.path),
        "scopes": sorted(tokens.scope_set) if tokens.scope_set is not None else None,
        "not_granted": lacking,
        "expires_at": iso(tokens.expires_at),
        "refresh_expires_at": iso(tokens.refresh_expires_at),
        "refreshable": tokens.refreshable,
    }
