"""``pinflow auth refresh``, ``scopes`` and ``logout``."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pinflow import CredentialError, PinflowError, UsageError, dataclass, table
from pinflow_auth import store, token_locations
from pinflow_auth.commands.login import find_api
from pinflow_auth.endpoint import GrantRefused, ask_revoke, oauth_of
from pinflow_auth.refresh import check_destination
from pinflow_auth.refresh import refresh as refresh_tokens
from pinflow_auth.scopes import token_scopes
from pinflow_auth.time_text import expiry_text
from pinflow_auth.tokens import iso

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pinflow import Api, CredentialRequest, Host, OAuth
    from pinflow_auth.terminal import Terminal
    from pinflow_auth.tokens import TokenSet


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshOutcome:
    """How the refresh of one token ended."""

    name: str
    api: str
    tokens: TokenSet | None = None
    refreshed: bool = False
    error: PinflowError | None = None


def refresh(args: argparse.Namespace, app: Host, terminal: Terminal) -> int:
    """Refresh one token or all. Returns the exit code of the first failure. Raises PinflowError for a single one."""
    if args.all:
        outcomes = list(_refresh_all(app, args))
        if not outcomes:
            terminal.tell("no token can be refreshed")
    else:
        request = _find_request(app, args.name or "", args.api)
        tokens, refreshed = refresh_tokens(request, within=args.if_expires_within)
        outcomes = [RefreshOutcome(name=request.token, api=request.api.id, tokens=tokens, refreshed=refreshed)]
    if terminal.human:
        _show_outcomes(outcomes, app, terminal)
    else:
        terminal.say_data({"tokens": [_as_data(outcome) for outcome in outcomes]})
    return next((outcome.error.exit_code for outcome in outcomes if outcome.error is not None), 0)


def _find_request(app: Host, name: str, api: str | None) -> CredentialRequest:
    """The request for a token of the named API, else of its own, else of the newest. Raises UsageError."""
    request = app.credential_request(name, find_api(app, api).id)
    if api is None:
        with suppress(CredentialError):  # it is raised again where it matters
            tokens = store.find_stored_tokens(request)
            if tokens is not None and tokens.api in app.registry.apis:
                return app.credential_request(name, tokens.api)
    return request


def _refresh_all(app: Host, args: argparse.Namespace) -> Iterator[RefreshOutcome]:
    seen = set()
    apis = [find_api(app, args.api).id] if args.api else sorted(app.registry.apis, reverse=True)
    for api in apis:
        for entry in store.find_all_tokens(app.credential_request("", api)):
            of_api = entry.tokens is None or entry.tokens.api in ("", api)
            if entry.source in seen or not of_api:
                continue
            seen.add(entry.source)
            if entry.problem is not None:
                yield RefreshOutcome(name=entry.name, api="", error=entry.problem)
            elif entry.tokens is not None and entry.tokens.refreshable:
                yield _refresh_one(app.credential_request(entry.name, api), args.if_expires_within)


def _refresh_one(request: CredentialRequest, within: float | None) -> RefreshOutcome:
    try:
        tokens, refreshed = refresh_tokens(request, within=within)
    except PinflowError as error:
        return RefreshOutcome(name=request.token, api=request.api.id, error=error)
    return RefreshOutcome(name=request.token, api=request.api.id, tokens=tokens, refreshed=refreshed)


def _show_outcomes(outcomes: list[RefreshOutcome], app: Host, terminal: Terminal) -> None:
    for outcome in outcomes:
        if outcome.error is not None:
            terminal.tell(f"{outcome.name}: {outcome.error.message}")
            for line in outcome.error.hint.splitlines():
                terminal.tell(f"  {line}")
        elif outcome.tokens is not None:
            change = "refreshed" if outcome.refreshed else "unchanged"
            end = expiry_text(outcome.tokens.expires_at, app.now())
            terminal.say(f"{outcome.name} ({outcome.api}): {change}; {end}")


def _as_data(outcome: RefreshOutcome) -> dict[str, Any]:
    return {
        "token": outcome.name,
        "api": outcome.api,
        "refreshed": outcome.refreshed,
        "expires_at": iso(outcome.tokens.expires_at) if outcome.tokens is not None else None,
        "refresh_expires_at": iso(outcome.tokens.refresh_expires_at) if outcome.tokens is not None else None,
        "error": {"kind": outcome.error.kind, "message": outcome.error.message} if outcome.error is not None else None,
    }


def scopes(args: argparse.Namespace, app: Host, terminal: Terminal) -> int:
    """List the scopes of an API, or those that recipes need. Raises PinflowError."""
    api = find_api(app, args.api, args.recipe)
    oauth = oauth_of(app.credential_request("", api.id))
    if args.recipe:
        return _list_needs(args.recipe, app, api, oauth, terminal)
    rows = [(name, name in oauth.default_scopes, oauth.scope_meanings.get(name, "")) for name in sorted(oauth.scopes)]
    if not terminal.human:
        facts = [{"scope": name, "default": default, "meaning": meaning} for name, default, meaning in rows]
        terminal.say_data({"api": api.id, "scopes": facts})
        return 0
    for line in table([("*" if default else "", name, meaning) for name, default, meaning in rows]):
        terminal.say(line)
    terminal.note(f"* is requested by default ({api.title})")
    return 0


def _list_needs(recipes: Sequence[Path], app: Host, api: Api, oauth: OAuth, terminal: Terminal) -> int:
    """List the scopes that recipes need, and for which tokens."""
    tokens: dict[str, set[str]] = {}
    for recipe in recipes:
        for token, scopes in token_scopes(app, recipe, api).items():
            for scope in scopes:
                tokens.setdefault(scope, set()).add(token or "each token")
    needed = [(name, oauth.scope_meanings.get(name, ""), sorted(names)) for name, names in sorted(tokens.items())]
    if not terminal.human:
        facts = [{"scope": name, "meaning": meaning, "tokens": names} for name, meaning, names in needed]
        terminal.say_data({"api": api.id, "scopes": facts})
        return 0
    several = len(frozenset().union(*tokens.values())) > 1
    for line in table([(name, meaning, ", ".join(names) if several else "") for name, meaning, names in needed]):
        terminal.say(line)
    return 0


def logout(args: argparse.Namespace, app: Host, terminal: Terminal) -> int:
    """Remove a stored token, and revoke it if the service can. Raises PinflowError."""
    request = _find_request(app, args.name, args.api)
    tokens: TokenSet | None = None
    try:
        tokens = store.find_stored_tokens(request)
    except CredentialError as error:  # a broken one is removed as well
        terminal.note(error.message)
    else:
        if tokens is None:
            raise _no_token_error(request)
    if not args.yes:
        _confirm(request, tokens, terminal)
    revoked = tokens is not None and _revoke(request, tokens, terminal)
    path = store.remove_tokens(request)
    if terminal.human:
        terminal.say(f"removed the token {request.token} ({path})")
    else:
        terminal.say_data({"token": request.token, "api": request.api.id, "path": str(path), "revoked": revoked})
    return 0


def _no_token_error(request: CredentialRequest) -> CredentialError:
    tokens = token_locations.environment_tokens(request)
    if tokens is not None:
        return CredentialError(f"the token {request.token!r} comes from the {tokens.source}", hint="unset the variable")
    places = "\n".join([f"no token {request.token!r} is stored", *store.describe_places(request)])
    return CredentialError(places, hint="pinflow auth status lists the tokens")


def _confirm(request: CredentialRequest, tokens: TokenSet | None, terminal: Terminal) -> None:
    if not terminal.interactive:
        raise UsageError(f"removing the token {request.token!r} needs confirmation", hint="confirm with --yes")
    account = f" of {tokens.account}" if tokens is not None and tokens.account else ""
    if not terminal.confirm(f"Remove the token {request.token!r}{account}? You will have to sign in again."):
        raise CredentialError("nothing was removed")


def _revoke(request: CredentialRequest, tokens: TokenSet, terminal: Terminal) -> bool:
    """Revoke the token. Returns whether the service did; if not, a note says so, and the file is removed anyway."""
    try:
        check_destination(request, tokens)
        ask_revoke(request, tokens)
    except GrantRefused as refused:
        terminal.note(f"{refused.message}; {refused.hint}")
    except PinflowError as error:
        terminal.note(f"the token was not revoked: {error.message}")
    else:
        return True
    return False
