"""The actions for ad accounts, campaigns, ad groups, ads and their metrics; each API version adds its name and scopes.

Source: https://developers.pinterest.com/docs/api/v5/ (ad_accounts, campaigns, ad_groups, ads)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

from pinflow import ActionError, Context, Text, UsageError, action
from pinflow_pinterest.analytics.metric_rows import ad_rows
from pinflow_pinterest.analytics.metrics import Column, EntityStatus, Granularity, WindowDays
from pinflow_pinterest.analytics.periods import ANALYTICS, HOURLY, Day, parse_period
from pinflow_pinterest.boards import is_id
from pinflow_pinterest.gateway import gateway
from pinflow_pinterest.ids import Limit, PinterestId
from pinflow_pinterest.types import Ad, AdAccount, AdFigures, AdGroup, Campaign, DeliveryMetric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinflow_pinterest.gateway import Ads

TOPIC = "ads"  # of its actions, in lists and on pages

AdAccountRef = Annotated[str, Text(min_length=1, description="An ad account's id or its exact name.")]
AdLevel = Literal["ad_account", "campaign", "ad_group", "ad"]
Order = Literal["ASCENDING", "DESCENDING"]

MOST_IDS: Final = 250
_MAX_NAMED: Final = 20  # ad accounts in a message
SINCE: Final = "30 days ago"
UNTIL: Final = "yesterday"  # today's metrics are still being counted

_COLUMNS: Final = ("SPEND_IN_DOLLAR", "TOTAL_CLICKTHROUGH")


@action("list_ad_accounts", quota={"ads_read"})
def list_ad_accounts(ctx: Context, *, shared: bool = True, limit: Limit | None = None) -> Iterator[AdAccount]:
    """The ad accounts that the login can see. (ad_accounts/list)

    Arguments:
        shared: also those that others share with it
        limit: at most so many
    """
    yield from gateway(ctx.client).ads().accounts(shared=shared, limit=limit)


def _ids_fit_level(level: str, ids: list[str] | None) -> None:
    if level == "ad_account" and ids is not None:
        raise UsageError("level ad_account takes no ids")
    if level != "ad_account" and ids is None:
        raise UsageError(f"level {level} needs ids", hint=f"list_{level}s and the recipe ads_tree list them")
    check_count("ids", ids, MOST_IDS)


def _campaigns_fit(campaigns: list[str] | None) -> None:
    check_count("campaigns", campaigns, MOST_IDS)


def _groups_fit(campaigns: list[str] | None, ad_groups: list[str] | None) -> None:
    _check_one_filter(campaigns=campaigns, ad_groups=ad_groups)


def _ads_fit(campaigns: list[str] | None, ad_groups: list[str] | None, ads: list[str] | None) -> None:
    _check_one_filter(campaigns=campaigns, ad_groups=ad_groups, ads=ads)


@action("list_campaigns", quota={"ads_read"}, checks=(_campaigns_fit,))
def list_campaigns(
    ctx: Context,
    *,
    ad_account: AdAccountRef | None = None,
    campaigns: list[PinterestId] | None = None,
    statuses: list[EntityStatus] | None = None,
    order: Order | None = None,
    limit: Limit | None = None,
) -> Iterator[Campaign]:
    """The campaigns of an ad account. (campaigns/list)

    Arguments:
        ad_account: its id or exact name; optional if there is only one
        campaigns: only those of these ids, at most 250
        statuses: only those of these statuses; ACTIVE and PAUSED by default
        order: by id; ASCENDING by default
        limit: at most so many
    """
    query = {"campaign_ids": campaigns, "entity_statuses": statuses, "order": order}
    yield from _entities(ctx, ad_account, "campaigns", query, limit)


@action("list_ad_groups", quota={"ads_read"}, checks=(_groups_fit,))
def list_ad_groups(
    ctx: Context,
    *,
    ad_account: AdAccountRef | None = None,
    campaigns: list[PinterestId] | None = None,
    ad_groups: list[PinterestId] | None = None,
    statuses: list[EntityStatus] | None = None,
    order: Order | None = None,
    limit: Limit | None = None,
) -> Iterator[AdGroup]:
    """The ad groups of an ad account. (ad_groups/list)

    Arguments:
        ad_account: its id or exact name; optional if there is only one
        campaigns: only those of the campaigns of these ids, at most 250
        ad_groups: only those of these ids, at most 250; not together with campaigns
        statuses: only those of these statuses; ACTIVE and PAUSED by default
        order: by id; ASCENDING by default
        limit: at most so many
    """
    query = {"campaign_ids": campaigns, "ad_group_ids": ad_groups, "entity_statuses": statuses, "order": order}
    yield from _entities(ctx, ad_account, "ad_groups", query, limit)


@action("list_ads", quota={"ads_read"}, checks=(_ads_fit,))
def list_ads(
    ctx: Context,
    *,
    ad_account: AdAccountRef | None = None,
    campaigns: list[PinterestId] | None = None,
    ad_groups: list[PinterestId] | None = None,
    ads: list[PinterestId] | None = None,
    statuses: list[EntityStatus] | None = None,
    order: Order | None = None,
    limit: Limit | None = None,
) -> Iterator[Ad]:
    """The ads of an ad account. (ads/list)

    Only one of campaigns, ad_groups and ads can be set.

    Arguments:
        ad_account: its id or exact name; optional if there is only one
        campaigns: only those of the campaigns of these ids, at most 250
        ad_groups: only those of the ad groups of these ids, at most 250
        ads: only those of these ids, at most 250
        statuses: only those of these statuses; ACTIVE and PAUSED by default
        order: by id; ASCENDING by default
        limit: at most so many
    """
    filters = {"campaign_ids": campaigns, "ad_group_ids": ad_groups, "ad_ids": ads}
    yield from _entities(ctx, ad_account, "ads", {**filters, "entity_statuses": statuses, "order": order}, limit)


@action("list_delivery_metrics", quota={"ads_read"})
def list_delivery_metrics(
    ctx: Context, *, report_type: Literal["SYNC", "ASYNC"] | None = None
) -> Iterator[DeliveryMetric]:
    """The columns that ad metrics and reports can have, and their meaning. (delivery_metrics/get)

    Arguments:
        report_type: only those of get_ad_analytics (SYNC) or create_ad_report (ASYNC)
    """
    for column in gateway(ctx.client).ads().columns(report_type):
        if not (isinstance(column, dict) and isinstance(column.get("name"), str)):
            raise ActionError("the service's listing holds a column without a name")
        yield column  # type: ignore[misc]


@action("get_ad_analytics", quota={"ads_analytics", "ads_read"}, checks=(_ids_fit_level,))
def get_ad_analytics(
    ctx: Context,
    *,
    level: AdLevel = "ad_account",
    ids: list[PinterestId] | None = None,
    ad_account: AdAccountRef | None = None,
    start_date: Day = SINCE,
    end_date: Day = UNTIL,
    columns: list[Column] | None = None,
    granularity: Granularity = "DAY",
    click_window_days: WindowDays | None = None,
    engagement_window_days: WindowDays | None = None,
    view_window_days: WindowDays | None = None,
    conversion_report_time: Literal["TIME_OF_AD_ACTION", "TIME_OF_CONVERSION"] | None = None,
) -> AdFigures:
    """The cost and results of an ad account, campaigns, ad groups or ads. (ad_account/analytics)

    Arguments:
        level: what the metrics are about; all but ad_account need ids
        ids: of campaigns, ad groups or ads, at most 250
        ad_account: its id or exact name; optional if there is only one
        start_date: such as 2026-03-01 or 30 days ago; at most 90 days ago, by the hour 8
        end_date: the same; not before start_date
        columns: what to count, SPEND_IN_DOLLAR and TOTAL_CLICKTHROUGH by default; list_delivery_metrics lists
          all
        granularity: a row for each DAY, HOUR, WEEK or MONTH, or only the TOTAL
        click_window_days: how long after a click something counts as its result
        engagement_window_days: the same, after an engagement
        view_window_days: the same, after a view
        conversion_report_time: whether a result counts on the day of the ad or on its own
    """
    days = parse_period(ctx.started, start_date, end_date, HOURLY if granularity == "HOUR" else ANALYTICS)
    service = gateway(ctx.client).ads()
    query: dict[str, Any] = {
        **days,
        "columns": columns or _COLUMNS,
        "granularity": granularity,
        "click_window_days": click_window_days,
        "engagement_window_days": engagement_window_days,
        "view_window_days": view_window_days,
        "conversion_report_time": conversion_report_time,
    }
    if ids is not None:
        query[f"{level}_ids"] = ids
    items = cast("list[dict[str, Any]]", service.analytics(ad_account_id(service, ad_account), level, query))
    return {**days, "items": items, "rows": ad_rows(items)}


def ad_account_id(ads: Ads, ad_account: str | None) -> str:
    """The id of the ad account of this id or exact name; without one, of the only one.

    Raises ActionError if there is none, or more than one.
    """
    if ad_account is not None and is_id(ad_account):
        return ad_account
    accounts = list(ads.accounts())
    matches = [account for account in accounts if ad_account is None or account.get("name") == ad_account]
    if len(matches) == 1:
        return matches[0]["id"]
    names = ", ".join(f"{account.get('name')} ({account['id']})" for account in (matches or accounts)[:_MAX_NAMED])
    if not accounts:
        raise ActionError("the login has no ad account")
    if not matches:
        raise ActionError(f"no ad account is named {ad_account!r}", hint=f"the ad accounts are: {names}")
    several = "several ad accounts" if ad_account is None else f"several ad accounts are named {ad_account!r}"
    raise ActionError(f"{several}: {names}", hint="choose one: -i ad_account=ID")


def check_count(name: str, ids: Sequence[str] | None, most: int) -> None:
    """Raise UsageError if ``ids`` is an empty list, or has more than ``most``."""
    if ids is not None and not 1 <= len(ids) <= most:
        raise UsageError(f"{name} must have 1 to {most} ids, not {len(ids)}")


def _check_one_filter(**ids: Sequence[str] | None) -> None:
    """Raise UsageError if two kinds of ids are set, or too many of one."""
    names = [name for name, values in ids.items() if values is not None]
    if len(names) > 1:
        raise UsageError(f"{' and '.join(names)} can't be combined: set one of them")
    for name, values in ids.items():
        check_count(name, values, MOST_IDS)


def _entities(
    ctx: Context, ad_account: str | None, kind: str, query: Mapping[str, object], limit: int | None
) -> Iterator[Any]:
    service = gateway(ctx.client).ads()
    return service.entities(ad_account_id(service, ad_account), kind, query, limit=limit)
