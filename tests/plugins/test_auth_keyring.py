"""Tokens in the system's key store: only where somebody chose that, and never from one to the other in silence."""

from __future__ import annotations

import json
import sys
import threading
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from pinflow import CredentialError, CredentialRequest
from pinflow_auth import keyring_store
from pinflow_auth.refresh import refresh
from pinflow_auth.store import find_all_tokens, find_tokens, remove_tokens, save_tokens
from pinflow_auth.tokens import TokenSet
from pinflow_pinterest_v5.api import API
from pinflow_sandbox import Settings, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKENS = TokenSet(name="t", access_token="a-secret", refresh_token="r-secret", scopes="b:read")


class KeyStore(ModuleType):
    """What looks like the keyring library, with a key store of its own."""

    def __init__(self) -> None:
        super().__init__("keyring")
        self.entries: dict[tuple[str, str], str] = {}
        self.locked = False
        self.broken = False
        self.readonly = False
        self.released = threading.Event()

    def _gate(self) -> None:
        if self.broken:
            raise RuntimeError("r-secret is what the backend quotes")
        if self.locked:
            self.released.wait(30)

    def get_password(self, service: str, name: str) -> str | None:
        self._gate()
        return self.entries.get((service, name))

    def set_password(self, service: str, name: str, password: str) -> None:
        self._gate()
        if self.readonly:
            raise RuntimeError("not now")
        self.entries[service, name] = password

    def delete_password(self, service: str, name: str) -> None:
        self._gate()
        del self.entries[service, name]


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyStore]:
    made = KeyStore()
    monkeypatch.setitem(sys.modules, "keyring", made)
    yield made
    made.released.set()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tokens"
    made.mkdir(mode=0o700)
    return made


def ask(folder: Path, **environ: str) -> CredentialRequest:
    return CredentialRequest(api=API, token="t", scopes=frozenset(), environ=environ, folders=[folder])


def test_a_token_goes_to_the_key_store_when_that_is_chosen(keys: KeyStore, folder: Path) -> None:
    kept = save_tokens(ask(folder), TOKENS, storage="keyring")
    assert json.loads((folder / "t.json").read_text()) == {"name": "t", "storage": "keyring"}
    ((service, name),) = keys.entries
    assert (service, name) == ("pinflow", f"t in {folder}")
    assert find_tokens(ask(folder)) == kept
    assert kept.source == f"key store's entry for {folder / 't.json'}"
    assert (kept.access_token, kept.refresh_token) == ("a-secret", "r-secret")
    assert not [each for each in folder.iterdir() if "secret" in each.read_text()]


def test_the_environment_chooses_for_new_tokens(keys: KeyStore, folder: Path) -> None:
    save_tokens(ask(folder, PINFLOW_TOKEN_STORAGE="keyring"), TOKENS)
    assert len(keys.entries) == 1


@pytest.mark.parametrize("choice", [None, "keyring"])
def test_a_choice_holds_until_another_is_made(keys: KeyStore, folder: Path, choice: str | None) -> None:
    save_tokens(ask(folder), TOKENS, storage="keyring")
    save_tokens(ask(folder), TokenSet(name="t", access_token="second"))
    assert "second" in next(iter(keys.entries.values()))
    save_tokens(ask(folder), TokenSet(name="t", access_token="third"), storage="file")
    assert keys.entries == {}
    assert json.loads((folder / "t.json").read_text())["access_token"] == "third"


def test_an_unknown_token_storage_is_an_error(folder: Path) -> None:
    with pytest.raises(CredentialError, match="PINFLOW_TOKEN_STORAGE must be file or keyring"):
        save_tokens(ask(folder, PINFLOW_TOKEN_STORAGE="cloud"), TOKENS)
    assert find_tokens(ask(folder)) is None


def test_a_removed_token_is_gone_from_the_key_store(keys: KeyStore, folder: Path) -> None:
    save_tokens(ask(folder), TOKENS, storage="keyring")
    assert remove_tokens(ask(folder)) == folder / "t.json"
    assert keys.entries == {}
    assert find_tokens(ask(folder)) is None


def test_a_key_store_that_is_not_installed_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(CredentialError) as caught:
        save_tokens(ask(folder), TOKENS, storage="keyring")
    assert caught.value.hint == "install pinflow[keyring]"
    assert list(folder.glob("*.json")) == []


def test_a_key_store_that_fails_is_an_error_and_quotes_nothing(keys: KeyStore, folder: Path) -> None:
    save_tokens(ask(folder), TOKENS, storage="keyring")
    keys.broken = True
    with pytest.raises(CredentialError) as caught:
        find_tokens(ask(folder))
    assert caught.value.message == "the system's key store, which has the token 't', failed (RuntimeError)"
    assert "pinflow auth login t --storage file" in caught.value.hint
    assert "secret" not in str(caught.value)
    with pytest.raises(CredentialError):
        save_tokens(ask(folder), TOKENS)  # a file would be easy, and is not what was chosen
    assert json.loads((folder / "t.json").read_text())["storage"] == "keyring"


def test_a_key_store_that_waits_for_its_owner_is_not_waited_for_without_end(keys: KeyStore, tmp_path: Path) -> None:
    keys.locked = True
    with pytest.raises(CredentialError, match=r"did not answer within 0\.05 seconds"):
        keyring_store.load(tmp_path / "t.json", patience=0.05)


def test_an_entry_that_is_gone_is_an_error(keys: KeyStore, folder: Path) -> None:
    save_tokens(ask(folder), TOKENS, storage="keyring")
    keys.entries.clear()
    with pytest.raises(CredentialError, match="points at the system's key store, which has no such entry"):
        find_tokens(ask(folder))


@pytest.mark.parametrize("entry", ["", "{", '{"access_token": 1}'])
def test_an_entry_that_is_broken_is_an_error(keys: KeyStore, folder: Path, entry: str) -> None:
    save_tokens(ask(folder), TOKENS, storage="keyring")
    keys.entries[next(iter(keys.entries))] = entry
    with pytest.raises(CredentialError, match="key store's entry"):
        find_tokens(ask(folder))


def test_tokens_of_the_key_store_are_listed(keys: KeyStore, folder: Path) -> None:
    save_tokens(ask(folder), TOKENS, storage="keyring")
    (listed,) = find_all_tokens(ask(folder))
    assert listed.tokens is not None
    assert (listed.tokens.storage, listed.problem) == ("keyring", None)


def test_tokens_of_the_key_store_are_refreshed(keys: KeyStore) -> None:
    with start(settings=Settings(quotas=False)) as sandbox:
        environ = sandbox.environment(("t",))
        del environ["T"]
        request = CredentialRequest(api=API, token="t", scopes=frozenset(), environ=environ)
        first = find_tokens(request)
        assert first is not None
        save_tokens(request, first, storage="keyring")
        second, refreshed = refresh(request)
        assert refreshed
        assert second.storage == "keyring"
        assert find_tokens(request) == second
        keys.readonly = True
        sandbox.control.forget_requests()
        with pytest.raises(CredentialError, match="key store"):
            refresh(request)
        assert sandbox.control.requests() == []  # what can't be stored is not asked for
