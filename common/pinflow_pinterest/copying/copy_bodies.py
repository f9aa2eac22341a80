"""The bodies that make copies of boards and Pins, with everything that the API lets a copy have.

An absent or null value is left out; "" and 0 are kept. Nothing is shortened: ``too_long_fields`` lists what is too
long, so that a copy can be refused before its first write.

Source: https://github.com/pinterest/api-description (schemas BoardCreate, BoardSection, PinCreate)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pinflow import dataclass
from pinflow_pinterest.ids import (
    ALT_TEXT_LENGTH,
    DESCRIPTION_LENGTH,
    LINK_LENGTH,
    SECTION_NAME_LENGTH,
    TITLE_LENGTH,
)
from pinflow_pinterest.media.copyable import CopyBody, NotCopyable, copy_media_source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow_pinterest.types import Board, Pin

PIN_LIMITS: Final[Mapping[str, int]] = {
    "title": TITLE_LENGTH,
    "description": DESCRIPTION_LENGTH,
    "link": LINK_LENGTH,
    "alt_text": ALT_TEXT_LENGTH,
}
SECTION_LIMITS: Final[Mapping[str, int]] = {"name": SECTION_NAME_LENGTH}

# Not parent_pin_id: it names the Pin that the original was saved from, and the copy was not saved from there.
_PIN_TEXTS = ("title", "description", "link", "alt_text", "dominant_color")


@dataclass(frozen=True, slots=True)
class TooLong:
    """A text that is too long for the API; lengths count characters."""

    field: str  # "title"
    length: int
    limit: int

    def __str__(self) -> str:
        return f"{self.field} has {self.length} characters, the API allows {self.limit}"


def pin_body(pin: Pin, *, board_id: str, section_id: str | None = None) -> CopyBody | NotCopyable:
    """The body of ``pins/create`` that puts a copy of ``pin`` on a board, or why the Pin can't be copied."""
    match copy_media_source(pin):
        case NotCopyable() as reason:
            return reason
        case CopyBody(content=source):
            place = {"board_id": board_id, "board_section_id": section_id}
            return CopyBody({**_present(place, tuple(place)), **_present(pin, _PIN_TEXTS), "media_source": source})


def board_body(board: Board, *, name: str | None = None) -> CopyBody | NotCopyable:
    """The body of ``boards/create`` for a copy of ``board``, with its own name or ``name``.

    An ads-only board is not copied: the service gives it a fixed name, which the target account's own already has.
    """
    if board.get("is_ads_only"):
        return NotCopyable("it is an ads-only board, whose name and privacy the service chooses")
    body = _present(board, ("name", "description", "privacy"))
    return CopyBody(body if name is None else {**body, "name": name})


def too_long_fields(body: Mapping[str, Any], limits: Mapping[str, int] = PIN_LIMITS) -> list[TooLong]:
    """Every text of ``body`` that is longer than its limit, in the order of ``limits``."""
    lengths = ((field, len(body.get(field) or ""), limit) for field, limit in limits.items())
    return [TooLong(field, length, limit) for field, length, limit in lengths if length > limit]


def _present(source: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {field: source[field] for field in fields if source.get(field) is not None}
