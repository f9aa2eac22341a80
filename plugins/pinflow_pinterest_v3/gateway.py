"""The gateway to boards, sections and Pins of API v3, and to ads of API v4.

A board's listing lacks the Pins in its sections, so these are listed after it. The service has no call that changes a
board, or deletes a section or a Pin.

Source: https://github.com/pinterest/api-quickstart (python/src/v3, as of 2022)
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pinflow import ActionError, UsageError, dataclass
from pinflow_pinterest.answers import is_planned, list_objects, list_pages, parse_read, parse_registration, parse_write
from pinflow_pinterest.gateway import ListingFacts, Reports, Uploads
from pinflow_pinterest.media.uploads import unknown_video
from pinflow_pinterest.types import Account, AdAccount, Board, BoardSection, Pin
from pinflow_pinterest_v3 import shapes
from pinflow_pinterest_v3.paths import ADS, section_pins_path, sections_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow import Client
    from pinflow_pinterest.media.copyable import CopyBody, NotCopyable

T = TypeVar("T")


_LISTINGS = ListingFacts(sections_with_board=False, origins=False, hidden_boards_scope="read_secret_boards")


@dataclass(frozen=True, slots=True)
class V3Gateway:
    """A login's access to boards and Pins, as ``Gateway`` describes it."""

    client: Client

    @property
    def listings(self) -> ListingFacts:
        return _LISTINGS

    def account(self) -> Account:
        return parse_answer(self.client.get("/users/me/"), Account, shapes.account)

    # boards

    def boards(self) -> Iterator[Board]:
        path = f"/users/{self.account()['id']}/boards/feed/"
        # without this the service omits empty boards
        return list_objects(self.client, path, {"include_empty": True}, shape=shapes.board)

    def board(self, board: str) -> Board:
        return parse_answer(self.client.get(f"/boards/{board}/"), Board, shapes.board)

    def make_board(self, body: Mapping[str, Any]) -> Board:
        return parse_written(self.client.put("/boards/", json=shapes.board_fields(body)), Board, shapes.board)

    def change_board(self, board: str, changes: Mapping[str, Any]) -> Board:
        _refuse("change a board")

    def delete_board(self, board: str) -> None:
        self.client.delete(f"/boards/{board}/")

    def board_copy_body(self, board: Board, *, name: str) -> CopyBody | NotCopyable:
        return shapes.board_copy_body(board, name=name)

    # sections

    def sections(self, board: str) -> Iterator[BoardSection]:
        return list_objects(self.client, sections_path(board), shape=shapes.section)

    def make_section(self, board: str, name: str) -> BoardSection:
        return parse_written(self.client.put(sections_path(board), json={"title": name}), BoardSection, shapes.section)

    def delete_section(self, board: str, section: str) -> None:
        _refuse("delete a section")

    def section_pins(self, board: str, section: str, *, limit: int | None = None) -> Iterator[Pin]:
        shape = partial(shapes.pin, board=board, section=section)
        return shapes.filter_pins(list_objects(self.client, section_pins_path(section), shape=shape), limit)

    # Pins

    def pin_pages(self, board: str, *, on_other: Callable[[str], None] | None = None) -> Iterator[list[Pin]]:
        yield from self._pages(f"/boards/{board}/pins/", board, None, on_other)
        for section in self.sections(board):
            yield from self._pages(section_pins_path(section["id"]), board, section["id"], on_other)

    def place_pages(self, board: str, section: str | None) -> Iterator[list[Pin]]:
        path = f"/boards/{board}/pins/" if section is None else section_pins_path(section)
        return self._pages(path, board, section, None)

    def pin(self, pin: str) -> Pin:
        return parse_answer(self.client.get(f"/pins/{pin}/"), Pin, shapes.pin)

    def make_pin(self, body: Mapping[str, Any]) -> Pin:
        return parse_written(self.client.put("/pins/", json=shapes.pin_fields(body)), Pin, shapes.pin)

    def pin_copy_body(self, pin: Pin, *, board: str, section: str | None) -> CopyBody | NotCopyable:
        return shapes.pin_copy_body(pin, board=board, section=section)

    def save_pin(self, pin: str, body: Mapping[str, Any]) -> Pin:
        return parse_written(self.client.post(f"/partners/pins/{pin}/save/", json=body), Pin, shapes.pin)

    def delete_pin(self, pin: str) -> None:
        _refuse("delete a Pin")

    def uploads(self) -> Uploads:
        return Uploads("upload_id", self._register_video, self._video_status)

    def ads(self) -> V4Ads:
        return V4Ads(self.client)

    def _register_video(self) -> Mapping[str, Any]:
        answer = self.client.post("/media/uploads/register/", json={"type": "video"})
        return parse_registration(unwrap_write(answer), "upload_id")

    def _video_status(self, id: str) -> str:
        uploads = unwrap(self.client.get("/media/uploads/", params={"upload_ids": id}))
        state = uploads.get(id) if isinstance(uploads, dict) else None
        if state is None:
            raise unknown_video(id)
        status = state.get("status") if isinstance(state, dict) else None
        if not isinstance(status, str):
            raise ActionError(f"the service's answer has no status of the video {id}")
        return status

    def _pages(
        self, path: str, board: str, section: str | None, on_other: Callable[[str], None] | None
    ) -> Iterator[list[Pin]]:
        def keep(item: Any) -> bool:
            if shapes.is_pin(item):
                return True
            if on_other is not None:
                on_other(str(item.get("id")))
            return False

        return list_pages(self.client, path, shape=partial(shapes.pin, board=board, section=section), keep=keep)


@dataclass(frozen=True, slots=True)
class V4Ads:
    """A login's access to ads, by the ads API v4, as ``Ads`` describes it."""

    client: Client

    def accounts(self, *, shared: bool = True, limit: int | None = None) -> Iterator[AdAccount]:
        query = {"owner_user_id": V3Gateway(self.client).account()["id"], "include_acl": shared}
        return list_objects(self.client, f"{ADS}/advertisers/", query, limit=limit)

    def entities(self, ad_account: str, kind: str, query: Mapping[str, Any], *, limit: int | None) -> Iterator[Any]:
        path = f"{ADS}/advertisers/{ad_account}/{kind}"
        return list_objects(self.client, path, query, limit=limit, shape=shapes.advertised_entity)

    def analytics(self, ad_account: str, level: str, query: Mapping[str, Any]) -> object:
        of = "" if level == "ad_account" else f"{level}s/"
        path = f"{ADS}/advertisers/{ad_account}/{of}delivery_metrics"
        return unwrap(self.client.get(path, params=shapes.report_query(query)))

    def reports(self, ad_account: str, body: Mapping[str, Any]) -> Reports:
        path, query = f"{ADS}/advertisers/{ad_account}/delivery_metrics/async", shapes.report_query(body)
        return Reports(
            lambda: _object(unwrap_write(self.client.post(path, json=query))),
            lambda token: _object(unwrap(self.client.get(path, params={"token": token}))),
        )

    def columns(self, report_type: str | None) -> Iterator[object]:
        answer = unwrap(self.client.get(f"{ADS}/resources/delivery_metrics"))
        columns = answer.get("metrics") if isinstance(answer, dict) else None
        if not isinstance(columns, list):
            raise ActionError("the service's answer has no list of columns")
        return iter(columns)


def parse_answer(answer: object, kind: type[T], shape: Callable[[object], object] = lambda raw: raw) -> T:
    """The object in a read's answer. Raises ActionError if it is not of this kind."""
    return parse_read(shape(unwrap(answer)), kind)


def parse_written(answer: object, kind: type[T], shape: Callable[[object], object] = lambda raw: raw) -> T:
    """The object in a write's answer. Raises InDoubt if it is not of this kind."""
    return parse_write(unwrap_write(answer, shape), kind)


def unwrap_write(answer: object, shape: Callable[[object], object] = lambda raw: raw) -> object:
    """The content of a write's answer. A dry run's placeholder has no envelope."""
    return answer if is_planned(answer) else shape(unwrap(answer))


def unwrap(answer: object) -> object:
    """The content of an answer, without its envelope."""
    return answer.get("data") if isinstance(answer, dict) else None


def _object(answer: object) -> Mapping[str, Any]:
    return answer if isinstance(answer, dict) else {}


def _refuse(change: str) -> NoReturn:
    raise UsageError(f"API v3 can't {change}", hint="API v5 can")
