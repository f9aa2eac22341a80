"""What a run knows to be on a place, and the looks that tell it what is new there."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pinflow.engine.places.baseline import Baseline, decode_baseline, take_baseline
from pinflow.engine.places.likeness import decode_digests, digest_fields
from pinflow.engine.places.look import is_complete, read_place
from pinflow.engine.places.other_runs import OtherRuns, ref_text
from pinflow.engine.places.surplus import Surplus, find_twins
from pinflow.engine.places.unknown import ids_text, item_shown
from pinflow.engine.run_frame import current_frame
from pinflow.engine.sanitize import is_id
from pinflow.engine.service_times import LOOK_EVERY, LOOKS
from pinflow.errors import InDoubt
from pinflow.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pinflow.engine.places.likeness import Digests, Learning
    from pinflow.engine.places.look import Reading
    from pinflow.engine.places.services import PlaceServices
    from pinflow.plugin.place import Place, Seen


@dataclass(slots=True)
class MadeThing:
    """A thing that this run made."""

    at: float  # monotonic time
    likeness: Digests  # as it was sent
    is_learnt: bool = False  # whether what the service keeps of it was learnt from a listing


class KnownThings:
    """The things of a place: there before, made by this run or by another one of the state, or by strangers.

    Not safe for threads where it says so.
    """

    def __init__(self, key: str, place: Place, services: PlaceServices, learning: Learning) -> None:
        self.key = key
        self.place = place
        self._services = services
        self._learning = learning
        self._journal = services.journal
        self.shared = services.index.open(key, self._journal.run.id, services.run.clock.sleep)
        self.others = OtherRuns(key, self.shared, services)
        self._told_runs: set[str] = set()  # other runs that a note has named
        self.baseline = Baseline(frozenset())
        self.strangers: dict[str, None] = {}  # what others added since the baseline
        self.deleted: set[str] = set()  # what this run made, and somebody removed
        self.around_at = float("-inf")  # monotonic time of the last look around: what is older has been told apart
        self.has_doubt = False  # whether something was sent again, or taken for this run's own
        self.candidates: dict[str, None] = {}  # what a person was told of, when it was unknown who made it
        self.surplus = Surplus(key, self._journal)
        self._recent: dict[str, MadeThing] = {}  # what this run made since the last look around, by id
        self._accepted: frozenset[str] = frozenset()  # what a person said is right although it is not there
        self._elsewhere: dict[str, None] = {}  # what is not where it was sent
        self._floor: set[int] = set()  # hashes of what it made before

    def open(self) -> None:
        """Take the baseline, or the one that an earlier process of the run took; put it on disk.

        Raises ActionError where the place can't be read.
        """
        self.shared.join(self.others.is_over)
        frozen = self._journal.frozen_list("", f"baseline:{self.key}")
        if frozen is None:
            shown = self.others.shown_things()
            self.baseline, remark = take_baseline(self.place, shown.add)
            self._journal.freeze("", f"baseline:{self.key}", self.baseline.encode())
            self.others.teach(shown, self._learning)
            self.around_at = self._services.now
            if remark:
                self._tell(remark)
        else:
            self.baseline = decode_baseline(frozen)
        self.strangers = dict.fromkeys(self._journal.frozen_list("", f"strangers:{self.key}") or ())
        self.candidates = dict.fromkeys(self._journal.frozen_list("", f"candidates:{self.key}") or ())
        self._accepted = frozenset(self._journal.frozen_list("", f"accepted:{self.key}") or ())
        if left := self.surplus.open(was_told=self._services.was_told):  # the error that named it ended the run
            stay = f"{len(left)} like what this run made stay on {self.place.label} in addition"
            self._tell(f"{stay}, unless you delete them there by id: {self.like(left)}")
        self.surplus.leave(left)
        now = self._services.now
        told = self.shared.makers(own=True)
        for row in self._journal.creations.on(self.key):
            if row.made and row.state == "done":
                self._recent[row.made] = MadeThing(now - row.age, decode_digests(row.class_) or {})
                if row.made not in told:  # a power loss took what other runs were told
                    self.shared.add(ref_text(row.step, row.key), row.made)

    def close(self) -> None:
        self.shared.close()

    def add(self, step: str, key: str, id_: str, likeness: Digests) -> bool:
        """This run made a thing. Returns whether it was known before: the service answered with an equal one."""
        was_known = self.is_known(id_)
        self._recent.setdefault(id_, MadeThing(self._services.now, likeness))
        if is_id(id_):
            self.shared.add(ref_text(step, key), id_)
        return was_known

    def is_known(self, id_: str) -> bool:
        """Whether it is known who made a thing, or that it was there before."""
        return self._is_own(id_) or id_ in self.baseline.ids or id_ in self.strangers

    def _is_own(self, id_: str) -> bool:
        return id_ in self._recent or hash(id_) in self._floor

    def likenesses(self) -> list[Digests]:
        """Those of all that this run sent here."""
        encoded = {row.class_ for row in self._journal.creations.on(self.key)}
        return [decode_digests(text) or {"?": text} for text in encoded]

    @property
    def made_recently(self) -> int:
        """How many things this run made since the last look around."""
        return len(self._recent)

    def add_strangers(self, ids: Iterable[str]) -> None:
        """These things are others': never adopted, and told once."""
        if new := [id_ for id_ in ids if id_ not in self.strangers and is_id(id_)]:
            self.strangers |= dict.fromkeys(new)
            self._journal.freeze("", f"strangers:{self.key}", self.strangers)

    def add_candidates(self, ids: Iterable[str]) -> None:
        """A person was told of these: whatever the answer, they are not told once more."""
        if new := [id_ for id_ in ids if id_ not in self.candidates and is_id(id_)]:
            self.candidates |= dict.fromkeys(new)
            self._journal.freeze("", f"candidates:{self.key}", self.candidates)

    def add_surplus(self, things: Mapping[str, Digests]) -> None:
        """These things are like this run's, and nobody is known who made them: never adopted."""
        new = {id_: likeness for id_, likeness in things.items() if id_ not in self.strangers and is_id(id_)}
        if new:
            self.surplus.add(list(new), find_twins(self.key, self._journal, new, self._learning))
            self.add_strangers(new)

    def like(self, ids: Sequence[str]) -> str:
        """Some of the surplus, each with the item that made the like of it, for a message."""
        twins = self.surplus.twins(ids)
        items = self.items(twins.values())
        return ids_text([f"{id_} (like item {items[twins[id_]]})" if twins.get(id_) in items else id_ for id_ in ids])

    def take_elsewhere(self) -> list[str]:
        """What the last looks around saw in another place than it was sent to."""
        elsewhere = list(self._elsewhere)
        self._elsewhere.clear()
        return elsewhere

    def items(self, ids: Iterable[str]) -> dict[str, str]:
        """The items that made things of this run, by id."""
        wanted = set(ids)
        rows = self._journal.creations.on(self.key)
        return {row.made: item_shown(self._journal, row.step, row.key, row.kind) for row in rows if row.made in wanted}

    # looking

    def look_once(self) -> Sequence[Seen]:
        """What is new on the place. Raises ActionError."""
        return self._arrivals(self._read())

    def look(self) -> Sequence[Seen]:
        """What is new on the place, once two looks that show what must be there agree about it.

        Raises InDoubt where they never do, and ActionError.
        """
        previous: frozenset[str] | None = None
        for number in range(LOOKS):
            if number:
                reason = f"{self.place.label} is looked at twice, to see what became of writes without an answer"
                self._services.wait(min(LOOK_EVERY, self._services.settle), current_frame().step, reason)
            reading = self._read()
            arrivals = self._arrivals(reading)
            ids = frozenset(thing.id for thing in arrivals)
            if not self._is_complete(reading):
                previous = None
            elif ids == previous:
                return arrivals
            else:
                previous = ids
        raise InDoubt(
            f"{LOOKS} looks at {self.place.label} did not agree, or did not show what must be there",
            hint="wait until the service lists it steadily, then resume the run",
        )

    def look_around(self) -> tuple[Sequence[Seen], Sequence[str]]:
        """What is new on the place, and what of the things that this run made since the last time is not listed.

        Raises ActionError.
        """
        reading = self._read()
        elsewhere = [
            thing.id for thing in reading.fresh if self._is_elsewhere(thing) and thing.id not in self._accepted
        ]
        arrivals = self._arrivals(reading)
        there = reading.ids | self.baseline.ids | self._accepted
        missing = [id_ for id_ in self._recent if id_ not in there]
        if elsewhere or missing:  # what the run itself has moved or removed since is read back by the audit of that
            touched = self._journal.checks.touched_ids()
            elsewhere = [id_ for id_ in elsewhere if id_ not in touched]
            missing = [id_ for id_ in missing if id_ not in touched]
        self._elsewhere.update(dict.fromkeys(elsewhere))
        self._tell_of_runs(reading)
        return arrivals, missing

    def _tell_of_runs(self, reading: Reading) -> None:
        """Tell once of each other run of the state that has made things here since this one began."""
        makers = self.shared.makers()
        made = Counter(makers[thing.id][0] for thing in reading.fresh if thing.id in makers)
        for run, count in sorted(made.items()):
            if run not in self._told_runs:
                self._told_runs.add(run)
                self._tell(
                    f"run {run} wrote to {self.place.label} meanwhile: {count:,} of what is new there came from it"
                )

    def _is_elsewhere(self, thing: Seen) -> bool:
        """Whether a thing of this run is not where it was sent."""
        made = self._recent.get(thing.id)
        where = getattr(self.place, "where", ())
        if made is None or not where:
            return False
        listed = digest_fields(thing.likeness, self._services.key)
        return any(made.likeness.get(field, listed.get(field)) != listed.get(field) for field in where)

    def lower_floor(self) -> None:
        """What this run made is listed now: a look need not go further down."""
        self._floor.update(map(hash, self._recent))
        self._recent.clear()

    def _read(self) -> Reading:
        def is_old(thing: Seen) -> bool:
            return self.baseline.is_old(thing) or thing.id in self.strangers or hash(thing.id) in self._floor

        reading = read_place(self.place, is_old, lambda id_: self._is_own(id_) or id_ in self.strangers)
        for thing in reading.fresh:
            made = self._recent.get(thing.id)
            if made is not None and not made.is_learnt:
                made.is_learnt = True
                self._learning.learn(made.likeness, digest_fields(thing.likeness, self._services.key))
        return reading

    def _arrivals(self, reading: Reading) -> Sequence[Seen]:
        others = self.others.ids()
        return [
            thing for thing in reading.fresh if thing.own and thing.id not in others and not self.is_known(thing.id)
        ]

    def _is_complete(self, reading: Reading) -> bool:
        latest = self._services.now - self._services.settle
        demanded = [id_ for id_, made in self._recent.items() if made.at <= latest and id_ not in self.baseline.ids]
        return is_complete(self.place, reading, demanded, self.deleted, hidden=self.baseline.hidden_count)

    def _tell(self, text: str) -> None:
        self._services.run.warn(text, current_frame().step)
