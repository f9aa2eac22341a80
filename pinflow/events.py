"""The events of a run, as frozen values.

Every plugin's ``pinflow_event`` hook gets them, one at a time, in the order in which they happened. Their JSON
form (``to_json``) is the ``ndjson`` output and has a ``version``. No event contains a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pinflow.lazy_dataclass import dataclass, field, fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VERSION = 1

PROGRESS_EVERY = 0.1  # seconds between two Progress of a loop: smooth to watch, and little beside the calls it counts

Status = Literal["ok", "failed", "planned", "skipped", "paused", "in_doubt", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a run, and when (seconds since the epoch)."""

    run: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run was started or resumed."""

    name: str
    recipe: str
    dry_run: bool
    resumed: bool
    steps: int  # of the recipe's outermost level
    logins: Mapping[str, str] = field(default_factory=dict)  # login -> source of its credential


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    """A step was started. ``step`` is its path: ``copy``, or ``pins[813].copied`` inside a loop."""

    step: str
    name: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectDone(Event):
    """An effect on the service is certain; in a dry run, it would happen (``planned``), or be ``refused``."""

    step: str
    key: str
    kind: str  # "board", "pin": what was made or changed
    outcome: Literal["done", "adopted", "planned", "refused", "already"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSkipped(Event):
    """An item was skipped on purpose, for ``reason``. ``item`` is what people call it, where it has a name."""

    step: str
    key: str
    kind: str
    reason: str
    item: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFailed(Event):
    """One item failed; the others go on, and the step ends as failed, unless ``passed``.

    ``item`` is what people call it, where it has a name: of a table's row ``pins.csv:17 ("Raised beds", line 19)``,
    which ``error`` begins with. ``retryable`` says that it may go well another time, if nothing is changed.
    ``passed``: a step of it failed whose ``on_error`` lets the item go on, and neither the item nor its loop failed.
    """

    step: str
    key: str
    kind: str
    error: str
    item: str = ""
    retryable: bool = False
    passed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """How far a loop is. ``total`` is None while it is unknown."""

    step: str
    done: int
    total: int | None
    skipped: int
    failed: int
    what: str  # "pins"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Event):
    """The run waits until ``until`` (seconds since the epoch), because of ``reason``.

    ``item`` is what people call the item of a loop that waits: "row 7"; "" outside of any, or where that isn't known.
    """

    step: str
    until: float
    reason: str
    category: str = ""
    item: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying(Event):
    """A call or a step will be tried again. ``item`` is as that of `Waiting`."""

    step: str
    attempt: int
    delay: float  # seconds
    reason: str
    item: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Event):
    """A message of an action for people."""

    step: str
    text: str
    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(Event):
    """A step ended. ``counts`` are the outcomes of its effects: {"pin": {"done": 212, "skipped": 1}}.

    ``item`` is what people call the item of a loop that ``error`` names.
    """

    step: str
    status: Status
    seconds: float
    error: str = ""
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    item: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """The run ended: ``status`` ok, failed, planned, paused, in_doubt or cancelled."""

    status: str
    seconds: float
    exit_code: int
    calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # login -> quota category -> calls
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[str] = ()  # that were written: absolute paths
    error: str = ""
    resume_after: float | None = None  # of a pause: when its quota is free again; seconds since the epoch
    accounts: Sequence[Mapping[str, Any]] = ()  # of loops over accounts: account, status, error, counts, calls, facts
    next_steps: Sequence[str] = ()  # what a person can do about a run that has not done all
    not_checked: Sequence[Mapping[str, Any]] = ()  # what nothing reads back: kind, reason, count


def to_json(event: Event) -> dict[str, Any]:
    """An event as plain data: its fields, its kind as ``event``, and the format's ``version``."""
    data = {f.name: getattr(event, f.name) for f in fields(event)}
    if "status" in data:
        data |= status_json(data["status"])
    if "accounts" in data:
        data["accounts"] = [{**account, **status_json(account["status"])} for account in data["accounts"]]
    return {"event": type(event).__name__, "version": VERSION} | data


def status_json(status: str, name: str = "status") -> dict[str, str]:
    """A status as JSON tells it. Where its word has changed, NAME_alias has the one of before, until 0.3."""
    word = {"in_doubt": "unknown"}.get(status, status)
    return {name: word} if word == status else {name: word, f"{name}_alias": status}
