"""What a run does with its steps: conditions, failures, second tries, time limits, last steps, outputs, dry runs."""

from __future__ import annotations

import re
import threading
from typing import Any
from urllib.parse import quote

import pytest

from pinflow import ActionError, Context, RateLimited, UsageError, action
from pinflow.engine.client_pool import is_home
from pinflow.engine.runner import LIST_CAP
from pinflow.errors import CREDENTIAL, DOUBT, INTERRUPTED, PAUSED, CredentialError, InDoubt
from pinflow.events import Note


class Script:
    """An action ``act`` that does what it is told: an error is raised, anything else is its result."""

    def __init__(self, project: Any, *answers: Any) -> None:
        self.calls: list[str] = []
        self._answers = list(answers)

        @action("act")
        def act(ctx: Context, *, text: str = "") -> Any:
            self.calls.append(text or ctx.step)
            answer = self._answers.pop(0) if self._answers else None
            if isinstance(answer, Exception):
                raise answer
            return answer

        @action("boom")
        def boom(ctx: Context) -> None:
            self.calls.append(ctx.step)
            raise ActionError("it is broken")

        project.offer(act, boom)


def statuses(result: Any) -> dict[str, str]:
    return {step.path: step.status for step in result.steps}


# -- steps in order


def test_a_later_step_reads_what_an_earlier_one_gave(project: Any) -> None:
    script = Script(project, {"name": "Ann"})
    assert project.run("{name: n, steps: [{id: a, uses: act}, {uses: act, with: {text: 'to ${{ steps.a.name }}'}}]}").ok
    assert script.calls == ["a", "to Ann"]


def test_a_failed_step_ends_the_run_and_says_why(project: Any) -> None:
    script = Script(project)
    result = project.run("{name: n, steps: [{id: a, uses: boom}, {id: b, uses: act}]}")
    assert (result.status, result.exit_code, str(result.error)) == ("failed", 1, "it is broken")
    assert script.calls == ["a"]
    assert statuses(result) == {"a": "failed"}


def test_on_error_continue_goes_on_to_the_next_step(project: Any) -> None:
    script = Script(project)
    result = project.run("{name: n, steps: [{id: a, uses: boom, on_error: continue}, {id: b, uses: act}]}")
    assert (result.status, script.calls) == ("ok", ["a", "b"])
    assert statuses(result) == {"a": "failed", "b": "ok"}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RateLimited("slow down"), "paused", PAUSED),
        (InDoubt("who knows"), "in_doubt", DOUBT),
        (CredentialError("log in again"), "paused", CREDENTIAL),
    ],
)
def test_on_error_continue_does_not_go_past_what_concerns_the_whole_run(
    project: Any, error: Exception, status: str, code: int
) -> None:
    script = Script(project, error)
    result = project.run("{name: n, steps: [{id: a, uses: act, on_error: continue}, {id: b, uses: act}]}")
    assert (result.status, result.exit_code, script.calls) == (status, code, ["a"])


def test_the_output_of_a_step_that_failed_is_nothing(project: Any) -> None:
    script = Script(project)
    recipe = """
        name: n
        steps:
          - {id: a, uses: boom, on_error: continue}
          - {uses: act, if: steps.a == null, with: {text: yes}}
    """
    assert project.run(recipe).ok
    assert script.calls == ["a", "yes"]


def test_steps_without_ids_are_named_after_their_actions(project: Any) -> None:
    Script(project)
    result = project.run("{name: n, steps: [{uses: act}, {uses: act}, {id: act_2, uses: act}, {uses: act}]}")
    assert [step.path for step in result.steps] == ["act", "act_3", "act_2", "act_4"]


def test_a_step_can_not_change_what_the_next_one_is_given(project: Any) -> None:
    seen: list[Any] = []

    @action("spoil")
    def spoil(ctx: Context, *, row: dict[str, Any]) -> None:
        seen.append(list(row["cells"]))
        row["cells"].append("spoilt")

    project.offer(spoil)
    recipe = """
        name: n
        steps:
          - for_each: [1, 2]
            do:
              - {uses: spoil, with: {row: {cells: [a]}}}
    """
    assert project.run(recipe).ok
    assert seen == [["a"], ["a"]]


# -- conditions


@pytest.mark.parametrize(("condition", "status"), [("true", "ok"), ("false", "skipped"), ("inputs.on", "skipped")])
def test_a_condition_decides_whether_a_step_runs(project: Any, condition: str, status: str) -> None:
    Script(project)
    inputs = "{on: {type: boolean, default: false}}"
    recipe = f"{{name: n, inputs: {inputs}, steps: [{{id: a, uses: act, if: {condition}}}]}}"
    assert statuses(project.run(recipe)) == {"a": status}


def test_a_condition_that_is_neither_true_nor_false_fails_with_its_place(project: Any) -> None:
    script = Script(project, {"name": "Ann"})
    recipe = "name: n\nsteps:\n  - {id: a, uses: act}\n  - {id: b, uses: act, if: steps.a.name}\n"
    result = project.run(recipe)
    assert str(result.error) == (
        f"{project.folder / 'recipe.yaml'}:4:5: if: must be true or false, not text\n  compare it: ... != null"
    )
    assert script.calls == ["a"]


def test_the_output_of_a_skipped_step_is_nothing_and_using_it_fails(project: Any) -> None:
    Script(project)
    recipe = """
        name: n
        steps:
          - {id: a, uses: act, if: false}
          - {id: b, uses: act, with: {text: "${{ steps.a.name }}"}}
    """
    result = project.run(recipe)
    assert statuses(result) == {"a": "skipped", "b": "failed"}
    assert "steps.a is nothing" in str(result.error)


def test_a_skipped_output_can_be_read_with_care(project: Any) -> None:
    script = Script(project)
    recipe = """
        name: n
        steps:
          - {id: a, uses: act, if: false}
          - {id: b, uses: act, with: {text: "${{ steps.a?.name ?? 'nobody' }}"}}
    """
    assert project.run(recipe).ok
    assert script.calls == ["nobody"]


# -- second tries


def test_a_rate_limit_is_waited_out(project: Any) -> None:
    Script(project, RateLimited("slow down", retry_after=7))
    assert project.run("{name: n, steps: [{id: a, uses: act, retry: {attempts: 2}}]}").ok
    assert project.waits == [7]


def test_a_rate_limit_beyond_patience_pauses_the_run(project: Any) -> None:
    script = Script(project, RateLimited("slow down", retry_after=700))
    result = project.run("{name: n, steps: [{id: a, uses: act, retry: {attempts: 2}}]}", patience=600)
    assert (result.status, result.exit_code, project.waits, script.calls) == ("paused", PAUSED, [], ["a"])
    (run,) = project.app().runs()
    assert (run.state, run.resume_after) == ("paused", project.clock.now + 700)


def test_the_delay_doubles_with_every_try(project: Any) -> None:
    error = RateLimited("slow down")
    error.exit_code = 1
    script = Script(project, *[error] * 3)
    assert project.run("{name: n, steps: [{id: a, uses: act, retry: {attempts: 4, delay: 10 s}}]}").ok
    assert (project.waits, len(script.calls)) == ([10, 20, 40], 4)


def test_a_step_is_not_retried_after_an_error_that_a_retry_can_not_help(project: Any) -> None:
    script = Script(project)
    result = project.run("{name: n, steps: [{id: a, uses: boom, retry: {attempts: 5}}]}")
    assert (result.status, script.calls) == ("failed", ["a"])


def test_after_the_last_try_the_step_fails(project: Any) -> None:
    script = Script(project, *[RateLimited("slow down", retry_after=1)] * 3)
    result = project.run("{name: n, steps: [{id: a, uses: act, retry: {attempts: 3}}]}")
    assert (result.status, len(script.calls), project.waits) == ("paused", 3, [1, 1])


def test_items_that_a_second_try_makes_good_do_not_fail_the_step(project: Any) -> None:
    tries: list[str] = []

    def do(item: str) -> dict[str, str]:
        tries.append(item)
        if tries == ["a", "b"]:
            raise ActionError("not yet")
        return {"id": "1"}

    @action("make", effect="write")
    def make(ctx: Context) -> None:
        if not ctx.each(["a", "b"], key=str, do=do, kind="thing").ok:
            raise RateLimited("again", retry_after=1)

    project.offer(make)
    result = project.run("{name: n, steps: [{id: a, uses: make, retry: {attempts: 2}}]}")
    assert (result.status, tries) == ("ok", ["a", "b", "b"])
    assert result.counts == {"thing": {"done": 2}}
    assert result.failed == ()


# -- time limits


def test_no_call_leaves_once_the_time_of_a_step_is_up(project: Any) -> None:
    shop = project.shop

    @action("slow", api="v1")
    def slow(ctx: Context) -> None:
        for _ in range(3):
            ctx.client.get("/me")
            project.clock.now += 50

    project.offer(slow)
    result = project.run("{name: n, steps: [{id: a, uses: slow, timeout: 60 s}]}")
    assert str(result.error) == "step a took longer than 60 s\n  give it a longer timeout"
    assert shop.asked == ["GET /me", "GET /me"]


def test_the_time_of_a_step_counts_its_second_tries(project: Any) -> None:
    script = Script(project, *[RateLimited("slow down", retry_after=50)] * 9)
    result = project.run("{name: n, steps: [{id: a, uses: act, timeout: 2 minutes, retry: {attempts: 9}}]}")
    assert "took longer than 120 s" in str(result.error)
    assert len(script.calls) == 3


def test_waiting_for_a_quota_counts_towards_a_steps_timeout(project: Any) -> None:
    @action("wait")
    def wait(ctx: Context) -> None:
        ctx.wait(3600, "nothing to do")

    project.offer(wait)
    began = project.clock.now
    result = project.run("{name: n, steps: [{id: a, uses: wait, timeout: 10 s}]}")
    assert "took longer than 10 s" in str(result.error)
    assert project.clock.now - began <= 12


@pytest.mark.parametrize(("outer", "inner", "said"), [("30 s", "90 s", "step loop took"), ("90 s", "30 s", "a took")])
def test_of_two_time_limits_the_one_that_ends_first_counts(project: Any, outer: str, inner: str, said: str) -> None:
    @action("wait")
    def wait(ctx: Context) -> None:
        ctx.wait(60, "nothing to do")

    project.offer(wait)
    recipe = f"""
        name: n
        steps:
          - id: loop
            for_each: [1]
            timeout: {outer}
            do:
              - {{id: a, uses: wait, timeout: {inner}}}
    """
    result = project.run(recipe)
    assert said in str(result.error)


# -- last steps and outputs

WITH_FINALLY = """
    name: n
    steps: [{id: a, uses: USES}, {id: b, uses: act}]
    finally:
      - {id: tidy, uses: act, with: {text: "b gave ${{ steps.b?.name ?? 'nothing' }}"}}
"""


@pytest.mark.parametrize(("uses", "calls"), [("act", ["a", "b", "b gave nothing"]), ("boom", ["a", "b gave nothing"])])
def test_last_steps_run_whether_or_not_a_step_failed(project: Any, uses: str, calls: list[str]) -> None:
    script = Script(project)
    result = project.run(WITH_FINALLY.replace("USES", uses))
    assert (script.calls, result.ok) == (calls, uses == "act")


@pytest.mark.parametrize("error", [RateLimited("slow down"), InDoubt("who knows"), CredentialError("log in again")])
def test_last_steps_wait_for_the_end_of_a_run_that_can_go_on(project: Any, error: Exception) -> None:
    script = Script(project, error)
    project.run(WITH_FINALLY.replace("USES", "act"))
    assert script.calls == ["a"]


def test_last_steps_do_not_run_when_the_run_is_stopped(project: Any) -> None:
    script = Script(project)

    @action("stop")
    def stop(ctx: Context) -> None:
        project.stop.set()

    project.offer(stop)
    result = project.run(WITH_FINALLY.replace("USES", "stop"))
    assert (result.status, result.exit_code, script.calls) == ("cancelled", INTERRUPTED, [])


def test_the_first_error_is_the_one_that_is_told(project: Any) -> None:
    Script(project, ActionError("the first"))
    result = project.run("{name: n, steps: [{uses: act}], finally: [{id: tidy, uses: boom}]}")
    assert str(result.error) == "the first"
    assert statuses(result) == {"act": "failed", "finally.tidy": "failed"}


def test_a_failed_last_step_fails_the_run(project: Any) -> None:
    Script(project)
    assert project.run("{name: n, steps: [{uses: act}], finally: [{uses: boom}]}").status == "failed"


def test_the_outputs_of_a_run_keep_their_types(project: Any) -> None:
    Script(project, {"ids": [1, 2], "name": "Ann"})
    recipe = """
        name: n
        steps: [{id: a, uses: act}]
        outputs: {ids: "${{ steps.a.ids }}", text: "it is ${{ steps.a.name }}", seven: 7}
    """
    assert project.run(recipe).outputs == {"ids": [1, 2], "text": "it is Ann", "seven": 7}


def test_an_output_that_can_not_be_worked_out_fails_with_its_place(project: Any) -> None:
    Script(project, {"name": "Ann"})
    result = project.run("name: n\nsteps: [{id: a, uses: act}]\noutputs:\n  age: ${{ steps.a.age }}\n")
    assert (
        str(result.error) == f"{project.folder / 'recipe.yaml'}:4:20: steps.a has no field 'age'\n  its fields are name"
    )


def test_an_action_that_yields_gives_a_step_its_items_and_their_number(project: Any) -> None:
    project.shop.fill(7)
    recipe = """
        name: n
        steps: [{id: all, uses: list_things}]
        outputs: {n: "${{ steps.all.count }}", last: "${{ steps.all.items[6].name }}"}
    """
    assert project.run(recipe).outputs == {"n": 7, "last": "thing 6"}


def test_a_step_without_a_loop_does_not_hold_any_number_of_items(project: Any) -> None:
    @action("many")
    def many(ctx: Context) -> Any:
        yield from range(LIST_CAP + 1)

    project.offer(many)
    error = project.run("{name: n, steps: [{uses: many}]}").error
    assert str(error) == (
        "many has more than 10000 items, too many to hold at once\n  go through them one by one: for_each: many"
    )


# -- dry runs

FAN_OUT = """
    name: n
    steps:
      - {id: me, uses: get_me}
      - {id: first, uses: make_thing, with: {name: "${{ steps.me.name }}'s"}}
      - {id: second, uses: make_thing, with: {name: "like ${{ steps.first.id }}"}}
      - {id: told, uses: get_me, if: steps.first.name == "x"}
      - for_each: list_things
        limit: 7
        as: thing
        do: [{id: copy, uses: make_thing, with: {name: "${{ thing.name }} again"}}]
    outputs: {me: "${{ steps.me.name }}", made: "${{ steps.first.id }}"}
"""


def test_a_dry_run_reads_but_does_not_write(project: Any) -> None:
    project.shop.fill(7)
    result = project.run(FAN_OUT, dry_run=True)
    assert result.status == "planned"
    assert [step.status for step in result.steps] == ["ok", "planned", "planned", "planned", "ok"]
    assert set(project.shop.asked) == {"GET /me", "GET /things"}
    assert result.outputs == {"me": "Ann"}


def test_a_dry_run_counts_what_the_real_one_makes(project: Any) -> None:
    project.shop.fill(7)
    planned = project.run(FAN_OUT, dry_run=True)
    made = project.run(FAN_OUT)
    assert planned.counts == {"thing": {"planned": 9}}
    assert made.counts == {"thing": {"done": 9}}
    assert planned.forecast.calls["access_token"]["other"] == sum(planned.calls["access_token"].values()) + 9


def test_a_dry_run_foresees_what_the_service_refuses_to_the_tier(project: Any) -> None:
    project.shop.fill(7)
    result = project.run(FAN_OUT, dry_run=True, tier="trial")
    assert result.forecast.refusals == ("trial makes no /things",)
    assert (result.status, result.exit_code, result.outputs) == ("failed", CREDENTIAL, {})
    assert str(result.error).startswith("the real run would be refused: trial makes no /things\n  this follows from")
    assert result.counts == {"thing": {"refused": 9}}
    assert result.forecast.calls["access_token"]["other"] == sum(result.calls["access_token"].values()) + 9


def test_what_is_refused_at_home_is_refused_by_a_copy_on_this_machine_and_may_be_right_elsewhere(project: Any) -> None:
    project.shop.fill(7)
    project.shop_plugin.origin = "https://shop.example"
    project.environ["SHOP_URL"] = project.shop.url
    assert project.run(FAN_OUT, dry_run=True, tier="trial").forecast.refusals == ("trial makes no /things",)
    (api,) = project.shop_plugin.pinflow_apis()
    assert is_home(api, "https://shop.example")
    assert not is_home(api, "https://sandbox.shop.example")


def test_a_dry_run_leaves_no_record(project: Any) -> None:
    project.shop.fill(1)
    project.run(FAN_OUT, dry_run=True)
    assert project.app().runs() == []
    assert not (project.state / "runs").exists()


def test_what_is_only_planned_is_not_asked_for(project: Any) -> None:
    @action("get_thing", api="v1")
    def get_thing(ctx: Context, *, id: str) -> Any:
        return ctx.client.get(f"/things/{id}")

    project.shop.fill(1)
    project.offer(get_thing)
    text = """
        name: n
        api: v1
        steps:
          - {id: made, uses: make_thing, with: {name: new}}
          - {id: read, uses: get_thing, with: {id: "${{ steps.made.id }}"}}
    """
    result = project.run(text, dry_run=True)
    assert ([step.status for step in result.steps], result.error) == (["planned", "planned"], None)
    assert project.shop.asked == []


@pytest.mark.parametrize(
    ("before", "code"), [("", 2), ("{uses: get_me}, ", 1), ("{uses: make_thing, with: {name: a}}, ", 1)]
)
def test_a_wrong_input_that_a_step_finds_after_something_was_sent_is_a_failure(
    project: Any, before: str, code: int
) -> None:
    @action("look", api="v1")
    def look(ctx: Context) -> None:
        raise UsageError("the file is not there")

    project.shop.fill(1)
    project.offer(look)
    result = project.run(f"{{name: n, api: v1, steps: [{before}{{uses: look}}]}}")
    assert (result.status, result.exit_code) == ("failed", code)
    (kept,) = project.app().runs()
    assert (kept.state, kept.exit_code) == ("failed", code)


def test_what_does_not_go_together_is_refused_before_the_action_is_called(project: Any) -> None:
    called: list[str] = []
    project.shop.fill(1)

    def fits(low: str, high: str) -> None:
        if low > high:
            raise UsageError(f"low {low} is above high {high}", hint="exchange them")

    @action("between", api="v1", effect="write", checks=[fits])
    def between(ctx: Context, *, low: str, high: str = "f") -> None:
        called.append(low)

    project.offer(between)
    text = """
        name: n
        api: v1
        steps:
          - {id: me, uses: get_me}
          - {id: made, uses: make_thing, with: {name: "${{ steps.me.name }}"}}
          - {id: a, uses: between, with: {low: "${{ steps.made.id }}", high: a}}
          - {id: b, uses: between, with: {low: "z${{ steps.me.name }}"}}
    """
    planned = project.run(text, dry_run=True)
    assert [step.status for step in planned.steps] == ["ok", "planned", "planned", "failed"]
    assert str(planned.error).startswith("low zAnn is above high f")
    assert len(called) == 1
    called.clear()
    assert project.run(text.replace("high: a", "high: zz")).status == "failed"
    assert called == ["102"]


def test_a_step_chosen_by_what_is_only_planned_is_planned_too(project: Any) -> None:
    _ = project.shop
    recipe = """
        name: n
        inputs: {which: {default: first}}
        steps:
          - {id: first, uses: make_thing, with: {name: a}}
          - {id: second, uses: make_thing, with: {name: "${{ steps[inputs.which].id }}"}}
    """
    result = project.run(recipe, dry_run=True)
    assert [step.status for step in result.steps] == ["planned", "planned"]


# -- stopping


def test_a_run_that_is_told_to_stop_at_once_sends_nothing(project: Any) -> None:
    shop = project.shop
    project.stop.set()
    result = project.run("{name: n, steps: [{id: a, uses: get_me}]}")
    assert (result.status, result.exit_code, shop.asked) == ("cancelled", INTERRUPTED, [])
    assert [run.state for run in project.app().runs()] == ["cancelled"]


@pytest.mark.parametrize(
    "recipe",
    [
        "{name: n, steps: [{id: a, uses: stop_then_call}]}",
        "{name: n, steps: [{id: a, uses: stop_then_write}]}",
        "{name: n, steps: [{id: a, uses: stop_then_wait}]}",
        "{name: n, steps: [{id: a, uses: stop_then_fail, retry: {attempts: 3, delay: 9 s}}]}",
        "{name: n, steps: [{for_each: [1, 2], do: [{uses: stop}]}]}",
        "{name: n, steps: [{for_each: [1, 2, 3], parallel: 2, do: [{uses: stop}, {uses: get_me}]}]}",
    ],
)
def test_a_stop_is_noticed_wherever_the_run_is(project: Any, recipe: str) -> None:
    shop = project.shop

    @action("stop")
    def stop(ctx: Context) -> None:
        project.stop.set()

    @action("stop_then_call", api="v1")
    def stop_then_call(ctx: Context) -> None:
        project.stop.set()
        ctx.client.get("/me")

    @action("stop_then_write", api="v1", effect="write")
    def stop_then_write(ctx: Context) -> None:
        project.stop.set()
        ctx.once("x", lambda: ctx.client.post("/things", json={"name": "x"}))

    @action("stop_then_wait")
    def stop_then_wait(ctx: Context) -> None:
        project.stop.set()
        ctx.wait(1000, "nothing to do")

    @action("stop_then_fail")
    def stop_then_fail(ctx: Context) -> None:
        project.stop.set()
        raise RateLimited("slow down", retry_after=5)

    project.offer(stop, stop_then_call, stop_then_write, stop_then_wait, stop_then_fail)
    began = project.clock.now
    result = project.run(recipe)
    assert (result.status, result.exit_code) == ("cancelled", INTERRUPTED)
    assert shop.asked == []
    assert project.clock.now == began
    assert [run.state for run in project.app().runs()] == ["cancelled"]


def test_an_interrupt_that_raises_leaves_a_run_that_can_be_resumed(project: Any) -> None:
    """The second Ctrl-C."""
    shop = project.shop
    shop.fill(1)
    script = Script(project, KeyboardInterrupt())

    @action("again")
    def again(ctx: Context) -> None:
        script.calls.append(ctx.step)
        if script.calls == ["again"]:
            raise KeyboardInterrupt

    project.offer(again)
    with pytest.raises(KeyboardInterrupt):
        project.run("{name: n, steps: [{uses: make_thing, with: {name: x}}, {uses: again}]}")
    assert [run.state for run in project.app().runs()] == ["interrupted"]
    assert project.resume().ok
    assert shop.names() == ["thing 0", "x"]


def test_an_interrupt_does_not_wait_for_calls_side_by_side(project: Any) -> None:
    held = threading.Event()

    @action("hold")
    def hold(ctx: Context) -> None:
        held.wait(20)

    @action("numbers")
    def numbers(ctx: Context) -> Any:
        yield 1
        raise KeyboardInterrupt

    project.offer(hold, numbers)
    try:
        with pytest.raises(KeyboardInterrupt):
            project.run("{name: n, steps: [{for_each: numbers, parallel: 4, do: [{uses: hold}]}]}")
        assert not held.is_set()
    finally:
        held.set()


# -- defects and broken places


def test_an_exception_of_a_plugin_fails_its_step_and_the_rest_goes_on_as_declared(project: Any) -> None:
    """What the exception says is shown without long words, which may be secrets."""
    done = []

    @action("buggy")
    def buggy(ctx: Context) -> None:
        raise KeyError("title", "pina_0123456789abcdef")

    @action("note")
    def note(ctx: Context, *, word: str) -> None:
        done.append(word)

    project.offer(buggy, note)
    result = project.run("""
        name: n
        steps:
          - {id: bad, uses: buggy, on_error: continue}
          - {uses: note, with: {word: after}}
          - {id: end, uses: buggy}
          - {uses: note, with: {word: never}}
        finally:
          - {uses: note, with: {word: finally}}
    """)
    assert (result.exit_code, done) == (1, ["after", "finally"])
    assert [step.status for step in result.steps] == ["failed", "ok", "failed", "ok"]
    assert re.fullmatch(
        r"KeyError at tests/core/test_runner.py:\d+ in the plugin .*, in action 'buggy': \('title', '\[\.\.\.\]'\)",
        result.error.message,
    )
    assert [run.state for run in project.app().runs()] == ["failed"]
    finished = project.events[-1]
    assert (type(finished).__name__, finished.exit_code) == ("RunFinished", 1)


@pytest.mark.parametrize("parallel", [1, 3])
def test_an_exception_of_a_plugin_fails_one_item_of_a_loop(project: Any, parallel: int) -> None:
    @action("buggy")
    def buggy(ctx: Context, *, n: int) -> int:
        return 6 // (n - 2)

    project.offer(buggy)
    result = project.run(f"""
        name: n
        steps:
          - id: all
            for_each: ${{{{ [1, 2, 3, 4] }}}}
            as: n
            parallel: {parallel}
            do: [{{uses: buggy, with: {{n: "${{{{ n }}}}"}}}}]
    """)
    assert result.exit_code == 1
    assert [(step, key) for step, key, _ in result.failed] == [("all", "2")]
    assert "ZeroDivisionError at tests/core/test_runner.py:" in result.failed[0][2]


def test_what_a_listing_of_a_plugin_raises_fails_the_loop(project: Any) -> None:
    @action("numbers")
    def numbers(ctx: Context) -> Any:
        yield 1
        raise RuntimeError("no more")

    @action("take")
    def take(ctx: Context) -> None:
        pass

    project.offer(numbers, take)
    result = project.run("{name: n, steps: [{id: all, for_each: numbers, do: [{uses: take}]}]}")
    assert (result.exit_code, result.status) == (1, "failed")
    assert "RuntimeError at tests/core/test_runner.py:" in str(result.error)


def test_a_refusal_of_what_a_plugin_hands_in_is_the_plugins_mistake(project: Any) -> None:
    @action("astray")
    def astray(ctx: Context) -> None:
        ctx.within("no id at all")

    project.offer(astray)
    result = project.run("{name: n, steps: [{uses: astray}]}")
    assert result.exit_code == 1
    assert result.error.message.startswith("ValueError at tests/core/test_runner.py:")


def test_a_defect_of_the_engine_is_none_of_a_plugin(project: Any) -> None:
    @action("fine")
    def fine(ctx: Context) -> int:
        return ctx.once("key", lambda: 1)

    project.offer(fine)
    with pytest.MonkeyPatch.context() as patch:
        broken: dict[str, Any] = {}
        engine = {"__name__": "pinflow.engine.effect_runner"}
        exec("def perform(self, effect): raise AssertionError('cannot be')", engine, broken)  # noqa: S102
        patch.setattr("pinflow.engine.effect_runner.EffectRunner.perform", broken["perform"])
        with pytest.raises(AssertionError, match="cannot be"):
            project.run("{name: n, steps: [{uses: fine}]}")
    assert [run.state for run in project.app().runs()] == ["interrupted"]


def test_a_bad_address_is_refused_before_a_run_is_recorded(project: Any) -> None:
    _ = project.shop
    project.environ["SHOP_URL"] = "http://shop.example"
    with pytest.raises(Exception, match="SHOP_URL must be an https"):
        project.run("{name: n, steps: [{uses: get_me}]}")
    assert project.app().runs() == []


# -- secrets


def test_a_secret_input_is_not_told_even_where_a_recipe_shows_it(project: Any) -> None:
    secret = "hunter 2/3"

    @action("tell")
    def tell(ctx: Context, *, word: str, pin: str) -> None:
        ctx.log(f"the word is {word}, as an address {quote(word)}, the pin {pin}")
        raise ActionError(f"the service said: {word} is no good", hint=f"{word} again?")

    project.offer(tell)
    recipe = """
        name: n
        inputs: {word: {type: secret}, pin: {type: secret}}
        steps: [{uses: tell, with: {word: "${{ inputs.word }}", pin: "${{ inputs.pin }}"}}]
    """
    result = project.run(recipe, inputs={"word": secret, "pin": "12345678"})
    assert str(result.error) == "the service said: *** is no good\n  *** again?"
    (note,) = [event.text for event in project.events if isinstance(event, Note)]
    assert note == "the word is ***, as an address ***, the pin ***"
    told = repr([*project.events, result, result.error, result.error.args])
    assert secret not in told
    (run,) = project.app().runs()
    assert run.error
    assert secret not in run.error
