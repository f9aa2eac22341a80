"""Records as JSON of API v3.

Source: https://github.com/pinterest/api-quickstart (python/src/v3, as of 2022) for the fields that clients read. The
other fields imitate that responses of that time had more.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from pinflow_sandbox.server.http_dates import http_date
from pinflow_sandbox.world import images

if TYPE_CHECKING:
    from pinflow_sandbox.world.records import (
        AccountRecord,
        BoardRecord,
        MediaRecord,
        PinContent,
        PinRecord,
        SectionRecord,
        Slot,
    )
    from pinflow_sandbox.world.world import World

JsonObject = dict[str, object]

_SITE = "https://www.pinterest.com"
_FORMATS = {"image": "static", "multiple_images": "carousel", "video": "video"}
_FAILED = 1  # failure_code of an upload that is not a video


def account(record: AccountRecord) -> JsonObject:
    """A user."""
    picture = images.key_for_content(images.fingerprint("profile", record.username), "profile")
    return {
        "id": record.id,
        "type": "user",
        "username": record.username,
        "full_name": record.business_name or record.username.replace("_", " ").title(),
        "about": record.about,
        "profile_url": f"{_SITE}/{record.username}/",
        "website_url": record.website_url,
        "image_large_url": images.address(picture, "150x150"),
        "is_partner": record.business,
        "board_count": len(record.boards),
        "pin_count": len(record.pins),
        "follower_count": len(record.followers),
        "following_count": len(record.following),
    }


def board(world: World, record: BoardRecord) -> JsonObject:
    """A board."""
    newest = world.pins[record.pins[-1]].content if record.pins else None
    return {
        "id": record.id,
        "type": "board",
        "name": record.name,
        "url": board_url(record),
        "description": record.description,
        "category": None,
        "privacy": record.privacy.lower(),
        "owner": _person(world, record.owner),
        "pin_count": len(record.pins),
        "section_count": len(record.sections),
        "follower_count": len(record.followers),
        "collaborator_count": len(record.collaborators),
        "image_cover_url": images.address(newest.slots[newest.cover].key, "400x300") if newest else None,
        "created_at": http_date(record.created),
        **record.v3_fields,
    }


def board_url(record: BoardRecord) -> str:
    """The path of a board on the website."""
    return f"/{record.owner}/{_slug(record.name)}/"


def section(record: SectionRecord) -> JsonObject:
    """A section of a board."""
    return {
        "id": record.id,
        "type": "board_section",
        "title": record.name,
        "slug": _slug(record.name),
        "pin_count": len(record.pins),
    }


def pin(world: World, record: PinRecord) -> JsonObject:
    """A Pin."""
    content = record.content
    key = content.slots[content.cover].key
    of = world.board_of(record)
    return {
        "id": record.id,
        "type": "pin",
        "created_at": http_date(record.created),
        "title": content.title,
        "description": content.description,
        "link": content.link,
        "domain": _domain(content.link) if content.link else None,
        "alt_text": content.alt_text,
        "dominant_color": content.dominant_color or images.colour(key),
        "native_format_type": _FORMATS[content.kind],
        "story_type": None,
        "image_large_url": images.address(key, world.settings.v3_large_image),
        "image_medium_url": images.address(key, "400x300"),
        "image_square_url": images.address(key, "150x150"),
        "is_video": content.kind == "video",
        "carousel_data": _carousel(content, originals=world.settings.originals),
        "board": {"id": of.id, "name": of.name, "url": board_url(of)} if of else None,
        "board_section_id": record.section_id,
        "pinner": _person(world, record.account),
    }


def story(number: str) -> JsonObject:
    """A tile that is listed among Pins but is not a Pin."""
    return {"id": number, "type": "story", "story_type": "more_ideas"}


def upload(record: MediaRecord, status: str) -> JsonObject:
    """The status of an upload."""
    return {"id": record.id, "type": "video", "status": status, "failure_code": _FAILED if status == "failed" else None}


@lru_cache(maxsize=4096)
def _slug(name: str) -> str:
    return quote(name.lower().replace(" ", "-"), safe="-")


@lru_cache(maxsize=4096)
def _domain(link: str) -> str | None:
    try:
        return urlsplit(link).hostname
    except ValueError:  # the service accepts any text as a link
        return None


def _person(world: World, username: str) -> JsonObject:
    return {"id": world.accounts[username].id, "username": username}


def _carousel(content: PinContent, *, originals: bool) -> JsonObject | None:
    if content.kind != "multiple_images":
        return None
    return {"index": content.cover, "carousel_slots": [_slot(slot, originals) for slot in content.slots]}


def _slot(slot: Slot, originals: bool) -> JsonObject:
    return {
        "title": slot.title,
        "details": slot.description,
        "link": slot.link,
        "images": images.sizes(slot.key, originals=originals),
    }
