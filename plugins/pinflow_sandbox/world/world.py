"""One world: what exists in it, which time it is there, and who may see what. The rules are in one file a subject.

Everything that reads or changes a world holds its ``lock``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from threading import RLock
from typing import TYPE_CHECKING

from pinflow_sandbox.control.settings import Settings
from pinflow_sandbox.server.errors import forbidden, missing_scopes, no_board, no_pin, no_section, no_user
from pinflow_sandbox.world.limits import Limits
from pinflow_sandbox.world.logins import EVERY_SCOPE, App, Logins
from pinflow_sandbox.world.records import Account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pinflow_sandbox.world.logins import Issued
    from pinflow_sandbox.world.records import (
        Ad,
        AdAccount,
        AdGroup,
        Board,
        Campaign,
        Media,
        Pin,
        Privacy,
        Report,
        Section,
    )

DEFAULT_APP = "1480001"
REDIRECT_URIS = ("http://localhost:8085/", "http://127.0.0.1:8085/", "http://[::1]:8085/")

_FIRST_IDS = {
    "account": 610_000_000_000_000_000,
    "board": 700_000_000_000_000_000,
    "section": 510_000_000_000_000_000,
    "pin": 810_000_000_000_000_000,
    "media": 530_000_000_000_000_000,
    "ad_account": 549_755_800_000,
    "campaign": 626_735_500_000,
    "ad_group": 2_680_060_700_000,
    "ad": 687_195_900_000,
}


class Clock:
    """The time in a world: the time outside plus an offset that only grows."""

    def __init__(self, outside: Callable[[], float]) -> None:
        self._outside = outside
        self.offset = 0.0  # seconds

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._outside() + self.offset

    def advance(self, seconds: float) -> None:
        """Let time pass at once. Raises ValueError for a time that would run backwards or never end."""
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"the clock advances by at least 0 seconds, not by {seconds}")
        self.offset += seconds


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, through which app, with which rights."""

    account: Account
    app_id: str
    scopes: frozenset[str]
    client: bool = False  # a client-credentials token

    def has(self, *scopes: str) -> bool:
        """Whether all of these scopes were granted."""
        return self.scopes.issuperset(scopes)

    def may_write(self, privacy: Privacy) -> None:
        """Raise Refused (403) if this token may not change boards of that privacy."""
        if privacy == "SECRET" and not self.has("boards:write_secret"):
            raise forbidden("Secret boards need the scope boards:write_secret.")

    def needs(self, scopes: Iterable[str]) -> None:
        """Raise Refused (401, code 3) with the list of those that were not granted."""
        if missing := sorted(set(scopes) - self.scopes):
            raise missing_scopes(missing)


class World:
    """A small copy of the service: accounts with boards, sections, Pins and uploads, logins and limits."""

    def __init__(self, *, now: Callable[[], float], settings: Settings | None = None, seed: int = 1) -> None:
        self.lock = RLock()
        self.clock = Clock(now)
        self.settings = settings or Settings()
        self.logins = Logins(seed, self.clock.now, lambda: self.settings)
        self.limits = Limits()
        self.clear(seed)

    def clear(self, seed: int) -> None:
        """Empty this world of everything but its settings, its clock and its logins."""
        self.seed = seed
        self.accounts: dict[str, Account] = {}  # by username
        self.boards: dict[str, Board] = {}
        self.sections: dict[str, Section] = {}
        self.pins: dict[str, Pin] = {}
        self.media: dict[str, Media] = {}
        self.ad_accounts: dict[str, AdAccount] = {}
        self.campaigns: dict[str, Campaign] = {}
        self.ad_groups: dict[str, AdGroup] = {}
        self.ads: dict[str, Ad] = {}
        self.reports: dict[str, Report] = {}  # by token
        self.numbered_pins = 0  # how many Pins have been made from a number
        self.request_counts: Counter[tuple[str, str, int, str]] = Counter()  # method, template, status, account
        self._random = Random(seed)  # noqa: S311 (gaps between ids, not secrets)
        self._last_ids = dict(_FIRST_IDS)
        self._unlisted: dict[str, float] = {}  # id -> when listings will know of it
        self.limits.clear()

    def new_id(self, kind: str) -> str:
        """The next id of a kind: as many digits as all of its kind, greater than all before."""
        self._last_ids[kind] += self._random.randrange(1, 1000)
        return str(self._last_ids[kind])

    def account(self, username: str) -> Account:
        """The account of this name. Raises Refused (404) if there is none."""
        found = self.accounts.get(username)
        if found is None:
            raise no_user()
        return found

    def add_account(self, username: str, **details: object) -> Account:
        """A new account, or the one that has the name already."""
        if username not in self.accounts:
            self.accounts[username] = Account(self.new_id("account"), username, **details)  # type: ignore[arg-type]
        return self.accounts[username]

    @property
    def app(self) -> App:
        """The app that tokens belong to when nobody names another."""
        return self.logins.apps[DEFAULT_APP]

    def token_for(self, account: str, scopes: Iterable[str] = EVERY_SCOPE) -> str:
        """An access token of this account (a username) for these scopes; asked again, the same one.

        Raises Refused (404) if there is no such account.
        """
        with self.lock:
            return self.logins.standing_token(self.app, self.account(account).username, frozenset(scopes))

    def token_pair_for(self, account: str, scopes: Iterable[str] = EVERY_SCOPE) -> Issued:
        """Fresh tokens of this account (a username) that can be refreshed.

        Raises Refused (404) if there is no such account.
        """
        with self.lock:
            return self.logins.pair_for(self.app, self.account(account).username, frozenset(scopes))

    def caller(self, token: str) -> Caller:
        """Who an access token stands for. Raises Refused (401) for one that is not good."""
        access = self.logins.access(token)
        return Caller(
            self.account(access.family.account), access.family.app_id, access.scopes, access.family.kind == "client"
        )

    def sees_board(self, caller: Caller, board: Board) -> bool:
        """Whether a board is this caller's to read: own, or shared, and not a secret kept from the token."""
        name = caller.account.username
        mine = board.owner == name or name in board.collaborators
        return mine and (board.privacy != "SECRET" or "boards:read_secret" in caller.scopes)

    def sees_pin(self, caller: Caller, pin: Pin) -> bool:
        """Whether a Pin is this caller's to read."""
        board = self.boards[pin.board_id] if pin.board_id is not None else None
        if board is None:
            return pin.account == caller.account.username
        if board.privacy == "SECRET" and not caller.has("boards:read_secret", "pins:read_secret"):
            return False
        name = caller.account.username
        return name in (pin.account, board.owner) or name in board.collaborators

    def board(self, caller: Caller, id: str) -> Board:
        """A board the caller may read. Raises Refused (404) for any other."""
        found = self.boards.get(id)
        if found is None or not self.sees_board(caller, found):
            raise no_board()
        return found

    def section(self, board: Board, id: str) -> Section:
        """A section of this board. Raises Refused (404) for any other."""
        found = self.sections.get(id)
        if found is None or found.board_id != board.id:
            raise no_section()
        return found

    def pin(self, caller: Caller, id: str) -> Pin:
        """A Pin the caller may read. Raises Refused (404) for any other."""
        found = self.pins.get(id)
        if found is None or not self.sees_pin(caller, found):
            raise no_pin()
        return found

    def delay_listing(self, id: str) -> None:
        """Keep something new out of the listings for as long as the settings say."""
        if self.settings.listing_lag:
            self._unlisted[id] = self.clock.now() + self.settings.listing_lag

    def listed(self, id: str) -> bool:
        """Whether listings know of this already."""
        if not self._unlisted:
            return True
        due = self._unlisted.get(id)
        if due is None:
            return True
        if due <= self.clock.now():
            del self._unlisted[id]
            return True
        return False
