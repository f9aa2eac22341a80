"""``pinflow auth status``: every token, and the recipes that it is enough for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pinflow import CredentialError, PinflowError, dataclass, inert, table
from pinflow_auth import store
from pinflow_auth.refresh import check_destination
from pinflow_auth.refresh_policy import due_at, rotates
from pinflow_auth.scopes import ANY, scope_needs, scopes_for
from pinflow_auth.time_text import due_text, expiry_text
from pinflow_auth.tokens import iso

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pinflow import Api, CredentialRequest, Host
    from pinflow_auth.terminal import Terminal
    from pinflow_auth.tokens import TokenSet

    Needs = Mapping[str, Mapping[tuple[str, str], frozenset[str]]]  # recipe -> (token, API) -> scopes

_MAX_DETAILED = 10  # tokens that are shown in full: six lines each, about two screens


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A token, or what is wrong with it; ``problems`` are those that a person has to solve."""

    name: str
    source: str
    apis: tuple[str, ...]  # with which it can be used, if known
    tokens: TokenSet | None = None
    problems: tuple[str, ...] = ()
    unused: str = ""  # the reason if it is not used
    lacking: Mapping[str, frozenset[str]] | None = None  # recipe -> scopes; None if not known

    @property
    def ok(self) -> bool:
        """Whether it can be used now, or once it is refreshed."""
        return not self.problems


def run(args: argparse.Namespace, app: Host, terminal: Terminal) -> int:
    """Show every token. Returns 4 if one can't be used, or none is enough for a named recipe. Raises PinflowError."""
    needed = _needs(app, args.recipe)
    rows = [assess(row, app, needed) for row in find_rows(app, needed)]
    uncovered = list(_uncovered_needs(app, rows, needed)) if args.recipe else []
    if terminal.human:
        if len(rows) > _MAX_DETAILED and not terminal.verbose:
            _show_table(rows, app, terminal)
        else:
            _show(rows, app, terminal)
        for line in uncovered:
            terminal.tell(line)
    else:
        data = [_as_data(row, app) for row in rows]
        terminal.say_data({"tokens": data, "uncovered": uncovered})
    return CredentialError.exit_code if uncovered or not all(row.ok for row in rows) else 0


def _needs(app: Host, recipes: Sequence[Path]) -> Needs:
    """The scopes that recipes need: the named ones, which must be valid, else the bundled ones that can run here."""
    if recipes:
        return {recipe.stem: scope_needs(app, recipe) for recipe in recipes}
    needed = {}
    for recipe in app.recipes():
        try:
            needed[recipe.stem] = scope_needs(app, recipe)
        except PinflowError:
            continue  # it needs a plugin that isn't loaded: pinflow validate says so
    return needed


def find_rows(app: Host, needed: Needs) -> list[TokenRow]:
    """Every token under the names of files and of the recipes' logins; each source once."""
    names = dict.fromkeys(token for logins in needed.values() for token, _ in logins if token != ANY)
    names = names or {"": None}  # each service's usual one
    rows: dict[str, TokenRow] = {}
    for api in sorted(app.registry.apis, reverse=True):
        for name in names:
            for entry in store.find_all_tokens(app.credential_request(name, api)):
                row = rows.get(entry.source)
                rows[entry.source] = _add_api(row, api) if row else _make_row(entry, api)
    return list(rows.values())


def _make_row(entry: store.TokenEntry, api: str) -> TokenRow:
    if entry.tokens is None:
        problem = f"{entry.problem.message}; {entry.problem.hint}" if entry.problem is not None else ""
        return TokenRow(name=entry.name, source=entry.source, apis=(), problems=(problem,))
    own = entry.tokens.api if entry.tokens.storage != "environment" else ""
    return TokenRow(name=entry.name, source=entry.source, apis=(own or api,), tokens=entry.tokens)


def _add_api(row: TokenRow, api: str) -> TokenRow:
    """The row of a token that was found for one more API: a token that names no API is for all."""
    limited = row.tokens is None or (row.tokens.api and row.tokens.storage != "environment")
    return row if limited or api in row.apis else replace(row, apis=(*row.apis, api))


def assess(row: TokenRow, app: Host, needed: Needs) -> TokenRow:
    """The row with what is wrong with its token, why it is not used, and the scopes that recipes lack."""
    if row.tokens is None:
        return row
    apis = [api for api in row.apis if api in app.registry.apis]
    if not apis:
        return replace(row, unused=f"unknown API {', '.join(row.apis)}")
    request = app.credential_request(row.name, apis[0])
    return replace(
        row,
        problems=tuple(_problems(row.tokens, request.clock())),
        unused=_reason_unused(row.tokens, request),
        lacking=_lacking_scopes(row, needed),
    )


def _problems(tokens: TokenSet, now: float) -> Iterator[str]:
    renewed = tokens.refreshable and (tokens.refresh_expires_at is None or tokens.refresh_expires_at > now)
    if tokens.expires_at is not None and tokens.expires_at <= now and not renewed:
        yield "it has ended: sign in again"
    elif tokens.refresh_expires_at is not None and tokens.refresh_expires_at <= now:
        yield "its refresh token has ended: sign in again"


def _reason_unused(tokens: TokenSet, request: CredentialRequest) -> str:
    try:
        check_destination(request, tokens)
        first = store.find_tokens(request)
    except CredentialError as error:
        return error.message
    return f"the {first.source} takes precedence" if first is not None and first.source != tokens.source else ""


def _lacking_scopes(row: TokenRow, needed: Needs) -> dict[str, frozenset[str]] | None:
    """The scopes of each recipe that the token lacks. For a recipe that names other tokens, it may be used for any."""
    if row.tokens is None or row.tokens.scope_set is None:
        return None
    lacking = {}
    for recipe, logins in needed.items():
        by_token = {token: scopes for (token, api), scopes in logins.items() if api in row.apis}
        if by_token:
            lacking[recipe] = scopes_for(row.name, by_token) - row.tokens.scope_set
    return lacking


def _uncovered_needs(app: Host, rows: Sequence[TokenRow], needed: Needs) -> Iterator[str]:
    for recipe, logins in needed.items():
        for (token, api), scopes in logins.items():
            usable = [row for row in rows if token in (row.name, ANY) and api in row.apis and row.ok and not row.unused]
            if token == ANY:
                if not usable:
                    yield f"{recipe}: no usable token for {api}: pinflow auth login --api {api}"
                continue
            row = usable[0] if usable else None
            login = _login_command(app.registry.apis[api], token, scopes, row)
            if row is None:
                yield f"{recipe}: no usable token {token!r} for {api}: {login}"
            elif row.lacking is not None and (lacking := row.lacking.get(recipe)):
                yield f"{recipe}: the token {token!r} lacks {', '.join(sorted(lacking))}: {login}"


def _login_command(api: Api, token: str, scopes: frozenset[str], row: TokenRow | None) -> str:
    """The command that gets the scopes and keeps those that the token has."""
    has = (row.tokens.scope_set if row is not None and row.tokens is not None else None) or frozenset()
    command = api.login_command(token, scopes, has)
    return command if " --api " in command else command.replace(f"login {token}", f"login {token} --api {api.id}", 1)


def _show(rows: Sequence[TokenRow], app: Host, terminal: Terminal) -> None:
    if not rows:
        terminal.tell("no tokens; get one with: pinflow auth login")
        for api in [app.usual_api() or max(app.registry.apis, default="")] if app.registry.apis else []:
            for line in store.describe_places(app.credential_request("", api)):
                terminal.tell(f"  {line}")
    for position, row in enumerate(rows):
        if position:
            terminal.say("")
        account = f" of {row.tokens.account}" if row.tokens is not None and row.tokens.account else ""
        api = f" ({', '.join(row.apis)})" if row.apis else ""
        mark = f"  {store.fingerprint(row.tokens.access_token, app)}" if row.tokens is not None else ""
        terminal.say(f"{row.name}{api}{account}{mark}")
        for name, value in _lines(row, app):
            terminal.say_field(name, value)


def _show_table(rows: Sequence[TokenRow], app: Host, terminal: Terminal) -> None:
    """A line per token, and below them the problems."""
    now = app.now()
    head = ("TOKEN", "API", "ACCOUNT", "VALUE", "ACCESS", "REFRESH", "LACKS")
    for line in table([head, *(tuple(map(inert, _cells(row, app, now))) for row in rows)], width=terminal.width):
        terminal.say(line)
    for row in rows:
        for problem in (*row.problems, row.unused):
            if problem:
                terminal.say(f"{row.name}: {problem}")
    broken = sum(not row.ok for row in rows)
    terminal.tell(f"{len(rows):,} tokens, {broken:,} with problems; -v shows each in full")


def _cells(row: TokenRow, app: Host, now: float) -> tuple[str, ...]:
    if row.tokens is None:
        return row.name, "", "", "", "see below", "", ""
    due = _due_at(row, app)
    refresh = "not possible" if not row.tokens.refreshable else "" if due is None else due_text(due, now)
    lacking = ["not known"] if row.lacking is None else sorted(frozenset[str]().union(*row.lacking.values()))
    return (
        row.name,
        ", ".join(row.apis),
        row.tokens.account,
        store.fingerprint(row.tokens.access_token, app),
        expiry_text(row.tokens.expires_at, now),
        refresh,
        ", ".join(lacking),
    )


def _lines(row: TokenRow, app: Host) -> Iterator[tuple[str, str]]:
    yield "from", row.source
    yield from (("problem", problem) for problem in row.problems)
    if row.tokens is None:
        return
    now = app.now()
    yield (
        "access",
        expiry_text(row.tokens.expires_at, now)
        + ("; refreshed when used" if row.ok and (row.tokens.expires_at or now) < now else ""),
    )
    due = _due_at(row, app)
    if row.tokens.refresh_token is not None:
        yield (
            "refresh",
            expiry_text(row.tokens.refresh_expires_at, now) + (f"; {due_text(due, now)}" if due is not None else ""),
        )
    elif row.tokens.refreshable:
        yield "refresh", "a new one is requested with the app's credentials"
    else:
        yield "refresh", "not possible"
    yield "scopes", ", ".join(sorted(row.tokens.scope_set)) if row.tokens.scope_set else "not known"
    if row.unused:
        yield "not used", row.unused
    if row.lacking is not None:
        yield from _recipe_lines(row.lacking)


def _due_at(row: TokenRow, app: Host) -> float | None:
    """When the token is due for its next refresh; None if it can't be refreshed or that is unknown."""
    if row.tokens is None or not row.tokens.refreshable or not row.apis or row.apis[0] not in app.registry.apis:
        return None
    return due_at(row.tokens, rotates=rotates(app.credential_request(row.name, row.apis[0])))


def _recipe_lines(lacking: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    covered = [recipe for recipe, scopes in lacking.items() if not scopes]
    if covered:
        yield "good for", ", ".join(covered)
    by_scopes: dict[str, list[str]] = {}
    for recipe, scopes in lacking.items():
        if scopes:
            by_scopes.setdefault(", ".join(sorted(scopes)), []).append(recipe)
    yield from (("lacks", f"{scopes} for {', '.join(recipes)}") for scopes, recipes in by_scopes.items())


def _as_data(row: TokenRow, app: Host) -> dict[str, Any]:
    tokens = row.tokens
    lacking = {recipe: sorted(scopes) for recipe, scopes in row.lacking.items()} if row.lacking is not None else None
    return {
        "token": row.name,
        "source": row.source,
        "apis": list(row.apis),
        "ok": row.ok,
        "problems": list(row.problems),
        "unused": row.unused or None,
        "account": tokens.account if tokens is not None else "",
        "scopes": sorted(tokens.scope_set) if tokens is not None and tokens.scope_set is not None else None,
        "expires_at": iso(tokens.expires_at) if tokens is not None else None,
        "refresh_expires_at": iso(tokens.refresh_expires_at) if tokens is not None else None,
        "refreshable": tokens is not None and tokens.refreshable,
        "refresh_due_at": iso(_due_at(row, app)),
        "fingerprint": store.fingerprint(tokens.access_token, app) if tokens is not None else None,
        "lacking": lacking,
    }
