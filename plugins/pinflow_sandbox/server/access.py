"""Authentication and rate limits, the same in every dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow_sandbox.server.errors import ApiError, authentication_failed

if TYPE_CHECKING:
    from pinflow_sandbox.server.messages import Headers, HttpRequest
    from pinflow_sandbox.world.world import Caller, World


def authorised_caller(world: World, call: HttpRequest) -> Caller:
    """The caller that a request's bearer token stands for. Raises ApiError (401) without a valid one."""
    kind, _, token = call.header("authorization").partition(" ")
    if kind.lower() != "bearer":
        raise authentication_failed()
    return world.caller(token.strip())


def spend_quota(world: World, caller: Caller, category: str) -> Headers:
    """Count a request; returns the headers that say what is left. Raises ApiError (429) with them if nothing is."""
    if not world.settings.quotas:
        return ()
    now, account = world.clock.now(), caller.account.username
    allowed, headers = world.limits.spend(world.settings, now, category, account, caller.app_id)
    if not allowed:
        message = f"This request exceeded a rate limit. The limit is that of '{category}' operations."
        raise ApiError(429, 8, message, headers)
    return headers
