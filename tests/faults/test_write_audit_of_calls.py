"""Writes of the action ``call``: found again after a lost answer where a listing shows them, and read back by rule."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pinflow_sandbox.server.messages import HttpResponse
from pinflow_sandbox.world.records import CampaignRecord
from tests.faults.conftest import STUDIO
from tests.faults.test_write_audit import Studio, studio

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow_sandbox.server.messages import HttpRequest

__all__ = ["studio"]  # the fixture

BATCH = """
steps:
  - id: campaigns
    uses: call
    with:
      operation: campaigns/create
      ad_account_id: "{account}"
      body:
        - {{ad_account_id: "{account}", name: One, objective_type: AWARENESS, status: ACTIVE}}
        - {{ad_account_id: "{account}", name: Two, objective_type: AWARENESS, status: PAUSED}}
"""
EVENTS = """
steps:
  - id: events
    uses: call
    with:
      operation: events/create
      ad_account_id: "{account}"
      body:
        data:
          - {{event_name: checkout, action_source: web, event_time: 1790000000, event_id: "{id}",
              user_data: {{em: ["0123456789012345678901234567890123456789012345678901234567890123"]}}}}
"""


def account_of(studio: Studio) -> str:
    accounts = studio.sandbox.world.ad_accounts.values()
    return next(account.id for account in accounts if account.owner == STUDIO)


def campaigns(studio: Studio) -> list[str]:
    account = studio.sandbox.world.ad_accounts[account_of(studio)]
    return sorted(studio.sandbox.world.campaigns[id].name for id in account.campaigns)


def make_campaigns(studio: Studio, *, made: int, lost: bool) -> Callable[..., HttpResponse]:
    """The sandbox offers no creation of campaigns: a service that makes the first ``made`` of those in a request."""

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.method != "POST" or not call.path.endswith("/campaigns"):
            return apply()
        world, items = studio.sandbox.world, []
        for body in json.loads(call.body)[:made]:
            id = world.new_id("campaign")
            account = body["ad_account_id"]
            world.campaigns[id] = CampaignRecord(id, account, body["name"], body["status"], world.clock.now())
            world.ad_accounts[account].campaigns.add(id)
            items.append({"data": {"id": id, **body}, "exceptions": []})
        return (
            HttpResponse(502, b"<html></html>", "text/html")
            if lost
            else HttpResponse(200, json.dumps({"items": items}).encode())
        )

    return fault


def call(operation: str, **given: Any) -> str:
    return json.dumps({"steps": [{"id": "it", "uses": "call", "with": {"operation": operation, **given}}]})[1:-1]


def test_a_batch_of_which_the_answer_was_lost_is_found_whole_in_its_listing(studio: Studio) -> None:
    before = campaigns(studio)
    studio.fault = make_campaigns(studio, made=2, lost=True)
    result = studio.run(BATCH.format(account=account_of(studio)))
    assert result.ok, result.error
    assert campaigns(studio) == sorted([*before, "One", "Two"])


def test_a_batch_of_which_a_part_was_made_stays_unknown_and_is_named(studio: Studio) -> None:
    studio.fault = make_campaigns(studio, made=1, lost=True)
    result = studio.run(BATCH.format(account=account_of(studio)))
    assert result.exit_code == 7
    assert "campaigns/create was to make 2, and 1 are new in" in str(result.error)
    (id,) = [id for id, campaign in studio.sandbox.world.campaigns.items() if campaign.name == "One"]
    assert id in str(result.error)


@pytest.mark.parametrize(
    ("operation", "given", "lie"),
    [
        ("boards/update", {"board_id": "{board}", "body": {"description": "New"}}, "nothing_done"),
        ("boards/delete", {"board_id": "{board}"}, "nothing_done"),
        ("pins/update", {"pin_id": "{pin}", "body": {"title": "New"}}, "nothing_done"),
        ("pins/delete", {"pin_id": "{pin}"}, "nothing_done"),
        ("board_sections/delete", {"board_id": "{garden}", "section_id": "{section}"}, "nothing_done"),
        (
            "board_sections/update",
            {"board_id": "{garden}", "section_id": "{section}", "body": {"name": "X"}},
            "nothing_done",
        ),
        ("boards/create", {"body": {"name": "New"}}, "nothing_made"),
        ("board_sections/create", {"board_id": "{garden}", "body": {"name": "New"}}, "nothing_made"),
        (
            "pins/create",
            {
                "body": {
                    "board_id": "{board}",
                    "media_source": {"source_type": "image_url", "url": "https://e.org/a.jpg"},
                }
            },
            "nothing_made",
        ),
        ("pins/save", {"pin_id": "{pin}", "body": {"board_id": "{board}"}}, "nothing_made"),
    ],
)
def test_what_was_answered_as_done_and_was_not_is_found_out(
    studio: Studio, operation: str, given: dict[str, Any], lie: str
) -> None:
    garden = studio.board("Garden ideas")
    facts = {
        "board": studio.board("Empty for now")["id"],
        "garden": garden["id"],
        "pin": garden["pins"][0]["id"],
        "section": garden["sections"][0]["id"],
    }
    text = json.dumps(given)
    for name, value in facts.items():
        text = text.replace(f"{{{name}}}", value)
    studio.lie(**{lie: 1.0})
    result = studio.run(call(operation, **json.loads(text)))
    assert studio.sandbox.control.faults()["counts"] == {lie: 1}
    assert result.exit_code == 7, result.error


def test_events_are_told_as_not_checked_before_the_run_and_after_it(studio: Studio) -> None:
    def fault(request: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        done = HttpResponse(200, b'{"num_events_received": 1, "num_events_processed": 1, "events": []}')
        return done if request.path.endswith("/events") else apply()

    studio.fault = fault
    text = EVENTS.format(account=account_of(studio), id="e1")
    expected = (("events/create", "the service shows none", 1),)
    assert studio.run(text, dry_run=True).not_checked == expected
    result = studio.run(text)
    assert result.ok, result.error
    assert result.not_checked == expected


def test_what_only_a_person_can_tell_is_never_sent_again(studio: Studio) -> None:
    sent = []

    def fault(request: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if not request.path.endswith("/redeem"):
            return apply()
        sent.append(request.path)
        return HttpResponse(502, b"<html></html>", "text/html")

    studio.fault = fault
    body = {"offerCodeHash": "0" * 64, "validateOnly": False}
    assert studio.run(call("ads_credit/redeem", ad_account_id=account_of(studio), body=body)).exit_code == 7
    assert studio.resume().exit_code == 7
    assert len(sent) == 1
