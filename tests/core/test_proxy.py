"""A proxy and certificates of one's own: what the environment may ask for, and that it is done over real sockets."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from base64 import b64encode
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from pinflow import Api, Credential, RemoteError
from pinflow.clock import Clock
from pinflow.errors import Unreachable, UsageError
from pinflow.http.client import Client, ClientServices
from pinflow.http.proxy import NetworkSettings, network_settings
from pinflow.http.rate_limiter import RateLimiter
from pinflow.http.retry import Limits, Lost
from pinflow.http.transport import Transport
from pinflow.state.folder.usage import MemoryUsage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOST = "api.service.test"  # which no name server knows: only the proxy finds the way there
LIMITS = Limits(deadline=20, connect=10, read=10, attempts=1)


class Listener:
    """Takes connections on loopback, each in a thread of its own, until it is closed."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._serve = serve
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            self._serve(connection)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def head(connection: socket.socket) -> str:
    """What a connection says, up to the end of its first head."""
    said = b""
    while b"\r\n\r\n" not in said and (piece := connection.recv(1024)):
        said += piece
    return said.decode()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate of HOST, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    made = (folder / "cert.pem", folder / "key.pem")
    subject = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(made[1])]
    words = [openssl, "req", "-x509", *key, *subject, "-days", "2", "-out", str(made[0])]
    subprocess.run(words, check=True, capture_output=True)
    return made


@contextmanager
def service(certificate: tuple[Path, Path], heard: list[str]) -> Iterator[int]:
    """An HTTPS service; the port it is at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as safe:
            heard.append(head(safe))
            safe.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n{"a": "yes"}')

    with closing(Listener(serve)) as listener:
        yield listener.port


@contextmanager
def proxy(port: int, heard: list[str], *, answer: bytes = b"HTTP/1.1 200 Connected\r\n\r\n") -> Iterator[int]:
    """A proxy that leads every CONNECT to ``port`` on loopback; the port it is at."""

    def pour(source: socket.socket, into: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65_536):
                into.sendall(piece)
            into.shutdown(socket.SHUT_WR)

    def serve(connection: socket.socket) -> None:
        heard.append(head(connection))
        connection.sendall(answer)
        if b" 200 " in answer:
            with socket.create_connection(("127.0.0.1", port)) as onward:
                back = threading.Thread(target=pour, args=(onward, connection))
                back.start()
                pour(connection, onward)
                back.join()

    with closing(Listener(serve)) as listener:
        yield listener.port


def settings(proxy_port: int, certificate: tuple[Path, Path], user: str = "") -> NetworkSettings:
    environ = {
        "PINFLOW_PROXY": f"http://{user}127.0.0.1:{proxy_port}",
        "PINFLOW_CA_BUNDLE": str(certificate[0]),
    }
    return network_settings(environ)


def get(network: NetworkSettings, host: str = HOST, port: int = 443) -> Any:
    with closing(Transport(network=network)) as transport:
        return transport.send(
            "GET",
            f"https://{host}:{port}/v5/boards",
            sign=lambda request: request.headers.update({"Authorization": "Bearer for-the-service"}),
            limits=LIMITS,
        )


def test_through_a_proxy_the_service_alone_is_told_the_token(certificate: tuple[Path, Path]) -> None:
    asked: list[str] = []
    led: list[str] = []
    with service(certificate, asked) as port, proxy(port, led) as proxy_port:
        environ = {
            "PINFLOW_PROXY": f"http://me:pass%20word@127.0.0.1:{proxy_port}",  # made-up secret
            "PINFLOW_CA_BUNDLE": str(certificate[0]),
        }
        answer = get(network_settings(environ))
    assert (answer.status, answer.body) == (200, b'{"a": "yes"}')
    assert led[0].startswith(f"CONNECT {HOST}:443 HTTP/1.")
    proof = b64encode(b"me:pass word").decode()
    assert f"Proxy-Authorization: Basic {proof}" in led[0]
    assert "for-the-service" not in led[0]
    assert "Authorization: Bearer for-the-service" in asked[0]
    assert proof not in asked[0]


def test_a_certificate_that_nobody_knows_is_refused_unless_it_is_named(certificate: tuple[Path, Path]) -> None:
    asked: list[str] = []
    led: list[str] = []
    with service(certificate, asked) as port, proxy(port, led) as proxy_port:
        with pytest.raises(Lost) as lost:
            get(network_settings({"PINFLOW_PROXY": f"http://127.0.0.1:{proxy_port}"}))
        assert get(
            network_settings(
                {"PINFLOW_PROXY": f"http://127.0.0.1:{proxy_port}", "PINFLOW_CA_BUNDLE": str(certificate[0])}
            )
        )
    assert lost.value.phase == "nothing_sent"
    assert "the certificate is not trusted" in lost.value.reason
    assert lost.value.final
    assert lost.value.hint.endswith("PINFLOW_CA_BUNDLE=/path/to/ca.pem")
    assert len(asked) == 1


def never(seconds: float) -> None:
    raise AssertionError("nothing is waited for")


def client_of(transport: Transport, origin: str) -> Client:
    """A client that tries as often as any, and must not wait before the next try."""
    api = Api(
        id="v5",
        service="example",
        title="Example",
        origin=origin,
        prefix="",
        origin_variable="EXAMPLE",
        operation=lambda method, path: None,
        read_error=lambda status, headers, body: RemoteError("no", status=status),
    )
    clock = Clock(sleep=never)
    return Client(
        api,
        Credential("secret", name="t", source="a test", origin=origin),
        base_url=origin,
        login="me",
        limiter=RateLimiter({}, MemoryUsage(clock.monotonic), clock),
        services=ClientServices(transport=transport, clock=clock, random=lambda: 0.0),
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_certificate_that_is_not_trusted_is_told_at_once_with_what_to_do(
    certificate: tuple[Path, Path], tmp_path: Path, method: str
) -> None:
    """Nothing was sent: a write was certainly not applied."""
    other = tmp_path / "other.pem"
    other.write_text(Path(DEFAULT_CA_BUNDLE_PATH).read_text())
    asked: list[str] = []
    with service(certificate, asked) as port, proxy(port, []) as proxy_port:
        for environ, said in (
            (
                {},
                "if your network inspects TLS, name the file (PEM) of its certificate: PINFLOW_CA_BUNDLE=",
            ),
            ({"PINFLOW_CA_BUNDLE": str(other)}, f"the certificates of PINFLOW_CA_BUNDLE ({other}) do not include"),
        ):
            network = network_settings({"PINFLOW_PROXY": f"http://127.0.0.1:{proxy_port}", **environ})
            with closing(Transport(network=network)) as transport, pytest.raises(Unreachable) as told:
                client_of(transport, f"https://{HOST}").request(method, "/boards")
            assert "the certificate is not trusted" in told.value.message
            assert told.value.message.endswith("; nothing was sent")
            assert told.value.hint.startswith(said)
            assert not told.value.retryable
    assert asked == []


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_that_other_programs_trust_are_trusted_too(certificate: tuple[Path, Path], name: str) -> None:
    """Beside the usual ones, as those of PINFLOW_CA_BUNDLE are; that comes first."""
    asked: list[str] = []
    with service(certificate, asked) as port, proxy(port, []) as proxy_port:
        environ = {"PINFLOW_PROXY": f"http://127.0.0.1:{proxy_port}", name: f" {certificate[0]} "}
        network = network_settings(environ)
        assert get(network).status == 200
        assert network.ca_variable == name
    assert len(asked) == 1
    first = network_settings({name: "/nowhere", "PINFLOW_CA_BUNDLE": str(certificate[0])})
    assert (first.ca_bundle, first.ca_variable) == (str(certificate[0]), "PINFLOW_CA_BUNDLE")


def test_a_folder_of_certificates_is_trusted_as_other_programs_do(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    openssl = shutil.which("openssl")
    assert openssl is not None, "the fixture needed it too"
    digest = subprocess.run(
        [openssl, "x509", "-hash", "-noout", "-in", certificate[0]], capture_output=True, text=True, check=True
    ).stdout.strip()
    folder = tmp_path / "certificates"
    folder.mkdir()
    shutil.copy(certificate[0], folder / f"{digest}.0")
    with service(certificate, []) as port, proxy(port, []) as proxy_port:
        environ = {"PINFLOW_PROXY": f"http://127.0.0.1:{proxy_port}", "REQUESTS_CA_BUNDLE": str(folder)}
        assert get(network_settings(environ)).status == 200


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            None,
            "({path}) can't be used: no such file or directory; name the file (PEM) of your network's certificate: ",
        ),
        ("no pem", "({path}) can't be used: it contains no certificates in PEM form; name the file (PEM)"),
        ("others", "the certificates of SSL_CERT_FILE ({path}) do not include the one that signed it; name the file"),
    ],
)
def test_those_of_other_programs_that_do_not_help_are_named_with_what_to_do(
    certificate: tuple[Path, Path], tmp_path: Path, content: str | None, said: str
) -> None:
    """They are no mistake by themselves: what worked without them works on."""
    path = tmp_path / "other.pem"
    if content is not None:
        path.write_text(Path(DEFAULT_CA_BUNDLE_PATH).read_text() if content == "others" else content)
    with service(certificate, []) as port, proxy(port, []) as proxy_port, pytest.raises(Lost) as lost:
        get(network_settings({"PINFLOW_PROXY": f"http://127.0.0.1:{proxy_port}", "SSL_CERT_FILE": str(path)}))
    assert "the certificate is not trusted" in lost.value.reason
    assert said.format(path=path) in lost.value.hint
    assert lost.value.hint.endswith("PINFLOW_CA_BUNDLE=/path/to/ca.pem")


@pytest.mark.parametrize("status", [b"407 Proxy Authentication Required", b"502 Bad Gateway"])
def test_a_proxy_that_refuses_is_named_and_nothing_was_sent(status: bytes) -> None:
    led: list[str] = []
    answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"
    with proxy(0, led, answer=answer) as proxy_port, pytest.raises(Lost) as lost:
        get(network_settings({"PINFLOW_PROXY": f"http://me:secret-word@127.0.0.1:{proxy_port}"}))
    assert lost.value.phase == "nothing_sent"
    assert (
        lost.value.reason == f"the proxy refused with HTTP {status[:3].decode()} (through the proxy of PINFLOW_PROXY)"
    )
    assert lost.value.final == (b"407" in status)
    assert "secret-word" not in repr(lost.value) + str(lost.value)


def test_without_a_proxy_the_variable_that_is_ignored_is_named() -> None:
    with pytest.raises(Lost) as lost:
        get(network_settings({"HTTPS_PROXY": "http://proxy.example:3128"}), "api.service.invalid")
    assert lost.value.reason.endswith(" (HTTPS_PROXY is ignored; set PINFLOW_PROXY)")


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("proxy.example:3128", "must be the http:// address of a proxy, with its port"),
        ("http://proxy.example", "must be the http:// address of a proxy, with its port"),
        ("https://proxy.example:3128", "must be the http:// address of a proxy, with its port"),
        ("socks5://proxy.example:1080", "must be the http:// address of a proxy, with its port"),
        ("http://proxy.example:3128/path", "must be the http:// address of a proxy, with its port"),
        ("http://proxy.example:99999", "is not an address"),
        ("http://us er:secret-word@proxy.example:3128", "contains characters that are invalid in an address"),
    ],
)
def test_an_address_that_is_not_a_proxy_is_refused_and_not_shown(proxy: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"PINFLOW_PROXY {said}") as caught:
        network_settings({"PINFLOW_PROXY": proxy})
    assert "secret-word" not in f"{caught.value} {caught.value.hint}"


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing\n")
    for name, said in (
        ("empty.pem", "it contains no certificates"),
        ("none.pem", "is not a file"),
        (".", "is not a file"),
    ):
        with pytest.raises(UsageError, match=f"PINFLOW_CA_BUNDLE: .*{said}"):
            network_settings({"PINFLOW_CA_BUNDLE": str(tmp_path / name)})


def test_network_settings_do_not_show_the_password() -> None:
    network = network_settings(
        {"PINFLOW_PROXY": "http://me:secret-word@proxy.example:3128", "HTTPS_PROXY": "http://other:1"}
    )
    assert "secret-word" not in repr(network)
    assert network == NetworkSettings("http://me:secret-word@proxy.example:3128", "", "")
