"""A plugin that exits, hangs, or does nothing because it is async, fails alone: the run goes on, and it is named."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest

from pinflow import Action, Context, action, hookimpl
from pinflow.engine.plugin_listener import PluginListener
from pinflow.errors import PluginError, ends_program
from pinflow.plugin.loader import collect, load
from tests.cli import Cli

if TYPE_CHECKING:
    from pathlib import Path

    from pinflow import Event


@action("leave")
def leave(ctx: Context, *, code: int = 5) -> None:
    """Exit, as code that was a script does."""
    sys.exit(code)


@action("leave_sometimes")
def leave_sometimes(ctx: Context, *, number: int) -> int:
    """Exit for the number 2."""
    if number == 2:
        sys.exit(5)
    return number


@action("count_and_leave")
def count_and_leave(ctx: Context) -> Iterator[dict[str, int]]:
    """Yield two things, then exit."""
    yield {"n": 1}
    yield {"n": 2}
    sys.exit(5)


@action("write_and_leave", api="v1", effect="write")
def write_and_leave(ctx: Context) -> Any:
    """Make a thing, and exit before its answer is used."""

    def make() -> Any:
        ctx.client.post("/things", json={"name": "a"})
        sys.exit(5)

    return ctx.once("create", make, find=lambda: None, kind="thing")


@pytest.fixture
def exits(project: Any) -> Any:
    _ = project.shop
    project.offer(leave, leave_sometimes, count_and_leave, write_and_leave)
    return project


def test_an_action_that_exits_fails_its_step_and_finally_runs(exits: Any) -> None:
    result = exits.run("""
        name: n
        steps:
          - {id: out, uses: leave}
          - {id: next, uses: get_me}
        finally:
          - {id: last, uses: get_me}
    """)
    assert result.exit_code == 1
    assert {step.path: step.status for step in result.steps} == {"out": "failed", "finally.last": "ok"}
    assert "SystemExit at tests/core/test_plugin_exits.py" in str(result.error)
    assert "in action 'leave'" in str(result.error)


@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("executor", ["threads", "serial"])
def test_an_item_that_exits_fails_alone(exits: Any, parallel: int, executor: str) -> None:
    result = exits.run(
        f"""
        name: n
        steps:
          - id: all
            for_each: ${{{{ [1, 2, 3, 4] }}}}
            as: number
            parallel: {parallel}
            do:
              - {{uses: leave_sometimes, with: {{number: "${{{{ number }}}}"}}}}
          - {{id: after, uses: get_me, if: "${{{{ true }}}}"}}
        """,
        executor=executor,
    )
    assert result.exit_code == 1
    assert [(step, key) for step, key, _ in result.failed] == [("all", "2")]
    assert "SystemExit" in result.failed[0][2]


@pytest.mark.parametrize("parallel", [1, 3])
def test_a_source_that_exits_fails_its_loop_after_what_it_gave(exits: Any, parallel: int) -> None:
    result = exits.run(f"""
        name: n
        steps:
          - id: all
            for_each: count_and_leave
            as: thing
            parallel: {parallel}
            do:
              - {{uses: make_thing, with: {{name: "t${{{{ thing.n }}}}"}}}}
    """)
    assert result.exit_code == 1
    assert "in action 'count_and_leave'" in str(result.error)
    assert sorted(exits.shop.names()) == ["t1", "t2"]


def test_a_write_that_exits_after_sending_is_unknown_and_not_lost(exits: Any) -> None:
    result = exits.run("{name: n, steps: [{id: w, uses: write_and_leave}]}")
    assert result.exit_code == 7
    assert "SystemExit" in str(result.error)
    assert exits.shop.names() == ["a"]


@pytest.mark.parametrize("words", [("run",), ("run", "--dry-run")])
def test_the_program_tells_an_exit_as_a_failure(tmp_path: Path, words: tuple[str, ...]) -> None:
    class Plugin:
        @hookimpl
        def pinflow_actions(self) -> list[Action]:
            return [leave]

    cli = Cli(tmp_path)
    cli.use_plugins(Plugin())
    recipe = tmp_path / "r.yaml"
    recipe.write_text("name: n\nsteps:\n  - {id: out, uses: leave, with: {code: 0}}\n", "utf-8")
    assert cli(*words, recipe) == 1, cli.stderr
    assert "SystemExit" in cli.stderr


@pytest.mark.parametrize("hook", ["pinflow_actions", "pinflow_apis", "pinflow_commands"])
def test_a_hook_that_exits_is_named(hook: str) -> None:
    def answer(self: object) -> list[object]:
        sys.exit(5)

    plugin = type("Shop", (), {hook: hookimpl(answer)})()
    with pytest.raises(PluginError, match=rf"'Shop'.*{hook} failed: SystemExit: 5"):
        collect(*load([], objects=[plugin]))


def test_a_listener_that_exits_is_left_out(exits: Any) -> None:
    class Reporter:
        @hookimpl
        def pinflow_event(self, event: Event) -> None:
            sys.exit(5)

    exits.plugins.append(Reporter())
    assert exits.run("{name: n, steps: [{uses: get_me}]}").ok
    (notice,) = [event.text for event in exits.events_of("Note")]
    assert notice == "the reporter Reporter failed and is left out: SystemExit: 5"


def test_a_listener_that_hangs_is_left_out(exits: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    freed, calls = threading.Event(), []

    class Sleeper:
        @hookimpl
        def pinflow_event(self, event: Event) -> None:
            calls.append(event)
            freed.wait(60)

    monkeypatch.setattr(PluginListener.__init__, "__kwdefaults__", {"patience": 0.05})
    exits.plugins.append(Sleeper())
    try:
        assert exits.run("{name: n, steps: [{uses: get_me}, {uses: get_me}]}").ok
    finally:
        freed.set()
    assert len(calls) == 1
    (notice,) = [event.text for event in exits.events_of("Note")]
    assert notice == "the reporter Sleeper failed and is left out: TimeoutError: it has not returned for 0.05 s"


# -- what ends the program still does


@pytest.mark.skipif(sys.platform == "win32", reason="no signal can be raised there without ending the process")
def test_what_a_handler_of_a_signal_raises_ends_the_program(exits: Any) -> None:
    def stop(number: int, frame: object) -> None:
        sys.exit(143)

    @action("wait_for_the_end")
    def wait_for_the_end(ctx: Context) -> None:
        """Get the signal in the middle of the plugin's code."""
        signal.raise_signal(signal.SIGTERM)

    exits.offer(wait_for_the_end)
    before = signal.signal(signal.SIGTERM, stop)
    try:
        with pytest.raises(SystemExit) as caught:
            exits.run("{name: n, steps: [{uses: wait_for_the_end}]}")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert caught.value.code == 143


def test_only_ctrl_c_and_signals_end_the_program() -> None:
    assert ends_program(KeyboardInterrupt())
    assert not ends_program(ValueError())
    try:
        sys.exit(3)
    except SystemExit as error:
        assert not ends_program(error)


# -- async


@action("sleepy")
async def sleepy(ctx: Context) -> None:
    """Called, it does nothing."""


@action("sleepy_list")
async def sleepy_list(ctx: Context) -> AsyncIterator[int]:
    """Called, it yields nothing."""
    yield 1


async def sleepy_check(name: str) -> None:
    raise AssertionError("nobody awaits it")


@action("checked", checks=[cast("Any", sleepy_check)])
def checked(ctx: Context, *, name: str) -> None:
    """With a check that would never be done."""


@pytest.mark.parametrize("made", [sleepy, sleepy_list, checked], ids=lambda made: str(made.name))
def test_an_async_action_is_refused_when_it_is_loaded(made: Action) -> None:
    class Shop:
        @hookimpl
        def pinflow_actions(self) -> list[Action]:
            return [made]

    with pytest.raises(PluginError, match=rf"'Shop'.*action {made.name} is async def") as caught:
        collect(*load([], objects=[Shop()]))
    assert "write def" in caught.value.hint


def test_an_async_hook_is_refused_when_it_is_loaded() -> None:
    class Shop:
        @hookimpl
        async def pinflow_event(self, event: Event) -> None:
            """Called, it hears nothing."""

    with pytest.raises(PluginError, match=r"'Shop'.*pinflow_event is async def"):
        load([], objects=[Shop()])
