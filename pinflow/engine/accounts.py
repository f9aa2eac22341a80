"""The accounts that loops go through: one client for each during its turn, and how each turn ended.

A problem of one account is its own: a token that is missing or refused, a quota that
is used up, a spam block, an unknown outcome end that account's item, and the loop goes
on with the next. Only as many clients are open as there are turns at a time.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from pinflow.engine.results import AccountResult, ends_run
from pinflow.engine.run_frame import current_frame, frame
from pinflow.engine.totals import run_counts
from pinflow.errors import (
    DOUBT,
    FAILED,
    PAUSED,
    ActionError,
    CredentialError,
    Diverged,
    InDoubt,
    MissingScope,
    PinflowError,
    RateLimited,
    SpamBlocked,
)
from pinflow.events import Note
from pinflow.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow.engine.emitter import Emitter
    from pinflow.http.client import Client
    from pinflow.plan import ItemLogin
    from pinflow.state.protocol import Journal

_OWN = (CredentialError, MissingScope, RateLimited, SpamBlocked, InDoubt, Diverged)
_STATES = {FAILED: "failed", PAUSED: "paused", DOUBT: "in_doubt"}


class AccountTrouble(ActionError):
    """An error that ends the run elsewhere, and here only one account's item."""

    def __init__(self, cause: PinflowError) -> None:
        super().__init__(cause.message, hint=cause.hint)
        self.cause = cause


@dataclass(slots=True)
class _Entry:
    """The open clients of one token by API, and how many turns use them."""

    turns: int = 0
    clients: dict[str, Client] = field(default_factory=dict)
    opening: threading.Lock = field(default_factory=threading.Lock)  # one sign-in for all threads of a turn
    turn: threading.Lock = field(default_factory=threading.Lock)  # one turn at a time


@dataclass(slots=True)
class AccountTurn:
    """One item's turn. ``facts`` is what the loop collects of the item."""

    token: str
    status: str = "failed"
    error: PinflowError | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def end(self, status: str, error: PinflowError | None) -> tuple[str, PinflowError | None]:
        """How the item ended, and its error: one that is the account's own ends no more than the item."""
        self.status, self.error = status, error
        if error is not None and ends_run(error) and self._is_own(error):
            return status, AccountTrouble(error)
        return status, error

    def _is_own(self, error: PinflowError) -> bool:
        if not isinstance(error, _OWN):
            return False
        # an unknown outcome is an effect of the item; anything else tells whose call it was
        return error.login == self.token or (not error.login and isinstance(error, InDoubt | Diverged))


@dataclass(slots=True)
class Accounts:
    """Thread-safe. ``sign_in`` makes a token's client for one API; ``sign_out`` lets it go, and what it holds."""

    emit: Emitter
    sign_in: Callable[[str, ItemLogin], Client]
    sign_out: Callable[[str, str], object]
    calls: Callable[[str], Mapping[str, int]]  # of a token so far, by quota category
    journal: Journal | None
    covers: Callable[[str], bool] = lambda token: True  # whether the run may work for a token's account
    # the lock guards all below it, and is never held during a call
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _entries: dict[str, _Entry] = field(init=False, default_factory=dict)
    _rows: dict[tuple[str, str], AccountResult | None] = field(init=False, default_factory=dict)  # None for one at work
    _errors: dict[str, list[PinflowError]] = field(init=False, default_factory=dict)  # by the path of the loop

    @property
    def rows(self) -> tuple[AccountResult, ...]:
        """How each account's item ended, in the order in which they began."""
        with self._lock:
            return tuple(row for row in self._rows.values() if row is not None)

    def begin(self, loop: str) -> None:
        """A loop begins, or is tried again: its earlier errors do not count."""
        with self._lock:
            self._errors.pop(loop, None)

    @contextmanager
    def turn(self, loop: str, key: str, token: str) -> Iterator[AccountTurn]:
        """Work for this account alone inside the block, and record how it ended. Other turns wait."""
        turn = AccountTurn(token)
        with self._lock:
            self._rows[loop, key] = None
        outer = current_frame().accounts
        # inside another turn nothing waits: two could wait for each other
        with self._use(token, alone=not outer), frame(accounts=outer | {token}):
            prefix = f"{loop}[{key}]."
            self.emit.tally.count_apart(prefix)
            before = self.calls(token)
            try:
                yield turn
            finally:
                error = turn.error
                calls = {name: n - before.get(name, 0) for name, n in self.calls(token).items()}
                row = AccountResult(
                    account=token,
                    loop=loop,
                    key=key,
                    status=turn.status if error is None else _STATES.get(error.exit_code, "failed"),
                    error=error,
                    counts=run_counts(self.emit.tally.take_counts(prefix), self.journal, f"{loop}[{key}]"),
                    calls={name: n for name, n in calls.items() if n},
                    facts=turn.facts,
                )
                with self._lock:
                    self._rows[loop, key] = row
                    if error is not None:
                        self._errors.setdefault(loop, []).append(error)

    def add_done(self, loop: str, key: str, token: str) -> None:
        """An earlier process of the run has done this item."""
        counts = run_counts({}, self.journal, f"{loop}[{key}]")
        row = AccountResult(account=token, loop=loop, key=key, status="already", counts=counts)
        with self._lock:
            self._rows.setdefault((loop, key), row)

    def skip_uncovered(self, loop: str, key: str, token: str) -> bool:
        """Whether this account has come since the run was approved: it is named, and left out."""
        if self.covers(token):
            return False
        text = f"the account of the token {token!r} was not there when this was approved, and is skipped"
        self.emit(Note, step=loop, text=f"{text}: approve it again to include it", level="warning")
        with self._lock:
            self._rows[loop, key] = AccountResult(account=token, loop=loop, key=key, status="skipped")
        return True

    def client(self, token: str, login: ItemLogin) -> Client:
        """The client of an account whose turn it is. Raises CredentialError."""
        with self._lock:
            entry = self._entries[token]
        with entry.opening:
            try:
                if login.api not in entry.clients:
                    entry.clients[login.api] = self.sign_in(token, login)
            except CredentialError as error:
                error.login = token
                raise
            return entry.clients[login.api]

    def loop_error(self, loop: str) -> PinflowError | None:
        """The error of a loop as a whole: an unknown outcome before failed before paused.

        None where the count of the failed items says enough.
        """
        errors = self._errors.get(loop, [])
        for error in errors:
            if error.exit_code == DOUBT:
                return error
        if not errors or any(error.exit_code != PAUSED for error in errors):
            return None
        waits = [wait for error in errors if (wait := getattr(error, "retry_after", None)) is not None]
        kind = SpamBlocked if all(isinstance(error, SpamBlocked) for error in errors) else RateLimited
        number = f"{len(errors)} accounts are" if len(errors) > 1 else "1 account is"
        return kind(
            f"{number} paused, the others are done; the first: {errors[0].message}",
            status=0,
            retry_after=min(waits, default=None),
            hint=errors[0].hint,
        )

    @contextmanager
    def _use(self, token: str, *, alone: bool) -> Iterator[None]:
        with self._lock:
            entry = self._entries.setdefault(token, _Entry())
            entry.turns += 1
        try:
            with entry.turn if alone else nullcontext():
                yield
        finally:
            with self._lock:
                entry.turns -= 1
                if not entry.turns:
                    del self._entries[token]
                    for api in entry.clients:  # before the account's next turn signs in
                        self.sign_out(token, api)
