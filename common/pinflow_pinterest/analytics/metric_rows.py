"""Figures as rows: one for each day and thing, flat, for tables and charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from pinflow import ActionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pinflow_pinterest.types import Analytics

    Row = dict[str, Any]

_WHOLE: Final = "all"  # the one part of figures that are not split
_DATE: Final = "DATE"
_IDS: Final = ("AD_ID", "AD_GROUP_ID", "CAMPAIGN_ID", "AD_ACCOUNT_ID")  # the narrowest first


def parts_of(answer: object) -> dict[str, Analytics]:
    """The parts of figures by day, by name: "all", or those that they are split into. What else there is, is left out.

    Raises ActionError for an answer without any.
    """
    found = answer if isinstance(answer, dict) else {}
    parts = {name: part for name, part in found.items() if isinstance(part, dict) and _has_days(part)}
    if not parts:
        raise unreadable()
    return cast("dict[str, Analytics]", parts)


def daily_rows(parts: Mapping[str, Analytics], **more: str) -> list[Row]:
    """A row for each day that has figures, with the ``part`` where they are split, and with ``more``.

    A day that the service still counts has no figures, nor has one before a Pin was there.
    """
    return list(_daily_rows(parts, more))


def counted(metrics: object) -> dict[str, float]:
    """The figures among metrics by name; none of what is no mapping."""
    found = metrics if isinstance(metrics, dict) else {}
    return {name: value for name, value in found.items() if _is_figure(value)}


def _daily_rows(parts: Mapping[str, Analytics], more: Mapping[str, str]) -> Iterator[Row]:
    for name, part in parts.items():
        split = {} if name == _WHOLE else {"part": name}
        for day in part.get("daily_metrics", ()):
            metrics = counted(day.get("metrics"))
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


def ad_rows(found: object) -> list[Row]:
    """The rows of figures about ads with ``date`` and ``id`` first, whatever they are about; other columns stay."""
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise unreadable()
    return [_ad_row(each) for each in found]


def _ad_row(row: Mapping[str, Any]) -> Row:
    date = {"date": row[_DATE]} if _DATE in row else {}
    own = next((name for name in _IDS if name in row), None)
    rest = {name: value for name, value in row.items() if name not in (_DATE, own) and _is_cell(value)}
    return {**date, **({} if own is None else {"id": row[own]}), **rest}


def _is_cell(value: object) -> bool:
    return value is None or isinstance(value, str) or _is_figure(value)


def unreadable() -> ActionError:
    """The error for figures of another shape."""
    return ActionError("the service answered with something that is not figures by day")
