"""Converting accounts, boards, sections and Pins of API v3 to the common shapes, and back.

Fields with another name in v3 get v5's; all other fields stay under their own names.

Source: https://github.com/pinterest/api-quickstart (python/src/v3, as of 2022)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pinflow_pinterest.boards import without_none
from pinflow_pinterest.copying.copy_bodies import board_body, pin_body
from pinflow_pinterest.copying.source_pins import NOT_A_PIN
from pinflow_pinterest.media.copyable import CopyBody, NotCopyable, cover_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pinflow_pinterest.types import Board, Pin

Raw = dict[str, Any]

_NAMES: Final[Mapping[str, str]] = {"metrics_filters": "filters"}
_COUNTED: Final[Mapping[str, str]] = {"TIME_OF_AD_ACTION": "AD_EVENT", "TIME_OF_CONVERSION": "CONVERSION_EVENT"}

# what else a new board can have; not return_existing, which would take over an existing board
_BOARD_EXTRAS: Final = ("category", "collaborator_invites_enabled", "event_date", "event_start_date", "layout")
_CREATIVE_TYPES: Final[Mapping[str, str]] = {"image": "REGULAR", "video": "VIDEO", "multiple_images": "CAROUSEL"}
_SIZES: Final = ("originals", "1200x", "600x", "400x300")
_CAPTIONS: Final[Mapping[str, str]] = {"title": "title", "details": "description", "link": "link"}  # of a slot


def account(raw: object) -> object:
    """A user."""
    if not isinstance(raw, dict):
        return raw
    partner = raw.get("is_partner")
    return {
        **raw,
        **without_none(
            account_type=None if partner is None else "BUSINESS" if partner else "PINNER",
            business_name=raw.get("full_name"),
            profile_image=raw.get("image_large_url"),
        ),
    }


def board(raw: object) -> object:
    """A board."""
    if not isinstance(raw, dict):
        return raw
    privacy = raw.get("privacy")
    return {
        **raw,
        **_creation_date(raw),
        **without_none(privacy=privacy.upper() if isinstance(privacy, str) else privacy),
    }


def section(raw: object) -> object:
    """A section of a board."""
    return {**raw, **without_none(name=raw.get("title"))} if isinstance(raw, dict) else raw


def pin(raw: object, *, board: str | None = None, section: str | None = None) -> object:
    """A Pin; ``board`` and ``section`` say where it is, if that is known from elsewhere."""
    if not isinstance(raw, dict):
        return raw
    on = raw.get("board")
    place = without_none(board_id=board or (on.get("id") if isinstance(on, dict) else None), board_section_id=section)
    media = _media(raw)
    kind = None if raw.get("story_type") else _CREATIVE_TYPES[media["media_type"]]
    return {**without_none(creative_type=kind), **raw, **_creation_date(raw), **place, "media": media}


def is_pin(raw: object) -> bool:
    """Whether a listed object is a Pin, and not a tile such as "more ideas"."""
    return not isinstance(raw, dict) or raw.get("type") in (None, "pin")


def filter_pins(objects: Iterator[Any], limit: int | None) -> Iterator[Pin]:
    """The Pins of a listing without the tiles among them, ``limit`` at most."""
    return islice(filter(is_pin, objects), limit)


def board_copy_body(board: Board, *, name: str) -> CopyBody | NotCopyable:
    """The body that makes a copy of ``board`` under this name, with everything that a new board can have."""
    match board_body(board, name=name):
        case CopyBody(body):
            return CopyBody(body | without_none(**{extra: board.get(extra) for extra in _BOARD_EXTRAS}))
        case reason:
            return reason


def pin_copy_body(pin: Pin, *, board: str, section: str | None) -> CopyBody | NotCopyable:
    """The body that makes a copy of ``pin``, or why it can't be copied. A carousel stays as it is."""
    if not is_pin(pin):
        return NotCopyable(NOT_A_PIN)
    body = pin_body(pin, board_id=board, section_id=section)
    carousel: object = pin.get("carousel_data")
    if isinstance(body, CopyBody) and isinstance(carousel, dict) and "items" in body.content["media_source"]:
        source = {"source_type": "carousel", "url": cover_image(pin["media"]), "carousel_data": carousel}
        return CopyBody({**body.content, "media_source": source})
    return body


def board_fields(body: Mapping[str, Any]) -> Raw:
    """The fields that v3 expects for a new board."""
    privacy = body.get("privacy")
    return {**body, **without_none(privacy=privacy.lower() if privacy else None)}


def pin_fields(body: Mapping[str, Any]) -> Raw:
    """The fields that v3 expects for the Pin of a pins/create body."""
    source: Mapping[str, Any] = body["media_source"]
    data, image = source.get("carousel_data"), source.get("cover_image_url") or source.get("url")
    if items := source.get("items"):
        data, image = _carousel(items, source.get("index")), items[source.get("index") or 0]["url"]
    return without_none(
        board_id=body["board_id"],
        section=body.get("board_section_id"),
        image_url=image,
        media_upload_id=source.get("media_id"),
        carousel_data_json=None if data is None else json.dumps(data, separators=(",", ":"), ensure_ascii=False),
        source_url=body.get("link"),
        title=body.get("title"),
        description=body.get("description"),
        alt_text=body.get("alt_text"),
    )


def advertised_entity(raw: object) -> object:
    """A campaign, ad group or ad; the ads API v4 calls an ad account an advertiser."""
    return {**raw, **without_none(ad_account_id=raw.get("advertiser_id"))} if isinstance(raw, dict) else raw


def report_query(query: Mapping[str, Any]) -> Raw:
    """A query for ad metrics or a report, in the names of the ads API v4."""
    report_time = query.get("conversion_report_time")
    words = {_NAMES.get(name, name): value for name, value in query.items()}
    return words | without_none(conversion_report_time=_COUNTED.get(report_time) if report_time else None)


def _carousel(images: Sequence[Mapping[str, str]], index: int | None) -> Raw:
    """A carousel of these images, each {url, title, description, link}, in v3's shape."""
    slots = [
        without_none(
            images={"1200x": {"url": image["url"]}}, **{theirs: image.get(ours) for theirs, ours in _CAPTIONS.items()}
        )
        for image in images
    ]
    return without_none(carousel_slots=slots, index=index)


def _media(raw: Raw) -> Raw:
    """The media of a Pin."""
    url = raw.get("image_large_url")
    images = {_size(url): {"url": url}} if isinstance(url, str) and url else {}
    if raw.get("is_video") or raw.get("native_format_type") == "video":
        return {"media_type": "video", "images": images, **without_none(cover_image_url=url)}
    carousel = raw.get("carousel_data")
    slots = carousel.get("carousel_slots") if isinstance(carousel, dict) else None
    if slots and isinstance(carousel, dict):
        items = [_item(slot) for slot in slots] if isinstance(slots, list) else []
        return {"media_type": "multiple_images", "items": items, **without_none(index=carousel.get("index"))}
    return {"media_type": "image", "images": images}


def _item(slot: object) -> Raw:
    if not isinstance(slot, Mapping):
        return {}
    captions = {ours: slot.get(theirs) for theirs, ours in _CAPTIONS.items()}
    return {"item_type": "image", "images": slot.get("images"), **without_none(**captions)}


def _size(url: str) -> str:
    """The name of an image's size, from its address."""
    return next((size for size in _SIZES if f"/{size}/" in url), "1200x")


def _creation_date(raw: Raw) -> Raw:
    """The creation date as v5 writes it, in UTC without a zone; v3 writes "Fri, 01 Mar 2024 08:00:00 +0000"."""
    text = raw.get("created_at")
    if not isinstance(text, str) or text[:1].isdigit():
        return {}
    from email.utils import parsedate_to_datetime  # only v3's own dates need it

    try:
        at = parsedate_to_datetime(text)
        utc = at.astimezone(UTC) if at.tzinfo else at
    except (ValueError, OverflowError):
        return {}
    return {"created_at": utc.replace(tzinfo=None).isoformat()}
