"""What a run that failed tells people to do next: each line is tried, and works."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import ActionError, Context, Unreachable, UsageError, action, hookimpl
from pinflow.reporters.summary import Recap, as_data
from pinflow.testing import Project
from pinflow_sandbox import start
from pinflow_sandbox.server.messages import ConnectionDropped, HttpResponse
from tests.cli import Cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pinflow.engine.results import RunResult
    from pinflow_sandbox.server.messages import HttpRequest


class Service:
    """A project whose sandbox refuses Pins with the titles in ``refused``, and everything while ``down``."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.refused: set[str] = set()
        self.lost: set[str] = set()  # whose answer is lost
        self.doubled: set[str] = set()  # which somebody else makes as well
        self.down = False
        sandbox = start(now=project.clock, faults=self._answer)
        project._sandboxes["pinterest"] = project._open.enter_context(sandbox)

    def _answer(self, call: HttpRequest, apply: Any) -> HttpResponse:
        if self.down:
            return HttpResponse(503, b"{}")
        title = json.loads(call.body).get("title") if (call.method, call.path) == ("POST", "/v5/pins") else None
        if title in self.refused:
            return HttpResponse(400, b'{"code": 235, "message": "Could not fetch the image."}')
        if title in self.lost:
            self.lost.discard(title)
            apply()
            raise ConnectionDropped
        if title in self.doubled:
            apply()
        return apply()  # type: ignore[no-any-return]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Project(tmp_path) as project:
        yield Service(project)


def next_lines(result: RunResult, command: str = "") -> list[str]:
    """What the recap tells to do next, behind the error's own hint."""
    assert result.status == "failed"
    lines = Recap("n", result, command=command).lines(lambda text, style: text)
    own = {*(result.error.hint.splitlines() if result.error is not None else ())}
    return [line.strip() for line in lines[lines.index("next") + 1 :] if line.strip() not in own]


BOARD = """
    name: n
    api: v5
    inputs: {board: {type: board, default: Garden ideas}, name: {default: A new board}}
    steps:
      - {id: source, uses: get_board, with: {board: "${{ inputs.board }}"}}
      - {id: made, uses: create_board, with: {name: "${{ inputs.name }}"}}
"""


def test_a_misspelt_board_before_anything_was_made(service: Service) -> None:
    result = service.project.run(BOARD, inputs={"board": "Gardn ideas"})
    assert next_lines(result, "pinflow run n.yaml") == [
        "nothing was made yet: mend its cause, then run it again: pinflow run n.yaml",
        f"or with another value: pinflow resume {result.run} -i board=...",
    ]
    assert as_data("n", result)["next_steps"] == list(result.next_steps)
    assert service.project.resume(inputs={"board": "Garden ideas"}).ok


def test_a_name_that_is_taken(service: Service) -> None:
    result = service.project.run(BOARD, inputs={"name": "Winter recipes"})
    assert next_lines(result)[-1] == f"or with another value: pinflow resume {result.run} -i name=..."
    assert service.project.resume(inputs={"name": "Another"}).ok


def test_a_name_that_is_taken_after_something_was_made(service: Service) -> None:
    first = "- {id: first, uses: create_board, with: {name: One}}\n      - {id: source"
    result = service.project.run(BOARD.replace("- {id: source", first), inputs={"name": "Winter recipes"})
    assert next_lines(result) == [f"with another value: pinflow resume {result.run} -i name=..."]
    resumed = service.project.resume(inputs={"name": "Another"})
    assert (resumed.ok, resumed.counts["board"]) == (True, {"done": 2})


def test_a_service_that_is_down(service: Service) -> None:
    service.down = True
    result = service.project.run(BOARD)
    assert next_lines(result) == [f"to try it again: pinflow resume {result.run}"]
    service.down = False
    assert service.project.resume().ok


PINS = """
    name: n
    api: v5
    inputs: {link: {default: https://example.com}}
    steps:
      - {id: board, uses: get_board, with: {board: Garden ideas}}
      - id: pins
        for_each: read_csv
        with: {path: pins.csv}
        as: row
        do:
          - uses: create_pin
            with:
              board: ${{ steps.board.id }}
              title: ${{ row.title }}
              link: ${{ inputs.link }}
              image_url: https://example.com/${{ row.title }}.jpg
"""


def test_a_row_that_is_refused(service: Service) -> None:
    service.project.write("title\nash\nbirch\n", "pins.csv")
    service.refused.add("birch")
    result = service.project.run(PINS)
    assert next_lines(result) == [f"once pins.csv is mended: pinflow resume {result.run}"]
    service.project.write("title\nash\nbeech\n", "pins.csv")
    resumed = service.project.resume()
    assert (resumed.ok, resumed.counts["pin"]["done"]) == (True, 2)


def test_a_header_that_is_wrong(service: Service) -> None:
    service.project.write("name\nash\n", "pins.csv")
    result = service.project.run(PINS.replace("path: pins.csv", "path: pins.csv, columns: [title]"))
    assert next_lines(result, "pinflow run n.yaml")[0] == (
        "nothing was made yet: mend its cause, then run it again: pinflow run n.yaml"
    )
    service.project.write("title\nash\n", "pins.csv")
    assert service.project.resume().ok


def test_a_refusal_that_no_input_and_no_table_explains(service: Service) -> None:
    recipe = BOARD.replace("${{ inputs.name }}", "Winter recipes").replace(
        "- {id: source", "- {id: first, uses: create_board, with: {name: One}}\n      - {id: source"
    )
    result = service.project.run(recipe)
    assert next_lines(result) == [f"it fails again until its cause is mended; then: pinflow resume {result.run}"]
    service.project.write(recipe.replace("Winter recipes", "Another"))
    assert service.project.resume(accept_changes=True).ok


# -- what on_error let fail


def recap_lines(result: RunResult) -> list[str]:
    return Recap("n", result).lines(lambda text, style: text)


LOOP_PASSES = PINS.replace("for_each: read_csv", "on_error: continue\n        for_each: read_csv")
STEP_PASSES = PINS.replace("uses: create_pin", "uses: create_pin\n            on_error: continue")


@pytest.mark.parametrize("recipe", [LOOP_PASSES, STEP_PASSES], ids=["loop", "step"])
def test_rows_that_on_error_let_fail_are_named_and_done_by_a_resume(service: Service, recipe: str) -> None:
    service.project.write("title\nash\nbirch\ncedar\n", "pins.csv")
    service.refused.add("birch")
    result = service.project.run(recipe)
    assert (result.status, result.exit_code, result.counts["pin"]) == ("ok", 0, {"done": 2})
    lines = recap_lines(result)
    assert lines[0].startswith("n: done, 1 failed (")
    assert len([line for line in lines if line.startswith('  pins.csv:3 ("birch"): ')]) == 1
    step = f"once pins.csv is mended, to do only what failed: pinflow resume {result.run}"
    assert (lines[-2:], result.next_steps) == (["next", f"  {step}"], (step,))
    assert service.project.events[-1].next_steps == (step,)  # type: ignore[attr-defined]
    assert as_data("n", result)["failed_count"] == 1

    again = service.project.resume()  # its cause is still there
    assert (again.status, again.failed_count, again.counts["pin"]) == ("ok", 1, {"done": 2})
    service.refused.clear()
    resumed = service.project.resume()
    assert (resumed.ok, resumed.failed_count, resumed.counts["pin"]) == (True, 0, {"done": 3})
    assert [step.status for step in resumed.steps] == ["ok", "ok"]
    assert recap_lines(resumed)[0].startswith("n: done (")
    with pytest.raises(UsageError, match="is done; nothing to resume"):
        service.project.resume()


def test_rows_that_failed_for_a_while_only_need_no_mending(service: Service) -> None:
    service.project.write("title\nash\n", "pins.csv")
    recipe = LOOP_PASSES.replace("uses: create_pin", "uses: fails")

    class Flaky:
        @hookimpl
        def pinflow_actions(self) -> list[object]:
            @action("fails")
            def fails(ctx: Context, *, board: str, title: str, link: str, image_url: str) -> None:
                raise Unreachable("no answer")

            return [fails]

    service.project.plugins.append(Flaky())
    result = service.project.run(recipe)
    assert result.next_steps == (f"to do only what failed: pinflow resume {result.run}",)


def test_a_step_that_on_error_let_fail_is_done_by_a_resume_and_nothing_else_is(service: Service) -> None:
    recipe = BOARD.replace("- {id: made,", "- {id: made, on_error: continue,")
    recipe += "      - {id: other, uses: create_board, with: {name: Other}}\n"
    result = service.project.run(recipe, inputs={"name": "Winter recipes"})
    assert (result.exit_code, result.counts["board"]) == (0, {"done": 1})
    assert recap_lines(result)[0].startswith("n: done, 1 failed (")
    assert result.next_steps == (f"to do only what failed: pinflow resume {result.run}",)
    resumed = service.project.resume(inputs={"name": "Another"})
    assert (resumed.ok, resumed.counts["board"], resumed.next_steps) == (True, {"done": 2}, ())


def test_what_is_wrong_in_a_table_whose_rows_are_made_in_part_is_no_reason_to_run_it_again(service: Service) -> None:
    service.project.write("title\nash\nbirch\n", "pins.csv")
    service.refused.add("birch")
    service.project.run(PINS)
    service.project.write(f"title\nash\n{'b' * 101}\n", "pins.csv")
    result = service.project.resume()
    assert result.status == "failed"
    assert "1 of 2 rows has a mistake; nothing more was sent" in str(result.error)
    lines = recap_lines(result)
    assert lines[lines.index("next") + 1 :] == [
        "  correct them and resume the run; on_error: continue in a recipe does the others",
        f"  once pins.csv is mended: pinflow resume {result.run}",
    ]


def test_the_embedded_sandbox_is_never_said_to_be_resumable(service: Service) -> None:
    result = service.project.run(BOARD, inputs={"board": "Gardn ideas"}, sandbox=True)
    assert result.next_steps == ("this was the sandbox; your account was not changed",)


COPY = """
    name: n
    api: v5
    inputs: {name: {default: Winter recipes}, if_exists: {default: fail}, parallel: {type: integer, default: 1}}
    steps:
      - uses: copy_board
        with:
          board: Garden ideas
          name: ${{ inputs.name }}
          if_exists: ${{ inputs.if_exists }}
          parallel: ${{ inputs.parallel }}
          sections: false
"""


@pytest.mark.parametrize("way", [{"name": "Another"}, {"if_exists": "resume"}])
def test_a_copy_to_a_name_that_is_taken_says_which_inputs_help(service: Service, way: dict[str, str]) -> None:
    result = service.project.run(COPY)
    assert next_lines(result, "pinflow run n.yaml") == [
        f"with another name: pinflow resume {result.run} -i name=...",
        f"with if_exists resume: pinflow resume {result.run} -i if_exists=resume",
    ]
    assert service.project.resume(inputs=way).ok


def test_a_copy_of_a_board_onto_itself_is_not_to_be_completed(service: Service) -> None:
    result = service.project.run(COPY, inputs={"name": "Garden ideas"})
    assert "onto itself: choose another name" in str(result.error)
    assert next_lines(result) == [f"with another name: pinflow resume {result.run} -i name=..."]


def test_where_no_input_gives_the_name_the_cause_is_to_be_mended(service: Service) -> None:
    result = service.project.run(COPY.replace("${{ inputs.name }}", "Winter recipes"))
    assert next_lines(result) == [
        f"with if_exists resume: pinflow resume {result.run} -i if_exists=resume",
    ]


def test_what_is_there_in_addition_is_named_by_row_and_told_once_more_by_the_resume_that_leaves_it(
    service: Service,
) -> None:
    service.project.write("title\nash\nbirch\ncedar\n", "pins.csv")
    service.lost, service.doubled = {"ash"}, {"birch", "cedar"}
    result = service.project.run(PINS)
    boards: Any = service.project.sandbox_of("pinterest").control.state()["boards"]
    made = [pin for board in boards for pin in board["pins"] if pin["title"] in ("ash", "birch", "cedar")]
    assert (result.exit_code, len(made)) == (7, 5)
    twins = {pin["title"]: pin["id"] for pin in sorted(made, key=lambda pin: int(pin["id"]), reverse=True)}
    named = f"{twins['cedar']} (like item 4), {twins['birch']} (like item 3)"
    assert f"2 like them are there in addition: {named}" in str(result.error)
    assert result.next_steps[-1] == f"to leave the others as they are, and go on: pinflow resume {result.run}"
    assert not any(word in line for line in result.next_steps for word in ("ITEM", "--made", "--not-made"))

    resumed = service.project.resume()
    (warning,) = [warning for warning in resumed.warnings if "in addition" in warning]
    assert warning.startswith("2 like what this run made stay on ")
    assert warning.endswith(f" in addition, unless you delete them there by id: {named}")
    assert (resumed.status, as_data("n", resumed)["warnings"]) == ("ok", [warning])
    assert "in addition" in " ".join(recap_lines(resumed))


def test_a_resumed_run_tells_the_command_that_begins_it_anew(tmp_path: Path) -> None:
    @action("fail")
    def fail(ctx: Context, *, words: list[str], key: str) -> None:
        """Fail."""
        raise ActionError(f"not {words}")

    class Failing:
        @hookimpl
        def pinflow_actions(self) -> list[Any]:
            return [fail]

    cli = Cli(tmp_path, PINFLOW_INPUT_KEY="open sesame")
    cli.use_plugins(Failing())
    inputs = "{words: {type: list, default: [x]}, key: {type: secret}, a: {type: integer}, b: {default: c}}"
    recipe = cli.recipe(
        f"name: n\ninputs: {inputs}\nsteps: [{{uses: fail, with: {{words: '${{{{ inputs.words }}}}', "
        "key: '${{ inputs.key }}'}}]"
    )
    assert cli("run", recipe, "-i", "a=1", "--output-dir", tmp_path / "to") == 1
    assert cli("resume", "-i", "words=d e,f") == 1
    _, _, after = cli.stdout.partition("nothing was made yet: mend its cause, then run it again:\n")
    command = after.splitlines()[0].strip()
    assert command == f"pinflow run {recipe} -i a=1 -i 'words=d e,f' -i key=... --output-dir {tmp_path / 'to'}"
    assert cli("resume") == 1
    assert """-i a=1 -i 'words=["d e", "f"]' -i key=...""" in cli.stdout
    assert cli(*shlex.split(command.replace("-i key=... ", ""))[1:]) == 1, "it is a command"
    assert "not ['d e', 'f']" in cli.stderr
