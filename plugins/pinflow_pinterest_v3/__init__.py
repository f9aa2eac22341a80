"""Pinterest's API v3 with the ads API v4, v5's predecessors: the same actions, for owners of older apps.

The vendor has retired both; the sandbox still speaks them.

Source: https://github.com/pinterest/api-quickstart (as of 2022)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow import hookimpl

if TYPE_CHECKING:
    from pinflow import Action, Api, ErrorCode


@hookimpl
def pinflow_actions() -> list[Action]:
    """Every action of this version."""
    from pinflow_pinterest.boards import with_places
    from pinflow_pinterest_v3.actions import ads, analytics, boards, copying, pins, sections, users

    modules = (users, boards, sections, pins, copying, ads, analytics)
    return [with_places(action) for module in modules for action in module.ACTIONS]


@hookimpl
def pinflow_apis() -> list[Api]:
    """This version."""
    from pinflow_pinterest_v3.api import API

    return [API]


@hookimpl
def pinflow_error_codes() -> list[ErrorCode]:
    """What the codes in this version's error answers mean."""
    from pinflow_pinterest.error_codes import shared_codes

    return shared_codes("v3")
