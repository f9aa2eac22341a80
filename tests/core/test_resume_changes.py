"""A recipe or its inputs are changed between a run and its resumption: what touches nothing that is done goes on."""

from __future__ import annotations

from typing import Any

import pytest

from pinflow import ActionError, Context, action
from pinflow.errors import UsageError


class Shop:
    """The shop, and an action ``check`` that fails until ``mended``."""

    def __init__(self, project: Any) -> None:
        self.project = project
        self.shop = project.shop
        self.mended = False
        self.checked: list[Any] = []

        @action("check")
        def check(ctx: Context, *, text: Any = None) -> None:
            self.checked.append(text)
            if not self.mended:
                raise ActionError("it is broken")

        project.offer(check)

    def fail(self, recipe: str, **options: Any) -> str:
        """Run a recipe that fails; its id."""
        result = self.project.run(recipe, **options)
        assert result.status == "failed"
        self.mended = True
        return str(result.run)


@pytest.fixture
def shop(project: Any) -> Shop:
    return Shop(project)


RECIPE = """\
name: n
inputs:
  first: {default: one}
  second: {default: two}
steps:
  - id: made
    uses: make_thing
    with: {name: "${{ inputs.first }}"}
  - id: checked
    uses: check
    with: {text: "${{ inputs.second }}"}
"""


def refusal(project: Any, recipe: str, **options: Any) -> str:
    """What is said of a run that can't go on with this recipe."""
    project.write(recipe)
    with pytest.raises(UsageError) as caught:
        project.resume(**options)
    return str(caught.value).replace(f"{project.folder}/", "")


# -- changes that need no question


@pytest.mark.parametrize(
    "changed",
    [
        f"# a comment\n{RECIPE}",
        RECIPE.replace("name: n", "name: Another\ndescription: what it does"),
        RECIPE.replace("{{ inputs.first }}", "{{inputs.first}}"),
        RECIPE.replace('with: {name: "${{ inputs.first }}"}', "with:\n      name: ${{ inputs.first }}"),
        RECIPE.replace("    uses: make_thing\n", "").replace('.first }}"}\n', '.first }}"}\n    uses: make_thing\n'),
        RECIPE.replace("  - id: checked", "  - id: checked\n    name: Now check"),
        RECIPE.replace("  first: {default: one}", "  first: {default: one, description: the first}"),
    ],
)
def test_what_changes_nothing_that_is_done_or_will_be_needs_no_question(shop: Shop, changed: str) -> None:
    assert changed != RECIPE
    shop.fail(RECIPE)
    shop.project.write(changed)
    assert shop.project.resume().ok
    assert shop.shop.names() == ["one"]


# -- changes of what is not done


CHANGED = RECIPE.replace("text: ", "text: x").replace('x"${{ inputs.second }}"', "mended")


def test_changes_of_what_is_not_done_are_shown_and_go_on_where_they_are_accepted(shop: Shop) -> None:
    run = shop.fail(RECIPE)
    said = refusal(shop.project, CHANGED)
    assert said == (
        f"recipe.yaml was changed since run {run} began, in nothing that is done:\n"
        "  recipe.yaml:11:12: step checked: with.text was changed\n"
        f"  to go on with it as it is now: pinflow resume {run} --accept-changes"
    )
    assert shop.project.resume(accept_changes=True).ok
    assert (shop.checked, shop.shop.names()) == (["two", "mended"], ["one"])


def test_on_a_terminal_a_person_is_asked_once(shop: Shop) -> None:
    shop.fail(RECIPE)
    shop.mended = False
    asked: list[str] = []

    def yes(question: str) -> bool:
        asked.append(question)
        return True

    shop.project.approve = yes
    shop.project.write(CHANGED)
    assert shop.project.resume().status == "failed"
    shop.mended = True
    assert shop.project.resume().ok
    (question,) = asked
    assert question.endswith("step checked: with.text was changed\nGo on with the recipe as it is now?")


def test_a_no_leaves_the_run_as_it_is(shop: Shop) -> None:
    shop.fail(RECIPE)
    shop.project.approve = lambda question: False
    assert "in nothing that is done" in refusal(shop.project, CHANGED)
    shop.project.write(RECIPE)
    assert shop.project.resume().ok
    assert shop.checked == ["two", "two"]


def test_a_step_may_be_added_and_one_that_did_nothing_removed(shop: Shop) -> None:
    shop.fail(RECIPE)
    shop.project.write(
        RECIPE.replace("id: checked\n    uses: check\n", "id: other\n    uses: make_thing\n").replace("text:", "name:")
    )
    assert shop.project.resume(accept_changes=True).ok
    assert shop.shop.names() == ["one", "two"]


def test_what_was_only_read_is_read_anew_while_nothing_was_made(shop: Shop) -> None:
    recipe = """\
name: n
steps:
  - {id: skipped, if: 1 == 2, uses: make_thing, with: {name: a}}
  - {id: me, uses: get_me}
  - {id: checked, uses: check, with: {text: "${{ steps.me.name }}"}}
"""
    shop.fail(recipe)
    shop.project.write(recipe.replace("1 == 2", "2 == 2"))
    assert shop.project.resume(accept_changes=True).ok
    assert (shop.shop.names(), shop.checked) == (["a"], ["Ann", "Ann"])


# -- changes of what is done


@pytest.mark.parametrize(
    ("changed", "place", "what"),
    [
        (RECIPE.replace('"${{ inputs.first }}"', "three"), "8:12", "step made: with.name was changed"),
        (RECIPE.replace("uses: make_thing", "if: 1 == 1\n    uses: make_thing"), "7:5", "step made: if was added"),
        (RECIPE.replace("  - id: made", "  - id: other"), "6:3", "step made was removed"),
    ],
)
def test_a_change_of_what_is_done_is_refused_with_its_place(shop: Shop, changed: str, place: str, what: str) -> None:
    run = shop.fail(RECIPE)
    said = refusal(shop.project, changed, accept_changes=True)
    assert said.startswith(f"recipe.yaml was changed since run {run} began, in what is done:\n")
    assert f"  recipe.yaml:{place}: {what}, and it is done" in said
    assert said.endswith("put that back to resume the run, or start a new one with: pinflow run")


def test_the_account_of_what_is_done_can_not_be_changed(shop: Shop) -> None:
    recipe = f"auth: {{account: {{token: one}}}}\n{RECIPE}"
    shop.fail(recipe)
    said = refusal(shop.project, recipe.replace("token: one", "token: other"), accept_changes=True)
    assert "step made: auth was changed, and it is done" in said


def test_a_change_of_an_included_recipe_has_its_place_there(shop: Shop) -> None:
    shop.project.write("{name: a, steps: [{id: made, uses: make_thing, with: {name: one}}]}", "a.yaml")
    shop.fail("name: n\nsteps:\n  - include: a.yaml\n  - uses: check\n")
    shop.project.write("{name: a, steps: [{id: made, uses: make_thing, with: {name: two}}]}", "a.yaml")
    with pytest.raises(UsageError, match=r"a\.yaml:1:55: step made: with\.name was changed, and it is done"):
        shop.project.resume(accept_changes=True)


# -- loops


LOOP = """\
name: n
steps:
  - id: all
    for_each: [{a: one, b: x}, {a: two, b: y}]
    as: row
    do:
      - {id: made, uses: make_thing, with: {name: "${{ row.a }}"}}
      - {id: checked, uses: check, if: row.a == "two", with: {text: "${{ row.a }}"}}
"""


def test_in_a_loop_what_is_done_stays_and_the_rest_is_done_as_the_recipe_is_now(shop: Shop) -> None:
    shop.fail(LOOP)
    shop.project.write(LOOP.replace('{text: "${{ row.a }}"}', '{text: "${{ row.a }} ${{ row.b }}"}'))
    assert shop.project.resume(accept_changes=True).ok
    assert (shop.checked, shop.shop.names()) == (["two", "two y"], ["one", "two"])


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("as: row", "as: row\n    key: ${{ row.a }}", "step all: key was added"),
        ("for_each: [{a: one, b: x}, {a: two, b: y}]", "for_each: list_things", "step all: for_each was changed"),
        ("as: row", "as: row\n    duplicates: once", "step all: duplicates was changed"),
        ("uses: check", "uses: get_me", "step all.checked: uses was changed"),
    ],
)
def test_what_tells_the_items_of_a_loop_that_has_begun_apart_stays(shop: Shop, old: str, new: str, what: str) -> None:
    shop.fail(LOOP)
    changed = LOOP.replace(old, new)
    if "get_me" in new:
        changed = changed.replace(', with: {text: "${{ row.a }}"}}', "}")
    if "list_things" in new:
        changed = changed.replace("row.a", "row.name")
    assert f"{what}, and a part of it is done" in refusal(shop.project, changed, accept_changes=True)


def test_a_list_may_be_changed_while_its_loop_is_not_done(shop: Shop) -> None:
    shop.fail(LOOP)
    shop.project.write(LOOP.replace("{a: two, b: y}]", "{a: three, b: y}, {a: four, b: z}]"))
    assert shop.project.resume(accept_changes=True).ok
    assert shop.shop.names() == ["one", "two", "three", "four"]


def test_the_order_of_steps_is_a_change(shop: Shop) -> None:
    shop.fail(RECIPE)
    head, made, checked = RECIPE.partition("  - id: made")[0], RECIPE[RECIPE.index("  - id: made") :], ""
    made, checked = made.split("  - id: checked")
    said = refusal(shop.project, f"{head}  - id: checked{checked}  - id: made{made.removeprefix('  - id: made')}")
    assert "recipe.yaml:6:3: the recipe: the order of its steps was changed" in said


def test_the_last_steps_may_be_changed(shop: Shop) -> None:
    recipe = RECIPE + "finally:\n  - {id: last, uses: get_me}\n"
    shop.fail(recipe)
    shop.project.write(recipe.replace("uses: get_me", "uses: make_thing, with: {name: last}"))
    assert shop.project.resume(accept_changes=True).ok
    assert shop.shop.names() == ["one", "last"]


# -- inputs


def test_an_input_that_nothing_done_has_used_is_corrected(shop: Shop) -> None:
    shop.fail(RECIPE)
    shop.mended = False
    assert shop.project.resume(inputs={"second": "mended"}).status == "failed"
    shop.mended = True
    assert shop.project.resume().ok, "the correction stays"
    assert shop.checked == ["two", "mended", "mended"]


def test_an_input_that_what_is_done_has_used_is_not(shop: Shop) -> None:
    run = shop.fail(RECIPE)
    said = refusal(shop.project, RECIPE, inputs={"first": "three"})
    assert said.startswith(f"run {run} has used what was given another value now:\n")
    assert "  recipe.yaml:8:12: step made: input 'first' in with.name was changed, and it is done" in said


def test_a_default_that_is_made_from_a_corrected_input_follows_it(shop: Shop) -> None:
    recipe = RECIPE.replace("{default: two}", '{default: two}\n  third: {default: "${{ inputs.second }}!"}').replace(
        "inputs.second }}", "inputs.third }}", 2
    )
    recipe = recipe.replace('"${{ inputs.third }}!"', '"${{ inputs.second }}!"')
    shop.fail(recipe)
    assert shop.project.resume(inputs={"second": "mended"}).ok
    assert shop.checked == ["two!", "mended!"]


def test_a_misspelt_input_is_corrected_where_only_reading_came_of_it(shop: Shop) -> None:
    @action("look", api="v1")
    def look(ctx: Context, *, name: str) -> dict[str, str]:
        if name != "right":
            raise ActionError(f"there is no {name}")
        return {"id": "5"}

    shop.project.offer(look)
    recipe = """
        name: n
        inputs: {name: {required: true}}
        steps:
          - {id: found, uses: look, with: {name: "${{ inputs.name }}"}}
          - {uses: make_thing, with: {name: "${{ steps.found.id }}"}}
    """
    shop.fail(recipe, inputs={"name": "wrong"})
    assert shop.project.resume(inputs={"name": "right"}).ok
    assert shop.shop.names() == ["5"]
