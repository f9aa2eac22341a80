"""Metrics of the account's Pins, and ad reports, which take the service a while: the ads API v4.

Source: https://github.com/pinterest/api-quickstart (python/src/v3: user.py, analytics_attributes.py and
async_report.py, as of 2022)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pinflow import Context, UsageError, action
from pinflow_pinterest.ads import report_action
from pinflow_pinterest.ads.ad_actions import SINCE, UNTIL
from pinflow_pinterest.analytics.metric_rows import daily_rows, parse_parts
from pinflow_pinterest.analytics.metrics import AppType, UserMetric
from pinflow_pinterest.analytics.periods import ANALYTICS, Day, parse_period
from pinflow_pinterest.gateway import gateway
from pinflow_pinterest.types import AccountFigures
from pinflow_pinterest_v3.actions.ads import by_user
from pinflow_pinterest_v3.actions.users import READ

_LATER_LEVELS: Final = ("ADVERTISER_TARGETING", "CAMPAIGN_TARGETING", "AD_GROUP_TARGETING", "PRODUCT_ITEM_TARGETING")


@action("get_user_analytics", api="v3", scopes=READ, quota={"org_analytics", "org_read"})
def get_user_analytics(
    ctx: Context,
    *,
    start_date: Day = SINCE,
    end_date: Day = UNTIL,
    metrics: list[UserMetric] | None = None,
    app_types: AppType | None = None,
) -> AccountFigures:
    """Daily metrics of the account's Pins. (GET /partners/analytics/users/{user_id}/metrics/)

    Arguments:
        start_date: such as 2022-03-01 or 30 days ago; at most 90 days ago
        end_date: the same; not before start_date
        metrics: what to count; default: everything
        app_types: only in apps of this kind
    """
    from pinflow_pinterest_v3.gateway import unwrap

    days = parse_period(ctx.started, start_date, end_date, ANALYTICS)
    query = {**days, "metric_types": metrics, "app_types": app_types.lower() if app_types else None}
    path = f"/partners/analytics/users/{gateway(ctx.client).account()['id']}/metrics/"
    parts = parse_parts(unwrap(ctx.client.get(path, params=query)))
    return {**days, "parts": parts, "rows": daily_rows(parts)}


def _is_level_of_v4(level: str) -> None:
    if level in _LATER_LEVELS:
        raise UsageError(f"ads API v4 has no reports of level {level}", hint="API v5 has")


_any_report: Final = by_user(report_action.create_ad_report)
create_ad_report: Final = replace(_any_report, checks=(_is_level_of_v4, *_any_report.checks))

ACTIONS: Final = (get_user_analytics, create_ad_report)
