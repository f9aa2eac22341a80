"""What holds for every test: nothing of the user's is touched, and nothing leaves this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pinflow.testing import guards
from tests.canary import files_with_secrets, leaks

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_SETTINGS = ("PINFLOW_", "PINTEREST_", "ACCESS_TOKEN", "XDG_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_KEPT = ("PINFLOW_OPENAPI",)  # where the vendor's description of the API is


@pytest.fixture(scope="session", autouse=True)
def _away_from_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """None of the user's settings, and an empty home in place of theirs."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    with guards.other_home(tmp_path_factory.mktemp("home"), os.environ, _SETTINGS):
        os.environ.update(kept)
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
    with guards.loopback_only(pytest.fail):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test whose output holds a secret fails."""
    report = yield
    if report.when == "teardown":
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
