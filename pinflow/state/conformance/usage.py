# ruff: noqa: S101 - these are tests
"""The tests of what was used of quotas."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

from pinflow.state.records import (
    CounterKey,
    LimitChange,
    RemainingCalls,
)

if TYPE_CHECKING:
    from pinflow.state.conformance.common import MakeState
    from pinflow.state.protocol import UsageStore


def _counter(category: str = "write", login: str = "me") -> CounterKey:
    return CounterKey("v1", "http://x", f"account of {login}", category, login)


def _acquire(store: UsageStore, *counters: CounterKey, quota: tuple[int, float] | None = (2, 0.2)) -> Any:
    return store.acquire([store.lane(counter, quota) for counter in counters], [0] * len(counters))


class UsageStoreConformance:
    """Of `UsageStore` and its lanes. Takes half a second of real time."""

    def test_no_more_calls_than_the_limit_leave_in_a_window_whoever_makes_them(self, make_state: MakeState) -> None:
        with closing(make_state().open_usage()) as one, closing(make_state().open_usage()) as other:
            claims = [_acquire(one, _counter()), _acquire(other, _counter())]
            assert not any(isinstance(claim, list) for claim in claims)
            waits = _acquire(one, _counter())
            assert isinstance(waits, list)
            assert 0 < waits[0] < 0.25
            assert isinstance(_acquire(other, _counter()), list)
            assert not isinstance(_acquire(other, _counter(login="you")), list)
            for store, claim in zip((one, other), claims, strict=True):
                store.finish(claim, 0.0)
            threading.Event().wait(0.25)
            assert not isinstance(_acquire(one, _counter()), list)

    def test_a_call_gets_a_slot_in_all_its_lanes_or_in_none(self, make_state: MakeState) -> None:
        with closing(make_state().open_usage()) as store:
            full, free = _counter("full"), _counter("free")
            for _ in range(2):
                _acquire(store, full, quota=(2, 60.0))
            waits = _acquire(store, full, free, quota=(2, 60.0))
            assert [wait > 0 for wait in waits] == [True, False]
            used = {use.category: (use.used, use.limit, use.remaining) for use in store.uses()}
            assert used == {"full": (2, 2, 0)}

    def test_a_pause_holds_for_all_and_a_block_until_it_is_lifted(self, make_state: MakeState) -> None:
        with closing(make_state().open_usage()) as one, closing(make_state().open_usage()) as other:
            one.lane(_counter(), (2, 60.0)).pause(30.0)
            one.lane(_counter(), (2, 60.0)).pause(5.0)  # a longer one stays
            assert 25 < other.lane(_counter(), (2, 60.0)).pause_left() <= 30
            assert _acquire(other, _counter(), quota=(2, 60.0))[0] > 25
            one.lane(_counter("")).pause(30.0)
            assert (other.lift("you"), other.lift("me"), other.lift("me")) == (0, 1, 0)
            assert one.lane(_counter("")).pause_left() == 0

    def test_what_the_service_says_of_a_limit_is_known_to_all(self, make_state: MakeState) -> None:
        with closing(make_state().open_usage()) as one, closing(make_state().open_usage()) as other:
            claim = _acquire(one, _counter(), quota=(2, 60.0))
            one.finish(claim, 0.0, [LimitChange(0, 60.0, 5), RemainingCalls(0, 60.0, 1, 30.0)])
            (window,) = other.lane(_counter(), (2, 60.0)).windows
            assert (window.limit, window.seconds, window.is_learned) == (5, 60.0, True)
            assert [(use.used, use.source) for use in other.uses()] == [(4, "header")]
            assert other.lane(_counter()).forecast(1, step=0.5, delay=0.0) == 0.5
            assert 25 < other.lane(_counter()).forecast(2, step=0.5, delay=0.0) < 70

    def test_windows_that_the_service_tells_replace_the_known_one_for_all(self, make_state: MakeState) -> None:
        with closing(make_state().open_usage()) as one, closing(make_state().open_usage()) as other:
            known = other.lane(_counter(), (2, 60.0))  # before the service tells
            claim = _acquire(one, _counter(), quota=(2, 60.0))
            one.finish(claim, 0.0, [LimitChange(0, 60.0, 0), LimitChange(0, 20.0, 4)])
            for _ in range(3):
                assert not isinstance(other.acquire([known], [0]), list)
            waits = other.acquire([known], [0])
            assert isinstance(waits, list)  # four calls are known
            assert 15 < waits[0] < 25
            for lane in (known, one.lane(_counter(), (2, 60.0))):
                (window,) = lane.windows
                assert (window.limit, window.seconds, window.is_learned) == (4, 20.0, True)

    def test_its_key_is_the_same_for_all(self, make_state: MakeState) -> None:
        with closing(make_state().open_usage()) as one, closing(make_state().open_usage()) as other:
            assert (one.key, len(one.key)) == (other.key, 32)
