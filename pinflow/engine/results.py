"""How steps, accounts and runs ended, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow.errors import (
    APPROVAL,
    CREDENTIAL,
    DOUBT,
    FAILED,
    INTERRUPTED,
    OK,
    PAUSED,
    TERMINATED,
    USAGE,
    PinflowError,
    renamed_property,
)
from pinflow.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow.events import Status

NOTHING_MADE = "nothing was made yet: mend its cause, then run it again"  # the next step where a run made nothing

_STATUSES: Mapping[int, Status] = {
    PAUSED: "paused",
    CREDENTIAL: "paused",
    APPROVAL: "paused",
    DOUBT: "in_doubt",
    INTERRUPTED: "cancelled",
    TERMINATED: "cancelled",
}


def status_of(error: PinflowError) -> Status:
    """What an error makes of a run, and of the step that it ended: what waits for something did not fail."""
    return _STATUSES.get(error.exit_code, "failed")


def ends_run(error: PinflowError) -> bool:
    """Whether an error ends the whole run: it paused, was stopped, or an outcome is unknown. A failure does not."""
    return error.exit_code not in (FAILED, USAGE)


@dataclass(frozen=True, slots=True)
class StepResult:
    """How a step of the outermost level ended. ``output`` is None for one that gave none."""

    path: str
    status: Status
    output: Any = None
    error: PinflowError | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountResult:
    """How the item of one account in a loop ended.

    ``account`` is the name of its token; ``loop`` and ``key`` tell the item. ``status``
    is ok, skipped (no step ran), failed, paused, in_doubt, or already: done by an
    earlier process of the run. ``counts`` is kind -> outcome -> how many, ``calls``
    quota category -> how many, ``facts`` what the loop collects.
    """

    account: str
    loop: str
    key: str
    status: str
    error: PinflowError | None = None
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    calls: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """As an event tells it."""
        return {
            "account": self.account,
            "status": self.status,
            "error": self.error.message if self.error is not None else "",
            "counts": self.counts,
            "calls": self.calls,
            "facts": self.facts,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a dry run says of the real one: calls by login and quota category, and how long they take.

    ``seconds`` counts the quotas and what is used of them already; ``finish`` is when
    it would be done if it began now, in seconds since the epoch. ``refusals`` say what
    the service is known to refuse.
    """

    calls: Mapping[str, Mapping[str, int]]
    seconds: float
    finish: float = 0.0
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended: ``status`` is ok, failed, planned, paused, in_doubt or cancelled.

    ``counts``, ``calls`` and ``outputs`` are those of all processes of the run; ``skipped``, ``failed`` and ``seconds``
    those of this one. An outcome of ``counts`` is done, adopted, planned, refused (in a dry
    run: the service would refuse it), skipped, failed or unknown.
    """

    run: str
    status: str
    steps: tuple[StepResult, ...]
    outputs: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # kind -> outcome -> how many
    calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # login -> category -> how many
    skipped: tuple[tuple[str, str, str], ...] = ()  # step, key, reason; the first hundred
    failed: tuple[tuple[str, str, str], ...] = ()  # step, key, error; the first hundred
    next_steps: tuple[str, ...] = ()  # what a person can do about a run that has not done all
    warnings: tuple[str, ...] = ()  # what people should know of it besides; the first hundred
    not_checked: tuple[tuple[str, str, int], ...] = ()  # kind, why nothing reads it back, how many: of the whole run
    seconds: float = 0.0
    remaining: Mapping[str, int] = field(default_factory=dict)  # what is still to be done, where known: {"pins": 212}
    error: PinflowError | None = None
    forecast: Forecast | None = None
    deletions: tuple[str, ...] = ()  # after a dry run: what the real one would delete, as people call it
    sandbox: bool = False
    resume_after: float | None = None  # of a pause: when what it waits for is free again; seconds since the epoch
    # step, key -> what people call an item that is listed: 'pins.csv:17 ("Raised beds", line 19)'
    item_names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    files: tuple[str, ...] = ()  # that were written, in the process that this tells of: absolute paths
    accounts: tuple[AccountResult, ...] = ()  # of loops over accounts, in the order in which they began

    left = renamed_property("RunResult.left", "RunResult.remaining")

    @property
    def ok(self) -> bool:
        return self.exit_code == OK

    @property
    def failed_count(self) -> int:
        """How many items failed; ``failed`` lists the first hundred."""
        return max(len(self.failed), sum(outcomes.get("failed", 0) for outcomes in self.counts.values()))

    @property
    def skipped_count(self) -> int:
        """How many items were skipped; ``skipped`` lists the first hundred."""
        return max(len(self.skipped), sum(outcomes.get("skipped", 0) for outcomes in self.counts.values()))

    @property
    def exit_code(self) -> int:
        """What the process ends with. USAGE promises that nothing was done, which a step may find out too late for."""
        if self.error is None:
            return OK
        code = self.error.exit_code
        done = any(outcomes.keys() - {"failed", "skipped"} for outcomes in self.counts.values())
        return FAILED if code == USAGE and (self.calls or done) else code
