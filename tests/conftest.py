"""What holds for every test: nothing of the user's is touched, and nothing leaves this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.app import App
from pinflow.masking.known import forget_secrets
from pinflow.testing import guards
from tests.canary import files_with_secrets, leaks
from tests.cli import Cli
from tests.terminal import acting

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

# what kills, damages and repeats at length, or builds and installs; and of whole runs those that take longest
_SLOW = (
    "benchmarks",
    "core/test_cli_completion.py",
    "core/test_printing.py",
    "docs/test_shown_texts.py",
    "docs/test_site_build.py",
    "docs/test_site_facts.py",
    "faults",
    "packaging",
    "plugins/test_doctor.py",
    "plugins/test_next_steps.py",
    "plugins/test_run_ends.py",
    "plugins/test_sandbox_conformance.py",
    "plugins/test_tables_of_pins.py",
    "plugins/test_terminal_safety.py",
    "plugins/test_v3_and_v5.py",
    "plugins/test_v5_copy_board.py",
    "plugins/test_v5_if_exists.py",
    "plugins/test_v5_mirror.py",
    "recipes",
    "scheduling/test_commands.py",
    "scheduling/test_daemon.py",
    "scheduling/test_scheduler.py",
)
_WORKERS = 8  # more would wait for the disk


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="the slow tests as well; -m slow: these alone")


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One worker for each processor if all tests are run; none for files that are named, where they only cost time."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS or config.option.usepdb:
        return 0
    config.option.dist = "loadgroup"
    return min(_WORKERS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out slow tests, unless they are asked for or their file is named."""
    for item in items:
        if any(item.path.is_relative_to(Path(__file__).parent / part) for part in _SLOW):
            item.add_marker(pytest.mark.slow)
    named = config.args_source is not pytest.Config.ArgsSource.TESTPATHS
    if named or config.option.slow or config.option.markexpr:
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if not item.get_closest_marker("slow")]


def pytest_report_header(config: pytest.Config) -> str | None:
    if config.option.slow or config.option.markexpr:
        return None
    return (
        "slow tests are left out; pytest --slow runs them too, pytest -m slow them alone, and a path all that is in it"
    )


_SETTINGS = ("PINFLOW_", "PINTEREST_", "ACCESS_TOKEN", "XDG_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_KEPT = ("PINFLOW_OPENAPI",)  # where the vendor's description of the API is


@pytest.fixture(scope="session", autouse=True)
def _away_from_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """None of the user's settings, and an empty home in place of theirs."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    with guards.other_home(tmp_path_factory.mktemp("home"), os.environ, _SETTINGS):
        os.environ.update(kept)
        yield


@pytest.fixture(scope="session", autouse=True)
def _at_home_in_utc() -> Iterator[None]:
    """Local time is UTC's, wherever this machine is."""
    before = os.environ.get("TZ")
    _move("UTC")
    yield
    _move(before)


@pytest.fixture(scope="session", autouse=True)
def _signals_count() -> None:
    """A suite that was started in the background ignores some, and so would every program that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: None)  # the suite goes on; what it starts does not ignore it


@pytest.fixture(autouse=True)
def _secrets_of_one_test() -> Iterator[None]:
    """What is a secret to one test may be plain text to the next."""
    yield
    forget_secrets()


@pytest.fixture
def local_zone() -> Iterator[Callable[[str], None]]:
    """Sets the zone of local time, for this test and the processes it starts: ``local_zone("Europe/Berlin")``."""
    yield _move
    _move("UTC")


def _move(zone: str | None) -> None:
    if zone is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = zone
    if hasattr(time, "tzset"):  # the C library reads the variable once and not again until told to
        time.tzset()


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """State and caches of the test's own."""
    own = tmp_path_factory.mktemp("pinflow")
    monkeypatch.setenv("PINFLOW_STATE_DIR", str(own / "state"))
    monkeypatch.setenv("PINFLOW_CACHE_DIR", str(own / "cache"))


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The program: ``cli("run", "copy_board")`` is its exit code, and then ``cli.stdout`` and ``cli.stderr``."""
    return Cli(tmp_path)


@pytest.fixture(scope="session")
def installed() -> App:
    """Every installed plugin, loaded once for all tests."""
    return App.installed(os.environ)


@pytest.fixture(scope="session", autouse=True)
def _on_loopback_only() -> Iterator[None]:
    """A connection to another machine fails the test, and no name server is asked for anything."""
    with guards.loopback_only(pytest.fail):
        yield


class Printed:
    """What the processes that the current test started printed, where it was read through a pipe."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, output: bytes | str | None) -> None:
        if output:
            self.texts.append(output.decode(errors="replace") if isinstance(output, bytes) else output)


_PRINTED = Printed()


@pytest.fixture(scope="session", autouse=True)
def _children_are_heard() -> Iterator[None]:
    """Whatever a test reads of a process that it started is searched as its own output is."""
    communicate = subprocess.Popen.communicate

    def heard(self: subprocess.Popen[Any], *arguments: Any, **options: Any) -> Any:
        outputs = communicate(self, *arguments, **options)
        for output in outputs:
            _PRINTED.add(output)
        return outputs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "communicate", heard)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test fails if what was printed holds a secret, or anything that acts on a terminal.

    One that does so on purpose says it, with the marker ``prints_tokens`` or ``prints_controls``.
    """
    report = yield
    if report.when == "teardown":
        texts = [*(text for _, text in report.sections), *_PRINTED.texts]
        _PRINTED.texts.clear()
        for marker, what, found in (
            (
                "prints_tokens",
                "a secret was printed",
                [line for text in texts for line in leaks(text.encode(errors="replace"))],
            ),
            (
                "prints_controls",
                "something was printed that acts on a terminal",
                [line for text in texts for line in acting(text)],
            ),
        ):
            if found and item.get_closest_marker(marker) is None:
                report.outcome = "failed"
                report.longrepr = f"{what}:\n" + "\n".join(found)
    return report


@pytest.fixture(scope="session", autouse=True)
def _no_secret_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No file that the tests wrote holds a secret, but for token files."""
    yield
    left = files_with_secrets(tmp_path_factory.getbasetemp())
    if left:
        pytest.fail("secrets in files:\n" + "\n".join(left), pytrace=False)
