"""When a token is due for its next refresh, and who has to know that one ends.

A token is refreshed once two thirds of its life have passed, and somewhat earlier by
its name, so that many which began together do not come all at once. What is left is
time for refreshes that fail: until it really ends, the old token is as good as ever.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pinflow import Context, CredentialRequest
    from pinflow_auth.tokens import TokenSet

DAY = 86_400.0  # seconds
SHARE = 2 / 3  # of a token's life
SPREAD = 1 / 10  # of its life, by which a name may come earlier
BEFORE_END = 10 * DAY  # when a token is due of which nobody knows when it began
SOON = 21 * DAY  # before the end of a sign-in that no refresh renews
LAST_DAYS = 3 * DAY  # before the end of an access token that could not be refreshed


def due_at(tokens: TokenSet, *, rotates: bool) -> float | None:
    """When tokens are to be refreshed, in seconds since the epoch; None where it is not known when they end.

    ``rotates``: a refresh renews the refresh token as well, so that its life counts too.
    """
    ends = [tokens.expires_at, tokens.refresh_expires_at if rotates else None]
    known = [end for end in ends if end is not None]
    if not known:
        return None
    if tokens.issued_at is None:
        return min(known) - BEFORE_END
    lives = [end - tokens.issued_at for end in known if end > tokens.issued_at]
    return tokens.issued_at + min(lives) * (SHARE - SPREAD * _name_share(tokens.name)) if lives else min(known)


def _name_share(name: str) -> float:
    """A number from 0 to 1 that is always the same for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32


def rotates(request: CredentialRequest) -> bool:
    """Whether a refresh of this API renews the refresh token."""
    return request.api.oauth is not None and request.api.oauth.rotates


def notify_of_end(ctx: Context, request: CredentialRequest, tokens: TokenSet, *, failed: str = "") -> None:
    """Tell people that an account has to sign in again before long, or that this is over.

    ``failed`` says why the tokens could not be refreshed just now.
    """
    now = request.clock()
    ending, signing = f"token-ends:{request.api.id}:{tokens.name}", f"sign-in-ends:{request.api.id}:{tokens.name}"
    hint = request.api.login_hint.format(token=tokens.name)
    login = f"sign in again: {hint if ' --api ' in hint else f'{hint} --api {request.api.id}'}"
    end = tokens.expires_at
    why = failed or ("" if tokens.refreshable else "it has no refresh token")
    if end is not None and why and end - now <= (SOON if not tokens.refreshable else LAST_DAYS):
        title = f"the token {tokens.name!r} for {request.api.title} {_when(end, now)}, before its next refresh"
        ctx.notify(ending, title, f"{why}; {login}", kind="token_ends", level="error" if end <= now else "warning")
    else:
        ctx.resolve(ending)
    last = tokens.refresh_expires_at if tokens.refreshable and (failed or not rotates(request)) else None
    if last is not None and last - now <= SOON:
        title = f"the sign-in of {tokens.name!r} for {request.api.title} {_when(last, now)}"
        ctx.notify(signing, title, login, kind="sign_in_ends")
    else:
        ctx.resolve(signing)


def _when(at: float, now: float) -> str:
    day = datetime.fromtimestamp(at, UTC).date().isoformat()
    return f"ends on {day}" if at > now else f"ended on {day}"
