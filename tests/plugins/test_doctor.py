"""``pinflow doctor``: what it finds, what it says to do, the exit code, and no secret in any of it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
from collections import namedtuple
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import Checkup, Finding, hookimpl
from pinflow.app import App
from pinflow.plugin.loader import collect, load
from pinflow_sandbox import start
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pinflow_sandbox import Sandbox

Space = namedtuple("Space", "total used free")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start() as running:
        yield running


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A machine where nobody has signed in."""
    monkeypatch.chdir(tmp_path)
    return Cli(tmp_path, HOME=str(tmp_path), PINFLOW_PLUGINS="", PATH=os.environ["PATH"])


@pytest.fixture
def cli(bare: Cli, sandbox: Sandbox) -> Cli:
    """One where access_token and second are in variables, for a sandbox."""
    variables = sandbox.environment(["access_token", "second"])
    del variables["PINTEREST_OAUTH_TOKEN_DIR"]
    bare.environ.update(variables)
    return bare


def findings(cli: Cli, *words: str, code: int = 0) -> dict[str, list[dict[str, Any]]]:
    """What is found, by topic."""
    assert cli("doctor", *words, "--output", "json") == code, cli.stdout + cli.stderr
    assert cli.json["exit_code"] == code
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in cli.json["findings"]:
        found.setdefault(finding["topic"], []).append(finding)
    return found


def problems(found: dict[str, list[dict[str, Any]]]) -> list[tuple[str, str]]:
    every = [finding for row in found.values() for finding in row]
    assert all(bool(finding["exit_code"]) == (finding["level"] == "problem") for finding in every)
    return [(finding["topic"], finding["text"]) for finding in every if finding["level"] == "problem"]


def test_all_is_well_where_the_service_accepts_every_token(cli: Cli, sandbox: Sandbox) -> None:
    found = findings(cli)
    assert problems(found) == []
    assert found["network"][0]["text"].startswith(f"{sandbox.url} answers")
    assert found["clock"][0]["text"].startswith("right to 1 s")
    assert found["app"][0]["text"] == "id 1480001, of PINTEREST_APP_ID; its secret is in PINTEREST_APP_SECRET"
    assert "http://localhost:8085/" in found["redirect"][0]["text"]
    accounts = [finding["text"] for finding in found["account"]]
    assert accounts == [
        "access_token is accepted; it belongs to garden_studio",
    ]


def test_for_people_each_line_says_ok_or_what_to_do(cli: Cli) -> None:
    assert cli("doctor") == 0
    lines = cli.stdout.splitlines()
    assert lines[-1] == "All is well."
    assert any(line.startswith("ok       account    access_token is accepted") for line in lines)
    assert all(line[:9].strip() in ("ok", "note", "") for line in lines[:-1])


def test_nothing_at_the_service_is_changed(cli: Cli, sandbox: Sandbox) -> None:
    before = sandbox.state()
    findings(cli)
    assert sandbox.state() == before


def test_without_a_token_it_says_where_it_looked_and_how_to_get_one(bare: Cli) -> None:
    found = findings(bare, "--offline", code=4)
    ((topic, text),) = problems(found)
    assert topic == "token"
    assert "searched the variables ACCESS_TOKEN_V5 and ACCESS_TOKEN" in text
    assert f"  {bare.folder}/state/tokens (no such folder)" in text.splitlines()
    assert found["token"][0]["hint"].startswith("get one with: pinflow auth login access_token")
    assert found["app"][0]["level"] == "note"
    assert "PINTEREST_APP_ID and PINTEREST_APP_SECRET" in found["app"][0]["text"]
    assert found["state"][0]["text"] == f"in {bare.folder}/state, which the first run makes"
    assert not (bare.folder / "state").exists(), "a look makes nothing"


def test_a_token_that_the_service_refuses_is_a_sign_in_problem(cli: Cli) -> None:
    cli.environ["ACCESS_TOKEN"] = "pina_sandbox_wrong"
    found = findings(cli, code=4)
    ((topic, text),) = problems(found)
    assert topic == "account"
    assert text.startswith("access_token: ")
    assert "401" in text


def test_a_broken_token_file_and_one_that_has_ended_are_told(cli: Cli) -> None:
    del cli.environ["ACCESS_TOKEN"]
    folder = cli.folder / "state" / "tokens"
    folder.mkdir(parents=True, mode=0o700)
    for name, content in {
        "broken": "{",
        "old": json.dumps({"access_token": "pina_sandbox_x", "expires_at": "2020-01-01T00:00:00Z"}),
    }.items():
        (folder / f"{name}.json").write_text(content)
        (folder / f"{name}.json").chmod(0o600)
    found = findings(cli, "--offline", code=4)
    texts = [text for _, text in problems(found)]
    assert len(texts) == 2
    assert any("broken.json is not JSON" in text for text in texts)
    assert any("it has ended: sign in again" in text for text in texts)


def test_one_half_of_the_app_is_a_problem(cli: Cli) -> None:
    del cli.environ["PINTEREST_APP_SECRET"]
    ((topic, text),) = problems(findings(cli, code=4))
    assert (topic, text) == ("app", "the app's credentials for Pinterest API v5 are missing: PINTEREST_APP_SECRET")


def test_a_service_that_nobody_reaches_is_told_with_what_to_check(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    cli.environ["PINTEREST_API_URI"] = f"http://127.0.0.1:{port}"
    found = findings(cli, code=1)
    assert ("network", f"http://127.0.0.1:{port} can't be reached: connection refused") in problems(found)
    assert "--offline leaves this out" in found["network"][0]["hint"]
    assert "account" not in found, "a dead service is asked nothing"
    assert problems(findings(cli, "--offline")) == []


def test_a_captive_portal_is_no_service(bare: Cli) -> None:
    import threading

    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            connection.recv(65_536)
            page = b"<!DOCTYPE html><html><head><title>Free Wi-Fi</title></head></html>"
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page)
            )
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        bare.environ["PINTEREST_API_URI"] = f"http://127.0.0.1:{server.getsockname()[1]}"
        found = findings(bare, code=1)
        thread.join()
    assert any(topic == "network" and "page" in text for topic, text in problems(found))
    assert "sign in to the network" in found["network"][0]["hint"]


@pytest.mark.parametrize(("hours", "told"), [(3, "3 hours behind"), (-3, "3 hours ahead"), (0.1, "6 minutes behind")])
def test_a_clock_that_is_wrong_is_compared_with_the_service(bare: Cli, hours: float, told: str) -> None:
    bare.use_app(App.installed(bare.environ, state=bare.folder / "state"))
    with start(now=lambda: bare.now + hours * 3600) as sandbox:
        bare.environ.update(sandbox.environment())
        found = findings(bare, code=1)
    clock = found["clock"][0]
    assert (clock["level"], clock["text"].partition(",")[0]) == ("problem", told)
    assert "timedatectl" in clock["hint"]


def test_a_proxy_that_is_ignored_is_named_and_a_wrong_one_is_a_problem(cli: Cli) -> None:
    cli.environ["HTTPS_PROXY"] = "http://user:" + "hunter2hunter2@proxy.example:3128"
    found = findings(cli)
    assert ("HTTPS_PROXY is set, and ignored", "note") in [(f["text"], f["level"]) for f in found["network"]]
    cli.environ["PINFLOW_PROXY"] = "ftp://proxy.example"
    found = findings(cli, code=1)
    assert ("network", "PINFLOW_PROXY must be the http:// address of a proxy, with its port") in problems(found)
    assert "hunter2" not in cli.stdout


def test_variables_are_named_without_values_and_misspelt_ones_are_told(cli: Cli) -> None:
    cli.environ |= {
        "PINFLOW_TOKEN": "x",
        "PINTEREST_APP_IDD": "y",
        "PINFLOW_INPUT_KEY": "sesame-open-12",
        "PINFLOW_TIER": "",
    }
    found = findings(cli)
    assert {"ACCESS_TOKEN", "PINFLOW_INPUT_KEY"} <= set(found["variables"][0]["text"].replace(",", "").split())
    assert "PINFLOW_TIER" not in found["variables"][0]["text"], "it is empty"
    told = {finding["text"].split()[0]: finding["hint"] for finding in found["variables"][1:]}
    assert told == {
        "PINFLOW_TOKEN": "did you mean 'PINFLOW_TOKENS'?",
        "PINTEREST_APP_IDD": "did you mean 'PINTEREST_APP_ID'?",
    }


def test_no_secret_is_in_what_it_says(cli: Cli, sandbox: Sandbox) -> None:
    secrets = [cli.environ[name] for name in ("ACCESS_TOKEN", "SECOND", "PINTEREST_APP_SECRET")]
    secrets.append("hunter2hunter2")
    cli.environ["PINFLOW_NOTIFY_WEBHOOK"] = "https://hooks.example/hunter2hunter2"
    cli.environ["PINTEREST_OAUTH_TOKEN_DIR"] = sandbox.environment(["access_token"])["PINTEREST_OAUTH_TOKEN_DIR"]
    for words in (["doctor"], ["doctor", "--output", "json"], ["-v", "doctor"]):
        cli(*words)
        assert [secret for secret in secrets if secret in cli.stdout + cli.stderr] == []


def test_a_state_that_others_can_change_is_a_problem(cli: Cli) -> None:
    (cli.folder / "state").mkdir()
    (cli.folder / "state").chmod(0o777)
    found = findings(cli, "--offline", code=1)
    assert [topic for topic, _ in problems(found)] == ["state"]
    assert "chmod" in next(f["hint"] for f in found["state"] if f["level"] == "problem")


def test_a_file_where_the_state_should_be_is_a_problem(cli: Cli) -> None:
    (cli.folder / "state").write_text("")
    text = f"in {cli.folder}/state, but {cli.folder}/state is not a folder"
    assert ("state", text) in problems(findings(cli, "--offline", code=1))


def test_a_state_that_a_newer_pinflow_wrote_is_a_problem(cli: Cli) -> None:
    recipe = cli.recipe("name: n\nschedule: {every: day}\nsteps: [{uses: get_user}]\n")
    assert cli("tick", recipe) == 0, cli.stderr
    (file,) = (cli.folder / "state" / "schedule").glob("*.db")
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 999")
    ((topic, text),) = problems(findings(cli, "--offline", code=1))
    assert topic == "state"
    assert "table.db is from a newer pinflow" in text


@pytest.mark.parametrize(("free", "level"), [(10_000_000, "problem"), (200_000_000, "note"), (9_000_000_000, "ok")])
def test_little_room_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch, free: int, level: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Space(10**12, 0, free))
    found = findings(cli, "--offline", code=1 if level == "problem" else 0)
    assert found["space"][0]["level"] == level


def test_a_plugin_that_can_not_be_loaded_is_a_problem(bare: Cli) -> None:
    plugin = bare.folder / "mine.py"
    plugin.write_text("raise RuntimeError('broken')\n")
    assert bare("--plugin", str(plugin), "doctor", "--output", "json") == 1
    (finding,) = bare.json["findings"]
    assert (finding["topic"], finding["level"]) == ("plugins", "problem")
    assert "broken" in finding["text"]


def test_checkups_of_plugins_come_last_and_one_that_fails_ends_nothing(bare: Cli) -> None:
    class Weather:
        @hookimpl
        def pinflow_checkups(self) -> list[Checkup]:
            def examine(app: object, offline: bool) -> list[Finding]:
                return [Finding(topic="weather", text=f"offline: {offline}", hint="take an umbrella", level="note")]

            def fail(app: object, offline: bool) -> list[Finding]:
                raise KeyError("sky")

            return [Checkup(topic="sky", run=fail), Checkup(topic="weather", run=examine)]

    manager, infos = load([], objects=[Weather()])
    bare.open_app = lambda environ, _: App(collect(manager, infos, environ), manager, environ, clock=bare.clock)
    found = findings(bare, "--offline", code=1)
    assert problems(found) == [("sky", "can't be examined: KeyError: 'sky'")]
    assert found["weather"][0]["text"] == "offline: True"
    assert bare("doctor", "--offline") == 1
    assert bare.stdout.endswith("offline: True\n" + " " * 20 + "take an umbrella\n1 problem\n")


def test_it_fits_a_narrow_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from pinflow.cli.shell import Shell

    monkeypatch.setattr(Shell, "width", lambda self, stream: 80)
    cli("doctor")
    assert max(map(len, cli.stdout.splitlines())) <= 80
    assert "…" not in cli.stdout
