"""What the signals that end a program do to a run."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from pinflow.cli.signals import STOPPING, stoppable

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")


@pytest.fixture
def under_nohup() -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("under_nohup")
def test_under_nohup_a_run_goes_on_when_its_terminal_is_closed() -> None:
    told: list[str] = []
    with stoppable(told.append) as stop:
        signal.raise_signal(signal.SIGHUP)
        assert not stop.asked.is_set()
        signal.raise_signal(signal.SIGTERM)
        assert stop.asked.is_set()
    assert told == [STOPPING]
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.usefixtures("under_nohup")
def test_under_nohup_a_daemon_is_told_to_read_again_all_the_same() -> None:
    told: list[str] = []
    answers = iter([True, False])
    with stoppable(told.append, hang_up=lambda: next(answers)) as stop:
        signal.raise_signal(signal.SIGHUP)
        assert not stop.asked.is_set()
        signal.raise_signal(signal.SIGHUP)
        assert stop.asked.is_set()
