"""What the columns of ad reports mean, in the sandbox's own words.

Source: https://developers.pinterest.com/docs/api/v5/ (resources/delivery_metrics)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAID, _EARNED = "while the ad was paid for", "after the ad was saved"

DEFINITIONS: Final[Mapping[str, str]] = {
    "AD_ACCOUNT_ID": "The id of the ad account",
    "ADVERTISER_ID": "The id of the ad account, by its older name",
    "CAMPAIGN_ID": "The id of the campaign",
    "CAMPAIGN_NAME": "The name of the campaign",
    "CAMPAIGN_ENTITY_STATUS": "Whether the campaign is active, paused or archived",
    "AD_GROUP_ID": "The id of the ad group",
    "AD_GROUP_NAME": "The name of the ad group",
    "AD_GROUP_ENTITY_STATUS": "Whether the ad group is active, paused or archived",
    "AD_ID": "The id of the ad",
    "PIN_PROMOTION_ID": "The id of the ad, by its older name",
    "AD_NAME": "The name of the ad",
    "PIN_ID": "The id of the Pin that the ad promotes",
    "SPEND_IN_MICRO_DOLLAR": "What was spent, in millionths",
    "SPEND_IN_DOLLAR": "What was spent",
    "PAID_IMPRESSION": f"How often the ad was seen {_PAID}",
    "IMPRESSION_1": f"How often the ad was seen {_PAID}",
    "IMPRESSION_2": f"How often the ad was seen {_EARNED}",
    "TOTAL_IMPRESSION": "How often the ad was seen, paid and earned",
    "CLICKTHROUGH_1": f"How often the ad was clicked {_PAID}",
    "CLICKTHROUGH_2": f"How often the ad was clicked {_EARNED}",
    "TOTAL_CLICKTHROUGH": "How often the ad was clicked, paid and earned",
    "OUTBOUND_CLICK_1": f"How often the ad's page was opened {_PAID}",
    "OUTBOUND_CLICK_2": f"How often the ad's page was opened {_EARNED}",
    "REPIN_1": f"How often the ad was saved {_PAID}",
    "REPIN_2": f"How often the ad was saved {_EARNED}",
    "ENGAGEMENT_1": f"Clicks and saves {_PAID}",
    "ENGAGEMENT_2": f"Clicks and saves {_EARNED}",
    "TOTAL_ENGAGEMENT": "Clicks and saves, paid and earned",
    "CTR": "Paid clicks for each paid impression",
    "ECTR": "All clicks for each paid impression",
    "CTR_2": "Earned clicks for each earned impression",
    "OUTBOUND_CTR_1": "Paid visits of the ad's page for each paid impression",
    "REPIN_RATE": "Paid saves for each paid impression",
    "ENGAGEMENT_RATE": "Paid clicks and saves for each paid impression",
    "EENGAGEMENT_RATE": "Clicks and saves for each impression, paid and earned",
    "CPC_IN_MICRO_DOLLAR": "What a paid click cost, in millionths",
    "ECPC_IN_MICRO_DOLLAR": "What a click cost, paid and earned, in millionths",
    "ECPC_IN_DOLLAR": "What a click cost, paid and earned",
    "CPM_IN_MICRO_DOLLAR": "What a thousand paid impressions cost, in millionths",
    "CPM_IN_DOLLAR": "What a thousand paid impressions cost",
    "ECPM_IN_MICRO_DOLLAR": "What a thousand impressions cost, paid and earned, in millionths",
    "ECPE_IN_DOLLAR": "What a click or save cost",
    "TOTAL_CONVERSIONS": "How often people did what the ad is for",
    "TOTAL_PAGE_VISIT": "How many visits of the advertiser's pages followed",
    "TOTAL_SIGNUP": "How many sign-ups followed",
    "TOTAL_CHECKOUT": "How many purchases followed",
    "TOTAL_CHECKOUT_VALUE_IN_MICRO_DOLLAR": "What was bought, in millionths",
}


def definition(name: str) -> dict[str, object]:
    """A column's definition as the API returns it."""
    shown = name.replace("_", " ").capitalize()
    return {"name": name, "display_name": shown, "definition": DEFINITIONS[name], "category": "ADS"}
