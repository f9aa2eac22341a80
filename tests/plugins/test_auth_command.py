"""``pinflow auth status``, ``refresh``, ``scopes`` and ``logout``, with a sandbox as the service."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
import requests

from pinflow import App, PinflowError
from pinflow.cli.parser import parser_of_offer
from pinflow.clock import Clock
from pinflow_auth.commands.subcommands import SUBCOMMANDS
from pinflow_auth.terminal import Terminal
from pinflow_auth.time_text import expiry_text
from pinflow_pinterest_v3.api import API as V3
from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.v3.scopes import V3_SCOPES
from pinflow_sandbox.v5.scopes import V5_SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
DAY = 86_400
READ = {"boards:read", "pins:read", "user_accounts:read"}


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
    def data(self) -> Any:
        return json.loads(self.out)


class User:
    """A person with some tokens."""

    def __init__(self, sandbox: Sandbox, folder: Path, environ: Mapping[str, str]) -> None:
        self.sandbox, self.folder = sandbox, folder
        self.environ = dict(environ)
        self.now = NOW
        self.everything = ""
        self.given: list[str] = []  # secrets that are no sandbox's

    def auth(self, *words: str, typed: str = "", terminal: bool = True) -> Said:
        app = App.installed(self.environ)
        registry = replace(app.registry, apis={**app.registry.apis, "v3": V3})
        app = App(registry, app._manager, self.environ, clock=Clock(lambda: self.now))
        out, err = io.StringIO(), Stream(terminal=terminal)
        try:
            args = parser_of_offer(app.registry.commands["auth"]).read(words)
            user = Terminal(
                stdin=Stream(typed, terminal=terminal),
                stdout=out,
                stderr=err,
                output=args.output,
                no_input=args.no_input,
                quiet=args.quiet,
                verbose=args.verbose > 0,
            )
            code = next(sub for sub in SUBCOMMANDS if sub.name == args.subcommand).run(args, app, user)
        except PinflowError as error:
            code = error.exit_code
            err.write(f"error: {error}\n")
        self.everything += out.getvalue() + err.getvalue()
        return Said(code, out.getvalue(), err.getvalue())

    def keep(self, name: str, granted: set[str] | None = None, **facts: Any) -> dict[str, Any]:
        """Put a token file there that can be refreshed; a fact that is None leaves its key out."""
        pair = self.sandbox.world.token_pair_for("garden_studio", granted or READ)
        content: dict[str, Any] = {
            "name": name,
            "access_token": pair.access_token,
            "refresh_token": pair.refresh_token,
            "scopes": ",".join(sorted(pair.scopes)),
            "expires_at": NOW + 12.2 * DAY,
            "refresh_expires_at": NOW + 48 * DAY,
            "origin": self.sandbox.url,
            "api": "v5",
            "account": "garden_studio",
        } | facts
        self.write(name, json.dumps({key: value for key, value in content.items() if value is not None}))
        return content

    def write(self, name: str, text: str) -> Path:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        path = self.folder / f"{name}.json"
        path.write_text(text)
        path.chmod(0o600)
        return path

    def file(self, name: str = "access_token") -> Any:
        return json.loads((self.folder / f"{name}.json").read_text())

    def works(self, token: str) -> bool:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(f"{self.sandbox.url}/v5/user_account", headers=headers, timeout=30).status_code == 200


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    with start(now=lambda: NOW, settings=Settings(quotas=False)) as sandbox:
        state = tmp_path / "state"
        state.mkdir(mode=0o700)
        key = state / "fingerprint.key"
        key.write_bytes(b"k" * 32)
        key.chmod(0o600)
        environ = {
            **sandbox.environment(()),
            "PINTEREST_OAUTH_TOKEN_DIR": str(tmp_path / "tokens"),
            "PINFLOW_STATE_DIR": str(state),
            "PINFLOW_CACHE_DIR": str(tmp_path / "cache"),
        }
        made = User(sandbox, tmp_path / "tokens", environ)
        yield made
        logins = sandbox.world.logins
        for secret in [*logins._access, *logins._refresh, *(app.secret for app in logins.apps.values()), *made.given]:
            assert secret not in made.everything, "a secret was shown"


RECIPES = {
    "look": "name: n\napi: v5\nsteps:\n  - uses: get_user\n",
    "write": "name: n\napi: v5\nsteps:\n  - uses: create_board\n    with: {name: A}\n",
    "client_look": "name: n\napi: v5\nauth:\n  default: {token: client}\nsteps:\n  - uses: get_user\n",
}


@pytest.fixture
def recipes(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for name, text in RECIPES.items():
        found[name] = tmp_path / f"{name}.yaml"
        found[name].write_text(text)
    return found


# -- status


def test_status_tells_all_that_is_known_of_every_token(user: User, recipes: dict[str, Path]) -> None:
    user.keep("access_token")
    user.keep("dead", expires_at=NOW - 3 * 3600, refresh_token=None, refresh_expires_at=None)
    user.keep("late", expires_at=NOW - 2 * DAY)
    user.write("broken", '{"access_token": ')
    user.write(
        "quickstart", json.dumps({"name": "quickstart", "access_token": "pina_sandbox_abc", "refresh_token": None})
    )
    told = user.auth("status", "--recipe", str(recipes["look"]), "--recipe", str(recipes["write"]))
    shown = told.out.replace(str(user.folder), "TOKENS")
    for line in shown.splitlines():
        if not line.startswith(" ") and "  " in line:
            mark = line.rpartition("  ")[2]
            assert len(mark) == 8 and int(mark, 16) >= 0
            shown = shown.replace(f"  {mark}\n", "  MARK\n")
    assert shown == STATUS
    assert told.code == 4


STATUS = """\
access_token (v5) of garden_studio  MARK
  from     file TOKENS/access_token.json
  access   ends in 12 days (2027-01-27)
  refresh  ends in 48 days (2027-03-04); next one due in 2 days (2027-01-17)
  scopes   boards:read, pins:read, user_accounts:read
  good for look
  lacks    boards:write for write

broken
  from     file TOKENS/broken.json
  problem  the token file TOKENS/broken.json is not JSON; it must look like {"name": "access_token", \
"access_token": "...", "refresh_token": null, "scopes": "boards:read"}

dead (v5) of garden_studio  MARK
  from     file TOKENS/dead.json
  problem  it has ended: sign in again
  access   ended 3 hours ago (2027-01-15)
  refresh  not possible
  scopes   boards:read, pins:read, user_accounts:read
  good for look
  lacks    boards:write for write

late (v5) of garden_studio  MARK
  from     file TOKENS/late.json
  access   ended 2 days ago (2027-01-13); refreshed when used
  refresh  ends in 48 days (2027-03-04); next one due since 2027-01-03
  scopes   boards:read, pins:read, user_accounts:read
  good for look
  lacks    boards:write for write

quickstart (v5, v3)  MARK
  from     file TOKENS/quickstart.json
  access   ends at an unknown time
  refresh  not possible
  scopes   not known
"""


def test_status_shows_a_line_for_each_of_many_tokens_and_then_what_is_wrong(
    user: User, recipes: dict[str, Path]
) -> None:
    for number in range(11):
        user.keep(f"client_{number:02d}")
    user.keep("dead", expires_at=NOW - 3 * 3600, refresh_token=None, refresh_expires_at=None)
    told = user.auth("status", "--recipe", str(recipes["write"]))
    lines = told.out.splitlines()
    names = [f"client_{number:02d}" for number in range(11)]
    assert [line.split()[0] for line in lines] == ["TOKEN", *names, "dead", "dead:"]
    assert lines[1].endswith("ends in 12 days (2027-01-27)    next one due in 2 days (2027-01-17)  boards:write")
    assert "ended 3 hours ago (2027-01-15)  not possible" in lines[12]
    assert lines[13] == "dead: it has ended: sign in again"
    assert "12 tokens, 1 with problems; -v shows each in full\n" in told.err
    assert told.code == 4
    assert "  lacks    boards:write for write\n" in user.auth("status", "--recipe", str(recipes["write"]), "-v").out


def test_missing_scopes_are_listed_once_for_all_recipes(user: User, recipes: dict[str, Path]) -> None:
    user.keep("access_token")
    other = recipes["write"].with_name("other.yaml")
    other.write_text(RECIPES["write"])
    told = user.auth("status", "--recipe", str(recipes["write"]), "--recipe", str(other))
    assert "  lacks    boards:write for write, other\n" in told.out


def test_status_tells_programs_the_same(user: User, recipes: dict[str, Path]) -> None:
    user.keep("access_token")
    told = user.auth("status", "--recipe", str(recipes["write"]), "--output", "json")
    (row,) = told.data["tokens"]
    assert len(row.pop("fingerprint")) == 8
    assert row == {
        "token": "access_token",
        "source": f"file {user.folder}/access_token.json",
        "apis": ["v5"],
        "ok": True,
        "problems": [],
        "unused": None,
        "account": "garden_studio",
        "scopes": sorted(READ),
        "expires_at": "2027-01-27T12:48:00Z",
        "refresh_expires_at": "2027-03-04T08:00:00Z",
        "refreshable": True,
        "refresh_due_at": "2027-01-17T12:48:00Z",
        "lacking": {"write": ["boards:write"]},
    }


def test_status_is_content_with_tokens_that_work(user: User) -> None:
    user.keep("access_token")
    user.keep("late", expires_at=NOW - 1)
    assert user.auth("status").code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="nobody can remove a folder that is in use")
def test_status_needs_no_current_folder(user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user.keep("access_token")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert user.auth("status").code in (0, 4)


def test_status_judges_the_bundled_recipes_where_none_is_named(user: User) -> None:
    user.keep("access_token")
    (row,) = user.auth("status", "--output", "json").data["tokens"]
    assert row["lacking"]["get_user"] == [] and "boards:write" in row["lacking"]["copy_board"]


def test_fingerprints_are_equal_for_equal_tokens_only(user: User) -> None:
    content = user.keep("one")
    user.keep("two", access_token=content["access_token"])
    user.keep("three")
    rows = {row["token"]: row["fingerprint"] for row in user.auth("status", "--output", "json").data["tokens"]}
    assert rows["one"] == rows["two"] != rows["three"]


def test_a_variable_is_listed_with_every_api_that_would_use_it(user: User) -> None:
    user.environ |= {"ACCESS_TOKEN": "a-token", "CLIENT_V3": "pina_another"}
    user.given += ["a-token", "pina_another"]
    user.keep("client")
    rows = {row["source"]: row["apis"] for row in user.auth("status", "--output", "json").data["tokens"]}
    assert rows == {
        "environment variable ACCESS_TOKEN": ["v5", "v3"],
        "environment variable CLIENT_V3": ["v3"],
        f"file {user.folder}/client.json": ["v5"],
    }


def test_a_file_that_a_variable_hides_is_told_of(user: User) -> None:
    user.environ["ACCESS_TOKEN"] = user.sandbox.control.token("garden_studio")
    user.keep("access_token")
    told = user.auth("status")
    assert "  not used the environment variable ACCESS_TOKEN takes precedence\n" in told.out


def test_a_token_of_another_environment_is_told_of(user: User) -> None:
    user.keep("access_token", origin="https://api.example.com")
    told = user.auth("status")
    assert "not used the token 'access_token'" in told.out and "is for https://api.example.com" in told.out


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"refresh_expires_at": NOW - 1}, "its refresh token has ended: sign in again"),
        ({"expires_at": NOW - 1, "refresh_token": None}, "it has ended: sign in again"),
        ({"expires_at": NOW - 2, "refresh_expires_at": NOW - 1}, "it has ended: sign in again"),
    ],
)
def test_a_token_that_needs_a_person_makes_status_end_with_4(user: User, facts: dict[str, Any], problem: str) -> None:
    user.keep("access_token", **facts)
    told = user.auth("status")
    assert told.code == 4 and f"  problem  {problem}\n" in told.out


def test_a_named_recipe_that_no_token_is_good_for_makes_status_end_with_4(user: User, recipes: dict[str, Path]) -> None:
    user.keep("access_token")
    assert user.auth("status", "--recipe", str(recipes["look"])).code == 0
    lacking = user.auth("status", "--recipe", str(recipes["write"]))
    assert lacking.code == 4
    assert lacking.err == (
        "write: the token 'access_token' lacks boards:write: "
        "pinflow auth login access_token --api v5 --scopes boards:read,boards:write,pins:read,user_accounts:read\n"
    )
    absent = user.auth("status", "--recipe", str(recipes["client_look"]), "--output", "json")
    assert (absent.code, absent.data["uncovered"]) == (
        4,
        [
            "client_look: no usable token 'client' for v5: "
            "pinflow auth login client --api v5 --scopes user_accounts:read"
        ],
    )


def test_no_tokens_at_all_is_no_mistake(user: User) -> None:
    told = user.auth("status")
    assert (told.code, told.out) == (0, "")
    assert told.err.startswith(
        "no tokens; get one with: pinflow auth login\n  searched the variables ACCESS_TOKEN_V5 and "
    )


def test_control_characters_of_a_token_file_do_not_reach_the_terminal(user: User) -> None:
    user.keep("access_token", account="a\x1b[2Jb\nc", scopes="x\x07y")
    told = user.auth("status")
    assert "\x1b" not in told.out and "\x07" not in told.out and "of a^[[2Jb^Jc" in told.out


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (None, "ends at an unknown time"),
        (NOW + 30 * DAY - 5, "ends in 30 days (2027-02-14)"),
        (NOW + 47 * 3600, "ends in 47 hours (2027-01-17)"),
        (NOW + 90, "ends in 90 seconds (2027-01-15)"),
        (NOW + 1, "ends in 1 second (2027-01-15)"),
        (NOW, "ended 0 seconds ago (2027-01-15)"),
        (NOW - 400 * DAY, "ended 400 days ago (2025-12-11)"),
    ],
)
def test_times_are_told_in_the_unit_that_fits(at: float | None, text: str) -> None:
    assert expiry_text(at, NOW) == text


# -- refresh


def test_refresh_replaces_the_token_and_keeps_what_came_with_it(user: User) -> None:
    before = user.keep("access_token")
    told = user.auth("refresh")
    after = user.file()
    assert (told.code, told.out) == (0, "access_token (v5): refreshed; ends in 30 days (2027-02-14)\n")
    assert after["access_token"] != before["access_token"] and after["refresh_token"] != before["refresh_token"]
    assert user.works(after["access_token"]) and after["account"] == "garden_studio"


def test_a_token_that_lasts_longer_than_asked_is_not_refreshed(user: User) -> None:
    before = user.keep("access_token")
    told = user.auth("refresh", "access_token", "--if-expires-within", "10 days")
    assert told.out == "access_token (v5): unchanged; ends in 12 days (2027-01-27)\n"
    assert user.file()["access_token"] == before["access_token"]
    assert "refreshed" in user.auth("refresh", "access_token", "--if-expires-within", "13d").out


def test_refreshing_all_goes_on_after_a_failure_and_tells_of_it(user: User) -> None:
    user.environ["VARIABLE"] = user.sandbox.control.token("garden_studio")
    for name in ("first", "last"):
        user.keep(name)
    user.keep("fixed", refresh_token=None)
    user.keep("gone", refresh_token="pinr_sandbox_unknown")
    user.write("broken", "no json")
    told = user.auth("refresh", "--all", "--output", "json")
    rows = {row["token"]: (row["refreshed"], row["error"] and row["error"]["kind"]) for row in told.data["tokens"]}
    assert told.code == 4
    assert rows == {
        "first": (True, None),
        "last": (True, None),
        "gone": (False, "credential_error"),
        "broken": (False, "credential_error"),
    }


def test_refreshing_all_says_so_where_there_is_nothing_to_do(user: User) -> None:
    told = user.auth("refresh", "--all")
    assert (told.code, told.out, told.err) == (0, "", "no token can be refreshed\n")


def test_a_refresh_that_is_refused_is_one_message_with_what_to_do(user: User) -> None:
    user.keep("access_token", refresh_token="pinr_sandbox_unknown")
    told = user.auth("refresh")
    assert told.code == 4 and told.out == ""
    assert told.err.startswith("error: the token 'access_token'") and "pinflow auth login access_token" in told.err


def test_a_variables_token_cannot_be_refreshed(user: User) -> None:
    user.environ["ACCESS_TOKEN"] = user.sandbox.control.token("garden_studio")
    told = user.auth("refresh")
    assert told.code == 4 and "there is no token file for 'access_token'" in told.err


# -- scopes


@pytest.mark.parametrize(
    ("api", "scopes", "defaults"),
    [("v5", V5_SCOPES, READ), ("v3", V3_SCOPES, {"read_boards", "read_pins", "read_users"})],
)
def test_scopes_tells_what_each_allows_and_marks_the_default_ones(
    user: User, api: str, scopes: frozenset[str], defaults: set[str]
) -> None:
    told = user.auth("scopes", "--api", api, "--output", "json")
    listed = told.data["scopes"]
    assert {each["scope"] for each in listed} == scopes
    assert {each["scope"] for each in listed if each["default"]} == defaults
    assert all(len(each["meaning"]) > 10 for each in listed)


def test_scopes_are_a_table_for_people(user: User) -> None:
    lines = user.auth("scopes").out.splitlines()
    assert "*  boards:read          see boards that are not secret, and their sections" in lines
    assert "   boards:read_secret   see secret boards too" in lines


def test_scopes_tells_what_a_recipe_needs(user: User) -> None:
    told = user.auth("scopes", "--recipe", "copy_board")
    assert [line.split()[0] for line in told.out.splitlines()] == [
        *("boards:read", "boards:write", "pins:read", "pins:write")
    ]
    assert "access_token" not in told.out
    both = user.auth("scopes", "--recipe", "copy_board", "--recipe", "all_accounts", "--output", "json").data
    assert {each["scope"]: each["tokens"] for each in both["scopes"]} == {
        "boards:read": ["access_token", "each token"],
        "boards:write": ["access_token"],
        "pins:read": ["access_token"],
        "pins:write": ["access_token"],
        "user_accounts:read": ["each token"],
    }
    of_v3 = user.auth("scopes", "--recipe", "copy_board", "--api", "v3", "--output", "json").data
    assert (of_v3["api"], of_v3["scopes"][0]["scope"]) == ("v3", "read_boards")
    assert "needs no login" in user.auth("scopes", "--recipe", "refresh_all_tokens").err


# -- logout


def test_logout_ends_the_token_at_the_service_and_removes_its_file(user: User) -> None:
    content = user.keep("access_token")
    told = user.auth("logout", "access_token", "--yes")
    assert told.code == 0, told.err
    assert told.out == f"removed the token access_token ({user.folder}/access_token.json)\n"
    assert not (user.folder / "access_token.json").exists() and not user.works(content["access_token"])


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 4), ("", 4)])
def test_logout_asks_first(user: User, typed: str, code: int) -> None:
    user.keep("access_token")
    told = user.auth("logout", "access_token", typed=typed)
    assert told.code == code and (user.folder / "access_token.json").exists() is bool(code)
    assert "Remove the token 'access_token' of garden_studio?" in told.err


def test_logout_without_a_terminal_needs_the_yes_on_the_command_line(user: User) -> None:
    user.keep("access_token")
    told = user.auth("logout", "access_token", terminal=False)
    assert told.code == 2 and "confirm with --yes" in told.err and (user.folder / "access_token.json").exists()


def test_a_service_that_does_not_end_tokens_is_no_reason_to_keep_the_file(user: User) -> None:
    user.keep("old", api="v3")
    told = user.auth("logout", "old", "--yes")
    assert told.code == 0 and "note: Pinterest API v3, with ads API v4 can't revoke tokens" in told.err
    assert not (user.folder / "old.json").exists()


@pytest.mark.parametrize("trouble", ["no credentials", "unknown token", "another origin"])
def test_a_token_that_cannot_be_ended_is_forgotten_all_the_same(user: User, trouble: str) -> None:
    facts: dict[str, Any] = {}
    if trouble == "no credentials":
        del user.environ["PINTEREST_APP_SECRET"]
    elif trouble == "unknown token":
        facts["refresh_token"] = "pinr_sandbox_unknown"
    else:
        facts["origin"] = "https://api.example.com"
    user.keep("access_token", **facts)
    told = user.auth("logout", "access_token", "--yes", "--output", "json")
    assert (told.code, told.data["revoked"]) == (0, False) and told.err.startswith("note: ")
    assert not (user.folder / "access_token.json").exists()


def test_a_broken_file_can_be_forgotten(user: User) -> None:
    path = user.write("access_token", "{")
    told = user.auth("logout", "access_token", "--yes")
    assert told.code == 0 and "is not JSON" in told.err and not path.exists()


def test_a_variable_is_its_owners_to_unset(user: User) -> None:
    user.environ["ACCESS_TOKEN"] = user.sandbox.control.token("garden_studio")
    told = user.auth("logout", "access_token", "--yes")
    assert told.code == 4 and "comes from the environment variable ACCESS_TOKEN" in told.err


def test_removing_a_missing_token_is_an_error(user: User) -> None:
    told = user.auth("logout", "access_token", "--yes")
    assert told.code == 4 and "no token 'access_token' is stored" in told.err


# -- the program


def pinflow(user: User, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **user.environ}
    return subprocess.run([sys.executable, "-m", "pinflow", *words], capture_output=True, text=True, env=environ)


def test_the_common_options_count_before_and_behind_a_subcommand(user: User) -> None:
    for words in (["--output", "json", "auth", "status"], ["auth", "--output", "json", "status"]):
        assert json.loads(pinflow(user, *words).stdout) == {"tokens": [], "uncovered": []}
    assert json.loads(pinflow(user, "auth", "status", "--output", "json").stdout) == {"tokens": [], "uncovered": []}


def test_an_error_is_json_on_stdout_where_a_program_asks(user: User) -> None:
    done = pinflow(user, "auth", "refresh", "--output", "json")
    assert done.returncode == 4 and json.loads(done.stdout)["error"]["kind"] == "credential_error"


@pytest.mark.parametrize("sub", [sub.name for sub in SUBCOMMANDS])
def test_every_subcommand_has_help_with_examples(user: User, sub: str) -> None:
    done = pinflow(user, "auth", sub, "--help")
    assert done.returncode == 0 and f"examples:\n  pinflow auth {sub}" in done.stdout


def test_auth_alone_says_what_is_missing(user: User) -> None:
    done = pinflow(user, "auth")
    assert done.returncode == 2 and "SUBCOMMAND" in done.stderr and "pinflow auth --help" in done.stderr
