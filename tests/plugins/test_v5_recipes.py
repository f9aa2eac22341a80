"""The recipes for API v5: each checks without a mistake, and runs in the sandbox with nothing given."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.app import App, Options
from pinflow.clock import Clock
from pinflow_sandbox import start

if TYPE_CHECKING:
    from pinflow.engine.results import RunResult
    from pinflow_sandbox.server.messages import HttpRequest, HttpResponse

RECIPES = Path(__file__).parents[2] / "recipes"
DRY_ONLY = ["copy_all_boards"]  # it writes more than the quota of three minutes
EXPECTED: dict[str, dict[str, Any]] = {
    "get_user": {"username": "garden_studio", "account_type": "BUSINESS"},
    "list_boards": {"count": 6},
    "list_pins": {"count": 100},
    "list_businesses": {"businesses": ["client_account"]},
    "get_pin": {"title": "Tomatoes in a small garden"},
    "get_board": {"name": "Garden ideas", "pin_count": 30, "pins": None},  # it was not asked for them
    "ads_tree": {"campaigns": 3, "ad_groups": 4, "ads": 8},
    "terms": {"suggested": [f"raised beds {word}" for word in ("ideas", "design", "for small spaces", "diy")]},
    "analytics": {"rows": 30},
    "pin_analytics": {"rows": 30},
    "copy_board": {"sections": 3},
    "copy_matching_pins": {"looked_at": 312, "copied": 52},
}


def run(tmp_path: Path, name: str, *, dry_run: bool = False, api: str | None = None, **inputs: Any) -> RunResult:
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    app = App.installed(environ, state=tmp_path / "state")
    plan = app.plan(RECIPES / f"{name}.yaml", inputs=inputs, api=api, examples=True)
    return app.run(plan, Options(sandbox=True, dry_run=dry_run))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes that write files write them where the user is."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recipe_runs_in_the_sandbox(tmp_path: Path, name: str) -> None:
    result = run(tmp_path, name)
    assert (result.status, result.error) == ("ok", None)
    assert {key: result.outputs[key] for key in EXPECTED[name]} == EXPECTED[name]


@pytest.mark.parametrize("name", [*EXPECTED, *DRY_ONLY])
def test_a_recipe_makes_nothing_in_a_dry_run(tmp_path: Path, name: str) -> None:
    result = run(tmp_path, name, dry_run=True)
    assert result.error is None
    assert {step.status for step in result.steps} <= {"ok", "planned", "skipped"}


def analysed(tmp_path: Path, name: str, **inputs: Any) -> tuple[list[dict[str, str]], Any, str]:
    """The rows of the CSV file, the content of the JSON file, and the chart, that a recipe of figures writes."""
    places = {kind: tmp_path / f"made.{kind}" for kind in ("csv", "json", "svg")}
    files: dict[str, Any] = {"csv": str(places["csv"]), "json": str(places["json"]), "chart": str(places["svg"])}
    result = run(tmp_path, name, **files, **inputs)
    assert (result.status, result.error) == ("ok", None)
    with places["csv"].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return rows, json.loads(places["json"].read_text("utf-8")), places["svg"].read_text("utf-8")


def test_figures_of_the_account_are_written_as_data_table_and_chart(tmp_path: Path) -> None:
    rows, data, chart = analysed(tmp_path, "analytics", metrics=["IMPRESSION", "PIN_CLICK_RATE"])
    assert [list(row) for row in rows] == [["date", "IMPRESSION", "PIN_CLICK_RATE"]] * 30
    days = data["all"]["daily_metrics"]
    assert [row["IMPRESSION"] for row in rows] == [str(day["metrics"]["IMPRESSION"]) for day in days]
    assert "IMPRESSION" in chart
    assert "<svg" in chart


@pytest.mark.parametrize("of", ["ad_account", "campaign", "ad_group", "ad"])
def test_figures_of_ads_are_written_alike(tmp_path: Path, of: str) -> None:
    ids = {"campaign": "626735500588", "ad_group": "2680060700691", "ad": "687195900919"}
    given = {"of": of, "ad_account": "Garden Studio Ads", **({"ids": [ids[of]]} if of in ids else {})}
    rows, data, chart = analysed(tmp_path, "analytics", **given)
    assert (len(rows), len(data)) == (30, 30)
    assert list(rows[0]) == ["date", "id", "SPEND_IN_DOLLAR", "TOTAL_CLICKTHROUGH"]
    assert "SPEND_IN_DOLLAR" in chart


def test_figures_of_an_ad_accounts_owner_are_his_own(tmp_path: Path) -> None:
    rows, data, _ = analysed(tmp_path, "pin_analytics", of="ad_account_user", ad_account="Client Shop")
    assert (len(rows), list(data)) == (30, ["all"])


def test_a_pin_is_copied_with_a_video_of_this_machine(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" * 100)
    result = run(tmp_path, "copy_pin", video=str(film))
    assert (result.status, result.counts["upload"]["done"], result.counts["pin"]["done"]) == ("ok", 1, 1)


def test_the_filter_of_a_recipe_chooses_by_the_title(tmp_path: Path) -> None:
    result = run(tmp_path, "copy_matching_pins", board="Garden ideas", word="TOOL")
    assert (result.outputs["looked_at"], result.outputs["copied"]) == (30, 4)


def test_a_dry_run_foretells_the_calls_of_the_real_run(tmp_path: Path) -> None:
    dry, real = (run(tmp_path, "copy_board", dry_run=each) for each in (True, False))
    assert dry.forecast is not None
    assert dry.forecast.calls["access_token"]["org_write"] == real.calls["access_token"]["org_write"] == 33


NEW_BOARD = """
pinflow: 1
name: New
api: v5
steps:
  - {id: board, uses: create_board, with: {name: Brand new}}
  - {id: section, uses: create_section, with: {board: "${{ steps.board.id }}", name: Corner}}
  - id: pin
    uses: create_pin
    with:
      board: ${{ steps.board.id }}
      section: ${{ steps.section.id }}
      image_url: https://example.com/a.jpg
  - {id: saved, uses: save_pin, with: {pin: "${{ steps.pin.id }}", board: "${{ steps.board.id }}"}}
"""


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_dry_run_goes_on_with_what_it_only_planned(tmp_path: Path, dry_run: bool) -> None:
    recipe = tmp_path / "new.yaml"
    recipe.write_text(NEW_BOARD)
    result = run(tmp_path, str(recipe.with_suffix("")), dry_run=dry_run)
    assert result.error is None
    calls = result.forecast.calls if result.forecast else result.calls
    assert calls["access_token"]["org_write"] == 4


def test_delete_all_boards_deletes_only_boards_that_the_account_owns(tmp_path: Path) -> None:
    now = [1_800_000_000.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    def approve(what: str) -> bool:
        asked.append(what)
        return True

    asked: list[str] = []
    options = Options(patience=86_400.0, approve=approve)
    with start(now=lambda: now[0]) as sandbox:
        for number in range(260):  # more than a page
            sandbox.control.board(name=f"Board {number}")
        environ = {**sandbox.environment(), "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
        clock = Clock(lambda: now[0], lambda: now[0], sleep)
        app = App.installed(environ, state=tmp_path / "state", clock=clock)
        result = app.run(app.plan(RECIPES / "delete_board.yaml", inputs={"board": "*"}), options)
        boards: Any = sandbox.control.state()["boards"]
    assert (result.status, result.error, result.outputs["deleted"]) == ("ok", None, 265)
    assert result.outputs["left_of_others"] == 1
    assert "garden_studio" not in {board["owner"] for board in boards}
    assert "Street festival" in {board["name"] for board in boards}
    assert len(asked) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("api", ["v5", "v3"])
def test_a_run_killed_right_after_it_deleted_a_board_by_name_ends_well(tmp_path: Path, api: str) -> None:
    """The board's name leads nowhere by then; another board must not be taken for it either."""
    child: subprocess.Popen[bytes] | None = None

    def kill(call: HttpRequest, apply: Any) -> HttpResponse:
        answer: HttpResponse = apply()
        if call.method == "DELETE" and child is not None:
            os.kill(child.pid, signal.SIGKILL)
            child.wait(10)
        return answer

    now = [0.0]  # seconds that were slept
    with start(faults=kill) as sandbox:
        own = {"XDG_CACHE_HOME": str(tmp_path), "PINFLOW_STATE_DIR": str(tmp_path / "state")}
        environ = {**os.environ, **sandbox.environment(), **own}
        command = [sys.executable, "-m", "pinflow", "run", str(RECIPES / "delete_board.yaml"), "--yes", "--api", api]
        child = subprocess.Popen(
            [*command, "-i", "board=Empty for now"], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        assert child.wait(60) == -signal.SIGKILL
        child = None
        sandbox.control.board(name="Empty for now")
        app = App.installed(
            environ,
            state=tmp_path / "state",
            clock=Clock(
                lambda: time.time() + now[0],
                lambda: time.monotonic() + now[0],
                lambda seconds: now.append(now.pop() + seconds),
            ),
        )
        result = app.resume(None, Options(approve=lambda what: True))
        boards: Any = sandbox.control.state()["boards"]
    assert (result.status, result.error, result.outputs["deleted"]) == ("ok", None, 1)
    assert [board["name"] for board in boards].count("Empty for now") == 1
