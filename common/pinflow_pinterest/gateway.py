"""What both versions of the API can do with boards, sections and Pins, in one set of words.

Each version's plugin has a gateway of its own, which knows the paths, the bodies and the fields, and tells everything
in the shapes of ``types``. Whatever copies, follows or looks for something is written once, upon a gateway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from pinflow import Api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow import Client
    from pinflow_pinterest.media.copyable import Carried, NotCarried
    from pinflow_pinterest.types import Account, AdAccount, Board, BoardSection, Pin


@dataclass(frozen=True, slots=True)
class Reports:
    """How a version makes reports.

    ``ask`` for one, whose answer has a ``token``; ``look`` by it how far it is: ``report_status``, and ``url`` at last.
    """

    ask: Callable[[], Mapping[str, Any]]
    look: Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Uploads:
    """How a version takes videos.

    ``register`` announces one; its answer has the ``id``, ``upload_url`` and ``upload_parameters``. ``status`` tells of
    an id how far it is: registered, processing, succeeded or failed; ActionError for an unknown one.
    """

    id: str  # the key of the id in register's answer
    register: Callable[[], Mapping[str, Any]]
    status: Callable[[str], str]


class Ads(Protocol):
    """One login's way to the ads of a version, whose objects have the names of today."""

    def accounts(self, *, shared: bool = True, limit: int | None = None) -> Iterator[AdAccount]:
        """The ad accounts that the login may see; ``shared`` says whether also those of others."""

    def things(self, ad_account: str, kind: str, query: Mapping[str, Any], *, limit: int | None) -> Iterator[Any]:
        """The "campaigns", "ad_groups" or "ads" (``kind``) of an ad account."""

    def figures(self, ad_account: str, level: str, query: Mapping[str, Any]) -> object:
        """The figures of an "ad_account", or of the "campaign", "ad_group" or "ad" whose ids the query has."""

    def reports(self, ad_account: str, body: Mapping[str, Any]) -> Reports:
        """How the report that ``body`` describes is made."""

    def columns(self, report_type: str | None) -> Iterator[object]:
        """What figures and reports can have, as the service lists it."""


class Gateway(Protocol):
    """One login's way to the boards and Pins of a version.

    Answers are checked: ActionError for a read's answer that can't be relied on, InDoubt for a write's. Bodies are
    those of ``copying``; a dry run's ids stand in them like any other.
    """

    @property
    def client(self) -> Client:
        """Which login's way it is."""

    def account(self) -> Account:
        """The account that the token belongs to."""

    def boards(self) -> Iterator[Board]:
        """Every board that the account sees: its own, and the group boards that it shares."""

    def board(self, board: str) -> Board:
        """The board of this id."""

    def make_board(self, body: Mapping[str, Any]) -> Board:
        """Make the board that a body of ``copied_board`` describes."""

    def delete_board(self, board: str) -> None:
        """Delete a board with all that is on it."""

    def change_board(self, board: str, changes: Mapping[str, Any]) -> Board:
        """Give a board other fields. Raises UsageError where the version has no such call."""

    def copied_board(self, board: Board, *, name: str) -> Carried | NotCarried:
        """The body that makes a copy of ``board`` under this name."""

    def sections(self, board: str) -> Iterator[BoardSection]:
        """The sections of a board, in the service's order."""

    def make_section(self, board: str, name: str) -> BoardSection:
        """Make a section. Raises RemoteError with status 409 while the service is busy with the board."""

    def delete_section(self, board: str, section: str) -> None:
        """Delete a section. Raises UsageError where the version has no such call."""

    def section_pins(self, board: str, section: str, *, limit: int | None = None) -> Iterator[Pin]:
        """The Pins of a section in the service's order, ``limit`` of them at most."""

    def pin_pages(self, board: str, *, strange: Callable[[str], None] | None = None) -> Iterator[list[Pin]]:
        """The Pins of a board and of its sections, page by page as the service cuts them.

        ``strange`` is told the id of whatever else the service lists among them.
        """

    def place_pages(self, board: str, section: str | None) -> Iterator[list[Pin]]:
        """Pages of a listing that holds the Pins of this place, and perhaps others of the board."""

    def pin(self, pin: str) -> Pin:
        """The Pin of this id."""

    def make_pin(self, body: Mapping[str, Any]) -> Pin:
        """Make the Pin that a body of ``copied_pin`` describes."""

    def copied_pin(self, pin: Pin, *, board: str, section: str | None) -> Carried | NotCarried:
        """The body that makes a copy of ``pin``, or a fixed text that says why there is none."""

    def uploads(self) -> Uploads:
        """How this version takes videos."""

    def ads(self) -> Ads:
        """The login's way to ads."""

    def save_pin(self, pin: str, body: Mapping[str, Any]) -> Pin:
        """Save a Pin to the place that ``body`` names by board_id and board_section_id."""

    def delete_pin(self, pin: str) -> None:
        """Delete a Pin. Raises UsageError where the version has no such call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinterestApi(Api):
    """A version of Pinterest's API, and its gateway."""

    gateway: Callable[[Client], Gateway]


def gateway(client: Client) -> Gateway:
    """The gateway of the version that this client speaks."""
    return cast("PinterestApi", client.api).gateway(client)


def all_pins(service: Gateway, board: str) -> Iterator[Pin]:
    """The Pins of a board and of its sections, one by one."""
    return (pin for page in service.pin_pages(board) for pin in page)
