"""Which of a Pin's media can be copied, and which image represents a Pin.

The API takes images by URL: one, or two to five of them. It does not give out the file of a video (for most apps
``video_url`` is null), so a video can only be saved from Pin to Pin or uploaded again.

Source: https://github.com/pinterest/api-description (schemas PinMedia, PinMediaSource)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pinflow import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinflow_pinterest.types import Pin, PinMedia

CAROUSEL_SIZES: Final = range(2, 6)
VIDEOS: Final = ("video", "multiple_videos", "multiple_mixed")  # kinds of media that show one

_WHOLE = ("originals", "orig")  # the image as it was uploaded; served until 2023
_CAPTIONS = ("title", "description", "link")
_VIDEO = "the API does not give out the file of a video; save the Pin instead, or upload the file again"


@dataclass(frozen=True, slots=True)
class CopyBody:
    """The body, or part of one, that makes a copy, ready to be sent as JSON."""

    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NotCopyable:
    """Why no copy can be made: a clause without a full stop."""

    reason: str


def best_image(images: Mapping[str, Any] | None) -> str | None:
    """The URL of the best size among ``images``, by size name as in a Pin's ``media``; None if there is no URL.

    The uploaded original is best, then the largest area. For a width or height of null, the number in the size's name
    counts: 1200 for "1200x".
    """
    sizes = images if isinstance(images, Mapping) else {}  # outside data: anything else has no URL
    usable = {size: image for size, image in sizes.items() if _url(image)}
    if not usable:
        return None
    originals = [size for size in _WHOLE if size in usable]
    best = originals[0] if originals else max(usable, key=lambda size: _area(size, usable[size]))
    return _url(usable[best])


def cover_image(media: PinMedia | None) -> str | None:
    """The URL of the image that represents ``media``: its best image or a video's cover; None without either.

    Of several images or videos, the first that has one.
    """
    return next(filter(None, map(_still_image, [media or {}, *_items(media)])), None)


def copy_media_source(pin: Pin) -> CopyBody | NotCopyable:
    """The ``media_source`` that makes a new Pin show what ``pin`` shows, or why it can't."""
    media = pin.get("media")
    if not media:
        return NotCopyable("the Pin has no media")
    match media.get("media_type") or "image":
        case "image":
            return _single(media)
        case "multiple_images":
            return _carousel(media)
        case "video" | "multiple_videos" | "multiple_mixed":
            return NotCopyable(_VIDEO)
        case unknown:
            return NotCopyable(f"its media type {unknown!r} is unknown")


def _single(media: PinMedia) -> CopyBody | NotCopyable:
    # without is_standard: it is open to beta apps only, and others would be refused
    url = best_image(media.get("images"))
    return CopyBody({"source_type": "image_url", "url": url}) if url else NotCopyable("the Pin has no image URL")


def _carousel(media: PinMedia) -> CopyBody | NotCopyable:
    items = _items(media)
    if len(items) not in CAROUSEL_SIZES:
        return NotCopyable(f"the carousel has {len(items)} images; the API allows 2 to 5")
    slots = [_slot(item) for item in items]
    without_url = [str(number) for number, slot in enumerate(slots, 1) if not slot["url"]]
    if without_url:
        return NotCopyable(f"no image URL in slot {', '.join(without_url)} of the carousel")
    source: dict[str, Any] = {"source_type": "multiple_image_urls", "items": slots}
    index = media.get("index")  # undocumented in answers: the cover's slot, if the service tells it
    return CopyBody({**source, "index": index} if index in range(len(slots)) else source)


def _slot(item: Mapping[str, Any]) -> dict[str, Any]:
    captions = {key: item[key] for key in _CAPTIONS if item.get(key) is not None}
    return {"url": best_image(item.get("images")), **captions}


def _items(media: PinMedia | None) -> Sequence[Mapping[str, Any]]:
    items: Sequence[object] = (media.get("items") if media else None) or []
    return [item if isinstance(item, Mapping) else {} for item in items]


def _still_image(media: Mapping[str, Any]) -> str | None:
    return best_image(media.get("images")) or media.get("cover_image_url")


def _url(image: object) -> str | None:
    url = image.get("url") if isinstance(image, Mapping) else None
    return url if isinstance(url, str) and url else None


def _area(size: str, image: Mapping[str, Any]) -> int:
    width, height = _pixels(image.get("width")), _pixels(image.get("height"))
    if not (width and height):
        named_width, _, named_height = size.partition("x")
        width = width or _pixels(named_width)
        height = height or _pixels(named_height) or _pixels(named_width)
    return width * height


def _pixels(value: object) -> int:
    if isinstance(value, str):
        return int(value) if value.isdecimal() and len(value) < 10 else 0
    return value if isinstance(value, int) and value > 0 else 0
