"""Boards, sections and Pins as API v3 has them, and ads as API v4 has: v3's paths end with a slash, v4's do not.

A board's listing leaves out the Pins in its sections, so that these are listed after it. The service has no call that
changes a board, or deletes a section or a Pin.

Source: https://github.com/pinterest/api-quickstart (python/src/v3, as of 2022)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pinflow import ActionError, UsageError
from pinflow_pinterest.answers import got, is_planned, listed, listed_pages, made, registered
from pinflow_pinterest.gateway import Reports, Uploads
from pinflow_pinterest.media.uploads import no_video
from pinflow_pinterest.types import Account, AdAccount, Board, BoardSection, Pin
from pinflow_pinterest_v3 import shapes
from pinflow_pinterest_v3.paths import ADS, section_pins_path, sections_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pinflow import Client
    from pinflow_pinterest.media.copyable import Carried, NotCarried

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class V3Gateway:
    """One login's way to boards and Pins; the methods promise what ``Gateway`` says."""

    client: Client

    def account(self) -> Account:
        return read(self.client.get("/users/me/"), Account, shapes.account)

    # boards

    def boards(self) -> Iterator[Board]:
        path = f"/users/{self.account()['id']}/boards/feed/"
        # the service leaves out empty boards unless it is asked for them
        return listed(self.client, path, {"include_empty": True}, shape=shapes.board)

    def board(self, board: str) -> Board:
        return read(self.client.get(f"/boards/{board}/"), Board, shapes.board)

    def make_board(self, body: Mapping[str, Any]) -> Board:
        return written(self.client.put("/boards/", json=shapes.board_fields(body)), Board, shapes.board)

    def change_board(self, board: str, changes: Mapping[str, Any]) -> Board:
        _lacking("change a board")

    def delete_board(self, board: str) -> None:
        self.client.delete(f"/boards/{board}/")

    def copied_board(self, board: Board, *, name: str) -> Carried | NotCarried:
        return shapes.copied_board(board, name=name)

    # sections

    def sections(self, board: str) -> Iterator[BoardSection]:
        return listed(self.client, sections_path(board), shape=shapes.section)

    def make_section(self, board: str, name: str) -> BoardSection:
        return written(self.client.put(sections_path(board), json={"title": name}), BoardSection, shapes.section)

    def delete_section(self, board: str, section: str) -> None:
        _lacking("delete a section")

    def section_pins(self, board: str, section: str, *, limit: int | None = None) -> Iterator[Pin]:
        shape = partial(shapes.pin, board=board, section=section)
        return shapes.pins_only(listed(self.client, section_pins_path(section), shape=shape), limit)

    # Pins

    def pin_pages(self, board: str, *, strange: Callable[[str], None] | None = None) -> Iterator[list[Pin]]:
        yield from self._pages(f"/boards/{board}/pins/", board, None, strange)
        for section in self.sections(board):
            yield from self._pages(section_pins_path(section["id"]), board, section["id"], strange)

    def place_pages(self, board: str, section: str | None) -> Iterator[list[Pin]]:
        path = f"/boards/{board}/pins/" if section is None else section_pins_path(section)
        return self._pages(path, board, section, None)

    def pin(self, pin: str) -> Pin:
        return read(self.client.get(f"/pins/{pin}/"), Pin, shapes.pin)

    def make_pin(self, body: Mapping[str, Any]) -> Pin:
        return written(self.client.put("/pins/", json=shapes.pin_fields(body)), Pin, shapes.pin)

    def copied_pin(self, pin: Pin, *, board: str, section: str | None) -> Carried | NotCarried:
        return shapes.copied_pin(pin, board=board, section=section)

    def save_pin(self, pin: str, body: Mapping[str, Any]) -> Pin:
        return written(self.client.post(f"/partners/pins/{pin}/save/", json=body), Pin, shapes.pin)

    def delete_pin(self, pin: str) -> None:
        _lacking("delete a Pin")

    def uploads(self) -> Uploads:
        return Uploads("upload_id", self._register_video, self._video_status)

    def ads(self) -> V4Ads:
        return V4Ads(self.client)

    def _register_video(self) -> Mapping[str, Any]:
        answer = self.client.post("/media/uploads/register/", json={"type": "video"})
        return registered(of_write(answer), "upload_id")

    def _video_status(self, id: str) -> str:
        found = unwrapped(self.client.get("/media/uploads/", params={"upload_ids": id}))
        state = found.get(id) if isinstance(found, dict) else None
        if state is None:
            raise no_video(id)
        status = state.get("status") if isinstance(state, dict) else None
        if not isinstance(status, str):
            raise ActionError(f"the service does not tell how far the video {id} is")
        return status

    def _pages(
        self, path: str, board: str, section: str | None, strange: Callable[[str], None] | None
    ) -> Iterator[list[Pin]]:
        def keep(item: Any) -> bool:
            if shapes.is_pin(item):
                return True
            if strange is not None:
                strange(str(item.get("id")))
            return False

        return listed_pages(self.client, path, shape=partial(shapes.pin, board=board, section=section), keep=keep)


@dataclass(frozen=True, slots=True)
class V4Ads:
    """One login's way to ads, which are the ads API v4's; the methods promise what ``Ads`` says."""

    client: Client

    def accounts(self, *, shared: bool = True, limit: int | None = None) -> Iterator[AdAccount]:
        query = {"owner_user_id": V3Gateway(self.client).account()["id"], "include_acl": shared}
        return listed(self.client, f"{ADS}/advertisers/", query, limit=limit)

    def things(self, ad_account: str, kind: str, query: Mapping[str, Any], *, limit: int | None) -> Iterator[Any]:
        path = f"{ADS}/advertisers/{ad_account}/{kind}"
        return listed(self.client, path, query, limit=limit, shape=shapes.of_advertiser)

    def figures(self, ad_account: str, level: str, query: Mapping[str, Any]) -> object:
        of = "" if level == "ad_account" else f"{level}s/"
        path = f"{ADS}/advertisers/{ad_account}/{of}delivery_metrics"
        return unwrapped(self.client.get(path, params=shapes.report_words(query)))

    def reports(self, ad_account: str, body: Mapping[str, Any]) -> Reports:
        path, wanted = f"{ADS}/advertisers/{ad_account}/delivery_metrics/async", shapes.report_words(body)
        return Reports(
            lambda: _object(of_write(self.client.post(path, json=wanted))),
            lambda token: _object(unwrapped(self.client.get(path, params={"token": token}))),
        )

    def columns(self, report_type: str | None) -> Iterator[object]:
        found = unwrapped(self.client.get(f"{ADS}/resources/delivery_metrics"))
        columns = found.get("metrics") if isinstance(found, dict) else None
        if not isinstance(columns, list):
            raise ActionError("the service's answer holds no list of columns")
        return iter(columns)


def read(answer: object, kind: type[T], shape: Callable[[object], object] = lambda raw: raw) -> T:
    """The object that a read was answered with. Raises ActionError if it is none."""
    return got(shape(unwrapped(answer)), kind)


def written(answer: object, kind: type[T], shape: Callable[[object], object] = lambda raw: raw) -> T:
    """The object that a write was answered with. Raises InDoubt if it is none."""
    return made(of_write(answer, shape), kind)


def of_write(answer: object, shape: Callable[[object], object] = lambda raw: raw) -> object:
    """What a write's answer is about. A dry run's stands for whatever is asked of it, and has no envelope."""
    return answer if is_planned(answer) else shape(unwrapped(answer))


def unwrapped(answer: object) -> object:
    """What an answer is about, without the envelope around it."""
    return answer.get("data") if isinstance(answer, dict) else None


def _object(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _lacking(what: str) -> NoReturn:
    raise UsageError(f"API v3 has no way to {what}", hint="API v5 has one")
