"""Pinterest's API v5: accounts, boards, sections and Pins as actions for recipes.

Source: https://developers.pinterest.com/docs/api/v5/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow import hookimpl

if TYPE_CHECKING:
    from pinflow import Action, Api


@hookimpl
def pinflow_actions() -> list[Action]:
    """Every action of this version."""
    from pinflow_pinterest_v5 import boards, copying, mirroring, pins, sections, users

    return [*users.ACTIONS, *boards.ACTIONS, *sections.ACTIONS, *pins.ACTIONS, *copying.ACTIONS, *mirroring.ACTIONS]


@hookimpl
def pinflow_apis() -> list[Api]:
    """This version."""
    from pinflow_pinterest_v5.api import API

    return [API]
