"""Pacing: no window of the service's clock sees more calls than its quota allows, and hardly any fewer."""

from __future__ import annotations

import heapq
import random
import threading
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinflow.clock import Clock
from pinflow.errors import RateLimited, SpamBlocked
from pinflow.http.api import Quota
from pinflow.http.rate_limiter import RateLimiter
from pinflow.state.folder.counters import CounterTable
from pinflow.state.folder.token_bucket import Bucket
from pinflow.state.folder.usage import MemoryUsage

NOW = 1_795_000_000.0


class World:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.now

    def clock(self) -> float:
        return NOW + self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds

    def limiter(self, **quotas: Quota) -> RateLimiter:
        named = {name.replace("every", "*"): quota for name, quota in quotas.items()}
        clock = Clock(self.clock, self.monotonic, self.sleep)
        return RateLimiter(named, MemoryUsage(self.monotonic), clock)


def new_bucket(limit: int, seconds: float) -> Bucket:
    """A bucket in a table of its own."""
    return Bucket(CounterTable.blank(), 0).begin(limit, seconds)


def call(
    limiter: RateLimiter, category: str = "write", login: str = "me", headers: dict[str, str] | None = None
) -> float:
    """One call that takes no time: when it left."""
    permit = limiter.acquire(login, category, patience=1e9)
    limiter.release(permit, headers or {})
    return permit.sent_at


@dataclass
class Caller:
    """Someone who calls again and again."""

    slot: int | None = None
    first: bool = False  # with a connection of its own to be made
    left: float = -1.0


def simulate(
    bucket: Bucket, *, workers: int, calls: int, out: list[float], back: float, fastest: float | None = None
) -> list[float]:
    """When the service counts each of so many calls, if each leaves as soon as the bucket lets it.

    ``out`` is how long each call takes to be counted, ``back`` how long its answer takes.
    """
    counted: list[float] = []
    waiting: list[int] = []
    best = float("inf")
    agenda = [(0.0, n, Caller()) for n in range(workers)]
    while len(counted) < calls:
        now, n, caller = heapq.heappop(agenda)
        if caller.slot is not None:
            best = min(best, now - caller.left)
            quickest = best if fastest is None else fastest
            bucket.finish(caller.slot, now if caller.first else now - quickest)
            caller.slot = None
        rest = bucket.wait(now, waiting.index(n) if n in waiting else len(waiting))
        if rest > 1e-9:
            if n not in waiting:
                waiting.append(n)
            heapq.heappush(agenda, (now + rest, n, caller))
            continue
        if n in waiting:
            waiting.remove(n)
        caller.first, caller.left = caller.left < 0, now
        caller.slot = bucket.take(now)
        counted.append(now + out[len(counted) % len(out)])
        heapq.heappush(agenda, (counted[-1] + back, n, caller))
    return sorted(counted)


def fullest_window(times: list[float], seconds: float) -> int:
    """The most calls that any window of so many seconds holds, wherever it begins."""
    most = start = 0
    for end, moment in enumerate(times):
        while moment - times[start] >= seconds:
            start += 1
        most = max(most, end - start + 1)
    return most


@given(
    limit=st.integers(1, 12),
    seconds=st.sampled_from([1.0, 60.0, 86_400.0]),
    workers=st.integers(1, 12),
    out=st.lists(st.floats(0.0, 0.6), min_size=1, max_size=20),
    back=st.floats(0.0, 0.4),
)
@settings(max_examples=150, deadline=None)
def test_no_window_holds_more_than_the_limit_however_late_calls_are_counted(
    limit: int, seconds: float, workers: int, out: list[float], back: float
) -> None:
    bucket = new_bucket(limit, seconds)
    late = [part * seconds for part in out]
    times = simulate(bucket, workers=workers, calls=80, out=late, back=back * seconds, fastest=0.0)
    assert fullest_window(times, seconds) <= limit


@pytest.mark.parametrize("seed", range(5))
def test_a_saturated_quota_is_used_nearly_whole_and_never_exceeded(seed: int) -> None:
    chance = random.Random(seed)
    # 16 connections are made first, which no later call waits for; then 80 ms with some noise
    out = [0.25] * 16 + [0.04 + chance.random() * 0.004 for _ in range(4000)]
    times = simulate(new_bucket(100, 1.0), workers=16, calls=4000, out=out, back=0.04)
    assert fullest_window(times, 1.0) <= 100
    assert len(times) / (times[-1] - times[0]) >= 95


def test_a_slow_quota_lets_its_whole_first_window_go_at_once() -> None:
    times = simulate(new_bucket(100, 60.0), workers=4, calls=100, out=[0.05], back=0.05)
    assert times[-1] < 60 / 20


def test_the_first_call_of_the_next_window_waits_a_little_more_than_a_window() -> None:
    world = World()
    limiter = world.limiter(write=Quota(2, 60))
    left = [call(limiter) for _ in range(5)]
    assert [round(moment - 1000, 1) for moment in left] == [0, 0, 60.6, 60.6, 121.2]


def test_a_long_answer_keeps_its_slot_taken_for_as_long() -> None:
    world = World()
    limiter = world.limiter(write=Quota(1, 60))
    permit = limiter.acquire("me", "write", patience=0)
    world.now += 25  # the service may count the call only now
    limiter.release(permit, {})
    assert call(limiter) == pytest.approx(1000 + 25 + 60.6)


def test_an_answer_as_quick_as_the_quickest_costs_no_extra_time() -> None:
    world = World()
    limiter = world.limiter(write=Quota(1, 60))
    left: list[float] = []
    for seconds in (5, 5, 25, 5):
        permit = limiter.acquire("me", "write", patience=1e9)
        left.append(round(permit.sent_at - 1000, 1))
        world.now += seconds
        limiter.release(permit, {})
    # the first may have waited for its connection; the third took 20 s longer than need be
    assert left == [0, 5 + 60.6, 5 + 2 * 60.6, 5 + 3 * 60.6 + 20]


def test_every_call_counts_against_the_universal_quota() -> None:
    world = World()
    limiter = world.limiter(write=Quota(100, 60), every=Quota(2, 1))
    left = [call(limiter, category) for category in ("write", "read", "write")]
    assert [round(moment - 1000, 2) for moment in left] == [0, 0, 1.01]


def test_waiting_for_one_category_holds_up_no_other() -> None:
    world = World()
    limiter = world.limiter(write=Quota(1, 60), every=Quota(5, 1))
    call(limiter, "write")
    with pytest.raises(RateLimited):
        limiter.acquire("me", "write", patience=10)
    assert [call(limiter, "read") for _ in range(4)] == [1000.0] * 4


def test_a_users_quota_is_each_logins_own_and_an_apps_is_shared() -> None:
    world = World()
    limiter = world.limiter(write=Quota(1, 60), report=Quota(1, 60, "app"))
    assert [call(limiter, "write", "me"), call(limiter, "write", "you")] == [1000.0, 1000.0]
    assert [call(limiter, "report", "me"), round(call(limiter, "report", "you"), 1)] == [1000.0, 1060.6]


def test_a_wait_beyond_patience_is_refused_before_it_begins() -> None:
    world = World()
    limiter = world.limiter(write=Quota(1, 3600))
    call(limiter)
    with pytest.raises(RateLimited, match="the quota 'write' of 'me' is used up for another 3,601 s") as caught:
        limiter.acquire("me", "write", patience=120)
    assert caught.value.retry_after == pytest.approx(3601)
    assert caught.value.category == "write"
    assert world.slept == []


def test_a_wait_that_grows_beyond_patience_is_given_up() -> None:
    world = World()
    limiter = world.limiter(write=Quota(1, 40))
    permit = limiter.acquire("me", "write", patience=0)
    limiter.release(permit, {})
    with pytest.raises(RateLimited):
        limiter.acquire("me", "write", patience=60, waiting=lambda seconds: limiter.pause(permit, {}, 70))
    assert world.slept == [pytest.approx(40.4)]


def test_an_interrupted_wait_leaves_its_place_in_the_queue() -> None:
    world = World()
    limiter = world.limiter(write=Quota(1, 60))
    call(limiter)

    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        limiter.acquire("me", "write", patience=1e9, waiting=stop)
    assert call(limiter) == pytest.approx(1060.6)


def test_a_category_without_a_quota_never_waits() -> None:
    world = World()
    limiter = world.limiter()
    assert [call(limiter, "unheard of") for _ in range(1000)] == [1000.0] * 1000


def test_a_refusal_holds_back_every_call_of_the_quota_and_no_other() -> None:
    world = World()
    limiter = world.limiter(write=Quota(100, 60), read=Quota(100, 60))
    permit = limiter.acquire("me", "write", patience=0)
    limiter.release(permit, {})
    limiter.pause(permit, {}, 7)
    limiter.pause(permit, {}, 3)
    assert [call(limiter, "read"), call(limiter, "write")] == [1000.0, 1007.0]
    assert world.slept == [7.0]


def test_a_refusal_by_the_universal_quota_holds_back_every_category() -> None:
    world = World()
    limiter = world.limiter(write=Quota(100, 60), every=Quota(50, 1))
    permit = limiter.acquire("me", "write", patience=0)
    limiter.release(permit, {})
    limiter.pause(permit, {"x-ratelimit-limit": "50, 50;w=1, 100;w=60"}, 3)
    assert call(limiter, "read") == 1003.0


def test_a_limit_told_by_the_service_replaces_the_known_one() -> None:
    world = World()
    limiter = world.limiter(write=Quota(100, 60))
    told = {"x-ratelimit-limit": "2, 2;w=60"}
    assert [round(call(limiter, headers=told) - 1000, 1) for _ in range(3)] == [0, 0, 60.6]


def test_a_limit_told_for_an_unknown_category_is_kept() -> None:
    world = World()
    limiter = world.limiter()
    told = {"x-ratelimit-limit": '2, 2;w=60;name="a, 7;w=1"'}
    assert [round(call(limiter, headers=told) - 1000, 1) for _ in range(4)] == [0, 0, 0, 60.6]


def test_a_quota_that_others_used_up_is_waited_for() -> None:
    world = World()
    limiter = world.limiter(write=Quota(100, 60))
    call(
        limiter, headers={"x-ratelimit-limit": "100, 100;w=60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "58"}
    )
    assert call(limiter) == 1058.0


def test_a_quota_with_calls_left_is_not_waited_for() -> None:
    world = World()
    limiter = world.limiter(write=Quota(100, 60))
    call(
        limiter, headers={"x-ratelimit-limit": "100, 100;w=60", "x-ratelimit-remaining": "1", "x-ratelimit-reset": "58"}
    )
    assert call(limiter) == 1000.0


def test_a_quota_that_the_own_calls_used_up_is_timed_by_the_own_count() -> None:
    world = World()
    limiter = world.limiter(write=Quota(2, 60))
    call(limiter)
    world.now += 50
    call(limiter, headers={"x-ratelimit-limit": "2, 2;w=60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "60"})
    assert call(limiter) == pytest.approx(1060.6)


def test_threads_share_the_quota_without_exceeding_it() -> None:
    world = World()
    limiter = world.limiter(write=Quota(5, 60), every=Quota(7, 10))
    left: list[float] = []

    def work() -> None:
        for _ in range(25):
            left.append(call(limiter))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(left) == 200
    assert fullest_window(sorted(left), 60) <= 5


def test_who_lets_others_go_first_waits_for_a_slot_after_theirs() -> None:
    bucket = new_bucket(2, 60.0)
    for now in (0.0, 1.0):
        bucket.take(now)
    waits = [bucket.wait(2.0, ahead) for ahead in range(6)]
    assert [2 + wait for wait in waits] == pytest.approx([60.6, 61.6, 121.2, 122.2, 181.8, 182.8])


def test_who_lets_others_go_first_never_waits_less_than_the_next_call() -> None:
    bucket = new_bucket(2, 60.0)
    slots = [bucket.take(now) for now in (0.0, 1.0)]
    bucket.finish(slots[0], 30.0)  # so that the second slot is free before the first
    assert [bucket.wait(2.0, ahead) for ahead in (0, 1)] == pytest.approx([88.6, 88.6])


def test_calls_that_share_a_slot_wait_together() -> None:
    bucket = new_bucket(2 * 2048 + 20, 60.0)  # three calls to a slot, 1,372 slots
    for number in range(3 * 1372):
        assert bucket.wait(number / 1000) == 0
        bucket.take(number / 1000)
    waits = [bucket.wait(10.0, ahead) for ahead in (0, 2, 3, 3 * 1372, 3 * 1372 + 3)]
    # a slot is free a window after the last of its three calls
    assert waits == pytest.approx([50.602, 50.602, 50.605, 111.202, 111.205])
    assert bucket.count_used(10.0) == 3 * 1372
    assert bucket.count_used(60.6025) == 3 * 1371
    bucket.take(61.0)
    assert [bucket.wait(61.0, ahead) for ahead in (0, 1)] == [0, 0]  # room for two more


def test_calls_made_elsewhere_take_whole_slots() -> None:
    bucket = new_bucket(2 * 2048 + 20, 60.0)
    bucket.take(5.0)
    bucket.fill(10, 5.0, 30.0)
    assert bucket.count_used(5.0) == 12  # ten or a few more, never fewer
    assert bucket.free_at() == pytest.approx(65.6)
    bucket.fill(10, 5.0, 30.0)
    assert bucket.count_used(5.0) == 12
    bucket.fill(0, 5.0, 30.0)
    assert bucket.count_used(5.0) == 12


def test_calls_that_share_a_slot_are_counted_one_by_one() -> None:
    bucket = new_bucket(4 * 2048, 100.0)
    for number in range(1, 7):
        bucket.take(0.0)
        assert bucket.count_used(0.0) == number


def test_the_last_of_the_calls_that_a_slot_has_room_for_waits_for_those_before_it_alone() -> None:
    bucket = new_bucket(4 * 2048, 100.0)
    bucket.take(0.0)
    assert bucket.last_wait(0.0, 3, 5.0) == 10.0


def test_a_count_that_the_own_calls_explain_changes_nothing() -> None:
    bucket = new_bucket(2, 100.0)
    slot = bucket.take(0.0)
    bucket.take(1.0)
    bucket.finish(slot, 10.0)
    bucket.fill(2, since=0.0, until=200.0)
    assert bucket.wait(20.0) == 91.0


def test_one_call_more_than_the_own_ones_was_made_elsewhere() -> None:
    bucket = new_bucket(3, 60.0)
    bucket.take(5.0)
    bucket.fill(2, 5.0, 30.0)
    assert bucket.count_used(5.0) == 2


def test_the_slot_that_is_free_first_is_the_next() -> None:
    bucket = new_bucket(3, 60.0)
    bucket.take(5.0)
    bucket.fill(3, 5.0, 30.0)
    assert [bucket.wait(6.0, ahead) for ahead in range(3)] == pytest.approx([24, 24, 59.6])


def test_a_window_of_another_length_begins_unused_and_one_of_the_same_goes_on() -> None:
    bucket = new_bucket(2, 60.0)
    bucket.take(5.0)
    bucket.begin(3, 60.0, learned=True)
    assert (bucket.limit, bucket.is_learned, bucket.count_used(5.0)) == (3, True, 1)
    bucket.begin(2, 3600.0)
    assert (bucket.seconds, bucket.is_learned, bucket.count_used(5.0), bucket.free_at()) == (3600, False, 0, 0)
    bucket.clear()
    assert bucket.seconds == 0


def test_a_quota_of_very_many_calls_is_never_exceeded_and_nearly_used_up() -> None:
    bucket = new_bucket(120_000, 60.0)
    taken = 0
    while not bucket.wait(5.0):
        bucket.take(5.0)
        taken += 1
    assert 118_000 < taken <= 120_000
    assert bucket.count_used(5.0) == taken
    assert bucket.wait(5.0) == pytest.approx(60.6)


def test_a_quota_that_becomes_very_much_smaller_keeps_what_was_used() -> None:
    bucket = new_bucket(120_000, 60.0)
    for _ in range(500):
        bucket.take(5.0)
    bucket.resize(100)
    assert bucket.wait(5.0) == pytest.approx(60.6)


@given(st.dictionaries(st.sampled_from(["limit", "remaining", "reset"]), st.text(max_size=60)))
def test_unreadable_headers_change_nothing(values: dict[str, str]) -> None:
    world = World()
    limiter = world.limiter(write=Quota(5, 60))
    headers = {f"x-ratelimit-{name}": f"x{value}" for name, value in values.items()}
    permit = limiter.acquire("me", "write", patience=0)
    limiter.release(permit, {name: value for name, value in headers.items() if "w=" not in value})
    assert call(limiter) == 1000.0


@pytest.mark.parametrize(
    ("headers", "moment"),
    [
        ({"x-ratelimit-reset": "58"}, 1000.0),  # nothing says that any call was counted
        ({"x-ratelimit-remaining": "0"}, 1000.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "0"}, 1000.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "58"}, 1058.0),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "58"}, 1000.0),
    ],
)
@pytest.mark.parametrize("quotas", [{}, {"write": Quota(100, 60)}], ids=["unknown", "known"])
def test_a_quota_whose_limit_is_not_told_is_waited_for_when_no_call_remains(
    headers: dict[str, str], moment: float, quotas: dict[str, Quota]
) -> None:
    limiter = World().limiter(**quotas)
    call(limiter, headers=headers)
    assert call(limiter) == moment


def test_who_comes_later_waits_longer() -> None:
    limiter = World().limiter(write=Quota(1, 60))
    call(limiter)
    waits: list[float | None] = []

    def come(seconds: float) -> None:
        with pytest.raises(RateLimited) as caught:
            limiter.acquire("me", "write", patience=0)
        waits.extend([seconds, caught.value.retry_after])

    permit = limiter.acquire("me", "write", patience=1e9, waiting=come)
    limiter.release(permit, {})
    assert waits == [pytest.approx(60.6), pytest.approx(121.2)]
    assert call(limiter) == pytest.approx(1121.2)  # who gave up left no gap


def test_a_wait_of_just_the_patience_is_waited() -> None:
    world = World()
    limiter = world.limiter(write=Quota(1, 60))
    call(limiter)
    with pytest.raises(RateLimited) as caught:
        limiter.acquire("me", "write", patience=0)
    assert caught.value.status == 0  # the service was not asked
    limiter.acquire("me", "write", patience=caught.value.retry_after or 0.0)
    assert world.slept == [caught.value.retry_after]


def test_accounts_that_share_a_fingerprint_keep_their_count_until_the_last_is_forgotten() -> None:
    limiter = World().limiter(write=Quota(1, 60))
    limiter.add("me", "fingerprint")
    limiter.add("me_too", "".join(["finger", "print"]))  # an equal one
    for login in ("aaa", "zzz", "me"):
        call(limiter, login=login)
    limiter.forget("me")
    with pytest.raises(RateLimited):
        limiter.acquire("me_too", "write", patience=0)
    limiter.forget("me_too")
    limiter.add("me_again", "fingerprint")
    assert call(limiter, login="me_again") == 1000.0


def test_a_login_without_a_fingerprint_keeps_its_count_when_its_namesake_is_forgotten() -> None:
    limiter = World().limiter(write=Quota(1, 60))
    limiter.add("other", "me")
    call(limiter)
    with pytest.raises(RateLimited):
        limiter.acquire("other", "write", patience=0)
    limiter.forget("other")
    limiter.add("another", "me")
    for login in ("me", "another"):
        with pytest.raises(RateLimited):
            limiter.acquire(login, "write", patience=0)


def test_a_call_without_an_answer_says_nothing_of_how_long_calls_take() -> None:
    world = World()
    limiter = world.limiter(write=Quota(100, 60))
    permit = limiter.acquire("me", "write", patience=0)
    world.now += 5
    limiter.release(permit, None)
    assert limiter.forecast({"me": {"write": 10}}) == 0
    assert limiter.overlap == 1.0


def test_calls_overlap_only_once_all_are_answered() -> None:
    world = World()
    limiter = world.limiter()
    for _ in range(2):  # two times with a pause between them
        permits = [limiter.acquire("me", "read", patience=0) for _ in range(2)]
        world.now += 0.5
        limiter.release(permits[0], {})
        assert limiter.overlap == 1.0
        limiter.release(permits[1], {})
        world.now += 30
    assert limiter.overlap == pytest.approx(0.5)
    limiter.acquire("me", "read", patience=0)
    assert limiter.overlap == 1.0


def test_a_forecast_of_no_calls_is_now() -> None:
    limiter = World().limiter(write=Quota(1, 60))
    call(limiter)
    assert limiter.forecast({"me": {"write": 0}}) == 0


@pytest.mark.parametrize(
    ("calls", "seconds"),
    [
        ({}, 0),
        ({"write": 100}, 0),
        ({"write": 101}, 60.6),
        ({"write": 500}, 242.4),
        ({"read": 2500, "write": 1}, 25.25),
    ],
)
def test_a_forecast_tells_when_the_last_of_so_many_calls_may_leave(calls: dict[str, int], seconds: float) -> None:
    limiter = World().limiter(write=Quota(100, 60), every=Quota(100, 1))
    assert limiter.forecast({"me": calls}) == pytest.approx(seconds)


def test_a_forecast_counts_what_is_used_already() -> None:
    world = World()
    limiter = world.limiter(write=Quota(2, 60))
    call(limiter)
    world.now += 10
    assert limiter.forecast({"me": {"write": 2}}) == pytest.approx(50.6)


def test_a_forecast_adds_up_what_logins_share() -> None:
    limiter = World().limiter(write=Quota(2, 60, "app"))
    assert limiter.forecast({"me": {"write": 2}, "you": {"write": 1}}) == pytest.approx(60.6)


def test_a_forecast_knows_that_calls_take_time_themselves() -> None:
    world = World()
    limiter = world.limiter(write=Quota(100, 60))
    permit = limiter.acquire("me", "write", patience=0)
    world.now += 0.5
    limiter.release(permit, {})
    assert limiter.forecast({"me": {"write": 20}}) == pytest.approx(10)


@pytest.mark.parametrize("quota", [Quota(100, 60), Quota(300, 86_400)])
def test_a_forecast_is_what_the_calls_then_take(quota: Quota) -> None:
    world = World()
    limiter = world.limiter(write=quota)
    for _ in range(30):
        call(limiter)
    promised = limiter.forecast({"me": {"write": 20_000}})
    left = [call(limiter) for _ in range(20_000)]
    assert left[-1] - 1000 == pytest.approx(promised, rel=1e-6)
    assert promised == pytest.approx(20_000 / quota.limit * quota.seconds, rel=0.02)


@pytest.mark.parametrize("used", [0, 30, 100])
@pytest.mark.parametrize("takes", [0.08, 0.3, 0.59, 0.9])
@pytest.mark.parametrize("number", [1, 99, 150, 199, 1234])
def test_a_forecast_knows_that_calls_take_time_beside_what_the_quota_asks(number: int, takes: float, used: int) -> None:
    world = World()
    limiter = world.limiter(write=Quota(100, 60), every=Quota(100, 1))

    def slow_call(category: str) -> None:
        permit = limiter.acquire("me", category, patience=1e9)
        world.now += takes
        limiter.release(permit, {})

    slow_call("read")  # how long a call takes
    for _ in range(used):
        slow_call("write")
    promised = limiter.forecast({"me": {"read": 5, "write": number}})
    began = world.now
    for category in ["read"] * 5 + ["write"] * number:
        slow_call(category)
    assert promised == pytest.approx(world.now - began, rel=0.05)


@pytest.mark.parametrize("used", [0, 5, 70])
@pytest.mark.parametrize("number", [1, 50, 117, 118, 6000])
def test_a_forecast_of_very_many_calls_is_right_as_well(number: int, used: int) -> None:
    world = World()
    limiter = world.limiter(write=Quota(2 * 2048 + 20, 60))  # three calls to a place
    for _ in range(used):
        call(limiter)
    promised = limiter.forecast({"me": {"write": number}}, {"me": {"write": number}})
    left = [call(limiter) for _ in range(number)]
    assert promised == pytest.approx(left[-1] - 1000, abs=1e-6)


def test_calls_that_go_side_by_side_take_less_time_together() -> None:
    world = World()
    limiter = world.limiter()
    permits = [limiter.acquire("me", "read", patience=0) for _ in range(4)]
    world.now += 0.5
    for permit in permits:
        limiter.release(permit, {})
    assert limiter.overlap == pytest.approx(0.25)
    assert limiter.forecast({"me": {"write": 80}}, {"me": {"write": 10}}) == pytest.approx(5)


def test_calls_that_others_made_are_counted_as_the_service_counts_them() -> None:
    world = World()
    limiter = world.limiter(write=Quota(10, 60))
    told = {"x-ratelimit-limit": "10, 10;w=60", "x-ratelimit-remaining": "2", "x-ratelimit-reset": "30"}
    left = [call(limiter, headers=told), *(call(limiter) for _ in range(3))]
    assert [moment - 1000 for moment in left] == [0, 0, 0, 30]


def test_a_number_that_may_speak_of_two_windows_is_taken_for_the_one_that_its_reset_fits() -> None:
    world = World()
    limiter = world.limiter(write=Quota(100, 60), every=Quota(100, 1))
    limit = {"x-ratelimit-limit": "100, 100;w=1, 100;w=60"}
    call(limiter, headers={**limit, "x-ratelimit-remaining": "1", "x-ratelimit-reset": "45"})
    assert [call(limiter, name) for name in ("read", "write", "read", "write")] == [1000, 1000, 1000, 1045]


def test_of_two_windows_of_one_length_the_larger_is_the_universal_one() -> None:
    world = World()
    limiter = world.limiter(write=Quota(300, 86_400), every=Quota(1000, 86_400))
    for limit in ("2, 2;w=86400, 4;w=86400", "2, 4;w=86400, 2;w=86400"):
        call(limiter, headers={"x-ratelimit-limit": limit})
    assert [call(limiter, "read") for _ in range(2)] == [1000, 1000]
    assert limiter.forecast({"me": {"write": 1}}) > 86_000


def test_a_told_window_that_is_told_no_more_holds_nobody_back() -> None:
    world = World()
    limiter = world.limiter()
    call(limiter, headers={"x-ratelimit-limit": "1, 1;w=86400"})
    world.now += 90_000
    call(limiter, headers={"x-ratelimit-limit": "5, 5;w=60"})
    assert call(limiter) == world.now


def test_a_blocked_account_is_told_how_to_go_on_and_others_are_not_blocked() -> None:
    world = World()
    limiter = world.limiter()
    limiter.block("me")
    world.now += 3600
    limiter.check_block("you")
    with pytest.raises(SpamBlocked, match="the writes of 'me' are paused for another 23 h 00 min") as caught:
        limiter.check_block("me")
    assert caught.value.retry_after == 82_800
    assert caught.value.hint.endswith("pinflow quota --clear-block me")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(61, "61 s"), (7199, "7,199 s"), (7200, "2 h 00 min"), (7201, "2 h 01 min"), (10_740, "2 h 59 min")],
)
def test_how_long_a_block_lasts_is_readable(seconds: float, shown: str) -> None:
    limiter = World().limiter()
    limiter.block("me", seconds)
    with pytest.raises(SpamBlocked, match=f"for another {shown}: ") as caught:
        limiter.check_block("me")
    assert caught.value.status == 0
