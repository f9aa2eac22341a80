"""Making an existing board follow another one: what it lacks is added, and what it has in addition may be deleted.

1. Source and target are read, and compared by what their Pins show (see `pin_matching`).
2. What to add and what to delete is decided before the first write and stored: a resumed run goes on with the same
   plan, even if either board has changed since.
3. Sections and Pins are added, the oldest Pin first. Deletions come last, and not at all if a Pin could not be added.
4. The target is listed once more and compared with what it must hold.

A Pin that moved to another section of the source is a new one there, and its old copy is one too many.
"""

from __future__ import annotations

from dataclasses import field
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from pinflow import ActionError, dataclass
from pinflow_pinterest.boards import (
    applied_or_none,
    boards_named,
    find_board,
    find_deleted,
    is_id,
    plain_name,
    send_deletion,
)
from pinflow_pinterest.copying.board_copy import make_sections, source_sections
from pinflow_pinterest.copying.page_buffer import PageBuffer
from pinflow_pinterest.copying.pin_copies import Audit, PinCopies, ids_text
from pinflow_pinterest.copying.pin_matching import PinKeys, match_pins
from pinflow_pinterest.copying.pin_order import find_moved_pins
from pinflow_pinterest.copying.source_pins import MAX_LISTED, read_pins, select_pins
from pinflow_pinterest.gateway import all_pins
from pinflow_pinterest.listings import pin_mismatch, read_sections, read_settled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pinflow import Context, EachResult, Skip
    from pinflow_pinterest.copying.pin_copies import ExpectedPins
    from pinflow_pinterest.copying.results import BoardMirrorResult, MovedPin
    from pinflow_pinterest.copying.source_pins import CopyOptions, SourcePins
    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.listings import Mismatch
    from pinflow_pinterest.types import Board, BoardSection, Deleted, Pin

NOT_EMPTY: Final = "it has Pins that are kept"

_ALWAYS_ALLOWED: Final = 10  # deletions; as many as a person can look through and restore by hand
_SHARE: Final = 4  # one in so many of the target's Pins: more in one night is a source that was misread or emptied
_LATER_PRIVACIES: Final = ("PUBLIC", "SECRET")  # the API can't make a board PROTECTED later


@dataclass(frozen=True, slots=True)
class ExtraPolicy:
    """What to do with Pins and sections that only the target has."""

    delete: bool = False
    at_most: int | None = None  # deletions; None: a quarter of the target's Pins, or ten where that is more

    def limit(self, pins: int) -> int:
        """How many deletions are allowed on a target with so many Pins."""
        return max(_ALWAYS_ALLOWED, pins // _SHARE) if self.at_most is None else self.at_most


@dataclass(frozen=True, slots=True)
class MirrorPlan:
    """What a run does to the target, as ids; stored as a list of "part:id", so the names of the parts must stay."""

    add: list[str] = field(default_factory=list)  # Pins of the source, the oldest first
    make: list[str] = field(default_factory=list)  # sections of the source
    place: list[str] = field(default_factory=list)  # "section of the source:section of the target"
    known: list[str] = field(default_factory=list)  # every Pin of the target
    sections: list[str] = field(default_factory=list)  # every section of the target
    extra: list[str] = field(default_factory=list)  # Pins that only the target has
    extra_sections: list[str] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)  # of the extra Pins
    delete_sections: list[str] = field(default_factory=list)

    @classmethod
    def from_lines(cls, lines: Iterable[str]) -> MirrorPlan:
        """The plan that was stored as these lines."""
        plan = cls()
        for line in lines:
            part, _, id = line.partition(":")
            getattr(plan, part).append(id)
        return plan

    def lines(self) -> Iterator[str]:
        """The plan as a list to store."""
        for part in self.__slots__:
            yield from (f"{part}:{id}" for id in getattr(self, part))


@dataclass(frozen=True, slots=True)
class BoardMirror:
    """One board that follows another."""

    ctx: Context
    source: Gateway
    target: Gateway
    options: CopyOptions
    extra_policy: ExtraPolicy

    def run(self, board: Board, copy: Board, details: Mapping[str, Any]) -> BoardMirrorResult:
        """Make ``copy`` follow ``board``; ``details`` are the fields to change: description and privacy, or none.

        Raises ActionError with every problem before the first write, and Diverged if the target is not what it must
        be at the end.
        """
        with PageBuffer() as buffer:
            source_pins = read_pins(self.ctx, self.source, board, buffer, self.options)
            sections = source_sections(self.ctx, self.source, board["id"], source_pins, self.options)
            plan = MirrorPlan.from_lines(self.ctx.freeze("decision", self._decide(board, copy, source_pins, sections)))
            deleted_ids = self._settle(plan, source_pins)
            self._update(copy, details)
            new = self._make_sections(copy["id"], plan, sections)
            placed = dict(pair.split(":") for pair in plan.place) | new
            known = frozenset(plan.known)
            copies = PinCopies(self.ctx, self.target, self.options, copy["id"], placed, source_pins, deleted_ids, known)
            pins = copies.make_all(len(plan.add))
            expected = copies.expectation(pins)
        deleted = self._delete(copy["id"], plan, pins)
        wrote = pins.complete_count or pins.failed_count or new or any(deleted)
        moved: list[MovedPin] = []
        if wrote and not self.ctx.dry_run:
            listed = self._audit(copy["id"], plan, new, expected)
            moved = find_moved_pins(self.ctx, expected.order, listed, source_pins, self.options)
        if not wrote and applied_or_none(copy, details) is not None:
            self.ctx.log(_equal_text(pins.skipped, len(plan.extra) + len(plan.extra_sections)))
        return {**_result(copy, plan, pins, deleted, source_pins), "moved": moved}

    # before the first write

    def _decide(
        self, board: Board, copy: Board, source_pins: SourcePins, sections: Sequence[BoardSection]
    ) -> Iterator[str]:
        """Make the plan when its lines are read: a resumed run has one. Raises ActionError with every problem."""
        target_sections, target = self._read_target(copy)
        plan = self._compare(source_pins, sections, target_sections, target)
        select_pins(source_pins, frozenset(plan.add), self.options)
        problems = source_pins.text_problems(section for section in sections if section["id"] in plan.make)
        if self.extra_policy.delete and (plan.extra or plan.extra_sections):
            problems += self._settle_deletions(board, plan, source_pins)
        if problems:
            message = f"board {copy['id']} can't follow board {board['id']}, and nothing was written:"
            raise ActionError("\n  ".join([message, *problems]), hint=source_pins.text_hint)
        yield from plan.lines()

    def _compare(
        self,
        source_pins: SourcePins,
        sections: Sequence[BoardSection],
        target_sections: Sequence[BoardSection],
        target: PinKeys,
    ) -> MirrorPlan:
        """The plan without deletions: what each side has that the other lacks."""
        by_name = {plain_name(section["name"]): section["id"] for section in target_sections}
        source_names = {section["id"]: plain_name(section["name"]) for section in sections}
        names = set(source_names.values())
        source = _pin_keys(source_pins.oldest_first(), sections, covers=self.options.covers)
        difference = match_pins(source, target)
        return MirrorPlan(
            add=difference.lacking,
            make=[id for id, name in source_names.items() if name not in by_name],
            place=[f"{id}:{by_name[name]}" for id, name in source_names.items() if name in by_name],
            known=target.ids,
            sections=[section["id"] for section in target_sections],
            extra=difference.extra,
            extra_sections=[section["id"] for section in target_sections if plain_name(section["name"]) not in names],
        )

    def _read_target(self, copy: Board) -> tuple[list[BoardSection], PinKeys]:
        """The target's sections and Pins: what a listing of them lacks would be made a second time."""
        id = copy["id"]
        sections: list[BoardSection] = list(self.target.sections(id)) if self.options.sections else []
        keys, in_sections = self._target_keys(copy, sections)
        if self.options.sections and not in_sections.issubset([None, *(section["id"] for section in sections)]):
            sections = read_sections(self.ctx, self.target, id, pins=in_sections)
            keys, _ = self._target_keys(copy, sections)
        keys.reverse()  # of several equal ones, the newest are the extra ones
        return sections, keys

    def _target_keys(self, copy: Board, sections: Sequence[BoardSection]) -> tuple[PinKeys, set[str | None]]:
        """The keys of the target's Pins as they are listed, and the sections that these are in."""

        def read() -> tuple[PinKeys, set[str | None]]:
            ids: set[str] = set()
            in_sections: set[str | None] = set()

            def unique_pins() -> Iterator[Pin]:
                # a Pin comes twice if others were added while the pages were fetched
                for pin in all_pins(self.target, copy["id"]):
                    if pin["id"] not in ids:
                        ids.add(pin["id"])
                        in_sections.add(pin.get("board_section_id"))
                        yield pin

            return _pin_keys(unique_pins(), sections, covers=False), in_sections

        def check(reading: tuple[PinKeys, set[str | None]]) -> Mismatch | None:
            return pin_mismatch(self.target, copy, len(reading[0].ids))

        return read_settled(self.ctx, read, check, ids=lambda reading: reading[0].ids, settling=True)

    # what is deleted

    def _settle_deletions(self, board: Board, plan: MirrorPlan, source_pins: SourcePins) -> list[str]:
        """Plan to delete what is extra, unless the source may hold more than it lists. Returns the problems."""
        count = len(plan.extra) + len(plan.extra_sections)
        if not source_pins.ids:
            return ["the source lists no Pins: nothing is deleted, as it may not have been read"]
        if count > (limit := self.extra_policy.limit(len(plan.known))):
            return [f"{count} Pins and sections would be deleted, {limit} are allowed: set max_delete to allow more"]
        if reason := self._uncertainty(board, source_pins):
            self.ctx.log(f"nothing is deleted this time: {reason}", warning=True)
            return []
        plan.delete.extend(plan.extra)
        plan.delete_sections.extend(plan.extra_sections)
        return []

    def _uncertainty(self, board: Board, source_pins: SourcePins) -> str:
        """Why the source may hold more than was read, or ""."""
        counted, read = board.get("pin_count") or 0, len(source_pins.ids)
        if self.extra_policy.at_most is None and counted > read:
            return f"the service counts {counted} Pins on the source but lists {read}; with max_delete the list counts"
        second_ids = {pin["id"] for pin in all_pins(self.source, board["id"])}
        return "" if second_ids == source_pins.ids else "two listings of the source differ"

    def _settle(self, plan: MirrorPlan, source_pins: SourcePins) -> frozenset[str]:
        """Limit the source's Pins to those to add. Returns the ids of those that were deleted."""
        add = frozenset(plan.add)
        deleted_ids = add - source_pins.ids
        select_pins(source_pins, add, self.options)
        source_pins.ids.clear()
        return deleted_ids

    # the writes

    def _update(self, copy: Board, details: Mapping[str, Any]) -> None:
        """Change the fields of ``details`` that differ from the board's."""
        id, changes = copy["id"], dict(details)
        privacy, current = changes.get("privacy"), copy.get("privacy")
        if privacy and privacy != current and not {privacy, current}.issubset(_LATER_PRIVACIES):
            del changes["privacy"]
            self.ctx.log(
                f"the board stays {current}: the API can't make a board PROTECTED or change one that is", warning=True
            )

        def find() -> dict[str, Any] | None:
            return {"id": id} if applied_or_none(self.target.board(id), changes) else None

        if applied_or_none(copy, changes) is None:
            self.ctx.once(
                "details", lambda: {"id": self.target.change_board(id, changes)["id"]}, find=find, kind="change"
            )

    def _make_sections(self, copy: str, plan: MirrorPlan, sections: Sequence[BoardSection]) -> dict[str, str]:
        make = set(plan.make)
        new = [section for section in sections if section["id"] in make]
        return make_sections(self.ctx, self.target, copy, new, known=plan.sections)

    def _delete(self, copy: str, plan: MirrorPlan, pins: EachResult) -> tuple[int, int]:
        """Delete Pins and sections of the plan. Returns how many were deleted of each."""
        if pins.failed_count:
            if plan.delete or plan.delete_sections:
                self.ctx.log("Pins could not be added, so nothing is deleted this time", warning=True)
            return 0, 0
        if self.ctx.dry_run:
            for kind, ids in (("Pin", plan.delete), ("section", plan.delete_sections)):
                if ids:
                    what = f"{len(ids):,} {kind}{'' if len(ids) == 1 else 's'}"
                    self.ctx.log(f"would delete {what}{ids_text(ids)}", warning=True)
        deleted_pins = self.ctx.each(
            plan.delete,
            key=lambda id: f"delete:{id}",
            do=partial(send_deletion, self.target.delete_pin, if_gone="skip"),
            find=partial(find_deleted, self.target.pin),
            kind="deletion",
            total=len(plan.delete),
        )
        deleted_sections = self.ctx.each(
            plan.delete_sections,
            key=lambda id: f"delete_section:{id}",
            # once for all of them, and only where there are any
            do=partial(self._delete_section, copy, frozenset(plan.delete), cache(partial(self._sections_in_use, copy))),
            find=partial(self._is_gone_section, copy, [pair.split(":")[1] for pair in plan.place]),
            kind="section deletion",
            total=len(plan.delete_sections),
        )
        return deleted_pins.complete_count, deleted_sections.complete_count

    def _delete_section(
        self, copy: str, deleted: frozenset[str], in_use: Callable[[], Mapping[str, str]], id: str
    ) -> Deleted | Skip:
        """Delete a section unless it holds Pins that are kept: they might be deleted with it.

        ``in_use`` are the board's Pins in sections: one listing is not enough to take a section for an empty one.
        """
        from pinflow import Skip  # loads the engine, which reading a recipe doesn't need

        if any(pin["id"] not in deleted for pin in self.target.section_pins(copy, id)):
            return Skip(NOT_EMPTY)
        if any(section == id and pin not in deleted for pin, section in in_use().items()):
            return Skip(NOT_EMPTY)
        return send_deletion(partial(self.target.delete_section, copy), id, if_gone="skip")

    def _sections_in_use(self, copy: str) -> dict[str, str]:
        """The board's Pins that are in sections, and these, as its own listing shows them."""
        pins = {pin["id"]: pin.get("board_section_id") or "" for pin in all_pins(self.target, copy)}
        return {pin: section for pin, section in pins.items() if section}

    def _is_gone_section(self, copy: str, others: Sequence[str], id: str) -> Deleted | None:
        sections = read_sections(self.ctx, self.target, copy, pins=others)
        return None if any(section["id"] == id for section in sections) else {"id": id}

    # after the last write

    def _audit(
        self, copy: str, plan: MirrorPlan, made_sections: Mapping[str, str], expected: ExpectedPins
    ) -> list[str]:
        def pins() -> set[str]:
            new = {result["id"] for _, result in self.ctx.effects_of("pin")}
            return new.union(plan.known) - {result["id"] for _, result in self.ctx.effects_of("deletion")}

        deleted_ids = {result["id"] for _, result in self.ctx.effects_of("section deletion")}
        sections = {*plan.sections, *made_sections.values()} - deleted_ids
        return Audit(self.ctx, self.target, copy).check(pins, sections, expected)


def board_details(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields to give a board that a new copy would have, without the name."""
    return {"description": body.get("description") or "", "privacy": body.get("privacy", "PUBLIC")}


def find_existing_board(
    ctx: Context, target: Gateway, target_boards: Sequence[Board], source: Board, reference: str
) -> Board | None:
    """The board with this id or name that existed when the run began; None if it has to be made.

    Raises ActionError for the source itself, for an unknown id, and if several boards have the name.
    """
    matches = [board for board in target_boards if board["id"] == reference] or boards_named(target_boards, reference)
    if any(board["id"] == source["id"] for board in matches):
        raise ActionError("a board can't be copied onto itself: choose another one for the copy")
    if not matches:  # one listing is not enough to make a board that may be there
        matches = (
            [find_board(target, reference)] if is_id(reference) else boards_named(list(target.boards()), reference)
        )
    # a board of this name may exist because an earlier process of the run made it
    frozen_ids = ctx.freeze("target", [board["id"] for board in matches])
    if len(frozen_ids) > 1:
        raise ActionError(
            f"{len(frozen_ids)} boards are named {reference!r}: {', '.join(frozen_ids)}", hint="choose one by its id"
        )
    by_id = {board["id"]: board for board in matches}
    return (by_id.get(frozen_ids[0]) or find_board(target, frozen_ids[0])) if frozen_ids else None


def _pin_keys(pins: Iterable[Pin], sections: Sequence[BoardSection], *, covers: bool) -> PinKeys:
    """The keys of these Pins; those of unlisted sections count as on the board itself."""
    names = {section["id"]: plain_name(section["name"]) for section in sections}
    keys = PinKeys()
    for pin in pins:
        keys.add(pin, names.get(pin.get("board_section_id") or "", ""), covers=covers)
    return keys


def _equal_text(skipped: int, extra: int) -> str:
    """What is said where a mirror has nothing to do."""
    besides = [f"{skipped:,} skipped"] if skipped else []
    besides += [f"{extra:,} kept that the source doesn't have"] if extra else []
    return "already equal: nothing to change" + (f" (besides {' and '.join(besides)})" if besides else "")


def _result(
    copy: Board, plan: MirrorPlan, pins: EachResult, deleted: tuple[int, int], source_pins: SourcePins
) -> BoardMirrorResult:
    """The counts of a mirror. In a dry run, what would be made or deleted counts as such."""
    deleted_pins, deleted_sections = deleted
    matching = len(plan.known) - len(plan.extra)
    return {
        "board": {"id": copy["id"], "name": copy["name"]},
        "sections": {
            "created": len(plan.make),
            "kept": len(plan.place),
            "deleted": deleted_sections,
            "extra": len(plan.extra_sections) - deleted_sections,
        },
        "pins": {
            "total": matching + pins.complete_count + pins.skipped + pins.failed_count,
            "created": pins.made_count,
            "adopted": pins.found_count,
            "already": 0,
            "kept": matching,
            "deleted": deleted_pins,
            "extra": len(plan.extra) - deleted_pins,
            "skipped": pins.skipped,
            "failed": pins.failed_count,
        },
        "skipped": source_pins.skipped[:MAX_LISTED],
        "moved": [],
    }
