"""What is told of a run: in order, one at a time, with true numbers; and listeners that misbehave."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from pinflow import ActionError, Context, Skip, action, hookimpl
from pinflow.engine.emitter import Emitter
from pinflow.events import Event, Note, RunFinished, StepFinished, StepStarted, to_json


def told(events: list[Event]) -> list[str]:
    """Kind and step of each event."""
    return [f"{type(event).__name__} {getattr(event, 'step', '')}".strip() for event in events]


def test_a_run_is_told_from_its_start_to_its_end(project: Any) -> None:
    _ = project.shop
    recipe = """
        name: n
        steps:
          - {id: me, uses: get_me}
          - {for_each: [1], id: all, do: [{id: made, uses: make_thing, with: {name: x}}]}
          - {id: no, uses: get_me, if: false}
        finally:
          - {id: last, uses: get_me}
    """
    assert project.run(recipe).ok
    assert told(project.events) == [
        "RunStarted",
        "StepStarted me",
        "StepFinished me",
        "StepStarted all",
        "StepStarted all[1].made",
        "EffectDone all[1].made",
        "StepFinished all[1].made",
        "Progress all",
        "Progress all",
        "StepFinished all",
        "StepStarted no",
        "StepFinished no",
        "StepStarted finally.last",
        "StepFinished finally.last",
        "RunFinished",
    ]


def test_run_started_has_the_name_the_number_of_steps_and_the_logins(project: Any) -> None:
    _ = project.shop
    project.run("{name: Try it, steps: [{uses: get_me}, {uses: get_me}]}", dry_run=True)
    (start,) = project.events_of("RunStarted")
    assert (start.name, start.dry_run, start.resumed, start.steps) == ("Try it", True, False, 2)
    assert start.logins == {"default": "the test"}


def test_a_step_is_told_by_its_name_with_what_stands_for_its_expressions(project: Any) -> None:
    _ = project.shop
    recipe = """
        name: n
        inputs: {who: {default: Bob}}
        steps:
          - {id: me, name: "Look for ${{ inputs.who }}", uses: get_me}
          - {name: "Tell ${{ steps.me.name }}", uses: get_me}
          - {name: Plain, uses: get_me}
    """
    project.run(recipe)
    assert [event.name for event in project.events_of("StepStarted")] == ["Look for Bob", "Tell Ann", "Plain"]


def test_a_name_that_can_not_be_worked_out_does_not_fail_the_step(project: Any) -> None:
    _ = project.shop
    recipe = (
        "{name: n, steps: [{id: a, uses: get_me, if: false}, {id: b, name: 'After ${{ steps.a.name }}', uses: get_me}]}"
    )
    assert project.run(recipe).ok
    assert [event.name for event in project.events_of("StepStarted")] == ["", "b"]


def test_run_finished_has_the_counts_and_calls_of_the_run(project: Any) -> None:
    shop = project.shop

    def do(number: int) -> Any:
        if number == 3:
            raise ActionError("no")
        return Skip("unwanted") if number == 4 else {"id": str(number)}

    @action("each", effect="write")
    def each(ctx: Context) -> None:
        ctx.each(range(6), key=str, do=do, kind="thing")

    project.offer(each)
    recipe = "{name: n, steps: [{uses: get_me}, {id: a, uses: make_thing, with: {name: x}}, {id: b, uses: each}]}"
    result = project.run(recipe)
    end = project.events[-1]
    assert isinstance(end, RunFinished)
    assert end.counts == result.counts == {"thing": {"done": 5, "skipped": 1, "failed": 1}}
    assert end.calls == {"access_token": {"other": len(shop.asked)}}
    assert (end.status, end.exit_code) == ("failed", 1)
    by_step = {event.step: event.counts for event in project.events_of("StepFinished")}
    assert by_step["a"] == {"thing": {"done": 1}}
    assert by_step["b"] == {"thing": {"done": 4, "skipped": 1, "failed": 1}}


def test_every_event_is_plain_data(project: Any) -> None:
    import json

    _ = project.shop
    project.run("{name: n, steps: [{uses: make_thing, with: {name: x}}], outputs: {a: [1, {b: c}]}}")
    kinds = [json.loads(json.dumps(to_json(event)))["event"] for event in project.events]
    assert (kinds[0], kinds[-1]) == ("RunStarted", "RunFinished")


def test_time_does_not_go_back_between_events(project: Any) -> None:
    _ = project.shop
    project.run("{name: n, steps: [{for_each: range(30), parallel: 8, do: [{uses: get_me}]}]}")
    times = [event.at for event in project.events]
    assert times == sorted(times)


# -- listeners


def emitter(*listeners: Any) -> Emitter:
    return Emitter("run", listeners, lambda: 0.0)


def note(emit: Emitter, text: str) -> None:
    emit(Note, step="", text=text)


def test_events_of_many_threads_come_one_at_a_time() -> None:
    inside = threading.Lock()
    seen: list[str] = []

    def listener(event: Any) -> None:
        assert inside.acquire(blocking=False), "two at once"
        seen.append(event.text)
        inside.release()

    def many(n: int) -> None:
        for i in range(200):
            note(emit, f"{n}.{i}")

    emit = emitter(listener)
    threads = [threading.Thread(target=many, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(seen) == len(set(seen)) == 1600
    for n in range(8):
        assert [text for text in seen if text.startswith(f"{n}.")] == [f"{n}.{i}" for i in range(200)]


def test_a_listener_may_tell_something_and_all_hear_it_in_one_order() -> None:
    first: list[str] = []
    second: list[str] = []

    def answering(event: Any) -> None:
        first.append(event.text)
        if event.text == "question":
            note(emit, "answer")

    emit = emitter(answering, lambda event: second.append(event.text))
    note(emit, "question")
    note(emit, "next")
    assert first == second == ["question", "answer", "next"]


def test_a_listener_that_fails_is_left_out_with_one_notice_and_the_run_goes_on(project: Any) -> None:
    calls: list[str] = []

    class Reporter:
        @hookimpl
        def pinflow_event(self, event: Event) -> None:
            calls.append(type(event).__name__)
            raise ValueError("no paper")

    _ = project.shop
    project.plugins.append(Reporter())
    assert project.run("{name: n, steps: [{uses: get_me}]}").ok
    assert calls == ["RunStarted"]
    notices = [event.text for event in project.events_of("Note")]
    assert len(notices) == 1
    assert notices[0].startswith("the reporter ")
    assert notices[0].endswith(" failed and is left out: ValueError: no paper")


def test_all_listeners_may_fail_at_once() -> None:
    def fail(event: Event) -> None:
        raise RuntimeError("broken")

    def fail_too(event: Event) -> None:
        raise RuntimeError("broken")

    heard: list[str] = []
    emit = emitter(fail, lambda event: heard.append(event.text), fail_too)
    note(emit, "hello")
    note(emit, "again")
    assert [text.partition(" failed")[0] for text in heard] == [
        "hello",
        f"the reporter {fail.__qualname__}",
        f"the reporter {fail_too.__qualname__}",
        "again",
    ]


def test_a_reader_that_went_away_ends_the_run() -> None:
    def gone(event: Event) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        note(emitter(gone), "hello")


def test_no_event_holds_a_secret(project: Any) -> None:
    shop = project.shop

    @action("use")
    def use(ctx: Context, *, password: str) -> None:
        ctx.client  # noqa: B018

    shop.before = lambda method, path, body: (403, {"message": "no"})
    recipe = """
        name: n
        inputs: {password: {type: secret, required: true}, copy: {default: "${{ inputs.password }}!"}}
        steps: [{uses: get_me}]
    """
    result = project.run(recipe, inputs={"password": "hunter2hunter2"})
    assert not result.ok
    said = "".join(str(to_json(event)) for event in project.events)
    assert "hunter2" not in said and "secret-access_token" not in said
    assert b"hunter2" not in b"".join(path.read_bytes() for path in project.state.rglob("*") if path.is_file())


def test_the_steps_of_a_run_are_told_once_each(project: Any) -> None:
    _ = project.shop
    project.run("{name: n, steps: [{id: a, uses: get_me}, {id: b, uses: get_me}]}")
    for kind in (StepStarted, StepFinished):
        assert [event.step for event in project.events if isinstance(event, kind)] == ["a", "b"]
