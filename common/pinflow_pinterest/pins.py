"""Making single Pins: each is made once, and found again after a lost answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pinflow import RemoteError
from pinflow_pinterest.boards import single_or_none, without_none
from pinflow_pinterest.gateway import gateway

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow import Context
    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.types import Pin

_TEXTS: Final = ("title", "description", "link", "alt_text")
_CLOCK_DIFFERENCE: Final = 600.0  # seconds between the service's clock and this one, as the version before allowed for
# a refusal tells in words what it is about; code 235 alone means addresses of both kinds
_ABOUT_LINK: Final = re.compile(r"\blinks?\b", re.IGNORECASE)
_ABOUT_IMAGE: Final = re.compile(r"\b(?:images?|pictures?|photos?|media|fetch|download)\b", re.IGNORECASE)


def reread_pin(ctx: Context, stored: Mapping[str, Any]) -> Pin:
    """A Pin that an earlier process of the run made or changed, read again."""
    return gateway(ctx.client).pin(stored["id"])


def pin_place(board: str, section: str | None) -> dict[str, str]:
    """The fields of a Pin's board and section, as text even if a dry run only planned them."""
    return without_none(board_id=str(board), board_section_id=None if section is None else str(section))


def add_pin(ctx: Context, body: Mapping[str, Any]) -> Pin:
    """Make the Pin that ``body`` describes, once."""
    from pinflow_pinterest.pin_places import new_pin_likeness, pin_place_of  # reading a recipe doesn't need it

    service, section = gateway(ctx.client), body.get("board_section_id")

    def find() -> Pin | None:
        matches = [
            pin for pin in _find_new_pins(ctx, "create", service, body["board_id"], section) if _has_texts_of(pin, body)
        ]
        return _single_in_section(matches, section)

    return ctx.once(
        "create",
        lambda: _make_pin(service, body),
        place=pin_place_of(service, body["board_id"], section),
        likeness=None if ctx.dry_run else new_pin_likeness(body),  # a dry run of 100,000 rows takes 4 % longer with it
        find=find,
        kind="pin",
    )


def _make_pin(service: Gateway, body: Mapping[str, Any]) -> Pin:
    """The new Pin. A refusal of its link or its picture names the address, which the service's answer does not."""
    try:
        return service.make_pin(body)
    except RemoteError as error:
        if 400 <= error.status < 500:
            _name_address(error, body)
        raise


def _name_address(error: RemoteError, body: Mapping[str, Any]) -> None:
    source = body.get("media_source", {})
    image = next((name for name in ("image_url", "cover_image_url") if _address_of(source, name)), "")
    if _ABOUT_LINK.search(error.text) and body.get("link"):
        error.argument, address = "link", body["link"]
    elif image and (error.code == 235 or _ABOUT_IMAGE.search(error.text)):
        error.argument, address = image, _address_of(source, image)
    else:
        return
    error.message = f"{error.message}: {address}"


def _address_of(source: Mapping[str, Any], argument: str) -> str:
    value = source.get("url" if argument == "image_url" else argument)
    return value if isinstance(value, str) else ""


def save_pin(ctx: Context, *, pin: str, board: str, section: str | None) -> Pin:
    """Save a Pin to a board, once."""
    from pinflow_pinterest.pin_places import pin_place_of, saved_pin_likeness  # reading a recipe doesn't need it

    service, body = gateway(ctx.client), pin_place(board, section)

    def find() -> Pin | None:
        # it is not documented that a saved Pin names its origin: one that names none may be it
        new_pins = _find_new_pins(ctx, "create", service, board, section)
        return _single_in_section(
            [candidate for candidate in new_pins if candidate.get("parent_pin_id") in (pin, None)], section
        )

    return ctx.once(
        "create",
        lambda: service.save_pin(pin, body),
        place=pin_place_of(service, body["board_id"], body.get("board_section_id")),
        likeness=saved_pin_likeness(service, pin, board, section),
        find=find,
        kind="pin",
    )


# -- for runs that the version before began: they have no baseline, and are finished by its own rule


def _find_new_pins(ctx: Context, key: str, service: Gateway, board: str, section: str | None) -> list[Pin]:
    """The Pins of a board or section that may have been added since the intent of ``key``, and are not this run's.

    The listing is read until it comes to older ones; to its end if it doesn't begin with the newest.
    """
    from pinflow_pinterest.pin_places import created_at

    def made_at(pin: Pin) -> float:
        at = created_at(pin)
        return since if at is None else at

    since = (ctx.sent_at(key) or ctx.now()) - _CLOCK_DIFFERENCE
    # a Pin of one step or item must not be taken for an equal one that another lost
    known_ids = {result["id"] for result in ctx.effects_of_run("pin") if result}
    new_pins: list[Pin] = []
    for page in service.place_pages(board, section):
        new_pins += [pin for pin in page if made_at(pin) >= since and pin["id"] not in known_ids]
        if page and since > made_at(page[0]) > made_at(page[-1]):
            break
    return new_pins


def _single_in_section(pins: list[Pin], section: str | None) -> Pin | None:
    """The one of ``pins`` that is in ``section``, or None. Raises Diverged if there are several."""
    return single_or_none([pin for pin in pins if pin.get("board_section_id") == section], "new Pins")


def _has_texts_of(pin: Pin, body: Mapping[str, Any]) -> bool:
    """Whether a Pin has the texts of ``body``; spaces and a last slash don't count, as the service changes them."""
    return all(_plain_text(pin.get(name)) == _plain_text(body.get(name)) for name in _TEXTS)


def _plain_text(text: object) -> str:
    return " ".join(str(text or "").split()).removesuffix("/")
