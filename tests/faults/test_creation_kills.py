"""Loops that create Pins, killed at random moments, with lost answers, lagging listings and late requests.

Whatever happens, a run comes to an end: nothing is lost, nothing is made twice unsaid, and what nothing can tell a
person's answer settles. All that was promised: ``PINFLOW_FULL=1 python -m pytest tests/faults/test_creation_kills.py``
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.engine.places.unknown import UnknownWrites
from pinflow.errors import Diverged, UsageError
from pinflow.testing import Project
from pinflow_sandbox.server.messages import ConnectionDropped, HttpResponse
from tests.faults.conftest import scaled
from tests.faults.killed_project import KilledProject

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
              image_url: https://example.com/${{ row.image }}.jpg
"""
TEXTS: dict[str, Callable[[int], str]] = {
    "distinct": lambda n: f"title {n}",
    "equal": lambda n: "the same",
    "absent": lambda n: "",
    "pairs": lambda n: f"{n % 3}",
}


def is_told(error: object) -> bool:
    """Whether a run ended with what only a person can see to; a baseline that could not be relied on is tried again."""
    return isinstance(error, Diverged) and "nothing was sent" not in error.message


class Chaos(KilledProject):
    """A table, its run, and what goes wrong."""

    def __init__(
        self,
        project: Project,
        seed: int,
        *,
        texts: str,
        parallel: int,
        lag: float = 0.0,
        lies: float = 0.0,
        late: float = 0.0,
        ghosts: float = 0.0,
    ) -> None:
        settings = {"listing_lag": lag} if lag else {}
        recipe = RECIPE.replace("PARALLEL", str(parallel))
        super().__init__(project, seed, recipe, self._answer, most_events=40, **settings)
        self.rows = [(TEXTS[texts](n), f"image{n}") for n in range(12)]
        lines = [f"{number},{title},{image}" for number, (title, image) in enumerate(self.rows)]
        project.write("\n".join(["n,title,image", *lines]) + "\n", "pins.csv")
        self._lies, self._late, self._ghosts = lies, late, ghosts
        self.ghost_ids: list[str] = []
        self._coming: list[tuple[float, Any]] = []

    def _answer(self, call: HttpRequest, apply: Any) -> HttpResponse:
        now = self.project.clock()
        due = [request for request in self._coming if request[0] <= now]
        self._coming = [request for request in self._coming if request[0] > now]
        for _, late in due:
            late()
        if call.method == "GET" and call.path.endswith("/pins") and self.random.random() < self._lies:
            return HttpResponse(200, b'{"items": [], "bookmark": null}')
        chance = self.random.random()
        if (call.method, call.path) != ("POST", "/v5/pins"):
            return apply()  # type: ignore[no-any-return]
        if chance < self._ghosts:
            self.ghost_ids.append(f"99999999999999{len(self.ghost_ids):04}")
            body = json.dumps({"id": self.ghost_ids[-1], "board_id": "1", "media": {"media_type": "image"}})
            return HttpResponse(201, body.encode())
        if chance < self._ghosts + self._late:
            self._coming.append((now + self.random.uniform(0, 290), apply))
        elif chance > 0.85:
            if self.random.random() < 0.5:
                apply()
        else:
            return apply()  # type: ignore[no-any-return]
        raise ConnectionDropped(HttpResponse(201, b"{}"), sent=0)

    def finish(self) -> Any:
        result = self.go(resume=False)
        for _ in range(60):
            if result is not None and (result.ok or is_told(result.error)):
                return result
            result = self.go(resume=True)
        raise AssertionError(f"it came to no end: {result and result.error}")

    def finish_telling(self) -> list[str]:
        """Resume it, and answer what nothing can tell, until it says that it is done; what it told of on the way."""
        told: list[str] = []
        result = self.go(resume=False)
        for _ in range(60):
            told += [event.text for event in self.project.events_of("Note")]
            if result is not None and result.error is not None:
                told.append(str(result.error))
            if result is not None and (result.ok or "are not there" in str(result.error)):
                break  # for what is missing a person sees to it
            if result is not None and isinstance(result.error, UnknownWrites):
                result = self.answer(result.error)
            else:
                result = self.go(resume=True)
        assert result is not None
        return told

    def answer(self, error: UnknownWrites) -> Any:
        """What a person does who looks at the board: any candidate that shows the row's texts will do."""
        (write, *_) = error.writes
        label = re.search(rf'\("(\d+)"[^)]*\): [^"]*?item {write.item},', str(error))
        assert label is not None, str(error)
        title = self.rows[int(label[1])][0]
        titles = {pin["id"]: pin["title"] or "" for pin in self.pins()}
        alike = [id_ for id_ in write.candidates if titles[id_] == title]
        if alike:
            return self.project.resume(made={write.item: alike[0]})
        self.project.clock.sleep(300)
        return self.project.resume(not_made=[write.item])


CASES = [(texts, parallel) for texts in TEXTS for parallel in (1, 4)]


@pytest.mark.parametrize("seed", range(scaled(2, 75)))
@pytest.mark.parametrize(("texts", "parallel"), CASES)
def test_killed_at_any_moment_every_row_is_made_once(tmp_path: Path, seed: int, texts: str, parallel: int) -> None:
    with Project(tmp_path) as project:
        chaos = Chaos(project, seed, texts=texts, parallel=parallel)
        result = chaos.finish()
        assert result.ok, result.error
        assert Counter(chaos.made_titles()) == Counter(title for title, _ in chaos.rows)


@pytest.mark.parametrize("seed", range(scaled(2, 40)))
@pytest.mark.parametrize(("texts", "parallel"), CASES)
def test_with_listings_that_lag_and_lie_every_row_is_made_once(
    tmp_path: Path, seed: int, texts: str, parallel: int
) -> None:
    with Project(tmp_path) as project:
        chaos = Chaos(project, seed, texts=texts, parallel=parallel, lag=30.0, lies=0.2)
        result = chaos.finish()
        assert result.ok, result.error
        assert Counter(chaos.made_titles()) == Counter(title for title, _ in chaos.rows)


@pytest.mark.parametrize("seed", range(scaled(2, 40)))
@pytest.mark.parametrize(("texts", "parallel"), CASES)
def test_what_is_made_late_or_answered_for_nothing_is_told(
    tmp_path: Path, seed: int, texts: str, parallel: int
) -> None:
    with Project(tmp_path) as project:
        chaos = Chaos(project, seed, texts=texts, parallel=parallel, late=0.1, ghosts=0.05)
        errors = chaos.finish_telling()
        made, wanted = Counter(chaos.made_titles()), Counter(title for title, _ in chaos.rows)
        extra = sum((made - wanted).values())
        lacking = sum((wanted - made).values())
        text = " ".join(errors)
        assert made == wanted or text, (made - wanted, wanted - made)
        told = {pin["id"] for pin in chaos.pins() if pin["id"] in text}
        assert len(told) >= extra, (made - wanted, errors)
        assert lacking <= sum(ghost in text for ghost in chaos.ghost_ids), (wanted - made, errors)


class Twin(Chaos):
    """Nothing goes wrong, but that the fourth answer is lost while somebody else adds an equal Pin."""

    sent = 0

    def _answer(self, call: HttpRequest, apply: Any) -> HttpResponse:
        if (call.method, call.path) == ("POST", "/v5/pins"):
            self.sent += 1
            if self.sent == 4:
                apply()
                apply()
                raise ConnectionDropped(HttpResponse(201, b"{}"), sent=0)
        return apply()  # type: ignore[no-any-return]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_person_settles_what_nothing_can_tell_and_the_run_ends(tmp_path: Path, is_there: bool) -> None:
    with Project(tmp_path) as project:
        chaos = Twin(project, 0, texts="distinct", parallel=1)
        result = project.run(chaos.recipe)
        assert (result.exit_code, chaos.sent) == (7, 12), "all others were made"
        assert isinstance(result.error, UnknownWrites)
        (write,) = result.error.writes
        assert len(write.candidates) == 2
        if is_there:
            result = project.resume(made={write.item: write.candidates[0]})
        else:
            if project.clock() - write.sent_at < 300:
                with pytest.raises(UsageError, match="may still be applied"):
                    project.resume(not_made=[write.item])
                project.clock.sleep(300)
            result = project.resume(not_made=[write.item])
        assert result.ok, result.error
        assert len(chaos.made_titles()) == (13 if is_there else 14)
