"""Where Pins are made, as the engine reads them back: a board, and in v3 each section by itself.

What can be compared of a Pin is its section, its texts, the Pin that it was saved from, the kind of its media, and the
number and captions of a carousel's images. The image itself can't be: the service stores it anew under another address.

Source: https://github.com/pinterest/api-description (schemas Pin, PinCreate, PinMedia)
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pinflow import Seen, dataclass
from pinflow_pinterest.answers import found_or_none
from pinflow_pinterest.copying.pin_matching import CAPTIONS, carousel_slots, plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.types import Pin

_TEXTS: Final = ("title", "description", "link", "alt_text")
# what the service makes of each kind of source; a product Pin shows the image of its page
_MEDIA: Final[Mapping[str, str]] = {
    "multiple_image_urls": "multiple_images",
    "multiple_image_base64": "multiple_images",
    "carousel": "multiple_images",  # of v3
    "video_id": "video",
}


@dataclass(frozen=True, slots=True)
class PinPlace:
    """The Pins of a board with those in its sections, or, where listings are apart, of the board or section alone.

    ``apart`` says that they are: then a Pin's section is the one whose listing shows it.
    """

    service: Gateway
    board: str
    section: str | None = None
    apart: bool = False

    @property
    def category(self) -> str:
        return "org_read"

    @property
    def where(self) -> tuple[str, ...]:
        return ("board", "section")

    @property
    def key(self) -> str:
        ids = self.board if self.section is None else f"{self.board}/{self.section}"
        return f"{self.service.client.api.id}:pins:{ids}"

    @property
    def label(self) -> str:
        return f"board {self.board}" if self.section is None else f"section {self.section} of board {self.board}"

    def pages(self) -> Iterator[Sequence[Seen]]:
        """The listing, in the service's pages."""
        return ([self.see(pin) for pin in page] for page in self.service.place_pages(self.board, self.section))

    def count(self) -> int | None:
        """The board's ``pin_count``; None where that counts other Pins as well."""
        count = None if self.apart else self.service.board(self.board).get("pin_count")
        return count if isinstance(count, int) else None

    def see(self, answer: Any) -> Seen:
        """What a Pin shows."""
        section = (self.section if self.apart else answer.get("board_section_id")) or ""
        likeness = {
            "board": str(answer.get("board_id") or self.board),
            "section": section,
            "parent": answer.get("parent_pin_id") or "",
            **_texts(answer),
            **_media_likeness(answer),
        }
        own = answer.get("is_owner") is not False
        return Seen(answer["id"], likeness, made_at=created_at(answer), own=own, thing=answer)

    def read(self, id_: str, /) -> Seen | None:
        """The Pin of this id, wherever it is; None if there is none."""
        return found_or_none(lambda: self.see(self.service.pin(id_)))


def pin_place_of(service: Gateway, board: str, section: str | None = None) -> PinPlace:
    """The place of the Pins of this board, or of this section of it where its listing is apart."""
    if service.listings.sections_with_board:
        return PinPlace(service, board)
    return PinPlace(service, board, section, apart=True)


def new_pin_likeness(body: Mapping[str, Any]) -> dict[str, str]:
    """What reads back of the Pin that a pins/create body describes."""
    source: Mapping[str, Any] = body["media_source"]
    kind = _MEDIA.get(source["source_type"], "image")
    return {
        "board": str(body["board_id"]),
        "section": str(body.get("board_section_id") or ""),
        "parent": str(body.get("parent_pin_id") or ""),
        **_texts(body),
        "media": kind,
        **_slots_likeness(_new_slots(source) if kind == "multiple_images" else ()),
    }


def saved_pin_likeness(service: Gateway, pin: str, board: str, section: str | None) -> dict[str, str]:
    """What reads back of ``pin`` once it is saved to a board: its texts and media are its origin's, and not known."""
    return {
        "board": str(board),
        "section": str(section or ""),
        **({"parent": str(pin)} if service.listings.origins else {}),
    }


def pin_change_likeness(changes: Mapping[str, Any]) -> dict[str, str]:
    """What reads back of the fields of a pins/update body; the texts of a carousel's images don't."""
    likeness = {name: plain_text(changes, name) for name in _TEXTS if name in changes}
    places = {"board": "board_id", "section": "board_section_id"}
    return likeness | {name: str(changes[field] or "") for name, field in places.items() if field in changes}


def created_at(pin: Pin) -> float | None:
    """When the service made a Pin, in seconds since 1970 (a time without a zone is UTC)."""
    try:
        at = datetime.fromisoformat(pin.get("created_at") or "")
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _texts(of: Mapping[str, Any]) -> dict[str, str]:
    return {name: plain_text(of, name) for name in _TEXTS}


def _media_likeness(pin: Pin) -> dict[str, str]:
    media: Mapping[str, Any] = pin.get("media") or {}
    return {"media": str(media.get("media_type") or ""), **_slots_likeness(carousel_slots(media))}


def _new_slots(source: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The images of a new carousel; v3 has a shape of its own, and calls a description "details"."""
    carousel = source.get("carousel_data") or {}
    slots = source.get("items") or carousel.get("carousel_slots") or ()
    return [{**slot, "description": slot.get("description", slot.get("details"))} for slot in slots]


def _slots_likeness(slots: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    captions = [plain_text(slot, name) for slot in slots for name in CAPTIONS]
    return {"slots": str(len(slots) or ""), "captions": "\x1f".join(captions).strip("\x1f")}
