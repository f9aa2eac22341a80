"""The content of a new Pin, from the six kinds of ``media_source``.

Source: https://github.com/pinterest/api-description (v5/openapi.json, PinMediaSource)
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import TYPE_CHECKING, Any

from pinflow_sandbox.server.errors import restricted_feature
from pinflow_sandbox.world import images, uploads
from pinflow_sandbox.world.records import PinContent, Slot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pinflow_sandbox.server.body_checks import RequestBody
    from pinflow_sandbox.world.world import Caller, World

_KINDS = ("image_url", "image_base64", "multiple_image_urls", "multiple_image_base64", "video_id", "pin_url")
_IMAGE_TYPES = ("image/jpeg", "image/png")
_URL = re.compile(r"https?://[^\s/]+(/\S*)?", re.IGNORECASE)
_URL_LENGTH = 2048  # characters
_TEXTS = {"title": 100, "description": 800, "link": _URL_LENGTH, "alt_text": 500}  # of a Pin; characters
SLOT_TEXTS = ("title", "description", "link")  # of one image in a carousel


def content_from(world: World, caller: Caller, source: RequestBody, *, salt: str) -> PinContent:
    """The content that a ``media_source`` describes, without texts. ``salt`` makes its addresses unique.

    Raises ApiError if the source is incomplete, or its upload is not the caller's or not ready.
    """
    kind = source.required_choice("source_type", _KINDS)
    if kind == "pin_url":
        raise restricted_feature("pin_url media source")
    if kind in ("multiple_image_urls", "multiple_image_base64"):
        return _carousel(source, salt, by_url=kind == "multiple_image_urls")
    standard = source.flag("is_standard", default=True)
    if kind == "video_id":
        return _video(world, caller, source, salt, standard=standard)
    key = _key_of_url(source, "url", salt) if kind == "image_url" else _key_of_bytes(source, salt)
    return PinContent("image", (Slot(key),), standard=standard)


def _carousel(source: RequestBody, salt: str, *, by_url: bool) -> PinContent:
    parts = source.parts("items", least=2, most=5)
    slots = tuple(_slot(part, f"{salt}:{index}", by_url=by_url) for index, part in enumerate(parts))
    cover = source.whole("index") or 0
    if cover >= len(slots):
        raise source.field_error("index", f"must be less than the number of items, {len(slots)}")
    return PinContent("multiple_images", slots, cover=cover)


def _slot(part: RequestBody, salt: str, *, by_url: bool) -> Slot:
    key = _key_of_url(part, "url", salt) if by_url else _key_of_bytes(part, salt)
    return Slot(key, **read_texts(part, SLOT_TEXTS))


def read_texts(body: RequestBody, names: Iterable[str] = tuple(_TEXTS), *, null: bool = False) -> dict[str, Any]:
    """Those of these texts that a body has, the ones of a Pin by default."""
    return {name: body.text(name, most=_TEXTS[name], null=null) for name in names if name in body}


def _video(world: World, caller: Caller, source: RequestBody, salt: str, *, standard: bool) -> PinContent:
    media = world.media.get(source.required_id("media_id"))
    if media is None or media.account != caller.account.username:
        raise source.field_error("media_id", "names no media of this account")
    status = uploads.status(world, media)
    if status != "succeeded" or media.content is None:
        raise source.field_error("media_id", f"names media that is not ready: its status is '{status}'")
    return PinContent("video", (Slot(_cover(source, media.content, salt)),), video=media.content, standard=standard)


def _cover(source: RequestBody, video: str, salt: str) -> str:
    if "cover_image_url" in source:
        return _key_of_url(source, "cover_image_url", salt)
    if "cover_image_data" in source:
        return _key_of_bytes(source, salt, prefix="cover_image_")
    frame = source.whole("cover_image_key_frame_time")
    if frame is None:
        raise source.field_error("cover_image_url", "is required for a video: it needs a cover image")
    return images.key_for_content(images.fingerprint("frame", video, str(frame)), salt)


def _key_of_url(source: RequestBody, name: str, salt: str) -> str:
    url = source.required_text(name, most=_URL_LENGTH)
    if not _URL.fullmatch(url):
        raise source.field_error(name, "must be an address that starts with http:// or https://")
    return images.key_for_url(url, salt)


def _key_of_bytes(source: RequestBody, salt: str, prefix: str = "") -> str:
    source.required_choice(f"{prefix}content_type", _IMAGE_TYPES)
    return images.key_for_bytes(_decode(source, f"{prefix}data"), salt)


def _decode(source: RequestBody, name: str) -> bytes:
    text = source.required_text(name)
    try:
        return b64decode(text, validate=True)
    except ValueError:
        reason = "must be base64 without line breaks and without a 'data:' prefix"
        raise source.field_error(name, reason) from None
