"""The sandbox's ads, figures and reports over the wire, as any client of API v5 meets them."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from pinflow_sandbox import Sandbox, start

if TYPE_CHECKING:
    from collections.abc import Iterator

DAYS = {"start_date": "2026-12-20", "end_date": "2027-01-14"}


class Visitor:
    """Somebody with a token, and the clock of the sandbox."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0  # 2027-01-15
        self.sandbox: Sandbox = start(now=lambda: self.now)
        self.session = requests.Session()
        self.session.trust_env = False
        self.account = next(iter(self.sandbox.world.ad_accounts))

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.sandbox.world.token_for('garden_studio')}"}

    def get(self, path: str, query: Any = None) -> requests.Response:
        url = f"{self.sandbox.url}/v5{path}"
        return self.session.get(url, params=query, headers=self.headers, timeout=30)

    def ask(self, **more: Any) -> str:
        body = {**DAYS, "level": "CAMPAIGN", "granularity": "DAY", "columns": ["SPEND_IN_DOLLAR"], **more}
        url = f"{self.sandbox.url}/v5/ad_accounts/{self.account}/reports"
        answer = self.session.post(url, json=body, headers=self.headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    def look(self, token: str) -> dict[str, Any]:
        report: dict[str, Any] = self.get(f"/ad_accounts/{self.account}/reports", {"token": token}).json()
        return report

    def finished(self, token: str) -> str:
        self.now += 10
        return str(self.look(token)["url"])


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    visitor = Visitor()
    yield visitor
    visitor.session.close()
    visitor.sandbox.stop()


def test_ids_and_statuses_in_a_query_may_be_separated_by_commas_or_repeated(visitor: Visitor) -> None:
    ids = list(visitor.sandbox.world.campaigns)[:2]
    path = f"/ad_accounts/{visitor.account}/campaigns"
    for query in ({"campaign_ids": ",".join(ids)}, {"campaign_ids": ids}):
        assert [entity["id"] for entity in visitor.get(path, query).json()["items"]] == ids
    every = {"entity_statuses": ["ACTIVE,PAUSED", "DRAFT", "ARCHIVED"]}
    assert len(visitor.get(path, every).json()["items"]) == 5


def test_ads_are_listed_page_by_page(visitor: Visitor) -> None:
    path, query = f"/ad_accounts/{visitor.account}/ads", {"page_size": "3"}
    ids: list[str] = []
    while True:
        page = visitor.get(path, query).json()
        ids += [ad["id"] for ad in page["items"]]
        if page["bookmark"] is None:
            break
        query = {"page_size": "3", "bookmark": page["bookmark"]}
    assert (ids, len(ids)) == (sorted(ids), 8)


def test_an_ad_account_without_a_role_for_the_caller_is_not_listed(visitor: Visitor) -> None:
    token = visitor.sandbox.world.token_for("neighbour")
    url = f"{visitor.sandbox.url}/v5/ad_accounts"
    headers = {"Authorization": f"Bearer {token}"}
    assert visitor.session.get(url, headers=headers, timeout=30).json()["items"] == []
    assert visitor.session.get(f"{url}/{visitor.account}", headers=headers, timeout=30).status_code == 403


def test_promoted_pins_are_the_accounts_own(visitor: Visitor) -> None:
    world = visitor.sandbox.world
    assert all(world.pins[ad.pin_id].account == world.ad_accounts[ad.ad_account_id].owner for ad in world.ads.values())
    promoted = visitor.get("/pins", {"pin_filter": "has_been_promoted", "page_size": "250"}).json()["items"]
    ours = {ad.pin_id for ad in world.ads.values() if ad.ad_account_id == visitor.account}
    assert {pin["id"] for pin in promoted} == ours


def test_the_same_query_for_metrics_has_the_same_result_in_every_sandbox(visitor: Visitor) -> None:
    other = Visitor()
    try:
        path = "/user_account/analytics"
        assert visitor.get(path, DAYS).json() == other.get(path, DAYS).json()
    finally:
        other.session.close()
        other.sandbox.stop()


def test_a_report_is_finished_after_a_time_or_a_number_of_polls(visitor: Visitor) -> None:
    token = visitor.ask()
    assert visitor.look(token) == {"report_status": "IN_PROGRESS", "url": None, "size": None}
    visitor.now += 10
    assert visitor.look(token)["report_status"] == "FINISHED"
    visitor.now += 3601
    assert visitor.look(token) == {"report_status": "EXPIRED", "url": None, "size": None}
    again = visitor.ask()
    assert [visitor.look(again)["report_status"] for _ in range(3)] == ["IN_PROGRESS", "IN_PROGRESS", "FINISHED"]


@pytest.mark.parametrize("outcome", ["FAILED", "CANCELLED", "EXPIRED", "DOES_NOT_EXIST"])
def test_the_settings_choose_the_outcome_of_a_report(visitor: Visitor, outcome: str) -> None:
    visitor.sandbox.control.change(report_outcome=outcome)
    token = visitor.ask()
    visitor.now += 10
    assert visitor.look(token) == {"report_status": outcome, "url": None, "size": None}


def test_a_report_is_unknown_under_a_wrong_token_and_to_another_account(visitor: Visitor) -> None:
    token = visitor.ask()
    visitor.account = list(visitor.sandbox.world.ad_accounts)[1]
    assert visitor.look("unknown")["report_status"] == visitor.look(token)["report_status"] == "DOES_NOT_EXIST"


def test_the_url_of_a_report_is_on_another_host_and_valid_for_five_minutes(visitor: Visitor) -> None:
    token = visitor.ask()
    url = visitor.finished(token)
    assert visitor.sandbox.url.startswith("http://127.0.0.1:")
    assert url.startswith("http://localhost:")
    fetched = visitor.session.get(url, timeout=30)
    assert (fetched.status_code, len(fetched.content)) == (200, visitor.look(token)["size"])
    visitor.now += 299
    assert visitor.session.get(url, timeout=30).status_code == 200
    visitor.now += 2
    late = visitor.session.get(url, timeout=30)
    assert (late.status_code, "Request has expired" in late.text) == (403, True)
    assert visitor.session.get(visitor.look(token)["url"], timeout=30).status_code == 200


def test_a_signed_url_is_refused_with_another_credential_or_when_changed(visitor: Visitor) -> None:
    url = visitor.finished(visitor.ask())
    signed = visitor.session.get(url, headers=visitor.headers, timeout=30)
    assert (signed.status_code, "Only one auth mechanism" in signed.text) == (400, True)
    for wrong in (url + "0", url.replace("X-Amz-Expires=1", "X-Amz-Expires=2"), url.replace(".json", ".csv")):
        assert visitor.session.get(wrong, timeout=30).status_code == 403
    assert visitor.session.post(url, timeout=30).status_code == 405


def test_a_csv_has_a_row_a_day_and_json_rows_by_id(visitor: Visitor) -> None:
    text = visitor.session.get(visitor.finished(visitor.ask(report_format="CSV")), timeout=30).text
    rows = list(csv.DictReader(text.splitlines()))
    assert list(rows[0]) == ["CAMPAIGN_ID", "DATE", "SPEND_IN_DOLLAR"]
    by_id = json.loads(visitor.session.get(visitor.finished(visitor.ask()), timeout=30).text)
    assert sum(len(group) for group in by_id.values()) == len(rows)
    assert set(by_id) == {row["CAMPAIGN_ID"] for row in rows}


def test_a_report_can_be_filtered_by_ids_and_by_metrics(visitor: Visitor) -> None:
    id = next(iter(visitor.sandbox.world.campaigns))
    narrow: dict[str, Any] = {"level": "PIN_PROMOTION", "campaign_ids": [id], "granularity": "TOTAL"}
    rows_by_id = json.loads(visitor.session.get(visitor.finished(visitor.ask(**narrow)), timeout=30).text)
    assert set(rows_by_id) <= set(visitor.sandbox.world.campaigns[id].ads)
    spend = sorted(row["SPEND_IN_DOLLAR"] for rows in rows_by_id.values() for row in rows)
    more = {"field": "SPEND_IN_DOLLAR", "operator": "GREATER_THAN", "values": [spend[0]]}
    fewer = visitor.session.get(visitor.finished(visitor.ask(**narrow, metrics_filters=[more])), timeout=30).json()
    assert len(fewer) == len(rows_by_id) - 1


def test_the_settings_choose_the_outcome_of_a_video_upload(visitor: Visitor) -> None:
    visitor.sandbox.control.change(processing_outcome="failed")
    url = f"{visitor.sandbox.url}/v5/media"
    media = visitor.session.post(url, json={"media_type": "video"}, headers=visitor.headers, timeout=30).json()
    assert visitor.get(f"/media/{media['media_id']}").json()["status"] == "registered"
    files = {"file": ("film.mp4", b"bytes")}
    sent = visitor.session.post(media["upload_url"], data=media["upload_parameters"], files=files, timeout=30)
    assert sent.status_code == 204
    assert visitor.get(f"/media/{media['media_id']}").json()["status"] == "processing"
    visitor.now += 10
    assert visitor.get(f"/media/{media['media_id']}").json()["status"] == "failed"


@pytest.mark.parametrize(("path", "noun"), [("campaigns", "Campaign"), ("ad_groups", "Ad group"), ("ads", "Ad")])
def test_an_unknown_entity_is_not_found(visitor: Visitor, path: str, noun: str) -> None:
    answer = visitor.get(f"/ad_accounts/{visitor.account}/{path}/999")
    assert (answer.status_code, answer.json()["message"]) == (404, f"{noun} not found.")


def test_an_unknown_upload_is_not_found(visitor: Visitor) -> None:
    answer = visitor.get("/media/999")
    assert (answer.status_code, answer.json()["message"]) == (404, "Media not found.")
