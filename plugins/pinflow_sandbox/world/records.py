"""What a world holds: accounts, boards, sections, Pins, uploads and advertising, as plain records.

Ids are decimal text of one length, handed out in rising order for each kind, so that sorting ids is sorting by age.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pinflow_sandbox.world import images

if TYPE_CHECKING:
    from pinflow_pinterest.analytics.metrics import EntityStatus

Privacy = Literal["PUBLIC", "PROTECTED", "SECRET"]
MediaKind = Literal["image", "multiple_images", "video"]
Review = Literal["OTHER", "PENDING", "REJECTED", "APPROVED"]


class SortedIds(list[str]):
    """Ids in rising order. Adding, finding and taking out cost little even among many thousands."""

    def add(self, id: str) -> None:
        """Add an id that is not there yet."""
        if self and id < self[-1]:
            insort(self, id)
        else:
            self.append(id)

    def remove(self, id: str, /) -> None:
        """Remove an id that is there."""
        del self[bisect_left(self, id)]


@dataclass(slots=True)
class WebsiteRecord:
    """A claimed web site."""

    address: str
    verified: float  # seconds since the epoch


@dataclass(slots=True)
class AccountRecord:
    """One user of the service."""

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
    """A board; ``pins`` are all of them, those in sections too."""

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
    v3_fields: dict[str, object] = field(default_factory=dict)  # what only API v3 knows of a board


@dataclass(frozen=True, slots=True)
class Slot:
    """One image of a Pin, with the texts it has in a carousel."""

    key: str
    title: str | None = None
    description: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class PinContent:
    """What a Pin shows. ``slots`` has one image, a carousel's two to five, or a video's cover."""

    kind: MediaKind
    slots: tuple[Slot, ...]
    title: str | None = None
    description: str | None = None
    link: str | None = None
    alt_text: str | None = None
    dominant_color: str | None = None
    video: str | None = None  # fingerprint of the uploaded bytes
    cover: int = 0  # the slot that stands for the whole carousel
    standard: bool = True

    @property
    def media_fingerprints(self) -> list[str]:
        """What the pictures and the video are, whatever their addresses."""
        pictures = [images.content_of(slot.key) for slot in self.slots]
        return [*pictures, self.video] if self.video else pictures

    @property
    def fingerprint(self) -> str:
        """Equal for two Pins that show the same: texts, link, pictures and their order."""
        texts = (self.title, self.description, self.link, self.alt_text)
        slots = [text or "" for slot in self.slots for text in (slot.title, slot.description, slot.link)]
        return images.fingerprint(self.kind, *(text or "" for text in texts), *slots, *self.media_fingerprints)


@dataclass(slots=True)
class PinRecord:
    """A Pin. Its content may be a number, from which it is made whenever somebody looks."""

    id: str
    account: str  # username of who made or saved it
    board_id: str | None  # None: on the profile only
    section_id: str | None
    created: float
    source: PinContent | int
    parent_id: str | None = None
    promoted: bool = False

    @property
    def content(self) -> PinContent:
        """What this Pin shows."""
        return numbered_content(self.source) if isinstance(self.source, int) else self.source


@dataclass(slots=True)
class MediaRecord:
    """A registered upload of a video."""

    id: str
    account: str  # username
    key: str  # the object's name in the store
    signature: str
    uploaded: float | None = None
    polls: int = 0  # how often its state was asked for since the upload
    content: str | None = None  # fingerprint of the bytes
    size: int = 0  # bytes


@dataclass(slots=True)
class AdAccountRecord:
    """An account that advertises; ``roles`` are the permissions of everybody who may see it, by username."""

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
    """What an ad account wants to reach, and how much it may cost."""

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
    """The ads of a campaign that share a budget, a bid and an audience."""

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
    """A report on ads that was asked for, by the token that stands for it."""

    token: str
    ad_account_id: str
    asked: float  # seconds since the epoch
    name: str  # of the file
    content_type: str
    file: bytes
    polls: int = 0  # how often its state was asked for
    links: int = 0  # how many addresses were given out for its file


AdEntity = AdAccountRecord | CampaignRecord | AdGroupRecord | AdRecord


def numbered_content(number: int) -> PinContent:
    """The content of the Pin of this number; no two numbers share one."""
    content = images.fingerprint("numbered", str(number))
    return PinContent(
        kind="image",
        slots=(Slot(images.key_for_content(content, "numbered")),),
        title=f"Pin number {number}",
        description=f"The sandbox made this Pin; it is number {number}.",
        link=f"https://example.com/pins/{number}",
        alt_text=f"A picture of the number {number}",
    )
