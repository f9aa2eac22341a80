"""Actions for recipes that refresh tokens. They work on files: a variable's token can't be refreshed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal, TypedDict

from pinflow import ActionError, Context, CredentialError, CredentialRequest, Text, UsageError, action
from pinflow_auth.names import PATTERN

if TYPE_CHECKING:
    from pinflow_auth.tokens import TokenSet

TOPIC = "tokens"  # of its actions, in lists and on pages

TokenName = Annotated[
    str, Text(pattern=f"^{PATTERN}$", max_length=64, format="token", description="the name of a token, never a path")
]
Duration = Annotated[str, Text(min_length=1, max_length=40, description='a duration, such as "10 days"')]


class ListedToken(TypedDict):
    """A token without its secrets. Times are ISO 8601 in UTC, null if not known."""

    name: str
    source: str
    api: str
    account: str
    scopes: list[str] | None
    expires_at: str | None
    refresh_expires_at: str | None
    refreshable: bool
    problem: str | None


class RefreshedToken(TypedDict):
    """A token as it is now. Times are ISO 8601 in UTC, null if not known."""

    token: str
    refreshed: bool
    expires_at: str | None
    refresh_expires_at: str | None


@action("list_tokens", tokens="name")
def list_tokens(
    ctx: Context, *, api: str | None = None, broken: Literal["fail", "list"] = "fail"
) -> Iterator[ListedToken]:
    """The tokens in variables and in the token folders, without those of other APIs.

    In a loop over them, steps act for the current one with auth: and the loop's name for it.

        api: the API of the tokens; default: the recipe's own
        broken: fail ends the step with an error if tokens can't be used; list lists them with their problem
    """
    from pinflow_auth.refresh_policy import notify_of_end
    from pinflow_auth.store import find_all_tokens
    from pinflow_auth.tokens import TokenSet, iso

    request = ctx.credential_request(api=api)
    errors: list[CredentialError] = []
    for entry in find_all_tokens(request):
        if entry.problem is not None and broken == "fail":
            errors.append(entry.problem)
            continue
        # one that is broken is listed as a token of which nothing is known
        tokens = entry.tokens or TokenSet(name=entry.name, access_token="")
        if tokens.api not in ("", request.api.id):
            continue
        if entry.tokens is not None and not tokens.refreshable and tokens.storage != "environment":
            notify_of_end(ctx, request, tokens)
        yield {
            "name": entry.name,
            "source": entry.source,
            "api": tokens.api or request.api.id,
            "account": tokens.account,
            "scopes": sorted(tokens.scope_set) if tokens.scope_set is not None else None,
            "expires_at": iso(tokens.expires_at),
            "refresh_expires_at": iso(tokens.refresh_expires_at),
            "refreshable": tokens.refreshable,
            "problem": entry.problem.message if entry.problem is not None else None,
        }
    if errors:
        raise ActionError("\n".join(map(str, errors)))


# a write that is not in the journal: the lock, the note and the file say better what became of it
@action("refresh_token", effect="write", local=True)
def refresh_token(
    ctx: Context,
    *,
    token: TokenName,
    if_due: bool = False,
    if_expires_within: Duration | None = None,
    api: str | None = None,
) -> RefreshedToken:
    """Replace the access token in a token file with a new one, and store what came with it.

    A token that can't be refreshed fails the step; in a loop, the others are refreshed all the same.

        token: its name, such as access_token
        if_due: skip it until two thirds of its life have passed; if the service can't be reached, try again next time
        if_expires_within: skip it if it, and its refresh token, last longer than this, such as "10 days"
        api: the API of the token; default: the recipe's own
    """
    from pinflow_auth.tokens import iso

    within = _parse_seconds(if_expires_within) if if_expires_within is not None else None
    request = ctx.credential_request(token, api)
    tokens, refreshed = _refresh(ctx, request, within, if_due=if_due)
    return {
        "token": token,
        "refreshed": refreshed and not ctx.dry_run,
        "expires_at": iso(tokens.expires_at),
        "refresh_expires_at": iso(tokens.refresh_expires_at),
    }


def _refresh(ctx: Context, request: CredentialRequest, within: float | None, *, if_due: bool) -> tuple[TokenSet, bool]:
    """The tokens afterwards, and whether they were (or would be) refreshed. Raises ActionError."""
    from pinflow_auth.endpoint import GrantInDoubt
    from pinflow_auth.refresh import forecast_refresh, refresh
    from pinflow_auth.refresh_policy import notify_of_end

    words = ("would be refreshed", "would be skipped") if ctx.dry_run else ("refreshed", "not due yet")
    try:
        tokens, refreshed = (forecast_refresh if ctx.dry_run else refresh)(request, within=within, if_due=if_due)
    except (CredentialError, ActionError) as error:
        stored = _stored_tokens(request)
        if stored is not None:
            notify_of_end(ctx, request, stored, failed=error.message)
        passing = isinstance(error, GrantInDoubt) or not isinstance(error, CredentialError)
        if passing and if_due and stored is not None and (stored.expires_at or 0.0) > request.clock():
            # there is time: the old token works until it ends, and the next run tries again before that
            ctx.log(
                f"{request.token}: not refreshed this time; the old token is still valid: {error.message}", warning=True
            )
            return stored, False
        if isinstance(error, CredentialError):
            # the token is the step's subject, not its login: a run that refreshes many goes on
            raise ActionError(error.message, hint=error.hint) from None
        raise
    notify_of_end(ctx, request, tokens)
    if refreshed or ctx.dry_run or not if_due:  # most tokens of a daily run are not due
        ctx.log(f"{request.token}: {words[0] if refreshed else words[1]} ({tokens.source})")
    return tokens, refreshed


def _stored_tokens(request: CredentialRequest) -> TokenSet | None:
    """The stored tokens, or None if there are none that can be read."""
    from pinflow_auth.refresh import forecast_refresh

    try:
        return forecast_refresh(request)[0]
    except CredentialError:
        return None


def _parse_seconds(duration: str) -> float:
    from pinflow import seconds

    try:
        return seconds(duration)
    except ValueError as error:
        raise UsageError(f"if_expires_within {error}", hint='write it like "10 days" or "36 hours"') from None
