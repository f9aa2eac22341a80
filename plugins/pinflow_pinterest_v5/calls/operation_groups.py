"""The groups in which operations are listed, one page each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

PARENT: Final = "operations"
OTHERS: Final = "others"
# group -> where its paths begin: below an ad account what follows its id. Written here and not worked out, because the
# names of pages are asked for at every start, and to read the catalogue costs more than that
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "boards": ("boards",),
    "pins": ("pins", "media"),
    "accounts": ("user_account", "users", "oauth", "notifications"),
    "search": ("search", "terms", "trends"),
    "ads": (
        "ad_accounts",
        "campaigns",
        "ad_groups",
        "ads",
        "ad_previews",
        "bid_floor",
        "labels",
        "promotions",
        "sandbox",
    ),
    "ad-reports": (
        *("analytics", "audience_insights", "bulk", "insights", "mmm_reports", "reports", "targeting_analytics"),
        "resources",
    ),
    "audiences": ("audiences", "customer_lists", "keywords", "targeting_templates", "templates"),
    "businesses": ("businesses", "business_access"),
    "catalogs": ("catalogs", "product_groups", "product_group_promotions", "integrations"),
    "conversions": ("conversion_tags", "conversion_eqs", "events", "msot", "advertiser_defined_events"),
    "leads": ("lead_forms", "leads", "leads_export"),
    "billing": (
        *("ads_credit", "billing_invoice", "billing_invoices", "billing_profiles", "order_lines", "ssio"),
        "terms_of_service",
    ),
    OTHERS: (),
}


def group_words(group: str) -> str:
    """What people call a group."""
    return group.replace("-", " ")
