"""What API v3 and the ads API v4 share: a table of routes, their permissions, requests and responses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from pinflow_pinterest.catalogue import operations as catalogue
from pinflow_sandbox.server.dialect import Dialect
from pinflow_sandbox.server.errors import missing_scopes, restricted_feature
from pinflow_sandbox.server.request import ListingPage, OperationRequest, path_values
from pinflow_sandbox.v3 import envelope
from pinflow_sandbox.v3.scopes import expand_scopes, v5_scopes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pinflow_pinterest.catalogue.operations import Operation
    from pinflow_sandbox.server.errors import ApiError
    from pinflow_sandbox.server.messages import Headers, HttpRequest, HttpResponse
    from pinflow_sandbox.world.world import Caller, World

_ANY = "{}"  # replaces the parameters of a path in a route's key

_Key = tuple[str, tuple[str, ...]]


class Route(NamedTuple):
    """One operation of a dialect and its handler.

    The path ends with a slash where the service requires one; without it there is no such path. The id is that of the
    same operation in API v5.
    """

    method: str
    path: str  # without the dialect's prefix
    id: str
    scopes: str  # of API v3, with spaces
    handler: Callable[[OperationRequest], object]

    def operation(self, prefix: str) -> Operation:
        """The operation, for rate limits and faults; its quota is that of API v5."""
        same = catalogue.operation(self.id)
        needed, path = frozenset(self.scopes.split()), prefix + self.path
        return replace(same, method=self.method, path=path, scopes=needed, client_credentials=False, sandbox=True)


class EnvelopeDialect(Dialect):
    """A dialect with enveloped responses: its routes, and how requests are served.

    ``name`` is the prefix of endpoint names. ``limit_headers`` makes additional headers from those of the rate
    limits.
    """

    def __init__(
        self,
        name: str,
        prefix: str,
        routes: Iterable[Route],
        *,
        limit_headers: Callable[[Headers], Headers] = lambda headers: (),
    ) -> None:
        self._name = name
        self._limit_headers = limit_headers
        rows = [(route.operation(prefix), route.handler) for route in routes]
        parts = {part for operation, _ in rows for part in operation.path.split("/")}
        self._literals = frozenset(part for part in parts if not part.startswith("{"))
        self._routes = {self._key(row[0].method, row[0].path): row for row in rows}

    def find(self, method: str, path: str) -> Operation | None:
        route = self._routes.get(self._key(method, path))
        return route[0] if route else None

    def operations(self) -> list[Operation]:
        """All operations of this dialect."""
        return [operation for operation, _ in self._routes.values()]

    def not_found_hint(self, path: str) -> str:
        other = path[:-1] if path.endswith("/") else f"{path}/"
        if not any(pattern == self._pattern(other) for _, pattern in self._routes):
            return ""
        return " It ends without a slash." if path.endswith("/") else " It ends with a slash."

    def answer(
        self, world: World, caller: Caller, operation: Operation, call: HttpRequest, headers: Headers
    ) -> HttpResponse:
        _, handler = self._routes[self._key(operation.method, operation.path)]
        caller = _v5_caller(caller, operation)
        value = handler(OperationRequest(world, caller, operation, call, path_values(operation, call.path), call.query))
        content = {"data": value}
        if isinstance(value, ListingPage):
            content = {"data": value.items, "bookmark": value.bookmark}
        endpoint = f"{self._name}_{operation.id.replace('/', '_')}"
        nulls = world.settings.nulls == "present"
        return envelope.success(
            endpoint, content, world.clock.now(), nulls=nulls, headers=headers + self._limit_headers(headers)
        )

    def refuse(self, operation: Operation | None, error: ApiError, headers: Headers) -> HttpResponse:
        return super().refuse(operation, error, headers + self._limit_headers(headers))

    def error_response(self, status: int, code: int, message: str, headers: Headers = ()) -> HttpResponse:
        return envelope.failure(status, code, message, headers)

    def content(self, value: Any) -> Any:
        return value.get("data")

    def _key(self, method: str, path: str) -> _Key:
        return method, self._pattern(path)

    def _pattern(self, path: str) -> tuple[str, ...]:
        return tuple(part if part in self._literals else _ANY for part in path.split("/"))


def _v5_caller(caller: Caller, operation: Operation) -> Caller:
    """The caller with scopes of v5, which the rules of the world use. Raises ApiError if it lacks permission."""
    if caller.client:
        raise restricted_feature(f"{operation.id} with a client_credentials token")
    granted = expand_scopes(caller.scopes)
    if missing := sorted(operation.scopes - granted):
        raise missing_scopes(missing)
    return replace(caller, scopes=v5_scopes(granted))
