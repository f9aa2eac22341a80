"""Copies of whole accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pinflow import ActionError, RateLimited
from pinflow_pinterest.copying.copy_actions import GROUP_BOARD, NAME_TAKEN
from pinflow_pinterest.copying.pin_copies import DELETED
from pinflow_pinterest_v5.actions.boards import delete_board
from pinflow_pinterest_v5.actions.copying import copy_all_boards
from pinflow_sandbox.server.messages import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow_sandbox.server.messages import HttpRequest
    from tests.plugins.conftest import Bench, Fault

FROM_CLIENT: dict[str, Any] = {"source": "client_account", "target": "garden_studio"}


@pytest.fixture
def small_studio(bench: Bench) -> Bench:
    """The studio without its board of many pages."""
    bench.run(delete_board, board=bench.board_id("Winter recipes"))
    return bench


def test_every_board_of_an_account_is_copied_to_another(bench: Bench) -> None:
    result = bench.run(copy_all_boards, **FROM_CLIENT)
    for name in ("Reception room", "Logos"):
        assert bench.content(name) == bench.content(name, "client_account")
    assert result["boards"] == {"total": 2, "copied": 2, "skipped": 0}
    assert result["pins"] == {"total": 8, "created": 8, "adopted": 0, "already": 0, "skipped": 0, "failed": 0}
    assert {pair["name"]: pair["id"] for pair in result["copies"]} == {
        name: bench.board_id(name) for name in ("Reception room", "Logos")
    }


def test_a_copy_of_an_account_says_which_board_it_is_at(bench: Bench) -> None:
    bench.run(copy_all_boards, **FROM_CLIENT)
    assert [text for text in bench.notes if "board" in text] == [
        "info: reading the boards of the source and of the target",
        "info: board 1 of 2: 'Logos'",
        "info: board 2 of 2: 'Reception room'",
    ]


def test_boards_are_copied_under_other_names_within_an_account(small_studio: Bench) -> None:
    result = small_studio.run(copy_all_boards, prefix="Old ", suffix="!")
    assert {pair["name"] for pair in result["copies"]} == {
        f"Old {name}!" for name in ("Garden ideas", "Surprise party", "Campaign drafts", "Empty for now")
    }
    assert result["sections"] == {"created": 3, "already": 0}
    assert [each["reason"] for each in result["skipped_pins"]] != []


def test_group_boards_of_others_are_left_out_unless_they_are_wanted(small_studio: Bench) -> None:
    festival = small_studio.board_id("Street festival", "neighbour")
    result = small_studio.run(copy_all_boards, prefix="Old ")
    assert result["skipped"] == [{"id": festival, "reason": GROUP_BOARD}]
    result = small_studio.run(copy_all_boards, prefix="Older ", include_group_boards=True, if_exists="skip")
    assert "Older Street festival" in {pair["name"] for pair in result["copies"]}


def test_boards_for_ads_only_are_left_out_with_the_reason(bench: Bench) -> None:
    ads = bench.board_id("Logos", "client_account")
    bench.sandbox.world.boards[ads].ads_only = True
    result = bench.run(copy_all_boards, **FROM_CLIENT)
    assert [each["id"] for each in result["skipped"]] == [ads]
    assert "ads-only" in result["skipped"][0]["reason"]


def test_all_taken_names_are_reported_before_the_first_write(small_studio: Bench) -> None:
    small_studio.forget()
    with pytest.raises(ActionError, match="4 boards can't be copied, and nothing was written") as caught:
        small_studio.run(copy_all_boards)
    assert caught.value.message.count("a board can't be copied onto itself") == 4
    assert {operation.method for operation in small_studio.operations()} == {"GET"}


def test_boards_whose_names_are_taken_can_be_left_out(bench: Bench) -> None:
    bench.control.board(name="logos")
    result = bench.run(copy_all_boards, **FROM_CLIENT, if_exists="skip")
    assert result["skipped"] == [{"id": bench.board_id("Logos", "client_account"), "reason": NAME_TAKEN}]
    assert [pair["name"] for pair in result["copies"]] == ["Reception room"]


def test_a_board_that_cannot_be_copied_does_not_keep_the_others_from_it(bench: Bench) -> None:
    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method == "POST" and call.path.endswith("/boards") and b"Reception" in (call.body or b""):
            return HttpResponse(400, b'{"code": 1, "message": "Invalid request"}')
        return apply()

    bench.fault = fault
    with pytest.raises(ActionError, match="1 of 2 boards were not copied:\nPOST /boards: Invalid request"):
        bench.run(copy_all_boards, **FROM_CLIENT)
    assert bench.content("Logos") == bench.content("Logos", "client_account")


def test_a_quota_that_is_used_up_ends_the_whole_copy(bench: Bench) -> None:
    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method != "POST":
            return apply()
        return HttpResponse(429, b'{"code": 8, "message": "Limited"}', headers=(("X-RateLimit-Reset", "3600"),))

    bench.fault = fault
    bench.forget()
    with pytest.raises(RateLimited):
        bench.run(copy_all_boards, **FROM_CLIENT)
    assert "boards/create" not in bench.calls()  # the fault answers instead of the service


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("ending", ["/boards", "/pins"])
def test_a_killed_copy_of_all_boards_is_finished_on_resume(
    bench: Bench, lost_answer: Callable[..., Fault], ending: str, applied: bool
) -> None:
    bench.fault = lost_answer(ending, applied=applied)
    run = bench.kill(copy_all_boards, **FROM_CLIENT)
    bench.control.board("client_account", name="Too late", pins=1)
    result = bench.run(copy_all_boards, run=run, **FROM_CLIENT)
    for name in ("Reception room", "Logos"):
        assert bench.content(name) == bench.content(name, "client_account")
    assert result["boards"]["copied"] == 2
    assert "warning: 1 boards were added to the source since this run began; they are not copied" in bench.notes


def test_a_board_that_is_gone_on_resume_is_told(bench: Bench, lost_answer: Callable[..., Fault]) -> None:
    bench.fault = lost_answer("/boards", applied=False)
    run = bench.kill(copy_all_boards, **FROM_CLIENT)
    gone = bench.board_id("Reception room", "client_account")
    bench.run(delete_board, login="client_account", board=gone)
    result = bench.run(copy_all_boards, run=run, **FROM_CLIENT)
    assert result["skipped"] == [{"id": gone, "reason": DELETED}]
    assert [pair["name"] for pair in result["copies"]] == ["Logos"]


def test_a_dry_run_of_all_boards_counts_as_the_real_run(bench: Bench) -> None:
    bench.forget()
    dry = bench.run(copy_all_boards, dry_run=True, **FROM_CLIENT)
    assert {operation.method for operation in bench.operations()} == {"GET"}
    real = bench.run(copy_all_boards, **FROM_CLIENT)
    assert {**dry, "copies": []} == {**real, "copies": []}
