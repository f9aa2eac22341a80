"""Records as JSON of API v5.

Source: https://github.com/pinterest/api-description (v5/openapi.json, schemas)
"""

from __future__ import annotations

from time import gmtime
from typing import TYPE_CHECKING

from pinflow_sandbox.world import images

if TYPE_CHECKING:
    from pinflow_sandbox.world.records import (
        AccountRecord,
        BoardRecord,
        PinContent,
        PinRecord,
        SectionRecord,
        Slot,
        WebsiteRecord,
    )
    from pinflow_sandbox.world.world import Caller, World

JsonObject = dict[str, object]

_THUMBNAILS = 5  # of the newest Pins of a board
_METRICS_90D = ("pin_click", "impression", "clickthrough", "save", "reaction", "comment")
_METRICS_LIFETIME = ("pin_click", "impression", "clickthrough", "reaction", "comment")
CREATIVE_TYPES = {"image": "REGULAR", "multiple_images": "CAROUSEL", "video": "VIDEO"}
_VIDEO_SIZE = (720, 1280)  # pixels
_VIDEO_DURATION = 15_000.0  # milliseconds


def moment(seconds: float) -> str:
    """A time as the API writes it: UTC, without a zone."""
    time = gmtime(seconds)
    return f"{time[0]:04}-{time[1]:02}-{time[2]:02}T{time[3]:02}:{time[4]:02}:{time[5]:02}"


def account(record: AccountRecord) -> JsonObject:
    """An Account."""
    picture = images.key_for_content(images.fingerprint("profile", record.username), "profile")
    return {
        "id": record.id,
        "username": record.username,
        "account_type": "BUSINESS" if record.business else "PINNER",
        "profile_image": images.address(picture, "150x150"),
        "website_url": record.website_url,
        "about": record.about,
        "business_name": record.business_name,
        "board_count": len(record.boards),
        "pin_count": len(record.pins),
        "follower_count": len(record.followers),
        "following_count": len(record.following),
        "monthly_views": 0,
    }


def user_summary(record: AccountRecord) -> JsonObject:
    """A UserSummary."""
    return {"username": record.username, "type": "user"}


def linked_business(username: str) -> JsonObject:
    """A LinkedBusiness."""
    picture = images.key_for_content(images.fingerprint("profile", username), "profile")
    widths = {"small": "30x30", "medium": "75x75", "large": "150x150", "xlarge": "600x"}
    urls = {f"image_{name}_url": images.address(picture, width) for name, width in widths.items()}
    return {"username": username, **urls}


def website(record: WebsiteRecord) -> JsonObject:
    """A UserWebsiteSummary."""
    return {"website": record.address, "status": "success", "verified_at": moment(record.verified)}


def board(world: World, record: BoardRecord) -> JsonObject:
    """A Board."""
    newest = [world.pins[id].content for id in record.pins[: -_THUMBNAILS - 1 : -1]]
    keys = [content.slots[content.cover].key for content in newest]
    return {
        "id": record.id,
        "name": record.name,
        "description": record.description,
        "privacy": record.privacy,
        "is_ads_only": record.ads_only,
        "owner": {"username": record.owner},
        "media": {
            "image_cover_url": images.address(keys[0], "400x300") if keys else None,
            "pin_thumbnail_urls": [images.address(key, "150x150") for key in keys],
        },
        "pin_count": len(record.pins),
        "follower_count": len(record.followers),
        "collaborator_count": len(record.collaborators),
        "created_at": moment(record.created),
        "board_pins_modified_at": moment(record.pins_modified),
    }


def section(record: SectionRecord) -> JsonObject:
    """A BoardSection."""
    return {"id": record.id, "name": record.name}


def pin(world: World, caller: Caller, record: PinRecord, *, metrics: bool = False) -> JsonObject:
    """A Pin, as this caller sees it."""
    content = record.content
    cover = content.slots[content.cover]
    body: JsonObject = {
        "id": record.id,
        "created_at": moment(record.created),
        "link": content.link,
        "title": content.title,
        "description": content.description,
        "dominant_color": content.dominant_color or images.colour(cover.key),
        "alt_text": content.alt_text,
        "board_section_id": record.section_id,
        "creative_type": CREATIVE_TYPES[content.kind],
        "is_owner": record.account == caller.account.username,
        "is_standard": content.standard,
        "has_been_promoted": record.promoted,
        "parent_pin_id": record.parent_id,
        "pin_metrics": _metrics() if metrics else None,
        "media": _media(content, originals=world.settings.originals),
    }
    if of := world.board_of(record):
        body |= {"board_id": of.id, "board_owner": {"username": of.owner}}
    return body


def _media(content: PinContent, *, originals: bool) -> JsonObject:
    if content.kind == "multiple_images":
        return {"media_type": "multiple_images", "items": [_item(slot, originals) for slot in content.slots]}
    key = content.slots[0].key
    if content.kind == "image":
        return {"media_type": "image", "images": images.sizes(key, originals=originals)}
    width, height = _VIDEO_SIZE
    return {
        "media_type": "video",
        "cover_image_url": images.address(key, "1200x"),
        "duration": _VIDEO_DURATION,
        "height": height,
        "width": width,
        "video_url": None,
        "images": images.sizes(key, originals=originals),
    }


def _item(slot: Slot, originals: bool) -> JsonObject:
    return {
        "item_type": "image",
        "title": slot.title,
        "description": slot.description,
        "link": slot.link,
        "images": images.sizes(slot.key, originals=originals),
    }


def _metrics() -> JsonObject:
    """Zero throughout: the analytics operations have the sandbox's metrics."""
    return {"90d": dict.fromkeys(_METRICS_90D, 0), "lifetime_metrics": dict.fromkeys(_METRICS_LIFETIME, 0)}
