"""What holds for every test: nothing of the user's is touched, and nothing leaves this machine."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.canary import files_with_secrets, leaks

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_SETTINGS = ("PINFLOW_", "PINTEREST_", "ACCESS_TOKEN", "XDG_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_KEPT = ("PINFLOW_OPENAPI",)  # where the vendor's description of the API is


@pytest.fixture(scope="session", autouse=True)
def _away_from_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """None of the user's settings, and an empty home in place of theirs."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.upper().startswith(_SETTINGS) and name not in _KEPT:
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("USERPROFILE", str(home))
        yield


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """State and caches of the test's own."""
    own = tmp_path_factory.mktemp("pinflow")
    monkeypatch.setenv("PINFLOW_STATE_DIR", str(own / "state"))
    monkeypatch.setenv("PINFLOW_CACHE_DIR", str(own / "cache"))


@pytest.fixture(scope="session", autouse=True)
def _on_loopback_only() -> Iterator[None]:
    """A connection to another machine fails the test, and no name server is asked for anything."""
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _check(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _check(self, address)
        return connect_ex(self, address)

    def guarded_look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name and name != "localhost" and not _is_address(name):
            raise socket.gaierror(socket.EAI_NONAME, f"tests know no host {name!r}")
        return look_up(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield


def _check(connection: socket.socket, address: Any) -> None:
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = str(address[0])
    if host != "localhost" and not (_is_address(host) and ipaddress.ip_address(host).is_loopback):
        pytest.fail(f"this test connects to {host}:{address[1]}, which is another machine")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test whose output holds a secret fails, unless it is marked as printing one on purpose."""
    report = yield
    if report.when == "teardown" and item.get_closest_marker("prints_tokens") is None:
        printed = [line for _, text in report.sections for line in leaks(text.encode(errors="replace"))]
        if printed:
            report.outcome = "failed"
            report.longrepr = "a secret was printed:\n" + "\n".join(printed)
    return report


@pytest.fixture(scope="session", autouse=True)
def _no_secret_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No file that the tests wrote holds a secret, but for token files."""
    yield
    left = files_with_secrets(tmp_path_factory.getbasetemp())
    if left:
        pytest.fail("secrets in files:\n" + "\n".join(left), pytrace=False)
