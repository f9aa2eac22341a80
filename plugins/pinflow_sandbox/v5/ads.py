"""Advertising in API v5: ad accounts, campaigns, ad groups and ads, and their synchronous metrics.

Source: https://github.com/pinterest/api-description (v5/openapi.json; ad_accounts, campaigns, ad_groups, ads)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pinflow_sandbox.server.errors import invalid_request
from pinflow_sandbox.world import ad_rows, ads
from pinflow_sandbox.world.ad_columns import DEFINITIONS
from pinflow_sandbox.world.periods import GRANULARITIES, HOURLY, SYNC

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pinflow_sandbox.server.request import ListingPage, OperationRequest
    from pinflow_sandbox.world.records import AdAccountRecord, AdEntity, AdGroupRecord, AdRecord, CampaignRecord

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


def _entity(record: CampaignRecord | AdGroupRecord | AdRecord, kind: str) -> JsonObject:
    """What campaigns, ad groups and ads have in common."""
    return {
        "id": record.id,
        "ad_account_id": record.ad_account_id,
        "name": record.name,
        "status": record.status,
        "created_time": int(record.created),
        "updated_time": int(record.created),
        "type": kind,
    }


def campaign(record: CampaignRecord) -> JsonObject:
    """A CampaignResponse."""
    return {
        **_entity(record, "campaign"),
        "summary_status": _RUNNING.get(record.status, record.status),
        "objective_type": record.objective,
        "daily_spend_cap": record.daily_cap,
        "lifetime_spend_cap": record.lifetime_cap,
        "start_time": int(record.created),
        "end_time": None if record.ended is None else int(record.ended),
    }


def ad_group(record: AdGroupRecord) -> JsonObject:
    """An AdGroupResponse."""
    return {
        **_entity(record, "adgroup"),
        "campaign_id": record.campaign_id,
        "summary_status": _RUNNING.get(record.status, record.status),
        "budget_in_micro_currency": record.budget,
        "budget_type": "DAILY",
        "bid_in_micro_currency": record.bid,
        "billable_event": record.billable_event,
        "start_time": int(record.created),
        "end_time": None,
    }


def ad(record: AdRecord) -> JsonObject:
    """An AdResponse."""
    rejected = record.review == "REJECTED"
    return {
        **_entity(record, "ad"),
        "campaign_id": record.campaign_id,
        "ad_group_id": record.ad_group_id,
        "pin_id": record.pin_id,
        "summary_status": "REJECTED" if rejected else _REVIEWED.get(record.status, record.status),
        "creative_type": "REGULAR",
        "destination_url": record.destination_url,
        "review_status": record.review,
        "rejected_reasons": ["LANDING_PAGE"] if rejected else [],
    }


def _account(request: OperationRequest) -> AdAccountRecord:
    return ads.ad_account_of(request.world, request.caller, request.path["ad_account_id"])


def _accounts_list(request: OperationRequest) -> object:
    shared = request.query_value("include_shared_accounts") is None or request.flag("include_shared_accounts")
    return request.listing(
        request.world.ad_accounts,
        ads.visible_accounts(request.world, request.caller, shared=shared),
        lambda account: _account_json(request, account),
        newest_first=False,
    )


def _account_json(request: OperationRequest, account: AdAccountRecord) -> JsonObject:
    return ad_account(account, request.world.accounts[account.owner].id, request.caller.account.username)


def entity_page(
    request: OperationRequest,
    records: Mapping[str, ads.Entity],
    ids: Sequence[str],
    show: Callable[[ads.Entity], object],
    filters: Mapping[str, Sequence[str]],
    *,
    newest_first: bool = False,
) -> ListingPage:
    """One page of campaigns, ad groups or ads, by the statuses of the query and by ids: noun -> ids."""
    statuses = ads.parse_statuses(request.values("entity_statuses"))

    def keep(entity: ads.Entity) -> bool:
        return entity.status in statuses and all(ads.id_in(entity, noun) in ids for noun, ids in filters.items())

    return request.listing(records, ids, show, keep, newest_first=newest_first)


def _entities(
    request: OperationRequest,
    records: Mapping[str, ads.Entity],
    ids: Sequence[str],
    show: Callable[[ads.Entity], object],
    *nouns: str,
) -> ListingPage:
    """A page with an id filter for one of these nouns, if any. Raises ApiError for two kinds of them."""
    filters = ads.id_filters(nouns, request.query)
    if len(filters) > 1:
        kinds = ", ".join(f"{noun}_ids" for noun in filters)
        raise invalid_request(f"only one kind of id filter is taken at a time (were {kinds})")
    newest = request.choice("order", _ORDERS) == "DESCENDING"
    return entity_page(request, records, ids, show, filters, newest_first=newest)


def _entity_in_path(request: OperationRequest, records: Mapping[str, ads.Entity], noun: str) -> ads.Entity:
    return ads.entity_of(records, _account(request), noun, request.path[f"{noun}_id"])


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
    period = request.period(HOURLY if granularity == "HOUR" else SYNC)
    return list(ad_rows.rows(request.world, entities, period, granularity, columns))


def required_entities(
    request: OperationRequest, account: AdAccountRecord, records: Mapping[str, ads.Entity], noun: str
) -> list[ads.Entity]:
    """The entities whose ids are in a required parameter. Raises ApiError (400) if it is absent."""
    name = f"{noun}_ids"
    if name not in request.query:
        raise invalid_request(f"Parameter '{name}' is required")
    return [ads.entity_of(records, account, noun, id) for id in ads.parse_ids(name, request.query[name])]


def _metrics(request: OperationRequest, records: Mapping[str, ads.Entity], noun: str) -> object:
    return metric_rows(request, required_entities(request, _account(request), records, noun), _CHOICES)


def _ad_metrics(request: OperationRequest) -> object:
    account, world = _account(request), request.world
    if "ad_ids" in request.query:
        chosen = required_entities(request, account, world.ads, "ad")
    else:
        campaigns = required_entities(request, account, world.campaigns, "campaign")
        chosen = [ad for campaign in campaigns for ad in ads.ads_of(world, campaign)]
    return metric_rows(request, chosen, _CHOICES)


def _delivery_metrics(request: OperationRequest) -> object:
    request.choice("report_type", ("SYNC", "ASYNC"))
    return {
        "items": [
            {"name": name, "display_name": name.replace("_", " ").capitalize(), "definition": text, "category": "ADS"}
            for name, text in DEFINITIONS.items()
        ]
    }


HANDLERS: Final[Mapping[str, Callable[[OperationRequest], object]]] = {
    "ad_accounts/list": _accounts_list,
    "ad_accounts/get": lambda it: _account_json(it, _account(it)),
    "campaigns/list": lambda it: _entities(it, it.world.campaigns, _account(it).campaigns, campaign, "campaign"),
    "campaigns/get": lambda it: campaign(_entity_in_path(it, it.world.campaigns, "campaign")),
    "ad_groups/list": lambda it: _entities(
        it, it.world.ad_groups, _account(it).ad_groups, ad_group, "campaign", "ad_group"
    ),
    "ad_groups/get": lambda it: ad_group(_entity_in_path(it, it.world.ad_groups, "ad_group")),
    "ads/list": lambda it: _entities(it, it.world.ads, _account(it).ads, ad, "campaign", "ad_group", "ad"),
    "ads/get": lambda it: ad(_entity_in_path(it, it.world.ads, "ad")),
    "ad_account/analytics": lambda it: metric_rows(it, [_account(it)], _CHOICES),
    "campaigns/analytics": lambda it: _metrics(it, it.world.campaigns, "campaign"),
    "ad_groups/analytics": lambda it: _metrics(it, it.world.ad_groups, "ad_group"),
    "ads/analytics": _ad_metrics,
    "delivery_metrics/get": _delivery_metrics,
}
