"""Keeping to a service's quotas: waiting before a call that would exceed one, and learning from answers.

A call is counted by the service somewhere between its leaving and its answer.
A place in a quota is therefore free again one window after the answer, less the
fastest round trip seen: whatever a call took longer than that may have passed
before it was counted. So no window of the service's clock, wherever it begins,
holds more calls than the quota allows (as long as answers take less than a
window), and a quota can still be used up at once.

What was used is kept on pages (`pinflow.state.folder.usage`): those of a ledger are shared
by all processes of this machine, and last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING

from pinflow.errors import RateLimited, SpamBlocked
from pinflow.state.folder.usage import PLACES, WINDOWS, Memory, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pinflow.http.api import Quota
    from pinflow.state.folder.usage import Book, Label, Ledger

DAY = 86_400.0
UNIVERSAL = "*"  # the category that counts every call
ACCOUNT = ""  # the page of an account itself: its pause is a block of its writes
APP = "app"  # whose the quotas are that all accounts of an app share

_TICK = 1e-4  # seconds; shorter waits are none: floating point could go on for ever
_EPOCH = 1_000_000_000.0  # a reset beyond this is a date in seconds since 1970, not a delay
_NUMBER = re.compile(r"\d{1,10}(?:\.\d{1,6})?", re.ASCII)
_WINDOW = re.compile(r"(\d{1,9})\s*;\s*w\s*=\s*(\d{1,7})(?!\d)", re.ASCII)
_QUOTED = re.compile(r'"[^"]*"')
_LONGEST_HEADER = 1_000


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer's headers say of the quota; None and () where they say nothing readable."""

    windows: tuple[tuple[int, float], ...] = ()  # limit, seconds
    binding: int | None = None  # the limit of the window that binds now
    remaining: int | None = None
    reset: float | None = None  # seconds from now


def read_limits(headers: Mapping[str, str], now: float) -> Told:
    """The X-RateLimit headers (names in lower case); ``now`` is in seconds since 1970. Never raises.

    Limit is such as "100, 100;w=1, 1000;w=60": what binds now, then each window.
    """
    limit = headers.get("x-ratelimit-limit", "")
    remaining = headers.get("x-ratelimit-remaining")
    reset = headers.get("x-ratelimit-reset")
    if not limit and remaining is None and reset is None:
        return Told()
    binding, windows = _windows(limit[:_LONGEST_HEADER])
    left = _number(remaining or "")
    return Told(windows, binding, None if left is None else int(left), _delay(reset, now))


def _windows(limit: str) -> tuple[int | None, tuple[tuple[int, float], ...]]:
    limit = _QUOTED.sub('""', limit)
    binding = _number(limit.partition(",")[0].partition(";")[0])
    windows = tuple((int(n), float(w)) for n, w in _WINDOW.findall(limit) if int(n) and int(w))
    return int(binding) if binding else None, windows


def told_wait(headers: Mapping[str, str], now: float) -> float | None:
    """How long the service asks to wait, in seconds from 0 to a day; None if it does not, or not readably.

    Retry-After counts first (seconds, or an HTTP date), then X-RateLimit-Reset.
    Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    after = headers.get("retry-after", "").strip()
    if _NUMBER.fullmatch(after):
        return min(float(after), DAY)
    if (moment := _date(after)) is not None:
        return min(max(moment - now, 0.0), DAY)
    return _delay(headers.get("x-ratelimit-reset"), now)


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text := text.strip()) else None


def _delay(text: str | None, now: float) -> float | None:
    value = _number(text or "")
    if value is None:
        return None
    return min(max(value - now if value >= _EPOCH else value, 0.0), DAY)


def _date(text: str) -> float | None:
    if not text.endswith("GMT") or len(text) > 40:
        return None
    from email.utils import parsedate_to_datetime  # few answers hold one

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


class Bucket:
    """At most ``limit`` calls in any ``seconds``, in one window of a page. Pure; whoever uses it holds the page's lock.

    The page holds when each of the latest calls' places is free again, in the order
    in which they were taken: a call may leave when the place that was taken ``limit``
    calls before is free. Of a limit above `PLACES`, several calls share a place.
    """

    __slots__ = ("_first", "_head", "_numbers")

    # fields of the head
    _SECONDS, _LIMIT, _SHARE, _COUNT, _LEFT, _TOLD = range(6)

    def __init__(self, page: Page, window: int) -> None:
        self._numbers = page.numbers
        self._head = page.head(window)
        self._first = page.places(window)

    @classmethod
    def alone(cls, limit: int, seconds: float) -> Bucket:
        """A bucket on a page of its own."""
        return cls(Page.blank(), 0).begin(limit, seconds)

    def begin(self, limit: int, seconds: float, *, told: bool = False) -> Bucket:
        """Use this window of the page for such a quota. ``told``: the service says so."""
        if self.seconds != seconds:
            self._set(self._SECONDS, seconds)
            self._set(self._COUNT, 0)
            for index in range(PLACES):
                self._numbers[self._first + index] = 0.0
            self._set(self._LIMIT, 0)
        self._set(self._TOLD, told)
        self.resize(limit)
        return self

    @property
    def limit(self) -> int:
        return int(self._numbers[self._head + self._LIMIT])

    @property
    def seconds(self) -> float:
        return self._numbers[self._head + self._SECONDS]

    @property
    def told(self) -> bool:
        """Whether the limit is the service's own word."""
        return bool(self._numbers[self._head + self._TOLD])

    @property
    def _period(self) -> float:
        # two machines' clocks differ, and a window's edges may both count
        seconds = self._numbers[self._head]
        return seconds + min(seconds / 100, 1.0)

    def wait(self, now: float, ahead: int = 0) -> float:
        """How many seconds a call would have to wait that lets ``ahead`` others go first.

        Never less than the next call: it gets the next place, whoever it is.
        """
        return max(self._wait(now, 0), self._wait(now, ahead)) if ahead else self._wait(now, 0)

    def _wait(self, now: float, ahead: int) -> float:
        numbers, head = self._numbers, self._head
        share = int(numbers[head + self._SHARE])
        later = ahead - int(numbers[head + self._LEFT])
        if later < 0:
            return 0.0
        places = int(numbers[head + self._LIMIT]) // share
        rounds, place = divmod(later // share, places)
        free_at = numbers[self._first + (int(numbers[head + self._COUNT]) - places + place) % PLACES]
        if rounds:
            return max(free_at - now, 0.0) + rounds * self._period
        return free_at - now if free_at > now else 0.0

    def last(self, now: float, number: int, step: float) -> float:
        """In how many seconds the last of so many calls leaves, if each leaves ``step`` seconds after the one before.

        Or later, as the quota has it.
        """
        numbers, head = self._numbers, self._head
        share, left = int(numbers[head + self._SHARE]), int(numbers[head + self._LEFT])
        more = number - left
        if more <= 0:
            return (number - 1) * step
        places, pace = self.limit // share, share * step
        count = int(numbers[head + self._COUNT])
        free = [numbers[self._first + (count - places + place) % PLACES] for place in range(places)]
        groups = ceil(more / share)
        rounds = max(0, groups // places - 2)  # after the first two, each takes as long as the one before
        moment = now + left * step - pace
        for group in range(groups - rounds * places):
            moment = max(moment + pace, free[group % places])
            free[group % places] = moment + self._period
        return moment - now + rounds * max(self._period, places * pace) + (more - 1) % share * step

    def take(self, now: float) -> int:
        """A call leaves now: its place. Only where ``wait`` is 0."""
        numbers, head = self._numbers, self._head
        left = int(numbers[head + self._LEFT])
        if not left:
            numbers[head + self._COUNT] += 1
            left = int(numbers[head + self._SHARE])
        numbers[head + self._LEFT] = left - 1
        place = self._first + int(numbers[head + self._COUNT] - 1) % PLACES
        numbers[place] = now + self._period
        return place

    def done(self, place: int, counted: float) -> None:
        """The call of this place was counted at ``counted``, or before."""
        self._numbers[place] = max(self._numbers[place], counted + self._period)

    def used(self, since: float) -> int:
        """How many calls hold a place that was not free at ``since``."""
        count, share = int(self._numbers[self._head + self._COUNT]), int(self._numbers[self._head + self._SHARE])
        latest = range(count - self.limit // share, count)
        held = sum(self._numbers[self._first + place % PLACES] > since for place in latest)
        return max(0, held * share - (int(self._numbers[self._head + self._LEFT]) if held else 0))

    def free_at(self) -> float:
        """When the last place is free again."""
        return max(self._numbers[self._first : self._first + PLACES])

    def fill(self, used: int, since: float, until: float) -> None:
        """The service counts ``used`` calls now: those that were not made here hold their places until ``until``.

        Calls that held a place at ``since`` or took one later were made here.
        """
        share, count = int(self._numbers[self._head + self._SHARE]), int(self._numbers[self._head + self._COUNT])
        back = -(-used // share)
        if not used or self._numbers[self._first + (count - back) % PLACES] > since:
            return  # the common case, without counting them all
        for _ in range(-(-(used - self.used(since)) // share)):
            self._numbers[self._first + count % PLACES] = until
            count += 1
            self._set(self._LEFT, 0)
        self._set(self._COUNT, count)
        # the place that is free first must be the next: others' calls may be older than those made here
        latest = [self._first + place % PLACES for place in range(count - self.limit // share, count)]
        for place, free_at in zip(latest, sorted(self._numbers[each] for each in latest), strict=True):
            self._numbers[place] = free_at

    def resize(self, limit: int) -> None:
        """Allow another number of calls from now on."""
        share = ceil(limit / PLACES)
        if share != self._numbers[self._head + self._SHARE]:
            latest = self.free_at()  # a place stands for another number of calls: none is free before the last one
            for index in range(PLACES):
                self._numbers[self._first + index] = latest
            self._set(self._SHARE, share)
            self._set(self._LEFT, 0)
        self._set(self._LIMIT, limit)

    def end(self) -> None:
        """The service knows no such quota any more."""
        self._set(self._SECONDS, 0)

    def _set(self, field: int, value: float) -> None:
        self._numbers[self._head + field] = value


_Key = tuple[str, str]  # whose, category


@dataclass(slots=True, eq=False)
class _Line:
    """One quota category of one account or app: its page, its windows, and the calls of this process that wait."""

    key: _Key
    page: Page
    buckets: list[Bucket]
    waiting: list[Turn] = field(default_factory=list)

    def rest(self, turn: Turn, now: float) -> float:
        ahead = self.waiting.index(turn) if turn.waits_in is self else len(self.waiting)
        return max([self.page.rest(now), *(bucket.wait(now, ahead) for bucket in self.buckets)])

    def end(self, now: float, number: int, step: float) -> float:
        """In how many seconds the last of so many calls, each of which takes ``step`` seconds, is answered."""
        pause = self.page.rest(now)
        return step + pause + max([0.0, *(bucket.last(now + pause, number, step) for bucket in self.buckets)])

    def of(self, seconds: float) -> Bucket | None:
        return next((bucket for bucket in self.buckets if bucket.seconds == seconds), None)


class Turn:
    """One call's permission to leave: from ``enter`` to ``done``."""

    __slots__ = ("at", "category", "connects", "left", "lines", "login", "taken", "waited", "waits_in")

    def __init__(self, login: str, category: str, lines: tuple[_Line, ...]) -> None:
        self.login = login
        self.category = category
        self.lines = lines
        self.waits_in: _Line | None = None
        self.taken: list[tuple[Bucket, int]] = []  # a place in each
        self.connects = False  # whether the call may have to wait for a new connection
        self.waited = 0.0  # seconds
        self.left = 0.0  # by the clock that only goes forward
        self.at = 0.0  # by the pages' clock


class Pacer:
    """Every quota of one API for all logins of a run. Thread-safe; sleeps outside of its lock.

    ``quotas`` is category -> Quota, where "*" counts every call: what is known
    beforehand. Answers' headers add to it, and win over it. ``monotonic`` and
    ``clock`` tell seconds, the latter since 1970. ``book`` has the pages; without
    one they are this pacer's own. ``whose`` tells a login's account, where logins
    are known under other names elsewhere.
    """

    def __init__(
        self,
        quotas: Mapping[str, Quota],
        *,
        monotonic: Callable[[], float],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        book: Book | None = None,
        whose: Mapping[str, str] | None = None,
    ) -> None:
        self._quotas = quotas
        self._monotonic = monotonic
        self._clock = clock
        self._sleep = sleep
        self._book: Book = book if book is not None else Memory()
        self._time = clock if self._book.shared else monotonic  # of the pages
        self._whose = dict(whose or {})
        self._lock = self._book.lock
        self._lines: dict[_Key, _Line] = {}
        self._pairs: dict[tuple[str, str], tuple[_Line, ...]] = {}  # by login and category
        self._fastest = float("inf")
        self._flying = self._connections = 0  # calls on their way, and the most that ever were
        self._answers, self._seconds = 0, 0.0
        self._busy, self._began = 0.0, 0.0  # seconds in which any call was on its way, and since when one is

    def open(self, login: str, categories: Iterable[str]) -> None:
        """Have the pages ready that calls of these categories need. Raises StateError if one can't be used."""
        for category in (UNIVERSAL, *categories):
            self._lines_of(login, category)
        self._line(self._account(login), ACCOUNT, login)

    def add(self, login: str, account: str) -> None:
        """A login comes to those that there are, known elsewhere under the name of its account."""
        with self._lock:
            self._whose[login] = account

    def forget(self, login: str) -> None:
        """A login makes no more calls: let its pages go, unless another one is of the same account."""
        with self._lock:
            account = self._whose.pop(login, login)
            self._pairs = {pair: lines for pair, lines in self._pairs.items() if pair[0] != login}
            if account in self._whose.values() or any(self._account(name) == account for name, _ in self._pairs):
                return
            gone = [key for key in self._lines if key[0] == account]
            for key in gone:
                del self._lines[key]
        for whose, category in gone:
            self._book.release(whose, category)

    def enter(
        self, login: str, category: str, *, patience: float, waiting: Callable[[float], None] = lambda _: None
    ) -> Turn:
        """Wait until a call of this login may leave; ``waiting`` is told the seconds before each sleep.

        Raises RateLimited, without waiting further, where the waits would exceed
        ``patience`` seconds. Whoever enters must tell ``done``.
        """
        turn = Turn(login, category, self._lines_of(login, category))
        try:
            while rest := self._rest_or_leave(turn):
                if turn.waited + rest > patience:
                    raise _used_up(turn, rest)
                waiting(rest)
                self._sleep(rest)
                turn.waited += rest
        except BaseException:
            with self._lock:
                self._wait_in(turn, None)
            raise
        return turn

    def done(self, turn: Turn, headers: Mapping[str, str] | None) -> None:
        """The call ended with an answer that has these headers (lower-case names), or with none at all."""
        took = self._monotonic() - turn.left
        told = read_limits(headers, self._clock()) if headers else Told()
        with self._lock:
            if headers is not None:
                self._fastest = min(self._fastest, took)
                self._answers, self._seconds = self._answers + 1, self._seconds + took
            now = self._time()
            self._flying -= 1
            if not self._flying:
                self._busy += self._monotonic() - self._began
            # how long it takes to connect shows in no later call
            counted = now if turn.connects else now - min(self._fastest, took)
            for bucket, place in turn.taken:
                bucket.done(place, counted)
            if told != Told():
                self._learn(turn, told, now)

    def pause(self, turn: Turn, headers: Mapping[str, str], seconds: float) -> None:
        """The service refused this call: every call of its quota rests for so many seconds, in all processes."""
        told = read_limits(headers, self._clock())
        with self._lock:
            now = self._time()
            for line in {self._binding(turn, told)[0].key: None, turn.lines[0].key: None}:
                self._lines[line].page.pause(now + seconds)

    def block(self, login: str, seconds: float = DAY) -> None:
        """The service suspects spam: the account's writes rest for so many seconds, in all processes."""
        page = self._line(self._account(login), ACCOUNT, login).page
        with self._lock:
            page.pause(self._time() + seconds)

    def check_block(self, login: str) -> None:
        """Raise SpamBlocked while the writes of this login's account rest."""
        page = self._line(self._account(login), ACCOUNT, login).page
        if not page.has_pause:
            return
        with self._lock:
            now = self._time()
            page.tick(now)
            rest = page.rest(now)
            if not rest:
                page.go_on()  # else it would come back with a clock that is set back
        if rest:
            raise _blocked(login, rest)

    @property
    def overlap(self) -> float:
        """What part of its own time a call took of the run's, so far: less than 1 where calls went side by side."""
        with self._lock:
            return self._busy / self._seconds if self._seconds and not self._flying else 1.0

    def forecast(
        self, calls: Mapping[str, Mapping[str, int]], turns: Mapping[str, Mapping[str, float]] | None = None
    ) -> float:
        """In how many seconds the last of so many calls (login -> category -> calls) is answered, if they begin now.

        Counts what is used already, and that a call takes as long as calls took so far. ``turns`` tells how many
        calls' time they take: less than one each, where they go side by side. Nothing else is thought to use the
        quotas.
        """
        turns = turns if turns is not None else calls
        numbers: dict[_Key, int] = {}
        takes: dict[_Key, float] = {}  # turns
        for login, by_category in calls.items():
            for category, number in by_category.items():
                for line in self._lines_of(login, category):
                    numbers[line.key] = numbers.get(line.key, 0) + number
                    takes[line.key] = takes.get(line.key, 0.0) + turns[login][category]
        typical = self._seconds / self._answers if self._answers else 0.0
        own = typical * sum(each for by_category in turns.values() for each in by_category.values())
        with self._lock:
            now = self._time()
            ends = [0.0, own]
            for key, number in numbers.items():
                line, mine = self._lines[key], typical * takes[key]
                if number:
                    others = own - mine  # they mostly go first, being reads
                    ends.append(others + line.end(now + others, number, mine / number))
        return max(ends)

    # pages

    def _account(self, login: str) -> str:
        return self._whose.get(login, login)

    def _lines_of(self, login: str, category: str) -> tuple[_Line, ...]:
        """The category's own line, and the universal one."""
        found = self._pairs.get((login, category))
        if found is None:
            names = dict.fromkeys((category, UNIVERSAL))
            found = tuple(self._line(self._sharing(login, name), name, login) for name in names)
            with self._lock:  # `forget` may be going through them
                self._pairs[login, category] = found
        return found

    def _sharing(self, login: str, category: str) -> str:
        quota = self._quotas.get(category)
        return APP if quota is not None and quota.per == "app" else self._account(login)

    def _line(self, whose: str, category: str, login: str) -> _Line:
        found = self._lines.get((whose, category))
        if found is None:
            page = self._book.page(whose, category, "" if whose == APP else login)
            with self._lock:
                page.tick(self._time())
                found = self._lines.setdefault(
                    (whose, category), _Line((whose, category), page, _buckets(page, self._quotas.get(category)))
                )
        return found

    # turns

    def _rest_or_leave(self, turn: Turn) -> float:
        """How many seconds this turn has to wait; 0 when it has left."""
        with self._lock:
            now = self._time()
            for line in turn.lines:
                line.page.tick(now)
            rests = [line.rest(turn, now) for line in turn.lines]
            longest = max(rests)
            if longest >= _TICK:
                # only in the line that holds it up: waiting for a category must not hold up the universal quota
                self._wait_in(turn, turn.lines[rests.index(longest)])
                return longest
            self._wait_in(turn, None)
            turn.taken = [(bucket, bucket.take(now)) for line in turn.lines for bucket in line.buckets]
            turn.at = now
            if not self._flying:
                self._began = self._monotonic()
            self._flying += 1
            turn.connects = self._flying > self._connections
            self._connections = max(self._connections, self._flying)
        turn.left = self._monotonic()
        return 0.0

    @staticmethod
    def _wait_in(turn: Turn, line: _Line | None) -> None:
        if turn.waits_in is not line:
            if turn.waits_in is not None:
                turn.waits_in.waiting.remove(turn)
            if line is not None:
                line.waiting.append(turn)
            turn.waits_in = line

    # learning

    def _learn(self, turn: Turn, told: Told, now: float) -> None:
        """Take over the limits that an answer tells, and count the calls that others made."""
        if told.windows:
            self._fit(turn, told)
        if told.remaining is None or not told.reset:
            return
        line, bucket = self._binding(turn, told)
        if bucket is not None:
            bucket.fill(bucket.limit - told.remaining, turn.at, now + told.reset)
        elif told.remaining == 0:
            line.page.pause(now + told.reset)

    def _fit(self, turn: Turn, told: Told) -> None:
        own, universal = turn.lines[0], turn.lines[-1]
        for seconds in dict.fromkeys(window for _, window in told.windows):
            limits = sorted(limit for limit, window in told.windows if window == seconds)
            mine, every = own.of(seconds), universal.of(seconds)
            if mine is not None and every is not None and mine is not every:
                # nothing says which limit is whose, but that the universal one is the larger
                if len(limits) > 1:
                    _resize(every, limits[-1])
                if len(limits) > 1 or limits[0] != every.limit:
                    _resize(mine, limits[0])
            elif (bucket := mine or every) is not None:
                _resize(bucket, limits[0])
            else:
                self._open(own, limits[0], seconds)
        known = {seconds for _, seconds in told.windows}
        for bucket in [each for each in own.buckets if each.told and each.seconds not in known]:
            bucket.end()
            own.buckets.remove(bucket)

    def _open(self, line: _Line, limit: int, seconds: float) -> None:
        for window in range(WINDOWS):
            bucket = Bucket(line.page, window)
            if bucket.seconds in (0, seconds):
                line.buckets.append(bucket.begin(limit, seconds, told=True))
                return

    def _binding(self, turn: Turn, told: Told) -> tuple[_Line, Bucket | None]:
        """Which quota an answer's first number speaks of: of those with this limit the longest that can be meant."""
        least = (told.reset or 0.0) - 1  # a reset is in whole seconds
        fitting = [
            (bucket.seconds, line, bucket)
            for line in reversed(turn.lines)
            for bucket in line.buckets
            if bucket.limit == told.binding and bucket.seconds >= least
        ]
        if fitting:
            return max(fitting, key=lambda each: each[0])[1:]
        return turn.lines[0], next(iter(turn.lines[0].buckets), None) if told.binding is None else None


def _resize(bucket: Bucket, limit: int) -> None:
    if bucket.limit != limit:
        bucket.begin(limit, bucket.seconds, told=True)


def _buckets(page: Page, quota: Quota | None) -> list[Bucket]:
    """The windows of a page that count: the one that is known beforehand, and those that the service told of."""
    windows = [Bucket(page, window) for window in range(WINDOWS)]
    found = [each for each in windows if each.seconds and each.told]
    if quota is not None and all(each.seconds != quota.seconds for each in found):
        same = [each for each in windows if each.seconds == quota.seconds]
        free = [each for each in windows if not each.seconds]
        other = [each for each in windows if not each.told]  # of another access tier
        found.append((same or free or other or windows)[0].begin(quota.limit, quota.seconds))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How one quota stands. Times are seconds since the epoch.

    ``account`` is a fingerprint, or "app" where all accounts of an app share.
    ``limit`` is None where only a pause is known; the ``category`` "" is the account
    itself, whose writes a ``paused_until`` blocks.
    """

    api: str
    origin: str
    account: str
    login: str  # a name of the account's token; "" for an app
    category: str
    limit: int | None
    seconds: float
    used: int
    resets: float | None  # when all of it is free again; None if nothing is used
    source: str  # "table", or "header" where the service told it
    paused_until: float | None

    @property
    def left(self) -> int | None:
        return None if self.limit is None else max(0, self.limit - self.used)


def uses(ledger: Ledger, now: float) -> list[Use]:
    """How every quota stands that was used in the last day, or is paused."""
    found: list[Use] = []
    for label, page in ledger.pages():
        with ledger.lock:
            page.tick(now)
            windows = [Bucket(page, window) for window in range(WINDOWS)]
            recent = [each for each in windows if each.seconds and each.free_at() > now - DAY]
            found += [_use(label, page, each, now) for each in recent]
            if not recent and page.rest(now):
                found.append(_use(label, page, None, now))
    return sorted(
        found, key=lambda each: (each.api, each.origin, each.login, each.account, each.category, each.seconds)
    )


def _use(label: Label, page: Page, bucket: Bucket | None, now: float) -> Use:
    used = bucket.used(now) if bucket is not None else 0
    return Use(
        api=label.api,
        origin=label.origin,
        account=label.whose,
        login=label.login,
        category=label.category,
        limit=bucket.limit if bucket is not None else None,
        seconds=bucket.seconds if bucket is not None else 0.0,
        used=used,
        resets=bucket.free_at() if bucket is not None and used else None,
        source="header" if bucket is None or bucket.told else "table",
        paused_until=now + page.rest(now) if page.rest(now) else None,
    )


def lift_block(ledger: Ledger, login: str, now: float) -> int:
    """Let the accounts of this token's name write again; how many were blocked."""
    lifted = 0
    for label, page in ledger.pages():
        with ledger.lock:
            if label.category == ACCOUNT and label.login == login and page.rest(now):
                page.go_on()
                lifted += 1
    return lifted


def _used_up(turn: Turn, wait: float) -> RateLimited:
    return RateLimited(
        f"the quota {turn.category!r} of {turn.login!r} is used up for another {_span(wait)}",
        retry_after=wait,
        category=turn.category,
        status=0,
    )


def _blocked(login: str, rest: float) -> SpamBlocked:
    return SpamBlocked(
        f"the writes of {login!r} are paused for another {_span(rest)}: the service suspected spam",
        retry_after=rest,
        status=0,
        hint=f"look at the account; when it may write again: pinflow quota --clear-block {login}",
    )


def _span(seconds: float) -> str:
    """A length of time in a message: "61 s", "23 h 05 min"."""
    if seconds < 7200:
        return f"{seconds:,.0f} s"
    minutes = int(-(-seconds // 60))  # rounded up
    return f"{minutes // 60} h {minutes % 60:02} min"
