"""Actions that need no service: reading and writing tables, drawing charts, and showing a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow import hookimpl

if TYPE_CHECKING:
    from pinflow import Action


@hookimpl
def pinflow_actions() -> list[Action]:
    """Actions that belong to no API."""
    from pinflow_local import charts, messages, tables

    return [*messages.ACTIONS, *tables.ACTIONS, *charts.ACTIONS]
