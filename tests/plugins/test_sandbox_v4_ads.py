"""The ads API v4 in the sandbox: the tree of ads, figures at once, and reports that take a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from pinflow_sandbox import Sandbox, Settings, start
from pinflow_sandbox.v4.ads import DIALECT
from tests.plugins.envelopes import Send, data, refusal, sender

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_800_000_000.0  # 2027-01-15
UNKNOWN = "999999999999"
DAYS = "start_date=2027-01-01&end_date=2027-01-03&granularity=DAY&columns=SPEND_IN_DOLLAR,TOTAL_CLICKTHROUGH"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start(now=lambda: NOW, settings=Settings(quotas=False)) as running:
        yield running


@pytest.fixture
def send(sandbox: Sandbox) -> Iterator[Send]:
    with sender(sandbox, "/ads/v4", {"read_advertisers"}) as send:
        yield send


def ids(sandbox: Sandbox) -> dict[str, str]:
    """The example's ad account and the first of everything in it."""
    account = next(record for record in sandbox.world.ad_accounts.values() if record.owner == "garden_studio")
    return {"a": account.id, "c": account.campaigns[0], "g": account.ad_groups[0], "d": account.ads[0]}


ENDPOINTS = [
    ("/advertisers/", {"id", "name", "status"}),
    ("/advertisers/{a}/campaigns", {"id", "name", "status", "advertiser_id"}),
    ("/advertisers/{a}/ad_groups?campaign_ids={c}", {"id", "name", "status", "campaign_id"}),
    ("/advertisers/{a}/ads?campaign_ids={c}&ad_group_ids={g}", {"id", "name", "status", "pin_id"}),
    (f"/advertisers/{{a}}/delivery_metrics?{DAYS}", {"DATE", "SPEND_IN_DOLLAR", "TOTAL_CLICKTHROUGH"}),
    (f"/advertisers/{{a}}/campaigns/delivery_metrics?campaign_ids={{c}}&{DAYS}", {"CAMPAIGN_ID", "SPEND_IN_DOLLAR"}),
    (f"/advertisers/{{a}}/ad_groups/delivery_metrics?ad_group_ids={{g}}&{DAYS}", {"AD_GROUP_ID", "SPEND_IN_DOLLAR"}),
    (f"/advertisers/{{a}}/ads/delivery_metrics?ad_ids={{d}}&{DAYS}", {"AD_ID", "SPEND_IN_DOLLAR"}),
    ("/resources/delivery_metrics", {"metrics"}),
    ("/advertisers/{a}/delivery_metrics/async?token=unknown", {"report_status", "url"}),
]
each_endpoint = pytest.mark.parametrize(("path", "fields"), ENDPOINTS, ids=[path for path, _ in ENDPOINTS])


def test_the_table_of_these_tests_has_every_endpoint_of_v4() -> None:
    assert len(ENDPOINTS) == len([operation for operation in DIALECT.operations() if operation.method == "GET"])


@each_endpoint
def test_an_endpoint_responds_with_the_fields_that_clients_read(
    sandbox: Sandbox, send: Send, path: str, fields: set[str]
) -> None:
    records = data(send("GET", path.format(**ids(sandbox))))
    for record in records if isinstance(records, list) else [records]:
        assert fields.issubset(record)
    assert records


@each_endpoint
def test_each_endpoint_requires_or_refuses_a_trailing_slash(
    sandbox: Sandbox, send: Send, path: str, fields: set[str]
) -> None:
    bare, mark, query = path.format(**ids(sandbox)).partition("?")
    other = bare.rstrip("/") if bare.endswith("/") else f"{bare}/"
    answer = send("GET", other + mark + query)
    assert refusal(answer) == (404, 404)
    assert ("with a slash" if bare.endswith("/") else "without a slash") in answer.json()["message"]


@each_endpoint
def test_an_endpoint_needs_the_scope_read_advertisers(
    sandbox: Sandbox, send: Send, path: str, fields: set[str]
) -> None:
    answer = send("GET", path.format(**ids(sandbox)), scopes=("read_users", "read_boards", "ads:read"))
    assert refusal(answer) == (401, 3) and "['read_advertisers']" in answer.json()["message"]
    assert send("GET", path.format(**ids(sandbox)), scopes=("read_ads",)).status_code == 200
    assert refusal(send("DELETE", path.format(**ids(sandbox)))) == (405, 5)


def test_shared_advertisers_are_listed_with_include_acl(sandbox: Sandbox, send: Send) -> None:
    owner = sandbox.world.accounts["garden_studio"].id
    own = data(send("GET", f"/advertisers/?owner_user_id={owner}"))
    shared = data(send("GET", f"/advertisers/?owner_user_id={owner}&include_acl=true"))
    assert [advertiser["name"] for advertiser in own] == ["Garden Studio Ads"]
    assert [advertiser["name"] for advertiser in shared] == ["Garden Studio Ads", "Client Shop"]
    assert refusal(send("GET", f"/advertisers/?owner_user_id={UNKNOWN}")) == (403, 7)
    assert refusal(send("GET", f"/advertisers/{own[0]['id']}/campaigns", account="client_account")) == (403, 7)


def test_campaigns_ad_groups_and_ads_are_those_of_v5(sandbox: Sandbox, send: Send) -> None:
    root = f"/advertisers/{ids(sandbox)['a']}"
    names: list[str] = []
    query = {"page_size": "1"}
    while True:
        body = send("GET", f"{root}/campaigns", params=query).json()
        names += [record["name"] for record in body["data"]]
        if not body["bookmark"]:
            break
        query["bookmark"] = body["bookmark"]
    assert names == ["Spring planting", "Winter kitchen", "Summer sale"]
    tree = {
        (campaign["name"], group["name"], ad["name"])
        for campaign in data(send("GET", f"{root}/campaigns"))
        for group in data(send("GET", f"{root}/ad_groups?campaign_ids={campaign['id']}"))
        for ad in data(send("GET", f"{root}/ads?campaign_ids={campaign['id']}&ad_group_ids={group['id']}"))
    }
    token = sandbox.world.token_for("garden_studio")
    v5 = requests.get(
        f"{sandbox.url}/v5/ad_accounts/{ids(sandbox)['a']}/ads",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    ).json()
    assert {name for _, _, name in tree} == {record["name"] for record in v5["items"]} and len(tree) == 8
    archived = data(send("GET", f"{root}/campaigns?entity_statuses=ARCHIVED"))
    assert [record["name"] for record in archived] == ["Last year"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"/advertisers/{UNKNOWN}/campaigns", (403, 7)),
        ("/advertisers/x/campaigns", (400, 1)),
        ("/advertisers/{a}/campaigns?page_size=251", (400, 1)),
        ("/advertisers/{a}/ads?ad_group_ids=", (400, 1)),
        ("/advertisers/{a}/ads?entity_statuses=GONE", (400, 1)),
        (f"/advertisers/{{a}}/campaigns/delivery_metrics?campaign_ids={UNKNOWN}&{DAYS}", (404, 404)),
        (f"/advertisers/{{a}}/campaigns/delivery_metrics?{DAYS}", (400, 1)),
        (f"/advertisers/{{a}}/delivery_metrics?{DAYS}&conversion_report_time=TIME_OF_CONVERSION", (400, 1)),
        (f"/advertisers/{{a}}/delivery_metrics?{DAYS}&click_window_days=2", (400, 1)),
        (f"/advertisers/{{a}}/delivery_metrics?{DAYS},NOTHING", (400, 1)),
        ("/advertisers/{a}/delivery_metrics?granularity=DAY&columns=CTR", (400, 1)),
        ("/advertisers/{a}/delivery_metrics?columns=CTR", (400, 1)),
        ("/advertisers/{a}/delivery_metrics/async", (400, 1)),
        ("/nothing", (404, 404)),
    ],
)
def test_each_kind_of_wrong_request_has_its_own_code(
    sandbox: Sandbox, send: Send, path: str, code: tuple[int, int]
) -> None:
    assert refusal(send("GET", path.format(**ids(sandbox)))) == code


def report(**changed: object) -> dict[str, object]:
    return {
        "start_date": "2027-01-01",
        "end_date": "2027-01-10",
        "level": "PIN_PROMOTION",
        "granularity": "DAY",
        "report_format": "CSV",
        "columns": ["CLICKTHROUGH_1", "IMPRESSION_1"],
        "filters": [{"field": "SPEND_IN_DOLLAR", "operator": "GREATER_THAN", "values": [1]}],
        **changed,
    }


def test_a_report_is_requested_polled_and_downloaded_without_a_token(sandbox: Sandbox, send: Send) -> None:
    path = f"/advertisers/{ids(sandbox)['a']}/delivery_metrics/async"
    created = data(send("POST", path, json=report()))
    assert created["report_status"] == "IN_PROGRESS" and created["token"]
    states = [data(send("GET", path, params={"token": created["token"]})) for _ in range(4)]
    assert (states[0]["report_status"], states[0]["url"]) == ("IN_PROGRESS", None)
    assert states[-1]["report_status"] == "FINISHED"
    file = requests.get(states[-1]["url"], timeout=30)
    lines = file.text.splitlines()
    assert lines[0] == "AD_ID,DATE,CLICKTHROUGH_1,IMPRESSION_1" and len(lines) > 10
    assert len(file.content) == states[-1]["size"]
    sandbox.control.advance(7200)
    assert data(send("GET", path, params={"token": created["token"]}))["report_status"] == "EXPIRED"


@pytest.mark.parametrize("outcome", ["FAILED", "CANCELLED", "DOES_NOT_EXIST", "EXPIRED"])
def test_the_settings_choose_how_a_report_fails(sandbox: Sandbox, send: Send, outcome: str) -> None:
    sandbox.control.change(report_outcome=outcome, report_polls=0)
    path = f"/advertisers/{ids(sandbox)['a']}/delivery_metrics/async"
    created = data(send("POST", path, json=report(report_format="JSON")))
    polled = data(send("GET", path, params={"token": created["token"]}))
    assert (polled["report_status"], polled["url"]) == (outcome, None)


@pytest.mark.parametrize(
    "changed",
    [
        {"level": "CAMPAIGN_TARGETING"},
        {"columns": []},
        {"start_date": "2020-01-01"},
        {"filters": [{"field": "CTR", "operator": "GREATER_THAN", "values": [1]}]},
        {"granularity": None},
    ],
)
def test_an_invalid_report_request_is_refused(sandbox: Sandbox, send: Send, changed: dict[str, object]) -> None:
    path = f"/advertisers/{ids(sandbox)['a']}/delivery_metrics/async"
    assert refusal(send("POST", path, json=report(**changed))) == (400, 1)
    assert sandbox.world.reports == {}


def test_a_report_of_a_level_that_only_v4_has_is_empty(sandbox: Sandbox, send: Send) -> None:
    path = f"/advertisers/{ids(sandbox)['a']}/delivery_metrics/async"
    assert data(send("POST", path, json=report(level="SEARCH_QUERY")))["token"]


def test_rate_limits_have_the_headers_of_v4(sandbox: Sandbox, send: Send) -> None:
    sandbox.control.change(quotas=True, per_minute={"ads_read": 2})
    answers = [send("GET", "/advertisers/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-userendpoint-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer.headers["x-userendpoint-ratelimit-limit"] for answer in answers} == {"2"}
    assert refusal(answers[-1]) == (429, 8)
