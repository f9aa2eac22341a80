"""What a scheduler tells while it works, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

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
    seconds: float = 0.0  # by how much the clock jumped
    again: bool = False  # a run goes on that had begun before
