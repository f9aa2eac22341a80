"""The order of a copy's Pins, compared with the source's.

A board lists its Pins by the time of their creation, and no call of the API moves one. So a Pin that was refused at
first and made when the run was resumed comes after those that were made meanwhile, and Pins that are sent side by side
come as the service takes them. Neither can be put right; both are told.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from pinflow_pinterest.copying.source_pins import MAX_LISTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinflow import Context
    from pinflow_pinterest.copying.results import MovedPin
    from pinflow_pinterest.copying.source_pins import CopyOptions, SourcePins

_MAX_TOLD: Final = 10  # Pins in a message; the result names more


def find_moved_pins(
    ctx: Context, source: Sequence[str], listed: Sequence[str], source_pins: SourcePins, options: CopyOptions
) -> list[MovedPin]:
    """As `moved_pins`, of the Pins that the step made; the person is told. ``listed`` is as the service lists it.

    Pins that were sent side by side are only counted: whoever asks for that gives up the order.
    """
    copies = {key.removeprefix("pin:"): result["id"] for key, result in ctx.effects_of("pin")}
    moved = moved_pins(source, copies, listed if source_pins.lists_oldest_first else listed[::-1])
    if not moved:
        return []
    if options.parallel > 1:
        several = f"{len(moved)} of {len(copies)} Pins, as up to {options.parallel} were sent at a time"
        ctx.log(f"the copy has another order than the source: {several}", warning=True)
        return []
    lines = [f"Pin {pin['id']} comes {_position(pin['after'])}, not {_position(pin['source_after'])}" for pin in moved]
    more = f"; and {len(moved) - _MAX_TOLD} more" if len(moved) > _MAX_TOLD else ""
    ctx.log(
        "the copy has another order than the source, as these Pins could not be made at first: "
        f"{'; '.join(lines[:_MAX_TOLD])}{more}",
        warning=True,
    )
    return moved[:MAX_LISTED]


def moved_pins(source: Sequence[str], copies: Mapping[str, str], listed: Sequence[str]) -> list[MovedPin]:
    """The fewest Pins without which a copy has its source's order, in the order of the copy.

    ``source`` are the source's Pins, ``listed`` the copy's, both the oldest first; ``copies`` says which Pin of the
    source has which copy. Pins that only one side has don't count.
    """
    copied = set(copies.values()).intersection(listed)
    order = [pin for pin in source if copies.get(pin) in copied]
    ranks = {copies[pin]: rank for rank, pin in enumerate(order)}
    in_copy = [ranks[pin] for pin in listed if pin in ranks]
    return [
        {
            "id": order[in_copy[position]],
            "copy": copies[order[in_copy[position]]],
            "after": order[in_copy[position - 1]] if position else "",
            "source_after": order[in_copy[position] - 1] if in_copy[position] else "",
        }
        for position in _out_of_order(in_copy)
    ]


def _position(after: str) -> str:
    return f"after Pin {after}" if after else "first"


def _out_of_order(ranks: Sequence[int]) -> list[int]:
    """The positions of the fewest elements without which these different numbers rise, rather the later ones."""
    ends: list[int] = []  # the lowest last number of a rising choice of each length
    by_length: list[list[int]] = []  # the positions that end such a choice; their numbers fall
    for position, rank in enumerate(ranks):
        length = bisect_left(ends, rank)
        ends[length : length + 1] = [rank]
        if length == len(by_length):
            by_length.append([])
        by_length[length].append(position)
    in_order: set[int] = set()
    position, bound = len(ranks), max(ranks, default=0) + 1
    for positions in reversed(by_length):
        position = next(earlier for earlier in positions if earlier < position and ranks[earlier] < bound)
        bound = ranks[position]
        in_order.add(position)
    return [position for position in range(len(ranks)) if position not in in_order]
