"""How a board that is there is made to follow another one: what it lacks is added, and what it has besides may go.

1. Source and target are read, and the Pins that only one of them has are told by what they show (see `likeness`).
2. What is to be added and what is to go is decided before the first write and remembered: a resumed run goes on with
   the same decision, whatever came to either board since.
3. Sections and Pins are added, the oldest Pin first. Only then does anything go, and nothing goes if a Pin could not
   be added.
4. What was written to is listed once more and compared with what it must hold.

A Pin that moved to another section of the source is a new one there, and its old copy is one too many.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pinflow import ActionError, RemoteError
from pinflow_pinterest.boards import find_board, is_id, named, plain_name, unchanged_by
from pinflow_pinterest.copying.board_copy import make_sections, source_sections
from pinflow_pinterest.copying.copy_bodies import SECTION_LIMITS, problems
from pinflow_pinterest.copying.page_buffer import Spool
from pinflow_pinterest.copying.pin_copies import Audit, PinCopies, earlier_doubts
from pinflow_pinterest.copying.pin_matching import Shown, match
from pinflow_pinterest.copying.source_pins import NAMED, examine_kept, read_pins
from pinflow_pinterest.gateway import all_pins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pinflow import Context, EachResult, Skip
    from pinflow_pinterest.copying.results import BoardMirrorResult
    from pinflow_pinterest.copying.source_pins import Choices, Reading
    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.types import Board, BoardSection, Pin

NOT_EMPTY: Final = "it holds Pins that stay"

_FEW: Final = 10  # deletions that are never too many
_SHARE: Final = 4  # and one in so many of the target's Pins
_LATER_PRIVACIES: Final = ("PUBLIC", "SECRET")  # a board can't be made PROTECTED later


@dataclass(frozen=True, slots=True)
class Extra:
    """What becomes of what the target has and the source has not."""

    delete: bool = False
    at_most: int | None = None  # deletions; None: a quarter of the target's Pins, or ten where that is more


@dataclass(frozen=True, slots=True)
class Decision:
    """What a run does to the target, as ids; remembered as a list of "part:id"."""

    add: list[str] = field(default_factory=list)  # Pins of the source, the oldest first
    make: list[str] = field(default_factory=list)  # sections of the source
    place: list[str] = field(default_factory=list)  # "section of the source:section of the target"
    known: list[str] = field(default_factory=list)  # every Pin of the target
    sections: list[str] = field(default_factory=list)  # every section of the target
    extra: list[str] = field(default_factory=list)  # Pins of the target that the source has not
    extra_sections: list[str] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)  # of the extra Pins
    delete_sections: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, lines: Iterable[str]) -> Decision:
        """The decision that was remembered as these lines."""
        found = cls()
        for line in lines:
            part, _, id = line.partition(":")
            getattr(found, part).append(id)
        return found

    def lines(self) -> Iterator[str]:
        """The decision as a list to remember."""
        for part in self.__slots__:
            yield from (f"{part}:{id}" for id in getattr(self, part))


@dataclass(frozen=True, slots=True)
class BoardMirror:
    """The following of one board by another."""

    ctx: Context
    source: Gateway
    target: Gateway
    choices: Choices
    extra: Extra

    def run(self, board: Board, copy: Board, details: Mapping[str, Any]) -> BoardMirrorResult:
        """Make ``copy`` follow ``board``; ``details`` are the fields that say the rest of it.

        Raises ActionError with everything that is in the way before the first write, and Diverged if the target is
        not what it must be in the end.
        """
        with Spool() as spool:
            reading = read_pins(self.source, board["id"], spool, self.choices)
            sections = source_sections(self.source, board["id"], self.choices)
            doubts = earlier_doubts(self.ctx)
            decision = Decision.of(self.ctx.freeze("decision", self._decided(board, copy, reading, sections)))
            gone = self._settle(decision, reading)
            self._update(copy, details)
            new = self._make_sections(copy["id"], decision, sections)
            placed = dict(pair.split(":") for pair in decision.place) | new
            known = frozenset(decision.known)
            pins = PinCopies(
                self.ctx, self.target, self.choices, copy["id"], placed, reading, gone, doubts, known
            ).make_all(len(decision.add))
        deleted = self._delete(copy["id"], decision, pins)
        wrote = pins.complete_count or pins.failed_count or new or any(deleted)
        if wrote and not self.ctx.dry_run:
            self._audit(copy["id"], decision, new, doubts)
        return _told(copy, decision, pins, deleted, reading)

    # before the first write

    def _decided(
        self,
        board: Board,
        copy: Board,
        reading: Reading,
        sections: Sequence[BoardSection],
    ) -> Iterator[str]:
        """Decide when somebody asks: a resumed run does not. Raises ActionError with all that is in the way."""
        there: list[BoardSection] = list(self.target.sections(copy["id"])) if self.choices.sections else []
        decision = self._compared(copy["id"], reading, sections, there)
        wrong, hint = self._in_the_way(decision, reading, sections)
        if self.extra.delete and (decision.extra or decision.extra_sections):
            wrong += self._settle_deletions(board, decision, reading, sections)
        if wrong:
            what = f"board {copy['id']} can't follow board {board['id']}, and nothing was written:"
            raise ActionError("\n  ".join([what, *wrong]), hint=hint)
        yield from decision.lines()

    def _compared(
        self, copy: str, reading: Reading, sections: Sequence[BoardSection], there: Sequence[BoardSection]
    ) -> Decision:
        """What each side has that the other lacks."""
        by_name = {plain_name(section["name"]): section["id"] for section in there}
        names = {plain_name(section["name"]) for section in sections}
        source = _shown(reading.oldest_first(), sections, covers=self.choices.covers)
        target = self._shown_on_target(copy, there)
        found = match(source, target)
        return Decision(
            add=found.lacking,
            make=[section["id"] for section in sections if plain_name(section["name"]) not in by_name],
            place=[
                f"{section['id']}:{by_name[plain_name(section['name'])]}"
                for section in sections
                if plain_name(section["name"]) in by_name
            ],
            known=target.ids,
            sections=[section["id"] for section in there],
            extra=found.extra,
            extra_sections=[section["id"] for section in there if plain_name(section["name"]) not in names],
        )

    def _shown_on_target(self, copy: str, sections: Sequence[BoardSection]) -> Shown:
        # one comes twice where others were added while the pages were fetched
        pins: dict[str, None] = {}
        fresh = (pin for pin in all_pins(self.target, copy) if pins.setdefault(pin["id"], None) is None)
        shown = _shown(fresh, sections, covers=False)
        shown.turn()  # of several that are the same, the newest are the extra ones
        return shown

    def _in_the_way(
        self, decision: Decision, reading: Reading, sections: Sequence[BoardSection]
    ) -> tuple[list[str], str]:
        """What keeps Pins and sections from being added, and a hint."""
        make = set(decision.make)
        wrong = [
            f"section {section['id']}: {found}"
            for section in sections
            if section["id"] in make
            for found in problems(section, SECTION_LIMITS)
        ]
        reading.keep(frozenset(decision.add))
        examine_kept(reading, self.choices)
        wrong += reading.too_long
        if more := reading.too_long_count - len(reading.too_long):
            wrong.append(f"and {more} more texts that are too long")
        return wrong, "on_too_long: truncate shortens texts, but never links" if reading.too_long else ""

    # what goes

    def _settle_deletions(
        self, board: Board, decision: Decision, reading: Reading, sections: Sequence[BoardSection]
    ) -> list[str]:
        """Decide that what is extra goes, unless the source may be more than it lists; what is in the way of it."""
        many = len(decision.extra) + len(decision.extra_sections)
        if not reading.ids:
            return ["the source lists no Pins at all: it may not have been read, so nothing is deleted after it"]
        most = max(_FEW, len(decision.known) // _SHARE) if self.extra.at_most is None else self.extra.at_most
        if many > most:
            return [
                f"{many} Pins and sections would be deleted, and at most {most} may be: give max_delete to allow it"
            ]
        if doubt := self._doubt(board, reading, sections):
            self.ctx.log(f"nothing is deleted this time: {doubt}", warning=True)
            return []
        decision.delete.extend(decision.extra)
        decision.delete_sections.extend(decision.extra_sections)
        return []

    def _doubt(self, board: Board, reading: Reading, sections: Sequence[BoardSection]) -> str:
        """Why the source may hold more than was read of it, or ""."""
        counted, read = board.get("pin_count") or 0, len(reading.ids)
        if self.extra.at_most is None and counted > read:
            return (
                f"the service counts {counted} Pins on the source and lists {read}; max_delete goes by the list alone"
            )
        known = {section["id"] for section in sections}
        if self.choices.sections and any(
            id not in known for pin in reading.spool if (id := pin.get("board_section_id"))
        ):
            return "a Pin of the source is in a section that is not listed"
        again = {pin["id"] for pin in all_pins(self.source, board["id"])}
        return "" if again == reading.ids else "two listings of the source do not agree"

    def _settle(self, decision: Decision, reading: Reading) -> frozenset[str]:
        """Keep the reading to the Pins that are to be added: which of them are gone."""
        add = frozenset(decision.add)
        gone = add - reading.ids
        reading.keep(add)
        examine_kept(reading, self.choices)
        reading.ids.clear()
        return gone

    # the writes

    def _update(self, copy: Board, details: Mapping[str, Any]) -> None:
        """Change what ``details`` says otherwise than the board has it."""
        id, changes = copy["id"], dict(details)
        wanted, now = changes.get("privacy"), copy.get("privacy")
        if wanted and wanted != now and not {wanted, now}.issubset(_LATER_PRIVACIES):
            del changes["privacy"]
            self.ctx.log(f"the board stays {now}: the API takes no board to or from PROTECTED", warning=True)

        def find() -> dict[str, Any] | None:
            return {"id": id} if unchanged_by(self.target.board(id), changes) else None

        if unchanged_by(copy, changes) is None:
            self.ctx.once(
                "details", lambda: {"id": self.target.change_board(id, changes)["id"]}, find=find, kind="change"
            )

    def _make_sections(self, copy: str, decision: Decision, sections: Sequence[BoardSection]) -> dict[str, str]:
        make = set(decision.make)
        new = [section for section in sections if section["id"] in make]
        return make_sections(self.ctx, self.target, copy, new, known=decision.sections)

    def _delete(self, copy: str, decision: Decision, pins: EachResult) -> tuple[int, int]:
        """Delete what is to go: how many Pins and sections went."""
        if pins.failed_count:
            if decision.delete or decision.delete_sections:
                self.ctx.log("Pins could not be added, so nothing is deleted this time", warning=True)
            return 0, 0
        went = self.ctx.each(
            decision.delete,
            key=lambda id: f"delete:{id}",
            do=lambda id: self._remove(partial(self.target.delete_pin, id), id),
            find=self._is_gone,
            kind="deletion",
            total=len(decision.delete),
        )
        went_sections = self.ctx.each(
            decision.delete_sections,
            key=lambda id: f"delete_section:{id}",
            do=partial(self._remove_section, copy, frozenset(decision.delete)),
            find=partial(self._is_gone_section, copy),
            kind="section deletion",
            total=len(decision.delete_sections),
        )
        return went.complete_count, went_sections.complete_count

    def _remove(self, remove: Callable[[], None], id: str) -> dict[str, Any]:
        try:
            remove()
        except RemoteError as error:
            if error.status != 404:  # somebody else was faster
                raise
        return {"id": id}

    def _remove_section(self, copy: str, deleted: frozenset[str], id: str) -> dict[str, Any] | Skip:
        """Delete a section that holds nothing but what was deleted: its Pins might go with it."""
        from pinflow import Skip  # with the engine, which reading a recipe does without

        if any(pin["id"] not in deleted for pin in self.target.section_pins(copy, id)):
            return Skip(NOT_EMPTY)
        return self._remove(partial(self.target.delete_section, copy, id), id)

    def _is_gone(self, id: str) -> dict[str, Any] | None:
        try:
            self.target.pin(id)
        except RemoteError as error:
            if error.status == 404:
                return {"id": id}
            raise
        return None

    def _is_gone_section(self, copy: str, id: str) -> dict[str, Any] | None:
        there = {section["id"] for section in self.target.sections(copy)}
        return None if id in there else {"id": id}

    # after the last write

    def _audit(self, copy: str, decision: Decision, made_sections: Mapping[str, str], doubts: Sequence[float]) -> None:
        def pins() -> set[str]:
            new = {result["id"] for _, result in self.ctx.effects_of("pin")}
            return new.union(decision.known) - {result["id"] for _, result in self.ctx.effects_of("deletion")}

        gone = {result["id"] for _, result in self.ctx.effects_of("section deletion")}
        Audit(self.ctx, self.target, copy).check(pins, {*decision.sections, *made_sections.values()} - gone, doubts)


def board_details(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a change that gives a board what a new one would get, but for the name."""
    return {"description": body.get("description") or "", "privacy": body.get("privacy", "PUBLIC")}


def standing_board(
    ctx: Context, target: Gateway, target_boards: Sequence[Board], source: Board, wanted: str
) -> Board | None:
    """The board with this id or name that was there when the run began; None if it has to be made.

    Raises ActionError for the source itself, for an id that no board has, and where several boards have the name.
    """
    found = [board for board in target_boards if board["id"] == wanted] or named(target_boards, wanted)
    if any(board["id"] == source["id"] for board in found):
        raise ActionError("a board can't be copied onto itself: name another one for the copy")
    if not found and is_id(wanted):
        found = [find_board(target, wanted)]
    # a board of this name may be there because an earlier process of the run made it
    then = ctx.freeze("target", [board["id"] for board in found])
    if len(then) > 1:
        raise ActionError(
            f"{len(then)} boards are named {wanted!r}: {', '.join(then)}", hint="name the one you mean by its id"
        )
    there = {board["id"]: board for board in found}
    return (there.get(then[0]) or find_board(target, then[0])) if then else None


def _shown(pins: Iterable[Pin], sections: Sequence[BoardSection], *, covers: bool) -> Shown:
    """What these Pins show, those of sections that are not listed as if they were on the board itself."""
    names = {section["id"]: plain_name(section["name"]) for section in sections}
    shown = Shown()
    for pin in pins:
        shown.add(pin, names.get(pin.get("board_section_id") or "", ""), covers=covers)
    return shown


def _told(
    copy: Board, decision: Decision, pins: EachResult, deleted: tuple[int, int], reading: Reading
) -> BoardMirrorResult:
    """What became of everything. In a dry run, what would be made or deleted counts as such."""
    gone, gone_sections = deleted
    kept = len(decision.known) - len(decision.extra)
    return {
        "board": {"id": copy["id"], "name": copy["name"]},
        "sections": {
            "created": len(decision.make),
            "kept": len(decision.place),
            "deleted": gone_sections,
            "extra": len(decision.extra_sections) - gone_sections,
        },
        "pins": {
            "total": kept + pins.complete_count + pins.skipped + pins.failed_count,
            "created": pins.done + pins.planned,
            "adopted": pins.adopted,
            "already": pins.already,
            "kept": kept,
            "deleted": gone,
            "extra": len(decision.extra) - gone,
            "skipped": pins.skipped,
            "failed": pins.failed_count,
        },
        "skipped": reading.left[:NAMED],
    }
