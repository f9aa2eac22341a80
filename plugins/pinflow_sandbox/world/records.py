"""Records of a world: accounts, boards, sections, Pins, uploads and advertising.

Ids are decimal texts of one length, assigned in ascending order for each kind, so that sorting ids sorts by age.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import field
from typing import TYPE_CHECKING, Literal, get_args

from pinflow import dataclass
from pinflow_sandbox.world import images

if TYPE_CHECKING:
    from pinflow_pinterest.analytics.metrics import EntityStatus

Privacy = Literal["PUBLIC", "PROTECTED", "SECRET"]
PRIVACIES: tuple[Privacy, ...] = get_args(Privacy)
MediaKind = Literal["image", "multiple_images", "video"]
Review = Literal["OTHER", "PENDING", "REJECTED", "APPROVED"]


class SortedIds(list[str]):
    """Ids in ascending order, with fast insertion and removal even among many thousands."""

    def add(self, id: str) -> None:
        """Add an id that is not in the list."""
        if self and id < self[-1]:
            insort(self, id)
        else:
            self.append(id)

    def remove(self, id: str, /) -> None:
        """Remove an id that is in the list."""
        del self[bisect_left(self, id)]


@dataclass(slots=True)
class WebsiteRecord:
    """A claimed website."""

    address: str
    verified: float  # seconds since the epoch


@dataclass(slots=True)
class AccountRecord:
    """A user of the service."""

    id: str
    username: str
    business: bool = False
    business_name: str | None = None
    about: str = ""
    website_url: str = ""
    boards: SortedIds = field(default_factory=SortedIds)  # own ones
    group_boards: SortedIds = field(default_factory=SortedIds)  # others', where this account collaborates
    pins: SortedIds = field(default_factory=SortedIds)  # made or saved by this account
    media: SortedIds = field(default_factory=SortedIds)
    following: set[str] = field(default_factory=set)  # usernames
    followers: set[str] = field(default_factory=set)  # usernames
    followed_boards: SortedIds = field(default_factory=SortedIds)
    linked_businesses: list[str] = field(default_factory=list)  # usernames
    websites: dict[str, WebsiteRecord] = field(default_factory=dict)


@dataclass(slots=True)
class SectionRecord:
    """A section of a board."""

    id: str
    board_id: str
    name: str
    pins: SortedIds = field(default_factory=SortedIds)


@dataclass(slots=True)
class BoardRecord:
    """A board; ``pins`` includes those in sections."""

    id: str
    owner: str  # username
    name: str
    created: float
    pins_modified: float
    description: str | None = None
    privacy: Privacy = "PUBLIC"
    ads_only: bool = False
    collaborators: set[str] = field(default_factory=set)  # usernames
    followers: set[str] = field(default_factory=set)  # usernames
    pins: SortedIds = field(default_factory=SortedIds)
    sections: SortedIds = field(default_factory=SortedIds)
    v3_fields: dict[str, object] = field(default_factory=dict)  # fields that only API v3 has


@dataclass(frozen=True, slots=True)
class Slot:
    """One image of a Pin, with its texts in a carousel."""

    key: str
    title: str | None = None
    description: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class PinContent:
    """The content of a Pin. ``slots`` has one image, two to five of a carousel, or the cover of a video."""

    kind: MediaKind
    slots: tuple[Slot, ...]
    title: str | None = None
    description: str | None = None
    link: str | None = None
    alt_text: str | None = None
    dominant_color: str | None = None
    video: str | None = None  # fingerprint of the uploaded bytes
    cover: int = 0  # index of the slot shown for the whole carousel
    standard: bool = True

    @property
    def media_fingerprints(self) -> list[str]:
        """The fingerprints of the pictures and the video; they don't depend on addresses."""
        pictures = [images.content_of(slot.key) for slot in self.slots]
        return [*pictures, self.video] if self.video else pictures

    @property
    def fingerprint(self) -> str:
        """Equal for two Pins with the same texts, link and pictures in the same order."""
        texts = (self.title, self.description, self.link, self.alt_text)
        slots = [text or "" for slot in self.slots for text in (slot.title, slot.description, slot.link)]
        return images.fingerprint(self.kind, *(text or "" for text in texts), *slots, *self.media_fingerprints)


@dataclass(slots=True)
class PinRecord:
    """A Pin. ``source`` may be a number from which the content is made when it is read, to save memory."""

    id: str
    account: str  # username of the creator
    board_id: str | None  # None: on the profile only
    section_id: str | None
    created: float
    source: PinContent | int
    parent_id: str | None = None
    promoted: bool = False

    @property
    def content(self) -> PinContent:
        """The content of this Pin."""
        return numbered_content(self.source) if isinstance(self.source, int) else self.source


@dataclass(slots=True)
class MediaRecord:
    """A registered upload of a video."""

    id: str
    account: str  # username
    key: str  # the object's name in the store
    signature: str
    uploaded: float | None = None
    polls: int = 0  # status requests since the upload
    content: str | None = None  # fingerprint of the bytes
    size: int = 0  # bytes


@dataclass(slots=True)
class AdAccountRecord:
    """An advertising account; ``roles`` are the permissions by username."""

    id: str
    owner: str  # username
    name: str
    created: float
    country: str = "DE"
    currency: str = "EUR"
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    campaigns: SortedIds = field(default_factory=SortedIds)
    ad_groups: SortedIds = field(default_factory=SortedIds)
    ads: SortedIds = field(default_factory=SortedIds)


@dataclass(slots=True)
class CampaignRecord:
    """A campaign of an ad account, with its objective and spend caps."""

    id: str
    ad_account_id: str
    name: str
    status: EntityStatus
    created: float
    objective: str = "CONSIDERATION"
    daily_cap: int | None = None  # millionths of the ad account's currency
    lifetime_cap: int | None = None
    ended: float | None = None
    ad_groups: SortedIds = field(default_factory=SortedIds)
    ads: SortedIds = field(default_factory=SortedIds)


@dataclass(slots=True)
class AdGroupRecord:
    """Ads of a campaign with a common budget, bid and audience."""

    id: str
    ad_account_id: str
    campaign_id: str
    name: str
    status: EntityStatus
    created: float
    budget: int = 5_000_000  # millionths of the ad account's currency, a day
    bid: int | None = None
    billable_event: str = "CLICKTHROUGH"
    ads: SortedIds = field(default_factory=SortedIds)


@dataclass(slots=True)
class AdRecord:
    """A promoted Pin."""

    id: str
    ad_account_id: str
    campaign_id: str
    ad_group_id: str
    pin_id: str
    name: str | None
    status: EntityStatus
    created: float
    review: Review = "APPROVED"
    destination_url: str | None = None


@dataclass(slots=True)
class ReportRecord:
    """A requested report on ads, identified by its token."""

    token: str
    ad_account_id: str
    requested: float  # seconds since the epoch
    name: str  # of the file
    content_type: str
    file: bytes
    polls: int = 0  # status requests so far


AdItem = CampaignRecord | AdGroupRecord | AdRecord  # what is in an ad account
AdEntity = AdAccountRecord | AdItem


def numbered_content(number: int) -> PinContent:
    """The content of the Pin with this number, different for each number."""
    content = images.fingerprint("numbered", str(number))
    return PinContent(
        kind="image",
        slots=(Slot(images.key_for_content(content, "numbered")),),
        title=f"Pin number {number}",
        description=f"The sandbox made this Pin; it is number {number}.",
        link=f"https://example.com/pins/{number}",
        alt_text=f"A picture of the number {number}",
    )
