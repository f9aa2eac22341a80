"""Matching the Pins of two boards by what they show, as far as the API tells.

A copy has its own id, dates and image addresses. The rest is compared: the section's name, the texts and the link
(outer spaces, runs of spaces and a last slash don't count, and a text only counts up to the limit of a new Pin's), the
kind of media, and the number and captions of a carousel's images.

The image itself can't be compared: the service stores it anew under another address. Two hints replace it, the
preview's size in pixels and the dominant colour. A service may compute them anew as well, so a hint only counts if at
least half of the Pins that are equal in the rest are equal in it too.

So these match: Pins with equal texts whose images have the same size and colour, such as an image and its retouched
version; two videos, or two covers of a carousel, with the same texts; and all Pins of a board whose Pins have no texts
and were mostly replaced at once. Pins that match are counted, not told apart.

Source: https://github.com/pinterest/api-description (schemas Pin, PinMedia)
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from unicodedata import normalize

from pinflow import dataclass
from pinflow_pinterest.copying.copy_bodies import PIN_LIMITS
from pinflow_pinterest.media.copyable import VIDEOS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pinflow_pinterest.types import Pin

CAPTIONS: Final = ("title", "description", "link")
_PREVIEWS: Final = ("1200x", "600x")  # never the original: a copy may be made from the preview
_HINTS: Final = (("size", "colour"), ("size",), ("colour",), ())  # the first reliable one is used


def text_key(pin: Pin, section: str, *, covers: bool = False) -> int:
    """A number that is equal for Pins with equal texts, kinds of media and ``section``, within this process.

    With ``covers`` a video counts as the image of its cover. The section of other videos is ignored.
    """
    media: Mapping[str, Any] = pin.get("media") or {}
    kind = str(media.get("media_type") or "image") if media else ""
    slots = carousel_slots(media)
    if covers and kind in VIDEOS:
        kind, slots = "image", []
    if kind in VIDEOS:
        section = ""  # it can't be made again elsewhere: a moved one is the same
    captions = tuple(plain_text(slot, name) for slot in slots for name in CAPTIONS)
    return hash((section, kind, len(slots), *(plain_text(pin, name) for name in PIN_LIMITS), *captions))


class PinKeys:
    """The keys by which the Pins of one board are compared: 24 bytes a Pin beside its id."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self._texts = array("q")
        self._hints = {"size": array("q"), "colour": array("q")}

    def add(self, pin: Pin, section: str, *, covers: bool = False) -> None:
        """Add a Pin that is in the section of this name ("" for none)."""
        self.ids.append(pin["id"])
        self._texts.append(text_key(pin, section, covers=covers))
        self._hints["size"].append(hash(_size(pin)))
        self._hints["colour"].append(hash(str(pin.get("dominant_color") or "").casefold()))

    def reverse(self) -> None:
        """Reverse the order."""
        self.ids.reverse()
        for column in (self._texts, *self._hints.values()):
            column.reverse()

    def keys(self, hints: Sequence[str]) -> Iterator[tuple[int, ...]]:
        """The key of each Pin, in order."""
        return zip(self._texts, *(self._hints[hint] for hint in hints), strict=True)


@dataclass(frozen=True, slots=True)
class PinDifference:
    """How one board differs from another, by the ids of Pins."""

    lacking: list[str]  # the source's that the target lacks
    extra: list[str]  # the target's that the source lacks


def match_pins(source: PinKeys, target: PinKeys) -> PinDifference:
    """The Pins that only one side has. Of several equal ones, the first of a side count as those that both have."""
    least = _common(source, target, ()) / 2
    hints = next(hints for hints in _HINTS if _common(source, target, hints) >= least)
    return PinDifference(_surplus(source, target, hints), _surplus(target, source, hints))


def _common(source: PinKeys, target: PinKeys, hints: Sequence[str]) -> int:
    return (Counter(source.keys(hints)) & Counter(target.keys(hints))).total()


def _surplus(own: PinKeys, other: PinKeys, hints: Sequence[str]) -> list[str]:
    counts = Counter(other.keys(hints))
    surplus = []
    for id, key in zip(own.ids, own.keys(hints), strict=True):
        if counts[key]:
            counts[key] -= 1
        else:
            surplus.append(id)
    return surplus


def plain_text(of: Mapping[str, Any], name: str) -> str:
    """A text of a Pin or of a carousel's image as it is compared: without what a service changes of it."""
    plain = normalize("NFC", str(of.get(name) or "")[: PIN_LIMITS[name]])
    return " ".join(plain.split()).removesuffix("/")


def carousel_slots(media: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The images of a carousel; [] for other media."""
    items = media.get("items")
    return [item if isinstance(item, Mapping) else {} for item in items] if isinstance(items, list) else []


def _size(pin: Pin) -> tuple[object, ...]:
    media: Mapping[str, Any] = pin.get("media") or {}
    return tuple(_pixels(slot.get("images")) for slot in (carousel_slots(media) or [media]))


def _pixels(images: object) -> tuple[object, object] | None:
    if isinstance(images, Mapping):
        for size in _PREVIEWS:
            if isinstance(image := images.get(size), Mapping):
                return str(image.get("width")), str(image.get("height"))
    return None
