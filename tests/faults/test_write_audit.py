"""Writes that were answered are read back: what is not as it was written is told, one by one, with exit code 7."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.app import App, Options
from pinflow.clock import Clock
from pinflow.events import EffectDone
from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.control.faults import FaultProfile
from pinflow_sandbox.server.messages import ConnectionDropped, HttpResponse
from tests.faults.conftest import STUDIO, Time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pinflow.engine.results import RunResult
    from pinflow.events import Event
    from pinflow_sandbox.server.messages import HttpRequest

    Fault = Callable[[HttpRequest, Callable[[], HttpResponse]], HttpResponse]

IMAGE = "https://example.com/a.jpg"
RECIPES = {
    "update_pin": """
steps:
  - {id: list, uses: list_board_pins, with: {board: Garden ideas}}
  - id: all
    for_each: ${{ steps.list.items }}
    as: row
    do:
      - {id: update, uses: update_pin, with: {pin: "${{ row.id }}", title: "New ${{ row.id }}"}}
""",
    "move": """
steps:
  - {id: list, uses: list_board_pins, with: {board: Garden ideas}}
  - {id: board, uses: get_board, with: {board: Empty for now}}
  - id: all
    for_each: ${{ steps.list.items }}
    as: row
    do:
      - {id: update, uses: update_pin, with: {pin: "${{ row.id }}", board: "${{ steps.board.id }}"}}
""",
    "delete_pin": """
steps:
  - {id: list, uses: list_board_pins, with: {board: Garden ideas}}
  - id: all
    for_each: ${{ steps.list.items }}
    as: row
    do:
      - {id: delete, uses: delete_pin, with: {pin: "${{ row.id }}"}}
""",
    "create_section": """
steps:
  - {id: board, uses: get_board, with: {board: Empty for now}}
  - id: all
    for_each: ${{ ["One", "Two", "Three"] }}
    as: row
    do:
      - {id: create, uses: create_section, with: {board: "${{ steps.board.id }}", name: "${{ row }}"}}
""",
    "delete_section": """
steps:
  - {id: board, uses: get_board, with: {board: Garden ideas}}
  - {id: list, uses: list_sections, with: {board: Garden ideas}}
  - id: all
    for_each: ${{ steps.list.items }}
    as: row
    do:
      - {id: delete, uses: delete_section, with: {board: "${{ steps.board.id }}", section: "${{ row.id }}"}}
""",
    "create_board": """
steps:
  - id: all
    for_each: ${{ ["One", "Two", "Three"] }}
    as: row
    do:
      - {id: create, uses: create_board, with: {name: "${{ row }}", description: "All  of it "}}
""",
    "update_board": """
steps:
  - {id: board, uses: get_board, with: {board: Empty for now}}
  - {id: all, uses: update_board, with: {board: "${{ steps.board.id }}", name: Full by now, description: ""}}
""",
    "delete_board": """
steps:
  - {id: all, uses: delete_board, with: {board: Empty for now}}
""",
    "delete_all_boards": """
steps:
  - {id: all, uses: delete_all_boards}
""",
}
LIES = {name: "nothing_made" if name.startswith("create") else "nothing_done" for name in RECIPES}


class Studio:
    """A sandbox with the example's boards, and recipes that are run on it; time is its own."""

    fault: Fault | None = None  # in place of the sandbox's own

    def __init__(self, installed: App, sandbox: Sandbox, folder: Path, time: Time) -> None:
        self.environ = {**sandbox.environment(), "PINFLOW_STATE_DIR": str(folder / "state")}
        self.sandbox = sandbox
        self.folder = folder
        self.time = time
        clock = Clock(time.now, time.now, time.sleep)
        self.app = App(installed.registry, installed._manager, self.environ, state=folder / "state", clock=clock)
        self._stop: threading.Event | None = None
        self._report: list[Callable[[Event], None]] = []

    def run(self, text: str, **options: Any) -> RunResult:
        recipe = self.folder / "recipe.yaml"
        recipe.write_text(f"name: audit\napi: v5\n{text}", "utf-8")
        plan = self.app.plan(recipe, inputs={})
        return self.app.run(
            plan, Options(max_writes=None, assume_yes=True, stop=self._stop, report=self._report, **options)
        )

    def resume(self) -> RunResult:
        return self.app.resume(None, Options(max_writes=None, assume_yes=True))

    def lie(self, **rates: float) -> None:
        self.sandbox.control.change(faults=FaultProfile(**rates))  # type: ignore[arg-type]

    def stop_after(self, writes: int) -> None:
        """Tell the next run to stop once so many writes were answered."""
        left, stop = [writes], threading.Event()

        def report(event: Event) -> None:
            if isinstance(event, EffectDone):
                left[0] -= 1
                if not left[0]:
                    stop.set()

        self._stop, self._report = stop, [report]

    def break_reads_after(self, method: str) -> None:
        """Answer every read with 503 once this method was answered."""
        seen = [False]

        def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
            seen[0] = seen[0] or call.method == method
            return HttpResponse(503, b"") if seen[0] and call.method == "GET" else apply()

        self.fault = fault

    def use_scopes(self, *scopes: str) -> None:
        """Sign in with a token that is known to have just these."""
        file = Path(self.environ["PINTEREST_OAUTH_TOKEN_DIR"]) / "access_token.json"
        content = json.loads(file.read_text("utf-8"))
        token = self.sandbox.world.token_for(STUDIO, scopes)
        file.write_text(json.dumps({**content, "access_token": token, "scopes": " ".join(scopes)}), "utf-8")
        del self.environ["ACCESS_TOKEN"]

    def calls(self, method: str = "") -> Counter[str]:
        """How often each path was asked for since the last ``forget_requests``."""
        rows: Any = self.sandbox.control.requests()
        counts: Counter[str] = Counter()
        for row in rows:
            if method in ("", row["method"]):
                counts[f"{row['method']} {row['path'].removeprefix('/v5')}"] += row["count"]
        return counts

    def board(self, name: str) -> Any:
        boards: Any = self.sandbox.control.state()["boards"]
        return next(board for board in boards if (board["name"], board["owner"]) == (name, STUDIO))


@pytest.fixture
def studio(installed: App, folder: Path, time: Time) -> Iterator[Studio]:
    studio: Studio | None = None

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        return apply() if studio is None or studio.fault is None else studio.fault(call, apply)

    with start(now=time.now, sleep=time.sleep, settings=Settings(quotas=False), faults=fault) as sandbox:
        studio = Studio(installed, sandbox, folder, time)
        yield studio


@pytest.mark.parametrize("name", RECIPES)
def test_an_honest_service_is_believed_after_one_look_without_a_wait(studio: Studio, name: str) -> None:
    began = studio.time.now()
    result = studio.run(RECIPES[name])
    assert result.ok, result.error
    assert studio.time.now() == began


@pytest.mark.parametrize("name", RECIPES)
def test_an_answer_that_says_done_where_nothing_was_is_found_out_and_made_good_by_a_resume(
    studio: Studio, name: str
) -> None:
    studio.lie(**{LIES[name]: 1.0})
    result = studio.run(RECIPES[name])
    lied: Any = studio.sandbox.control.faults()["counts"]
    assert lied[LIES[name]] > 0
    assert result.exit_code == 7, result.error
    assert "reads back otherwise" in str(result.error)
    assert str(result.error).count(";") >= min(2, lied[LIES[name]] - 1)  # each is named
    studio.sandbox.control.change(faults="none")
    result = studio.resume()
    assert result.ok, result.error
    assert studio.app.runs()[0].state == "ok"


def test_changes_are_read_back_by_the_listing_of_their_board_and_a_dry_run_foresees_that(studio: Studio) -> None:
    pins = len(studio.board("Garden ideas")["pins"])
    planned = studio.run(RECIPES["update_pin"], dry_run=True)
    assert planned.forecast is not None
    studio.sandbox.control.forget_requests()
    result = studio.run(RECIPES["update_pin"])
    assert studio.calls() == {
        "GET /boards": 1,
        "GET /boards/{board_id}/pins": 2,  # what the recipe lists, and the audit
        "PATCH /pins/{pin_id}": pins,
    }
    assert planned.forecast.calls == result.calls


def test_deletions_are_read_back_one_by_one_for_nothing_tells_of_which_board_they_were(studio: Studio) -> None:
    pins = len(studio.board("Garden ideas")["pins"])
    planned = studio.run(RECIPES["delete_pin"], dry_run=True)
    assert planned.forecast is not None
    studio.sandbox.control.forget_requests()
    result = studio.run(RECIPES["delete_pin"])
    assert studio.calls("GET")["GET /pins/{pin_id}"] == pins
    assert planned.forecast.calls == result.calls


def test_what_a_killed_process_wrote_is_read_back_by_the_one_that_goes_on(studio: Studio) -> None:
    """The Pins that the first process changed are those of which the service lied."""
    pins = [pin["id"] for pin in studio.board("Garden ideas")["pins"]]
    studio.lie(nothing_done=1.0)
    studio.stop_after(5)
    assert studio.run(RECIPES["update_pin"]).status == "cancelled"
    studio.sandbox.control.change(faults="none")
    result = studio.resume()
    assert result.exit_code == 7
    assert str(result.error).count("shows another title") == 5
    assert studio.resume().ok
    assert {pin["id"] for pin in studio.board("Garden ideas")["pins"]} == set(pins)
    assert all(pin["title"] == f"New {pin['id']}" for pin in studio.board("Garden ideas")["pins"])


def test_a_listing_that_is_late_is_waited_for(studio: Studio) -> None:
    """A moved Pin is listed on its new board only later; by itself it shows where it is."""
    studio.sandbox.control.change(faults=FaultProfile(listing_lag=30.0))
    assert studio.run(RECIPES["move"]).ok


def test_a_service_that_does_not_answer_the_audit_leaves_it_to_a_resume_which_writes_nothing(studio: Studio) -> None:
    studio.break_reads_after("PATCH")
    result = studio.run(RECIPES["update_pin"])
    assert result.exit_code == 7
    assert "could not be read back" in str(result.error)
    studio.fault = None
    studio.sandbox.control.forget_requests()
    assert studio.resume().ok
    assert studio.calls("PATCH") == {}


def test_texts_that_the_service_rewrites_are_told_once_and_the_run_can_be_finished(studio: Studio) -> None:
    studio.lie(rewritten=1.0)
    result = studio.run(RECIPES["update_pin"])
    assert result.exit_code == 7
    assert "shows another title" in str(result.error)
    assert studio.resume().ok


def test_what_was_changed_and_then_deleted_must_only_be_gone(studio: Studio) -> None:
    text = RECIPES["update_pin"] + '      - {id: delete, uses: delete_pin, with: {pin: "${{ row.id }}"}}\n'
    studio.sandbox.control.forget_requests()
    result = studio.run(text)
    assert result.ok, result.error
    assert studio.board("Garden ideas")["pins"] == []


TWICE = f"""{RECIPES["update_pin"].replace("New", "First")}
      - {{id: again, uses: update_pin, with: {{pin: "${{{{ row.id }}}}", title: Last}}}}
"""


def late(studio: Studio, *, seconds: float) -> None:
    """The first change that is sent gets no answer, and is applied only later."""
    coming: list[tuple[float, Callable[[], HttpResponse]]] = []
    is_lost = False

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        nonlocal is_lost
        while coming and coming[0][0] <= studio.time.now():
            coming.pop()[1]()
        if call.method == "PATCH" and not is_lost:
            is_lost = True
            coming.append((studio.time.now() + seconds, apply))
            raise ConnectionDropped(HttpResponse(200, b"{}"), sent=0)
        return apply()

    studio.fault = fault


@pytest.mark.parametrize("seconds", [30.0, 290.0])
def test_a_change_that_comes_late_and_undoes_a_later_one_is_told(studio: Studio, seconds: float) -> None:
    late(studio, seconds=seconds)
    result = studio.run(TWICE)
    assert result.exit_code == 7
    assert str(result.error).count("shows another title") == 1
    assert studio.resume().ok
    assert {pin["title"] for pin in studio.board("Garden ideas")["pins"]} == {"Last"}


def test_a_change_that_was_sent_twice_and_that_nothing_came_after_is_not_waited_for(studio: Studio) -> None:
    late(studio, seconds=290.0)
    began = studio.time.now()
    assert studio.run(RECIPES["update_pin"]).ok
    assert studio.time.now() - began < 60


def test_who_does_not_wait_leaves_the_audit_to_a_resume(studio: Studio) -> None:
    late(studio, seconds=290.0)
    began = studio.time.now()
    result = studio.run(TWICE, audit_waits=False)
    assert (result.exit_code, "the audit is left" in str(result.error)) == (7, True)
    assert studio.time.now() - began < 60
    assert "shows another title" in str(studio.resume().error)
    assert studio.resume().ok


def test_a_secret_board_that_the_token_may_not_see_is_told_as_not_checked(studio: Studio) -> None:
    studio.use_scopes("boards:read", "boards:write", "boards:write_secret")
    result = studio.run("steps: [{id: one, uses: create_board, with: {name: Hidden, privacy: SECRET}}]")
    assert result.ok, result.error
    assert result.not_checked == (("board", "the token may not see secret boards", 1),)
