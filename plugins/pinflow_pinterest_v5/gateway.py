"""Boards, sections, Pins and ads as API v5 has them.

Source: https://developers.pinterest.com/docs/api/v5/ (boards, board_sections, pins, media, user_account, ad_accounts)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pinflow import ActionError, RemoteError
from pinflow_pinterest.answers import got, listed, listed_pages, made, registered
from pinflow_pinterest.copying.copy_bodies import board_body, pin_body
from pinflow_pinterest.gateway import Reports, Uploads
from pinflow_pinterest.media.uploads import no_video
from pinflow_pinterest.types import Account, AdAccount, Board, BoardSection, Pin
from pinflow_pinterest_v5.paths import pins_path, sections_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow import Client
    from pinflow_pinterest.media.copyable import Carried, NotCarried


@dataclass(frozen=True, slots=True)
class V5Gateway:
    """One login's way to boards and Pins; the methods promise what ``Gateway`` says."""

    client: Client

    def account(self) -> Account:
        return got(self.client.get("/user_account"), Account)

    # boards

    def boards(self) -> Iterator[Board]:
        return listed(self.client, "/boards")

    def board(self, board: str) -> Board:
        return got(self.client.get(f"/boards/{board}"), Board)

    def make_board(self, body: Mapping[str, Any]) -> Board:
        return made(self.client.post("/boards", json=body), Board)

    def change_board(self, board: str, changes: Mapping[str, Any]) -> Board:
        return made(self.client.patch(f"/boards/{board}", json=changes), Board)

    def delete_board(self, board: str) -> None:
        self.client.delete(f"/boards/{board}")

    def copied_board(self, board: Board, *, name: str) -> Carried | NotCarried:
        return board_body(board, name=name)

    # sections

    def sections(self, board: str) -> Iterator[BoardSection]:
        return listed(self.client, sections_path(board))

    def make_section(self, board: str, name: str) -> BoardSection:
        return made(self.client.post(sections_path(board), json={"name": name}), BoardSection)

    def delete_section(self, board: str, section: str) -> None:
        self.client.delete(f"{sections_path(board)}/{section}")

    def section_pins(self, board: str, section: str, *, limit: int | None = None) -> Iterator[Pin]:
        return listed(self.client, f"{sections_path(board)}/{section}/pins", limit=limit)

    # Pins

    def pin_pages(self, board: str, *, strange: Callable[[str], None] | None = None) -> Iterator[list[Pin]]:
        return listed_pages(self.client, pins_path(board))

    def place_pages(self, board: str, section: str | None) -> Iterator[list[Pin]]:
        return self.pin_pages(board)

    def pin(self, pin: str) -> Pin:
        return got(self.client.get(f"/pins/{pin}"), Pin)

    def make_pin(self, body: Mapping[str, Any]) -> Pin:
        return made(self.client.post("/pins", json=body), Pin)

    def copied_pin(self, pin: Pin, *, board: str, section: str | None) -> Carried | NotCarried:
        return pin_body(pin, board_id=board, section_id=section)

    def uploads(self) -> Uploads:
        return Uploads("media_id", self._register_video, self._video_status)

    def ads(self) -> V5Ads:
        return V5Ads(self.client)

    def _register_video(self) -> Mapping[str, Any]:
        return registered(self.client.post("/media", json={"media_type": "video"}), "media_id")

    def _video_status(self, id: str) -> str:
        try:
            answer = self.client.get(f"/media/{id}")
        except RemoteError as error:
            if error.status == 404:
                raise no_video(id) from None
            raise
        status = answer.get("status") if isinstance(answer, dict) else None
        if not isinstance(status, str):
            raise ActionError(f"the service does not tell how far the video {id} is")
        return status

    def save_pin(self, pin: str, body: Mapping[str, Any]) -> Pin:
        return made(self.client.post(f"/pins/{pin}/save", json=body), Pin)

    def delete_pin(self, pin: str) -> None:
        self.client.delete(f"/pins/{pin}")


@dataclass(frozen=True, slots=True)
class V5Ads:
    """One login's way to ads; the methods promise what ``Ads`` says."""

    client: Client

    def accounts(self, *, shared: bool = True, limit: int | None = None) -> Iterator[AdAccount]:
        return listed(self.client, "/ad_accounts", {"include_shared_accounts": shared}, limit=limit)

    def things(self, ad_account: str, kind: str, query: Mapping[str, Any], *, limit: int | None) -> Iterator[Any]:
        return listed(self.client, f"/ad_accounts/{ad_account}/{kind}", query, limit=limit)

    def figures(self, ad_account: str, level: str, query: Mapping[str, Any]) -> object:
        of = "" if level == "ad_account" else f"{level}s/"
        return self.client.get(f"/ad_accounts/{ad_account}/{of}analytics", params=query)

    def reports(self, ad_account: str, body: Mapping[str, Any]) -> Reports:
        client, path = self.client, f"/ad_accounts/{ad_account}/reports"
        return Reports(lambda: client.post(path, json=body), lambda token: client.get(path, params={"token": token}))

    def columns(self, report_type: str | None) -> Iterator[object]:
        return self.client.pages("/resources/delivery_metrics", params={"report_type": report_type})
