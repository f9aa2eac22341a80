"""One quota window as a bucket of slots, each of which one call takes for a window.

A call is counted by the service somewhere between its departure and its answer.
A slot is therefore free again one window after the answer, less the fastest round
trip seen: any time beyond that may have passed before the call was counted. So no
window of the service's clock, wherever it begins, holds more calls than the quota
allows (as long as answers take less than a window), and a quota can still be used
up at once. A library's token bucket refills at a rate and can't promise that.
"""

from __future__ import annotations

from array import array
from math import ceil
from typing import TYPE_CHECKING

from pinflow.state.folder.counters import SLOTS

if TYPE_CHECKING:
    from typing import Self

    from pinflow.state.folder.counters import CounterTable

_FREE = memoryview(bytes(8 * SLOTS)).cast("d")


class Bucket:
    """At most ``limit`` calls in any ``seconds``, in one window of a table. Pure; its users hold the table's lock.

    The table holds when the slot of each of the latest calls is free again, in the order in which they were taken: a
    call may leave when the slot that was taken ``limit`` calls before is free. Above a limit of `SLOTS`, several
    calls share a slot.
    """

    __slots__ = ("_first", "_head", "_numbers")

    # fields of the head; LEFT is how many more calls the latest slot has room for
    _SECONDS, _LIMIT, _SHARE, _COUNT, _LEFT, _LEARNED = range(6)

    def __init__(self, table: CounterTable, window: int) -> None:
        self._numbers = table.numbers
        self._head = table.head(window)
        self._first = table.slots(window)

    def begin(self, limit: int, seconds: float, *, learned: bool = False) -> Self:
        """Use this window of the table for such a quota. ``learned``: the service says so."""
        if self.seconds != seconds:
            self._set(self._SECONDS, seconds)
            self._set(self._COUNT, 0)
            self._set(self._LEFT, 0)
            self._fill_slots(_FREE)
        self._set(self._LEARNED, learned)
        self.resize(limit)
        return self

    @property
    def limit(self) -> int:
        return int(self._numbers[self._head + self._LIMIT])

    @property
    def seconds(self) -> float:
        return self._numbers[self._head + self._SECONDS]

    @property
    def is_learned(self) -> bool:
        """Whether the service told the limit."""
        return bool(self._numbers[self._head + self._LEARNED])

    @property
    def _period(self) -> float:
        # 1 % more (at most a second): two machines' clocks differ in speed, and both edges of a window may count
        seconds = self._numbers[self._head]
        return seconds + min(seconds / 100, 1.0)

    def wait(self, now: float, ahead: int = 0) -> float:
        """How many seconds a call has to wait that lets ``ahead`` others go first; never less than the next call."""
        return max(self._wait(now, 0), self._wait(now, ahead)) if ahead else self._wait(now, 0)

    def _wait(self, now: float, ahead: int) -> float:
        numbers, head = self._numbers, self._head
        share = int(numbers[head + self._SHARE])
        later = ahead - int(numbers[head + self._LEFT])
        if later < 0:
            return 0.0
        slots = int(numbers[head + self._LIMIT]) // share
        rounds, slot = divmod(later // share, slots)
        free_at = numbers[self._first + (int(numbers[head + self._COUNT]) - slots + slot) % SLOTS]
        if rounds:
            return max(free_at - now, 0.0) + rounds * self._period
        return free_at - now if free_at > now else 0.0

    def last_wait(self, now: float, calls: int, step: float) -> float:
        """In how many seconds the last of so many calls leaves, each at least ``step`` seconds after the one before."""
        numbers, head = self._numbers, self._head
        share, room = int(numbers[head + self._SHARE]), int(numbers[head + self._LEFT])
        more = calls - room
        if more <= 0:
            return (calls - 1) * step
        slots, pace = self.limit // share, share * step
        count = int(numbers[head + self._COUNT])
        free = [numbers[self._first + (count - slots + slot) % SLOTS] for slot in range(slots)]
        groups = ceil(more / share)
        rounds = max(0, groups // slots - 2)  # after the first two, each takes as long as the one before
        moment = now + room * step - pace
        for group in range(groups - rounds * slots):
            moment = max(moment + pace, free[group % slots])
            free[group % slots] = moment + self._period
        return moment - now + rounds * max(self._period, slots * pace) + (more - 1) % share * step

    def take(self, now: float) -> int:
        """The slot of a call that leaves now. Only where ``wait`` is 0."""
        numbers, head = self._numbers, self._head
        room = int(numbers[head + self._LEFT])
        if not room:
            numbers[head + self._COUNT] += 1
            room = int(numbers[head + self._SHARE])
        numbers[head + self._LEFT] = room - 1
        slot = self._first + int(numbers[head + self._COUNT] - 1) % SLOTS
        numbers[slot] = now + self._period
        return slot

    def finish(self, slot: int, counted: float) -> None:
        """The call of this slot was counted at ``counted``, or before."""
        self._numbers[slot] = max(self._numbers[slot], counted + self._period)

    def count_used(self, since: float) -> int:
        """How many calls hold a slot that was not free at ``since``."""
        count, share = int(self._numbers[self._head + self._COUNT]), int(self._numbers[self._head + self._SHARE])
        latest = range(count - self.limit // share, count)
        held = sum(self._numbers[self._first + slot % SLOTS] > since for slot in latest)
        return max(0, held * share - (int(self._numbers[self._head + self._LEFT]) if held else 0))

    def calls(self, since: float) -> list[float]:
        """When the calls were counted that hold a slot which was not free at ``since``, the earliest first."""
        count, share = int(self._numbers[self._head + self._COUNT]), int(self._numbers[self._head + self._SHARE])
        latest = range(count - self.limit // share, count) if share else ()
        moments = sorted(self._numbers[self._first + slot % SLOTS] for slot in latest)
        return [moment - self._period for moment in moments if moment > since for _ in range(share)]

    def free_at(self) -> float:
        """When the last slot is free again."""
        return max(self._numbers[self._first : self._first + SLOTS])

    def fill(self, used: int, since: float, until: float) -> None:
        """The service counts ``used`` calls now: those that were made elsewhere hold their slots until ``until``.

        Calls that held a slot at ``since`` or took one later were made here.
        """
        share, count = int(self._numbers[self._head + self._SHARE]), int(self._numbers[self._head + self._COUNT])
        back = -(-used // share)
        if not used or self._numbers[self._first + (count - back) % SLOTS] > since:
            return  # the common case, without counting them all
        for _ in range(-(-(used - self.count_used(since)) // share)):
            self._numbers[self._first + count % SLOTS] = until
            count += 1
            self._set(self._LEFT, 0)
        self._set(self._COUNT, count)
        # the slot that is free first must be the next: calls elsewhere may be older than those made here
        latest = [self._first + slot % SLOTS for slot in range(count - self.limit // share, count)]
        for slot, free_at in zip(latest, sorted(self._numbers[slot] for slot in latest), strict=True):
            self._numbers[slot] = free_at

    def resize(self, limit: int) -> None:
        """Allow another number of calls from now on."""
        share = ceil(limit / SLOTS)
        if share != self._numbers[self._head + self._SHARE]:
            if self._numbers[self._head + self._COUNT]:
                # a slot stands for another number of calls now: none is free before the last one was
                self._fill_slots(memoryview(array("d", [self.free_at()]) * SLOTS))
            self._set(self._SHARE, share)
            self._set(self._LEFT, 0)
        self._set(self._LIMIT, limit)

    def clear(self) -> None:
        """The service has no such window any more."""
        self._set(self._SECONDS, 0)

    def _fill_slots(self, moments: memoryview[float]) -> None:
        self._numbers[self._first : self._first + SLOTS] = moments  # 2,048 assignments in a loop took 0.1 ms

    def _set(self, field: int, value: float) -> None:
        self._numbers[self._head + field] = value
