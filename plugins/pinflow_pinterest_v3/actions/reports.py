"""The action for ad reports, which take the service a while: the ads API v4.

Source: https://github.com/pinterest/api-quickstart (python/src/v3/async_report.py, as of 2022)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pinflow import UsageError
from pinflow_pinterest.ads import report_action
from pinflow_pinterest_v3.actions.ads import by_user

_LATER_LEVELS: Final = ("ADVERTISER_TARGETING", "CAMPAIGN_TARGETING", "AD_GROUP_TARGETING", "PRODUCT_ITEM_TARGETING")


def _is_level_of_v4(level: str) -> None:
    if level in _LATER_LEVELS:
        raise UsageError(f"ads API v4 has no reports of level {level}", hint="API v5 has")


_shared: Final = by_user(report_action.create_ad_report)
create_ad_report: Final = replace(_shared, checks=(_is_level_of_v4, *_shared.checks))

ACTIONS: Final = (create_ad_report,)
