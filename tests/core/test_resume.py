"""A run goes on where it stopped: what is done stays done, and nothing else may have changed meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import ActionError, Context, RateLimited, action
from pinflow.app import App
from pinflow.clock import Clock
from pinflow.errors import StateError, UsageError
from pinflow.events import Progress, StepFinished
from pinflow.state.folder.runs import FolderRuns
from pinflow_sandbox import Settings, start
from pinflow_sandbox.server.messages import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Flaky:
    """Actions that note their calls; ``pause`` ends the run the first time."""

    def __init__(self, project: Any) -> None:
        self.calls: list[str] = []
        self.reread: list[Any] = []
        self.paused = False

        @action("read")
        def read(ctx: Context) -> dict[str, str]:
            self.calls.append(ctx.step)
            return {"name": f"call {len(self.calls)}"}

        @action("write", effect="write", reread=self._again)
        def write(ctx: Context) -> dict[str, str]:
            self.calls.append(ctx.step)
            return {"id": "7", "name": "Ann"}

        @action("pause")
        def pause(ctx: Context, *, text: str = "") -> None:
            self.calls.append(f"{ctx.step} {text}".strip())
            if not self.paused:
                self.paused = True
                raise RateLimited("slow down")

        project.offer(read, write, pause)

    def _again(self, ctx: Context, kept: Mapping[str, Any]) -> dict[str, Any]:
        self.reread.append(dict(kept))
        return {**kept, "name": "Ann"}


def test_resume_does_not_repeat_finished_steps(project: Any) -> None:
    flaky = Flaky(project)
    recipe = "{name: n, steps: [{id: r, uses: read}, {id: w, uses: write}, {id: p, uses: pause}, {id: z, uses: read}]}"
    assert project.run(recipe).status == "paused"
    result = project.resume()
    assert (result.status, flaky.calls) == ("ok", ["r", "w", "p", "p", "z"])
    assert [step.status for step in result.steps] == ["ok"] * 4


def test_what_was_read_is_read_again_when_something_needs_it(project: Any) -> None:
    flaky = Flaky(project)
    recipe = "{name: n, steps: [{id: r, uses: read}, {id: p, uses: pause, with: {text: '${{ steps.r.name }}'}}]}"
    project.run(recipe)
    assert project.resume().ok
    assert flaky.calls == ["r", "p call 1", "r", "p call 3"]


def test_what_was_written_is_fetched_again_from_what_is_kept_of_it(project: Any) -> None:
    flaky = Flaky(project)
    recipe = "{name: n, steps: [{id: w, uses: write}, {id: p, uses: pause, with: {text: '${{ steps.w.name }}'}}]}"
    project.run(recipe)
    assert project.resume().ok
    assert flaky.calls == ["w", "p Ann", "p Ann"]
    assert flaky.reread == [{"id": "7"}]


def test_what_was_written_and_nobody_needs_is_not_fetched_again(project: Any) -> None:
    flaky = Flaky(project)
    project.run("{name: n, steps: [{id: w, uses: write}, {id: p, uses: pause}]}")
    project.resume()
    assert flaky.reread == []


def test_a_fetch_that_fails_fails_its_step_and_the_next_resume_fetches_again(project: Any) -> None:
    flaky = Flaky(project)
    answers: list[Any] = [ActionError("gone for now"), {"name": "Ann"}]

    def again(ctx: Context, kept: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @action("make", effect="write", reread=again)
    def make(ctx: Context) -> dict[str, str]:
        flaky.calls.append("made")
        return {"id": "7", "name": "Ann"}

    project.offer(make)
    project.run("{name: n, steps: [{id: m, uses: make}, {id: p, uses: pause, with: {text: '${{ steps.m.name }}'}}]}")
    failed = project.resume()
    assert (failed.status, str(failed.error)) == ("failed", "gone for now")
    assert project.resume().ok
    assert flaky.calls == ["made", "p Ann", "p Ann"]


def test_resume_does_not_run_a_skipped_step(project: Any) -> None:
    flaky = Flaky(project)
    recipe = (
        "{name: n, steps: [{id: r, uses: read, if: now() < '2027-01-15T09:00:00Z' && false}, {id: p, uses: pause}]}"
    )
    project.run(recipe)
    assert [step.status for step in project.resume().steps] == ["skipped", "ok"]
    assert flaky.calls == ["p", "p"]


def test_resume_tries_a_failed_step_again(project: Any) -> None:
    calls: list[str] = []

    @action("flaky")
    def flaky(ctx: Context) -> None:
        calls.append(ctx.step)
        if len(calls) == 1:
            raise ActionError("no")

    project.offer(flaky)
    assert project.run("{name: n, steps: [{id: a, uses: flaky}]}").status == "failed"
    assert project.resume().ok
    assert calls == ["a", "a"]


def test_a_loop_goes_on_with_the_items_that_are_left(project: Any) -> None:
    shop = project.shop
    made: list[int] = []

    def refuse(method: str, path: str, body: Any) -> Any:
        if method == "POST":
            made.append(1)
            if len(made) == 4:
                return 403, {"message": "not now"}
        return None

    shop.before = refuse
    recipe = """
        name: n
        steps:
          - id: all
            for_each: range(6)
            do: [{uses: make_thing, with: {name: "thing ${{ item }}"}}]
        outputs: {ok: "${{ steps.all.ok }}", already: "${{ steps.all.already }}"}
    """
    assert project.run(recipe).failed == (("all", "3", "POST /things: not now (HTTP 403)"),)
    result = project.resume()
    assert result.outputs == {"ok": 6, "already": 0}  # of both processes
    assert result.counts == {"thing": {"done": 6}}
    assert result.calls == {"access_token": {"other": 7}}
    finished = project.events[-1]
    assert (finished.counts, finished.outputs, finished.calls) == (result.counts, result.outputs, result.calls)
    (ended,) = [event for event in project.events if type(event) is StepFinished and event.step == "all"][-1:]
    assert ended.counts == {"thing": {"done": 6}}
    progress = [event for event in project.events if type(event) is Progress][-1]
    assert (progress.done, progress.total, progress.failed) == (6, 6, 0)
    assert shop.names() == [f"thing {n}" for n in (0, 1, 2, 4, 5, 3)]


def test_the_last_steps_run_at_the_end_of_the_run_that_went_on(project: Any) -> None:
    flaky = Flaky(project)
    recipe = "{name: n, steps: [{id: p, uses: pause}], finally: [{id: tidy, uses: read}]}"
    project.run(recipe)
    assert flaky.calls == ["p"]
    project.resume()
    assert flaky.calls == ["p", "p", "finally.tidy"]


def test_the_start_of_a_run_that_goes_on_says_so(project: Any) -> None:
    Flaky(project)
    project.run("{name: n, steps: [{uses: pause}]}")
    project.resume()
    assert project.events_of("RunStarted")[0].resumed is True


# -- inputs


def test_inputs_are_those_that_the_run_began_with(project: Any) -> None:
    flaky = Flaky(project)
    recipe = """
        name: n
        inputs: {a: {required: true}, t: {default: "${{ now() }}"}}
        steps: [{id: p, uses: pause, with: {text: "${{ inputs.a }} ${{ inputs.t }}"}}]
    """
    project.run(recipe, inputs={"a": "x"})
    project.clock.now += 86_400
    assert project.resume().ok
    assert flaky.calls[0] == flaky.calls[1]


def test_resume_asks_for_a_secret_input_again(project: Any) -> None:
    flaky = Flaky(project)
    recipe = """
        name: n
        inputs: {s: {type: secret, required: true}}
        steps: [{id: p, uses: pause, with: {text: "${{ inputs.s }}"}}]
    """
    project.run(recipe, inputs={"s": "hunter22"})
    with pytest.raises(UsageError, match="input 's' needs a value"):
        project.resume()
    assert project.resume(inputs={"s": "hunter22"}).ok
    assert flaky.calls == ["p hunter22", "p hunter22"]


def test_a_secret_that_need_not_be_given_is_asked_for_again_if_it_was(project: Any) -> None:
    Flaky(project)
    recipe = "{name: n, inputs: {s: {type: secret}}, steps: [{uses: pause, with: {text: '${{ inputs.s }}'}}]}"
    run = project.run(recipe, inputs={"s": "hunter22"}).run
    with pytest.raises(UsageError, match=f"run {run} needs its secret input 's' again: it is not recorded"):
        project.resume()
    assert project.resume(inputs={"s": "hunter22"}).ok


@pytest.mark.parametrize(("forced", "expected"), [(None, "v1"), ("v2", "v2")])
def test_the_api_that_a_run_was_forced_to_is_kept(project: Any, forced: str | None, expected: str) -> None:
    Flaky(project)
    asked: list[str] = []

    @action("whose", api="v1")
    def whose_v1(ctx: Context) -> None:
        asked.append("v1")

    @action("whose", api="v2")
    def whose_v2(ctx: Context) -> None:
        asked.append("v2")

    project.offer(whose_v1, whose_v2)
    project.shop_plugin.more_apis = ["v2"]
    project.write("{name: a, api: v1, steps: [{uses: whose}]}", "a.yaml")
    recipe = "{name: n, api: v1, steps: [{uses: pause}, {uses: whose}, {include: a.yaml}]}"
    assert project.run(recipe, api=forced).status == "paused"
    assert project.resume().ok
    assert asked == [expected] * 2


# -- what can't be resumed


def test_resume_refuses_a_finished_run(project: Any) -> None:
    Flaky(project).paused = True
    run = project.run("{name: n, steps: [{uses: pause}]}").run
    with pytest.raises(UsageError, match=f"run {run} is done; nothing to resume"):
        project.resume(run)


def test_resume_without_a_run_is_an_error(project: Any) -> None:
    with pytest.raises(UsageError, match="no run can be resumed"):
        project.resume()
    with pytest.raises(UsageError, match="no run '20260101-000000-aaaaaa'"):
        project.resume("20260101-000000-aaaaaa")


def test_a_run_that_another_process_has_is_refused(project: Any) -> None:
    Flaky(project)
    run = project.run("{name: n, steps: [{uses: pause}]}").run
    with (
        FolderRuns(project.state, Clock()).open(run),
        pytest.raises(StateError, match=f"run {run} is locked by process {os.getpid()}"),
    ):
        project.resume(run)
    assert project.resume(run).ok


def test_a_run_of_the_embedded_sandbox_is_refused(tmp_path: Path) -> None:
    from pinflow.app import Options

    app = App.installed({"PINFLOW_CACHE_DIR": str(tmp_path)}, state=tmp_path / "state")
    recipe = tmp_path / "r.yaml"
    recipe.write_text("{name: n, api: v5, steps: [{uses: get_board, with: {board: '1'}}]}", "utf-8")
    result = app.run(app.plan(recipe, inputs={}), Options(sandbox=True))
    assert result.status == "failed"
    with pytest.raises(UsageError, match="was in the embedded sandbox, which ended with it"):
        app.resume(result.run)


# -- a process that is killed

BOARDS = """
name: Many boards
api: v5
steps:
  - id: all
    for_each: range(12)
    parallel: PARALLEL
    do:
      - {id: made, uses: create_board, with: {name: "Board ${{ item }}"}}
      - {uses: create_pin, with: {board: "${{ steps.made.id }}", image_url: "https://example.com/${{ item }}.jpg"}}
outputs: {ok: "${{ steps.all.ok + steps.all.already }}"}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parallel", "kill_at", "applied"), [(1, 7, True), (1, 8, False), (1, 1, True), (3, 10, True), (3, 15, False)]
)
def test_a_run_killed_in_the_middle_of_a_loop_makes_everything_once(
    tmp_path: Path, parallel: int, kill_at: int, applied: bool
) -> None:
    """The process is killed while the service works on a write, which is applied or not, and answered by nobody."""
    writes = 0
    lock = threading.Lock()
    child: subprocess.Popen[bytes] | None = None

    def fault(call: HttpRequest, apply: Any) -> HttpResponse:
        nonlocal writes
        with lock:
            writes += call.method == "POST"
            kill = call.method == "POST" and writes == kill_at and child is not None
        if not kill:
            return apply()  # type: ignore[no-any-return]
        answer = apply() if applied else HttpResponse(500, b"")
        assert child is not None
        os.kill(child.pid, signal.SIGKILL)
        child.wait(10)
        return answer

    recipe = tmp_path / "boards.yaml"
    recipe.write_text(BOARDS.replace("PARALLEL", str(parallel)), "utf-8")
    with start(settings=Settings(quotas=False), faults=fault) as sandbox:
        environ = {**os.environ, **sandbox.environment(), "PINFLOW_STATE_DIR": str(tmp_path / "state")}
        words = [sys.executable, "-m", "pinflow", "run", str(recipe), "--quiet"]
        child = subprocess.Popen(words, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert child.wait(60) == -signal.SIGKILL
        child = None
        after: list[float] = [0.0]

        def sleep(seconds: float) -> None:
            after[0] += seconds

        app = App.installed(
            environ,
            state=tmp_path / "state",
            clock=Clock(lambda: time.time() + after[0], lambda: time.monotonic() + after[0], sleep),
        )
        assert [run.state for run in app.runs()] == ["interrupted"]
        result = app.resume(None)
        assert (result.status, result.outputs) == ("ok", {"ok": 12})
        boards: Any = sandbox.control.state()["boards"]
        made = sorted((board["name"], len(board["pins"])) for board in boards if board["name"].startswith("Board "))
    assert made == sorted((f"Board {n}", 1) for n in range(12))
