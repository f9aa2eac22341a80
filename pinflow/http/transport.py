"""HTTP by requests and urllib3, made safe for requests that carry a token.

One pool of connections serves a whole run. Nothing of the environment is read but
the ``NetworkSettings`` (no netrc, no other proxy variables), redirects are not
followed, and one deadline covers sending, headers and body, however slowly they
arrive. Only this module imports requests, and only the first client imports this
module: requests alone takes longer to import than pinflow's own start.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import threading
from pathlib import Path
from types import FunctionType
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

from pinflow.clock import Clock
from pinflow.errors import renamed_keywords, warn_renamed
from pinflow.http.proxy import CA_BUNDLE, DIRECT, PROXY
from pinflow.http.response_head import OrdinaryHeadResponse
from pinflow.http.retry import Lost
from pinflow.http.token_rules import LOOPBACK
from pinflow.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow.http.proxy import NetworkSettings
    from pinflow.http.retry import Limits, Phase

_FAILURES = (requests.RequestException, HTTPError, http.client.HTTPException, OSError)
_PROXY_HINTS = {
    "407": f"the proxy wants a name and a password: {PROXY}=http://USER:PASSWORD@HOST:PORT",
    "403": f"the proxy of {PROXY} does not let this address through: ask whoever runs it",
}
_TUNNEL = re.compile(r"Tunnel connection failed: ([0-9]{3})\b")  # the standard library's text for a proxy's refusal
_CHUNK = 256 * 1024  # bytes; of a streamed body, few calls for a large file and little memory
_LENGTH_HEADERS = frozenset({"content-length", "transfer-encoding"})
_OUT_OF_DATE = (9, 10)  # OpenSSL: not valid yet, expired
_ONE_SEGMENT = 65_536  # bytes; larger requests are sent as they come, so that no large file is buffered


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. ``body`` is None if it is incomplete; ``flaw`` then says why.

    Header names are in lower case. ``too_big`` tells a body beyond the cap from one that broke off.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | None
    flaw: str = ""
    too_big: bool = False


class BodyStream(Protocol):
    """A request's body that is sent in chunks: ``len`` is its length in bytes."""

    def __len__(self) -> int: ...

    def read(self, size: int = -1, /) -> bytes:
        """The next chunk; b"" after the last."""


class Transport:
    """The connections of a whole run. Thread-safe; keeps them open until ``close``.

    ``connections`` is how many are kept for one host: as many as threads that call.
    ``network`` is the proxy and the certificates; loopback is never proxied.
    ``monotonic`` is the old name of a ``clock`` that has it.
    """

    @renamed_keywords(way="network")
    def __init__(
        self,
        *,
        connections: int = 16,
        network: NetworkSettings = DIRECT,
        agent: str = "pinflow",
        clock: Clock = Clock(),  # noqa: B008  frozen
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        if monotonic is not None:
            warn_renamed("Transport(monotonic=)", "Transport(clock=)")
            clock = Clock(monotonic=monotonic)
        self._adapter = _Adapter(connections, network)
        self._network = network
        self._clock = clock
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
        body: bytes | BodyStream | None = None,
        content_type: str = "",
        sink: Callable[[bytes], object] | None = None,
    ) -> Answer:
        """Send one request and read its whole answer, whatever its status.

        ``sign`` adds the credential. ``sink`` gets the body of a success in chunks;
        the result's is empty then. Raises Lost if no answer came.
        """
        request = self._request(method, url, body, content_type)
        sign(request)
        streamed = body is not None and not isinstance(body, bytes)
        exchange = _Exchange(limits, self._clock.monotonic, streamed=streamed)
        return self._exchange(request, exchange, limits, sink)

    def close(self) -> None:
        """Close every connection."""
        self._adapter.close()

    def _request(
        self, method: str, url: str, body: bytes | BodyStream | None, content_type: str
    ) -> requests.PreparedRequest:
        # what Session.prepare_request would return, without reading the environment and the cookies each time
        request = requests.PreparedRequest()
        request.method = method
        request.url = url
        request.headers = headers = CaseInsensitiveDict(self._headers)
        if body is not None:
            request.body = body  # type: ignore[assignment]  # anything with read() is sent in chunks
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
        timeout: Any = _ExchangeTimeout(connect=min(limits.connect, limits.deadline), read=limits.read)
        timeout.exchange = exchange
        try:
            raw = self._adapter.open(request, timeout, self._proxies_for(request.url or ""))
        except _FAILURES as error:
            reason, hint = _reason(error), self._final_hint(error)
            final = exchange.phase == "nothing_sent" and bool(hint)
            reason += self._proxy_hint(request.url or "", exchange)
            lost = Lost(exchange.phase, reason, final=final, hint=hint if final else "")
        else:
            if raw.status >= 200:
                if sink is not None and raw.status < 300:
                    return _stream_body(raw, limits.max_bytes, sink)
                return _read_body(raw, limits.max_bytes, bodiless=request.method == "HEAD")
            raw.close()  # the real answer may follow, and must not meet the next request
            lost = Lost(exchange.phase, "only an interim answer came")
        raise lost  # outside of the handler: the library's errors carry the signed request

    def _proxies_for(self, url: str) -> dict[str, str]:
        if not self._network.proxy or urlsplit(url).hostname in LOOPBACK:
            return {}
        return {"http": self._network.proxy, "https": self._network.proxy}

    def _final_hint(self, error: BaseException) -> str:
        """What to do about an error that every try would meet; "" where the next may succeed."""
        for cause in _causes(error):
            if isinstance(cause, ssl.SSLCertVerificationError):
                return _certificate_hint(cause, self._network, self._adapter.unusable_bundle)
            if (refused := _TUNNEL.match(str(cause))) and refused[1] in _PROXY_HINTS:
                return _PROXY_HINTS[refused[1]]
        return ""

    def _proxy_hint(self, url: str, exchange: _Exchange) -> str:
        """How the proxy settings may explain that there was no connection."""
        if exchange.phase != "nothing_sent" or urlsplit(url).hostname in LOOPBACK:
            return ""
        if self._network.proxy:
            return f" (through the proxy of {PROXY})"
        return f" ({self._network.ignored} is ignored; set {PROXY})" if self._network.ignored else ""


def _read_body(raw: Any, cap: int, *, bodiless: bool) -> Answer:
    headers = {name.lower(): value for name, value in raw.headers.itermerged()}
    body: bytes | None = None
    flaw, too_big = "", False
    try:
        body = raw.read(cap + 1, decode_content=True)
        if len(body) > cap:
            raw.close()
            body, flaw, too_big = None, f"is bigger than {cap:,} bytes", True
        elif not body and not bodiless and raw.status not in (204, 205) and _LENGTH_HEADERS.isdisjoint(headers):
            # the parser takes the end of the connection for the end of the headers
            body, flaw = None, "broke off: the connection was closed early"
    except _FAILURES as error:
        raw.close()
        flaw = f"broke off: {_reason(error)}"
    raw.release_conn()
    return Answer(raw.status, headers, body, flaw, too_big)


def _stream_body(raw: Any, cap: int, sink: Callable[[bytes], object]) -> Answer:
    """Write the body of a success to ``sink``; the answer without it. What the sink raises reaches the caller."""
    headers = {name.lower(): value for name, value in raw.headers.itermerged()}
    length, complete = 0, False
    try:
        while not complete:
            try:
                chunk = raw.read(_CHUNK, decode_content=True)
            except _FAILURES as error:
                return Answer(raw.status, headers, None, f"broke off: {_reason(error)}")
            length += len(chunk)
            if length > cap:
                return Answer(raw.status, headers, None, f"is bigger than {cap:,} bytes", True)
            sink(chunk)
            complete = not chunk
        if not length and _LENGTH_HEADERS.isdisjoint(headers):
            return Answer(raw.status, headers, None, "broke off: the connection was closed early")
        return Answer(raw.status, headers, b"")
    finally:
        if not complete:
            raw.close()
        raw.release_conn()


class _Exchange:
    """One request and its answer: its deadline, and how far it got."""

    __slots__ = ("_deadline", "_monotonic", "_silence", "connecting", "sent", "streamed")

    def __init__(self, limits: Limits, monotonic: Callable[[], float], *, streamed: bool = False) -> None:
        self.streamed = streamed  # its body is sent in chunks, none of which may stall for longer than a read
        self._deadline = monotonic() + limits.deadline
        self._silence = limits.read
        self._monotonic = monotonic
        self.connecting = False
        self.sent = False

    @property
    def phase(self) -> Phase:
        """How far a request that got no answer may have come."""
        # if a test replaces the connection, nothing is known
        return "nothing_sent" if self.connecting and not self.sent else "maybe_sent"

    def seconds_left(self) -> float:
        """Seconds until the deadline. Raises TimeoutError once it has passed."""
        seconds = self._deadline - self._monotonic()
        if seconds <= 0:
            raise TimeoutError("the whole exchange took too long")
        return seconds

    def read_timeout(self) -> float:
        """How many seconds the next read may take."""
        return min(self.seconds_left(), self._silence)


class _ExchangeTimeout(Timeout):
    """The one argument that requests hands to a pool unchanged: it carries the exchange there."""

    exchange: _Exchange


class _TimedReader(io.RawIOBase):
    """What http.client reads a response from: a socket's bytes; each read ends by the exchange's deadline."""

    def __init__(self, sock: socket.socket, exchange: _Exchange) -> None:
        super().__init__()
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._exchange = exchange

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._exchange.read_timeout())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _TrackedConnection:
    """What both kinds of connection add: they record whether any byte of a request was sent, and send it at once."""

    sock: Any
    exchange: _Exchange  # that the connection is used for now
    _pending: list[bytes] | None = None  # the parts of a request, while it is composed

    def response_class(self, sock: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
        return OrdinaryHeadResponse(_TimedReader(sock, self.exchange), *args, **kwargs)  # type: ignore[arg-type]

    def request(self, *args: Any, **kwargs: Any) -> None:
        # headers sent before the body cost both ends another system call
        self._pending = []
        try:
            super().request(*args, **kwargs)  # type: ignore[misc]
            self._flush()
        finally:
            self._pending = None

    def connect(self) -> None:
        self.exchange.connecting = True
        super().connect()  # type: ignore[misc]
        self.exchange.connecting = False

    def _flush(self) -> None:
        pending, self._pending = self._pending, None
        if pending:
            self.send(b"".join(pending))

    def send(self, data: Any) -> None:
        if self._pending is not None:
            if isinstance(data, bytes) and sum(map(len, self._pending)) + len(data) <= _ONE_SEGMENT:
                self._pending.append(data)
                return
            self._flush()
        if self.sock is None:
            self.connect()
        exchange = self.exchange
        # the socket still has the last timeout of an earlier answer
        self.sock.settimeout(exchange.read_timeout() if exchange.streamed else exchange.seconds_left())
        if not exchange.connecting:  # else this goes to the proxy
            exchange.sent = True
        super().send(data)  # type: ignore[misc]


class _PlainConnection(_TrackedConnection, HTTPConnection):  # type: ignore[misc]  # http.client's own is a class
    pass


class _TlsConnection(_TrackedConnection, HTTPSConnection):  # type: ignore[misc]
    pass


class _ExchangePool:
    """What both kinds of pool add: a connection knows the exchange that it is used for."""

    def urlopen(self, *args: Any, timeout: _ExchangeTimeout, **kwargs: Any) -> Any:
        kwargs["pool_timeout"] = timeout.exchange
        return super().urlopen(*args, timeout=timeout, **kwargs)  # type: ignore[misc]

    def _get_conn(self, timeout: Any = None) -> Any:
        # a pool that never blocks has no use for a timeout of its own: its argument carries the exchange
        connection = super()._get_conn()  # type: ignore[misc]
        connection.exchange = timeout
        return connection


class _PlainPool(_ExchangePool, HTTPConnectionPool):  # type: ignore[misc]  # the timeout is one of ours
    ConnectionCls = _PlainConnection


class _TlsPool(_ExchangePool, HTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """The library's adapter with tracked connections, one TLS context for all of them, and no cookies."""

    def __init__(self, connections: int, network: NetworkSettings) -> None:
        self._network = network
        self.unusable_bundle = ""  # why the certificates that are trusted besides can't be
        self._context_lock = threading.Lock()  # loading the certificates takes 26 ms and 777 KiB: once is enough
        self._context: ssl.SSLContext | None = None
        self._pools: dict[tuple[str, str], Any] = {}  # by scheme and host of the service
        super().__init__(pool_connections=max(4, connections), pool_maxsize=connections)

    def open(self, request: requests.PreparedRequest, timeout: Any, proxies: dict[str, str]) -> Any:
        """urllib3's answer to a request, its body not read yet. Raises what either library raises.

        From the second request to a host on it is sent by the pool itself: what `send` adds for each, a fifth of the
        time that a call takes, is the same for all. Not where `send` was replaced, as tests do that pretend a service.
        """
        scheme, _, rest = (request.url or "").partition("://")
        host, slash, target = rest.partition("/")
        pool = self._pools.get((scheme, host))
        ordinary = slash and not target.startswith("/") and "#" not in target and not proxies
        if pool is None or pool.pool is None or not ordinary or not _is_own(HTTPAdapter.send):
            return self.send(request, stream=True, timeout=timeout, proxies=proxies).raw
        return pool.urlopen(
            request.method,
            "/" + target,
            body=request.body,
            headers=request.headers,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            retries=self.max_retries,
            timeout=timeout,
        )

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
        # what the library works out for each request is the same for all to one host, which decides on the proxy
        url = urlsplit(request.url or "")
        pool = self._pools.get((url.scheme, url.netloc))
        if pool is None or pool.pool is None:  # of many hosts, the pool of the least recently used one is closed
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            self._pools[url.scheme, url.netloc] = pool
        return pool

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            tls["ssl_context"] = self._tls_context()
        return host, tls

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing to do: the one context has the certificates, and requires one."""

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        # the library's own also parses cookies, which pinflow neither stores nor sends
        response = requests.Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw = resp
        response.reason = resp.reason
        response.url = req.url or ""
        response.request = req
        return response

    def _tls_context(self) -> ssl.SSLContext:
        with self._context_lock:
            if self._context is None:
                self._context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
                if self._network.ca_bundle:
                    self._trust_bundle(self._context, Path(self._network.ca_bundle).expanduser())
            return self._context

    def _trust_bundle(self, context: ssl.SSLContext, bundle: Path) -> None:
        try:
            if bundle.is_dir():
                context.load_verify_locations(capath=bundle)
            else:
                context.load_verify_locations(bundle)
        except (OSError, ValueError) as error:
            if self._network.ca_variable == CA_BUNDLE:  # it was checked before, and was changed since
                raise
            no_pem = isinstance(error, ssl.SSLError)
            self.unusable_bundle = "it contains no certificates in PEM form" if no_pem else _reason(error)


def _is_own(method: object) -> bool:
    """Whether a method of the adapter is the library's own: a wrapper may repeat its name, but is not in its file."""
    return isinstance(method, FunctionType) and method.__code__.co_filename == requests.adapters.__file__


def _certificate_hint(error: ssl.SSLCertVerificationError, network: NetworkSettings, unusable: str) -> str:
    if error.verify_code in _OUT_OF_DATE:
        return "check this machine's date and time; if they are right, the service has to renew its certificate"
    named = f"{network.ca_variable} ({network.ca_bundle})"
    own = f"name the file (PEM) of your network's certificate: {CA_BUNDLE}=/path/to/ca.pem"
    if unusable:
        return f"{named} can't be used: {unusable}; {own}"
    if network.ca_bundle:
        more = "" if network.ca_variable == CA_BUNDLE else f"; {own}"
        return f"the certificates of {named} do not include the one that signed it{more}"
    return f"if your network inspects TLS, name the file (PEM) of its certificate: {CA_BUNDLE}=/path/to/ca.pem"


def _reason(error: BaseException) -> str:
    """Why it failed, without the request: the library's own texts quote its URL."""
    causes = list(_causes(error))
    for cause in causes:
        for kind, words in _REASONS:
            if isinstance(cause, kind):
                return words
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not trusted ({cause.verify_message})"
        if refused := _TUNNEL.match(str(cause)):
            return f"the proxy refused with HTTP {refused[1]}"
    return next(
        (c.strerror.lower() for c in causes if isinstance(c, OSError) and c.strerror), type(causes[-1]).__name__
    )


_REASONS: tuple[tuple[type[BaseException], str], ...] = (
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
    """``error`` and its causes, the nearest first; the libraries nest them in four ways."""
    seen: list[BaseException] = []
    queue: list[object] = [error]
    while queue and len(seen) < 20:
        item = queue.pop(0)
        if not isinstance(item, BaseException) or item in seen:
            continue
        seen.append(item)
        queue += [getattr(item, "reason", None), *item.args, item.__cause__, item.__context__]
    return iter(seen)
