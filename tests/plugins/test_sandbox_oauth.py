"""Consent, tokens, refresh and revocation as the sandbox speaks them, over a real socket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.seed.example import LEGACY_APP

if TYPE_CHECKING:
    from collections.abc import Iterator

REDIRECT = "http://localhost:8085/"
DAY = 86_400
# put together here, so that nothing in this file looks like a credential
REAL = "pina" + "_" + "AMAZ" * 12
SECRET_SHAPED = "0123456789abcdef" * 2 + "01234567"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start(now=lambda: 1_800_000_000.0, settings=Settings(quotas=False)) as running:
        yield running


class Browser:
    """Somebody who opens the consent page and presses a button on it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def open(self, **changed: str | None) -> requests.Response:
        query: dict[str, str | None] = {
            "client_id": self.sandbox.world.app.id,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": "boards:read,pins:read",
            "state": "a state & more=",
        }
        chosen = {name: value for name, value in (query | changed).items() if value is not None}
        return requests.get(f"{self.sandbox.url}/oauth/", params=chosen, timeout=30)

    def press(
        self, page: requests.Response, button: str = "approve", account: str = "garden_studio", **headers: str
    ) -> requests.Response:
        nonce = re.search(r'name="consent" value="([^"]+)"', page.text)
        assert nonce
        form = {"consent": nonce[1], "account": account, "decision": button}
        url = f"{self.sandbox.url}/oauth/"
        return requests.post(url, data=form, headers=headers, allow_redirects=False, timeout=30)

    def code(self, **changed: str | None) -> str:
        location = self.press(self.open(**changed)).headers["Location"]
        return parse_qs(urlsplit(location).query)["code"][0]


@pytest.fixture
def browser(sandbox: Sandbox) -> Browser:
    return Browser(sandbox)


def token(sandbox: Sandbox, app: str | None = None, path: str = "token", **form: str) -> requests.Response:
    registration = sandbox.world.logins.apps[app or sandbox.world.app.id]
    url = f"{sandbox.url}/v5/oauth/{path}"
    return requests.post(url, data=form, auth=(registration.id, registration.secret), timeout=30)


def exchange(sandbox: Sandbox, code: str, app: str | None = None, **form: str) -> requests.Response:
    return token(sandbox, app, **{"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, **form})


def refresh(sandbox: Sandbox, refresh_token: str, app: str | None = None, **form: str) -> requests.Response:
    return token(sandbox, app, **{"grant_type": "refresh_token", "refresh_token": refresh_token, **form})


def me(sandbox: Sandbox, access_token: str, path: str = "/boards") -> requests.Response:
    return requests.get(f"{sandbox.url}/v5{path}", headers={"Authorization": f"Bearer {access_token}"}, timeout=30)


def error(answer: requests.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("name", ["client_id", "consumer_id"])
def test_the_consent_page_lists_the_requested_scopes(browser: Browser, name: str) -> None:
    page = browser.open(**{"client_id": None, name: browser.sandbox.world.app.id})
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "boards:read" in page.text
    assert "pins:read" in page.text


def test_agreeing_redirects_with_a_code_and_the_unchanged_state(browser: Browser) -> None:
    answer = browser.press(browser.open())
    assert answer.status_code == 302
    target = urlsplit(answer.headers["Location"])
    query = parse_qs(target.query)
    assert f"{target.scheme}://{target.netloc}{target.path}" == REDIRECT
    assert query["state"] == ["a state & more="]
    assert query["code"][0].startswith("sandbox_code_")


def test_denying_redirects_with_an_error_and_no_code(browser: Browser) -> None:
    query = parse_qs(urlsplit(browser.press(browser.open(), "deny").headers["Location"]).query)
    assert query == {"state": ["a state & more="], "error": ["access_denied"]}


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": None},
        {"client_id": "1"},
        {"redirect_uri": "http://localhost:8085"},
        {"redirect_uri": "http://evil.example/"},
        {"redirect_uri": None},
        {"response_type": "token"},
        {"scope": None},
        {"scope": "boards:paint"},
    ],
)
def test_a_consent_request_that_differs_from_the_registration_is_not_redirected(
    browser: Browser, changed: dict[str, str | None]
) -> None:
    page = browser.open(**changed)
    assert page.status_code == 400
    assert "consent" not in page.text


def test_a_consent_page_can_be_answered_only_once(browser: Browser) -> None:
    page = browser.open()
    browser.press(page)
    assert browser.press(page).status_code == 400


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_another_website_can_not_agree_for_the_user(browser: Browser, headers: dict[str, str]) -> None:
    assert browser.press(browser.open(), **headers).status_code == 403


def test_the_consent_page_escapes_what_its_url_contains(browser: Browser) -> None:
    uri = "http://localhost:1/<script>"
    browser.sandbox.control.app("<script>", [uri])
    browser.sandbox.control.account("<script>")
    page = browser.open(client_id="<script>", redirect_uri=uri, state="<script>")
    assert page.status_code == 200
    assert "<script>" not in page.text


def test_a_code_is_exchanged_for_tokens_of_the_user_who_agreed(sandbox: Sandbox, browser: Browser) -> None:
    location = browser.press(browser.open(scope="user_accounts:read"), account="client_account").headers["Location"]
    code = parse_qs(urlsplit(location).query)["code"][0]
    tokens = exchange(sandbox, code).json()
    assert tokens["access_token"].startswith("pina_sandbox_")
    assert tokens["refresh_token"].startswith("pinr_sandbox_")
    assert (tokens["expires_in"], tokens["refresh_token_expires_in"]) == (30 * DAY, 60 * DAY)
    assert me(sandbox, tokens["access_token"], "/user_account").json()["username"] == "client_account"


def test_a_code_is_valid_only_once(sandbox: Sandbox, browser: Browser) -> None:
    code = browser.code()
    assert exchange(sandbox, code).status_code == 200
    assert error(exchange(sandbox, code)) == (401, 2)


def test_a_code_expires_after_ten_minutes(sandbox: Sandbox, browser: Browser) -> None:
    code = browser.code()
    sandbox.control.advance(600)
    assert error(exchange(sandbox, code)) == (401, 2)


def test_a_code_is_bound_to_its_app_and_redirect_uri(sandbox: Sandbox, browser: Browser) -> None:
    assert error(exchange(sandbox, browser.code(), LEGACY_APP)) == (401, 2)
    assert error(exchange(sandbox, browser.code(), redirect_uri="http://127.0.0.1:8085/")) == (401, 2)


def test_a_token_is_limited_to_its_granted_scopes(sandbox: Sandbox, browser: Browser) -> None:
    tokens = exchange(sandbox, browser.code(scope="pins:read")).json()
    answer = me(sandbox, tokens["access_token"])
    assert error(answer) == (401, 3)
    assert answer.json()["message"].endswith("Missing: ['boards:read']")


def test_an_access_token_expires_by_the_sandboxs_clock(sandbox: Sandbox, browser: Browser) -> None:
    tokens = exchange(sandbox, browser.code()).json()
    sandbox.control.advance(30 * DAY - 1)
    assert me(sandbox, tokens["access_token"]).status_code == 200
    sandbox.control.advance(1)
    assert error(me(sandbox, tokens["access_token"])) == (401, 2)


def test_a_refresh_gives_a_new_pair(sandbox: Sandbox, browser: Browser) -> None:
    first = exchange(sandbox, browser.code()).json()
    second = refresh(sandbox, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert second["response_type"] == "refresh_token"
    assert me(sandbox, second["access_token"]).status_code == 200


def test_reusing_a_refresh_token_revokes_its_whole_family(sandbox: Sandbox, browser: Browser) -> None:
    first = exchange(sandbox, browser.code()).json()
    second = refresh(sandbox, first["refresh_token"]).json()
    assert error(refresh(sandbox, first["refresh_token"])) == (401, 2)
    assert error(refresh(sandbox, second["refresh_token"])) == (401, 2)
    assert error(me(sandbox, second["access_token"])) == (401, 2)


def test_a_used_refresh_token_still_works_within_the_grace_period(sandbox: Sandbox, browser: Browser) -> None:
    sandbox.control.change(refresh_grace=30)
    first = exchange(sandbox, browser.code()).json()
    refresh(sandbox, first["refresh_token"])
    sandbox.control.advance(29)
    assert refresh(sandbox, first["refresh_token"]).status_code == 200
    sandbox.control.advance(1)
    assert error(refresh(sandbox, first["refresh_token"])) == (401, 2)


def test_each_refresh_token_is_valid_for_sixty_days(sandbox: Sandbox, browser: Browser) -> None:
    tokens = exchange(sandbox, browser.code()).json()
    for _ in range(3):
        sandbox.control.advance(59 * DAY)
        tokens = refresh(sandbox, tokens["refresh_token"]).json()
    sandbox.control.advance(60 * DAY)
    assert error(refresh(sandbox, tokens["refresh_token"])) == (401, 2)


def test_a_legacy_refresh_token_stays_the_same_until_its_year_is_over(sandbox: Sandbox, browser: Browser) -> None:
    first = exchange(sandbox, browser.code(client_id=LEGACY_APP), LEGACY_APP).json()
    assert first["refresh_token_expires_in"] == 365 * DAY
    sandbox.control.advance(100 * DAY)
    second = refresh(sandbox, first["refresh_token"], LEGACY_APP).json()
    assert second["refresh_token"] == first["refresh_token"]
    assert second["refresh_token_expires_in"] == 265 * DAY
    sandbox.control.advance(265 * DAY)
    assert error(refresh(sandbox, first["refresh_token"], LEGACY_APP)) == (401, 2)


@pytest.mark.parametrize("name", ["continuous_refresh", "refresh_on"])
def test_a_legacy_refresh_token_can_be_exchanged_for_a_continuous_one(
    sandbox: Sandbox, browser: Browser, name: str
) -> None:
    first = exchange(sandbox, browser.code(client_id=LEGACY_APP), LEGACY_APP).json()
    second = refresh(sandbox, first["refresh_token"], LEGACY_APP, **{name: "True"}).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["refresh_token_expires_in"] == 60 * DAY


def test_a_refresh_can_request_fewer_scopes_but_not_more(sandbox: Sandbox, browser: Browser) -> None:
    first = exchange(sandbox, browser.code()).json()
    assert error(refresh(sandbox, first["refresh_token"], scope="boards:write")) == (400, 1)
    assert refresh(sandbox, first["refresh_token"], scope="boards:read").json()["scope"] == "boards:read"


def test_client_credentials_act_as_the_apps_owner_without_a_refresh_token(sandbox: Sandbox) -> None:
    tokens = token(sandbox, grant_type="client_credentials", scope="boards:read,boards:write,user_accounts:read").json()
    assert tokens["access_token"].startswith("pinc_sandbox_")
    assert "refresh_token" not in tokens
    assert me(sandbox, tokens["access_token"], "/user_account").json()["username"] == "garden_studio"


def test_client_credentials_are_refused_by_operations_that_do_not_accept_them(sandbox: Sandbox) -> None:
    access = token(sandbox, grant_type="client_credentials", scope="pins:read").json()["access_token"]
    answer = me(sandbox, access, "/media")
    assert error(answer) == (401, 3)
    assert "client_credentials" in answer.json()["message"]


def test_a_revoked_access_token_is_refused(sandbox: Sandbox, browser: Browser) -> None:
    tokens = exchange(sandbox, browser.code()).json()
    assert token(sandbox, path="token/revoke", token=tokens["access_token"]).status_code == 200
    assert error(me(sandbox, tokens["access_token"])) == (401, 2)
    assert refresh(sandbox, tokens["refresh_token"]).status_code == 200


def test_revoking_a_refresh_token_revokes_its_access_token(sandbox: Sandbox, browser: Browser) -> None:
    tokens = exchange(sandbox, browser.code()).json()
    token(sandbox, path="token/revoke", token=tokens["refresh_token"])
    assert error(me(sandbox, tokens["access_token"])) == (401, 2)
    assert error(refresh(sandbox, tokens["refresh_token"])) == (401, 2)


def test_another_apps_token_cannot_be_revoked(sandbox: Sandbox, browser: Browser) -> None:
    access = exchange(sandbox, browser.code()).json()["access_token"]
    assert error(token(sandbox, LEGACY_APP, "token/revoke", token=access)) == (403, 29)


def test_the_token_endpoint_refuses_a_json_body(sandbox: Sandbox) -> None:
    app = sandbox.world.app
    answer = requests.post(
        f"{sandbox.url}/v5/oauth/token", json={"grant_type": "x"}, auth=(app.id, app.secret), timeout=30
    )
    assert error(answer) == (400, 1)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer x", "Basic !!", "Basic bm8tY29sb24=", "Basic MTQ4MDAwMTp3cm9uZw=="],  # made-up secret
)
def test_the_token_endpoint_refuses_an_app_without_its_credentials(sandbox: Sandbox, header: str) -> None:
    answer = requests.post(
        f"{sandbox.url}/v5/oauth/token",
        data={"grant_type": "client_credentials", "scope": "pins:read"},
        headers={"Authorization": header},
        timeout=30,
    )
    assert error(answer) == (401, 2)


@pytest.mark.parametrize("path", ["/v5/oauth/token/", "/oauth", "/oauth/token"])
def test_an_unknown_oauth_path_is_not_found(sandbox: Sandbox, path: str) -> None:
    assert requests.post(sandbox.url + path, data={}, timeout=30).status_code == 404


@pytest.mark.parametrize("missing", ["grant_type", "code", "redirect_uri"])
def test_the_token_endpoint_names_a_missing_field(sandbox: Sandbox, missing: str) -> None:
    form = {"grant_type": "authorization_code", "code": "x", "redirect_uri": REDIRECT}
    answer = token(sandbox, **{name: value for name, value in form.items() if name != missing})
    assert error(answer) == (400, 1)
    assert f"'{missing}'" in answer.json()["message"]


@pytest.mark.parametrize("status", [400, 401])
def test_the_settings_choose_the_status_of_a_refused_grant(sandbox: Sandbox, status: int) -> None:
    sandbox.control.change(refused_grant_status=status)
    assert refresh(sandbox, "unknown").status_code == status


@pytest.mark.parametrize("real", [REAL, REAL.replace("pina", "pinc"), SECRET_SHAPED])
def test_a_real_looking_bearer_token_is_refused_with_a_warning_and_not_kept(sandbox: Sandbox, real: str) -> None:
    answer = me(sandbox, real)
    assert error(answer) == (401, 2)
    assert "never send a real token" in answer.json()["message"]
    assert real not in answer.text
    assert real not in kept(sandbox)


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "refresh_token", "refresh_token": REAL.replace("pina", "pinr")},
        {"grant_type": "authorization_code", "code": SECRET_SHAPED, "redirect_uri": REDIRECT},
    ],
)
def test_a_real_looking_grant_is_refused_with_a_warning_and_not_kept(sandbox: Sandbox, form: dict[str, str]) -> None:
    answer = token(sandbox, **form)
    assert error(answer) == (401, 2)
    assert "never send a real token" in answer.json()["message"]
    assert not any(value in kept(sandbox) for name, value in form.items() if name in ("code", "refresh_token"))


def test_a_real_looking_app_secret_is_refused_with_a_warning(sandbox: Sandbox) -> None:
    answer = requests.post(
        f"{sandbox.url}/v5/oauth/token",
        data={"grant_type": "client_credentials", "scope": "pins:read"},
        auth=(sandbox.world.app.id, SECRET_SHAPED),
        timeout=30,
    )
    assert error(answer) == (401, 2)
    assert "never send a real token" in answer.json()["message"]
    assert SECRET_SHAPED not in kept(sandbox)


def kept(sandbox: Sandbox) -> str:
    """Everything that the sandbox remembers of its logins and its calls."""
    return repr(sandbox.world.logins) + repr(sandbox.control.requests()) + repr(sandbox.control.state())


def test_tokens_survive_a_reset(sandbox: Sandbox, browser: Browser) -> None:
    tokens = exchange(sandbox, browser.code()).json()
    sandbox.control.reset(7)
    assert me(sandbox, tokens["access_token"]).status_code == 200
