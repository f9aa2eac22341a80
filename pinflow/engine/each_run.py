"""Many effects of one step: a stream of items, side by side if asked, and what they came to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pinflow.clock import Throttle
from pinflow.engine.effects import OUTCOMES, STOPS_ALL, EachResult, Effect, Failure, Outcome
from pinflow.engine.parallel import run_parallel
from pinflow.engine.places.unknown import UnknownWrites, join_unknown
from pinflow.engine.sanitize import plain_key
from pinflow.errors import ActionError
from pinflow.events import PROGRESS_EVERY, ItemFailed, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinflow.engine.effect_runner import EffectRunner

LISTED = 100  # failures that a result lists one by one, as many as a person reads; more are only counted
AHEAD = 2  # as many wait as are at work, so that no worker waits for a listing's next page


class EachRun:
    """One `Durable.each`: what its items came to so far."""

    def __init__(self, effects: EffectRunner, step: str, kind: str, total: int | None, before: EachResult) -> None:
        self._effects = effects
        self._step = step
        self._kind = kind
        self._unknown: list[UnknownWrites] = []  # of those whose outcome only a person can tell
        self._total = total
        self._monotonic = effects.run.clock.monotonic
        self._throttle = Throttle(PROGRESS_EVERY, last=self._monotonic())
        self._counts: Counter[str] = Counter({name: getattr(before, name) for name in (*OUTCOMES, "already_adopted")})
        self._counts["failed"] = before.failed_count
        self._failures = list(before.failed)

    def run(self, effects: Iterator[Effect[Any]], parallel: int) -> EachResult:
        """Perform the effects, and tell of progress; the last of it even if an error ends them."""
        effects = self._unknown_first(effects)
        try:
            if parallel <= 1:
                for effect in effects:
                    self._count(effect, self._attempt(effect))
            else:
                executor = self._effects.run.executor
                run_parallel(executor, parallel, effects, work=self._attempt, land=self._count, ahead=AHEAD)
        finally:
            self._report_progress()
        if self._unknown:
            raise join_unknown(self._unknown)
        return self._result()

    def _unknown_first(self, effects: Iterator[Effect[Any]]) -> Iterator[Effect[Any]]:
        """The same effects; those that are to be sent wait until those that may have been sent had their turn.

        Sent before, one could be lost as well, and take for its own what the other had made.
        """
        journal = self._effects.run.journal
        unknown = set() if journal is None else journal.unknown_keys(self._step, self._kind)
        waiting: list[Effect[Any]] = []
        for effect in effects:
            if not unknown:
                yield from waiting
                waiting.clear()
            elif plain_key(effect.key) in unknown:
                unknown.discard(plain_key(effect.key))
            elif (record := self._effects.record_of(effect)) is None or not record.is_over:
                waiting.append(effect)
                continue
            yield effect
        yield from waiting

    def _attempt(self, effect: Effect[Any]) -> Outcome | ActionError:
        try:
            return self._effects.perform(effect)[1]
        except UnknownWrites as error:
            return error  # what is like it waits for a person's answer; all else goes on
        except ActionError as error:
            record = self._effects.record_of(effect)
            if isinstance(error, STOPS_ALL) or (record is not None and record.is_unknown):
                raise  # while the outcome of one effect is unknown, nothing could tell the next one's from it
            return error

    def _count(self, effect: Effect[Any], outcome: Outcome | ActionError) -> None:
        if isinstance(outcome, UnknownWrites):
            self._unknown.append(outcome)
        elif isinstance(outcome, ActionError):
            self._counts["failed"] += 1
            if len(self._failures) < LISTED:
                self._failures.append(Failure(effect.key, outcome))
            self._effects.run.emit(
                ItemFailed,
                step=effect.step,
                key=effect.key,
                kind=effect.kind,
                error=str(outcome),
                retryable=outcome.retryable,
            )
        else:
            self._counts[outcome] += 1
            record = self._effects.record_of(effect) if outcome == "already" else None
            if record is not None and record.adopted:
                self._counts["already_adopted"] += 1
        if self._throttle.is_due(self._monotonic()):
            self._report_progress()

    def _report_progress(self) -> None:
        result = self._result()
        self._effects.run.emit(
            Progress,
            step=self._step,
            done=result.complete_count,
            total=self._total,
            skipped=result.skipped,
            failed=result.failed_count,
            what=f"{self._kind}s" if self._kind else "items",
        )

    def _result(self) -> EachResult:
        counts = dict(self._counts)
        return EachResult(failed_count=counts.pop("failed"), failed=tuple(self._failures), **counts)
