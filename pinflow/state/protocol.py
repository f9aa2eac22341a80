"""What a state must offer. The folder is one implementation (`pinflow.state.folder`); a database can be another.

Engine, http, scheduling and the command line use these protocols and the rows of
`pinflow.state.records`, and no implementation; `pinflow.state.choose` alone picks
one. `pinflow.state.conformance` holds the tests that each implementation must pass.
All stores are safe to share between threads. What can't be read or written raises
StateError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pinflow.errors import StateError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from pinflow.state.records import (
        Approval,
        AuditEntry,
        CheckRecord,
        CounterKey,
        CreationRecord,
        EffectOutcome,
        EffectRecord,
        Heartbeat,
        ItemRecord,
        JobRow,
        Keep,
        LimitChange,
        Notice,
        NoticeAttempt,
        Occurrence,
        OccurrenceEnd,
        OccurrenceState,
        QuotaUse,
        RemainingCalls,
        RunDetail,
        RunRecord,
        RunState,
        StepRecord,
        Stored,
        StoredToken,
        Verdict,
    )


class ClaimLost(StateError):
    """Another process has taken over the work: this one may send and write nothing more about it."""


class Claim(Protocol):
    """The right to work on one run, until it is released or lost."""

    lost: threading.Event  # set once another process has taken over; then every write raises ClaimLost

    @property
    def run(self) -> RunRecord: ...


class State(Protocol):
    """Everything that is kept between runs. Made once, by the app; close it.

    ``place`` names it for people: a folder, or an address without its password.
    ``vault`` is None where tokens stay in files of the user's own.
    """

    place: str
    vault: Vault | None

    @property
    def runs(self) -> Runs: ...

    @property
    def places(self) -> PlaceIndex: ...

    @property
    def approvals(self) -> ApprovalStore: ...

    @property
    def notices(self) -> NoticeBook: ...

    @property
    def events(self) -> RunEvents: ...

    @property
    def audit(self) -> AuditLog: ...

    @property
    def content(self) -> ContentStore: ...

    def rows(self, plugin: str) -> PluginRows:
        """The rows of one plugin."""

    def open_usage(self) -> UsageStore:
        """The shared counters of quotas. Close it."""

    def open_schedule(self, owner: str) -> ScheduleStore:
        """The schedule; ``owner`` names who claims, and is never used twice. Close it."""

    def secret(self, name: str) -> bytes:
        """32 random bytes, made at first use and the same for all processes that share this state."""

    def inventory(self) -> Sequence[Stored]:
        """How much there is of each kind of state. Raises StateError."""

    def prune(self, keep: Keep, *, dry_run: bool = False) -> Sequence[Stored]:
        """Remove all that need not be kept, of every kind; what that was, or would be. Raises StateError."""

    def now(self) -> float:
        """The moment, in seconds since 1970, by the clock that all processes of this state share."""

    def close(self) -> None: ...


class Runs(Protocol):
    """All runs."""

    def create(self, record: RunRecord) -> Journal:
        """A new run, durable and claimed. Raises StateError if there is one of that id."""

    def open(self, run_id: str) -> Journal:
        """A run to go on with, claimed.

        Raises StateError when there is none, it is damaged or from a newer pinflow, or
        another process has it; then the message names that process.
        """

    def look(self, run_id: str) -> RunRecord | None:
        """How a run stands, without claiming it; None if there is none. Never raises.

        One that is "running" and not claimed is "interrupted". One that can't be read is
        "unreadable", with the reason in ``error``.
        """

    def list(self, *, number: int | None = None, before: str = "") -> Sequence[RunRecord]:
        """Runs as `look` gives them, newest first: at most ``number``, of those older than ``before``. Never raises."""

    def count(self) -> int:
        """How many runs there are."""

    def last(self) -> str | None:
        """The id of the newest run."""

    def detail(self, run_id: str) -> RunDetail:
        """What is recorded of a run. Raises UsageError if there is none."""

    def creations(self, run_id: str, place: str, *, unsettled: bool = True) -> Sequence[CreationRecord]:
        """What a run created on a place, or with ``unsettled`` what of it may still be applied; () if there is no run.

        Without claiming it: what a living process put into its journal last may be missing. Raises StateError if it
        can't be read.
        """

    def is_claimed(self, run_id: str) -> bool:
        """Whether a living process works on the run now."""

    def is_unbegun(self, run_id: str) -> bool:
        """Whether the process that made the run died before its first row: nothing was sent, and the id is used up."""

    def prune(self, keep: Keep, *, number: int = 4) -> Sequence[str]:
        """Remove at most ``number`` runs that need not be kept, those that did nothing first; their ids.

        Called at each start: it takes as long however many runs there are, and may learn
        over many calls which there are. Runs that a process works on stay, and so do those
        with a write of unknown outcome, whatever they ended as. Never raises.
        """


class Checks(Protocol):
    """What the audit must still see of a run's done effects. Part of its journal."""

    def add(self, check: CheckRecord) -> None:
        """Store what must be seen of an effect, in place of an earlier check of it; durable with the next intent."""

    def pending(self, step: str) -> Iterator[CheckRecord]:
        """What must still be seen of a step ("": of all) and of those inside it, in the order of storing."""

    def settle(self, checks: Iterable[CheckRecord]) -> None:
        """The audit is done with these: what must be was seen, or told of; durable as `Journal.finish_step` is."""

    def touched_ids(self) -> set[str]:
        """The ids of all things that the run's effects with checks have made, changed or removed."""

    def add_unreadable(self, step: str, key: str, kind: str, reason: str) -> None:
        """Store that nothing reads an effect back, and why; durable with the next intent."""

    def unreadable(self) -> dict[tuple[str, str], int]:
        """How many effects of the run nothing reads back, by kind and reason."""


class ItemJournal(Protocol):
    """What a run's memory keeps of the items of its loops."""

    def is_item_done(self, loop: str, key: str) -> bool:
        """Whether an item of a loop needs no more work: it ended ok, or was skipped."""

    def begin_item(self, loop: str, key: str, *, number: int, content: str) -> None:
        """Store that work on an item begins, and what it is; durable with the next intent, before it."""

    def item(self, loop: str, key: str) -> ItemRecord | None:
        """What is known of one item of a loop."""

    def items(self, loop: str) -> Iterator[ItemRecord]:
        """Every item of a loop that was begun, streamed by key."""

    def finish_item(self, loop: str, key: str, status: str) -> None:
        """Store how an item of a loop ended; durable as `finish_step` is."""

    def item_counts(self, loop: str) -> dict[str, int]:
        """How many items of a loop ended "ok" and were "skipped", in all processes of the run."""


class Journal(ItemJournal, Protocol):
    """One run's memory, claimed until ``close``.

    It stores what it is handed: the engine sanitises steps, keys, results and errors
    before (`pinflow.engine.safe_journal`). After the first failed write every further
    call raises the same StateError; after a takeover, ClaimLost.
    """

    lost: threading.Event
    creations: Creations
    checks: Checks

    @property
    def run(self) -> RunRecord: ...

    def set_state(
        self, state: RunState, *, exit_code: int | None = None, error: str = "", resume_after: float | None = None
    ) -> None:
        """Store durably how the run stands."""

    def amend(self, *, recipe_digest: str, inputs: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        """Store durably that the run goes on with another recipe, inputs and options."""

    def step(self, path: str) -> StepRecord | None: ...

    def finish_step(self, path: str, status: str, output: object, *, seconds: float, error: str = "") -> None:
        """Store that a step ended; durable within half a second of work, or with the next intent."""

    def effect(self, step: str, key: str) -> EffectRecord | None: ...

    def record_intent(
        self,
        step: str,
        key: str,
        *,
        kind: str,
        method: str,
        category: str,
        digest: str,
        again: bool = False,
        arguments: str = "",
        place: str = "",
        class_: str = "",
    ) -> None:
        """Store durably that a request is about to leave: on return it may.

        ``again``: of the same attempt, the last request of which did nothing.
        ``arguments``, ``place`` and ``class_`` are as in `EffectRecord`, which gives them back.
        """

    def is_fresh(self, step: str, key: str) -> bool:
        """Whether the effect's intent is recent enough for its request to leave now; else record it again."""

    def settle(
        self,
        step: str,
        key: str,
        state: EffectOutcome,
        result: object = None,
        *,
        kind: str = "",
        error: str = "",
        made: str = "",
    ) -> None:
        """Store how an effect ended; durable with the next intent, or `flush`. ``made``: the id of what it created."""

    def skip(self, step: str, key: str, kind: str, reason: str) -> None:
        """Store that an item was left out on purpose. What is done stays done."""

    def age(self, record: EffectRecord) -> float:
        """At least how many seconds ago an effect's intent was stored, by a clock that nobody can set.

        0 where that is not known, as after the machine was started anew.
        """

    def unknown_keys(self, step: str, kind: str) -> set[str]:
        """The keys of the step's effects of this kind whose outcome is unknown."""

    def last_unknown_at(self, step: str, kind: str) -> float | None:
        """When the latest write of a step, or of one inside it, was sent whose outcome was unknown for a while."""

    def late_age(self, step: str, kind: str, *, changes: bool = False) -> float | None:
        """At least how many seconds ago a step, or one inside it, created what may be applied late, the latest of it.

        That is what was sent again, or left out, after no answer came, and what may have been mistaken for it. None if
        there is nothing of the kind. With ``changes`` the same of changes (PATCH) that were sent again.
        """

    def results(self, step: str, *, kind: str | None = None) -> Iterator[tuple[str, Any]]:
        """Key and result of each done effect of a step ("": of all) and of those inside it."""

    def counts(self, step_prefix: str = "") -> dict[str, dict[str, int]]:
        """kind -> outcome ("done", "adopted", "skipped", "failed", "doubt") -> effects, of a step and those inside it.

        A write that only waits, for a quota or for the run to go on, counts as none of them.
        """

    def freeze(self, step: str, name: str, ids: Iterable[str]) -> None:
        """Store a list of ids durably, all of it or nothing, in place of an earlier one of that name."""

    def frozen_list(self, step: str, name: str) -> Sequence[str] | None:
        """The list that ``freeze`` stored."""

    def call(self, login: str, category: str, n: int = 1) -> None:
        """Count calls of a login. Cheap, called for each answer: durable with what else is stored, soon, or `flush`."""

    def calls(self) -> dict[str, dict[str, int]]:
        """The calls of all processes of the run: login -> category -> calls."""

    def flush(self) -> None:
        """Store durably whatever waits."""

    def close(self) -> None:
        """Store durably whatever waits, and release the claim, even if that fails."""


class Creations(Protocol):
    """What one run created on places; of its `Journal`. Steps, keys and places are as the journal has them."""

    def places(self) -> list[str]:
        """The places that the run has sent creations to."""

    def on(self, place: str, *, unsettled: bool = False) -> Iterator[CreationRecord]:
        """What the run created on a place, or tried to; with ``unsettled`` only what may still be applied."""

    def forget_earlier(self, step: str, key: str) -> None:
        """Store that nothing more can appear of what an effect sent before its last sending; durable with an intent."""

    def give_up(self, step: str, key: str) -> None:
        """Store durably that an effect without an outcome was not applied, as a person says: it is "refused".

        What was sent counts as one more of those that may have been applied `earlier`.
        """


class PlaceIndex(Protocol):
    """The places on which runs of this state create things. See `pinflow.plugin.place`."""

    def key(self) -> bytes:
        """What digests of likenesses are keyed with: 32 bytes, the same for all runs of the state."""

    def open(self, place: str, run_id: str, sleep: Callable[[float], None]) -> SharedPlace:
        """One place, for a run. ``sleep`` is how it waits for others; it may raise. Close it."""


class SharedPlace(Protocol):
    """One place, as one process of a run uses it: who else creates things there, what they made, whose turn it is."""

    def join(self, is_over: Callable[[str], bool]) -> None:
        """Tell other runs, durably, that this one creates things here. Those that are over may be forgotten."""

    def runs(self) -> Mapping[str, int]:
        """The other runs that created things here, also ended ones, and how often they joined."""

    def makers(self, *, own: bool = False) -> Mapping[str, tuple[str, str]]:
        """What other runs (or this one) made here: id -> the run, and its name for the write."""

    def add(self, ref: str, id_: str) -> None:
        """Tell other runs what a write of this one made: before `leave`, and at once, though not durably."""

    def enter(self) -> None:
        """Begin to send, which `leave` ends. Waits while another process looks."""

    def entering(self) -> AbstractContextManager[Mapping[str, int]]:
        """The same, for a caller who needs the other runs: none of them begins to send inside the block."""

    def leave(self) -> None:
        """The outcome of a write that entered is recorded, or it was not sent."""

    def looking(self) -> AbstractContextManager[Mapping[str, int]]:
        """Keep every process from sending inside the block. No write of this one may be on its way."""

    def close(self) -> None:
        """Let the place go."""


class UsageStore(Protocol):
    """What was used of each quota, by all processes that share this state.

    A lane is one quota category of one account or app; each of its windows has as many slots as its limit allows
    calls. Moments are the store's own: callers give and get spans in seconds, so that no clock of a process is
    compared with another's.
    """

    @property
    def key(self) -> bytes:
        """32 bytes that make fingerprints of accounts, the same for all processes, of no use without this store."""

    def lane(self, counter: CounterKey, quota: tuple[int, float] | None = None) -> Lane:
        """The lane of a counter as it was left; ``quota`` is the limit and window that are known beforehand."""

    def release(self, counter: CounterKey) -> None:
        """This process makes no more calls of this counter."""

    def acquire(self, lanes: Sequence[Any], ahead: Sequence[int]) -> object | list[float]:
        """A slot in each window of this store's ``lanes``, all or none: a claim for `finish`.

        Else a list: for each lane, how many seconds a call has to wait that lets ``ahead`` others of this process
        go first.
        """

    def finish(self, claim: Any, age: float, changes: Iterable[LimitChange | RemainingCalls] = ()) -> None:
        """The claim's call ended, and was counted at least ``age`` seconds ago; ``changes`` are what its answer told.

        A slot is free again one window after its call was counted. The windows that the service told hold for all
        processes from their next call on, and in place of the one that was known beforehand if that one goes.
        """

    def uses(self) -> list[QuotaUse]:
        """How every quota stands that was used in the last day, or is paused."""

    def lift(self, login: str) -> int:
        """End the blocks of the accounts of a token's name; how many there were."""

    def close(self) -> None: ...


class QuotaWindow(Protocol):
    """At most ``limit`` calls in any ``seconds``. ``learned``: the service said so."""

    @property
    def limit(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def is_learned(self) -> bool: ...


class Lane(Protocol):
    """One quota category of one account or app, of a `UsageStore`. Its pause holds for all processes."""

    counter: CounterKey

    @property
    def windows(self) -> Sequence[QuotaWindow]:
        """The limits that it keeps to now."""

    def pause(self, seconds: float) -> None:
        """No call for so long; a longer pause stays."""

    def pause_left(self) -> float:
        """How many seconds the pause still lasts."""

    def forecast(self, calls: int, *, step: float, delay: float) -> float:
        """In how many seconds after ``delay`` the last of so many calls is answered, if each takes ``step`` seconds."""


class ScheduleStore(Protocol):
    """The schedule: its jobs, every time at which one was due, and who runs it."""

    @property
    def jobs(self) -> JobStore: ...

    @property
    def occurrences(self) -> OccurrenceStore: ...

    def has_changed(self) -> bool:
        """Whether another process changed anything since this was last asked."""

    def damage(self, reason: str) -> StateError:
        """The error that says that what is stored can't be believed, and where it is."""

    def note(self, name: str) -> Any:
        """What `put_note` stored under a name, or None."""

    def put_note(self, name: str, value: Any) -> None:
        """Store plain data under a name."""

    def rewind(self, now: float) -> list[str]:
        """The clock was set back to ``now``: forget what was passed over ahead of it. Returns the jobs concerned.

        What ran keeps its row, so that nothing runs twice.
        """

    def prune(self, now: float) -> None:
        """Remove what ended more than a year ago; withdraw what a silent owner left of a job that is gone."""

    def own(self, now: float) -> AbstractContextManager[None]:
        """Be the only daemon inside the block. Raises StateError naming the process that is, and since when."""

    def is_owned(self) -> bool:
        """Whether a living daemon owns the schedule."""

    def beat(self, heartbeat: Heartbeat) -> None:
        """Store a sign of life, in place of the last."""

    def last_beat(self) -> Heartbeat | None:
        """The last sign of life; None if there is none that can be read."""

    def close(self) -> None: ...


class JobStore(Protocol):
    """The scheduled jobs. What their schedules mean is the scheduler's to say."""

    def all(self, *, active: bool = True) -> dict[str, JobRow]:
        """Every job by name; without ``active`` those that were removed as well."""

    def put(self, rows: Iterable[JobRow], *, now: float) -> list[str]:
        """Add jobs, or change them. Returns the names of those whose waiting occurrences were withdrawn.

        A changed digest withdraws them. A changed ``block`` also begins anew: with the
        anchor and the watermark of the given row.
        """

    def remove(self, names: Iterable[str], reason: str, *, now: float) -> None:
        """These jobs are no longer scheduled; what waits is withdrawn."""

    def pause(self, job: str, since: float | None) -> bool:
        """Pause a job, or (None) let it go on. Returns whether that changed anything."""

    def end_rest(self, job: str, now: float) -> bool:
        """Let a job run again that rests after failures. Returns whether it rested."""

    def count_failure(self, job: str, failed: bool, *, rest_until: float = 0.0) -> int:
        """How many times in a row the job has failed now; ``rest_until`` is when it may run again."""


class OccurrenceStore(Protocol):
    """The occurrences and the claims on them: each claim has a lease, and a fencing number that its writes carry."""

    def claimable(self, now: float, *, number: int = 1_000) -> list[Occurrence]:
        """What can be claimed now, the oldest first: due, paused until now, or left by an owner that fell silent."""

    def next_claimable(self) -> float | None:
        """The moment from which the next open occurrence can be claimed."""

    def history(self, job: str = "", *, number: int = 20, states: Sequence[OccurrenceState] = ()) -> list[Occurrence]:
        """The newest rows of a job, or of all jobs, the newest first; ``states`` () are all states."""

    def between(self, job: str, first: float, last: float) -> list[Occurrence]:
        """The rows of a job that stand for a time from ``first`` to ``last``, the oldest first."""

    def find(self, id_: int) -> Occurrence: ...

    def record(self, decisions: Iterable[tuple[str, int, Sequence[Verdict]]]) -> set[str]:
        """Store what became due: job, the watermark that its verdicts begin at, and the verdicts.

        Returns the jobs stored. One whose watermark was moved meanwhile is left alone: another process stored it.
        """

    def add(self, job: str, verdict: Verdict) -> int:
        """Store one occurrence beyond the rule's own; its id. It gets the last second that is not taken."""

    def reopen(self, job: str, dues: Iterable[int], reason: str) -> list[int]:
        """Make times due that did not run: new rows, or rows skipped, merged or withdrawn; the ids of all."""

    def claim(
        self,
        id_: int,
        now: float,
        *,
        run: str,
        skip_reason: Callable[[int], str] | None,
        accounts: Collection[str] = (),
    ) -> Occurrence | None:
        """Claim an occurrence. Returns its row, claimed or skipped; None if it has to wait or another process has it.

        ``run`` is the id of its run, unless an earlier claim decided on one. While an earlier occurrence of the job
        has not ended, a regular one is skipped, with the reason that ``skip_reason`` gives for the earlier one's due
        time; it waits where that is None. It also waits while another process runs a job of one of its ``accounts``.
        """

    def renew(self, claims: Iterable[Occurrence], now: float) -> list[Occurrence]:
        """Renew the leases of claimed occurrences. Returns those that were lost."""

    def begin(self, claim: Occurrence, *, run: str | None = None) -> Occurrence:
        """The run begins, or goes on; ``run`` is another id for it. Raises ClaimLost."""

    def release(self, claim: Occurrence, *, until: float, reason: str) -> None:
        """Give the claim up; others may take it from ``until`` on. Raises ClaimLost."""

    def park(self, claim: Occurrence, *, until: float, reason: str) -> None:
        """The run is paused, and goes on from ``until``. Raises ClaimLost."""

    def settle(
        self,
        claim: Occurrence,
        state: OccurrenceEnd,
        *,
        now: float,
        reason: str,
        exit_code: int | None,
        run: str | None = None,
    ) -> None:
        """The occurrence ended; ``run`` "" says that it has no run. Raises ClaimLost."""


class ApprovalStore(Protocol):
    """What people approved to run unattended, by digest."""

    def put(self, approval: Approval) -> None:
        """Store an approval, in place of an earlier one of the same digest."""

    def get(self, digest: str) -> Approval | None: ...

    def all(self) -> tuple[list[Approval], list[str]]:
        """Every approval, newest first; and what is wrong with those that can't be read."""

    def digests(self) -> Sequence[str]:
        """The digests of all, readable or not."""

    def remove(self, digest: str) -> bool:
        """Remove an approval, readable or not; whether there was one."""


class NoticeBook(Protocol):
    """What people have been told, by the notice's key, and what is still open."""

    def begin(self, notice: Notice, names: Collection[str], *, now: float, again_after: float) -> NoticeAttempt | None:
        """Begin to tell those of ``names`` that were not told yet; None if nothing is to be told now.

        That is so where all were told, or where another attempt began less than
        ``again_after`` seconds ago. Others see from now on that it is being told; where
        that can't be stored, the attempt's ``problem`` says why, and it is told nevertheless.
        """

    def finish(self, notice: Notice, told: Collection[str], failed: Collection[str], *, now: float) -> None:
        """Store who has been told in all, and whom it failed for."""

    def resolve(self, key: str) -> bool:
        """The circumstance is over: should it come again, it is told again. Whether it was open."""

    def open(self) -> list[Notice]:
        """What was told and is not resolved, newest first. What can't be read is left out."""


class RunEvents(Protocol):
    """What happened in a run, in order, for those who watch it from elsewhere. Without content."""

    def append(self, run_id: str, event: Mapping[str, Any]) -> int:
        """Store an event; its number, from 1."""

    def read(self, run_id: str, after: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
        """The events after a number, with theirs."""


class AuditLog(Protocol):
    """Who did what. Entries are never changed, and each holds the digest of the one before."""

    def append(self, who: str, via: str, what: Mapping[str, Any]) -> AuditEntry: ...

    def read(self, after: int = 0) -> Iterator[AuditEntry]: ...

    def check(self) -> int | None:
        """The number of the first entry that does not follow from the one before; None if all do."""


class PluginRows(Protocol):
    """JSON rows of one plugin, by store and key. With a ``claim`` a write is fenced, and bound to its run."""

    def put(self, store: str, key: str, body: Any, *, claim: Claim | None = None) -> None:
        """Store a row, in place of an earlier one. Raises ClaimLost."""

    def get(self, store: str, key: str) -> Any:
        """A row's body, or None."""

    def remove(self, store: str, key: str, *, claim: Claim | None = None) -> bool:
        """Remove a row; whether there was one. Raises ClaimLost."""

    def list(self, store: str, *, run_id: str | None = None) -> Iterator[tuple[str, Any]]:
        """Key and body of each row, by key; with ``run_id`` of those bound to that run."""


class ContentStore(Protocol):
    """Bytes by their SHA-256: recipes, what they include, small input files."""

    def put(self, content: bytes) -> str:
        """Store bytes; their digest, 64 hex digits."""

    def get(self, digest: str) -> bytes | None: ...

    def prune(self, in_use: Collection[str]) -> int:
        """Remove everything else; how many there were."""


class Vault(Protocol):
    """Tokens, by the service's name and their own. One process at a time refreshes a session."""

    def find(self, service: str, name: str) -> StoredToken | None:
        """The stored tokens of that name, or None."""

    def put(self, token: StoredToken) -> None:
        """Store tokens, in place of earlier ones of that name."""

    def remove(self, service: str, name: str) -> bool:
        """Remove tokens. Returns whether there were any."""

    def names(self) -> Sequence[tuple[str, str]]:
        """Service and name of each."""

    def turn(self, service: str, name: str) -> AbstractContextManager[VaultTurn]:
        """The right to refresh this session, alone; waits for whoever has it. Raises Unreachable after two minutes."""


class VaultTurn(Protocol):
    """One refresh: look at ``token``, note that the service is asked, ask it, store its answer, use it."""

    token: StoredToken | None  # as it is now

    def record_request(self, at: str) -> None:
        """Store durably that the service is asked for new tokens now (ISO 8601, UTC)."""

    def clear_request(self) -> None:
        """The service refused, or was never asked: nothing was lost."""

    def replace(self, content: bytes) -> None:
        """Store the service's answer durably, and forget the note. Raises StateError if another turn was faster."""
