"""Creations on a place in small, and every order in which it can go: all states, not a sample of them.

One or two runs of one state create one to three things on a place. A request may be applied and answered, applied and
its answer lost, lost, applied within the settle time or up to five minutes later; an answer may be for nothing or name
a thing that was there; the listing may be late or empty; a run may be killed between any two of its steps; somebody
else may add things. What the runs know is in their journals and baselines. What they decide is decided by the
product's own functions: `match`, `blockers` and `sort_arrivals`. Times are not counted: to wait for the settle time is
to let everything happen that must have happened by then.

The larger worlds: ``PINFLOW_FULL=1 python -m pytest tests/faults/test_places_model.py``
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import pytest

from pinflow.engine.places.likeness import Learning
from pinflow.engine.places.matching import Arrival, WriteSource, blockers, match, sort_arrivals
from tests.faults.conftest import FULL

if TYPE_CHECKING:
    from collections.abc import Iterator

Item = tuple[str, str]  # what reads back of it, and all that was asked for
Part = Literal["baseline", "gate", "shadows", "learning", "index", "audit", "patience", "checks", "settles", "kept"]

A, ALIKE, B, OTHER = ("c", "a"), ("c", "b"), ("d", "d"), ("x", "x")
GHOST = 10_000  # ids from here on are of things that were never made
LATE, SOON = "five minutes", "settle time"


@dataclass(frozen=True)
class World:
    name: str
    runs: tuple[tuple[Item, ...], ...]
    old: tuple[Item, ...] = ()
    is_known: bool = True  # the old things were made by an earlier run of this state
    kills: int = 1
    losses: int = 2
    late: int = 0
    lags: bool = False
    foreign: tuple[Item, ...] = ()
    ghosts: int = 0
    lies: int = 0
    suppresses: bool = False  # the service answers an equal request with the thing that is there
    rewrites: bool = False
    parallel: int = 2
    may_ask: bool = False  # nothing may be able to tell: then a person is asked
    may_take: bool = False  # nothing at all tells a stranger's thing from ours
    is_large: bool = False


WORLDS = [
    World("one", ((A,),), kills=2, lags=True),
    World("two distinct", ((A, B),), kills=1, lags=True),
    World("two equal", ((A, A),), kills=1, lags=True),
    World("three equal", ((A, A, A),), parallel=3, is_large=True),
    World("two alike", ((A, ALIKE),), kills=1, lags=True),
    World("alike and distinct", ((A, ALIKE, B),), is_large=True),
    World("an equal one of an earlier run", ((A,),), old=(A,), kills=2, lags=True),
    World("an equal one by hand before", ((A,),), old=(A,), is_known=False, kills=2, lags=True),
    World("an alike one by hand before", ((A, ALIKE),), old=(A,), is_known=False),
    World("two equal, one before", ((A, A),), old=(A,)),
    World("texts are rewritten", ((A, B),), kills=1, lags=True, rewrites=True, may_ask=True),
    World(
        "texts are rewritten, and a stranger's", ((A, B),), rewrites=True, foreign=(OTHER,), may_ask=True, may_take=True
    ),
    World("late", ((A, B),), late=1),
    World("late, equal", ((A, A),), late=1),
    World("late, alike", ((A, ALIKE),), late=1),
    World("a 201 for nothing", ((A, A),), losses=1, ghosts=1),
    World("an empty listing", ((A, B),), lies=1),
    World("an empty listing, and one before", ((A,),), old=(B,), lies=1),
    World("equal ones are suppressed", ((A, A),), losses=1, suppresses=True),
    World("two runs, equal", ((A,), (A,)), kills=1, losses=1),
    World("two runs, alike", ((A,), (ALIKE,)), kills=1, losses=1),
    World("two runs, two and one equal", ((A, A), (A,)), losses=1, is_large=True),
    World("a stranger's equal one", ((A,),), losses=1, foreign=(A,), may_ask=True, may_take=True),
    World("a stranger's", ((A, ALIKE),), foreign=(OTHER,), may_ask=True),
    World(
        "all at once",
        ((A, ALIKE),),
        old=(A,),
        late=1,
        lags=True,
        ghosts=1,
        foreign=(OTHER,),
        may_ask=True,
        is_large=True,
    ),
]


@dataclass(frozen=True)
class Thing:
    id: int
    item: Item
    maker: tuple[int, int] | str  # run and item, "before" or "stranger"
    is_listed: bool = True


@dataclass(frozen=True)
class Write:
    """What a run knows of one item. ``state``: "" before, "open", "absent", "unknown", "done"."""

    state: str = ""
    sendings: int = 0
    id: int | None = None
    flight: str = ""  # "ready", "answered", "lost": what the process has in its hands

    @property
    def is_open(self) -> bool:
        return self.state in ("open", "absent", "unknown")


@dataclass(frozen=True)
class Run:
    writes: tuple[Write, ...]
    baseline: frozenset[int] | None = None
    is_alive: bool = True
    sent_again: bool = False
    told: frozenset[object] = frozenset()
    end: str = ""  # "ok", or "asks": exit 7


@dataclass(frozen=True)
class Moment:
    things: tuple[Thing, ...]
    coming: tuple[tuple[int, int, str], ...]  # requests that will be applied: run, item, how late
    runs: tuple[Run, ...]
    kills: int
    losses: int
    late: int
    ghosts: int
    lies: int
    foreign: tuple[Item, ...]
    next_id: int

    def run(self, number: int, **changes: object) -> Moment:
        runs = list(self.runs)
        runs[number] = replace(runs[number], **changes)  # type: ignore[arg-type]
        return replace(self, runs=tuple(runs))

    def write(self, number: int, item: int, **changes: object) -> Moment:
        writes = list(self.runs[number].writes)
        writes[item] = replace(writes[item], **changes)  # type: ignore[arg-type]
        return self.run(number, writes=tuple(writes))

    def tell(self, number: int, what: set[object]) -> Moment:
        return self.run(number, told=self.runs[number].told | what)

    def make(self, run: int, item: int, asked: Item, *, is_listed: bool) -> Moment:
        thing = Thing(self.next_id, asked, (run, item), is_listed)
        return replace(self, things=(*self.things, thing), next_id=self.next_id + 1)


def learning(keeps: bool | None) -> Learning:
    book = Learning()
    if keeps is not None:
        book.learn({"c": "c"}, {"c": "c" if keeps else "zc"})
    return book


BOOKS = {keeps: learning(keeps) for keeps in (True, False, None)}


@dataclass(frozen=True)
class Model:
    """One world by the rule, or by the rule without one of its parts."""

    world: World
    without: Part | None = None

    def begin(self) -> Moment:
        world = self.world
        things = tuple(Thing(number, item, "before") for number, item in enumerate(world.old))
        runs = tuple(Run(tuple(Write() for _ in items)) for items in world.runs)
        numbers = (world.kills, world.losses, world.late, world.ghosts, world.lies)
        return Moment(things, (), runs, *numbers, world.foreign, len(things))

    def has(self, part: Part) -> bool:
        return part != self.without

    # what a run knows

    def book(self, now: Moment, number: int) -> Learning:
        if not self.has("learning"):
            return BOOKS[True]
        is_learnt = any(write.state == "done" for write in now.runs[number].writes)
        return BOOKS[not self.world.rewrites if is_learnt else None]

    def seen_likeness(self, thing: Thing) -> dict[str, str]:
        return {"c": f"z{thing.item[0]}" if self.world.rewrites else thing.item[0]}

    def sources(self, now: Moment, number: int) -> list[WriteSource]:
        found = []
        for other, run in enumerate(now.runs):
            if other != number and not self.has("index"):
                continue
            for item, write in enumerate(run.writes):
                late = write.sendings - 1 if write.state == "done" else write.sendings
                if not self.has("shadows"):
                    late = min(late, 1) if write.is_open else 0
                if late > 0 and write.state:
                    cls, body = self.world.runs[other][item]
                    ref = (str(other), str(item), "")
                    found.append(WriteSource(ref, {"c": cls}, body, late, write.is_open, other == number, item))
        return found

    def own(self, now: Moment, number: int) -> set[int]:
        """Ids of which it is known who made them."""
        runs = now.runs if self.has("index") else (now.runs[number],)
        known = {write.id for run in runs for write in run.writes if write.state == "done" and write.id is not None}
        if self.has("index") and self.world.is_known:
            known |= {thing.id for thing in now.things if thing.maker == "before"}
        return known

    def arrivals(self, now: Moment, number: int, listed: tuple[Thing, ...]) -> list[Arrival]:
        known = self.own(now, number)
        if self.has("baseline"):
            known |= now.runs[number].baseline or frozenset()
        new = (thing for thing in listed if thing.id not in known)
        return [Arrival(f"{thing.id:04}", self.seen_likeness(thing), float(thing.id)) for thing in new]

    def ours(self, now: Moment, number: int) -> list[dict[str, str]]:
        run = now.runs[number]
        return [{"c": self.world.runs[number][item][0]} for item, write in enumerate(run.writes) if write.state]

    def is_quiet(self, now: Moment, number: int) -> bool:
        """Nobody sends, and what this run sent has had its settle time."""
        if any(write.flight in ("ready", "answered") for run in now.runs if run.is_alive for write in run.writes):
            return False
        if not self.has("settles"):
            return True
        is_coming = any(run == number and how == SOON for run, _, how in now.coming)
        return not is_coming and all(
            t.is_listed for t in now.things if isinstance(t.maker, tuple) and t.maker[0] == number
        )

    # what it does

    def look(self, now: Moment, number: int, *, is_empty: bool) -> Moment | None:
        run = now.runs[number]
        listed = () if is_empty else tuple(thing for thing in now.things if thing.is_listed)
        if self.has("checks"):
            real = {thing.id for thing in now.things}
            demanded = {write.id for write in run.writes if write.state == "done"} & real
            if not demanded <= {thing.id for thing in listed} or (is_empty and any(t.is_listed for t in now.things)):
                return None
        result = match(
            self.sources(now, number),
            self.arrivals(now, number, listed),
            self.ours(now, number),
            self.book(now, number),
        )
        for item, write in enumerate(run.writes):
            ref = (str(number), str(item), "")
            if not write.is_open:
                continue
            if ref in result.adopted:
                now = now.write(number, item, state="done", id=int(result.adopted[ref]), flight="")
            elif ref in result.absent and write.state != "unknown":
                now = now.write(number, item, state="absent", flight="")
            elif ref in result.unknown:
                now = now.write(number, item, state="unknown", flight="").tell(number, {("unknown", item)})
        return now

    def look_around(self, now: Moment, number: int) -> Moment:
        run = now.runs[number]
        extra = {int(a.id) for a in self.arrivals(now, number, tuple(t for t in now.things if t.is_listed))}
        writes = tuple(replace(write, sendings=1) if write.state == "done" else write for write in run.writes)
        base = (run.baseline or frozenset()) | extra
        return now.run(number, writes=writes, baseline=base).tell(number, set(extra))

    def audit(self, now: Moment, number: int, *, is_empty: bool) -> Moment | None:
        run = now.runs[number]
        if not self.has("audit"):
            return now.run(number, end="ok")
        listed = () if is_empty else tuple(thing for thing in now.things if thing.is_listed)
        if self.has("checks") and is_empty and any(thing.is_listed for thing in now.things):
            return None
        missing = {write.id for write in run.writes if write.state == "done"} - {thing.id for thing in listed}
        after = now.run(number, writes=tuple(replace(write, sendings=min(1, write.sendings)) for write in run.writes))
        sources = self.sources(after if self.has("patience") else now, number)
        arrivals = self.arrivals(now, number, listed)
        book = self.book(now, number)
        has_doubt = any(write.sendings > 1 for write in run.writes) or run.sent_again
        surplus, strangers = sort_arrivals(sources, arrivals, self.ours(now, number), book, has_doubt=has_doubt)
        ended = after if self.has("patience") else now  # five minutes have passed: nothing can still appear
        return ended.run(number, end="ok").tell(number, {*missing, *map(int, surplus), *map(int, strangers)})

    def waits(self, now: Moment, number: int, item: int) -> list[WriteSource]:
        if not self.has("gate"):
            return []
        cls, body = self.world.runs[number][item]
        mine = WriteSource((str(number), str(item), ""), {"c": cls}, body)
        return blockers(mine, self.sources(now, number), self.book(now, number))

    def is_stuck(self, now: Moment, number: int, item: int) -> bool:
        """Whether an item can't go on by itself."""
        write = now.runs[number].writes[item]
        if write.state not in ("", "absent"):
            return write.state == "unknown"
        for other in self.waits(now, number, item):
            run = now.runs[int(other.ref[0])]
            if run.writes[int(other.ref[1])].state == "unknown" or (run.end and other.ref[0] != str(number)):
                return True
        return False

    # every next moment

    def steps(self, now: Moment) -> Iterator[Moment]:
        for place, (of, item, _) in enumerate(now.coming):
            rest = replace(now, coming=now.coming[:place] + now.coming[place + 1 :])
            for is_listed in (True, False) if self.world.lags else (True,):
                yield rest.make(of, item, self.world.runs[of][item], is_listed=is_listed)
        for place, thing in enumerate(now.things):
            if not thing.is_listed:
                listed = replace(thing, is_listed=True)
                yield replace(now, things=(*now.things[:place], listed, *now.things[place + 1 :]))
        if not all(run.end for run in now.runs):
            for place, asked in enumerate(now.foreign):
                thing = Thing(now.next_id, asked, "stranger")
                rest_of = now.foreign[:place] + now.foreign[place + 1 :]
                yield replace(now, things=(*now.things, thing), next_id=now.next_id + 1, foreign=rest_of)
        for number, run in enumerate(now.runs):
            if not run.end:
                yield from self.run_steps(now, number, run)

    def run_steps(self, now: Moment, number: int, run: Run) -> Iterator[Moment]:
        if not run.is_alive:
            listed = frozenset(thing.id for thing in now.things if thing.is_listed)
            yield now.run(number, is_alive=True, **({} if self.has("kept") else {"baseline": listed}))
            return
        if now.kills:
            yield from self.kill(now, number, run)
        if run.baseline is None:
            yield now.run(number, baseline=frozenset(thing.id for thing in now.things if thing.is_listed))
            return
        flying = [item for item, write in enumerate(run.writes) if write.flight in ("ready", "answered")]
        doubts = [item for item, write in enumerate(run.writes) if write.state == "open" and item not in flying]
        for item, write in enumerate(run.writes):
            if (
                write.state in ("", "absent")
                and len(flying) < self.world.parallel
                and not self.waits(now, number, item)
            ):
                after = now.write(number, item, state="open", sendings=write.sendings + 1, flight="ready")
                yield after.run(number, sent_again=run.sent_again or write.state == "absent")
            if write.flight == "ready":
                yield from self.send(now, number, item)
            if write.flight == "answered":
                taken = self.own(now, number) | run.baseline
                after = now.write(number, item, state="done", flight="")
                yield after.tell(number, {("same", item)}) if write.id in taken else after
        if self.is_quiet(now, number) and not flying:
            yield from self.settle(now, number, run, doubts)

    def kill(self, now: Moment, number: int, run: Run) -> Iterator[Moment]:
        writes = tuple(
            replace(write, flight="", id=write.id if write.state == "done" else None) for write in run.writes
        )
        dead = replace(now.run(number, is_alive=False, writes=writes), kills=now.kills - 1)
        yield dead
        for item, write in enumerate(run.writes):
            if write.flight == "ready":  # as its bytes had left
                yield replace(dead, coming=tuple(sorted((*dead.coming, (number, item, SOON)))))
                if now.late:
                    yield replace(dead, coming=tuple(sorted((*dead.coming, (number, item, LATE)))), late=now.late - 1)

    def send(self, now: Moment, number: int, item: int) -> Iterator[Moment]:
        asked = self.world.runs[number][item]
        equal = [thing for thing in now.things if thing.item == asked]
        for is_listed in (True, False) if self.world.lags else (True,):
            is_there = self.world.suppresses and equal
            after = now if is_there else now.make(number, item, asked, is_listed=is_listed)
            id_ = equal[0].id if is_there else now.next_id
            yield after.write(number, item, flight="answered", id=id_)
            if now.losses:
                yield replace(after.write(number, item, flight="lost"), losses=now.losses - 1)
        if now.losses:
            lost = replace(now.write(number, item, flight="lost"), losses=now.losses - 1)
            yield lost
            yield replace(lost, coming=tuple(sorted((*lost.coming, (number, item, SOON)))))
            if now.late:
                yield replace(lost, coming=tuple(sorted((*lost.coming, (number, item, LATE)))), late=now.late - 1)
        if now.ghosts:
            ghost = now.write(number, item, flight="answered", id=GHOST + 10 * number + item)
            yield replace(ghost, ghosts=now.ghosts - 1)

    def settle(self, now: Moment, number: int, run: Run, doubts: list[int]) -> Iterator[Moment]:
        lies = (False, True) if now.lies else (False,)
        is_late = any(of == number for of, _, _ in now.coming)
        nothing_open = not any(write.is_open for each in now.runs for write in each.writes)
        was_sent_again = any(write.state == "done" and write.sendings > 1 for write in run.writes)
        if nothing_open and self.has("baseline") and not (was_sent_again and self.has("patience") and is_late):
            yield self.look_around(now, number)
        if doubts:
            for is_empty in lies:
                rest = replace(now, lies=now.lies - is_empty)
                yield self.look(rest, number, is_empty=is_empty) or rest
            return
        stuck = [self.is_stuck(now, number, item) for item in range(len(run.writes))]
        if any(stuck) and all(write.state == "done" or s for write, s in zip(run.writes, stuck, strict=True)):
            yield now.run(number, end="asks")
        elif all(write.state == "done" for write in run.writes) and not (
            self.has("patience") and run.sent_again and is_late
        ):
            for is_empty in lies:
                rest = replace(now, lies=now.lies - is_empty)
                yield self.audit(rest, number, is_empty=is_empty) or rest

    # what an end is worth

    def verdict(self, now: Moment) -> str:
        """ "right", "told", "asks", "taken" (a stranger's for ours); "lost" or "doubled" if just that was not told."""
        if any(run.end == "asks" for run in now.runs):
            return "asks"
        now = self.applied(now)
        wanted = Counter(item for items in self.world.runs for item in items)
        made = Counter(thing.item for thing in now.things if isinstance(thing.maker, tuple))
        if made == wanted:
            return "right"
        strangers = {thing.id for thing in now.things if thing.maker == "stranger"}
        if any(write.id in strangers for run in now.runs for write in run.writes):
            return "taken"
        told = frozenset().union(*(run.told for run in now.runs))
        claimed = {write.id for run in now.runs for write in run.writes}
        for item, number in wanted.items():
            ids = [thing.id for thing in now.things if isinstance(thing.maker, tuple) and thing.item == item]
            if made[item] > number and sum(id_ in told and id_ not in claimed for id_ in ids) < made[item] - number:
                return "doubled"
            lacking = sum(
                (write.id in run.told and (write.id or 0) >= GHOST) or ("same", place) in run.told
                for of, run in enumerate(now.runs)
                for place, write in enumerate(run.writes)
                if self.world.runs[of][place] == item
            )
            if made[item] < number and lacking < number - made[item]:
                return "lost"
        return "told"

    def applied(self, now: Moment) -> Moment:
        while now.coming:
            run, item, _ = now.coming[0]
            now = replace(now, coming=now.coming[1:]).make(run, item, self.world.runs[run][item], is_listed=True)
        return now


@dataclass
class Search:
    states: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    dead: int = 0


def explore(model: Model) -> Search:
    """Every state, and how the runs end; ``dead`` are those from which no end can be reached."""
    first = model.begin()
    seen, queue = {first}, deque([first])
    before: dict[Moment, list[Moment]] = {}
    ends: list[Moment] = []
    search = Search()
    while queue:
        now = queue.popleft()
        search.states += 1
        if all(run.end for run in now.runs):
            search.ends[model.verdict(now)] += 1
            ends.append(now)
            continue
        for after in model.steps(now):
            if after != now:
                before.setdefault(after, []).append(now)
                if after not in seen:
                    seen.add(after)
                    queue.append(after)
    alive = set(ends)
    while ends:
        for earlier in before.get(ends.pop(), ()):
            if earlier not in alive:
                alive.add(earlier)
                ends.append(earlier)
    search.dead = len(seen) - len(alive)
    return search


SMALL = [world for world in WORLDS if not world.is_large]


@pytest.mark.parametrize("world", WORLDS if FULL else SMALL, ids=lambda world: world.name)
def test_nothing_is_lost_or_doubled_unsaid_and_every_run_comes_to_an_end(world: World) -> None:
    search = explore(Model(world))
    assert search.states > 20
    assert (search.ends["lost"], search.ends["doubled"], search.dead) == (0, 0, 0), search
    assert world.may_ask or not search.ends["asks"], search
    assert world.may_take or not search.ends["taken"], search


WITHOUT: list[tuple[Part, str]] = [
    ("baseline", "an equal one by hand before"),
    ("kept", "one"),
    ("gate", "two alike"),
    ("shadows", "late, equal"),
    ("index", "two runs, equal"),
    ("audit", "a 201 for nothing"),
    ("patience", "late"),
    ("settles", "one"),
]


@pytest.mark.parametrize(("part", "name"), WITHOUT)
def test_each_part_of_the_rule_is_needed(part: Part, name: str) -> None:
    world = next(world for world in WORLDS if world.name == name)
    search = explore(Model(world, without=part))
    assert search.ends["lost"] + search.ends["doubled"] + search.ends["asks"] + search.dead, search
