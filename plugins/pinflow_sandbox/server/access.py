"""Authentication and rate limits, the same in every dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow_sandbox.server.errors import ApiError, authentication_failed

if TYPE_CHECKING:
    from pinflow_sandbox.server.messages import Headers, HttpRequest
    from pinflow_sandbox.world.world import Caller, World


class RateLimitExceeded(ApiError):
    """The request exceeds a limit; the response has the headers that say until when."""

    def __init__(self, category: str, headers: Headers) -> None:
        super().__init__(429, 8, f"This request exceeded a rate limit. The limit is that of '{category}' operations.")
        self.headers = headers


def authorised_caller(world: World, call: HttpRequest) -> Caller:
    """The caller that a request's bearer token stands for. Raises ApiError (401) without a valid one."""
    kind, _, token = call.header("authorization").partition(" ")
    if kind.lower() != "bearer":
        raise authentication_failed()
    return world.caller(token.strip())


def spend_quota(world: World, caller: Caller, category: str) -> Headers:
    """Count a request; returns the headers that say what is left. Raises RateLimitExceeded if nothing is."""
    if not world.settings.quotas:
        return ()
    check = world.limits.spend(world.settings, world.clock.now(), category, caller.account.username, caller.app_id)
    if not check.allowed:
        raise RateLimitExceeded(category, check.headers)
    return check.headers
