"""The gateway to boards, sections, Pins and ads of API v5.

Source: https://developers.pinterest.com/docs/api/v5/ (boards, board_sections, pins, media, user_account, ad_accounts)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow import ActionError, RemoteError, dataclass
from pinflow_pinterest.answers import list_objects, list_pages, parse_read, parse_registration, parse_write
from pinflow_pinterest.copying.copy_bodies import board_body, pin_body
from pinflow_pinterest.gateway import ListingFacts, Reports, Uploads
from pinflow_pinterest.media.uploads import unknown_video
from pinflow_pinterest.types import Account, AdAccount, Board, BoardSection, Pin
from pinflow_pinterest_v5.paths import pins_path, sections_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow import Client
    from pinflow_pinterest.media.copyable import CopyBody, NotCopyable


_LISTINGS = ListingFacts(sections_with_board=True, origins=True, hidden_boards_scope="boards:read_secret")


@dataclass(frozen=True, slots=True)
class V5Gateway:
    """A login's access to boards and Pins, as ``Gateway`` describes it."""

    client: Client

    @property
    def listings(self) -> ListingFacts:
        return _LISTINGS

    def account(self) -> Account:
        return parse_read(self.client.get("/user_account"), Account)

    # boards

    def boards(self) -> Iterator[Board]:
        return list_objects(self.client, "/boards")

    def board(self, board: str) -> Board:
        return parse_read(self.client.get(f"/boards/{board}"), Board)

    def make_board(self, body: Mapping[str, Any]) -> Board:
        return parse_write(self.client.post("/boards", json=body), Board)

    def change_board(self, board: str, changes: Mapping[str, Any]) -> Board:
        return parse_write(self.client.patch(f"/boards/{board}", json=changes), Board)

    def delete_board(self, board: str) -> None:
        self.client.delete(f"/boards/{board}")

    def board_copy_body(self, board: Board, *, name: str) -> CopyBody | NotCopyable:
        return board_body(board, name=name)

    # sections

    def sections(self, board: str) -> Iterator[BoardSection]:
        return list_objects(self.client, sections_path(board))

    def make_section(self, board: str, name: str) -> BoardSection:
        return parse_write(self.client.post(sections_path(board), json={"name": name}), BoardSection)

    def delete_section(self, board: str, section: str) -> None:
        self.client.delete(f"{sections_path(board)}/{section}")

    def section_pins(self, board: str, section: str, *, limit: int | None = None) -> Iterator[Pin]:
        return list_objects(self.client, f"{sections_path(board)}/{section}/pins", limit=limit)

    # Pins

    def pin_pages(self, board: str, *, on_other: Callable[[str], None] | None = None) -> Iterator[list[Pin]]:
        return list_pages(self.client, pins_path(board))

    def place_pages(self, board: str, section: str | None) -> Iterator[list[Pin]]:
        return self.pin_pages(board)

    def pin(self, pin: str) -> Pin:
        return parse_read(self.client.get(f"/pins/{pin}"), Pin)

    def make_pin(self, body: Mapping[str, Any]) -> Pin:
        return parse_write(self.client.post("/pins", json=body), Pin)

    def pin_copy_body(self, pin: Pin, *, board: str, section: str | None) -> CopyBody | NotCopyable:
        return pin_body(pin, board_id=board, section_id=section)

    def uploads(self) -> Uploads:
        return Uploads("media_id", self._register_video, self._video_status)

    def ads(self) -> V5Ads:
        return V5Ads(self.client)

    def _register_video(self) -> Mapping[str, Any]:
        return parse_registration(self.client.post("/media", json={"media_type": "video"}), "media_id")

    def _video_status(self, id: str) -> str:
        try:
            answer = self.client.get(f"/media/{id}")
        except RemoteError as error:
            if error.status == 404:
                raise unknown_video(id) from None
            raise
        status = answer.get("status") if isinstance(answer, dict) else None
        if not isinstance(status, str):
            raise ActionError(f"the service's answer has no status of the video {id}")
        return status

    def save_pin(self, pin: str, body: Mapping[str, Any]) -> Pin:
        return parse_write(self.client.post(f"/pins/{pin}/save", json=body), Pin)

    def delete_pin(self, pin: str) -> None:
        self.client.delete(f"/pins/{pin}")


@dataclass(frozen=True, slots=True)
class V5Ads:
    """A login's access to ads, as ``Ads`` describes it."""

    client: Client

    def accounts(self, *, shared: bool = True, limit: int | None = None) -> Iterator[AdAccount]:
        return list_objects(self.client, "/ad_accounts", {"include_shared_accounts": shared}, limit=limit)

    def entities(self, ad_account: str, kind: str, query: Mapping[str, Any], *, limit: int | None) -> Iterator[Any]:
        return list_objects(self.client, f"/ad_accounts/{ad_account}/{kind}", query, limit=limit)

    def analytics(self, ad_account: str, level: str, query: Mapping[str, Any]) -> object:
        of = "" if level == "ad_account" else f"{level}s/"
        return self.client.get(f"/ad_accounts/{ad_account}/{of}analytics", params=query)

    def reports(self, ad_account: str, body: Mapping[str, Any]) -> Reports:
        client, path = self.client, f"/ad_accounts/{ad_account}/reports"
        return Reports(lambda: client.post(path, json=body), lambda token: client.get(path, params={"token": token}))

    def columns(self, report_type: str | None) -> Iterator[object]:
        return self.client.pages("/resources/delivery_metrics", params={"report_type": report_type})
