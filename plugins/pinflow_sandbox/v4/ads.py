"""The ads API v4 dialect: advertisers, campaigns, ad groups, ads, their metrics, and asynchronous reports.

Source: https://github.com/pinterest/api-quickstart (python/src/v3/advertisers.py, delivery_metrics.py and
async_report.py, as of 2022)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pinflow_sandbox.server.errors import missing_field, permission_denied
from pinflow_sandbox.v3.enveloped_routes import EnvelopeDialect, Route
from pinflow_sandbox.v5 import ads as v5_ads
from pinflow_sandbox.v5 import reports as v5_reports
from pinflow_sandbox.world import ads, reports
from pinflow_sandbox.world.ad_columns import DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinflow_sandbox.server.messages import Headers
    from pinflow_sandbox.server.request import ListingPage, OperationRequest
    from pinflow_sandbox.world.records import AdAccountRecord, AdEntity, AdItem

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


def _advertiser(request: OperationRequest) -> AdAccountRecord:
    return ads.ad_account_of(request.world, request.caller, request.path["advertiser_id"])


def _advertiser_json(request: OperationRequest, account: AdAccountRecord) -> JsonObject:
    owner = request.world.accounts[account.owner].id
    return {
        "id": account.id,
        "type": "advertiser",
        "name": account.name,
        "status": "ACTIVE",
        "owner_user_id": owner,
        "country": account.country,
        "currency": account.currency,
        "created_time": int(account.created),
        "updated_time": int(account.created),
    }


def _item_json(item: AdItem) -> JsonObject:
    """A campaign, ad group or ad of v5 with the field names of v4."""
    names = v5_ads.item_json(item).items()
    return {"advertiser_id" if name == "ad_account_id" else name: value for name, value in names}


def _advertisers(request: OperationRequest) -> ListingPage:
    """The caller's own ad accounts, and with ``include_acl`` the shared ones."""
    if request.query_value("owner_user_id") not in (None, request.caller.account.id):
        raise permission_denied("The advertisers of another user were asked for.")
    return request.listing(
        request.world.ad_accounts,
        ads.visible_accounts(request.world, request.caller, shared=request.flag("include_acl")),
        lambda account: _advertiser_json(request, account),
        newest_first=False,
    )


def _items(request: OperationRequest, noun: str) -> ListingPage:
    """A page with any number of id filters."""
    filters = ads.id_filters(noun, request.query)
    return v5_ads.items_page(request, _advertiser(request), noun, filters, show=_item_json)


# metrics


def _rows(request: OperationRequest, entities: Sequence[AdEntity]) -> object:
    return v5_ads.metric_rows(request, entities, _ATTRIBUTES)


def _metrics(request: OperationRequest, noun: str) -> object:
    return _rows(request, v5_ads.required_items(request, _advertiser(request), noun))


def _definitions(request: OperationRequest) -> object:
    return {"metrics": [{"name": name, "definition": definition} for name, definition in DEFINITIONS.items()]}


def _report_create(request: OperationRequest) -> object:
    account = _advertiser(request)
    report = v5_reports.make_report(request.world, account, request.body(), levels=_LEVELS, filters="filters")
    return {"report_status": "IN_PROGRESS", "token": report.token, "message": None}


def _report_get(request: OperationRequest) -> object:
    account, token = _advertiser(request), request.query_value("token")
    if not token:
        raise missing_field("token")
    return reports.poll(request.world, account, token, request.call.host)


def _endpoint_headers(headers: Headers) -> Headers:
    """The rate limit headers of the ads API of that time, from those of today."""
    limits = dict(headers)
    if not limits:
        return ()
    return (
        ("x-userendpoint-ratelimit-limit", limits["X-RateLimit-Limit"].partition(",")[0]),
        ("x-userendpoint-ratelimit-remaining", limits["X-RateLimit-Remaining"]),
    )


def _route(path: str, id: str, handler: Callable[[OperationRequest], object], *, method: str = "GET") -> Route:
    return Route(method, path, id, "read_advertisers", handler)


_ONE = "/advertisers/{advertiser_id}"
_METRICS = "delivery_metrics"
_ROUTES = (
    _route("/advertisers/", "ad_accounts/list", _advertisers),
    _route(f"{_ONE}/campaigns", "campaigns/list", lambda it: _items(it, "campaign")),
    _route(f"{_ONE}/ad_groups", "ad_groups/list", lambda it: _items(it, "ad_group")),
    _route(f"{_ONE}/ads", "ads/list", lambda it: _items(it, "ad")),
    _route(f"{_ONE}/{_METRICS}", "ad_account/analytics", lambda it: _rows(it, [_advertiser(it)])),
    _route(f"{_ONE}/campaigns/{_METRICS}", "campaigns/analytics", lambda it: _metrics(it, "campaign")),
    _route(f"{_ONE}/ad_groups/{_METRICS}", "ad_groups/analytics", lambda it: _metrics(it, "ad_group")),
    _route(f"{_ONE}/ads/{_METRICS}", "ads/analytics", lambda it: _metrics(it, "ad")),
    _route(f"/resources/{_METRICS}", "delivery_metrics/get", _definitions),
    _route(f"{_ONE}/{_METRICS}/async", "analytics/create_report", _report_create, method="POST"),
    _route(f"{_ONE}/{_METRICS}/async", "analytics/get_report", _report_get),
)

DIALECT = EnvelopeDialect("v4_ads", PREFIX, _ROUTES, limit_headers=_endpoint_headers)
