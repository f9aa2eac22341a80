"""What the signals that end a program do to a run."""

from __future__ import annotations

import io
import signal
from typing import TYPE_CHECKING

import pytest

from pinflow.cli.shell import Shell
from pinflow.cli.signals import STOPPING, stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")


@pytest.fixture
def under_nohup() -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("under_nohup")
def test_under_nohup_a_run_goes_on_when_its_terminal_is_closed() -> None:
    told: list[str] = []
    with stop_on_signals(told.append) as stop:
        signal.raise_signal(signal.SIGHUP)
        assert not stop.event.is_set()
        signal.raise_signal(signal.SIGTERM)
        assert stop.event.is_set()
    assert told == [STOPPING]
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.usefixtures("under_nohup")
def test_under_nohup_a_daemon_is_told_to_read_again_all_the_same() -> None:
    told: list[str] = []
    answers = iter([True, False])
    with stop_on_signals(told.append, hang_up=lambda: next(answers)) as stop:
        signal.raise_signal(signal.SIGHUP)
        assert not stop.event.is_set()
        signal.raise_signal(signal.SIGHUP)
        assert stop.event.is_set()


class Interrupted(io.FileIO):
    """A file in the middle of whose first write the program is told to stop."""

    told = False

    def write(self, data: object) -> int:
        if not self.told:
            self.told = True
            signal.raise_signal(signal.SIGTERM)
        return super().write(data)  # type: ignore[arg-type]


def test_a_signal_in_the_middle_of_a_line_asks_to_stop_and_breaks_nothing(tmp_path: Path) -> None:
    file = tmp_path / "stderr"
    with io.TextIOWrapper(io.BufferedWriter(Interrupted(file, "w"))) as stderr:
        shell = Shell(io.StringIO(), io.StringIO(), stderr, {})
        with stop_on_signals(shell.notice) as stop:
            shell.tell("a: started")
            assert stop.event.is_set()
    assert file.read_text() == f"{STOPPING}\na: started\n"


def test_a_signal_in_the_middle_of_waiting_for_it_is_heard(tmp_path: Path) -> None:
    with stop_on_signals(lambda text: None) as stop:
        with stop.event._cond:  # type: ignore[attr-defined]  # as while it begins to wait
            signal.raise_signal(signal.SIGTERM)
        assert stop.event.wait(20)
        stop.event.clear()
        assert not stop.event.wait(0)
