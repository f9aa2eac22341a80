"""Ad accounts, their campaigns, ad groups and ads, and their figures: the ads API v4.

Source: https://github.com/pinterest/api-quickstart (python/src/v3/advertisers.py and delivery_metrics.py, as of 2022)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pinflow import UsageError
from pinflow_pinterest.ads import ad_actions

if TYPE_CHECKING:
    from pinflow import Action

READ: Final = frozenset({"read_users", "read_advertisers"})  # advertisers are listed by the user's id


def _no_report_type(report_type: str | None) -> None:
    if report_type is not None:
        raise UsageError("ads API v4 can't filter columns by report_type", hint="API v5 can")


def by_user(shared: Action) -> Action:
    """The action for this version, which reads the user to find an ad account."""
    return replace(shared, api="v3", scopes={"": READ}, quota=shared.quota | {"org_read"})


list_ad_accounts: Final = by_user(ad_actions.list_ad_accounts)
list_campaigns: Final = by_user(ad_actions.list_campaigns)
list_ad_groups: Final = by_user(ad_actions.list_ad_groups)
list_ads: Final = by_user(ad_actions.list_ads)
list_delivery_metrics: Final = replace(
    ad_actions.list_delivery_metrics,
    api="v3",
    scopes={"": frozenset({"read_advertisers"})},
    checks=(_no_report_type,),
)
get_ad_analytics: Final = by_user(ad_actions.get_ad_analytics)

ACTIONS: Final = (list_ad_accounts, list_campaigns, list_ad_groups, list_ads, list_delivery_metrics, get_ad_analytics)
