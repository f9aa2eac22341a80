"""Keeping to a service's quotas: waiting before a call that would exceed one, and learning from answers.

How many calls a quota allows now is a `UsageStore`'s matter; here are the calls of this process that wait, in order.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pinflow.errors import RateLimited, SpamBlocked
from pinflow.http.rate_limit_headers import DAY, RateLimitHeaders, find_binding, limit_changes, parse_rate_limits
from pinflow.state.records import CounterKey, RemainingCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pinflow.clock import Clock
    from pinflow.http.api import Quota
    from pinflow.state.protocol import Lane, UsageStore
    from pinflow.state.records import LimitChange

UNIVERSAL = "*"  # the category that counts every call
ACCOUNT = ""  # the counter of an account itself: its pause is a block of its writes
APP = "app"  # the account of quotas that all accounts of an app share


class _Queue:
    """A lane, and the calls of this process that wait for it."""

    __slots__ = ("lane", "permits")

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.permits: list[Permit] = []

    def ahead_of(self, permit: Permit) -> int:
        return self.permits.index(permit) if permit.queue is self else len(self.permits)


class Permit:
    """One call's permission to be sent, from `RateLimiter.acquire` to `RateLimiter.release`."""

    __slots__ = ("category", "claim", "connects", "login", "queue", "queues", "sent_at", "waited")

    def __init__(self, login: str, category: str, queues: tuple[_Queue, ...]) -> None:
        self.login = login
        self.category = category
        self.queues = queues  # of the category, and the universal one
        self.queue: _Queue | None = None  # where it waits
        self.claim: object = None  # its slots
        self.connects = False  # whether the call may have to wait for a new connection
        self.sent_at: float  # by the monotonic clock, once it is sent
        self.waited = 0.0  # seconds

    def wait_in(self, queue: _Queue | None) -> None:
        if self.queue is not queue:
            if self.queue is not None:
                self.queue.permits.remove(self)
            if queue is not None:
                queue.permits.append(self)
            self.queue = queue


class RateLimiter:
    """The pace of all logins of one API at one origin. Thread-safe.

    ``quotas`` are limits by category, "*" for all calls; those that the service tells replace them. ``accounts``
    are login -> fingerprint: a login without one is an account of its own. The sleep of ``clock`` may raise, which
    ends the wait.
    """

    def __init__(
        self,
        quotas: Mapping[str, Quota],
        usage: UsageStore,
        clock: Clock,
        *,
        api: str = "",
        origin: str = "",
        accounts: Mapping[str, str] | None = None,
    ) -> None:
        self._quotas = quotas
        self._usage = usage
        self._clock = clock
        self._api = api
        self._origin = origin
        self._accounts = dict(accounts or {})
        self._lock = threading.Lock()  # around everything below
        self._queues: dict[tuple[str, str], _Queue] = {}  # by account and category
        self._pairs: dict[tuple[str, str], tuple[_Queue, ...]] = {}  # by login and category
        self._fastest = float("inf")
        self._in_flight = self._connections = 0  # calls now, and the most that ever were
        self._answers, self._seconds = 0, 0.0
        self._busy = 0.0  # seconds in which any call was in flight
        self._busy_since: float  # by the monotonic clock, while one is

    def open(self, login: str, categories: Iterable[str]) -> None:
        """Open the counters that calls of these categories need. Raises StateError if one can't be used."""
        for category in (UNIVERSAL, *categories):
            self._queues_of(login, category)
        self._queue(self._account(login), ACCOUNT, login)

    def add(self, login: str, account: str) -> None:
        """Add a login, with the fingerprint of its account."""
        with self._lock:
            self._accounts[login] = account

    def forget(self, login: str) -> None:
        """A login makes no more calls: release its counters, unless another one is of the same account."""
        with self._lock:
            account = self._accounts.pop(login, login)
            self._pairs = {pair: queues for pair, queues in self._pairs.items() if pair[0] != login}
            if account in self._accounts.values() or any(self._account(name) == account for name, _ in self._pairs):
                return
            unused = [self._queues.pop(key) for key in list(self._queues) if key[0] == account]
        for queue in unused:
            self._usage.release(queue.lane.counter)

    def acquire(
        self, login: str, category: str, *, patience: float, waiting: Callable[[float], None] = lambda _: None
    ) -> Permit:
        """Wait until a call of this login may leave; ``waiting`` is told the seconds before each sleep.

        Raises RateLimited, without waiting further, where the waits would exceed
        ``patience`` seconds. Every permit must be released.
        """
        permit = Permit(login, category, self._queues_of(login, category))
        try:
            while wait := self._try_acquire(permit):
                if permit.waited + wait > patience:
                    raise _used_up(permit, wait)
                waiting(wait)
                self._clock.sleep(wait)
                permit.waited += wait
        except BaseException:
            with self._lock:
                permit.wait_in(None)
            raise
        return permit

    def release(self, permit: Permit, headers: Mapping[str, str] | None) -> None:
        """The call ended with an answer that has these headers (lower-case names), or with none at all."""
        took = self._clock.monotonic() - permit.sent_at
        limits = parse_rate_limits(headers or {}, self._clock.now())
        with self._lock:
            if headers is not None:
                self._fastest = min(self._fastest, took)
                self._answers, self._seconds = self._answers + 1, self._seconds + took
            self._in_flight -= 1
            if not self._in_flight:
                self._busy += self._clock.monotonic() - self._busy_since
            # how long it takes to connect shows in no later call
            age = 0.0 if permit.connects else min(self._fastest, took)
            changes = self._learn(permit, limits) if limits.windows or limits.remaining is not None else ()
            self._usage.finish(permit.claim, age, changes)

    def pause(self, permit: Permit, headers: Mapping[str, str], seconds: float) -> None:
        """The service refused this call: every call of its quota waits for so many seconds, in all processes."""
        limits = parse_rate_limits(headers, self._clock.now())
        binding, _ = find_binding(limits, [_limits_of(queue) for queue in permit.queues])
        for lane in {0, binding}:
            permit.queues[lane].lane.pause(seconds)

    def block(self, login: str, seconds: float = DAY) -> None:
        """The service suspects spam: the account's writes wait for so many seconds, in all processes."""
        self._queue(self._account(login), ACCOUNT, login).lane.pause(seconds)

    def check_block(self, login: str) -> None:
        """Raise SpamBlocked while the writes of this login's account are blocked."""
        if seconds := self._queue(self._account(login), ACCOUNT, login).lane.pause_left():
            raise _blocked(login, seconds)

    @property
    def overlap(self) -> float:
        """What part of its own time a call took of the run's, so far: less than 1 where calls went side by side."""
        with self._lock:
            return self._busy / self._seconds if self._seconds and not self._in_flight else 1.0

    def forecast(
        self, calls: Mapping[str, Mapping[str, int]], turns: Mapping[str, Mapping[str, float]] | None = None
    ) -> float:
        """In how many seconds the last of so many calls (login -> category -> calls) is answered, if they begin now.

        Counts what is used already, and that a call takes as long as calls took so far. ``turns`` tells how many
        calls' time they take: less than one each, where they go side by side. Assumes that nothing else uses the
        quotas.
        """
        turns = turns if turns is not None else calls
        numbers: dict[_Queue, int] = {}
        durations: dict[_Queue, float] = {}  # in turns
        for login, by_category in calls.items():
            for category, number in by_category.items():
                for queue in self._queues_of(login, category):
                    numbers[queue] = numbers.get(queue, 0) + number
                    durations[queue] = durations.get(queue, 0.0) + turns[login][category]
        with self._lock:
            typical = self._seconds / self._answers if self._answers else 0.0
        total = typical * sum(turn for by_category in turns.values() for turn in by_category.values())
        ends = [0.0, total]
        for queue, number in numbers.items():
            if number:
                own = typical * durations[queue]
                others = total - own  # they mostly go first, being reads
                ends.append(others + queue.lane.forecast(number, step=own / number, delay=others))
        return max(ends)

    # lanes

    def _account(self, login: str) -> str:
        return self._accounts.get(login, login)

    def _queues_of(self, login: str, category: str) -> tuple[_Queue, ...]:
        """The category's own lane, and the universal one."""
        queues = self._pairs.get((login, category))
        if queues is None:
            names = dict.fromkeys((category, UNIVERSAL))
            queues = tuple(self._queue(self._sharing(login, name), name, login) for name in names)
            with self._lock:  # `forget` may be going through them
                self._pairs[login, category] = queues
        return queues

    def _sharing(self, login: str, category: str) -> str:
        quota = self._quotas.get(category)
        return APP if quota is not None and quota.per == "app" else self._account(login)

    def _queue(self, account: str, category: str, login: str) -> _Queue:
        queue = self._queues.get((account, category))
        if queue is None:
            counter = CounterKey(self._api, self._origin, account, category, "" if account == APP else login)
            quota = self._quotas.get(category)
            lane = self._usage.lane(counter, (quota.limit, quota.seconds) if quota is not None else None)
            with self._lock:
                queue = self._queues.setdefault((account, category), _Queue(lane))
        return queue

    # one call

    def _try_acquire(self, permit: Permit) -> float:
        """How many seconds this call has to wait; 0 when it may be sent."""
        with self._lock:
            queues = permit.queues
            claim = self._usage.acquire([q.lane for q in queues], [q.ahead_of(permit) for q in queues])
            if isinstance(claim, list):
                # only in the lane that holds it up: waiting for a category must not hold up the universal quota
                longest: float = max(claim)
                permit.wait_in(queues[claim.index(longest)])
                return longest
            permit.wait_in(None)
            permit.claim = claim
            if not self._in_flight:
                self._busy_since = self._clock.monotonic()
            self._in_flight += 1
            permit.connects = self._in_flight > self._connections
            self._connections = max(self._connections, self._in_flight)
        permit.sent_at = self._clock.monotonic()
        return 0.0

    def _learn(self, permit: Permit, limits: RateLimitHeaders) -> list[LimitChange | RemainingCalls]:
        """The limits that an answer tells, and how many calls others made."""
        changes: list[LimitChange | RemainingCalls] = []
        known = [_limits_of(queue) for queue in permit.queues]
        for change in limit_changes(limits, [queue.lane.windows for queue in permit.queues]):
            changes.append(change)
            known[change.lane][change.seconds] = change.limit
            if not change.limit:
                del known[change.lane][change.seconds]
        if limits.remaining is not None and limits.reset:
            lane, seconds = find_binding(limits, known)
            if seconds is not None:
                changes.append(RemainingCalls(lane, seconds, limits.remaining, limits.reset))
            elif limits.remaining == 0:
                permit.queues[lane].lane.pause(limits.reset)
        return changes


def _limits_of(queue: _Queue) -> dict[float, int]:
    return {window.seconds: window.limit for window in queue.lane.windows}


def _used_up(permit: Permit, wait: float) -> RateLimited:
    return RateLimited(
        f"the quota {permit.category!r} of {permit.login!r} is used up for another {_span(wait)}",
        retry_after=wait,
        category=permit.category,
        status=0,
    )


def _blocked(login: str, seconds: float) -> SpamBlocked:
    return SpamBlocked(
        f"the writes of {login!r} are paused for another {_span(seconds)}: the service suspected spam",
        retry_after=seconds,
        status=0,
        hint=f"look at the account; when it may write again: pinflow quota --clear-block {login}",
    )


def _span(seconds: float) -> str:
    """A length of time in a message: "61 s", "23 h 05 min"."""
    if seconds < 7200:
        return f"{seconds:,.0f} s"
    minutes = int(-(-seconds // 60))  # rounded up
    return f"{minutes // 60} h {minutes % 60:02} min"
