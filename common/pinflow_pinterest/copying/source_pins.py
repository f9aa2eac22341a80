"""The Pins of a board that is copied: which can be made again, and why others can't.

Source: https://github.com/pinterest/api-description (schemas Pin, PinCreate)
"""

from __future__ import annotations

from dataclasses import field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal

from pinflow import dataclass
from pinflow_pinterest.copying.copy_bodies import PIN_LIMITS, SECTION_LIMITS, too_long_fields
from pinflow_pinterest.listings import pin_mismatch, read_settled
from pinflow_pinterest.media.copyable import VIDEOS, CopyBody, NotCopyable, cover_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pinflow import Context
    from pinflow_pinterest.copying.page_buffer import PageBuffer
    from pinflow_pinterest.copying.results import SkippedObject
    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.listings import Mismatch
    from pinflow_pinterest.types import Board, BoardSection, Pin

MAX_LISTED: Final = (
    100  # skipped Pins, and texts too long, that are listed one by one (a screen or two); the rest is counted
)
TRUNCATE_HINT: Final = "on_too_long: truncate shortens texts, but never links"
NOT_A_PIN: Final = "it is a tile of the service among the Pins, not a Pin"
UNKNOWN_MEDIA: Final = "its kind of media is unknown"

_KNOWN_MEDIA: Final = (*VIDEOS, "image", "multiple_images")
_TRUNCATED: Final = ("title", "description", "alt_text")  # never a link: a shortened link is broken


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOptions:
    """The options of a copy."""

    sections: bool = True  # false puts all Pins on the board itself
    videos: Literal["skip", "cover"] = "skip"
    on_too_long: Literal["fail", "truncate"] = "fail"
    parallel: int = 1  # how many Pins are sent at a time

    @property
    def covers(self) -> bool:
        """Whether a video becomes an image of its cover."""
        return self.videos == "cover"


@dataclass(slots=True)
class SourcePins:
    """A board's Pins as they were read, and the problems with copying them."""

    source: Gateway
    buffer: PageBuffer
    ids: set[str] = field(default_factory=set)  # until it is settled what to copy
    section_ids: set[str | None] = field(default_factory=set)  # what Pins are in; None is the board itself
    selected: frozenset[str] | None = None  # ids of what to copy; None is all
    too_long_texts: list[str] = field(default_factory=list)  # the first ones
    too_long_count: int = 0
    skipped: list[SkippedObject] = field(default_factory=list)  # the first ones
    is_whole: bool = True  # whether the board has no more Pins than it lists
    others: list[str] = field(default_factory=list)  # ids of listed tiles that are not Pins
    first: str = ""  # creation times of the first and last listed Pin, as the service writes them
    last: str = ""
    ascending: bool = True  # whether no listed Pin is older than the one before it

    def oldest_first(self) -> Iterator[Any]:
        """The Pins, the oldest first."""
        pins = iter(self.buffer) if self.lists_oldest_first else reversed(self.buffer)
        return pins if self.selected is None else (pin for pin in pins if pin["id"] in self.selected)

    @property
    def lists_oldest_first(self) -> bool:
        """How the service lists: the newest first, unless all dates say otherwise."""
        return self.ascending and self.first < self.last

    def add(self, page: Sequence[Pin]) -> list[Pin]:
        """Add a page. Returns those of its Pins that are new."""
        # a Pin comes twice if others were added while the pages were fetched
        new_pins = list({pin["id"]: pin for pin in page if pin["id"] not in self.ids}.values())
        self.buffer.append(new_pins)
        for pin in new_pins:
            self.ids.add(pin["id"])
            self.section_ids.add(pin.get("board_section_id"))
            created_at = pin.get("created_at") or ""
            self.first = self.first or created_at
            self.ascending = self.ascending and self.last <= created_at
            self.last = created_at
        return new_pins

    def text_problems(self, sections: Iterable[BoardSection]) -> list[str]:
        """Every text of these sections and of the Pins that is too long; of the Pins', the first and a count."""
        problems = [
            f"section {section['id']}: {field}"
            for section in sections
            for field in too_long_fields(section, SECTION_LIMITS)
        ]
        more = self.too_long_count - len(self.too_long_texts)
        return [*problems, *self.too_long_texts, *([f"and {more} more texts that are too long"] if more else [])]

    @property
    def text_hint(self) -> str:
        """What to do about the Pins' texts that are too long; "" if there are none."""
        return TRUNCATE_HINT if self.too_long_texts else ""

    def skip(self, id: str, reason: str) -> None:
        """Record that a Pin is not copied."""
        if len(self.skipped) < MAX_LISTED:
            self.skipped.append({"id": id, "reason": reason})

    def keep(self, ids: frozenset[str]) -> None:
        """Limit the copy to these Pins."""
        self.selected = ids
        self.skipped = [skipped for skipped in self.skipped if skipped["id"] in ids]


def read_pins(ctx: Context, source: Gateway, board: Board, buffer: PageBuffer, options: CopyOptions) -> SourcePins:
    """Read all Pins of a board into ``buffer``, once each, and find those that can't be copied.

    Raises InDoubt if the board has more than it lists, as ``read_settled`` says.
    """

    def read() -> SourcePins:
        buffer.clear()
        source_pins = SourcePins(source, buffer)
        for page in source.pin_pages(board["id"], on_other=source_pins.others.append):
            for pin in source_pins.add(page):
                _examine(pin, source_pins, options)
        return source_pins

    def check(source_pins: SourcePins) -> Mismatch | None:
        mismatch = pin_mismatch(source, board, len(source_pins.ids))
        source_pins.is_whole = mismatch is None
        return mismatch

    return read_settled(ctx, read, check, ids=attrgetter("ids"))


def select_pins(source_pins: SourcePins, ids: frozenset[str], options: CopyOptions) -> None:
    """Limit the copy to these Pins, and find again which of them can't be copied."""
    source_pins.selected = ids
    source_pins.skipped.clear()
    source_pins.too_long_texts.clear()
    source_pins.too_long_count = 0
    for pin in source_pins.oldest_first():
        _examine(pin, source_pins, options)


def make_copy_body(
    service: Gateway, pin: Pin, *, board: str, section: str | None, options: CopyOptions
) -> CopyBody | NotCopyable:
    """The body that makes a copy of ``pin``, or the reason why it can't be copied."""
    media = pin.get("media")
    kind = (media.get("media_type") if media else None) or "image"
    if kind not in _KNOWN_MEDIA:
        return NotCopyable(UNKNOWN_MEDIA)
    if kind in VIDEOS and options.covers:
        pin = _as_still(pin)
    match service.pin_copy_body(pin, board=board, section=section):
        case CopyBody(body) if options.on_too_long == "truncate":
            return CopyBody(_truncate(body))
        case body:
            return body


def _examine(pin: Pin, source_pins: SourcePins, options: CopyOptions) -> None:
    """Record the problems with copying one Pin."""
    match make_copy_body(source_pins.source, pin, board="0", section=None, options=options):
        case NotCopyable(reason):
            source_pins.skip(pin["id"], reason)
        case CopyBody(body):
            texts = [f"pin {pin['id']}: {text}" for text in too_long_texts(body)]
            source_pins.too_long_texts += texts[: MAX_LISTED - len(source_pins.too_long_texts)]
            source_pins.too_long_count += len(texts)


def too_long_texts(body: Mapping[str, Any]) -> list[str]:
    """Every text of a body that is too long for the API, those of a carousel's images too."""
    slots = enumerate(body["media_source"].get("items", ()), 1)
    in_slots = [f"image {number}: {field}" for number, slot in slots for field in too_long_fields(slot, PIN_LIMITS)]
    return [*map(str, too_long_fields(body, PIN_LIMITS)), *in_slots]


def _as_still(pin: Pin) -> Pin:
    """``pin`` with its video's cover as an image."""
    url = cover_image(pin.get("media"))
    images: Any = {"1200x": {"url": url}} if url else {}
    return {**pin, "media": {"media_type": "image", "images": images}}


def _truncate(body: dict[str, Any]) -> dict[str, Any]:
    """The body with its texts cut to the API's limits, those of a carousel's images too."""
    cut: dict[str, Any] = {name: body[name][: PIN_LIMITS[name]] for name in _TRUNCATED if name in body}
    source = body.get("media_source")
    if source and "items" in source:
        cut["media_source"] = {**source, "items": [_truncate(item) for item in source["items"]]}
    return {**body, **cut}
