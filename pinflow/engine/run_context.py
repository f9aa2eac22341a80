"""What one run shares: its time, its listeners, its journal, its files and its threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from pinflow.engine.executors import threads
from pinflow.engine.places.unknown import item_number
from pinflow.engine.run_frame import current_frame
from pinflow.errors import INTERRUPTED, ActionError, Interrupted
from pinflow.events import Note, Waiting
from pinflow.lazy_dataclass import dataclass, field, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from pinflow.clock import Clock
    from pinflow.engine.emitter import Emitter
    from pinflow.engine.file_access import Files
    from pinflow.engine.notices import Notices
    from pinflow.plugin.registry import PluginInfo
    from pinflow.state.protocol import Journal

SLICE = 1.0  # seconds; a person who presses Ctrl-C waits no longer for an answer


class StopFlag(Protocol):
    """Whether the run was told to stop: a ``threading.Event``, or what looks like one."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """The services of one run, for everything that works for it.

    ``journal`` is None in a dry run. ``clock`` is that of :func:`interruptible`, so
    that sleepers wake when the run must stop. ``executor`` makes so many
    workers; they must run in this process. ``notices`` is None where there is no one
    to tell. ``plugins`` are named where one of them fails. ``started`` is when the run
    began (seconds since 1970), the same after a resume: what is sent may depend on it,
    and on no later moment.
    """

    clock: Clock
    emit: Emitter
    journal: Journal | None
    files: Files
    started: float
    secret: bytes = field(default=b"", repr=False)  # of the run: what is kept of texts are digests keyed with it
    rules: int = 2  # by which its items are told apart: 1 for a run that the version before began
    executor: Callable[[int], Executor] = threads
    stop: StopFlag = field(default_factory=threading.Event)
    notices: Notices | None = None
    plugins: Sequence[PluginInfo] = ()

    @property
    def dry_run(self) -> bool:
        return self.journal is None

    def warn(self, text: str, step: str) -> None:
        """Tell the person something that needs attention."""
        self.emit(Note, step=step, text=text, level="warning")

    def wait(self, seconds: float, step: str, reason: str) -> None:
        """Wait, saying why and until when."""
        at_work = current_frame()
        item = at_work.item if at_work.step == step else self._item_of(step)
        self.emit(Waiting, step=step, until=self.clock.now() + seconds, reason=reason, item=item)
        self.clock.sleep(seconds)

    def _item_of(self, step: str) -> str:
        """What people call the item that a step is in, which another process or thread may have begun."""
        number = item_number(self.journal, step) if self.journal is not None else 0
        return f"item {number}" if number else ""

    def check_stop(self) -> None:
        """Raise Interrupted if the run was told to stop."""
        if self.stop.is_set():
            raise _interrupted(self.stop)


def check_call(clock: Clock, stop: StopFlag) -> None:
    """Raise Interrupted if the run was told to stop, ActionError if the step's time is up: no call may leave."""
    if stop.is_set():
        raise _interrupted(stop)
    deadline = current_frame().deadline
    if deadline is not None and clock.monotonic() > deadline.at:
        raise ActionError(deadline.message, hint="give it a longer timeout")


def _interrupted(stop: StopFlag) -> Interrupted:
    """The error of a run that was told to stop. A flag may say with which code the process will end."""
    return Interrupted("the run was told to stop", exit_code=getattr(stop, "exit_code", INTERRUPTED))


def interruptible(clock: Clock, stop: StopFlag) -> Clock:
    """A clock whose sleep ends, with the error of :func:`check_call`, when the run must stop or time is up."""

    def sleep(seconds: float) -> None:
        while seconds > 0:
            check_call(clock, stop)
            clock.sleep(min(seconds, SLICE))
            seconds -= SLICE

    return replace(clock, sleep=sleep)
