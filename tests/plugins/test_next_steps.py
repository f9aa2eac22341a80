"""What a run that failed tells people to do next: each line is tried, and works."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.reporters.summary import Recap, as_data
from pinflow.testing import Project
from pinflow_sandbox import start
from pinflow_sandbox.server.messages import HttpResponse

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
        self.down = False
        sandbox = start(now=project.clock, faults=self._answer)
        project._sandboxes["pinterest"] = project._open.enter_context(sandbox)

    def _answer(self, call: HttpRequest, apply: Any) -> HttpResponse:
        if self.down:
            return HttpResponse(503, b"{}")
        title = json.loads(call.body).get("title") if (call.method, call.path) == ("POST", "/v5/pins") else None
        if title in self.refused:
            return HttpResponse(400, b'{"code": 235, "message": "Could not fetch the image."}')
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
