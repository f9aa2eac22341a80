"""HTTP/1.1 over one connection: reading requests, writing answers.

h11 parses the requests; it has no input or output of its own, so that timeouts and faults stay with this module. What
h11 would let pass although a service on the internet refuses it is refused here, and what is not HTTP gets one error
before the connection ends.

Answers are written here: each is one send, a fault may cut it after any byte, and h11 would check headers again that
the sandbox itself has made.

Source: RFC 9112 (HTTP/1.1) and RFC 9110 (HTTP semantics)
"""

from __future__ import annotations

import re
import socket
import struct
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING

import h11

from pinflow_sandbox.server.messages import ConnectionDropped, HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD_LIMIT = 32 * 1024  # bytes of request line and headers; tokens and cookies of a browser stay far below
READ_SIZE = 256 * 1024  # bytes; an upload of 64 MB arrives in few pieces

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_PATH = re.compile(rb"\S+ ([^\s?]+)")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE)
_SINGULAR = frozenset({"host", "content-length", "transfer-encoding", "authorization", "content-type"})


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a connection waits, in seconds, for what the other side has to send."""

    idle: float = 75.0  # between two requests
    head: float = 10.0  # from the first byte of a head to its last
    body: float = 30.0  # from one piece of a body to the next, and for an answer to be taken


class _Unreadable(Exception):
    """A request that can't be read on; the connection ends with this status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Closed(Exception):
    """The other side is gone, or said nothing for too long."""


class Connection:
    """One accepted socket, served until either side ends it."""

    def __init__(
        self,
        sock: socket.socket,
        answer: Callable[[HttpRequest], HttpResponse],
        *,
        refuse: Callable[[int, str, str], HttpResponse],
        body_limit: Callable[[str], int],
        dated: Callable[[], str],
        patience: Timeouts,
    ) -> None:
        self._sock = sock
        self._answer = answer
        self._refuse = refuse  # the answer to what can't be read: status, reason, and the path or ""
        self._body_limit = body_limit  # bytes, by path
        self._dated = dated  # the Date header's value
        self._patience = patience
        self._received = b""  # what came after the request before
        self._head = b""  # what is known of the request that is being read

    def serve(self) -> None:
        """Answer requests until the connection ends. Closes the socket."""
        try:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sock.settimeout(self._patience.idle)
            while self._serve_one():
                pass
        except (_Closed, OSError):
            pass  # the other side can't be told
        finally:
            self._sock.close()

    def _serve_one(self) -> bool:
        """Read and answer one request; False when the connection is over."""
        try:
            call, keep = self._read()
        except _Unreadable as error:
            path = _PATH.match(self._head)
            answer = self._refuse(error.status, str(error), path[1].decode("latin-1") if path else "")
            self._send("GET", answer, keep=False)
            self._linger()
            return False
        try:
            answer = self._answer(call)
        except ConnectionDropped as dropped:
            self._drop(call.method, dropped)
            return False
        self._send(call.method, answer, keep=keep)
        return keep

    def _read(self) -> tuple[HttpRequest, bool]:
        """The next request, and whether the connection is kept after it."""
        # one for each request: to use it again, h11 must be told each answer, which took twice as long (46 us, 90 us)
        parser = h11.Connection(h11.SERVER, HEAD_LIMIT)
        try:
            call, keep = _call(self._read_head(parser))
            headers = call.headers
            if "content-length" in headers or "transfer-encoding" in headers or "expect" in headers:
                call.body = self._read_body(parser, headers, self._body_limit(call.path))
        except h11.RemoteProtocolError as error:
            # without the text that h11 repeats: it may have a credential in it
            raise _Unreadable(error.error_status_hint, str(error).partition(": b")[0]) from None
        self._received = parser.trailing_data[0]
        return call, keep

    def _read_head(self, parser: h11.Connection) -> h11.Request:
        self._head = self._received.lstrip(b"\r\n")
        while not self._head:  # h11 takes no empty lines before a request, as RFC 9112 (2.2) asks for
            self._head = self._receive().lstrip(b"\r\n")
        parser.receive_data(self._head)
        deadline: float | None = None
        while not isinstance(event := parser.next_event(), h11.Request):
            deadline = deadline or monotonic() + self._patience.head
            self._sock.settimeout(max(0.001, deadline - monotonic()))
            try:
                piece = self._receive()
            except TimeoutError:
                raise _Unreadable(408, "the request took too long to arrive") from None
            self._head += piece
            parser.receive_data(piece)
        if deadline is not None:
            self._sock.settimeout(self._patience.idle)
        # h11 limits only a head that has not ended yet
        if len(self._head) > HEAD_LIMIT and len(self._head) - len(parser.trailing_data[0]) > HEAD_LIMIT:
            raise _Unreadable(431, f"the head of a request must not be longer than {HEAD_LIMIT} bytes")
        return event

    def _read_body(self, parser: h11.Connection, headers: dict[str, str], limit: int) -> bytes:
        too_long = _Unreadable(413, f"the body must not be longer than {limit} bytes")
        if int(headers.get("content-length", 0)) > limit:
            raise too_long
        if headers.get("expect", "100-continue").lower() != "100-continue":
            raise _Unreadable(417, "the only expectation known is 100-continue")
        self._sock.settimeout(self._patience.body)
        body = bytearray()
        while not isinstance(event := parser.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                body += event.data
                if len(body) > limit:
                    raise too_long
                continue
            if parser.they_are_waiting_for_100_continue:
                told = parser.send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))
                self._sock.sendall(told or b"")
            parser.receive_data(self._receive())
        self._sock.settimeout(self._patience.idle)
        return bytes(body)

    def _receive(self) -> bytes:
        piece = self._sock.recv(READ_SIZE)
        if not piece:
            raise _Closed
        return piece

    def _send(self, method: str, answer: HttpResponse, *, keep: bool) -> None:
        self._sock.sendall(_written(method, answer, self._dated(), keep=keep))

    def _drop(self, method: str, dropped: ConnectionDropped) -> None:
        if dropped.answer is not None and dropped.sent:
            self._sock.sendall(_written(method, dropped.answer, self._dated(), keep=False)[: dropped.sent])
        if dropped.reset:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _linger(self) -> None:
        """Let the other side read the last answer: a socket closed with unread bytes would destroy it."""
        self._sock.shutdown(socket.SHUT_WR)
        self._sock.settimeout(0.5)
        for _ in range(256):
            if not self._sock.recv(READ_SIZE):
                break


def _written(method: str, answer: HttpResponse, date: str, *, keep: bool) -> bytes:
    status = answer.status
    head = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\nDate: {date}\r\n"]
    if status != 204:
        head.append(f"Content-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n")
    head += [f"{name}: {value}\r\n" for name, value in answer.headers]
    head.append("\r\n" if keep else "Connection: close\r\n\r\n")
    body = b"" if method == "HEAD" or status == 204 else answer.body
    return "".join(head).encode("latin-1") + body


def _call(request: h11.Request) -> tuple[HttpRequest, bool]:
    """A request without its body, and whether the connection is kept after it. Raises _Unreadable."""
    version = request.http_version
    if version[:2] != b"1.":
        raise _Unreadable(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.headers.raw_items():
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1")
        if name not in headers:
            headers[name] = value
        elif name in _SINGULAR:
            raise _Unreadable(400, f"the header {name} is there twice")
        else:
            headers[name] += f", {value}"
    # h11 lets the chunks win, and a proxy before a service may let the length win: one request becomes two
    if "content-length" in headers and "transfer-encoding" in headers:
        raise _Unreadable(400, "a body has either Content-Length or Transfer-Encoding")
    path, query_text, host = _target(request.target.decode("ascii"), headers.get("host", ""))
    # h11 keeps no connection of HTTP/1.0; clients of the time of API v3 ask for it
    connection = headers.get("connection", "").lower()
    keep = "close" not in connection if version != b"1.0" else "keep-alive" in connection
    return HttpRequest(request.method.decode("ascii"), path, query_text, host, headers), keep


def _target(target: str, host: str) -> tuple[str, str, str]:
    """Path, query and host of a request; the host of an absolute target counts."""
    if not target.startswith("/"):
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None:
            raise _Unreadable(400, "the request's target is not a path")
        host, target = absolute[1], absolute[2] or "/"
    path, _, query = target.partition("?")
    return path, query.partition("#")[0], host
