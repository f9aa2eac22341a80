"""Pins: listed, made, changed, saved and deleted; and videos for new ones.

Source: https://developers.pinterest.com/docs/api/v5/ (pins, media)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pinflow import Context, InputPath, Number, Text, UsageError, action
from pinflow_pinterest import undo
from pinflow_pinterest.answers import list_objects, parse_read, parse_write
from pinflow_pinterest.boards import (
    BOTH_QUOTAS,
    BoardRef,
    IfGone,
    applied_or_none,
    delete,
    find_board,
    find_board_id,
    settle_board_id,
    without_none,
)
from pinflow_pinterest.gateway import gateway
from pinflow_pinterest.ids import (
    AltText,
    Description,
    DominantColor,
    ImageAddress,
    Limit,
    Link,
    PinterestId,
    Title,
)
from pinflow_pinterest.listings import board_pins
from pinflow_pinterest.media import video_action
from pinflow_pinterest.media.sources import (
    SOURCES,
    base64_images_have_addresses,
    check_addresses,
    find_source,
    images_have_addresses,
    media_source,
)
from pinflow_pinterest.pins import add_pin, pin_place, reread_pin
from pinflow_pinterest.pins import save_pin as save
from pinflow_pinterest.types import CreativeType, Deleted, Pin
from pinflow_pinterest_v5.paths import pins_path

if TYPE_CHECKING:
    from pinflow import Check, Client


READ: Final = frozenset({"boards:read", "pins:read"})
WRITE: Final = READ | {"boards:write", "pins:write"}

ContentType = Literal["image/jpeg", "image/png"]
OrFileAddress = Annotated[
    str,
    Text(
        min_length=1,
        format="address",
        path_hint="put it on the web and give its address; a recipe of your own can give create_pin image_file",
    ),
]
Base64 = Annotated[str, Text(pattern="^[a-zA-Z0-9+/=]+$")]


@action("list_pins", api="v5", scopes=READ, quota={"org_read"})
def list_pins(
    ctx: Context,
    *,
    pin_filter: Literal["exclude_native", "exclude_repins", "has_been_promoted"] | None = None,
    include_protected_pins: bool = False,
    pin_type: Literal["PRIVATE"] | None = None,
    creative_types: list[CreativeType] | None = None,
    pin_metrics: bool = False,
    limit: Limit | None = None,
) -> Iterator[Pin]:
    """All Pins of the account, on any board. (GET /pins)

    Arguments:
        pin_filter: leave out Pins made here (exclude_native) or saved from others (exclude_repins), or keep only
          those that were ever promoted (has_been_promoted)
        include_protected_pins: also Pins on protected boards
        pin_type: PRIVATE for only the Pins that nobody else can see
        creative_types: only Pins of these kinds
        pin_metrics: with each Pin's metrics of the last 90 days and of its lifetime
        limit: at most so many
    """
    query = {
        "pin_filter": pin_filter,
        "include_protected_pins": include_protected_pins or None,
        "pin_type": pin_type,
        "creative_types": creative_types,
        "pin_metrics": pin_metrics or None,
    }
    yield from list_objects(ctx.client, "/pins", query, limit=limit)


@action("list_board_pins", api="v5", scopes=READ, quota={"org_read"})
def list_board_pins(
    ctx: Context,
    *,
    board: BoardRef,
    creative_types: list[CreativeType] | None = None,
    pin_metrics: bool = False,
    limit: Limit | None = None,
) -> Iterator[Pin]:
    """The Pins of a board, those in its sections too. (GET /boards/{board_id}/pins)

    Arguments:
        board: its id, or its exact name
        creative_types: only Pins of these kinds
        pin_metrics: with each Pin's metrics of the last 90 days and of its lifetime
        limit: at most so many
    """
    query = {"creative_types": creative_types, "pin_metrics": pin_metrics or None}
    service = gateway(ctx.client)
    if creative_types or limit is not None:  # what is left out here on purpose says nothing
        yield from list_objects(ctx.client, pins_path(find_board_id(service, board)), query, limit=limit)
        return
    found = find_board(service, board) if isinstance(board, str) else None
    path = pins_path(found["id"] if found else board)
    yield from board_pins(ctx, service, found, lambda: list_objects(ctx.client, path, query))


@action("get_pin", api="v5", scopes=READ, quota={"org_read"})
def get_pin(ctx: Context, *, pin: PinterestId, pin_metrics: bool = False) -> Pin:
    """One Pin of the account, or of a group board that it shares. (GET /pins/{pin_id})

    Arguments:
        pin: its id
        pin_metrics: with its metrics of the last 90 days and of its lifetime
    """
    return read_pin(ctx.client, pin, pin_metrics=pin_metrics)


def _shows_one_thing(
    image_url: str | None,
    image_file: str | None,
    image_base64: str | None,
    images: list[Any] | None,
    images_base64: list[Any] | None,
    video: str | None,
    pin_url: bool,
) -> None:
    values = (image_url, image_file, image_base64, images, images_base64, video, pin_url or None)
    find_source({source: value for source, value in zip(SOURCES, values, strict=True) if value is not None})


def _page_has_link(pin_url: bool, link: str | None) -> None:
    if pin_url and not link:
        raise UsageError("pin_url needs link: the Pin shows the page at link")


@action(
    "create_pin",
    api="v5",
    effect="write",
    scopes=WRITE,
    quota=BOTH_QUOTAS,
    reread=reread_pin,
    undo=undo.PIN,
    checks=(_shows_one_thing, images_have_addresses, base64_images_have_addresses, _page_has_link),
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
    dominant_color: DominantColor | None = None,
    image_url: OrFileAddress | None = None,
    image_file: InputPath | None = None,
    image_base64: Base64 | None = None,
    content_type: ContentType | None = None,
    images: list[dict[str, str | None]] | None = None,
    images_base64: list[dict[str, str | None]] | None = None,
    index: Annotated[int, Number(ge=0)] | None = None,
    video: PinterestId | None = None,
    cover_image_url: ImageAddress | None = None,
    cover_image_key_frame_time: Annotated[int, Number(ge=0)] | None = None,
    cover_image_base64: Base64 | None = None,
    cover_image_content_type: ContentType | None = None,
    pin_url: bool = False,
    is_affiliate_link: bool = False,
    is_standard: bool | None = None,
) -> Pin:
    """Put a new Pin on a board. (POST /pins)

    Exactly one of image_url, image_file, image_base64, images, images_base64, video and pin_url must be set.

    Arguments:
        board: the board's id, or its exact name
        section: the id of one of the board's sections
        title: at most 100 characters
        description: at most 800 characters
        link: the address of the page that the Pin leads to, at most 2048 characters
        alt_text: a description of the image for people who can't see it; at most 500 characters
        dominant_color: such as "#6E7874"
        image_url: address of the image
        image_file: a JPEG or PNG file, in the folder of the recipe or of a table that was given
        image_base64: the image as base64 text; needs content_type
        content_type: the type of image_base64
        images: 2 to 5 images of a carousel, each {url, title, description, link}; only url is needed
        images_base64: the same with {content_type, data} instead of url
        index: which image of the carousel is the cover, counted from 0
        video: id of an uploaded video; needs one of the covers
        cover_image_url: address of the video's cover
        cover_image_key_frame_time: the second of the video that is its cover
        cover_image_base64: the video's cover as base64 text; needs cover_image_content_type
        cover_image_content_type: the type of cover_image_base64
        pin_url: true makes a product Pin of the page at link (beta)
        is_affiliate_link: whether that link is an affiliate link or sponsored
        is_standard: false makes a simplified Pin (beta)
    """
    source = {
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
    body = without_none(
        **pin_place(find_board_id(gateway(ctx.client), board), section),
        title=title,
        description=description,
        link=link,
        alt_text=alt_text,
        dominant_color=dominant_color,
        media_source=media_source(without_none(**source), locate=ctx.input_file),
    )
    return add_pin(ctx, body)


def _alters(
    board: str | None,
    section: str | None,
    title: str | None,
    description: str | None,
    link: str | None,
    alt_text: str | None,
    carousel_slots: list[dict[str, str]] | None,
) -> None:
    if all(value is None for value in (board, section, title, description, link, alt_text)) and not carousel_slots:
        raise UsageError("update_pin has nothing to change: set a text, a board or a section")
    unknown = {key for slot in carousel_slots or () for key in slot} - {"title", "description", "link"}
    if unknown:
        raise UsageError(f"carousel_slots can have title, description and link, not {', '.join(sorted(unknown))}")


def _slots_lead_to_addresses(carousel_slots: list[dict[str, str]] | None) -> None:
    check_addresses("carousel_slots", carousel_slots, ("link",))


@action(
    "update_pin",
    api="v5",
    effect="write",
    scopes=WRITE,
    quota=BOTH_QUOTAS,
    reread=reread_pin,
    checks=(_alters, _slots_lead_to_addresses),
)
def update_pin(
    ctx: Context,
    *,
    pin: PinterestId,
    board: BoardRef | None = None,
    section: PinterestId | Literal["none"] | None = None,
    title: Title | None = None,
    description: Description | None = None,
    link: Link | None = None,
    alt_text: AltText | None = None,
    carousel_slots: list[dict[str, str]] | None = None,
) -> Pin:
    """Change a Pin's texts, or move it; only for apps that the vendor has enabled (beta). (PATCH /pins/{pin_id})

    Arguments:
        pin: its id
        board: the board to move it to, by id or exact name
        section: the id of the section to move it to; "none" takes it out of its section
        title: the new title; an empty text removes it, as for the texts below
        description: the new description
        link: the new link
        alt_text: the new alternative text
        carousel_slots: the new texts of a carousel's images in their order, each {title, description, link}
    """
    board_id = None if board is None else settle_board_id(ctx, board)
    changes = without_none(board_id=board_id, title=title, description=description, link=link, alt_text=alt_text)
    if section is not None:
        changes["board_section_id"] = None if section == "none" else section
    # the answer's carousel differs from what was sent, so only sending it again makes sure
    body = changes | without_none(carousel_slots=carousel_slots)
    path, sent_before = f"/pins/{pin}", ctx.sent_at("update") is not None

    def find() -> Pin | None:
        return None if carousel_slots else applied_or_none(parse_read(ctx.client.get(path), Pin), changes)

    def check(updated: Pin) -> Check | None:
        from pinflow_pinterest.checks import changed_pin  # reading a recipe doesn't need it

        return changed_pin(gateway(ctx.client), pin, changes, updated, sent_before=sent_before)

    return ctx.once(
        "update",
        lambda: parse_write(ctx.client.patch(path, json=body), Pin),
        find=find,
        check=check if changes else None,
        unchecked="the texts of a carousel's images don't read back" if not changes else "",
        kind="pin",
    )


def _targets(ctx: Context, *, pin: str, **_: object) -> list[str]:
    target = read_pin(ctx.client, pin)
    owner = (target.get("board_owner") or {}).get("username")
    return [f"Pin {target.get('title') or pin!r}" + (f" of {owner}" if owner else "")]


@action("delete_pin", api="v5", effect="write", scopes=WRITE, quota=BOTH_QUOTAS, destructive=True, targets=_targets)
def delete_pin(ctx: Context, *, pin: PinterestId, if_gone: IfGone = "fail") -> Deleted:
    """Delete a Pin. (DELETE /pins/{pin_id})

    Arguments:
        pin: its id
        if_gone: what to do if there is no such Pin; skip counts it as deleted
    """
    from pinflow_pinterest.checks import deleted_pin  # reading a recipe doesn't need it

    service = gateway(ctx.client)
    check = deleted_pin(service, pin)
    return delete(ctx, service.delete_pin, service.pin, pin, check=check, kind="pin", if_gone=if_gone)


@action("save_pin", api="v5", effect="write", scopes=WRITE, quota=BOTH_QUOTAS, reread=reread_pin, undo=undo.PIN)
def save_pin(ctx: Context, *, pin: PinterestId, board: BoardRef, section: PinterestId | None = None) -> Pin:
    """Save any account's public Pin to a board, whatever its media. (POST /pins/{pin_id}/save)

    Arguments:
        pin: the id of the Pin to save
        board: the board to save it to, by id or exact name
        section: the id of one of the board's sections
    """
    return save(ctx, pin=pin, board=find_board_id(gateway(ctx.client), board), section=section)


def read_pin(client: Client, pin: str, *, pin_metrics: bool = False) -> Pin:
    """The Pin of this id."""
    return parse_read(client.get(f"/pins/{pin}", params={"pin_metrics": pin_metrics or None}), Pin)


upload_video: Final = replace(video_action.upload_video, api="v5", scopes={"": frozenset({"pins:read", "pins:write"})})

ACTIONS: Final = (
    list_pins,
    list_board_pins,
    get_pin,
    create_pin,
    update_pin,
    delete_pin,
    save_pin,
    upload_video,
)
