"""Pins: listed, made and saved; and videos for new ones.

Source: https://github.com/pinterest/api-quickstart (python/src: v3/pin.py, v3/user.py and api_media_object.py, as of
2022)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Annotated, Any, Final

from pinflow import Context, Number, UsageError, action
from pinflow_pinterest import undo
from pinflow_pinterest.answers import list_objects
from pinflow_pinterest.boards import BOTH_QUOTAS, BoardRef, find_board, find_board_id, without_none
from pinflow_pinterest.gateway import all_pins, gateway
from pinflow_pinterest.ids import AltText, Description, ImageAddress, Limit, Link, PinterestId, Title
from pinflow_pinterest.listings import board_pins
from pinflow_pinterest.media import video_action
from pinflow_pinterest.media.sources import find_source, images_have_addresses, media_source
from pinflow_pinterest.pins import add_pin, pin_place, reread_pin
from pinflow_pinterest.pins import save_pin as save
from pinflow_pinterest.types import Pin
from pinflow_pinterest_v3 import shapes
from pinflow_pinterest_v3.actions import boards, users

READ: Final = frozenset({"read_pins"})
FIND: Final = READ | boards.FIND
WRITE: Final = READ | boards.WRITE | {"write_pins"}

_SOURCES: Final = ("image_url", "images", "video")  # the sources of a Pin's media


@action("list_pins", api="v3", scopes=READ | users.READ, quota={"org_read"})
def list_pins(ctx: Context, *, limit: Limit | None = None) -> Iterator[Pin]:
    """All Pins of the account, on any board. (GET /users/{user_id}/pins/)

    Arguments:
        limit: at most so many
    """
    path = f"/users/{gateway(ctx.client).account()['id']}/pins/"
    yield from shapes.filter_pins(list_objects(ctx.client, path, shape=shapes.pin), limit)


@action("list_board_pins", api="v3", scopes=FIND, quota={"org_read"})
def list_board_pins(ctx: Context, *, board: BoardRef, limit: Limit | None = None) -> Iterator[Pin]:
    """The Pins of a board, and after them those in its sections. (GET /boards/{board_id}/pins/ and its sections)

    Arguments:
        board: its id, or its exact name
        limit: at most so many
    """
    service = gateway(ctx.client)
    if limit is not None:
        yield from islice(all_pins(service, find_board_id(service, board)), limit)
        return
    found = find_board(service, board) if isinstance(board, str) else None
    id = found["id"] if found else board
    yield from board_pins(ctx, service, found, lambda: all_pins(service, id))


@action("get_pin", api="v3", scopes=READ, quota={"org_read"})
def get_pin(ctx: Context, *, pin: PinterestId) -> Pin:
    """One Pin. (GET /pins/{pin_id}/)

    Arguments:
        pin: its id
    """
    return gateway(ctx.client).pin(pin)


def _shows_one_thing(image_url: str | None, images: list[Any] | None, video: str | None) -> None:
    find_source(without_none(image_url=image_url, images=images, video=video), _SOURCES)


def _video_has_cover(video: str | None, cover_image_url: str | None) -> None:
    if video is not None and cover_image_url is None:
        raise UsageError("a video needs a cover: cover_image_url is empty")


@action(
    "create_pin",
    api="v3",
    effect="write",
    scopes=WRITE,
    quota=BOTH_QUOTAS,
    reread=reread_pin,
    undo=undo.PIN,
    checks=(_shows_one_thing, images_have_addresses, _video_has_cover),
)
def create_pin(
    ctx: Context,
    *,
    board: BoardRef,
    section: PinterestId | None = None,
    title: Title | None = None,
    description: Description | None = None,
    link: Link | None = None,
    alt_text: AltText | None = None,
    image_url: ImageAddress | None = None,
    images: list[dict[str, str | None]] | None = None,
    index: Annotated[int, Number(ge=0)] | None = None,
    video: PinterestId | None = None,
    cover_image_url: ImageAddress | None = None,
) -> Pin:
    """Put a new Pin on a board. (PUT /pins/)

    Exactly one of image_url, images and video must be set.

    Arguments:
        board: the board's id, or its exact name, for which v3 needs the scope read_users
        section: the id of one of the board's sections
        title: at most 100 characters
        description: at most 800 characters
        link: the address of the page that the Pin leads to, at most 2048 characters
        alt_text: a description of the image for people who can't see it; at most 500 characters
        image_url: address of the image
        images: 2 to 5 images of a carousel, each {url, title, description, link}; only url is needed
        index: which image of the carousel is the cover, counted from 0
        video: id of an uploaded video; needs cover_image_url
        cover_image_url: address of the video's cover
    """
    source = without_none(image_url=image_url, images=images, index=index, video=video, cover_image_url=cover_image_url)
    body = without_none(
        **pin_place(find_board_id(gateway(ctx.client), board), section),
        title=title,
        description=description,
        link=link,
        alt_text=alt_text,
        media_source=media_source(source, locate=ctx.input_file, known=_SOURCES),
    )
    return add_pin(ctx, body)


@action("save_pin", api="v3", effect="write", scopes=WRITE, quota=BOTH_QUOTAS, reread=reread_pin, undo=undo.PIN)
def save_pin(ctx: Context, *, pin: PinterestId, board: BoardRef, section: PinterestId | None = None) -> Pin:
    """Save any account's Pin to a board, whatever its media. (POST /partners/pins/{pin_id}/save/)

    Only apps that are partners of the service ("pinner_app") may do this.

    Arguments:
        pin: the id of the Pin to save
        board: the board to save it to, by id, or by exact name, for which v3 needs the scope read_users
        section: the id of one of the board's sections
    """
    return save(ctx, pin=pin, board=find_board_id(gateway(ctx.client), board), section=section)


upload_video: Final = replace(video_action.upload_video, api="v3", scopes={"": frozenset({"write_pins"})})

ACTIONS: Final = (list_pins, list_board_pins, get_pin, create_pin, save_pin, upload_video)
