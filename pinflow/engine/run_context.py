"""What a run touches, as it is handed to those who do the work."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Executor

    from pinflow.engine.accounts import Accounts
    from pinflow.engine.durable import Durable
    from pinflow.engine.emitter import Emitter
    from pinflow.engine.file_access import Files
    from pinflow.engine.notices import Notices
    from pinflow.http.client import Client
    from pinflow.http.credentials import CredentialRequest
    from pinflow.state.protocol import Journal


@dataclass(frozen=True, slots=True)
class Deadline:
    """When the time of a step with a ``timeout`` is up (monotonic seconds), and what to say then."""

    at: float
    what: str


STEP: ContextVar[str] = ContextVar("step", default="")  # the path of the step at work
DEADLINE: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Clients by (login, api), time, and threads. ``sleep`` raises when the run must stop or a deadline has passed."""

    clients: Mapping[tuple[str, str], Client]
    accounts: Accounts
    durable: Durable
    journal: Journal | None  # None in a dry run
    emit: Emitter
    executor: Callable[[int], Executor]  # for so many workers
    files: Files
    clock: Callable[[], float]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    stop: threading.Event
    ask: Callable[[str, str | None], CredentialRequest]
    notices: Notices | None = None  # None where nobody is to be told


@contextmanager
def time_limit(seconds: float | None, path: str, monotonic: Callable[[], float]) -> Iterator[None]:
    """Let no call of the step leave once its time is up. Of limits in each other the one that ends first counts."""
    if seconds is None:
        yield
        return
    limit = Deadline(monotonic() + seconds, f"step {path} took longer than {seconds:g} s")
    outer = DEADLINE.get()
    token = DEADLINE.set(limit if outer is None or limit.at < outer.at else outer)
    try:
        yield
    finally:
        DEADLINE.reset(token)
