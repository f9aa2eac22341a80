"""Metrics of Pins and accounts, and ad reports, which take the service a while.

Each action's ``rows`` are flat, for tables and charts: ``date``, the object, and a column for each metric.

Source: https://developers.pinterest.com/docs/api/v5/ (user_account/analytics, pins/analytics,
analytics/create_report)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

from pinflow import ActionError, Context, Number, UsageError, action
from pinflow_pinterest.ads import report_action
from pinflow_pinterest.ads.ad_actions import SINCE, UNTIL, AdAccountRef, ad_account_id, check_count
from pinflow_pinterest.analytics.metric_rows import daily_rows, malformed_figures, numeric_metrics, parse_parts
from pinflow_pinterest.analytics.metrics import (
    AppType,
    Claimed,
    ContentType,
    PinFormat,
    PinMetric,
    PinSource,
    PinSplit,
    TopSort,
    TopVideoMetric,
    UserMetric,
    UserSplit,
)
from pinflow_pinterest.analytics.periods import ANALYTICS, Day, parse_period
from pinflow_pinterest.boards import is_id
from pinflow_pinterest.gateway import gateway
from pinflow_pinterest.ids import PinterestId
from pinflow_pinterest.types import AccountFigures, PinFigures, Ranking, TopPins
from pinflow_pinterest_v5.actions.ads import READ as READ_ADS
from pinflow_pinterest_v5.actions.pins import READ as READ_PINS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Count = Annotated[int, Number(ge=1, le=50)]

_OF_PINS: Final = ("IMPRESSION", "OUTBOUND_CLICK", "PIN_CLICK", "SAVE")
_MOST_PINS: Final = 100
_FILTERS: Final = ("from_claimed_content", "pin_format", "app_types", "content_type", "source")


@action("get_user_analytics", api="v5", scopes={"user_accounts:read"}, quota={"org_analytics"})
def get_user_analytics(
    ctx: Context,
    *,
    start_date: Day = SINCE,
    end_date: Day = UNTIL,
    metrics: list[UserMetric] | None = None,
    split_field: UserSplit | None = None,
    from_claimed_content: Claimed | None = None,
    pin_format: PinFormat | None = None,
    app_types: AppType | None = None,
    content_type: ContentType | None = None,
    source: PinSource | None = None,
    ad_account: AdAccountRef | None = None,
) -> AccountFigures:
    """Daily metrics of the account's Pins. (GET /user_account/analytics)

    Arguments:
        start_date: such as 2026-03-01 or 30 days ago; at most 90 days ago
        end_date: the same; not before start_date
        metrics: what to count; default: everything
        split_field: split the metrics by kind of app, claimed content, source, or format
        from_claimed_content: only content of claimed accounts (CLAIMED), or only other content (OTHER)
        pin_format: only Pins of this format
        app_types: only in apps of this kind
        content_type: only paid, or only organic
        source: only the account's own Pins, or only others'
        ad_account: the ad account whose owner's metrics are meant, by id or exact name
    """
    days = parse_period(ctx.started, start_date, end_date, ANALYTICS)
    query = {
        **days,
        "metric_types": metrics,
        "split_field": split_field,
        **_filters(from_claimed_content, pin_format, app_types, content_type, source),
        **_for(ctx, ad_account),
    }
    parts = parse_parts(ctx.client.get("/user_account/analytics", params=query))
    return {**days, "parts": parts, "rows": daily_rows(parts)}


def _pin_or_pins(pin: str | None, pins: list[str] | None, split_field: str | None) -> None:
    if (pin is None) == (pins is None):
        raise UsageError("get_pin_analytics needs either pin or pins")
    check_count("pins", pins, _MOST_PINS)
    if pins is not None and split_field not in (None, "NO_SPLIT"):
        raise UsageError("split_field can't be combined with pins: set pin")


@action("get_pin_analytics", api="v5", scopes=READ_PINS, quota={"org_analytics"}, checks=(_pin_or_pins,))
def get_pin_analytics(
    ctx: Context,
    *,
    pin: PinterestId | None = None,
    pins: list[PinterestId] | None = None,
    start_date: Day = SINCE,
    end_date: Day = UNTIL,
    metrics: list[PinMetric] | None = None,
    app_types: AppType | None = None,
    split_field: PinSplit | None = None,
    ad_account: AdAccountRef | None = None,
) -> PinFigures:
    """Daily metrics of a Pin, or of up to 100 Pins. (GET /pins/{pin_id}/analytics, GET /pins/analytics)

    Arguments:
        pin: the Pin's id
        pins: the ids of several Pins instead, in one call (beta)
        start_date: such as 2026-03-01 or 30 days ago; at most 90 days ago
        end_date: the same; not before start_date
        metrics: what to count; IMPRESSION, OUTBOUND_CLICK, PIN_CLICK and SAVE by default
        app_types: only in apps of this kind
        split_field: APP_TYPE splits the metrics by kind of app; only with pin
        ad_account: the ad account whose owner's metrics are meant, by id or exact name
    """
    days = parse_period(ctx.started, start_date, end_date, ANALYTICS)
    query = {**days, "metric_types": metrics or _OF_PINS, "app_types": app_types, **_for(ctx, ad_account)}
    if pin is not None:
        answer = ctx.client.get(f"/pins/{pin}/analytics", params={**query, "split_field": split_field})
        by_pin = {pin: parse_parts(answer)}
    else:
        answer = ctx.client.get("/pins/analytics", params={**query, "pin_ids": pins})
        by_pin = {id: parse_parts(part) for id, part in _object(answer).items() if is_id(id) and part}
    rows = [row for id, parts in by_pin.items() for row in daily_rows(parts, id=id)]
    return {**days, "pins": by_pin, "rows": rows}


@action("top_pins", api="v5", scopes={"pins:read", "user_accounts:read"}, quota={"org_analytics"})
def top_pins(
    ctx: Context,
    *,
    sort_by: TopSort = "IMPRESSION",
    metrics: list[UserMetric] | None = None,
    count: Count = 10,
    start_date: Day = SINCE,
    end_date: Day = UNTIL,
    created_in_last_n_days: Literal[30] | None = None,
    from_claimed_content: Claimed | None = None,
    pin_format: PinFormat | None = None,
    app_types: AppType | None = None,
    content_type: ContentType | None = None,
    source: PinSource | None = None,
    ad_account: AdAccountRef | None = None,
) -> Ranking:
    """The account's top Pins. (GET /user_account/analytics/top_pins)

    Arguments:
        sort_by: what they are ranked by
        metrics: the metrics of each; default: everything
        count: how many, at most 50
        start_date: such as 2026-03-01 or 30 days ago; at most 90 days ago
        end_date: the same; not before start_date
        created_in_last_n_days: 30 for only Pins of the last 30 days
        from_claimed_content: only content of claimed accounts (CLAIMED), or only other content (OTHER)
        pin_format: only Pins of this format
        app_types: only in apps of this kind
        content_type: only paid, or only organic
        source: only the account's own Pins, or only others'
        ad_account: the ad account whose owner's metrics are meant, by id or exact name
    """
    filters = _filters(from_claimed_content, pin_format, app_types, content_type, source)
    query = _ranked(sort_by, metrics, count, created_in_last_n_days) | filters
    return _ranking(ctx, "top_pins", query, start_date, end_date, ad_account)


@action("top_video_pins", api="v5", scopes={"pins:read", "user_accounts:read"}, quota={"org_analytics"})
def top_video_pins(
    ctx: Context,
    *,
    sort_by: TopVideoMetric = "VIDEO_MRC_VIEW",
    metrics: list[TopVideoMetric] | None = None,
    count: Count = 10,
    start_date: Day = SINCE,
    end_date: Day = UNTIL,
    created_in_last_n_days: Literal[30] | None = None,
    from_claimed_content: Claimed | None = None,
    pin_format: PinFormat | None = None,
    app_types: AppType | None = None,
    content_type: ContentType | None = None,
    source: PinSource | None = None,
    ad_account: AdAccountRef | None = None,
) -> Ranking:
    """The account's top videos. (GET /user_account/analytics/top_video_pins)

    Arguments:
        sort_by: what they are ranked by
        metrics: the metrics of each; default: everything
        count: how many, at most 50
        start_date: such as 2026-03-01 or 30 days ago; at most 90 days ago
        end_date: the same; not before start_date
        created_in_last_n_days: 30 for only Pins of the last 30 days
        from_claimed_content: only content of claimed accounts (CLAIMED), or only other content (OTHER)
        pin_format: only Pins of this format
        app_types: only in apps of this kind
        content_type: only paid, or only organic
        source: only the account's own Pins, or only others'
        ad_account: the ad account whose owner's metrics are meant, by id or exact name
    """
    filters = _filters(from_claimed_content, pin_format, app_types, content_type, source)
    query = _ranked(sort_by, metrics, count, created_in_last_n_days) | filters
    return _ranking(ctx, "top_video_pins", query, start_date, end_date, ad_account)


def _filters(*values: str | None) -> dict[str, str | None]:
    return dict(zip(_FILTERS, values, strict=True))


def _for(ctx: Context, ad_account: str | None) -> dict[str, str]:
    """The query parameter for an ad account's owner. A name needs the scope ads:read."""
    return {} if ad_account is None else {"ad_account_id": ad_account_id(gateway(ctx.client).ads(), ad_account)}


def _ranked(by: str, metrics: Sequence[str] | None, most: int, of_last_days: int | None) -> dict[str, object]:
    return {"sort_by": by, "metric_types": metrics, "num_of_pins": most, "created_in_last_n_days": of_last_days}


def _ranking(
    ctx: Context, name: str, query: Mapping[str, object], start: str, end: str, ad_account: str | None
) -> Ranking:
    days = parse_period(ctx.started, start, end, ANALYTICS)
    params = {**days, **query, **_for(ctx, ad_account)}
    top = _object(ctx.client.get(f"/user_account/analytics/{name}", params=params))
    pins = top.get("pins")
    if not isinstance(pins, list) or not all(isinstance(pin, dict) and "pin_id" in pin for pin in pins):
        raise ActionError("the service's answer is not a ranking of Pins")
    rows = [{"id": pin["pin_id"], **numeric_metrics(pin.get("metrics"))} for pin in pins]
    return {**days, "top": cast("TopPins", top), "rows": rows}


def _object(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise malformed_figures()
    return answer


create_ad_report: Final = replace(report_action.create_ad_report, api="v5", scopes={"": READ_ADS})

ACTIONS: Final = (get_user_analytics, get_pin_analytics, top_pins, top_video_pins, create_ad_report)
