"""The dialects that the service is spoken to in, and which of them a path belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pinflow_sandbox.v3 import routes as v3
from pinflow_sandbox.v4 import ads as v4_ads
from pinflow_sandbox.v5 import routes as v5

if TYPE_CHECKING:
    from pinflow_pinterest.catalogue.operations import Operation
    from pinflow_sandbox.server.messages import HttpRequest, HttpResponse
    from pinflow_sandbox.world.world import World


class Dialect(Protocol):
    """One version of the API, spoken to the one world."""

    def operation_of(self, call: HttpRequest) -> Operation | None:
        """The operation a call is for, or None if there is none."""

    def answer(self, world: World, call: HttpRequest) -> tuple[HttpResponse, str, str]:
        """The answer to a call, the operation's path template, and the account it was for ("" if unknown)."""

    def error_answer(
        self, status: int, code: int, message: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> HttpResponse:
        """An error, from what API v5 would call it."""

    def content(self, value: Any) -> Any:
        """What an answer that is JSON is about: an object, or the objects of a listing's page."""


_V5: Dialect = v5
_OLDER: tuple[tuple[str, Dialect], ...] = ((f"{v3.PREFIX}/", v3.DIALECT), (f"{v4_ads.PREFIX}/", v4_ads.DIALECT))


def dialect_of(path: str) -> Dialect:
    """The dialect of a path; what is nobody's path is answered in that of v5."""
    return next((dialect for prefix, dialect in _OLDER if path.startswith(prefix)), _V5)
