"""Making the Pins of a board's copy, and checking the copy afterwards.

After a lost answer, a Pin on the board that is new and unknown to the run can only be what the lost request made.
Contents prove nothing: boards hold equal Pins, and the service rewrites addresses. If several Pins are sent at a time,
their texts tell which of them a new one is; Pins that share all their texts are therefore sent one by one.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import field
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from pinflow import Diverged, Forbidden, InDoubt, MissingScope, dataclass
from pinflow_pinterest.boards import find_deleted, single_or_none
from pinflow_pinterest.copying.pin_matching import text_key
from pinflow_pinterest.copying.source_pins import make_copy_body
from pinflow_pinterest.gateway import all_pins
from pinflow_pinterest.media.copyable import CopyBody, NotCopyable
from pinflow_pinterest.pin_places import pin_place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from pinflow import Context, EachResult, RemoteError, Skip
    from pinflow_pinterest.copying.source_pins import CopyOptions, SourcePins
    from pinflow_pinterest.gateway import Gateway
    from pinflow_pinterest.pin_places import PinPlace
    from pinflow_pinterest.types import Pin

DELETED: Final = "deleted from the source since the run began"
UNLISTED: Final = "no longer listed on the source, which says that it has more Pins than it lists"

# seconds between listings; one may lag by 30 s (observed), and 60 are twice that
_AUDIT_WAITS: Final = (5.0, 15.0, 40.0)
_LOOK_WAITS: Final = (5.0, 5.0, 10.0, 20.0, 20.0)
_SETTLE_TIME: Final = 60.0  # seconds until what was answered must be listed
_LATEST: Final = 300.0  # seconds; what was sent and is not listed may come up to five minutes later
_COMPARED: Final = 50  # answers that are compared with what was sent: a service that changes texts shows it soon
_LATEST_PINS: Final = 5000  # more than a run makes in a minute
_MAX_IDS: Final = 20  # in a message: with 18 digits each, four lines


@dataclass(frozen=True, slots=True)
class PinCopies:
    """The Pins of one copy, made one after the other, or several at a time if that was chosen."""

    ctx: Context
    target: Gateway
    options: CopyOptions
    copy: str  # id of the board that gets them
    sections: Mapping[str, str]  # section of the source -> section of the copy
    source_pins: SourcePins
    deleted_ids: frozenset[str]
    known_ids: Collection[str] = ()  # Pins that were on the board before
    latest: deque[tuple[str, float]] = field(default_factory=lambda: deque(maxlen=_LATEST_PINS))  # ids, and when made
    texts_same: Counter[bool] = field(default_factory=Counter)  # how often an answer showed the texts that were sent
    fatal_errors: list[RemoteError] = field(default_factory=list)  # those that every further Pin would meet

    def make_all(self, total: int) -> EachResult:
        """Make all Pins. Raises an error that every further Pin would meet as well."""
        if self.options.parallel > 1:
            return self._make_side_by_side(total)
        # a deleted Pin may have been sent before that: it is searched for like any other
        return self._copy(chain(self._deleted_pins(), self.source_pins.oldest_first()), find=self.find, total=total)

    def make(self, pin: Pin) -> dict[str, Any] | Skip:
        """Send one Pin, or say why it is skipped."""
        from pinflow import Skip  # loads the engine, which reading a recipe doesn't need

        if pin["id"] in self.deleted_ids:
            reason = DELETED if self.source_pins.is_whole else UNLISTED
            self.source_pins.skip(pin["id"], reason)
            return Skip(reason)
        match make_copy_body(self.target, pin, board=self.copy, section=self._section(pin), options=self.options):
            case NotCopyable(reason):
                return Skip(reason)
            case CopyBody(body):
                return self._send(pin, body)

    def find(self, pin: Pin) -> dict[str, Any] | None:
        """The Pin on the copy that the run does not know, or None.

        Its texts only count once answers have shown that the service keeps them.
        """

        def choose(new_pins: list[Pin]) -> Pin | None:
            if self.texts_same[True] and not self.texts_same[False] and pin["id"] not in self.deleted_ids:
                own_key = self._text_key(pin)
                new_pins = [new for new in new_pins if _copy_key(new) == own_key]
            return single_or_none(new_pins, "Pins on the copy")

        return self._look(choose)

    def expectation(self, result: EachResult) -> ExpectedPins:
        """What the copy must show of the Pins that were made, as far as their ids don't tell."""
        # made by one process, one after the other, they are in order; never looked for, they are what was sent
        may_be_moved = result.already > 0 or self.options.parallel > 1
        order = [pin["id"] for pin in self.source_pins.oldest_first()] if may_be_moved else []
        return ExpectedPins(order, self._text_keys() if result.found_count else {}, result.found_count)

    def _text_keys(self) -> dict[str, int]:
        copies = {key: result["id"] for key, result in self.ctx.effects_of("pin")}
        pins = ((copies.get(f"pin:{pin['id']}"), pin) for pin in self.source_pins.oldest_first())
        return {id: self._text_key(pin) for id, pin in pins if id is not None}

    def _copy(
        self,
        pins: Iterable[Any],
        *,
        find: Callable[[Pin], dict[str, Any] | None],
        total: int,
        parallel: int = 1,
        after: EachResult | None = None,
    ) -> EachResult:
        return self.ctx.each(
            self._until_refused(pins),
            key=lambda pin: f"pin:{pin['id']}",
            do=self.make,
            find=find,
            find_is_proof=True,
            shared_place=self._target_place,
            kind="pin",
            parallel=parallel,
            total=total,
            after=after,
        )

    def _until_refused(self, pins: Iterable[Any]) -> Iterator[Any]:
        for pin in pins:
            if self.fatal_errors:
                raise self.fatal_errors[0]
            yield pin

    def _deleted_pins(self) -> Iterator[Any]:
        return ({"id": id} for id in sorted(self.deleted_ids))

    def _section(self, pin: Pin) -> str | None:
        section = self._section_id(pin)
        if section and section not in self.sections:
            self.ctx.log(
                f"the section of pin {pin['id']} is not listed: its copy goes on the board itself", warning=True
            )
        return self.sections.get(section)

    def _target_place(self, pin: Pin) -> PinPlace:
        """Where the copy of a Pin is made; that of a deleted one, whose section nobody knows, on the board."""
        return pin_place_of(self.target, self.copy, self.sections.get(self._section_id(pin)))

    def _section_id(self, pin: Pin) -> str:
        return (pin.get("board_section_id") or "") if self.options.sections else ""

    def _send(self, pin: Pin, body: dict[str, Any]) -> dict[str, Any]:
        try:
            made = self.target.make_pin(body)
        except (Forbidden, MissingScope) as error:
            self.fatal_errors.append(error)
            raise
        if not self.ctx.dry_run:
            self.latest.append((made["id"], self.ctx.now()))
            if self.texts_same.total() < _COMPARED:
                self.texts_same[text_key(made, body.get("board_section_id") or "") == self._text_key(pin)] += 1
        return {"id": made["id"]}

    # what became of a Pin without an answer

    def _look(self, choose: Callable[[list[Pin]], Pin | None]) -> dict[str, Any] | None:
        """The new Pin that ``choose`` takes for the lost one, or None if it is not there.

        A Pin that is listed is there; that one is not there is only believed of a listing that shows all that must be.
        Raises InDoubt if no listing does.
        """
        for wait in (*_LOOK_WAITS, None):
            new_pins, missing = self._listing()
            if chosen := choose(new_pins):
                return {"id": chosen["id"]}
            if not missing:
                return None
            if wait is not None:
                self.ctx.wait(wait, "the copy's listing lacks Pins that are there")
        raise InDoubt(
            f"a Pin of board {self.copy} may have been made: its listing lacks {len(missing)} more{ids_text(missing)}",
            hint="wait until the service lists the board in full, then resume the run",
        )

    def _listing(self) -> tuple[list[Pin], list[str]]:
        """The copy's Pins that are new and unknown to the run, and the ids of known ones that are not listed."""
        known_ids = {result["id"] for _, result in self.ctx.effects_of("pin")}.union(self.known_ids)
        missing = set(known_ids)
        places = (pin_place_of(self.target, self.copy, section) for section in (None, *self.sections.values()))
        known_ids.update(*map(self.ctx.others_ids, {place.key: place for place in places}.values()))
        new_pins: list[Pin] = []
        for pin in all_pins(self.target, self.copy):
            missing.discard(pin["id"])
            if pin["id"] not in known_ids:
                new_pins.append(pin)
        # what was answered just now may be listed later
        since = self.ctx.now() - _SETTLE_TIME
        due = sorted(missing - {id for id, made_at in list(self.latest) if made_at > since})
        return new_pins, due if len(due) > _MAX_IDS else [id for id in due if not self._is_deleted(id)]

    def _is_deleted(self, id: str) -> bool:
        """Whether somebody has deleted a Pin of the copy since."""
        return find_deleted(self.target.pin, id) is not None

    # several at a time

    def _make_side_by_side(self, total: int) -> EachResult:
        """First the Pins with unique texts, then those that share them, and last the deleted ones.

        The outcome of at most one Pin of the same texts is then unknown at a time, and its copy is recognised by them.
        """
        keys = Counter(map(self._text_key, self.source_pins.oldest_first()))
        shared = {key for key, count in keys.items() if count > 1}
        find = partial(self._find_same_texts, keys)
        distinct = self._copy(
            (pin for pin in self.source_pins.oldest_first() if self._text_key(pin) not in shared),
            find=find,
            total=total,
            parallel=self.options.parallel,
        )
        twins = (pin for pin in self.source_pins.oldest_first() if self._text_key(pin) in shared)
        distinct_and_twins = self._copy(twins, find=find, total=total, after=distinct)
        return self._copy(self._deleted_pins(), find=self._find_any_new, total=total, after=distinct_and_twins)

    def _text_key(self, pin: Pin) -> int:
        return text_key(pin, self.sections.get(self._section_id(pin), ""), covers=self.options.covers)

    def _find_same_texts(self, keys: Collection[int], pin: Pin) -> dict[str, Any] | None:
        """The new Pin on the copy that has this one's texts; ``keys`` are those of all Pins that are to be made."""

        def choose(pins: list[Pin]) -> Pin | None:
            new_pins = [(new, _copy_key(new)) for new in pins]
            unknown_ids = [new["id"] for new, key in new_pins if key not in keys]
            if len(unknown_ids) > len(self.deleted_ids):  # the deleted ones have unknown texts
                raise Diverged(
                    f"{len(unknown_ids)} Pins appeared on the copy that match no Pin of the source"
                    f"{ids_text(unknown_ids)}",
                    hint="something else writes to the board, or the service changes texts: then copy without parallel",
                )
            own_key = self._text_key(pin)
            return single_or_none([new for new, key in new_pins if key == own_key], "Pins on the copy")

        return self._look(choose)

    def _find_any_new(self, _: Pin) -> dict[str, Any] | None:
        """A Pin on the copy that the run does not know: with all others settled, it is a deleted one's."""
        return self._look(lambda new_pins: next(iter(new_pins), None))


@dataclass(frozen=True, slots=True)
class ExpectedPins:
    """What a copy must show of the Pins that a run made on it, beside their ids."""

    order: Sequence[str]  # the Pins of the source, the oldest first, if the copy's may be in another order
    text_keys: Mapping[str, int]  # Pin of the copy -> the key of its texts, if some were adopted
    adopted: int  # how many


@dataclass(frozen=True, slots=True)
class Audit:
    """The check of a copy after the last write."""

    ctx: Context
    target: Gateway
    copy: str

    def check(self, pins: Callable[[], set[str]], sections: Collection[str], expected: ExpectedPins) -> list[str]:
        """Raise Diverged unless the copy lists exactly these Pins, and exactly these sections if there are any.

        What was sent again after a lost answer is waited for. Returns the ids of the Pins as they are listed if
        ``expected`` has an order, else [].
        """
        age = self.ctx.late_age("pin")
        if age is not None and age < _LATEST:
            self.ctx.wait(_LATEST - age, "a Pin was sent again: the first one may still come to the copy")
        for wait in (*_AUDIT_WAITS, None):
            strange: list[str] = []
            listed: list[str] = []
            differences = self._differences(pins(), self._ids(expected, strange, listed), sections)
            if not differences:
                break
            if wait is not None:
                self.ctx.wait(wait, "the copy's listing is not complete yet")
        # texts of more Pins than were adopted only show that the service changes texts
        if 0 < len(strange) <= expected.adopted:
            differences.append(
                f"{len(strange)} of its Pins were taken for the run's own after a lost answer, and show something else"
                f"{ids_text(strange)}"
            )
        if differences:
            raise Diverged(
                f"board {self.copy} is not what this run made: {', and '.join(differences)}",
                hint="something else wrote to the copy, or the service is late; check the board before using it",
            )
        return listed

    def _ids(self, expected: ExpectedPins, strange: list[str], listed: list[str]) -> Iterator[str]:
        """The ids of the Pins as they are listed; also in ``listed`` if wanted, in ``strange`` if with other texts."""
        for pin in all_pins(self.target, self.copy):
            id = pin["id"]
            if id in expected.text_keys and _copy_key(pin) != expected.text_keys[id]:
                strange.append(id)
            if expected.order:
                listed.append(id)
            yield id

    def _differences(self, pins: set[str], listed: Iterable[str], sections: Collection[str]) -> list[str]:
        """What the copy lacks, and what it has besides, as text."""
        differences = _difference_text("Pins", pins, listed)
        if sections:
            listed_sections = (section["id"] for section in self.target.sections(self.copy))
            differences += _difference_text("sections", set(sections), listed_sections)
        return differences


def _copy_key(pin: Pin) -> int:
    """The key of a Pin of the copy, which tells its texts, its section and its kind of media."""
    return text_key(pin, pin.get("board_section_id") or "")


def ids_text(ids: Sequence[str]) -> str:
    """The first of some ids in brackets, for a message."""
    more = ", ..." if len(ids) > _MAX_IDS else ""
    return f" ({', '.join(ids[:_MAX_IDS])}{more})" if ids else ""


def _difference_text(label: str, missing: set[str], listed: Iterable[str]) -> list[str]:
    """How a listing differs from what was made; ``missing`` is emptied of what is listed."""
    surplus: list[str] = []
    for id in listed:
        if id in missing:
            missing.discard(id)
        else:
            surplus.append(id)
    if not missing and not surplus:
        return []
    return [
        f"{len(missing)} of its {label} are missing{ids_text(sorted(missing))}",
        f"{len(surplus)} {label} are there in addition{ids_text(surplus)}",
    ]
