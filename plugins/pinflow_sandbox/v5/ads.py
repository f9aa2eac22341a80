"""Advertising in API v5: ad accounts, campaigns, ad groups and ads, and their synchronous metrics.

Source: https://github.com/pinterest/api-description (v5/openapi.json; ad_accounts, campaigns, ad_groups, ads)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pinflow_sandbox.server.errors import invalid_request
from pinflow_sandbox.world import ad_rows, ads
from pinflow_sandbox.world.ad_columns import DEFINITIONS
from pinflow_sandbox.world.periods import GRANULARITIES, HOURLY, SYNC
from pinflow_sandbox.world.records import AdGroupRecord, AdRecord, CampaignRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pinflow_sandbox.server.request import ListingPage, OperationRequest
    from pinflow_sandbox.world.records import AdAccountRecord, AdEntity, AdItem

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


def item_json(item: AdItem) -> JsonObject:
    """A CampaignResponse, AdGroupResponse or AdResponse."""
    created = int(item.created)
    match item:
        case CampaignRecord():
            special: JsonObject = {
                "type": "campaign",
                "summary_status": _RUNNING.get(item.status, item.status),
                "objective_type": item.objective,
                "daily_spend_cap": item.daily_cap,
                "lifetime_spend_cap": item.lifetime_cap,
                "start_time": created,
                "end_time": None if item.ended is None else int(item.ended),
            }
        case AdGroupRecord():
            special = {
                "type": "adgroup",
                "campaign_id": item.campaign_id,
                "summary_status": _RUNNING.get(item.status, item.status),
                "budget_in_micro_currency": item.budget,
                "budget_type": "DAILY",
                "bid_in_micro_currency": item.bid,
                "billable_event": item.billable_event,
                "start_time": created,
                "end_time": None,
            }
        case AdRecord():
            rejected = item.review == "REJECTED"
            special = {
                "type": "ad",
                "campaign_id": item.campaign_id,
                "ad_group_id": item.ad_group_id,
                "pin_id": item.pin_id,
                "summary_status": "REJECTED" if rejected else _REVIEWED.get(item.status, item.status),
                "creative_type": "REGULAR",
                "destination_url": item.destination_url,
                "review_status": item.review,
                "rejected_reasons": ["LANDING_PAGE"] if rejected else [],
            }
    return {
        "id": item.id,
        "ad_account_id": item.ad_account_id,
        "name": item.name,
        "status": item.status,
        "created_time": created,
        "updated_time": created,
        **special,
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
    """An AdAccount, as the caller sees it."""
    return {
        "id": account.id,
        "name": account.name,
        "owner": {"username": account.owner, "id": request.world.accounts[account.owner].id},
        "country": account.country,
        "currency": account.currency,
        "permissions": list(account.roles[request.caller.account.username]),
        "created_time": int(account.created),
        "updated_time": int(account.created),
    }


def items_page(
    request: OperationRequest,
    account: AdAccountRecord,
    noun: str,
    id_filters: Mapping[str, Sequence[str]],
    *,
    show: Callable[[AdItem], object] = item_json,
    newest_first: bool = False,
) -> ListingPage:
    """One page of the campaigns, ad groups or ads in an ad account, by the statuses of the query and by ids."""
    statuses = ads.parse_statuses(request.values("entity_statuses"))

    def keep(item: AdItem) -> bool:
        return item.status in statuses and all(ads.id_in(item, noun) in ids for noun, ids in id_filters.items())

    records, ids = ads.items(request.world, account, noun)
    return request.listing(records, ids, show, keep, newest_first=newest_first)


def _items(request: OperationRequest, noun: str) -> ListingPage:
    """A page with one id filter, if any. Raises ApiError for two kinds of them."""
    account, filters = _account(request), ads.id_filters(noun, request.query)
    if len(filters) > 1:
        kinds = ", ".join(f"{noun}_ids" for noun in filters)
        raise invalid_request(f"only one kind of id filter is taken at a time (were {kinds})")
    newest = request.choice("order", _ORDERS) == "DESCENDING"
    return items_page(request, account, noun, filters, newest_first=newest)


def _item(request: OperationRequest, noun: str) -> JsonObject:
    return item_json(ads.item_of(request.world, _account(request), noun, request.path[f"{noun}_id"]))


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


def required_items(request: OperationRequest, account: AdAccountRecord, noun: str) -> list[AdItem]:
    """The items whose ids are in a required parameter. Raises ApiError (400) if it is absent."""
    name = f"{noun}_ids"
    if name not in request.query:
        raise invalid_request(f"Parameter '{name}' is required")
    return [ads.item_of(request.world, account, noun, id) for id in ads.parse_ids(name, request.query[name])]


def _metrics(request: OperationRequest, noun: str) -> object:
    return metric_rows(request, required_items(request, _account(request), noun), _CHOICES)


def _ad_metrics(request: OperationRequest) -> object:
    """Metrics of the ads with these ids; without any, of all ads of the campaigns with these ids."""
    if "ad_ids" in request.query:
        return _metrics(request, "ad")
    campaigns = required_items(request, _account(request), "campaign")
    chosen = [ad for campaign in campaigns for ad in ads.ads_of(request.world, campaign)]
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
    "campaigns/list": lambda it: _items(it, "campaign"),
    "campaigns/get": lambda it: _item(it, "campaign"),
    "ad_groups/list": lambda it: _items(it, "ad_group"),
    "ad_groups/get": lambda it: _item(it, "ad_group"),
    "ads/list": lambda it: _items(it, "ad"),
    "ads/get": lambda it: _item(it, "ad"),
    "ad_account/analytics": lambda it: metric_rows(it, [_account(it)], _CHOICES),
    "campaigns/analytics": lambda it: _metrics(it, "campaign"),
    "ad_groups/analytics": lambda it: _metrics(it, "ad_group"),
    "ads/analytics": _ad_metrics,
    "delivery_metrics/get": _delivery_metrics,
}
