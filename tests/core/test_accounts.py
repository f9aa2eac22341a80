"""Accounts that loops go through: one client each while it is its turn."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING, Any, cast

from pinflow.engine.accounts import Accounts
from pinflow.engine.emitter import Emitter

if TYPE_CHECKING:
    from pinflow.http.client import Client
    from pinflow.plan import ItemLogin


def test_an_account_whose_next_turn_begins_as_the_last_one_ends_is_signed_out_first() -> None:
    told: list[str] = []
    met = Event()  # the second turn has come as far as it can

    class Watched:
        """The lock of the accounts, which tells when somebody has to wait."""

        def __init__(self, lock: Any) -> None:
            self._lock = lock

        def __enter__(self) -> None:
            if not self._lock.acquire(blocking=False):
                met.set()
                self._lock.acquire()

        def __exit__(self, *what: object) -> None:
            self._lock.release()

    def sign_in(token: str, login: ItemLogin) -> Client:
        told.append("in")
        if len(told) > 1:
            met.set()
        return cast("Client", object())

    def sign_out(token: str, api: str) -> None:
        if second.ident is None:
            second.start()
            assert met.wait(20)
        told.append("out")

    emit = Emitter("r", [], lambda: 0.0)
    accounts = Accounts(emit, sign_in=sign_in, sign_out=sign_out, calls=lambda token: {}, journal=None)
    accounts._lock = Watched(accounts._lock)  # type: ignore[assignment]
    login = cast("ItemLogin", type("Login", (), {"api": "v5"}))

    def turn(key: str) -> None:
        with accounts.turn("each", key, "shop") as turn:
            accounts.client("shop", login)
            turn.end("ok", None)

    second = Thread(target=turn, args=["2"])
    turn("1")
    second.join(20)
    assert told == ["in", "out", "in", "out"]
