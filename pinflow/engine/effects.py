"""What a durable call is asked for, and what it comes to: plain values.

Plugins import `Skip` and `EachResult` on every start, so nothing here imports threads, SQLite or HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args

from pinflow.errors import AccessTooLow, Diverged, InDoubt, MissingScope, RateLimited, SpamBlocked, renamed_property
from pinflow.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pinflow.errors import ActionError
    from pinflow.plugin.place import Check, Place

T = TypeVar("T")

Outcome = Literal["done", "adopted", "already", "planned", "skipped"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
STOPS_ALL = (
    SpamBlocked,
    RateLimited,
    MissingScope,
    AccessTooLow,
    InDoubt,
    Diverged,
)  # every next item would meet the same


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
    """What the items of an ``each`` came to. ``failed`` lists the first hundred of ``failed_count``.

    ``already`` were done or adopted before: by an earlier process of the run, or an earlier try of the step.
    """

    done: int = 0
    adopted: int = 0
    already: int = 0
    planned: int = 0
    skipped: int = 0
    failed_count: int = 0
    failed: tuple[Failure, ...] = ()
    already_adopted: int = 0  # of those already

    @property
    def made_count(self) -> int:
        """How many items the run has made, in all of its processes; in a dry run, how many it would make."""
        return self.done + self.planned + self.already - self.already_adopted

    @property
    def found_count(self) -> int:
        """How many items the run has adopted, in all of its processes."""
        return self.adopted + self.already_adopted

    @property
    def ok(self) -> bool:
        """Whether no item failed."""
        return not self.failed_count

    @property
    def complete_count(self) -> int:
        """How many items need no more work."""
        return self.done + self.adopted + self.already + self.planned

    @property
    def item_count(self) -> int:
        """How many items were processed, whether they need more work or not."""
        return self.complete_count + self.skipped + self.failed_count

    past = renamed_property("EachResult.past", "EachResult.complete_count")
    passed = renamed_property("EachResult.passed", "EachResult.item_count")


@dataclass(frozen=True, slots=True)
class Effect(Generic[T]):
    """One change of the outside world: what `Durable.once` was asked for."""

    step: str
    key: str
    kind: str
    do: Callable[[], T]
    find: Callable[[], T | None] | None
    find_is_proof: bool = False
    counts_as_change: bool = True
    place: Place | None = None  # where it creates something
    likeness: Mapping[str, str] | None = None  # of what is sent, in the fields of the place's things
    check: Callable[[T], Check | Sequence[Check] | None] | None = None  # what the audit must see, given the result
    unchecked: str = ""  # why nothing can read it back, in a fixed text
    shared_place: Place | None = None  # where it creates something that only its `find` looks for
    account: str = ""  # the token of its step, by name; several are joined by "+"

    def __str__(self) -> str:
        kind = self.kind or "effect"
        name = "" if self.key == kind else f" {self.key.removeprefix(f'{kind}:')!r}"
        return f"{kind}{name} of step {self.step}"


@dataclass(slots=True, eq=False)
class Attempt:
    """One try of one effect, on its thread."""

    effect: Effect[Any]
    outer: Attempt | None
    methods: list[str] = field(default_factory=list)  # of the writes whose intent was recorded
    digests: set[str] = field(default_factory=set)
    last_write: str = ""  # "POST /pins"
    refusal: str = ""  # in a dry run: why the service would refuse its write
    nested: int = 0  # effects inside this one that are at work now
    has_entered: bool = False  # whether its place counts it among those on their way
    leave: Callable[[], None] | None = None  # ends its turn on a shared place
