"""How records look in answers of API v3.

Source: https://github.com/pinterest/api-quickstart (python/src/v3, as of 2022) for the fields that clients read; the
others are there because answers of that time had more than that.
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
_FAILED = 1  # failure_code of an upload that is no video


def account(found: AccountRecord) -> JsonObject:
    """A user."""
    picture = images.key_for_content(images.fingerprint("profile", found.username), "profile")
    return {
        "id": found.id,
        "type": "user",
        "username": found.username,
        "full_name": found.business_name or found.username.replace("_", " ").title(),
        "about": found.about,
        "profile_url": f"{_SITE}/{found.username}/",
        "website_url": found.website_url,
        "image_large_url": images.address(picture, "150x150"),
        "is_partner": found.business,
        "board_count": len(found.boards),
        "pin_count": len(found.pins),
        "follower_count": len(found.followers),
        "following_count": len(found.following),
    }


def board(world: World, found: BoardRecord) -> JsonObject:
    """A board."""
    newest = world.pins[found.pins[-1]].content if found.pins else None
    return {
        "id": found.id,
        "type": "board",
        "name": found.name,
        "url": board_url(found),
        "description": found.description,
        "category": None,
        "privacy": found.privacy.lower(),
        "owner": _person(world, found.owner),
        "pin_count": len(found.pins),
        "section_count": len(found.sections),
        "follower_count": len(found.followers),
        "collaborator_count": len(found.collaborators),
        "image_cover_url": images.address(newest.slots[newest.cover].key, "400x300") if newest else None,
        "created_at": http_date(found.created),
        **found.v3_fields,
    }


def board_url(found: BoardRecord) -> str:
    """A board's path on the web site."""
    return f"/{found.owner}/{_slug(found.name)}/"


def section(found: SectionRecord) -> JsonObject:
    """A section of a board."""
    return {
        "id": found.id,
        "type": "board_section",
        "title": found.name,
        "slug": _slug(found.name),
        "pin_count": len(found.pins),
    }


def pin(world: World, found: PinRecord) -> JsonObject:
    """A Pin."""
    content = found.content
    key = content.slots[content.cover].key
    of = world.boards[found.board_id] if found.board_id is not None else None
    return {
        "id": found.id,
        "type": "pin",
        "created_at": http_date(found.created),
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
        "board_section_id": found.section_id,
        "pinner": _person(world, found.account),
    }


def story(number: str) -> JsonObject:
    """What is no Pin and stands among them all the same."""
    return {"id": number, "type": "story", "story_type": "more_ideas"}


def upload(found: MediaRecord, status: str) -> JsonObject:
    """The state of an upload."""
    return {"id": found.id, "type": "video", "status": status, "failure_code": _FAILED if status == "failed" else None}


@lru_cache(maxsize=4096)
def _slug(name: str) -> str:
    return quote(name.lower().replace(" ", "-"), safe="-")


@lru_cache(maxsize=4096)
def _domain(link: str) -> str | None:
    try:
        return urlsplit(link).hostname
    except ValueError:  # the service takes any text for a link
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
