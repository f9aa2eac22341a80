"""What the audit must see of changes and deletions: the fields that were sent, or that the object is gone.

Where a change is read back by the listing of its place, one call tells of 250 objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from unicodedata import normalize

from pinflow import Check, Seen, dataclass
from pinflow_pinterest.answers import found_or_none
from pinflow_pinterest.gateway import gateway, shows_secret_boards
from pinflow_pinterest.pin_places import PinPlace, pin_change_likeness, pin_place_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pinflow import Context, Place
    from pinflow_pinterest.gateway import Gateway

HIDDEN: Final = "the token may not see secret boards"

_CATEGORY: Final = "org_read"
_BOARD_FIELDS: Final = ("name", "description", "privacy")


@dataclass(frozen=True, slots=True)
class SingleObjects:
    """The objects of a place, each read by itself: for those whose listing is not known, or would not tell."""

    place: Place
    key: str

    @property
    def label(self) -> str:
        return self.place.label

    def pages(self) -> Iterator[Sequence[Seen]]:
        return iter(())

    def count(self) -> None:
        return None

    def see(self, answer: Any) -> Seen:
        return self.place.see(answer)

    def read(self, id_: str, /) -> Seen | None:
        return self.place.read(id_)


@dataclass(frozen=True, slots=True)
class BoardsPlace:
    """The boards of an account, and the group boards that it shares."""

    service: Gateway

    @property
    def category(self) -> str:
        return _CATEGORY

    @property
    def key(self) -> str:
        return f"{self.service.client.api.id}:boards"

    @property
    def label(self) -> str:
        return "the account's boards"

    def pages(self) -> Iterator[Sequence[Seen]]:
        yield [self.see(board) for board in self.service.boards()]

    def count(self) -> None:
        return None

    def see(self, answer: Any) -> Seen:
        return Seen(answer["id"], _plain_fields(answer, _BOARD_FIELDS), thing=answer)

    def read(self, id_: str, /) -> Seen | None:
        return found_or_none(lambda: self.see(self.service.board(id_)))


@dataclass(frozen=True, slots=True)
class SectionsPlace:
    """The sections of a board. The API has no call that reads one by itself."""

    service: Gateway
    board: str

    @property
    def category(self) -> str:
        return _CATEGORY

    @property
    def key(self) -> str:
        return f"{self.service.client.api.id}:sections:{self.board}"

    @property
    def label(self) -> str:
        return f"the sections of board {self.board}"

    def pages(self) -> Iterator[Sequence[Seen]]:
        yield [self.see(section) for section in self.service.sections(self.board)]

    def count(self) -> int:
        """As many as another reading shows: no number of the service's own is known."""
        return sum(1 for _ in self.service.sections(self.board))

    def see(self, answer: Any) -> Seen:
        return Seen(answer["id"], _plain_fields(answer, ("name",)), thing=answer)

    def read(self, id_: str, /) -> Seen | None:
        return next((self.see(section) for section in self.service.sections(self.board) if section["id"] == id_), None)


def find_place(ctx: Context, key: str) -> Place | None:
    """The place of this key, as an earlier process of the run wrote to it; None for one of another action's."""
    service = gateway(ctx.client)
    match key.split(":"):
        case [_, "pins", "single"]:
            return _single_pins(service)
        case [_, "pins", ids]:
            board, _, section = ids.partition("/")
            return pin_place_of(service, board, section or None)
        case [_, "boards", "single"]:
            return _single_boards(service)
        case [_, "boards"]:
            return BoardsPlace(service)
        case [_, "sections", board]:
            return SectionsPlace(service, board)
    return None


def board_likeness(body: Mapping[str, Any]) -> dict[str, str]:
    """What reads back of a new board."""
    return _plain_fields(body, [name for name in _BOARD_FIELDS if name in body])


def section_likeness(body: Mapping[str, Any]) -> dict[str, str]:
    """What reads back of a new section."""
    return _plain_fields(body, ("name",))


# of answers; what a dry run plans is of none of them, and may be an id
_JSON_TYPES: Final = (str, int, float, bool, dict, list)


def changed_pin(
    service: Gateway, id: str, changes: Mapping[str, Any], answer: Mapping[str, Any], *, sent_before: bool
) -> Check:
    """The check of a change of a Pin, by the listing of the board that the answer names.

    A service may rewrite texts: what was ``sent_before``, and is answered with other texts once more, must show those.
    """
    board = answer.get("board_id")
    if type(board) in _JSON_TYPES and not (isinstance(board, str) and board.isascii() and board.isdigit()):
        board = None
    place = _single_pins(service) if board is None else pin_place_of(service, str(board))
    likeness = pin_change_likeness(changes)
    if sent_before:
        shown = place.see({**answer, "id": id}).likeness
        likeness = {name: shown[name] for name in likeness}
    return Check(place, id, likeness, listed=board is not None, category=_CATEGORY)


def deleted_pin(service: Gateway, id: str) -> Check:
    """The check of a Pin's deletion; on which board it was is not known any more."""
    return Check(_single_pins(service), id, None, listed=False, category=_CATEGORY)


def made_board(service: Gateway, body: Mapping[str, Any], answer: Mapping[str, Any]) -> Check | None:
    """The check of a new board, which must stay as the answer shows it. None for one that the token may not see."""
    if _is_hidden(service, body):
        return None
    likeness = _plain_fields(answer, [name for name in _BOARD_FIELDS if answer.get(name) is not None])
    return Check(BoardsPlace(service), answer["id"], likeness, category=_CATEGORY)


def changed_board(
    service: Gateway, id: str, changes: Mapping[str, Any], answer: Mapping[str, Any], *, sent_before: bool
) -> Check | None:
    """The check of a change of a board, as `changed_pin`; None for one that the token may not see."""
    likeness = _plain_fields(answer if sent_before else changes, list(changes))
    return None if _is_hidden(service, changes) else Check(BoardsPlace(service), id, likeness, category=_CATEGORY)


def deleted_board(service: Gateway, id: str) -> Check:
    """The check of a board's deletion: the listing of boards leaves out some, so that it proves nothing."""
    return Check(_single_boards(service), id, None, listed=False, category=_CATEGORY)


def _single_pins(service: Gateway) -> SingleObjects:
    return SingleObjects(PinPlace(service, ""), f"{service.client.api.id}:pins:single")


def _single_boards(service: Gateway) -> SingleObjects:
    return SingleObjects(BoardsPlace(service), f"{service.client.api.id}:boards:single")


def _is_hidden(service: Gateway, body: Mapping[str, Any]) -> bool:
    """Whether a board is secret, and the token is known to see none."""
    return body.get("privacy") == "SECRET" and shows_secret_boards(service) is False


def made_section(service: Gateway, board: str, section: Mapping[str, Any]) -> Check:
    """The check of a new section."""
    return Check(
        SectionsPlace(service, str(board)), section["id"], _plain_fields(section, ("name",)), category=_CATEGORY
    )


def deleted_section(service: Gateway, board: str, id: str) -> Check:
    """The check of a section's deletion."""
    return Check(SectionsPlace(service, str(board)), id, None, category=_CATEGORY)


def _plain_fields(of: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """Texts as they are compared: one form of each letter, and single spaces."""
    return {name: " ".join(normalize("NFC", str(of.get(name) or "")).split()) for name in names}
