"""One interface to boards, sections, Pins and ads for every version of the API.

Each version's plugin has a gateway of its own, which knows the paths, bodies and fields, and returns the shapes of
``types``. Copying, mirroring and searching are written once, for any gateway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from pinflow import Api, TokenRules, dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow import Client
    from pinflow_pinterest.media.copyable import CopyBody, NotCopyable
    from pinflow_pinterest.types import Account, AdAccount, Board, BoardSection, Pin


@dataclass(frozen=True, slots=True)
class Reports:
    """How a version makes reports.

    ``request`` asks for one, and its answer has a ``token``; ``status`` takes the token and returns
    ``report_status``, and in the end ``url``.
    """

    request: Callable[[], Mapping[str, Any]]
    status: Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ListingFacts:
    """What a version's listings show."""

    sections_with_board: bool  # whether a board's listing has the Pins of its sections
    origins: bool  # whether a Pin names the one that it was saved from
    hidden_boards_scope: str  # the scope without which secret boards are not listed


@dataclass(frozen=True, slots=True)
class Uploads:
    """How a version takes videos.

    ``register`` announces one; its answer has the ``id``, ``upload_url`` and ``upload_parameters``. ``status`` takes an
    id and returns registered, processing, succeeded or failed; it raises ActionError for an unknown one.
    """

    id: str  # the key of the id in register's answer
    register: Callable[[], Mapping[str, Any]]
    status: Callable[[str], str]


class Ads(Protocol):
    """A login's access to the ads of a version, in v5's names."""

    def accounts(self, *, shared: bool = True, limit: int | None = None) -> Iterator[AdAccount]:
        """The ad accounts that the login can see; with ``shared`` also those of others."""

    def entities(self, ad_account: str, kind: str, query: Mapping[str, Any], *, limit: int | None) -> Iterator[Any]:
        """The "campaigns", "ad_groups" or "ads" (``kind``) of an ad account."""

    def analytics(self, ad_account: str, level: str, query: Mapping[str, Any]) -> object:
        """The metrics of an "ad_account", or of the "campaign", "ad_group" or "ad" whose ids the query has."""

    def reports(self, ad_account: str, body: Mapping[str, Any]) -> Reports:
        """How to make the report that ``body`` describes."""

    def columns(self, report_type: str | None) -> Iterator[object]:
        """The columns that metrics and reports can have, as the service lists them."""


class Gateway(Protocol):
    """A login's access to the boards and Pins of a version.

    Answers are checked: ActionError for a read's unusable answer, InDoubt for a write's. Bodies are those of
    ``copying``; a dry run's placeholders may stand in them for ids.
    """

    @property
    def client(self) -> Client:
        """The login's client."""

    @property
    def listings(self) -> ListingFacts:
        """What the version's listings show."""

    def account(self) -> Account:
        """The account that the token belongs to."""

    def boards(self) -> Iterator[Board]:
        """Every board that the account can see: its own, and the group boards that it shares."""

    def board(self, board: str) -> Board:
        """The board of this id."""

    def make_board(self, body: Mapping[str, Any]) -> Board:
        """Make the board that a body of ``board_copy_body`` describes."""

    def delete_board(self, board: str) -> None:
        """Delete a board with everything on it."""

    def change_board(self, board: str, changes: Mapping[str, Any]) -> Board:
        """Change fields of a board. Raises UsageError if the version has no such call."""

    def board_copy_body(self, board: Board, *, name: str) -> CopyBody | NotCopyable:
        """The body that makes a copy of ``board`` under this name."""

    def sections(self, board: str) -> Iterator[BoardSection]:
        """The sections of a board, in the service's order."""

    def make_section(self, board: str, name: str) -> BoardSection:
        """Make a section. Raises RemoteError with status 409 while the service is busy with the board."""

    def delete_section(self, board: str, section: str) -> None:
        """Delete a section. Raises UsageError if the version has no such call."""

    def section_pins(self, board: str, section: str, *, limit: int | None = None) -> Iterator[Pin]:
        """The Pins of a section in the service's order, ``limit`` of them at most."""

    def pin_pages(self, board: str, *, on_other: Callable[[str], None] | None = None) -> Iterator[list[Pin]]:
        """The Pins of a board and of its sections, in the service's pages.

        ``on_other`` is called with the id of whatever else the service lists among them.
        """

    def place_pages(self, board: str, section: str | None) -> Iterator[list[Pin]]:
        """Pages of a listing with the Pins of this board or section, and perhaps others of the board."""

    def pin(self, pin: str) -> Pin:
        """The Pin of this id."""

    def make_pin(self, body: Mapping[str, Any]) -> Pin:
        """Make the Pin that a body of ``pin_copy_body`` describes."""

    def pin_copy_body(self, pin: Pin, *, board: str, section: str | None) -> CopyBody | NotCopyable:
        """The body that makes a copy of ``pin``, or the reason why it can't be copied."""

    def uploads(self) -> Uploads:
        """How this version takes videos."""

    def ads(self) -> Ads:
        """The login's access to ads."""

    def save_pin(self, pin: str, body: Mapping[str, Any]) -> Pin:
        """Save a Pin to the board and section of ``body``: board_id, board_section_id."""

    def delete_pin(self, pin: str) -> None:
        """Delete a Pin. Raises UsageError if the version has no such call."""


# The names are those of the vendor's own scripts, which know no other service: the plain ones are Pinterest's.
# Source: https://github.com/pinterest/api-quickstart
TOKENS = TokenRules(
    default="access_token",
    variables=("ACCESS_TOKEN_{id}", "ACCESS_TOKEN", "ACCESS_TOKEN_V3", "ACCESS_TOKEN_V5"),
    folder="",
    hosts=("https://api-sandbox.pinterest.com",),
    prefixes=("pina_", "pinc_"),
    simulated=("pina_sandbox_", "pinc_sandbox_", "pinr_sandbox_", "sandbox_secret_"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinterestApi(Api):
    """A version of Pinterest's API, with its gateway."""

    service: str = "pinterest"
    origin: str = "https://api.pinterest.com"
    origin_variable: str = "PINTEREST_API_URI"
    version_variable: str = "PINTEREST_API_VERSION"
    token_folder_variable: str = "PINTEREST_OAUTH_TOKEN_DIR"  # noqa: S105 - a name
    tokens: TokenRules = TOKENS
    gateway: Callable[[Client], Gateway]

    def account_id(self, client: Client) -> str:
        return str(self.gateway(client).account()["id"])


def gateway(client: Client) -> Gateway:
    """The gateway of the client's API version."""
    return cast("PinterestApi", client.api).gateway(client)


def shows_secret_boards(service: Gateway) -> bool | None:
    """Whether the token may see the account's secret boards; None if its scopes are unknown."""
    scopes = service.client.scopes
    return None if scopes is None else service.listings.hidden_boards_scope in scopes


def all_pins(service: Gateway, board: str) -> Iterator[Pin]:
    """The Pins of a board and of its sections, one by one."""
    return (pin for page in service.pin_pages(board) for pin in page)
