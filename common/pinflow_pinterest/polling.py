"""Waiting for something that the service takes a while to make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from pinflow import ActionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow import Context

T = TypeVar("T")

_LONGEST_PAUSE: Final = 10.0  # seconds between two requests; a report takes minutes, and its quota is 300 a minute


def poll(ctx: Context, read_state: Callable[[], T], *, is_busy: Callable[[T], bool], seconds: float, label: str) -> T:
    """The first state that is not busy, read after 1, 2, 4, 8 and then every 10 seconds.

    Raises ActionError after ``seconds``; it may be ready later.
    """
    end, pause = ctx.now() + seconds, 1.0
    while is_busy(state := read_state()):
        remaining = end - ctx.now()
        if remaining <= 0:
            raise ActionError(f"{label} is not ready after {seconds:g} seconds", hint="wait longer with wait_seconds")
        ctx.wait(min(pause, remaining), f"until {label} is ready")
        pause = min(2 * pause, _LONGEST_PAUSE)
    return state
