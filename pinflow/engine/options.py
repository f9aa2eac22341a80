"""How a run is to be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.lazy_dataclass import dataclass, field
from pinflow.state.records import MAX_WRITES

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pinflow.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a run is to be done."""

    dry_run: bool = False
    sandbox: bool = False
    tier: str = "standard"  # of the app's access to the API; decides the quotas
    patience: float = 120.0  # seconds that a single wait for a quota may take: hourly quotas pause the run, others pass
    approve: Callable[[str], bool] | None = None  # asked before things are deleted, and beyond max_writes; None refuses
    assume_yes: bool = False  # that things may be deleted was said before: nothing is asked, nor read for a question
    max_writes: int | None = MAX_WRITES  # changes that a run makes without asking; None lets all pass
    accept_changes: bool = False  # of the recipe, the inputs and the data since the run began, where nothing is lost
    remake: bool = False  # make anew what was made of items that were edited since
    unattended: bool = False  # there is no one to ask: writes need an approval that is stored
    made: Mapping[str, str] = field(default_factory=dict)  # of a resume: unknown item -> id, as a person found it
    not_made: Sequence[str] = ()  # of a resume: items that a person found not to be there
    answer: Callable[[str], str] | None = None  # asked what became of a write, for an id or "none"; "" leaves it open
    audit_waits: bool = True  # whether the end of a run may wait until nothing that was sent twice can still appear
    report: Sequence[Callable[[Event], None]] = ()
    output: Path | None = None  # where files go whose place the recipe chose; None: out/ where the person is
    executor: str = "threads"  # what works side by side: threads, serial, or what a plugin offers
    stop: threading.Event | None = None  # set it to end the run after the call in flight
