"""HTTP/1.1 over one connection: reading requests, writing answers.

Small and strict. It keeps connections alive, takes pipelined requests in their order, bodies with a length or in
chunks, and answers what is not HTTP with one error before it hangs up. A whole answer is one send.

Source: RFC 9112 (HTTP/1.1) and RFC 9110 (HTTP semantics)
"""

from __future__ import annotations

import re
import socket
import struct
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD_LIMIT = 32 * 1024  # bytes of request line and headers
READ_SIZE = 256 * 1024  # bytes

REASONS = {
    100: "Continue", 200: "OK", 201: "Created", 204: "No Content", 302: "Found", 303: "See Other", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    409: "Conflict", 411: "Length Required", 412: "Precondition Failed", 413: "Content Too Large",
    415: "Unsupported Media Type", 417: "Expectation Failed", 421: "Misdirected Request", 422: "Unprocessable Content",
    429: "Too Many Requests", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
    501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}  # fmt: skip

_REQUEST_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/(\d)\.(\d)")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE)
_SINGULAR = frozenset({"host", "content-length", "transfer-encoding", "authorization", "content-type"})


@dataclass(slots=True)
class Call:
    """A request, read whole. Header names are lower case; ``host`` is where it was sent to."""

    method: str
    path: str  # still percent-encoded
    query_text: str
    host: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's parameters, each with all its values."""
        return parse_qs(self.query_text, keep_blank_values=True) if self.query_text else {}

    def header(self, name: str) -> str:
        """A header's value, or an empty text."""
        return self.headers.get(name, "")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Dropped(Exception):
    """Raised in place of an answer: the connection ends after so many bytes of it, by a reset if asked."""

    def __init__(self, answer: Answer | None = None, *, sent: int = 0, reset: bool = False) -> None:
        super().__init__(f"connection dropped after {sent} bytes")
        self.answer = answer
        self.sent = sent
        self.reset = reset


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection waits, in seconds, for what the other side has to send."""

    idle: float = 75.0  # between two requests
    head: float = 10.0  # from the first byte of a head to its last
    body: float = 30.0  # from one piece of a body to the next, and for an answer to be taken


class _Bad(Exception):
    """A request that can't be read on; the connection ends with this status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class _Closed(Exception):
    """The other side is gone, or said nothing for too long."""


class Connection:
    """One accepted socket, served until either side ends it."""

    def __init__(
        self,
        sock: socket.socket,
        answer: Callable[[Call], Answer],
        *,
        refuse: Callable[[int, str, str], Answer],
        body_limit: Callable[[str], int],
        dated: Callable[[], str],
        patience: Patience,
    ) -> None:
        self._sock = sock
        self._answer = answer
        self._refuse = refuse  # the answer to what can't be read: status, why, and the path or ""
        self._body_limit = body_limit  # bytes, by path
        self._dated = dated  # the Date header's value
        self._patience = patience
        self._buffer = b""
        self._asked = ""  # the path of the request that is being read, once it is known

    def serve(self) -> None:
        """Answer requests until the connection ends. Closes the socket."""
        try:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sock.settimeout(self._patience.idle)
            while self._serve_one():
                pass
        except (_Closed, OSError):
            pass  # nobody is there to be told
        finally:
            self._sock.close()

    def _serve_one(self) -> bool:
        """Read and answer one request; False when the connection is over."""
        try:
            call, keep = self._read()
        except _Bad as bad:
            self._send("GET", self._refuse(bad.status, str(bad), self._asked), keep=False)
            self._linger()
            return False
        try:
            answer = self._answer(call)
        except Dropped as dropped:
            self._drop(call.method, dropped)
            return False
        self._send(call.method, answer, keep=keep)
        return keep

    def _read(self) -> tuple[Call, bool]:
        self._asked = ""
        head = self._read_head()
        lines = head.decode("latin-1").split("\r\n")
        line = _REQUEST_LINE.fullmatch(lines[0])
        if line is None:
            raise _Bad(400, "the request line is not HTTP")
        method, target, major, minor = line.groups()
        if major != "1":
            raise _Bad(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
        self._asked = target.partition("?")[0]
        headers = _headers(lines[1:])
        path, query_text, host = _target(target, headers, old=minor == "0")
        connection = headers.get("connection", "").lower()
        keep = "close" not in connection if minor != "0" else "keep-alive" in connection
        call = Call(method, path, query_text, host, headers)
        if "content-length" in headers or "transfer-encoding" in headers or "expect" in headers:
            call.body = self._read_body(headers, self._body_limit(path))
        return call, keep

    def _read_head(self) -> bytes:
        """The bytes of a request's head, without the empty line; empty lines before it are skipped."""
        if not self._buffer:
            self._more()
        deadline: float | None = None
        while True:
            self._buffer = self._buffer.lstrip(b"\r\n")
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if end and len(head) <= HEAD_LIMIT:
                self._buffer = rest
                break
            if len(self._buffer) > HEAD_LIMIT:
                raise _Bad(431, f"the head of a request must not be longer than {HEAD_LIMIT} bytes")
            deadline = deadline or monotonic() + self._patience.head
            self._more(until=deadline)
        if deadline is not None:
            self._sock.settimeout(self._patience.idle)
        return head

    def _read_body(self, headers: dict[str, str], limit: int) -> bytes:
        chunked, length = _framing(headers)
        if length > limit:
            raise _Bad(413, f"the body must not be longer than {limit} bytes")
        expect = headers.get("expect", "").lower()
        if expect not in ("", "100-continue"):
            raise _Bad(417, "the only expectation known is 100-continue")
        self._sock.settimeout(self._patience.body)
        if expect and not self._buffer and (chunked or length):
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._read_chunks(limit) if chunked else self._take(length)
        self._sock.settimeout(self._patience.idle)
        return body

    def _read_chunks(self, limit: int) -> bytes:
        body = bytearray()
        while True:
            size = _CHUNK_SIZE.fullmatch(self._take_line())
            if size is None:
                raise _Bad(400, "a chunk of the body has no size")
            length = int(size[1], 16)
            if len(body) + length > limit:
                raise _Bad(413, f"the body must not be longer than {limit} bytes")
            if length == 0:
                break
            body += self._take(length)
            if self._take(2) != b"\r\n":
                raise _Bad(400, "a chunk of the body is longer than it said")
        while self._take_line():
            pass  # trailers mean nothing here
        return bytes(body)

    def _take(self, length: int) -> bytes:
        """The next bytes, as many as asked for."""
        if len(self._buffer) < length:
            pieces, have = [self._buffer], len(self._buffer)
            while have < length:
                piece = self._receive()
                pieces.append(piece)
                have += len(piece)
            self._buffer = b"".join(pieces)
        taken, self._buffer = self._buffer[:length], self._buffer[length:]
        return taken

    def _take_line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            if len(self._buffer) > HEAD_LIMIT:
                raise _Bad(400, "a line of a chunked body does not end")
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _more(self, until: float | None = None) -> None:
        if until is not None:
            self._sock.settimeout(max(0.001, until - monotonic()))
        try:
            self._buffer += self._receive()
        except TimeoutError:
            if until is None:
                raise
            raise _Bad(408, "the request took too long to arrive") from None

    def _receive(self) -> bytes:
        piece = self._sock.recv(READ_SIZE)
        if not piece:
            raise _Closed
        return piece

    def _send(self, method: str, answer: Answer, *, keep: bool) -> None:
        self._sock.sendall(_written(method, answer, self._dated(), keep=keep))

    def _drop(self, method: str, dropped: Dropped) -> None:
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


def _written(method: str, answer: Answer, date: str, *, keep: bool) -> bytes:
    status = answer.status
    head = [f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}\r\nDate: {date}\r\n"]
    if status != 204:
        head.append(f"Content-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n")
    head += [f"{name}: {value}\r\n" for name, value in answer.headers]
    head.append("\r\n" if keep else "Connection: close\r\n\r\n")
    body = b"" if method == "HEAD" or status == 204 else answer.body
    return "".join(head).encode("latin-1") + body


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None:
            raise _Bad(400, "a header is malformed")
        name, value = found[1].lower(), found[2]
        if name not in headers:
            headers[name] = value
        elif name in _SINGULAR:
            raise _Bad(400, f"the header {name} is there twice")
        else:
            headers[name] += f", {value}"
    return headers


def _target(target: str, headers: dict[str, str], *, old: bool) -> tuple[str, str, str]:
    """Path, query and host of a request; ``old`` is HTTP/1.0, where a Host header is not required."""
    host = headers.get("host")
    if host is None and not old:
        raise _Bad(400, "the header Host is required")
    if not target.startswith("/"):
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None:
            raise _Bad(400, "the request's target is not a path")
        host, target = absolute[1], absolute[2] or "/"
    path, _, query = target.partition("?")
    return path, query.partition("#")[0], host or ""


def _framing(headers: dict[str, str]) -> tuple[bool, int]:
    """Whether the body comes in chunks, or else its length."""
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        if length is not None:
            raise _Bad(400, "a body has either Content-Length or Transfer-Encoding")
        if coding.lower() != "chunked":
            raise _Bad(501, "the only transfer coding known is chunked")
        return True, 0
    if length is None:
        return False, 0
    if not (length.isascii() and length.isdigit()) or len(length) > 15:
        raise _Bad(400, "Content-Length is not a number")
    return False, int(length)
