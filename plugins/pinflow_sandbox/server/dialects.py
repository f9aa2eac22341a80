"""The dialects of the API, and which of them a path belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pinflow_sandbox.v3 import routes as v3
from pinflow_sandbox.v4 import ads as v4_ads
from pinflow_sandbox.v5 import routes as v5

if TYPE_CHECKING:
    from pinflow_pinterest.catalogue.operations import Operation
    from pinflow_sandbox.server.messages import Headers, HttpRequest, HttpResponse
    from pinflow_sandbox.world.world import World


class Dialect(Protocol):
    """One version of the API in front of the one world."""

    def operation_of(self, call: HttpRequest) -> Operation | None:
        """The operation that a request calls, or None if there is none."""

    def respond(self, world: World, call: HttpRequest) -> tuple[HttpResponse, str, str]:
        """The response, the operation's path template, and the account it was for ("" if unknown)."""

    def error_response(self, status: int, code: int, message: str, headers: Headers = ()) -> HttpResponse:
        """An error response, from the status, code and message of API v5."""

    def content(self, value: Any) -> Any:
        """The object of a JSON response, or the objects of a page."""


_V5: Dialect = v5
_OLDER: tuple[tuple[str, Dialect], ...] = ((f"{v3.PREFIX}/", v3.DIALECT), (f"{v4_ads.PREFIX}/", v4_ads.DIALECT))


def dialect_of(path: str) -> Dialect:
    """The dialect of a path; v5's for paths of no dialect."""
    return next((dialect for prefix, dialect in _OLDER if path.startswith(prefix)), _V5)
