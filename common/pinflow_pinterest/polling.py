"""Waiting for something that the service makes in its own time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from pinflow import ActionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow import Context

T = TypeVar("T")

_LONGEST: Final = 10.0  # seconds between two looks


def waited_for(ctx: Context, look: Callable[[], T], *, busy: Callable[[T], bool], seconds: float, what: str) -> T:
    """The first look that is not ``busy``, looking after 1, 2, 4, 8 and then every 10 seconds.

    Raises ActionError after ``seconds``: what was asked for may be ready later.
    """
    end, pause = ctx.now() + seconds, 1.0
    while busy(found := look()):
        left = end - ctx.now()
        if left <= 0:
            raise ActionError(f"{what} is not ready after {seconds:g} seconds", hint="wait longer with wait_seconds")
        ctx.wait(min(pause, left), f"until {what} is ready")
        pause = min(2 * pause, _LONGEST)
    return found
