"""The durable calls: every change of the outside world happens once, whatever is killed in between.

An effect goes *intent, request, outcome*. The intent is on disk before the
request leaves; an intent without an outcome means "may have happened", and only
a look at the target (``find``) takes it out of that state. The look counts when
``settle`` seconds have passed since the request, and a second look agrees: a
service may apply a request late, and list it later still. Only what can't be of
anything else (``fresh``) is proof as soon as it is seen.

One `once` stands for one write, and its ``do`` ends with that write: what else
has to be read is read outside. Where several writes belong together, each is a
`once` of its own; they may be nested.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar, cast, get_args

from pinflow.clock import Throttle
from pinflow.engine.placeholder import LANES, PLANNED, NeedsPlanned, side_by_side
from pinflow.engine.sanitize import keepable, noted, plain_key
from pinflow.engine.write_budget import Bulk
from pinflow.errors import (
    ActionError,
    CredentialError,
    Diverged,
    InDoubt,
    Interrupted,
    MissingScope,
    PluginError,
    RateLimited,
    RemoteError,
    SpamBlocked,
    Unreachable,
)
from pinflow.events import PROGRESS_EVERY, EffectDone, Event, ItemFailed, ItemSkipped, Progress, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from concurrent.futures import Executor, Future

    from pinflow.http.client import WriteCall
    from pinflow.state.protocol import Journal
    from pinflow.state.records import EffectRecord

T = TypeVar("T")
R = TypeVar("R")

ATTEMPTS = 5  # how often one effect is tried by one process of a run, if no answer comes
LOOKS = 6  # how often the target is looked at until two looks in a row agree
SECOND_LOOK = 5.0  # seconds between two looks
LISTED = 100  # failures that a result lists one by one; more are only counted

Outcome = Literal["done", "adopted", "already", "planned", "skipped"]
_COUNTED: tuple[Outcome, ...] = get_args(Outcome)

# of the errors that otherwise are one item's own
_STOPS_ALL = (SpamBlocked, RateLimited, MissingScope, InDoubt, Diverged)
_current: ContextVar[_Effect | None] = ContextVar("effect", default=None)


@dataclass(frozen=True, slots=True)
class Skip:
    """What ``do`` returns for an item that it leaves out on purpose.

    ``reason`` is a fixed text of the plugin's own, without anything that the
    service sent: it is kept in the journal (its first 100 characters).
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Failure:
    """An item that failed."""

    key: str
    error: ActionError


@dataclass(frozen=True, slots=True)
class EachResult:
    """What the items of an ``each`` came to. ``failed`` lists the first hundred of ``failed_count``."""

    done: int = 0
    adopted: int = 0
    already: int = 0
    planned: int = 0
    skipped: int = 0
    failed_count: int = 0
    failed: tuple[Failure, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no item failed."""
        return not self.failed_count

    @property
    def past(self) -> int:
        """How many items need no more work."""
        return self.done + self.adopted + self.already + self.planned

    @property
    def passed(self) -> int:
        """How many items were dealt with, whether they need more work or not."""
        return self.past + self.skipped + self.failed_count


class Stop(Protocol):
    """Whether the run was told to stop: a ``threading.Event``, or what looks like one."""

    def is_set(self) -> bool: ...


class Emit(Protocol):
    """Tells of an event; adds run and time. Called from several threads."""

    def __call__(self, kind: type[Event], /, **facts: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class _Task(Generic[T]):
    """What `once` was asked for."""

    step: str
    key: str
    kind: str
    do: Callable[[], T]
    find: Callable[[], T | None] | None
    fresh: bool = False
    changes: bool = True

    def __str__(self) -> str:
        what = self.kind or "effect"
        which = "" if self.key == what else f" {self.key.removeprefix(f'{what}:')!r}"
        return f"{what}{which} of step {self.step}"


@dataclass(slots=True, eq=False)
class _Effect:
    """One try of one effect, on its thread."""

    task: _Task[Any]
    outer: _Effect | None
    methods: list[str] = field(default_factory=list)  # of the writes that were announced
    digests: set[str] = field(default_factory=set)
    last: str = ""  # of them: "POST /pins"
    sent: float = 0.0  # its monotonic time
    inner: int = 0  # effects inside this one that are at work now


class Durable:
    """The durable calls of one run, and the gate that its clients ask before a write leaves.

    ``journal`` is None in a dry run, where no write leaves: `once` returns the
    placeholder, and ``planned_calls`` (login -> category -> calls) tells what
    would have been sent; ``planned_turns`` counts for less those that would go
    side by side. ``settle`` (seconds) is how long the service may take to
    apply a request and to list what it made. ``repeatable`` are the methods whose
    writes may be sent again when their outcome is unknown and nothing can tell.
    ``bulk`` is asked before each effect's first write whether there may be one more.
    ``sleep`` must return early only when ``stop`` is set.
    """

    def __init__(
        self,
        journal: Journal | None,
        *,
        dry_run: bool,
        emit: Emit,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
        settle: float = 60.0,
        executor: Callable[[int], Executor],
        stop: Stop | None = None,
        repeatable: Collection[str] = frozenset(),
        bulk: Bulk | None = None,
    ) -> None:
        if (journal is None) != dry_run:
            raise ValueError("a dry run has no journal, and every other run has one")
        self.stop: Stop = stop if stop is not None else threading.Event()
        self.planned_calls: dict[str, dict[str, int]] = {}
        self.planned_turns: dict[str, dict[str, float]] = {}
        self._journal = journal
        self._emit = emit
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._settle = settle
        self._executor = executor
        self._repeatable = frozenset(repeatable)
        self._bulk = bulk or Bulk(None)
        self._traffic = _Traffic()
        self._doubts: dict[tuple[str, str], float] = {}  # monotonic time of writes that this process doubts
        self._counting = threading.Lock()

    # the gate

    def record_intent(self, call: WriteCall) -> object | None:
        """Put the intent of a write on disk; None says that it may leave now.

        In a dry run: counts it and returns the placeholder. Ask just before each
        sending, also of a repeated one: the time of the intent is what the settle
        time counts from. Raises PluginError for a write outside of `once`,
        Interrupted when the run was told to stop before this effect began,
        ApprovalRequired when it would be one too many, and StateError when the
        intent can't be made durable.
        """
        effect = _current.get()
        if effect is None:
            raise PluginError(
                f"{call.method} {call.path} is a write outside of ctx.once",
                hint="wrap it: ctx.once(key, lambda: ctx.client...), so that a killed run knows of it",
            )
        if self._journal is None:
            self._count(call)
            return PLANNED
        first = not effect.methods
        if first:
            if effect.task.changes:
                self._bulk.one()
            self._traffic.enter(effect)
            self._check_stop()
        task = effect.task
        self._journal.record_intent(
            task.step,
            task.key,
            kind=task.kind,
            method="+".join(dict.fromkeys([*effect.methods, call.method])),
            category=call.category,
            digest=call.digest,
            again=not first,
        )
        effect.methods.append(call.method)
        effect.last = f"{call.method} {call.path}"
        effect.digests.add(call.digest)
        effect.sent = self._monotonic()
        return None

    def _count(self, call: WriteCall) -> None:
        login = getattr(call, "login", "")
        with self._counting:
            of_login = self.planned_calls.setdefault(login, {})
            of_login[call.category] = of_login.get(call.category, 0) + 1
            turns = self.planned_turns.setdefault(login, {})
            turns[call.category] = turns.get(call.category, 0.0) + 1 / LANES.get()

    # one effect

    def once(
        self,
        step: str,
        key: str,
        do: Callable[[], T],
        *,
        find: Callable[[], T | None] | None = None,
        fresh: bool = False,
        kind: str = "",
        changes: bool = True,
    ) -> T:
        """The result of ``do``, which changes the world once per run, step and key.

        What an earlier process or call finished is returned from the journal, in
        the form that `keepable` left of it. Where it may have happened, ``find``
        looks for it: what it returns is adopted; None twice means that it did not
        happen, and ``do`` is called again, at most 5 times by one process. ``fresh``
        says that what ``find`` returns was not there before ``do`` first wrote: then
        nothing has to settle before it is adopted. Without ``changes`` it needs
        nobody's approval. Raises InDoubt where there is no ``find`` or that was not
        enough, and whatever ``do`` and ``find`` raise.
        """
        return self._perform(_Task(step, key, kind, do, find, fresh, changes))[0]

    def _perform(self, task: _Task[T]) -> tuple[T, Outcome]:
        self._check_stop()
        if self._journal is None:
            return self._plan(task)
        with self._alone(task):
            record = self._journal.effect(task.step, task.key)
            if record is not None and record.state in ("done", "skipped"):
                return self._remembered(task, record)
            return self._make(task, record, self._journal)

    def _plan(self, task: _Task[T]) -> tuple[T, Outcome]:
        try:
            with _now(_Effect(task, None)):
                result = task.do()
        except NeedsPlanned:  # its request can't even be written down before the real run
            result = cast("T", PLANNED)
        if isinstance(result, Skip):
            return self._tell_skip(task, result)
        self._tell(task, "planned")
        return result, "planned"

    def _remembered(self, task: _Task[T], record: EffectRecord) -> tuple[T, Outcome]:
        if record.state == "skipped":
            return self._tell_skip(task, Skip(record.error))
        self._tell(task, "already")
        return cast("T", record.result), "already"

    def _make(self, task: _Task[T], record: EffectRecord | None, journal: Journal) -> tuple[T, Outcome]:
        """Do it, unless it is found; as often as it may take."""
        doubted = record if record is not None and record.state in ("intent", "doubt") else None
        # counted anew by each process: a service that loses all writes for an hour must not end a run for ever
        tries = 0
        while True:
            if doubted is not None:
                found = self._reconcile(task, doubted, journal)
                if found is not None:
                    self._tell(task, "adopted")
                    return found, "adopted"
                if tries >= ATTEMPTS:
                    raise InDoubt(
                        f"{task} was sent {tries} times without an answer, and the target does not show it",
                        hint="look at the target and at the service's status, then resume the run",
                    )
            tries += 1
            try:
                return self._try(task, journal)
            except InDoubt:
                doubted = journal.effect(task.step, task.key)
                if doubted is None or doubted.state != "doubt" or not self._can_tell(task, doubted):
                    raise

    def _can_tell(self, task: _Task[Any], doubted: EffectRecord) -> bool:
        return task.find is not None or self._repeatable.issuperset(doubted.method.split("+"))

    def _try(self, task: _Task[T], journal: Journal) -> tuple[T, Outcome]:
        effect = _Effect(task, _current.get())
        try:
            with _now(effect):
                result = task.do()
        except BaseException as error:
            self._record(effect, error, journal)
            raise
        else:
            if isinstance(result, Skip):
                journal.skip(task.step, task.key, task.kind, result.reason)
                return self._tell_skip(task, result)
            journal.settle(task.step, task.key, "done", result, kind=task.kind)
        finally:
            # only now: whoever looks for a lost effect must know that this one is settled
            self._traffic.leave(effect)
        self._tell(task, "done")
        return result, "done"

    def _record(self, effect: _Effect, error: BaseException, journal: Journal) -> None:
        """Remember what a failed try left behind: nothing, a refusal, or doubt."""
        task = effect.task
        if not effect.methods:
            if isinstance(error, ActionError) and not isinstance(error, _STOPS_ALL):
                journal.settle(task.step, task.key, "refused", kind=task.kind, error=noted(error))
            return
        # of several writes, an earlier one may have been applied
        nothing = _nothing_applied(error, effect.last) and not self._may_have_been_lost(effect, error)
        if nothing and len(effect.digests) == 1:
            journal.settle(task.step, task.key, "refused", kind=task.kind, error=noted(error))
            return
        self._doubts[task.step, task.key] = effect.sent
        journal.settle(task.step, task.key, "doubt", kind=task.kind, error=noted(error))

    def _may_have_been_lost(self, effect: _Effect, error: BaseException) -> bool:
        """Whether an earlier sending may have been applied, and ``error`` only kept the next from leaving.

        Without an answer, what may be repeated is sent again by the client itself.
        """
        held_back = isinstance(error, Interrupted) or (isinstance(error, RemoteError) and not error.status)
        return held_back and len(effect.methods) > 1 and self._repeatable.issuperset(effect.methods)

    # doubt

    def _reconcile(self, task: _Task[T], record: EffectRecord, journal: Journal) -> T | None:
        """What ``find`` sees of an effect that may have happened, once that can be trusted."""
        if not self._can_tell(task, record):
            raise InDoubt(
                f"{task} may have been applied, and nothing here can tell",
                hint="look at the target; when it is there, or must not be made, start a new run without it",
            )
        # of what was sent twice, an early look could take the first for all there will be
        if task.fresh and record.attempts == 1 and self._unsettled(task, record, journal) > 0:
            found = self._looked(task, journal, self._first_sight)
            if found is not None:
                return found
        self._wait(task, self._unsettled(task, record, journal))
        return self._looked(task, journal, self._agreed)

    def _looked(
        self, task: _Task[T], journal: Journal, look: Callable[[_Task[T], Callable[[], T | None]], T | None]
    ) -> T | None:
        """What ``look`` makes of the task's ``find``, adopted."""
        if task.find is None:
            return None
        # in flight elsewhere is what the target may list and the journal does not know yet
        with self._traffic.stopped(), _now(None):
            found = look(task, task.find)
            if found is not None:
                journal.settle(task.step, task.key, "adopted", found, kind=task.kind)
        return found

    def _first_sight(self, _: _Task[T], find: Callable[[], T | None]) -> T | None:
        """What one look sees; one that fails says nothing, and the next may say more."""
        try:
            return find()
        except ActionError:
            return None

    def _agreed(self, task: _Task[T], find: Callable[[], T | None]) -> T | None:
        found = find()
        for _ in range(LOOKS - 1):
            self._wait(task, min(SECOND_LOOK, self._settle))
            before, found = found, find()
            if _same(before, found):
                return found
        raise InDoubt(
            f"{task} may have been applied: {LOOKS} looks at the target did not agree",
            hint="wait until the service lists the target steadily, then resume the run",
        )

    def _unsettled(self, task: _Task[Any], record: EffectRecord, journal: Journal) -> float:
        """Seconds until a look at the target counts."""
        sent = self._doubts.get((task.step, task.key))
        passed = journal.age(record) if sent is None else self._monotonic() - sent
        # a clock that was set back must not make this longer than it can take
        return min(self._settle, max(0.0, self._settle - passed))

    def _wait(self, task: _Task[Any], seconds: float) -> None:
        if seconds > 0:
            reason = f"whether {task} was applied is unknown, and may show only later"
            self._emit(Waiting, step=task.step, until=self._clock() + seconds, reason=reason)
            self._sleep(seconds)
        self._check_stop()

    # many effects

    def each(
        self,
        step: str,
        items: Iterable[T],
        *,
        key: Callable[[T], str],
        do: Callable[[T], R],
        find: Callable[[T], R | None] | None = None,
        fresh: bool = False,
        kind: str = "",
        parallel: int = 1,
        total: int | None = None,
        after: EachResult | None = None,
    ) -> EachResult:
        """`once` for each of ``items``, which are read as they are needed.

        Serial and in order by default, else ``parallel`` at a time with as many
        waiting. An item that fails is recorded and the others go on, but for what
        concerns them all: a quota or spam block, a missing credential, doubt, a
        changed target, a stop, a state directory that can't be written. What an
        earlier process left in doubt is settled before anything else is sent.
        ``after`` is what other items of the same ``total`` came to before: it counts
        in the progress, and in the result.
        """

        if total is not None and self._journal is not None:
            left = total - (after.passed if after else 0)
            self._bulk.many(left, f"{kind}s of step {step}" if kind else f"step {step}")

        def task(item: T) -> _Task[R]:
            look = None if find is None else lambda: find(item)
            return _Task(step, key(item), kind, lambda: do(item), look, fresh)

        tally = _Tally(step, kind, total, self._emit, self._monotonic, after or EachResult())
        tasks = self._doubted_first(step, kind, map(task, items))
        try:
            if parallel <= 1:
                for each in tasks:
                    tally.add(each, self._attempt(each))
            else:
                with side_by_side(parallel):
                    self._side_by_side(tasks, parallel, tally)
        finally:
            tally.tell()
        return tally.result()

    def _doubted_first(self, step: str, kind: str, tasks: Iterator[_Task[R]]) -> Iterator[_Task[R]]:
        """The same tasks; those that are to be sent wait until those that may have been sent had their turn.

        Sent before, one could be lost as well, and take for its own what the other had made.
        """
        doubted = set() if self._journal is None else self._journal.unknown_keys(step, kind)
        held: list[_Task[R]] = []
        for task in tasks:
            if not doubted:
                yield from held
                held.clear()
            elif plain_key(task.key) in doubted:
                doubted.discard(plain_key(task.key))
            elif not self._is_past(task):
                held.append(task)
                continue
            yield task
        yield from held

    def _is_past(self, task: _Task[Any]) -> bool:
        record = None if self._journal is None else self._journal.effect(task.step, task.key)
        return record is not None and record.state in ("done", "skipped")

    def _attempt(self, task: _Task[Any]) -> Outcome | ActionError:
        try:
            return self._perform(task)[1]
        except ActionError as error:
            if isinstance(error, _STOPS_ALL) or self._doubtful(task):
                raise  # while one effect is in doubt, the next one's would be told from it by nobody
            return error

    def _doubtful(self, task: _Task[Any]) -> bool:
        """Whether an effect may have happened, and nobody could find out."""
        record = None if self._journal is None else self._journal.effect(task.step, task.key)
        return record is not None and record.state in ("intent", "doubt")

    def _side_by_side(self, tasks: Iterator[_Task[Any]], parallel: int, tally: _Tally) -> None:
        # plugins import this module on every start, and this is its dearest part
        from concurrent.futures import FIRST_COMPLETED, wait

        from pinflow.engine.executors import at_work

        over = threading.Event()  # those at work end and are recorded; the others never begin

        def attempt(task: _Task[Any]) -> Outcome | ActionError | None:
            try:
                return None if over.is_set() else self._attempt(task)
            except BaseException:
                over.set()
                raise

        flying: dict[Future[Outcome | ActionError | None], _Task[Any]] = {}

        def landed() -> None:
            """What was on its way when another one ended them all is done nevertheless."""
            for future, task in flying.items():
                if future.exception() is None:
                    tally.add(task, future.result())

        with at_work(self._executor(parallel), landed) as executor:
            try:
                while True:
                    for task in islice(tasks, 0 if over.is_set() else 2 * parallel - len(flying)):
                        flying[executor.submit(copy_context().run, attempt, task)] = task
                    if not flying:
                        return
                    for future in wait(flying, return_when=FIRST_COMPLETED).done:
                        tally.add(flying.pop(future), future.result())
            finally:
                over.set()

    # lists, and what is known

    def freeze(self, step: str, name: str, ids: Iterable[str]) -> Sequence[str]:
        """``ids`` in their order, remembered: after a resume the remembered ones come back."""
        if self._journal is None:
            return tuple(ids)
        known = self._journal.frozen(step, name)
        if known is None:
            self._journal.freeze(step, name, ids)
            known = self._journal.frozen(step, name)
        return cast("Sequence[str]", known)

    def results(self, step: str, *, kind: str | None = None) -> Iterator[tuple[str, Any]]:
        """Key and kept result of each done effect of a step ("": of all) and those inside it; none in a dry run."""
        return iter(()) if self._journal is None else self._journal.results(step, kind=kind)

    def sent_at(self, step: str, key: str) -> float | None:
        """When an effect was last announced (seconds since the epoch), if it was."""
        record = None if self._journal is None else self._journal.effect(step, key)
        return record.sent_at if record is not None and record.attempts else None

    def doubted_at(self, step: str, kind: str) -> float | None:
        """When the latest write of this kind was sent whose outcome was not known for a while, in any process."""
        return None if self._journal is None else self._journal.last_unknown_at(step, kind)

    def skip(self, step: str, key: str, reason: str, *, kind: str = "") -> None:
        """Record that something is left out, with a fixed text that says why."""
        if self._journal is not None:
            self._journal.skip(step, key, kind, reason)
        self._emit(ItemSkipped, step=step, key=key, kind=kind, reason=reason)

    # small things

    def _check_stop(self) -> None:
        if self.stop.is_set():
            raise Interrupted("the run was told to stop")

    def _tell(self, task: _Task[Any], outcome: Outcome) -> None:
        self._emit(EffectDone, step=task.step, key=task.key, kind=task.kind, outcome=outcome)

    def _tell_skip(self, task: _Task[T], skip: Skip) -> tuple[T, Outcome]:
        self._emit(ItemSkipped, step=task.step, key=task.key, kind=task.kind, reason=skip.reason)
        return cast("T", skip), "skipped"

    @contextmanager
    def _alone(self, task: _Task[Any]) -> Iterator[None]:
        """Let nobody else work on the same effect meanwhile."""
        outer = _current.get()
        above = outer
        while above is not None:
            if (above.task.step, above.task.key) == (task.step, task.key):
                raise PluginError(f"{task} is inside itself", hint="give the inner ctx.once a key of its own")
            above = above.outer
        with self._traffic.inside(outer), self._traffic.only(task.step, task.key):
            yield


class _Traffic:
    """Who is at work: no two on one effect, and nobody sends while somebody looks for a lost one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._keys: set[tuple[str, str]] = set()
        self._flying: set[_Effect] = set()
        self._looking = False

    @contextmanager
    def only(self, step: str, key: str) -> Iterator[None]:
        """Wait until nobody is at work on this effect, and be the one."""
        with self._changed:
            self._changed.wait_for(lambda: (step, key) not in self._keys)
            self._keys.add((step, key))
        try:
            yield
        finally:
            with self._changed:
                self._keys.discard((step, key))
                self._changed.notify_all()

    @contextmanager
    def inside(self, outer: _Effect | None) -> Iterator[None]:
        """While one effect waits for another inside it, it sends nothing itself."""
        self._nest(outer, 1)
        try:
            yield
        finally:
            self._nest(outer, -1)

    def _nest(self, outer: _Effect | None, by: int) -> None:
        if outer is not None:
            with self._changed:
                outer.inner += by
                self._changed.notify_all()

    def enter(self, effect: _Effect) -> None:
        """Begin to send; waits while somebody looks."""
        with self._changed:
            self._changed.wait_for(lambda: not self._looking)
            self._flying.add(effect)

    def leave(self, effect: _Effect) -> None:
        """What this effect sent is settled."""
        with self._changed:
            self._flying.discard(effect)
            self._changed.notify_all()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Wait until nothing is in flight, and keep it so."""
        with self._changed:
            self._changed.wait_for(lambda: not self._looking)
            self._looking = True
        try:
            with self._changed:
                self._changed.wait_for(lambda: all(effect.inner for effect in self._flying))
            yield
        finally:
            with self._changed:
                self._looking = False
                self._changed.notify_all()


class _Tally:
    """What the items of an `each` came to so far, told ten times a second at most."""

    def __init__(
        self,
        step: str,
        kind: str,
        total: int | None,
        emit: Emit,
        monotonic: Callable[[], float],
        before: EachResult,
    ) -> None:
        self._step = step
        self._kind = kind
        self._total = total
        self._emit = emit
        self._monotonic = monotonic
        self._reports = Throttle(PROGRESS_EVERY, last=monotonic())
        self._outcomes: Counter[str] = Counter({name: getattr(before, name) for name in _COUNTED})
        self._outcomes["failed"] = before.failed_count
        self._failed = list(before.failed)

    def add(self, task: _Task[Any], outcome: Outcome | ActionError | None) -> None:
        if outcome is None:  # it never began
            return
        if isinstance(outcome, ActionError):
            self._outcomes["failed"] += 1
            if len(self._failed) < LISTED:
                self._failed.append(Failure(task.key, outcome))
            self._emit(ItemFailed, step=task.step, key=task.key, kind=task.kind, error=str(outcome))
        else:
            self._outcomes[outcome] += 1
        if self._reports.is_due(self._monotonic()):
            self.tell()

    def tell(self) -> None:
        result = self.result()
        self._emit(
            Progress,
            step=self._step,
            done=result.past,
            total=self._total,
            skipped=result.skipped,
            failed=result.failed_count,
            what=f"{self._kind}s" if self._kind else "items",
        )

    def result(self) -> EachResult:
        counts = dict(self._outcomes)
        return EachResult(failed_count=counts.pop("failed", 0), failed=tuple(self._failed), **counts)


@contextmanager
def _now(effect: _Effect | None) -> Iterator[None]:
    """Make this the effect that writes belong to; None forbids them."""
    token = _current.set(effect)
    try:
        yield
    finally:
        _current.reset(token)


def _nothing_applied(error: BaseException, write: str) -> bool:
    """Whether an error says that ``write`` did nothing; one of a read that came after it does not."""
    if isinstance(error, RemoteError):
        return error.status < 500 and error.status != 408 and error.call in ("", write)
    if isinstance(error, Unreachable):
        return error.message.startswith(f"{write}: ")
    return isinstance(error, CredentialError | Interrupted)


def _same(one: object, other: object) -> bool:
    """Whether two looks saw the same: both nothing, or things with one id."""
    if one is None or other is None:
        return one is other
    if isinstance(one, dict) and isinstance(other, dict) and "id" in one and "id" in other:
        return bool(one["id"] == other["id"])
    return bool(keepable(one) == keepable(other))
