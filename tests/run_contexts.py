"""The services of a run that a test makes itself, without an app."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinflow.engine.file_access import Files
from pinflow.engine.run_context import RunContext
from pinflow.plan.file_rules import FileRules

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.clock import Clock
    from pinflow.events import Event
    from pinflow.state.folder.written_files import WrittenFiles
    from pinflow.state.protocol import Journal


def silent(kind: type[Event], /, **facts: Any) -> None:
    """Tells no one."""


def files_of(folder: Path, *typed: Path, index: WrittenFiles | None = None) -> Files:
    """The files of a recipe in ``folder``, where the person is too, who named the ``typed`` ones."""
    return Files(FileRules(folder, folder, typed=frozenset(map(str, typed))), index=index, run="r")


def run_context(
    journal: Journal | None, clock: Clock, *, emit: Callable[..., None] = silent, **services: Any
) -> RunContext:
    """Services with threads, and this folder's files unless ``services`` says otherwise."""
    given: dict[str, Any] = {"files": files_of(Path.cwd()), "executor": ThreadPoolExecutor, "emit": emit, **services}
    return RunContext(journal=journal, clock=clock, **{"started": clock.now(), **given})
