"""Every recipe that comes with pinflow: it checks, it can be tried on the sandbox, and a dry run tells the truth."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.app import App, Options
from pinflow.clock import Clock
from pinflow.errors import RecipeError
from pinflow.events import EffectDone
from pinflow.plan import all_steps
from pinflow_sandbox import start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pinflow.engine.results import RunResult
    from pinflow.events import Event
    from pinflow.plan import Plan

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))


class RecipeRunner:
    """An app beside a sandbox. Nobody waits: time passes for both when the app sleeps."""

    def __init__(self, folder: Path, recipe: Path) -> None:
        self.now = 1_800_000_000.0
        self._lock = threading.Lock()
        self._folder = folder
        self.recipe = recipe
        self.sandbox = start(now=lambda: self.now)
        self.app = self._app({})
        plan = self.plan()
        tokens = [login.token for login in plan.logins.values()] or ["access_token"]
        self.app = self._app(self.sandbox.environment(dict.fromkeys(tokens)))

    def _app(self, environ: Mapping[str, str]) -> App:
        return App.installed(
            {**environ, "PINFLOW_CACHE_DIR": str(self._folder / "cache"), "HOME": str(self._folder)},
            state=self._folder / "state",
            clock=Clock(lambda: self.now, lambda: self.now, self._sleep),
        )

    def _sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds

    def plan(self) -> Plan:
        return self.app.plan(self.recipe, inputs={}, examples=True)

    def run(self, *, dry_run: bool = False, report: Sequence[Any] = ()) -> RunResult:
        yes = Options(dry_run=dry_run, patience=86_400.0, report=report, approve=lambda what: True)
        return self.app.run(self.plan(), yes)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes that write files write them where the user is."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=RECIPES, ids=lambda path: path.stem)
def runner(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RecipeRunner]:
    made = RecipeRunner(tmp_path, request.param)
    yield made
    made.sandbox.stop()


def test_at_least_five_recipes_are_bundled() -> None:
    assert len(RECIPES) >= 5


def test_a_bundled_recipe_is_valid_without_inputs(runner: RecipeRunner) -> None:
    plan = runner.app.plan(runner.recipe, inputs=None)
    assert plan.recipe.description
    assert list(all_steps(plan.steps))


def test_a_bundled_recipe_has_an_example_for_each_required_input(runner: RecipeRunner) -> None:
    plan = runner.plan()
    assert [name for name, each in plan.recipe.inputs.items() if each.required and plan.inputs[name] is None] == []


def test_a_dry_run_of_a_bundled_recipe_writes_nothing(runner: RecipeRunner) -> None:
    told: list[Event] = []
    before = runner.sandbox.control.state()
    result = runner.run(dry_run=True, report=[told.append])
    assert (result.status, result.error) == ("planned", None)
    assert runner.sandbox.control.state() == before
    assert {event.outcome for event in told if isinstance(event, EffectDone)} <= {"planned"}
    assert runner.app.runs() == []


def test_the_run_of_a_bundled_recipe_makes_what_its_dry_run_forecast_and_has_every_output(runner: RecipeRunner) -> None:
    planned = runner.run(dry_run=True)
    made = runner.run()
    assert (made.status, made.error, made.failed) == ("ok", None, ())
    assert set(made.outputs) == set(runner.plan().outputs)
    assert counted(made, "done") == counted(planned, "planned")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_bundled_recipe_runs_in_the_embedded_sandbox(tmp_path: Path, recipe: Path) -> None:
    app = App.installed({"PINFLOW_CACHE_DIR": str(tmp_path), "HOME": str(tmp_path)}, state=tmp_path / "state")
    result = app.run(app.plan(recipe, inputs={}, examples=True), Options(sandbox=True, dry_run=True))
    assert (result.status, result.error, result.sandbox) == ("planned", None, True)


def counted(result: RunResult, outcome: str) -> dict[str, int]:
    """How many of each kind came to this."""
    return {kind: outcomes[outcome] for kind, outcomes in result.counts.items() if outcomes.get(outcome)}


def test_a_misspelt_recipe_is_told_the_name_of_a_bundled_one_that_is_near() -> None:
    with pytest.raises(RecipeError, match=r"^copy_bord: no recipe has this name; did you mean 'copy_board'"):
        App.installed(os.environ).plan(Path("copy_bord"), inputs={})
