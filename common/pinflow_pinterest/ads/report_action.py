"""The action for ad reports, which take the service a while; each API version adds its name and scopes.

Source: https://developers.pinterest.com/docs/api/v5/ (analytics/create_report, analytics/get_report)
"""

from __future__ import annotations

from typing import Any, Final, Literal, Required, TypedDict

from pinflow import Context, OutputPath, UsageError, action
from pinflow_pinterest.ads.ad_actions import AdAccountRef, ad_account_id, check_count
from pinflow_pinterest.ads.reports import WAIT_SECONDS, fetch_report, may_replace
from pinflow_pinterest.analytics.metrics import Column, Granularity, ReportLevel, WindowDays
from pinflow_pinterest.analytics.periods import HOURLY, ITEM_REPORT, REPORT, Day, parse_period
from pinflow_pinterest.gateway import gateway
from pinflow_pinterest.ids import PinterestId
from pinflow_pinterest.media.video_action import WaitSeconds
from pinflow_pinterest.types import FetchedReport

TOPIC = "ads"  # of its actions, in lists and on pages

_MOST_IDS: Final = 500
_ITEMS: Final = "PRODUCT_ITEM"  # the prefix of the levels whose reports have no ads


class MetricsFilter(TypedDict, total=False):
    """A filter of a report's rows: those whose metric is less or greater than a number."""

    field: Required[Literal["SPEND_IN_DOLLAR", "TOTAL_IMPRESSION"]]
    operator: Required[Literal["LESS_THAN", "GREATER_THAN"]]
    values: Required[list[float]]


def _counts_something(columns: list[str]) -> None:
    if not columns:
        raise UsageError("columns is empty")


def _filters_have_values(metrics_filters: list[MetricsFilter] | None) -> None:
    if any(not rule["values"] for rule in metrics_filters or ()):
        raise UsageError("each of metrics_filters needs at least one value")


def _ids_fit_level(level: str, campaigns: list[str] | None, ad_groups: list[str] | None, ads: list[str] | None) -> None:
    for name, ids in {"campaigns": campaigns, "ad_groups": ad_groups, "ads": ads}.items():
        check_count(name, ids, _MOST_IDS)
    if level.startswith(_ITEMS) and ads is not None:
        raise UsageError(f"a report of level {level} can't be limited to ads")


@action(
    "create_ad_report",
    effect="write",
    local=True,
    quota={"ads_analytics", "ads_read"},
    checks=(_counts_something, _filters_have_values, _ids_fit_level),
)
def create_ad_report(
    ctx: Context,
    *,
    path: OutputPath,
    columns: list[Column],
    level: ReportLevel = "CAMPAIGN",
    granularity: Granularity = "DAY",
    ad_account: AdAccountRef | None = None,
    start_date: Day = "30 days ago",
    end_date: Day = "yesterday",
    report_format: Literal["CSV", "JSON"] = "CSV",
    metrics_filters: list[MetricsFilter] | None = None,
    campaigns: list[PinterestId] | None = None,
    ad_groups: list[PinterestId] | None = None,
    ads: list[PinterestId] | None = None,
    click_window_days: WindowDays | None = None,
    engagement_window_days: WindowDays | None = None,
    view_window_days: WindowDays | None = None,
    attribution_types: list[Literal["INDIVIDUAL", "HOUSEHOLD"]] | None = None,
    conversion_report_time: Literal["TIME_OF_AD_ACTION", "TIME_OF_CONVERSION"] | None = None,
    if_exists: Literal["fail", "replace"] = "fail",
    wait_seconds: WaitSeconds = WAIT_SECONDS,
) -> FetchedReport:
    """Request an ad report, wait for it, and download its file. (analytics/create_report)

    Changes nothing on the service. The file appears once it is complete.

    Arguments:
        path: where the file goes, in the output folder; or the value of an input of type file
        columns: what to count; list_delivery_metrics lists all
        level: what each row is about
        granularity: a row for each DAY, HOUR, WEEK or MONTH, or only the TOTAL
        ad_account: its id or exact name; optional if there is only one
        start_date: such as 2026-03-01 or 30 days ago; at most 914 days ago
        end_date: the same; at most 186 days after start_date
        report_format: CSV or JSON
        metrics_filters: only rows whose metrics match, each {field, operator, values}
        campaigns: only of the campaigns of these ids, at most 500
        ad_groups: only of the ad groups of these ids, at most 500
        ads: only of the ads of these ids, at most 500
        click_window_days: how long after a click something counts as its result
        engagement_window_days: the same, after an engagement
        view_window_days: the same, after a view
        attribution_types: whose results count
        conversion_report_time: whether a result counts on the day of the ad or on its own
        if_exists: what to do if the file exists; replace overwrites it
        wait_seconds: how long to wait for the report
    """
    limits = HOURLY if granularity == "HOUR" else ITEM_REPORT if level.startswith(_ITEMS) else REPORT
    body: dict[str, Any] = {
        **parse_period(ctx.started, start_date, end_date, limits),
        "level": level,
        "granularity": granularity,
        "columns": columns,
        "report_format": report_format,
        "metrics_filters": metrics_filters,
        "campaign_ids": campaigns,
        "ad_group_ids": ad_groups,
        "ad_ids": ads,
        "click_window_days": click_window_days,
        "engagement_window_days": engagement_window_days,
        "view_window_days": view_window_days,
        "attribution_types": attribution_types,
        "conversion_report_time": conversion_report_time,
    }
    service, to = gateway(ctx.client).ads(), ctx.output_file(path)
    replace = may_replace(ctx, to, if_exists)
    fields = {name: value for name, value in body.items() if value is not None}
    reports = service.reports(ad_account_id(service, ad_account), fields)
    size = fetch_report(ctx, ctx.client, reports, to=to, replace=replace, wait_seconds=wait_seconds)
    return {"path": str(to.path), "size": size}
