"""One effect at a time: every change of the outside world happens once, whatever is killed in between.

An effect goes *intent, request, outcome*. The intent is on disk before the
request leaves; an intent without an outcome means "may have happened", and only
a probe of the target (``find``) takes it out of that state. A probe counts when
``settle`` seconds have passed since the request, and a second one agrees: a
service may apply a request late, and list it later still. Only what can't be of
anything else (``find_is_proof``) is proof as soon as it is seen.

One effect stands for one write, and its ``do`` ends with that write: what else
has to be read is read outside. Where several writes belong together, each is an
effect of its own; they may be nested.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pinflow.engine.audit import WriteAudit
from pinflow.engine.changed_arguments import ChangedArguments
from pinflow.engine.effects import STOPS_ALL, Attempt, Effect, Outcome, Skip
from pinflow.engine.forecast import PlannedWrites
from pinflow.engine.placeholder import PLANNED, NeedsPlanned
from pinflow.engine.plugin_defect import plugin_defect
from pinflow.engine.results import ends_run
from pinflow.engine.run_frame import current_frame, frame
from pinflow.engine.sanitize import error_facts, sanitize
from pinflow.engine.service_times import LOOK_EVERY, LOOKS, SETTLE
from pinflow.engine.traffic import Traffic
from pinflow.engine.write_budget import WriteBudget
from pinflow.errors import (
    ActionError,
    CredentialError,
    InDoubt,
    Interrupted,
    PinflowError,
    PluginError,
    RemoteError,
    Unreachable,
)
from pinflow.events import EffectDone, ItemSkipped

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from pinflow.engine.places.place_run import PlaceRun
    from pinflow.engine.places.place_runs import PlaceRuns
    from pinflow.engine.places.turns import PlaceTurns
    from pinflow.engine.run_context import RunContext
    from pinflow.http.client import WriteCall
    from pinflow.state.protocol import Journal
    from pinflow.state.records import EffectRecord

T = TypeVar("T")

ATTEMPTS = 5  # sendings of one effect by one process without an answer; a service that loses five loses the sixth


class EffectRunner:
    """The effects of one run, and the gate that its clients ask before a write leaves. Thread-safe.

    In a dry run no write leaves: an effect results in the placeholder, and ``planned``
    counts what would have been sent. ``settle`` (seconds) is how long the service may
    take to apply a request and to list what it made. ``repeatable`` are the methods
    whose writes may be sent again when their outcome is unknown and nothing can tell.
    ``budget`` is asked before each effect's first write, and ``changed`` before one is sent again.
    ``places`` see to creations on a place. ``audit_waits``: the end of a step may take until nothing can come late.
    """

    def __init__(
        self,
        run: RunContext,
        *,
        settle: float = SETTLE,
        repeatable: Collection[str] = frozenset(),
        budget: WriteBudget | None = None,
        changed: ChangedArguments | None = None,
        places: PlaceRuns | None = None,
        audit_waits: bool = True,
    ) -> None:
        self.run = run
        self._changed = changed or ChangedArguments(run)
        self.budget = budget or WriteBudget(None)
        self.planned = PlannedWrites()
        self.audit = WriteAudit(run, self.planned, waits=audit_waits)
        self._settle = settle
        self._repeatable = frozenset(repeatable)
        self.places = places
        self._traffic = Traffic() if places is None else places.traffic
        self._lost: dict[tuple[str, str], float] = {}  # monotonic time when this process lost the answers of writes

    # the gate

    def record_intent(self, call: WriteCall) -> object | None:
        """Put the intent of a write on disk; None says that it may leave now.

        In a dry run: counts it and returns the placeholder. Ask just before each
        sending, also of a repeated one: the time of the intent is what the settle
        time counts from. Raises PluginError for a write outside of an effect,
        Interrupted when the run was told to stop before this effect began,
        ApprovalRequired when it would be one too many, and StateError when the
        intent can't be made durable.
        """
        attempt = current_frame().effect
        if attempt is None:
            raise PluginError(
                f"{call.method} {call.path} is a write outside of ctx.once",
                hint="wrap it: ctx.once(key, lambda: ctx.client...), so that a killed run knows of it",
            )
        if self.run.journal is None:
            self.planned.add(getattr(call, "login", ""), call.category)
            return PLANNED
        first, effect, place = not attempt.methods, attempt.effect, self._place_of(attempt.effect)
        if first and effect.counts_as_change:
            self.budget.take()
        if first and place is not None:
            place.gate.begin(attempt, call, lambda digests: self._put_intent(attempt, call, place.key, digests))
        elif place is not None:
            self._put_intent(attempt, call, place.key, place.gate.repeat(attempt))
        else:
            if first:
                self._traffic.enter(attempt)
                self.run.check_stop()
                if (turns := self._turns_of(effect)) is not None:
                    turns.enter()
                    attempt.leave = turns.leave
            self._put_intent(attempt, call)
        attempt.methods.append(call.method)
        attempt.last_write = f"{call.method} {call.path}"
        attempt.digests.add(call.digest)
        return None

    def _put_intent(self, attempt: Attempt, call: WriteCall, place: str = "", likeness: str = "") -> None:
        if self.run.journal is None:
            raise AssertionError("a dry run has no intents")
        effect = attempt.effect
        self.run.journal.record_intent(
            effect.step,
            effect.key,
            kind=effect.kind,
            method="+".join(dict.fromkeys([*attempt.methods, call.method])),
            category=call.category,
            digest=call.digest,
            again=bool(attempt.methods) and not call.follows_lost,
            arguments=current_frame().arguments,
            place=place,
            class_=likeness,
        )

    def _place_of(self, effect: Effect[Any]) -> PlaceRun | None:
        """Where an effect creates something; None if it doesn't, or in a run that began before there were places."""
        return None if effect.place is None or self.places is None else self.places.find(effect)

    def _turns_of(self, effect: Effect[Any]) -> PlaceTurns | None:
        """What lets other runs know of an effect that only its ``find`` looks for."""
        if effect.shared_place is None or self.places is None:
            return None
        return self.places.turns(effect.shared_place, effect.account)

    # one effect

    def perform(self, effect: Effect[T]) -> tuple[T, Outcome]:
        """The result of an effect, and how it came about; see `Durable.once`."""
        self.run.check_stop()
        journal = self.run.journal
        if journal is None:
            return self._plan(effect)
        with self._alone(effect):
            record = journal.effect(effect.step, effect.key)
            if record is not None and record.state == "skipped":
                return self._report_skip(effect, Skip(record.error))
            place = self._place_of(effect)
            if record is not None and record.state == "done":
                found = None if place is None else place.take_adopted(effect)
                self._changed.tell_made(effect, record, record.result if found is None else found)
                if found is not None:
                    return self._report(effect, cast("T", found), "adopted")
                return self._report(effect, cast("T", record.result), "already")
            if place is None:
                return self._make(effect, record, journal)
            with place.worker(effect):
                place.open()
                return self._make(effect, journal.effect(effect.step, effect.key), journal)

    def record_of(self, effect: Effect[Any]) -> EffectRecord | None:
        """What the run's journal knows of an effect; None in a dry run."""
        return None if self.run.journal is None else self.run.journal.effect(effect.step, effect.key)

    def _plan(self, effect: Effect[T]) -> tuple[T, Outcome]:
        attempt = Attempt(effect, None)
        try:
            with frame(effect=attempt):
                result = effect.do()
        except NeedsPlanned:  # its request can't even be written down before the real run
            result = cast("T", PLANNED)
        self.audit.plan(effect, result)
        if attempt.refusal:  # the plan goes on all the same: what else it would do and call is worth knowing
            self.run.emit(EffectDone, step=effect.step, key=effect.key, kind=effect.kind, outcome="refused")
            return result, "planned"
        return self._report(effect, result, "planned")

    def _make(self, effect: Effect[T], record: EffectRecord | None, journal: Journal) -> tuple[T, Outcome]:
        """Do it, unless it is found; as often as it may take."""
        unknown = record if record is not None and (record.is_unknown or record.state == "done") else None
        # counted anew by each process: a service that loses all writes for an hour must not end a run for ever
        tries, why = 0, ""
        while True:
            if unknown is not None:
                result = self._reconcile(effect, unknown, journal)
                if result is not None:
                    self._changed.tell_made(effect, unknown, result)
                    return self._report(effect, result, "adopted")
                self._changed.check_may_be_sent(effect, unknown)
                if tries >= ATTEMPTS:
                    raise InDoubt(
                        f"{effect} was sent {tries} times without an answer, and the target does not show it",
                        hint=f"the last time: {why}; look at the target and the service's status, then resume the run",
                    )
            tries += 1
            try:
                return self._try(effect, journal)
            except ActionError as error:
                unknown = journal.effect(effect.step, effect.key)
                if unknown is not None and unknown.state == "done":
                    continue  # a look found it just before it was sent again
                if unknown is None or unknown.state != "doubt" or (ends_run(error) and not isinstance(error, InDoubt)):
                    raise
                if not isinstance(error, InDoubt):
                    return self._find_after(effect, unknown, journal, error)
                if error.blocked or not self._can_reconcile(effect, unknown):
                    raise
                why = error.message

    def _try(self, effect: Effect[T], journal: Journal) -> tuple[T, Outcome]:
        attempt = Attempt(effect, current_frame().effect)
        try:
            with frame(effect=attempt):
                result = effect.do()
        except BaseException as error:
            defect = plugin_defect(error, self.run.plugins)
            self._record_failure(attempt, defect or error, journal)
            if defect is not None:
                raise defect from error
            raise
        else:
            was_there = self._record_success(attempt, result, journal)
        finally:
            # only now: a probe for a lost effect must know that this one is settled
            if (place := self._place_of(effect)) is not None:
                place.gate.leave(attempt)
            if attempt.leave is not None:
                attempt.leave()
            self._traffic.leave(attempt)
        return self._report(effect, result, "already" if was_there else "done")

    def _record_success(self, attempt: Attempt, result: object, journal: Journal) -> bool:
        """Record what a try came to. Whether the service answered with a thing that had been there before."""
        effect = attempt.effect
        if isinstance(result, Skip):
            journal.skip(effect.step, effect.key, effect.kind, result.reason)
            return False
        place = self._place_of(effect)
        if place is None or not attempt.methods:
            journal.settle(effect.step, effect.key, "done", result, kind=effect.kind)
            if attempt.leave is not None and (turns := self._turns_of(effect)) is not None:
                turns.add(effect.step, effect.key, result)
            self.audit.add(effect, result)
            return False
        seen, id_ = place.see(result)
        journal.settle(effect.step, effect.key, "done", result, kind=effect.kind, made=id_)
        self.audit.add(effect, result)
        return place.settle(attempt, seen, id_)

    def _record_failure(self, attempt: Attempt, error: BaseException, journal: Journal) -> None:
        """Record what a failed try left behind: nothing, a refusal, or an unknown outcome."""
        effect = attempt.effect
        if not attempt.methods:
            if isinstance(error, ActionError) and not isinstance(error, STOPS_ALL):
                journal.settle(effect.step, effect.key, "refused", kind=effect.kind, error=error_facts(error))
            return
        # of several writes, an earlier one may have been applied
        nothing = _nothing_applied(error, attempt.last_write) and not _may_have_been_lost(
            attempt, error, self._repeatable
        )
        if nothing and len(attempt.digests) == 1:
            journal.settle(effect.step, effect.key, "refused", kind=effect.kind, error=error_facts(error))
            if (place := self._place_of(effect)) is not None:
                place.refuse(attempt)
            return
        # a proxy may hold a request for a minute before it gives up: it was on its way until now
        self._lost[effect.step, effect.key] = self.run.clock.monotonic()
        if (place := self._place_of(effect)) is not None:
            place.lose(attempt)
        journal.settle(effect.step, effect.key, "doubt", kind=effect.kind, error=error_facts(error))

    # an unknown outcome

    def _find_after(
        self, effect: Effect[T], record: EffectRecord, journal: Journal, error: ActionError
    ) -> tuple[T, Outcome]:
        """Look for what was sent before ``error`` came, which says nothing about it.

        Raises InDoubt where the target does not show it: sent again, it would fail in the same way.
        """
        result = self._reconcile(effect, record, journal) if self._can_look(effect) else None
        if result is None:
            raise InDoubt(
                f"{effect} was sent, and whether it was applied is unknown: {error.message}",
                hint=error.hint or "look at the target, then resume the run",
            ) from error
        return self._report(effect, result, "adopted")

    def _can_look(self, effect: Effect[Any]) -> bool:
        return effect.find is not None or self._place_of(effect) is not None

    def _can_reconcile(self, effect: Effect[Any], record: EffectRecord) -> bool:
        return self._can_look(effect) or self._repeatable.issuperset(record.method.split("+"))

    def _reconcile(self, effect: Effect[T], record: EffectRecord, journal: Journal) -> T | None:
        """What is seen of an effect that may have happened, once that can be trusted."""
        if (place := self._place_of(effect)) is not None:
            return cast("T | None", place.reconcile(effect, record))
        if not self._can_reconcile(effect, record):
            raise InDoubt(
                f"{effect} may have been applied, and nothing here can tell",
                hint="look at the target; when it is there, or must not be made, start a new run without it",
            )
        # of what was sent twice, an early probe could take the first for all there will be
        if effect.find_is_proof and record.attempts == 1 and self._settle_time(effect, record, journal) > 0:
            result = self._adopt(effect, journal, _probe_once)
            if result is not None:
                return result
        self._wait(effect, self._settle_time(effect, record, journal))
        return self._adopt(effect, journal, self._probe_until_stable)

    def _adopt(
        self, effect: Effect[T], journal: Journal, probe: Callable[[Effect[T], Callable[[], T | None]], T | None]
    ) -> T | None:
        """What ``probe`` makes of the effect's ``find``, recorded as its result."""
        if effect.find is None:
            return None
        turns = self._turns_of(effect)
        # in flight elsewhere is what the target may list and the journal does not know yet
        with self._traffic.pause(), nullcontext() if turns is None else turns.looking(), frame(effect=None):
            try:
                result = probe(effect, effect.find)
            except (Exception, SystemExit) as error:
                if (unknown := self._failed_look(effect, error)) is None:
                    raise
                raise unknown from error
            if result is not None:
                journal.settle(effect.step, effect.key, "adopted", result, kind=effect.kind)
                if turns is not None:
                    turns.add(effect.step, effect.key, result)
                self.audit.add(effect, result)
        return result

    def _failed_look(self, effect: Effect[Any], error: BaseException) -> InDoubt | None:
        """What an error of ``find`` is; None where it ends the run in its own way, or is a defect of pinflow.

        It says nothing of the effect, which stays unknown.
        """
        failure = error if isinstance(error, PinflowError) else plugin_defect(error, self.run.plugins)
        if failure is None or ends_run(failure):
            return None
        return InDoubt(
            f"{effect} may have been applied, and the target could not be looked at: {failure.message}",
            hint="once that works again, resume the run: it looks before it sends anything",
        )

    def _probe_until_stable(self, effect: Effect[T], find: Callable[[], T | None]) -> T | None:
        result = find()
        for _ in range(LOOKS - 1):
            self._wait(effect, min(LOOK_EVERY, self._settle))
            before, result = result, find()
            if _same(before, result):
                return result
        raise InDoubt(
            f"{effect} may have been applied: {LOOKS} looks at the target did not agree",
            hint="wait until the service lists the target steadily, then resume the run",
        )

    def _settle_time(self, effect: Effect[Any], record: EffectRecord, journal: Journal) -> float:
        """Seconds until a probe of the target counts."""
        lost = self._lost.get((effect.step, effect.key))
        passed = journal.age(record) if lost is None else self.run.clock.monotonic() - lost
        # a clock that was set back must not make this longer than it can take
        return min(self._settle, max(0.0, self._settle - passed))

    def _wait(self, effect: Effect[Any], seconds: float) -> None:
        if seconds > 0:
            reason = f"whether {effect} was applied is unknown, and may show only later"
            self.run.wait(seconds, effect.step, reason)
        self.run.check_stop()

    # small things

    def _report(self, effect: Effect[T], result: T, outcome: Outcome) -> tuple[T, Outcome]:
        if isinstance(result, Skip):
            return self._report_skip(effect, result)
        self.run.emit(EffectDone, step=effect.step, key=effect.key, kind=effect.kind, outcome=outcome)
        return result, outcome

    def _report_skip(self, effect: Effect[T], skip: Skip) -> tuple[T, Outcome]:
        self.run.emit(ItemSkipped, step=effect.step, key=effect.key, kind=effect.kind, reason=skip.reason)
        return cast("T", skip), "skipped"

    @contextmanager
    def _alone(self, effect: Effect[Any]) -> Iterator[None]:
        """Keep every other thread from working on the same effect inside the block."""
        outer = current_frame().effect
        above = outer
        while above is not None:
            if (above.effect.step, above.effect.key) == (effect.step, effect.key):
                raise PluginError(f"{effect} is inside itself", hint="give the inner ctx.once a key of its own")
            above = above.outer
        with self._traffic.nest(outer), self._traffic.only(effect.step, effect.key):
            yield


def _probe_once(_: Effect[T], find: Callable[[], T | None]) -> T | None:
    """What one probe sees; one that fails says nothing, and the next may say more."""
    try:
        return find()
    except ActionError:
        return None


def _nothing_applied(error: BaseException, write: str) -> bool:
    """Whether an error says that ``write`` did nothing; one of a read that came after it does not."""
    if isinstance(error, RemoteError):
        return error.status < 500 and error.status != 408 and error.call in ("", write)
    if isinstance(error, Unreachable):
        return error.message.startswith(f"{write}: ")
    return isinstance(error, CredentialError | Interrupted)


def _may_have_been_lost(attempt: Attempt, error: BaseException, repeatable: frozenset[str]) -> bool:
    """Whether an earlier sending may have been applied, and ``error`` only kept the next from leaving.

    Without an answer, what may be repeated is sent again by the client itself.
    """
    held_back = isinstance(error, Interrupted) or (isinstance(error, RemoteError) and not error.status)
    return held_back and len(attempt.methods) > 1 and repeatable.issuperset(attempt.methods)


def _same(one: object, other: object) -> bool:
    """Whether two probes saw the same: both nothing, or things with one id."""
    if one is None or other is None:
        return one is other
    if isinstance(one, dict) and isinstance(other, dict) and "id" in one and "id" in other:
        return bool(one["id"] == other["id"])
    return bool(sanitize(one) == sanitize(other))
