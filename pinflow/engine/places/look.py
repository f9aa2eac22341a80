"""Reading a place: as much of its listing as is new, and whether that reading can be believed."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from pinflow.errors import MalformedAnswer
from pinflow.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pinflow.plugin.place import Place, Seen


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reading of a place showed. ``fresh`` are the things that were not there before."""

    fresh: tuple[Seen, ...]
    listed: int  # things in all
    is_whole: bool  # it went to the end of the listing

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(thing.id for thing in self.fresh)


def read_place(place: Place, is_old: Callable[[Seen], bool], came_later: Callable[[str], bool]) -> Reading:
    """Read the listing until all that follows is certain to be old, which mostly is one page; else to its end.

    A listing proves that it shows the newest first when the service's times fall along it, and what is known to be
    newer than the baseline (``came_later``, such as what this run made) stands above all of that. Raises ActionError,
    MalformedAnswer for a page that comes twice.
    """
    seen: set[str] = set()
    fresh: list[Seen] = []
    latest, falls, later_above, has_old, has_foreign = inf, True, False, False, False
    for page in place.pages():
        if page and all(thing.id in seen for thing in page):
            raise MalformedAnswer(f"the listing of {place.label} repeats itself")
        for thing in page:
            if thing.id in seen:
                continue  # what was added meanwhile moves the others to the next page
            seen.add(thing.id)
            falls = falls and thing.made_at is not None and thing.made_at <= latest
            latest = latest if thing.made_at is None else thing.made_at
            if came_later(thing.id):
                later_above, falls = True, falls and not has_foreign
            elif is_old(thing):
                has_foreign = True
            if is_old(thing):
                has_old = True
            else:
                fresh.append(thing)
        if has_old and falls and later_above:
            return Reading(tuple(fresh), len(seen), is_whole=False)
    return Reading(tuple(fresh), len(seen), is_whole=True)


def is_complete(
    place: Place, reading: Reading, demanded: Collection[str], deleted: set[str], *, hidden: int = 0
) -> bool:
    """Whether a reading shows what must be there: ``demanded`` ids, and as many things as the service counts.

    A demanded thing that has gone is added to ``deleted``, and demanded no more. ``hidden`` are those that the service
    counted and did not list from the beginning. Raises ActionError.
    """
    for id_ in sorted(set(demanded) - reading.ids - deleted):
        if place.read(id_) is not None:
            return False  # it is there, so that the listing is behind
        deleted.add(id_)
    if not reading.is_whole:
        return True  # what this run made stands on top: the listing is up to date
    count = place.count()
    return count is None or reading.listed + hidden >= count
