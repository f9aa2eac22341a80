"""``call`` at work: pages, lost answers, resumed runs, dry runs, and secrets that stay out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pinflow import ActionError, InDoubt, RemoteError
from pinflow.app import App, Options
from pinflow_pinterest.catalogue.operations import BUNDLED, open_catalogue
from pinflow_pinterest_v5.calls import action as calls
from pinflow_pinterest_v5.calls.action import operation_action
from pinflow_sandbox import Sandbox, Settings, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pinflow import Action
    from tests.plugins.conftest import Bench, Fault

    Lost = Callable[..., Fault]


def call(id: str, *, items: bool = False) -> Action:
    return operation_action(open_catalogue(BUNDLED), id, items=items)


def test_a_write_is_seen_by_the_service(bench: Bench) -> None:
    board = bench.board_id("Empty for now")
    found = bench.run(call("boards/update"), operation="boards/update", board_id=board, body={"privacy": "SECRET"})
    assert (found["id"], found["privacy"]) == (board, "SECRET")
    assert bench.board("Empty for now")["privacy"] == "SECRET"


def test_a_loop_follows_the_pages(bench: Bench) -> None:
    garden = bench.board("Garden ideas")
    given: dict[str, Any] = {"operation": "boards/list_pins", "board_id": garden["id"], "page_size": 7}
    bench.forget()
    found = bench.run(call("boards/list_pins", items=True), **given)
    assert sorted(pin["id"] for pin in found) == sorted(pin["id"] for pin in garden["pins"])
    assert bench.calls() == {"boards/list_pins": -(-len(garden["pins"]) // 7)}
    one = bench.run(call("boards/list_pins"), **given)
    assert (len(one["items"]), bool(one["bookmark"])) == (7, True)
    whole = bench.run(call("boards/list_pins"), **given, all=True)
    assert (whole["count"], whole["items"]) == (len(garden["pins"]), found)


def test_all_true_refuses_more_items_than_the_cap(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "CAP", 5)
    garden = bench.board_id("Garden ideas")
    with pytest.raises(ActionError, match="boards/list_pins has more than 5 items") as refused:
        bench.run(call("boards/list_pins"), operation="boards/list_pins", board_id=garden, all=True)
    assert refused.value.hint == "process them one by one: for_each: call"


def test_a_change_whose_answer_was_lost_is_sent_again(bench: Bench, lost_answer: Lost) -> None:
    board = bench.board_id("Empty for now")
    bench.fault = lost_answer(f"/boards/{board}", applied=True)
    bench.run(call("boards/update"), operation="boards/update", board_id=board, body={"name": "Renamed"})
    assert bench.board("Renamed")["id"] == board


def test_a_creation_whose_answer_was_lost_is_in_doubt(bench: Bench, lost_answer: Lost) -> None:
    bench.fault = lost_answer("/boards", applied=True)
    given: dict[str, Any] = {
        "operation": "boards/create",
        "body": {"name": "Brand new"},
        "run": "20270115-080000-00aaaa",
    }
    with pytest.raises(InDoubt):
        bench.run(call("boards/create"), **given)
    bench.fault = None
    with pytest.raises(InDoubt, match="may have been applied, and nothing here can tell"):
        bench.run(call("boards/create"), **given)  # resumed: it is not made a second time
    assert bench.board("Brand new")["owner"] == "garden_studio"


@pytest.mark.parametrize("id", ["boards/delete", "pins/delete"])
def test_a_deletion_whose_answer_was_lost_counts_as_done_after_a_resume(
    id: str, bench: Bench, lost_answer: Lost
) -> None:
    garden = bench.board("Garden ideas")
    given = {"board_id": garden["id"]} if id == "boards/delete" else {"pin_id": garden["pins"][0]["id"]}
    bench.fault = lost_answer(f"/{next(iter(given.values()))}", applied=True, times=99)
    run = bench.kill(call(id), operation=id, **given)
    bench.fault = None
    assert bench.run(call(id), run=run, operation=id, **given) is None


def test_the_first_deletion_of_what_is_not_there_is_an_error(bench: Bench) -> None:
    with pytest.raises(RemoteError) as refused:
        bench.run(call("boards/delete"), operation="boards/delete", board_id="1")
    assert refused.value.status == 404


def test_a_finished_write_is_not_sent_again(bench: Bench) -> None:
    given: dict[str, Any] = {"operation": "boards/create", "body": {"name": "Once"}, "run": "20270115-080000-00bbbb"}
    first = bench.run(call("boards/create"), **given)
    bench.forget()
    again = bench.run(call("boards/create"), **given)
    assert again == first  # what the journal may not keep is read again
    assert bench.calls() == {"boards/get": 1}
    bench.run(call("boards/delete"), operation="boards/delete", board_id=first["id"])
    assert bench.run(call("boards/create"), **given)["id"] == first["id"]


def test_a_dry_run_reads_and_does_not_write(bench: Bench) -> None:
    board = bench.board_id("Empty for now")
    bench.forget()
    bench.run(call("boards/delete"), dry_run=True, operation="boards/delete", board_id=board)
    assert bench.run(call("boards/get"), dry_run=True, operation="boards/get", board_id=board)["id"] == board
    assert bench.calls() == {"boards/get": 1}


def test_a_dry_run_plans_what_needs_something_planned(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: n\napi: v5\nsteps:\n"
        "  - {id: made, uses: call, with: {operation: boards/create, body: {name: New}}}\n"
        '  - {uses: call, with: {operation: boards/get, board_id: "${{ steps.made.id }}"}}\n'
        '  - for_each: call\n    with: {operation: boards/list_pins, board_id: "${{ steps.made.id }}"}\n'
        '    do: [{uses: log, with: {text: "${{ item.id }}"}}]\n'
        '  - {uses: call, with: {operation: boards/update, board_id: "${{ steps.made.id }}", body: {name: Newer}}}\n'
        "  - {uses: call, with: {operation: boards/list}}\n"
    )
    app = App.installed({"PINFLOW_STATE_DIR": str(tmp_path / "s"), "PINFLOW_CACHE_DIR": str(tmp_path / "c")})
    result = app.run(app.plan(recipe, inputs={}), Options(sandbox=True, dry_run=True))
    assert result.error is None
    assert [step.status for step in result.steps] == ["planned", "planned", "planned", "planned", "ok"]


def test_a_report_needs_no_approval_with_nobody_there(app: tuple[App, Sandbox], tmp_path: Path) -> None:
    pinflow, _ = app
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: n\napi: v5\nsteps:\n"
        "  - {id: adverts, uses: list_ad_accounts}\n"
        "  - id: asked\n    uses: call\n    with:\n      operation: analytics/create_report\n"
        '      ad_account_id: "${{ steps.adverts.items[0].id }}"\n'
        "      body: {start_date: '${{ today() }}', end_date: '${{ today() }}', granularity: DAY,"
        " columns: [IMPRESSION_1], level: CAMPAIGN}\n"
        "  - uses: create_ad_report\n"
        "    with: {path: report.csv, columns: [IMPRESSION_1], ad_account: Garden Studio Ads}\n"
        "outputs: {answer: '${{ steps.asked }}'}\n"
    )
    result = pinflow.run(pinflow.plan(recipe, inputs={}, here=tmp_path), Options(unattended=True))
    assert result.error is None
    assert result.outputs["answer"]["report_status"] == "IN_PROGRESS"
    assert (tmp_path / "out" / "report.csv").read_text("utf-8").count("\n") > 1


def test_a_report_whose_answer_was_lost_is_asked_for_once_more(bench: Bench, lost_answer: Lost) -> None:
    advert = bench.run(call("ad_accounts/list"), operation="ad_accounts/list")["items"][0]["id"]
    body = {"start_date": "2027-01-10", "end_date": "2027-01-12", "granularity": "DAY", "level": "CAMPAIGN"}
    bench.fault = lost_answer("/reports", applied=True)
    found = bench.run(
        call("analytics/create_report"),
        operation="analytics/create_report",
        ad_account_id=advert,
        body={**body, "columns": ["IMPRESSION_1"]},
    )
    assert found["token"]


def test_the_app_signs_what_only_it_may_ask_for(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    body = '{grant_type: client_credentials, scope: "boards:read"}'
    recipe.write_text(
        f"name: n\napi: v5\nsteps:\n  - {{id: got, uses: call, with: {{operation: oauth/token, body: {body}}}}}\n"
        "outputs: {answer: '${{ steps.got }}'}\n"
    )
    app = App.installed({"PINFLOW_STATE_DIR": str(tmp_path / "s"), "PINFLOW_CACHE_DIR": str(tmp_path / "c")})
    result = app.run(app.plan(recipe, inputs={}), Options(sandbox=True))
    assert result.error is None
    assert result.outputs["answer"]["token_type"] == "bearer"
    assert "access_token" not in result.outputs["answer"]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[tuple[App, Sandbox]]:
    with start(settings=Settings(quotas=False)) as sandbox:
        folders = {"PINFLOW_STATE_DIR": str(tmp_path / "s"), "PINFLOW_CACHE_DIR": str(tmp_path / "c")}
        yield App.installed({**sandbox.environment(), **folders}), sandbox


def test_undo_deletes_objects_that_call_created(app: tuple[App, Sandbox], tmp_path: Path) -> None:
    pinflow, sandbox = app
    before = boards(sandbox)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: n\napi: v5\nsteps:\n"
        "  - {id: made, uses: call, with: {operation: boards/create, body: {name: New}}}\n"
        '  - {uses: call, with: {operation: boards/update, board_id: "${{ steps.made.id }}", body: {name: Newer}}}\n'
        "outputs: {name: '${{ steps.made.name }}'}\n"
    )
    result = pinflow.run(pinflow.plan(recipe, inputs={}))
    assert result.outputs == {"name": "New"}
    assert boards(sandbox) == [*before, "Newer"]
    undoing = pinflow.plan_undo(result.run)
    assert undoing.counts() == {"board": 1}
    assert pinflow.undo(undoing).ok
    assert boards(sandbox) == before


def boards(sandbox: Sandbox) -> list[str]:
    state: Any = sandbox.control.state()
    return [board["name"] for board in state["boards"]]


@pytest.mark.parametrize(
    ("id", "path"),
    [
        ("boards/create", "/boards/12"),
        ("boards/update", "/boards/12"),
        ("feeds/update", "/catalogs/feeds/12"),
        ("boards/delete", None),
        ("pins/save", None),
        ("board_sections/create", None),
        ("campaigns/create", None),
        ("campaigns/update", None),
        ("oauth/conversion_token", None),
    ],
)
def test_a_finished_writes_answer_is_got_again_where_its_id_is_enough(id: str, path: str | None) -> None:
    class Client:
        def get(self, path: str) -> str:
            return path

    class Ctx:
        client = Client()

    reread: Any = call(id).reread
    assert (reread and reread(Ctx(), {"id": "12"})) == path
