"""Token files: those of the vendor's scripts are read, pinflow's own can be read by those, and broken ones are told."""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import CredentialError, CredentialRequest
from pinflow_auth.store import find_all_tokens, find_tokens, remove_tokens, save_tokens
from pinflow_auth.tokens import TokenSet
from pinflow_pinterest_v5.api import API

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000.0
QUICKSTART = {
    "name": "access_token",
    "access_token": "a-secret",
    "refresh_token": "r-secret",
    "scopes": "b:read,p:read",
}


def ask(folder: Path, token: str = "access_token", **environ: str) -> CredentialRequest:
    return CredentialRequest(
        api=API, token=token, scopes=frozenset(), environ=environ, folders=[folder], clock=lambda: NOW
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tokens"
    made.mkdir(mode=0o700)
    return made


def put(folder: Path, content: object, name: str = "access_token") -> Path:
    path = folder / f"{name}.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(0o600)
    return path


def test_a_file_of_the_vendors_scripts_is_read(folder: Path) -> None:
    put(folder, QUICKSTART)
    found = find_tokens(ask(folder))
    assert found is not None
    assert (found.access_token, found.refresh_token) == ("a-secret", "r-secret")
    assert found.scope_set == frozenset({"b:read", "p:read"})
    assert (found.origin, found.expires_at, found.refreshable) == ("", None, True)


@pytest.mark.parametrize(
    ("recorded", "origin"),
    [
        ("https://api.example.com:443", "https://api.example.com"),  # as earlier versions recorded it
        ("https://api.example.com:8443", "https://api.example.com:8443"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://127.0.0.1:443", "http://127.0.0.1:443"),
    ],
)
def test_a_recorded_origin_loses_the_port_that_its_scheme_has_anyway(folder: Path, recorded: str, origin: str) -> None:
    put(folder, {**QUICKSTART, "origin": recorded})
    found = find_tokens(ask(folder))
    assert found is not None and found.origin == origin


@pytest.mark.parametrize("scopes", ["a:read b:read", "a:read,b:read", " a:read, b:read ", "a:read,,b:read"])
def test_scopes_come_with_commas_or_spaces(folder: Path, scopes: str) -> None:
    put(folder, {**QUICKSTART, "scopes": scopes})
    found = find_tokens(ask(folder))
    assert found is not None
    assert found.scope_set == frozenset({"a:read", "b:read"})


@pytest.mark.parametrize("missing", ["name", "refresh_token", "scopes"])
def test_keys_that_older_files_lack_may_lack(folder: Path, missing: str) -> None:
    put(folder, {key: value for key, value in QUICKSTART.items() if key != missing})
    found = find_tokens(ask(folder))
    assert found is not None
    assert found.access_token == "a-secret"


def test_a_token_keeps_the_name_that_it_was_asked_for_by(folder: Path) -> None:
    put(folder, {**QUICKSTART, "name": "someone_else"}, "mine")
    found = find_tokens(ask(folder, "mine"))
    assert found is not None
    assert found.name == "mine"


def test_token_files_have_the_keys_of_the_vendors_scripts(folder: Path) -> None:
    tokens = TokenSet(
        name="x", access_token="a-secret", refresh_token="r-secret", scopes="b:read p:read", expires_at=NOW, api="v5"
    )
    path = save_tokens(ask(folder), tokens).path
    assert path == folder / "access_token.json"
    written = json.loads(path.read_text())
    assert list(written)[:4] == ["name", "access_token", "refresh_token", "scopes"]
    assert [written[key] for key in list(written)[:4]] == ["access_token", "a-secret", "r-secret", "b:read p:read"]


def test_a_saved_token_is_found_as_it_was(folder: Path) -> None:
    tokens = TokenSet(
        name="access_token",
        access_token="a-secret",
        scopes="b:read",
        expires_at=NOW + 10,
        refresh_expires_at=NOW + 20,
        issued_at=NOW,
        origin="https://api.example.com",
        app_id="77",
        api="v5",
        account="garden",
        grant="client_credentials",
    )
    assert find_tokens(ask(folder)) is None
    kept = save_tokens(ask(folder), tokens)
    assert find_tokens(ask(folder)) == kept
    assert (kept.expires_at, kept.account, kept.refreshable) == (NOW + 10, "garden", True)


@pytest.mark.parametrize("moment", [1_800_000_000, "2027-01-15T08:00:00Z", "2027-01-15T09:00:00+01:00", 1.8e9])
def test_times_are_seconds_or_iso(folder: Path, moment: object) -> None:
    put(folder, {**QUICKSTART, "expires_at": moment})
    found = find_tokens(ask(folder))
    assert found is not None
    assert found.expires_at == NOW


NO_TIMES: list[object] = [0, -1, 10**30, 1e300, True, "soon", "", [], "9999-99-99"]

DEEP = "[" * 5000
BROKEN: list[tuple[object, str]] = [
    ("", "is empty"),
    ("  \n", "is empty"),
    ("{", "is not JSON"),
    ('{"access_token": "a-secret"', "is not JSON"),
    ('{"access_token": NaN}', "is not JSON"),
    (DEEP, "is not JSON"),
    ('{"expires_at": ' + "9" * 5000 + "}", "is not JSON"),
    ("a-secret", "is not JSON"),
    ("[1]", "is not a JSON object"),
    ('"a-secret"', "is not a JSON object"),
    ({}, "access_token is missing"),
    ({"access_token": None}, "access_token is missing"),
    ({"access_token": ""}, "access_token is missing"),
    ({"access_token": 7}, "access_token is not one line"),
    ({"access_token": ["a-secret"]}, "access_token is not one line"),
    ({"access_token": "a-secret\n"}, "access_token is not one line"),
    ({"access_token": "a-secret x"}, "access_token is not one line"),
    ({"access_token": "a-secr\u00e9t"}, "access_token is not one line"),
    ({**QUICKSTART, "refresh_token": 5}, "refresh_token is not one line"),
    ({**QUICKSTART, "refresh_token": "r\nr"}, "refresh_token is not one line"),
    ({**QUICKSTART, "scopes": ["b:read"]}, "scopes is not text"),
    ({**QUICKSTART, "name": 7}, "name is not text"),
    ({**QUICKSTART, "origin": {}}, "origin is not text"),
    ({**QUICKSTART, "storage": "cloud"}, "must be file or keyring"),
    *(
        ({**QUICKSTART, key: value}, f"{key} is not a time")
        for key in ("expires_at", "refresh_expires_at", "issued_at")
        for value in NO_TIMES
    ),
]


@pytest.mark.parametrize(("content", "problem"), BROKEN)
def test_a_broken_file_is_an_error_that_says_what_is_wrong(folder: Path, content: object, problem: str) -> None:
    path = put(folder, content)
    if content == DEEP:
        gc.collect()  # what is left of other tests must not end where the stack is full
    with pytest.raises(CredentialError, match=problem) as caught:
        find_tokens(ask(folder))
    assert str(path) in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.hint


def test_everything_wrong_is_told_at_once(folder: Path) -> None:
    put(folder, {"access_token": 1, "scopes": 2, "expires_at": "soon"})
    with pytest.raises(CredentialError) as caught:
        find_tokens(ask(folder))
    assert caught.value.message.endswith(
        "access_token is not one line of visible ASCII characters; scopes is not text; expires_at is not a time"
    )


def test_a_token_file_is_no_bigger_than_tokens_are(folder: Path) -> None:
    put(folder, {**QUICKSTART, "more": "x" * 70_000})
    with pytest.raises(CredentialError, match=r"is too large: 70,1\d\d bytes"):
        find_tokens(ask(folder))


def test_the_repr_of_a_token_set_has_no_secret(folder: Path) -> None:
    put(folder, QUICKSTART)
    shown = repr(find_tokens(ask(folder))) + "".join(map(repr, find_all_tokens(ask(folder))))
    assert "secret" not in shown
    assert "access_token.json" in shown


@pytest.mark.parametrize("content", ["{", {**QUICKSTART, "scopes": 7}, ""])
def test_signing_in_again_replaces_a_broken_file(folder: Path, content: object) -> None:
    put(folder, content)
    save_tokens(ask(folder), TokenSet(name="access_token", access_token="new"))
    found = find_tokens(ask(folder))
    assert found is not None
    assert found.access_token == "new"


def test_a_token_of_another_api_is_not_replaced(folder: Path) -> None:
    put(folder, {**QUICKSTART, "api": "v3"})
    kept = save_tokens(ask(folder), TokenSet(name="access_token", access_token="new", api="v5"))
    assert kept.path == folder / "access_token_v5.json"
    assert json.loads((folder / "access_token.json").read_text())["access_token"] == "a-secret"
    found = find_tokens(ask(folder))
    assert found is not None
    assert found.access_token == "new"


def test_a_new_token_goes_to_the_first_folder_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir(mode=0o700)
    request = CredentialRequest(
        api=API, token="t", scopes=frozenset(), environ={}, folders=[tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    )
    assert save_tokens(request, TokenSet(name="t", access_token="new")).path == tmp_path / "b" / "t.json"


def test_a_new_token_does_not_lie_loose_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    request = CredentialRequest(
        api=API, token="t", scopes=frozenset(), environ={}, folders=[tmp_path / "a", tmp_path / "b", tmp_path]
    )
    assert save_tokens(request, TokenSet(name="t", access_token="new")).path == tmp_path / "b" / "t.json"


def test_the_folder_that_the_environment_names_is_the_only_one(tmp_path: Path, folder: Path) -> None:
    put(folder, QUICKSTART)
    request = ask(folder, PINTEREST_OAUTH_TOKEN_DIR=str(tmp_path / "other"))
    assert find_tokens(request) is None
    assert save_tokens(request, TokenSet(name="x", access_token="new")).path == tmp_path / "other" / "access_token.json"


def test_a_removed_token_is_gone_and_only_that(folder: Path) -> None:
    path = put(folder, QUICKSTART)
    put(folder, QUICKSTART, "other")
    assert remove_tokens(ask(folder)) == path
    assert remove_tokens(ask(folder)) is None
    assert find_tokens(ask(folder)) is None
    assert find_tokens(ask(folder, "other")) is not None


def test_all_tokens_are_listed_broken_ones_with_their_problem(folder: Path) -> None:
    put(folder, QUICKSTART)
    put(folder, "{", "broken")
    put(folder, {**QUICKSTART, "api": "v3"}, "old")
    listed = list(find_all_tokens(ask(folder, BROKEN="pina_of_the_environment")))
    assert [(each.name, each.source, each.problem is None) for each in listed] == [
        ("broken", "environment variable BROKEN", True),
        ("access_token", f"file {folder / 'access_token.json'}", True),
        ("broken", f"file {folder / 'broken.json'}", False),
        ("old", f"file {folder / 'old.json'}", True),
    ]


def test_other_json_in_the_current_folder_is_no_broken_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, {"name": "a package"}, "package")
    put(tmp_path, QUICKSTART, "mine")
    assert [each.name for each in find_all_tokens(ask(tmp_path, PACKAGE="x"))] == ["mine"]


def test_the_written_content_is_what_was_promised(folder: Path) -> None:
    save_tokens(ask(folder), TokenSet(name="x", access_token="a", expires_at=NOW + 0.9, origin="https://h"))
    written: dict[str, Any] = json.loads((folder / "access_token.json").read_text())
    assert written == {
        "name": "access_token",
        "access_token": "a",
        "refresh_token": None,
        "scopes": "",
        "expires_at": "2027-01-15T08:00:00Z",
        "origin": "https://h",
    }
