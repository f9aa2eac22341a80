"""What to do after a try of a request: one pure function that holds the whole table.

The question behind every row is whether the service may have applied the request.
Trying again is safe when it did not, or when twice is as good as once. Whether any
other write was applied is unknown then, and only a look at the target can tell.
Retry libraries (tenacity, 3.2 times a bare Python's start) decide by exception
alone and know no such question.
"""

from __future__ import annotations

from typing import Literal

from pinflow.lazy_dataclass import dataclass

Phase = Literal["nothing_sent", "maybe_sent", "answered"]
BodyState = Literal["ok", "broken", "refused"]  # "refused": complete, but another try would not be better
ErrorKind = Literal["", "spam", "limited", "scope"]  # what an error answer says beyond its status

READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a call may go. Times are in seconds."""

    deadline: float = 60.0  # one try, from connecting to the last byte of the answer
    connect: float = 10.0
    read: float = 30.0  # the longest silence
    max_bytes: int = 32 * 2**20  # of an answer, unpacked; a page of 250 Pins has less than one of them
    max_pages: int = 10_000  # of a listing: 2.5 million objects
    attempts: int = 6  # with the back-off below 15 to 31 s: most restarts of a service are shorter
    patience: float = 120.0  # the longest that one call waits for its quota, all waits together
    backoff: float = 1.0
    backoff_cap: float = 60.0


class Lost(Exception):
    """No answer came. ``phase`` says whether the service may have got the request; ``reason`` holds no URL.

    ``final``: the next try would end in the same way. ``hint`` says what to do about it.
    """

    def __init__(self, phase: Phase, reason: str, *, final: bool = False, hint: str = "") -> None:
        super().__init__(reason)
        self.phase = phase
        self.reason = reason
        self.final = final
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of one try. ``retry_after`` is how long the service asks to wait, in seconds."""

    phase: Phase
    status: int = 0
    body: BodyState = "ok"  # of a 2xx answer; "refused" for any answer that is not the API's own
    kind: ErrorKind = ""
    retry_after: float | None = None
    final: bool = False  # no answer, and the next try would end in the same way

    @property
    def is_success(self) -> bool:
        """Whether the service said that it did what was asked."""
        return self.phase == "answered" and 200 <= self.status < 300

    @property
    def is_uncertain(self) -> bool:
        """Whether the request may have been applied without a usable answer that says so."""
        if self.phase == "answered":
            return self.body != "ok" or (not self.is_success and _failed_inside(self))
        return self.phase == "maybe_sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """A call's history, as of the try that is judged."""

    number: int = 1
    lost: bool = False  # an earlier try may have been applied
    renewed: bool = False  # the credential was renewed, or can't be
    waited: float = 0.0  # seconds, for quotas


@dataclass(frozen=True, slots=True)
class Accept:
    """The call is done."""


@dataclass(frozen=True, slots=True)
class Resend:
    """Try again after so many seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class Wait:
    """The service refused for now: let the quota rest for so many seconds, then try again."""

    after: float


@dataclass(frozen=True, slots=True)
class Renew:
    """Get a fresh secret, then try again at once."""


@dataclass(frozen=True, slots=True)
class Pause:
    """The quota is used up for so many seconds, which is beyond patience."""

    after: float


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """A write may or may not have been applied."""


@dataclass(frozen=True, slots=True)
class Fail:
    """The call failed, and was not applied."""


Decision = Accept | Resend | Wait | Renew | Pause | OutcomeUnknown | Fail


def decide(method: str, outcome: Outcome, tries: Tries, *, idempotent: bool, limits: Limits, jitter: float) -> Decision:
    """What to do after a try of ``method`` ended with ``outcome``.

    ``idempotent`` says that doing it twice is as good as once. ``jitter`` is from
    0 to 1 and spreads the waits; a wait is never shorter than the service asked for.
    """
    decision = _judge(method, outcome, tries, idempotent, limits, jitter)
    if tries.lost and method not in READS and isinstance(decision, Fail | Pause):
        return OutcomeUnknown()  # this try was refused, but an earlier one may have been applied
    return decision


def backoff(number: int, limits: Limits, jitter: float) -> float:
    """The pause after the ``number``-th failure in seconds: doubling, capped, between half and all of it."""
    return min(limits.backoff_cap, limits.backoff * 2.0 ** min(number - 1, 30)) * (0.5 + jitter / 2)


def _judge(method: str, outcome: Outcome, tries: Tries, idempotent: bool, limits: Limits, jitter: float) -> Decision:
    if outcome.phase == "nothing_sent":
        return _resend(outcome, tries, limits, jitter) or Fail()
    if outcome.is_uncertain:
        return _judge_uncertain(method, outcome, tries, idempotent, limits, jitter)
    if outcome.is_success:
        return Accept()
    if outcome.status == 404 and method == "DELETE" and tries.lost:
        return Accept()  # the lost try removed it
    if outcome.kind == "spam":
        return Fail()
    if outcome.status == 429 or outcome.kind == "limited":
        return _wait_or_pause(outcome, tries, limits, jitter)
    if outcome.status == 401 and outcome.kind != "scope" and not tries.renewed:
        return Renew()
    return Fail()


def _failed_inside(outcome: Outcome) -> bool:
    # a service that reports a limit or a spam block with a 5xx status still says that it did nothing
    return (outcome.status == 408 or outcome.status >= 500) and not outcome.kind


def _judge_uncertain(
    method: str, outcome: Outcome, tries: Tries, idempotent: bool, limits: Limits, jitter: float
) -> Decision:
    end: Decision = Fail() if method in READS else OutcomeUnknown()
    if not idempotent or outcome.body == "refused":
        return end
    return _resend(outcome, tries, limits, jitter) or end


def _resend(outcome: Outcome, tries: Tries, limits: Limits, jitter: float) -> Resend | None:
    asked = outcome.retry_after or 0.0
    if outcome.final or tries.number >= limits.attempts or asked > limits.patience:
        return None
    pause = backoff(tries.number, limits, jitter)
    return Resend(max(pause, asked + limits.backoff * jitter) if asked else pause)


def _wait_or_pause(outcome: Outcome, tries: Tries, limits: Limits, jitter: float) -> Wait | Pause:
    asked = outcome.retry_after
    wait = asked + limits.backoff * jitter if asked else backoff(tries.number, limits, jitter)
    return Pause(wait) if tries.waited + wait > limits.patience else Wait(wait)
