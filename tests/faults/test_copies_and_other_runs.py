"""A copy of a board and another run of the state make equal Pins on one board: none takes what the other one made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.events import Waiting
from pinflow.testing import Project
from pinflow.testing.project import Killed
from pinflow_sandbox import Settings, start
from pinflow_sandbox.server.messages import ConnectionDropped, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pinflow.events import Event
    from pinflow_sandbox.server.messages import HttpRequest

SOURCE, COPY = "Winter recipes", "The copy"
COPYING = f"""
    name: Copy
    api: v5
    steps:
      - {{uses: copy_board, with: {{board: {SOURCE}, name: {COPY}, parallel: PARALLEL}}}}
"""
LIKE_IT = """
    name: Like it
    api: v5
    inputs:
      title: {default: ""}
      description: {default: ""}
      link: {default: null}
    steps:
      - {id: board, uses: get_board, with: {board: The copy}}
      - uses: create_pin
        with:
          board: ${{ steps.board.id }}
          title: ${{ inputs.title }}
          description: ${{ inputs.description }}
          link: ${{ inputs.link }}
          image_url: https://example.com/like-it.jpg
"""


class TwoRuns:
    """A copy and another run, whose Pins are lost when the test says so: never applied, never answered."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.until_lost = -1  # sendings of Pins until one is lost
        self.lost: dict[str, Any] = {}
        sandbox = start(now=project.clock, settings=Settings(quotas=False), faults=self._answer)
        project._sandboxes["pinterest"] = project._open.enter_context(sandbox)

    def _answer(self, call: HttpRequest, apply: Any) -> HttpResponse:
        if (call.method, call.path) == ("POST", "/v5/pins"):
            self.until_lost -= 1
            if self.until_lost == 0:
                self.lost = json.loads(call.body)
                raise ConnectionDropped(HttpResponse(201, b"{}"), sent=0)
        return apply()  # type: ignore[no-any-return]

    def titles(self, board: str) -> list[str]:
        boards: Any = self.project.sandbox_of("pinterest").control.state()["boards"]
        pins = next(each["pins"] for each in boards if each["name"] == board)
        return sorted(pin["title"] or "" for pin in pins)

    def file(self, recipe: str) -> Path:
        """A file of its own for each of the recipes."""
        name = "copy.yaml" if "copy_board" in recipe else "like_it.yaml"
        return self.project.write(recipe, name)

    def lose_and_kill(self, recipe: str, number: int, **inputs: Any) -> str:
        """Run a recipe, lose the Pin of this number, and kill the run before it looks for it; the run's id."""

        def kill(event: Event) -> None:
            if isinstance(event, Waiting):
                raise Killed

        self.until_lost = number
        with pytest.raises(Killed):
            self.project.run(self.file(recipe), report=[kill], inputs=inputs)
        return str(self.project.events_of("RunStarted")[0].run)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[TwoRuns]:
    with Project(tmp_path) as project:
        yield TwoRuns(project)


@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("number", [1, 5])
def test_a_copy_does_not_take_the_equal_pin_of_another_run(runs: TwoRuns, number: int, parallel: int) -> None:
    copy = runs.lose_and_kill(COPYING.replace("PARALLEL", str(parallel)), number)
    like = {name: runs.lost.get(name) for name in ("title", "description", "link")}
    assert runs.project.run(runs.file(LIKE_IT), inputs=like).ok
    result = runs.project.resume(copy)
    assert result.status == "in_doubt", result.error
    assert "1 Pins are there in addition" in str(result.error)
    assert runs.titles(COPY) == sorted([*runs.titles(SOURCE), like["title"] or ""])


@pytest.mark.parametrize("parallel", [1, 4])
def test_another_run_does_not_take_the_equal_pin_of_a_copy(runs: TwoRuns, parallel: int) -> None:
    copy = runs.lose_and_kill(COPYING.replace("PARALLEL", str(parallel)), 3)
    like = {name: runs.lost.get(name) for name in ("title", "description", "link")}
    other = runs.lose_and_kill(LIKE_IT, 1, **like)
    assert runs.project.resume(copy).ok  # it makes the Pin that it had lost, which is like the one that the other lost
    assert runs.titles(COPY) == runs.titles(SOURCE)
    result = runs.project.resume(other)
    assert result.ok, result.error
    assert runs.titles(COPY) == sorted([*runs.titles(SOURCE), like["title"] or ""])
