"""An effect happens once: what is done stays done, and what may have happened is looked for first."""

from __future__ import annotations

import inspect
import json
import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.clock import Clock
from pinflow.engine.context import Context
from pinflow.engine.durable import Durable
from pinflow.engine.effect_runner import EffectRunner
from pinflow.engine.effects import EachResult, Skip
from pinflow.engine.placeholder import PLANNED, NeedsPlanned, holds_planned
from pinflow.engine.safe_journal import SafeJournal
from pinflow.engine.traffic import Traffic
from pinflow.engine.write_budget import WriteBudget
from pinflow.errors import (
    ActionError,
    ApprovalRequired,
    CredentialError,
    Diverged,
    InDoubt,
    Interrupted,
    PinflowError,
    PluginDefect,
    PluginError,
    RateLimited,
    RemoteError,
    SpamBlocked,
    Unreachable,
)
from pinflow.events import EffectDone, Event, ItemFailed, ItemSkipped, Progress, Waiting
from pinflow.http.client import WriteCall
from pinflow.state.folder.runs import FolderRuns
from pinflow.state.records import RunRecord
from tests.run_contexts import run_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pinflow.state.folder.journal import FolderJournal

RUN = "20261125-120000-aaaaaa"


def write(method: str = "POST", path: str = "/pins", category: str = "org_write", digest: str = "0" * 16) -> WriteCall:
    """What a client says of a write."""
    return WriteCall(method=method, path=path, category=category, digest=digest, login="target")


class Pool:
    """Makes executors; remembers the futures of what they were handed, in order."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []

    def __call__(self, workers: int) -> ThreadPoolExecutor:
        futures = self.futures

        class Noting(ThreadPoolExecutor):
            def submit(self, *args: Any, **named: Any) -> Future[Any]:
                futures.append(super().submit(*args, **named))
                return futures[-1]

        return Noting(workers)


class Calls(Durable):
    """The durable calls of a step, and the gate that its clients ask."""

    def record_intent(self, call: WriteCall) -> object | None:
        return self._effects.record_intent(call)

    def of(self, step: str) -> Calls:
        return Calls(self._effects, step)

    @property
    def planned_calls(self) -> dict[str, dict[str, int]]:
        return self._effects.planned.calls


@dataclass
class World:
    """A target that applies writes, late if told so, on a clock of its own; and one run against it."""

    state: Path
    now: float = 1_795_608_000.0
    applied: list[tuple[float, str]] = field(default_factory=list)  # when, what
    jump: float = 0.0  # seconds that the clock was set forward
    lag: float = 0.0  # seconds from a write until a listing shows it
    sent: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    opened: FolderJournal | None = None
    journal: SafeJournal | None = None

    def clock(self) -> float:
        return self.now + self.jump

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def emit(self, kind: type[Event], /, **facts: Any) -> None:
        self.events.append(kind(run=RUN, at=self.now, **facts))

    def start(self, *, dry_run: bool = False, **options: Any) -> Calls:
        """A process of the run: the first, or one that goes on after the last was killed."""
        if not dry_run:
            known = self.state / "runs" / f"{RUN}.db"
            record = RunRecord(RUN, "r", "d", "n", {}, {}, {}, self.now)
            runs = FolderRuns(self.state, Clock(self.clock, self.monotonic))
            self.opened = runs.open(RUN) if known.exists() else runs.create(record)
            self.journal = SafeJournal(self.opened)
        clock = Clock(self.clock, self.monotonic, options.pop("sleep", self.sleep))
        services = {name: options.pop(name) for name in {"emit", "stop", "executor"} & options.keys()}
        run = run_context(None if dry_run else self.journal, clock, **({"emit": self.emit} | services))
        return Calls(EffectRunner(run, **options), "pins")

    def kill(self) -> None:
        """End the process. What was not on disk is lost, as the journal's file and lock are let go as they are."""
        assert self.opened is not None
        self.opened._store._connection.close()
        self.opened._lock.release()

    def apply(self, what: str) -> dict[str, Any]:
        self.sent[what] += 1
        self.applied.append((self.now + self.lag, what))
        return {"id": str(len(self.applied)), "title": what}

    def listed(self, what: str) -> dict[str, Any] | None:
        found = [place for place, (when, each) in enumerate(self.applied, 1) if each == what and when <= self.now]
        return {"id": str(found[0]), "title": what} if found else None

    def told(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if type(event) is kind]

    def outcomes(self) -> list[str]:
        return [event.outcome for event in self.told(EffectDone)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    if made.journal is not None:
        made.kill()


def poster(world: World, durable: Calls, what: str, after: BaseException | None = None) -> Callable[[], dict[str, Any]]:
    """A ``do`` that announces and sends, and fails with ``after`` although it was applied."""

    def do() -> dict[str, Any]:
        durable.record_intent(write())
        made = world.apply(what)
        if after is not None:
            raise after
        return made

    return do


def refusing(durable: Calls, error: Exception) -> Callable[[], dict[str, Any]]:
    """A ``do`` whose write the target refuses with ``error``."""

    def do() -> dict[str, Any]:
        durable.record_intent(write())
        raise error

    return do


# once


def test_once_returns_a_done_effect_without_doing_it_again(world: World) -> None:
    durable = world.start()
    first = durable.once("1", poster(world, durable, "a"), kind="pin")
    again = durable.once("1", poster(world, durable, "a"), kind="pin")
    assert first == {"id": "1", "title": "a"}
    assert again == {"id": "1"}  # the journal keeps no text
    assert world.sent == {"a": 1}
    assert world.outcomes() == ["done", "already"]


def test_a_write_outside_once_is_refused_and_says_what_to_do(world: World) -> None:
    durable = world.start()
    with pytest.raises(PluginError) as refused:
        durable.record_intent(write(path="/boards/1"))
    assert str(refused.value) == (
        "POST /boards/1 is a write outside of ctx.once\n"
        "  wrap it: ctx.once(key, lambda: ctx.client...), so that a killed run knows of it"
    )


def test_what_does_not_write_may_be_done_once_as_well(world: World) -> None:
    durable = world.start()
    assert durable.once("1", lambda: {"id": "5"}) == {"id": "5"}
    assert durable.once("1", lambda: {"id": "6"}) == {"id": "5"}


def test_a_run_killed_before_the_answer_adopts_what_it_made(world: World) -> None:
    durable = world.start()
    with pytest.raises(KeyboardInterrupt):
        durable.once("1", poster(world, durable, "a", after=KeyboardInterrupt()))
    world.kill()
    world.now += 10
    durable = world.start()
    found = durable.once("1", poster(world, durable, "a"), find=lambda: world.listed("a"))
    assert found == {"id": "1", "title": "a"}
    assert world.sent == {"a": 1}
    assert world.waits == [50.0, 5.0]  # the rest of the settle time, and between two looks
    assert world.outcomes() == ["adopted"]
    assert [event.until for event in world.told(Waiting)] == [1_795_608_060.0, 1_795_608_065.0]


def test_a_run_killed_before_the_request_left_does_it_again(world: World) -> None:
    durable = world.start()

    def killed() -> dict[str, Any]:
        durable.record_intent(write())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        durable.once("1", killed)
    world.kill()
    durable = world.start()
    durable.once("1", poster(world, durable, "a"), find=lambda: world.listed("a"))
    assert world.sent == {"a": 1}
    assert world.journal is not None
    effect = world.journal.effect("pins", "1")
    assert effect is not None
    assert (effect.state, effect.attempts) == ("done", 2)


def test_a_lost_answer_is_reconciled_in_the_same_process(world: World) -> None:
    durable = world.start()
    do = poster(world, durable, "a", after=InDoubt("no answer"))
    found = durable.once("1", do, find=lambda: world.listed("a"), kind="pin")
    assert found == {"id": "1", "title": "a"}
    assert world.sent == {"a": 1}
    assert world.outcomes() == ["adopted"]


@pytest.mark.parametrize("lag", [0.0, 10.0, 59.0, 60.0])
def test_a_service_that_applies_or_lists_late_gets_nothing_twice(world: World, lag: float) -> None:
    world.lag = lag
    durable = world.start()
    do = poster(world, durable, "a", after=InDoubt("no answer"))
    durable.once("1", do, find=lambda: world.listed("a"))
    assert world.sent == {"a": 1}


def test_what_can_be_of_nothing_else_is_adopted_when_it_is_first_seen(world: World) -> None:
    durable = world.start()
    do = poster(world, durable, "a", after=InDoubt("no answer"))
    assert durable.once("1", do, find=lambda: world.listed("a"), find_is_proof=True) == {"id": "1", "title": "a"}
    assert (world.sent, world.waits) == ({"a": 1}, [])


@pytest.mark.parametrize("lag", [1.0, 59.0, 60.0])
def test_proof_that_is_not_seen_at_once_gets_the_whole_settle_time(world: World, lag: float) -> None:
    world.lag = lag
    durable = world.start()
    do = poster(world, durable, "a", after=InDoubt("no answer"))
    durable.once("1", do, find=lambda: world.listed("a"), find_is_proof=True)
    assert (world.sent, world.waits) == ({"a": 1}, [60.0, 5.0])


def test_what_was_sent_twice_settles_whole_before_it_is_looked_for(world: World) -> None:
    """The first may turn up any moment, and say nothing of the second."""
    durable = world.start()
    looks: list[float] = []

    def find() -> dict[str, Any] | None:
        looks.append(world.now)
        return {"id": "7"} if len(looks) > 3 else None

    do = poster(world, durable, "a", after=InDoubt("no answer"))
    began = world.now
    assert durable.once("1", do, find=find, find_is_proof=True) == {"id": "7"}
    assert [look - began for look in looks] == [0.0, 60.0, 65.0, 125.0, 130.0]


def test_an_early_look_that_fails_is_followed_by_the_right_one(world: World) -> None:
    durable = world.start()
    looks = iter([ActionError("the network is down"), None])

    def find() -> dict[str, Any] | None:
        if error := next(looks, None):
            raise error
        return world.listed("a")

    do = poster(world, durable, "a", after=InDoubt("no answer"))
    durable.once("1", do, find=find, find_is_proof=True)
    assert (world.sent, world.waits) == ({"a": 1}, [60.0, 5.0])


def test_without_the_settle_time_a_late_service_would_get_it_twice(world: World) -> None:
    world.lag = 59.0
    durable = world.start(settle=0.0)
    with pytest.raises(InDoubt, match="was sent 5 times"):
        durable.once("1", poster(world, durable, "a", after=InDoubt("no answer")), find=lambda: world.listed("a"))
    assert world.sent == {"a": 5}
    assert (world.waits, world.told(Waiting)) == ([], [])


def test_looks_go_on_until_two_in_a_row_agree(world: World) -> None:
    looks = iter([None, {"id": "1"}, None, {"id": "1"}, {"id": "1", "saves": 3}])
    durable = world.start()
    do = poster(world, durable, "a", after=InDoubt("no answer"))
    assert durable.once("1", do, find=lambda: next(looks)) == {"id": "1", "saves": 3}
    assert world.waits == [60.0, 5.0, 5.0, 5.0, 5.0]


@pytest.mark.parametrize(
    ("looks", "result"),
    [
        ([{"saves": 1}, {"saves": 2}, {"saves": 2}], {"saves": 2}),
        ([None, "a title", "a title"], "a title"),
        ([1, 2, 3, 3], 3),
        ([{"id": "1"}, {"saves": 1}, {"saves": 1}], {"saves": 1}),
    ],
)
def test_looks_agree_when_they_see_the_same_thing(world: World, looks: list[Any], result: Any) -> None:
    durable = world.start()
    seen = iter(looks)
    do = poster(world, durable, "a", after=InDoubt("no answer"))
    assert durable.once("1", do, find=lambda: next(seen)) == result
    assert list(seen) == []


def test_a_clock_that_is_set_forward_does_not_shorten_the_settle_time(world: World) -> None:
    durable = world.start()

    def do() -> Any:
        poster(world, durable, "a")()
        world.jump = 3600.0
        raise InDoubt("no answer")

    durable.once("1", do, find=lambda: world.listed("a"))
    assert world.waits == [60.0, 5.0]


def test_looks_that_never_agree_leave_the_effect_in_doubt(world: World) -> None:
    looks = iter(range(100))
    durable = world.start()
    do = poster(world, durable, "a", after=InDoubt("no answer"))
    with pytest.raises(InDoubt, match=r"pin '1' of step pins may have been applied: 6 looks .* did not agree"):
        durable.once("1", do, find=lambda: {"id": next(looks)}, kind="pin")
    assert next(looks) == 6
    assert world.journal is not None
    assert world.journal.counts() == {"pin": {"done": 0, "adopted": 0, "skipped": 0, "failed": 0, "doubt": 1}}


def test_doubt_without_a_way_to_look_stays_doubt_also_after_a_resume(world: World) -> None:
    durable = world.start()
    with pytest.raises(InDoubt, match="no answer"):
        durable.once("1", poster(world, durable, "a", after=InDoubt("no answer")), kind="pin")
    world.kill()
    durable = world.start()
    with pytest.raises(InDoubt, match=r"pin '1' of step pins may have been applied, and nothing here can tell"):
        durable.once("1", poster(world, durable, "a"), kind="pin")
    assert world.sent == {"a": 1}


def test_a_method_that_may_be_repeated_is_sent_again_when_the_settle_time_is_over(world: World) -> None:
    durable = world.start(repeatable={"PATCH"})
    answers = iter([InDoubt("no answer"), None])

    def patch() -> str:
        durable.record_intent(write(method="PATCH"))
        if error := next(answers):
            raise error
        return "patched"

    assert durable.of("board").once("archive", patch) == "patched"
    assert world.waits == [60.0]


def test_a_clock_that_was_set_back_does_not_make_the_wait_longer(world: World) -> None:
    durable = world.start()
    with pytest.raises(InDoubt):
        durable.once("1", poster(world, durable, "a", after=InDoubt("")))
    world.kill()
    world.now -= 86_400
    world.applied[:] = [(0, "a")]
    durable = world.start()
    durable.once("1", poster(world, durable, "a"), find=lambda: world.listed("a"))
    assert world.waits == [60.0, 5.0]


@pytest.mark.parametrize(
    "error",
    [
        RemoteError("no", status=400, call="POST /pins"),
        RemoteError("no", status=409),
        RateLimited("slow down", retry_after=900),
        SpamBlocked("spam", status=429),
        Unreachable("POST /pins: no answer from https://api: no route; nothing was sent"),
        CredentialError("expired"),
        Interrupted("stop"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_refused_write_is_tried_again_by_a_later_resume_without_a_look(world: World, error: Exception) -> None:
    durable = world.start()
    with pytest.raises(type(error)):
        durable.once("1", refusing(durable, error))
    durable.once("1", poster(world, durable, "a"))
    assert world.sent == {"a": 1}
    assert world.waits == []


@pytest.mark.parametrize(
    "error",
    [
        RemoteError("oops", status=500),
        RemoteError("timeout", status=408),
        RemoteError("gone", status=404, call="GET /pins/1"),  # of a read after the write
        Unreachable("GET /pins/1: no answer"),
        ValueError("a bug"),
        Diverged("changed"),
    ],
    ids=repr,
)
def test_any_other_failure_after_the_announcement_is_doubt(world: World, error: Exception) -> None:
    durable = world.start()
    with pytest.raises((InDoubt, Diverged)):
        durable.once("1", poster(world, durable, "a", after=error))
    with pytest.raises(InDoubt):
        durable.once("1", poster(world, durable, "a"))
    assert world.sent == {"a": 1}


@pytest.mark.parametrize("error", [Unreachable("GET /pins/1: no answer"), KeyError("title")], ids=repr)
def test_what_was_sent_before_another_failure_is_looked_for_and_never_sent_again(
    world: World, error: Exception
) -> None:
    durable = world.start()
    do = poster(world, durable, "a", after=error)
    assert durable.once("1", do, find=lambda: world.listed("a")) == {"id": "1", "title": "a"}
    with pytest.raises(InDoubt, match="pin '2' of step pins was sent, and whether it was applied is unknown: "):
        durable.once("2", poster(world, durable, "b", after=error), find=lambda: None, kind="pin")
    assert world.sent == {"a": 1, "b": 1}
    assert world.journal is not None
    assert world.journal.unknown_keys("pins", "pin") == {"2"}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RemoteError("GET /pins: busy", status=503), r"GET /pins: busy \(HTTP 503\)"),
        (KeyError("items"), r"KeyError at tests/core/test_durable.py:\d+: 'items'"),
    ],
    ids=["the service", "the plugin"],
)
def test_a_look_that_fails_leaves_the_effect_unknown(world: World, error: Exception, told: str) -> None:
    durable = world.start()

    def find() -> None:
        raise error

    with pytest.raises(InDoubt, match=rf"pin '1' of step pins may have been applied, and the target .*: {told}"):
        durable.once("1", poster(world, durable, "a", after=InDoubt("lost")), find=find, kind="pin")
    assert world.sent == {"a": 1}
    found = durable.once("1", poster(world, durable, "a"), find=lambda: world.listed("a"), kind="pin")
    assert (found["id"], world.sent) == ("1", {"a": 1})


@pytest.mark.parametrize("error", [RateLimited("later", retry_after=900), Interrupted("stop"), CredentialError("gone")])
def test_a_look_that_has_to_wait_ends_the_run_in_its_own_way(world: World, error: Exception) -> None:
    durable = world.start()

    def find() -> None:
        raise error

    with pytest.raises(type(error)):
        durable.once("1", poster(world, durable, "a", after=InDoubt("lost")), find=find, kind="pin")
    assert world.journal is not None
    assert world.journal.unknown_keys("pins", "pin") == {"1"}


def test_a_refusal_after_an_earlier_write_of_the_same_effect_is_doubt(world: World) -> None:
    durable = world.start()

    def both() -> None:
        durable.record_intent(write(digest="1"))
        world.apply("a")
        durable.record_intent(write(digest="2"))
        raise RemoteError("no", status=400)

    for _ in range(2):
        with pytest.raises(InDoubt):
            durable.once("1", both)
    assert world.sent == {"a": 1}


@pytest.mark.parametrize("error", [Interrupted("stop"), RateLimited("used up", retry_after=600, status=0)])
def test_what_was_sent_again_and_then_held_back_may_have_been_applied(world: World, error: Exception) -> None:
    """A client sends a DELETE again by itself when its answer is lost; the second time may never leave."""
    durable = world.start(repeatable={"DELETE"})

    def delete() -> dict[str, Any]:
        durable.record_intent(write("DELETE", "/pins/7"))
        world.apply("gone")
        durable.record_intent(write("DELETE", "/pins/7"))
        raise error

    with pytest.raises(type(error)):
        durable.of("step").once("delete", delete)
    assert world.journal is not None
    world.journal.close()
    found = world.start(repeatable={"DELETE"}).of("step").once("delete", delete, find=lambda: world.listed("gone"))
    assert (found["id"], world.sent["gone"]) == ("1", 1)


@pytest.mark.parametrize("error", [RemoteError("no", status=400), Interrupted("stop")], ids=repr)
def test_what_was_sent_once_and_refused_was_not_applied_although_it_may_be_repeated(
    world: World, error: Exception
) -> None:
    durable = world.start(repeatable={"POST"})
    with pytest.raises(type(error)):
        durable.once("1", refusing(durable, error))
    durable.once("1", poster(world, durable, "a"))
    assert world.waits == []


def test_a_service_that_loses_every_write_does_not_end_a_run_for_ever(world: World) -> None:
    def attempt() -> None:
        durable = world.start()

        def lost() -> dict[str, Any]:
            durable.record_intent(write())
            world.sent["lost"] += 1
            raise InDoubt("no answer")

        said = (
            "was sent 5 times without an answer, .* does not show it\n  the last time: no answer; .*then resume the run"
        )
        with pytest.raises(InDoubt, match=said):
            durable.of("step").once("pin", lost, find=lambda: None)
        world.kill()

    attempt()
    attempt()
    assert world.sent["lost"] == 10
    durable = world.start()
    assert durable.of("step").once("pin", poster(world, durable, "pin"), find=lambda: world.listed("pin"))["id"] == "1"


def test_a_bug_before_anything_was_announced_leaves_no_doubt(world: World) -> None:
    durable = world.start()
    with pytest.raises(PluginDefect, match=r"ZeroDivisionError at tests/core/test_durable.py:\d+: integer division"):
        durable.once("1", lambda: 1 // 0)
    assert durable.once("1", lambda: 5) == 5


def test_once_lets_a_diverged_error_through(world: World) -> None:
    durable = world.start()

    def find() -> None:
        raise Diverged("two boards of that name")

    with pytest.raises(Diverged):
        durable.once("1", poster(world, durable, "a", after=InDoubt("")), find=find)


def test_find_must_not_write(world: World) -> None:
    durable = world.start()
    with pytest.raises(InDoubt, match="outside of ctx"):
        durable.once("1", poster(world, durable, "a", after=InDoubt("")), find=lambda: durable.record_intent(write()))


def test_effects_may_be_nested_and_each_is_remembered(world: World) -> None:
    durable = world.start()

    def outer() -> dict[str, Any]:
        media = durable.once("media", poster(world, durable, "media"))
        assert media["id"] == "1"
        durable.record_intent(write(path="/pins"))
        return world.apply("pin")

    assert durable.once("1", outer)["id"] == "2"
    assert dict(durable.effects_of()) == {"media": {"id": "1"}, "1": {"id": "2"}}


def test_an_effect_inside_itself_is_refused(world: World) -> None:
    durable = world.start()
    with pytest.raises(PluginError, match=r"effect '1' of step pins is inside itself"):
        durable.once("1", lambda: durable.once("1", lambda: 1))


# stopping


def test_after_a_stop_no_effect_begins_but_the_one_at_work_ends(world: World) -> None:
    stop = threading.Event()
    durable = world.start(stop=stop)

    def do() -> dict[str, Any]:
        durable.record_intent(write())
        stop.set()
        durable.record_intent(write())  # a second try of the same write
        return world.apply("a")

    assert durable.once("1", do)["id"] == "1"
    with pytest.raises(Interrupted):
        durable.once("2", poster(world, durable, "b"))
    assert world.sent == {"a": 1}


def test_a_stop_ends_the_wait_before_a_look(world: World) -> None:
    stop = threading.Event()

    def sleep(_: float) -> None:
        stop.set()

    durable = world.start(stop=stop, sleep=sleep)
    with pytest.raises(Interrupted):
        durable.once("1", poster(world, durable, "a", after=InDoubt("")), find=lambda: world.listed("a"))
    world.kill()
    durable = world.start()
    durable.once("1", poster(world, durable, "a"), find=lambda: world.listed("a"))
    assert world.sent == {"a": 1}


# each


def each(world: World, durable: Calls, items: Any, do: Callable[[Any], Any] | None = None, **how: Any) -> EachResult:
    do = do or (lambda item: poster(world, durable, item)())
    return durable.each(items, key=str, do=do, kind="pin", **how)


@pytest.mark.parametrize("parallel", [1, 4])
def test_each_does_every_item_once_also_when_run_again(world: World, parallel: int) -> None:
    durable = world.start()
    items = [str(number) for number in range(30)]
    first = each(world, durable, items, parallel=parallel)
    again = each(world, durable, [*items, "30"], parallel=parallel)
    assert (first.done, again.done, again.already, again.ok) == (30, 1, 30, True)
    assert set(world.sent.values()) == {1}
    assert len(world.sent) == 31


def test_what_is_in_doubt_is_settled_before_anything_else_is_sent(world: World) -> None:
    """Else a refused item that is sent again and lost would take the doubted one's result for its own."""
    refused, lost = RemoteError("not now", status=400), InDoubt("no answer")
    durable = world.start()

    def find(item: str) -> dict[str, Any] | None:
        own = {result["id"] for _, result in durable.effects_of("pin")}
        return next(({"id": str(id)} for id in range(1, len(world.applied) + 1) if str(id) not in own), None)

    def first(item: str) -> dict[str, Any]:
        if item == "b":
            return poster(world, durable, item, after=KeyboardInterrupt())()
        return refusing(durable, refused)()

    with pytest.raises(KeyboardInterrupt):
        each(world, durable, ["a", "b"], do=first, find=find)
    assert world.journal is not None
    world.journal.close()

    tries = iter([lost])

    def second(item: str) -> dict[str, Any]:
        if error := next(tries, None):
            return refusing(durable, error)()
        return poster(world, durable, item)()

    durable = world.start()
    result = each(world, durable, ["a", "b", "c"], do=second, find=find)
    assert world.sent == {"a": 1, "b": 1, "c": 1}
    ids = {key: found["id"] for key, found in durable.effects_of("pin")}
    assert {key: world.applied[int(id) - 1][1] for key, id in ids.items()} == {"a": "a", "b": "b", "c": "c"}
    assert (result.adopted, result.done) == (1, 2)


def test_a_lost_item_is_looked_for_when_the_settle_time_is_over_unless_a_look_is_proof(world: World) -> None:
    durable = world.start()
    do = poster(world, durable, "a", after=InDoubt("no answer"))
    assert each(world, durable, ["a"], lambda _: do(), find=world.listed).adopted == 1
    assert world.waits == [60.0, 5.0]


def test_two_items_are_at_work_where_two_may_be(world: World) -> None:
    durable = world.start(executor=(pool := Pool()))
    each(world, durable, ["0", "1", "2"], parallel=2)
    assert len(pool.futures) == 3


def test_each_keeps_the_order_when_serial(world: World) -> None:
    durable = world.start()
    each(world, durable, iter("hello world"))
    assert [what for _, what in world.applied] == list("helo wrd")


@pytest.mark.parametrize("parallel", [1, 4])
def test_one_bad_item_does_not_lose_the_others(world: World, parallel: int) -> None:
    durable = world.start()

    def do(item: str) -> Any:
        if item == "3":
            return refusing(durable, RemoteError("the image is gone", status=404))()
        return poster(world, durable, item)()

    result = each(world, durable, map(str, range(8)), do, parallel=parallel)
    assert (result.done, result.failed_count, result.ok) == (7, 1, False)
    assert [(failure.key, str(failure.error)) for failure in result.failed] == [("3", "the image is gone (HTTP 404)")]
    assert [(event.key, event.error) for event in world.told(ItemFailed)] == [("3", "the image is gone (HTTP 404)")]
    assert world.journal is not None
    assert world.journal.counts()["pin"] == {"done": 7, "adopted": 0, "skipped": 0, "failed": 1, "doubt": 0}


@pytest.mark.parametrize("parallel", [1, 4])
def test_an_exception_of_a_plugin_is_one_items_failure_while_nothing_was_sent(world: World, parallel: int) -> None:
    durable = world.start()

    def do(item: str) -> Any:
        return poster(world, durable, {"3": "three"}[item] if item == "4" else item)()

    result = each(world, durable, map(str, range(8)), do, parallel=parallel)
    assert (result.done, result.failed_count) == (7, 1)
    (failure,) = result.failed
    assert isinstance(failure.error, PluginDefect)
    assert str(failure.error).startswith("KeyError at tests/core/test_durable.py:")


def test_a_key_that_ends_an_iteration_does_not_end_the_items_in_silence(world: World) -> None:
    durable = world.start()
    with pytest.raises(RuntimeError, match="StopIteration"):
        durable.each(["a"], key=lambda _: next(iter(())), do=lambda _: None)


def test_failures_are_listed_up_to_a_hundred_and_counted_beyond(world: World) -> None:
    durable = world.start()

    def do(item: str) -> None:
        raise RemoteError("no", status=400)

    result = each(world, durable, map(str, range(130)), do)
    assert (len(result.failed), result.failed_count) == (100, 130)


@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize(
    "error",
    [
        SpamBlocked("spam", status=429),
        RateLimited("later"),
        CredentialError("expired"),
        InDoubt("no answer"),
        Diverged("changed"),
        Interrupted("stop"),
        ZeroDivisionError("a bug after the write had left"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_concerns_all_items_stops_them_all(world: World, error: Exception, parallel: int) -> None:
    pool = Pool()
    durable = world.start(executor=pool)
    read = []

    def items() -> Iterator[str]:
        for number in range(1000):
            read.append(number)
            yield str(number)

    def do(item: str) -> Any:
        if item == "5":
            return refusing(durable, error)()
        wait(pool.futures[5:6] if int(item) > 5 else [])  # until the failure is known
        return poster(world, durable, item)()

    with pytest.raises(type(error) if isinstance(error, PinflowError) else InDoubt):
        each(world, durable, items(), do, parallel=parallel)
    assert len(read) <= 5 + 3 * parallel
    assert world.told(Progress)


@pytest.mark.parametrize("parallel", [1, 4])
def test_a_skipped_item_is_told_with_its_reason_and_not_asked_again(world: World, parallel: int) -> None:
    durable = world.start()
    asked = []

    def do(item: str) -> Any:
        asked.append(item)
        return Skip("it has no image") if item == "1" else poster(world, durable, item)()

    for _ in range(2):
        result = each(world, durable, ["0", "1", "2"], do, parallel=parallel)
        assert result.skipped == 1
    assert sorted(asked) == ["0", "1", "2"]
    assert [(event.key, event.reason) for event in world.told(ItemSkipped)] == [("1", "it has no image")] * 2


def test_items_are_read_as_they_are_needed_and_bounded_in_flight(world: World) -> None:
    durable = world.start()
    at_work, peak, behind = 0, 0, 0
    read, ended = 0, 0
    lock = threading.Lock()
    together = threading.Barrier(4)

    def items() -> Iterator[str]:
        nonlocal read, behind
        for number in range(400):
            read += 1
            behind = max(behind, read - ended)
            yield str(number)

    def do(item: str) -> Any:
        nonlocal at_work, peak, ended
        with lock:
            at_work += 1
            peak = max(peak, at_work)
        together.wait(10)  # four at a time, no less
        made = poster(world, durable, item)()
        with lock:
            at_work -= 1
            ended += 1
        return made

    assert each(world, durable, items(), do, parallel=4).done == 400
    assert peak == 4
    assert behind <= 2 * 4 + 1


def test_the_same_key_twice_at_once_is_done_once(world: World) -> None:
    durable = world.start()
    entered = threading.Semaphore(0)

    def do(item: str) -> Any:
        entered.release()
        assert entered.acquire()
        assert not entered.acquire(timeout=0.2)  # the other one is kept out meanwhile
        return poster(world, durable, item)()

    result = each(world, durable, ["1", "1"], do, parallel=2)
    assert (result.done, result.already, world.sent) == (1, 1, {"1": 1})


def test_after_an_error_that_ends_the_loop_no_waiting_item_begins(world: World) -> None:
    pool = Pool()
    durable = world.start(executor=pool)
    at_work = threading.Event()
    begun = []

    def do(item: str) -> Any:
        begun.append(item)
        if item == "0":
            assert at_work.wait(10)
            raise SpamBlocked("spam", status=429)
        at_work.set()
        wait(pool.futures[:1])  # until the failure is known
        return poster(world, durable, item)()

    with pytest.raises(SpamBlocked):
        each(world, durable, ["0", "1", "2", "3"], do, parallel=2)
    assert set(begun) == {"0", "1"}
    assert world.sent == {"1": 1}  # what was at work ended


def test_an_item_whose_outcome_is_unknown_ends_the_stream_whatever_its_error(world: World) -> None:
    durable = world.start()
    error = ActionError("the answer was cut off")
    with pytest.raises(ActionError, match="the answer was cut off"):
        each(world, durable, ["1", "2"], lambda item: poster(world, durable, item, after=error)())
    assert (world.sent, world.told(ItemFailed)) == ({"1": 1}, [])


def test_items_wait_for_those_with_unknown_outcome_and_no_longer(world: World) -> None:
    durable = world.start()
    each(world, durable, ["1"])
    with pytest.raises(InDoubt):
        each(world, durable, ["3"], lambda item: poster(world, durable, item, after=InDoubt("no answer"))())
    world.events.clear()
    read: list[str] = []
    read_before: dict[str, int] = {}

    def items() -> Iterator[str]:
        for item in ("1", "2", "3", "4", "5"):
            read.append(item)
            yield item

    def do(item: str) -> Any:
        read_before[item] = len(read)
        return poster(world, durable, item)()

    each(world, durable, items(), do, find=world.listed)
    assert [event.key for event in world.told(EffectDone)] == ["1", "3", "2", "4", "5"]
    assert world.outcomes() == ["already", "adopted", "done", "done", "done"]
    assert read_before == {"2": 4, "4": 4, "5": 5}


class Ending(ThreadPoolExecutor):
    """Says when those who handed it work only wait for the rest of it."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.ending = threading.Event()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.ending.set()
        super().shutdown(wait, cancel_futures=cancel_futures)


def test_what_lands_after_another_item_ended_the_stream_is_counted_and_its_error_is_not_raised(world: World) -> None:
    executor = Ending(4)
    durable = world.start(executor=lambda workers: executor)
    at_work = threading.Barrier(4)

    def do(item: str) -> Any:
        at_work.wait(10)
        if item == "ends":
            raise RateLimited("slow down")
        assert executor.ending.wait(10)
        if item == "fails":
            raise ActionError("it is bad")
        if item == "ends later":
            raise SpamBlocked("spam", status=429)
        return poster(world, durable, item)()

    with pytest.raises(RateLimited):
        each(world, durable, ["ends", "lands", "fails", "ends later"], do, parallel=4)
    last = world.told(Progress)[-1]
    assert (last.done, last.failed) == (1, 1)
    assert [event.key for event in world.told(ItemFailed)] == ["fails"]


def test_items_that_were_read_before_a_listing_broke_off_are_done(world: World) -> None:
    durable = world.start()

    def listing() -> Iterator[str]:
        yield from ("1", "2", "3")
        raise Unreachable("the line is dead")

    with pytest.raises(Unreachable, match="the line is dead"):
        each(world, durable, listing(), parallel=2)
    assert world.sent == {"1": 1, "2": 1, "3": 1}


def test_nobody_looks_for_a_lost_effect_while_another_is_in_flight(world: World) -> None:
    """Else the other one, which is listed but not recorded yet, could be taken for the lost one."""
    durable = world.start()
    in_flight, looked = threading.Event(), threading.Event()
    seen = []

    def do(item: str) -> Any:
        if item == "lost":
            assert in_flight.wait(10)
            return poster(world, durable, item, after=InDoubt("no answer"))()
        made = poster(world, durable, item)()
        in_flight.set()
        seen.append(looked.wait(0.2))
        return made

    def find(item: str) -> Any:
        looked.set()
        return world.listed(item)

    result = each(world, durable, ["slow", "lost"], do, find=find, parallel=2)
    assert (result.done, result.adopted, seen) == (1, 1, [False])


def test_who_is_interrupted_before_a_look_keeps_nobody_from_sending() -> None:
    class Flying:
        @property
        def nested(self) -> int:
            raise KeyboardInterrupt  # as while what is in flight is waited for

    traffic = Traffic()
    traffic.enter(Flying())  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt), traffic.pause():
        pass
    assert not traffic._looking


def test_nobody_sends_while_somebody_looks_for_a_lost_effect(world: World) -> None:
    durable = world.start()
    looking, sent = threading.Event(), threading.Event()
    seen = []

    def do(item: str) -> Any:
        if item == "lost":
            return poster(world, durable, item, after=InDoubt("no answer"))()
        assert looking.wait(10)
        made = poster(world, durable, item)()
        sent.set()
        return made

    def find(item: str) -> Any:
        looking.set()
        seen.append(sent.wait(0.1))
        return world.listed(item)

    result = each(world, durable, ["lost", "next"], do, find=find, parallel=2)
    assert (result.done, result.adopted, seen) == (1, 1, [False, False])


def test_an_effect_that_waits_for_one_inside_it_does_not_keep_others_from_looking(world: World) -> None:
    durable = world.start()

    def outer() -> Any:
        durable.record_intent(write())
        inner = poster(world, durable, "inner", after=InDoubt("no answer"))
        durable.once("inner", inner, find=lambda: world.listed("inner"))
        return world.apply("outer")

    assert durable.once("outer", outer)["title"] == "outer"
    assert world.sent == {"inner": 1, "outer": 1}


def test_lost_effects_that_look_the_same_are_told_apart_by_what_is_already_known(world: World) -> None:
    durable = world.start()
    lost = {"2", "5"}

    def do(item: str) -> Any:
        durable.record_intent(write())
        made = world.apply("the same pin")
        if item in lost:
            raise InDoubt("no answer")
        return made

    def find(item: str) -> Any:
        known = {result["id"] for _, result in durable.effects_of()}
        unknown = [str(number) for number in range(1, len(world.applied) + 1) if str(number) not in known]
        return {"id": unknown[0]} if unknown else None

    result = each(world, durable, map(str, range(12)), do, find=find, parallel=4)
    assert (result.done, result.adopted) == (10, 2)
    assert sorted(int(result["id"]) for _, result in durable.effects_of()) == list(range(1, 13))


@pytest.mark.parametrize(
    ("key", "said"),
    [("pin:8", "pin '8' of step pins"), ("8", "pin '8' of step pins"), ("pin", "pin of step pins")],
)
def test_an_effect_is_named_without_saying_its_kind_twice(world: World, key: str, said: str) -> None:
    durable = world.start()

    def lose() -> Any:
        return poster(world, durable, "8", after=InDoubt("no answer"))()

    with pytest.raises(InDoubt):
        durable.once(key, lose, kind="pin")
    with pytest.raises(InDoubt, match=f"^{said} may have been applied"):
        durable.once(key, lose, kind="pin")


def test_each_counts_on_from_what_others_of_the_same_total_came_to(world: World) -> None:
    durable = world.start()

    def do(item: str) -> Any:
        if item == "1":
            raise ActionError("it is broken")
        return Skip("nobody wants it") if item == "2" else poster(world, durable, item)()

    first = each(world, durable, ["0", "1", "2"], do, total=5)
    both = each(world, durable, ["3", "4"], do, total=5, after=first)
    assert (both.done, both.skipped, both.failed_count, [each.key for each in both.failed]) == (3, 1, 1, ["1"])
    assert both.item_count == 5
    told = [(each.done + each.skipped + each.failed, each.total) for each in world.told(Progress)]
    assert told == sorted(told)
    assert told[-1] == (5, 5)


@pytest.mark.parametrize(("kind", "what"), [("pin", "pins of step pins"), ("", "step pins")])
def test_a_total_beyond_the_budget_is_refused_before_anything_is_sent(world: World, kind: str, what: str) -> None:
    durable = world.start(budget=WriteBudget(3))
    before = EachResult(done=2)
    result = durable.each("abc", key=str, do=world.apply, kind=kind, total=5, after=before)
    assert result.done == 5
    with pytest.raises(ApprovalRequired) as refused:
        durable.each("abcd", key=str, do=world.apply, kind=kind, total=6, after=before)
    assert refused.value.message == f"this makes up to 4 changes ({what}); more than 3 need an approval"
    assert sum(world.sent.values()) == 3


def test_a_write_needs_an_approval_unless_it_changes_nothing_of_an_account(world: World) -> None:
    durable = world.start(budget=WriteBudget(0))
    with pytest.raises(ApprovalRequired):
        durable.once("pin", poster(world, durable, "a"))
    with pytest.raises(ApprovalRequired):
        each(world, durable, ["a"])
    durable.once("report", poster(world, durable, "b"), counts_as_change=False)
    assert world.sent == {"b": 1}


def test_a_dry_run_asks_for_no_approval(world: World) -> None:
    durable = world.start(dry_run=True, budget=WriteBudget(1))
    assert durable.each("ab", key=str, do=lambda item: PLANNED, total=2).planned == 2


def test_progress_is_told_ten_times_a_second_at_most_and_at_the_end(world: World) -> None:
    durable = world.start()

    def do(item: str) -> Any:
        world.now += 0.01
        return poster(world, durable, item)()

    each(world, durable, map(str, range(100)), do, total=100)
    told = world.told(Progress)
    assert 9 <= len(told) <= 12
    assert (told[-1].done, told[-1].total, told[-1].what) == (100, 100, "pins")


# lists


def test_a_frozen_list_comes_back_as_it_was(world: World) -> None:
    durable = world.start()
    assert list(durable.freeze("source", iter(["3", "1", "2"]))) == ["3", "1", "2"]
    world.kill()
    assert list(world.start().freeze("source", iter(["9"]))) == ["3", "1", "2"]


def test_when_a_write_was_announced_is_known(world: World) -> None:
    durable = world.start()
    assert durable.sent_at("1") is None
    durable.once("1", poster(world, durable, "a"))
    assert durable.sent_at("1") == world.now


def test_a_skipped_effect_is_recorded(world: World) -> None:
    durable = world.start()
    durable.skip("1", "it is a product pin", kind="pin")
    assert [event.reason for event in world.told(ItemSkipped)] == ["it is a product pin"]
    assert world.journal is not None
    assert world.journal.counts()["pin"]["skipped"] == 1


# dry runs


def test_a_dry_run_sends_nothing_and_counts_what_it_would(world: World) -> None:
    durable = world.start(dry_run=True)

    def do(item: str) -> Any:
        if (planned := durable.record_intent(write())) is not None:
            return planned
        return world.apply(item)

    board = durable.of("board").once("create", lambda: durable.record_intent(write(category="boards")), kind="board")
    result = each(world, durable, map(str, range(20)), do, parallel=4)
    assert board is PLANNED
    assert (result.planned, result.done, world.sent) == (20, 0, {})
    assert durable.planned_calls == {"target": {"boards": 1, "org_write": 20}}
    assert Counter(world.outcomes()) == {"planned": 21}
    assert list(durable.effects_of()) == []
    assert list(durable.freeze("source", ["1"])) == ["1"]
    assert not (world.state / "runs").exists()


def test_a_dry_run_goes_on_where_a_request_needs_what_is_only_planned(world: World) -> None:
    durable = world.start(dry_run=True)
    board: Any = durable.of("board").once("create", lambda: durable.record_intent(write()))
    result = each(world, durable, ["1", "2"], lambda item: json.dumps({"board": board["id"]}))
    assert result.planned == 2


def test_a_dry_run_refuses_a_write_outside_once_too(world: World) -> None:
    with pytest.raises(PluginError):
        world.start(dry_run=True).record_intent(write())


def test_a_dry_run_skips_what_the_run_would_skip(world: World) -> None:
    assert each(world, world.start(dry_run=True), ["1"], lambda item: Skip("no image")).skipped == 1


# names of version 0.1


@pytest.mark.parametrize(
    ("call", "old", "new"),
    [
        (lambda durable: durable.once("1", lambda: 5, fresh=True), "once(fresh=)", "once(find_is_proof=)"),
        (lambda durable: durable.once("2", lambda: 5, changes=False), "once(changes=)", "once(counts_as_change=)"),
        (lambda durable: durable.each([], key=str, do=str, fresh=True), "each(fresh=)", "each(find_is_proof=)"),
        (lambda durable: list(durable.made("pin")), "ctx.made", "ctx.effects_of"),
        (lambda durable: list(durable.made_by_run("pin")), "ctx.made_by_run", "ctx.effects_of_run"),
        (lambda durable: durable.doubted_at("pin"), "ctx.doubted_at", "ctx.last_unknown_at"),
        (lambda durable: EachResult(done=1).past, "EachResult.past", "EachResult.complete_count"),
        (lambda durable: EachResult(done=1).passed, "EachResult.passed", "EachResult.item_count"),
    ],
)
def test_an_old_name_still_works_and_warns_of_the_new_one(
    world: World, call: Callable[[Calls], object], old: str, new: str
) -> None:
    durable = world.start()
    with pytest.warns(DeprecationWarning) as warned:
        call(durable)
    assert [str(warning.message) for warning in warned] == [
        f"tests uses {old}, which is now {new}; pinflow 0.3 drops the old name"
    ]


def test_an_old_keyword_means_the_same_as_the_new_one(world: World) -> None:
    durable = world.start(budget=WriteBudget(0))
    with pytest.warns(DeprecationWarning):
        durable.once("report", poster(world, durable, "a"), changes=False)  # type: ignore[call-arg]
    with pytest.raises(ApprovalRequired):
        durable.once("pin", poster(world, durable, "b"))
    assert world.sent == {"a": 1}


def test_help_shows_the_durable_calls_with_their_new_names_alone() -> None:
    signature = inspect.signature(Context.once)
    names = ["place", "likeness", "find", "find_is_proof", "check", "unchecked", "kind", "counts_as_change"]
    assert list(signature.parameters) == ["self", "key", "do", *names]
    assert (inspect.getdoc(Context.each) or "").startswith(":meth:`once` for a stream of items")


# placeholders


def test_a_planned_thing_can_be_passed_on(world: World) -> None:
    assert f"/boards/{PLANNED['id']}/pins" == "/boards/(planned)/pins"
    assert PLANNED.get("owner")["name"] is PLANNED
    assert PLANNED
    assert holds_planned({"a": [1, {"b": PLANNED["id"]}]})
    assert not holds_planned({"a": [1, {"b": "id"}]})


@pytest.mark.parametrize(
    "use",
    [
        len,
        list,
        dict,
        sum,
        int,
        json.dumps,
        lambda planned: json.dumps({"body": [planned["id"]]}, indent=1),
        lambda planned: planned["saves"] + 1,
        lambda planned: "id" in planned,
        lambda planned: planned["saves"] > 1,
        lambda planned: planned["name"].lower(),
        lambda planned: {**planned},
        lambda planned: planned | {"a": 1},
        lambda planned: planned.update(a=1),
    ],
)
def test_a_planned_thing_can_not_be_looked_into(use: Callable[[Any], object]) -> None:
    with pytest.raises(NeedsPlanned):
        use(PLANNED)
