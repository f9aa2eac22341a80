"""``pinflow auth refresh``, ``scopes`` and ``logout``: what is done with tokens that are kept."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pinflow import CredentialError, PinflowError, UsageError, table
from pinflow_auth import store, token_locations
from pinflow_auth.commands.login import chosen_api
from pinflow_auth.endpoint import GrantRefused, oauth_of
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
    """What became of one token that was to be refreshed."""

    name: str
    api: str
    tokens: TokenSet | None = None
    refreshed: bool = False
    error: PinflowError | None = None


def refresh(args: argparse.Namespace, app: Host, terminal: Terminal) -> int:
    """Refresh one token or all; the exit code of the first that failed. Raises PinflowError for a single one."""
    if args.all:
        found = list(_refresh_all(app, args))
        if not found:
            terminal.tell("there is no token that can be refreshed")
    else:
        request = _find_request(app, args.name or "access_token", args.api)
        tokens, refreshed = store.refresh(request, within=args.if_expires_within)
        found = [RefreshOutcome(name=request.token, api=request.api.id, tokens=tokens, refreshed=refreshed)]
    if terminal.human:
        _show_outcomes(found, app, terminal)
    else:
        terminal.say_data({"tokens": [_as_data(each) for each in found]})
    return next((each.error.exit_code for each in found if each.error is not None), 0)


def _find_request(app: Host, name: str, api: str | None) -> CredentialRequest:
    """Where a token is: of the API named, else of its own, else of the newest. Raises UsageError."""
    request = app.credential_request(name, chosen_api(app, api).id)
    if api is None:
        with suppress(CredentialError):  # it is raised again where it matters
            found = store.find_stored_tokens(request)
            if found is not None and found.api in app.registry.apis:
                return app.credential_request(name, found.api)
    return request


def _refresh_all(app: Host, args: argparse.Namespace) -> Iterator[RefreshOutcome]:
    seen = set()
    apis = [chosen_api(app, args.api).id] if args.api else sorted(app.registry.apis, reverse=True)
    for api in apis:
        for each in store.find_all_tokens(app.credential_request("access_token", api)):
            mine = each.tokens is None or each.tokens.api in ("", api)
            if each.source in seen or not mine:
                continue
            seen.add(each.source)
            if each.problem is not None:
                yield RefreshOutcome(name=each.name, api="", error=each.problem)
            elif each.tokens is not None and each.tokens.refreshable:
                yield _refresh_one(app.credential_request(each.name, api), args.if_expires_within)


def _refresh_one(request: CredentialRequest, within: float | None) -> RefreshOutcome:
    try:
        tokens, refreshed = store.refresh(request, within=within)
    except PinflowError as error:
        return RefreshOutcome(name=request.token, api=request.api.id, error=error)
    return RefreshOutcome(name=request.token, api=request.api.id, tokens=tokens, refreshed=refreshed)


def _show_outcomes(found: list[RefreshOutcome], app: Host, terminal: Terminal) -> None:
    for each in found:
        if each.error is not None:
            terminal.tell(f"{each.name}: {each.error.message}")
            for line in each.error.hint.splitlines():
                terminal.tell(f"  {line}")
        elif each.tokens is not None:
            what = "refreshed" if each.refreshed else "left as it is"
            now = app.credential_request(each.name, each.api).clock()
            terminal.say(f"{each.name} ({each.api}): {what}; {expiry_text(each.tokens.expires_at, now)}")


def _as_data(each: RefreshOutcome) -> dict[str, Any]:
    return {
        "token": each.name,
        "api": each.api,
        "refreshed": each.refreshed,
        "expires_at": iso(each.tokens.expires_at) if each.tokens is not None else None,
        "refresh_expires_at": iso(each.tokens.refresh_expires_at) if each.tokens is not None else None,
        "error": {"kind": each.error.kind, "message": each.error.message} if each.error is not None else None,
    }


def scopes(args: argparse.Namespace, app: Host, terminal: Terminal) -> int:
    """List the scopes of an API, or those that recipes need. Raises PinflowError."""
    api = chosen_api(app, args.api, args.recipe)
    oauth = oauth_of(app.credential_request("access_token", api.id))
    if args.recipe:
        return _list_needs(args.recipe, app, api, oauth, terminal)
    listed = [(name, name in oauth.default_scopes, oauth.scope_meanings.get(name, "")) for name in sorted(oauth.scopes)]
    if not terminal.human:
        facts = [{"scope": name, "default": default, "meaning": meaning} for name, default, meaning in listed]
        terminal.say_data({"api": api.id, "scopes": facts})
        return 0
    for line in table([("*" if default else "", name, meaning) for name, default, meaning in listed]):
        terminal.say(line)
    terminal.note(f"* is asked for where nothing else is said ({api.title})")
    return 0


def _list_needs(recipes: Sequence[Path], app: Host, api: Api, oauth: OAuth, terminal: Terminal) -> int:
    """List what recipes need, and of which tokens."""
    tokens: dict[str, set[str]] = {}
    for recipe in recipes:
        for token, scopes in token_scopes(app, recipe, api).items():
            for scope in scopes:
                tokens.setdefault(scope, set()).add(token or "each token")
    needed = [(name, oauth.scope_meanings.get(name, ""), sorted(whose)) for name, whose in sorted(tokens.items())]
    if not terminal.human:
        facts = [{"scope": name, "meaning": meaning, "tokens": whose} for name, meaning, whose in needed]
        terminal.say_data({"api": api.id, "scopes": facts})
        return 0
    several = len(frozenset().union(*tokens.values())) > 1
    for line in table([(name, meaning, ", ".join(whose) if several else "") for name, meaning, whose in needed]):
        terminal.say(line)
    return 0


def logout(args: argparse.Namespace, app: Host, terminal: Terminal) -> int:
    """Forget a stored token, and end it at the service where that is possible. Raises PinflowError."""
    request = _find_request(app, args.name, args.api)
    tokens: TokenSet | None = None
    broken = False
    try:
        tokens = store.find_stored_tokens(request)
    except CredentialError as error:
        terminal.note(error.message)
        broken = True
    if tokens is None and not broken:
        raise _no_token_error(request)
    if not args.yes:
        _confirm(request, tokens, terminal)
    revoked = tokens is not None and _revoke(request, tokens, terminal)
    path = store.remove_tokens(request)
    if terminal.human:
        terminal.say(f"forgot the token {request.token}: {path} is gone")
    else:
        terminal.say_data({"token": request.token, "api": request.api.id, "path": str(path), "revoked": revoked})
    return 0


def _no_token_error(request: CredentialRequest) -> CredentialError:
    found = token_locations.environment_tokens(request)
    if found is not None:
        return CredentialError(
            f"the token {request.token!r} comes from the {found.source}", hint="unset it: it is not kept in a file"
        )
    return CredentialError(f"no token {request.token!r} is kept", hint="pinflow auth status lists the tokens")


def _confirm(request: CredentialRequest, tokens: TokenSet | None, terminal: Terminal) -> None:
    if not terminal.interactive:
        raise UsageError(f"forgetting the token {request.token!r} needs a yes", hint="give it with --yes")
    whose = f" of {tokens.account}" if tokens is not None and tokens.account else ""
    if not terminal.confirm(f"Forget the token {request.token!r}{whose}? A new one needs signing in again."):
        raise CredentialError("nothing was forgotten")


def _revoke(request: CredentialRequest, tokens: TokenSet, terminal: Terminal) -> bool:
    """Whether the service has ended the token. That it has not is told, and no reason to keep the file."""
    try:
        store.check_destination(request, tokens)
        store.ask_revoke(request, tokens)
    except GrantRefused as refused:
        terminal.note(f"{refused.message}; {refused.hint}")
    except PinflowError as error:
        terminal.note(f"the token was not ended at the service: {error.message}")
    else:
        return True
    return False
