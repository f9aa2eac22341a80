"""Recipes that include others: their steps run in place, and what the outer recipe declares wins."""

from __future__ import annotations

import time
from typing import Any

import pytest

from pinflow import Context, action
from pinflow.errors import RecipeError
from pinflow.plan.checker import MOST_PROBLEMS
from pinflow.plan.inputs import MissingInputs
from pinflow.recipe.includes import MOST


@pytest.fixture
def said(project: Any) -> list[str]:
    """What the action ``say`` said."""
    said: list[str] = []

    @action("say")
    def say(ctx: Context, *, text: str) -> dict[str, str]:
        said.append(text)
        return {"text": text}

    project.offer(say)
    return said


def test_included_steps_run_in_their_place(project: Any, said: list[str]) -> None:
    project.write("{name: a, steps: [{id: b, uses: say, with: {text: '2 after ${{ steps.a.text }}'}}]}", "a.yaml")
    recipe = """
        name: n
        steps:
          - {id: a, uses: say, with: {text: "1"}}
          - include: a.yaml
          - {uses: say, with: {text: "3 after ${{ steps.b.text }}"}}
    """
    assert project.run(recipe).ok
    assert said == ["1", "2 after 1", "3 after 2 after 1"]


def test_included_steps_run_for_each_item_of_a_loop(project: Any, said: list[str]) -> None:
    project.write("{name: a, steps: [{uses: say, with: {text: '${{ item }}'}}]}", "a.yaml")
    assert project.run("{name: n, steps: [{for_each: [a, b], do: [{include: a.yaml}]}]}").ok
    assert said == ["a", "b"]


def test_a_path_is_relative_to_the_recipe_that_includes(project: Any, said: list[str]) -> None:
    project.write("{name: b, steps: [{uses: say, with: {text: inner}}]}", "steps/more/b.yaml")
    project.write("{name: a, steps: [{include: more/b.yaml}]}", "steps/a.yaml")
    assert project.run("{name: n, steps: [{include: steps/a.yaml}]}").ok
    assert said == ["inner"]


def test_a_recipe_may_be_included_twice(project: Any, said: list[str]) -> None:
    project.write("{name: a, steps: [{uses: say, with: {text: again}}]}", "a.yaml")
    assert project.run("{name: n, steps: [{include: a.yaml}, {include: a.yaml}]}").ok
    assert said == ["again", "again"]


def test_last_steps_of_included_recipes_run_at_the_end(project: Any, said: list[str]) -> None:
    project.write(
        "{name: a, steps: [{uses: say, with: {text: a}}], finally: [{uses: say, with: {text: tidy a}}]}", "a.yaml"
    )
    recipe = """
        name: n
        steps: [{include: a.yaml}, {uses: say, with: {text: b}}]
        finally: [{uses: say, with: {text: tidy}}]
    """
    assert project.run(recipe).ok
    assert said == ["a", "b", "tidy a", "tidy"]


def test_inputs_of_both_are_given_together_and_the_outer_declaration_wins(project: Any, said: list[str]) -> None:
    project.write(
        "{name: a, inputs: {x: {default: inner}, y: {required: true}}, "
        "steps: [{uses: say, with: {text: '${{ inputs.x }} ${{ inputs.y }}'}}]}",
        "a.yaml",
    )
    recipe = "{name: n, inputs: {x: {default: outer}}, steps: [{include: a.yaml}]}"
    with pytest.raises(MissingInputs, match=r"a\.yaml:1:\d+: input 'y' needs a value"):
        project.plan(recipe)
    assert project.run(recipe, inputs={"y": "given"}).ok
    assert said == ["outer given"]


@pytest.mark.parametrize(("inputs", "expected"), [({}, "one"), ({"which": "two"}, "two")])
def test_an_input_chooses_the_recipe(project: Any, said: list[str], inputs: dict[str, str], expected: str) -> None:
    for name in ("one", "two"):
        project.write(f"{{name: {name}, steps: [{{uses: say, with: {{text: {name}}}}}]}}", f"{name}.yaml")
    recipe = "{name: n, inputs: {which: {default: one}}, steps: [{include: '${{ inputs.which }}.yaml'}]}"
    assert project.run(recipe, inputs=inputs).ok
    assert said == [expected]


def test_an_included_recipe_may_choose_by_its_own_inputs(project: Any, said: list[str]) -> None:
    project.write("{name: b, steps: [{uses: say, with: {text: deep}}]}", "deep.yaml")
    project.write("{name: a, inputs: {w: {default: deep}}, steps: [{include: '${{ inputs.w }}.yaml'}]}", "a.yaml")
    assert project.run("{name: n, steps: [{include: a.yaml}]}").ok
    assert said == ["deep"]


def test_a_recipe_that_only_inputs_will_choose_can_be_checked_without_them(project: Any, said: list[str]) -> None:
    recipe = (
        "{name: n, inputs: {w: {required: true}}, steps: [{include: '${{ inputs.w }}'}, {uses: say, with: {text: a}}]}"
    )
    assert [step.id for step in project.check(recipe).steps] == ["say"]


def test_a_link_that_leads_out_of_the_folder_is_refused(project: Any, said: list[str]) -> None:
    outside = project.folder.parent / "outside.yaml"
    outside.write_text("{name: a, steps: [{uses: say, with: {text: a}}]}", "utf-8")
    (project.folder / "a.yaml").symlink_to(outside)
    with pytest.raises(RecipeError, match=r"'a\.yaml' is not inside the recipe's own folder"):
        project.plan("{name: n, steps: [{include: a.yaml}]}")


def test_links_in_a_circle_are_refused(project: Any, said: list[str]) -> None:
    (project.folder / "a.yaml").symlink_to(project.folder / "b.yaml")
    (project.folder / "b.yaml").symlink_to(project.folder / "a.yaml")
    with pytest.raises(RecipeError, match=r"recipe\.yaml:1:30: "):
        project.plan("{name: n, steps: [ {include: a.yaml}]}")


@pytest.mark.parametrize("path", ["a" * 300 + ".yaml", "a/" * 3000 + "a.yaml"])
def test_a_path_longer_than_any_file_can_have_is_refused(project: Any, said: list[str], path: str) -> None:
    with pytest.raises(RecipeError, match=r"recipe\.yaml:1:30: 'aaaa|recipe\.yaml:1:30: 'a/a/"):
        project.plan(f"{{name: n, steps: [ {{include: {path}}}]}}")


def test_includes_end_at_some_depth(project: Any, said: list[str]) -> None:
    for n in range(20):
        project.write(f"{{name: n{n}, steps: [{{include: r{n + 1}.yaml}}]}}", f"r{n}.yaml")
    with pytest.raises(RecipeError, match="too many recipes include others: at most 8 deep"):
        project.plan("{name: n, steps: [{include: r0.yaml}]}")


def test_includes_that_multiply_are_refused(project: Any, said: list[str]) -> None:
    for n in range(5):
        many = ", ".join([f"{{include: r{n + 1}.yaml}}"] * 20)
        project.write(f"{{name: n{n}, steps: [{many}]}}", f"r{n}.yaml")
    project.write("{name: end, steps: [{uses: say, with: {text: a}}]}", "r5.yaml")
    with pytest.raises(RecipeError, match=f"too many recipes include others: at most {MOST} in all"):
        project.plan("{name: n, steps: [{include: r0.yaml}]}")


STEP = "- {uses: say, with: {text: hi}}\n"


def judged(project: Any, recipe: str) -> tuple[float, list[str]]:
    """The seconds of CPU that planning takes, and what is said."""
    began = time.process_time()
    try:
        project.plan(recipe)
        said = []
    except RecipeError as error:
        said = [str(problem) for problem in error.problems]
    return time.process_time() - began, said


@pytest.mark.parametrize(
    ("file", "said_of_it"),
    [
        (STEP * 1800, "more than 20000 entries"),
        ("- {uses: say, with: {text: '" + "x" * 60_000 + "'}}\n", "more than 256000 characters"),
        (STEP.replace("hi", "'" + "${{ 1 }}" * 1500 + "'"), "more than 4000 expressions"),
    ],
)
def test_what_a_recipe_may_be_it_may_be_with_all_that_it_includes(
    project: Any, said: list[str], file: str, said_of_it: str
) -> None:
    project.write("name: a\nsteps:\n" + file, "a.yaml")
    seconds, problems = judged(project, "name: n\nsteps:\n" + "- include: a.yaml\n" * 95)
    assert any(said_of_it in problem for problem in problems)
    assert seconds < 2, seconds


@pytest.mark.parametrize("wrong", ["{uses: say, wiht: {}, iff: 1, retr: 2}", "{uses: say, with: {text: '${{ 1 + }}'}}"])
def test_many_wrong_includes_are_given_up_before_long(project: Any, said: list[str], wrong: str) -> None:
    for number in range(95):
        project.write("name: a\nsteps:\n" + f"- {wrong}\n" * 50, f"a{number}.yaml")
    seconds, problems = judged(project, "name: n\nsteps:\n" + "".join(f"- include: a{n}.yaml\n" for n in range(95)))
    assert 200 <= len(problems) < 500
    assert seconds < 2, seconds


LONG = "  i0: {default: " + "x" * 60_000 + "}\n"


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ("".join(f"  i{n}: {{default: '${{{{ inputs }}}}'}}\n" for n in range(2400)), "at most 200 inputs"),
        (LONG + "".join(f"  i{n}: {{default: 'a${{{{ inputs.i0 }}}}'}}\n" for n in range(1, 1900)), "at most 200"),
        (LONG + "".join(f"  i{n}: {{default: 'a${{{{ inputs.i0 }}}}'}}\n" for n in range(1, 200)), ""),
        (
            "".join(f"  i{n}: {{default: '${{{{ inputs.i{n + 1} }}}}'}}\n" for n in range(199)) + "  i199: {}\n",
            "than 30",
        ),
        ("".join(f"  i{n}: {{default: '${{{{ inputs }}}}'}}\n" for n in range(200)), "need each other"),
    ],
)
def test_inputs_that_are_built_on_one_another_are_judged_soon(
    project: Any, said: list[str], inputs: str, told: str
) -> None:
    seconds, problems = judged(project, f"name: n\ninputs:\n{inputs}steps:\n{STEP}")
    assert any(told in problem for problem in problems) == bool(told)
    assert seconds < 2, seconds


def test_a_recipe_in_which_everything_is_wrong_is_not_checked_to_its_end(project: Any, said: list[str]) -> None:
    steps = "".join(f"- {{uses: say, with: {{text: hi, more{n}: 1}}}}\n" for n in range(1500))
    seconds, problems = judged(project, f"name: n\nsteps:\n{steps}")
    assert len(problems) == MOST_PROBLEMS + 1
    assert "the steps from here on were not checked" in problems[-1]
    assert seconds < 2, seconds
