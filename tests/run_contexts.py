"""The services of a run that a test makes itself, without an app."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.engine.file_access import Files
from pinflow.engine.run_context import RunContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.clock import Clock
    from pinflow.events import Event
    from pinflow.state.protocol import Journal


def silent(kind: type[Event], /, **facts: Any) -> None:
    """Tells no one."""


def run_context(
    journal: Journal | None, clock: Clock, *, emit: Callable[..., None] = silent, **services: Any
) -> RunContext:
    """Services with threads, and this folder's files unless ``services`` says otherwise."""
    given: dict[str, Any] = {"files": Files(Path()), "executor": ThreadPoolExecutor, "emit": emit, **services}
    return RunContext(journal=journal, clock=clock, **{"started": clock.now(), **given})
