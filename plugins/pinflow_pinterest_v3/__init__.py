"""Pinterest's API v3, which came before v5 and has been retired: for the archives, and for the sandbox.

Source: https://github.com/pinterest/api-quickstart (as of 2022)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow import hookimpl

if TYPE_CHECKING:
    from pinflow import Api


@hookimpl
def pinflow_apis() -> list[Api]:
    """This version."""
    from pinflow_pinterest_v3.api import API

    return [API]
