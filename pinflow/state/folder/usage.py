"""The usage store of a folder: token buckets over counter tables, in files that all processes share or in memory."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pinflow.state.folder.counters import WINDOWS, CounterTable, MemoryTables, TableFiles
from pinflow.state.folder.token_bucket import Bucket
from pinflow.state.records import LimitChange, QuotaUse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path

    from pinflow.state.records import CounterKey, RemainingCalls

_DAY = 86_400.0
_TICK = 1e-4  # seconds; a shorter wait is none: with floating point it could go on for ever


class BucketUsage:
    """A `UsageStore` of token buckets over ``tables``. ``now`` is their clock. Close it."""

    def __init__(self, tables: MemoryTables | TableFiles, now: Callable[[], float]) -> None:
        self._tables = tables
        self.now = now
        self.lock = tables.lock
        self.key = tables.key

    def lane(self, counter: CounterKey, quota: tuple[int, float] | None = None) -> BucketLane:
        table = self._tables.open(counter)
        with self.lock:
            table.advance(self.now())
            return BucketLane(self, counter, table, quota)

    def release(self, counter: CounterKey) -> None:
        self._tables.release(counter)

    def acquire(self, lanes: Sequence[Any], ahead: Sequence[int]) -> BucketClaim | list[float]:
        own: Sequence[BucketLane] = lanes
        with self.lock:
            now = self.now()
            for lane in own:
                lane.table.advance(now)
                lane.refresh()
            waits = [lane.wait(now, number) for lane, number in zip(own, ahead, strict=True)]
            if max(waits) >= _TICK:
                return waits
            return BucketClaim(own, now)

    def finish(self, claim: Any, age: float, changes: Iterable[LimitChange | RemainingCalls] = ()) -> None:
        own: BucketClaim = claim
        with self.lock:
            now = self.now()
            for window, slot in own.slots:
                window.finish(slot, now - age)
            limits, rests = _sort_changes(changes)
            for number, lane_limits in limits.items():
                counted = {rest.seconds for rest in rests if rest.lane == number}
                own.lanes[number].set_limits(lane_limits, now, counted=counted)
            for rest in rests:
                if (bucket := own.lanes[rest.lane].find(rest.seconds)) is not None:
                    bucket.fill(bucket.limit - rest.remaining, own.taken_at, now + rest.reset)

    def uses(self) -> list[QuotaUse]:
        now = self.now()
        rows: list[QuotaUse] = []
        for counter, table in self._tables.all():
            with self.lock:
                table.advance(now)
                buckets = [Bucket(table, window) for window in range(WINDOWS)]
                recent = [bucket for bucket in buckets if bucket.seconds and bucket.free_at() > now - _DAY]
                rows += [_use(counter, table, bucket, now) for bucket in recent]
                if not recent and table.pause_left(now):
                    rows.append(_use(counter, table, None, now))
        return sorted(rows, key=lambda row: (row.api, row.origin, row.login, row.account, row.category, row.seconds))

    def lift(self, login: str) -> int:
        now, lifted = self.now(), 0
        for counter, table in self._tables.all():
            with self.lock:
                if not counter.category and counter.login == login and table.pause_left(now):
                    table.resume()
                    lifted += 1
        return lifted

    def close(self) -> None:
        self._tables.close()


class FolderUsage(BucketUsage):
    """The usage that all processes of this machine share, below ``folder``. Raises StateError if it can't be used."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        super().__init__(TableFiles(folder), now)


class MemoryUsage(BucketUsage):
    """The usage of this process alone."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(MemoryTables(), now)


class BucketClaim:
    """The slots of one call."""

    __slots__ = ("lanes", "slots", "taken_at")

    def __init__(self, lanes: Sequence[BucketLane], now: float) -> None:
        self.lanes = lanes
        self.taken_at = now
        self.slots = [(bucket, bucket.take(now)) for lane in lanes for bucket in lane.windows]


class BucketLane:
    """A `Lane`: the buckets of one counter table."""

    __slots__ = ("_changes", "_quota", "_usage", "counter", "table", "windows")

    def __init__(
        self, usage: BucketUsage, counter: CounterKey, table: CounterTable, quota: tuple[int, float] | None
    ) -> None:
        self._usage = usage
        self._quota = quota
        self._changes = table.changes
        self.counter = counter
        self.table = table
        self.windows: Sequence[Bucket] = _open_buckets(table, quota)  # replaced as a whole: it is read without the lock

    def pause(self, seconds: float) -> None:
        with self._usage.lock:
            self.table.pause(self._usage.now() + seconds)

    def pause_left(self) -> float:
        if not self.table.has_pause:
            return 0.0
        with self._usage.lock:
            now = self._usage.now()
            self.table.advance(now)
            seconds = self.table.pause_left(now)
            if not seconds:
                self.table.resume()  # else it would come back with a clock that is set back
        return seconds

    def forecast(self, calls: int, *, step: float, delay: float) -> float:
        with self._usage.lock:
            self.refresh()
            now = self._usage.now() + delay
            pause = self.table.pause_left(now)
            waits = (bucket.last_wait(now + pause, calls, step) for bucket in self.windows)
            return step + pause + max([0.0, *waits])

    # with the lock held

    def refresh(self) -> None:
        """Know the windows that another process was told."""
        if self.table.changes != self._changes:
            self._changes = self.table.changes
            self.windows = _open_buckets(self.table, self._quota)

    def wait(self, now: float, ahead: int) -> float:
        """How many seconds a call has to wait that lets ``ahead`` others go first."""
        return max([self.table.pause_left(now), *(bucket.wait(now, ahead) for bucket in self.windows)])

    def find(self, seconds: float) -> Bucket | None:
        return next((bucket for bucket in self.windows if bucket.seconds == seconds), None)

    def set_limits(self, changes: Iterable[LimitChange], now: float, *, counted: Collection[float] = ()) -> None:
        """Have the windows that the service told.

        The calls that are known count in new ones too, but in those (``counted``, by their seconds) of which the
        service tells itself how many it has counted.
        """
        calls = max((window.calls(now) for window in self.windows), key=len, default=[])
        for change in changes:
            bucket = self.find(change.seconds)
            if not change.limit:
                if bucket is not None:
                    if not bucket.is_learned:
                        self.table.set_told()
                    bucket.clear()
            elif bucket is not None:
                bucket.begin(change.limit, change.seconds, learned=True)
            elif (free := self._free_window(change.seconds)) is not None:
                free.begin(change.limit, change.seconds, learned=True)
                for moment in calls if change.seconds not in counted else ():
                    free.take(moment)
        self.table.count_change()
        self.refresh()

    def _free_window(self, seconds: float) -> Bucket | None:
        """A window of the table for a quota of so many seconds: its own, an unused one, or one of another tier."""
        windows = [Bucket(self.table, window) for window in range(WINDOWS)]
        in_use = {window.seconds for window in self.windows}
        spare = [window for window in windows if not window.is_learned and window.seconds not in in_use]
        same = [window for window in windows if window.seconds == seconds]
        return next(iter([*same, *(window for window in windows if not window.seconds), *spare]), None)


def _sort_changes(
    changes: Iterable[LimitChange | RemainingCalls],
) -> tuple[dict[int, list[LimitChange]], list[RemainingCalls]]:
    """The changed limits by their lane, and the calls that remain."""
    limits: dict[int, list[LimitChange]] = {}
    rests: list[RemainingCalls] = []
    for change in changes:
        if isinstance(change, LimitChange):
            limits.setdefault(change.lane, []).append(change)
        else:
            rests.append(change)
    return limits, rests


def _open_buckets(table: CounterTable, quota: tuple[int, float] | None) -> list[Bucket]:
    """The windows of a table that count: those that the service told, and the one that is known beforehand.

    Once the service has told others in place of that one, it counts no more.
    """
    windows = [Bucket(table, window) for window in range(WINDOWS)]
    buckets = [bucket for bucket in windows if bucket.seconds and bucket.is_learned]
    if quota is not None and not table.is_told and all(bucket.seconds != quota[1] for bucket in buckets):
        same = [bucket for bucket in windows if bucket.seconds == quota[1]]
        free = [bucket for bucket in windows if not bucket.seconds]
        other = [bucket for bucket in windows if not bucket.is_learned]  # of another access tier
        buckets.append((same or free or other or windows)[0].begin(*quota))
    return buckets


def _use(counter: CounterKey, table: CounterTable, bucket: Bucket | None, now: float) -> QuotaUse:
    used = bucket.count_used(now) if bucket is not None else 0
    return QuotaUse(
        **asdict(counter),
        limit=bucket.limit if bucket is not None else None,
        seconds=bucket.seconds if bucket is not None else 0.0,
        used=used,
        resets=bucket.free_at() if bucket is not None and used else None,
        source="header" if bucket is None or bucket.is_learned else "table",
        paused_until=now + table.pause_left(now) if table.pause_left(now) else None,
    )
