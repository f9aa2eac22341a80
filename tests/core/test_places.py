"""Creations on a place: what was there is never adopted, what is open is settled together, what is alike waits."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.cli import run_common
from pinflow.clock import Clock
from pinflow.engine.durable import Durable
from pinflow.engine.effect_runner import EffectRunner
from pinflow.engine.places.answers import apply_answers
from pinflow.engine.places.place_runs import PlaceRuns
from pinflow.engine.places.services import PlaceServices
from pinflow.engine.places.unknown import UnknownWrites
from pinflow.engine.safe_journal import SafeJournal
from pinflow.errors import ActionError, Diverged, InDoubt, RemoteError, StateError, UsageError
from pinflow.events import EffectDone, Event, Note
from pinflow.http.client import WriteCall
from pinflow.plugin.place import Seen
from pinflow.state.folder.places import FolderPlaces
from pinflow.state.folder.state import FolderState
from pinflow.state.records import RunRecord
from tests.run_contexts import run_context

if TYPE_CHECKING:
    from pathlib import Path

RUN, OTHER = "20261125-120000-aaaaaa", "20261125-130000-bbbbbb"
NOW = 1_795_608_000.0
LOST = InDoubt("POST /pins: the answer was lost")


@dataclass
class Thing:
    id: str
    title: str
    body: str
    made_at: float
    shown_at: float
    own: bool = True


@dataclass
class Service:
    """A board: it makes what is posted, and lists it, in pages of three, the newest first; late if it is told so."""

    now: float = NOW
    things: list[Thing] = field(default_factory=list)
    coming: list[tuple[float, str, str]] = field(default_factory=list)  # when a request is applied, its title and body
    lag: float = 0.0
    rewrites: bool = False
    calls: Counter[str] = field(default_factory=Counter)
    empty_looks: int = 0
    failing_looks: int = 0
    short_looks: int = 0
    times: bool = True
    page: int = 3
    _lock: Any = field(default_factory=threading.Lock)

    key = "test:pins:549755885175"
    label = "board 549755885175"

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds
        self.apply()

    def apply(self) -> None:
        due = [request for request in self.coming if request[0] <= self.now]
        self.coming = [request for request in self.coming if request[0] > self.now]
        for _, title, body in due:
            self.make(title, body)

    def make(self, title: str, body: str = "", *, own: bool = True) -> Thing:
        with self._lock:
            made = Thing(str(1000 + len(self.things)), title, body or title, self.now, self.now + self.lag, own)
            self.things.append(made)
        return made

    def listed(self) -> list[Thing]:
        return [thing for thing in reversed(self.things) if thing.shown_at <= self.now]

    def titles(self) -> Counter[str]:
        return Counter(thing.body for thing in self.things)

    # as a place

    def pages(self) -> Iterator[Sequence[Seen]]:
        if self.failing_looks:
            self.failing_looks -= 1
            raise RemoteError("busy", status=503)
        things = self.listed()
        if self.short_looks:
            self.short_looks -= 1
            things = things[1:]
        if self.empty_looks:
            self.empty_looks -= 1
            things = []
        for start in range(0, max(1, len(things)), self.page):
            self.calls["list"] += 1
            yield [self.see(thing) for thing in things[start : start + self.page]]

    def count(self) -> int | None:
        self.calls["count"] += 1
        return len(self.things)

    def see(self, answer: Any) -> Seen:
        if isinstance(answer, dict):
            answer = next(thing for thing in self.things if thing.id == answer["id"])
        title = f"{answer.title[:3]}..." if self.rewrites and answer.title else answer.title
        made_at = answer.made_at if self.times else None
        return Seen(answer.id, {"title": title}, made_at, answer.own, {"id": answer.id})

    def read(self, id_: str, /) -> Seen | None:
        self.calls["read"] += 1
        return next((self.see(thing) for thing in self.things if thing.id == id_), None)


class Process:
    """One process of a run that creates things on the service."""

    def __init__(self, service: Service, state: Path, run: str = RUN, **how: Any) -> None:
        self.service = service
        self.events: list[Event] = []
        clock = Clock(lambda: service.now, lambda: service.now, service.sleep)
        store = FolderState(state, clock)
        known = store.runs.look(run)
        record = RunRecord(run, "r", "d", "n", {}, {}, {}, service.now)
        self.opened = store.runs.create(record) if known is None else store.runs.open(run)
        self.journal = SafeJournal(self.opened)
        self.run = run_context(self.journal, clock, emit=self.emit)
        self.store = store
        services = PlaceServices(run=self.run, journal=self.journal, index=store.places, runs=store.runs, **how)
        self.places = PlaceRuns(services)
        self.effects = EffectRunner(self.run, places=self.places)
        self.durable = Durable(self.effects, "pins")

    def emit(self, kind: type[Event], /, **facts: Any) -> None:
        self.events.append(kind(run="", at=0.0, **facts))

    def outcomes(self) -> Counter[str]:
        return Counter(event.outcome for event in self.events if isinstance(event, EffectDone))

    def notes(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Note)]

    is_over = False

    def kill(self) -> None:
        """End the process; what was not on disk is lost."""
        self.is_over = True
        self.opened._store._connection.close()
        self.opened._lock.release()
        self.places.close()

    def end(self) -> None:
        self.is_over = True
        self.places.close()
        self.journal.close()

    def audit(self) -> None:
        self.places.audit("pins", lambda step, key: self.service if key == self.service.key else None, set())

    def post(self, title: str, body: str = "", *, how: str = "", late: float = 0.0) -> Callable[[], dict[str, Any]]:
        """What sends a Pin. ``how``: "" answered, "lost" made and the answer lost, "gone" not made, "late" made later,
        "nothing" answered and not made, "killed" made, and the process ended, "held" held by a proxy for a minute."""

        def do() -> dict[str, Any]:
            digest = f"{hash((title, body)) & 0xFFFFFFFFFFFFFFFF:016x}"
            self.effects.record_intent(
                WriteCall(method="POST", path="/pins", category="write", digest=digest, login="me")
            )
            self.service.calls["post"] += 1
            way = ways.pop(0) if ways else ""
            if way == "nothing":
                return {"id": "999999"}
            if way == "late":
                self.service.coming.append((self.service.now + late, title, body))
            if way in ("gone", "late"):
                raise LOST
            if way == "held":
                self.service.sleep(60.0)
                way = "lost"
            made = self.service.make(title, body)
            if way == "killed":
                raise KeyboardInterrupt
            if way == "lost":
                raise LOST
            return {"id": made.id}

        ways = how.split()
        return do

    def create(self, key: str, title: str, body: str = "", *, how: str = "", late: float = 0.0) -> dict[str, Any]:
        do = self.post(title, body, how=how, late=late)
        return self.durable.once(key, do, place=self.service, likeness={"title": title}, kind="pin")


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def start(service: Service, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def begin(run: str = RUN, **how: Any) -> Process:
        started.append(Process(service, tmp_path, run, **how))
        return started[-1]

    yield begin
    for process in started:
        if not process.is_over:
            process.end()


def kill_while_sending(start: Start) -> None:
    """A process makes item 0, "x", sends item 1, "a", and is killed before the answer comes."""
    process = start()
    process.create("0", "x")
    with pytest.raises(KeyboardInterrupt):
        process.create("1", "a", how="killed")
    process.kill()


Start = Callable[..., Process]


def in_threads(send: Callable[[str], None], keys: Iterable[str]) -> None:
    threads = [threading.Thread(target=send, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_creations_without_doubt_cost_one_look_before_and_one_after(service: Service, start: Start) -> None:
    service.page = 250
    process = start()
    for number in range(20):
        process.create(str(number), f"title {number}")
    process.audit()
    assert service.calls == {"post": 20, "list": 2, "count": 1}
    assert process.outcomes() == {"done": 20}


def test_a_lost_answer_is_adopted_as_soon_as_the_thing_is_listed(service: Service, start: Start) -> None:
    process = start()
    process.create("1", "a")
    before = service.now
    assert process.create("2", "b", how="lost") == {"id": "1001"}
    assert service.now - before < 10
    assert process.outcomes() == {"done": 1, "adopted": 1}


def test_what_was_not_made_is_sent_again_after_the_settle_time_and_looked_for_five_minutes_later(
    service: Service, start: Start
) -> None:
    process = start()
    process.create("1", "a", how="gone")
    assert 60 <= service.now - NOW < 90
    assert service.titles() == {"a": 1}
    process.audit()
    assert service.now - NOW >= 300


def test_what_was_found_may_be_of_the_first_sending_so_that_the_audit_waits_for_the_last(
    service: Service, start: Start
) -> None:
    """Sent twice without an answer: the first is found, and the second comes after 299 s."""
    process = start()
    process.create("1", "a")
    waits = iter([80.0, 299.0])

    def send() -> dict[str, Any]:
        process.effects.record_intent(
            WriteCall(method="POST", path="/pins", category="write", digest="b" * 16, login="me")
        )
        service.coming.append((service.now + next(waits), "b", ""))
        raise LOST

    began = service.now
    assert process.durable.once("2", send, place=service, likeness={"title": "b"}, kind="pin") == {"id": "1001"}
    with pytest.raises(Diverged, match="1002"):
        process.audit()
    assert service.now - began > 300 + 60


def test_the_settle_time_counts_from_when_an_answer_was_given_up(service: Service, start: Start) -> None:
    """A proxy held the request for a minute before it was applied, and the listing lags."""
    service.lag = 30.0
    process = start()
    process.create("1", "a", how="held")
    assert service.titles() == {"a": 1}
    assert process.outcomes() == {"adopted": 1}


def test_what_was_there_before_is_never_adopted(service: Service, start: Start) -> None:
    for _ in range(7):
        service.make("a")
    process = start()
    made = process.create("1", "a", how="gone")
    assert (made, service.titles()) == ({"id": "1007"}, {"a": 8})


def test_what_the_first_listing_lacks_is_never_adopted(service: Service, start: Start) -> None:
    for _ in range(9):
        service.make("", "by hand")
    service.short_looks = 1
    process = start()
    process.create("1", "", "mine", how="gone")
    assert service.titles() == {"by hand": 9, "mine": 1}


def test_nor_is_what_it_goes_on_to_lack(service: Service, start: Start) -> None:
    for _ in range(9):
        service.make("", "by hand")
    service.short_looks = 3
    process = start()
    with pytest.raises(UnknownWrites, match="may be 1008"):
        process.create("1", "", "mine", how="gone")
    assert "board 549755885175 says it has 9, its listing has 8" in process.notes()
    assert service.titles() == {"by hand": 9}


def test_a_resume_does_not_take_the_baseline_anew(service: Service, start: Start) -> None:
    process = start()
    with pytest.raises(KeyboardInterrupt):
        process.create("1", "a", how="killed")
    process.kill()
    again = start()
    assert again.create("1", "a") == {"id": "1000"}
    assert (service.titles(), again.outcomes()) == ({"a": 1}, {"adopted": 1})


@pytest.mark.parametrize("shift", [-31_536_000.0, -900.0, 900.0, 31_536_000.0])
def test_no_wall_clock_is_evidence(service: Service, start: Start, shift: float) -> None:
    kill_while_sending(start)
    for thing in service.things:
        thing.made_at += shift
    again = start()
    again.create("0", "x")
    again.create("1", "a")
    again.audit()
    assert service.titles() == {"x": 1, "a": 1}


def test_one_look_settles_all_that_an_earlier_process_left(service: Service, start: Start) -> None:
    """Four at a time with equal texts, killed: two were made, two were not."""
    process = start()
    process.create("0", "t")
    barrier = threading.Barrier(4)

    def send(key: str) -> None:
        do = process.post("t", how="killed" if key in "12" else "gone")

        def together() -> dict[str, Any]:
            try:
                return do()
            except BaseException:
                barrier.wait(10)
                raise KeyboardInterrupt from None

        with suppress(KeyboardInterrupt):
            process.durable.once(key, together, place=service, likeness={"title": "t"}, kind="pin")

    in_threads(send, "1234")
    process.kill()
    service.calls.clear()
    again = start()
    for key in "01234":
        again.create(key, "t")
    assert service.titles() == {"t": 5}
    assert service.calls["post"] == 2
    assert again.outcomes() == {"already": 1, "adopted": 2, "done": 2}


def test_things_that_read_back_alike_and_are_not_the_same_are_sent_one_by_one(service: Service, start: Start) -> None:
    process = start()
    process.create("0", "", "first")
    order: list[str] = []

    def send(key: str) -> None:
        process.create(key, "", key, how="gone" if key == "1" else "")
        order.append(key)

    in_threads(send, "123")
    assert service.titles() == {"first": 1, "1": 1, "2": 1, "3": 1}
    assert len(order) == 3


def test_lost_answers_of_several_threads_are_settled_by_one_look(service: Service, start: Start) -> None:
    process = start()
    process.create("0", "x")
    barrier = threading.Barrier(4)
    service.calls.clear()

    def send(key: str) -> None:
        do = process.post(key, how="gone")

        def together() -> dict[str, Any]:
            try:
                return do()
            finally:
                if service.calls["post"] <= 4:
                    barrier.wait(10)

        process.durable.once(key, together, place=service, likeness={"title": key}, kind="pin")

    in_threads(send, [f"t{number}" for number in range(4)])
    assert service.titles() == {"x": 1, "t0": 1, "t1": 1, "t2": 1, "t3": 1}
    assert service.now - NOW < 3 * 60, "they did not wait one after the other"


def test_more_new_things_than_writes_are_unknown_and_all_are_named(service: Service, start: Start) -> None:
    kill_while_sending(start)
    service.make("a")
    again = start()
    with pytest.raises(UnknownWrites) as unknown:
        again.create("1", "a")
    assert "1001, 1002" in unknown.value.message
    assert unknown.value.hint.splitlines() == [
        f"look which of them it is, and say so: pinflow resume {RUN} --made 1=1001",
        f"if it made none: pinflow resume {RUN} --not-made 1",
    ]
    assert "superfluous" not in str(unknown.value)
    assert "delete" not in str(unknown.value)
    again.create("2", "b")  # others go on
    with pytest.raises(UnknownWrites, match="has to wait"):
        again.create("3", "a", "other")


def test_rewritten_texts_prove_nothing_and_ids_alone_count(service: Service, start: Start) -> None:
    service.rewrites = True
    process = start()
    process.create("0", "long title")
    assert process.create("1", "another title", how="lost") == {"id": "1001"}
    process.create("2", "third title", how="gone")
    process.audit()
    assert service.titles() == {"long title": 1, "another title": 1, "third title": 1}


def test_what_a_stranger_adds_is_told_and_never_adopted(service: Service, start: Start) -> None:
    process = start()
    process.create("0", "x")
    service.make("a stranger's")
    process.create("1", "a", how="gone")
    process.audit()
    assert service.titles() == {"x": 1, "a stranger's": 1, "a": 1}
    assert any("1001" in note for note in process.notes())


def test_a_201_for_nothing_is_found_by_the_audit(service: Service, start: Start) -> None:
    process = start()
    process.create("0", "x")
    process.create("1", "a", how="nothing")
    with pytest.raises(Diverged, match=r"1 that were made are not there: 999999 \(item 1\)"):
        process.audit()


@pytest.mark.parametrize("late", [70.0, 200.0, 290.0])
def test_what_is_made_late_is_told_with_its_id(service: Service, start: Start, late: float) -> None:
    process = start()
    process.create("0", "x")
    process.create("1", "a", how="late", late=late)
    with pytest.raises(Diverged, match="1 like them are there in addition: 100"):
        process.audit()
    process.audit()  # it is told once


def test_without_waiting_the_audit_is_left_to_a_resume(service: Service, start: Start) -> None:
    process = start(audit_waits=False)
    process.create("0", "x")
    process.create("1", "a", how="gone")
    with pytest.raises(InDoubt, match="is left"):
        process.audit()
    process.end()
    again = start()
    again.create("0", "x")
    again.create("1", "a")
    again.audit()
    assert service.now - NOW >= 300
    assert service.calls["post"] == 3


def test_a_listing_that_is_empty_once_does_not_count(service: Service, start: Start) -> None:
    process = start()
    process.create("0", "x")
    process.create("1", "a", how="lost")
    service.empty_looks = 2
    process.create("2", "b", how="lost")
    assert service.titles() == {"x": 1, "a": 1, "b": 1}


def test_an_error_of_the_look_leaves_the_write_unknown(service: Service, start: Start) -> None:
    process = start()
    process.create("0", "x")
    service.failing_looks = 1_000_000

    def lose() -> None:
        process.create("1", "a", how="lost")

    with pytest.raises(InDoubt, match="could not be looked at: busy") as unknown:
        lose()
    assert unknown.value.exit_code == 7
    service.failing_looks = 0
    process.kill()
    again = start()
    assert again.create("1", "a") == {"id": "1001"}


def test_a_place_that_can_not_be_read_before_anything_was_sent_is_an_ordinary_failure(
    service: Service, start: Start
) -> None:
    process = start()
    service.failing_looks = 1
    with pytest.raises(ActionError, match="busy") as failure:
        process.create("0", "x")
    assert failure.value.exit_code == 1
    assert process.create("0", "x") == {"id": "1000"}


def test_a_thing_of_another_account_is_not_ours(service: Service, start: Start) -> None:
    process = start()
    process.create("0", "x")
    service.make("a", own=False)
    process.create("1", "a", how="gone")
    assert service.titles() == {"x": 1, "a": 2}


def test_two_runs_tell_their_things_apart(service: Service, start: Start) -> None:
    mine, others = start(), start(OTHER)
    mine.create("0", "x")
    others.create("0", "y")
    others.create("1", "a")
    assert mine.create("1", "a", how="gone") == {"id": "1003"}
    assert service.titles() == {"x": 1, "y": 1, "a": 2}
    mine.audit()
    others.audit()
    told = "run {} wrote to board 549755885175 meanwhile: {} of what is new there came from it"
    assert mine.notes() == [told.format(OTHER, 2)]
    assert others.notes() == [told.format(RUN, 1)]  # the other was there before it began


def test_another_run_that_can_not_be_read_is_told_with_what_to_do(
    service: Service, start: Start, tmp_path: Path
) -> None:
    others = start(OTHER)
    others.create("0", "y")
    with pytest.raises(KeyboardInterrupt):
        others.create("1", "a", how="killed")
    others.kill()
    file = tmp_path / "runs" / f"{OTHER}.db"
    file.write_bytes(file.read_bytes()[:4096])
    with pytest.raises(StateError, match=f"run {OTHER} wrote to the same place and can't be read: .* damaged") as told:
        start().create("0", "x")
    assert told.value.hint == "check the target for what that run did, move its file to another folder, and go on then"
    file.rename(file.with_suffix(".away"))
    assert start("20261125-140000-cccccc").create("0", "x")


def test_what_another_run_left_open_keeps_alike_ones_back_and_no_others(service: Service, start: Start) -> None:
    others = start(OTHER)
    others.create("0", "y")
    with pytest.raises(KeyboardInterrupt):
        others.create("1", "a", "theirs", how="killed")
    others.kill()
    mine = start()
    mine.create("0", "x")
    mine.create("2", "b")
    with pytest.raises(InDoubt, match=f"run {OTHER} has an unanswered write") as waits:
        mine.create("1", "a", "mine")
    assert f"pinflow resume {OTHER}" in waits.value.hint
    again = start(OTHER)
    assert again.create("1", "a", "theirs") == {"id": "1001"}
    again.end()
    mine.create("1", "a", "mine")
    assert service.titles() == {"y": 1, "theirs": 1, "x": 1, "b": 1, "mine": 1}


def test_a_run_that_waits_for_another_one_says_so_once(service: Service, start: Start) -> None:
    others = start(OTHER)
    others.create("0", "y")
    with pytest.raises(KeyboardInterrupt):
        others.create("1", "a", "theirs", how="killed")  # and its process lives
    mine = start()
    mine.create("0", "x")
    text = f"waiting for run {OTHER}, which writes to board 549755885175"
    waits = threading.Thread(target=mine.create, args=("1", "a", "mine"))
    waits.start()
    while text not in mine.notes():
        assert waits.is_alive()
    assert others.create("1", "a", "theirs") == {"id": "1001"}
    waits.join(60)
    assert not waits.is_alive()
    assert mine.notes().count(text) == 1
    assert service.titles() == {"y": 1, "theirs": 1, "x": 1, "mine": 1}


def test_many_creations_are_looked_around_for_now_and_then(service: Service, start: Start) -> None:
    service.page = 250
    process = start()
    for number in range(600):
        process.create(str(number), f"t{number}")
    service.make("a stranger's")
    process.audit()
    assert service.calls["list"] <= 1 + 600 // 250 + 4
    before = service.calls["list"]
    process.create("lost", "lost", how="lost")
    assert service.calls["list"] - before <= 2


def test_an_equal_answer_is_said_and_does_not_count_as_made(service: Service, start: Start) -> None:
    process = start()
    first = process.create("0", "x")
    do = process.post("x")

    def suppressed() -> dict[str, Any]:
        do()
        service.things.pop()
        return first

    process.durable.once("1", suppressed, place=service, likeness={"title": "x"}, kind="pin")
    assert process.outcomes() == {"done": 1, "already": 1}
    assert "was there before" in process.notes()[0]


def test_a_person_says_what_an_unknown_write_made(service: Service, start: Start) -> None:
    kill_while_sending(start)
    service.make("a")
    again = start()
    with pytest.raises(UnknownWrites):
        again.create("1", "a")
    answer(again, made={"1": "1001"})
    again.end()
    last = start()
    assert last.create("1", "a") == {"id": "1001"}
    last.audit()
    assert service.titles() == {"x": 1, "a": 2}


def test_a_person_says_that_nothing_was_made_once_five_minutes_have_passed(service: Service, start: Start) -> None:
    kill_while_sending(start)
    service.things[1].title = "somebody else's"
    service.make("somebody else's")
    again = start()
    with pytest.raises(UsageError, match="item 1 may still be applied: that it was not made can be said from"):
        answer(again, not_made=["1"])
    service.now += 300
    answer(again, not_made=["1"])
    again.end()
    last = start()
    last.create("1", "a")
    assert last.outcomes() == {"done": 1}


def test_an_answer_must_be_about_an_unknown_item(service: Service, start: Start) -> None:
    kill_while_sending(start)
    again = start()
    with pytest.raises(UsageError, match="no item '7' in this run") as wrong:
        answer(again, made={"7": "1001"})
    assert wrong.value.hint == "unknown are: 1"
    with pytest.raises(UsageError, match="is not an id"):
        answer(again, made={"1": "no id"})
    with pytest.raises(UsageError, match="item 0 was made already: 1000") as already:
        answer(again, made={"0": "1001"})
    assert already.value.hint == "unknown are: 1"
    with pytest.raises(UsageError, match="is said to be made and not to be made"):
        answer(again, made={"1": "1001"}, not_made=["1"])


def test_an_answer_must_be_one_of_what_a_write_may_have_made(service: Service, start: Start) -> None:
    service.make("old")
    kill_while_sending(start)
    service.make("a")
    service.make("of others")
    again = start()
    with pytest.raises(UnknownWrites, match="may be 1002, 1003"):
        again.create("1", "a")
    for wrong, why in [
        ("yes", "it is not an id"),
        ("1234", "it is not among what was new there"),
        ("1004", "it is not among what was new there"),
        ("1000", f"it was there before run {RUN} began"),
        ("1001", "it was made by item 0"),
    ]:
        with pytest.raises(UsageError, match=f"item 1 can't have made '{wrong}': {why}") as refused:
            answer(again, made={"1": wrong})
        assert refused.value.hint.splitlines() == [
            "it may be 1002, 1003",
            f"to look once more: pinflow resume {RUN}",
            f"if it made none: pinflow resume {RUN} --not-made 1",
        ]
    answer(again, made={"1": "1003"})
    again.end()
    last = start()
    assert last.create("1", "a") == {"id": "1003"}


def test_what_nobody_has_seen_may_be_named_where_nothing_new_was_there(service: Service, start: Start) -> None:
    process = start()
    process.create("0", "x")
    with pytest.raises(KeyboardInterrupt):
        process.create("1", "a", how="killed")
    process.end()  # and nobody looked
    again = start()
    for wrong in ("yes", "1000", "x1"):
        with pytest.raises(UsageError, match=f"item 1 can't have made '{wrong}'"):
            answer(again, made={"1": wrong})
    answer(again, made={"1": "1001"})


def test_a_person_who_gives_no_id_is_told_why_and_asked_again(service: Service, start: Start) -> None:
    kill_while_sending(start)
    service.make("a")
    asked: list[str] = []
    answers = iter(["yes", "1000", "1002"])

    def reply(question: str) -> str:
        asked.append(question)
        return next(answers)

    again = start(answer=reply)
    assert again.create("1", "a") == {"id": "1002"}
    assert [question.splitlines()[0] for question in asked[1:]] == [
        "It can't be 'yes': it is not an id.",
        "It can't be '1000': it was made by item 0.",
    ]


def test_who_can_be_asked_is_asked_at_once(service: Service, start: Start) -> None:
    kill_while_sending(start)
    service.make("a")
    asked: list[str] = []

    def reply(question: str) -> str:
        asked.append(question)
        return "1001"

    again = start(answer=reply)
    assert again.create("1", "a") == {"id": "1001"}
    assert "pin of item 1, sent to board 549755885175" in asked[0]
    assert "1001, 1002" in asked[0]
    again.create("2", "a")
    again.audit()


def test_a_made_item_that_is_gone_is_made_again_on_request(service: Service, start: Start) -> None:
    process = start()
    process.create("0", "x")
    process.create("1", "a", how="nothing")
    with pytest.raises(Diverged):
        process.audit()
    answer(process, not_made=["1"])
    process.end()
    again = start()
    again.create("0", "x")
    again.create("1", "a")
    again.audit()
    assert service.titles() == {"x": 1, "a": 1}


def answer(process: Process, made: dict[str, str] | None = None, not_made: Sequence[str] = ()) -> None:
    process.journal.flush()
    effects = process.store.runs.detail(process.journal.run.id).effects
    apply_answers(process.journal, effects, made or {}, not_made, process.run.clock)


def test_a_run_may_create_things_on_more_places_than_a_process_may_open_files(tmp_path: Path) -> None:
    places = FolderPlaces(tmp_path / "places")
    shared = [places.open(f"pins:{number}", RUN, lambda _: None) for number in range(200)]
    for place in shared:
        place.join(lambda _: False)
        with place.entering():
            place.add("a", "1")
        place.leave()
    assert sum(place._log >= 0 for place in shared) <= 65
    assert all(place.makers(own=True) == {"1": (RUN, "a")} for place in shared[:3])
    with shared[0].entering() as others:
        assert others == {}
    shared[0].leave()
    for place in shared:
        place.close()


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_stream_goes_on_but_for_what_is_like_an_unknown_write(service: Service, start: Start, parallel: int) -> None:
    kill_while_sending(start)
    service.make("a")
    again = start()
    titles = {"1": "a", "2": "b", "3": "a", "4": "c"}
    with pytest.raises(UnknownWrites) as unknown:
        again.durable.each(
            titles,
            key=str,
            do=lambda key: again.post(titles[key], f"{titles[key]}{key}")(),
            place=service,
            likeness=lambda key: {"title": titles[key]},
            kind="pin",
            parallel=parallel,
        )
    assert service.titles() == {"x": 1, "a": 2, "b2": 1, "c4": 1}
    assert [write.item for write in unknown.value.writes] == ["1"]
    assert "1 more wait for what is like them" in unknown.value.message


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["12"], "--made must be ITEM=ID, not '12'"),
        (["=12"], "--made must be ITEM=ID, not '=12'"),
        (["12="], "--made must be ITEM=ID, not '12='"),
        (["a=1", "a=2"], "item 'a' is given twice"),
    ],
)
def test_an_answer_on_the_command_line_names_an_item_and_an_id(pairs: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        run_common.parse_answers(pairs)
    assert run_common.parse_answers(["a=b=1", "2=3"]) == {"a=b": "1", "2": "3"}


def test_a_made_item_that_is_gone_may_be_right_as_it_is(service: Service, start: Start) -> None:
    process = start()
    process.create("0", "x")
    made = process.create("1", "a")
    service.things.pop()
    with pytest.raises(Diverged, match="1 that were made are not there"):
        process.audit()
    answer(process, made={"1": made["id"]})
    process.end()
    again = start()
    again.create("1", "a")
    again.audit()
    assert service.titles() == {"x": 1}


def test_what_is_too_much_is_told_again_unless_it_is_known_to_have_been_told(service: Service, start: Start) -> None:
    process = start()
    process.create("0", "x")
    process.create("1", "a", how="late", late=200.0)
    with pytest.raises(Diverged, match="1 like them are there in addition"):
        process.audit()
    process.kill()  # before anybody saw it
    again = start()
    again.create("1", "a")
    with pytest.raises(Diverged, match=r"1 like them are there in addition: 100\d \(like item 1\)") as told:
        again.audit()
    assert told.value.hint.splitlines()[1:] == [
        "of those in addition, delete on the service, by these ids, what nobody wants; pinflow never does",
        f"to leave the others as they are, and go on: pinflow resume {RUN}",
    ]
    again.end()
    last = start(was_told=True)
    last.create("1", "a")
    last.audit()
    (note,) = (note for note in last.notes() if "in addition" in note)
    assert re.fullmatch(
        rf"1 like what this run made stay on {service.label} in addition, "
        r"unless you delete them there by id: 100\d \(like item 1\)",
        note,
    )
    last.end()
    process = start(was_told=True)
    process.create("1", "a")
    process.audit()
    assert not process.notes()


def test_what_is_missing_is_told_with_commands_that_can_be_given(service: Service, start: Start) -> None:
    process = start()
    process.create("0", "x")
    made = process.create("1", "a")
    service.things.pop()
    with pytest.raises(Diverged) as told:
        process.audit()
    assert told.value.hint.splitlines()[1:] == [
        f"to have what is missing made again, such as item 1: pinflow resume {RUN} --not-made 1",
        f"if it is right that it is not there: pinflow resume {RUN} --made 1={made['id']}",
    ]


class Moving(Service):
    """One that puts everything into section 2."""

    where = ("section",)

    def see(self, answer: Any) -> Seen:
        seen = super().see(answer)
        return Seen(seen.id, {**seen.likeness, "section": "2"}, seen.made_at, seen.own, seen.thing)


def test_what_is_elsewhere_is_right_if_a_person_says_so(tmp_path: Path) -> None:
    service = Moving()
    process = Process(service, tmp_path)

    def create(process: Process) -> dict[str, Any]:
        likeness = {"title": "x", "section": "1"}
        return process.durable.once("0", process.post("x"), place=service, likeness=likeness, kind="pin")

    made = create(process)
    with pytest.raises(Diverged, match=rf"1 are not where they were sent: {made['id']} \(item 0\)") as told:
        process.audit()
    assert told.value.hint.splitlines()[-1] == (
        f"if item 0 is right where it is: pinflow resume {RUN} --made 0={made['id']}"
    )
    process.end()
    again = Process(service, tmp_path)
    create(again)
    with pytest.raises(Diverged, match="1 are not where they were sent"):
        again.audit()
    answer(again, made={"0": made["id"]})
    again.end()
    last = Process(service, tmp_path)
    create(last)
    last.audit()
    last.end()
    assert service.titles() == {"x": 1}


def test_what_a_look_found_gone_is_told_by_the_audit(service: Service, start: Start) -> None:
    process = start()
    process.create("0", "x")
    process.create("1", "a", how="nothing")
    service.now += 100
    process.create("2", "b", how="lost")
    with pytest.raises(Diverged, match="1 that were made are not there: 999999"):
        process.audit()


def test_what_is_not_there_five_minutes_after_it_was_sent_is_reckoned_with_no_more(
    service: Service, start: Start
) -> None:
    process = start()
    process.create("0", "", "first")
    with pytest.raises(KeyboardInterrupt):
        process.create("1", "", "1", how="killed")
    service.things.pop()  # it was not applied
    process.kill()
    again = start()
    again.create("2", "", "2")  # its turn comes before that of item 1, and they read back alike
    assert service.now - NOW >= 300
    record = again.journal.effect("pins", "1")
    assert record is not None
    assert record.state == "refused"
    again.create("1", "", "1", how="gone")  # a sending of its own, which is looked for like any other
    assert service.titles() == {"first": 1, "2": 1, "1": 1}
