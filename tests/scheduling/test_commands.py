"""`pinflow schedule` and `pinflow tick`, from words to what is printed. The clock is the test's."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pinflow import ActionError, RateLimited
from pinflow.scheduling.queries import add_run_now
from pinflow.state.folder.schedule import FolderSchedule
from pinflow.state.records import LEASE
from tests.scheduling.rig import DAY, HOUR, MINUTE, START

if TYPE_CHECKING:
    from tests.cli import Cli
    from tests.scheduling.rig import Rig


def output_lines(cli: Cli, *words: str) -> list[str]:
    assert cli(*words) == 0
    return cli.stdout.splitlines()


@pytest.fixture
def cli(cli: Cli, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(rig.project.folder.parent)  # where recipes/ is
    cli.environ["PINFLOW_STATE_DIR"] = str(rig.project.state)
    cli.open_app = lambda environ, plugins: rig.app()
    return cli


def test_a_tick_runs_what_is_due_and_nothing_else(rig: Rig, cli: Cli) -> None:
    rig.recipe("a", "every: hour")
    assert (cli("tick"), cli.stdout) == (0, "")
    assert re.fullmatch(r"1 job registered; next: a at \d{4}-\d\d-\d\d \d\d:00:00\n", cli.stderr)
    assert (cli("tick"), cli.stdout, cli.stderr) == (0, "", "")
    rig.project.clock.now += HOUR
    assert cli("tick") == 0
    assert "a: done in" in cli.stderr and "registered" not in cli.stderr
    assert cli("tick") == 0
    assert cli.stderr == ""
    assert rig.times("a") == [HOUR]


def test_a_tick_says_how_many_jobs_are_new_and_which_is_next(rig: Rig, cli: Cli) -> None:
    rig.recipe("a", "every: day, at: '03:30'")
    rig.recipe("b", "every: hour")
    assert cli("tick", "-q") == 0
    assert cli.stderr == ""
    rig.recipe("c", "every: 30 minutes")
    rig.recipe("d", "every: 40 minutes")
    assert cli("tick") == 0
    assert re.fullmatch(r"2 jobs registered; next: c at .*\n", cli.stderr)


@pytest.mark.parametrize("words", [("tick",), ("schedule", "run-now", "a")])
def test_where_a_call_hangs_the_program_ends_all_the_same(
    rig: Rig, cli: Cli, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Python would wait for the threads of what goes side by side, for as long as the service likes."""
    rig.recipe("a", "every: hour")
    cli("tick")
    rig.project.clock.now += HOUR
    gate = threading.Event()

    def hangs() -> None:
        signal.raise_signal(signal.SIGTERM)
        gate.wait(20)

    rig.does["a"] = hangs
    ends: list[int] = []
    monkeypatch.setattr(os, "_exit", ends.append)
    monkeypatch.setattr("pinflow.scheduling.daemon.PATIENCE", 0.0)
    assert cli(*words) == 143
    assert ends == [143]
    gate.set()


def test_a_tick_of_one_recipe_leaves_the_jobs_of_another_alone(rig: Rig, cli: Cli) -> None:
    for name in ("a", "b"):
        rig.recipe(name, "every: hour")
        cli("tick", f"recipes/{name}.yaml")
    rig.project.clock.now += HOUR
    assert cli("tick", "recipes/a.yaml") == 0
    assert (rig.states("a"), rig.states("b")) == (["done"], [])
    assert cli("tick", "recipes/b.yaml") == 0
    assert rig.states("b") == ["done"]


@pytest.mark.parametrize(("error", "code"), [(ActionError("no"), 1), (RateLimited("full", retry_after=9e3), 0)])
def test_a_tick_exits_with_what_failed(rig: Rig, cli: Cli, error: Exception, code: int) -> None:
    def fails() -> None:
        raise error

    rig.recipe("a", "every: hour")
    rig.does["a"] = fails
    cli("tick")
    rig.project.clock.now += HOUR
    assert cli("tick") == code
    assert "a: FAILED: no" in cli.stderr if code else "a: paused until" in cli.stderr


def test_what_comes_next_is_shown_with_zones_and_changes_of_the_clock(rig: Rig, cli: Cli) -> None:
    rig.recipe("a", 'every: day, at: "02:30", timezone: Europe/Berlin')
    rig.project.clock.now = START + 71 * DAY  # the day before the spring change
    assert cli("schedule", "next", "2") == 0
    head, first, second = cli.stdout.splitlines()
    assert head.split() == ["JOB", "DUE", "ZONE", "STARTS", "(LOCAL", "TIME)", "CLOCK"]  # no job has a jitter
    assert "2027-03-28 03:30:00 +0200  Europe/Berlin" in first
    assert first.endswith("shifted: the clock skips this time")
    assert "2027-03-29 02:30:00 +0200" in second
    assert len(cli.data("schedule", "next")["next"]) == 10
    assert cli("schedule", "history", "-n", "9" * 20) == 2
    assert "must be a whole number, not '99999999999999999999'" in cli.stderr
    assert cli("schedule", "next", "9" * 5000) == 2  # no number of times: the name of a recipe that is not there
    assert rig.rows() == []  # looking schedules nothing


def test_the_list_tells_when_and_how_it_went(rig: Rig, cli: Cli) -> None:
    rig.recipe("a", "every: hour")
    rig.recipe("b", 'every: monday, at: ["06:00", "18:00"], timezone: Asia/Tokyo')
    cli("tick")
    rig.project.clock.now += HOUR
    cli("tick")
    cli("schedule", "pause", "b")
    assert [row.split()[0] for row in output_lines(cli, "schedule", "next", "2")] == ["JOB", "a", "a"]
    assert cli("schedule", "list") == 0
    _, a, b = cli.stdout.splitlines()
    assert a.split("  ") != []
    assert "every hour (UTC)" in a
    assert "done 2027-01-15" in a
    assert "every monday at 06:00, 18:00 (Asia/Tokyo)" in b
    assert "paused" in b
    assert [job["name"] for job in cli.data("schedule", "list")["jobs"]] == ["a", "b"]


def test_a_job_is_run_now_by_its_file_or_its_name(rig: Rig, cli: Cli) -> None:
    rig.recipe("a", "every: day")
    cli("tick")
    for name in ("a", "recipes/a.yaml"):
        assert cli("schedule", "run-now", name) == 0
    assert [row.origin for row in rig.rows("a")] == ["now", "now"]
    assert len(rig.worked) == 2


def test_an_unknown_job_is_told_the_near_one(rig: Rig, cli: Cli) -> None:
    rig.recipe("mirror", "every: day")
    cli("tick")
    assert cli("schedule", "run-now", "miror") == 2
    assert "no job is called 'miror'" in cli.stderr
    assert "did you mean 'mirror'?" in cli.stderr


def test_a_paused_job_rests_and_says_so(rig: Rig, cli: Cli) -> None:
    rig.recipe("a", "every: hour")
    cli("tick")
    assert cli("schedule", "pause", "a") == 0
    assert cli.stderr == "a: paused\n"
    assert cli("schedule", "next") == 0
    assert (cli.stdout, cli.stderr) == ("", "nothing runs next, because all jobs are paused\n")
    rig.project.clock.now += 3 * HOUR
    assert (cli("tick"), cli.stderr) == (0, "")
    rig.project.clock.now += 2 * HOUR
    assert cli("schedule", "resume", "a") == 0
    rig.project.clock.now += 1
    cli("tick")
    assert rig.worked == []
    assert [(row.state, row.count, row.reason) for row in rig.rows("a")] == [
        ("skipped", 3, "the job is paused"),
        ("skipped", 2, "the job is paused"),
    ]


@pytest.mark.parametrize(
    ("time", "answer"),
    [
        ("2027-01-15T09:00", "it ran, and ended well (run "),
        ("2027-01-15T09:30", "the job is not due then"),
        ("2027-01-15T10:00", "missed; one run makes up for it"),
        ("2027-01-15T12:00", "it ran, to make up for missed times"),
        ("2027-01-15T14:00", "not due yet"),
        ("2027-01-10T09:00", "the job has this schedule only since 2027-01-15 08:00:00 UTC"),
    ],
)
def test_why_has_an_answer_for_every_time(rig: Rig, cli: Cli, time: str, answer: str) -> None:
    rig.recipe("a", "every: hour")
    cli("tick")
    for hours in (1, 4.9):
        rig.project.clock.now = START + hours * HOUR
        cli("tick")
    assert cli("schedule", "why", "a", time) == 0
    assert answer in cli.stdout


def test_a_backfill_shows_and_then_runs_what_did_not(rig: Rig, cli: Cli) -> None:
    rig.recipe("a", 'every: day, at: "06:00", missed: skip, grace: 1h')
    cli("tick")
    rig.project.clock.now += 3 * DAY
    cli("tick")
    assert rig.worked == []
    words = ("schedule", "backfill", "a", "--from", "2027-01-10")
    assert cli(*words, "--dry-run") == 0
    assert cli.stdout.splitlines() == [f"2027-01-{day} 06:00:00 +0000" for day in range(10, 19)]
    assert cli(*words) == 0
    assert len(rig.worked) == 9
    assert cli(*words) == 0
    assert cli.stderr == "nothing to make up for\n"
    assert cli("schedule", "backfill", "a", "--from", "2020-01-01") == 2
    assert "more than 100 times would run" in cli.stderr
    assert cli(*words, "--to", "2027-01-09") == 2
    assert "the span ends before it begins" in cli.stderr


def test_a_job_has_the_inputs_of_its_last_start_and_a_change_is_told(rig: Rig, cli: Cli) -> None:
    rig.recipe("a", "every: hour", "inputs: {board: {type: string, required: true}}\n")
    for name in ("x", "y"):
        rig.project.write(
            f"name: of {name}\nschedule: {{every: hour}}\ninputs: {{board: {{type: string, default: {name}}}}}\n"
            "steps: [{include: a.yaml}]\n",
            f"of_{name}.yaml",
        )
    assert cli("tick", "recipes/a.yaml", "-i", "board=x", "-q") == 0
    assert cli.stderr == ""
    for _ in range(2):
        cli("tick", "recipes/a.yaml", "-i", "board=y", "-q")
        assert "a: runs with board=y from now on, no longer with board=x; to run both, make two" in cli.stderr
        cli("tick", "recipes/a.yaml", "-i", "board=x", "-q")
    # a recipe for each needs no input
    assert cli("tick", "recipes/of_x.yaml", "recipes/of_y.yaml") == 0
    rig.project.clock.now += HOUR
    assert cli("tick", "recipes/of_x.yaml", "recipes/of_y.yaml") == 0
    assert (rig.states("of_x"), rig.states("of_y")) == (["done"], ["done"])


def test_the_status_is_an_exit_code(rig: Rig, cli: Cli) -> None:
    assert cli("schedule", "status") == 1
    assert "nothing is scheduled" in cli.stdout
    rig.recipe("a", "every: hour")
    cli("tick")
    assert cli("schedule", "status") == 0
    assert cli.stdout.endswith("all is well\n")
    rig.project.clock.now += HOUR + 300
    assert cli("schedule", "status") == 1
    assert "overdue, and not handled: a" in cli.stdout
    assert cli("schedule", "status", "--output", "json") == 1
    assert json.loads(cli.stdout)["ok"] is False


def test_an_edited_note_of_the_last_start_is_told(rig: Rig, cli: Cli) -> None:
    rig.recipe("a", "every: hour")
    with closing(FolderSchedule(rig.project.state, owner="editor")) as store:
        store.put_note("run", {"recipes": "all of them"})
    assert cli("tick") == 8
    assert "what the daemon was started with can't be read; it was left as it is" in cli.stderr


def test_a_job_whose_last_day_has_passed_is_over(rig: Rig, cli: Cli) -> None:
    rig.recipe("a", "every: day, until: 2027-01-16")
    rig.project.clock.now += DAY
    (_, row) = output_lines(cli, "schedule", "list")
    assert row.split() == ["a", "every", "day", "(UTC)", "over", "-", "-"]


def test_a_run_that_was_cut_off_is_not_told_as_running(rig: Rig, cli: Cli) -> None:
    rig.recipe("a", "every: hour")
    cli("tick")
    with closing(FolderSchedule(rig.project.state, owner="gone")) as store:
        due = add_run_now(rig.app(), store, store.jobs.all()["a"])
        held = store.occurrences.claim(due, START, run="r1", skip_reason=None)
        assert held is not None
        store.occurrences.begin(held)
    cli("schedule", "status")
    assert "running  a (due " in cli.stdout
    rig.project.clock.now += LEASE + 1
    cli("schedule", "status")
    assert "running" not in cli.stdout
    assert re.search(r"^waiting  a \(due .*, cut off\)$", cli.stdout, re.MULTILINE)
    cli("schedule", "why", "a", "2027-01-15T08:00")
    assert "its run was cut off" in cli.stdout


def test_no_time_is_told_where_the_clock_was_set_back(rig: Rig, cli: Cli) -> None:
    def set_back() -> None:
        rig.project.clock.now -= HOUR

    rig.recipe("a", "every: hour")
    rig.does["a"] = set_back
    cli("tick")
    rig.project.clock.now += HOUR
    cli("tick")
    cli("schedule", "history")
    assert re.search(r" a +done +2027", cli.stdout), cli.stdout


def test_the_log_says_what_stood_in_the_way_and_the_table_keeps_no_content(rig: Rig, cli: Cli) -> None:
    def fails() -> None:
        raise ActionError("nothing was written:\n  there is a board My secrets", hint="choose another name")

    rig.recipe("a", "every: hour")
    rig.does["a"] = fails
    cli("tick")
    rig.project.clock.now += HOUR
    cli("tick")
    assert "a: FAILED: nothing was written: there is a board My secrets; choose another name" in cli.stderr
    assert rig.rows("a")[0].reason == "action_error: nothing was written"


def test_a_job_that_failed_three_times_is_told_once(rig: Rig, cli: Cli) -> None:
    def fails() -> None:
        raise ActionError("no")

    rig.recipe("a", "every: hour")
    rig.does["a"] = fails
    cli("tick")
    for _ in range(4):
        rig.project.clock.now += HOUR
        cli("tick")
    assert cli("schedule", "status") == 1
    assert "a failed 4 times in a row" in cli.stdout
    told = [notice for notice in rig.app().notices.open() if notice.kind == "job_failed"]
    assert [notice.title for notice in told] == ["a failed 3 times in a row"]
    rig.does.clear()
    rig.project.clock.now += HOUR
    cli("tick")
    assert [notice for notice in rig.app().notices.open() if notice.kind == "job_failed"] == []


@pytest.mark.parametrize("way", ["resume", "edit"])
def test_a_job_that_rests_says_so_until_it_is_resumed_or_edited(rig: Rig, cli: Cli, way: str) -> None:
    def fails() -> None:
        raise ActionError("no")

    rig.recipe("a", "every: minute")
    rig.does["a"] = fails
    cli("tick")
    for _ in range(3):
        rig.project.clock.now += MINUTE
        cli("tick")
    assert "a: failed 3 times in a row: rests until 2027-01-15 08:13:00 or pinflow schedule resume a" in cli.stderr
    rig.project.clock.now += MINUTE
    assert (cli("tick"), cli.stderr) == (0, "")  # it was told
    row = output_lines(cli, "schedule", "list")[1]
    assert re.split(r" {2,}", row)[2:4] == ["failed 3x, rests", "2027-01-15 08:13:00"]
    assert "08:13:00" in output_lines(cli, "schedule", "next", "1")[1]
    rig.does.clear()
    if way == "resume":
        assert cli("schedule", "resume", "a") == 0
        assert cli.stderr == "a: resumed\n"
    else:
        rig.recipe("a", "every: minute", "description: mended\n")
        assert cli("tick") == 0
    rig.project.clock.now += MINUTE
    assert cli("tick") == 0
    assert rig.states("a")[-1] == "done"
    cli("schedule", "resume", "a")
    assert cli.stderr == "a: was not paused\n"


def test_what_waits_for_an_approval_runs_at_its_next_time_after_it(rig: Rig, cli: Cli) -> None:
    _ = rig.project.shop
    head = "name: m\napi: v1\nschedule: {every: minute}\nauth: {main: {token: t}}\n"
    path = rig.project.write(f"{head}steps: [{{uses: make_thing, with: {{name: x}}}}]\n", "m.yaml")
    cli("tick")
    for _ in range(4):
        rig.project.clock.now += MINUTE
        assert cli("tick") == 5
    app = rig.app()
    assert [notice.kind for notice in app.notices.open()] == ["approval_missing"]
    assert "; check it, then approve it with: pinflow approve " in app.notices.open()[0].text
    assert "not approved" in output_lines(cli, "schedule", "list")[1]
    assert cli("schedule", "status") == 1
    assert "problem  m waits for an approval; see: pinflow notify" in cli.stdout
    app.approve(app.plan(path, inputs={}), by="test")
    rig.project.clock.now += MINUTE
    assert cli("tick") == 0
    assert rig.states("m") == [*["failed"] * 4, "done"]
    assert cli("schedule", "status") == 0


def test_what_writes_needs_an_approval_that_is_stored(rig: Rig, cli: Cli) -> None:
    shop = rig.project.shop
    head = "name: m\napi: v1\nschedule: {every: hour}\nauth: {main: {token: t}}\n"
    text = f"{head}steps: [{{uses: make_thing, with: {{name: x}}}}]\n"
    path = rig.project.write(text, "m.yaml")
    cli("tick")
    rig.project.clock.now += HOUR
    assert cli("tick") == 5
    assert shop.things == []
    app = rig.app()
    app.approve(app.plan(path, inputs={}), by="test")
    rig.project.clock.now += HOUR
    assert cli("tick") == 0
    assert shop.names() == ["x"]


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("every: 0", "a.yaml:2:19: every can't be zero"),
        ("every: 0 minutes", "a.yaml:2:19: every can't be zero"),
        ('every: day, at: "25:00"', "a.yaml:2:28: at must be between 00:00 and 23:59, not 25:00"),
        ("every: day, timezone: Europe/Berln", "a.yaml:2:34: timezone isn't a time zone that this machine knows"),
        ('cron: "0 0 3 * * *"', "a.yaml:2:18: cron has 6 fields instead of 5"),
        ("every: day, missed: sometimes", "a.yaml:2:32: missed must be skip, last or all, not 'sometimes'"),
    ],
)
def test_a_wrong_schedule_is_refused_with_its_place(rig: Rig, cli: Cli, schedule: str, said: str) -> None:
    rig.recipe("a", schedule)
    for words in (("schedule", "run"), ("tick",), ("schedule", "next")):
        assert cli(*words) == 2
        assert said in cli.stderr


@pytest.mark.parametrize("where", [("recipes/a.yaml", "recipes/more/a.yaml"), ("recipes/a.yaml", "recipes/b.yaml")])
def test_two_recipes_of_one_name_are_refused_naming_both(rig: Rig, cli: Cli, where: tuple[str, str]) -> None:
    rig.recipe("a", "every: day")
    text = (rig.project.folder / "a.yaml").read_text("utf-8")
    rig.project.write(text, where[1].removeprefix("recipes/"))
    assert cli("schedule", "run", *where) == 2
    assert "two recipes are called 'a'; the other is" in cli.stderr
    assert all(each.rpartition("/")[2] in cli.stderr for each in where)


@pytest.mark.parametrize(
    "text",
    [
        "{name: a, schedule: {every: hour}, steps: [{uses: work, with: {job: a}}]}\n",
        '"name": a\n"schedule": {every: hour}\nsteps: [{uses: work, with: {job: a}}]\n',
        "  name: a\n  schedule:\n    every: hour\n  steps:\n    - uses: work\n      with: {job: a}\n",
    ],
)
def test_a_schedule_in_a_folder_is_found_however_it_is_written(rig: Rig, cli: Cli, text: str) -> None:
    rig.project.write("name: b  # no schedule: of its own\nsteps: [{uses: wrok}]\n", "b.yaml")
    rig.project.write("name: c\ndescription: 'on schedule: never'\nsteps: [{uses: work, with: {job: c}}]\n", "c.yaml")
    rig.project.folder.joinpath("a.yaml").write_text(text)  # as it is, indentation and all
    assert cli("tick") == 0, cli.stderr
    rig.project.clock.now += HOUR
    assert cli("tick") == 0
    assert rig.times("a") == [HOUR]


def test_a_recipe_that_lacks_an_input_is_left_out_of_a_folder_and_refused_by_name(rig: Rig, cli: Cli) -> None:
    rig.recipe("a", "every: hour", "inputs: {board: {type: string, required: true}}\n")
    rig.recipe("b", "every: hour")
    assert cli("tick") == 0
    assert "warning: a.yaml is left out: it needs the input board (-i board=...)" in cli.stderr
    assert cli("tick", "recipes/a.yaml") == 2
    assert "needs the input board" in cli.stderr
    assert cli("tick", "-i", "board=x") == 0
    assert [job["name"] for job in cli.data("schedule", "list")["jobs"]] == ["a", "b"]
    assert cli("tick", "-i", "bord=x") == 2


def test_a_first_start_with_many_recipes_says_what_it_does_and_finds_the_broken_one(rig: Rig, cli: Cli) -> None:
    for number in range(299):
        rig.recipe(f"job{number}", "every: day")
    rig.recipe("broken", "every: 0")
    assert cli("schedule", "run") == 2
    assert cli.stderr.startswith("checking 300 recipes that are new or were edited\n")
    assert "broken.yaml:2:19: every can't be zero" in cli.stderr


def test_an_edited_table_is_refused_and_left(rig: Rig, cli: Cli) -> None:
    rig.recipe("a", "every: hour")
    cli("tick")
    file = rig.project.state / "schedule" / "table.db"
    file.write_bytes(b"edited by hand")
    for words in (("schedule", "list"), ("tick",), ("schedule", "run")):
        assert cli(*words) == 8
        assert "was left as it is" in cli.stderr
    assert file.read_bytes() == b"edited by hand"


def test_a_recipe_without_a_schedule_is_told_how_to_get_one(rig: Rig, cli: Cli) -> None:
    rig.project.write("name: n\nsteps: [{uses: work, with: {job: n}}]\n", "n.yaml")
    assert cli("schedule", "run", "recipes/n.yaml") == 2
    assert "has no schedule" in cli.stderr
    assert "schedule: {every: day" in cli.stderr
    assert cli("schedule", "run") == 2
    assert "no recipe in recipes has a schedule that can run" in cli.stderr
