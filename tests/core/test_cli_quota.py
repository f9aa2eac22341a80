"""Runs that meet a quota or a block: paused, told, gone on with. Through the command line, against the sandbox."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.engine.results import Forecast, RunResult
from pinflow.reporters.summary import Recap
from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.server.messages import HttpResponse
from pinflow_sandbox.world import boards, pins
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pinflow.app import App
    from pinflow_sandbox.server.messages import HttpRequest

STUDIO = "garden_studio"
NOON = 1_800_014_400.0  # a minute begins
COPY = ("copy_board", "-i", "board=Original", "-i", "name=The copy")


class StudioCli(Cli):
    """Runs commands against a sandbox that allows five writes a minute, on a time of its own."""

    def __init__(self, folder: Path, installed: App) -> None:
        super().__init__(folder)
        self.use_app(installed)
        self.now, self.pause = NOON, 0.0
        self.fault: Callable[[HttpRequest, Callable[[], HttpResponse]], HttpResponse] | None = None
        self.sandbox: Sandbox = start(
            now=self.clock.now,
            sleep=self.clock.sleep,
            settings=Settings(per_minute={"org_write": 5}),
            faults=self._faults,
        )
        self.environ |= self.sandbox.environment()
        world = self.sandbox.world
        world.clear(1)
        world.add_account(STUDIO)
        self.fill("Original", 7)

    def fill(self, name: str, number: int) -> None:
        world = self.sandbox.world
        board = boards.add_board(world, STUDIO, name, created=self.now - 1e6)
        for each in range(number):
            pins.add_pin(world, board, each, section=None, created=self.now - 1e6 + each)

    def _faults(self, call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        return apply() if self.fault is None else self.fault(call, apply)

    def requests(self) -> int:
        return sum(int(str(row["count"])) for row in self.sandbox.control.requests())

    def pins_of(self, name: str) -> int:
        state: Any = self.sandbox.control.state()
        return next(len(board["pins"]) for board in state["boards"] if board["name"] == name)


@pytest.fixture
def cli(tmp_path: Path, installed: App) -> Iterator[StudioCli]:
    studio = StudioCli(tmp_path, installed)
    yield studio
    studio.sandbox.stop()


def spam(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
    """The service suspects spam of every write."""
    if call.method == "GET":
        return apply()
    return HttpResponse(429, b'{"code": 9, "message": "Sorry! We blocked this as it may be spam"}', "application/json")


def test_a_run_that_meets_its_quota_is_paused_and_says_what_is_left_and_when_it_goes_on(cli: StudioCli) -> None:
    assert cli("run", *COPY, "--patience", "0") == 6
    first = cli.stdout.splitlines()[0]
    assert first.startswith("Copy a board: paused (")
    assert first.endswith("; 3 pins left")
    assert "the quota 'org_write' of 'access_token' is used up for another 61 s" in cli.stdout
    assert "  continue after " in cli.stdout
    assert cli("runs", "--output", "json") == 0
    assert cli.json["runs"][0]["resume_after"] == pytest.approx(cli.now + 60.6, abs=0.1)
    assert cli("runs") == 0
    assert "pinflow resume" in cli.stdout
    assert "  # after " in cli.stdout


def test_a_step_that_waits_for_a_quota_is_paused_and_not_failed_wherever_it_is_told(cli: StudioCli) -> None:
    assert cli("run", *COPY, "--patience", "0") == 6
    assert "‖ copy: paused (" in cli.stderr
    assert "failed" not in cli.stdout + cli.stderr
    assert cli("runs", "show") == 0
    assert "  copy  paused  " in cli.stdout
    assert "failed" not in cli.stdout
    assert cli("run", *COPY[:-1], "name=Another", "--patience", "0", "--output", "json") == 6
    assert [step["status"] for step in cli.json["steps"]] == ["paused"]
    assert cli.json["resume_after"] == pytest.approx(cli.now + 60.6, abs=0.1)


def test_what_is_left_of_a_parallel_copy_is_told_of_all_its_pins(cli: StudioCli) -> None:
    """Those that share their texts are sent after the others, one by one."""
    board = next(each for each in cli.sandbox.world.boards.values() if each.name == "Original")
    same = replace(next(iter(cli.sandbox.world.pins.values())).content, title="The same for all")
    for number in range(3):
        pins.add_pin(cli.sandbox.world, board, same, created=cli.now - 1000 + number)
    assert cli("run", *COPY, "-i", "parallel=4", "--patience", "0") == 6
    assert cli.stdout.splitlines()[0].endswith("; 6 pins left")
    assert cli("run", *COPY[:-1], "name=Another", "-i", "parallel=4", "--max-writes", "9") == 5
    assert "this makes up to 10 changes (pins of step copy)" in cli.stdout


def test_the_events_of_a_paused_run_say_until_when(cli: StudioCli) -> None:
    assert cli("run", *COPY, "--patience", "0", "--output", "ndjson") == 6
    told = [json.loads(line) for line in cli.stdout.splitlines()]
    assert [each["status"] for each in told if each["event"] == "StepFinished"] == ["paused"]
    assert told[-1]["status"] == "paused"
    assert told[-1]["resume_after"] == pytest.approx(cli.now + 60.6, abs=0.1)


def test_a_write_on_its_way_is_no_doubt_while_its_run_is_at_work(cli: StudioCli) -> None:
    said: list[str] = []

    def look(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "POST" and not said:
            for words in (["runs"], ["runs", "show"]):
                assert cli(*words) == 0
                said.append(cli.stdout)
        return apply()

    cli.fault = look
    assert cli("run", *COPY, "--patience", "0") == 6
    listed, shown = said
    assert "running" in listed and "running" in shown
    assert "doubt" not in listed + shown


def test_after_the_sandbox_signing_in_is_for_what_the_recipe_needs(cli: StudioCli) -> None:
    assert cli("run", "copy_board", "-i", "to=shop", "--sandbox", "--api", "v3") == 0
    assert cli.stdout.splitlines()[-3:] == [
        "  pinflow auth login --recipe copy_board --api v3",
        "  pinflow auth login shop --recipe copy_board --api v3",
        "  pinflow run copy_board -i to=shop -i board=... --api v3",
    ]


def test_after_the_sandbox_the_commands_name_the_local_plugins(cli: StudioCli, tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("")
    assert cli("run", "get_user", "--sandbox", "--plugin", str(plugin)) == 0
    assert cli.stdout.splitlines()[-2:] == [
        f"  pinflow auth login --recipe get_user --plugin {plugin}",
        f"  pinflow run get_user --plugin {plugin}",
    ]


def test_to_resume_too_early_is_refused_without_a_request(cli: StudioCli) -> None:
    cli("run", *COPY, "--patience", "0")
    before = cli.requests()
    cli.now += 10
    assert cli("resume", "--patience", "30") == 6
    assert "is paused until " in cli.stderr
    assert "nothing was sent" in cli.stderr
    assert "--patience 1m" in cli.stderr
    assert cli.requests() == before


def test_with_patience_a_resumed_run_waits_and_says_so_once(cli: StudioCli) -> None:
    cli("run", *COPY, "--patience", "0")
    assert cli("resume", "--patience", "2h", "--output", "ndjson") == 0, cli.stderr
    told = [json.loads(line) for line in cli.stdout.splitlines()]
    (first, *_) = waits = [each for each in told if each["event"] == "Waiting"]
    assert first["until"] == pytest.approx(NOON + 60.6, abs=0.1)
    assert [each["at"] for each in waits if "quota" in each["reason"]] == [NOON]
    assert cli.pins_of("The copy") == 7


def test_a_run_that_was_only_paused_waits_for_nothing_else_when_it_goes_on(cli: StudioCli) -> None:
    cli("run", *COPY, "--patience", "0")
    cli.now += 61
    began = cli.now
    assert cli("resume") == 0, cli.stderr
    assert cli.pins_of("The copy") == 7
    assert cli.now == began  # no write was ever in doubt


@pytest.mark.parametrize("later", [0.0, 3600.0])
def test_a_run_whose_lost_pin_was_found_and_not_sent_again_waits_for_nothing_before_its_audit(
    cli: StudioCli, later: float
) -> None:
    lost = iter([True])

    def lose_one(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        answer = apply()
        return (
            HttpResponse(500, b"")
            if call.path.endswith("/pins") and call.method == "POST" and next(lost, False)
            else answer
        )

    cli.fault = lose_one
    assert cli("run", *COPY, "--patience", "0") == 6  # the lost Pin was looked for, and found after 65 seconds
    assert cli.now == pytest.approx(NOON + 65)
    cli.now = NOON + 121 + later
    began = cli.now
    assert cli("resume") == 0, cli.stderr
    assert cli.pins_of("The copy") == 7
    assert cli.now == began


def test_a_run_with_patience_waits_inside_and_says_so_once_for_each_window(cli: StudioCli) -> None:
    cli.fill("Long", 23)
    words = ("run", "copy_board", "-i", "board=Long", "-i", "name=The copy", "--patience", "2h", "--output", "ndjson")
    assert cli(*words) == 0, cli.stderr
    waits = [each for line in cli.stdout.splitlines() if (each := json.loads(line))["event"] == "Waiting"]
    assert len(waits) == 4  # 24 writes, five a minute
    assert {each["category"] for each in waits} == {"org_write"}
    assert cli.pins_of("The copy") == 23


def test_a_second_run_begins_with_what_the_first_one_left(cli: StudioCli) -> None:
    cli("run", *COPY, "--patience", "0")
    cli.fill("Other", 2)
    assert cli("run", "copy_board", "-i", "board=Other", "-i", "name=Another", "--patience", "0") == 6
    assert "is used up for another 61 s" in cli.stdout


def test_a_dry_run_tells_how_long_it_takes_and_is_right(cli: StudioCli) -> None:
    cli.sandbox.control.change(per_minute={"org_write": 100})
    cli.fill("Long", 250)
    words = ("run", "copy_board", "-i", "board=Long", "-i", "name=Copied", "--patience", "2h", "--output", "json")
    cli("run", *COPY)  # uses some of the quota
    cli.now += 5
    assert cli(*words, "--dry-run") == 0, cli.stderr
    forecast = cli.json["forecast"]
    began = cli.now
    assert cli(*words) == 0
    assert forecast["seconds"] == pytest.approx(cli.now - began, rel=0.1)
    assert forecast["finish"] == pytest.approx(cli.now, abs=forecast["seconds"] * 0.1)
    assert forecast["seconds"] > 100


def test_copying_takes_as_long_as_the_quota_asks_and_no_longer(cli: StudioCli) -> None:
    pins, each_minute = 296, 10  # and a board: 30 minutes' worth, less a few that the last minute has left
    cli.sandbox.control.change(per_minute={"org_write": each_minute}, latency=0.08)
    cli.fill("Long", pins)
    words = ("run", "copy_board", "-i", "board=Long", "-i", "name=Copied", "--patience", "2h", "--output", "json")
    assert cli("run", *COPY) == 0  # whose answers tell the quota
    cli.now += 3600
    assert cli(*words, "--dry-run") == 0, cli.stderr
    forecast = cli.json["forecast"]["seconds"]
    cli.now += 3600  # nothing is used any more
    began = cli.now
    assert cli(*words) == 0
    took = cli.now - began
    assert cli.pins_of("Copied") == pins
    assert took == pytest.approx(60 * (pins + 1) / each_minute, rel=0.02)
    assert forecast == pytest.approx(took, rel=0.1)


@pytest.mark.parametrize("parallel", [1, 8])
def test_a_dry_run_tells_how_long_it_takes_where_no_quota_binds(cli: StudioCli, parallel: int) -> None:
    cli.sandbox.control.change(per_minute={"org_write": 100}, latency=0.08)
    cli.fill("Long", 88)
    words = ("run", "copy_board", "-i", "board=Long", "-i", f"parallel={parallel}", "--output", "json", "--dry-run")
    assert cli(*words) == 0, cli.stderr
    # three reads and a board come one after the other, at 80 ms each; the Pins do as well, or eight at a time
    assert cli.json["forecast"]["seconds"] == pytest.approx(0.08 * (4 + 88 / parallel), rel=0.01)


def test_a_dry_run_says_that_a_run_takes_days(cli: StudioCli) -> None:
    forecast = Forecast(calls={"access_token": {"org_write": 900}}, seconds=2 * 86_400 + 60.0, finish=NOON + 172_860)
    result = RunResult(run="r", status="planned", steps=(), forecast=forecast)
    recap = Recap("Copy", result, tier="trial", now=NOON)
    assert "  cannot finish today: it takes 3 days at the trial tier's limits, until " in "\n".join(
        recap.lines(lambda text, style: text)
    )


# -- pinflow quota


def test_every_quota_is_listed_with_what_is_used_and_left(cli: StudioCli) -> None:
    cli("run", *COPY, "--patience", "0")
    assert cli("quota") == 0
    head, *rows = cli.stdout.splitlines()
    assert head.split() == ["API", "ACCOUNT", "CATEGORY", "LIMIT", "USED", "LEFT", "ALL", "FREE", "AT", "KNOWN", "FROM"]
    write = next(row for row in rows if "org_write" in row)
    assert write.startswith("v5   access_token (")
    assert write.split()[3:9] == ["org_write", "5", "a", "minute", "5", "0"]
    assert write.endswith("header")
    assert any("all calls" in row and "100 a second" in row for row in rows)


def test_quotas_for_programs_are_one_json_object(cli: StudioCli) -> None:
    cli("run", *COPY, "--patience", "0")
    cli("quota", "--output", "json")
    write = next(each for each in cli.json["quotas"] if each["category"] == "org_write")
    assert (write["limit"], write["used"], write["left"], write["seconds"]) == (5, 5, 0, 60)
    assert write["resets"] == pytest.approx(cli.now + 60.6, abs=0.5)
    assert (write["api"], write["login"], write["source"]) == ("v5", "access_token", "header")
    assert write["origin"] == cli.sandbox.url + "/v5"
    assert cli.json["blocks"] == []


def test_no_token_is_found_in_the_usage_files(cli: StudioCli) -> None:
    cli("run", *COPY, "--patience", "0")
    token = cli.sandbox.environment()["ACCESS_TOKEN"].encode()
    files = list((cli.folder / "state" / "quota").iterdir())
    assert files
    assert not any(token in file.read_bytes() for file in files)


def test_a_quota_unused_for_a_day_is_not_listed(cli: StudioCli) -> None:
    cli("run", *COPY, "--patience", "0")
    cli.now += 100_000
    assert cli("quota") == 0
    assert cli.stdout == ""
    assert "No quota was used in the last day" in cli.stderr


# -- spam blocks


def test_a_spam_block_pauses_the_accounts_writes_until_someone_lifts_it(cli: StudioCli) -> None:
    cli.fault = spam
    assert cli("run", *COPY) == 6
    assert "spam" in cli.stdout
    cli.fault = None
    cli.now += 3600
    before = cli.requests()
    assert cli("resume") == 6
    assert "the writes of 'access_token' are paused for another 23 h 00 min: the service suspected spam" in cli.stderr
    assert cli.requests() == before
    assert cli("quota") == 0
    assert cli.stdout.splitlines()[-1].endswith("earlier with: pinflow quota --clear-block access_token")
    assert cli("quota", "--clear-block", "access_token") == 0
    assert cli("resume", "--patience", "5m") == 0, cli.stderr
    assert cli.pins_of("The copy") == 7


def test_no_other_run_of_the_account_writes_while_it_is_blocked(cli: StudioCli) -> None:
    cli.fault = spam
    cli("run", *COPY)
    cli.fault = None
    assert cli("run", "copy_board", "-i", "board=Original", "-i", "name=Again") == 6
    assert [board["name"] for board in cli.sandbox.control.state()["boards"]] == ["Original"]  # type: ignore[attr-defined]


def test_a_block_is_over_after_a_day(cli: StudioCli) -> None:
    cli.fault = spam
    cli("run", *COPY)
    cli.fault = None
    cli.now += 86_401
    assert cli("resume", "--patience", "5m") == 0, cli.stderr


def test_clearing_a_block_that_does_not_exist_is_an_error(cli: StudioCli) -> None:
    assert cli("quota", "--clear-block", "access_token") == 2
    assert "no account of the token 'access_token' is blocked" in cli.stderr


# -- usage that can't be stored


def test_damaged_usage_ends_the_run_before_anything_is_sent(cli: StudioCli) -> None:
    cli("run", *COPY, "--patience", "0")
    before = cli.requests()
    page = sorted((cli.folder / "state" / "quota").glob("*.page"))[0]
    page.write_bytes(b"mine")
    assert cli("run", "copy_board", "-i", "board=Original", "-i", "name=Again") == 8
    assert str(page) in cli.stderr
    assert page.read_bytes() == b"mine"
    assert cli.requests() == before


def test_of_many_quotas_a_person_reads_those_with_least_left_and_of_each_pause_once(cli: StudioCli) -> None:
    environ = cli.sandbox.environment(["access_token", *(f"client_{number:02d}" for number in range(45))])
    last = json.loads((Path(environ["PINTEREST_OAUTH_TOKEN_DIR"]) / "client_44.json").read_text())["access_token"]
    day = {"X-RateLimit-Limit": "1000, 1000;w=86400", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "900"}

    def of_the_last(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if last not in dict(call.headers).get("authorization", ""):
            return apply()
        return HttpResponse(429, b'{"code": 8, "message": "Too many requests"}', "application/json", tuple(day.items()))

    cli.fault = of_the_last
    cli("run", "all_accounts", "--patience", "0")
    assert cli("quota") == 0
    lines = cli.stdout.splitlines()
    rows = [line for line in lines if line.startswith("v5 ")]
    assert len(rows) == 40
    assert rows[0].split()[1] == "client_44" and rows[0].split()[-3] == "0"
    assert lines[41].endswith(" more with more left; to list them: --output json")
    assert [line.split()[0] for line in lines[42:]] == ["client_44"]


def test_of_the_calls_of_many_accounts_those_with_most_are_shown(cli: StudioCli) -> None:
    cli.sandbox.environment(["access_token", *(f"client_{number:02d}" for number in range(45))])
    assert cli("run", "all_accounts") == 0
    assert cli("runs", "show") == 0
    calls = cli.stdout.partition("\ncalls\n")[2].splitlines()
    assert len(calls) == 41
    assert calls[-1] == "  6 more with fewer calls; to list them: --items"
    assert cli("runs", "show", "--items") == 0
    assert "with fewer" not in cli.stdout
