"""Copying a board: everything is read and checked before the first write, and audited after the last.

1. The source's Pins are read once, into a page buffer, with every text that is too long for a new Pin.
2. Their ids are stored, so that a resumed run copies the same Pins even if the source has changed.
3. Board, sections and Pins are made one after the other, the oldest Pin first, so that the copy lists them in the
   source's order.
4. The copy is listed once more and compared with what the run made; after a Pin was sent again, not before the first
   request must have come. Pins that are not where the source has them are told.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pinflow import ActionError, dataclass
from pinflow_pinterest.boards import boards_named, find_made_board, require_free, single_or_none, without_none
from pinflow_pinterest.copying.page_buffer import PageBuffer
from pinflow_pinterest.copying.pin_copies import Audit, PinCopies
from pinflow_pinterest.copying.pin_order import find_moved_pins
from pinflow_pinterest.copying.source_pins import MAX_LISTED, NOT_A_PIN, read_pins
from pinflow_pinterest.listings import read_sections
from pinflow_pinterest.media.copyable import CopyBody, NotCopyable
from pinflow_pinterest.sections import find_new_sections, send_section

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pinflow import Context, EachResult
    from pinflow_pinterest.copying.results import BoardCopyResult, MovedPin, PinCounts
    from pinflow_pinterest.copying.source_pins import CopyOptions, SourcePins
    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.types import Board, BoardSection


@dataclass(frozen=True, slots=True)
class BoardCopy:
    """The copying of one board; no other copy uses the context's keys."""

    ctx: Context
    source: Gateway
    target: Gateway
    options: CopyOptions

    def run(self, board: Board, body: Mapping[str, Any], target_boards: Sequence[Board]) -> BoardCopyResult:
        """Copy ``board`` as the new board that ``body`` describes.

        ``target_boards`` are the boards of the account that gets the copy, as they were before. Raises ActionError
        with every problem before the first write, and Diverged if the copy is not what was made.
        """
        with PageBuffer() as buffer:
            source_pins = read_pins(self.ctx, self.source, board, buffer, self.options)
            sections = source_sections(self.ctx, self.source, board["id"], source_pins, self.options)
            if self.ctx.sent_at("board") is None:  # else it was checked before the first write
                self._check(board, body["name"], target_boards, sections, source_pins)
            total, deleted_ids = self._settle_pins(source_pins)
            copy = self._make_board(body, target_boards)
            copy_id = str(copy["id"])
            placed = make_sections(self.ctx, self.target, copy_id, sections)
            pins = PinCopies(self.ctx, self.target, self.options, copy_id, placed, source_pins, deleted_ids)
            result = pins.make_all(total)
            expected = pins.expectation(result)
        moved: list[MovedPin] = []
        if not self.ctx.dry_run:
            listed = Audit(self.ctx, self.target, copy["id"]).check(self._created_pins, placed.values(), expected)
            moved = find_moved_pins(self.ctx, expected.order, listed, source_pins, self.options)
        self._skip_others(source_pins)
        return {
            "board": {"id": copy["id"], "name": body["name"]},
            "sections": {"created": len(sections), "already": 0},
            "pins": _pin_counts(result, len(source_pins.others)),
            "skipped": source_pins.skipped[:MAX_LISTED],
            "moved": moved,
        }

    # before the first write

    def _check(
        self,
        board: Board,
        name: str,
        target_boards: Sequence[Board],
        sections: Sequence[BoardSection],
        source_pins: SourcePins,
    ) -> None:
        """Raise ActionError with every problem, naming objects by id and without their texts."""
        problems = name_problems(board["id"], name, target_boards) + source_pins.text_problems(sections)
        if problems:
            taken = [other["id"] for other in boards_named(target_boards, name)]
            may_complete = bool(taken) and board["id"] not in taken
            message = "\n  ".join([f"board {board['id']} can't be copied, and nothing was written:", *problems])
            hint = "choose another name; or if_exists: resume completes that board" if may_complete else ""
            error = ActionError(message, hint=source_pins.text_hint or hint)
            if taken and not source_pins.text_hint:
                error.remedies = {"name": "", **({"if_exists": "resume"} if may_complete else {})}
            raise error

    def _settle_pins(self, source_pins: SourcePins) -> tuple[int, frozenset[str]]:
        """Limit the copy to the Pins that were on the source when the run began: their number, and the deleted ones.

        Pins that were added since are only logged.
        """
        frozen_ids = self.ctx.freeze("source", (pin["id"] for pin in source_pins.buffer))
        deleted_ids = frozenset(frozen_ids) - source_pins.ids
        new = len(source_pins.ids) - (len(frozen_ids) - len(deleted_ids))
        if new:
            source_pins.keep(frozenset(frozen_ids))
            self.ctx.log(f"{new} Pins were added to the source since this run began; they are not copied", warning=True)
        source_pins.ids.clear()
        return len(frozen_ids), deleted_ids

    def _skip_others(self, source_pins: SourcePins) -> None:
        """Record the tiles among the Pins as skipped. They differ from one listing to the next."""
        for number, id in enumerate(source_pins.others, 1):
            self.ctx.skip(f"tile:{number}", NOT_A_PIN, kind="tile")  # a tile's id may be anything, and keys are stored
            source_pins.skip(id, NOT_A_PIN)

    # the writes

    def _make_board(self, body: Mapping[str, Any], target_boards: Sequence[Board]) -> dict[str, Any]:
        def make() -> dict[str, Any]:
            if self.ctx.sent_at("board") is not None:
                require_free(target_boards, body["name"])
            return {"id": self.target.make_board(body)["id"]}

        def find() -> dict[str, Any] | None:
            board = find_made_board(list(self.target.boards()), body["name"])
            return {"id": board["id"]} if board else None

        return self.ctx.once("board", make, find=find, find_is_proof=True, kind="board")

    def _created_pins(self) -> set[str]:
        return {result["id"] for _, result in self.ctx.effects_of("pin")}


def source_sections(
    ctx: Context, source: Gateway, board: str, source_pins: SourcePins, options: CopyOptions
) -> list[BoardSection]:
    """A board's sections, in the order of making that gives the same listing; none if sections are off."""
    if not options.sections:
        return []
    sections = read_sections(ctx, source, board, pins=source_pins.section_ids)
    ids = [(len(section["id"]), section["id"]) for section in sections]
    # ids grow with time: where they fall, the service lists the newest section first
    falling = all(one > other for one, other in pairwise(ids))
    return sections[::-1] if falling else sections


def make_sections(
    ctx: Context, target: Gateway, copy: str, sections: Sequence[BoardSection], *, known: Collection[str] = ()
) -> dict[str, str]:
    """Make these sections on board ``copy``, which has the ``known`` ones. Returns source id -> new id."""

    def find() -> dict[str, Any] | None:
        made_ids = {result["id"] for _, result in ctx.effects_of("section")}
        section = single_or_none(find_new_sections(target, copy, made_ids.union(known)), "sections")
        return {"id": section["id"], "board_id": copy} if section else None

    def make(name: str) -> dict[str, Any]:
        return {"id": send_section(ctx, target, copy, name, find=find)["id"], "board_id": copy}

    placed: dict[str, str] = {}
    for section in sections:
        do = partial(make, section["name"])
        result = ctx.once(f"section:{section['id']}", do, find=find, find_is_proof=True, kind="section")
        placed[section["id"]] = str(result["id"])
    return placed


def new_board_body(
    service: Gateway, board: Board, name: str, changes: Mapping[str, str | None] = MappingProxyType({})
) -> dict[str, Any]:
    """The body that makes a copy of ``board`` with these changes. Raises ActionError if it can't be copied."""
    match service.board_copy_body(board, name=name):
        case NotCopyable(reason):
            raise ActionError(f"board {board['id']} can't be copied: {reason}")
        case CopyBody(body):
            return body | without_none(**changes)


def name_problems(source: str, name: str, target_boards: Sequence[Board]) -> list[str]:
    """Why the copy of board ``source`` can't have this name in the target account."""
    taken = boards_named(target_boards, name)
    if any(board["id"] == source for board in taken):
        return ["a board can't be copied onto itself: choose another name"]
    return [f"the account already has a board named {name!r} ({taken[0]['id']})"] if taken else []


def _pin_counts(pins: EachResult, tiles: int) -> PinCounts:
    """The counts of a copy. In a dry run, what would be made counts as made."""
    return {
        "total": pins.complete_count + pins.skipped + pins.failed_count + tiles,
        "created": pins.made_count,
        "adopted": pins.found_count,
        "already": 0,
        "skipped": pins.skipped + tiles,
        "failed": pins.failed_count,
    }
