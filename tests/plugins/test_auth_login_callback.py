"""The address that a browser comes back to: one answer counts, and nothing else costs anything."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from pinflow import CredentialError, UsageError
from pinflow_auth.callback import Bounds, Callback, ConsentDenied

if TYPE_CHECKING:
    from collections.abc import Iterator

STATE = "the-state-of-this-login"
LIMITS = Bounds(head_seconds=0.3)


@pytest.fixture
def port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def callback(port: int) -> Iterator[Callback]:
    with Callback(f"http://localhost:{port}/", STATE, bounds=LIMITS) as listening:
        yield listening


def knock(port: int, request: bytes, address: str = "127.0.0.1") -> bytes:
    """Everything that comes back for these bytes."""
    with socket.create_connection((address, port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    return answer


def get(
    target: str, port: int, *, host: str = "localhost:{port}", address: str = "127.0.0.1", method: str = "GET"
) -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: {host.format(port=port)}\r\n\r\n"
    return knock(port, head.encode(), address)


def right(code: str = "a-code") -> str:
    return f"/?state={STATE}&code={code}"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_answer_is_caught_on_both_loopback_addresses(callback: Callback, address: str) -> None:
    answer = get(right("code-1"), callback.port, address=address)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and b"Access was given" in answer
    assert callback.wait(10) == "code-1"


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "LOCALHOST:{port}"])
def test_the_answer_may_name_this_machine_in_either_way(callback: Callback, host: str) -> None:
    get(right(), callback.port, host=host)
    assert callback.wait(10) == "a-code"


def test_the_page_is_never_cached_and_tells_no_site_where_it_was(callback: Callback) -> None:
    head, _, body = get(right("code-1"), callback.port).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    for line in ("Cache-Control: no-store", "Referrer-Policy: no-referrer", "X-Content-Type-Options: nosniff"):
        assert line in lines
    assert any(line.startswith("Content-Security-Policy: default-src 'none'") for line in lines)
    assert b"code-1" not in body and STATE.encode() not in body and b"http" not in body.replace(b"<!DOCTYPE html>", b"")


def test_the_browser_is_sent_on_with_a_redirect_that_nothing_remembers(port: int) -> None:
    with Callback(f"http://localhost:{port}/", STATE, landing="https://example.com/done") as callback:
        answer = get(right(), port)
        assert callback.wait(10) == "a-code"
    assert answer.startswith(b"HTTP/1.1 303 See Other\r\n")
    assert b"\r\nLocation: https://example.com/done\r\n" in answer and b"\r\nCache-Control: no-store\r\n" in answer


STRAYS = {
    "the icon of the page": ("GET", "/favicon.ico", "localhost:{port}"),
    "no query": ("GET", "/", "localhost:{port}"),
    "no code": ("GET", f"/?state={STATE}", "localhost:{port}"),
    "an empty code": ("GET", f"/?state={STATE}&code=", "localhost:{port}"),
    "two codes": ("GET", f"/?state={STATE}&code=a&code=b", "localhost:{port}"),
    "a code with a line break": ("GET", f"/?state={STATE}&code=a%0d%0ab", "localhost:{port}"),
    "no state": ("GET", "/?code=stolen", "localhost:{port}"),
    "a wrong state": ("GET", f"/?state={STATE}x&code=stolen", "localhost:{port}"),
    "two states": ("GET", f"/?state={STATE}&state=x&code=stolen", "localhost:{port}"),
    "a state that is no text": ("GET", "/?state=%ff%fe&code=stolen", "localhost:{port}"),
    "a refusal of nobody": ("GET", "/?error=access_denied", "localhost:{port}"),
    "a refusal with a wrong state": ("GET", "/?error=access_denied&state=x", "localhost:{port}"),
    "another path": ("GET", f"/other?state={STATE}&code=c", "localhost:{port}"),
    "another host": ("GET", right(), "evil.example:{port}"),
    "another port": ("GET", right(), "localhost:1"),
    "no port": ("GET", right(), "localhost"),
    "a host that begins like ours": ("GET", right(), "localhost:{port}.evil.example"),
    "another method": ("POST", right(), "localhost:{port}"),
    "only its head": ("HEAD", right(), "localhost:{port}"),
    "an absolute address": ("GET", f"http://localhost{right()}", "localhost:{port}"),
}


@pytest.mark.parametrize("stray", STRAYS)
def test_stray_requests_get_a_404_and_the_answer_still_counts(callback: Callback, stray: str) -> None:
    method, target, host = STRAYS[stray]
    assert get(target, callback.port, method=method, host=host).startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert callback.strays == 1
    get(right("the-right-one"), callback.port)
    assert callback.wait(10) == "the-right-one"


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost:%d\r\nHost: localhost:%d\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
    ],
    ids=["no host", "two hosts", "TLS", "a head without end", "nothing"],
)
def test_malformed_requests_get_no_page(callback: Callback, head: bytes) -> None:
    request = head.replace(b"?", f"?state={STATE}&code=c".encode()).replace(b"%d", str(callback.port).encode())
    try:
        assert knock(callback.port, request).startswith(b"HTTP/1.1 404")
    except ConnectionError:
        assert len(head) > LIMITS.head_bytes, "only what was not read to its end is cut off"
    with pytest.raises(CredentialError):
        callback.wait(0)


def test_the_first_right_answer_wins(callback: Callback) -> None:
    get(right("first"), callback.port)
    assert get(right("second"), callback.port).startswith(b"HTTP/1.1 404")
    assert callback.wait(10) == "first"


def test_two_hundred_idle_connections_do_not_hold_up_the_answer(callback: Callback) -> None:
    threads = threading.active_count()
    with ExitStack() as stack:
        for number in range(200):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", callback.port), timeout=10))
            if number % 2:
                idle.sendall(b"GET /?state=")
        get(right(), callback.port)
        assert callback.wait(10) == "a-code"
        assert threading.active_count() - threads <= LIMITS.connections + 8, "what is too many was hung up on"


def test_a_request_that_trickles_is_hung_up_on(callback: Callback) -> None:
    with socket.create_connection(("127.0.0.1", callback.port), timeout=10) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\n")
        assert slow.recv(100) == b""


def test_a_browser_that_leaves_before_the_page_has_brought_its_answer_all_the_same(callback: Callback) -> None:
    with socket.create_connection(("127.0.0.1", callback.port), timeout=10) as gone:
        gone.sendall(f"GET {right()} HTTP/1.1\r\nHost: localhost:{callback.port}\r\n\r\n".encode())
    assert callback.wait(10) == "a-code"


def test_a_refusal_ends_the_waiting(callback: Callback) -> None:
    answer = get(f"/?error=access_denied&state={STATE}", callback.port)
    assert b"Access was not given" in answer
    with pytest.raises(ConsentDenied, match="access was denied on the consent page"):
        callback.wait(10)


def test_a_consent_error_is_shown_in_the_services_words_without_control_characters(callback: Callback) -> None:
    get(f"/?error=invalid_scope&error_description=no%1b[31msuch%0ascope&state={STATE}", callback.port)
    with pytest.raises(ConsentDenied) as caught:
        callback.wait(10)
    assert caught.value.message == "the service gave no access: invalid_scope no[31msuch scope"


def test_when_nobody_answers_the_waiting_ends_and_says_what_came(callback: Callback) -> None:
    get("/?state=x&code=y", callback.port)
    with pytest.raises(CredentialError) as caught:
        callback.wait(0)
    assert caught.value.message == (
        "the consent page was not answered in time (1 request came to this address, but not from this sign-in)"
    )


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_that_is_taken_on_either_address_stops_before_anything_opens(port: int, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with (
        closing(socket.create_server((address, port), family=family)),
        pytest.raises(UsageError) as caught,
        Callback(f"http://localhost:{port}/", STATE),
    ):
        pytest.fail("it listens although another program does")
    assert caught.value.message == f"port {port} of {address} can't be used for the answer: another program uses it"
    assert "--port" in caught.value.hint and "registered redirect URIs" in caught.value.hint
    with closing(socket.create_server(("127.0.0.1", port))):
        pass  # the other address was let go


def test_the_port_is_free_again_afterwards(port: int) -> None:
    for _ in range(3):
        with Callback(f"http://localhost:{port}/", STATE) as callback:
            get(right(), port)
            assert callback.wait(10) == "a-code"


@pytest.mark.parametrize("uri", ["https://localhost:8085/", "http://example.com/", "http://localhost:8085/?x=1"])
def test_a_redirect_uri_that_does_not_lead_here_is_refused(uri: str) -> None:
    with pytest.raises(UsageError, match="is not on this machine"):
        Callback(uri, STATE)
