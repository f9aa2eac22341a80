# ruff: noqa: S101 - these are tests
"""The tests of a vault. They need the fixture ``make_vault``: a function that opens it as another process would."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from pinflow.state.records import StoredToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.state.protocol import Vault

    MakeVault = Callable[[], Vault]

_ASKED = "2026-11-25T12:00:00+00:00"


class VaultConformance:
    """Of `Vault`. ``service`` is one that the vault takes tokens of."""

    service = "v1"

    def _token(self, secret: str, name: str = "shop") -> StoredToken:
        content = json.dumps({"access_token": secret, "refresh_token": f"r-{secret}"}).encode()
        return StoredToken(self.service, name, content)

    def test_tokens_come_back_to_all_until_they_are_removed(self, make_vault: MakeVault) -> None:
        token = self._token("one")
        assert make_vault().find(self.service, "shop") is None
        make_vault().put(self._token("zero"))
        make_vault().put(token)
        make_vault().put(self._token("other", "cafe"))
        stored = make_vault().find(self.service, "shop")
        assert stored is not None
        assert (stored.service, stored.name, stored.content) == (token.service, token.name, token.content)
        assert sorted(make_vault().names()) == [(self.service, "cafe"), (self.service, "shop")]
        assert make_vault().remove(self.service, "shop")
        assert not make_vault().remove(self.service, "shop")
        assert make_vault().find(self.service, "shop") is None
        assert b"other" not in repr(make_vault().find(self.service, "cafe")).encode()

    def test_a_refresh_replaces_the_tokens_and_leaves_no_note(self, make_vault: MakeVault) -> None:
        make_vault().put(self._token("one"))
        with make_vault().turn(self.service, "shop") as turn:
            assert turn.token is not None
            assert (turn.token.content, turn.token.lost_at) == (self._token("one").content, "")
            turn.record_request(_ASKED)
            turn.replace(self._token("two").content)
        with make_vault().turn(self.service, "shop") as turn:
            assert turn.token is not None
            assert (turn.token.content, turn.token.lost_at) == (self._token("two").content, "")

    def test_a_refresh_that_was_cut_off_is_known_until_it_is_cleared(self, make_vault: MakeVault) -> None:
        make_vault().put(self._token("one"))
        with make_vault().turn(self.service, "shop") as turn:
            turn.record_request(_ASKED)
        for lost_at in (_ASKED, ""):
            with make_vault().turn(self.service, "shop") as turn:
                assert turn.token is not None
                assert (turn.token.content, turn.token.lost_at) == (self._token("one").content, lost_at)
                turn.clear_request()

    def test_a_turn_at_what_is_not_there_has_no_token(self, make_vault: MakeVault) -> None:
        with make_vault().turn(self.service, "shop") as turn:
            assert turn.token is None

    def test_who_waits_for_a_refresh_gets_its_tokens(self, make_vault: MakeVault) -> None:
        make_vault().put(self._token("one"))
        seen: list[bytes] = []

        def wait() -> None:
            with make_vault().turn(self.service, "shop") as turn:
                seen.append(turn.token.content if turn.token is not None else b"")

        with make_vault().turn(self.service, "shop") as turn:
            thread = threading.Thread(target=wait)
            thread.start()
            thread.join(0.05)
            assert (seen, thread.is_alive()) == ([], True)
            turn.record_request(_ASKED)
            turn.replace(self._token("two").content)
        thread.join()
        assert seen == [self._token("two").content]
