"""What API v3 and the ads API v4 share: a table of routes, their permissions, requests and responses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from pinflow_pinterest.catalogue.operations import Operation
from pinflow_sandbox.server import access
from pinflow_sandbox.server.errors import ApiError, missing_scopes, restricted_feature
from pinflow_sandbox.server.request import ListingPage, OperationRequest, path_values
from pinflow_sandbox.v3 import envelope
from pinflow_sandbox.v3.fields import parse_fields
from pinflow_sandbox.v3.scopes import expand_scopes, v5_scopes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pinflow_sandbox.server.messages import Headers, HttpRequest, HttpResponse
    from pinflow_sandbox.v3.fields import FormFields
    from pinflow_sandbox.world.world import Caller, World

_METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE")
_ANY = "{}"  # replaces the parameters of a path in a route's key

_Key = tuple[str, tuple[str, ...]]


class Route(NamedTuple):
    """One operation of a dialect and its handler.

    The path ends with a slash where the service requires one; without it there is no such path. The id is that of the
    same operation in API v5, if there is one.
    """

    method: str
    path: str  # without the dialect's prefix
    id: str
    scopes: str  # of API v3, with spaces
    handler: Callable[[EnvelopedRequest], object]
    category: str = ""  # org_read or org_write, by the method

    def operation(self, prefix: str) -> Operation:
        """The operation, for rate limits and faults."""
        category = self.category or ("org_read" if self.method == "GET" else "org_write")
        needed = frozenset(self.scopes.split())
        path = prefix + self.path
        return Operation(self.id, self.method, path, needed, category, client_credentials=False, sandbox=True)


class EnvelopedRequest(OperationRequest):
    """A request of v3 or v4: its body may be a form or JSON."""

    __slots__ = ()

    def fields(self) -> FormFields:
        """The fields of the body."""
        return parse_fields(self.call)


class EnvelopeDialect:
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
        listed = [(route.operation(prefix), route.handler) for route in routes]
        self._literals = frozenset(
            part for operation, _ in listed for part in operation.path.split("/") if not part.startswith("{")
        )
        self._routes = {
            (operation.method, self._pattern(operation.path)): (operation, handler) for operation, handler in listed
        }

    def operation_of(self, call: HttpRequest) -> Operation | None:
        """The operation that a request calls, or None if there is none."""
        route = self._routes.get(self._key(call))
        return route[0] if route else None

    def operations(self) -> list[Operation]:
        """All operations of this dialect."""
        return [operation for operation, _ in self._routes.values()]

    def respond(self, world: World, call: HttpRequest) -> tuple[HttpResponse, str, str]:
        """The response, the operation's path template, and the account it was for ("" if unknown)."""
        headers: Headers = ()
        template = account = ""
        try:
            operation, handler = self._route(call)
            template = operation.path
            caller = access.authorised_caller(world, call)
            account = caller.account.username
            headers = access.spend_quota(world, caller, operation.category)
            headers += self._limit_headers(headers)
            caller = _v5_caller(caller, operation)
            request = EnvelopedRequest(world, caller, operation, call, path_values(operation, call.path), call.query)
            value = handler(request)
        except ApiError as error:
            if isinstance(error, access.RateLimitExceeded):
                headers = error.headers + self._limit_headers(error.headers)
            return self.error_response(error.status, error.code, error.message, headers), template, account
        return self._success(world, operation, value, headers), template, account

    def error_response(self, status: int, code: int, message: str, headers: Headers = ()) -> HttpResponse:
        """An error response of this dialect."""
        return envelope.failure(status, code, message, headers)

    def content(self, value: Any) -> Any:
        """The object of a JSON response, or the objects of a page."""
        return value.get("data")

    def _route(self, call: HttpRequest) -> tuple[Operation, Callable[[EnvelopedRequest], object]]:
        route = self._routes.get(self._key(call))
        if route is not None:
            return route
        path = self._pattern(call.path)
        if any((method, path) in self._routes for method in _METHODS):
            raise ApiError(405, 5, "Method not allowed")
        raise ApiError(404, 404, f"No such path.{self._slash_hint(call.path)}")

    def _slash_hint(self, path: str) -> str:
        other = self._pattern(path[:-1] if path.endswith("/") else f"{path}/")
        if not any((method, other) in self._routes for method in _METHODS):
            return ""
        return " It ends without a slash." if path.endswith("/") else " It ends with a slash."

    def _success(self, world: World, operation: Operation, value: object, headers: Headers) -> HttpResponse:
        endpoint, now = f"{self._name}_{operation.id.replace('/', '_')}", world.clock.now()
        nulls = world.settings.nulls == "present"
        if isinstance(value, ListingPage):
            return envelope.listing(endpoint, value.items, value.bookmark, now, nulls=nulls, headers=headers)
        return envelope.success(endpoint, value, now, nulls=nulls, headers=headers)

    def _key(self, call: HttpRequest) -> _Key:
        return "GET" if call.method == "HEAD" else call.method, self._pattern(call.path)

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
