"""What a scheduler tells while it works, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind: TypeAlias = Literal[
    "started",  # a run
    "done",
    "failed",
    "paused",
    "left",
    "lost",
    "skipped",  # a time that passes without one
    "merged",
    "edited",  # a job
    "inputs",  # are others now
    "read",  # all recipes, again
    "withdrawn",
    "broken",
    "gone",
    "rests",
    "clock",
]


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that happened. Times are seconds since the epoch."""

    kind: Kind
    job: str = ""
    due: int | None = None
    run: str = ""
    reason: str = ""
    until: float | None = None  # when it goes on
    count: int | None = 1  # how many times it stands for; None: more than were counted
    exit_code: int | None = None
    seconds: float = 0.0  # that a run took, or by which the clock jumped
    again: bool = False  # a run goes on that had begun before
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # what a run's effects came to
    items: tuple[tuple[str, str, str], ...] = ()  # step, key and error of what failed in it
