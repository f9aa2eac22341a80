"""The bodies that make boards and Pins again, with everything the API lets a copy carry.

A value that is absent or null is left out; "" and 0 are values and stay. Nothing is shortened: what is too long is
listed by ``problems``, so that a copy can be refused before its first write.

Source: https://github.com/pinterest/api-description (schemas BoardCreate, BoardSection, PinCreate)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pinflow_pinterest.ids import (
    ALT_TEXT_LENGTH,
    DESCRIPTION_LENGTH,
    LINK_LENGTH,
    SECTION_NAME_LENGTH,
    TITLE_LENGTH,
)
from pinflow_pinterest.media.copyable import Carried, NotCarried, media_source

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

# Not parent_pin_id: it says of which Pin the original was saved, and would credit a copy that was not saved from there.
_PIN_TEXTS = ("title", "description", "link", "alt_text", "dominant_color")


@dataclass(frozen=True, slots=True)
class TooLong:
    """A text that is longer than the API takes; lengths count characters."""

    field: str  # "title"
    length: int
    limit: int

    def __str__(self) -> str:
        return f"{self.field} has {self.length} characters, the API takes {self.limit}"


def pin_body(pin: Pin, *, board_id: str, section_id: str | None = None) -> Carried | NotCarried:
    """The body of ``pins/create`` that puts a copy of ``pin`` on a board, or why the Pin cannot be copied."""
    match media_source(pin):
        case NotCarried() as refused:
            return refused
        case Carried(content=source):
            place = {"board_id": board_id, "board_section_id": section_id}
            return Carried({**_present(place, tuple(place)), **_present(pin, _PIN_TEXTS), "media_source": source})


def board_body(board: Board, *, name: str | None = None) -> Carried | NotCarried:
    """The body of ``boards/create`` for a copy of ``board``, under its own name unless another is given.

    A board for ads only is not copied: the service gives it a fixed name, which the account's own has already.
    """
    if board.get("is_ads_only"):
        return NotCarried("it is a board for ads only, and its name and privacy are the service's to choose")
    body = _present(board, ("name", "description", "privacy"))
    return Carried(body if name is None else {**body, "name": name})


def problems(body: Mapping[str, Any], limits: Mapping[str, int] = PIN_LIMITS) -> list[TooLong]:
    """Every text of ``body`` that is longer than its limit, in the order of ``limits``."""
    lengths = ((field, len(body.get(field) or ""), limit) for field, limit in limits.items())
    return [TooLong(field, length, limit) for field, length, limit in lengths if length > limit]


def _present(source: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {field: source[field] for field in fields if source.get(field) is not None}
