"""Advertising in API v5: ad accounts, campaigns, ad groups and ads, and their figures at once.

Source: https://github.com/pinterest/api-description (v5/openapi.json; ad_accounts, campaigns, ad_groups, ads)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pinflow_sandbox.server.errors import invalid_request
from pinflow_sandbox.world import ad_rows, ads, metric_definitions, metrics
from pinflow_sandbox.world.periods import GRANULARITIES, HOURLY, SYNC, parse_period
from pinflow_sandbox.world.records import AdGroupRecord, AdRecord, CampaignRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pinflow_sandbox.server.request import OperationRequest, Reply
    from pinflow_sandbox.world.records import AdAccountRecord, AdEntity

    JsonObject = dict[str, object]

_ORDERS: Final = ("ASCENDING", "DESCENDING")
WINDOWS: Final = {f"{name}_window_days": ("0", "1", "7", "14", "30", "60") for name in ("click", "engagement", "view")}
_CHOICES: Final = {
    **WINDOWS,
    "conversion_report_time": ("TIME_OF_AD_ACTION", "TIME_OF_CONVERSION"),
    "reporting_timezone": ("PINTEREST_TIME_ZONE", "AD_ACCOUNT_TIME_ZONE"),
}
_RUNNING: Final = {"ACTIVE": "RUNNING"}
_REVIEWED: Final = {"ACTIVE": "APPROVED"}


def ad_account(found: AdAccountRecord, owner_id: str, viewer: str) -> JsonObject:
    """An AdAccount, as this account sees it."""
    return {
        "id": found.id,
        "name": found.name,
        "owner": {"username": found.owner, "id": owner_id},
        "country": found.country,
        "currency": found.currency,
        "permissions": list(found.roles[viewer]),
        "created_time": int(found.created),
        "updated_time": int(found.created),
    }


def campaign(found: CampaignRecord) -> JsonObject:
    """A CampaignResponse."""
    return {
        "id": found.id,
        "ad_account_id": found.ad_account_id,
        "name": found.name,
        "status": found.status,
        "summary_status": _RUNNING.get(found.status, found.status),
        "objective_type": found.objective,
        "daily_spend_cap": found.daily_cap,
        "lifetime_spend_cap": found.lifetime_cap,
        "start_time": int(found.created),
        "end_time": None if found.ended is None else int(found.ended),
        "created_time": int(found.created),
        "updated_time": int(found.created),
        "type": "campaign",
    }


def ad_group(found: AdGroupRecord) -> JsonObject:
    """An AdGroupResponse."""
    return {
        "id": found.id,
        "ad_account_id": found.ad_account_id,
        "campaign_id": found.campaign_id,
        "name": found.name,
        "status": found.status,
        "summary_status": _RUNNING.get(found.status, found.status),
        "budget_in_micro_currency": found.budget,
        "budget_type": "DAILY",
        "bid_in_micro_currency": found.bid,
        "billable_event": found.billable_event,
        "start_time": int(found.created),
        "end_time": None,
        "created_time": int(found.created),
        "updated_time": int(found.created),
        "type": "adgroup",
    }


def ad(found: AdRecord) -> JsonObject:
    """An AdResponse."""
    summary = "REJECTED" if found.review == "REJECTED" else _REVIEWED.get(found.status, found.status)
    return {
        "id": found.id,
        "ad_account_id": found.ad_account_id,
        "campaign_id": found.campaign_id,
        "ad_group_id": found.ad_group_id,
        "pin_id": found.pin_id,
        "name": found.name,
        "status": found.status,
        "summary_status": summary,
        "creative_type": "REGULAR",
        "destination_url": found.destination_url,
        "review_status": found.review,
        "rejected_reasons": ["LANDING_PAGE"] if found.review == "REJECTED" else [],
        "created_time": int(found.created),
        "updated_time": int(found.created),
        "type": "ad",
    }


def _account(request: OperationRequest) -> AdAccountRecord:
    return ads.ad_account_of(request.world, request.caller, request.path["ad_account_id"])


def _accounts_list(request: OperationRequest) -> Reply:
    shared = request.one("include_shared_accounts") is None or request.flag("include_shared_accounts")
    return request.listing(
        ads.visible_accounts(request.world, request.caller, shared=shared),
        lambda id: True,
        lambda id: _shown_account(request, request.world.ad_accounts[id]),
        newest_first=False,
    )


def _shown_account(request: OperationRequest, found: AdAccountRecord) -> JsonObject:
    return ad_account(found, request.world.accounts[found.owner].id, request.caller.account.username)


def _accounts_get(request: OperationRequest) -> Reply:
    return 200, _shown_account(request, _account(request))


def _given(request: OperationRequest, names: Sequence[str]) -> Mapping[str, list[str]]:
    """The id filter that a query has, if any. Raises ApiError where there are two kinds of them."""
    given = {name: ads.ids_of(name, request.query[name]) for name in names if name in request.query}
    if len(given) > 1:
        raise invalid_request(f"only one kind of id filter is taken at a time (were {', '.join(given)})")
    return given


def _entities(
    request: OperationRequest,
    ids: Sequence[str],
    find: Callable[[str], CampaignRecord | AdGroupRecord | AdRecord],
    show: Callable[[str], object],
    filters: Mapping[str, Callable[[CampaignRecord | AdGroupRecord | AdRecord], str]],
) -> Reply:
    given = _given(request, list(filters))
    statuses = ads.statuses_of(request.query.get("entity_statuses", ()))
    newest = request.choice("order", _ORDERS) == "DESCENDING"

    def keep(id: str) -> bool:
        entity = find(id)
        return entity.status in statuses and all(filters[name](entity) in wanted for name, wanted in given.items())

    return request.listing(ids, keep, show, newest_first=newest)


def _id(entity: CampaignRecord | AdGroupRecord | AdRecord) -> str:
    return entity.id


def _campaign_id(entity: CampaignRecord | AdGroupRecord | AdRecord) -> str:
    return entity.id if isinstance(entity, CampaignRecord) else entity.campaign_id


def _ad_group_id(entity: CampaignRecord | AdGroupRecord | AdRecord) -> str:
    return entity.ad_group_id if isinstance(entity, AdRecord) else entity.id


def _campaigns_list(request: OperationRequest) -> Reply:
    found = request.world.campaigns
    ids = _account(request).campaigns
    return _entities(request, ids, found.__getitem__, lambda id: campaign(found[id]), {"campaign_ids": _id})


def _ad_groups_list(request: OperationRequest) -> Reply:
    found = request.world.ad_groups
    filters = {"campaign_ids": _campaign_id, "ad_group_ids": _id}
    return _entities(request, _account(request).ad_groups, found.__getitem__, lambda id: ad_group(found[id]), filters)


def _ads_list(request: OperationRequest) -> Reply:
    found = request.world.ads
    filters = {"campaign_ids": _campaign_id, "ad_group_ids": _ad_group_id, "ad_ids": _id}
    return _entities(request, _account(request).ads, found.__getitem__, lambda id: ad(found[id]), filters)


def _campaigns_get(request: OperationRequest) -> Reply:
    return 200, campaign(ads.campaign_of(request.world, _account(request), request.path["campaign_id"]))


def _ad_groups_get(request: OperationRequest) -> Reply:
    return 200, ad_group(ads.ad_group_of(request.world, _account(request), request.path["ad_group_id"]))


def _ads_get(request: OperationRequest) -> Reply:
    return 200, ad(ads.ad_of(request.world, _account(request), request.path["ad_id"]))


# figures


def figures_of(
    request: OperationRequest, entities: Sequence[AdEntity], choices: Mapping[str, Sequence[str]]
) -> list[object]:
    """The rows of figures that a query asks for; ``choices`` are what else it may choose, without effect."""
    granularity = request.choice("granularity", GRANULARITIES)
    if granularity is None:
        raise invalid_request("Parameter 'granularity' is required")
    for name, allowed in choices.items():
        request.choice(name, allowed)
    columns = ad_rows.checked_columns(request.query.get("columns", ()))
    today = metrics.day_of(request.world.clock.now())
    reach = HOURLY if granularity == "HOUR" else SYNC
    period = parse_period(request.one("start_date"), request.one("end_date"), today, reach)
    return list(ad_rows.rows(request.world, entities, period, granularity, columns))


def named_ids(request: OperationRequest, name: str) -> list[str]:
    """The ids in a parameter that must be there. Raises ApiError (400) without it."""
    if name not in request.query:
        raise invalid_request(f"Parameter '{name}' is required")
    return ads.ids_of(name, request.query[name])


def _figures(request: OperationRequest, entities: Sequence[AdEntity]) -> Reply:
    return 200, figures_of(request, entities, _CHOICES)


def _account_figures(request: OperationRequest) -> Reply:
    return _figures(request, [_account(request)])


def _campaign_figures(request: OperationRequest) -> Reply:
    account = _account(request)
    ids = named_ids(request, "campaign_ids")
    return _figures(request, [ads.campaign_of(request.world, account, id) for id in ids])


def _ad_group_figures(request: OperationRequest) -> Reply:
    account = _account(request)
    ids = named_ids(request, "ad_group_ids")
    return _figures(request, [ads.ad_group_of(request.world, account, id) for id in ids])


def _ad_figures(request: OperationRequest) -> Reply:
    account, world = _account(request), request.world
    if "ad_ids" in request.query:
        return _figures(request, [ads.ad_of(world, account, id) for id in named_ids(request, "ad_ids")])
    campaigns = [ads.campaign_of(world, account, id) for id in named_ids(request, "campaign_ids")]
    return _figures(request, [ad for campaign in campaigns for ad in ads.ads_of(world, campaign)])


def _delivery_metrics(request: OperationRequest) -> Reply:
    request.choice("report_type", ("SYNC", "ASYNC"))
    return 200, {"items": [metric_definitions.described(name) for name in metric_definitions.DEFINITIONS]}


HANDLERS: Final[Mapping[str, Callable[[OperationRequest], Reply]]] = {
    "ad_accounts/list": _accounts_list,
    "ad_accounts/get": _accounts_get,
    "campaigns/list": _campaigns_list,
    "campaigns/get": _campaigns_get,
    "ad_groups/list": _ad_groups_list,
    "ad_groups/get": _ad_groups_get,
    "ads/list": _ads_list,
    "ads/get": _ads_get,
    "ad_account/analytics": _account_figures,
    "campaigns/analytics": _campaign_figures,
    "ad_groups/analytics": _ad_group_figures,
    "ads/analytics": _ad_figures,
    "delivery_metrics/get": _delivery_metrics,
}
