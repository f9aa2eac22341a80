"""The error answers of a service as errors that say what they mean for a call, and for those that follow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pinflow.errors import AccessTooLow, Forbidden, RateLimited, RemoteError, SpamBlocked
from pinflow.http.encoding import Unreadable

_HOST = re.compile(r"[a-z0-9.:-]{1,100}", re.ASCII)  # what is shown of an address that anybody may have sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.http.api import Api
    from pinflow.http.transport import Answer


def parse_error(api: Api, answer: Answer, read_json: Callable[[bytes], Any]) -> RemoteError:
    """The error that an answer without success is."""
    if answer.status < 400:
        return _redirect(api, answer)
    try:
        body = read_json(answer.body) if answer.body else None
    except Unreadable:
        body = None  # a proxy's page, or half an answer: the status is enough
    return api.read_error(answer.status, answer.headers, body)


def _redirect(api: Api, answer: Answer) -> RemoteError:
    try:
        host = urlsplit(answer.headers.get("location", "")).hostname or ""
    except ValueError:
        host = ""
    to = f" to {host}" if _HOST.fullmatch(host) else ""
    return RemoteError(
        f"the service redirects{to}, and redirects are not followed",
        status=answer.status,
        hint=f"a network that wants a sign-in answers like this, and so does a wrong {api.origin_variable}",
    )


def check_tier(api: Api, error: RemoteError, method: str, path: str) -> RemoteError:
    """A refusal for the app's tier, where the API says that all such calls meet it, is no matter of one item."""
    if not isinstance(error, Forbidden) or not error.tier or not api.closed(error.tier, method, path):
        return error
    facts = {"request_id": error.request_id, "hint": error.hint}
    return AccessTooLow(error.text, status=error.status, code=error.code, tier=error.tier, **facts)


def rate_limited(error: RemoteError | None, after: float, *, category: str, call: str) -> RateLimited:
    """The refusal of a call as one that says when to try again."""
    if isinstance(error, RateLimited):
        error.retry_after = after
        error.category = error.category or category
        return error
    text = error.text if error is not None else "too many requests"
    request_id = error.request_id if error is not None else ""
    return RateLimited(text, retry_after=after, category=category, call=call, request_id=request_id)


def repeat_block(blocked: SpamBlocked, call: str) -> SpamBlocked:
    """The block of an earlier write, for a write that was not sent because of it."""
    return SpamBlocked(
        blocked.text,
        status=blocked.status,
        retry_after=blocked.retry_after,
        code=blocked.code,
        request_id=blocked.request_id,
        call=call,
        hint=blocked.hint,
    )
