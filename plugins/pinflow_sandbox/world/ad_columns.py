"""The columns of ad reports: what each means, in the sandbox's own words, and its value.

Source: https://developers.pinterest.com/docs/api/v5/ (resources/delivery_metrics)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pinflow_sandbox.world.metrics import ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pinflow_sandbox.world.metrics import MetricCounts

_PAID, _EARNED = "while the ad was paid for", "after the ad was saved"
_BOTH, _EACH, _MICRO = "paid and earned", "for each paid impression", "in millionths"
_SEEN, _CLICKED = "How often the ad was seen", "How often the ad was clicked"
_OPENED, _SAVED, _ENGAGED = "How often the ad's page was opened", "How often the ad was saved", "Clicks and saves"

# columns that identify a row -> their definition
DESCRIBING: Final[Mapping[str, str]] = {
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
}

# columns of counts, rates and costs -> their definition and value; ..._1 is paid, ..._2 is earned
MEASURES: Final[Mapping[str, tuple[str, Callable[[MetricCounts], float]]]] = {
    "SPEND_IN_MICRO_DOLLAR": (f"What was spent, {_MICRO}", lambda it: it.spend),
    "SPEND_IN_DOLLAR": ("What was spent", lambda it: round(it.spend / 1_000_000, 2)),
    "PAID_IMPRESSION": (f"{_SEEN} {_PAID}", lambda it: it.impressions),
    "IMPRESSION_1": (f"{_SEEN} {_PAID}", lambda it: it.impressions),
    "IMPRESSION_2": (f"{_SEEN} {_EARNED}", lambda it: it.earned_impressions),
    "TOTAL_IMPRESSION": (f"{_SEEN}, {_BOTH}", lambda it: it.all_impressions),
    "CLICKTHROUGH_1": (f"{_CLICKED} {_PAID}", lambda it: it.clicks),
    "CLICKTHROUGH_2": (f"{_CLICKED} {_EARNED}", lambda it: it.clicks // 20),
    "TOTAL_CLICKTHROUGH": (f"{_CLICKED}, {_BOTH}", lambda it: it.all_clicks),
    "OUTBOUND_CLICK_1": (f"{_OPENED} {_PAID}", lambda it: it.outbound),
    "OUTBOUND_CLICK_2": (f"{_OPENED} {_EARNED}", lambda it: it.outbound // 20),
    "REPIN_1": (f"{_SAVED} {_PAID}", lambda it: it.saves),
    "REPIN_2": (f"{_SAVED} {_EARNED}", lambda it: it.saves // 20),
    "ENGAGEMENT_1": (f"{_ENGAGED} {_PAID}", lambda it: it.engagements),
    "ENGAGEMENT_2": (f"{_ENGAGED} {_EARNED}", lambda it: it.engagements // 20),
    "TOTAL_ENGAGEMENT": (f"{_ENGAGED}, {_BOTH}", lambda it: it.engagements + it.engagements // 20),
    "CTR": (f"Paid clicks {_EACH}", lambda it: ratio(it.clicks, it.impressions)),
    "ECTR": (f"All clicks {_EACH}", lambda it: ratio(it.all_clicks, it.impressions)),
    "CTR_2": ("Earned clicks for each earned impression", lambda it: ratio(it.clicks // 20, it.earned_impressions)),
    "OUTBOUND_CTR_1": (f"Paid visits of the ad's page {_EACH}", lambda it: ratio(it.outbound, it.impressions)),
    "REPIN_RATE": (f"Paid saves {_EACH}", lambda it: ratio(it.saves, it.impressions)),
    "ENGAGEMENT_RATE": (f"Paid clicks and saves {_EACH}", lambda it: ratio(it.engagements, it.impressions)),
    "EENGAGEMENT_RATE": (
        f"{_ENGAGED} for each impression, {_BOTH}",
        lambda it: ratio(it.engagements, it.all_impressions),
    ),
    "CPC_IN_MICRO_DOLLAR": (f"What a paid click cost, {_MICRO}", lambda it: ratio(it.spend, it.clicks)),
    "ECPC_IN_MICRO_DOLLAR": (f"What a click cost, {_BOTH}, {_MICRO}", lambda it: ratio(it.spend, it.all_clicks)),
    "ECPC_IN_DOLLAR": (f"What a click cost, {_BOTH}", lambda it: ratio(it.spend / 1_000_000, it.all_clicks)),
    "CPM_IN_MICRO_DOLLAR": (
        f"What a thousand paid impressions cost, {_MICRO}",
        lambda it: ratio(it.spend * 1000, it.impressions),
    ),
    "CPM_IN_DOLLAR": ("What a thousand paid impressions cost", lambda it: ratio(it.spend / 1000, it.impressions)),
    "ECPM_IN_MICRO_DOLLAR": (
        f"What a thousand impressions cost, {_BOTH}, {_MICRO}",
        lambda it: ratio(it.spend * 1000, it.all_impressions),
    ),
    "ECPE_IN_DOLLAR": ("What a click or save cost", lambda it: ratio(it.spend / 1_000_000, it.engagements)),
    "TOTAL_CONVERSIONS": ("How often people did what the ad is for", lambda it: it.outbound // 10),
    "TOTAL_PAGE_VISIT": ("How many visits of the advertiser's pages followed", lambda it: it.outbound // 2),
    "TOTAL_SIGNUP": ("How many sign-ups followed", lambda it: it.outbound // 40),
    "TOTAL_CHECKOUT": ("How many purchases followed", lambda it: it.outbound // 25),
    "TOTAL_CHECKOUT_VALUE_IN_MICRO_DOLLAR": (f"What was bought, {_MICRO}", lambda it: it.outbound // 25 * 24_900_000),
}

DEFINITIONS: Final[Mapping[str, str]] = {**DESCRIBING, **{name: measure[0] for name, measure in MEASURES.items()}}
