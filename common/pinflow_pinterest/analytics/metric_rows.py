"""Metrics as flat rows for tables and charts: one for each day and object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from pinflow import ActionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pinflow_pinterest.types import Analytics

    Row = dict[str, Any]

_WHOLE: Final = "all"  # the only part of metrics that are not split
_DATE: Final = "DATE"
_IDS: Final = ("AD_ID", "AD_GROUP_ID", "CAMPAIGN_ID", "AD_ACCOUNT_ID")  # the narrowest first


def parse_parts(answer: object) -> dict[str, Analytics]:
    """The parts of daily metrics by name: "all", or the parts that they are split into. Other fields are ignored.

    Raises ActionError for an answer without any.
    """
    fields = answer if isinstance(answer, dict) else {}
    parts = {name: part for name, part in fields.items() if isinstance(part, dict) and _has_days(part)}
    if not parts:
        raise malformed_figures()
    return cast("dict[str, Analytics]", parts)


def daily_rows(parts: Mapping[str, Analytics], **more: str) -> list[Row]:
    """A row for each day that has metrics, with the ``part`` if they are split, and with ``more``.

    A day that the service still counts has no metrics, and neither has one before the Pin was made.
    """
    return list(_daily_rows(parts, more))


def numeric_metrics(metrics: object) -> dict[str, float]:
    """The numbers among metrics by name; none if it is not a mapping."""
    values = metrics if isinstance(metrics, dict) else {}
    return {name: value for name, value in values.items() if _is_figure(value)}


def _daily_rows(parts: Mapping[str, Analytics], more: Mapping[str, str]) -> Iterator[Row]:
    for name, part in parts.items():
        split = {} if name == _WHOLE else {"part": name}
        for day in part.get("daily_metrics", ()):
            metrics = numeric_metrics(day.get("metrics"))
            if metrics:
                yield {"date": day["date"], **more, **split, **metrics}


def _has_days(part: Mapping[str, Any]) -> bool:
    days = part.get("daily_metrics")
    return isinstance(days, list) and all(
        isinstance(day, dict) and isinstance(day.get("date"), str) and isinstance(day.get("metrics"), dict | None)
        for day in days
    )


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def ad_rows(answer: object) -> list[Row]:
    """The rows of ad metrics with ``date`` and ``id`` first, whatever their level; other columns stay."""
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise malformed_figures()
    return [_ad_row(row) for row in answer]


def _ad_row(row: Mapping[str, Any]) -> Row:
    date = {"date": row[_DATE]} if _DATE in row else {}
    id_column = next((name for name in _IDS if name in row), None)
    rest = {name: value for name, value in row.items() if name not in (_DATE, id_column) and _is_cell(value)}
    return {**date, **({} if id_column is None else {"id": row[id_column]}), **rest}


def _is_cell(value: object) -> bool:
    return value is None or isinstance(value, str) or _is_figure(value)


def malformed_figures() -> ActionError:
    """The error for an answer in another form."""
    return ActionError("the service's answer is not daily metrics")
