"""What was on a place before a run created anything there: never adopted, and never taken anew by a resume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.errors import Diverged, MalformedAnswer
from pinflow.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pinflow.plugin.place import Place, Seen

WHOLE = 2_500  # things whose ids are all taken: 10 calls at 250 a page; a board of 50,000 would take 200, and a minute
HEAD_SECONDS = 600.0  # that the head of a longer listing reaches back: clocks within one service differ by less
_READINGS = 3  # of a listing that shows less than the service counts, before it is believed or refused
_HEAD = "head"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The things of a place before the first intent: all ids, or those of the newest.

    ``newest`` is when the service made the newest of them (seconds since 1970). What is not among the newest is old if
    the service made it more than ten minutes before that: both times stand in one listing, so no two machines' clocks
    are compared.
    """

    ids: frozenset[str]
    is_whole: bool = True
    newest: float | None = None
    count: int | None = None  # what the service said, where it was asked

    @property
    def hidden_count(self) -> int:
        """How many things the service counted and did not list."""
        return max(0, self.count - len(self.ids)) if self.count is not None and self.is_whole else 0

    def is_old(self, thing: Seen) -> bool:
        """Whether a thing was there before."""
        if thing.id in self.ids:
            return True
        is_early = thing.made_at is not None and self.newest is not None and thing.made_at < self.newest - HEAD_SECONDS
        return not self.is_whole and is_early

    def encode(self) -> Iterator[str]:
        """As a list of ids that the journal can freeze."""
        yield "all" if self.is_whole else _HEAD
        yield "-" if self.newest is None else repr(self.newest)
        yield "-" if self.count is None else str(self.count)
        yield from self.ids


def decode_baseline(frozen: Sequence[str]) -> Baseline:
    """What `Baseline.encode` made."""
    scope, newest, count, *ids = frozen
    return Baseline(
        frozenset(ids),
        scope != _HEAD,
        None if newest == "-" else float(newest),
        None if count == "-" else int(count),
    )


def take_baseline(place: Place, show: Callable[[Seen], None] = lambda _: None) -> tuple[Baseline, str]:
    """What is on the place now, and a remark for people ("" if there is nothing to say).

    ``show`` is given each thing. One call for a place of one page. Raises Diverged if the
    service counts things that its listing doesn't show: nothing was sent then.
    """
    earlier: frozenset[str] | None = None
    for reading in range(_READINGS):
        baseline = _read(place, show)
        listed = len(baseline.ids)
        if not baseline.is_whole or baseline.count is None or listed >= baseline.count:
            return baseline, ""
        if listed and 2 * listed >= baseline.count and (baseline.ids == earlier or reading == _READINGS - 1):
            return baseline, f"{place.label} says it has {baseline.count:,}, its listing has {listed:,}"
        earlier = baseline.ids
    raise Diverged(
        f"{place.label} says it has {baseline.count:,}, but its listing has {listed:,}: that can't be relied on, and "
        "nothing was sent",
        hint="wait until the service lists it whole, then go on with: pinflow resume",
    )


def _read(place: Place, show: Callable[[Seen], None]) -> Baseline:
    ids: set[str] = set()
    newest = oldest = count = None
    for number, page in enumerate(place.pages()):
        if number == 1:  # how long it is decides how much of it is read
            count = place.count()
        fresh = {thing.id for thing in page} - ids
        if page and not fresh:
            raise MalformedAnswer(f"the listing of {place.label} repeats itself")
        ids |= fresh
        for thing in page:
            show(thing)
        times = [thing.made_at for thing in page if thing.made_at is not None]
        if times:
            newest = max(times) if newest is None else max(newest, *times)
            oldest = min(times) if oldest is None else min(oldest, *times)
        is_long = len(ids) > WHOLE or (count or 0) > WHOLE
        if is_long and newest is not None and oldest is not None and newest - oldest > HEAD_SECONDS:
            return Baseline(frozenset(ids), is_whole=False, newest=newest, count=count)
    if count is None:  # what one listing lacks would be taken for new later
        count = place.count()
    return Baseline(frozenset(ids), newest=newest, count=count)
