"""`pinflow schedule` and `pinflow tick`, from words to what is printed. The clock is the test's."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import ActionError, RateLimited
from pinflow.cli.program import main as program
from pinflow.cli.shell import Shell
from pinflow.scheduling.queries import add_run_now
from pinflow.state.folder.schedule import FolderSchedule
from pinflow.state.records import LEASE
from tests.scheduling.rig import DAY, HOUR, MINUTE, START

if TYPE_CHECKING:
    from tests.scheduling.rig import Rig


class Desk:
    """Types commands."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.stdout = self.stderr = ""

    def __call__(self, *words: str) -> int:
        out, err = io.StringIO(), io.StringIO()
        environ = {"PINFLOW_STATE_DIR": str(self.rig.project.state)}
        shell = Shell(io.StringIO(), out, err, environ, open_app=lambda environ, plugins: self.rig.app())
        code = program(words, shell)
        self.stdout, self.stderr = out.getvalue(), err.getvalue()
        return code

    def data(self, *words: str) -> Any:
        assert self(*words, "--output", "json") == 0, self.stderr + self.stdout
        return json.loads(self.stdout)


def desk_lines(desk: Desk, *words: str) -> list[str]:
    assert desk(*words) == 0
    return desk.stdout.splitlines()


@pytest.fixture
def desk(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(rig.project.folder.parent)  # where recipes/ is
    return Desk(rig)


def test_a_tick_runs_what_is_due_and_nothing_else(rig: Rig, desk: Desk) -> None:
    rig.recipe("a", "every: hour")
    assert (desk("tick"), desk.stdout, desk.stderr) == (0, "", "")
    rig.project.clock.now += HOUR
    assert desk("tick") == 0
    assert "a: done in" in desk.stderr
    assert desk("tick") == 0
    assert desk.stderr == ""
    assert rig.times("a") == [HOUR]


@pytest.mark.parametrize("words", [("tick",), ("schedule", "run-now", "a")])
def test_where_a_call_hangs_the_program_ends_all_the_same(
    rig: Rig, desk: Desk, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Python would wait for the threads of what goes side by side, for as long as the service likes."""
    rig.recipe("a", "every: hour")
    desk("tick")
    rig.project.clock.now += HOUR
    gate = threading.Event()

    def hangs() -> None:
        signal.raise_signal(signal.SIGTERM)
        gate.wait(20)

    rig.does["a"] = hangs
    ends: list[int] = []
    monkeypatch.setattr(os, "_exit", ends.append)
    monkeypatch.setattr("pinflow.scheduling.daemon.PATIENCE", 0.0)
    assert desk(*words) == 143
    assert ends == [143]
    gate.set()


def test_a_tick_of_one_recipe_leaves_the_jobs_of_another_alone(rig: Rig, desk: Desk) -> None:
    for name in ("a", "b"):
        rig.recipe(name, "every: hour")
        desk("tick", f"recipes/{name}.yaml")
    rig.project.clock.now += HOUR
    assert desk("tick", "recipes/a.yaml") == 0
    assert (rig.states("a"), rig.states("b")) == (["done"], [])
    assert desk("tick", "recipes/b.yaml") == 0
    assert rig.states("b") == ["done"]


@pytest.mark.parametrize(("error", "code"), [(ActionError("no"), 1), (RateLimited("full", retry_after=9e3), 0)])
def test_a_tick_exits_with_what_failed(rig: Rig, desk: Desk, error: Exception, code: int) -> None:
    def fails() -> None:
        raise error

    rig.recipe("a", "every: hour")
    rig.does["a"] = fails
    desk("tick")
    rig.project.clock.now += HOUR
    assert desk("tick") == code
    assert "a: FAILED: no" in desk.stderr if code else "a: paused until" in desk.stderr


def test_what_comes_next_is_shown_with_zones_and_changes_of_the_clock(rig: Rig, desk: Desk) -> None:
    rig.recipe("a", 'every: day, at: "02:30", timezone: Europe/Berlin')
    rig.project.clock.now = START + 71 * DAY  # the day before the spring change
    assert desk("schedule", "next", "2") == 0
    head, first, second = desk.stdout.splitlines()
    assert head.split() == ["JOB", "DUE", "ZONE", "STARTS", "(LOCAL", "TIME)", "JITTER", "CLOCK"]
    assert "2027-03-28 03:30:00 +0200  Europe/Berlin" in first
    assert first.endswith("shifted: the clock skips this time")
    assert "2027-03-29 02:30:00 +0200" in second
    assert len(desk.data("schedule", "next")["next"]) == 10
    assert desk("schedule", "history", "-n", "9" * 20) == 2
    assert "must be a whole number, not '99999999999999999999'" in desk.stderr
    assert desk("schedule", "next", "9" * 5000) == 2  # no number of times: the name of a recipe that is not there
    assert rig.rows() == []  # looking schedules nothing


def test_the_list_tells_when_and_how_it_went(rig: Rig, desk: Desk) -> None:
    rig.recipe("a", "every: hour")
    rig.recipe("b", 'every: monday, at: ["06:00", "18:00"], timezone: Asia/Tokyo')
    desk("tick")
    rig.project.clock.now += HOUR
    desk("tick")
    desk("schedule", "pause", "b")
    assert [row.split()[0] for row in desk_lines(desk, "schedule", "next", "2")] == ["JOB", "a", "a"]
    assert desk("schedule", "list") == 0
    _, a, b = desk.stdout.splitlines()
    assert a.split("  ") != []
    assert "every hour (UTC)" in a
    assert "done 2027-01-15" in a
    assert "every monday at 06:00, 18:00 (Asia/Tokyo)" in b
    assert "paused" in b
    assert [job["name"] for job in desk.data("schedule", "list")["jobs"]] == ["a", "b"]


def test_a_job_is_run_now_by_its_file_or_its_name(rig: Rig, desk: Desk) -> None:
    rig.recipe("a", "every: day")
    desk("tick")
    for name in ("a", "recipes/a.yaml"):
        assert desk("schedule", "run-now", name) == 0
    assert [row.origin for row in rig.rows("a")] == ["now", "now"]
    assert len(rig.worked) == 2


def test_an_unknown_job_is_told_the_near_one(rig: Rig, desk: Desk) -> None:
    rig.recipe("mirror", "every: day")
    desk("tick")
    assert desk("schedule", "run-now", "miror") == 2
    assert "no job is called 'miror'" in desk.stderr
    assert "did you mean 'mirror'?" in desk.stderr


def test_a_paused_job_rests_and_says_so(rig: Rig, desk: Desk) -> None:
    rig.recipe("a", "every: hour")
    desk("tick")
    assert desk("schedule", "pause", "a") == 0
    assert desk.stderr == "a: paused\n"
    assert desk("schedule", "next") == 0
    assert (desk.stdout, desk.stderr) == ("", "nothing runs next, because all jobs are paused\n")
    rig.project.clock.now += 3 * HOUR
    assert (desk("tick"), desk.stderr) == (0, "")
    rig.project.clock.now += 2 * HOUR
    assert desk("schedule", "resume", "a") == 0
    rig.project.clock.now += 1
    desk("tick")
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
def test_why_has_an_answer_for_every_time(rig: Rig, desk: Desk, time: str, answer: str) -> None:
    rig.recipe("a", "every: hour")
    desk("tick")
    for hours in (1, 4.9):
        rig.project.clock.now = START + hours * HOUR
        desk("tick")
    assert desk("schedule", "why", "a", time) == 0
    assert answer in desk.stdout


def test_a_backfill_shows_and_then_runs_what_did_not(rig: Rig, desk: Desk) -> None:
    rig.recipe("a", 'every: day, at: "06:00", missed: skip, grace: 1h')
    desk("tick")
    rig.project.clock.now += 3 * DAY
    desk("tick")
    assert rig.worked == []
    words = ("schedule", "backfill", "a", "--from", "2027-01-10")
    assert desk(*words, "--dry-run") == 0
    assert desk.stdout.splitlines() == [f"2027-01-{day} 06:00:00 +0000" for day in range(10, 19)]
    assert desk(*words) == 0
    assert len(rig.worked) == 9
    assert desk(*words) == 0
    assert desk.stderr == "nothing to make up for\n"
    assert desk("schedule", "backfill", "a", "--from", "2020-01-01") == 2
    assert "more than 100 times would run" in desk.stderr
    assert desk(*words, "--to", "2027-01-09") == 2
    assert "the span ends before it begins" in desk.stderr


def test_a_job_has_the_inputs_of_its_last_start_and_a_change_is_told(rig: Rig, desk: Desk) -> None:
    rig.recipe("a", "every: hour", "inputs: {board: {type: string, required: true}}\n")
    for name in ("x", "y"):
        rig.project.write(
            f"name: of {name}\nschedule: {{every: hour}}\ninputs: {{board: {{type: string, default: {name}}}}}\n"
            "steps: [{include: a.yaml}]\n",
            f"of_{name}.yaml",
        )
    assert desk("tick", "recipes/a.yaml", "-i", "board=x", "-q") == 0
    assert desk.stderr == ""
    for _ in range(2):
        desk("tick", "recipes/a.yaml", "-i", "board=y", "-q")
        assert "a: runs with board=y from now on, no longer with board=x; to run both, make two" in desk.stderr
        desk("tick", "recipes/a.yaml", "-i", "board=x", "-q")
    # a recipe for each needs no input
    assert desk("tick", "recipes/of_x.yaml", "recipes/of_y.yaml") == 0
    rig.project.clock.now += HOUR
    assert desk("tick", "recipes/of_x.yaml", "recipes/of_y.yaml") == 0
    assert (rig.states("of_x"), rig.states("of_y")) == (["done"], ["done"])


def test_the_status_is_an_exit_code(rig: Rig, desk: Desk) -> None:
    assert desk("schedule", "status") == 1
    assert "nothing is scheduled" in desk.stdout
    rig.recipe("a", "every: hour")
    desk("tick")
    assert desk("schedule", "status") == 0
    assert desk.stdout.endswith("all is well\n")
    rig.project.clock.now += HOUR + 300
    assert desk("schedule", "status") == 1
    assert "overdue, and not handled: a" in desk.stdout
    assert desk("schedule", "status", "--output", "json") == 1
    assert json.loads(desk.stdout)["ok"] is False


def test_an_edited_note_of_the_last_start_is_told(rig: Rig, desk: Desk) -> None:
    rig.recipe("a", "every: hour")
    with closing(FolderSchedule(rig.project.state, owner="editor")) as store:
        store.put_note("run", {"recipes": "all of them"})
    assert desk("tick") == 8
    assert "what the daemon was started with can't be read; it was left as it is" in desk.stderr


def test_a_job_whose_last_day_has_passed_is_over(rig: Rig, desk: Desk) -> None:
    rig.recipe("a", "every: day, until: 2027-01-16")
    rig.project.clock.now += DAY
    (_, row) = desk_lines(desk, "schedule", "list")
    assert row.split() == ["a", "every", "day", "(UTC)", "over", "-", "-"]


def test_a_run_that_was_cut_off_is_not_told_as_running(rig: Rig, desk: Desk) -> None:
    rig.recipe("a", "every: hour")
    desk("tick")
    with closing(FolderSchedule(rig.project.state, owner="gone")) as store:
        due = add_run_now(rig.app(), store, store.jobs.all()["a"])
        held = store.occurrences.claim(due, START, run="r1", skip_reason=None)
        assert held is not None
        store.occurrences.begin(held)
    desk("schedule", "status")
    assert "running  a (due " in desk.stdout
    rig.project.clock.now += LEASE + 1
    desk("schedule", "status")
    assert "running" not in desk.stdout
    assert re.search(r"^waiting  a \(due .*, cut off\)$", desk.stdout, re.MULTILINE)
    desk("schedule", "why", "a", "2027-01-15T08:00")
    assert "its run was cut off" in desk.stdout


def test_no_time_is_told_where_the_clock_was_set_back(rig: Rig, desk: Desk) -> None:
    def set_back() -> None:
        rig.project.clock.now -= HOUR

    rig.recipe("a", "every: hour")
    rig.does["a"] = set_back
    desk("tick")
    rig.project.clock.now += HOUR
    desk("tick")
    desk("schedule", "history")
    assert re.search(r" a +done +2027", desk.stdout), desk.stdout


def test_the_log_says_what_stood_in_the_way_and_the_table_keeps_no_content(rig: Rig, desk: Desk) -> None:
    def fails() -> None:
        raise ActionError("nothing was written:\n  there is a board My secrets", hint="choose another name")

    rig.recipe("a", "every: hour")
    rig.does["a"] = fails
    desk("tick")
    rig.project.clock.now += HOUR
    desk("tick")
    assert "a: FAILED: nothing was written: there is a board My secrets; choose another name" in desk.stderr
    assert rig.rows("a")[0].reason == "action_error: nothing was written"


def test_a_job_that_failed_three_times_is_told_once(rig: Rig, desk: Desk) -> None:
    def fails() -> None:
        raise ActionError("no")

    rig.recipe("a", "every: hour")
    rig.does["a"] = fails
    desk("tick")
    for _ in range(4):
        rig.project.clock.now += HOUR
        desk("tick")
    assert desk("schedule", "status") == 1
    assert "a failed 4 times in a row" in desk.stdout
    told = [notice for notice in rig.app().notices.open() if notice.kind == "job_failed"]
    assert [notice.title for notice in told] == ["a failed 3 times in a row"]
    rig.does.clear()
    rig.project.clock.now += HOUR
    desk("tick")
    assert [notice for notice in rig.app().notices.open() if notice.kind == "job_failed"] == []


@pytest.mark.parametrize("way", ["resume", "edit"])
def test_a_job_that_rests_says_so_until_it_is_resumed_or_edited(rig: Rig, desk: Desk, way: str) -> None:
    def fails() -> None:
        raise ActionError("no")

    rig.recipe("a", "every: minute")
    rig.does["a"] = fails
    desk("tick")
    for _ in range(3):
        rig.project.clock.now += MINUTE
        desk("tick")
    assert "a: failed 3 times in a row: rests until 2027-01-15 08:13:00 or pinflow schedule resume a" in desk.stderr
    rig.project.clock.now += MINUTE
    assert (desk("tick"), desk.stderr) == (0, "")  # it was told
    row = desk_lines(desk, "schedule", "list")[1]
    assert re.split(r" {2,}", row)[2:4] == ["failed 3x, rests", "2027-01-15 08:13:00"]
    assert "08:13:00" in desk_lines(desk, "schedule", "next", "1")[1]
    rig.does.clear()
    if way == "resume":
        assert desk("schedule", "resume", "a") == 0
        assert desk.stderr == "a: resumed\n"
    else:
        rig.recipe("a", "every: minute", "description: mended\n")
        assert desk("tick") == 0
    rig.project.clock.now += MINUTE
    assert desk("tick") == 0
    assert rig.states("a")[-1] == "done"
    desk("schedule", "resume", "a")
    assert desk.stderr == "a: was not paused\n"


def test_what_waits_for_an_approval_runs_at_its_next_time_after_it(rig: Rig, desk: Desk) -> None:
    _ = rig.project.shop
    head = "name: m\napi: v1\nschedule: {every: minute}\nauth: {main: {token: t}}\n"
    path = rig.project.write(f"{head}steps: [{{uses: make_thing, with: {{name: x}}}}]\n", "m.yaml")
    desk("tick")
    for _ in range(4):
        rig.project.clock.now += MINUTE
        assert desk("tick") == 5
    app = rig.app()
    assert [notice.kind for notice in app.notices.open()] == ["approval_missing"]
    assert "; check it, then approve it with: pinflow approve " in app.notices.open()[0].text
    assert "not approved" in desk_lines(desk, "schedule", "list")[1]
    assert desk("schedule", "status") == 1
    assert "problem  m waits for an approval; see: pinflow notify" in desk.stdout
    app.approve(app.plan(path, inputs={}), by="test")
    rig.project.clock.now += MINUTE
    assert desk("tick") == 0
    assert rig.states("m") == [*["failed"] * 4, "done"]
    assert desk("schedule", "status") == 0


def test_what_writes_needs_an_approval_that_is_stored(rig: Rig, desk: Desk) -> None:
    shop = rig.project.shop
    head = "name: m\napi: v1\nschedule: {every: hour}\nauth: {main: {token: t}}\n"
    text = f"{head}steps: [{{uses: make_thing, with: {{name: x}}}}]\n"
    path = rig.project.write(text, "m.yaml")
    desk("tick")
    rig.project.clock.now += HOUR
    assert desk("tick") == 5
    assert shop.things == []
    app = rig.app()
    app.approve(app.plan(path, inputs={}), by="test")
    rig.project.clock.now += HOUR
    assert desk("tick") == 0
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
def test_a_wrong_schedule_is_refused_with_its_place(rig: Rig, desk: Desk, schedule: str, said: str) -> None:
    rig.recipe("a", schedule)
    for words in (("schedule", "run"), ("tick",), ("schedule", "next")):
        assert desk(*words) == 2
        assert said in desk.stderr


@pytest.mark.parametrize("where", [("recipes/a.yaml", "recipes/more/a.yaml"), ("recipes/a.yaml", "recipes/b.yaml")])
def test_two_recipes_of_one_name_are_refused_naming_both(rig: Rig, desk: Desk, where: tuple[str, str]) -> None:
    rig.recipe("a", "every: day")
    text = (rig.project.folder / "a.yaml").read_text("utf-8")
    rig.project.write(text, where[1].removeprefix("recipes/"))
    assert desk("schedule", "run", *where) == 2
    assert "two recipes are called 'a'; the other is" in desk.stderr
    assert all(each.rpartition("/")[2] in desk.stderr for each in where)


@pytest.mark.parametrize(
    "text",
    [
        "{name: a, schedule: {every: hour}, steps: [{uses: work, with: {job: a}}]}\n",
        '"name": a\n"schedule": {every: hour}\nsteps: [{uses: work, with: {job: a}}]\n',
        "  name: a\n  schedule:\n    every: hour\n  steps:\n    - uses: work\n      with: {job: a}\n",
    ],
)
def test_a_schedule_in_a_folder_is_found_however_it_is_written(rig: Rig, desk: Desk, text: str) -> None:
    rig.project.write("name: b  # no schedule: of its own\nsteps: [{uses: wrok}]\n", "b.yaml")
    rig.project.write("name: c\ndescription: 'on schedule: never'\nsteps: [{uses: work, with: {job: c}}]\n", "c.yaml")
    rig.project.folder.joinpath("a.yaml").write_text(text)  # as it is, indentation and all
    assert desk("tick") == 0, desk.stderr
    rig.project.clock.now += HOUR
    assert desk("tick") == 0
    assert rig.times("a") == [HOUR]


def test_a_recipe_that_lacks_an_input_is_left_out_of_a_folder_and_refused_by_name(rig: Rig, desk: Desk) -> None:
    rig.recipe("a", "every: hour", "inputs: {board: {type: string, required: true}}\n")
    rig.recipe("b", "every: hour")
    assert desk("tick") == 0
    assert "warning: a.yaml is left out: it needs the input board (-i board=...)" in desk.stderr
    assert desk("tick", "recipes/a.yaml") == 2
    assert "needs the input board" in desk.stderr
    assert desk("tick", "-i", "board=x") == 0
    assert [job["name"] for job in desk.data("schedule", "list")["jobs"]] == ["a", "b"]
    assert desk("tick", "-i", "bord=x") == 2


def test_a_first_start_with_many_recipes_says_what_it_does_and_finds_the_broken_one(rig: Rig, desk: Desk) -> None:
    for number in range(299):
        rig.recipe(f"job{number}", "every: day")
    rig.recipe("broken", "every: 0")
    assert desk("schedule", "run") == 2
    assert desk.stderr.startswith("checking 300 recipes that are new or were edited\n")
    assert "broken.yaml:2:19: every can't be zero" in desk.stderr


def test_an_edited_table_is_refused_and_left(rig: Rig, desk: Desk) -> None:
    rig.recipe("a", "every: hour")
    desk("tick")
    file = rig.project.state / "schedule" / "table.db"
    file.write_bytes(b"edited by hand")
    for words in (("schedule", "list"), ("tick",), ("schedule", "run")):
        assert desk(*words) == 8
        assert "was left as it is" in desk.stderr
    assert file.read_bytes() == b"edited by hand"


def test_a_recipe_without_a_schedule_is_told_how_to_get_one(rig: Rig, desk: Desk) -> None:
    rig.project.write("name: n\nsteps: [{uses: work, with: {job: n}}]\n", "n.yaml")
    assert desk("schedule", "run", "recipes/n.yaml") == 2
    assert "has no schedule" in desk.stderr
    assert "schedule: {every: day" in desk.stderr
    assert desk("schedule", "run") == 2
    assert "no recipe in recipes has a schedule that can run" in desk.stderr
