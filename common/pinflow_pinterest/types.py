"""The types that actions return: the API's objects, as plain dicts with known keys.

Only the keys marked ``Required`` are always there: the service may omit any other, which means null. It may also send
keys and values that are not listed here, so enumerations stay ``str``. Dates are ISO 8601 in UTC, often
without a zone.

Source: https://github.com/pinterest/api-description (components/schemas)
"""

# annotations that are evaluated here, and not kept as texts: typing compiles each text, which takes 12 us a field
from typing import Any, Literal, Required, TypedDict

CreativeType = Literal[
    "REGULAR",
    "VIDEO",
    "SHOPPING",
    "CAROUSEL",
    "MAX_VIDEO",
    "SHOP_THE_PIN",
    "COLLECTION",
    "IDEA",
    "SHOWCASE",
    "QUIZ",
    "COLLAGE",
    "MAX_WIDTH_REGULAR_COLLECTION",
    "MAX_WIDTH_VIDEO_COLLECTION",
]


class Owner(TypedDict, total=False):
    """Who owns a board."""

    username: str


class BoardMedia(TypedDict, total=False):
    """The cover images of a board."""

    image_cover_url: str | None
    pin_thumbnail_urls: list[str]


class Board(TypedDict, total=False):
    """A board, without its Pins."""

    id: Required[str]
    name: Required[str]
    description: str | None
    privacy: str  # PUBLIC, PROTECTED, SECRET
    is_ads_only: bool
    owner: Owner
    media: BoardMedia
    pin_count: int
    follower_count: int
    collaborator_count: int
    created_at: str
    board_pins_modified_at: str


class BoardSection(TypedDict, total=False):
    """A section of a board; it does not say which board."""

    id: Required[str]
    name: Required[str]


class PlacedSection(TypedDict, total=False):
    """A section with the id of its board."""

    id: Required[str]
    name: Required[str]
    board_id: Required[str]


class Deleted(TypedDict, total=False):
    """An object that was deleted."""

    id: Required[str]


class ImageFile(TypedDict, total=False):
    """One size of an image."""

    url: Required[str]
    width: int | None  # pixels
    height: int | None  # pixels


Images = dict[str, ImageFile]  # by size: "150x150", "400x300", "600x", "1200x"; "originals" until 2023


class MediaItem(TypedDict, total=False):
    """One slot of a Pin with several images or videos."""

    item_type: str
    images: Images
    title: str | None
    description: str | None
    link: str | None
    cover_image_url: str
    duration: float | None  # milliseconds
    height: int | None
    width: int | None
    video_url: str | None


class PinMedia(TypedDict, total=False):
    """The media of a Pin; ``media_type`` says which of the other keys exist."""

    media_type: Required[str]  # image, video, multiple_images, multiple_videos, multiple_mixed
    images: Images  # image, video
    items: list[MediaItem]  # the three multiple ones
    cover_image_url: str  # video, as everything below
    duration: float | None  # milliseconds; null while the video is being processed
    height: int | None
    width: int | None
    video_url: str | None  # null for most apps


class Pin(TypedDict, total=False):
    """A Pin."""

    id: Required[str]
    board_id: str
    board_section_id: str | None
    title: str | None
    description: str | None
    link: str | None
    alt_text: str | None
    dominant_color: str | None  # "#6E7874"
    parent_pin_id: str | None
    created_at: str
    creative_type: str | None
    board_owner: Owner
    is_owner: bool
    is_standard: bool
    has_been_promoted: bool
    media: PinMedia | None
    pin_metrics: dict[str, dict[str, float]] | None  # by period, "90d" or "lifetime_metrics", then by metric


class Account(TypedDict, total=False):
    """A user's own account."""

    id: Required[str]
    username: str
    account_type: str  # PINNER, BUSINESS
    profile_image: str
    website_url: str
    about: str
    business_name: str | None
    board_count: int | None
    pin_count: int | None  # created and saved
    follower_count: int | None
    following_count: int | None
    monthly_views: int | None


class LinkedBusiness(TypedDict, total=False):
    """A business account that is linked to the user's account."""

    username: Required[str]
    image_small_url: str
    image_medium_url: str
    image_large_url: str
    image_xlarge_url: str


class DailyMetrics(TypedDict, total=False):
    """The metrics of one day."""

    date: Required[str]  # UTC, "2024-12-01"
    data_status: str  # READY, PROCESSING, ESTIMATE, or why there is nothing
    metrics: dict[str, float]


class Analytics(TypedDict, total=False):
    """The metrics of a Pin or an account over a period."""

    summary_metrics: dict[str, float]
    daily_metrics: list[DailyMetrics]
    lifetime_metrics: dict[str, int]  # Pins only


class TopPin(TypedDict, total=False):
    """One Pin of a ranking."""

    pin_id: Required[str]
    metrics: dict[str, float]
    data_status: dict[str, str]


class DateAvailability(TypedDict, total=False):
    """How recent a ranking's metrics are."""

    latest_available_timestamp: int  # milliseconds since 1970
    is_realtime: bool


class TopPins(TypedDict, total=False):
    """A ranking of the account's Pins."""

    pins: Required[list[TopPin]]
    sort_by: str
    date_availability: DateAvailability


class AdAccountOwner(TypedDict, total=False):
    """Who owns an ad account."""

    id: str
    username: str


class AdAccount(TypedDict, total=False):
    """An account that advertises."""

    id: Required[str]
    name: str
    owner: AdAccountOwner
    country: str
    currency: str
    permissions: list[str]  # the login's roles: OWNER, ADMIN, ANALYST ...
    created_time: int | None  # seconds since 1970, as all times below
    updated_time: int | None


class Campaign(TypedDict, total=False):
    """A campaign of an ad account."""

    id: Required[str]
    ad_account_id: str
    name: str
    status: str  # ACTIVE, PAUSED, ARCHIVED, DRAFT, DELETED_DRAFT
    summary_status: str
    objective_type: str
    daily_spend_cap: int | None  # millionths of the ad account's currency
    lifetime_spend_cap: int | None
    start_time: int | None
    end_time: int | None
    type: str
    created_time: int
    updated_time: int


class AdGroup(TypedDict, total=False):
    """The ads of a campaign that share a budget and an audience."""

    id: Required[str]
    ad_account_id: str
    campaign_id: str
    name: str
    status: str
    summary_status: str
    budget_in_micro_currency: int | None
    bid_in_micro_currency: int | None
    billable_event: str
    start_time: int | None
    end_time: int | None
    type: str
    budget_type: str
    created_time: int
    updated_time: int


class Ad(TypedDict, total=False):
    """A promoted Pin."""

    id: Required[str]
    ad_account_id: str
    campaign_id: str
    ad_group_id: str
    pin_id: str
    name: str | None
    status: str
    summary_status: str
    creative_type: str
    destination_url: str | None
    review_status: str  # OTHER, PENDING, REJECTED, APPROVED
    rejected_reasons: list[str]
    type: str
    created_time: int
    updated_time: int


class DeliveryMetric(TypedDict, total=False):
    """A column of ad reports, and its meaning."""

    name: Required[str]
    display_name: str
    definition: str
    category: str  # ADS, ORGANIC


class RelatedTerms(TypedDict, total=False):
    """A search term, and terms that people also search for."""

    term: Required[str]
    related_terms: list[str]


class PeriodDates(TypedDict):
    """The days that metrics are about, from 2026-03-01 on to 2026-03-31."""

    start_date: str
    end_date: str


class AccountFigures(PeriodDates):
    """Metrics of an account over a period, by part: "all", or the parts of ``split_field``."""

    parts: dict[str, Analytics]
    rows: list[dict[str, Any]]  # date, part, and the metrics


class PinFigures(PeriodDates):
    """Metrics of Pins over a period: by Pin, then by part as those of an account."""

    pins: dict[str, dict[str, Analytics]]
    rows: list[dict[str, Any]]  # date, id, part, and the metrics


class AdFigures(PeriodDates):
    """Metrics of ads over a period, as the service lists them and as rows."""

    items: list[dict[str, Any]]
    rows: list[dict[str, Any]]  # date, id, and the columns


class Ranking(PeriodDates):
    """The top Pins of a period."""

    top: TopPins
    rows: list[dict[str, Any]]  # id, and the metrics


class UploadedVideo(TypedDict):
    """An uploaded video, ready for a new Pin."""

    media_id: str
    status: str  # "succeeded"


class FetchedReport(TypedDict):
    """A downloaded report."""

    path: str
    size: int  # bytes
