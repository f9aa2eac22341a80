"""How a board is copied: everything is read and checked before the first write, and audited after the last.

1. The source's Pins are read once, into a spool, with every text that is too long for a new Pin.
2. Their ids are remembered, so that a resumed run copies the same Pins however the source has changed.
3. Board, sections and Pins are made one after the other, the oldest Pin first: the copy then lists them in the
   source's order.
4. The copy is listed once more and compared with what the run made; after a lost answer, only once a late request
   would show.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pinflow import ActionError
from pinflow_pinterest.boards import board_made, given, named, require_free, the_one
from pinflow_pinterest.copying.copy_bodies import SECTION_LIMITS, problems
from pinflow_pinterest.copying.page_buffer import Spool
from pinflow_pinterest.copying.pin_copies import Audit, PinCopies, earlier_doubts
from pinflow_pinterest.copying.source_pins import NAMED, NO_PIN, read_pins
from pinflow_pinterest.media.copyable import Carried, NotCarried
from pinflow_pinterest.sections import new_sections, send_section

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pinflow import Context, EachResult
    from pinflow_pinterest.copying.results import BoardCopyResult
    from pinflow_pinterest.copying.source_pins import Choices, Reading
    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.types import Board, BoardSection


@dataclass(frozen=True, slots=True)
class BoardCopy:
    """The copying of one board; the context's keys are this copy's alone."""

    ctx: Context
    source: Gateway
    target: Gateway
    choices: Choices

    def run(self, board: Board, body: Mapping[str, Any], target_boards: Sequence[Board]) -> BoardCopyResult:
        """Copy ``board`` as the new board that ``body`` describes.

        ``target_boards`` are the boards of the account that gets the copy, as they were before. Raises ActionError
        with everything that is in the way before the first write, and Diverged if the copy is not what was made.
        """
        doubts = earlier_doubts(self.ctx)
        with Spool() as spool:
            reading = read_pins(self.source, board["id"], spool, self.choices)
            sections = source_sections(self.source, board["id"], self.choices)
            if self.ctx.sent_at("board") is None:  # else all was in order when the writing began
                self._check(board, body["name"], target_boards, sections, reading)
            total, gone = self._settle_pins(reading)
            copy = self._make_board(body, target_boards)
            remade = min(sum(1 for _ in self.ctx.effects_of("section")), len(sections))
            placed = make_sections(self.ctx, self.target, str(copy["id"]), sections)
            pins = PinCopies(
                self.ctx, self.target, self.choices, str(copy["id"]), placed, reading, frozenset(gone), doubts
            )
            result = pins.make_all(total)
        if not self.ctx.dry_run:
            Audit(self.ctx, self.target, copy["id"]).check(self._made_pins, placed.values(), doubts)
        self._tell_strange(reading)
        return _told(copy["id"], body["name"], (len(sections), remade), result, reading)

    # before the first write

    def _check(
        self,
        board: Board,
        name: str,
        target_boards: Sequence[Board],
        sections: Sequence[BoardSection],
        reading: Reading,
    ) -> None:
        """Raise ActionError with all that is in the way, naming objects by id and without their texts."""
        wrong = name_problems(board["id"], name, target_boards)
        for section in sections:
            wrong += (f"section {section['id']}: {found}" for found in problems(section, SECTION_LIMITS))
        wrong += reading.too_long
        if more := reading.too_long_count - len(reading.too_long):
            wrong.append(f"and {more} more texts that are too long")
        if wrong:
            hint = "on_too_long: truncate shortens texts, but never links" if reading.too_long else ""
            if not hint and named(target_boards, name):
                hint = "choose another name; or if_exists: resume adds what that board lacks"
            what = "\n  ".join([f"board {board['id']} can't be copied, and nothing was written:", *wrong])
            raise ActionError(what, hint=hint)

    def _settle_pins(self, reading: Reading) -> tuple[int, list[str]]:
        """Keep the reading to the Pins that were on the source when the run began: their number, and who is gone.

        What came to the source since is only told.
        """
        then = self.ctx.freeze("source", (pin["id"] for pin in reading.spool))
        gone = [id for id in then if id not in reading.ids]
        new = len(reading.ids) - (len(then) - len(gone))
        if new:
            reading.keep(frozenset(then))
            self.ctx.log(f"{new} Pins came to the source since this run began; they are not copied", warning=True)
        reading.ids.clear()
        return len(then), gone

    def _tell_strange(self, reading: Reading) -> None:
        """Say of what is listed among the Pins and is none that it was left out. It comes and goes as it likes."""
        for number, id in enumerate(reading.strange, 1):
            self.ctx.skip(f"tile:{number}", NO_PIN, kind="tile")  # its id may be anything, and keys are kept
            reading.leave(id, NO_PIN)

    # the writes

    def _make_board(self, body: Mapping[str, Any], target_boards: Sequence[Board]) -> dict[str, Any]:
        def make() -> dict[str, Any]:
            if self.ctx.sent_at("board") is not None:
                require_free(target_boards, body["name"])
            return {"id": self.target.make_board(body)["id"]}

        def find() -> dict[str, Any] | None:
            found = board_made(list(self.target.boards()), body["name"])
            return {"id": found["id"]} if found else None

        return self.ctx.once("board", make, find=find, find_is_proof=True, kind="board")

    def _made_pins(self) -> set[str]:
        return {result["id"] for _, result in self.ctx.effects_of("pin")}


def source_sections(source: Gateway, board: str, choices: Choices) -> list[BoardSection]:
    """A board's sections in the order in which they must be made to be listed alike; none where they don't count."""
    if not choices.sections:
        return []
    sections = list(source.sections(board))
    ids = [(len(section["id"]), section["id"]) for section in sections]
    # ids grow with time: where they fall, the service lists the newest section first
    falling = all(one > other for one, other in pairwise(ids))
    return sections[::-1] if falling else sections


def make_sections(
    ctx: Context, target: Gateway, copy: str, sections: Sequence[BoardSection], *, known: Collection[str] = ()
) -> dict[str, str]:
    """Make these sections on board ``copy``, which has the ``known`` ones: the new id of each by the source's."""

    def find() -> dict[str, Any] | None:
        own = {result["id"] for _, result in ctx.effects_of("section")}
        found = the_one(new_sections(target, copy, own.union(known)), "sections")
        return {"id": found["id"], "board_id": copy} if found else None

    def make(name: str) -> dict[str, Any]:
        return {"id": send_section(ctx, target, copy, name, find=find)["id"], "board_id": copy}

    placed: dict[str, str] = {}
    for section in sections:
        do = partial(make, section["name"])
        made = ctx.once(f"section:{section['id']}", do, find=find, find_is_proof=True, kind="section")
        placed[section["id"]] = str(made["id"])
    return placed


def new_board_body(
    service: Gateway, board: Board, name: str, changes: Mapping[str, str | None] = MappingProxyType({})
) -> dict[str, Any]:
    """The body that makes a copy of ``board`` with these changes. Raises ActionError if there can be none."""
    match service.copied_board(board, name=name):
        case NotCarried(reason):
            raise ActionError(f"board {board['id']} can't be copied: {reason}")
        case Carried(body):
            return body | given(**changes)


def name_problems(source: str, name: str, target_boards: Sequence[Board]) -> list[str]:
    """Why the copy of board ``source`` can't have this name in the account that gets it."""
    taken = named(target_boards, name)
    if any(board["id"] == source for board in taken):
        return ["a board can't be copied onto itself: give the copy another name"]
    return [f"the account has a board named {name!r} already ({taken[0]['id']})"] if taken else []


def _told(copy: str, name: str, sections: tuple[int, int], pins: EachResult, reading: Reading) -> BoardCopyResult:
    """What became of everything. In a dry run, what would be made counts as made."""
    all_sections, remade = sections
    tiles = len(reading.strange)
    return {
        "board": {"id": copy, "name": name},
        "sections": {"created": all_sections - remade, "already": remade},
        "pins": {
            "total": pins.complete_count + pins.skipped + pins.failed_count + tiles,
            "created": pins.done + pins.planned,
            "adopted": pins.adopted,
            "already": pins.already,
            "skipped": pins.skipped + tiles,
            "failed": pins.failed_count,
        },
        "skipped": reading.left[:NAMED],
    }
