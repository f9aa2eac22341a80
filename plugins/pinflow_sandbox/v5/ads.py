"""Advertising in API v5: ad accounts, campaigns, ad groups and ads, and their synchronous metrics.

Source: https://github.com/pinterest/api-description (v5/openapi.json; ad_accounts, campaigns, ad_groups, ads)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from pinflow_sandbox.server.errors import invalid_request
from pinflow_sandbox.world import ad_rows, ads, metric_definitions, metrics
from pinflow_sandbox.world.periods import GRANULARITIES, HOURLY, SYNC, parse_period
from pinflow_sandbox.world.records import AdGroupRecord, AdRecord, CampaignRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pinflow_sandbox.server.request import OperationRequest, Reply
    from pinflow_sandbox.world.records import AdAccountRecord, AdEntity
    from pinflow_sandbox.world.world import World

    JsonObject = dict[str, object]

_Entity = TypeVar("_Entity")

_ORDERS: Final = ("ASCENDING", "DESCENDING")
WINDOWS: Final = {f"{name}_window_days": ("0", "1", "7", "14", "30", "60") for name in ("click", "engagement", "view")}
_CHOICES: Final = {
    **WINDOWS,
    "conversion_report_time": ("TIME_OF_AD_ACTION", "TIME_OF_CONVERSION"),
    "reporting_timezone": ("PINTEREST_TIME_ZONE", "AD_ACCOUNT_TIME_ZONE"),
}
_RUNNING: Final = {"ACTIVE": "RUNNING"}
_REVIEWED: Final = {"ACTIVE": "APPROVED"}


def ad_account(account: AdAccountRecord, owner_id: str, viewer: str) -> JsonObject:
    """An AdAccount, as this account sees it."""
    return {
        "id": account.id,
        "name": account.name,
        "owner": {"username": account.owner, "id": owner_id},
        "country": account.country,
        "currency": account.currency,
        "permissions": list(account.roles[viewer]),
        "created_time": int(account.created),
        "updated_time": int(account.created),
    }


def campaign(record: CampaignRecord) -> JsonObject:
    """A CampaignResponse."""
    return {
        "id": record.id,
        "ad_account_id": record.ad_account_id,
        "name": record.name,
        "status": record.status,
        "summary_status": _RUNNING.get(record.status, record.status),
        "objective_type": record.objective,
        "daily_spend_cap": record.daily_cap,
        "lifetime_spend_cap": record.lifetime_cap,
        "start_time": int(record.created),
        "end_time": None if record.ended is None else int(record.ended),
        "created_time": int(record.created),
        "updated_time": int(record.created),
        "type": "campaign",
    }


def ad_group(record: AdGroupRecord) -> JsonObject:
    """An AdGroupResponse."""
    return {
        "id": record.id,
        "ad_account_id": record.ad_account_id,
        "campaign_id": record.campaign_id,
        "name": record.name,
        "status": record.status,
        "summary_status": _RUNNING.get(record.status, record.status),
        "budget_in_micro_currency": record.budget,
        "budget_type": "DAILY",
        "bid_in_micro_currency": record.bid,
        "billable_event": record.billable_event,
        "start_time": int(record.created),
        "end_time": None,
        "created_time": int(record.created),
        "updated_time": int(record.created),
        "type": "adgroup",
    }


def ad(record: AdRecord) -> JsonObject:
    """An AdResponse."""
    summary = "REJECTED" if record.review == "REJECTED" else _REVIEWED.get(record.status, record.status)
    return {
        "id": record.id,
        "ad_account_id": record.ad_account_id,
        "campaign_id": record.campaign_id,
        "ad_group_id": record.ad_group_id,
        "pin_id": record.pin_id,
        "name": record.name,
        "status": record.status,
        "summary_status": summary,
        "creative_type": "REGULAR",
        "destination_url": record.destination_url,
        "review_status": record.review,
        "rejected_reasons": ["LANDING_PAGE"] if record.review == "REJECTED" else [],
        "created_time": int(record.created),
        "updated_time": int(record.created),
        "type": "ad",
    }


def _account(request: OperationRequest) -> AdAccountRecord:
    return ads.ad_account_of(request.world, request.caller, request.path["ad_account_id"])


def _accounts_list(request: OperationRequest) -> Reply:
    shared = request.query_value("include_shared_accounts") is None or request.flag("include_shared_accounts")
    return request.listing(
        ads.visible_accounts(request.world, request.caller, shared=shared),
        lambda id: True,
        lambda id: _account_json(request, request.world.ad_accounts[id]),
        newest_first=False,
    )


def _account_json(request: OperationRequest, account: AdAccountRecord) -> JsonObject:
    return ad_account(account, request.world.accounts[account.owner].id, request.caller.account.username)


def _accounts_get(request: OperationRequest) -> Reply:
    return 200, _account_json(request, _account(request))


def _id_filters(request: OperationRequest, names: Sequence[str]) -> Mapping[str, list[str]]:
    """The id filter of a query, if any. Raises ApiError for two kinds of them."""
    filters = {name: ads.parse_ids(name, request.query[name]) for name in names if name in request.query}
    if len(filters) > 1:
        raise invalid_request(f"only one kind of id filter is taken at a time (were {', '.join(filters)})")
    return filters


def _entities(
    request: OperationRequest,
    ids: Sequence[str],
    find: Callable[[str], CampaignRecord | AdGroupRecord | AdRecord],
    show: Callable[[str], object],
    filters: Mapping[str, Callable[[CampaignRecord | AdGroupRecord | AdRecord], str]],
) -> Reply:
    id_filters = _id_filters(request, list(filters))
    statuses = ads.parse_statuses(request.query.get("entity_statuses", ()))
    newest = request.choice("order", _ORDERS) == "DESCENDING"

    def keep(id: str) -> bool:
        entity = find(id)
        return entity.status in statuses and all(filters[name](entity) in ids for name, ids in id_filters.items())

    return request.listing(ids, keep, show, newest_first=newest)


def _id(entity: CampaignRecord | AdGroupRecord | AdRecord) -> str:
    return entity.id


def _campaign_id(entity: CampaignRecord | AdGroupRecord | AdRecord) -> str:
    return entity.id if isinstance(entity, CampaignRecord) else entity.campaign_id


def _ad_group_id(entity: CampaignRecord | AdGroupRecord | AdRecord) -> str:
    return entity.ad_group_id if isinstance(entity, AdRecord) else entity.id


def _campaigns_list(request: OperationRequest) -> Reply:
    campaigns = request.world.campaigns
    ids = _account(request).campaigns
    return _entities(request, ids, campaigns.__getitem__, lambda id: campaign(campaigns[id]), {"campaign_ids": _id})


def _ad_groups_list(request: OperationRequest) -> Reply:
    groups = request.world.ad_groups
    filters = {"campaign_ids": _campaign_id, "ad_group_ids": _id}
    return _entities(request, _account(request).ad_groups, groups.__getitem__, lambda id: ad_group(groups[id]), filters)


def _ads_list(request: OperationRequest) -> Reply:
    records = request.world.ads
    filters = {"campaign_ids": _campaign_id, "ad_group_ids": _ad_group_id, "ad_ids": _id}
    return _entities(request, _account(request).ads, records.__getitem__, lambda id: ad(records[id]), filters)


def _campaigns_get(request: OperationRequest) -> Reply:
    return 200, campaign(ads.campaign_of(request.world, _account(request), request.path["campaign_id"]))


def _ad_groups_get(request: OperationRequest) -> Reply:
    return 200, ad_group(ads.ad_group_of(request.world, _account(request), request.path["ad_group_id"]))


def _ads_get(request: OperationRequest) -> Reply:
    return 200, ad(ads.ad_of(request.world, _account(request), request.path["ad_id"]))


# metrics


def metric_rows(
    request: OperationRequest, entities: Sequence[AdEntity], choices: Mapping[str, Sequence[str]]
) -> list[object]:
    """The rows of metrics that a query requests; ``choices`` are further parameters, validated but without effect."""
    granularity = request.choice("granularity", GRANULARITIES)
    if granularity is None:
        raise invalid_request("Parameter 'granularity' is required")
    for name, allowed in choices.items():
        request.choice(name, allowed)
    columns = ad_rows.parse_columns(request.query.get("columns", ()))
    today = metrics.day_of(request.world.clock.now())
    reach = HOURLY if granularity == "HOUR" else SYNC
    period = parse_period(request.query_value("start_date"), request.query_value("end_date"), today, reach)
    return list(ad_rows.rows(request.world, entities, period, granularity, columns))


def required_entities(
    request: OperationRequest,
    account: AdAccountRecord,
    name: str,
    find: Callable[[World, AdAccountRecord, str], _Entity],
) -> list[_Entity]:
    """The entities whose ids are in a required parameter. Raises ApiError (400) if it is absent."""
    if name not in request.query:
        raise invalid_request(f"Parameter '{name}' is required")
    return [find(request.world, account, id) for id in ads.parse_ids(name, request.query[name])]


def _metrics(request: OperationRequest, entities: Sequence[AdEntity]) -> Reply:
    return 200, metric_rows(request, entities, _CHOICES)


def _account_metrics(request: OperationRequest) -> Reply:
    return _metrics(request, [_account(request)])


def _campaign_metrics(request: OperationRequest) -> Reply:
    return _metrics(request, required_entities(request, _account(request), "campaign_ids", ads.campaign_of))


def _ad_group_metrics(request: OperationRequest) -> Reply:
    return _metrics(request, required_entities(request, _account(request), "ad_group_ids", ads.ad_group_of))


def _ad_metrics(request: OperationRequest) -> Reply:
    account = _account(request)
    if "ad_ids" in request.query:
        return _metrics(request, required_entities(request, account, "ad_ids", ads.ad_of))
    campaigns = required_entities(request, account, "campaign_ids", ads.campaign_of)
    return _metrics(request, [ad for campaign in campaigns for ad in ads.ads_of(request.world, campaign)])


def _delivery_metrics(request: OperationRequest) -> Reply:
    request.choice("report_type", ("SYNC", "ASYNC"))
    return 200, {"items": [metric_definitions.definition(name) for name in metric_definitions.DEFINITIONS]}


HANDLERS: Final[Mapping[str, Callable[[OperationRequest], Reply]]] = {
    "ad_accounts/list": _accounts_list,
    "ad_accounts/get": _accounts_get,
    "campaigns/list": _campaigns_list,
    "campaigns/get": _campaigns_get,
    "ad_groups/list": _ad_groups_list,
    "ad_groups/get": _ad_groups_get,
    "ads/list": _ads_list,
    "ads/get": _ads_get,
    "ad_account/analytics": _account_metrics,
    "campaigns/analytics": _campaign_metrics,
    "ad_groups/analytics": _ad_group_metrics,
    "ads/analytics": _ad_metrics,
    "delivery_metrics/get": _delivery_metrics,
}
