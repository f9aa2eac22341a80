"""Ad accounts, what is in them, and figures by day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pinflow import Action, ActionError, RemoteError, UsageError
from pinflow_pinterest_v5.actions.ads import (
    get_ad_analytics,
    list_ad_accounts,
    list_ad_groups,
    list_ads,
    list_campaigns,
    list_delivery_metrics,
)
from pinflow_pinterest_v5.actions.analytics import get_pin_analytics, get_user_analytics, top_pins, top_video_pins
from pinflow_pinterest_v5.actions.terms import related_terms, suggested_terms
from pinflow_pinterest_v5.actions.users import list_businesses
from pinflow_sandbox.server.messages import HttpResponse
from pinflow_sandbox.world import ad_columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow_sandbox.server.messages import HttpRequest
    from tests.plugins.conftest import Bench

OURS = "Garden Studio Ads"


def named(found: list[Any]) -> list[str]:
    return [each["name"] for each in found]


def campaign(bench: Bench, name: str = "Spring planting") -> str:
    return next(each.id for each in bench.sandbox.world.campaigns.values() if each.name == name)


def test_ad_accounts_are_listed_with_those_that_are_shared(bench: Bench) -> None:
    assert named(bench.run(list_ad_accounts)) == [OURS, "Client Shop"]
    assert named(bench.run(list_ad_accounts, shared=False)) == [OURS]
    assert named(bench.run(list_ad_accounts, limit=1)) == [OURS]


def test_active_and_paused_ads_are_listed_by_default(bench: Bench) -> None:
    names = named(bench.run(list_campaigns, ad_account=OURS))
    assert names == ["Spring planting", "Winter kitchen", "Summer sale"]
    assert named(bench.run(list_campaigns, ad_account=OURS, order="DESCENDING")) == names[::-1]
    assert named(bench.run(list_campaigns, ad_account=OURS, statuses=["ARCHIVED", "DRAFT"])) == [
        "Last year",
        "Next idea",
    ]
    assert named(bench.run(list_campaigns, ad_account=OURS, campaigns=[campaign(bench)])) == ["Spring planting"]


def test_ad_groups_and_ads_can_be_of_campaigns_groups_or_ids(bench: Bench) -> None:
    id = campaign(bench)
    groups = bench.run(list_ad_groups, ad_account=OURS, campaigns=[id])
    assert named(groups) == ["Gardeners", "Balconies"]
    assert len(bench.run(list_ads, ad_account=OURS, campaigns=[id])) == 5
    found = bench.run(list_ads, ad_account=OURS, ad_groups=[groups[1]["id"]])
    assert {ad["ad_group_id"] for ad in found} == {groups[1]["id"]}
    assert bench.run(list_ads, ad_account=OURS, ads=[found[0]["id"]]) == found[:1]


def test_a_login_with_one_ad_account_need_not_name_it(bench: Bench) -> None:
    assert named(bench.run(list_campaigns, login="client_account")) == ["Reception"]


@pytest.mark.parametrize("ad_account", [None, "garden studio ads"])
def test_an_ad_account_that_is_not_clear_is_told_with_all_that_there_are(bench: Bench, ad_account: str | None) -> None:
    with pytest.raises(ActionError, match=r"Garden Studio Ads \([0-9]+\), Client Shop \([0-9]+\)"):
        bench.run(list_campaigns, ad_account=ad_account)


def test_an_ad_account_of_another_owner_is_refused_with_a_hint(bench: Bench) -> None:
    with pytest.raises(RemoteError, match="no role in this ad account") as caught:
        bench.run(list_campaigns, ad_account="123")
    assert caught.value.status == 403


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"campaigns": ["1"], "ads": ["2"]}, "campaigns and ads can't be combined"),
        ({"ads": []}, "ads must have 1 to 250 ids, not 0"),
        ({"ad_groups": ["1"] * 251}, "ad_groups must have 1 to 250 ids, not 251"),
    ],
)
def test_filters_that_the_service_does_not_take_are_not_sent(bench: Bench, given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        bench.run(list_ads, ad_account=OURS, **given)
    assert bench.operations() == []


def test_the_columns_of_reports_are_told_with_what_they_mean(bench: Bench) -> None:
    found = bench.run(list_delivery_metrics)
    assert {each["name"] for each in found} >= set(ad_columns.MEASURES)
    assert all(each["definition"] for each in found)


def test_businesses_are_listed_by_name(bench: Bench) -> None:
    assert [each["username"] for each in bench.run(list_businesses)] == ["client_account"]


# figures of Pins and accounts


def test_an_accounts_figures_come_by_day_as_they_are_and_as_rows(bench: Bench) -> None:
    found = bench.run(get_user_analytics, metrics=["IMPRESSION", "SAVE_RATE"])
    assert (found["start_date"], found["end_date"]) == ("2026-12-16", "2027-01-14")
    assert list(found["rows"][0]) == ["date", "IMPRESSION", "SAVE_RATE"]
    assert [row["date"] for row in found["rows"]] == [day["date"] for day in found["parts"]["all"]["daily_metrics"]]
    assert sum(row["IMPRESSION"] for row in found["rows"]) == found["parts"]["all"]["summary_metrics"]["IMPRESSION"]


def test_a_day_that_is_still_counted_has_no_row(bench: Bench) -> None:
    found = bench.run(get_user_analytics, start_date="2 days ago", end_date="today")
    days = found["parts"]["all"]["daily_metrics"]
    assert [day["data_status"] for day in days] == ["READY", "ESTIMATE", "PROCESSING"]
    assert [row["date"] for row in found["rows"]] == ["2027-01-13", "2027-01-14"]


def test_split_figures_add_up_to_the_whole_and_name_their_part(bench: Bench) -> None:
    whole = bench.run(get_user_analytics, metrics=["IMPRESSION"])["rows"]
    split = bench.run(get_user_analytics, metrics=["IMPRESSION"], split_field="APP_TYPE")["rows"]
    assert {row["part"] for row in split} == {"MOBILE", "TABLET", "WEB"}
    assert sum(row["IMPRESSION"] for row in split) == sum(row["IMPRESSION"] for row in whole)
    mobile = bench.run(get_user_analytics, metrics=["IMPRESSION"], app_types="MOBILE")["rows"]
    assert sum(row["IMPRESSION"] for row in mobile) < sum(row["IMPRESSION"] for row in whole)


def test_an_ad_account_asks_for_its_owner(bench: Bench) -> None:
    shop = bench.run(get_user_analytics, ad_account="Client Shop", metrics=["IMPRESSION"])["rows"]
    assert shop == bench.run(get_user_analytics, login="client_account", metrics=["IMPRESSION"])["rows"]


def test_figures_of_several_pins_come_in_one_call(bench: Bench) -> None:
    first, second = [pin["id"] for pin in bench.board("Garden ideas")["pins"][:2]]
    bench.forget()
    found = bench.run(get_pin_analytics, pins=[first, second], metrics=["IMPRESSION"])
    assert bench.calls() == {"multi_pins/analytics": 1}
    assert [row["id"] for row in found["rows"]] == [first] * 30 + [second] * 30
    alone = bench.run(get_pin_analytics, pin=first, metrics=["IMPRESSION"])
    assert alone["rows"] == found["rows"][:30]


def test_before_a_pin_was_there_it_has_no_figures(bench: Bench) -> None:
    pin = bench.board("Garden ideas")["pins"][0]["id"]
    bench.sandbox.world.pins[pin].created = bench.now - 3 * 86_400
    found = bench.run(get_pin_analytics, pin=pin, start_date="5 days ago")
    statuses = [day["data_status"] for day in found["pins"][pin]["all"]["daily_metrics"]]
    assert statuses == ["BEFORE_PIN_CREATED"] * 2 + ["READY"] * 2 + ["ESTIMATE"]
    assert [row["date"] for row in found["rows"]] == ["2027-01-12", "2027-01-13", "2027-01-14"]


def test_fields_that_nobody_asked_for_do_no_harm(bench: Bench) -> None:
    pins = [pin["id"] for pin in bench.board("Garden ideas")["pins"][:2]]
    plain = [bench.run(get_user_analytics), bench.run(get_pin_analytics, pins=pins), bench.run(top_pins)]

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        body = apply().body
        strange = b'{"x_new": {"of": [1]}, "x_flag": true, "x_none": null, '
        for place in (b"{", b'"metrics":{', b'"all":{'):
            body = body.replace(place, place[:-1] + strange, 1)
        return HttpResponse(200, body)

    bench.fault = fault
    strange = [bench.run(get_user_analytics), bench.run(get_pin_analytics, pins=pins), bench.run(top_pins)]
    assert [each["rows"] for each in strange] == [each["rows"] for each in plain]


@pytest.mark.parametrize("body", [b"[]", b"{}", b"null", b'"x"', b'{"all": 3}', b'{"all": {"daily_metrics": [1]}}'])
def test_an_answer_that_is_not_daily_metrics_is_an_error(bench: Bench, body: bytes) -> None:
    bench.fault = lambda call, apply: HttpResponse(200, body)
    with pytest.raises(ActionError, match="the service's answer is not daily metrics"):
        bench.run(get_user_analytics)
    with pytest.raises(ActionError, match="the service's answer is not daily metrics"):
        bench.run(get_pin_analytics, pin="1")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "needs either pin or pins"),
        ({"pin": "1", "pins": ["1"]}, "needs either pin or pins"),
        ({"pins": []}, "pins must have 1 to 100 ids, not 0"),
        ({"pins": ["1"] * 101}, "pins must have 1 to 100 ids, not 101"),
        ({"pins": ["1"], "split_field": "APP_TYPE"}, "split_field can't be combined with pins"),
        ({"pin": "1", "start_date": "91 days ago"}, "there are metrics of the last 90 days, from 2026-10-17 on"),
    ],
)
def test_figures_that_there_are_none_of_are_not_asked_for(bench: Bench, given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        bench.run(get_pin_analytics, **given)
    assert bench.operations() == []


def test_a_pin_that_there_is_not_is_told(bench: Bench) -> None:
    with pytest.raises(RemoteError, match=r"Pin not found\. \(HTTP 404"):
        bench.run(get_pin_analytics, pin="1")


def test_top_pins_are_ranked_by_what_was_asked_for(bench: Bench) -> None:
    found = bench.run(top_pins, sort_by="SAVE", count=5, metrics=["SAVE", "IMPRESSION"])
    saves = [row["SAVE"] for row in found["rows"]]
    assert (len(saves), saves) == (5, sorted(saves, reverse=True))
    assert list(found["rows"][0]) == ["id", "SAVE", "IMPRESSION"]


def test_top_videos_are_videos(bench: Bench) -> None:
    (row,) = bench.run(top_video_pins)["rows"]
    assert bench.sandbox.world.pins[row["id"]].content.kind == "video"
    assert row["VIDEO_START"] > 0


def test_created_in_last_n_days_limits_a_ranking_to_recent_pins(bench: Bench) -> None:
    assert bench.run(top_pins, created_in_last_n_days=30)["rows"] == []


@pytest.mark.parametrize("action", [get_user_analytics, get_pin_analytics, top_pins, top_video_pins, get_ad_analytics])
@pytest.mark.parametrize("day", ["soon", "01.02.2026", "2026-2-1", "tomorrow", "30 days", "1000 days ago"])
def test_an_invalid_date_is_found_before_the_run(action: Action, day: str) -> None:
    (problem,) = action.parameters.problems({"start_date": day})
    assert problem.message.endswith("isn't a date such as 2026-03-01, today, yesterday, or 30 days ago")


# figures of ads


@pytest.mark.parametrize(
    ("level", "ids"),
    [("ad_account", None), ("campaign", "campaigns"), ("ad_group", "ad_groups"), ("ad", "ads")],
)
def test_figures_of_every_level_come_by_day(bench: Bench, level: str, ids: str | None) -> None:
    given: dict[str, Any] = {} if ids is None else {"ids": [next(iter(getattr(bench.sandbox.world, ids)))]}
    found = bench.run(get_ad_analytics, level=level, ad_account=OURS, **given)
    assert list(found["rows"][0]) == ["date", "id", "SPEND_IN_DOLLAR", "TOTAL_CLICKTHROUGH"]
    assert len(found["rows"]) == len(found["items"]) == 30


def test_a_campaigns_figures_are_those_of_its_ads(bench: Bench) -> None:
    world, id = bench.sandbox.world, campaign(bench)
    query: dict[str, Any] = {"ad_account": OURS, "columns": ["SPEND_IN_MICRO_DOLLAR"], "granularity": "TOTAL"}
    (whole,) = bench.run(get_ad_analytics, level="campaign", ids=[id], **query)["rows"]
    ads = bench.run(get_ad_analytics, level="ad", ids=list(world.campaigns[id].ads), **query)["rows"]
    assert len(ads) == 4  # one was rejected, and never ran
    assert sum(row["SPEND_IN_MICRO_DOLLAR"] for row in ads) == whole["SPEND_IN_MICRO_DOLLAR"]


@pytest.mark.parametrize(("granularity", "count"), [("TOTAL", 1), ("DAY", 3), ("HOUR", 72), ("WEEK", 1), ("MONTH", 1)])
def test_rows_are_as_fine_as_was_asked_for(bench: Bench, granularity: str, count: int) -> None:
    days: dict[str, Any] = {"start_date": "2027-01-12", "end_date": "2027-01-14"}
    found = bench.run(get_ad_analytics, ad_account=OURS, granularity=granularity, **days)
    assert len(found["rows"]) == count
    assert ("date" in found["rows"][0]) == (granularity != "TOTAL")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"level": "campaign"}, r"level campaign needs ids\n  list_campaigns and the recipe ads_tree list them"),
        ({"ids": ["1"]}, "level ad_account takes no ids"),
        ({"level": "ad", "ids": ["1"] * 251}, "ids must have 1 to 250 ids, not 251"),
        ({"granularity": "HOUR"}, "there are metrics of the last 8 days"),
    ],
)
def test_figures_of_ads_that_there_are_none_of_are_not_asked_for(bench: Bench, given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        bench.run(get_ad_analytics, ad_account=OURS, **given)
    assert bench.operations() == []


# terms


def test_related_terms_come_for_each_term(bench: Bench) -> None:
    found = bench.run(related_terms, terms=["garden", "büro & co"])
    assert [each["term"] for each in found] == ["garden", "büro & co"]
    assert all(each["related_terms"] for each in found)


def test_suggested_terms_begin_with_the_term(bench: Bench) -> None:
    found = bench.run(suggested_terms, term="garden", limit=10)
    assert len(found) == 10
    assert all(each.startswith("garden ") for each in found)
    assert len(bench.run(suggested_terms, term="garden")) == 4


def test_terms_that_the_service_would_take_for_two_are_found_before_the_run(bench: Bench) -> None:
    assert suggested_terms.parameters.problems({"term": "a,b"})[0].message.endswith("isn't a term without a comma")
    assert related_terms.parameters.problems({"terms": ["a,b"]})
    assert suggested_terms.parameters.problems({"term": "a", "limit": 11})
    with pytest.raises(UsageError, match="at least one term"):
        bench.run(related_terms, terms=[])
