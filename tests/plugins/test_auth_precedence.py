"""Where a token comes from: a variable before a file, this API's before the plain one, and nothing is passed over."""

from __future__ import annotations

import itertools
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from pinflow import Credential, CredentialError, CredentialRequest
from pinflow.plan.inputs import TOKEN_NAME, is_token_name
from pinflow_auth import pinflow_credential
from pinflow_auth.names import PATTERN
from pinflow_pinterest_v5.api import API
from pinflow_sandbox import start
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCES = ("ACCESS_TOKEN_V5", "ACCESS_TOKEN", "access_token_v5.json", "access_token.json")
needs_posix = pytest.mark.skipif(os.name != "posix", reason="needs links, modes and pipes")


class Request:
    """A request to be signed, as the transport has it."""

    def __init__(self, url: str = "https://api.pinterest.com/v5/pins") -> None:
        self.url = url
        self.headers: dict[str, str] = {}


def sign(credential: Credential | None) -> str:
    assert credential is not None
    request = Request()
    credential(request)
    return request.headers["Authorization"].removeprefix("Bearer ")


def get(folder: Path, environ: dict[str, str] | None = None, token: str = "access_token") -> Credential | None:
    request = CredentialRequest(api=API, token=token, scopes=frozenset(), environ=environ or {}, folders=[folder])
    found: Credential | None = pinflow_credential(request)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tokens"
    made.mkdir(mode=0o700)
    return made


def put(folder: Path, name: str, content: str | None = None) -> Path:
    path = folder / name
    path.write_text(json.dumps({"access_token": f"of-{name}"}) if content is None else content)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("there", list(itertools.product([False, True], repeat=4)))
def test_the_first_source_that_is_there_counts(folder: Path, there: tuple[bool, ...]) -> None:
    present = [source for source, is_there in zip(SOURCES, there, strict=True) if is_there]
    for source in present:
        if source.endswith(".json"):
            put(folder, source)
    environ = {source: f"of-{source}" for source in present if not source.endswith(".json")}
    found = get(folder, environ)
    if not present:
        assert found is None
    else:
        assert sign(found) == f"of-{present[0]}"
        assert found is not None
        assert found.source.endswith(present[0])


@pytest.mark.parametrize("there", list(itertools.product([False, True], repeat=2)))
@pytest.mark.parametrize("content", ["", "{", "[]", '{"access_token": 1}'])
def test_a_broken_file_is_never_passed_over(folder: Path, there: tuple[bool, bool], content: str) -> None:
    variable, later = there
    put(folder, "access_token_v5.json", content)
    if later:
        put(folder, "access_token.json")
    if variable:
        assert sign(get(folder, {"ACCESS_TOKEN": "of-the-variable"})) == "of-the-variable"
    else:
        with pytest.raises(CredentialError, match=r"access_token_v5\.json"):
            get(folder)


@pytest.mark.parametrize("value", [" ", "a b", "a\n", "\u00e4", "a\x00", "a\x7f", "x" * 9000])
def test_a_broken_variable_is_never_passed_over(folder: Path, value: str) -> None:
    put(folder, "access_token.json")
    with pytest.raises(CredentialError, match="environment variable ACCESS_TOKEN is not one line") as caught:
        get(folder, {"ACCESS_TOKEN": value})
    assert value.strip() == "" or value not in str(caught.value)


def test_an_empty_variable_is_none(folder: Path) -> None:
    put(folder, "access_token.json")
    assert sign(get(folder, {"ACCESS_TOKEN": "", "ACCESS_TOKEN_V5": ""})) == "of-access_token.json"


def test_characters_that_a_variable_can_not_have_become_underscores(folder: Path) -> None:
    assert sign(get(folder, {"MY_CLIENT_2": "pina_it"}, token="my-client.2")) == "pina_it"


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() == 0, reason="nothing is unreadable to this user")
def test_an_unreadable_file_is_never_passed_over(folder: Path) -> None:
    put(folder, "access_token_v5.json").chmod(0)
    put(folder, "access_token.json")
    with pytest.raises(CredentialError, match=r"access_token_v5\.json can't be read"):
        get(folder)


NAMES = [
    "../access_token",
    "/etc/passwd",
    "a/b",
    "a\\b",
    ".hidden",
    "-x",
    "a..b",
    "",
    "a b",
    "a\n",
    "x" * 65,
    "x" * 300,
    "caf\u00e9",
    "cafe\u0301",
    "CON",
    "con",
    "nul.txt",
    "com1",
    "a.",
]
OTHERS = [
    "path",
    "PATH",
    "home",
    "user",
    "aws_secret_access_key",
    "aws_session_token",
    "github_token",
    "npm_token",
    "database_password",
    "password",
    "pgpassword",
    "mysql_pwd",
    "smtp_pass",
    "secret",
    "credentials",
    "key",
    "sentry_dsn",
    "my_api_key",
    "client_secret",
    "pinterest_app_secret",
    "pinterest_app_id",
    "pinterest-v5-app-secret",
    "pinterest_api_uri",
    "pinterest_oauth_token_dir",
    "redirect_landing_uri",
    "http_proxy",
    "database_url",
    "pinflow_state_dir",
    "ssh_auth_sock",
]


@pytest.mark.parametrize("name", NAMES)
def test_an_invalid_token_name_reads_no_file_or_variable(folder: Path, name: str) -> None:
    with pytest.raises(CredentialError, match="can't name a token"):
        get(folder, {name.upper(): "secret"}, token=name)


@pytest.mark.parametrize("name", OTHERS)
def test_a_variable_that_holds_something_else_is_never_read(folder: Path, name: str) -> None:
    variable = name.upper().replace("-", "_")
    with pytest.raises(CredentialError, match=f"variable {variable}, which is not known") as caught:
        get(folder, {variable: "of-something-else"}, token=name)
    assert f"PINFLOW_TOKENS={variable}" in caught.value.hint and "of-something-else" not in str(caught.value)


@pytest.mark.parametrize("name", ["access_token", "access_token_v5", "garden", "Client-2", "a", "holiday.home", "keys"])
def test_usual_names_are_names(folder: Path, name: str) -> None:
    assert get(folder, token=name) is None


def test_the_grammar_of_names_is_the_cores() -> None:
    assert TOKEN_NAME.pattern == PATTERN
    assert is_token_name("access_token")


def test_an_environment_token_can_not_be_renewed(folder: Path) -> None:
    found = get(folder, {"ACCESS_TOKEN": "it"})
    assert found is not None
    assert found.renew() is False


@pytest.mark.parametrize(
    ("recorded", "address", "sent"),
    [
        ("", "", True),
        ("", "https://api-sandbox.pinterest.com", True),
        ("https://api.pinterest.com", "", True),
        ("https://api.pinterest.com", "https://api.pinterest.com:444", False),
        ("https://api.pinterest.com", "https://api-sandbox.pinterest.com", False),
        ("https://api.pinterest.com", "http://127.0.0.1:8080", False),
        ("http://127.0.0.1:8080", "", False),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8081", False),
        ("http://127.0.0.1:8080", "http://localhost:8080", False),
    ],
)
def test_a_token_goes_only_where_it_came_from(folder: Path, recorded: str, address: str, sent: bool) -> None:
    put(folder, "access_token.json", json.dumps({"access_token": "it", "origin": recorded}))
    environ = {"PINTEREST_API_URI": address} if address else {}
    if sent:
        found = get(folder, environ)
        assert found is not None
        assert found.origin == (address or "https://api.pinterest.com")
    else:
        with pytest.raises(CredentialError, match=f"is for {recorded} and is not sent to"):
            get(folder, environ)


def test_a_credential_does_not_sign_for_another_origin(folder: Path) -> None:
    put(folder, "access_token.json")
    found = get(folder)
    assert found is not None
    request = Request("https://api.pinterest.com.evil.example/v5/pins")
    with pytest.raises(CredentialError, match="is not sent elsewhere"):
        found(request)
    assert request.headers == {}


def test_a_token_of_another_api_is_not_sent(folder: Path) -> None:
    put(folder, "access_token.json", json.dumps({"access_token": "it", "api": "v3"}))
    with pytest.raises(CredentialError, match="is for the API v3, not v5"):
        get(folder)


@needs_posix
@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "link", "dangling link", "hard link"])
def test_only_a_regular_file_without_a_second_name_is_read(folder: Path, kind: str) -> None:
    path = folder / "access_token.json"
    real = put(folder, "real.json")
    match kind:
        case "folder":
            path.mkdir(mode=0o700)
        case "pipe":
            os.mkfifo(path, 0o600)
        case "device":
            path.symlink_to("/dev/zero")
        case "link":
            path.symlink_to(real)
        case "dangling link":
            path.symlink_to(folder / "nothing.json")
        case "hard link":
            path.hardlink_to(real)
    with pytest.raises(CredentialError, match=r"access_token\.json (is a link|is not a regular|has a second name)"):
        get(folder)


# -- where it was looked for


def test_a_missing_token_names_the_variables_and_folders_that_were_searched(tmp_path: Path) -> None:
    tokens = tmp_path / "state" / "tokens"
    tokens.mkdir(parents=True, mode=0o700)
    (tokens / "second.json").write_text('{"access_token": "pina_second"}')
    (tokens / "second.json").chmod(0o600)
    cli = Cli(tmp_path, HOME=str(tmp_path), PINFLOW_PLUGINS="", ACCESS_TOKEN="")
    assert cli("run", "get_user", "--token", "secnd") == 4
    lines = cli.stderr.splitlines()
    assert lines[:4] == [
        "error: no token 'secnd' for Pinterest API v5",
        "  searched the variables SECND_V5 and SECND",
        "  searched PINTEREST_REFRESH_TOKEN_SECND for a refresh token",
        "  searched secnd_v5.json and secnd.json in",
    ]
    assert f"    {tokens}" in lines
    assert any(line.endswith("common/oauth_tokens (no such folder)") for line in lines)
    assert "  the tokens there are second" in lines
    assert lines[-1].startswith("  get it with: pinflow auth login secnd")
    assert "pina_second" not in cli.stderr
    for words in (["run", "get_user"], ["auth", "refresh", "access_token"]):
        assert cli(*words) == 4
        assert "searched the variables ACCESS_TOKEN_V5 and ACCESS_TOKEN (empty)" in cli.stderr
    assert cli("auth", "logout", "third", "--yes") == 4
    assert "searched the variables THIRD_V5 and THIRD" in cli.stderr
    (tokens / "second.json").unlink()
    assert cli("auth", "status") == 0
    assert "searched the variables ACCESS_TOKEN_V5 and ACCESS_TOKEN (empty)" in cli.stderr


def test_a_folder_that_a_variable_names_is_the_only_one_that_is_searched(tmp_path: Path) -> None:
    cli = Cli(tmp_path, HOME=str(tmp_path), PINFLOW_PLUGINS="", PINTEREST_OAUTH_TOKEN_DIR=str(tmp_path / "mine"))
    assert cli("run", "get_user") == 4
    assert cli.stderr.count("(no such folder)") == 1
    assert f"    {tmp_path / 'mine'} (no such folder)" in cli.stderr.splitlines()


# -- whose fault it is


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    with start() as sandbox:
        yield Cli(tmp_path, HOME=str(tmp_path), PINFLOW_PLUGINS="", **sandbox.environment())


def test_a_refused_token_of_a_variable_says_so_and_that_signing_in_does_not_help(cli: Cli) -> None:
    cli.environ["ACCESS_TOKEN"] = "pina_sandbox_wrong"
    assert cli("run", "get_user") == 4
    assert "refused the token 'access_token' (environment variable ACCESS_TOKEN): GET /user_account" in cli.stderr
    hint = " ".join(cli.stderr.split())
    assert "set ACCESS_TOKEN to a token that works, or unset it to use a token file" in hint
    assert "pinflow auth login changes nothing" in hint
    assert "pina_sandbox_wrong" not in cli.stderr


def test_a_refused_token_of_a_file_says_which_file_and_how_to_sign_in(cli: Cli, tmp_path: Path) -> None:
    del cli.environ["ACCESS_TOKEN"]
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o700)
    (folder / "access_token.json").write_text('{"access_token": "pina_sandbox_wrong"}')
    (folder / "access_token.json").chmod(0o600)
    cli.environ["PINTEREST_OAUTH_TOKEN_DIR"] = str(folder)
    assert cli("run", "get_user") == 4
    assert f"refused the token 'access_token' (file {folder}/access_token.json): GET" in cli.stderr
    assert cli.stderr.splitlines()[-1].endswith("; pinflow auth login access_token")


@pytest.mark.parametrize("variable", ["ACCESS_TOKEN", "PINTEREST_APP_ID", "PINTEREST_APP_SECRET"])
def test_quotation_marks_that_no_shell_removed_are_told(cli: Cli, variable: str) -> None:
    del cli.environ["PINTEREST_OAUTH_TOKEN_DIR"]
    before = cli.environ[variable]
    cli.environ[variable] = f'"{before}"'
    words = ["run", "get_user"] if variable == "ACCESS_TOKEN" else ["auth", "login", "x", "--client-credentials"]
    assert cli(*words) == 4
    assert f"the environment variable {variable} begins and ends with quotation marks" in cli.stderr
    assert "write it without them" in cli.stderr
    assert before not in cli.stderr


def test_a_scope_that_a_variables_token_lacks_is_got_by_signing_in_and_unsetting_it(tmp_path: Path) -> None:
    with start() as sandbox:
        cli = Cli(tmp_path, HOME=str(tmp_path), PINFLOW_PLUGINS="", **sandbox.environment())
        cli.environ["ACCESS_TOKEN"] = sandbox.world.token_for("garden_studio", {"user_accounts:read"})
        assert cli("run", "list_boards") != 0
    assert "then unset ACCESS_TOKEN, which comes before what a sign-in stores" in " ".join(
        cli.stderr.split() + cli.stdout.split()
    )
