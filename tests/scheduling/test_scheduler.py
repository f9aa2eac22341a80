"""What a scheduler does, in virtual time: missed and overlapping runs, jumps of the clock, edits, pauses, accounts."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from pinflow import ActionError, RateLimited, scheduling
from pinflow.app import Options
from pinflow.scheduling.background import BackgroundQueue
from pinflow.scheduling.events import ScheduleEvent
from pinflow.scheduling.scheduler import in_threads
from pinflow.state.folder.lock import Lock
from pinflow.state.records import RunRecord
from pinflow.testing import Killed
from tests.scheduling.rig import DAY, HOUR, MINUTE, START, at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow.state.records import Occurrence
    from tests.scheduling.rig import Rig


FULL = bool(os.environ.get("PINFLOW_FULL"))


def fails() -> None:
    raise ActionError("it broke")


def test_a_task_that_breaks_keeps_no_other_from_being_done() -> None:
    def breaks() -> None:
        raise ZeroDivisionError

    done: list[str] = []
    queue = BackgroundQueue(at_once)
    with pytest.raises(ZeroDivisionError):
        queue.put(breaks)
    assert not queue.busy
    queue.put(lambda: done.append("next"))
    assert done == ["next"]


def test_a_job_runs_when_it_is_due_and_its_row_says_so(rig: Rig) -> None:
    rig.recipe("a", "every: 10 minutes")
    scheduler = rig.scheduler()
    rig.until(scheduler, START + 35 * MINUTE)
    assert rig.times("a") == [600, 1200, 1800]
    rows = rig.rows("a")
    assert [(row.state, row.due - START, row.exit_code) for row in rows] == [("done", n, 0) for n in (600, 1200, 1800)]
    assert all(row.run and row.reason == "" for row in rows)


def test_the_row_is_on_disk_before_the_run(rig: Rig) -> None:
    seen: list[str] = []
    rig.recipe("a", "every: hour")
    rig.does["a"] = lambda: seen.extend(row.state for row in rig.rows("a"))
    rig.until(rig.scheduler(), START + HOUR)
    assert seen == ["running"]


def test_a_restart_keeps_the_phase_and_forgets_nothing(rig: Rig) -> None:
    """Every six hours, in a process that lives for five: the `schedule` library alone would never run it."""
    rig.recipe("a", "every: 6 hours")
    for _ in range(10):
        with closing(rig.store()) as store:
            rig.until(rig.scheduler(store=store), rig.project.clock.now + 5 * HOUR)
    assert rig.times("a") == [n * 6 * HOUR for n in range(1, 9)]


@pytest.mark.parametrize("missed", ["skip", "last", "all"])
@pytest.mark.parametrize(("seconds", "name"), [(MINUTE, "1 minute"), (5 * HOUR, "5 hours"), (40 * DAY, "40 days")])
def test_a_suspend_is_followed_by_what_the_policy_says(rig: Rig, seconds: int, name: str, missed: str) -> None:
    rig.recipe("a", f"every: 10 minutes, missed: {missed}")
    scheduler = rig.scheduler()
    rig.until(scheduler, START + 595)
    rig.suspend(seconds)
    rig.look_for(scheduler, 3)
    for _ in range(120):  # what is made up for goes one after the other
        scheduler.tick()
    due = (595 + seconds) // 600  # how many were due in the suspend
    ran = len(rig.times("a"))
    # one that is late by less than the grace, half the distance, is on time
    on_time = 1 if (595 + seconds) % 600 < 300 else 0
    assert ran == {"skip": on_time, "last": 1, "all": min(due, 100 + on_time)}[missed]
    counts = [row.count for row in rig.rows("a")]
    if name == "40 days":
        assert None in counts  # the span is told, though not counted one by one
        assert rig.rows("a")[0].due == START + 600
        assert max(row.last for row in rig.rows("a")) == START + 600 * due
    else:
        assert sum(each or 0 for each in counts) == due
    assert all(row.reason for row in rig.rows("a", "skipped", "merged"))
    assert [event.kind for event in rig.events].count("clock") == 1


def test_a_run_that_is_late_within_the_grace_is_on_time(rig: Rig) -> None:
    rig.recipe("a", 'every: day, at: "09:00", missed: skip, grace: 2 hours')
    scheduler = rig.scheduler()
    rig.suspend(3 * HOUR - 1)  # to 10:59:59
    rig.until(scheduler, rig.project.clock.now + 1)
    assert rig.states("a") == ["done"]
    rig.suspend(DAY + 2)  # beyond the grace
    rig.until(scheduler, rig.project.clock.now + 1)
    assert rig.states("a") == ["done", "skipped"]


def test_a_clock_that_is_set_back_runs_nothing_twice(rig: Rig) -> None:
    rig.recipe("a", "every: 10 minutes")
    scheduler = rig.scheduler()
    rig.until(scheduler, START + 2 * HOUR)
    before = rig.times("a")
    rig.project.clock.now -= HOUR
    rig.running -= HOUR
    rig.until(scheduler, START + 2 * HOUR)
    assert rig.times("a") == before
    rig.until(scheduler, START + 2 * HOUR + 600)
    assert rig.times("a") == [*before, 2 * HOUR + 600]


def test_a_clock_that_was_a_year_ahead_loses_nothing_when_it_is_put_right(rig: Rig) -> None:
    rig.recipe("a", "every: hour")
    scheduler = rig.scheduler()
    rig.until(scheduler, START + 2 * HOUR + 60)
    rig.suspend(365 * DAY)
    rig.look_for(scheduler, 3)
    assert len(rig.worked) == 3  # missed: last
    rig.suspend(-365 * DAY)
    rig.until(scheduler, START + 5 * HOUR)
    assert rig.times("a")[-3:] == [3 * HOUR, 4 * HOUR, 5 * HOUR]
    dues = [row.due for row in rig.rows("a", "done")]
    assert len(dues) == len(set(dues))


def test_an_overlapping_time_is_left_out_or_waits(rig: Rig) -> None:
    gate = threading.Event()
    for overlap in ("skip", "queue"):
        rig.recipe(overlap, f"every: 10 minutes, overlap: {overlap}")
        rig.does[overlap] = lambda: gate.wait(20)
    scheduler = rig.scheduler(start=in_threads)
    rig.until_reported(scheduler, START + 600, "started", 2)
    rig.look_for(scheduler, 1250)
    assert rig.states("skip") == ["running", "skipped", "skipped"]
    assert rig.rows("skip")[1].reason.startswith("the earlier run had not ended")
    assert rig.states("queue") == ["running", "due", "due"]
    gate.set()
    rig.wait(lambda: rig.states("queue") == ["done"] * 3, scheduler)
    assert [each for each, _ in rig.worked].count("skip") == 1


def test_where_all_are_made_up_for_the_newest_is_not_left_out(rig: Rig) -> None:
    gate = threading.Event()
    rig.recipe("a", "every: hour, missed: all, overlap: skip")
    rig.does["a"] = lambda: gate.wait(20)
    scheduler = rig.scheduler(start=in_threads)
    rig.until_reported(scheduler, START + 3 * HOUR + 60, "started", 1)
    rig.wait(lambda: rig.states("a") == ["running", "due", "due"], scheduler)
    gate.set()
    rig.wait(lambda: rig.states("a") == ["done"] * 3, scheduler)


def test_a_listener_can_ask_for_the_next_run(rig: Rig) -> None:
    asked: list[tuple[float, str] | None] = []

    class Asking(list[ScheduleEvent]):
        def append(self, event: ScheduleEvent) -> None:
            if event.kind == "skipped":
                asked.append(scheduler.timetable.next_run())

    rig.events = Asking()
    rig.recipe("a", "every: hour")
    rig.recipe("b", "every: hour")
    scheduler = rig.scheduler()
    scheduler.store.jobs.pause("a", START)
    scheduler = rig.scheduler(store=scheduler.store)
    rig.project.clock.now = START + HOUR
    scheduler.tick()
    assert asked == [(START + 2 * HOUR, "b")]


def test_one_account_at_a_time_and_no_account_waits_for_another(rig: Rig) -> None:
    gate, _ = threading.Event(), rig.project.shop
    for name, token in (("slow", "one"), ("next", "one"), ("other", "two")):
        more = f"api: v1\nauth: {{main: {{token: {token}}}}}\n"
        rig.recipe(name, "every: 10 minutes", more)
        path = rig.project.folder / f"{name}.yaml"
        path.write_text(path.read_text("utf-8") + "  - uses: get_me\n", "utf-8")
    rig.does["slow"] = lambda: gate.wait(20)
    rig.does["next"] = lambda: gate.wait(20)
    scheduler = rig.scheduler(start=in_threads)
    rig.project.clock.now = START + 600
    rig.wait(lambda: rig.states("other") == ["done"], scheduler)
    assert sorted([*rig.states("slow"), *rig.states("next")]) == ["due", "running"]
    gate.set()
    rig.wait(lambda: [*rig.states("slow"), *rig.states("next")] == ["done"] * 2, scheduler)


def test_one_account_at_a_time_for_two_processes_too(rig: Rig) -> None:
    _ = rig.project.shop
    for name, token in (("slow", "one"), ("next", "one"), ("other", "two")):
        rig.recipe(name, "every: 10 minutes", f"api: v1\nauth: {{main: {{token: {token}}}}}\n")
        path = rig.project.folder / f"{name}.yaml"
        path.write_text(path.read_text("utf-8") + "  - uses: get_me\n", "utf-8")
    kept: list[Callable[[], None]] = []
    daemon, tick = rig.scheduler(start=kept.append, workers=1), rig.scheduler()
    rig.project.clock.now = START + 600
    daemon.tick()
    tick.tick()
    states = {name: rig.states(name) for name in ("next", "other", "slow")}
    assert states == {"next": ["claimed"], "other": ["done"], "slow": ["due"]}
    kept[0]()
    tick.tick()
    assert rig.states("slow") == ["done"]


def test_one_account_is_free_again_when_its_process_was_killed(rig: Rig) -> None:
    _ = rig.project.shop
    for name in ("a", "b"):
        rig.recipe(name, "every: 10 minutes", "api: v1\nauth: {main: {token: one}}\n")
        path = rig.project.folder / f"{name}.yaml"
        path.write_text(path.read_text("utf-8") + "  - uses: get_me\n", "utf-8")
    killed = rig.scheduler(start=lambda work: None)
    rig.project.clock.now = START + 600
    killed.tick()
    rig.scheduler().tick()
    assert sorted([*rig.states("a"), *rig.states("b")]) == ["claimed", "due"]
    rig.project.clock.now += 2 * MINUTE
    after = rig.scheduler()
    for _ in range(3):
        after.tick()
    assert [*rig.states("a"), *rig.states("b")] == ["done", "done"]


def test_what_waits_behind_a_run_that_ends_in_the_middle_of_a_look_is_looked_at_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Callable[[], None]] = []
    _ = rig.project.shop
    for name in ("a", "b"):
        rig.recipe(name, "every: hour", "api: v1\nauth: {main: {token: one}}\n")
        path = rig.project.folder / f"{name}.yaml"
        path.write_text(path.read_text("utf-8") + "  - uses: get_me\n", "utf-8")
    scheduler = rig.scheduler(start=kept.append)
    rig.project.clock.now = START + HOUR
    assert scheduler.tick()  # the first of two is begun
    waiting = scheduler.store.occurrences.claimable

    def ends_meanwhile(now: float) -> list[Occurrence]:
        kept.pop()()
        return waiting(now)

    with monkeypatch.context() as patch:
        patch.setattr(scheduler.store.occurrences, "claimable", ends_meanwhile)
        again = scheduler.tick()  # as who calls until there is nothing left to do
    assert again
    assert scheduler.tick()
    kept.pop()()
    assert [*rig.states("a"), *rig.states("b")] == ["done", "done"]


def test_many_missed_jobs_make_one_alert(rig: Rig) -> None:
    for number in range(210):
        rig.recipe(f"job{number:03}", "every: day")
    scheduler = rig.scheduler(workers=0)
    rig.project.clock.now = START + 2.5 * DAY
    while scheduler.tick() or scheduler.behind:
        pass
    (notice,) = scheduler._app.notices.open()
    assert notice.title == "210 jobs were not run in time"
    assert notice.text.startswith(
        "job000, job001, job002, job003, job004 and 205 others; see: pinflow schedule history"
    )


def test_a_slow_notifier_holds_nothing_up_and_is_waited_for_in_the_end(rig: Rig) -> None:
    rig.recipe("a", "every: hour")
    rig.recipe("b", "every: hour")
    answer, told = threading.Event(), threading.Event()
    scheduler = rig.scheduler(start=in_threads, start_alerts=in_threads)

    def slow(notice: object) -> bool:
        told.set()
        return answer.wait(20)

    scheduler._app.notices.notifiers = {"slow": slow}
    rig.project.clock.now = START + 2.5 * HOUR
    scheduler.tick()
    assert told.wait(20)
    rig.project.clock.now = START + 3 * HOUR
    scheduler.tick()
    assert [len(rig.rows(name)) for name in ("a", "b")] == [3, 3]  # while nobody has answered
    assert scheduler.busy
    answer.set()
    rig.wait(lambda: not scheduler.busy, scheduler)


def test_many_that_are_due_at_once_are_taken_up_without_a_rest_in_between(rig: Rig) -> None:
    for number in range(250):
        rig.recipe(f"job{number}", "every: day, missed: skip, grace: 1 minute")
    scheduler = rig.scheduler()
    rig.project.clock.now = START + 2 * DAY
    seen = []
    while scheduler.tick() or scheduler.behind:
        seen.append(scheduler.behind)
    assert seen == [True]
    assert len(rig.rows("", "skipped")) == 250


def test_jitter_delays_by_the_seconds_that_were_foretold(rig: Rig) -> None:
    rig.recipe("a", "every: hour, jitter: 20 minutes")
    scheduler = rig.scheduler()
    foretold = [start - START for start, _ in scheduler.timetable.next_starts()]
    rig.until(scheduler, START + 2 * HOUR)
    assert rig.times("a")[0] == foretold[0]
    assert HOUR < rig.times("a")[0] <= HOUR + 20 * MINUTE
    assert rig.rows("a")[0].due == START + HOUR


def test_a_paused_run_goes_on_when_its_quota_is_free(rig: Rig) -> None:
    def pauses() -> None:
        if len(rig.worked) == 1:
            raise RateLimited("used up", retry_after=2 * HOUR, status=429)

    rig.recipe("a", "every: day")
    rig.does["a"] = pauses
    scheduler = rig.scheduler()
    rig.until(scheduler, START + 17 * HOUR)
    (row,) = rig.rows("a")
    assert (row.state, row.exit_code, row.reason) == ("paused", 6, "rate_limited, exit 6, HTTP 429")
    rig.until(scheduler, START + 19 * HOUR)
    (after,) = rig.rows("a")
    assert (after.state, after.run) == ("done", row.run)
    assert len(rig.project.app().runs()) == 1


def test_failures_in_a_row_are_followed_by_growing_rests(rig: Rig) -> None:
    rig.recipe("a", "every: minute")
    rig.does["a"] = fails
    rig.until(rig.scheduler(), START + 6 * HOUR)
    times = rig.times("a")
    assert times[:3] == [60, 120, 180]
    gaps = [round((b - a) / 600) for a, b in pairwise(times[2:])]
    assert gaps == [1, 2, 4, 8, 16][: len(gaps)]
    assert len(times) < 10
    assert "rests after 3 failures in a row" in rig.rows("a", "skipped")[0].reason
    assert rig.events[-1].kind in ("rests", "skipped", "failed")


def test_a_success_ends_the_rest(rig: Rig) -> None:
    rig.recipe("a", "every: minute")
    rig.does["a"] = lambda: fails() if len(rig.worked) < 4 else None
    rig.until(rig.scheduler(), START + 30 * MINUTE)
    assert len(rig.worked) > 15


def test_an_edited_recipe_is_picked_up_and_what_waited_is_withdrawn(rig: Rig) -> None:
    def pauses() -> None:
        raise RateLimited("used up", retry_after=DAY, status=429)

    rig.recipe("a", "every: hour")
    rig.does["a"] = pauses
    scheduler = rig.scheduler(watch=True)
    rig.until(scheduler, START + HOUR)
    assert rig.states("a") == ["paused"]
    rig.does.clear()
    rig.recipe("a", "every: 2 hours")
    rig.until(scheduler, START + 3 * HOUR + 60)
    assert rig.states("a") == ["withdrawn", "done"]
    assert rig.times("a") == [HOUR, 3 * HOUR]
    assert rig.rows("a")[0].reason == "the recipe was edited"
    kinds = [event.kind for event in rig.events]
    assert "edited" in kinds
    assert "withdrawn" in kinds


def test_a_recipe_that_breaks_is_reported_once_and_its_run_fails_with_the_place(rig: Rig) -> None:
    rig.recipe("a", "every: hour")
    scheduler = rig.scheduler(watch=True)
    path = rig.project.folder / "a.yaml"
    path.write_text(path.read_text("utf-8").replace("uses: work", "uses: wrok"), "utf-8")
    rig.look_for(scheduler, 5)
    assert [event.kind for event in rig.events] == ["broken"]
    assert "a.yaml:4:11" in rig.events[0].reason
    rig.until(scheduler, START + HOUR)
    (row,) = rig.rows("a")
    assert (row.state, row.exit_code) == ("failed", 2)
    assert "a.yaml:4:11: unknown action 'wrok'; did you mean 'work'?" in row.reason


def test_a_recipe_that_loses_its_schedule_is_no_longer_scheduled(rig: Rig) -> None:
    rig.recipe("a", "every: hour")
    rig.recipe("b", "every: hour")
    scheduler = rig.scheduler(watch=True)
    rig.project.write("name: a\nsteps: [{uses: work, with: {job: a}}]\n", "a.yaml")
    rig.until(scheduler, START + 2 * HOUR)
    assert (rig.times("a"), rig.times("b")) == ([], [HOUR, 2 * HOUR])
    assert [event.job for event in rig.events if event.kind == "gone"] == ["a"]
    assert [row.name for row in scheduling.status(rig.app()).jobs] == ["b"]


def test_a_rule_that_was_edited_without_a_daemon_leaves_a_row_for_what_it_missed(rig: Rig) -> None:
    rig.recipe("a", "every: hour")
    with closing(rig.store()) as store:
        rig.scheduler(store=store)
    rig.project.clock.now += 3 * HOUR + 60
    rig.recipe("a", "every: day")
    rig.scheduler()
    (row,) = rig.rows("a")
    assert (row.state, row.count, row.due - START, row.last - START) == ("skipped", 3, HOUR, 3 * HOUR)
    assert "edited" in row.reason


def test_a_job_that_takes_too_long_is_stopped_and_says_so(rig: Rig) -> None:
    started = threading.Event()

    def slow() -> None:
        started.set()
        while not scheduler.active_runs()[0].stop.wait(0.01):
            pass

    rig.recipe("a", "every: hour")
    rig.does["a"] = slow
    path = rig.project.folder / "a.yaml"
    path.write_text(path.read_text("utf-8") + "  - uses: work\n    with: {job: b}\n", "utf-8")
    scheduler = rig.scheduler(start=in_threads, deadline=600)
    rig.project.clock.now = START + HOUR
    scheduler.tick()
    assert started.wait(20)
    rig.project.clock.now += 601
    rig.wait(lambda: rig.states("a") == ["failed"], scheduler)
    assert rig.rows("a")[0].reason == "took too long"
    assert rig.times("b") == []


def test_an_owner_that_is_silent_but_lives_keeps_its_run(rig: Rig) -> None:
    gate = threading.Event()
    rig.recipe("a", "every: hour, overlap: queue")
    rig.does["a"] = lambda: gate.wait(20)
    frozen, other = rig.scheduler(start=in_threads), rig.scheduler()
    rig.project.clock.now = START + HOUR
    frozen.tick()
    rig.wait(lambda: rig.times("a") != [], other)
    rig.suspend(10 * MINUTE)  # far beyond the lease
    for _ in range(3):
        other.tick()
    assert rig.states("a") == ["running"]
    gate.set()
    rig.wait(lambda: rig.states("a") == ["done"], frozen)
    assert rig.times("a") == [HOUR]


def test_an_owner_that_was_frozen_before_its_run_began_does_not_begin_it_late(rig: Rig) -> None:
    kept: list[Callable[[], None]] = []
    rig.recipe("a", "every: hour")
    frozen, other = rig.scheduler(start=kept.append), rig.scheduler()
    rig.project.clock.now = START + HOUR
    frozen.tick()
    assert rig.states("a") == ["claimed"]
    rig.suspend(2 * MINUTE)
    other.tick()
    assert rig.states("a") == ["done"]
    kept[0]()  # it wakes up
    frozen.tick()
    assert rig.times("a") == [HOUR + 2 * MINUTE]
    assert rig.states("a") == ["done"]
    assert [event.kind for event in rig.events] == ["started", "clock", "started", "done", "clock", "lost"]
    assert len(rig.project.app().runs()) == 1


def test_a_run_that_was_cut_off_is_resumed_by_the_next_process(rig: Rig) -> None:
    shop = rig.project.shop
    path = rig.project.write(
        """
        name: a
        api: v1
        schedule: {every: hour}
        auth: {main: {token: t}}
        steps:
          - {uses: make_thing, with: {name: one}}
          - {uses: work, with: {job: a}}
          - {uses: make_thing, with: {name: two}}
        """,
        "a.yaml",
    )
    rig.app().approve(rig.app().plan(path, inputs={}), by="test")
    rig.worked.clear()  # by the dry run
    killed = rig.scheduler()

    def kill() -> None:
        if len(rig.worked) == 1:
            raise Killed

    rig.does["a"] = kill
    rig.project.clock.now = START + HOUR
    killed.tick()
    assert shop.names() == ["one"]
    (row,) = rig.rows("a")
    rig.project.clock.now += 2 * MINUTE
    rig.scheduler().tick()
    assert shop.names() == ["one", "two"]
    (after,) = rig.rows("a")
    assert (after.state, after.run) == ("done", row.run)


def test_a_damaged_run_fails_its_own_time_and_no_other_job(rig: Rig) -> None:
    kept: list[Callable[[], None]] = []
    for name in ("a", "b"):
        rig.recipe(name, "every: hour")
    killed = rig.scheduler(start=kept.append)
    rig.project.clock.now = START + HOUR
    killed.tick()
    (row,) = rig.rows("a")
    rig.project.app().store.runs.create(RunRecord(row.run, "a.yaml", "d", "a", {}, {}, {}, START)).close()
    file = rig.project.state / "runs" / f"{row.run}.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE run SET recipe_digest = 'e'")
    rig.project.clock.now += 2 * MINUTE
    rig.scheduler().tick()
    (after,) = rig.rows("a")
    assert (after.state, rig.states("b")) == ("failed", ["done"])
    assert f"{file} is damaged: a row of its run is not as it was written" in after.reason


def test_a_run_whose_file_was_only_just_made_begins_anew(rig: Rig) -> None:
    kept: list[Callable[[], None]] = []
    rig.recipe("a", "every: hour")
    killed = rig.scheduler(start=kept.append)
    rig.project.clock.now = START + HOUR
    killed.tick()
    (row,) = rig.rows("a")
    file = rig.project.state / "runs" / f"{row.run}.db"
    file.parent.mkdir()
    file.touch()
    rig.project.clock.now += 2 * MINUTE
    rig.scheduler().tick()
    (after,) = rig.rows("a")
    assert (after.state, after.run != row.run) == ("done", True)


def test_a_run_whose_maker_is_slow_and_alive_is_left_to_it(rig: Rig) -> None:
    """It holds the run's lock, and the file has no row yet: another run would do everything twice."""
    rig.recipe("a", "every: hour")
    kept: list[Callable[[], None]] = []
    slow, other = rig.scheduler(start=kept.append), rig.scheduler(start=kept.append)
    rig.project.clock.now = START + HOUR
    slow.tick()
    (row,) = rig.rows("a")
    rig.project.clock.now += 2 * MINUTE
    other.tick()  # its lease ran out
    folder = rig.project.state / "runs"
    folder.mkdir()
    lock = Lock(folder / f"{row.run}.lock", "the run", now=rig.project.clock.now)
    (folder / f"{row.run}.db").touch()
    kept[1]()
    other.tick()
    (left,) = rig.rows("a")
    assert (left.run, left.reason) == (row.run, "its run is locked by another process")
    assert rig.worked == []
    lock.release()
    rig.project.clock.now += 2 * MINUTE
    rig.scheduler().tick()
    assert rig.states("a") == ["done"]


def test_a_run_that_its_silent_owner_ends_meanwhile_is_done(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.recipe("a", "every: hour")
    scheduler = rig.scheduler()
    app, running = scheduler._app, scheduler.store.occurrences.begin

    def meanwhile(held: Occurrence) -> Occurrence:
        found = running(held)
        assert app.run(app.plan(rig.project.folder / "a.yaml", inputs={}), run_id=held.run).ok
        return found

    monkeypatch.setattr(scheduler.store.occurrences, "begin", meanwhile)
    rig.project.clock.now = START + HOUR
    scheduler.tick()
    (row,) = rig.rows("a")
    assert (row.state, row.exit_code) == ("done", 0)
    assert len(rig.worked) == 1


def test_a_run_that_its_silent_owner_begins_meanwhile_and_leaves_is_resumed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.recipe("a", "every: hour")
    scheduler = rig.scheduler()
    app, running = scheduler._app, scheduler.store.occurrences.begin
    stop = threading.Event()
    stop.set()

    def meanwhile(held: Occurrence) -> Occurrence:
        monkeypatch.undo()
        found = running(held)
        app.run(app.plan(rig.project.folder / "a.yaml", inputs={}), Options(stop=stop), run_id=held.run)
        return found

    monkeypatch.setattr(scheduler.store.occurrences, "begin", meanwhile)
    rig.project.clock.now = START + HOUR
    scheduler.tick()
    (row,) = rig.rows("a")
    assert (row.state in ("failed", "done"), rig.worked) == (False, [])
    rig.project.clock.now += MINUTE
    scheduler.tick()
    (after,) = rig.rows("a")
    assert (after.state, after.run, len(rig.worked)) == ("done", row.run, 1)


def test_what_was_refused_before_it_began_has_no_run(rig: Rig) -> None:
    rig.recipe("a", "every: hour")
    scheduler = rig.scheduler()
    (rig.project.folder / "a.yaml").write_text("name: a\nsteps: []\n", "utf-8")
    rig.until(scheduler, START + HOUR)
    (row,) = rig.rows("a")
    assert (row.state, row.run, row.exit_code) == ("failed", "", 2)


def test_a_daily_job_in_a_zone_with_summer_time_runs_once_on_every_day(rig: Rig) -> None:
    days = 366 if FULL else 80  # the clock is changed on the 72nd
    rig.recipe("a", 'every: day, at: "02:30", timezone: Europe/Berlin, jitter: 10 minutes')
    rig.until(rig.scheduler(), START + days * DAY)
    rows = rig.rows("a")
    assert [row.state for row in rows] == ["done"] * days
    assert len({datetime.fromtimestamp(row.due, UTC).date() for row in rows}) == days


def test_a_library_user_drives_it_through_the_app(rig: Rig) -> None:
    rig.recipe("a", "every: hour")
    told: list[str] = []
    with scheduling.open(
        rig.app(), [rig.project.folder], report=lambda event: told.append(event.kind), start=at_once
    ) as scheduler:
        rig.until(scheduler, START + 2 * HOUR)
    assert told == ["started", "done"] * 2
