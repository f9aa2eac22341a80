"""When a token is due for its next refresh, and when a person is told that it ends.

A token is refreshed once two thirds of its life have passed, and somewhat earlier depending on its name, so that many
that were made together are not refreshed all at once. The last third is time for refreshes that fail: until it ends,
the old token works as before.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pinflow import Context, CredentialRequest
    from pinflow_auth.tokens import TokenSet

DAY = 86_400.0  # seconds
SHARE = 2 / 3  # of a token's life: of Pinterest's 30 days, ten are left for a service or machine that is down
SPREAD = 1 / 10  # of its life, by which a name may come earlier: 3 of 30 days, so 2,000 tokens come at 28 an hour
BEFORE_END = 10 * DAY  # when a token is due whose start is unknown: the last third of 30 days
SOON = 21 * DAY  # before the end of a sign-in that no refresh renews: a person may be on holiday for two weeks
LAST_DAYS = 3 * DAY  # before the end of an access token that could not be refreshed: a weekend


def due_at(tokens: TokenSet, *, rotates: bool) -> float | None:
    """When tokens are due for a refresh, in seconds since the epoch; None if their end is unknown.

    ``rotates``: a refresh renews the refresh token as well, so its life counts too.
    """
    expiries = [tokens.expires_at, tokens.refresh_expires_at if rotates else None]
    ends = [end for end in expiries if end is not None]
    if not ends:
        return None
    if tokens.issued_at is None:
        return min(ends) - BEFORE_END
    lives = [end - tokens.issued_at for end in ends if end > tokens.issued_at]
    return tokens.issued_at + min(lives) * (SHARE - SPREAD * _name_share(tokens.name)) if lives else min(ends)


def _name_share(name: str) -> float:
    """A number from 0 to 1, always the same for a name."""
    import hashlib  # takes 2 ms, which a start without a refresh should not pay

    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32


def rotates(request: CredentialRequest) -> bool:
    """Whether a refresh of this API renews the refresh token."""
    return request.api.oauth is not None and request.api.oauth.rotates


def notify_of_end(ctx: Context, request: CredentialRequest, tokens: TokenSet, *, failed: str = "") -> None:
    """Notify people that an account has to sign in again soon, or resolve that notice.

    ``failed`` says why the tokens could not be refreshed just now.
    """
    now = request.clock()
    token_key = f"token-ends:{request.api.id}:{tokens.name}"
    sign_in_key = f"sign-in-ends:{request.api.id}:{tokens.name}"
    hint = request.api.login_hint.format(token=tokens.name)
    login = f"sign in again: {hint if ' --api ' in hint else f'{hint} --api {request.api.id}'}"
    end = tokens.expires_at
    reason = failed or ("" if tokens.refreshable else "it has no refresh token")
    if end is not None and reason and end - now <= (SOON if not tokens.refreshable else LAST_DAYS):
        title = f"the token {tokens.name!r} for {request.api.title} {_end_text(end, now)}, before its next refresh"
        ctx.notify(
            token_key, title, f"{reason}; {login}", kind="token_ends", level="error" if end <= now else "warning"
        )
    else:
        ctx.resolve(token_key)
    last = tokens.refresh_expires_at if tokens.refreshable and (failed or not rotates(request)) else None
    if last is not None and last - now <= SOON:
        title = f"the sign-in of {tokens.name!r} for {request.api.title} {_end_text(last, now)}"
        ctx.notify(sign_in_key, title, login, kind="sign_in_ends")
    else:
        ctx.resolve(sign_in_key)


def _end_text(at: float, now: float) -> str:
    day = datetime.fromtimestamp(at, UTC).date().isoformat()
    return f"ends on {day}" if at > now else f"ended on {day}"
