"""The sandbox as an HTTP server: what it takes, what it refuses, how it ends; over bare sockets."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING

import pytest
import requests

import pinflow_sandbox
from pinflow_sandbox import Sandbox, Settings, Timeouts, server, start
from pinflow_sandbox.server.messages import ConnectionDropped, HttpResponse
from pinflow_sandbox.v5.routes import DIALECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pinflow_sandbox.server.messages import HttpRequest


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start(now=lambda: 1_800_000_000.0, settings=Settings(quotas=False)) as running:
        yield running


@pytest.fixture
def line(sandbox: Sandbox) -> Iterator[Line]:
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as sock:
        yield Line(sock)


class Line:
    """One connection, spoken to in bytes."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.rest = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self, *, head_only: bool = False) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next answer."""
        while b"\r\n\r\n" not in self.rest:
            self.more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(header.split(": ", 1) for header in lines)
        length = 0 if head_only else int(headers.get("Content-Length", "0"))
        while len(self.rest) < length:
            self.more()
        body, self.rest = self.rest[:length], self.rest[length:]
        return int(first.split()[1]), headers, body

    def more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self.rest += data

    def over(self) -> bool:
        """Whether the other side ended the connection, with nothing more to say."""
        return self.rest == b"" and self.sock.recv(1) == b""


def request(
    sandbox: Sandbox, target: str = "/v5/user_account", *headers: str, method: str = "GET", version: str = "1.1"
) -> bytes:
    lines = [f"{method} {target} HTTP/{version}", f"Host: 127.0.0.1:{sandbox.port}"]
    lines += [f"Authorization: Bearer {sandbox.world.token_for('garden_studio')}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def post(sandbox: Sandbox, body: bytes, *headers: str) -> bytes:
    return request(sandbox, "/v5/boards", "Content-Type: application/json", *headers, method="POST") + body


def test_the_sandbox_listens_on_ipv4_loopback_by_default(sandbox: Sandbox) -> None:
    assert sandbox.url == f"http://127.0.0.1:{sandbox.port}"


def test_the_sandbox_can_listen_on_ipv6_loopback() -> None:
    with start(host="::1", settings=Settings(quotas=False)) as sandbox:
        assert sandbox.url.startswith("http://[::1]:")
        assert requests.get(f"{sandbox.url}/v5/boards", timeout=30).status_code == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "", "192.168.1.1", "example.com"])
def test_the_sandbox_refuses_to_listen_beyond_loopback(host: str) -> None:
    with pytest.raises(ValueError, match="loopback only"):
        start(host=host)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_the_sandbox_serves_requests_to_the_host_names_of_loopback(sandbox: Sandbox, line: Line, name: str) -> None:
    line.send(request(sandbox).replace(b"Host: 127.0.0.1", f"Host: {name}".encode()))
    assert line.read()[0] == 200


@pytest.mark.parametrize("path", ["/v5/user_account", "/oauth/", "/_sandbox/state", "/_store/", "/v5/oauth/token"])
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1", "localhost:1"])
def test_every_path_refuses_another_host_name(sandbox: Sandbox, line: Line, path: str, host: str) -> None:
    line.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Sandbox-Token: {sandbox.control_token}\r\n\r\n".encode())
    status, _, body = line.read()
    assert status == 421
    assert b"loopback" in body


def test_the_host_of_an_absolute_target_overrides_the_host_header(sandbox: Sandbox, line: Line) -> None:
    line.send(request(sandbox, f"http://127.0.0.1:{sandbox.port}/v5/user_account"))
    assert line.read()[0] == 200
    line.send(request(sandbox, "http://evil.example/v5/user_account"))
    assert line.read()[0] == 421


def test_one_connection_serves_many_requests(sandbox: Sandbox, line: Line) -> None:
    for _ in range(3):
        line.send(request(sandbox))
        assert line.read()[0] == 200
    assert sandbox.connections == 1


def test_pipelined_requests_are_answered_in_their_order(sandbox: Sandbox, line: Line) -> None:
    line.send(request(sandbox) + request(sandbox, "/v5/nothing") + post(sandbox, b"{}", "Content-Length: 2"))
    assert [line.read()[0] for _ in range(3)] == [200, 404, 400]


@pytest.mark.parametrize(
    ("version", "headers", "kept"),
    [
        ("1.1", (), True),
        ("1.1", ("Connection: close",), False),
        ("1.0", (), False),
        ("1.0", ("Connection: keep-alive",), True),
    ],
)
def test_a_connection_is_kept_or_closed_as_the_request_says(
    sandbox: Sandbox, line: Line, version: str, headers: tuple[str, ...], kept: bool
) -> None:
    line.send(request(sandbox, "/v5/user_account", *headers, version=version))
    assert ("Connection" in line.read()[1]) is not kept
    if kept:
        line.send(request(sandbox))
        assert line.read()[0] == 200
    else:
        assert line.over()


def test_head_gets_the_headers_of_get_without_a_body(sandbox: Sandbox, line: Line) -> None:
    line.send(request(sandbox, method="GET"))
    body = line.read()[2]
    line.send(request(sandbox, method="HEAD"))
    status, headers, _ = line.read(head_only=True)
    assert (status, headers["Content-Length"]) == (200, str(len(body)))
    line.send(request(sandbox))
    assert line.read()[2] == body


def test_a_response_has_the_sandboxs_date_and_a_request_id(sandbox: Sandbox, line: Line) -> None:
    line.send(request(sandbox) * 2)
    first, second = line.read()[1], line.read()[1]
    assert first["Date"] == "Fri, 15 Jan 2027 08:00:00 GMT"
    assert first["x-pinterest-rid"] != second["x-pinterest-rid"]


def test_an_expected_100_continue_is_sent_before_the_body(sandbox: Sandbox, line: Line) -> None:
    line.send(post(sandbox, b"", "Content-Length: 14", "Expect: 100-continue"))
    assert line.read()[0] == 100
    line.send(b'{"name":"New"}')
    assert line.read()[0] == 201


def test_an_unknown_expectation_gets_417(sandbox: Sandbox, line: Line) -> None:
    line.send(post(sandbox, b"{}", "Content-Length: 2", "Expect: wonders"))
    assert line.read()[0] == 417


def test_a_chunked_body_is_read(sandbox: Sandbox, line: Line) -> None:
    chunks = b'5\r\n{"nam\r\n9;note=x\r\ne":"New"}\r\n0\r\nTrailer: x\r\n\r\n'
    line.send(post(sandbox, chunks, "Transfer-Encoding: chunked") + request(sandbox))
    assert [line.read()[0], line.read()[0]] == [201, 200]


def test_a_request_that_arrives_byte_by_byte_is_read(sandbox: Sandbox, line: Line) -> None:
    for byte in post(sandbox, b'{"name":"New"}', "Content-Length: 14"):
        line.send(bytes([byte]))
    assert line.read()[0] == 201


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (b"GET /v5/boards\r\n\r\n", 400),
        (b"GET  /v5/boards HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET v5/boards HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /v5/boards HTTP/1.1\r\n\r\n", 400),
        (b"GET /v5/boards HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET /v5/boards HTTP/1.1\r\nHost: x\r\nNo colon\r\n\r\n", 400),
        (b"GET /v5/boards HTTP/1.1\r\nHost: x\r\nBad name : y\r\n\r\n", 400),
        (b"GET /v5/boards HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\n", 505),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: a\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 33554433\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 40_000, 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 40_000 + b"\r\n\r\n", 431),
    ],
)
def test_an_invalid_request_gets_one_error_before_the_connection_ends(line: Line, sent: bytes, status: int) -> None:
    line.send(sent)
    answered, headers, body = line.read()
    assert answered == status
    assert headers["Content-Type"] == "application/json"
    assert body.startswith(b'{"code":%d' % status)
    assert line.over()


def test_a_chunked_body_is_refused_once_it_exceeds_the_limit(line: Line) -> None:
    # h11 tells of the bytes of a chunk, not of the size that the chunk announces
    line.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n" + b"a" * 33_554_433)
    assert line.read()[0] == 413
    assert line.over()


@pytest.mark.parametrize("headers", ["Content-Length: 2, 2", "Content-Length: 2\r\nContent-Length: 2"])
def test_a_repeated_content_length_counts_once(sandbox: Sandbox, line: Line, headers: str) -> None:
    # h11's rule: RFC 9112 (6.3) allows it, as all readers of the length agree
    line.send(post(sandbox, b"{}", *headers.split("\r\n")) + request(sandbox))
    assert [line.read()[0], line.read()[0]] == [400, 200]


def test_a_folded_header_is_read_as_one_line(sandbox: Sandbox, line: Line) -> None:
    # h11's rule: RFC 9112 (5.2) allows spaces in place of the fold
    line.send(request(sandbox, "/v5/user_account", "Accept: application/json,\r\n text/html"))
    assert line.read()[0] == 200


def test_a_credential_in_a_malformed_header_is_not_repeated(line: Line) -> None:
    line.send(b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer pina_secret\r\n\r\n")
    status, _, body = line.read()
    assert (status, b"illegal header line" in body, b"secret" in body) == (400, True, False)


def test_empty_lines_before_a_request_are_skipped(sandbox: Sandbox, line: Line) -> None:
    line.send(b"\r\n\r\n" + request(sandbox) + b"\r\n")
    assert line.read()[0] == 200
    line.send(request(sandbox))
    assert line.read()[0] == 200


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ("Host: x\r\nContent-Length: 67108865", 413, "EntityTooLarge"),
        ("Host: x\r\nContent-Length: -1", 400, "InvalidRequest"),
    ],
)
def test_an_upload_refused_before_its_body_gets_an_error_of_the_object_store(
    line: Line, headers: str, status: int, code: str
) -> None:
    line.send(f"POST /_store/ HTTP/1.1\r\n{headers}\r\n\r\n".encode())
    code_received, received, body = line.read()
    assert (code_received, received["Content-Type"]) == (status, "application/xml")
    assert f"<Code>{code}</Code>".encode() in body


@pytest.mark.parametrize("path", ["/v3/boards/", "/v3/oauth/access_token/", "/ads/v4/advertisers/"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [("Host: x", 421), ("Host: x\r\nContent-Length: 33554433", 413), ("Host: x\r\nNo colon", 400)],
)
def test_a_request_refused_before_its_body_gets_an_error_in_the_dialect_of_its_path(
    line: Line, path: str, headers: str, status: int
) -> None:
    line.send(f"PUT {path}?a=b HTTP/1.1\r\n{headers}\r\n\r\n".encode())
    http_status, _, body = line.read()
    error = json.loads(body)
    assert (http_status, error["status"], error["code"]) == (status, "failure", status)


def test_a_request_whose_head_takes_too_long_gets_408() -> None:
    with (
        start(timeouts=Timeouts(head=0.05)) as sandbox,
        socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as sock,
    ):
        sock.sendall(b"GET / HTTP/1.1\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 408 ")


def test_an_idle_connection_is_closed() -> None:
    with (
        start(timeouts=Timeouts(idle=0.05)) as sandbox,
        socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as sock,
    ):
        assert sock.recv(100) == b""


@pytest.mark.parametrize("name", ["../mine", "{folder}/mine", "", "a b", "a\nb", "..", "x" * 65])
def test_no_token_file_is_written_for_an_invalid_token_name(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"can't name a token"):
        sandbox.environment(["access_token", name.format(folder=tmp_path)])
    assert list(tmp_path.iterdir()) == []


def test_a_large_upload_is_accepted(sandbox: Sandbox) -> None:
    headers = {"Authorization": f"Bearer {sandbox.world.token_for('garden_studio')}"}
    media = requests.post(f"{sandbox.url}/v5/media", json={"media_type": "video"}, headers=headers, timeout=30).json()
    film = {"file": b"x" * 30_000_000}
    answer = requests.post(media["upload_url"], data=media["upload_parameters"], files=film, timeout=30)
    assert answer.status_code == 204


def test_64_connections_at_once_are_served(sandbox: Sandbox) -> None:
    data, statuses = request(sandbox), []
    lines = [Line(socket.create_connection(("127.0.0.1", sandbox.port), timeout=10)) for _ in range(64)]
    for connection in lines:
        connection.send(data)
    for connection in lines:
        statuses.append(connection.read()[0])
        connection.sock.close()
    assert statuses == [200] * 64


def test_writes_of_many_threads_are_all_applied(sandbox: Sandbox) -> None:
    def write(number: int) -> None:
        headers = {"Authorization": f"Bearer {sandbox.world.token_for('client_account')}"}
        for index in range(10):
            body = {"name": f"Board {number} {index}"}
            requests.post(f"{sandbox.url}/v5/boards", json=body, headers=headers, timeout=30)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sandbox.world.accounts["client_account"].boards) == 82


def test_stopping_ends_connections_and_frees_the_port(sandbox: Sandbox, line: Line) -> None:
    line.send(request(sandbox))
    line.read()
    sandbox.stop()
    assert line.over()
    with start(port=sandbox.port) as again:
        assert again.port == sandbox.port


def test_stopping_the_sandbox_twice_does_nothing(sandbox: Sandbox) -> None:
    sandbox.stop()
    sandbox.stop()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", sandbox.port), timeout=1)


def test_starting_on_a_taken_port_is_an_error(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="in use"):
        start(port=sandbox.port)


def test_latency_is_waited_with_the_given_sleep() -> None:
    waits: list[float] = []
    with start(settings=Settings(latency=0.08), sleep=waits.append) as sandbox:
        requests.get(f"{sandbox.url}/v5/boards", timeout=30)
        requests.get(f"{sandbox.url}/oauth/", timeout=30)
    assert waits == [0.08]


def faulty(faults: Callable[[HttpRequest, Callable[[], HttpResponse]], HttpResponse]) -> Sandbox:
    return start(settings=Settings(quotas=False), faults=faults)


def test_a_fault_hook_may_respond_instead_of_the_api() -> None:
    asked: list[str | None] = []

    def faults(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        operation = DIALECT.operation_of(call)
        asked.append(operation.id if operation else None)
        return HttpResponse(502, b"<html>", "text/html")

    with faulty(faults) as sandbox, socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as sock:
        line = Line(sock)
        line.send(request(sandbox))
        assert line.read()[0] == 502
        assert sandbox.control.requests() == []
    assert asked == ["user_account/get"]


@pytest.mark.parametrize("sent", [0, 40])
def test_a_fault_hook_may_drop_the_connection_after_the_request_was_applied(sent: int) -> None:
    def faults(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        raise ConnectionDropped(apply(), sent=sent)

    with faulty(faults) as sandbox, socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as sock:
        sock.sendall(post(sandbox, b'{"name":"Done"}', "Content-Length: 15"))
        received = b""
        while data := sock.recv(1000):
            received += data
        assert len(received) == sent
        assert "Done" in [board.name for board in sandbox.world.boards.values()]


def test_a_fault_hook_may_reset_the_connection() -> None:
    def faults(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        raise ConnectionDropped(reset=True)

    with faulty(faults) as sandbox, socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as sock:
        sock.sendall(request(sandbox))
        with pytest.raises(ConnectionResetError):
            sock.recv(100)


@pytest.mark.parametrize("name", ["Sandbox", "Settings", "start"])
def test_a_public_name_at_its_old_module_works_with_a_warning(name: str) -> None:
    with pytest.warns(DeprecationWarning, match=rf"server\.{name} is now pinflow_sandbox\.{name}; pinflow 0\.3 drops"):
        old = getattr(server, name)
    assert old is getattr(pinflow_sandbox, name)
