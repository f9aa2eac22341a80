"""How many requests Pinterest allows.

Every operation counts against one category, and all of them against the universal quota. For the categories that are
not listed here (ads_write, catalogs_*, trends_read, msot_write, advanced_auction_*) no number is published: they are
limited by the universal quota and the answers' headers alone.

Source: https://developers.pinterest.com/docs/reference/rate-limits/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pinflow import Quota

if TYPE_CHECKING:
    from collections.abc import Mapping

SECOND: Final = 1
MINUTE: Final = 60
DAY: Final = 86_400


# By the app's access, then by category; "*" counts every request. ads_* and the universal ones are published; org_read,
# org_write and org_analytics are what several users of the API report.
QUOTAS: Final[Mapping[str, Mapping[str, Quota]]] = {
    "trial": {
        "*": Quota(1000, DAY, "app"),
        "ads_analytics": Quota(1000, DAY, "app"),
        "ads_conversions": Quota(1000, DAY, "ad_account"),
        "ads_read": Quota(1000, DAY, "app"),
        "org_read": Quota(1000, DAY, "app"),
        "org_write": Quota(300, DAY, "app"),
    },
    "standard": {
        "*": Quota(100, SECOND, "user"),
        "ads_analytics": Quota(300, MINUTE, "user"),
        "ads_conversions": Quota(120_000, MINUTE, "ad_account"),
        "ads_read": Quota(1000, MINUTE, "user"),
        "org_analytics": Quota(60, MINUTE, "user"),
        "org_read": Quota(1000, MINUTE, "user"),
        "org_write": Quota(100, MINUTE, "user"),
    },
}
