"""What a scheduler reports while it works, as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from pinflow.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind: TypeAlias = Literal[
    "started",  # of a run
    "done",
    "failed",
    "paused",
    "left",
    "lost",
    "skipped",  # of a time that passes without a run
    "merged",
    "edited",  # of a job
    "inputs",  # of a job changed
    "read",  # of all recipes, again
    "withdrawn",
    "broken",
    "gone",
    "rests",
    "clock",
]


@dataclass(frozen=True, slots=True)
class ScheduleEvent:
    """One thing that happened. Times are seconds since the epoch."""

    kind: Kind
    job: str = ""
    due: int | None = None
    run: str = ""
    reason: str = ""
    until: float | None = None  # when it goes on
    count: int | None = 1  # of times that it stands for; None: more than were counted
    exit_code: int | None = None
    seconds: float = 0.0  # that a run took, or that the clock jumped
    again: bool = False  # whether the run had begun before
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # of a run's effects, by kind and outcome
    items: tuple[tuple[str, str, str], ...] = ()  # that failed: step, key and error
