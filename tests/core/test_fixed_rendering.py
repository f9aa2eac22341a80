"""What a run sends is the same after a resume: the time in expressions, inputs and actions is that of its start."""

from __future__ import annotations

from typing import Any

from pinflow import Context, RateLimited, action

MONTH = 30 * 86_400


class Told:
    """An action ``tell`` that notes what it is given and when the run began, and pauses the run after the first."""

    def __init__(self, project: Any) -> None:
        self.given: list[tuple[Any, float]] = []

        @action("tell")
        def tell(ctx: Context, *, text: Any) -> None:
            self.given.append((text, ctx.started))
            if len(self.given) == 1:
                raise RateLimited("slow down")

        project.offer(tell)


def resumed_a_month_later(project: Any, recipe: str, **options: Any) -> tuple[Told, Any]:
    told = Told(project)
    assert project.run(recipe, **options).status == "paused"
    project.clock.now += MONTH
    return told, project.resume(inputs=options.get("inputs"))


def test_now_and_today_are_those_of_the_runs_start(project: Any) -> None:
    began = project.clock.now
    recipe = """
        name: n
        steps:
          - for_each: ["${{ now() }}"]
            collect: {at: "${{ now() }}"}
            do: [{if: today() < "2100-01-01", uses: tell, with: {text: "${{ item }} ${{ today() }}"}}]
        outputs: {at: "${{ now() }}"}
    """
    told, result = resumed_a_month_later(project, recipe)
    first, second = told.given
    assert first == second
    assert first[1] == began
    assert result.outputs["at"] == first[0].partition(" ")[0]


def test_so_is_the_default_of_an_input_which_is_not_recorded(project: Any) -> None:
    recipe = """
        name: n
        inputs:
          code: {type: secret, required: true}
          stamp: {default: "${{ inputs.code }} ${{ now() }}"}
          day: {default: "${{ now() }}"}
        steps:
          - {uses: tell, with: {text: ["${{ inputs.stamp }}", "${{ inputs.day }}", "${{ now() }}"]}}
    """
    told, result = resumed_a_month_later(project, recipe, inputs={"code": "open sesame"})
    assert result.ok
    first, second = told.given
    assert first == second
    stamp, day, now = first[0]
    assert stamp == f"open sesame {now}"
    assert day == now, "an input and a step that ask for the time get the same"


def test_a_plan_that_waited_begins_its_run_when_it_was_made(project: Any) -> None:
    told = Told(project)
    same = "{uses: tell, with: {text: '${{ inputs.day == now() }}'}}"
    plan = project.plan(f"{{name: n, inputs: {{day: {{default: '${{{{ now() }}}}'}}}}, steps: [{same}]}}")
    project.clock.now += 3600
    run = project.app().run(plan)
    assert [given for given, _ in told.given] == [True]
    assert project.app().show(run.run).record.started == plan.moment.timestamp()
