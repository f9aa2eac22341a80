"""Ad accounts, their campaigns, ad groups and ads, and their figures.

Source: https://developers.pinterest.com/docs/api/v5/ (ad_accounts, campaigns, ad_groups, ads)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pinflow_pinterest.ads import ad_actions

READ: Final = frozenset({"ads:read"})

list_ad_accounts: Final = replace(ad_actions.list_ad_accounts, api="v5", scopes={"": READ})
list_campaigns: Final = replace(ad_actions.list_campaigns, api="v5", scopes={"": READ})
list_ad_groups: Final = replace(ad_actions.list_ad_groups, api="v5", scopes={"": READ})
list_ads: Final = replace(ad_actions.list_ads, api="v5", scopes={"": READ})
list_delivery_metrics: Final = replace(
    ad_actions.list_delivery_metrics, api="v5", scopes={"": READ | {"pins:read", "user_accounts:read"}}
)
get_ad_analytics: Final = replace(ad_actions.get_ad_analytics, api="v5", scopes={"": READ})

ACTIONS: Final = (list_ad_accounts, list_campaigns, list_ad_groups, list_ads, list_delivery_metrics, get_ad_analytics)
