"""Pins that a run makes one by one: how each is made once, and found again after a lost answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pinflow_pinterest.boards import given, the_one
from pinflow_pinterest.gateway import gateway

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinflow import Context
    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.types import Pin

_TEXTS: Final = ("title", "description", "link", "alt_text")
_CLOCKS_APART: Final = 600.0  # seconds that the service's clock and this one may differ by


def reread_pin(ctx: Context, kept: Mapping[str, Any]) -> Pin:
    """A Pin that an earlier process of the run made or changed."""
    return gateway(ctx.client).pin(kept["id"])


def place(board: str, section: str | None) -> dict[str, str]:
    """Where a Pin goes; as text, also where a dry run only planned the board or the section."""
    return given(board_id=str(board), board_section_id=None if section is None else str(section))


def add_pin(ctx: Context, body: Mapping[str, Any]) -> Pin:
    """Make the Pin that ``body`` describes, once."""
    service, section = gateway(ctx.client), body.get("board_section_id")

    def find() -> Pin | None:
        news = [new for new in new_pins(ctx, "create", service, body["board_id"], section) if _alike(new, body)]
        return only_in_section(news, section)

    return ctx.once("create", lambda: service.make_pin(body), find=find, kind="pin")


def save_pin(ctx: Context, *, pin: str, board: str, section: str | None) -> Pin:
    """Save a Pin to a board, once."""
    service, body = gateway(ctx.client), place(board, section)

    def find() -> Pin | None:
        # that a saved Pin names its origin is not documented: one that names none may be it
        news = new_pins(ctx, "create", service, board, section)
        return only_in_section([new for new in news if new.get("parent_pin_id") in (pin, None)], section)

    return ctx.once("create", lambda: service.save_pin(pin, body), find=find, kind="pin")


def new_pins(ctx: Context, key: str, service: Gateway, board: str, section: str | None) -> list[Pin]:
    """The Pins of a place that may have come since the effect ``key`` was announced and are not known as this run's.

    The listing is read until it has come to older ones; where it does not begin with the newest, to its end.
    """
    since = (ctx.sent_at(key) or ctx.now()) - _CLOCKS_APART
    # one step's or item's must not be taken for an equal one that another lost
    own = {result["id"] for result in ctx.effects_of_run("pin") if result}
    found: list[Pin] = []
    for page in service.place_pages(board, section):
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
        at = datetime.fromisoformat(pin.get("created_at") or "")
    except ValueError:
        return unknown
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _alike(pin: Pin, body: Mapping[str, Any]) -> bool:
    """Whether a Pin has the texts that ``body`` asked for, as far as the service leaves texts as they are."""
    return all(_plain(pin.get(name)) == _plain(body.get(name)) for name in _TEXTS)


def _plain(text: object) -> str:
    return " ".join(str(text or "").split()).removesuffix("/")
