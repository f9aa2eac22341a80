"""Faults that are injected between a client and the sandbox, and can be repeated.

A profile has a rate for each fault. Whether the n-th request of an operation is hit, and by which fault, depends on
the profile, its seed, the operation and n alone: the same client meets the same faults again at any time.

    with start(faults="hostile:42") as sandbox: ...
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from heapq import heappop, heappush
from math import floor
from random import Random
from secrets import randbelow
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from pinflow import dataclass
from pinflow_sandbox.control.lies import lies_of, rewrite_texts, snapshot, suppress_equal
from pinflow_sandbox.control.listing_lies import LISTING_LIES, ListingLies
from pinflow_sandbox.server.dialects import dialect_of
from pinflow_sandbox.server.http_dates import http_date
from pinflow_sandbox.server.messages import ConnectionDropped, HttpResponse
from pinflow_sandbox.world import pins
from pinflow_sandbox.world.limits import RateLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pinflow_sandbox.server.dialect import Dialect
    from pinflow_sandbox.server.messages import Headers, HttpRequest
    from pinflow_sandbox.world.world import World

    # Called instead of ``apply``: it may respond itself or raise ConnectionDropped, before or after it calls ``apply``.
    FaultHook = Callable[[HttpRequest, Callable[[], HttpResponse]], HttpResponse]

LARGEST_PAGE: Final = 25  # items under a profile with small pages; the default page size of the service

_TEXT = re.compile(r"([a-z]+)(?:\*(\d{1,3}(?:\.\d{1,3})?))?(?::(\d{1,18}))?")
_LOST = ("error_before", "error_after", "reset_before", "reset_after", "truncated", "limited", "late")
_JUNK = ("soon", "-5", "1e9", "NaN", "Fri, 31 Feb 2027 25:61:00 GMT", ", ,")
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultProfile:
    """Rates of faults, 0 to 1 of all requests. Times are seconds of the sandbox's clock."""

    name: str = "own"  # "none" injects nothing
    seed: int = 0

    error_before: float = 0.0  # 500, 502, 503 or 504, some with a page of HTML; not applied
    error_after: float = 0.0  # the same; applied
    reset_before: float = 0.0  # no response; not applied
    reset_after: float = 0.0  # no response; applied
    truncated: float = 0.0  # the response is cut off; applied
    limited: float = 0.0  # 429, with every form of Retry-After and X-RateLimit headers
    late: float = 0.0  # no response, and a write is applied some time later
    busy: float = 0.0  # of writes to sections: 409, another change is in progress
    expired: float = 0.0  # the access token expires early, if it can be refreshed

    late_seconds: float = 2.0  # at most
    listing_lag: float = 0.0  # at most; drawn for each write
    small_pages: bool = False  # pages have 1 to 25 items, whatever page size is requested
    extra_fields: bool = False  # responses have undocumented fields
    daily: bool = False  # the daily quotas of trial access

    vanished: float = 0.0  # of new Pins: deleted some time later
    stranger: float = 0.0  # of new Pins: an unrelated Pin appears on the board
    nothing_made: float = 0.0  # of creations: the response reports success, but nothing exists
    nothing_done: float = 0.0  # of changes and deletions: the response reports success, but nothing has changed
    suppressed: float = 0.0  # of new Pins equal to one on their board: the response is that one, and nothing is made
    rewritten: float = 0.0  # of new and changed Pins: title and description are stored in capital letters
    lie_seconds: float = 0.0  # at most, until a Pin vanishes or appears

    list_empty: float = 0.0  # of pages of listings: no items, and the last page
    list_null: float = 0.0  # null in place of the items
    list_short: float = 0.0  # some items at the end are missing, and all further pages
    list_stale: float = 0.0  # what the same request was answered at first
    list_repeated: float = 0.0  # its bookmark leads to the same page again
    list_operation: str = ""  # the only listing that lies, such as "boards/list_pins"; "" is all
    list_lies: int | None = None  # so many lies about listings, then none

    def times(self, factor: float) -> FaultProfile:
        """The profile with the rates of faults multiplied by ``factor``; the rates of lies stay.

        Raises ValueError if the rates would exceed all requests.
        """
        more: dict[str, Any] = {name: getattr(self, name) * factor for name in (*_LOST, "busy", "expired")}
        rates = {name: getattr(self, name) for name in more}
        share = max(sum(rates[name] for name in _LOST), *rates.values())  # of requests that meet a fault
        if share * factor > 1:
            raise ValueError(
                f"faults: {self.name}*{factor:g} is too much: {share * factor:.0%} of the requests would fail; "
                f"at most {self.name}*{floor(1_000 / share) / 1_000:g}"
            )
        return replace(self, **more)

    def __str__(self) -> str:
        """The text that ``parse_profile`` reads, for a profile that has a name."""
        base = PROFILES.get(self.name, self)
        factor = self.error_before / base.error_before if base.error_before else 1.0
        return f"{self.name}{f'*{factor:g}' if factor != 1 else ''}:{self.seed}"


PROFILES: Final[Mapping[str, FaultProfile]] = {
    profile.name: profile
    for profile in (
        FaultProfile(name="none"),
        FaultProfile(
            name="mild",
            error_before=0.01,
            error_after=0.005,
            reset_before=0.005,
            reset_after=0.005,
            truncated=0.005,
            limited=0.01,
            busy=0.02,
            small_pages=True,
            extra_fields=True,
        ),
        FaultProfile(
            name="hostile",
            error_before=0.05,
            error_after=0.05,
            reset_before=0.03,
            reset_after=0.03,
            truncated=0.03,
            limited=0.05,
            late=0.03,
            busy=0.1,
            expired=0.01,
            listing_lag=2.0,
            small_pages=True,
            extra_fields=True,
            daily=True,
        ),
        FaultProfile(
            name="lying",
            vanished=0.05,
            stranger=0.05,
            nothing_made=0.05,
            nothing_done=0.05,
            lie_seconds=2.0,
            list_empty=0.02,
            list_null=0.01,
            list_short=0.02,
            list_stale=0.02,
            list_repeated=0.01,
        ),
    )
}


def parse_profile(text: str) -> FaultProfile:
    """The profile that ``NAME[*TIMES][:SEED]`` names, such as "hostile", "hostile:42" or "hostile*1.5:42".

    Without a seed it gets a random one. Raises ValueError that lists the known names.
    """
    match = _TEXT.fullmatch(text)
    if match is None or match[1] not in PROFILES:
        raise ValueError(f"faults: must be NAME[*TIMES][:SEED], NAME one of {', '.join(PROFILES)}, not {text!r}")
    profile = PROFILES[match[1]]
    if match[2]:
        profile = profile.times(float(match[2]))
    return replace(profile, seed=int(match[3]) if match[3] else randbelow(1_000_000))


def fault_for(profile: FaultProfile, operation: str, number: int) -> tuple[str, Random]:
    """The fault of the ``number``-th request (from 1) of an operation, "" for none, and what decides its details."""
    chance = Random(f"{profile.seed}/{operation}/{number}")  # noqa: S311 (faults, not secrets)
    if name := _draw(profile, _LOST, chance):
        return name, chance
    if operation.startswith("board_sections/") and not operation.startswith("board_sections/list"):
        return "busy" if chance.random() < profile.busy else "", chance
    return "expired" if chance.random() < profile.expired else "", chance


def _draw(profile: FaultProfile, names: Sequence[str], chance: Random) -> str:
    """One of these faults, by its rate in the profile, or "" for none."""
    drawn = chance.random()
    for name in names:
        drawn -= getattr(profile, name)
        if drawn < 0:
            return name
    return ""


class FaultInjector:
    """Stands between requests and the world: with a profile, or a function of a test."""

    def __init__(self, world: World, faults: FaultHook | FaultProfile | None = None) -> None:
        self.counts: Counter[str] = Counter()  # injected faults, by field of the profile
        self._world = world
        self.profile = faults if isinstance(faults, FaultProfile) else PROFILES["none"]
        self._hook = None if isinstance(faults, FaultProfile) else faults
        self._numbers: Counter[str] = Counter()  # requests so far, by operation
        self._listings = ListingLies()
        self._limits = RateLimits()
        self._lock = RLock()  # guards the counters, the profile and what is scheduled; requests come in many threads
        self._scheduled: list[tuple[float, int, Callable[[], object]]] = []  # heap of (time, sequence, act)
        self._sequence = 0

    def choose(self, profile: FaultProfile) -> None:
        """Use this profile from now on and count requests from 1. Scheduled faults still come."""
        with self._lock:
            self._hook = None
            self.profile = profile
            self._numbers.clear()
            self._limits.clear()
            self._listings.forget()
            self.counts.clear()

    def forget(self) -> None:
        """Drop scheduled faults."""
        with self._lock:
            self._scheduled.clear()

    def __call__(self, call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        """The response to a request. Raises ConnectionDropped where the fault is that there is none."""
        if self._hook is not None:
            return self._hook(call, apply)
        self.catch_up()
        dialect = dialect_of(call.path)
        operation = dialect.operation_of(call) if self.profile.name != "none" else None
        if operation is None:
            return apply()
        with self._lock:
            profile = self.profile
            self._numbers[operation.id] += 1
            fault, chance = fault_for(profile, operation.id, self._numbers[operation.id])
        allowed, headers = self._spend_daily_quota(operation.category) if profile.daily else (True, None)
        if headers is not None and not allowed:
            self._count_fault("daily")
            return dialect.error_response(429, 8, "This request exceeded a rate limit. It is the day's.", headers)
        if profile.small_pages and "page_size=" in call.query_text:
            size = f"page_size={chance.randint(1, LARGEST_PAGE)}"
            call.query_text = re.sub(r"page_size=[^&]*", size, call.query_text)
        if fault and fault != "expired":
            self._count_fault(fault)
        answer = self._respond(call, apply, operation.id, fault, chance)
        return answer if headers is None else _with_limits(answer, headers)

    def catch_up(self) -> None:
        """Apply what is due by now, each at its own time."""
        if not self._scheduled:
            return
        with self._world.lock, self._lock:
            while self._scheduled and self._scheduled[0][0] <= self._world.clock.now():
                due, _, act = heappop(self._scheduled)
                self._run_at(due, act)

    # one request

    def _respond(
        self, call: HttpRequest, apply: Callable[[], HttpResponse], operation: str, fault: str, chance: Random
    ) -> HttpResponse:
        dialect = dialect_of(call.path)
        match fault:
            case "error_before" | "error_after":
                if fault == "error_after":
                    self._apply(call, apply, chance)
                return _server_error(dialect, chance)
            case "reset_before" | "reset_after" | "late":
                if fault == "reset_after":
                    self._apply(call, apply, chance)
                elif fault == "late":
                    self._postpone(call, apply, chance)
                raise ConnectionDropped(reset=chance.random() < 0.5)
            case "truncated":
                answer = self._apply(call, apply, chance)
                # cut between the first byte of the head and the last but one of the body; a head has more than 60 bytes
                raise ConnectionDropped(answer, sent=chance.randint(1, max(1, len(answer.body) + 60)))
            case "limited":
                return self._rate_limited(dialect, chance)
            case "busy":
                return dialect.error_response(409, 409, "Could not get exclusive access to the board.")
            case "expired":
                self._expire(call)
        return self._with_extra_fields(call, self._apply_or_lie(call, apply, operation, chance))

    def _apply(self, call: HttpRequest, apply: Callable[[], HttpResponse], chance: Random) -> HttpResponse:
        """Apply the request; what it creates is listed some time later."""
        lag = chance.uniform(0.0, self.profile.listing_lag)
        if call.method == "GET" or not lag:
            return apply()
        world = self._world
        with world.lock:
            before = world.settings
            world.settings = replace(before, listing_lag=max(before.listing_lag, lag))
            try:
                return apply()
            finally:
                world.settings = replace(world.settings, listing_lag=before.listing_lag)

    def _postpone(self, call: HttpRequest, apply: Callable[[], HttpResponse], chance: Random) -> None:
        wait = chance.uniform(0.0, self.profile.late_seconds)
        if call.method != "GET":
            self._schedule(wait, lambda: self._apply(call, apply, chance))

    def _with_extra_fields(self, call: HttpRequest, answer: HttpResponse) -> HttpResponse:
        if not (self.profile.extra_fields and answer.body and 200 <= answer.status < 300):
            return answer
        value = json.loads(answer.body)
        content = dialect_of(call.path).content(value)
        for item in (value, *(content if isinstance(content, list) else [content])):
            if isinstance(item, dict):
                item |= {"x_experiment": {"arm": 3, "of": [1, 2, None]}, "is_eligible_for_nothing": False}
        return replace(answer, body=json.dumps(value, ensure_ascii=False).encode())

    def _rate_limited(self, dialect: Dialect, chance: Random) -> HttpResponse:
        wait = chance.randint(1, 3)
        now = self._world.clock.now()
        styles: list[Headers] = [
            (("Retry-After", str(wait)),),
            (("Retry-After", http_date(now + wait, "GMT")),),
            (),
            (("Retry-After", chance.choice(_JUNK)),),
            (("X-RateLimit-Limit", "100, 100;w=60"), ("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", str(wait))),
            (("x-ratelimit-remaining", "0"),),
            (("X-RATELIMIT-RESET", str(int(now) + wait)),),
        ]
        message = "This request exceeded a rate limit. Please try again later."
        return dialect.error_response(429, 8, message, chance.choice(styles))

    def _spend_daily_quota(self, category: str) -> tuple[bool, Headers]:
        """Count a request against the daily quotas of trial access."""
        with self._world.lock:
            settings = replace(self._world.settings, trial=True)
            return self._limits.spend(settings, self._world.clock.now(), category, "", self._world.app.id)

    def _expire(self, call: HttpRequest) -> None:
        with self._world.lock:
            if self._world.logins.expire_access_token(call.header("authorization").partition(" ")[2].strip()):
                self._count_fault("expired")

    # lies

    def _apply_or_lie(
        self, call: HttpRequest, apply: Callable[[], HttpResponse], operation: str, chance: Random
    ) -> HttpResponse:
        """The response, which may be untrue now or become so later."""
        if call.method == "GET":
            return self._list_or_lie(call, apply, operation)
        lie = _draw(self.profile, lies_of(operation, call.method), chance)
        rewritten = self.profile.rewritten if operation in ("pins/create", "pins/update") else 0.0
        # no draw without it: the same seed gives the same faults
        if rewritten and chance.random() < rewritten and rewrite_texts(call):
            self._count_fault("rewritten")
        with self._world.lock:
            before = snapshot(self._world) if lie == "nothing_done" else {}
            answer = self._apply(call, apply, chance)
            if lie and 200 <= answer.status < 300:
                if lie == "suppressed":
                    equal = suppress_equal(self._world, call, answer)
                    self.counts.update({"suppressed": 1} if equal is not None else {})
                    return equal or answer
                self._count_fault(lie)
                if lie == "nothing_done":
                    for name, records in before.items():
                        setattr(self._world, name, records)
                else:
                    created = dialect_of(call.path).content(json.loads(answer.body))
                    self._tell_lie(lie, operation, created["id"], chance)
        return answer

    def _list_or_lie(self, call: HttpRequest, apply: Callable[[], HttpResponse], operation: str) -> HttpResponse:
        """The response to a read; a page of a listing may be untrue."""
        profile = self.profile
        if not any(getattr(profile, lie) for lie in LISTING_LIES):
            return apply()
        with self._lock:
            chance = Random(f"{profile.seed}/{operation}/{self._numbers[operation]}/list")  # noqa: S311 (no secrets)
            told = sum(self.counts[lie] for lie in LISTING_LIES)
            is_silent = profile.list_operation not in ("", operation) or told == profile.list_lies
            lie = "" if is_silent else _draw(profile, LISTING_LIES, chance)
            self._listings.resolve(call)
        truth = apply()
        with self._lock:
            answer = self._listings.tell(lie, call, truth, chance)
            if answer is not truth:
                self._count_fault(lie)
        return answer

    def _tell_lie(self, lie: str, operation: str, id: str, chance: Random) -> None:
        wait = chance.uniform(0.0, self.profile.lie_seconds)
        if lie == "nothing_made":
            self._remove(operation, id)
        elif lie == "vanished":
            self._schedule(wait, lambda: self._remove(operation, id))
        else:
            board = self._world.pins[id].board_id
            self._schedule(wait, lambda: self._add_foreign_pin(board, chance.randrange(10**6, 10**9)))

    def _remove(self, operation: str, id: str) -> None:
        """Delete what was created, if it still exists; a board only while it is empty."""
        world = self._world
        if operation.startswith("pins/") and id in world.pins:
            pins.remove_pin(world, world.pins[id])
        elif operation.startswith("board_sections/") and id in world.sections:
            world.boards[world.sections[id].board_id].sections.remove(id)
            del world.sections[id]
        elif operation.startswith("boards/") and id in world.boards and not world.boards[id].pins:
            world.accounts[world.boards[id].owner].boards.remove(id)
            del world.boards[id]

    def _add_foreign_pin(self, board: str | None, number: int) -> None:
        if board in self._world.boards:
            pins.add_pin(self._world, self._world.boards[board], number)

    # small things

    def _count_fault(self, fault: str) -> None:
        with self._lock:
            self.counts[fault] += 1

    def _schedule(self, seconds: float, act: Callable[[], object]) -> None:
        with self._lock:
            self._sequence += 1
            heappush(self._scheduled, (self._world.clock.now() + seconds, self._sequence, act))

    def _run_at(self, moment: float, act: Callable[[], object]) -> None:
        """Act while the world's clock shows that moment. The caller holds the world's lock."""
        clock = self._world.clock
        offset = clock.offset
        clock.offset += moment - clock.now()
        try:
            act()
        finally:
            clock.offset = offset


def _with_limits(answer: HttpResponse, headers: Headers) -> HttpResponse:
    """The response with these limit headers instead of others; a 429 has its own."""
    if answer.status == 429:
        return answer
    others = tuple(header for header in answer.headers if not header[0].lower().startswith("x-ratelimit"))
    return replace(answer, headers=(*others, *headers))


def _server_error(dialect: Dialect, chance: Random) -> HttpResponse:
    status = chance.choice((500, 502, 503, 504))
    if status == 502:
        return HttpResponse(502, _HTML, "text/html; charset=utf-8")
    return dialect.error_response(status, 0, "Something went wrong on our end. Sorry about that.")
