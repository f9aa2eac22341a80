"""A table is edited at random between kills at random moments: no row is lost, none is made twice, all else is told."""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.events import EffectDone, StepFinished, StepStarted, Waiting
from pinflow.testing import Project
from pinflow.testing.project import Killed
from pinflow_sandbox import Settings, start
from pinflow_sandbox.server.messages import ConnectionDropped, HttpResponse

if TYPE_CHECKING:
    from pathlib import Path

    from pinflow.events import Event
    from pinflow_sandbox.server.messages import HttpRequest

RECIPE = """
    name: Pins of a table
    api: v5
    steps:
      - {id: board, uses: get_board, with: {board: Garden ideas}}
      - id: pins
        for_each: read_csv
        with: {path: pins.csv}
        as: row
        parallel: PARALLEL
        do:
          - uses: create_pin
            with:
              board: ${{ steps.board.id }}
              title: ${{ row.title }}
              description: ${{ row?.description }}
              image_url: https://example.com/${{ row.title }}.jpg
"""


class Story:
    """One table and its run: edits, kills and lost answers at random."""

    def __init__(self, project: Project, seed: int, *, parallel: int) -> None:
        self.project = project
        self.random = random.Random(seed)
        self.rows = [f"t{n}" for n in range(12)]
        self.text = dict.fromkeys(self.rows, "first")
        self.next = len(self.rows)
        self.told: set[str] = set()
        sandbox = start(now=project.clock, settings=Settings(quotas=False), faults=self._answer)
        project._sandboxes["pinterest"] = project._open.enter_context(sandbox)
        self.recipe = RECIPE.replace("PARALLEL", str(parallel))
        self.before = {pin["id"] for pin in self.pins()}

    def _answer(self, call: HttpRequest, apply: Any) -> HttpResponse:
        if (call.method, call.path) != ("POST", "/v5/pins") or self.random.random() > 0.15:
            return apply()  # type: ignore[no-any-return]
        if self.random.random() < 0.5:
            apply()
        raise ConnectionDropped(HttpResponse(201, b"{}"), sent=0)

    def pins(self) -> list[Any]:
        boards: Any = self.project.sandbox_of("pinterest").control.state()["boards"]
        return [pin for board in boards for pin in board["pins"]]

    def made(self) -> list[str]:
        return [pin["title"] for pin in self.pins() if pin["id"] not in self.before]

    def write(self) -> None:
        lines = [f"{title},{self.text[title]},{self.random.random()}" for title in self.rows]
        self.project.write("\n".join(["title,description,unused", *lines]) + "\n", "pins.csv")

    def edit(self) -> None:
        """Change a text, put a row in, move rows, or leave the table as it is."""
        match self.random.randrange(4):
            case 0:
                self.text[self.random.choice(self.rows)] = f"edited {self.random.random()}"
            case 1:
                title, self.next = f"t{self.next}", self.next + 1
                self.rows.insert(self.random.randrange(len(self.rows) + 1), title)
                self.text[title] = "new"
            case 2:
                self.random.shuffle(self.rows)
        self.write()

    def go(self, *, resume: bool) -> Any:
        """Run or resume it, and kill it at a random event; the result if it was not killed."""
        left = self.random.randrange(3, 25)

        def kill(event: Event) -> None:
            nonlocal left
            if isinstance(event, (EffectDone, StepFinished, StepStarted, Waiting)):
                left -= 1
                if left < 0:
                    raise Killed

        try:
            if not resume:
                return self.project.run(self.recipe, report=[kill])
            self.project.approve = lambda question: False
            return self.project.resume(report=[kill])
        except Killed:
            return None
        finally:
            self.told |= {event.text for event in self.project.events_of("Note")}


@pytest.mark.parametrize("seed", range(20))
def test_edits_between_kills_lose_and_double_nothing(tmp_path: Path, seed: int) -> None:
    with Project(tmp_path) as project:
        story = Story(project, seed, parallel=1 if seed % 2 else 4)
        story.write()
        result = story.go(resume=False)
        for _ in range(60):
            if result is not None and result.ok:
                break
            story.edit()
            result = story.go(resume=True)
            if result is not None and result.status == "in_doubt":  # what was lost and edited: a person says yes
                result = project.resume(accept_changes=True)
        assert result is not None and result.ok, result and result.error
        made = story.made()
        doubled = {title for title in made if made.count(title) > 1}
        assert not doubled, (doubled, story.told)
        assert set(made) == set(story.rows), json.dumps(sorted(set(story.rows) ^ set(made)))
        assert all(re.fullmatch(r"(row \d+ |what was made before it changed|1 of ).*", text) for text in story.told)
