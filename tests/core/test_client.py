"""The client against a real, hostile listener on loopback; only waiting is virtual."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from pinflow.clock import Clock
from pinflow.errors import (
    CredentialError,
    InDoubt,
    MalformedAnswer,
    MissingScope,
    RateLimited,
    RemoteError,
    SpamBlocked,
    Unreachable,
)
from pinflow.http.api import Api, OperationFacts, Quota
from pinflow.http.client import Client, ClientServices, Gate, Limits, Page, WriteCall
from pinflow.http.credentials import Credential
from pinflow.http.encoding import Unreadable, decoded_json, encoded_path, encoded_query, json_reader
from pinflow.http.proxy import network_settings
from pinflow.http.rate_limiter import RateLimiter
from pinflow.http.transport import Transport
from pinflow.state.folder.usage import MemoryUsage

SECRET = "pina_canary_4711"
QUICK = Limits(deadline=0.4, connect=0.3, read=0.3)
Script = Callable[[socket.socket, threading.Event], None]


# ---- the listener


@dataclass(frozen=True)
class Request:
    """What arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Server:
    """Answers one request after the other from a list of scripts; the last one is used again and again."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.scripts: list[Script] = []
        self.requests: list[Request] = []
        self.connections = 0
        self.stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def settle(self) -> None:
        """Wait until the connections of so far are closed."""
        for thread in self._threads[1:]:
            thread.join(5)

    def close(self) -> None:
        self.stop.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(0.05)
        with connection, suppress(OSError, EOFError):
            while True:
                request = self._read(connection)
                with self._lock:
                    self.requests.append(request)
                    script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                script(connection, self.stop)

    def _read(self, connection: socket.socket) -> Request:
        head, _, body = self._until(connection, b"", lambda data: b"\r\n\r\n" in data).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        size = int(headers.get("content-length", "0"))
        return Request(method, target, headers, self._until(connection, body, lambda data: len(data) >= size))

    def _until(self, connection: socket.socket, data: bytes, enough: Callable[[bytes], bool]) -> bytes:
        while not enough(data):
            if self.stop.is_set():
                raise EOFError
            try:
                more = connection.recv(65536)
            except TimeoutError:
                continue
            if not more:
                raise EOFError
            data += more
        return data


def raw(data: bytes, *, then: Script | None = None) -> Script:
    def script(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(data)
        if then:
            then(connection, stop)

    return script


def reply(status: int = 200, value: object = None, *, body: bytes | None = None, **headers: str) -> Script:
    """A whole answer; header names are given with underscores."""
    content = json.dumps(value).encode() if body is None else body
    lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
    return raw("\r\n".join([*lines, "", ""]).encode("latin-1") + content)


def close(connection: socket.socket, stop: threading.Event) -> None:
    connection.close()
    raise EOFError


def reset(connection: socket.socket, stop: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    close(connection, stop)


def drip(data: bytes) -> Script:
    """The data, then one more byte every now and then, until the other side has enough."""

    def script(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(data)
        while not stop.wait(0.02):
            connection.sendall(b"x")

    return script


def silence(connection: socket.socket, stop: threading.Event) -> None:
    connection.settimeout(5)
    connection.recv(1)
    raise EOFError


TRUNCATED = raw(b'HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"id": "1', then=close)
LOST: dict[str, Script] = {
    "closed": close,
    "reset": reset,
    "silent": silence,
    "garbage": raw(b"SSH-2.0-OpenSSH_9.6\r\n", then=close),
    "dripping head": drip(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    "interim answer only": raw(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
}
BROKEN: dict[str, Script] = {
    "half a head": raw(b"HTTP/1.1 200 OK\r\nContent-", then=close),
    "truncated": TRUNCATED,
    "dripping body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
    "endless chunks": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n"),
    "broken chunks": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", then=close),
    "broken gzip": reply(body=b"no gzip", Content_Encoding="gzip"),
    "not utf-8": reply(body=b'"\xff"'),
    "half a json": reply(body=b'{"id": '),
}
HTML = "text/html; charset=utf-8"
PAGES: dict[str, Script] = {  # of a proxy, or of a network that wants a sign-in
    "200": reply(body=b"<html>sign in to the hotel</html>", Content_Type=HTML),
    "200 that is called JSON": reply(body=b"\n<!DOCTYPE HTML><title>hello</title>", Content_Type="application/json"),
    "302": reply(302, body=b"<html>", Content_Type=HTML, Location="https://login.example.com/"),
    "401": reply(401, body=b"<!-- x --> <html>", Content_Type=HTML),
    "403": reply(403, body=b"<html>denied</html>", Content_Type=HTML),
    "404": reply(404, body=b"not here", Content_Type="application/xhtml+xml"),
    "511": reply(511, body=b"<html>", Content_Type=HTML),
}
REFUSED: dict[str, Script] = {
    "nan": reply(body=b'{"a": NaN}'),
    "deep": reply(body=b"[" * 5000 + b"]" * 5000),
    "deeper": reply(body=b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "number beyond range": reply(body=b'{"a": 1e999}'),
}


# ---- the world of a client


@dataclass(frozen=True)
class Facts:
    """An operation of the API that the tests speak."""

    id: str
    category: str
    scopes: frozenset[str] = frozenset()


def operation(method: str, path: str) -> OperationFacts | None:
    if path.startswith("/strange"):
        return None
    return Facts(f"{method} {path}", "read" if method == "GET" else "write")


def read_error(status: int, headers: Mapping[str, str], body: object) -> RemoteError:
    said = body if isinstance(body, dict) else {}
    text, request_id = str(said.get("message", "no words")), headers.get("x-request-id", "")
    if "spam" in text:
        return SpamBlocked(text, status=status, request_id=request_id)
    if status == 429:
        return RateLimited(text, request_id=request_id)
    if "Missing" in text:
        return MissingScope(text, missing={"boards:write"}, status=status)
    return RemoteError(text, status=status, code=said.get("code"), request_id=request_id)


class Renewable(Credential):
    """A login whose secret can be replaced so many times."""

    __slots__ = ("left", "renewed")

    def __init__(self, secret: str, *, left: int, **facts: Any) -> None:
        super().__init__(secret, **facts)
        self.left = left
        self.renewed = 0

    def renew(self) -> bool:
        if not self.left:
            return False
        self.left -= 1
        self.renewed += 1
        self._secret = f"{SECRET}_{self.renewed}"
        return True


@dataclass
class World:
    """A server, a client of it, and everything that the client tells."""

    server: Server
    now: float = 1_795_000_000.0
    slept: list[float] = field(default_factory=list)
    told: list[tuple[Any, ...]] = field(default_factory=list)
    announced: list[WriteCall] = field(default_factory=list)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    transports: list[Transport] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds

    def waiting(self, until: float, reason: str, category: str) -> None:
        self.told.append(("waiting", round(until - self.now), reason, category))

    def retrying(self, attempt: int, delay: float, reason: str) -> None:
        self.told.append(("retrying", attempt, delay, reason))

    def count_answer(self, login: str, category: str) -> None:
        self.answers[login, category] += 1

    def record_intent(self, call: WriteCall) -> object | None:
        self.announced.append(call)
        return None

    def serve(self, *scripts: Script) -> None:
        self.server.scripts[:] = scripts
        self.server.requests.clear()

    @property
    def targets(self) -> list[str]:
        return [f"{request.method} {request.target}" for request in self.server.requests]

    def client(
        self,
        *,
        origin: str = "",
        credential: Credential | None = None,
        quotas: Mapping[str, Quota] | None = None,
        idempotent: frozenset[str] = frozenset({"GET", "HEAD", "PATCH", "DELETE"}),
        gate: Gate | None = None,
        rehearsal: bool = False,
        check: Callable[[], None] = lambda: None,
        limits: Limits = QUICK,
    ) -> Client:
        origin = origin or self.server.origin
        api = Api(
            id="v5",
            service="example",
            title="Example",
            origin=origin,
            prefix="/v5",
            origin_variable="EXAMPLE",
            operation=operation,
            read_error=read_error,
            idempotent=idempotent,
            page_size=3,
        )
        clock = Clock(lambda: self.now, lambda: self.now, self.sleep)
        if not self.transports:
            self.transports.append(Transport(connections=8))
        return Client(
            api,
            credential or Credential(SECRET, name="access_token", source="a test", origin=origin),
            base_url=origin + "/v5",
            login="me",
            limiter=RateLimiter(quotas or {}, MemoryUsage(clock.now), clock),
            services=ClientServices(
                transport=self.transports[0],
                clock=clock,
                random=lambda: 1.0,
                check=check,
                observer=self,
                limits=limits,
            ),
            gate=gate or self,
            rehearsal=rehearsal,
        )


@contextmanager
def listening() -> Iterator[Server]:
    server = Server()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def world() -> Iterator[World]:
    with listening() as server:
        world = World(server)
        yield world
        for transport in world.transports:
            transport.close()


def unused_origin() -> str:
    """An address on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


# ---- what is sent


@pytest.mark.parametrize(("size", "pieces"), [(0, 1), (1_000, 1), (300_000, 2)])
def test_a_request_leaves_in_one_piece_unless_its_body_is_big(
    world: World, size: int, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    me, send = threading.current_thread(), socket.socket.sendall

    def counted(connection: socket.socket, data: bytes, *flags: int) -> None:
        if threading.current_thread() is me:
            sent.append(len(data))
        send(connection, data, *flags)

    monkeypatch.setattr(socket.socket, "sendall", counted)
    world.serve(reply(value={"id": "1"}))
    client = world.client()
    for _ in range(2):  # on a new connection, and on one that is there
        sent.clear()
        assert client.post("/pins", json={"title": "x" * size}) == {"id": "1"}
        assert len(sent) == pieces
    assert [json.loads(request.body) for request in world.server.requests] == [{"title": "x" * size}] * 2
    assert world.server.connections == 1


def test_a_read_is_signed_and_its_json_returned(world: World) -> None:
    world.serve(reply(value={"id": "1"}))
    assert world.client().get("/boards/1", params={"ad": None, "full": True, "ids": ["1", "2,3"], "q": "a&b=ü"}) == {
        "id": "1"
    }
    (request,) = world.server.requests
    assert request.target == "/v5/boards/1?full=true&ids=1,2%2C3&q=a%26b%3D%C3%BC"
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert "content-length" not in request.headers
    assert "cookie" not in request.headers


def test_a_write_sends_compact_json(world: World) -> None:
    world.serve(reply(201, {"id": "1"}))
    assert world.client().post("/pins", json={"title": "Grün", "link": None}) == {"id": "1"}
    (request,) = world.server.requests
    assert request.body == '{"title":"Grün","link":null}'.encode()
    assert request.headers["content-type"] == "application/json"
    assert request.headers["content-length"] == str(len(request.body))


def test_a_form_is_encoded_like_a_query(world: World) -> None:
    world.serve(reply(value={}))
    world.client().request("PUT", "/pins", form={"a": "1 2", "b": True, "c": None})
    (request,) = world.server.requests
    assert (request.method, request.body) == ("PUT", b"a=1%202&b=true")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_write_without_a_body_says_so(world: World, method: str) -> None:
    world.serve(reply(value={}))
    world.client().request(method, "/boards/1/follow")
    assert world.server.requests[0].headers["content-length"] == "0"


def test_an_answer_without_a_body_is_none(world: World) -> None:
    world.serve(raw(b"HTTP/1.1 204 No Content\r\n\r\n"), reply(body=b""))
    client = world.client()
    assert client.delete("/boards/1") is None
    assert client.get("/boards/1") is None
    assert world.server.connections == 1


def test_calls_share_one_connection(world: World) -> None:
    world.serve(reply(value={}))
    client = world.client()
    for _ in range(5):
        client.get("/boards/1")
    assert world.server.connections == 1


def test_who_replaces_the_adapter_is_asked_even_where_a_connection_is_open(world: World) -> None:
    world.serve(reply(value={"from": "the service"}))
    client = world.client()
    address = f"{world.server.origin}/v5/boards/1"
    assert client.get("/boards/1") == {"from": "the service"}
    with responses.RequestsMock() as pretended:  # it replaces HTTPAdapter.send, as other such libraries do
        pretended.get(address, json={"from": "a test"})
        assert client.get("/boards/1") == {"from": "a test"}
    assert client.get("/boards/1") == {"from": "the service"}
    assert len(world.server.requests) == 2


def test_cookies_are_not_kept(world: World) -> None:
    world.serve(reply(value={}, Set_Cookie="session=1; Path=/"))
    client = world.client()
    client.get("/boards/1")
    client.get("/boards/1")
    assert "cookie" not in world.server.requests[1].headers


def test_a_path_beside_the_prefix_is_reached_with_the_same_login(world: World) -> None:
    world.serve(reply(value={}))
    client = world.client()
    client.api = replace(client.api, beside=("/ads/v4/",))
    client.get("/ads/v4/advertisers/")
    client.get("/ads/v4x")
    assert world.targets == ["GET /ads/v4/advertisers/", "GET /v5/ads/v4x"]
    assert {request.headers["authorization"] for request in world.server.requests} == {f"Bearer {SECRET}"}


@pytest.mark.parametrize(
    "path", ["boards", "/boards/../ads", "//evil.example/x", "/a?b=1", "/a#b", "/a\nb", "/a\\b", "/a/./b", "/a\x7f"]
)
def test_a_path_that_leads_elsewhere_is_refused(world: World, path: str) -> None:
    with pytest.raises(ValueError, match="a path"):
        world.client().get(path)
    assert world.server.connections == 0


@pytest.mark.parametrize(
    ("path", "sent"), [("/users/a b", "/users/a%20b"), ("/x/%2e%2e/y", "/x/%252e%252e/y"), ("/ü", "/%C3%BC")]
)
def test_odd_characters_of_a_path_are_encoded(path: str, sent: str) -> None:
    assert encoded_path(path) == sent


@pytest.mark.parametrize("value", [{"a": 1}, object(), float("nan"), float("inf"), [["x"], {}], b"x", "\ud800"])
def test_a_parameter_that_can_not_be_sent_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"parameter 'q'|surrogates"):
        encoded_query({"q": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_a_body_that_is_no_json_is_refused(world: World, value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        world.client().post("/pins", json={"a": value})
    assert world.announced == []
    assert world.server.connections == 0


def test_the_environment_does_not_matter(world: World, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as proxy:
        proxy.scripts = [reply(value={"from": "the proxy"})]
        netrc = tmp_path / "netrc"
        netrc.write_text("default login thief password stolen\n")
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("HOME", str(tmp_path))
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.origin)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
        world.serve(reply(value={"from": "the service"}))
        assert world.client().get("/boards/1") == {"from": "the service"}
        assert world.server.requests[0].headers["authorization"] == f"Bearer {SECRET}"
        assert proxy.connections == 0


def test_a_proxy_that_was_asked_for_is_used_but_not_for_this_machine(world: World) -> None:
    with listening() as proxy:
        proxy.scripts = [close]
        world.transports.append(Transport(network=network_settings({"PINFLOW_PROXY": proxy.origin})))
        world.serve(reply(value={}))
        world.client().get("/boards/1")
        assert proxy.connections == 0
        with pytest.raises(Unreachable, match="nothing was sent"):
            world.client(origin="https://api.example.invalid", limits=Limits(attempts=1)).post("/pins", json={})
        assert [request.method for request in proxy.requests] == ["CONNECT"]
        assert "authorization" not in proxy.requests[0].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_is_not_followed(world: World, status: int, method: str) -> None:
    with listening() as other:
        other.scripts = [reply(value={})]
        world.serve(reply(status, {}, Location=f"{other.origin}/v5/boards/1"))
        with pytest.raises(RemoteError, match="redirects are not followed") as caught:
            world.client().request(method, "/boards/1")
        assert caught.value.status == status
        assert "the service redirects to 127.0.0.1, and" in caught.value.message
        assert "a wrong EXAMPLE" in caught.value.hint
        assert other.connections == 0
    assert len(world.server.requests) == 1


def test_a_credential_of_another_origin_is_not_sent(world: World) -> None:
    world.serve(reply(value={}))
    other = Credential(SECRET, name="t", source="a test", origin="https://api.example.com")
    with pytest.raises(CredentialError, match=r"is for https://api.example.com and is not sent elsewhere"):
        world.client(credential=other).get("/boards/1")
    assert world.server.requests == []


# ---- what comes back, and what follows from it


@pytest.mark.parametrize("name", LOST)
def test_a_read_without_an_answer_is_tried_again(world: World, name: str) -> None:
    world.serve(LOST[name], reply(value={"id": "1"}))
    assert world.client().get("/boards/1") == {"id": "1"}
    assert world.slept == [1.0]
    assert world.told[0][:3] == ("retrying", 2, 1.0)


@pytest.mark.parametrize("name", LOST)
def test_a_write_without_an_answer_is_in_doubt(world: World, name: str) -> None:
    world.serve(LOST[name])
    with pytest.raises(InDoubt, match=r"POST /pins: the request was sent, but whether it was applied is unknown"):
        world.client().post("/pins", json={"title": "x"})
    assert len(world.server.requests) == 1
    assert world.slept == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_read_with_a_broken_answer_is_tried_again(world: World, name: str) -> None:
    world.serve(BROKEN[name], reply(value={"id": "1"}))
    assert world.client().get("/boards/1") == {"id": "1"}
    assert len(world.server.requests) == 2


@pytest.mark.parametrize("name", BROKEN | REFUSED)
def test_a_write_with_an_unreadable_answer_is_in_doubt(world: World, name: str) -> None:
    world.serve((BROKEN | REFUSED)[name])
    with pytest.raises(InDoubt, match=r"POST /pins: .* \(the answer "):
        world.client().post("/pins", json={"title": "x"})
    assert len(world.server.requests) == 1


@pytest.mark.parametrize("name", REFUSED)
def test_a_read_with_a_hostile_answer_fails_at_once(world: World, name: str) -> None:
    world.serve(REFUSED[name])
    with pytest.raises(MalformedAnswer, match="GET /boards/1: the answer "):
        world.client().get("/boards/1")
    assert len(world.server.requests) == 1


def test_a_read_gives_up_after_its_tries(world: World) -> None:
    world.serve(close)
    with pytest.raises(Unreachable, match=r"GET /boards/1: no answer from http://127.0.0.1:\d+/v5: the connection was"):
        world.client().get("/boards/1", params={"bookmark": "private"})
    assert len(world.server.requests) == 6
    assert world.slept == [1, 2, 4, 8, 16]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_in_place_of_the_api_is_told_at_once(world: World, name: str) -> None:
    world.serve(PAGES[name], reply(value={"id": "1"}))
    where = r"answered in place of 127.0.0.1:\d+ \(HTTP"
    with pytest.raises(
        MalformedAnswer, match=f"GET /boards/1: a page, not the API: .* {where} {name[:3]}.*\\)"
    ) as caught:
        world.client().get("/boards/1")
    assert "PINFLOW_PROXY and, if it is set, EXAMPLE" in caught.value.hint
    assert "hotel" not in str(caught.value)
    assert not caught.value.retryable
    assert (len(world.server.requests), world.slept) == (1, [])


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_does_not_say_what_became_of_a_write(world: World, method: str, name: str) -> None:
    world.serve(PAGES[name], reply(value={"id": "1"}))
    with pytest.raises(InDoubt, match=r"whether it was applied is unknown \(a page, not the API"):
        world.client().request(method, "/pins/1")
    assert (len(world.server.requests), world.slept) == (1, [])


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_page_of_the_services_own_edge_is_an_outage_like_any_other(world: World, status: int) -> None:
    world.serve(reply(status, body=b"<html>Bad Gateway</html>", Content_Type=HTML), reply(value={"id": "1"}))
    assert world.client().get("/boards/1") == {"id": "1"}
    assert world.slept == [1]


def test_an_error_of_the_api_that_is_called_a_page_is_read_as_what_it_is(world: World) -> None:
    world.serve(reply(404, {"code": 40, "message": "Board not found."}, Content_Type=HTML))
    with pytest.raises(RemoteError, match="Board not found"):
        world.client().get("/boards/1")


def test_a_read_that_stays_broken_is_a_malformed_answer(world: World) -> None:
    world.serve(reply(body=b"<xml>"))
    with pytest.raises(MalformedAnswer, match=r"GET /boards/1: the answer is not JSON: .* at character 0"):
        world.client().get("/boards/1")
    assert len(world.server.requests) == 6


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_service_that_is_not_there_is_tried_again_for_every_method(world: World, method: str) -> None:
    client = world.client(origin=unused_origin())
    with pytest.raises(Unreachable, match=f"{method} /pins: no answer from .*: connection refused; nothing was sent"):
        client.request(method, "/pins")
    assert world.slept == [1, 2, 4, 8, 16]


def test_a_failed_tls_greeting_sent_nothing(world: World) -> None:
    world.serve(close)
    client = world.client(origin=world.server.origin.replace("http:", "https:"), limits=replace(QUICK, attempts=2))
    with pytest.raises(Unreachable, match="nothing was sent"):
        client.post("/pins", json={})
    assert world.server.requests == []


def test_an_unknown_host_sent_nothing(world: World) -> None:
    client = world.client(origin="https://api.example.invalid", limits=Limits(attempts=1))
    with pytest.raises(Unreachable, match="the host name can't be resolved; nothing was sent"):
        client.post("/pins", json={})


def test_a_connection_that_the_service_closed_meanwhile_is_replaced(world: World) -> None:
    world.serve(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", then=close), reply(value={"id": "1"}))
    client = world.client()
    client.get("/boards/1")
    world.server.settle()  # the other side's farewell must be here
    assert client.post("/pins", json={}) == {"id": "1"}


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_failing_service_is_asked_again_for_a_read_and_leaves_a_create_in_doubt(world: World, status: int) -> None:
    client = world.client()
    world.serve(reply(status, {"message": "down"}), reply(value={"id": "1"}))
    assert client.get("/boards/1") == {"id": "1"}
    world.serve(reply(status, {"message": "down"}))
    with pytest.raises(InDoubt, match=rf"\(POST /pins: down \(HTTP {status}\)\)"):
        client.post("/pins")
    assert len(world.server.requests) == 1


def test_a_failing_service_that_also_tells_of_its_quotas_is_asked_again_soon(world: World) -> None:
    """The end of a window, a day away, is in every answer; only a refusal for the quota means to wait for it."""
    down = reply(503, {"message": "down"}, X_RateLimit_Remaining="900", X_RateLimit_Reset="40000")
    world.serve(down, reply(value={"id": "1"}))
    assert world.client().get("/boards/1") == {"id": "1"}
    assert sum(world.slept) < 10


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 422])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_refusal_is_raised_at_once(world: World, status: int, method: str) -> None:
    world.serve(reply(status, {"code": 40, "message": "Not so."}, X_Request_Id="r1"))
    with pytest.raises(RemoteError) as caught:
        world.client().request(method, "/boards/1", params={"private": "query"})
    assert str(caught.value) == f"{method} /boards/1: Not so. (HTTP {status}, code 40, request r1)"
    assert caught.value.retryable == (status == 409)
    assert len(world.server.requests) == 1


def test_an_error_page_that_is_no_json_still_tells_its_status(world: World) -> None:
    world.serve(reply(403, body=b"denied"))
    with pytest.raises(RemoteError) as caught:
        world.client().get("/boards/1")
    assert (caught.value.status, caught.value.text) == (403, "no words")


def test_a_lost_update_is_sent_again_and_in_doubt_in_the_end(world: World) -> None:
    client = world.client()
    world.serve(close, reply(value={"id": "1"}))
    assert client.patch("/boards/1", json={"name": "x"}) == {"id": "1"}
    world.serve(close)
    with pytest.raises(InDoubt):
        client.patch("/boards/1", json={"name": "x"})
    assert len(world.server.requests) == 6


def test_which_methods_may_be_repeated_is_the_apis_say(world: World) -> None:
    world.serve(close)
    with pytest.raises(InDoubt):
        world.client(idempotent=frozenset({"GET"})).patch("/boards/1", json={})
    assert len(world.server.requests) == 1


def test_a_removal_whose_answer_was_lost_is_done_when_nothing_is_found(world: World) -> None:
    client = world.client()
    world.serve(close, reply(404, {"code": 40, "message": "Board not found."}))
    assert client.delete("/boards/1") is None
    world.serve(reply(404, {"code": 40, "message": "Board not found."}))
    with pytest.raises(RemoteError, match="Board not found"):
        client.delete("/boards/1")


# ---- quotas


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_rate_limit_is_waited_out(world: World, method: str) -> None:
    world.serve(reply(429, {"message": "slow down"}, Retry_After="7"), reply(value={"id": "1"}))
    assert world.client().request(method, "/pins") == {"id": "1"}
    assert world.slept == [8.0]  # what was asked for, and a second at most so that not all come back at once
    category = "read" if method == "GET" else "write"
    assert world.told == [("waiting", 8, f"the quota {category!r}", category)]


def test_a_rate_limit_beyond_patience_pauses(world: World) -> None:
    world.serve(reply(429, {"message": "slow down"}, X_RateLimit_Reset="3600"))
    with pytest.raises(RateLimited, match=r"^POST /pins: slow down \(HTTP 429\)$") as caught:
        world.client().post("/pins")
    assert (caught.value.retry_after, caught.value.category) == (3601.0, "write")
    assert world.slept == []


def test_a_service_that_never_stops_refusing_is_left_after_patience(world: World) -> None:
    world.serve(reply(429, {"message": "slow down"}))
    with pytest.raises(RateLimited):
        world.client().get("/boards/1")
    assert world.slept == [1, 2, 4, 8, 16, 32]


def test_a_known_quota_is_kept_to_before_the_service_has_to_say_so(world: World) -> None:
    world.serve(reply(value={}))
    client = world.client(quotas={"write": Quota(2, 60)})
    for _ in range(3):
        client.post("/pins")
    assert world.slept == [60.6]
    assert client.calls == {"write": 3}


def test_a_spam_block_stops_every_further_write_of_the_login(world: World) -> None:
    world.serve(reply(429, {"message": "this looks like spam"}, Retry_After="1"), reply(value={}))
    client = world.client()
    with pytest.raises(SpamBlocked, match="POST /pins"):
        client.post("/pins")
    with pytest.raises(SpamBlocked, match="PATCH /boards/1: this looks like spam"):
        client.patch("/boards/1", json={})
    assert client.get("/boards/1") == {}
    assert world.targets == ["POST /v5/pins", "GET /v5/boards/1"]
    assert world.slept == []


def test_answers_are_counted_by_category(world: World) -> None:
    world.serve(reply(value={}), reply(404, {}), close, reply(value={}))
    client = world.client()
    client.get("/boards/1")
    with pytest.raises(RemoteError):
        client.patch("/boards/1", json={})
    client.get("/strange")
    assert client.calls == {"read": 1, "write": 1, "other": 1}
    assert world.answers == {("me", category): 1 for category in ("read", "write", "other")}


# ---- the login


def renewable(world: World, left: int) -> Renewable:
    return Renewable(SECRET, left=left, name="access_token", source="a test", origin=world.server.origin)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refused_secret_is_renewed_once(world: World, method: str) -> None:
    world.serve(reply(401, {"code": 2, "message": "Authentication failed."}), reply(value={"id": "1"}))
    assert world.client(credential=renewable(world, 1)).request(method, "/pins") == {"id": "1"}
    assert [request.headers["authorization"] for request in world.server.requests] == [
        f"Bearer {SECRET}",
        f"Bearer {SECRET}_1",
    ]


@pytest.mark.parametrize(("left", "requests"), [(0, 1), (5, 2)])
def test_a_login_that_stays_refused_says_how_to_sign_in(world: World, left: int, requests: int) -> None:
    world.serve(reply(401, {"code": 2, "message": "Authentication failed."}))
    credential = renewable(world, left)
    with pytest.raises(CredentialError) as caught:
        world.client(credential=credential).post("/pins")
    assert str(caught.value) == (
        f"{world.client().api.title} refused the token 'access_token' ({credential.source}): "
        "POST /pins: Authentication failed. (HTTP 401, code 2)\n"
        "  pinflow auth login access_token"
    )
    assert len(world.server.requests) == requests


def test_a_missing_scope_is_not_cured_by_a_fresh_secret(world: World) -> None:
    world.serve(reply(401, {"code": 3, "message": "Missing: ['boards:write']"}))
    credential = renewable(world, 1)
    with pytest.raises(MissingScope):
        world.client(credential=credential).post("/boards")
    assert credential.renewed == 0


def test_threads_that_meet_the_same_refusal_renew_once(world: World) -> None:
    together = threading.Barrier(4)

    def refuse(connection: socket.socket, stop: threading.Event) -> None:
        together.wait(5)
        reply(401, {"code": 2})(connection, stop)

    world.serve(*[refuse] * 4, reply(value={}))
    credential = renewable(world, 10)
    client = world.client(credential=credential, limits=Limits())
    threads = [threading.Thread(target=client.get, args=("/boards/1",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert credential.renewed == 1
    assert len(world.server.requests) == 8


def test_threads_of_two_logins_never_send_each_others_secret(world: World) -> None:
    world.serve(reply(value={}))
    clients = {
        name: world.client(credential=Credential(name, name=name, source="a test", origin=world.server.origin))
        for name in ("first", "second")
    }

    def work(name: str) -> None:
        for _ in range(40):
            clients[name].post(f"/users/{name}", json={"is": name})

    threads = [threading.Thread(target=work, args=(name,)) for name in clients for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(world.server.requests) == 320
    for request in world.server.requests:
        name = request.target.rpartition("/")[2]
        assert (request.headers["authorization"], json.loads(request.body)) == (f"Bearer {name}", {"is": name})


# ---- the gate


def test_every_try_of_a_write_is_announced_before_it_leaves(world: World) -> None:
    seen: list[int] = []

    class Counting:
        def record_intent(self, call: WriteCall) -> None:
            seen.append(len(world.server.requests))

    world.serve(reply(429, {}), reply(value={}))
    client = world.client(gate=Counting())
    client.get("/boards/1")
    world.serve(reply(429, {}), reply(value={}))
    client.post("/pins")
    # the second try is announced when it is asked for, and once more after it has waited
    assert seen == [0, 1, 1]


def test_an_announcement_tells_requests_apart_without_their_content(world: World) -> None:
    world.serve(reply(value={}))
    client = world.client()
    for title in ("a secret plan", "a secret plan", "another"):
        client.post("/pins", json={"title": title}, params={"private": "query"})
    first, second, third = world.announced
    assert first == second == WriteCall(method="POST", path="/pins", category="write", digest=first.digest, login="me")
    assert len(first.digest) == 16
    assert third.digest != first.digest


def test_what_the_gate_returns_is_returned_in_place_of_an_answer(world: World) -> None:
    class Dry:
        def record_intent(self, call: WriteCall) -> object:
            return {"planned": call.path}

    assert world.client(gate=Dry(), quotas={"write": Quota(1, 60)}).post("/pins") == {"planned": "/pins"}
    assert (world.server.connections, world.slept) == (0, [])


def test_a_rehearsal_reads_but_sends_no_write_whatever_its_body_holds(world: World) -> None:
    class Dry:
        def record_intent(self, call: WriteCall) -> object:
            return (call.method, call.path, call.category, call.login)

    world.serve(reply(value={"id": "1"}))
    client = world.client(gate=Dry(), rehearsal=True)
    assert client.get("/boards/1") == {"id": "1"}
    assert client.post("/pins", json={"board_id": object()}) == ("POST", "/pins", "write", "me")
    with pytest.raises(ValueError, match="a path"):
        client.post("/pins/../boards")
    assert world.targets == ["GET /v5/boards/1"]


def test_a_query_sent_as_a_post_passes_no_gate_and_its_old_name_still_works(world: World) -> None:
    world.serve(reply(value={"rows": 1}))
    client = world.client(rehearsal=True)
    assert client.request("POST", "/search", read_only=True) == {"rows": 1}
    with pytest.warns(DeprecationWarning, match=r"request\(asks=\), which is now request\(read_only=\)"):
        assert client.request("POST", "/search", asks=True) == {"rows": 1}  # type: ignore[call-arg]
    assert world.announced == []


def test_every_try_asks_first_whether_it_may_still_leave(world: World) -> None:
    asked = iter([None, KeyboardInterrupt()])

    def check() -> None:
        if error := next(asked):
            raise error

    world.serve(close)
    with pytest.raises(KeyboardInterrupt):
        world.client(check=check).get("/boards/1")
    assert len(world.server.requests) == 1


def test_a_gate_that_raises_lets_nothing_leave(world: World) -> None:
    class Full:
        def record_intent(self, call: WriteCall) -> None:
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        world.client(gate=Full()).post("/pins")
    assert world.server.connections == 0


# ---- bounds


def test_silence_ends_a_try(world: World) -> None:
    world.serve(silence)
    begun = time.monotonic()
    with pytest.raises(Unreachable, match="timed out"):
        world.client(limits=Limits(deadline=60, read=0.2, attempts=1)).get("/boards/1")
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("name", ["dripping head", "dripping body", "endless chunks"])
def test_the_deadline_ends_an_answer_that_drips(world: World, name: str) -> None:
    world.serve((LOST | BROKEN)[name])
    begun = time.monotonic()
    with pytest.raises(InDoubt, match="timed out"):
        world.client(limits=Limits(deadline=0.3, read=60)).post("/pins")
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    "answer",
    [
        reply(body=gzip.compress(b"0" * 5_000_000), Content_Encoding="gzip"),
        reply(body=gzip.compress(gzip.compress(b"0" * 50_000_000)), Content_Encoding="gzip, gzip"),
        reply(body=b'"' + b"0" * 200_000 + b'"'),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n" + b"0" * 200_000 + b"\r\n0\r\n\r\n"),
    ],
    ids=["gzip bomb", "gzip in gzip", "plain", "chunked"],
)
def test_an_answer_beyond_the_cap_is_refused_at_once(world: World, answer: Script) -> None:
    client = world.client(limits=Limits(max_bytes=100_000))
    world.serve(answer, reply(value={"id": "1"}))
    with pytest.raises(MalformedAnswer, match="GET /boards/1: the answer is bigger than 100,000 bytes"):
        client.get("/boards/1")
    assert len(world.server.requests) == 1
    assert client.get("/boards/1") == {"id": "1"}  # and the next call has a connection of its own


def test_a_compressed_answer_is_unpacked(world: World) -> None:
    world.serve(reply(body=gzip.compress(b'{"id": "1"}'), Content_Encoding="gzip"))
    assert world.client().get("/boards/1") == {"id": "1"}


def test_an_answer_of_just_the_cap_is_read(world: World) -> None:
    text = b'"' + b"0" * 998 + b'"'
    world.serve(reply(body=text))
    assert world.client(limits=Limits(max_bytes=1000)).get("/boards/1") == "0" * 998


# ---- secrets


def test_no_error_holds_the_secret_or_the_query(world: World) -> None:
    credential = renewable(world, 1)
    scripts = [close, TRUNCATED, reply(500, {}), reply(403, {}), reply(302, {}), reply(429, {}, Retry_After="9999")]
    for script in [*scripts, reply(401, {}), reply(body=b"<")]:
        world.serve(script)
        for method in ("GET", "POST"):
            with pytest.raises(Exception) as caught:
                world.client(credential=credential, limits=Limits(attempts=1)).request(
                    method, "/pins", params={"bookmark": "opaque"}
                )
            chain: BaseException | None = caught.value
            while chain is not None:
                shown = f"{chain!r} {chain} {vars(chain)}"
                assert SECRET not in shown
                assert "opaque" not in shown
                assert "request" not in vars(chain)
                chain = chain.__cause__ or chain.__context__


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_a_service_that_repeats_the_secret_gives_it_not_away(world: World, status: int) -> None:
    world.serve(reply(status, {"code": 1, "message": f"no good: Bearer {SECRET}", "data": [{SECRET: SECRET}]}))
    with pytest.raises(Exception, match=r"no good: Bearer \*\*\* ") as caught:
        world.client(credential=renewable(world, 0), limits=Limits(attempts=1)).get("/pins")
    assert SECRET not in f"{caught.value!r} {vars(caught.value)}"


# ---- listings


def page(items: object, bookmark: object = None) -> Script:
    return reply(value={"items": items, "bookmark": bookmark})


def test_a_listing_is_followed_to_its_end(world: World) -> None:
    world.serve(page([1, 2, 3], "a=|+1"), page([], "b"), reply(value={"items": [4]}))
    assert list(world.client().pages("/boards", params={"privacy": "ALL"})) == [1, 2, 3, 4]
    assert world.targets == [
        "GET /v5/boards?page_size=3&privacy=ALL",
        "GET /v5/boards?page_size=3&privacy=ALL&bookmark=a%3D%7C%2B1",
        "GET /v5/boards?page_size=3&privacy=ALL&bookmark=b",
    ]


@pytest.mark.parametrize(("limit", "sizes"), [(0, []), (2, [2]), (3, [3]), (4, [3, 3])])
def test_a_listing_is_read_no_further_than_needed(world: World, limit: int, sizes: list[int]) -> None:
    world.serve(page([1, 2, 3], "a"), page([4, 5, 6], "b"), page([7]))
    assert list(world.client().pages("/boards", limit=limit)) == [1, 2, 3, 4, 5, 6][:limit]
    assert [int(target.split("page_size=")[1].split("&")[0]) for target in world.targets] == sizes


def test_pages_are_fetched_only_when_they_are_wanted(world: World) -> None:
    world.serve(page([1], "a"), page([2]))
    pages = world.client().page_iter("/boards")
    assert next(pages) == Page([1], "a")
    assert len(world.server.requests) == 1


def test_a_listing_can_be_taken_up_from_a_bookmark(world: World) -> None:
    world.serve(page([2]))
    assert list(world.client().page_iter("/boards", start="a")) == [Page([2], None)]
    assert world.targets == ["GET /v5/boards?page_size=3&bookmark=a"]


def test_a_bare_list_is_one_page(world: World) -> None:
    world.serve(reply(value=[1, 2]))
    assert list(world.client().pages("/businesses")) == [1, 2]


@pytest.mark.parametrize("end", [None, ""])
def test_a_listing_ends_where_there_is_no_bookmark(world: World, end: str | None) -> None:
    world.serve(page([1], end))
    assert list(world.client().pages("/boards")) == [1]
    assert len(world.server.requests) == 1


@pytest.mark.parametrize("bookmarks", [["a", "a"], ["a", "b", "a"]])
def test_a_bookmark_that_comes_twice_ends_the_listing(world: World, bookmarks: list[str]) -> None:
    world.serve(*[page([1], bookmark) for bookmark in bookmarks])
    with pytest.raises(MalformedAnswer, match="repeats itself"):
        list(world.client().pages("/boards"))
    assert len(world.server.requests) == len(bookmarks)


@pytest.mark.parametrize("others", [[], [{"id": "3"}]])
def test_a_page_that_comes_twice_is_malformed(world: World, others: list[object]) -> None:
    """Under another bookmark, which no service gives to the same page."""
    first = [{"id": "1"}, {"id": "2"}]
    pages = [page(first, "a"), *([page(others, "b")] if others else []), page(first, "c")]
    world.serve(*pages)
    with pytest.raises(MalformedAnswer, match="the listing repeats itself: a page came twice"):
        list(world.client().pages("/boards"))
    assert len(world.server.requests) == len(pages)


def test_pages_that_overlap_are_not_the_same(world: World) -> None:
    """Something was added while they were fetched."""
    world.serve(page([{"id": "1"}, {"id": "2"}], "a"), page([{"id": "2"}], "b"), page([], "c"), page([], "d"), page([]))
    assert [item["id"] for item in world.client().pages("/boards")] == ["1", "2", "2"]


def test_a_listing_has_a_last_page(world: World) -> None:
    world.serve(page([1], "a"), page([2], "b"), page([3], "c"))
    with pytest.raises(MalformedAnswer, match="the listing has more than 2 pages"):
        list(world.client(limits=Limits(max_pages=2)).pages("/boards"))
    assert len(world.server.requests) == 2


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "text",
        7,
        {},
        {"items": "abc"},
        {"items": {}},
        {"items": None},
        {"items": [], "bookmark": 7},
        {"items": [], "bookmark": "x" * 9000},
    ],
    ids=lambda answer: repr(answer)[:40],
)
def test_an_answer_that_is_no_listing_is_malformed(world: World, answer: object) -> None:
    world.serve(reply(value=answer))
    with pytest.raises(MalformedAnswer, match="GET /boards: the "):
        list(world.client().pages("/boards"))


# ---- JSON

READERS = pytest.mark.parametrize("read", [json_reader(), decoded_json], ids=["fastest", "plain"])


@READERS
def test_lone_surrogates_become_printable(read: Callable[[bytes], Any]) -> None:
    value = read(rb'{"a\ud800": ["\udc00x", "\ud83d\ude00", "\\ud800"]}')
    assert value == {"a\ufffd": ["\ufffdx", "\U0001f600", "\\ud800"]}


@READERS
@pytest.mark.parametrize(
    "text", [b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"[" * 101 + b"]" * 101, b"[" * 90_000, b"{", b"\xff", b"1 2"]
)
def test_what_is_no_json_is_unreadable(read: Callable[[bytes], Any], text: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        read(text)
    assert caught.value.__cause__ is caught.value.__context__ is None


@READERS
def test_a_hundred_levels_are_read(read: Callable[[bytes], Any]) -> None:
    value = read(b"[" * 100 + b" " * 200 + b"]" * 100)
    for _ in range(99):
        (value,) = value
    assert value == []


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\ud80bcaf0eE-.1Nntrue ', max_size=60).map(str.encode))
def test_any_bytes_are_read_alike_by_every_reader_or_unreadable(body: bytes) -> None:
    results: list[object] = []
    for read in (json_reader(), decoded_json):
        try:
            text = json.dumps(read(body), ensure_ascii=False, allow_nan=False).encode()
            # beyond 64 bits, whole numbers may come as floats
            results.append(json.loads(text, parse_int=float))
        except Unreadable:
            results.append(Unreadable)
    assert results[0] == results[1]


def test_the_client_is_imported_without_the_network_library() -> None:
    code = "import sys, pinflow.http.client; print([n for n in ('requests', 'urllib3', 'orjson') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"
