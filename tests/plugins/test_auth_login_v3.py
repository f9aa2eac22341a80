"""API v3 as it is described here, and its token endpoint in the sandbox."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from pinflow import Forbidden, MissingScope, RateLimited, RemoteError, SpamBlocked
from pinflow_pinterest_v3.api import API, operation
from pinflow_sandbox import Sandbox, Settings, start

if TYPE_CHECKING:
    from collections.abc import Iterator

REDIRECT = "http://localhost:8085/"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start(now=lambda: 1_800_000_000.0, settings=Settings(quotas=False)) as running:
        yield running


def code(sandbox: Sandbox, scope: str = "read_boards,read_users") -> str:
    """The code of a user who agreed."""
    query = {
        "client_id": sandbox.world.app.id,
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": scope,
        "state": "s",
    }
    page = requests.get(f"{sandbox.url}/oauth/", params=query, timeout=30)
    nonce = re.search(r'name="consent" value="([^"]+)"', page.text)
    assert nonce, page.text
    form = {"consent": nonce[1], "account": "garden_studio", "decision": "approve"}
    answer = requests.post(f"{sandbox.url}/oauth/", data=form, allow_redirects=False, timeout=30)
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


def ask(sandbox: Sandbox, body: str = "data", method: str = "PUT", **form: str) -> requests.Response:
    app = sandbox.world.app
    content: Any = {body: form}
    return requests.request(
        method, f"{sandbox.url}/v3/oauth/access_token/", auth=(app.id, app.secret), timeout=30, **content
    )


def exchange(sandbox: Sandbox, text: str, body: str = "data", **changed: str) -> requests.Response:
    form = {"grant_type": "authorization_code", "code": text, "redirect_uri": REDIRECT} | changed
    return ask(sandbox, body, **form)


@pytest.mark.parametrize("body", ["data", "json"])
def test_a_code_is_exchanged_for_tokens_in_v3s_envelope_whatever_form_the_body_has(sandbox: Sandbox, body: str) -> None:
    answer = exchange(sandbox, code(sandbox), body)
    found = answer.json()
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    assert (found["status"], found["scope"]) == ("success", "read_boards,read_users")
    assert sandbox.world.caller(found["access_token"]).account.username == "garden_studio"
    assert set(found) == {"status", "scope", "access_token", "data"} and set(found["data"]) == {"refresh_token"}


def test_the_refresh_token_stays_the_same_and_stays_good(sandbox: Sandbox) -> None:
    first = exchange(sandbox, code(sandbox)).json()
    kept = first["data"]["refresh_token"]
    second = ask(sandbox, grant_type="refresh_token", refresh_token=kept).json()
    third = ask(sandbox, grant_type="refresh_token", refresh_token=kept).json()
    assert len({first["access_token"], second["access_token"], third["access_token"]}) == 3
    assert second["data"]["refresh_token"] == third["data"]["refresh_token"] == kept


def test_a_code_is_good_once(sandbox: Sandbox) -> None:
    text = code(sandbox)
    assert exchange(sandbox, text).status_code == 200
    again = exchange(sandbox, text)
    assert (again.status_code, again.json()["status"]) == (401, "failure")


def test_a_code_for_scopes_of_v5_is_no_code_of_v3(sandbox: Sandbox) -> None:
    text = code(sandbox, "boards:read")
    assert exchange(sandbox, text).status_code == 401
    form = {"grant_type": "authorization_code", "code": text, "redirect_uri": REDIRECT}
    app = sandbox.world.app
    url = f"{sandbox.url}/v5/oauth/token"
    assert requests.post(url, data=form, auth=(app.id, app.secret), timeout=30).status_code == 200
    form["code"] = code(sandbox)
    assert requests.post(url, data=form, auth=(app.id, app.secret), timeout=30).status_code == 401


@pytest.mark.parametrize(
    ("changed", "status", "words"),
    [
        ({"redirect_uri": "http://localhost:1/"}, 403, "not match any of the registered redirect URIs"),
        ({"grant_type": "password"}, 400, "'grant_type' value 'password'"),
        ({"code": ""}, 400, "Missing required field 'code'"),
    ],
)
def test_v3s_token_errors_are_read_from_their_envelope(
    sandbox: Sandbox, changed: dict[str, str], status: int, words: str
) -> None:
    answer = exchange(sandbox, code(sandbox), **changed)
    found = answer.json()
    assert (answer.status_code, found["status"]) == (status, "failure") and words in found["data"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"grant_type": 1}'])
def test_a_body_that_is_no_object_of_texts_is_refused(sandbox: Sandbox, body: bytes) -> None:
    app = sandbox.world.app
    url = f"{sandbox.url}/v3/oauth/access_token/"
    headers = {"Content-Type": "application/json"}
    answer = requests.put(url, data=body, headers=headers, auth=(app.id, app.secret), timeout=30)
    assert (answer.status_code, answer.json()["status"]) == (400, "failure")


def test_a_wrong_method_or_secret_gets_no_v3_token(sandbox: Sandbox) -> None:
    assert ask(sandbox, method="POST", grant_type="refresh_token").status_code == 405
    url = f"{sandbox.url}/v3/oauth/access_token/"
    answer = requests.put(url, data={"grant_type": "x"}, auth=(sandbox.world.app.id, "sandbox_wrong"), timeout=30)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "id", "category"),
    [
        ("GET", "/users/me/", "GET /users/me/", "org_read"),
        ("get", "/boards/700000000000000123/pins/", "GET /boards/{}/pins/", "org_read"),
        ("PUT", "/boards/", "PUT /boards/", "org_write"),
        ("DELETE", "/pins/810000000000000001/", "DELETE /pins/{}/", "org_write"),
        ("GET", "/partners/analytics/users/1/metrics/", "GET /partners/analytics/users/{}/metrics/", "org_analytics"),
    ],
)
def test_a_call_of_v3_counts_against_its_category(method: str, path: str, id: str, category: str) -> None:
    found = operation(method, path)
    assert found is not None and (found.id, found.category) == (id, category)


def test_a_path_without_the_slash_at_its_end_is_no_call_of_v3() -> None:
    assert operation("GET", "/users/me") is None


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, {"status": "failure", "code": 7, "message": "You are not permitted.", "data": None}, Forbidden),
        (401, {"status": "failure", "code": 3, "message": "Missing: ['x']", "data": None}, MissingScope),
        (401, {"status": "failure", "code": 2, "message": "Authentication failed.", "data": None}, RemoteError),
        (429, {"status": "failure", "code": 8, "message": "Too many requests", "data": None}, RateLimited),
        (429, {"status": "failure", "code": 8, "message_detail": "blocked to combat spam"}, SpamBlocked),
        (404, {"status": "failure", "code": 40, "message": "Board not found."}, RemoteError),
    ],
)
def test_an_error_of_v3_is_the_narrowest_exception_with_the_services_words(
    status: int, body: dict[str, Any], kind: type[RemoteError]
) -> None:
    error = API.read_error(status, {"x-pinterest-rid": "77"}, body)
    assert type(error) is kind and (error.code, error.request_id) == (body["code"], "77")
    assert str(body.get("message_detail") or body["message"]) in error.text
