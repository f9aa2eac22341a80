"""Token endpoints and refreshes against a strict sandbox: each answer there can be, and what becomes of the file."""

from __future__ import annotations

import base64
import json
import re
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl

import pytest
import requests

from pinflow import Api, CredentialError, CredentialRequest, OAuth, PinflowError, RateLimited, Unreachable
from pinflow_auth.endpoint import (
    GrantInDoubt,
    GrantRefused,
    app_credentials,
    ask_client_credentials,
    ask_exchange,
    ask_refresh,
    ask_revoke,
)
from pinflow_auth.refresh import forecast_refresh, refresh
from pinflow_auth.store import find_tokens, save_tokens
from pinflow_pinterest_v5.api import API
from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.server.messages import ConnectionDropped, HttpRequest, HttpResponse
from pinflow_sandbox.world.logins import ConsentRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = 1_800_000_000.0
DAY = 86_400.0
URI = "http://localhost:8085/"
TOKEN_PATH = "/v5/oauth/token"


class Bench:
    """A sandbox, the file "t" with fresh tokens of it, and whatever stands between."""

    def __init__(self) -> None:
        self.now = NOW
        self.calls: list[HttpRequest] = []
        self.fault: Callable[[HttpRequest, Callable[[], HttpResponse]], HttpResponse] | None = None
        self.sandbox: Sandbox = start(
            now=lambda: self.now, settings=Settings(quotas=False, refused_grant_status=401), faults=self._between
        )
        self.environ = self.sandbox.environment(("t",))
        del self.environ["T"]
        self.folder = Path(self.environ["PINTEREST_OAUTH_TOKEN_DIR"])
        self.path = self.folder / "t.json"
        self.first = self.content()

    def _between(self, call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        self.calls.append(call)
        return apply() if self.fault is None or call.path != TOKEN_PATH else self.fault(call, apply)

    def request(self, api: Api = API, /, **environ: str) -> CredentialRequest:
        return CredentialRequest(
            api=api, token="t", scopes=frozenset(), environ=self.environ | environ, clock=lambda: self.now
        )

    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.path.read_text())
        return found

    def change(self, **changed: object) -> None:
        self.path.write_text(json.dumps({**self.content(), **changed}))

    def answer(self, body: object, status: int = 200, **headers: str) -> None:
        """Let the token endpoint answer this, without having done anything."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        self.fault = lambda call, apply: HttpResponse(status, raw, headers=named)

    def lose(self, *, applied: bool, sent: int = 0) -> None:
        """Let the answers of the token endpoint get lost, after ``sent`` bytes of them."""

        def drop(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
            raise ConnectionDropped(apply() if applied else HttpResponse(500), sent=sent)

        self.fault = drop

    def asked(self) -> int:
        return sum(call.path == TOKEN_PATH for call in self.calls)

    def works(self, token: str) -> bool:
        url = f"{self.sandbox.url}/v5/user_account"
        return requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code == 200

    def code(self, scopes: str = "boards:read", uri: str = URI) -> str:
        world = self.sandbox.world
        return world.logins.issue_code(ConsentRequest(world.app.id, uri, frozenset([scopes]), None), "garden_studio")

    def secrets(self) -> list[str]:
        found = [self.sandbox.world.app.secret, self.first["access_token"], self.first["refresh_token"]]
        return [*found, base64.b64encode(f"{self.sandbox.world.app.id}:{found[0]}".encode()).decode()]


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.sandbox.stop()


def failure(bench: Bench, work: Callable[[], object], kind: type[PinflowError] = CredentialError) -> PinflowError:
    """What ``work`` raises; nothing of it, and of what led to it, has a secret."""
    with pytest.raises(kind) as caught:
        work()
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value)
    assert not [secret for secret in bench.secrets() if secret in told]
    assert "\n" not in caught.value.message
    return caught.value


# a refresh that works


def test_a_refresh_stores_all_that_came_with_it(bench: Bench) -> None:
    bench.now += 10 * DAY
    tokens, refreshed = refresh(bench.request())
    kept = bench.content()
    assert refreshed
    assert find_tokens(bench.request()) == tokens
    assert kept["refresh_token"] != bench.first["refresh_token"]
    assert kept["access_token"] == tokens.access_token
    assert kept["expires_at"] == "2027-02-24T08:00:00Z"
    assert kept["refresh_expires_at"] == "2027-03-26T08:00:00Z"
    assert kept["issued_at"] == "2027-01-25T08:00:00Z"
    assert (kept["api"], kept["origin"], kept["app_id"]) == ("v5", bench.sandbox.url, bench.sandbox.world.app.id)
    assert kept["account"] == "garden_studio"
    assert bench.works(tokens.access_token)


def test_the_service_is_asked_as_its_documents_say(bench: Bench) -> None:
    refresh(bench.request())
    (call,) = bench.calls
    app = bench.sandbox.world.app
    assert (call.method, call.path) == ("POST", TOKEN_PATH)
    assert call.header("authorization") == "Basic " + base64.b64encode(f"{app.id}:{app.secret}".encode()).decode()
    assert call.header("content-type") == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(call.body.decode())) == {
        "grant_type": "refresh_token",
        "refresh_token": bench.first["refresh_token"],
        "continuous_refresh": "true",
    }


def test_many_refreshes_in_a_row_each_start_from_the_last(bench: Bench) -> None:
    seen = {refresh(bench.request())[0].refresh_token for _ in range(5)}
    assert len(seen) == 5
    assert bench.asked() == 5


def test_a_refresh_leaves_nothing_beside_the_file_but_its_lock(bench: Bench) -> None:
    refresh(bench.request())
    assert sorted(each.name for each in bench.folder.iterdir()) == ["t.json", "t.lock"]


@pytest.mark.parametrize(
    ("within", "ends", "refresh_ends", "due"),
    [
        (10 * DAY, 11 * DAY, 60 * DAY, False),
        (10 * DAY, 9 * DAY, 60 * DAY, True),
        (10 * DAY, 10 * DAY, 60 * DAY, True),
        (10 * DAY, 30 * DAY, 9 * DAY, True),
        (10 * DAY, 30 * DAY, None, False),
        (10 * DAY, None, None, True),  # unknown, as in files of the vendor's scripts
        (0.0, 1.0, None, False),
        (0.0, -1.0, None, True),
        (None, 30 * DAY, 60 * DAY, True),
    ],
)
def test_a_token_is_refreshed_if_it_ends_in_time(
    bench: Bench, within: float | None, ends: float | None, refresh_ends: float | None, due: bool
) -> None:
    at = {"expires_at": ends, "refresh_expires_at": refresh_ends}
    bench.change(**{name: None if after is None else NOW + after for name, after in at.items()})
    assert forecast_refresh(bench.request(), within=within)[1] is due
    assert bench.asked() == 0
    assert refresh(bench.request(), within=within)[1] is due
    assert bench.asked() == int(due)


def test_a_file_of_the_vendors_scripts_is_refreshed_and_bound_to_where_that_was(bench: Bench) -> None:
    first = {key: bench.first[key] for key in ("name", "access_token", "refresh_token", "scopes")}
    bench.path.write_text(json.dumps(first))
    refresh(bench.request())
    assert bench.content()["origin"] == bench.sandbox.url


def test_facts_that_a_refresh_answer_lacks_stay_unchanged(bench: Bench) -> None:
    bench.answer({"access_token": "a2", "expires_in": 100})
    refresh(bench.request())
    kept = bench.content()
    assert kept["access_token"] == "a2"
    assert kept["expires_at"] == "2027-01-15T08:01:40Z"
    for key in ("refresh_token", "scopes", "account"):
        assert kept[key] == bench.first[key]
    assert kept["refresh_expires_at"] == bench.first["refresh_expires_at"].replace("+00:00", "Z")


BAD_LIVES: list[object] = [0, -1, None, "soon", "2592000", 10**30, 1e300, True, [], {}, "NaN"]


@pytest.mark.parametrize("life", BAD_LIVES)
def test_a_life_that_makes_no_sense_is_not_believed_and_loses_no_token(bench: Bench, life: object) -> None:
    body = {"access_token": "a2", "refresh_token": "r2", "expires_in": life, "refresh_token_expires_in": life}
    text = json.dumps(body)
    bench.answer(text.replace('"NaN"', "NaN").encode())
    refresh(bench.request())
    kept = bench.content()
    assert (kept["access_token"], kept["refresh_token"]) == ("a2", "r2")
    assert kept["expires_at"] == "2027-02-14T08:00:00Z"  # the usual thirty days
    assert "refresh_expires_at" not in kept


def test_a_moment_is_taken_where_there_is_no_life(bench: Bench) -> None:
    bench.answer({"access_token": "a2", "refresh_token": "r2", "refresh_token_expires_at": 1_900_000_000})
    refresh(bench.request())
    assert bench.content()["refresh_expires_at"] == "2030-03-17T17:46:40Z"


def test_a_token_without_a_refresh_token_is_not_asked_for(bench: Bench) -> None:
    bench.change(refresh_token=None)
    error = failure(bench, lambda: refresh(bench.request()))
    assert error.message == f"the token 't' (file {bench.path}) has no refresh token"
    assert error.hint == "sign in again: pinflow auth login t"
    assert bench.asked() == 0


def test_a_variables_token_can_not_be_refreshed(bench: Bench) -> None:
    bench.path.unlink()
    error = failure(bench, lambda: refresh(bench.request(T="of-the-environment")))
    assert error.message == "there is no token file for 't', and only tokens in files can be refreshed"


# where tokens may go


def test_a_refresh_token_is_not_sent_to_another_origin(bench: Bench) -> None:
    bench.change(origin="https://api.pinterest.com")
    error = failure(bench, lambda: refresh(bench.request()))
    assert "is for https://api.pinterest.com and is not sent to http://127.0.0.1:" in error.message
    assert bench.calls == []


def test_a_refresh_token_is_not_spent_with_another_app(bench: Bench) -> None:
    bench.change(app_id="99")
    error = failure(bench, lambda: refresh(bench.request()))
    assert "belongs to the app 99, but PINTEREST_APP_ID and PINTEREST_APP_SECRET to the app" in error.message
    assert bench.calls == []
    assert not bench.path.with_name("t.refreshing").exists()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(bench: Bench, status: int) -> None:
    with start() as other:
        bench.answer({}, status, Location=f"{other.url}/v5/oauth/token")
        error = failure(bench, lambda: refresh(bench.request()))
        assert f"redirects (HTTP {status}), and secrets are not sent after a redirect" in error.message
        assert other.connections == 0
    assert bench.content() == bench.first


def test_the_environments_proxies_and_passwords_are_not_heard_of(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert refresh(bench.request())[1]


# the app's own credentials


def test_the_pair_for_this_version_counts_when_it_is_whole(bench: Bench) -> None:
    environ = {"PINTEREST_V5_APP_ID": "5", "PINTEREST_V5_APP_SECRET": "s5"}
    assert app_credentials(bench.request(**environ)).id == "5"
    assert app_credentials(bench.request(PINTEREST_V5_APP_ID="5")).id == bench.sandbox.world.app.id
    assert "s5" not in repr(app_credentials(bench.request(**environ)))


@pytest.mark.parametrize(
    ("unset", "named"),
    [
        (["PINTEREST_APP_ID"], "PINTEREST_APP_ID"),
        (["PINTEREST_APP_SECRET"], "PINTEREST_APP_SECRET"),
        (["PINTEREST_APP_ID", "PINTEREST_APP_SECRET"], "PINTEREST_APP_ID and PINTEREST_APP_SECRET"),
    ],
)
def test_missing_credentials_of_the_app_are_named(bench: Bench, unset: list[str], named: str) -> None:
    error = failure(bench, lambda: refresh(bench.request(**dict.fromkeys(unset, ""))))
    assert error.message == f"the app's credentials for Pinterest API v5 are missing: {named}"
    assert error.hint == (
        "set PINTEREST_APP_ID and PINTEREST_APP_SECRET; "
        "common/scripts/api_app_credentials.template shows how to store them"
    )
    assert bench.calls == []


@pytest.mark.parametrize("value", ["a b", "a\n", "\u00e4"])
def test_credentials_of_the_app_that_can_not_be_sent_are_named(bench: Bench, value: str) -> None:
    error = failure(bench, lambda: refresh(bench.request(PINTEREST_APP_SECRET=value)))
    assert error.message == "PINTEREST_APP_SECRET is not one line of visible ASCII characters"


# refusals


@pytest.mark.parametrize("status", [400, 401])
def test_a_refresh_that_is_refused_keeps_the_file_and_asks_to_sign_in(bench: Bench, status: int) -> None:
    bench.sandbox.control.change(refused_grant_status=status)
    bench.change(refresh_token="pinr_sandbox_unknown")
    before = bench.content()
    error = failure(bench, lambda: refresh(bench.request()))
    assert error.message == (
        f"the token 't' (file {bench.path}) can't be refreshed: Pinterest API v5 refused to refresh the token 't': "
        f"Authentication failed. (HTTP {status}, code 2)"
    )
    assert error.hint == (
        "if PINTEREST_APP_ID and PINTEREST_APP_SECRET are right, the refresh token was used, ended or revoked: "
        "sign in again: pinflow auth login t"
    )
    assert error.exit_code == 4
    assert bench.content() == before
    assert not bench.path.with_name("t.refreshing").exists()


def test_a_wrong_app_secret_is_refused_and_costs_nothing(bench: Bench) -> None:
    error = failure(bench, lambda: refresh(bench.request(PINTEREST_APP_SECRET="sandbox-wrong")))
    assert "Authentication failed. (HTTP 401, code 2)" in error.message
    assert refresh(bench.request())[1]


def test_a_newer_token_that_somebody_stored_meanwhile_is_taken(bench: Bench) -> None:
    newer = {**bench.first, "access_token": "a-newer", "refresh_token": "r-newer"}

    def meanwhile(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        bench.path.write_text(json.dumps(newer))  # as scripts do that know of no lock
        return HttpResponse(400, b'{"code": 2, "message": "Authentication failed."}')

    bench.fault = meanwhile
    tokens, refreshed = refresh(bench.request())
    assert (tokens.access_token, refreshed) == ("a-newer", False)
    assert bench.content() == newer


def test_a_limit_says_so_and_changes_nothing(bench: Bench) -> None:
    bench.answer({"code": 8, "message": "You have exceeded your rate limit. Try again later."}, 429)
    failure(bench, lambda: refresh(bench.request()), RateLimited)
    bench.fault = None
    assert not bench.path.with_name("t.refreshing").exists()
    assert refresh(bench.request())[1]


def test_a_service_that_can_not_be_reached_is_told_from_one_that_refuses(bench: Bench) -> None:
    bench.sandbox.control.change()
    request = bench.request()
    folder = bench.folder
    kept = folder.parent / f"{folder.name}-kept"
    kept.mkdir(mode=0o700)
    (kept / "t.json").write_bytes(bench.path.read_bytes())
    (kept / "t.json").chmod(0o600)
    bench.sandbox.stop()
    moved = replace(request, environ={**request.environ, "PINTEREST_OAUTH_TOKEN_DIR": str(kept)})
    error = failure(bench, lambda: refresh(moved), Unreachable)
    assert "can't be reached to refresh the token 't'" in error.message
    assert error.message.endswith("; nothing was sent")
    assert sorted(each.name for each in kept.iterdir()) == ["t.json", "t.lock"]
    for each in kept.iterdir():
        each.unlink()
    kept.rmdir()


# doubt


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"null", b"[]", b'{"access_token": ', b'{"access_token": 5}', b'{"access_token": "a\\nb"}']
)
def test_a_success_that_can_not_be_read_is_a_doubt(bench: Bench, body: bytes) -> None:
    bench.answer(body)
    error = failure(bench, lambda: refresh(bench.request()), GrantInDoubt)
    assert "was asked to refresh the token 't', and it is unknown whether it did" in error.message
    assert bench.content() == bench.first
    assert bench.asked() == 1


@pytest.mark.parametrize("status", [408, 500, 502, 503])
def test_a_service_that_fails_inside_leaves_a_doubt_and_is_not_asked_again(bench: Bench, status: int) -> None:
    bench.answer({"code": status, "message": "Something went wrong"}, status)
    failure(bench, lambda: refresh(bench.request()), GrantInDoubt)
    assert bench.asked() == 1
    bench.fault = None
    assert refresh(bench.request())[1]  # it had done nothing
    assert not bench.path.with_name("t.refreshing").exists()


@pytest.mark.parametrize("sent", [0, 40, 150])
def test_a_lost_rotation_is_explained_once_the_service_refuses_the_old_token(bench: Bench, sent: int) -> None:
    bench.lose(applied=True, sent=sent)
    failure(bench, lambda: refresh(bench.request()), GrantInDoubt)
    assert bench.content() == bench.first
    bench.fault = None
    bench.now += 3600
    error = failure(bench, lambda: refresh(bench.request()))
    assert f"(file {bench.path}) can't be refreshed: rotation lost at 2027-01-15T08:00:00Z." in error.message
    assert error.hint == "sign in again: pinflow auth login t"
    assert bench.content() == bench.first


def test_a_lost_rotation_is_overcome_where_the_service_takes_the_old_token_once_more(bench: Bench) -> None:
    bench.sandbox.control.change(refresh_grace=600)
    bench.lose(applied=True)
    failure(bench, lambda: refresh(bench.request()), GrantInDoubt)
    bench.fault = None
    tokens, refreshed = refresh(bench.request())
    assert refreshed
    assert bench.works(tokens.access_token)
    assert not bench.path.with_name("t.refreshing").exists()


def test_signing_in_ends_a_lost_rotation(bench: Bench) -> None:
    bench.lose(applied=True)
    failure(bench, lambda: refresh(bench.request()), GrantInDoubt)
    bench.fault = None
    save_tokens(bench.request(), ask_exchange(bench.request(), bench.code()))
    assert not bench.path.with_name("t.refreshing").exists()
    assert refresh(bench.request())[1]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"at": 1}', '{"at": "x", "salt": "y", "digest": "z"}', "\x00"])
def test_a_note_that_tells_nothing_explains_nothing(bench: Bench, content: str) -> None:
    note = bench.path.with_name("t.refreshing")
    note.write_text(content)
    note.chmod(0o600)
    bench.change(refresh_token="pinr_sandbox_unknown")
    error = failure(bench, lambda: refresh(bench.request()))
    assert "rotation lost" not in error.message


def test_the_note_of_a_refresh_has_no_secret(bench: Bench) -> None:
    bench.lose(applied=True)
    failure(bench, lambda: refresh(bench.request()), GrantInDoubt)
    note = bench.path.with_name("t.refreshing")
    text = note.read_text()
    assert set(json.loads(text)) == {"at", "salt", "digest"}
    assert not [secret for secret in bench.secrets() if secret in text]
    assert note.stat().st_mode & 0o777 == 0o600


# other grants


def test_a_code_gives_tokens_that_can_be_kept_and_refreshed(bench: Bench) -> None:
    tokens = ask_exchange(bench.request(), bench.code())
    assert tokens.scope_set == frozenset({"boards:read"})
    assert parse_qs(bench.calls[-1].body.decode())["redirect_uri"] == [URI]
    save_tokens(bench.request(), tokens)
    assert refresh(bench.request())[1]


@pytest.mark.parametrize("case", ["used twice", "ended", "redirect", "secret"])
def test_a_code_that_is_refused_says_what_to_check(bench: Bench, case: str) -> None:
    code, uri, environ = bench.code(), URI, {}
    match case:
        case "used twice":
            ask_exchange(bench.request(), code)
        case "ended":
            bench.now += DAY
        case "redirect":
            uri = "http://localhost:9999/"
        case "secret":
            environ = {"PINTEREST_APP_SECRET": "sandbox_secret_wrong"}
    request = bench.request(**environ)
    error = failure(bench, lambda: ask_exchange(request, code, redirect_uri=uri), GrantRefused)
    assert error.message == (
        "Pinterest API v5 refused to exchange the code for tokens: Authentication failed. (HTTP 401, code 2)"
    )
    assert error.hint == (
        "a code works once, for some minutes: sign in again to get another. If that does not help, check that "
        "PINTEREST_APP_ID and PINTEREST_APP_SECRET or PINTEREST_V5_APP_ID and PINTEREST_V5_APP_SECRET are those "
        f"of the app, and that {uri} is exactly one of its redirect URIs"
    )
    assert code not in str(error)


def test_an_app_gets_a_token_of_its_own_and_another_in_its_place(bench: Bench) -> None:
    first = save_tokens(bench.request(), ask_client_credentials(bench.request(), ["boards:read", "pins:read"]))
    assert (first.refresh_token, first.refreshable) == (None, True)
    second, refreshed = refresh(bench.request())
    assert refreshed
    assert second.access_token != first.access_token
    assert second.scope_set == first.scope_set == frozenset({"boards:read", "pins:read"})
    assert bench.content()["grant"] == "client_credentials"
    assert dict(parse_qsl(bench.calls[-1].body.decode())) == {
        "grant_type": "client_credentials",
        "scope": "boards:read,pins:read",
    }


def test_an_unknown_scope_is_answered_with_those_that_there_are(bench: Bench) -> None:
    error = failure(bench, lambda: ask_client_credentials(bench.request(), ["boards:rad"]), GrantRefused)
    assert "unknown scopes: ['boards:rad']" in error.message
    assert error.hint.startswith("the scopes are: ads:read, ads:write, ")


def test_tokens_can_be_revoked(bench: Bench) -> None:
    tokens = find_tokens(bench.request())
    assert tokens is not None
    ask_revoke(bench.request(), tokens)
    assert not bench.works(tokens.access_token)


def test_a_service_that_does_not_revoke_says_so(bench: Bench) -> None:
    tokens = find_tokens(bench.request())
    assert tokens is not None
    failure(bench, lambda: ask_revoke(bench.request(), replace(tokens, refresh_token="sandbox-other")), GrantRefused)
    assert bench.works(tokens.access_token)


# what differs between versions is data


def dialect(**oauth: Any) -> Api:
    assert API.oauth is not None
    return replace(API, oauth=replace(API.oauth, **oauth))


def test_method_fields_and_the_places_of_answers_are_data(bench: Bench) -> None:
    api = dialect(
        token_method="PUT",
        refresh_fields={},
        access_seconds=None,
        answer={"access_token": ("access_token",), "refresh_token": ("data", "refresh_token"), "scope": ("scope",)},
    )
    bench.answer({"status": "success", "access_token": "a2", "scope": "x,y", "data": {"refresh_token": "r2"}})
    refresh(bench.request(api))
    assert bench.calls[-1].method == "PUT"
    assert set(parse_qs(bench.calls[-1].body.decode())) == {"grant_type", "refresh_token"}
    kept = bench.content()
    assert (kept["access_token"], kept["refresh_token"], kept["scopes"]) == ("a2", "r2", "x,y")
    assert "expires_at" not in kept


@pytest.mark.parametrize("data", [None, [], "x", {}, {"refresh_token": None}])
def test_an_answer_of_another_shape_keeps_what_was_there(bench: Bench, data: object) -> None:
    api = dialect(answer={"access_token": ("access_token",), "refresh_token": ("data", "refresh_token")})
    bench.answer({"access_token": "a2", "data": data})
    refresh(bench.request(api))
    assert bench.content()["refresh_token"] == bench.first["refresh_token"]


def test_an_api_without_tokens_of_its_own_says_so(bench: Bench) -> None:
    error = failure(bench, lambda: app_credentials(bench.request(replace(API, oauth=None))))
    assert error.message == "Pinterest API v5 gives out no tokens"


@pytest.mark.parametrize("what", [ask_client_credentials, ask_revoke])
def test_grants_that_an_api_lacks_are_not_requested(bench: Bench, what: Callable[..., object]) -> None:
    request = bench.request(dialect(client_credentials=False, revoke_path=""))
    given: object = ["boards:read"] if what is ask_client_credentials else find_tokens(request)
    failure(bench, lambda: what(request, given))
    assert bench.calls == []


@pytest.mark.parametrize(
    "echo",
    [
        '{{"code": 1, "message": "bad token {token}"}}',
        '{{"error": "invalid_grant", "error_description": "no such token: {token}"}}',
        '{{"code": 1, "message": "bad\\u001b[31m token\\n{token} {long}"}}',
    ],
)
def test_a_service_that_repeats_what_it_was_sent_gives_nothing_away(bench: Bench, echo: str) -> None:
    token, filler = bench.first["refresh_token"], "x" * 5000
    bench.answer(echo.format(token=token, long=filler).encode(), 400)
    tokens = find_tokens(bench.request())
    assert tokens is not None
    error = failure(bench, lambda: ask_refresh(bench.request(), tokens), GrantRefused)
    assert re.search("(bad|no such) ?.*token", error.message)
    assert error.message.isprintable()
    assert len(error.message) < 500


@pytest.mark.parametrize("status", [400, 429, 503])
def test_no_form_of_what_was_sent_is_repeated_whatever_the_status(bench: Bench, status: int) -> None:
    def repeat(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        sent = f"{call.header('authorization')} {call.body.decode()}"
        return HttpResponse(status, json.dumps({"code": 1, "message": f"what was sent: {sent}"}).encode())

    bench.fault = repeat
    app = app_credentials(bench.request())
    tokens = find_tokens(bench.request())
    assert tokens is not None
    odd = replace(tokens, refresh_token="pinr_sandbox_a/b+c==")
    with pytest.raises(PinflowError, match=r"what was sent: Basic \*\*\* .*refresh_token=\*\*\*") as caught:
        ask_refresh(bench.request(), odd)
    assert app.secret not in str(caught.value)


def test_oauth_data_of_the_api_is_that_of_its_documents() -> None:
    oauth = API.oauth
    assert isinstance(oauth, OAuth)
    assert oauth.default_scopes <= oauth.scopes
    assert len(oauth.scopes) == 19
    assert API.token_folder_variable == "PINTEREST_OAUTH_TOKEN_DIR"
