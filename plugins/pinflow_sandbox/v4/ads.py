"""The ads API v4 dialect: advertisers and all that is theirs, their figures, and reports that take a while.

Source: https://github.com/pinterest/api-quickstart (python/src/v3/advertisers.py, delivery_metrics.py and
async_report.py, as of 2022)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pinflow_sandbox.server.errors import missing_field, permission_denied
from pinflow_sandbox.v3.enveloped_routes import EnvelopeDialect, EnvelopedRequest, ListingPage, Route
from pinflow_sandbox.v5 import ads as v5_ads
from pinflow_sandbox.v5 import reports as v5_reports
from pinflow_sandbox.world import ads, metric_definitions, reports

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinflow_sandbox.server.access import Headers
    from pinflow_sandbox.world.records import AdAccountRecord, AdEntity

    JsonObject = dict[str, object]

PREFIX = "/ads/v4"

_LEVELS: Final = (
    *("ADVERTISER", "CAMPAIGN", "AD_GROUP", "PIN_PROMOTION", "PIN_PROMOTION_TARGETING", "KEYWORD", "PRODUCT_GROUP"),
    *("PRODUCT_GROUP_TARGETING", "PRODUCT_ITEM", "ITEM", "SEARCH_QUERY"),
)
_ATTRIBUTES: Final = {
    **v5_ads.WINDOWS,
    "attribution_types": ("INDIVIDUAL", "HOUSEHOLD"),
    "conversion_report_time": ("AD_EVENT", "CONVERSION_EVENT"),
}


def _advertiser(request: EnvelopedRequest) -> AdAccountRecord:
    return ads.ad_account_of(request.world, request.caller, request.path["advertiser_id"])


def _shown_advertiser(request: EnvelopedRequest, found: AdAccountRecord) -> JsonObject:
    owner = request.world.accounts[found.owner].id
    return {
        "id": found.id,
        "type": "advertiser",
        "name": found.name,
        "status": "ACTIVE",
        "owner_user_id": owner,
        "country": found.country,
        "currency": found.currency,
        "created_time": int(found.created),
        "updated_time": int(found.created),
    }


def _older(found: JsonObject) -> JsonObject:
    """A campaign, group or ad of today under the names of v4."""
    return {"advertiser_id" if name == "ad_account_id" else name: value for name, value in found.items()}


def _advertisers(request: EnvelopedRequest) -> object:
    """The caller's own ad accounts, and with ``include_acl`` those that are shared with the caller."""
    if request.one("owner_user_id") not in (None, request.caller.account.id):
        raise permission_denied("The advertisers of another user were asked for.")
    found = request.world.ad_accounts
    return request.page(
        ads.visible_accounts(request.world, request.caller, shared=request.flag("include_acl")),
        lambda id: True,
        lambda id: _shown_advertiser(request, found[id]),
        newest_first=False,
    )


def _filtered(request: EnvelopedRequest, name: str) -> Callable[[str], bool]:
    """Whether an id passes a query's filter of this name; all do without one."""
    if name not in request.query:
        return lambda id: True
    return set(ads.ids_of(name, request.query[name])).__contains__


def _entities(
    request: EnvelopedRequest,
    ids: Sequence[str],
    status: Callable[[str], str],
    keep: Callable[[str], bool],
    show: Callable[[str], JsonObject],
) -> ListingPage:
    statuses = ads.statuses_of(request.query.get("entity_statuses", ()))
    return request.page(
        ids, lambda id: status(id) in statuses and keep(id), lambda id: _older(show(id)), newest_first=False
    )


def _campaigns(request: EnvelopedRequest) -> object:
    found = request.world.campaigns
    chosen = _filtered(request, "campaign_ids")
    ids = _advertiser(request).campaigns
    return _entities(request, ids, lambda id: found[id].status, chosen, lambda id: v5_ads.campaign(found[id]))


def _ad_groups(request: EnvelopedRequest) -> object:
    found = request.world.ad_groups
    campaigns, chosen = _filtered(request, "campaign_ids"), _filtered(request, "ad_group_ids")

    def keep(id: str) -> bool:
        return campaigns(found[id].campaign_id) and chosen(id)

    ids = _advertiser(request).ad_groups
    return _entities(request, ids, lambda id: found[id].status, keep, lambda id: v5_ads.ad_group(found[id]))


def _ads(request: EnvelopedRequest) -> object:
    found = request.world.ads
    campaigns, groups = _filtered(request, "campaign_ids"), _filtered(request, "ad_group_ids")
    chosen = _filtered(request, "ad_ids")

    def keep(id: str) -> bool:
        return campaigns(found[id].campaign_id) and groups(found[id].ad_group_id) and chosen(id)

    ids = _advertiser(request).ads
    return _entities(request, ids, lambda id: found[id].status, keep, lambda id: v5_ads.ad(found[id]))


# figures


def _figures(request: EnvelopedRequest, entities: Sequence[AdEntity]) -> object:
    return v5_ads.figures_of(request, entities, _ATTRIBUTES)


def _advertiser_figures(request: EnvelopedRequest) -> object:
    return _figures(request, [_advertiser(request)])


def _campaign_figures(request: EnvelopedRequest) -> object:
    account, world = _advertiser(request), request.world
    return _figures(request, [ads.campaign_of(world, account, id) for id in v5_ads.named_ids(request, "campaign_ids")])


def _ad_group_figures(request: EnvelopedRequest) -> object:
    account, world = _advertiser(request), request.world
    return _figures(request, [ads.ad_group_of(world, account, id) for id in v5_ads.named_ids(request, "ad_group_ids")])


def _ad_figures(request: EnvelopedRequest) -> object:
    account, world = _advertiser(request), request.world
    return _figures(request, [ads.ad_of(world, account, id) for id in v5_ads.named_ids(request, "ad_ids")])


def _definitions(request: EnvelopedRequest) -> object:
    described = metric_definitions.DEFINITIONS.items()
    return {"metrics": [{"name": name, "definition": definition} for name, definition in described]}


def _report_create(request: EnvelopedRequest) -> object:
    account = _advertiser(request)
    made = v5_reports.asked_for(request.world, account, request.body(), levels=_LEVELS, filters="filters")
    return {"report_status": "IN_PROGRESS", "token": made.token, "message": None}


def _report_get(request: EnvelopedRequest) -> object:
    account, token = _advertiser(request), request.one("token")
    if not token:
        raise missing_field("token")
    return reports.polled(request.world, account, token, request.call.host)


def _endpoint_headers(headers: Headers) -> Headers:
    """What the ads API of that time told of its limits, from what is told today."""
    told = dict(headers)
    if not told:
        return ()
    return (
        ("x-userendpoint-ratelimit-limit", told["X-RateLimit-Limit"].partition(",")[0]),
        ("x-userendpoint-ratelimit-remaining", told["X-RateLimit-Remaining"]),
    )


def _reading(
    path: str, id: str, handler: Callable[[EnvelopedRequest], object], category: str = "ads_read", method: str = "GET"
) -> Route:
    return Route(method, path, id, "read_advertisers", handler, category)


_ONE = "/advertisers/{advertiser_id}"
_ASYNC = f"{_ONE}/delivery_metrics/async"
_FIGURES = "ads_analytics"

DIALECT = EnvelopeDialect(
    "v4_ads",
    PREFIX,
    (
        _reading("/advertisers/", "ad_accounts/list", _advertisers),
        _reading(f"{_ONE}/campaigns", "campaigns/list", _campaigns),
        _reading(f"{_ONE}/ad_groups", "ad_groups/list", _ad_groups),
        _reading(f"{_ONE}/ads", "ads/list", _ads),
        _reading(f"{_ONE}/delivery_metrics", "ad_account/analytics", _advertiser_figures, _FIGURES),
        _reading(f"{_ONE}/campaigns/delivery_metrics", "campaigns/analytics", _campaign_figures, _FIGURES),
        _reading(f"{_ONE}/ad_groups/delivery_metrics", "ad_groups/analytics", _ad_group_figures, _FIGURES),
        _reading(f"{_ONE}/ads/delivery_metrics", "ads/analytics", _ad_figures, _FIGURES),
        _reading("/resources/delivery_metrics", "delivery_metrics/get", _definitions),
        _reading(_ASYNC, "analytics/create_report", _report_create, _FIGURES, "POST"),
        _reading(_ASYNC, "analytics/get_report", _report_get, _FIGURES),
    ),
    limit_headers=_endpoint_headers,
)
