"""Rows of metrics about ads, for synchronous responses of both dialects and for report files.

Source: https://developers.pinterest.com/docs/api/v5/ (analytics of ad accounts, campaigns, ad groups and ads)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pinflow_sandbox.server.errors import invalid_request
from pinflow_sandbox.world import ads, metrics
from pinflow_sandbox.world.ad_columns import DEFINITIONS, DESCRIBING, MEASURES
from pinflow_sandbox.world.records import AdAccountRecord, AdRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pinflow_pinterest.analytics.metrics import Granularity
    from pinflow_sandbox.world.metrics import MetricCounts
    from pinflow_sandbox.world.periods import Period
    from pinflow_sandbox.world.records import AdEntity
    from pinflow_sandbox.world.world import World

    Row = dict[str, object]

_HOURS: Final = 24


def parse_columns(names: Sequence[str]) -> list[str]:
    """The columns that a query names. Raises ApiError for none and for unknown ones."""
    columns = [column.strip() for name in names for column in name.split(",") if column.strip()]
    if unknown := [name for name in columns if name not in DEFINITIONS]:
        raise invalid_request(f"unknown columns {unknown}; /resources/delivery_metrics lists those that there are")
    if not columns:
        raise invalid_request("Parameter 'columns' is required")
    return columns


def rows(
    world: World, entities: Sequence[AdEntity], period: Period, granularity: Granularity, names: Sequence[str]
) -> Iterator[Row]:
    """A row for each entity and part of the period with any metrics."""
    for entity in entities:
        entity_ads = ads.ads_of(world, entity)
        for part in period.parts(granularity):
            counts = metrics.total(metrics.ad_counts(ad, day) for ad in entity_ads for day in part)
            if counts == metrics.ZERO:
                continue
            row = {f"{ads.noun_of(entity)}_ID".upper(): entity.id, **_describing_columns(entity, names)}
            if granularity != "TOTAL":
                row["DATE"] = part.first.isoformat()
            for hour, portion in _portions(counts, granularity):
                yield row | hour | _measured_columns(portion, names)


def _portions(counts: MetricCounts, granularity: Granularity) -> Iterator[tuple[Row, MetricCounts]]:
    if granularity != "HOUR":
        yield {}, counts
        return
    for hour in range(_HOURS):
        yield {"HOUR": hour}, counts.share(hour + 1, _HOURS) - counts.share(hour, _HOURS)


def _describing_columns(entity: AdEntity, names: Sequence[str]) -> Row:
    """The columns that identify a row."""
    account = entity.id if isinstance(entity, AdAccountRecord) else entity.ad_account_id
    known: Row = {"AD_ACCOUNT_ID": account, "ADVERTISER_ID": account}
    if not isinstance(entity, AdAccountRecord):
        noun = ads.noun_of(entity).upper()
        known |= {f"{inside}_ID".upper(): ads.id_in(entity, inside) for inside in ads.NOUNS}
        known |= {f"{noun}_NAME": entity.name, f"{noun}_ENTITY_STATUS": entity.status}
    if isinstance(entity, AdRecord):
        known |= {"PIN_ID": entity.pin_id, "PIN_PROMOTION_ID": entity.id}
    return {name: known.get(name) for name in names if name in DESCRIBING}


def _measured_columns(counts: MetricCounts, names: Sequence[str]) -> Row:
    """The columns of counts, rates and costs."""
    return {name: MEASURES[name][1](counts) for name in names if name in MEASURES}
