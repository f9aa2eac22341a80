"""A table is edited at random between kills at random moments: no row is lost, none is made twice, all else is told."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.events import StepFinished, StepStarted
from pinflow.testing import Project
from pinflow.testing.project import Killed
from pinflow_sandbox.server.messages import ConnectionDropped, HttpResponse
from tests.faults.killed_project import KilledProject

if TYPE_CHECKING:
    from collections.abc import Callable
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


class Story(KilledProject):
    """One table and its run: edits, kills and lost answers at random."""

    def __init__(self, project: Project, seed: int, *, parallel: int) -> None:
        super().__init__(project, seed, RECIPE.replace("PARALLEL", str(parallel)), self._answer, most_events=25)
        self.rows = [f"t{n}" for n in range(12)]
        self.text = dict.fromkeys(self.rows, "first")
        self.next = len(self.rows)
        self.told: set[str] = set()

    def _answer(self, call: HttpRequest, apply: Any) -> HttpResponse:
        if (call.method, call.path) != ("POST", "/v5/pins") or self.random.random() > 0.15:
            return apply()  # type: ignore[no-any-return]
        if self.random.random() < 0.5:
            apply()
        raise ConnectionDropped(HttpResponse(201, b"{}"), sent=0)

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
        if resume:
            self.project.approve = lambda question: False
        try:
            return super().go(resume=resume)
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
        made = story.made_titles()
        doubled = {title for title in made if made.count(title) > 1}
        assert not doubled, (doubled, story.told)
        assert set(made) == set(story.rows), json.dumps(sorted(set(story.rows) ^ set(made)))
        told = r"(row \d+ |what was made before it changed|1 of |\w+\.csv: columns used: ).*"
        assert [text for text in story.told if not re.fullmatch(told, text)] == []


@pytest.mark.parametrize("parallel", [1, 4])
def test_a_row_put_in_after_its_loop_ended_is_made_though_the_next_process_is_killed_on_it(
    tmp_path: Path, parallel: int
) -> None:
    def die_at(is_moment: Callable[[Event], bool]) -> Callable[[Event], None]:
        def listener(event: Event) -> None:
            if is_moment(event):
                raise Killed

        return listener

    with Project(tmp_path) as project:
        story = Story(project, 0, parallel=parallel)
        story.write()
        with pytest.raises(Killed):
            loop_ended = die_at(lambda event: isinstance(event, StepFinished) and event.step == "pins")
            project.run(story.recipe, report=[loop_ended])
        story.rows.insert(5, "late")
        story.text["late"] = "new"
        story.write()
        with pytest.raises(Killed):
            project.resume(report=[die_at(lambda event: isinstance(event, StepStarted) and "[" in event.step)])
        assert "late" not in story.made_titles()
        assert project.resume().ok
        assert sorted(story.made_titles()) == sorted(story.rows)
