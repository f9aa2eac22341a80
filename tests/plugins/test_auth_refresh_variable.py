"""A refresh token in a variable, as in CI: used once, what replaces it is kept, and where it can't be that is said."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow_auth import refresh_variable
from pinflow_auth.refresh_variable import FOLDER
from pinflow_sandbox import start
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinflow_sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start() as running:
        yield running


@pytest.fixture
def cli(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A job of CI: the app's id and secret, and a refresh token. Nothing else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(refresh_variable, "_UNKEPT", {})
    environ = sandbox.environment()
    del environ["PINTEREST_OAUTH_TOKEN_DIR"], environ["ACCESS_TOKEN"]
    cli = Cli(tmp_path, HOME=str(tmp_path), PINFLOW_PLUGINS="", **environ)
    cli.environ["PINTEREST_REFRESH_TOKEN"] = new_refresh_token(sandbox)
    return cli


def new_refresh_token(sandbox: Sandbox, account: str = "garden_studio") -> str:
    return str(sandbox.world.token_pair_for(account).refresh_token)


def kept(cli: Cli) -> Path:
    return cli.folder / "state" / "tokens" / FOLDER / "access_token_v5.json"


def refreshes(sandbox: Sandbox) -> int:
    rows: Any = sandbox.requests()
    return sum(row["count"] for row in rows if row["path"].endswith("/oauth/token"))


def test_a_refresh_token_alone_is_enough_for_job_after_job(cli: Cli, sandbox: Sandbox) -> None:
    for _ in range(3):
        assert cli("run", "get_user", "--output", "json") == 0, cli.stderr
        assert cli.json["outputs"]["username"] == "garden_studio"
    assert refreshes(sandbox) == 1, "the access token lasts"
    assert stat.S_IMODE(kept(cli).stat().st_mode) == 0o600
    content = kept(cli).read_text()
    assert cli.environ["PINTEREST_REFRESH_TOKEN"] not in content, "it is used up, and only a salted digest tells of it"
    assert json.loads(content)["refresh_token"].startswith("pinr_sandbox_")


def test_what_replaced_it_is_used_when_the_access_token_ends(cli: Cli, sandbox: Sandbox) -> None:
    assert cli("run", "get_user") == 0
    before = json.loads(kept(cli).read_text())
    kept(cli).write_text(json.dumps({**before, "expires_at": "2020-01-01T00:00:00Z"}))
    assert cli("run", "get_user") == 0, cli.stderr
    after = json.loads(kept(cli).read_text())
    assert refreshes(sandbox) == 2
    assert after["refresh_token"] != before["refresh_token"]
    assert after["seed"] == before["seed"]
    assert cli("run", "get_user") == 0
    assert refreshes(sandbox) == 2


def test_a_new_refresh_token_in_the_variable_takes_the_place_of_what_was_kept(cli: Cli, sandbox: Sandbox) -> None:
    assert cli("run", "get_user") == 0
    cli.environ["PINTEREST_REFRESH_TOKEN"] = new_refresh_token(sandbox, "client_account")
    assert cli("run", "get_user", "--output", "json") == 0, cli.stderr
    assert cli.json["outputs"]["username"] == "client_account"


def test_a_token_of_another_name_has_a_variable_of_its_own(cli: Cli, sandbox: Sandbox) -> None:
    cli.environ["PINTEREST_REFRESH_TOKEN_SECOND"] = new_refresh_token(sandbox, "client_account")
    assert cli("run", "get_user", "--token", "second", "--output", "json") == 0, cli.stderr
    assert cli.json["outputs"]["username"] == "client_account"
    assert cli("run", "get_user", "--token", "third") == 4
    assert "searched PINTEREST_REFRESH_TOKEN_THIRD for a refresh token" in cli.stderr


def test_an_access_token_in_a_variable_comes_first(cli: Cli, sandbox: Sandbox) -> None:
    cli.environ["ACCESS_TOKEN"] = sandbox.world.token_for("client_account")
    assert cli("run", "get_user", "--output", "json") == 0
    assert cli.json["outputs"]["username"] == "client_account"
    assert refreshes(sandbox) == 0


def test_a_token_file_of_the_user_s_own_is_left_alone(cli: Cli, sandbox: Sandbox) -> None:
    own = cli.folder / "state" / "tokens" / "access_token.json"
    own.parent.mkdir(parents=True, mode=0o700)
    own.write_text('{"access_token": "pina_sandbox_mine"}')
    own.chmod(0o600)
    assert cli("run", "get_user") == 0, cli.stderr
    assert own.read_text() == '{"access_token": "pina_sandbox_mine"}'


def test_one_that_was_used_elsewhere_is_refused_and_says_what_to_keep(cli: Cli, sandbox: Sandbox) -> None:
    assert cli("run", "get_user") == 0
    shutil.rmtree(cli.folder / "state")  # the next job begins on a new machine
    assert cli("run", "get_user") == 4
    told = " ".join(cli.stderr.split())
    assert "the refresh token in PINTEREST_REFRESH_TOKEN is refused" in told
    assert "set PINTEREST_REFRESH_TOKEN to the new one" in told
    assert f"keep {kept(cli).parent} from job to job" in told
    assert cli.environ["PINTEREST_REFRESH_TOKEN"] not in cli.stderr


def test_where_nothing_can_be_kept_the_run_works_and_that_is_said_once(cli: Cli, sandbox: Sandbox) -> None:
    tokens = cli.folder / "elsewhere"
    tokens.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "ro", "none", tokens], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    cli.environ["PINTEREST_OAUTH_TOKEN_DIR"] = str(tokens)
    try:
        assert cli("run", "list_boards", "--dry-run") == 0, cli.stderr
        assert cli.stderr.count("warning: Pinterest API v5 replaced the refresh token in PINTEREST_REFRESH_TOKEN") == 1
        assert "Read-only file system" in cli.stderr
        assert cli("run", "list_boards") == 0, "the same process has it in memory"
        assert "warning" not in cli.stderr
    finally:
        subprocess.run(["umount", tokens], check=True)
    assert refreshes(sandbox) == 1


def test_many_jobs_at_once_use_it_once(cli: Cli, sandbox: Sandbox) -> None:
    recipe = cli.recipe("name: n\nsteps: [{uses: get_user}]\n")
    together, results = threading.Barrier(4), []

    def job() -> None:
        app = cli.shell().app()
        plan = app.plan(Path(recipe), inputs={})
        together.wait(20)
        results.append(app.run(plan).status)

    threads = [threading.Thread(target=job) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["ok"] * 4
    assert refreshes(sandbox) == 1


def test_status_list_and_doctor_know_it_and_show_no_secret(cli: Cli) -> None:
    secret = cli.environ["PINTEREST_REFRESH_TOKEN"]
    for words in (["auth", "status"], ["doctor"], ["run", "all_accounts"]):
        cli(*words)
        assert secret not in cli.stdout + cli.stderr
    assert cli("auth", "status") == 0, cli.stderr + cli.stdout
    assert "refresh token in the environment variable PINTEREST_REFRESH_TOKEN" in cli.stdout
    assert cli("run", "get_user") == 0
    assert cli("auth", "status", "--output", "json") == 0
    (row,) = cli.json["tokens"]
    assert row["source"].startswith("refresh token in the environment variable PINTEREST_REFRESH_TOKEN, kept in /")
    assert cli("doctor", "--output", "json") == 0
    assert "access_token is accepted; it belongs to garden_studio" in cli.stdout
    assert json.loads(kept(cli).read_text())["access_token"] not in cli.stdout + cli.stderr


def test_it_is_refreshed_with_all_others(cli: Cli, sandbox: Sandbox) -> None:
    assert cli("auth", "refresh") == 0, cli.stderr
    assert refreshes(sandbox) == 1
    assert cli("auth", "refresh") == 0, cli.stderr
    assert refreshes(sandbox) == 2
    assert cli("auth", "refresh", "--all") == 0, cli.stderr
    assert refreshes(sandbox) == 3
    assert cli("run", "refresh_all_tokens", "--output", "json") == 0, cli.stderr


def test_without_the_app_s_secret_it_says_which_variable_is_missing(cli: Cli, sandbox: Sandbox) -> None:
    del cli.environ["PINTEREST_APP_SECRET"]
    assert cli("run", "get_user") == 4
    assert "missing: PINTEREST_APP_SECRET" in cli.stderr
    assert refreshes(sandbox) == 0


@pytest.mark.parametrize(("value", "told"), [("'x'", "quotation marks"), ("a b", "visible ASCII")])
def test_a_value_that_can_not_be_one_is_told(cli: Cli, sandbox: Sandbox, value: str, told: str) -> None:
    cli.environ["PINTEREST_REFRESH_TOKEN"] = value
    assert cli("run", "get_user") == 4
    assert "the environment variable PINTEREST_REFRESH_TOKEN" in cli.stderr
    assert told in cli.stderr
    assert refreshes(sandbox) == 0


def test_it_never_leaves_this_machine_for_another_host(cli: Cli, sandbox: Sandbox) -> None:
    cli.environ["PINTEREST_API_URI"] = "https://elsewhere.example"
    assert cli("run", "get_user") == 4
    assert "such secrets never leave this machine" in cli.stderr


def test_the_embedded_sandbox_does_not_see_it(cli: Cli, sandbox: Sandbox) -> None:
    assert cli("run", "get_user", "--sandbox") == 0
    assert refreshes(sandbox) == 0
    assert not kept(cli).exists()
