"""Listings that something is decided by: what one listing leaves out is not taken for absent.

A service may answer with an empty listing, an old one, or one that breaks off, and a copy or a deletion that believed
it would leave out what is there, or make it again. So a reading is compared with what the service says elsewhere: a
board with its number of Pins, its sections with those that its Pins are in, boards with the account's number of them.
Where both agree, one reading is enough. Else the listing is read up to three times, until it agrees or two readings
are the same. An empty one, or one with less than half of the number, is never believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from pinflow import InDoubt, dataclass
from pinflow_pinterest.boards import board_owner

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from pinflow import Context
    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.types import Account, Board, BoardSection, Pin

T = TypeVar("T")

_WAITS: Final = (5.0, 5.0)  # seconds between readings; two answers of one cache agree when they are closer
_SETTLING_WAITS: Final = (5.0, 55.0)  # the last is a minute after the first: twice the longest lag that was observed
_PAGE: Final = 250  # Pins; the service's largest page
_SECRET_HINT: Final = "secret boards and their Pins are listed only for tokens with the scopes for them"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Mismatch:
    """How a listing differs from what the service says elsewhere; ``text`` is "" where it says nothing."""

    text: str = ""
    grave: bool = False  # nothing is decided by it, however often it is the same
    hint: str = ""  # what else a person can do about it


def read_settled(
    ctx: Context,
    read: Callable[[], T],
    check: Callable[[T], Mismatch | None],
    *,
    ids: Callable[[T], Collection[str]],
    settling: bool = False,
) -> T:
    """What ``read`` returns, once it can be trusted. What it still differs in is logged.

    ``ids`` are what a reading lists. ``settling`` says that what is not listed will be made anew: then a listing that
    lacks something counts only after as long as the service may take to list it. Raises InDoubt if none counts.
    """
    waits = _SETTLING_WAITS if settling else _WAITS
    previous: frozenset[str] | None = None
    for wait in (*waits, None):
        reading = read()
        mismatch = check(reading)
        if mismatch is None:
            return reading
        listed = frozenset(ids(reading))
        counts = wait is None or not (settling and mismatch.text)
        if listed == previous and counts and not mismatch.grave:
            if mismatch.text:
                ctx.log(mismatch.text, warning=True)
            return reading
        if wait is None:
            raise _unsettled(mismatch, len(waits) + 1)
        if mismatch.text:
            ctx.wait(wait, f"{mismatch.text}: it is read again")
        previous = listed
    raise AssertionError("the last reading returns or raises")


def count_mismatch(holder: str, things: str, count: object, listed: int) -> Mismatch | None:
    """How a listing of so many objects differs from the number that ``holder`` has by its own account, or None."""
    if isinstance(count, bool) or not isinstance(count, int):
        return Mismatch()
    if count == listed:
        return None
    return Mismatch(f"{holder} says that it has {count} {things}, its listing has {listed}", listed * 2 < count)


def pin_mismatch(service: Gateway, board: Board, listed: int) -> Mismatch | None:
    """How a listing of so many Pins differs from the board's own number, or None. ``board`` may have been read before.

    Before they differ the board is read again: its Pins may have become more or fewer since.
    """
    if board.get("pin_count") == listed:
        return None
    return count_mismatch(f"board {board['id']}", "Pins", service.board(board["id"]).get("pin_count"), listed)


def board_pins(
    ctx: Context, service: Gateway, board: Board | None, list_pins: Callable[[], Iterator[Pin]]
) -> Iterator[Pin]:
    """The Pins of a board as ``list_pins`` lists them all. ``board`` was read before; None: a dry run only planned it.

    Whoever deletes what holds nothing else must not be told that it is empty, nor a loop end well with a part of it. A
    listing of one page is settled before its first Pin comes; of a longer one a difference shows at its end. Raises
    InDoubt if it has none, or less than half of what the board says; any other lack is logged.
    """
    if board is None:
        yield from list_pins()
        return
    count = board.get("pin_count")
    if not isinstance(count, int) or count <= _PAGE:
        yield from read_settled(
            ctx, lambda: list(list_pins()), lambda read: pin_mismatch(service, board, len(read)), ids=_ids
        )
        return
    listed = 0
    for pin in list_pins():
        listed += 1
        yield pin
    mismatch = count_mismatch(f"board {board['id']}", "Pins", count, listed) if listed < count else None
    if mismatch is None:
        return
    if mismatch.grave:
        raise InDoubt(
            f"{mismatch.text}: what it lacks may be there all the same",
            hint="the service may list it later: resume the run in some minutes",
        )
    ctx.log(mismatch.text, warning=True)


def read_sections(ctx: Context, service: Gateway, board: str, *, pins: Collection[str | None]) -> list[BoardSection]:
    """A board's sections. Raises InDoubt if they lack some that its Pins are in.

    ``pins`` are the sections of its Pins, None for those on the board itself: the service doesn't say how many sections
    there are. Without any Pin an empty listing is read twice.
    """

    def check(sections: list[BoardSection]) -> Mismatch | None:
        listed = {section["id"] for section in sections}
        lacking = set(pins) - listed - {None}
        if not lacking:
            return None if listed or pins else Mismatch()
        # a Pin says that its section is there: outside of it, its copy would be in the wrong place
        text = f"the listing of board {board}'s sections lacks {len(lacking)} that its Pins are in"
        return Mismatch(text, grave=True, hint="sections: false goes on without sections")

    return read_settled(ctx, lambda: list(service.sections(board)), check, ids=_ids)


def read_account_boards(ctx: Context, service: Gateway) -> tuple[Account, list[Board]]:
    """The account, and every board that it can see. Raises InDoubt if its own boards can't be listed in full."""
    account, boards = service.account(), lambda: list(service.boards())

    def check(boards: list[Board]) -> Mismatch | None:
        # a group board of another account is listed, and not in the number
        own = sum(board_owner(board) in (account.get("username"), None) for board in boards)
        if account.get("board_count") == own:
            return None
        return count_mismatch("the account", "boards", service.account().get("board_count"), own)

    return account, read_settled(ctx, boards, check, ids=_ids)


def _ids(objects: Iterable[Any]) -> set[str]:
    return {item["id"] for item in objects}


def _unsettled(mismatch: Mismatch, readings: int) -> InDoubt:
    reason = mismatch.text if mismatch.grave else f"{readings} readings of a listing differ ({mismatch.text})"
    return InDoubt(
        f"{reason}: what it lacks may be there all the same, so nothing was done",
        hint=f"the service may list it later: resume the run in some minutes; {mismatch.hint or _SECRET_HINT}",
    )
