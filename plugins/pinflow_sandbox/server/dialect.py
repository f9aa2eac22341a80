"""What the dialects of the API have in common: how a request for an operation is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pinflow_sandbox.server.access import authorised_caller, spend_quota
from pinflow_sandbox.server.errors import ApiError

if TYPE_CHECKING:
    from pinflow_pinterest.catalogue.operations import Operation
    from pinflow_sandbox.server.messages import Headers, HttpRequest, HttpResponse
    from pinflow_sandbox.world.world import Caller, World

_METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE")


class Dialect(Protocol):
    """One version of the API in front of the one world."""

    operation_prefix: str = ""  # of the path of an operation, in counts of requests

    def find(self, method: str, path: str) -> Operation | None:
        """The operation with this method at this path, or None if there is none."""

    def not_found_hint(self, path: str) -> str:
        """What to say, after "No such path.", of a path that no operation has."""

    def answer(
        self, world: World, caller: Caller, operation: Operation, call: HttpRequest, headers: Headers
    ) -> HttpResponse:
        """The response to an authenticated request that no limit stops. Raises ApiError."""

    def refuse(self, operation: Operation | None, error: ApiError, headers: Headers) -> HttpResponse:
        """The response to a request that gets an error."""
        return self.error_response(error.status, error.code, error.message, headers)

    def error_response(self, status: int, code: int, message: str, headers: Headers = ()) -> HttpResponse:
        """An error response, from the status, code and message of API v5."""

    def content(self, value: Any) -> Any:
        """The object of a JSON response, or the objects of a page."""

    def operation_of(self, call: HttpRequest) -> Operation | None:
        """The operation that a request calls, or None if there is none."""
        return self.find("GET" if call.method == "HEAD" else call.method, call.path)

    def respond(self, world: World, call: HttpRequest) -> tuple[HttpResponse, str, str]:
        """The response, the operation's path template, and the account it was for ("" if unknown)."""
        headers: Headers = ()
        template = account = ""
        operation = self.operation_of(call)
        try:
            if operation is None:
                raise self._no_operation(call.path)
            template = self.operation_prefix + operation.path
            caller = authorised_caller(world, call)
            account = caller.account.username
            headers = spend_quota(world, caller, operation.category)
            return self.answer(world, caller, operation, call, headers), template, account
        except ApiError as error:
            return self.refuse(operation, error, error.headers or headers), template, account

    def _no_operation(self, path: str) -> ApiError:
        if any(self.find(method, path) for method in _METHODS):
            return ApiError(405, 5, "Method not allowed")
        return ApiError(404, 404, f"No such path.{self.not_found_hint(path)}")
