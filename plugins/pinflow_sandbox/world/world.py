"""The world of a sandbox: what exists in it, its clock, and who may see what. Each subject has its rules in a file.

Code that reads or changes a world must hold its ``lock``.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from threading import RLock
from typing import TYPE_CHECKING

from pinflow import dataclass
from pinflow_sandbox.control.settings import Settings
from pinflow_sandbox.server import errors
from pinflow_sandbox.world.clock import SandboxClock
from pinflow_sandbox.world.limits import RateLimits
from pinflow_sandbox.world.logins import EVERY_SCOPE, AppRegistration, LoginRegistry
from pinflow_sandbox.world.records import AccountRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pinflow_sandbox.world.logins import IssuedTokens
    from pinflow_sandbox.world.records import (
        AdAccountRecord,
        AdGroupRecord,
        AdRecord,
        BoardRecord,
        CampaignRecord,
        MediaRecord,
        PinRecord,
        Privacy,
        ReportRecord,
        SectionRecord,
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


@dataclass(frozen=True, slots=True)
class Caller:
    """The account, app and scopes that a request is sent with."""

    account: AccountRecord
    app_id: str
    scopes: frozenset[str]
    client: bool = False  # a client-credentials token

    def has(self, *scopes: str) -> bool:
        """Whether all of these scopes were granted."""
        return self.scopes.issuperset(scopes)

    def require_write(self, privacy: Privacy) -> None:
        """Raise ApiError (403) if the token may not change boards of this privacy."""
        if privacy == "SECRET" and not self.has("boards:write_secret"):
            raise errors.permission_denied("Secret boards need the scope boards:write_secret.")

    def require_scopes(self, scopes: Iterable[str]) -> None:
        """Raise ApiError (401, code 3) that lists the scopes that were not granted."""
        if missing := sorted(set(scopes) - self.scopes):
            raise errors.missing_scopes(missing)


class World:
    """A small copy of the service: accounts with boards, sections, Pins and uploads, logins and limits."""

    def __init__(self, *, now: Callable[[], float], settings: Settings | None = None, seed: int = 1) -> None:
        self.lock = RLock()  # requests come in many threads, and a rule may call another
        self.clock = SandboxClock(now)
        self.settings = settings or Settings()
        self.logins = LoginRegistry(seed, self.clock.now, lambda: self.settings)
        self.limits = RateLimits()
        self.clear(seed)

    def clear(self, seed: int) -> None:
        """Delete everything but settings, clock and logins."""
        self.seed = seed
        self.accounts: dict[str, AccountRecord] = {}  # by username
        self.boards: dict[str, BoardRecord] = {}
        self.sections: dict[str, SectionRecord] = {}
        self.pins: dict[str, PinRecord] = {}
        self.media: dict[str, MediaRecord] = {}
        self.ad_accounts: dict[str, AdAccountRecord] = {}
        self.campaigns: dict[str, CampaignRecord] = {}
        self.ad_groups: dict[str, AdGroupRecord] = {}
        self.ads: dict[str, AdRecord] = {}
        self.reports: dict[str, ReportRecord] = {}  # by token
        self.numbered_pins = 0  # Pins made from a number so far
        self.request_counts: Counter[tuple[str, str, int, str]] = Counter()  # method, template, status, account
        self._random = Random(seed)  # noqa: S311 (gaps between ids, not secrets)
        self._last_ids = dict(_FIRST_IDS)
        self._unlisted: dict[str, float] = {}  # id -> when listings show it
        self.limits.clear()

    def new_id(self, kind: str) -> str:
        """The next id of a kind: greater than all before, with as many digits."""
        self._last_ids[kind] += self._random.randrange(1, 1000)
        return str(self._last_ids[kind])

    def skip_ids(self, number: int) -> None:
        """Leave out so many ids of each kind: what is made from now on has none that an earlier sandbox gave."""
        for kind in self._last_ids:
            self._last_ids[kind] += number

    def account(self, username: str) -> AccountRecord:
        """The account of this name. Raises ApiError (404) if there is none."""
        account = self.accounts.get(username)
        if account is None:
            raise errors.user_not_found()
        return account

    def add_account(self, username: str, **details: object) -> AccountRecord:
        """A new account, or the existing one of this name."""
        if username not in self.accounts:
            self.accounts[username] = AccountRecord(self.new_id("account"), username, **details)  # type: ignore[arg-type]
        return self.accounts[username]

    @property
    def app(self) -> AppRegistration:
        """The app that tokens belong to by default."""
        return self.logins.apps[DEFAULT_APP]

    def token_for(self, account: str, scopes: Iterable[str] = EVERY_SCOPE) -> str:
        """An access token of this account (a username) for these scopes; the same on every call.

        Raises ApiError (404) if there is no such account.
        """
        with self.lock:
            return self.logins.standing_token(self.app, self.account(account).username, frozenset(scopes))

    def token_pair_for(self, account: str, scopes: Iterable[str] = EVERY_SCOPE) -> IssuedTokens:
        """New tokens of this account (a username) that can be refreshed.

        Raises ApiError (404) if there is no such account.
        """
        with self.lock:
            return self.logins.issue_pair(self.app, self.account(account).username, frozenset(scopes))

    def caller(self, token: str) -> Caller:
        """The caller that an access token stands for. Raises ApiError (401) for an invalid token."""
        access = self.logins.find_access_token(token)
        return Caller(
            self.account(access.family.account), access.family.app_id, access.scopes, access.family.kind == "client"
        )

    def board_of(self, pin: PinRecord) -> BoardRecord | None:
        """The board of a Pin; None if it is on a profile only."""
        return None if pin.board_id is None else self.boards[pin.board_id]

    def sees_board(self, caller: Caller, board: BoardRecord) -> bool:
        """Whether the caller may read a board: an own or shared one, a secret one only with the scope."""
        name = caller.account.username
        shared = board.owner == name or name in board.collaborators
        return shared and (board.privacy != "SECRET" or "boards:read_secret" in caller.scopes)

    def sees_pin(self, caller: Caller, pin: PinRecord) -> bool:
        """Whether the caller may read a Pin."""
        board = self.board_of(pin)
        if board is None:
            return pin.account == caller.account.username
        if board.privacy == "SECRET" and not caller.has("boards:read_secret", "pins:read_secret"):
            return False
        name = caller.account.username
        return name in (pin.account, board.owner) or name in board.collaborators

    def board(self, caller: Caller, id: str) -> BoardRecord:
        """A board the caller may read. Raises ApiError (404) for any other."""
        board = self.boards.get(id)
        if board is None or not self.sees_board(caller, board):
            raise errors.board_not_found()
        return board

    def section(self, board: BoardRecord, id: str) -> SectionRecord:
        """A section of this board. Raises ApiError (404) for any other."""
        section = self.sections.get(id)
        if section is None or section.board_id != board.id:
            raise errors.section_not_found()
        return section

    def pin(self, caller: Caller, id: str) -> PinRecord:
        """A Pin the caller may read. Raises ApiError (404) for any other."""
        pin = self.pins.get(id)
        if pin is None or not self.sees_pin(caller, pin):
            raise errors.pin_not_found()
        return pin

    def delay_listing(self, id: str) -> None:
        """Keep a new object out of listings for as long as the settings say."""
        if self.settings.listing_lag:
            self._unlisted[id] = self.clock.now() + self.settings.listing_lag

    def is_listed(self, id: str) -> bool:
        """Whether listings show this id yet."""
        due = self._unlisted.get(id)
        return due is None or due <= self.clock.now()
