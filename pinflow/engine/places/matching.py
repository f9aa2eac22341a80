"""Which new things on a place are those that writes without an answer have made: pure functions, no calls, no time.

The small-model search (`tests/faults/test_protocol_model.py`) drives these very functions through every order of
requests, answers, kills and looks.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from pinflow.engine.places.classes import Classes
from pinflow.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pinflow.engine.places.likeness import Digests, Learning

Ref: TypeAlias = "tuple[str, str, str]"  # of a write: run, step and key


@dataclass(frozen=True, slots=True)
class WriteSource:
    """A write that may have made something that the run does not know.

    ``is_open``: no outcome is known, and it is to be found. Else it is only a source: what was sent before it was sent
    again, or was given up, may still appear. ``mine``: of this run, and not of another one of the same state.
    """

    ref: Ref
    likeness: Digests
    body: str  # digest of the request: what differs in it makes different things, whatever reads back
    sendings: int = 1  # requests that may have made something
    is_open: bool = True
    mine: bool = True
    order: float = 0.0  # when it was sent: what was sent first is looked for first


@dataclass(frozen=True, slots=True)
class Arrival:
    """A thing on the place that is new, and of which no write is known that made it."""

    id: str
    likeness: Digests
    made_at: float | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """What a look says of the run's open writes."""

    adopted: Mapping[Ref, str]  # what made it -> id
    absent: frozenset[Ref]  # nothing is there
    unknown: Mapping[Ref, Sequence[str]]  # can't be told; the ids that come into question
    strangers: tuple[str, ...]  # ids of new things that are like nothing of ours


def match(
    sources: Sequence[WriteSource],
    arrivals: Sequence[Arrival],
    ours: Collection[Digests],
    learning: Learning,
    *,
    hidden: bool = False,
) -> Match:
    """Match all open writes of a place with all that is new there, class by class, as sets.

    ``ours`` are the likenesses of everything that the run has sent to the place. ``hidden``: there was more before than
    the listing showed, so that what is new in it need not be new.
    """
    classes = Classes([*ours, *(source.likeness for source in sources)], learning)
    keeps = learning.keeps(source.likeness for source in sources)
    own_classes = {classes.find(likeness) for likeness in ours}
    own_classes |= {classes.find(source.likeness) for source in sources if source.mine}
    new: dict[int | None, list[Arrival]] = defaultdict(list)
    for arrival in sorted(arrivals, key=lambda arrival: (arrival.made_at or 0.0, len(arrival.id), arrival.id)):
        new[classes.find(arrival.likeness)].append(arrival)
    by_class: dict[int | None, list[WriteSource]] = defaultdict(list)
    for source in sorted(sources, key=lambda source: source.order):
        by_class[classes.find(source.likeness)].append(source)
    strangers = tuple(arrival.id for arrival in new[None])
    has_surplus = any(len(new[cls]) > sum(source.sendings for source in by_class[cls]) for cls in own_classes)

    adopted: dict[Ref, str] = {}
    absent: set[Ref] = set()
    unknown: dict[Ref, Sequence[str]] = {}
    for cls, of_class in by_class.items():
        wanted = [source for source in of_class if source.is_open]
        mine = [source for source in wanted if source.mine]
        ids = [arrival.id for arrival in new[cls]]
        is_set = len({source.body for source in of_class}) == 1 or len(ids) == len(wanted) == len(of_class)
        if has_surplus or (keeps is None and strangers and len(ids) < len(wanted)) or (ids and (hidden or not is_set)):
            candidates = tuple(ids) if keeps and ids else tuple(arrival.id for arrival in arrivals)
            unknown |= {source.ref: candidates for source in mine}
        else:
            adopted |= {source.ref: id_ for source, id_ in zip(mine, ids, strict=False)}
            absent |= {source.ref for source in mine[len(ids) :]}
    return Match(adopted, frozenset(absent), unknown, strangers)


def sort_arrivals(
    sources: Sequence[WriteSource],
    arrivals: Sequence[Arrival],
    ours: Sequence[Digests],
    learning: Learning,
    *,
    has_doubt: bool,
) -> tuple[list[str], list[str]]:
    """The ids of new things that are like ours, beyond what ``sources`` may have made; and of all others.

    ``has_doubt``: something was sent again, or found. Without it all of ours were answered, each once; then contents
    that prove nothing make no thing ours.
    """
    classes = Classes([*ours, *(source.likeness for source in sources)], learning)
    is_told = learning.keeps(ours) is True or has_doubt
    own_classes = {classes.find(likeness) for likeness in ours}
    explained = [classes.find(source.likeness) for source in sources for _ in range(source.sendings)]
    surplus, strangers = [], []
    for arrival in arrivals:
        cls = classes.find(arrival.likeness)
        if cls in explained:
            explained.remove(cls)
        elif cls in own_classes and is_told:
            surplus.append(arrival.id)
        else:
            strangers.append(arrival.id)
    return surplus, strangers


def blockers(source: WriteSource, others: Iterable[WriteSource], learning: Learning) -> list[WriteSource]:
    """What keeps a write from being sent: of things that can't be told apart, only equal ones may be open at a time."""
    return [
        other
        for other in others
        if other.ref != source.ref
        and other.body != source.body
        and not learning.tells_apart(source.likeness, other.likeness)
    ]
