"""Recipes that keep tokens fresh, run as a person runs them."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import App
from pinflow.app import Options
from pinflow.events import Note
from pinflow_auth.refresh_policy import due_at
from pinflow_auth.tokens import TokenSet
from pinflow_sandbox import Sandbox, Settings, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinflow import Event
    from pinflow.engine.results import RunResult

DAY = 86_400.0


class Bench:
    """A sandbox with the token files "access_token" and "client", and recipes run on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.sandbox: Sandbox = start(settings=Settings(quotas=False))
        self.environ = self.sandbox.environment(("access_token", "client"))
        self.tokens = Path(self.environ["PINTEREST_OAUTH_TOKEN_DIR"])
        self.notes: list[str] = []

    def run(self, recipe: str, dry_run: bool = False, **inputs: object) -> RunResult:
        app = App.installed(self.environ, state=self._folder / "state")
        path = Path(recipe)
        if "\n" in recipe:
            path = self._folder / "recipe.yaml"
            path.write_text(f"pinflow: 1\nname: Test\napi: v5\n{recipe}")
        return app.run(app.plan(path, inputs=inputs), Options(dry_run=dry_run, report=[self._listen]))

    def _listen(self, event: Event) -> None:
        if isinstance(event, Note):
            self.notes.append(event.text)

    def content(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.tokens / f"{name}.json").read_text())
        return found

    def put(self, name: str, content: object) -> None:
        path = self.tokens / f"{name}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        path.chmod(0o600)

    def asked(self) -> int:
        rows = self.sandbox.control.requests()
        return sum(int(str(row["count"])) for row in rows if row["path"] == "/v5/oauth/token")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.sandbox.stop()


def test_the_recipe_refreshes_one_token(bench: Bench) -> None:
    before = bench.content("client"), bench.content("access_token")
    result = bench.run("refresh_token", token="client")
    assert (result.status, result.outputs["refreshed"]) == ("ok", True)
    assert bench.content("client")["refresh_token"] != before[0]["refresh_token"]
    assert bench.content("access_token") == before[1]
    assert bench.notes == [f"client: refreshed (file {bench.tokens / 'client.json'})"]


@pytest.mark.parametrize(("within", "refreshed"), [("40 days", True), ("10 days", False), ("1h 30m", False)])
def test_the_recipe_leaves_a_token_alone_that_lasts(bench: Bench, within: str, refreshed: bool) -> None:
    result = bench.run("refresh_token", if_expires_within=within)
    assert (result.status, result.outputs["refreshed"]) == ("ok", refreshed)
    assert bench.asked() == int(refreshed)


def test_a_dry_run_says_what_would_be_done_and_asks_for_nothing(bench: Bench) -> None:
    before = {path: path.read_bytes() for path in bench.tokens.iterdir()}
    assert bench.run("refresh_token", dry_run=True).status == "planned"
    assert bench.run("refresh_token", dry_run=True, if_expires_within="1 day").status == "planned"
    assert bench.notes == [
        f"access_token: {words} (file {bench.tokens / 'access_token.json'})"
        for words in ("would be refreshed", "would be skipped")
    ]
    assert {path: path.read_bytes() for path in bench.tokens.iterdir()} == before
    assert bench.asked() == 0


def test_of_all_tokens_only_those_that_are_refreshed_are_told_of_and_the_recap_has_each(bench: Bench) -> None:
    bench.put("client", bench.content("client") | {"expires_at": "2020-01-01T00:00:00Z"})
    result = bench.run("refresh_all_tokens")
    assert bench.notes == [f"client: refreshed (file {bench.tokens / 'client.json'})"]
    told = {Path(each.key).name: each.facts["refreshed"] for each in result.accounts if each.status == "ok"}
    assert told == {"access_token.json": False, "client.json": True}


def test_the_results_of_token_actions_hold_no_secret(bench: Bench) -> None:
    result = bench.run("refresh_token")
    (step,) = result.steps
    assert step.output == {
        "token": "access_token",
        "refreshed": True,
        "expires_at": bench.content("access_token")["expires_at"],
        "refresh_expires_at": bench.content("access_token")["refresh_expires_at"],
    }


@pytest.mark.parametrize("text", ["soon", "10 moons", "-1 day", "500 days"])
def test_a_duration_that_is_none_is_told(bench: Bench, text: str) -> None:
    result = bench.run("refresh_token", if_expires_within=text)
    assert result.exit_code == 2
    assert "if_expires_within" in str(result.error)
    assert bench.asked() == 0


@pytest.mark.parametrize("name", ["../x", "a/b", ".x", "x" * 65])
def test_a_name_that_is_none_is_found_before_anything_runs(bench: Bench, name: str) -> None:
    with pytest.raises(Exception, match="isn't the name of a token"):
        bench.run("refresh_token", token=name)


def test_a_token_of_a_variable_is_not_refreshed(bench: Bench) -> None:
    bench.environ["ONLY_HERE"] = "pina_sandbox_x"
    result = bench.run("refresh_token", token="only_here")
    assert result.status == "failed"
    assert "only tokens in files can be refreshed" in str(result.error)


LIST = """
steps:
  - id: tokens
    uses: list_tokens
outputs:
  tokens: ${{ steps.tokens.items }}
"""


def test_tokens_are_listed_without_their_secrets(bench: Bench) -> None:
    bench.put("mine", {"access_token": "a-secret"})
    bench.put("old", {"access_token": "a-secret", "api": "v3"})
    result = bench.run(LIST)
    found = {each["source"]: each for each in result.outputs["tokens"]}
    assert [each["name"] for each in found.values()] == ["access_token", "client", "access_token", "client", "mine"]
    assert found["environment variable CLIENT"] == {
        "name": "client",
        "source": "environment variable CLIENT",
        "api": "v5",
        "account": "",
        "scopes": None,
        "expires_at": None,
        "refresh_expires_at": None,
        "refreshable": False,
        "problem": None,
    }
    of_file = found[f"file {bench.tokens / 'client.json'}"]
    assert (of_file["account"], of_file["refreshable"]) == ("client_account", True)
    assert "boards:read" in of_file["scopes"]
    assert of_file["expires_at"] < of_file["refresh_expires_at"]
    secrets = [bench.content(name)[key] for name in ("client", "mine") for key in ("access_token",)]
    assert not [each for each in secrets if each in repr(result)]


def test_broken_tokens_fail_the_list_in_the_end(bench: Bench) -> None:
    bench.put("broken", "{")
    result = bench.run(LIST)
    assert result.status == "failed"
    assert "broken.json is not JSON" in str(result.error)


def test_all_tokens_that_end_soon_are_refreshed(bench: Bench) -> None:
    before = {name: bench.content(name) for name in ("access_token", "client")}
    bench.put("client", {**before["client"], "expires_at": "2020-01-01T00:00:00Z"})
    result = bench.run("refresh_all_tokens")
    assert result.status == "ok"
    assert bench.asked() == 1
    assert bench.content("client")["refresh_token"] != before["client"]["refresh_token"]
    assert bench.content("access_token") == before["access_token"]


def test_a_token_that_can_not_be_refreshed_does_not_keep_the_others_from_it(bench: Bench) -> None:
    before = bench.content("client")
    bench.put("access_token", {**bench.content("access_token"), "refresh_token": "pinr_sandbox_unknown"})
    bench.put("broken", "{")
    result = bench.run("refresh_all_tokens", if_expires_within="40 days")
    assert result.status == "failed"
    assert bench.content("client")["refresh_token"] != before["refresh_token"]
    told = str(result.error) + " ".join(str(each) for each in result.failed)
    assert "broken.json is not JSON" in told
    assert "access_token" in told


def test_a_run_that_is_done_keeps_no_secret(bench: Bench, tmp_path: Path) -> None:
    bench.run("refresh_all_tokens", if_expires_within="40 days")
    kept = b"".join(each.read_bytes() for each in (tmp_path / "state").rglob("*") if each.is_file())
    assert len(kept) > 1000
    for name in ("access_token", "client"):
        for key in ("access_token", "refresh_token"):
            assert bench.content(name)[key].encode() not in kept


def test_the_token_files_of_a_sandbox_are_its_owners_and_end_with_it(bench: Bench) -> None:
    assert bench.tokens.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in bench.tokens.iterdir()} == {
        "access_token.json": 0o600,
        "client.json": 0o600,
    }
    assert bench.content("client")["account"] == "client_account"
    bench.sandbox.stop()
    assert not bench.tokens.exists()


@pytest.mark.parametrize("recipe", ["refresh_token", "refresh_all_tokens"])
def test_a_recipe_can_be_tried_in_the_sandbox(tmp_path: Path, recipe: str) -> None:
    notes: list[str] = []
    app = App.installed({}, state=tmp_path / "state")
    report = [lambda event: notes.append(event.text) if isinstance(event, Note) else None]
    result = app.run(app.plan(Path(recipe), inputs={}, examples=True), Options(sandbox=True, report=report))
    assert result.status == "ok"
    assert [note.partition(" (")[0] for note in notes] == ["access_token: refreshed"]


# -- in time, and who has to know


def at(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), UTC).isoformat()


@pytest.mark.parametrize(("passed", "refreshed"), [(0.5, False), (0.56, False), (0.67, True), (0.99, True)])
def test_a_token_is_refreshed_once_two_thirds_of_its_life_have_passed(
    bench: Bench, passed: float, refreshed: bool
) -> None:
    now = time.time()
    life = 30 * DAY
    times = {"issued_at": at(now - passed * life), "expires_at": at(now + (1 - passed) * life)}
    bench.put("client", {**bench.content("client"), **times, "refresh_expires_at": at(now + 60 * DAY)})
    result = bench.run("steps:\n  - {id: r, uses: refresh_token, with: {token: client, if_due: true}}")
    (step,) = result.steps
    assert (result.status, step.output["refreshed"], bench.asked()) == ("ok", refreshed, int(refreshed))


def test_many_tokens_that_began_together_are_not_refreshed_together() -> None:
    def due(name: str) -> float:
        tokens = TokenSet(name=name, access_token="x", issued_at=0.0, expires_at=30 * DAY)
        found = due_at(tokens, rotates=True)
        assert found is not None
        return found / DAY

    found = [due(f"shop{number}") for number in range(500)]
    assert 17 <= min(found) < 17.1
    assert 19.9 < max(found) <= 20
    assert due("shop1") == due("shop1")


@pytest.mark.parametrize(
    ("times", "rotating", "day"),
    [
        ({"expires_at": 30 * DAY}, True, 20.0),  # nobody knows when it began
        ({}, True, None),
        ({"expires_at": 30 * DAY, "refresh_expires_at": 15 * DAY}, True, 5.0),
        ({"expires_at": 30 * DAY, "refresh_expires_at": 15 * DAY}, False, 20.0),
    ],
)
def test_the_due_time_of_a_token_with_unknown_times_is_early_or_none(
    times: dict[str, float], rotating: bool, day: float | None
) -> None:
    found = due_at(TokenSet(name="x", access_token="x", **times), rotates=rotating)  # type: ignore[arg-type]
    assert found == (None if day is None else day * DAY)


def test_a_refresh_that_fails_in_passing_keeps_the_old_token_until_it_ends(bench: Bench) -> None:
    now = time.time()
    times = {"issued_at": at(now - 25 * DAY), "expires_at": at(now + 5 * DAY)}
    before = {**bench.content("client"), **times}
    bench.put("client", before)
    bench.environ["PINTEREST_API_URI"] = "http://127.0.0.1:9"
    bench.put("client", {**before, "origin": "http://127.0.0.1:9"})
    recipe = "steps:\n  - {uses: refresh_token, with: {token: client, if_due: true}}"
    assert bench.run(recipe).status == "ok"
    assert "not refreshed this time; the old token is still valid" in bench.notes[0]
    assert bench.run(recipe.replace(", if_due: true", "")).status == "failed"
    bench.put("client", {**before, "origin": "http://127.0.0.1:9", "expires_at": at(now - 1)})
    assert bench.run(recipe).status == "failed"
    assert bench.content("client")["access_token"] == before["access_token"]


def open_notices(bench: Bench, tmp_path: Path) -> dict[str, str]:
    found = App.installed(bench.environ, state=tmp_path / "state").notices.open()
    return {each.kind: each.title for each in found}


def test_who_has_to_sign_in_again_before_long_is_told_once_and_weeks_ahead(bench: Bench, tmp_path: Path) -> None:
    now = time.time()
    alone = {**bench.content("client"), "refresh_token": None, "refresh_expires_at": None}
    bench.put("client", {**alone, "expires_at": at(now + 18 * DAY)})
    for _ in range(2):
        assert bench.run("refresh_all_tokens").ok
    day = at(now + 18 * DAY)[:10]
    told = {"token_ends": f"the token 'client' for Pinterest API v5 ends on {day}, before its next refresh"}
    assert open_notices(bench, tmp_path) == told
    bench.put("client", {**alone, "expires_at": at(now + 29 * DAY)})
    assert bench.run("refresh_all_tokens").ok
    assert open_notices(bench, tmp_path) == {}


def test_a_token_that_can_not_be_refreshed_in_its_last_days_is_told(bench: Bench, tmp_path: Path) -> None:
    now = time.time()
    times = {"issued_at": at(now - 28 * DAY), "expires_at": at(now + 2 * DAY), "refresh_expires_at": at(now + 20 * DAY)}
    before = bench.content("client")
    bench.put("client", {**before, **times, "refresh_token": "pinr_sandbox_unknown"})
    assert bench.run("refresh_all_tokens").exit_code == 1
    assert set(open_notices(bench, tmp_path)) == {"token_ends", "sign_in_ends"}
    bench.put("client", {**before, **times})
    assert bench.run("refresh_all_tokens").ok
    assert open_notices(bench, tmp_path) == {}


def test_a_lock_that_is_held_for_too_long_ends_the_wait(bench: Bench) -> None:
    from pinflow import Unreachable
    from pinflow_auth import files

    path = bench.tokens / "client.json"
    too_long = r"client\.json is locked by another process for more than 0\.05 s"
    with files.lock_tokens(path), pytest.raises(Unreachable, match=too_long), files.lock_tokens(path, wait=0.05):
        pass
    with files.lock_tokens(path, wait=0.0):
        pass
