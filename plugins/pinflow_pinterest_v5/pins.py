"""Pins: listed, made, changed, saved and deleted.

Source: https://developers.pinterest.com/docs/api/v5/ (pins)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pinflow import Context, Number, Text, UsageError, action
from pinflow_pinterest.ids import AltText, Description, DominantColor, Link, PinterestId, Title
from pinflow_pinterest.types import CreativeType, Pin
from pinflow_pinterest_v5 import undo
from pinflow_pinterest_v5.answers import Deleted, got, listed, listed_pages, made
from pinflow_pinterest_v5.boards import BOTH_QUOTAS, BoardRef, IfGone, delete, find_board_id, the_one, unchanged_by
from pinflow_pinterest_v5.sources import media_source

if TYPE_CHECKING:
    from pinflow import Client


READ: Final = frozenset({"boards:read", "pins:read"})
WRITE: Final = READ | {"boards:write", "pins:write"}

ContentType = Literal["image/jpeg", "image/png"]
Base64 = Annotated[str, Text(pattern="^[a-zA-Z0-9+/=]+$")]

_TEXTS: Final = ("title", "description", "link", "alt_text")
_CLOCKS_APART: Final = 600.0  # seconds that the service's clock and this one may differ by


@action("list_pins", api="v5", scopes=READ, quota={"org_read"})
def list_pins(
    ctx: Context,
    *,
    pin_filter: Literal["exclude_native", "exclude_repins", "has_been_promoted"] | None = None,
    include_protected_pins: bool = False,
    pin_type: Literal["PRIVATE"] | None = None,
    creative_types: list[CreativeType] | None = None,
    pin_metrics: bool = False,
    limit: Annotated[int, Number(ge=1)] | None = None,
) -> Iterator[Pin]:
    """All Pins of the account, whatever board they are on. (GET /pins)

    Arguments:
        pin_filter: leave out Pins made here (exclude_native) or saved from others (exclude_repins), or keep only
          those that were ever promoted (has_been_promoted)
        include_protected_pins: also Pins on protected boards
        pin_type: PRIVATE for only the Pins that no one else sees
        creative_types: only Pins of these kinds
        pin_metrics: with each Pin's figures of the last 90 days and since it was made
        limit: at most so many
    """
    query = {
        "pin_filter": pin_filter,
        "include_protected_pins": include_protected_pins or None,
        "pin_type": pin_type,
        "creative_types": creative_types,
        "pin_metrics": pin_metrics or None,
    }
    yield from listed(ctx.client, "/pins", query, limit=limit)


@action("list_board_pins", api="v5", scopes=READ, quota={"org_read"})
def list_board_pins(
    ctx: Context,
    *,
    board: BoardRef,
    creative_types: list[CreativeType] | None = None,
    pin_metrics: bool = False,
    limit: Annotated[int, Number(ge=1)] | None = None,
) -> Iterator[Pin]:
    """The Pins of a board, those in its sections too. (GET /boards/{board_id}/pins)

    Arguments:
        board: its id, or its exact name
        creative_types: only Pins of these kinds
        pin_metrics: with each Pin's figures of the last 90 days and since it was made
        limit: at most so many
    """
    query = {"creative_types": creative_types, "pin_metrics": pin_metrics or None}
    yield from listed(ctx.client, pins_path(find_board_id(ctx.client, board)), query, limit=limit)


@action("get_pin", api="v5", scopes=READ, quota={"org_read"})
def get_pin(ctx: Context, *, pin: PinterestId, pin_metrics: bool = False) -> Pin:
    """One Pin of the account, or of a group board that it shares. (GET /pins/{pin_id})

    Arguments:
        pin: its id
        pin_metrics: with its figures of the last 90 days and since it was made
    """
    return read_pin(ctx.client, pin, pin_metrics=pin_metrics)


def reread_pin(ctx: Context, kept: Mapping[str, Any]) -> Pin:
    """A Pin that an earlier process of the run made or changed."""
    return read_pin(ctx.client, kept["id"])


@action(
    "create_pin",
    api="v5",
    effect="write",
    scopes=WRITE,
    quota=BOTH_QUOTAS,
    reread=reread_pin,
    undo={"pin": undo.OF_PIN},
)
def create_pin(
    ctx: Context,
    *,
    board: PinterestId,
    section: PinterestId | None = None,
    title: Title | None = None,
    description: Description | None = None,
    link: Link | None = None,
    alt_text: AltText | None = None,
    dominant_color: DominantColor | None = None,
    image_url: Annotated[str, Text(min_length=1)] | None = None,
    image_file: Annotated[str, Text(min_length=1)] | None = None,
    image_base64: Base64 | None = None,
    content_type: ContentType | None = None,
    images: list[dict[str, str | None]] | None = None,
    images_base64: list[dict[str, str | None]] | None = None,
    index: Annotated[int, Number(ge=0)] | None = None,
    video: PinterestId | None = None,
    cover_image_url: str | None = None,
    cover_image_key_frame_time: Annotated[int, Number(ge=0)] | None = None,
    cover_image_base64: Base64 | None = None,
    cover_image_content_type: ContentType | None = None,
    pin_url: bool = False,
    is_affiliate_link: bool = False,
    is_standard: bool | None = None,
) -> Pin:
    """Put a new Pin on a board. (POST /pins)

    Exactly one of image_url, image_file, image_base64, images, images_base64, video and pin_url says what it shows.

    Arguments:
        board: the board's id
        section: the id of one of the board's sections
        title: at most 100 characters
        description: at most 800 characters
        link: where the Pin leads to, at most 2048 characters
        alt_text: what the image shows, for people who can't see it; at most 500 characters
        dominant_color: such as "#6E7874"
        image_url: address of an image that the service fetches
        image_file: a JPEG or PNG file inside the recipe's folder
        image_base64: an image itself, as base64 text; with content_type
        content_type: what image_base64 is
        images: 2 to 5 images of a carousel, each {url, title, description, link}; only url is needed
        images_base64: the same with {content_type, data} instead of url
        index: which image of the carousel is the cover, counted from 0
        video: id of an uploaded video; with one of the covers
        cover_image_url: address of the video's cover
        cover_image_key_frame_time: the second of the video that is its cover
        cover_image_base64: the video's cover itself, as base64 text; with cover_image_content_type
        cover_image_content_type: what cover_image_base64 is
        pin_url: true makes a product Pin of the page at link (beta)
        is_affiliate_link: whether that link is an affiliate link or sponsored
        is_standard: false makes a simplified Pin (beta)
    """
    if pin_url and not link:
        raise UsageError("pin_url makes a Pin of the page at link: give link too")
    given = {
        "image_url": image_url,
        "image_file": image_file,
        "image_base64": image_base64,
        "content_type": content_type,
        "images": images,
        "images_base64": images_base64,
        "index": index,
        "video": video,
        "cover_image_url": cover_image_url,
        "cover_image_key_frame_time": cover_image_key_frame_time,
        "cover_image_base64": cover_image_base64,
        "cover_image_content_type": cover_image_content_type,
        "pin_url": pin_url or None,
        "is_affiliate_link": is_affiliate_link or None,
        "is_standard": is_standard,
    }
    body = _given(
        **_place(board, section),
        title=title,
        description=description,
        link=link,
        alt_text=alt_text,
        dominant_color=dominant_color,
        media_source=media_source(_given(**given), place=ctx.file),
    )
    return add_pin(ctx, body)


@action("update_pin", api="v5", effect="write", scopes=WRITE, quota=BOTH_QUOTAS, reread=reread_pin)
def update_pin(
    ctx: Context,
    *,
    pin: PinterestId,
    board: PinterestId | None = None,
    section: PinterestId | Literal["none"] | None = None,
    title: Title | None = None,
    description: Description | None = None,
    link: Link | None = None,
    alt_text: AltText | None = None,
    carousel_slots: list[dict[str, str]] | None = None,
) -> Pin:
    """Change a Pin's texts, or move it; open to admitted apps only (beta). (PATCH /pins/{pin_id})

    Arguments:
        pin: its id
        board: the id of the board to move it to
        section: the id of the section to move it to; "none" takes it out of its section
        title: the new title; an empty one takes it away, as with the texts below
        description: the new description
        link: the new link
        alt_text: the new alternative text
        carousel_slots: the new texts of a carousel's images in their order, each {title, description, link}
    """
    strange = {key for slot in carousel_slots or () for key in slot} - {"title", "description", "link"}
    if strange:
        raise UsageError(f"carousel_slots have title, description and link, not {', '.join(sorted(strange))}")
    changes = _given(board_id=board, title=title, description=description, link=link, alt_text=alt_text)
    if section is not None:
        changes["board_section_id"] = None if section == "none" else section
    # what a Pin answers of its carousel is not what was sent, so that only sending it again makes sure
    body = changes | _given(carousel_slots=carousel_slots)
    if not body:
        raise UsageError("update_pin has nothing to change: give a text, a board or a section")
    path = f"/pins/{pin}"

    def find() -> Pin | None:
        return None if carousel_slots else unchanged_by(got(ctx.client.get(path), Pin), changes)

    return ctx.once("update", lambda: made(ctx.client.patch(path, json=body), Pin), find=find, kind="pin")


@action("delete_pin", api="v5", effect="write", scopes=WRITE, quota=BOTH_QUOTAS, destructive=True)
def delete_pin(ctx: Context, *, pin: PinterestId, if_gone: IfGone = "fail") -> Deleted:
    """Delete a Pin. (DELETE /pins/{pin_id})

    Arguments:
        pin: its id
        if_gone: skip takes a Pin that is not there for deleted
    """
    return delete(ctx, f"/pins/{pin}", pin, kind="pin", if_gone=if_gone)


@action(
    "save_pin",
    api="v5",
    effect="write",
    scopes=WRITE,
    quota=BOTH_QUOTAS,
    reread=reread_pin,
    undo={"pin": undo.OF_PIN},
)
def save_pin(ctx: Context, *, pin: PinterestId, board: PinterestId, section: PinterestId | None = None) -> Pin:
    """Save a public Pin of anyone to a board of one's own, whatever it shows. (POST /pins/{pin_id}/save)

    Arguments:
        pin: the id of the Pin to save
        board: the id of the board to save it to
        section: the id of one of the board's sections
    """
    client, body = ctx.client, _place(board, section)

    def find() -> Pin | None:
        # that a saved Pin names its origin is not documented: one that names none may be it
        news = [new for new in new_pins(ctx, "create", client, board) if new.get("parent_pin_id") in (pin, None)]
        return only_in_section(news, section)

    return ctx.once("create", lambda: made(client.post(f"/pins/{pin}/save", json=body), Pin), find=find, kind="pin")


def add_pin(ctx: Context, body: Mapping[str, Any]) -> Pin:
    """Make the Pin that ``body`` of pins/create describes, once."""
    client = ctx.client

    def find() -> Pin | None:
        news = [new for new in new_pins(ctx, "create", client, body["board_id"]) if _alike(new, body)]
        return only_in_section(news, body.get("board_section_id"))

    return ctx.once("create", lambda: made(client.post("/pins", json=body), Pin), find=find, kind="pin")


def read_pin(client: Client, pin: str, *, pin_metrics: bool = False) -> Pin:
    """The Pin of this id."""
    return got(client.get(f"/pins/{pin}", params={"pin_metrics": pin_metrics or None}), Pin)


def pins_path(board: str) -> str:
    """Where a board's Pins are listed."""
    return f"/boards/{board}/pins"


def new_pins(ctx: Context, key: str, client: Client, board: str) -> list[Pin]:
    """The board's Pins that may have been made since the effect ``key`` was announced and are not known as this run's.

    The listing is read until it has come to older ones; where it does not begin with the newest, to its end.
    """
    since = (ctx.sent_at(key) or ctx.now()) - _CLOCKS_APART
    # one step's or item's must not be taken for an equal one that another lost
    own = {result["id"] for result in ctx.made_by_run("pin") if result}
    found: list[Pin] = []
    for page in listed_pages(client, pins_path(board)):
        found += [pin for pin in page if _born(pin, unknown=since) >= since and pin["id"] not in own]
        if page and since > _born(page[0], unknown=since) > _born(page[-1], unknown=since):
            break
    return found


def only_in_section(pins: list[Pin], section: str | None) -> Pin | None:
    """The one of ``pins`` that is in ``section``, or None. Raises Diverged if there are several."""
    return the_one([pin for pin in pins if pin.get("board_section_id") == section], "new Pins")


def _born(pin: Pin, *, unknown: float) -> float:
    """When a Pin was made, in seconds since 1970; a time without a zone is UTC."""
    try:
        at = datetime.fromisoformat(pin.get("created_at", ""))
    except ValueError:
        return unknown
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _alike(pin: Pin, body: Mapping[str, Any]) -> bool:
    """Whether a Pin has the texts that ``body`` asked for, as far as the service leaves texts as they are."""
    return all(_plain(pin.get(name)) == _plain(body.get(name)) for name in _TEXTS)


def _plain(text: object) -> str:
    return " ".join(str(text or "").split()).removesuffix("/")


def _place(board: str, section: str | None) -> dict[str, str]:
    """Where a Pin goes; as text, also where a dry run only planned the board or the section."""
    return _given(board_id=str(board), board_section_id=None if section is None else str(section))


def _given(**fields: object) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


ACTIONS: Final = (
    list_pins,
    list_board_pins,
    get_pin,
    create_pin,
    update_pin,
    delete_pin,
    save_pin,
)
