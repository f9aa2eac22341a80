"""The address on this machine to which a browser comes back with the answer to a consent page.

The address is public, and any program or web page on this machine may send requests to it meanwhile. So both address
families of ``localhost`` are bound before the browser opens, only the request with this sign-in's state counts, and
all others are refused cheaply: each connection has a thread, a few seconds and a few kilobytes, and if there are too
many the oldest is ended. `http.server` sets no such bounds, and reads a head of up to 6.5 MB.

Source: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2 and
https://www.rfc-editor.org/rfc/rfc8252#section-8.3
"""

from __future__ import annotations

import errno
import re
import selectors
import socket
import sys
import threading
import time
from contextlib import suppress
from hmac import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from pinflow import CredentialError, UsageError, dataclass
from pinflow_auth.pages import DENIED, GRANTED, STRAY, page

if TYPE_CHECKING:
    from collections.abc import Callable

LOOPBACK = ("localhost", "127.0.0.1")

_GET = re.compile(rb"GET (/[!-~]*) HTTP/1\.[01]")
_HOST = re.compile(rb"host:[ \t]*([!-~]*)[ \t]*", re.IGNORECASE)
_SENDABLE = re.compile(r"[!-~]{1,2048}")
_BACKLOG = 512  # connections; a flood must not fill it before the answer comes
_SLICE = 0.5  # seconds that Ctrl-C may take on systems where a wait can't be interrupted
_MAX_FIELDS = 20  # of a redirect's query; RFC 6749 and 9207 know six


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a request may cost. A browser sends its head at once, below 2 KiB, on two connections or so."""

    head_seconds: float = 5.0  # from a connection to the end of its request's head
    head_bytes: int = 8192
    connections: int = 32  # at once


class ConsentDenied(CredentialError):
    """The person, or the service, denied access on the consent page."""

    kind = "denied"  # as programs that read JSON output know it


class Callback:
    """Waits at a redirect URI for the request with ``state``. Use it in a ``with`` statement: it listens inside.

    ``landing`` is where the browser is sent at the end, "" for a page of our own. Raises UsageError for a redirect
    URI of another machine, and if the port is in use.
    """

    def __init__(
        self,
        redirect_uri: str,
        state: str,
        *,
        landing: str = "",
        bounds: Bounds = Bounds(),  # noqa: B008 - it is frozen
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(redirect_uri)
        if parts.scheme != "http" or parts.hostname not in LOOPBACK or parts.query or parts.fragment:
            raise UsageError(
                f"the redirect URI {redirect_uri} is not on this machine", hint="sign in with --no-browser"
            )
        self.port = parts.port or 80
        self.strays = 0  # requests that were not the answer
        self._path = parts.path or "/"
        names = {f"{name}:{self.port}" for name in LOOPBACK} | ({*LOOPBACK} if self.port == 80 else set())
        self._hosts = frozenset(name.encode() for name in names)
        self._state = state
        self._landing = landing
        self._bounds = bounds
        self._monotonic = monotonic
        self._lock = threading.Lock()  # for what the connections' threads share: strays, _open, _claimed
        self._open: dict[socket.socket, threading.Thread] = {}  # oldest first
        self._answered = threading.Event()
        self._claimed = False
        self._outcome: str | ConsentDenied = ""

    def __enter__(self) -> Callback:
        self._listeners = _open_listeners(self.port)
        self._bell, self._rope = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept, name="pinflow-callback", daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._rope.send(b".")
        self._acceptor.join()
        for opened in (*self._listeners, self._bell, self._rope):
            opened.close()
        with self._lock:
            serving = list(self._open.items())
        for connection, thread in serving:
            _hang_up(connection)
            thread.join(1.0)

    def wait(self, seconds: float) -> str:
        """The code that comes with the right state. Raises ConsentDenied, and CredentialError when the time is over."""
        end = self._monotonic() + seconds
        while not self._answered.wait(min(_SLICE, max(0.0, end - self._monotonic()))):
            if self._monotonic() >= end:
                raise CredentialError(f"the consent page was not answered in time{self._strays_text()}", hint=_AGAIN)
        if isinstance(self._outcome, ConsentDenied):
            raise self._outcome
        return self._outcome

    def _strays_text(self) -> str:
        if not self.strays:
            return ""
        return (
            f" ({self.strays} request{'s' if self.strays > 1 else ''} came to this address, but not from this sign-in)"
        )

    def _accept(self) -> None:
        with selectors.DefaultSelector() as waiting:
            for opened in (*self._listeners, self._bell):
                waiting.register(opened, selectors.EVENT_READ)
            while True:
                for key, _ in waiting.select():
                    if key.fileobj is self._bell:
                        return
                    with suppress(OSError):  # it was gone before it could be accepted
                        self._take(key.fileobj.accept()[0])  # type: ignore[union-attr]

    def _take(self, connection: socket.socket) -> None:
        thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
        with self._lock:
            if len(self._open) >= self._bounds.connections:
                oldest = next(iter(self._open))
                del self._open[oldest]
                _hang_up(oldest)  # its thread sees the end and closes it
            self._open[connection] = thread
        thread.start()

    def _serve(self, connection: socket.socket) -> None:
        outcome: str | ConsentDenied | None = None
        try:
            with suppress(OSError), connection:
                target, host = self._read(connection)
                outcome = self._parse_outcome(target) if host in self._hosts else None
                if outcome is None:
                    with self._lock:
                        self.strays += 1
                connection.settimeout(self._bounds.head_seconds)
                connection.sendall(self._reply(outcome))
                connection.shutdown(socket.SHUT_WR)
        finally:
            with self._lock:
                self._open.pop(connection, None)
            if outcome is not None:  # even when the browser did not stay for the page
                self._outcome = outcome
                self._answered.set()

    def _read(self, connection: socket.socket) -> tuple[str, bytes]:
        """Target and host of one GET request; ("", b"") for anything else. Raises OSError when the time is over."""
        end = self._monotonic() + self._bounds.head_seconds
        head = b""
        while b"\r\n\r\n" not in head and len(head) < self._bounds.head_bytes:
            remaining = end - self._monotonic()
            if remaining <= 0:
                raise TimeoutError
            connection.settimeout(remaining)
            piece = connection.recv(self._bounds.head_bytes - len(head))
            if not piece:
                raise ConnectionError
            head += piece
        first, *fields = head.partition(b"\r\n\r\n")[0].split(b"\r\n")
        request = _GET.fullmatch(first)
        hosts = [match[1] for field in fields if (match := _HOST.fullmatch(field))]
        return (request[1].decode(), hosts[0].lower()) if request and len(hosts) == 1 else ("", b"")

    def _parse_outcome(self, target: str) -> str | ConsentDenied | None:
        """The code, or the denial, of a request with the right state; None for every other request."""
        path, _, query = target.partition("?")
        if path != self._path:
            return None
        outcome = parse_answer(query, self._state)
        with self._lock:
            if outcome is None or self._claimed:
                return None
            self._claimed = True
        return outcome

    def _reply(self, outcome: str | ConsentDenied | None) -> bytes:
        if outcome is None:
            return _reply(404, page(STRAY))
        if isinstance(outcome, ConsentDenied):
            return _reply(200, page(DENIED))
        return _reply(303, b"", self._landing) if self._landing else _reply(200, page(GRANTED))


def parse_answer(query: str, state: str) -> str | ConsentDenied | None:
    """The code in the query of a redirect, or the denial; None if it is not the answer to ``state``."""
    try:
        fields = parse_qs(query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return None
    if len(fields.get("state", ())) != 1 or not compare_digest(fields["state"][0].encode(), state.encode()):
        return None
    match fields:
        case {"error": [error, *_]}:
            return _consent_error(error, *fields.get("error_description", ()))
        case {"code": [code]} if _SENDABLE.fullmatch(code):
            return code
    return None


_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
_AGAIN = (
    "sign in again and answer the page in the browser; --timeout gives more time, --no-browser needs no browser here"
)


def _consent_error(error: str, *description: str) -> ConsentDenied:
    if error == "access_denied":
        return ConsentDenied(
            "access was denied on the consent page; nothing was stored", hint="sign in again to allow it"
        )
    words = " ".join(" ".join([error, *description]).split())[:300]
    shown = "".join(c for c in words if c.isprintable())
    return ConsentDenied(
        f"the service gave no access: {shown}", hint="check the app's settings at the service, and the scopes"
    )


def _open_listeners(port: int) -> list[socket.socket]:
    """Listeners on both loopback addresses, or on the only one of this machine. Raises UsageError."""
    listeners: list[socket.socket] = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            listeners.append(_listener(family, address, port))
        except OSError as error:
            if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                continue
            for listener in listeners:
                listener.close()
            raise _port_error(address, port, error) from None
    if not listeners:
        raise UsageError("this machine has no loopback address", hint="sign in with --no-browser")
    return listeners


def _listener(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _port_error(address: str, port: int, error: OSError) -> UsageError:
    reason = "another program uses it" if error.errno == errno.EADDRINUSE else error.strerror or "it is refused"
    return UsageError(
        f"port {port} of {address} can't be used for the answer: {reason}",
        hint="end that program, or choose another port with --port; http://localhost:PORT/ must then be one of the "
        "app's registered redirect URIs. --no-browser needs no port",
    )


def _reply(status: int, body: bytes, location: str = "") -> bytes:
    reason = {200: "OK", 303: "See Other", 404: "Not Found"}[status]
    head = [
        f"HTTP/1.1 {status} {reason}",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
        "Cache-Control: no-store",
        "Referrer-Policy: no-referrer",
        "X-Content-Type-Options: nosniff",
        f"Content-Security-Policy: {_POLICY}",
        *([f"Location: {location}"] if location else []),
    ]
    return "\r\n".join([*head, "", ""]).encode("ascii") + body


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
