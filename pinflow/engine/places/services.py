"""What all places of a run share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.engine.plugin_defect import plugin_defect
from pinflow.engine.results import ends_run
from pinflow.engine.service_times import SETTLE
from pinflow.engine.traffic import Traffic
from pinflow.errors import InDoubt, PinflowError
from pinflow.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.engine.places.likeness import Learning
    from pinflow.engine.run_context import RunContext
    from pinflow.state.protocol import Journal, PlaceIndex, Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceServices:
    """What all places of a run share."""

    run: RunContext
    journal: Journal
    index: PlaceIndex
    runs: Runs | None  # the other runs of the state
    settle: float = SETTLE
    traffic: Traffic = field(default_factory=Traffic)
    key: bytes = b""  # of the digests of likenesses
    answer: Callable[[str], str] | None = None  # asks a person what became of a write: an id, "none", or ""
    was_told: bool = False  # whether an earlier process of the run ended with telling what is unknown or too much
    audit_waits: bool = True  # whether an audit may wait until nothing more can appear
    learnings: dict[str, Learning] = field(default_factory=dict)  # by the kind of place

    @property
    def now(self) -> float:
        """Monotonic seconds."""
        return self.run.clock.monotonic()

    def wait(self, seconds: float, step: str, reason: str) -> None:
        """Wait, saying why. Raises Interrupted if the run must stop."""
        if seconds > 0:
            self.run.wait(seconds, step, reason)
        self.run.check_stop()

    def failed_look(self, error: BaseException, label: str) -> InDoubt | None:
        """What an error of a look at a place is while a write is open there: its outcome stays unknown.

        None where the error ends the run in its own way, or is a defect of pinflow.
        """
        failure = error if isinstance(error, PinflowError) else plugin_defect(error, self.run.plugins)
        if failure is None or ends_run(failure):
            return None
        return InDoubt(
            f"what became of a write to {label} is unknown, and it could not be looked at: {failure.message}",
            hint="once that works again, resume the run: it looks before it sends anything",
        )
