"""Asynchronous reports on ads in API v5: requesting one and polling it.

Source: https://github.com/pinterest/api-description (v5/openapi.json; analytics/create_report, analytics/get_report)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from pinflow_pinterest.analytics.metrics import ReportLevel
from pinflow_sandbox.server.body_checks import valid_id
from pinflow_sandbox.world import ad_rows, ads, metrics, reports
from pinflow_sandbox.world.periods import ASYNC, GRANULARITIES, HOURLY, ITEMS, parse_period

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pinflow_sandbox.server.body_checks import RequestBody
    from pinflow_sandbox.server.request import OperationRequest
    from pinflow_sandbox.world.records import AdAccountRecord, AdEntity, ReportRecord
    from pinflow_sandbox.world.world import World

LEVELS: Final[tuple[str, ...]] = get_args(ReportLevel)
_NOUNS: Final = {"CAMPAIGN": "campaign", "AD_GROUP": "ad_group", "PIN_PROMOTION": "ad"}  # of levels with rows
_MOST_IDS: Final = 500  # of a filter, as in the description


def _create(request: OperationRequest) -> object:
    account = ads.ad_account_of(request.world, request.caller, request.path["ad_account_id"])
    report = make_report(request.world, account, request.body(), levels=LEVELS, filters="metrics_filters")
    return {"report_status": "IN_PROGRESS", "token": report.token, "message": None}


def make_report(
    world: World, account: AdAccountRecord, body: RequestBody, *, levels: Sequence[str], filters: str
) -> ReportRecord:
    """Make the report that a body describes; ``filters`` is the field of filters. Raises ApiError if invalid."""
    level, granularity = body.choice("level", levels), body.choice("granularity", GRANULARITIES)
    if level is None or granularity is None:
        raise body.field_error("level" if level is None else "granularity", "is required")
    columns = ad_rows.parse_columns(body.texts("columns"))
    reach = HOURLY if granularity == "HOUR" else ITEMS if level.startswith("PRODUCT_ITEM") else ASYNC
    period = parse_period(body.text("start_date"), body.text("end_date"), metrics.day_of(world.clock.now()), reach)
    csv_wanted = body.choice("report_format", ("JSON", "CSV")) == "CSV"
    keep = _filters(body, filters)
    entities = _entities(world, account, level, body)
    rows = [row for row in ad_rows.rows(world, entities, period, granularity, columns) if keep(row)]
    id_column = f"{_NOUNS.get(level.removesuffix('_TARGETING'), 'ad_account').upper()}_ID"
    if csv_wanted:
        dated = [] if granularity == "TOTAL" else ["DATE", *(["HOUR"] if granularity == "HOUR" else [])]
        file = reports.as_csv(rows, list(dict.fromkeys([id_column, *dated, *columns])))
    else:
        file = reports.as_json(rows, id_column)
    return reports.add(world, account, file, csv_wanted=csv_wanted)


def _get(request: OperationRequest) -> object:
    account = ads.ad_account_of(request.world, request.caller, request.path["ad_account_id"])
    return reports.poll(request.world, account, request.require("token"), request.call.host)


def _entities(world: World, account: AdAccountRecord, level: str, body: RequestBody) -> Sequence[AdEntity]:
    """The entities of a report of this level; a sandbox has no keywords, products and targeting."""
    filters = {name: body.texts(name) for name in ("campaign_ids", "ad_group_ids", "ad_ids") if name in body}
    for name, ids in filters.items():
        if not 1 <= len(ids) <= _MOST_IDS:
            raise body.field_error(name, f"takes 1 to {_MOST_IDS} ids")
        for id in ids:
            valid_id(name, id)
    level = level.removesuffix("_TARGETING")
    if level == "ADVERTISER":
        return [account]
    if level not in _NOUNS:
        return []
    records, own = ads.items(world, account, _NOUNS[level])
    items = [records[id] for id in own]
    for name, ids in filters.items():
        items = [item for item in items if ads.id_in(item, name.removesuffix("_ids")) in ids]
    return items


def _filters(body: RequestBody, name: str) -> Callable[[Mapping[str, object]], bool]:
    """The filter for rows of a report; columns that a row lacks are ignored."""
    if name not in body:
        return lambda row: True
    conditions = []
    for part in body.parts(name, least=1, most=100):
        field, operator = part.required_text("field"), part.required_text("operator")
        conditions.append((field, operator, part.numbers("values")))
    reports.check_filters(conditions)

    def misses(value: object, operator: str, limits: Sequence[float]) -> bool:
        if not isinstance(value, int | float):
            return False
        return any(value >= limit if operator == "LESS_THAN" else value <= limit for limit in limits)

    return lambda row: not any(misses(row.get(field), operator, limits) for field, operator, limits in conditions)


HANDLERS: Final[Mapping[str, Callable[[OperationRequest], object]]] = {
    "analytics/create_report": _create,
    "analytics/get_report": _get,
}
