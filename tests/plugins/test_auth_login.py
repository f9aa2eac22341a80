"""Signing in from the first word to the stored token, against a sandbox behind a real socket."""

from __future__ import annotations

import io
import json
import os
import re
import select
import shutil
import stat
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from pinflow import App, CredentialError, PinflowError
from pinflow.cli.parser import parser_of_offer
from pinflow.clock import Clock
from pinflow_auth import consent
from pinflow_auth.commands import login as login_command
from pinflow_auth.terminal import Terminal
from pinflow_pinterest_v3.api import API as V3
from pinflow_sandbox import Sandbox, Settings, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
DAY = 86_400
YES_OR_NO = 100  # characters that a question waits for
DEFAULTS = "boards:read, pins:read, user_accounts:read"


class Stream(io.StringIO):
    """A stream of a terminal, or of a pipe."""

    def __init__(self, text: str = "", *, terminal: bool) -> None:
        super().__init__(text)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


def press(url: str, button: str = "approve", account: str = "garden_studio") -> str:
    """What a person does: open the consent page and press a button. Where the browser goes then."""
    page = requests.get(url, timeout=30)
    nonce = re.search(r'name="consent" value="([^"]+)"', page.text)
    assert nonce, page.text
    form = {"consent": nonce[1], "account": account, "decision": button}
    answer = requests.post(url.partition("?")[0], data=form, allow_redirects=False, timeout=30)
    return answer.headers["Location"]


class Browser:
    """A browser whose person presses ``button``; keeps what it saw."""

    def __init__(self, button: str = "approve", account: str = "garden_studio") -> None:
        self.button, self.account = button, account
        self.urls: list[str] = []
        self.last: requests.Response | None = None

    def __call__(self, url: str) -> bool:
        self.urls.append(url)
        location = press(url, self.button, self.account)
        self.last = requests.get(location, allow_redirects=False, timeout=30)
        return True

    @property
    def asked(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.urls[-1]).query)


class User:
    """A person with an app at a sandbox, who types ``pinflow auth login ...``."""

    def __init__(self, sandbox: Sandbox, folder: Path, environ: Mapping[str, str], port: int) -> None:
        self.sandbox, self.folder, self.port = sandbox, folder, port
        self.environ = dict(environ)
        self.everything = ""  # that was ever said

    def app(self) -> App:
        app = App.installed(self.environ, clock=Clock(lambda: NOW))
        registry = replace(app.registry, apis={**app.registry.apis, "v3": V3})
        return App(registry, app._manager, self.environ, clock=Clock(lambda: NOW))

    def login(
        self,
        *words: str,
        browser: Callable[[str], bool] | None = None,
        typed: str = "y\n",
        terminal: bool = True,
        port: bool = True,
    ) -> Said:
        app = self.app()
        out, err = io.StringIO(), Stream(terminal=terminal)
        argv = ["login", *words, *(["--port", str(self.port)] if port else [])]
        try:
            args = parser_of_offer(app.registry.commands["auth"]).read(argv)
            user = Terminal(
                stdin=Stream(typed, terminal=terminal),
                stdout=out,
                stderr=err,
                output=args.output,
                no_input=args.no_input,
                quiet=args.quiet,
            )
            code = login_command.run(args, app, user, browser=browser or Browser())
        except PinflowError as error:
            code = error.exit_code
            err.write(f"error: {error}\n")
        said = Said(code, out.getvalue(), err.getvalue())
        self.everything += said.all
        return said

    def by_hand(self, *words: str, paste: Callable[[str], str] = press, terminal: bool = True) -> Said:
        """Sign in without a browser here: ``paste`` makes what is typed of the address that was printed."""
        typed = _Later(lambda: paste(re.findall(r"^  (http\S+)$", err.getvalue(), re.MULTILINE)[-1]), terminal)
        out, err = io.StringIO(), Stream(terminal=terminal)
        app = self.app()
        args = parser_of_offer(app.registry.commands["auth"]).read(["login", "--no-browser", *words])
        user = Terminal(stdin=typed, stdout=out, stderr=err, output=args.output, no_input=args.no_input)
        try:
            code = login_command.run(args, app, user)
        except PinflowError as error:
            code = error.exit_code
            err.write(f"error: {error}\n")
        self.everything += out.getvalue() + err.getvalue()
        return Said(code, out.getvalue(), err.getvalue())

    def file(self, name: str = "access_token") -> dict[str, Any]:
        found = json.loads((self.folder / f"{name}.json").read_text())
        assert isinstance(found, dict)
        return found

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("*.json"))

    def secrets(self) -> list[str]:
        """Every token, code and secret that the sandbox has given out."""
        logins = self.sandbox.world.logins
        given = [*logins._access, *logins._refresh, *logins._codes]
        return given + [app.secret for app in logins.apps.values()]


class _Later(io.StringIO):
    """Input that is made when it is read."""

    def __init__(self, make: Callable[[], str], terminal: bool) -> None:
        super().__init__()
        self._make, self._terminal = make, terminal

    def isatty(self) -> bool:
        return self._terminal

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        if size == YES_OR_NO:
            return "y\n"
        return self._make() + "\n"


@pytest.fixture
def user(tmp_path: Path, free_port: int) -> Iterator[User]:
    with start(now=lambda: NOW, settings=Settings(quotas=False)) as sandbox:
        uris = ["http://localhost:8085/", f"http://localhost:{free_port}/"]
        sandbox.control.app(sandbox.world.app.id, uris)
        folder = tmp_path / "tokens"
        environ = {
            **sandbox.environment(()),
            "PINTEREST_OAUTH_TOKEN_DIR": str(folder),
            "PINFLOW_STATE_DIR": str(tmp_path / "state"),
            "PINFLOW_CACHE_DIR": str(tmp_path / "cache"),
        }
        made = User(sandbox, folder, environ, free_port)
        yield made
        for secret in made.secrets():
            assert secret not in made.everything, "a secret was shown"


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_a_login_with_the_browser_keeps_the_token_and_says_what_it_is(user: User) -> None:
    said = user.login()
    assert said.code == 0, said.err
    assert said.out == (
        "Signed in as garden_studio (Pinterest API v5)\n"
        "  token    access_token\n"
        f"  stored   file {user.folder}/access_token.json\n"
        f"  scopes   {DEFAULTS}\n"
        "  access   ends in 30 days (2027-02-14); refreshed when due\n"
        "  refresh  ends in 60 days (2027-03-16)\n"
    )


def test_the_file_has_all_that_is_known_of_the_token_and_is_its_owners_alone(user: User) -> None:
    user.login("client", browser=Browser(account="client_account"))
    kept = user.file("client")
    assert {name: kept[name] for name in ("name", "account", "api", "origin", "expires_at")} == {
        "name": "client",
        "account": "client_account",
        "api": "v5",
        "origin": user.sandbox.url,
        "expires_at": "2027-02-14T08:00:00Z",
    }
    assert user.sandbox.world.caller(kept["access_token"]).account.username == "client_account"
    assert kept["refresh_token"] and kept["scopes"].split() == DEFAULTS.split(", ")
    assert stat.S_IMODE((user.folder / "client.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(user.folder.stat().st_mode) == 0o700


def test_the_consent_page_is_asked_with_every_value_encoded_and_a_state_nobody_guesses(user: User) -> None:
    browser, again = Browser(), Browser()
    user.login(browser=browser)
    user.login(browser=again)
    assert browser.urls[0].startswith(f"{user.sandbox.url}/oauth/?")
    assert f"redirect_uri=http%3A%2F%2Flocalhost%3A{user.port}%2F" in browser.urls[0]
    asked = browser.asked
    assert (asked["client_id"], asked["response_type"]) == ([user.sandbox.world.app.id], ["code"])
    assert (asked["scope"], asked["refreshable"]) == (["boards:read,pins:read,user_accounts:read"], ["true"])
    assert len(asked["state"][0]) == 43, "256 bits"
    assert asked["state"] != again.asked["state"]


def test_the_address_of_the_page_is_printed_as_well(user: User) -> None:
    browser = Browser()
    said = user.login(browser=browser)
    assert f"\n  {browser.urls[-1]}\n" in said.err


def test_the_browser_ends_on_our_page_or_where_the_variable_says(user: User) -> None:
    browser = Browser()
    user.login(browser=browser)
    assert browser.last is not None and browser.last.status_code == 200 and "Access was given" in browser.last.text
    user.environ["REDIRECT_LANDING_URI"] = "https://example.com/apps/1"
    user.login(browser=browser)
    assert (browser.last.status_code, browser.last.headers["Location"]) == (303, "https://example.com/apps/1")


def test_json_tells_programs_the_same_and_nothing_else_is_on_stdout(user: User) -> None:
    said = user.login("--output", "json")
    assert json.loads(said.out) == {
        "token": "access_token",
        "api": "v5",
        "account": "garden_studio",
        "source": f"file {user.folder}/access_token.json",
        "path": f"{user.folder}/access_token.json",
        "scopes": DEFAULTS.split(", "),
        "not_granted": [],
        "expires_at": "2027-02-14T08:00:00Z",
        "refresh_expires_at": "2027-03-16T08:00:00Z",
        "refreshable": True,
    }


def test_a_run_finds_the_token_of_the_login(user: User) -> None:
    user.login("--scopes", "user_accounts:read")
    app = user.app()
    result = app.run(app.plan(Path("get_user"), inputs={}))
    assert (result.ok, result.outputs["username"]) == (True, "garden_studio")


RECIPE = """
name: n
api: v5
auth:
  source: {token: reader}
  target: {token: writer}
steps:
  - uses: get_user
    auth: source
  - uses: create_board
    auth: target
    with: {name: A board}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


def test_a_recipe_says_what_each_token_must_be_allowed_besides_naming_the_account(user: User, recipe: Path) -> None:
    browser = Browser()
    asked = []
    for name in ("reader", "writer", "another"):
        assert user.login(name, "--recipe", str(recipe), browser=browser).code == 0
        asked.append(browser.asked["scope"][0])
    assert asked == ["user_accounts:read", *["boards:read,boards:write,user_accounts:read"] * 2]


def test_the_line_of_the_readme_asks_to_confirm_an_account_by_its_name(user: User) -> None:
    said = user.login("--recipe", "copy_board", typed="n\n")
    assert said.code == 4 and "Signed in as garden_studio. Store this token? [y/N]" in said.err
    assert "note: user_accounts:read is requested as well, to show whose account it is" in said.err


@pytest.mark.parametrize("api", ["v3", "v5"])
def test_the_scope_that_is_added_is_the_one_that_naming_the_account_needs(user: User, api: str) -> None:
    registry = user.app().registry
    action, oauth = registry.action(consent.ACCOUNT, api), registry.apis[api].oauth
    assert action is not None and oauth is not None
    assert oauth.account_scopes == action.scopes[""] != frozenset()


def run_once(user: User, uses: str, **arguments: Any) -> PinflowError | None:
    """How a run of one step ends."""
    path = user.folder.parent / f"{uses}.yaml"
    path.write_text(json.dumps({"name": "n", "api": "v5", "steps": [{"uses": uses, "with": arguments}]}))
    app = user.app()
    try:
        return app.run(app.plan(path, inputs={})).error
    except PinflowError as error:
        return error


def paste(user: User, error: PinflowError | None) -> Said:
    """Sign in as the error says."""
    assert isinstance(error, CredentialError)
    command = error.hint.removeprefix("get it with: ")
    assert command.startswith("pinflow auth login access_token --scopes ")
    return user.login(*command.split()[3:])


def test_a_suggestion_is_pasted_once_and_takes_nothing_away(user: User) -> None:
    assert paste(user, run_once(user, "create_board", name="One")).code == 0
    steps: list[tuple[str, dict[str, Any]]] = [("create_board", {"name": "Two"})]
    assert run_once(user, "create_board", name="Two") is None, "with no token, the first paste is enough"
    pasted = 0
    arguments: dict[str, Any] = {}
    for uses in ("get_user", "list_ad_accounts", "list_pins"):
        if (error := run_once(user, uses, **arguments)) is not None:
            said = paste(user, error)
            pasted += 1
            assert said.code == 0 and "won't have" not in said.err
        steps.append((uses, arguments))
        for number, (earlier, with_) in enumerate(steps):
            again = {"name": f"{uses} {number}"} if "name" in with_ else with_
            assert run_once(user, earlier, **again) is None, f"{earlier} after {uses}"
    assert pasted == 2, "of ads and of Pins"
    assert {"ads:read", "boards:write", "pins:read"} <= set(user.file()["scopes"].split())


def test_what_a_token_file_names_and_the_service_does_not_know_is_not_suggested(user: User) -> None:
    user.login("--scopes", "pins:read", "--recipe", "get_user")
    file = user.folder / "access_token.json"
    file.write_text(json.dumps(user.file() | {"scopes": "pins:read,old:thing"}))
    error = run_once(user, "create_board", name="One")
    assert "old:thing" not in str(error) and paste(user, error).code == 0
    assert run_once(user, "create_board", name="One") is None
    assert "pins:read" in user.file()["scopes"].split()


def test_signing_in_again_without_options_keeps_the_scopes(user: User) -> None:
    user.login("--recipe", "copy_board")
    scopes = set(user.file()["scopes"].split())
    assert "boards:write" in scopes
    said = user.login(typed="")
    assert said.code == 0 and "[y/N]" not in said.err
    assert set(user.file()["scopes"].split()) == scopes | set(DEFAULTS.split(", "))


LOST = "he token 'access_token' has boards:read, pins:read, which the new one won't have"


def test_a_token_is_replaced_by_one_with_fewer_scopes_only_after_a_question(user: User) -> None:
    user.login()
    before, browser = user.file(), Browser()
    said = user.login("--scopes", "user_accounts:read", browser=browser, typed="n\n")
    assert (said.code, browser.urls, user.file()) == (4, [], before)
    assert f"T{LOST}. Replace it? [y/N]" in said.err
    assert "to keep all: pinflow auth login access_token --scopes boards:read,pins:read,user_accounts:read" in said.err
    assert user.login("--recipe", "get_user", typed="n\n").code == 4
    assert user.login("--scopes", "user_accounts:read", typed="y\n").code == 0
    assert user.file()["scopes"] == "user_accounts:read"


def test_where_nobody_is_asked_fewer_scopes_are_a_warning(user: User) -> None:
    user.login()
    said = user.by_hand("--scopes", "user_accounts:read", terminal=False)
    assert said.code == 0 and f"warning: t{LOST}" in said.err
    assert user.file()["scopes"] == "user_accounts:read"


def test_scopes_that_were_not_given_on_the_page_are_asked_about_before_anything_is_stored(user: User) -> None:
    class Reluctant(Browser):
        def __call__(self, url: str) -> bool:
            return super().__call__(re.sub(r"scope=[^&]+", "scope=user_accounts:read", url))

    user.login()
    before = user.file()
    said = user.login(browser=Reluctant(), typed="n\n")
    assert said.code == 4 and user.file() == before and f"T{LOST}. Replace it? [y/N]" in said.err


def test_recipes_and_scopes_add_up(user: User, recipe: Path) -> None:
    browser = Browser()
    user.login("--recipe", "get_user", "--recipe", str(recipe), "--scopes", "ads:read pins:read", browser=browser)
    assert browser.asked["scope"] == ["ads:read,boards:read,boards:write,pins:read,user_accounts:read"]


def test_a_recipe_with_a_mistake_asks_nobody(user: User, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: n\napi: v5\nsteps:\n  - uses: get_usr\n")
    browser = Browser()
    said = user.login("--recipe", str(wrong), browser=browser)
    assert (said.code, browser.urls) == (2, []) and "wrong.yaml:4:" in said.err


def test_an_unknown_scope_names_what_was_meant_and_all_there_are(user: User) -> None:
    browser = Browser()
    said = user.login("--scopes", "boards:raed,pins:read,nonsense", browser=browser)
    assert (said.code, browser.urls) == (2, [])
    first, second = said.err.splitlines()
    assert first == ("error: Pinterest API v5 has no scope 'boards:raed' (did you mean 'boards:read'?), 'nonsense'")
    assert second.startswith("  the scopes are: ads:read, ads:write, ") and "pinflow auth scopes" in second


def test_without_the_account_scope_the_login_works_and_says_what_it_lacks(user: User) -> None:
    said = user.login("--scopes", "boards:read")
    assert said.code == 0 and said.out.startswith("Signed in (Pinterest API v5)\n")
    assert "note: the account's name can't be read without user_accounts:read" in said.err
    assert "account" not in user.file()


# -- what goes wrong, each with one message


def test_a_refusal_stores_nothing(user: User) -> None:
    browser = Browser("deny")
    said = user.login(browser=browser)
    assert said.code == 4 and user.files == []
    assert said.err.endswith(
        "error: access was denied on the consent page; nothing was stored\n  sign in again to allow it\n"
    )
    assert browser.last is not None and "Access was not given" in browser.last.text


def test_when_nobody_answers_in_time_the_login_ends(user: User) -> None:
    said = user.login("--timeout", "0s", browser=lambda url: True)
    assert said.code == 4 and "error: the consent page was not answered in time\n" in said.err and user.files == []


def test_without_a_browser_the_address_can_still_be_opened_by_hand(user: User) -> None:
    browser = Browser()

    def found_none(url: str) -> bool:
        browser(url)  # a person opened the printed address
        return False

    said = user.login(browser=found_none)
    assert said.code == 0 and "No browser could be opened: open the page yourself." in said.err


@pytest.mark.parametrize("extra", [[], ["--no-browser", "--no-input"]])
def test_without_a_terminal_no_login_starts(user: User, extra: list[str]) -> None:
    browser = Browser()
    said = user.login(*extra, browser=browser, terminal=False)
    assert (said.code, browser.urls) == (4, [])
    assert "needs a person at a terminal" in said.err
    assert "--no-browser" in said.err and "--client-credentials" in said.err
    assert not user.folder.exists(), "nothing was even prepared"


def test_no_input_means_that_nobody_is_asked_even_on_a_terminal(user: User) -> None:
    browser = Browser()
    assert user.login("--no-input", browser=browser).code == 4 and browser.urls == []


@pytest.mark.parametrize("missing", ["PINTEREST_APP_ID", "PINTEREST_APP_SECRET"])
def test_without_the_apps_credentials_the_browser_does_not_open(user: User, missing: str) -> None:
    del user.environ[missing]
    browser = Browser()
    said = user.login(browser=browser)
    assert (said.code, browser.urls) == (4, [])
    assert f"are missing: {missing}" in said.err and "api_app_credentials.template" in said.err


def test_a_wrong_app_secret_says_which_variables_to_look_at(user: User) -> None:
    user.environ["PINTEREST_APP_SECRET"] = "sandbox_secret_of_another"
    said = user.login()
    assert said.code == 4 and "refused to exchange the code for tokens" in said.err
    assert "PINTEREST_APP_ID and PINTEREST_APP_SECRET" in said.err and user.files == []
    assert "sandbox_secret_of_another" not in said.all


def test_a_redirect_uri_that_is_not_registered_is_said_on_the_services_page(user: User) -> None:
    user.sandbox.control.app(user.sandbox.world.app.id, ["http://localhost:1/"])
    pages: list[str] = []

    def browser(url: str) -> bool:
        pages.append(requests.get(url, timeout=30).text)
        return True

    said = user.login("--timeout", "0s", browser=browser)
    assert said.code == 4 and "does not match any of the registered redirect URIs" in pages[0]


def test_a_code_that_was_used_before_says_to_sign_in_again(user: User) -> None:
    app = user.sandbox.world.app

    def spent(url: str) -> str:
        location = press(url)
        code = parse_qs(urlsplit(location).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "http://localhost:8085/"}
        taken = requests.post(f"{user.sandbox.url}/v5/oauth/token", data=form, auth=(app.id, app.secret), timeout=30)
        assert taken.status_code == 200
        return location

    said = user.by_hand(paste=spent)
    assert said.code == 4 and "a code works once" in said.err and user.files == []


def test_a_taken_port_is_told_before_the_browser_opens(user: User) -> None:
    import socket

    browser = Browser()
    with socket.create_server(("127.0.0.1", user.port)):
        said = user.login(browser=browser)
    assert (said.code, browser.urls) == (2, [])
    assert f"port {user.port} of 127.0.0.1 can't be used" in said.err and "--port" in said.err


def test_where_nothing_can_be_stored_nobody_is_asked(user: User) -> None:
    user.folder.mkdir(mode=0o700)
    (user.folder / "access_token.json").mkdir()
    browser = Browser()
    said = user.login(browser=browser)
    assert (said.code, browser.urls) == (4, []) and "is not a regular file" in said.err


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--port", "0"], "argument --port: must be a number from 1 to 65535, not '0'"),
        (["--timeout", "soon"], "argument --timeout: "),
        (["--api", "v9"], "unknown API 'v9'"),
        (["--no-browser", "--client-credentials"], "not allowed with argument"),
        (["--brwser"], "unknown option --brwser"),
    ],
)
def test_a_wrong_command_is_told_as_such(user: User, words: list[str], what: str) -> None:
    said = user.login(*words, port=False)
    assert said.code == 2 and what in said.err


@pytest.mark.parametrize("url", ["http://example.com", "https://user@example.com", "ftp://example.com"])
def test_a_consent_page_that_is_not_safe_to_open_is_refused(user: User, url: str) -> None:
    user.environ["PINTEREST_OAUTH_URI"] = url
    browser = Browser()
    said = user.login(browser=browser)
    assert (said.code, browser.urls) == (2, []) and "PINTEREST_OAUTH_URI must be" in said.err


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://example.com/\r\nSet-Cookie: a=b"])
def test_a_landing_page_that_is_no_address_is_refused(user: User, url: str) -> None:
    user.environ["REDIRECT_LANDING_URI"] = url
    said = user.login()
    assert said.code == 2 and "REDIRECT_LANDING_URI must be" in said.err


def test_a_variable_of_the_same_name_is_told_of(user: User) -> None:
    user.environ["ACCESS_TOKEN"] = user.sandbox.control.token("client_account")
    said = user.login()
    assert said.code == 0
    assert (
        "note: the environment variable ACCESS_TOKEN takes precedence while it is set: unset it to use the new token"
        in said.err
    )


@pytest.mark.parametrize(("answer", "code", "account"), [("n\n", 4, "garden_studio"), ("y\n", 0, "client_account")])
def test_a_token_of_another_account_is_replaced_only_after_confirmation(
    user: User, answer: str, code: int, account: str
) -> None:
    user.login()
    said = user.login(browser=Browser(account="client_account"), typed=answer)
    assert said.code == code and user.file()["account"] == account
    assert "belongs to the account garden_studio; you signed in as client_account. Replace it? [y/N]" in said.err


def test_nothing_is_stored_before_a_person_says_that_the_account_is_right(user: User) -> None:
    for answer in ("n\n", "\n", ""):
        said = user.login(browser=Browser(account="client_account"), typed=answer)
        assert said.code == 4 and user.files == []
        assert "Signed in as client_account. Store this token? [y/N]" in said.err
        assert "error: the account was not confirmed; nothing was stored" in said.err


def test_the_account_of_the_token_before_needs_no_question(user: User) -> None:
    user.login()
    before = user.file()["access_token"]
    said = user.login(typed="")
    assert said.code == 0 and "[y/N]" not in said.err
    assert user.file()["access_token"] != before


def test_an_account_that_was_expected_needs_no_question_and_no_other_is_stored(user: User) -> None:
    said = user.login("--expect-account", "garden_studio", browser=Browser(account="client_account"))
    assert said.code == 4 and user.files == []
    assert "you signed in as client_account, and not as garden_studio; nothing was stored" in said.err
    said = user.login("--expect-account", "garden_studio", typed="")
    assert said.code == 0 and "[y/N]" not in said.err
    id = user.sandbox.world.accounts["client_account"].id
    assert user.login("--expect-account", id, browser=Browser(account="client_account"), typed="").code == 0
    assert user.file()["account"] == "client_account", "a person's word counts for more than the token before"


def test_an_account_that_can_not_be_read_is_not_the_expected_one(user: User) -> None:
    said = user.login("--scopes", "boards:read", "--expect-account", "garden_studio")
    assert said.code == 4 and user.files == []
    said = user.login("--scopes", "boards:read", typed="n\n")
    assert said.code == 4 and user.files == []
    assert "Signed in as an account that can't be named without user_accounts:read. Store this token? [y/N]" in said.err


def test_an_app_s_token_does_not_replace_that_of_another_account_unasked(user: User) -> None:
    user.login(browser=Browser(account="client_account"))
    said = user.login("--client-credentials", terminal=False, port=False)
    assert said.code == 4 and user.file()["account"] == "client_account"
    assert "belongs to the account client_account; you signed in as garden_studio; nothing was stored" in said.err


# -- where the service ties a code to who asked for it


@pytest.fixture
def careful(user: User, monkeypatch: pytest.MonkeyPatch) -> User:
    """A person whose service takes the proof of RFC 7636."""
    app = user.app()
    v5 = app.registry.apis["v5"]
    assert v5.oauth is not None and not v5.oauth.pkce, "the service does not say that it takes it"
    registry = replace(app.registry, apis={**app.registry.apis, "v5": replace(v5, oauth=replace(v5.oauth, pkce=True))})
    monkeypatch.setattr(user, "app", lambda: App(registry, app._manager, user.environ, clock=Clock(lambda: NOW)))
    return user


@pytest.mark.parametrize("by_hand", [False, True])
def test_the_exchange_proves_that_this_sign_in_asked_for_the_code(careful: User, by_hand: bool) -> None:
    browser = Browser()

    def paste(url: str) -> str:
        browser.urls.append(url)
        return press(url)

    said = careful.by_hand(paste=paste) if by_hand else careful.login(browser=browser)
    assert said.code == 0, said.err
    assert browser.asked["code_challenge_method"] == ["S256"]
    assert len(browser.asked["code_challenge"][0]) == 43
    assert "code_verifier" not in browser.urls[0]


def test_the_code_of_another_sign_in_is_refused_by_the_service(careful: User) -> None:
    """Its address has another challenge, so this sign-in's proof does not fit."""
    others: list[str] = []

    def swap(url: str) -> str:
        if not others:  # the attacker's own sign-in, whose code ends in a victim's browser
            others.append(re.sub(r"code_challenge=[\w-]+", "code_challenge=" + "A" * 43, url))
        return parse_qs(urlsplit(press(others[0], account="client_account")).query)["code"][0]

    said = careful.by_hand(paste=swap)
    assert said.code == 4 and careful.files == []
    assert "refused to exchange the code for tokens" in said.err


def test_a_service_that_does_not_take_it_is_not_sent_any(user: User) -> None:
    browser = Browser()
    user.login(browser=browser)
    assert not {"code_challenge", "code_challenge_method"} & browser.asked.keys()


# -- without a browser here


def test_the_address_can_be_pasted_from_another_machines_browser(user: User) -> None:
    said = user.by_hand()
    assert said.code == 0 and said.out.startswith("Signed in as garden_studio")
    assert "http://localhost:8085/" in said.err and user.file()["account"] == "garden_studio"


@pytest.mark.parametrize("part", ["code", "query"])
def test_a_bare_code_or_query_is_good_too(user: User, part: str) -> None:
    def paste(url: str) -> str:
        query = urlsplit(press(url)).query
        return parse_qs(query)["code"][0] if part == "code" else query

    assert user.by_hand(paste=paste).code == 0


def test_an_address_may_come_from_a_pipe(user: User) -> None:
    said = user.by_hand(terminal=False)
    assert said.code == 4 and user.files == []
    assert (
        "you signed in as garden_studio, and nobody is here to say that this is right; nothing was stored" in said.err
    )
    assert "--expect-account" in said.err
    assert user.by_hand("--expect-account", "garden_studio", terminal=False).code == 0
    assert user.by_hand(terminal=False).code == 0, "it is the account of the token before"


def test_the_address_of_another_login_is_refused_and_asked_for_again(user: User) -> None:
    tries = []

    def paste(url: str) -> str:
        tries.append(url)
        location = press(url)
        return location.replace("state=", "state=x") if len(tries) == 1 else location

    said = user.by_hand(paste=paste)
    assert said.code == 0 and len(tries) == 2
    assert "That address isn't from this sign-in (state or code missing)" in said.err


@pytest.mark.parametrize("text", ["https://example.com/", "two words", "http://localhost:8085/?code=abc", "é"])
def test_a_wrong_pasted_address_is_refused_after_three_tries_or_at_once_from_a_pipe(user: User, text: str) -> None:
    tries: list[str] = []

    def paste(url: str) -> str:
        tries.append(url)
        return text

    assert user.by_hand(paste=paste).code == 4
    assert user.by_hand(paste=paste, terminal=False).code == 4
    assert len(tries) == 3 + 1 and user.files == []


def test_a_pasted_refusal_ends_the_login_at_once(user: User) -> None:
    said = user.by_hand(paste=lambda url: press(url, "deny"))
    assert said.code == 4 and "access was denied on the consent page" in said.err


def test_input_that_ends_before_an_answer_ends_the_login(user: User) -> None:
    said = user.login("--no-browser", terminal=False, port=False, typed="")
    assert said.code == 4 and "the input ended without an answer" in said.err


# -- other ways


def test_an_app_gets_a_token_of_its_own_without_a_person(user: User) -> None:
    said = user.login("--client-credentials", terminal=False, port=False)
    assert said.code == 0, said.err
    assert said.out.splitlines()[0] == "Signed in as garden_studio (Pinterest API v5)"
    kept = user.file()
    assert (kept["grant"], kept["refresh_token"]) == ("client_credentials", None)


def test_a_v3_login_asks_and_reads_as_v3_does(user: User) -> None:
    browser = Browser()
    said = user.login("old", "--api", "v3", browser=browser)
    assert said.code == 0, said.err
    assert browser.asked["scope"] == ["read_boards,read_pins,read_users"]
    kept = user.file("old")
    assert (kept["api"], kept["scopes"], "expires_at" in kept) == ("v3", "read_boards,read_pins,read_users", False)
    assert kept["refresh_token"]
    assert "access   ends at an unknown time; refreshed when due" in said.out
    counts = {(row["method"], row["path"], row["status"]) for row in user.sandbox.control.requests()}
    assert ("PUT", "/v3/oauth/access_token/", 200) in counts


def test_a_v3_scope_is_not_a_v5_scope(user: User) -> None:
    said = user.login("--scopes", "read_boards")
    assert said.code == 2 and "Pinterest API v5 has no scope 'read_boards'" in said.err


def test_a_v3_app_has_no_token_of_its_own(user: User) -> None:
    said = user.login("--api", "v3", "--client-credentials", terminal=False)
    assert said.code == 4 and "has no client-credentials tokens" in said.err


def test_tokens_of_two_apis_under_one_name_do_not_replace_each_other(user: User) -> None:
    user.login()
    user.login("--api", "v3")
    assert user.files == ["access_token.json", "access_token_v3.json"]
    assert (user.file()["api"], user.file("access_token_v3")["api"]) == ("v5", "v3")


def test_a_login_with_the_embedded_sandbox_shows_everything_and_keeps_nothing(user: User) -> None:
    for name in [
        name for name in user.environ if name.startswith("PINTEREST_") and name != "PINTEREST_OAUTH_TOKEN_DIR"
    ]:
        del user.environ[name]
    said = user.by_hand("--sandbox")
    assert said.code == 0, said.err
    assert said.out.splitlines()[:3] == [
        "Signed in as garden_studio (Pinterest API v5, sandbox)",
        "  token    access_token",
        "  stored   nowhere: the sandbox and its tokens end now",
    ]
    assert not user.folder.exists()


# -- as a program


needs_pty = pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals here")

FAKE = """
import re, sys, urllib.parse, urllib.request
class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args): return None
opener = urllib.request.build_opener(Stay, urllib.request.ProxyHandler({}))
import html, json, os
from pathlib import Path
file = Path(urllib.request.url2pathname(urllib.parse.urlsplit(sys.argv[1]).path))
url = html.unescape(re.search('href="([^"]+)"', file.read_text())[1])
told = {"words": sys.argv, "environ": dict(os.environ), "file": str(file), "mode": file.stat().st_mode & 0o777,
        "folder": file.parent.stat().st_mode & 0o777}
Path(__file__).with_name("told.json").write_text(json.dumps(told))
page = opener.open(url, timeout=30).read().decode()
nonce = re.search('name="consent" value="([^"]+)"', page)[1]
form = urllib.parse.urlencode({"consent": nonce, "account": "garden_studio", "decision": "approve"}).encode()
try:
    opener.open(url.partition("?")[0], form, timeout=30)
except urllib.error.HTTPError as redirect:
    print(opener.open(redirect.headers["Location"], timeout=30).status)
"""


@needs_pty
def test_the_program_signs_in_at_a_terminal_with_the_browser_of_the_environment(user: User, tmp_path: Path) -> None:
    import pty

    fake = tmp_path / "browser.py"
    fake.write_text(FAKE)
    environ = {**os.environ, **user.environ, "BROWSER": f"{sys.executable} {fake} %s"}
    environ |= {"DISPLAY": ":7", "MY_OTHER_SECRET": "hush", "ACCESS_TOKEN_OTHER": "hush"}
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "pinflow", "auth", "login", "--port", str(user.port), "--output", "json"]
    with subprocess.Popen(
        words, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env=environ, text=True
    ) as program:
        os.close(theirs)
        user.everything += _until(ours, "Store this token? [y/N]")
        os.write(ours, b"y\n")
        out, _ = program.communicate(timeout=60)
        user.everything += out + _drained(ours)
    assert program.returncode == 0, user.everything
    told = json.loads(fake.with_name("told.json").read_text())
    (state,) = re.findall(r"state=([\w-]+)", user.everything)
    assert len(state) == 43
    assert not [word for word in told["words"] if state in word or "oauth" in word], "all users can read the words"
    assert (told["mode"], told["folder"], Path(told["file"]).exists()) == (0o600, 0o700, False)
    secrets = [user.sandbox.world.app.secret, *user.secrets(), "hush"]
    assert not [name for name, value in told["environ"].items() if any(secret in value for secret in secrets)]
    assert told["environ"]["DISPLAY"] == ":7"
    assert not {name for name in told["environ"] if name.startswith(("PINTEREST", "PINFLOW", "ACCESS_TOKEN"))}
    # the browser prints as well, but not into the result
    assert json.loads(out)["account"] == user.file()["account"] == "garden_studio"


@needs_pty
def test_ctrl_c_ends_the_waiting_cleanly(user: User) -> None:
    import pty
    import signal

    ours, theirs = pty.openpty()
    environ = {**os.environ, **user.environ, "BROWSER": f"{shutil.which('true')} %s"}
    words = [sys.executable, "-m", "pinflow", "auth", "login", "--port", str(user.port)]
    with subprocess.Popen(
        words, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env=environ, text=True
    ) as program:
        os.close(theirs)
        said = _until(ours, "Waiting for the answer")
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=60)
        said += _drained(ours)
    assert program.returncode == 130 and "Traceback" not in said and "stopped" in said
    assert user.files == []


def _until(descriptor: int, text: str) -> str:
    found = ""
    end = time.monotonic() + 60
    while text not in found:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))
        assert ready, found
        found += os.read(descriptor, 4096).decode()
    return found


def _drained(descriptor: int) -> str:
    found = b""
    while True:
        try:
            piece = os.read(descriptor, 4096)
        except OSError:  # the other side is closed
            piece = b""
        if not piece:
            os.close(descriptor)
            return found.decode()
        found += piece
