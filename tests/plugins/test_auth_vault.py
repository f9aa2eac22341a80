"""Vaults: the token files as one, and a refresh through any other."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pinflow import CredentialError, CredentialRequest, StoredToken
from pinflow_auth import refresh_marker
from pinflow_auth.file_vault import FileVault, load_tokens
from pinflow_auth.refresh import forecast_refresh, refresh
from pinflow_pinterest_v5.api import API
from pinflow_sandbox import Settings, start

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pinflow import Vault, VaultTurn
    from pinflow_sandbox import Sandbox

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


class MemoryVault:
    """A vault in memory; ``steps`` are what a refresh did with it."""

    def __init__(self, *tokens: StoredToken) -> None:
        self.tokens = {(token.service, token.name): token for token in tokens}
        self.steps: list[str] = []

    def find(self, service: str, name: str) -> StoredToken | None:
        return self.tokens.get((service, name))

    def put(self, token: StoredToken) -> None:
        self.tokens[token.service, token.name] = token

    def remove(self, service: str, name: str) -> bool:
        return self.tokens.pop((service, name), None) is not None

    def names(self) -> Sequence[tuple[str, str]]:
        return [*self.tokens]

    @contextmanager
    def turn(self, service: str, name: str) -> Iterator[MemoryTurn]:
        yield MemoryTurn(self, self.find(service, name))


class MemoryTurn:
    def __init__(self, vault: MemoryVault, token: StoredToken | None) -> None:
        self.token = token
        self._vault = vault

    def record_request(self, at: str) -> None:
        assert self.token is not None
        self._vault.steps.append(f"asked at {at}")
        self._vault.put(replace(self.token, lost_at=at))

    def clear_request(self) -> None:
        assert self.token is not None
        self._vault.steps.append("cleared")
        self._vault.put(replace(self.token, lost_at=""))

    def replace(self, content: bytes) -> None:
        assert self.token is not None
        self._vault.steps.append("replaced")
        self._vault.put(replace(self.token, content=content, version=self.token.version + 1, lost_at=""))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    running = start(now=lambda: NOW, settings=Settings(quotas=False, refused_grant_status=401))
    yield running
    running.stop()


@pytest.fixture
def request_(sandbox: Sandbox) -> CredentialRequest:
    environ = sandbox.environment(("t",))
    del environ["T"]
    return CredentialRequest(api=API, token="t", scopes=frozenset(), environ=environ, clock=lambda: NOW)


def token_path(request: CredentialRequest) -> Path:
    return Path(request.environ["PINTEREST_OAUTH_TOKEN_DIR"]) / "t.json"


def test_a_refresh_goes_through_any_vault_and_leaves_the_files_alone(request_: CredentialRequest) -> None:
    content = token_path(request_).read_bytes()
    vault = MemoryVault(StoredToken("v5", "t", content))
    tokens, refreshed = refresh(request_, vault=vault)
    assert refreshed
    assert vault.steps == ["asked at 2027-01-15T08:00:00Z", "replaced"]
    assert vault.tokens["v5", "t"].version == 1
    assert json.loads(vault.tokens["v5", "t"].content)["access_token"] == tokens.access_token
    assert forecast_refresh(request_, vault=vault) == (tokens, True)
    assert tokens.source == "vault's entry 't'"
    assert token_path(request_).read_bytes() == content


def test_a_refusal_of_tokens_whose_rotation_was_lost_says_when_it_was_lost(request_: CredentialRequest) -> None:
    content = json.loads(token_path(request_).read_bytes()) | {"refresh_token": "pinr.used"}
    vault = MemoryVault(StoredToken("v5", "t", json.dumps(content).encode(), lost_at="2027-01-14T07:00:00Z"))
    with pytest.raises(CredentialError, match="rotation lost at 2027-01-14T07:00:00Z"):
        refresh(request_, vault=vault)
    assert "cleared" not in vault.steps


def test_a_vault_without_the_token_is_an_error_that_says_how_to_sign_in(request_: CredentialRequest) -> None:
    with pytest.raises(CredentialError, match="no token file for 't'") as caught:
        refresh(request_, vault=MemoryVault())
    assert caught.value.hint.splitlines()[0] == "get one with: pinflow auth login t"


def test_the_file_vault_finds_stores_lists_and_removes_tokens_by_api_and_name(request_: CredentialRequest) -> None:
    files: Vault = FileVault(request_)
    stored = files.find("v5", "t")
    assert stored is not None and load_tokens(stored).account == "garden_studio"
    files.put(StoredToken("v5", "second", stored.content))
    assert files.names() == [("v5", "second"), ("v5", "t")]
    assert files.remove("v5", "second")
    assert not files.remove("v5", "second")
    assert files.find("v5", "second") is None


def test_a_file_turn_keeps_its_note_until_the_answer_is_stored(request_: CredentialRequest) -> None:
    path = token_path(request_)
    note = path.with_name("t.refreshing")
    with FileVault(request_).turn("v5", "t") as turn:
        assert turn.token is not None and turn.token.lost_at == ""
        turn.record_request("2027-01-15T08:00:00Z")
        assert note.is_file()
    with FileVault(request_).turn("v5", "t") as again:
        assert again.token is not None and again.token.lost_at == "2027-01-15T08:00:00Z"
        again.record_request("2027-01-15T09:00:00Z")  # the earlier note stays: it is the one that tells of a loss
        again.replace(again.token.content.replace(b"garden_studio", b"client_account"))
    assert not note.exists()
    tokens, _ = forecast_refresh(request_)
    assert tokens.account == "client_account" and refresh_marker.find(path, tokens) == ""


def test_a_file_turn_stores_no_answer_that_was_never_asked_for(request_: CredentialRequest) -> None:
    turn: VaultTurn
    with FileVault(request_).turn("v5", "t") as turn, pytest.raises(ValueError, match="record_request comes first"):
        turn.replace(b"{}")
    with FileVault(request_).turn("v5", "missing") as turn:
        assert turn.token is None
