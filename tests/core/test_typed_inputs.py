"""Which inputs a person gave: what comes from a recipe, or through a program for somebody else, is not among them."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import Context, action, hookimpl
from pinflow.errors import ActionError, PinflowError

if TYPE_CHECKING:
    from tests.core.conftest import Project

RECIPE = """
name: n
inputs:
  one: {default: of the recipe, example: an example}
  two: {default: "${{ inputs.one }}"}
  three: {}
  hidden: {type: secret}
steps:
  - {uses: stumble}
"""


@pytest.mark.parametrize(
    ("inputs", "typed", "by_person"),
    [
        ({}, None, set()),
        ({"one": "1", "three": "3"}, None, {"one", "three"}),
        ({"one": "1", "three": "3"}, {"three"}, {"three"}),
        ({"one": "1", "three": "3"}, (), set()),
        ({"one": "1"}, {"two", "unknown"}, set()),  # a default stays the recipe's, whatever is said of it
        ({"one": None, "three": "3"}, None, {"three"}),  # null leaves the default
    ],
)
def test_what_is_given_is_a_persons_unless_the_program_says_otherwise(
    project: Project, inputs: dict[str, Any], typed: set[str] | None, by_person: set[str]
) -> None:
    stumbling(project)
    plan = project.plan(RECIPE, inputs=inputs, typed=typed)
    assert plan.typed == by_person
    assert plan.given == inputs.keys()


def test_examples_are_nobodys(project: Project) -> None:
    stumbling(project)
    plan = project.plan(RECIPE, inputs={}, examples=True)
    assert plan.inputs["one"] == "an example"
    assert plan.typed == set()


@pytest.mark.parametrize(
    ("first", "again", "by_person"),
    [
        (None, {}, {"one", "three"}),
        ((), {}, set()),  # what came through a program does not become a person's by resuming
        (("three",), {}, {"three"}),
        ((), {"three": "now"}, {"three"}),
    ],
)
def test_a_resumed_run_knows_who_gave_its_inputs(
    project: Project, first: tuple[str, ...] | None, again: dict[str, Any], by_person: set[str]
) -> None:
    plans = stumbling(project)
    assert not project.run(RECIPE, inputs={"one": "1", "three": "3"}, typed=first).ok
    project.resume(inputs=again)
    assert plans() == by_person


def test_an_input_that_a_program_gives_again_is_no_longer_the_persons(project: Project) -> None:
    plans = stumbling(project)
    assert not project.run(RECIPE, inputs={"one": "1", "three": "3"}).ok
    project.resume(inputs={"three": "of a form"}, typed=())
    assert plans() == {"one"}


def test_a_secret_that_is_not_given_again_is_nobodys(project: Project) -> None:
    plans = stumbling(project)
    assert not project.run(RECIPE, inputs={"three": "3", "hidden": "a-long-secret"}).ok
    with pytest.raises(PinflowError, match="secret input 'hidden' again"):
        project.resume()
    project.resume(inputs={"hidden": "a-long-secret"}, typed=())
    assert plans() == {"three"}


def test_the_run_of_an_earlier_version_had_its_inputs_from_a_person(project: Project) -> None:
    plans = stumbling(project)
    assert not project.run(RECIPE, inputs={"three": "3"}).ok
    store = project.app().store
    with closing(store.runs.open(store.runs.list()[0].id)) as journal:
        options = {name: value for name, value in journal.run.options.items() if name != "typed"}
        journal.amend(recipe_digest=journal.run.recipe_digest, inputs=journal.run.inputs, options=options)
    project.resume()
    assert plans() == {"three"}


def stumbling(project: Project) -> Any:
    """An action that fails, so that its run can be resumed. Returns what gives the typed inputs of the last plan."""

    @action("stumble")
    def stumble(ctx: Context) -> None:
        """Fail."""
        raise ActionError("stumbled")

    class Stumbling:
        @hookimpl
        def pinflow_actions(self) -> list[Any]:
            return [stumble]

    project.plugins.append(Stumbling())
    seen: list[frozenset[str]] = []
    app = project.app

    def watched() -> Any:
        made = app()
        plan = made.plan

        def remember(*arguments: Any, **options: Any) -> Any:
            result = plan(*arguments, **options)
            seen.append(result.typed)
            return result

        made.plan = remember  # type: ignore[method-assign]
        return made

    project.app = watched  # type: ignore[method-assign]
    return lambda: seen[-1]
