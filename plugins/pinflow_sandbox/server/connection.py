"""HTTP/1.1 over one connection: reads requests, writes responses.

h11 parses the requests. It does no input and output of its own, so that timeouts and faults stay in this module. A
small read takes 80 us of CPU with it, 47 us with a parser of our own (measured): correct parsing is worth the rest.

Responses are written here: each is one send, a fault may cut it after any byte, and h11 would validate headers again
that the sandbox itself has made.

Source: RFC 9112 (HTTP/1.1) and RFC 9110 (HTTP semantics)
"""

from __future__ import annotations

import re
import socket
import struct
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING

import h11

from pinflow import dataclass
from pinflow_sandbox.server.messages import ConnectionDropped, HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD_LIMIT = 32 * 1024  # bytes of request line and headers, the default of nginx
READ_SIZE = 256 * 1024  # bytes; an upload of 64 MiB takes 256 reads, not 16,384 of 4 KiB

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_PATH = re.compile(rb"\S+ ([^\s?]+)")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE)
_SINGULAR = frozenset({"host", "content-length", "transfer-encoding", "authorization", "content-type"})


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a connection waits for the client, in seconds."""

    idle: float = 75.0  # between two requests; longer than clients keep an unused connection
    head: float = 10.0  # from the first byte of a head to its last
    body: float = 30.0  # from one piece of a body to the next, and for an answer to be taken


class _Unreadable(Exception):
    """The request can't be read on; the connection ends with this status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Connection:
    """One accepted socket, served until either side ends it."""

    def __init__(
        self,
        sock: socket.socket,
        respond: Callable[[HttpRequest], HttpResponse],
        *,
        error_response: Callable[[int, str, str], HttpResponse],
        body_limit: Callable[[str], int],
        date: Callable[[], str],
        timeouts: Timeouts,
    ) -> None:
        self._sock = sock
        self._respond = respond
        self._error_response = error_response  # to what can't be read: from status, reason, and the path or ""
        self._body_limit = body_limit  # bytes, by path
        self._date = date  # the Date header's value
        self._timeouts = timeouts
        self._received = b""  # read together with the request before
        self._head = b""  # of the request being read, as received: the path of one that is not HTTP is found in it

    def serve(self) -> None:
        """Serve requests until the connection ends. Closes the socket."""
        try:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sock.settimeout(self._timeouts.idle)
            while self._serve_one():
                pass
        except OSError:
            pass  # the client is gone, or sent nothing for too long
        finally:
            self._sock.close()

    def _serve_one(self) -> bool:
        """Serve one request. False when the connection is over."""
        try:
            request, keep = self._read()
        except _Unreadable as error:
            path = _PATH.match(self._head)
            response = self._error_response(error.status, str(error), path[1].decode("latin-1") if path else "")
            self._send("GET", response, keep=False)
            self._linger()
            return False
        try:
            response = self._respond(request)
        except ConnectionDropped as dropped:
            self._drop(request.method, dropped)
            return False
        self._send(request.method, response, keep=keep)
        return keep

    def _read(self) -> tuple[HttpRequest, bool]:
        """The next request, and whether the connection is kept after it."""
        # one for each request: to use it again, h11 must hear each answer, which took twice as long (46 us, 90 us)
        parser = h11.Connection(h11.SERVER, HEAD_LIMIT)
        try:
            request, keep = _parse_request(self._read_head(parser))
            headers = request.headers
            if "content-length" in headers or "transfer-encoding" in headers or "expect" in headers:
                request.body = self._read_body(parser, headers, self._body_limit(request.path))
        except h11.RemoteProtocolError as error:
            # h11's message ends with the bytes that are wrong; they may contain a credential
            raise _Unreadable(error.error_status_hint, str(error).partition(": b")[0]) from None
        self._received = parser.trailing_data[0]
        return request, keep

    def _read_head(self, parser: h11.Connection) -> h11.Request:
        self._head = self._received.lstrip(b"\r\n")
        while not self._head:  # RFC 9112 (2.2) skips empty lines before a request, h11 does not
            self._head = self._receive().lstrip(b"\r\n")
        parser.receive_data(self._head)
        deadline: float | None = None
        while not isinstance(event := parser.next_event(), h11.Request):
            deadline = deadline or monotonic() + self._timeouts.head
            self._sock.settimeout(max(0.001, deadline - monotonic()))
            try:
                piece = self._receive()
            except TimeoutError:
                raise _Unreadable(408, "the request took too long to arrive") from None
            self._head += piece
            parser.receive_data(piece)
        if deadline is not None:
            self._sock.settimeout(self._timeouts.idle)
        # h11 limits only a head that has not arrived completely
        if len(self._head) > HEAD_LIMIT and len(self._head) - len(parser.trailing_data[0]) > HEAD_LIMIT:
            raise _Unreadable(431, f"the head of a request must not be longer than {HEAD_LIMIT} bytes")
        return event

    def _read_body(self, parser: h11.Connection, headers: dict[str, str], limit: int) -> bytes:
        too_long = _Unreadable(413, f"the body must not be longer than {limit} bytes")
        if int(headers.get("content-length", 0)) > limit:
            raise too_long
        if headers.get("expect", "100-continue").lower() != "100-continue":
            raise _Unreadable(417, "the only supported expectation is 100-continue")
        self._sock.settimeout(self._timeouts.body)
        body = bytearray()
        while not isinstance(event := parser.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                body += event.data
                if len(body) > limit:
                    raise too_long
                continue
            if parser.they_are_waiting_for_100_continue:
                interim = parser.send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))
                self._sock.sendall(interim or b"")
            parser.receive_data(self._receive())
        self._sock.settimeout(self._timeouts.idle)
        return bytes(body)

    def _receive(self) -> bytes:
        piece = self._sock.recv(READ_SIZE)
        if not piece:
            raise ConnectionResetError("the client has closed the connection")
        return piece

    def _send(self, method: str, response: HttpResponse, *, keep: bool) -> None:
        self._sock.sendall(_response_bytes(method, response, self._date(), keep=keep))

    def _drop(self, method: str, dropped: ConnectionDropped) -> None:
        if dropped.response is not None and dropped.sent:
            self._sock.sendall(_response_bytes(method, dropped.response, self._date(), keep=False)[: dropped.sent])
        if dropped.reset:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _linger(self) -> None:
        """Wait until the client has read the last response: closing a socket with unread bytes would destroy it."""
        self._sock.shutdown(socket.SHUT_WR)
        self._sock.settimeout(0.5)
        for _ in range(256):
            if not self._sock.recv(READ_SIZE):
                break


def _response_bytes(method: str, response: HttpResponse, date: str, *, keep: bool) -> bytes:
    status = response.status
    head = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\nDate: {date}\r\n"]
    if status != 204:
        head.append(f"Content-Type: {response.content_type}\r\nContent-Length: {len(response.body)}\r\n")
    head += [f"{name}: {value}\r\n" for name, value in response.headers]
    head.append("\r\n" if keep else "Connection: close\r\n\r\n")
    body = b"" if method == "HEAD" or status == 204 else response.body
    return "".join(head).encode("latin-1") + body


def _parse_request(event: h11.Request) -> tuple[HttpRequest, bool]:
    """A request without its body, and whether the connection is kept after it. Raises _Unreadable."""
    version = event.http_version
    if version[:2] != b"1.":
        raise _Unreadable(505, "only HTTP/1.0 and HTTP/1.1 are supported")
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers.raw_items():
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1")
        if name not in headers:
            headers[name] = value
        elif name in _SINGULAR:
            raise _Unreadable(400, f"the header {name} is repeated")
        else:
            headers[name] += f", {value}"
    # h11 would let the chunks win; a proxy that lets the length win would see two requests (request smuggling)
    if "content-length" in headers and "transfer-encoding" in headers:
        raise _Unreadable(400, "a request has either Content-Length or Transfer-Encoding, not both")
    path, query_text, host = _parse_target(event.target.decode("ascii"), headers.get("host", ""))
    # h11 would close every HTTP/1.0 connection; clients of the time of API v3 ask to keep it
    connection = headers.get("connection", "").lower()
    keep = "close" not in connection if version != b"1.0" else "keep-alive" in connection
    return HttpRequest(event.method.decode("ascii"), path, query_text, host, headers), keep


def _parse_target(target: str, host: str) -> tuple[str, str, str]:
    """Path, query and host of a request; the host of an absolute target counts."""
    if not target.startswith("/"):
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None:
            raise _Unreadable(400, "the request target is not a path")
        host, target = absolute[1], absolute[2] or "/"
    path, _, query = target.partition("?")
    return path, query.partition("#")[0], host
