"""Figures as rows: one for each day and thing, flat, for tables and charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pinflow import ActionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Row = dict[str, Any]

_WHOLE: Final = "all"  # the one part of figures that are not split
_DATE: Final = "DATE"
_IDS: Final = ("AD_ID", "AD_GROUP_ID", "CAMPAIGN_ID", "AD_ACCOUNT_ID")  # the narrowest first


def daily_rows(parts: Mapping[str, Any], **more: str) -> list[Row]:
    """A row for each day that has figures, with the ``part`` where they are split, and with ``more``.

    ``parts`` is an answer of pins/analytics or user_account/analytics. A day that the service still counts has no
    figures, nor has one before a Pin was there. Raises ActionError for anything else.
    """
    return list(_daily_rows(parts, more))


def _daily_rows(parts: Mapping[str, Any], more: Mapping[str, str]) -> Iterator[Row]:
    for name, part in parts.items():
        days = part.get("daily_metrics", []) if isinstance(part, dict) else None
        if not isinstance(days, list):
            raise unreadable()
        split = {} if name == _WHOLE else {"part": name}
        for day in days:
            if not (isinstance(day, dict) and isinstance(day.get("date"), str)):
                raise unreadable()
            metrics = day.get("metrics") or {}
            if not isinstance(metrics, dict):
                raise unreadable()
            if metrics:
                yield {"date": day["date"], **more, **split, **metrics}


def ad_rows(found: object) -> list[Row]:
    """The rows of figures about ads with ``date`` and ``id`` first, whatever they are about; other columns stay."""
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise unreadable()
    return [_ad_row(each) for each in found]


def _ad_row(row: Mapping[str, Any]) -> Row:
    date = {"date": row[_DATE]} if _DATE in row else {}
    own = next((name for name in _IDS if name in row), None)
    rest = {name: value for name, value in row.items() if name not in (_DATE, own)}
    return {**date, **({} if own is None else {"id": row[own]}), **rest}


def unreadable() -> ActionError:
    """The error for figures of another shape."""
    return ActionError("the service answered with something that is not figures by day")
