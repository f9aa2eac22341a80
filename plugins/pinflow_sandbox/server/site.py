"""Which part of the sandbox answers a call: API, token endpoint, consent page, object store or control."""

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


JSON_LIMIT = 32 * 1024 * 1024  # bytes; the service takes images of 20 MB, which are a third longer as base64

_FIRST_REQUEST_ID = 1_000_000_000_000_000


class Site:
    """Everything under one address."""

    def __init__(
        self,
        world: World,
        surface: ControlSurface,
        hosts: Collection[str],
        *,
        sleep: Callable[[float], None],
        faults: FaultHook | None = None,
    ) -> None:
        self._world = world
        self._surface = surface
        self._hosts = frozenset(hosts)  # lower case, with the port
        self._sleep = sleep
        self._faults = faults
        self._numbers = count(_FIRST_REQUEST_ID)

    def answer(self, call: HttpRequest) -> HttpResponse:
        """The answer to a call. A call that was meant for another host gets none of this site's."""
        if call.host.lower() not in self._hosts:
            return dialect_of(call.path).error_answer(
                421, 421, "This sandbox answers to its own loopback address only."
            )
        if call.path.startswith(control.PREFIX):
            return self._surface.answer(call)
        if call.path == oauth.CONSENT_PATH:
            with self._world.lock:
                return oauth.consent_answer(self._world, call)
        if self._world.settings.latency:
            self._sleep(self._world.settings.latency)
        answer = self._applied(call) if self._faults is None else self._faults(call, lambda: self._applied(call))
        number = ("x-pinterest-rid", str(next(self._numbers)))
        return HttpResponse(answer.status, answer.body, answer.content_type, (*answer.headers, number))

    def _applied(self, call: HttpRequest) -> HttpResponse:
        with self._world.lock:
            answer, template, account = self._part(call)
            self._world.request_counts[call.method, template or "(no such path)", answer.status, account] += 1
        return answer

    def _part(self, call: HttpRequest) -> tuple[HttpResponse, str, str]:
        """The answer, the path template to count it under, and the account it was for."""
        if call.path in (oauth.TOKEN_PATH, oauth.REVOKE_PATH):
            return oauth.token_answer(self._world, call), call.path, ""
        if call.path == v3_oauth.TOKEN_PATH:
            return v3_oauth.token_answer(self._world, call), call.path, ""
        if call.path == uploads.STORE_PATH:
            return _stored(self._world, call), call.path, ""
        if call.path.startswith(reports.STORE_PATH):
            return reports.fetched(self._world, call), reports.STORE_PATH, ""
        return dialect_of(call.path).answer(self._world, call)


def body_limit(path: str) -> int:
    """How many bytes a request's body may have."""
    return uploads.LARGEST_UPLOAD if path == uploads.STORE_PATH else JSON_LIMIT


def unreadable(status: int, why: str, path: str) -> HttpResponse:
    """The answer to what is not a request at all, in the dialect of its path as far as that could be read."""
    said = f"The sandbox could not read this request: {why}."
    if path == uploads.STORE_PATH:
        code = "EntityTooLarge" if status == 413 else "InvalidRequest"
        return HttpResponse(status, store_error(code, said).encode(), "application/xml")
    return dialect_of(path).error_answer(status, status, said)


def _stored(world: World, call: HttpRequest) -> HttpResponse:
    if call.method != "POST":
        return HttpResponse(405, b"", "application/xml")
    try:
        uploads.accept(world, call.body, call.header("content-type"), signed="authorization" in call.headers)
    except uploads.UploadRejected as refused:
        return HttpResponse(refused.status, refused.xml.encode(), "application/xml")
    return HttpResponse(204)
