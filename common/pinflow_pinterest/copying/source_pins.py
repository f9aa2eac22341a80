"""A board's Pins as they are read for a copy: what can be made again, and what is in the way.

Source: https://github.com/pinterest/api-description (schemas Pin, PinCreate)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from pinflow_pinterest.copying.copy_bodies import PIN_LIMITS, problems
from pinflow_pinterest.media.copyable import Carried, NotCarried, cover_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pinflow_pinterest.copying.page_buffer import Spool
    from pinflow_pinterest.copying.results import SkippedObject
    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.types import Pin

NAMED: Final = 100  # skipped Pins, and texts too long, that are named one by one; the rest is counted
NO_PIN: Final = "it is a tile of the service's own among the Pins, and not a Pin"
UNKNOWN_MEDIA: Final = "its kind of media is not known"
VIDEOS: Final = ("video", "multiple_videos", "multiple_mixed")

_KNOWN_MEDIA: Final = (*VIDEOS, "image", "multiple_images")
_SHORTENED: Final = ("title", "description", "alt_text")  # never a link: a shortened one leads nowhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the person chose about a copy."""

    sections: bool = True  # false puts all Pins on the board itself
    videos: Literal["skip", "cover"] = "skip"
    on_too_long: Literal["fail", "truncate"] = "fail"
    parallel: int = 1  # Pins that are sent at a time

    @property
    def covers(self) -> bool:
        """Whether a video becomes a picture of its cover."""
        return self.videos == "cover"


@dataclass(slots=True)
class Reading:
    """A board's Pins as they were read, and what is in the way of copying them."""

    source: Gateway
    spool: Spool
    ids: set[str] = field(default_factory=set)  # until the list of what to copy is settled
    kept: frozenset[str] | None = None  # what to copy; None is all
    too_long: list[str] = field(default_factory=list)  # the first of them
    too_long_count: int = 0
    left: list[SkippedObject] = field(default_factory=list)  # the first of them
    strange: list[str] = field(default_factory=list)  # ids of what is listed among the Pins and is none
    first: str = ""  # when the first and the last of the listing were made, as the service writes it
    last: str = ""
    rising: bool = True  # whether no Pin of the listing is older than the one before it

    def oldest_first(self) -> Iterator[Any]:
        """The Pins, beginning with the oldest. A listing begins with the newest unless all its dates say otherwise."""
        pins = iter(self.spool) if self.rising and self.first < self.last else reversed(self.spool)
        return pins if self.kept is None else (pin for pin in pins if pin["id"] in self.kept)

    def add(self, page: Sequence[Pin]) -> list[Pin]:
        """Take in a page: those of its Pins that did not come before."""
        # one comes twice where others were added while the pages were fetched
        fresh = list({pin["id"]: pin for pin in page if pin["id"] not in self.ids}.values())
        self.spool.append(fresh)
        for pin in fresh:
            self.ids.add(pin["id"])
            at = pin.get("created_at") or ""
            self.first = self.first or at
            self.rising = self.rising and self.last <= at
            self.last = at
        return fresh

    def leave(self, id: str, reason: str) -> None:
        """Note that a Pin is not copied."""
        if len(self.left) < NAMED:
            self.left.append({"id": id, "reason": reason})

    def keep(self, ids: frozenset[str]) -> None:
        """Forget every Pin but these."""
        self.kept = ids
        self.left = [each for each in self.left if each["id"] in ids]


def read_pins(source: Gateway, board: str, spool: Spool, choices: Choices) -> Reading:
    """Read all Pins of a board into ``spool``, once each, and see what of them can't be copied."""
    reading = Reading(source, spool)
    for page in source.pin_pages(board, strange=reading.strange.append):
        for pin in reading.add(page):
            _examine(pin, reading, choices)
    return reading


def examine_kept(reading: Reading, choices: Choices) -> None:
    """See once more what can't be copied, of the Pins that are kept alone."""
    reading.left.clear()
    reading.too_long.clear()
    reading.too_long_count = 0
    for pin in reading.oldest_first():
        _examine(pin, reading, choices)


def copied_pin(
    service: Gateway, pin: Pin, *, board: str, section: str | None, choices: Choices
) -> Carried | NotCarried:
    """The body that makes a copy of ``pin``, or a fixed text that says why there is none."""
    media = pin.get("media")
    kind = (media.get("media_type") if media else None) or "image"
    if kind not in _KNOWN_MEDIA:
        return NotCarried(UNKNOWN_MEDIA)
    if kind in VIDEOS and choices.covers:
        pin = _still(pin)
    match service.copied_pin(pin, board=board, section=section):
        case Carried(body) if choices.on_too_long == "truncate":
            return Carried(_shortened(body))
        case found:
            return found


def _examine(pin: Pin, reading: Reading, choices: Choices) -> None:
    """Note what is in the way of copying one Pin."""
    match copied_pin(reading.source, pin, board="0", section=None, choices=choices):
        case NotCarried(reason):
            reading.leave(pin["id"], reason)
        case Carried(body):
            found = [f"pin {pin['id']}: {each}" for each in too_long(body)]
            reading.too_long += found[: NAMED - len(reading.too_long)]
            reading.too_long_count += len(found)


def too_long(body: Mapping[str, Any]) -> list[str]:
    """Every text of a body that is longer than the API takes, those of a carousel's images too."""
    slots = enumerate(body["media_source"].get("items", ()), 1)
    of_slots = [f"image {number}: {each}" for number, slot in slots for each in problems(slot, PIN_LIMITS)]
    return [*map(str, problems(body, PIN_LIMITS)), *of_slots]


def _still(pin: Pin) -> Pin:
    """A Pin that shows the cover of what ``pin`` plays."""
    url = cover_image(pin.get("media"))
    images: Any = {"1200x": {"url": url}} if url else {}
    return {**pin, "media": {"media_type": "image", "images": images}}


def _shortened(body: dict[str, Any]) -> dict[str, Any]:
    """The body with its texts cut to what the API takes, those of a carousel's images too."""
    cut: dict[str, Any] = {name: body[name][: PIN_LIMITS[name]] for name in _SHORTENED if name in body}
    source = body.get("media_source")
    if source and "items" in source:
        cut["media_source"] = {**source, "items": [_shortened(item) for item in source["items"]]}
    return {**body, **cut}
