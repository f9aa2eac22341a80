"""What the stores hold: frozen rows, the same for every implementation. Times are seconds since 1970."""

from __future__ import annotations

import os
from dataclasses import asdict, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pinflow.lazy_dataclass import dataclass
from pinflow.masking.known import mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RunState = Literal["running", "ok", "failed", "paused", "in_doubt", "cancelled", "interrupted", "unreadable"]
EffectState = Literal["intent", "done", "refused", "doubt", "skipped"]
EffectOutcome = Literal["done", "adopted", "refused", "doubt"]
OccurrenceState: TypeAlias = Literal[
    "due", "claimed", "running", "paused", "done", "failed", "skipped", "merged", "withdrawn"
]
OPEN_STATES: tuple[OccurrenceState, ...] = ("due", "claimed", "running", "paused")
OCCURRENCE_STATES: tuple[OccurrenceState, ...] = (*OPEN_STATES, "done", "failed", "skipped", "merged", "withdrawn")
OccurrenceEnd: TypeAlias = Literal["done", "failed", "skipped", "withdrawn"]
Origin = Literal["schedule", "missed", "now", "backfill"]
Level = Literal["info", "warning", "error"]

MAX_WRITES = 1_000  # changes of one run until a person approves more: a large board's Pins, and no account's whole
LEASE = 60.0  # seconds a claim lasts without renewal: five of six, 10 s apart, may fail on a busy disk
SHORT_DIGEST = 12  # digits of an approval's digest that people see and type; 48 bits tell a person's approvals apart
_LONGEST_TEXT = 2_000  # characters of a notice; what mail, chat and desktop notifiers show without cutting
_NOTICE_VERSION = 1


# -- runs


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. ``inputs`` are the user's own, without secrets."""

    id: str
    recipe: str  # the recipe's path
    recipe_digest: str
    name: str
    inputs: Mapping[str, Any]
    options: Mapping[str, Any]
    versions: Mapping[str, str]
    started: float
    state: RunState = "running"
    finished: float | None = None
    exit_code: int | None = None
    resume_after: float | None = None
    error: str = ""  # kind, exit code and status, without a message; of an unreadable run, the reason
    rules: int = 2  # by which its items have keys and its lost writes are looked for; 1: it began before there were 2


def new_run_id(now: float, random: Callable[[int], bytes] = os.urandom) -> str:
    """The name of a run that starts ``now`` (seconds since the epoch); names sort by time.

    "20261123-175140-ab3f2c": UTC date and time, and three random bytes.
    """
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}-{random(3).hex()}"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A finished step; ``output`` holds ids, numbers, dates and states only."""

    path: str
    status: str
    output: Any
    seconds: float
    error: str


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """An item of a loop: ``status`` is "begun", "ok" or "skipped".

    ``number`` is the row that a spreadsheet shows, or its place among the items;
    ``content`` holds digests of what the steps use of it. 0 and "" where that isn't kept.
    """

    key: str
    status: str
    number: int = 0
    content: str = ""


@dataclass(frozen=True, slots=True)
class EffectRecord:
    """One change of the outside world; ``result`` holds ids, numbers, dates and states only.

    ``state``: "intent" (may have happened), "done", "refused" (certainly not
    applied), "doubt" (unknown: may have happened) or "skipped" (left out on purpose;
    the reason is in ``error``). ``adopted`` says that a done effect was found, not made.
    ``place`` is the key of the place where a creation was sent to, ``made`` the id of
    what it created; ``arguments`` and ``class_`` are digests of the step's arguments and
    of what can be read back of the thing. Each is "" where it was not given. ``boot``
    and ``sent`` are for `Journal.age`.
    """

    step: str
    key: str
    kind: str
    state: EffectState
    attempts: int
    method: str
    digest: str
    sent_at: float
    result: Any
    error: str
    adopted: bool
    arguments: str = ""
    place: str = ""
    class_: str = ""
    made: str = ""
    boot: str = ""
    sent: float = 0.0

    @property
    def is_unknown(self) -> bool:
        """Whether it may have happened, and no outcome is on record."""
        return self.state in ("intent", "doubt")

    @property
    def is_over(self) -> bool:
        """Whether it is done or was left out."""
        return self.state in ("done", "skipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationRecord:
    """One creation on a place, for finding out what became of it.

    ``state`` is as that of an effect; ``body`` a digest of the request; ``class_`` digests of what reads back.
    ``earlier`` is how many sendings before the last may have been applied as well. ``age`` and ``earlier_age`` are at
    least how many seconds ago the last and the one before it were sent, by a clock that nobody can set; 0 where that is
    unknown.
    """

    step: str
    key: str
    kind: str
    state: EffectState
    class_: str
    body: str
    sent_at: float
    age: float
    earlier: int
    earlier_age: float
    made: str


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """What the audit must still see of a done effect: the thing ``id`` of a place, by the place's key.

    ``fields`` are digests of what it must show, by name; None says that it must be gone.
    """

    step: str
    key: str
    kind: str
    account: str
    place: str
    id: str
    fields: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class RunDetail:
    """Everything that is recorded of one run. ``counts`` is kind -> outcome -> number of effects.

    ``numbers`` are the rows of a table, or the places in a list, by (path of the loop, key of the item).
    """

    record: RunRecord
    steps: Sequence[StepRecord]
    effects: Sequence[EffectRecord]
    counts: Mapping[str, Mapping[str, int]]
    calls: Mapping[str, Mapping[str, int]]  # login -> category -> calls
    numbers: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long what ended is kept, in seconds. What is open stays, unless ``open`` says for how long.

    ``number`` is how many runs that ended ok are kept at most, and how many that failed or
    were cancelled: 2,000 small ones take 100 MB. Those that did nothing go first.
    """

    ok: float = 90 * 86_400.0
    failed: float = 180 * 86_400.0  # or cancelled
    open: float | None = None  # paused, interrupted, of unknown outcome, or unreadable
    number: int = 2_000


@dataclass(frozen=True, slots=True)
class Stored:
    """How much is stored of one kind of state, such as "runs that ended ok"."""

    kind: str
    count: int
    size: int  # bytes


# -- schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A job as it is stored. ``block`` is its schedule's keys, ``stamp`` changes when the file is touched."""

    name: str
    title: str
    recipe: str
    stamp: str
    digest: str
    block: Mapping[str, Any]
    inputs: Mapping[str, Any]
    accounts: Sequence[str]
    anchor: int
    seen: int  # every time up to this one has its row
    paused: float | None = None  # since when
    failures: int = 0  # in a row
    rest_until: float = 0.0
    active: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """One time, or all from ``due`` to ``last``: they run ("due"), are "skipped", or are "merged" into another one.

    ``count`` None: more than were counted.
    """

    due: int
    state: Literal["due", "skipped", "merged"]
    start: int  # not before this
    last: int
    count: int | None = 1
    reason: str = ""
    origin: Origin = "schedule"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One row: a time at which a job was due, or all from ``due`` to ``last``."""

    id: int
    job: str
    due: int
    last: int
    count: int | None
    start: int
    state: OccurrenceState
    origin: str
    reason: str
    owner: str
    fence: int
    lease: float
    not_before: float
    run: str
    began: float | None
    ended: float | None
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A sign of life of what works on the schedule: kind "daemon", "tick", or "stopped" after a daemon's clean end."""

    kind: str
    pid: int
    since: float
    at: float
    jobs: int
    running: int


# -- people


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What an approval holds for, as the dry run before it found it."""

    request: (
        str  # digest of the recipe with its includes, of the inputs that were given, and of the API that was chosen
    )
    files: Mapping[str, str] = field(default_factory=dict)  # path of each that was read -> SHA-256 of its bytes
    inputs: Mapping[str, str] = field(default_factory=dict)  # inputs of type file whose file was read -> its path
    addresses: Mapping[str, str] = field(default_factory=dict)  # API -> where it was reached
    accounts: Mapping[str, str] = field(default_factory=dict)  # API and token -> the account's id; "" if not known
    software: Mapping[str, str] = field(default_factory=dict)  # pinflow and the plugins that are used -> version
    # absolute path of the recipe and of each include -> SHA-256 of its text; only to tell which of them changed
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Who approved what, and when."""

    digest: str  # 64 hex digits
    name: str  # the recipe's
    recipe: str  # its file, when it was approved
    recipe_digest: str
    api: str | None  # that overrides the recipe's own
    inputs: Mapping[str, Any] = field(default_factory=dict)  # those that were given, without secrets
    deletes: tuple[str, ...] = ()  # the steps that delete things, or may
    max_writes: int = MAX_WRITES  # of one run
    by: str = ""
    at: float = 0.0
    covers: Coverage | None = None  # None: of the version before, which asked for less

    @property
    def id(self) -> str:
        """The beginning of the digest, for people."""
        return self.digest[:SHORT_DIGEST]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to tell a person. Control characters in its texts become spaces.

    ``key`` names the circumstance, the same for as long as it lasts, such as
    ``token-ends:v5:shop``. ``kind`` is the part of it that machines go by:
    ``token_ends`` (before its next refresh), ``sign_in_ends`` (a refresh token, weeks
    ahead), ``job_failed`` (three times), ``run_paused``, ``approval_missing``, or a
    plugin's own. ``title`` is a line, ``text`` what to do; ``at`` is seconds since
    the epoch. Neither holds a secret.
    """

    key: str
    kind: str
    title: str
    text: str = ""
    at: float = 0.0
    level: Level = "warning"

    def __post_init__(self) -> None:
        for name in ("key", "kind"):
            object.__setattr__(self, name, _printable(getattr(self, name)))
        for name in ("title", "text"):  # a secret in colours is none any more without its control characters
            object.__setattr__(self, name, _printable(mask(getattr(self, name))))

    def as_data(self) -> dict[str, Any]:
        """As plain data, the form in which notifiers pass it on; ``at`` is ISO 8601 in UTC."""
        return {"version": _NOTICE_VERSION, **asdict(self), "at": datetime.fromtimestamp(int(self.at), UTC).isoformat()}


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:_LONGEST_TEXT]


@dataclass(frozen=True, slots=True)
class NoticeAttempt:
    """Who still has to be told of a notice, who was, and for whom that failed before."""

    lacking: tuple[str, ...]
    told: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    problem: str = ""  # why the attempt could not be stored


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, from where. ``previous`` is the digest of the entry before it, so that none can be taken out."""

    number: int  # from 1
    at: float
    who: str
    via: str  # "cli", "web", an address
    what: Mapping[str, Any]
    previous: str  # 64 hex digits; "" of the first


# -- quotas and tokens


@dataclass(frozen=True, slots=True)
class CounterKey:
    """What a quota counts. ``account`` is a fingerprint or "app"; ``category`` "" is the account itself."""

    api: str
    origin: str  # where the service is: a simulated one has counters of its own
    account: str
    category: str
    login: str = field(default="", compare=False)  # a name of the account's token, for people


@dataclass(frozen=True, slots=True)
class LimitChange:
    """The service allows ``limit`` calls in ``seconds``; 0: it has no such window. ``lane`` counts a claim's lanes."""

    lane: int
    seconds: float
    limit: int


@dataclass(frozen=True, slots=True)
class RemainingCalls:
    """The service allows ``remaining`` more calls in this window of a claim's lane, for the next ``reset`` seconds."""

    lane: int
    seconds: float
    remaining: int
    reset: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaUse:
    """How one quota stands.

    ``account`` is a fingerprint, or "app" where all accounts of an app share.
    ``limit`` is None where only a pause is known; the ``category`` "" is the account
    itself, whose writes a ``paused_until`` blocks.
    """

    api: str
    origin: str
    account: str
    login: str  # a name of the account's token; "" for an app
    category: str
    limit: int | None
    seconds: float
    used: int
    resets: float | None  # when all of it is free again; None if nothing is used
    source: str  # "table", or "header" where the service told it
    paused_until: float | None

    @property
    def remaining(self) -> int | None:
        """How many calls are left; None where the limit is unknown."""
        return None if self.limit is None else max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class StoredToken:
    """One session's tokens as the vault has them. ``content`` is JSON of the auth plugin's own, sealed where shared."""

    service: str
    name: str
    content: bytes = field(repr=False)
    version: int = 0  # counts replacements, so that a slow refresher can't undo a faster one
    lost_at: str = ""  # when a refresh was asked for (ISO 8601, UTC) whose answer was never stored
