"""Routes a request to the part that serves it: API, token endpoint, consent page, object store or control."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from pinflow_sandbox.control import surface as control
from pinflow_sandbox.oauth import endpoint as oauth
from pinflow_sandbox.oauth import v3_endpoint as v3_oauth
from pinflow_sandbox.server.dialects import dialect_of
from pinflow_sandbox.server.errors import store_error
from pinflow_sandbox.server.messages import HttpResponse
from pinflow_sandbox.world import reports, uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pinflow_sandbox.control.faults import FaultHook
    from pinflow_sandbox.control.surface import ControlSurface
    from pinflow_sandbox.server.messages import HttpRequest
    from pinflow_sandbox.world.world import World

JSON_LIMIT = 32 * 1024 * 1024  # bytes; the service takes images of 20 MB, which are 27 MB as base64

_FIRST_REQUEST_ID = 1_000_000_000_000_000  # of the header x-pinterest-rid: 16 digits


class Site:
    """Everything under one address."""

    def __init__(
        self,
        world: World,
        surface: ControlSurface,
        hosts: Collection[str],
        *,
        sleep: Callable[[float], None],
        faults: FaultHook,
    ) -> None:
        self._world = world
        self._surface = surface
        self._hosts = frozenset(hosts)  # lower case, with the port
        self._sleep = sleep
        self._faults = faults
        self._numbers = count(_FIRST_REQUEST_ID)

    def respond(self, call: HttpRequest) -> HttpResponse:
        """The response to a request. One with another Host header gets 421: it may be DNS rebinding by a web page."""
        if call.host.lower() not in self._hosts:
            message = "This sandbox answers to its own loopback address only."
            return dialect_of(call.path).error_response(421, 421, message)
        if call.path.startswith(control.PREFIX):
            return self._surface.respond(call)
        if call.path == oauth.CONSENT_PATH:
            with self._world.lock:
                return oauth.consent_response(self._world, call)
        if self._world.settings.latency:
            self._sleep(self._world.settings.latency)
        answer = self._faults(call, lambda: self._apply(call))
        number = ("x-pinterest-rid", str(next(self._numbers)))
        return HttpResponse(answer.status, answer.body, answer.content_type, (*answer.headers, number))

    def _apply(self, call: HttpRequest) -> HttpResponse:
        with self._world.lock:
            answer, template, account = self._route(call)
            self._world.request_counts[call.method, template or "(no such path)", answer.status, account] += 1
        return answer

    def _route(self, call: HttpRequest) -> tuple[HttpResponse, str, str]:
        """The response, the path template to count it under, and the account it was for."""
        if call.path in (oauth.TOKEN_PATH, oauth.REVOKE_PATH):
            return oauth.token_response(self._world, call), call.path, ""
        if call.path == v3_oauth.TOKEN_PATH:
            return v3_oauth.token_response(self._world, call), call.path, ""
        if call.path == uploads.STORE_PATH:
            return _upload_response(self._world, call), call.path, ""
        if call.path.startswith(reports.STORE_PATH):
            return reports.file_response(self._world, call), reports.STORE_PATH, ""
        return dialect_of(call.path).respond(self._world, call)


def body_limit(path: str) -> int:
    """The largest body of a request to this path, in bytes."""
    return uploads.LARGEST_UPLOAD if path == uploads.STORE_PATH else JSON_LIMIT


def unreadable_response(status: int, reason: str, path: str) -> HttpResponse:
    """The response to a request that could not be read, in the dialect of its path if that is known."""
    message = f"The sandbox could not read this request: {reason}."
    if path == uploads.STORE_PATH:
        code = "EntityTooLarge" if status == 413 else "InvalidRequest"
        return store_error(status, code, message)
    return dialect_of(path).error_response(status, status, message)


def _upload_response(world: World, call: HttpRequest) -> HttpResponse:
    if call.method != "POST":
        return HttpResponse(405, b"", "application/xml")
    try:
        uploads.accept(world, call.body, call.header("content-type"), signed="authorization" in call.headers)
    except uploads.UploadRejected as error:
        return error.response
    return HttpResponse(204)
