"""The network, as requests and urllib3 give it, made fit to carry a token.

One session's worth of connections for a whole run. Nothing of the environment
matters but the ``Way`` made of it (no netrc, no other proxy variables), redirects
are not followed, and one deadline holds for sending, headers and body, however
slowly they come. Only this module imports requests; it is imported when the first
client is made.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import DecodeError, HTTPError, IncompleteRead
from urllib3.util import Timeout
from urllib3.util.request import ACCEPT_ENCODING

from pinflow.http.api import LOOPBACK
from pinflow.http.proxy import PROXY, Way
from pinflow.http.retry import Lost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow.http.retry import Limits, Phase

_FAILURES = (requests.RequestException, HTTPError, http.client.HTTPException, OSError)
STRAIGHT = Way()
_TUNNEL = re.compile(r"Tunnel connection failed: ([0-9]{3})\b")  # what the standard library makes of a proxy's answer
_PIECE = 256 * 1024  # bytes
_SIZED = frozenset({"content-length", "transfer-encoding"})
_AT_ONCE = 65_536  # bytes; bigger requests leave in several pieces


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``body`` is None where it did not come whole; ``flaw`` then says why.

    Header names are in lower case. ``too_big`` tells a body beyond the cap from one that broke off.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | None
    flaw: str = ""
    too_big: bool = False


class Body(Protocol):
    """What is sent in pieces instead of as a whole: ``len`` is its length in bytes."""

    def __len__(self) -> int: ...

    def read(self, size: int = -1, /) -> bytes:
        """The next piece; b"" after the last."""


class Transport:
    """One way to the network for a whole run. Thread-safe; keeps connections open until ``close``.

    ``connections`` is how many are kept for one host: as many as threads that call.
    ``way`` is all that leads away from a direct connection with the usual
    certificates; loopback is never proxied.
    """

    def __init__(
        self,
        *,
        connections: int = 16,
        way: Way = STRAIGHT,
        agent: str = "pinflow",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._adapter = _Adapter(connections, way.ca_bundle)
        self._way = way
        self._monotonic = monotonic
        self._headers = {
            "User-Agent": agent,
            "Accept": "application/json",
            "Accept-Encoding": ACCEPT_ENCODING,
            "Connection": "keep-alive",
        }

    def send(
        self,
        method: str,
        url: str,
        *,
        sign: Callable[[requests.PreparedRequest], object],
        limits: Limits,
        body: bytes | Body | None = None,
        content_type: str = "",
        sink: Callable[[bytes], object] | None = None,
    ) -> Answer:
        """Send one request and read its whole answer, whatever its status.

        ``sign`` puts the credential on. ``sink`` is given the body of a good answer
        in pieces; it is empty in the result then. Raises Lost where no answer came.
        """
        request = self._request(method, url, body, content_type)
        sign(request)
        streamed = body is not None and not isinstance(body, bytes)
        exchange = _Exchange(self._monotonic() + limits.deadline, limits.read, self._monotonic, streamed=streamed)
        token = _EXCHANGE.set(exchange)
        try:
            return self._exchange(request, exchange, limits, sink)
        finally:
            _EXCHANGE.reset(token)

    def close(self) -> None:
        """Close every connection."""
        self._adapter.close()

    def _request(self, method: str, url: str, body: bytes | Body | None, content_type: str) -> requests.PreparedRequest:
        # what Session.prepare_request would come to, without asking the environment and the cookies each time
        request = requests.PreparedRequest()
        request.method = method
        request.url = url
        request.headers = headers = CaseInsensitiveDict(self._headers)
        if body is not None:
            request.body = body  # type: ignore[assignment]  # anything with read() is sent in pieces
            headers["Content-Type"] = content_type
            headers["Content-Length"] = str(len(body))
        return request

    def _exchange(
        self,
        request: requests.PreparedRequest,
        exchange: _Exchange,
        limits: Limits,
        sink: Callable[[bytes], object] | None,
    ) -> Answer:
        timeout: Any = Timeout(connect=min(limits.connect, limits.deadline), read=limits.read)
        try:
            raw = self._adapter.send(
                request,
                stream=True,
                timeout=timeout,
                proxies=self._proxies_for(request.url or ""),
            ).raw
        except _FAILURES as error:
            lost = Lost(exchange.lost_in, _reason(error) + self._remark(request.url or "", exchange))
        else:
            if raw.status >= 200:
                if sink is not None and raw.status < 300:
                    return _poured(raw, limits.max_bytes, sink)
                return _read(raw, limits.max_bytes, bodiless=request.method == "HEAD")
            raw.close()  # the real answer may follow, and must not meet the next request
            lost = Lost(exchange.lost_in, "only an interim answer came")
        raise lost  # outside of the handler: the library's errors carry the signed request

    def _proxies_for(self, url: str) -> dict[str, str]:
        if not self._way.proxy or urlsplit(url).hostname in LOOPBACK:
            return {}
        return {"http": self._way.proxy, "https": self._way.proxy}

    def _remark(self, url: str, exchange: _Exchange) -> str:
        """What may be the reason that there was no connection."""
        if exchange.lost_in != "nothing_sent" or urlsplit(url).hostname in LOOPBACK:
            return ""
        if self._way.proxy:
            return f" (through the proxy of {PROXY})"
        return f" ({self._way.unheeded} is not heeded here, {PROXY} is)" if self._way.unheeded else ""


def _read(raw: Any, cap: int, *, bodiless: bool) -> Answer:
    headers = {name.lower(): value for name, value in raw.headers.itermerged()}
    body: bytes | None = None
    flaw, too_big = "", False
    try:
        body = raw.read(cap + 1, decode_content=True)
        if len(body) > cap:
            raw.close()
            body, flaw, too_big = None, f"is bigger than {cap:,} bytes", True
        elif not body and not bodiless and raw.status not in (204, 205) and _SIZED.isdisjoint(headers):
            # the parser takes the end of the connection for the end of the head
            body, flaw = None, "broke off: the connection was closed early"
    except _FAILURES as error:
        raw.close()
        flaw = f"broke off: {_reason(error)}"
    raw.release_conn()
    return Answer(raw.status, headers, body, flaw, too_big)


def _poured(raw: Any, cap: int, sink: Callable[[bytes], object]) -> Answer:
    """A good answer whose body went into ``sink``. What the sink raises goes on to the caller."""
    headers = {name.lower(): value for name, value in raw.headers.itermerged()}
    length, taken = 0, False
    try:
        while not taken:
            try:
                piece = raw.read(_PIECE, decode_content=True)
            except _FAILURES as error:
                return Answer(raw.status, headers, None, f"broke off: {_reason(error)}")
            length += len(piece)
            if length > cap:
                return Answer(raw.status, headers, None, f"is bigger than {cap:,} bytes", True)
            sink(piece)
            taken = not piece
        if not length and _SIZED.isdisjoint(headers):
            return Answer(raw.status, headers, None, "broke off: the connection was closed early")
        return Answer(raw.status, headers, b"")
    finally:
        if not taken:
            raw.close()
        raw.release_conn()


class _Exchange:
    """One request and its answer: until when, and how far it got."""

    __slots__ = ("_deadline", "_monotonic", "_silence", "connecting", "sent", "streamed")

    def __init__(
        self, deadline: float, silence: float, monotonic: Callable[[], float], *, streamed: bool = False
    ) -> None:
        self.streamed = streamed  # its body leaves in pieces, each of which must get on its way
        self._deadline = deadline
        self._silence = silence
        self._monotonic = monotonic
        self.connecting = False
        self.sent = False

    @property
    def lost_in(self) -> Phase:
        # without a connection of our own in between (a test's stand-in) nothing is proved
        return "nothing_sent" if self.connecting and not self.sent else "maybe_sent"

    def left(self) -> float:
        """Seconds until the deadline. Raises TimeoutError once it has passed."""
        left = self._deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError("the whole exchange took too long")
        return left

    def patience(self) -> float:
        """How many seconds the next read may take."""
        return min(self.left(), self._silence)


_EXCHANGE: ContextVar[_Exchange] = ContextVar("_EXCHANGE")


class _TimedReader(io.RawIOBase):
    """A socket's bytes, each read of which ends by the exchange's deadline."""

    def __init__(self, sock: socket.socket, exchange: _Exchange) -> None:
        super().__init__()
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._exchange.patience())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _TimedSocket:
    """What http.client's answer wants of a socket: a file to read from."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock, _EXCHANGE.get()))


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(_TimedSocket(sock), *args, **kwargs)  # type: ignore[arg-type]


class _Tracked:
    """What both kinds of connection add: they note whether any byte of a request left, and send it in one piece."""

    response_class: Any = _TimedResponse
    sock: Any
    _held: list[bytes] | None = None  # pieces of a request, while it is put together

    def request(self, *args: Any, **kwargs: Any) -> None:
        # a head that leaves before its body costs both ends one more turn
        self._held = []
        try:
            super().request(*args, **kwargs)  # type: ignore[misc]
            self._let_go()
        finally:
            self._held = None

    def connect(self) -> None:
        exchange = _EXCHANGE.get()
        exchange.connecting = True
        super().connect()  # type: ignore[misc]
        exchange.connecting = False

    def _let_go(self) -> None:
        held, self._held = self._held, None
        if held:
            self.send(b"".join(held))

    def send(self, data: Any) -> None:
        if self._held is not None:
            if isinstance(data, bytes) and sum(map(len, self._held)) + len(data) <= _AT_ONCE:
                self._held.append(data)
                return
            self._let_go()  # from here on all goes as it comes, so that no large file is held
        if self.sock is None:
            self.connect()
        exchange = _EXCHANGE.get()
        # an earlier answer has left its own last timeout
        self.sock.settimeout(exchange.patience() if exchange.streamed else exchange.left())
        if not exchange.connecting:  # else it is the proxy that is spoken to
            exchange.sent = True
        super().send(data)  # type: ignore[misc]


class _PlainConnection(_Tracked, HTTPConnection):
    pass


class _TlsConnection(_Tracked, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """The library's adapter with tracked connections, one TLS context for all of them, and no cookies."""

    def __init__(self, connections: int, ca_bundle: str) -> None:
        self._ca_bundle = ca_bundle
        self._making = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._pools: dict[tuple[str, str], Any] = {}  # by scheme and place of the service
        super().__init__(pool_connections=max(4, connections), pool_maxsize=connections)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        return manager

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        # what the library finds out for each request anew is the same for all to one place, which decides on the proxy
        url = urlsplit(request.url or "")
        found = self._pools.get((url.scheme, url.netloc))
        if found is None or found.pool is None:  # of many places, the one that was not asked for longest is closed
            found = super().get_connection_with_tls_context(request, verify, proxies, cert)
            self._pools[url.scheme, url.netloc] = found
        return found

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            tls["ssl_context"] = self._tls_context()
        return host, tls

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing to do: the one context knows the certificates, and demands one."""

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        # the library's own also parses cookies, which this program neither keeps nor sends
        response = requests.Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw = resp
        response.reason = resp.reason
        response.url = req.url or ""
        response.request = req
        return response

    def _tls_context(self) -> ssl.SSLContext:
        with self._making:
            if self._context is None:
                self._context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
                if self._ca_bundle:
                    self._context.load_verify_locations(self._ca_bundle)
            return self._context


def _reason(error: BaseException) -> str:
    """Why it failed, in words that hold nothing of the request: the library's own quote its URL."""
    causes = list(_causes(error))
    for cause in causes:
        for kind, words in _WORDS:
            if isinstance(cause, kind):
                return words
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not trusted ({cause.verify_message})"
        if refused := _TUNNEL.match(str(cause)):
            return f"the proxy refused with HTTP {refused[1]}"
    return next(
        (c.strerror.lower() for c in causes if isinstance(c, OSError) and c.strerror), type(causes[-1]).__name__
    )


_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "the host name can't be resolved"),
    (ConnectionRefusedError, "connection refused"),
    (TimeoutError, "timed out"),
    (http.client.RemoteDisconnected, "the connection was closed without an answer"),
    (ConnectionError, "the connection was reset"),
    (http.client.IncompleteRead, "the connection was closed early"),
    (IncompleteRead, "the connection was closed early"),
    (DecodeError, "the compression is broken"),
)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """``error`` and what led to it, the nearest first; the libraries nest it in four ways."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(seen) < 20:
        item = waiting.pop(0)
        if not isinstance(item, BaseException) or item in seen:
            continue
        seen.append(item)
        waiting += [getattr(item, "reason", None), *item.args, item.__cause__, item.__context__]
    return iter(seen)
