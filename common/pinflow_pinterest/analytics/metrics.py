"""The metrics of Pins, accounts and ads, and the values that queries for them accept.

Source: https://github.com/pinterest/api-description (pins/analytics, user_account/analytics, ad_account/analytics)
"""

from __future__ import annotations

from typing import Annotated, Literal

from pinflow import Text

VideoMetric = Literal[
    "VIDEO_MRC_VIEW",
    "VIDEO_10S_VIEW",
    "QUARTILE_95_PERCENT_VIEW",
    "VIDEO_V50_WATCH_TIME",
    "VIDEO_START",
    "VIDEO_AVG_WATCH_TIME",
]
PinMetric = Literal[
    "IMPRESSION",
    "OUTBOUND_CLICK",
    "PIN_CLICK",
    "SAVE",
    "SAVE_RATE",
    "TOTAL_COMMENTS",
    "TOTAL_REACTIONS",
    "USER_FOLLOW",
    "PROFILE_VISIT",
    VideoMetric,
]
UserMetric = Literal[
    "ENGAGEMENT",
    "ENGAGEMENT_RATE",
    "IMPRESSION",
    "OUTBOUND_CLICK",
    "OUTBOUND_CLICK_RATE",
    "PIN_CLICK",
    "PIN_CLICK_RATE",
    "SAVE",
    "SAVE_RATE",
]
TopVideoMetric = Literal["IMPRESSION", "SAVE", "OUTBOUND_CLICK", VideoMetric]
TopSort = Literal["ENGAGEMENT", "IMPRESSION", "OUTBOUND_CLICK", "PIN_CLICK", "SAVE"]

AppType = Literal["ALL", "MOBILE", "TABLET", "WEB"]
Claimed = Literal["BOTH", "OTHER", "CLAIMED"]
PinFormat = Literal[
    "ALL",
    "ORGANIC_IMAGE",
    "ORGANIC_PRODUCT",
    "ORGANIC_VIDEO",
    "ADS_STANDARD",
    "ADS_PRODUCT",
    "ADS_VIDEO",
    "ADS_IDEA",
]
ContentType = Literal["ALL", "PAID", "ORGANIC"]
PinSource = Literal["ALL", "YOUR_PINS", "OTHER_PINS"]
PinSplit = Literal["NO_SPLIT", "APP_TYPE"]
UserSplit = Literal["NO_SPLIT", "APP_TYPE", "OWNED_CONTENT", "SOURCE", "PIN_FORMAT"]

EntityStatus = Literal["ACTIVE", "PAUSED", "ARCHIVED", "DRAFT", "DELETED_DRAFT"]
Granularity = Literal["TOTAL", "DAY", "HOUR", "WEEK", "MONTH"]
WindowDays = Literal[0, 1, 7, 14, 30, 60]
ReportLevel = Literal[
    "ADVERTISER",
    "ADVERTISER_TARGETING",
    "CAMPAIGN",
    "CAMPAIGN_TARGETING",
    "AD_GROUP",
    "AD_GROUP_TARGETING",
    "PIN_PROMOTION",
    "PIN_PROMOTION_TARGETING",
    "KEYWORD",
    "PRODUCT_GROUP",
    "PRODUCT_GROUP_TARGETING",
    "PRODUCT_ITEM",
    "PRODUCT_ITEM_TARGETING",
]

# there are more than 600, and new ones appear: only their form is checked before they are sent
Column = Annotated[str, Text(pattern="^[A-Z][A-Z0-9_]*$", max_length=100)]
